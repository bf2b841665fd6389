//! Follow the plan: each asset does what the plan asks of it, while the plan holds.

use std::time::Duration;

use super::checks::{Who, each, length, no_crumbs, watts};
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
        let deadband_w = watts("deadband_w", self.deadband_w)?;
        let (batteries, others) =
            assets.into_iter().partition::<Vec<_>, _>(|place| model.assets[*place].role == Role::Battery);
        let holds_grid = self.hold == Hold::Grid && model.grid.is_some() && !batteries.is_empty();
        let all = batteries.iter().chain(&others).copied().collect();
        let rest = holds_grid.then(|| Rest::new(all, deadband_w.max(20.0), delay, SETTLE));
        Ok(Box::new(Follower { who, batteries, others, rest, deadband_w, off_w: 0.0 }))
    }
}

/// Wishes for what the plan asks of each asset.
struct Follower {
    who: Who,
    batteries: Vec<usize>,
    others: Vec<usize>,
    rest: Option<Rest>,
    deadband_w: f64,
    /// What batteries take beside their plan, in W.
    off_w: f64,
}

impl Follower {
    /// What the batteries together take beside their plan: by how much PV and loads differ from it. What other assets differ, such as a
    /// car that is not there, is left to the grid.
    fn off_w(&mut self, view: &View<'_>, plan: &PlannedPowers) -> f64 {
        let planned = |place: usize| plan.power_w(view.model.assets[place].name.as_str(), view.now.wall);
        let seen = self.rest.as_mut().and_then(|rest| rest.look(view));
        let Some((seen, grid_w)) = seen.zip(view.model.grid.and_then(planned)) else { return 0.0 };
        let batteries_w = self.batteries.iter().map(|place| planned(*place)).sum::<Option<f64>>();
        let others_w = self.others.iter().filter_map(|place| planned(*place)).sum::<f64>();
        let Some(batteries_w) = batteries_w else { return 0.0 };
        let off_w = grid_w - batteries_w - others_w - seen.rest_w;
        if seen.settled && (off_w - self.off_w).abs() > self.deadband_w { off_w } else { self.off_w }
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
    if off_w.abs() < 1.0 { String::new() } else { format!(", PV and loads differ by {off_w:+.0} W") }
}
