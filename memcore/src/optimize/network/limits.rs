//! Programs whose every limit is a row with a name: so the price of a limit that binds is told in the words of the network, and so is
//! (in `conflict`) why limits cannot hold together.

use std::ops::RangeInclusive;

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
}

/// A limit of a relaxed program: what a field of a part sets, whichever rows that makes.
#[derive(Debug)]
pub(super) struct Giving {
    pub(super) part: String,
    pub(super) field: &'static str,
    pub(super) counts: Counts,
    /// Where it would hold if it did not give.
    pub(super) bound: f64,
    /// By how much it gives; it costs one per unit.
    pub(super) give: Column,
    pub(super) rows: Vec<Row>,
}

/// A program with named limits.
#[derive(Debug, Default)]
pub(super) struct LimitedProgram {
    pub(super) program: Program,
    limits: Vec<Limit>,
    /// Of a relaxed program: the limits, which give; nothing but that costs.
    pub(super) givings: Vec<Giving>,
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

    /// A bound for a column that a limit keeps between two values in W or var: so far outside that it never binds. Where limits give,
    /// there is none.
    pub(super) fn far(&self, least: f64, most: f64, base_va: f64) -> f64 {
        if self.relaxed { f64::INFINITY } else { open(1.0 + 10.0 * least.abs().max(most.abs()) / base_va) }
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
        range: RangeInclusive<f64>,
        terms: Vec<(Column, f64)>,
    ) {
        let range = open(*range.start())..=open(*range.end());
        if !self.relaxed {
            let row = self.program.row(range, terms);
            self.limits.push(Limit { part: part.to_owned(), fields, counts, row });
            return;
        }
        let sides = [(fields.0, *range.start(), true), (fields.1, *range.end(), false)];
        for (field, bound, is_low) in sides.into_iter().filter(|(_, bound, _)| bound.is_finite()) {
            let at = self.giving(part, field, counts, bound);
            let give = self.givings[at].give;
            let terms = terms.iter().copied().chain([(give, if is_low { 1.0 } else { -1.0 })]);
            let row = if is_low { self.program.at_least(bound, terms) } else { self.program.at_most(bound, terms) };
            self.givings[at].rows.push(row);
        }
    }

    /// The place of a limit that gives. All rows of a limit are made one after the other, and give together.
    fn giving(&mut self, part: &str, field: &'static str, counts: Counts, bound: f64) -> usize {
        let is_last = |last: &Giving| last.part == part && last.field == field && last.counts == counts;
        if !self.givings.last().is_some_and(is_last) {
            let give = self.program.column(1.0, 0.0..=f64::INFINITY);
            self.givings.push(Giving { part: part.to_owned(), field, counts, bound, give, rows: Vec::new() });
        }
        self.givings.len() - 1
    }

    /// The best values with their prices; None where no values keep all limits.
    pub(super) fn solve(&self, asked: Option<Engine>) -> Result<Option<Dispatched>> {
        dispatched(&self.program, asked)
    }

    /// The limits whose price is not zero. Prices are told per kW where a limit counts power.
    pub(super) fn binding(&self, prices: &[f64]) -> Vec<BindingLimit> {
        let noise = 1e-7 * prices.iter().fold(1.0_f64, |highest, price| highest.max(price.abs()));
        let priced = self.limits.iter().filter(|limit| prices[limit.row.0].abs() > noise);
        priced.map(|limit| limit.binding(prices[limit.row.0])).collect()
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
}

/// A bound, or none where it is so far out that a case file means none by it.
fn open(bound: f64) -> f64 {
    const NEVER_PU: f64 = 1e15;
    if bound.abs() < NEVER_PU { bound } else { f64::INFINITY.copysign(bound) }
}

/// The best values of a program with their prices; None where there are none. The solver is picked unless asked for.
pub(super) fn dispatched(program: &Program, asked: Option<Engine>) -> Result<Option<Dispatched>> {
    let solver = match asked {
        None => Solver::best(program.is_quadratic())?,
        Some(Engine::Highs) => Solver::Highs,
        Some(Engine::Microlp) => Solver::Microlp,
        Some(Engine::Clarabel) => Solver::Clarabel,
        Some(other) => {
            let message = format!("engine {} solves no networks, expected highs, microlp or clarabel", other.name());
            return Err(Error::invalid(message));
        }
    };
    let Some(solution) = solved(program, solver)? else { return Ok(None) };
    let prices = match solution.row_duals {
        Some(prices) => prices,
        None => prices_by_clarabel(program)?,
    };
    let bound = price_bound(program, &solution.values, &prices);
    Ok(Some(Dispatched { values: solution.values, prices, bound, engine: solver.engine() }))
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
