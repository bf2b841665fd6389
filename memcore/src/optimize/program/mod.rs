//! Any site as a linear, quadratic or integer program, and the solvers of such programs.
//!
//! `site` writes the program, `search` finds its best values with the solvers of `solver`, `schedule` reads a schedule from them, and
//! `warm` begins from the plan before.

#[cfg(feature = "highs")]
mod dive;
pub(in crate::optimize) mod linear;
mod schedule;
mod search;
pub(in crate::optimize) mod site;
pub(in crate::optimize) mod solver;
mod solvers;
mod tangents;
#[cfg(test)]
mod tests;
mod warm;

pub(in crate::optimize) use warm::{Hot, Warm};

use search::Searched;
use solvers::Solvers;

use super::answer::{Answer, Solved};
use super::checked::Checked;
use super::{Asset, Engine, Grid, Options};
use crate::error::{Error, Result};

/// Solves a site as a program, with the solver that was asked for or the best one that is built in.
///
/// # Errors
/// Unsupported where the engine asked for is not built in or cannot solve a site of this shape, or where none is built in; invalid
/// where the site lets money be made without end; internal where a solver fails.
pub(in crate::optimize) fn solve(checked: &Checked<'_>, options: &Options) -> Result<(Engine, Answer)> {
    Basis::default().solve(checked, options)
}

/// What is kept from one solve to the next: with HiGHS, the last linear program and its basis. A site of the same shape (same parts,
/// same steps; other loads, forecasts, prices and states) is then solved from there. The answer is proven as any other is.
#[derive(Debug, Default)]
struct Basis {
    #[cfg(feature = "highs")]
    linear: solver::LinearBasis,
}

impl Basis {
    /// Solves a site as a program, beginning from the one before where that helps.
    ///
    /// # Errors
    /// Like [`solve`].
    fn solve(&mut self, checked: &Checked<'_>, options: &Options) -> Result<(Engine, Answer)> {
        let endless =
            || Error::invalid("the site makes money without end: it buys for less than it sells, without any limit");
        if trades_without_end(checked) {
            return Err(endless());
        }
        let built = site::build(checked);
        let solvers = Solvers::new(&built.program, options)?;
        #[cfg(feature = "highs")]
        let solvers = {
            self.linear.begin();
            solvers.with_basis(&mut self.linear)
        };
        let mut solvers = solvers;
        let engine = solvers.engine(&built.program);
        let answer = match search::search(&built, &mut solvers)? {
            Searched::Infeasible => Answer::Infeasible,
            Searched::Stopped { bound } => Answer::Stopped { bound },
            Searched::Unbounded => return Err(endless()),
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

    /// Whether the last solve began from the one before.
    #[cfg(feature = "highs")]
    fn began_hot(&self) -> bool {
        self.linear.began_hot()
    }

    /// Without HiGHS nothing is kept.
    #[cfg(not(feature = "highs"))]
    fn began_hot(&self) -> bool {
        false
    }
}

/// Whether a kWh of one grid can be sold to another on the same bus for more, both without a limit. The program itself would not tell:
/// it holds every grid to what the rest of the site can use.
fn trades_without_end(checked: &Checked<'_>) -> bool {
    let grids: Vec<(usize, &Grid)> = checked
        .assets()
        .filter_map(|(part, asset)| match asset {
            Asset::Grid(grid) if grid.quadratic_per_kw2h == 0.0 => Some((part, grid)),
            _ => None,
        })
        .collect();
    let free_to_buy = |grid: &Grid| grid.import_limit_w.is_none() && grid.demand_charges.iter().all(|c| c.per_kw == 0.0);
    let pays = |from: &Grid, to: &Grid| {
        let carbon = checked.site.carbon_price_per_kg / 1000.0;
        let buy = |step: usize| from.buy_per_kwh.at(step) + carbon * from.carbon_g_per_kwh.at(step);
        (0..checked.steps()).any(|step| buy(step) < to.sell_per_kwh.at(step))
    };
    grids.iter().filter(|(_, from)| free_to_buy(from)).any(|(part, from)| {
        let others = grids.iter().filter(|(other, to)| other != part && to.export_limit_w.is_none());
        let mut beside = others.filter(|(other, _)| checked.bus_of[*other] == checked.bus_of[*part]);
        beside.any(|(_, to)| pays(from, to))
    })
}
