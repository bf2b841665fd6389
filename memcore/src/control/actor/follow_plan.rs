//! Follow the plan: each asset does what the plan asks of it, while the plan holds.

use std::time::Duration;

use super::checks::{Who, each, length, no_crumbs};
use super::rest::Rest;
use super::{Actor, FollowPlan, Hold, PlannedPowers, View};
use crate::control::{CheckedModel, Proposal, Role, Target};
use crate::error::Result;
use crate::model::{Name, Span};

/// How long batteries may take to do what was decided.
const SETTLE: Duration = Duration::from_secs(15);

impl FollowPlan {
    pub(super) fn build(&self, who: Who, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        let assets = each(model, &self.assets, &[Role::Battery, Role::Charger, Role::HeatPump, Role::Genset])?;
        let delay = length("meter_delay", self.meter_delay)?;
        let (batteries, others) =
            assets.into_iter().partition::<Vec<_>, _>(|place| model.assets[*place].role == Role::Battery);
        let holds_grid = self.hold == Hold::Grid && model.grid.is_some() && !batteries.is_empty();
        let rest = holds_grid.then(|| Rest::new(batteries.clone(), 50.0, delay, SETTLE));
        Ok(Box::new(Follower { who, batteries, others, rest, off_w: 0.0 }))
    }
}

/// Wishes for what the plan asks of each asset.
struct Follower {
    who: Who,
    batteries: Vec<usize>,
    others: Vec<usize>,
    rest: Option<Rest>,
    /// What batteries take beside their plan, so that the grid keeps to its own, in W.
    off_w: f64,
}

impl Follower {
    /// What the batteries together take beside their plan: the plan's grid less the rest of the site, less what they were to do.
    fn off_w(&mut self, view: &View<'_>, plan: &PlannedPowers) -> f64 {
        let seen = self.rest.as_mut().and_then(|rest| rest.look(view));
        let grid = view.model.grid.map(|place| view.model.assets[place].name.as_str());
        let grid_w = grid.and_then(|name| plan.power_w(name, view.now.wall));
        let Some((seen, grid_w)) = seen.zip(grid_w) else { return 0.0 };
        let planned = |place: &usize| plan.power_w(view.model.assets[*place].name.as_str(), view.now.wall);
        let Some(planned_w) = self.batteries.iter().map(planned).sum::<Option<f64>>() else { return 0.0 };
        if seen.settled { grid_w - seen.rest_w - planned_w } else { self.off_w }
    }
}

impl Actor for Follower {
    fn name(&self) -> &Name {
        &self.who.name
    }

    fn every(&self) -> Span {
        self.who.every
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        let Some(plan) = view.plan.filter(|plan| plan.site == view.model.model.site) else { return Vec::new() };
        self.off_w = self.off_w(view, plan);
        let off_w = self.off_w;
        let span_w = |place: &usize| view.model.assets[*place].high_w - view.model.assets[*place].low_w;
        let all_w = self.batteries.iter().map(span_w).sum::<f64>();
        let wish = |place: &usize, off_w: f64| {
            let asset = &view.model.assets[*place];
            let planned_w = plan.power_w(asset.name.as_str(), view.now.wall)?;
            let power_w = (planned_w + off_w).clamp(asset.low_w, asset.high_w);
            let power_w = no_crumbs(power_w, asset.low_w, asset.high_w, asset.least_w);
            let reason = format!("the plan of {} has {planned_w:.0} W{}", plan.made, absorbed(off_w));
            Some(self.who.power(&Target::Asset(asset.name.clone()), power_w, reason))
        };
        let batteries = self.batteries.iter().filter_map(|place| wish(place, off_w * span_w(place) / all_w));
        batteries.chain(self.others.iter().filter_map(|place| wish(place, 0.0))).collect()
    }
}

fn absorbed(off_w: f64) -> String {
    if off_w.abs() < 1.0 { String::new() } else { format!(", and {off_w:+.0} W keep the grid to it") }
}
