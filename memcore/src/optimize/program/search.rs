//! The best values of a site's program: what must not mix gets a binary only where mixing would pay.
//!
//! 1. The relaxation, in which everything may mix and nothing need be whole, says where mixing pays.
//! 2. Pairs that mix there, or whose bus would pay for waste, get a binary that picks one of them.
//! 3. The program is solved. Its value is a lower bound, as other pairs may still mix.
//! 4. Where they do, the directions of the answer are held and the rest is solved again. If that costs no more, it is the best;
//!    otherwise the pairs that mix get their binaries too, and 3. begins anew. There are finitely many.

use super::linear::{Column, Program};
use super::site::{Pair, SiteProgram};
use super::solver::{Found, ROUNDING, Solution};
use super::solvers::Solvers;
use crate::error::Result;

/// Two costs closer than this (as a share, at least of 1) are the same.
pub(super) const SAME_COST: f64 = 1e-7;

/// What a search ends with.
#[derive(Debug)]
pub(super) enum Searched {
    Solved(Solution),
    Infeasible,
    Unbounded,
    Stopped { bound: f64 },
}

/// The best values of a site's program. `row_duals` are those of the program with everything that is whole, and every direction, held
/// as it is in the answer.
pub(super) fn search(built: &SiteProgram, solvers: &mut Solvers<'_>) -> Result<Searched> {
    let mut search = Search { built, chosen: vec![None; built.pairs.len()], program: built.program.clone() };
    let relaxed = match solvers.relaxed(&built.program)? {
        Found::Solved(solution) => solution,
        // An integer program without a relaxation has no solution either.
        Found::Infeasible => return Ok(Searched::Infeasible),
        Found::Unbounded => return Ok(Searched::Unbounded),
        // A limit was reached, or the prices prove less than the best: the values are still a plan where nothing mixes in them.
        Found::Stopped { incumbent: Some(solution), bound } => Solution { bound, ..solution },
        Found::Stopped { incumbent: None, bound } => return Ok(Searched::Stopped { bound }),
    };
    if !built.program.has_integers() {
        if search.mixing(&relaxed).next().is_none() {
            return Ok(Searched::Solved(relaxed));
        }
        if let Some(best) = search.repaired(&relaxed, solvers)?
            && same_cost(best.objective, relaxed.bound)
        {
            return Ok(Searched::Solved(Solution { bound: relaxed.bound.min(best.objective), ..best }));
        }
    }
    search.choose_where_waste_pays(&relaxed);
    search.run(relaxed, solvers)
}

/// Whether a cost is no more than another, but for rounding.
pub(super) fn same_cost(one: f64, other: f64) -> bool {
    one - other <= SAME_COST * one.abs().max(1.0)
}

struct Search<'b> {
    built: &'b SiteProgram,
    /// For each pair its binary: 1 where the first of it may run.
    chosen: Vec<Option<Column>>,
    /// The site's program with those binaries.
    program: Program,
}

impl Search<'_> {
    fn run(&mut self, mut relaxed: Solution, solvers: &mut Solvers<'_>) -> Result<Searched> {
        if self.program.columns() > relaxed.values.len() {
            match solvers.relaxed(&self.program)? {
                Found::Solved(tighter) => relaxed = tighter,
                Found::Infeasible => return Ok(Searched::Infeasible),
                _ => relaxed.values.resize(self.program.columns(), 0.0),
            }
        }
        let mut bound = relaxed.bound;
        let mut start = None;
        // Whole numbers that cost what the relaxation costs are as good as any search would find.
        let mut found = solvers.dive(&self.program, &relaxed)?.filter(|dived| same_cost(dived.objective, bound));
        loop {
            let (solution, stopped) = match found.take() {
                Some(dived) => (dived, false),
                None => match solvers.whole(&self.program, start.take())? {
                    Found::Solved(solution) => (solution, false),
                    Found::Infeasible => return Ok(Searched::Infeasible),
                    Found::Unbounded => return Ok(Searched::Unbounded),
                    Found::Stopped { incumbent: Some(incumbent), .. } => (incumbent, true),
                    Found::Stopped { incumbent: None, bound: proven } => {
                        return Ok(Searched::Stopped { bound: bound.max(proven) });
                    }
                },
            };
            bound = bound.max(solution.bound);
            let mixing: Vec<usize> = self.mixing(&solution).collect();
            let best = self.repaired(&solution, solvers)?;
            let same = |best: &Solution| mixing.is_empty() || same_cost(best.objective, solution.objective);
            let settled = best.as_ref().is_some_and(same);
            match best {
                Some(best) if settled || stopped => {
                    let (bound, nodes) = (bound.min(best.objective), solution.nodes);
                    return Ok(Searched::Solved(Solution { bound, iterations: solution.iterations, nodes, ..best }));
                }
                None if mixing.is_empty() || stopped => return Ok(Searched::Stopped { bound }),
                _ => {}
            }
            let untold = mixing.iter().any(|pair| self.chosen[*pair].is_none());
            if !untold {
                // What has its binary and mixes all the same does so by rounding: another round would find the same.
                return Ok(match best {
                    Some(best) => Searched::Solved(Solution { bound: bound.min(best.objective), ..best }),
                    None => Searched::Stopped { bound },
                });
            }
            start = best.map(|best| best.values);
            mixing.into_iter().for_each(|pair| self.choose(pair));
            start = start.map(|values| self.with_choices(values));
        }
    }

    /// The pairs of which both run, by their places.
    fn mixing(&self, solution: &Solution) -> impl Iterator<Item = usize> {
        let runs = |column: Column| solution.values[column.0] > ROUNDING;
        let pairs = self.built.pairs.iter().enumerate();
        let mixing: Vec<usize> = pairs.filter(|(_, pair)| pair.columns.into_iter().all(runs)).map(|(at, _)| at).collect();
        mixing.into_iter()
    }

    /// A binary for each pair that mixes in the relaxation, costs less than nothing to mix, or is on a bus that would pay for waste.
    fn choose_where_waste_pays(&mut self, relaxed: &Solution) {
        let program = &self.built.program;
        let pays = |pair: &Pair| {
            let [first, second] = pair.columns;
            let row = self.built.balances[pair.bus][pair.step];
            let price = relaxed.row_duals.as_ref().map_or(0.0, |duals| -duals[row.0]);
            let mixes = relaxed.values[first.0].min(relaxed.values[second.0]) > ROUNDING;
            mixes || price < -ROUNDING || program.cost[first.0] + program.cost[second.0] < -1e-12
        };
        let paying: Vec<usize> = (0..self.built.pairs.len()).filter(|at| pays(&self.built.pairs[*at])).collect();
        paying.into_iter().for_each(|pair| self.choose(pair));
    }

    /// Gives a pair its binary.
    fn choose(&mut self, at: usize) {
        if self.chosen[at].is_some() {
            return;
        }
        let Pair { columns, most, .. } = self.built.pairs[at];
        self.chosen[at] = Some(self.program.exclude(columns, most));
    }

    /// Values of the site's columns with those of the binaries.
    fn with_choices(&self, mut values: Vec<f64>) -> Vec<f64> {
        values.resize(self.program.columns(), 0.0);
        for (pair, binary) in self.built.pairs.iter().zip(&self.chosen) {
            if let Some(binary) = binary {
                values[binary.0] = f64::from(u8::from(values[pair.columns[0].0] > 0.0));
            }
        }
        values
    }

    /// The best values with everything that is whole, and every direction, held as in an answer: with the prices that belong to it. None
    /// where there are none.
    fn repaired(&self, solution: &Solution, solvers: &mut Solvers<'_>) -> Result<Option<Solution>> {
        let mut held = self.built.program.with_integers_fixed(&solution.values);
        let mut from = solution.values.clone();
        // A pair at rest is free to run either way; where it mixes then, it is held too.
        for _ in 0..4 {
            self.hold_directions(&mut held, &from);
            let Found::Solved(best) = solvers.held(&held)? else { return Ok(None) };
            if self.mixing(&best).next().is_none() {
                return Ok(Some(best));
            }
            from.clone_from(&best.values);
        }
        Ok(None)
    }

    fn hold_directions(&self, held: &mut Program, values: &[f64]) {
        for pair in &self.built.pairs {
            let [first, second] = pair.columns;
            let (one, other) = (values[first.0], values[second.0]);
            if one.max(other) <= ROUNDING || held.upper[first.0] == 0.0 || held.upper[second.0] == 0.0 {
                continue;
            }
            held.upper[if one >= other { second.0 } else { first.0 }] = 0.0;
        }
    }
}
