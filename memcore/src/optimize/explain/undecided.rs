//! When a solver reaches its limit without any plan: a plan of a simpler site is better than none.

use crate::error::Result;
use crate::optimize::solve::{Found, Memory, found};
use crate::optimize::{Asset, Options, Outcome, Plan, Site, Status, Undecided};

/// A plan for the site with its deferrable loads as early as they may run, under the same limit. Where that has none either, why there
/// is no answer.
pub(in crate::optimize) fn undecided(site: &Site, options: &Options, bound: f64) -> Result<Outcome> {
    if let Some(mut plan) = simpler(site).and_then(|simple| plan_of(&simple, options)) {
        plan.bound = bound.min(plan.objective);
        plan.status = Status::Feasible;
        plan.notices.push(
            "the solver reached its limit before it had any plan: this one runs deferrable loads as early as they may"
                .to_owned(),
        );
        return Ok(Outcome::Plan(plan));
    }
    let why = "the solver reached its limit before it had any plan; allow it more time or nodes".to_owned();
    Ok(Outcome::Undecided(Undecided { why, bound }))
}

fn plan_of(site: &Site, options: &Options) -> Option<Box<Plan>> {
    match found(site, options, &mut Memory::default()) {
        Ok(Found::Plan(plan)) => Some(plan),
        _ => None,
    }
}

/// The site with less to decide, so that each of its plans is one of the site's too; None where nothing can be taken off.
fn simpler(site: &Site) -> Option<Site> {
    let mut simple = site.clone();
    for asset in &mut simple.assets {
        if let Asset::Deferrable(load) = asset {
            let first = site.horizon.steps_within(load.earliest.unwrap_or(site.horizon.start()), site.horizon.end()).start;
            let start = site.horizon.borders()[first];
            let done = start.saturating_add(load.run_time);
            let end = site.horizon.borders().iter().find(|border| **border >= done).copied();
            load.latest = [end, load.latest].into_iter().flatten().min();
        }
    }
    (simple != *site).then_some(simple)
}
