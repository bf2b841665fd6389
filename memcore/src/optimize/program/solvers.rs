//! Which solver solves what in a search, within the limits of its options.

use std::cell::Cell;
use std::time::Duration;

#[cfg(feature = "highs")]
use super::dive;
use super::linear::Program;
#[cfg(feature = "highs")]
use super::solver::LinearBasis;
use super::solver::{self, Found, Limits, Solver};
use super::tangents;
use crate::error::Result;
use crate::model::Span;
use crate::optimize::{Engine, Options};

/// The solvers of one search.
pub(super) struct Solvers<'o> {
    /// For what is linear or integer.
    linear: Solver,
    /// For what is linear or quadratic, and tells prices.
    priced: Solver,
    budget: Budget<'o>,
    #[cfg(feature = "highs")]
    basis: Option<&'o mut LinearBasis>,
}

impl<'o> Solvers<'o> {
    /// The solvers for a program, by what the options ask for and what is built in.
    ///
    /// # Errors
    /// Unsupported where the engine asked for is not built in or cannot solve such a program, or where none is built in.
    pub(super) fn new(program: &Program, options: &'o Options) -> Result<Self> {
        let asked = match options.engine {
            Some(Engine::Highs) => Some(Solver::Highs),
            Some(Engine::Microlp) => Some(Solver::Microlp),
            Some(Engine::Clarabel) => Some(Solver::Clarabel),
            _ => None,
        };
        let best = |quadratic: bool| Solver::best(quadratic);
        let linear = match asked {
            Some(solver) => solver,
            None => best(false)?,
        };
        let quadratic = program.is_quadratic() && !program.has_integers();
        if let Some(solver) = asked {
            solver.can(program.has_integers(), quadratic)?;
        }
        let priced = match linear {
            Solver::Highs if !program.is_quadratic() => Solver::Highs,
            _ => best(true)?,
        };
        Ok(Self {
            linear,
            priced,
            budget: Budget { options, begun: options.now(), shared: Cell::new(1) },
            #[cfg(feature = "highs")]
            basis: None,
        })
    }

    /// With a linear program that was solved before, to begin from.
    #[cfg(feature = "highs")]
    pub(super) fn with_basis(mut self, basis: &'o mut LinearBasis) -> Self {
        self.basis = Some(basis);
        self
    }

    /// The engine that reports name.
    pub(super) fn engine(&self, program: &Program) -> Engine {
        if program.is_quadratic() && !program.has_integers() { self.priced.engine() } else { self.linear.engine() }
    }

    /// A program in which nothing need be whole.
    pub(super) fn relaxed(&mut self, program: &Program) -> Result<Found> {
        let relaxed = program.relaxed();
        let solver = if relaxed.is_quadratic() { self.priced } else { self.linear };
        #[cfg(feature = "highs")]
        if let (Solver::Highs, Some(basis), None) = (solver, &mut self.basis, self.budget.options.time_limit) {
            return basis.solve(&relaxed);
        }
        let found = solver::solve(&relaxed, &self.budget.limits(None), solver)?;
        match found {
            // Prices come from a solver that has them; the values stay.
            Found::Solved(solution) if solution.row_duals.is_none() => {
                let row_duals = self.prices(&relaxed)?;
                Ok(Found::Solved(solver::Solution { row_duals, ..solution }))
            }
            found => Ok(found),
        }
    }

    /// Whole numbers that cost what relaxed values do, where many programs that differ in bounds alone are quick to solve.
    #[cfg(feature = "highs")]
    pub(super) fn dive(&mut self, program: &Program, relaxed: &solver::Solution) -> Result<Option<solver::Solution>> {
        match &mut self.basis {
            Some(basis)
                if self.linear == Solver::Highs && !program.is_quadratic() && self.budget.options.time_limit.is_none() =>
            {
                dive::dive(program, relaxed, |held| basis.solve(held))
            }
            _ => Ok(None),
        }
    }

    /// Without HiGHS none: every program would be solved from scratch.
    #[cfg(not(feature = "highs"))]
    pub(super) fn dive(&mut self, _: &Program, _: &solver::Solution) -> Result<Option<solver::Solution>> {
        Ok(None)
    }

    /// A program as it is, begun from values where there are any.
    pub(super) fn whole(&mut self, program: &Program, start: Option<Vec<f64>>) -> Result<Found> {
        match (program.is_quadratic(), program.has_integers()) {
            (true, true) => tangents::solve(program, self, start),
            (true, false) => solver::solve(program, &self.budget.limits(None), self.priced),
            _ => self.linear(program, start),
        }
    }

    /// A linear or integer program.
    pub(super) fn linear(&self, program: &Program, start: Option<Vec<f64>>) -> Result<Found> {
        solver::solve(program, &self.budget.limits(start), self.linear)
    }

    /// A linear or quadratic program, with its prices: what is left when everything else is held.
    pub(super) fn held(&self, program: &Program) -> Result<Found> {
        let limits = Limits::default();
        if program.is_quadratic() || self.linear == self.priced {
            return Ok(match solver::solve(program, &limits, self.priced)? {
                // Without a limit of time, what is told to have stopped has values as good as they get, and a bound that says so.
                Found::Stopped { incumbent: Some(solution), bound } => {
                    Found::Solved(solver::Solution { bound, ..solution })
                }
                found => found,
            });
        }
        match solver::solve(program, &limits, self.linear)? {
            Found::Solved(solution) => Ok(Found::Solved(solver::Solution { row_duals: self.prices(program)?, ..solution })),
            other => Ok(other),
        }
    }

    /// The prices of a linear program whose solver tells none; None where they cannot be had.
    fn prices(&self, program: &Program) -> Result<Option<Vec<f64>>> {
        match solver::solve(program, &Limits::default(), self.priced) {
            Ok(Found::Solved(solution)) => Ok(solution.row_duals),
            _ => Ok(None),
        }
    }
}

/// The time and nodes that a search may take in all.
struct Budget<'o> {
    options: &'o Options,
    begun: Span,
    /// How often the time was shared out.
    shared: Cell<u32>,
}

impl Budget<'_> {
    /// What the next solve may take: the time that is left by the clock. Without one, half of what the solve before had, so that all
    /// of them together keep the limit.
    fn limits(&self, start: Option<Vec<f64>>) -> Limits {
        let time = self.options.time_limit.map(|limit| match &self.options.clock {
            Some(_) => {
                let spent = self.options.now().as_micros() - self.begun.as_micros();
                Span::from_micros((limit.as_micros() - spent).max(0)).to_duration()
            }
            None => {
                let share = self.shared.get();
                self.shared.set(share + 1);
                limit.to_duration() / 2_u32.saturating_pow(share)
            }
        });
        // A solver may take zero for no limit.
        let time = time.map(|time| time.max(Duration::from_micros(1)));
        Limits { time, nodes: self.options.node_limit, gap: self.options.gap, start }
    }
}
