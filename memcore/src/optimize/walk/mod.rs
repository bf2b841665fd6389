//! Model-predictive control over what is known already: a site's real history is walked step by step, each time with a plan made from
//! forecasts, and what was planned meets what came.
//!
//! Pure, as plans are: [`backtest`] takes the truth, a [`Forecaster`](super::Forecaster) and how to walk, and gives what it would have
//! cost, beside what perfect foresight and plain rules would have.

mod closing;
mod plant;
mod report;
mod rules;
mod runner;

pub use report::{Backtest, Comparison};

use super::{Forecaster, Options, Site};
use crate::error::Result;

/// How a site's history is walked.
#[derive(Debug, Clone)]
pub struct Walk {
    /// The first step that is walked; those before it are history that forecasts may use. The states that the site's assets begin with
    /// are those of this step.
    pub from: usize,
    /// The step before which the walk ends; the end of the site's horizon unless told.
    pub to: Option<usize>,
    /// How many steps each plan looks ahead; fewer where the walk ends before. 96 unless told.
    pub ahead: usize,
    /// How many steps of each plan are carried out before the next is made. 1 unless told.
    pub every: usize,
    /// Whether one plan over all of the walk is made with perfect foresight, to tell regret. True unless told.
    pub perfect: bool,
    /// Whether plain rules walk the same history, to tell what planning is worth. True unless told.
    pub rules: bool,
    /// Whether plans that go to HiGHS begin from the one before, as those of [`Planner::warm_starts`](super::Planner::warm_starts): each
    /// costs the same, but where several are equally good another one may be carried out. False unless told.
    pub warm_starts: bool,
    /// How plans are made.
    pub options: Options,
}

impl Default for Walk {
    fn default() -> Self {
        let options = Options::default();
        Self { from: 0, to: None, ahead: 96, every: 1, perfect: true, rules: true, warm_starts: false, options }
    }
}

/// Walks a site's history. The site's profiles are what came; plans see of them what the forecaster says.
///
/// Every `walk.every` steps a plan is made from the state that the site is then in, over `walk.ahead` steps, and so much of it is
/// carried out on the truth. Where load or sources differ from the plan, the grid connection or a battery makes up for it, whichever
/// is worth less by the plan's own value of stored energy (where the plan knows none: the battery in steps in which it exchanges
/// nothing with the grid); then gensets, vehicles and links within their limits, then sources are curtailed and loads shed.
/// What even that does not close is counted in
/// `unresolved_kwh`. Costs are those of the verifier's bill over all of what was carried out.
///
/// `progress` is told how many steps of how many are done; an error of it ends the walk.
///
/// # Errors
/// Invalid where the site or the walk say what they cannot mean; the error of `progress`, or of the forecaster.
pub fn backtest(
    site: &Site,
    forecaster: &mut dyn Forecaster,
    walk: &Walk,
    progress: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<Backtest> {
    runner::run(site, forecaster, walk, progress)
}

#[cfg(test)]
mod tests;
