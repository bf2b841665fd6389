//! Programs whose every limit is a row with a name: so the price of a limit that binds is told in the words of the network, and so is
//! the least relaxation where the limits cannot hold together.

use serde::Serialize;

use super::super::Engine;
use super::super::program::linear::{Column, Program, Row, price_bound};
use super::super::program::solver::{Found, Limits as When, Solution, Solver, solve};
use crate::error::{Error, ErrorKind, Result};

/// A limit that a dispatch goes up to, where another kW of it would be worth something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BindingLimit {
    /// The branch, generator, load or bus.
    pub part: String,
    /// The field that sets the limit: `rating_va`.
    pub limit: &'static str,
    /// What another kW of it would save an hour; for a voltage or an angle, another per unit or radian.
    pub worth_per_h: f64,
}

/// No dispatch keeps all limits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkInfeasible {
    /// The limits that conflict: this dispatch fails at them, whatever the others allow.
    pub conflict: Vec<ConflictingPart>,
    /// The least relaxation, by the sum of what is relaxed per unit, that makes a dispatch possible.
    pub relaxations: Vec<NetworkRelaxation>,
    /// Both in a sentence.
    pub text: String,
}

/// A limit that takes part in a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictingPart {
    /// The branch, generator, load or bus.
    pub part: String,
    /// The field that sets the limit.
    pub limit: &'static str,
}

/// How much a limit must give.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkRelaxation {
    /// The branch, generator, load or bus.
    pub part: String,
    /// The field that sets the limit.
    pub limit: &'static str,
    /// How much.
    pub amount: f64,
    /// The unit of `amount`: `W`, `deg` or `pu`.
    pub unit: &'static str,
}

/// What the row of a limit counts, per unit of the network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Counts {
    /// Power, with the W of one unit.
    Power(f64),
    /// An angle in radians.
    Angle,
    /// The square of a voltage.
    SquaredVoltage,
}

/// The fields that set the low and the high side of a limit.
pub(super) type Fields = (&'static str, &'static str);

#[derive(Debug)]
struct Limit {
    part: String,
    fields: Fields,
    counts: Counts,
    row: Row,
    /// The columns by which a relaxed program may go below and above.
    give: Option<(Column, Column)>,
}

/// A program with named limits.
#[derive(Debug, Default)]
pub(super) struct LimitedProgram {
    pub(super) program: Program,
    limits: Vec<Limit>,
    /// Whether limits may give, at a cost of one per unit, and nothing else costs.
    relaxed: bool,
}

/// Values of the columns with a price for each row, and what they prove.
pub(super) struct Dispatched {
    pub(super) values: Vec<f64>,
    pub(super) prices: Vec<f64>,
    pub(super) bound: f64,
    pub(super) engine: Engine,
}

impl LimitedProgram {
    /// A program that asks only how little its limits must give.
    pub(super) fn relaxed() -> Self {
        Self { relaxed: true, ..Self::default() }
    }

    pub(super) fn is_relaxed(&self) -> bool {
        self.relaxed
    }

    /// A column with its cost; in a relaxed program nothing costs.
    pub(super) fn column(&mut self, cost: f64, bounds: std::ops::RangeInclusive<f64>) -> Column {
        self.program.column(if self.relaxed { 0.0 } else { cost }, bounds)
    }

    /// The cost of a column's square.
    pub(super) fn square(&mut self, column: Column, cost: f64) {
        if !self.relaxed {
            self.program.quadratic[column.0] = cost;
        }
    }

    /// Keeps a sum within a limit that sides of it set by a field each.
    pub(super) fn limit(
        &mut self,
        part: &str,
        fields: Fields,
        counts: Counts,
        range: std::ops::RangeInclusive<f64>,
        mut terms: Vec<(Column, f64)>,
    ) {
        let give = self.relaxed.then(|| {
            let below = self.program.column(1.0, 0.0..=f64::INFINITY);
            let above = self.program.column(1.0, 0.0..=f64::INFINITY);
            terms.extend([(below, 1.0), (above, -1.0)]);
            (below, above)
        });
        let row = self.program.row(range, terms);
        self.limits.push(Limit { part: part.to_owned(), fields, counts, row, give });
    }

    /// The best values with their prices; None where no values keep all limits.
    pub(super) fn solve(&self, asked: Option<Engine>) -> Result<Option<Dispatched>> {
        let solver = match asked {
            None => Solver::best(self.program.is_quadratic())?,
            Some(Engine::Highs) => Solver::Highs,
            Some(Engine::Microlp) => Solver::Microlp,
            Some(Engine::Clarabel) => Solver::Clarabel,
            Some(other) => {
                let message = format!("engine {} solves no networks, expected highs, microlp or clarabel", other.name());
                return Err(Error::invalid(message));
            }
        };
        let Some(solution) = solved(&self.program, solver)? else { return Ok(None) };
        let prices = match solution.row_duals {
            Some(prices) => prices,
            None => prices_by_clarabel(&self.program)?,
        };
        let bound = price_bound(&self.program, &solution.values, &prices);
        Ok(Some(Dispatched { values: solution.values, prices, bound, engine: solver.engine() }))
    }

    /// The limits whose price is not zero. Prices are told per kW where a limit counts power.
    pub(super) fn binding(&self, prices: &[f64]) -> Vec<BindingLimit> {
        let noise = 1e-7 * prices.iter().fold(1.0_f64, |highest, price| highest.max(price.abs()));
        let priced = self.limits.iter().filter(|limit| prices[limit.row.0].abs() > noise);
        priced.map(|limit| limit.binding(prices[limit.row.0])).collect()
    }

    /// What the optimum of a relaxed program tells.
    pub(super) fn explained(&self, dispatched: &Dispatched) -> NetworkInfeasible {
        let relaxations: Vec<NetworkRelaxation> =
            self.limits.iter().filter_map(|limit| limit.relaxation(&self.program, &dispatched.values)).collect();
        let binding = self.binding(&dispatched.prices);
        let conflict: Vec<ConflictingPart> =
            binding.into_iter().map(|binding| ConflictingPart { part: binding.part, limit: binding.limit }).collect();
        let text = sentence(&conflict, &relaxations);
        NetworkInfeasible { conflict, relaxations, text }
    }
}

/// Why there is no dispatch, by the relaxed form of its program.
pub(super) fn explain(relaxed: &LimitedProgram) -> Result<NetworkInfeasible> {
    match relaxed.solve(None)? {
        Some(dispatched) => Ok(relaxed.explained(&dispatched)),
        None => Err(Error::new(ErrorKind::Internal, "a network stays infeasible with all its limits relaxed")),
    }
}

impl Limit {
    fn binding(&self, price: f64) -> BindingLimit {
        let worth_per_h = match self.counts {
            Counts::Power(unit_w) => price.abs() * 1000.0 / unit_w,
            Counts::Angle | Counts::SquaredVoltage => price.abs(),
        };
        // A cost that rises with the limit's value comes from its low side.
        let limit = if price > 0.0 { self.fields.0 } else { self.fields.1 };
        BindingLimit { part: self.part.clone(), limit, worth_per_h }
    }

    fn relaxation(&self, program: &Program, values: &[f64]) -> Option<NetworkRelaxation> {
        let (below, above) = self.give?;
        let (below, above) = (values[below.0], values[above.0]);
        let (limit, given, bound) = match below > above {
            true => (self.fields.0, below - above, program.row_lower[self.row.0]),
            false => (self.fields.1, above - below, program.row_upper[self.row.0]),
        };
        let side = if below > above { -given } else { given };
        let (amount, unit) = match self.counts {
            Counts::Power(unit_w) => (given * unit_w, "W"),
            Counts::Angle => (given.to_degrees(), "deg"),
            Counts::SquaredVoltage => (((bound + side).max(0.0).sqrt() - bound.sqrt()).abs(), "pu"),
        };
        (given > 1e-7).then(|| NetworkRelaxation { part: self.part.clone(), limit, amount, unit })
    }
}

fn solved(program: &Program, solver: Solver) -> Result<Option<Solution>> {
    match solve(program, &When::default(), solver)? {
        Found::Solved(solution) => Ok(Some(solution)),
        Found::Infeasible => Ok(None),
        Found::Unbounded => {
            Err(Error::invalid("the cost of this network has no least value: a generator earns without limit"))
        }
        Found::Stopped { .. } => {
            let message = format!("{} gave up on this network before it had an answer", solver.engine().name());
            Err(Error::new(ErrorKind::LimitReached, message))
        }
    }
}

/// The prices of a program's rows, for a solver that finds values alone: microlp has no duals.
fn prices_by_clarabel(program: &Program) -> Result<Vec<f64>> {
    let prices = solved(program, Solver::Clarabel)?.and_then(|solution| solution.row_duals);
    prices.ok_or_else(|| Error::new(ErrorKind::Internal, "Clarabel found no prices where microlp found values"))
}

fn sentence(conflict: &[ConflictingPart], relaxations: &[NetworkRelaxation]) -> String {
    let limits: Vec<String> = conflict.iter().map(|limit| format!("{} of {}", limit.limit, limit.part)).collect();
    let gives = |relaxation: &NetworkRelaxation| {
        let NetworkRelaxation { part, limit, amount, unit } = relaxation;
        let (amount, unit) = if *unit == "W" { (amount / 1000.0, "kW") } else { (*amount, *unit) };
        format!("{limit} of {part} by {} {unit}", (amount * 1e4).round() / 1e4)
    };
    let gives: Vec<String> = relaxations.iter().map(gives).collect();
    format!("no dispatch keeps {} together; the least that mends it: {}", listed(&limits), listed(&gives))
}

/// `a, b and c`; long lists are cut.
fn listed(words: &[String]) -> String {
    const SHOWN: usize = 8;
    match words {
        [] => "all limits".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] if words.len() <= SHOWN => format!("{} and {last}", rest.join(", ")),
        _ => format!("{} and {} more", words[..SHOWN].join(", "), words.len() - SHOWN),
    }
}
