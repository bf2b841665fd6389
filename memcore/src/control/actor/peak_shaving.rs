//! Peak shaving: the mean power of each interval of the demand charge stays below a limit.

use serde::{Deserialize, Serialize};

use super::rest::Rest;
use super::settings::{Together, Who, grid_meter, length, watts, within};
use super::{Actor, Measure, View};
use crate::control::{CheckedModel, Moment, Proposal, Role};
use crate::error::{Error, Result};
use crate::model::{Name, Span, written};

/// Settings of the strategy that keeps the mean of each interval below a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeakShaving {
    /// The most mean power from the grid in an interval, in W. It must be given.
    pub limit_w: Option<f64>,
    /// The length of intervals, which begin at whole multiples since 1970 in UTC; that of the tariff, or a quarter of an hour,
    /// unless told.
    #[serde(with = "written::span")]
    pub interval: Option<Span>,
    /// The asset that keeps it; all batteries unless told.
    pub asset: Option<Name>,
    /// Or a group.
    pub group: Option<Name>,
    /// The share of the limit that is kept free. 0.02 unless told.
    pub margin: f64,
    /// Batteries are charged up to this state of charge with what the limit leaves; not at all unless told.
    pub recharge_soc: Option<f64>,
    /// How late the grid meter tells what assets did. Two seconds unless told.
    #[serde(with = "written::length")]
    pub meter_delay: Span,
    /// How long assets may take to do what was decided. Fifteen seconds unless told.
    #[serde(with = "written::length")]
    pub settle: Span,
}

impl Default for PeakShaving {
    fn default() -> Self {
        Self {
            limit_w: None,
            interval: None,
            asset: None,
            group: None,
            margin: 0.02,
            recharge_soc: None,
            meter_delay: Span::from_seconds(2),
            settle: Span::from_seconds(15),
        }
    }
}

impl PeakShaving {
    pub(super) fn build(&self, who: Who, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        let grid = grid_meter(model)?;
        let limit_w =
            self.limit_w.ok_or_else(|| Error::invalid("limit_w is missing, expected the most mean power in W"))?;
        let limit_w = watts("limit_w", limit_w)? * (1.0 - within("margin", self.margin, 0.0, 0.5)?);
        let tariff = model.model.tariff.as_ref().and_then(|tariff| tariff.demand_interval);
        let interval = self.interval.or(tariff).unwrap_or(Span::from_seconds(900));
        within("interval, in seconds,", interval.as_seconds(), 60.0, 86_400.0)?;
        let recharge_soc = self.recharge_soc.map(|soc| within("recharge_soc", soc, 0.0, 1.0)).transpose()?;
        let assets = Together::new(model, self.asset.as_ref(), self.group.as_ref(), Role::Battery)?;
        let (delay, settle) = (length("meter_delay", self.meter_delay)?, length("settle", self.settle)?);
        let rest = Rest::new(assets.members.clone(), 50.0, delay, settle);
        let longest_s = model.assets[grid].silent_after.max(who.valid_for.to_duration()).as_secs_f64();
        let demand = Demand { limit_w, interval, start: i64::MIN, longest_s, seen_s: 0.0, seen_ws: 0.0, last: None };
        Ok(Box::new(Shaver { who, assets, demand, recharge_soc, rest }))
    }
}

/// What an interval of the demand charge has used. What was not seen of it counts as at the limit: it lends nothing.
struct Demand {
    limit_w: f64,
    interval: Span,
    /// When the running interval began, by the wall clock in microseconds.
    start: i64,
    /// For how long the last reading of the grid meter may stand, in s.
    longest_s: f64,
    seen_s: f64,
    seen_ws: f64,
    /// The last look, by the monotonic clock in seconds.
    last: Option<f64>,
}

impl Demand {
    /// Counts the time since the last look, and says what the rest of the interval may use in the mean.
    fn left_w(&mut self, grid_w: f64, now: Moment) -> f64 {
        let (wall, length_s) = (now.wall.as_micros(), self.interval.as_seconds());
        let start = wall - wall.rem_euclid(self.interval.as_micros());
        let passed_s = Span::from_micros(wall - start).as_seconds();
        if start != self.start {
            (self.start, self.seen_s, self.seen_ws) = (start, 0.0, 0.0);
        }
        let elapsed = now.elapsed.as_secs_f64();
        let since_s = self.last.replace(elapsed).map_or(0.0, |last| elapsed - last);
        if since_s <= self.longest_s {
            let counted_s = since_s.min(passed_s);
            (self.seen_s, self.seen_ws) = (self.seen_s + counted_s, self.seen_ws + grid_w * counted_s);
        }
        if self.seen_s > passed_s {
            // The wall clock went back: the mean that was seen is kept.
            (self.seen_s, self.seen_ws) = (passed_s, self.seen_ws / self.seen_s * passed_s);
        }
        let used_ws = self.seen_ws + self.limit_w * (passed_s - self.seen_s);
        // Near the end a small remainder would divide to anything: the last fifteenth is taken whole.
        (self.limit_w * length_s - used_ws) / (length_s - passed_s).max(length_s / 15.0)
    }
}

/// Bounds what its assets draw together.
struct Shaver {
    who: Who,
    assets: Together,
    demand: Demand,
    recharge_soc: Option<f64>,
    rest: Rest,
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
        let limit_w = self.demand.limit_w;
        let left_w = self.demand.left_w(seen.grid_w, view.now);
        let (low_w, high_w) = self.assets.range_w(view.model);
        // Ten W are no reason for another command; they are rounded to the safe side.
        let most_w = ((left_w - seen.rest_w) / 10.0).floor() * 10.0;
        let socs = self.assets.members.iter().map(|place| view.fresh(*place, Measure::Soc));
        let lowest = socs.fold(Some(1.0), |lowest: Option<f64>, soc| Some(lowest?.min(soc?)));
        let charge = self.recharge_soc.zip(lowest).is_some_and(|(aim, soc)| soc < aim);
        let reason = format!("the interval has {left_w:.0} W left in the mean of {limit_w:.0} W");
        let wish = self.who.bounds(&self.assets.target, None, Some(most_w.max(low_w)), reason);
        if charge {
            let charge_w = (limit_w.min(left_w) - seen.rest_w).clamp(0.0, high_w).min(most_w);
            return vec![Proposal { power_w: Some(charge_w.max(low_w)), ..wish }];
        }
        if most_w >= high_w { Vec::new() } else { vec![wish] }
    }
}
