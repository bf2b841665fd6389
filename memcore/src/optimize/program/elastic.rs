//! The program of a site with hard limits that give: which ones must, and which ones conflict.

use super::linear::{Column, Program};
use super::site::{Pair, Side, SiteProgram};
use super::solver::{Found, Limits, ROUNDING, Solution, Solver};
use super::tags::{Place, Tag};
use crate::error::Result;

/// A site's program in which each hard limit may give at a price.
#[derive(Debug, Clone)]
pub(in crate::optimize) struct Elastic {
    /// Costs only what limits give, in kW, kWh or steps: each as much as any other.
    program: Program,
    limits: Vec<Limit>,
    /// What the site itself costs, by column; for the best plan within a relaxation.
    cost: Vec<f64>,
    pairs: Vec<Pair>,
}

/// A hard limit with the columns by which it gives.
#[derive(Debug, Clone)]
struct Limit {
    tag: Tag,
    gives: Vec<Column>,
    /// Whether it is nature's: a balance, a store that is empty or full. It takes part in conflicts and is never what is relaxed.
    natural: bool,
}

/// By how much limits give, and values of the site's program with that.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::optimize) struct Given {
    /// The limits that give, with the amount in kW, kWh or steps.
    pub(in crate::optimize) amounts: Vec<(Tag, f64)>,
    pub(in crate::optimize) solution: Solution,
}

impl Elastic {
    /// Of a site's program.
    pub(in crate::optimize) fn new(built: &SiteProgram) -> Self {
        let mut program = built.program.clone();
        let cost = program.cost.clone();
        program.cost.fill(0.0);
        program.quadratic.fill(0.0);
        program.constant = 0.0;
        let mut limits: Vec<Limit> = Vec::new();
        let mut more = vec![Vec::new(); program.rows()];
        for (row, tag) in &built.row_tags {
            let give = |sign: f64, program: &mut Program, more: &mut Vec<(Column, f64)>| {
                let column = program.column(1.0, 0.0..=f64::INFINITY);
                more.push((column, sign));
                column
            };
            let mut gives = Vec::new();
            if program.row_lower[row.0] > f64::NEG_INFINITY {
                gives.push(give(1.0, &mut program, &mut more[row.0]));
            }
            if program.row_upper[row.0] < f64::INFINITY {
                gives.push(give(-1.0, &mut program, &mut more[row.0]));
            }
            limits.push(Limit { tag: *tag, gives, natural: matches!(tag.place, Place::Bus(_)) });
        }
        program = program.with_more_terms(&more);
        for (column, side, tag) in &built.bound_tags {
            let empty = tag.limit == "min_wh" && program.lower[column.0] <= 0.0;
            let gives = vec![loosen(&mut program, *column, *side, tag)];
            limits.push(Limit { tag: *tag, gives, natural: empty || tag.limit == "capacity_wh" });
        }
        limits.sort_by_key(|limit| limit.tag);
        Self { program, limits, cost, pairs: built.pairs.clone() }
    }

    /// Every hard limit, in the order of its place, name and step.
    pub(in crate::optimize) fn limits(&self) -> impl Iterator<Item = Tag> {
        self.limits.iter().map(|limit| limit.tag)
    }

    /// The least relaxation of those limits that `may_give`, the rest being held: the least sum of kW, kWh and steps. What is nature's
    /// never gives. None where no relaxation of them helps.
    ///
    /// # Errors
    /// Like [`solve`](super::solver::solve).
    pub(in crate::optimize) fn least_relaxation(&self, may_give: impl Fn(Tag) -> bool) -> Result<Option<Given>> {
        let found = self.solve(&self.with_limits(|limit| !limit.natural && may_give(limit.tag)))?;
        Ok(found.map(|solution| self.given(solution)))
    }

    /// Whether a set of limits can hold together when every other one is gone.
    ///
    /// # Errors
    /// Like [`solve`](super::solver::solve).
    pub(in crate::optimize) fn can_hold(&self, held: impl Fn(Tag) -> bool) -> Result<bool> {
        let mut program = self.with_limits(|limit| !held(limit.tag));
        program.cost.fill(0.0);
        Ok(self.solve(&program)?.is_some())
    }

    /// The cheapest plan of the site in which each limit gives by no more than an amount (0 where it is not named).
    ///
    /// # Errors
    /// Like [`solve`](super::solver::solve).
    pub(in crate::optimize) fn cheapest_within(&self, amounts: &[(Tag, f64)]) -> Result<Option<Solution>> {
        let mut program = self.program.clone();
        program.cost.fill(0.0);
        program.cost[..self.cost.len()].copy_from_slice(&self.cost);
        for limit in &self.limits {
            let amount = amounts.iter().filter(|(given, _)| *given == limit.tag).map(|(_, amount)| *amount).sum::<f64>();
            for give in &limit.gives {
                // A little more than the least, which is known to rounding only.
                program.upper[give.0] = if amount > 0.0 { amount * (1.0 + 1e-9) + 1e-9 } else { 0.0 };
            }
        }
        self.solve(&program)
    }

    fn with_limits(&self, may_give: impl Fn(&Limit) -> bool) -> Program {
        let mut program = self.program.clone();
        for limit in &self.limits {
            let most = if may_give(limit) { f64::INFINITY } else { 0.0 };
            limit.gives.iter().for_each(|give| program.upper[give.0] = most);
        }
        program
    }

    fn given(&self, solution: Solution) -> Given {
        const NOTHING: f64 = 1e-7;
        let amount = |limit: &Limit| limit.gives.iter().map(|give| solution.values[give.0]).sum::<f64>();
        let amounts = self.limits.iter().map(|limit| (limit.tag, amount(limit))).filter(|(_, amount)| *amount > NOTHING);
        Given { amounts: amounts.collect(), solution }
    }

    /// Where the answer mixes what must not, every pair is told apart and the program solved again.
    fn solve(&self, program: &Program) -> Result<Option<Solution>> {
        let found = values(program)?;
        let mixes = |solution: &Solution| {
            let runs = |column: &Column| solution.values[column.0] > ROUNDING;
            self.pairs.iter().any(|pair| pair.columns.iter().all(runs))
        };
        if !found.as_ref().is_some_and(mixes) {
            return Ok(found);
        }
        let mut apart = program.clone();
        for pair in &self.pairs {
            apart.exclude(pair.columns, pair.most);
        }
        values(&apart)
    }
}

fn values(program: &Program) -> Result<Option<Solution>> {
    match super::solver::solve(program, &Limits::default(), Solver::best(false)?)? {
        Found::Solved(solution) => Ok(Some(solution)),
        Found::Stopped { incumbent, .. } => Ok(incumbent),
        Found::Infeasible | Found::Unbounded => Ok(None),
    }
}

/// Turns a bound of a column into a row that gives, and returns the column by which. What is on or off stays so, no power is below
/// zero, but a store without its floor may hold less than nothing: that its energy ends is a limit as any other.
fn loosen(program: &mut Program, column: Column, side: Side, tag: &Tag) -> Column {
    let give = program.column(1.0, 0.0..=f64::INFINITY);
    let most = if program.integer[column.0] { 1.0 } else { f64::INFINITY };
    match side {
        Side::Lower => {
            let least = if tag.limit == "min_wh" { f64::NEG_INFINITY } else { 0.0 };
            let at_least = std::mem::replace(&mut program.lower[column.0], least);
            program.at_least(at_least, [(column, 1.0), (give, 1.0)]);
        }
        Side::Upper => {
            let at_most = std::mem::replace(&mut program.upper[column.0], most);
            program.at_most(at_most, [(column, 1.0), (give, -1.0)]);
        }
    }
    give
}
