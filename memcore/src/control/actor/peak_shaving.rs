//! Peak shaving: the mean power of each interval of the demand charge stays below a limit.

use super::checks::{Together, Who, grid_meter, in_watts, length, within};
use super::rest::Rest;
use super::{Actor, Measure, PeakShaving, View};
use crate::control::{CheckedModel, Demand, Proposal, Role};
use crate::error::{Error, Result};
use crate::model::{Name, Span};

impl PeakShaving {
    pub(super) fn build(&self, who: Who, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        grid_meter(model)?;
        let limit_w =
            self.limit_w.ok_or_else(|| Error::invalid("limit_w is missing, expected the most mean power in W"))?;
        let limit_w = in_watts("limit_w", limit_w)? * (1.0 - within("margin", self.margin, 0.0, 0.5)?);
        let tariff = model.model.tariff.as_ref().and_then(|tariff| tariff.demand_interval);
        let interval_s = tariff.unwrap_or(Span::from_seconds(900)).as_seconds();
        let recharge_soc = self.recharge_soc.map(|soc| within("recharge_soc", soc, 0.0, 1.0)).transpose()?;
        let assets = Together::new(model, self.asset.as_ref(), self.group.as_ref(), Role::Battery)?;
        let (delay, settle) = (length("meter_delay", self.meter_delay)?, length("settle", self.settle)?);
        let rest = Rest::new(assets.members.clone(), 50.0, delay, settle);
        Ok(Box::new(Shaver { who, assets, limit_w, interval_s, recharge_soc, rest }))
    }
}

/// Bounds what its assets draw together.
struct Shaver {
    who: Who,
    assets: Together,
    limit_w: f64,
    interval_s: f64,
    recharge_soc: Option<f64>,
    rest: Rest,
}

impl Shaver {
    /// What the rest of the interval may use in the mean, in W. What was not measured of it counts as at the limit: it lends nothing.
    fn left_w(&self, demand: Option<Demand>) -> f64 {
        let Some(demand) = demand else { return self.limit_w };
        let (measured_s, left_s) = (demand.measured.as_secs_f64(), demand.left.as_secs_f64());
        let lent_ws = (self.limit_w - demand.mean_w) * measured_s;
        // What was lent is not given out faster than over a fifteenth of the interval; what was borrowed is due before its end.
        let over_s = if lent_ws > 0.0 { self.interval_s / 15.0 } else { 1.0 };
        self.limit_w + lent_ws / left_s.max(over_s)
    }
}

impl Actor for Shaver {
    fn name(&self) -> &Name {
        &self.who.name
    }

    fn every(&self) -> Span {
        self.who.every
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        let Some(seen) = self.rest.look(view) else { return Vec::new() };
        let (limit_w, left_w) = (self.limit_w, self.left_w(view.demand()));
        let (low_w, high_w) = self.assets.range_w(view.model);
        // Ten W are no reason for another command; they are rounded to the safe side.
        let most_w = ((left_w - seen.rest_w) / 10.0).floor() * 10.0;
        let most_w = if most_w < low_w { low_w } else { self.assets.no_crumbs(view.model, most_w) };
        let mut socs = self.assets.members.iter().map(|place| view.fresh(*place, Measure::Soc));
        let lowest = socs.try_fold(1.0, |lowest: f64, soc| Some(lowest.min(soc?)));
        let charge = self.recharge_soc.zip(lowest).is_some_and(|(aim, soc)| soc < aim);
        let reason = format!("the interval has {left_w:.0} W left in the mean of {limit_w:.0} W");
        let wish = self.who.bounds(&self.assets.target, None, Some(most_w), reason);
        if charge {
            let charge_w = (limit_w.min(left_w) - seen.rest_w).clamp(0.0, high_w).min(most_w);
            return vec![Proposal { power_w: Some(self.assets.no_crumbs(view.model, charge_w)), ..wish }];
        }
        if most_w >= high_w { Vec::new() } else { vec![wish] }
    }
}
