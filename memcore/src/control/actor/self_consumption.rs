//! Self-consumption: batteries take what is left over and give what is missing, so that the grid's power stays near zero.

use super::checks::{Together, Who, grid_meter, length, watts, within};
use super::rest::Rest;
use super::{Actor, SelfConsumption, View};
use crate::control::{CheckedModel, Proposal, Role};
use crate::error::Result;
use crate::model::{Name, Span};

impl SelfConsumption {
    pub(super) fn build(&self, who: Who, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        grid_meter(model)?;
        let batteries = Together::new(model, self.asset.as_ref(), self.group.as_ref(), Role::Battery)?;
        let target_w = within("target_w", self.target_w, -1e9, 1e9)?;
        let deadband_w = watts("deadband_w", self.deadband_w)?;
        let (delay, settle) = (length("meter_delay", self.meter_delay)?, length("settle", self.settle)?);
        let rest = Rest::new(batteries.members.clone(), deadband_w.max(20.0), delay, settle);
        Ok(Box::new(Balancer {
            who,
            range_w: batteries.range_w(model),
            batteries,
            target_w,
            deadband_w,
            rest,
            wish_w: None,
        }))
    }
}

/// Wishes for what the rest of the site leaves, once its readings have settled.
struct Balancer {
    who: Who,
    batteries: Together,
    range_w: (f64, f64),
    target_w: f64,
    deadband_w: f64,
    rest: Rest,
    wish_w: Option<f64>,
}

impl Actor for Balancer {
    fn name(&self) -> &Name {
        &self.who.name
    }

    fn every(&self) -> Span {
        self.who.every
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        let Some(seen) = self.rest.look(view) else {
            self.wish_w = None;
            return Vec::new();
        };
        let off_w = seen.grid_w - self.target_w;
        if self.wish_w.is_none() || (seen.settled && off_w.abs() > self.deadband_w) {
            let wish_w = self.target_w - seen.rest_w;
            // What does a little less than it was asked is asked for a little more. What does much less cannot.
            let short_w = if seen.lag_w.abs() <= 0.1 * wish_w.abs() { seen.lag_w } else { 0.0 };
            let wish_w = (wish_w + short_w).clamp(self.range_w.0, self.range_w.1);
            self.wish_w = Some(self.batteries.no_crumbs(view.model, wish_w));
        }
        let reason = format!("the rest of the site draws {:.0} W, the grid shall see {:.0} W", seen.rest_w, self.target_w);
        self.wish_w.map(|wish_w| self.who.power(&self.batteries.target, wish_w, reason)).into_iter().collect()
    }
}
