//! Any site as a linear, quadratic or integer program, and the solvers of such programs.
//!
//! `site` writes the program, `search` finds its best values with the solvers of `solver`, `schedule` reads a schedule from them.
//! `elastic` is the same program with limits that give, for explanations.

#[cfg(feature = "highs")]
mod dive;
pub(in crate::optimize) mod elastic;
pub(in crate::optimize) mod linear;
mod schedule;
mod search;
pub(in crate::optimize) mod site;
pub(in crate::optimize) mod solver;
mod solvers;
pub(in crate::optimize) mod tags;
mod tangents;
#[cfg(test)]
mod tests;

use search::Searched;
use solvers::Solvers;

use super::answer::{Answer, Solved};
use super::checked::Checked;
use super::{Engine, Options};
use crate::error::{Error, Result};

/// Solves a site as a program, with the solver that was asked for or the best one that is built in.
///
/// # Errors
/// Unsupported where the engine asked for is not built in or cannot solve a site of this shape, or where none is built in; invalid
/// where the site lets money be made without end; internal where a solver fails.
pub(in crate::optimize) fn solve(checked: &Checked<'_>, options: &Options) -> Result<(Engine, Answer)> {
    Warm::default().solve(checked, options)
}

/// What is kept from one solve to the next: with HiGHS, the last linear program and its basis. A site of the same shape (same parts,
/// same steps; other loads, forecasts, prices and states) is then solved from there. The answer is proven as any other is.
#[derive(Debug, Default)]
pub(in crate::optimize) struct Warm {
    #[cfg(feature = "highs")]
    hot: solver::Hot,
}

impl Warm {
    /// Solves a site as a program, beginning from the one before where that helps.
    ///
    /// # Errors
    /// Like [`solve`].
    pub(in crate::optimize) fn solve(&mut self, checked: &Checked<'_>, options: &Options) -> Result<(Engine, Answer)> {
        let built = site::build(checked);
        let solvers = Solvers::new(&built.program, options)?;
        #[cfg(feature = "highs")]
        let solvers = solvers.with_hot(&mut self.hot);
        let mut solvers = solvers;
        let engine = solvers.engine(&built.program);
        let answer = match search::search(&built, &mut solvers)? {
            Searched::Infeasible => Answer::Infeasible,
            Searched::Stopped { bound } => Answer::Stopped { bound },
            Searched::Unbounded => {
                let message = "the site makes money without end: it buys for less than it sells, without any limit";
                return Err(Error::invalid(message));
            }
            Searched::Solved(solution) => Answer::Solved(Box::new(Solved {
                schedule: schedule::schedule(checked, &built, &solution.values),
                objective: solution.objective,
                bound: solution.bound,
                bus_prices: solution.row_duals.as_ref().map(|duals| schedule::bus_prices(checked, &built, duals)),
                water_values: solution
                    .row_duals
                    .as_ref()
                    .map_or_else(Vec::new, |duals| schedule::water_values(&built, duals)),
                iterations: solution.iterations,
                nodes: solution.nodes,
            })),
        };
        Ok((engine, answer))
    }
}
