//! Solvers of programs behind one function: what was found is a value, and a solver that fails is an error, never a panic.

#[cfg(feature = "solvers")]
mod clarabel;
#[cfg(feature = "highs")]
mod highs;
#[cfg(feature = "solvers")]
mod microlp;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::linear::Program;
#[cfg(feature = "highs")]
pub(in crate::optimize) use highs::LinearBasis;

use crate::error::{Error, ErrorKind, Result};
use crate::optimize::Engine;

/// A miss of a bound below this is rounding, in the units of the program (kW, kWh).
pub(in crate::optimize) const ROUNDING: f64 = 1e-6;

/// What solves a program.
///
/// | | linear | integer | quadratic | prices | weak at |
/// |---|---|---|---|---|---|
/// | HiGHS | yes | yes | no | yes | counts no nodes (its safe binding does not tell them) |
/// | microlp | yes | yes | no | no | large integer programs (no cuts); thousands of steps |
/// | Clarabel | yes | no | yes | yes | interior points: values are good to about 1e-8, not at corners |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::optimize) enum Solver {
    Highs,
    Microlp,
    Clarabel,
}

/// When a solver may stop.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::optimize) struct Limits {
    /// The most time.
    pub(in crate::optimize) time: Option<Duration>,
    /// The most branch-and-bound nodes.
    pub(in crate::optimize) nodes: Option<u64>,
    /// The share of the objective by which a better answer may be left unfound.
    pub(in crate::optimize) gap: f64,
    /// Values that keep all bounds, to begin an integer program from.
    pub(in crate::optimize) start: Option<Vec<f64>>,
}

/// What a solver found.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::optimize) enum Found {
    /// The best values, within the gap.
    Solved(Solution),
    /// No values keep all bounds.
    Infeasible,
    /// The cost has no least value.
    #[cfg_attr(not(feature = "solvers"), allow(dead_code, reason = "only a solver finds it"))]
    Unbounded,
    /// A limit was reached first; no values can cost less than `bound`.
    Stopped { incumbent: Option<Solution>, bound: f64 },
}

/// Values of a program's columns and what is claimed of them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::optimize) struct Solution {
    /// One per column; integers are exactly whole.
    pub(in crate::optimize) values: Vec<f64>,
    /// For each row, how much the objective rises when both its bounds rise by one. None where the solver cannot tell, and for
    /// integer programs.
    pub(in crate::optimize) row_duals: Option<Vec<f64>>,
    /// What the values cost, recomputed from the program.
    pub(in crate::optimize) objective: f64,
    /// No values can cost less, as the solver claims.
    pub(in crate::optimize) bound: f64,
    pub(in crate::optimize) iterations: u64,
    pub(in crate::optimize) nodes: u64,
}

impl Solver {
    /// The engine as options and reports name it.
    pub(in crate::optimize) const fn engine(self) -> Engine {
        match self {
            Self::Highs => Engine::Highs,
            Self::Microlp => Engine::Microlp,
            Self::Clarabel => Engine::Clarabel,
        }
    }

    /// The feature that builds it in, and whether it is.
    const fn feature(self) -> (&'static str, bool) {
        match self {
            Self::Highs => ("highs", cfg!(feature = "highs")),
            Self::Microlp | Self::Clarabel => ("solvers", cfg!(feature = "solvers")),
        }
    }

    /// Whether it is built in.
    pub(in crate::optimize) const fn is_built(self) -> bool {
        self.feature().1
    }

    /// The best solver that is built in: for quadratic programs and prices, or for linear and integer ones.
    ///
    /// # Errors
    /// Unsupported where none is built in.
    pub(in crate::optimize) fn best(quadratic: bool) -> Result<Self> {
        let fits: &[Self] = if quadratic { &[Self::Clarabel] } else { &[Self::Highs, Self::Microlp] };
        fits.iter().copied().find(|solver| solver.is_built()).ok_or_else(|| {
            unsupported("this build solves no programs; build memcore with its feature `solvers` or `highs`".to_owned())
        })
    }

    /// Whether it is built in and solves programs of a kind.
    ///
    /// # Errors
    /// Unsupported where not, saying why in the site's words.
    pub(in crate::optimize) fn can(self, integers: bool, quadratic: bool) -> Result<()> {
        let name = self.engine().name();
        let (feature, built) = self.feature();
        if !built {
            return Err(unsupported(format!("engine {name} is not built in; build memcore with its feature `{feature}`")));
        }
        if integers && self == Self::Clarabel {
            return Err(unsupported(format!("engine {name} cannot choose between on and off, as this site needs")));
        }
        if quadratic && self != Self::Clarabel {
            return Err(unsupported(format!("engine {name} has no quadratic costs, as this site has")));
        }
        Ok(())
    }
}

fn unsupported(message: String) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

/// Solves a program.
///
/// # Errors
/// Unsupported where the solver is not built in or cannot solve programs of this kind; internal where it fails.
pub(in crate::optimize) fn solve(program: &Program, limits: &Limits, solver: Solver) -> Result<Found> {
    check(program, solver)?;
    if program.columns() == 0 {
        return Ok(without_columns(program));
    }
    let shares = limits.gap > 0.0 && program.has_integers() && program.constant != 0.0;
    let search = || if shares { run_with_constant(program, limits, solver) } else { run(program, limits, solver) };
    let found =
        catch_unwind(AssertUnwindSafe(search)).unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "it panicked")));
    found.map_err(|error| error.context(format_args!("{} on {} columns", solver.engine().name(), program.columns())))
}

/// A gap is a share of all that is paid. Solvers know no constant of a program, so that it becomes a column that is 1.
fn run_with_constant(program: &Program, limits: &Limits, solver: Solver) -> Result<Found> {
    let mut whole = program.clone();
    whole.column(program.constant, 1.0..=1.0);
    whole.constant = 0.0;
    let start = limits.start.as_ref().map(|start| start.iter().copied().chain([1.0]).collect());
    let mut found = run(&whole, &Limits { start, ..limits.clone() }, solver)?;
    if let Found::Solved(solution) | Found::Stopped { incumbent: Some(solution), .. } = &mut found {
        solution.values.truncate(program.columns());
    }
    Ok(found)
}

fn run(program: &Program, limits: &Limits, solver: Solver) -> Result<Found> {
    match solver {
        #[cfg(feature = "highs")]
        Solver::Highs => highs::solve(program, limits),
        #[cfg(feature = "solvers")]
        Solver::Microlp => microlp::solve(program, limits),
        #[cfg(feature = "solvers")]
        Solver::Clarabel => clarabel::solve(program, limits),
        #[allow(unreachable_patterns, reason = "which are reachable depends on the features")]
        _ => {
            let _ = (program, limits);
            Err(unsupported(format!("{} is not built in", solver.engine().name())))
        }
    }
}

/// Whether the solver is there and can do what the program asks, and the program's numbers are numbers.
fn check(program: &Program, solver: Solver) -> Result<()> {
    solver.can(program.has_integers(), program.is_quadratic())?;
    let numbers = program.cost.iter().chain(&program.quadratic).chain(std::iter::once(&program.constant));
    if numbers
        .chain(program.all_rows().flat_map(|(_, terms)| terms.iter().map(|(_, factor)| factor)))
        .any(|n| !n.is_finite())
    {
        return Err(Error::new(ErrorKind::Internal, "a cost or coefficient of the program is not finite"));
    }
    let bounds = program.lower.iter().zip(&program.upper).chain(program.row_lower.iter().zip(&program.row_upper));
    if bounds.clone().any(|(lower, upper)| lower.is_nan() || upper.is_nan()) {
        return Err(Error::new(ErrorKind::Internal, "a bound of the program is not a number"));
    }
    Ok(())
}

/// A program without columns: its rows are all zero.
fn without_columns(program: &Program) -> Found {
    if program.largest_miss(&[]) > ROUNDING {
        return Found::Infeasible;
    }
    Found::Solved(Solution {
        values: Vec::new(),
        row_duals: Some(vec![0.0; program.rows()]),
        objective: program.constant,
        bound: program.constant,
        iterations: 0,
        nodes: 0,
    })
}

/// Values as they are handed on: integers whole, everything within its bounds where it misses them by rounding only.
#[cfg(feature = "solvers")]
fn tidy(program: &Program, mut values: Vec<f64>) -> Result<Vec<f64>> {
    for (at, value) in values.iter_mut().enumerate() {
        if program.integer[at] {
            *value = value.round();
        }
        if !value.is_finite() {
            return Err(Error::new(ErrorKind::Internal, "it returned values that are not finite"));
        }
        // Not `clamp`, which panics where bounds cross.
        *value = value.max(program.lower[at]).min(program.upper[at]);
    }
    Ok(values)
}

#[cfg(test)]
mod tests;
