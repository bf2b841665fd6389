//! Surplus charging: a vehicle takes what is left over, on one phase or three, and all it can when its departure comes near.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::calendar::{SiteClock, time_of};
use super::phases::Modes;
use super::rest::Rest;
use super::settings::{Who, controlled_of, grid_meter, length, the_one, watts, within};
use super::{Actor, Measure, View};
use crate::control::{CheckedModel, Proposal, Role, Target};
use crate::error::Result;
use crate::model::{Name, Span, Timestamp, written};

/// Settings of the strategy that charges a vehicle with what is left over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SurplusCharging {
    /// The charger; the only one of the site unless told.
    pub asset: Option<Name>,
    /// Batteries charge first while their state of charge is below this: 0, the vehicle always comes first; 1, it takes what
    /// batteries leave. 0.5 unless told.
    pub battery_first_below_soc: f64,
    /// What may come from the grid beside the surplus, in W. 0 unless told.
    pub import_w: f64,
    /// How long there must be enough before it starts. A minute unless told.
    #[serde(with = "written::length")]
    pub start_after: Span,
    /// How long there must be too little before it stops; it charges with the least power meanwhile. Three minutes unless told.
    #[serde(with = "written::length")]
    pub stop_after: Span,
    /// How long it must be better on the other number of phases before they are switched. Five minutes unless told.
    #[serde(with = "written::length")]
    pub phases_after: Span,
    /// Over how long the surplus is smoothed. Twenty seconds unless told.
    #[serde(with = "written::length")]
    pub smooth: Span,
    /// No more is charged beyond this state of charge; the vehicle's `target_soc` unless told.
    pub limit_soc: Option<f64>,
    /// How much earlier than it must it charges with all power to be ready. A quarter of an hour unless told.
    #[serde(with = "written::length")]
    pub ready_before: Span,
}

impl Default for SurplusCharging {
    fn default() -> Self {
        Self {
            asset: None,
            battery_first_below_soc: 0.5,
            import_w: 0.0,
            start_after: Span::from_seconds(60),
            stop_after: Span::from_seconds(180),
            phases_after: Span::from_seconds(300),
            smooth: Span::from_seconds(20),
            limit_soc: None,
            ready_before: Span::from_seconds(900),
        }
    }
}

impl SurplusCharging {
    pub(super) fn build(&self, who: Who, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        grid_meter(model)?;
        watts("import_w", self.import_w)?;
        within("battery_first_below_soc", self.battery_first_below_soc, 0.0, 1.0)?;
        let charger = the_one(model, self.asset.as_ref(), Role::Charger)?;
        let vehicle = model.assets[charger].described.vehicle.as_ref();
        let limit_soc = self.limit_soc.or(vehicle.map(|vehicle| vehicle.target_soc)).unwrap_or(1.0);
        within("limit_soc", limit_soc, 0.0, 1.0)?;
        let departure = vehicle.and_then(|vehicle| vehicle.departure.as_deref());
        let departure = departure.map(|text| time_of("departure", text)).transpose()?;
        let batteries = controlled_of(model, &[Role::Battery]);
        let mut members = batteries.clone();
        members.push(charger);
        let ready_before = length("ready_before", self.ready_before)?;
        Ok(Box::new(Charging {
            target: Target::Asset(model.assets[charger].name.clone()),
            rest: Rest::new(members, 100.0, Duration::from_secs(2), Duration::from_secs(15)),
            modes: Modes::new(&model.assets[charger], self.start_after, self.stop_after, self.phases_after)?,
            smooth_s: length("smooth", self.smooth)?.as_secs_f64(),
            clock: SiteClock::new(model)?,
            settings: self.clone(),
            battery_first: true,
            surplus: None,
            must_until: None,
            who,
            charger,
            batteries,
            limit_soc,
            departure,
            ready_before,
        }))
    }
}

/// Charges a vehicle with what is left over.
struct Charging {
    who: Who,
    settings: SurplusCharging,
    charger: usize,
    target: Target,
    batteries: Vec<usize>,
    limit_soc: f64,
    departure: Option<jiff::civil::Time>,
    ready_before: Duration,
    clock: SiteClock,
    rest: Rest,
    modes: Modes,
    smooth_s: f64,
    battery_first: bool,
    /// What is left over, smoothed, in W, and when that was, by the monotonic clock.
    surplus: Option<(f64, Duration)>,
    /// The departure for which it charges with all power, once it has to.
    must_until: Option<Timestamp>,
}

impl Charging {
    /// What is left over for the vehicle, smoothed, in W.
    fn surplus_w(&mut self, view: &View<'_>) -> Option<f64> {
        let Some(seen) = self.rest.look(view) else {
            self.surplus = None;
            return None;
        };
        let socs = self.batteries.iter().map(|place| view.fresh(*place, Measure::Soc).unwrap_or(0.0));
        let lowest = socs.fold(1.0, f64::min);
        let bound = self.settings.battery_first_below_soc;
        // Once batteries have had their share they lose the preference only two hundredths below it.
        self.battery_first = lowest < if self.battery_first { bound } else { bound - 0.02 };
        let charge_w = |place: &usize| view.model.assets[*place].high_w;
        let kept_w = if self.battery_first { self.batteries.iter().map(charge_w).sum() } else { 0.0 };
        let left_w = self.settings.import_w - seen.rest_w - kept_w;
        let smoothed_w = self.surplus.map_or(left_w, |(before_w, at)| {
            let share = 1.0 - (-(view.now.elapsed.saturating_sub(at)).as_secs_f64() / self.smooth_s.max(0.001)).exp();
            before_w + (left_w - before_w) * share
        });
        self.surplus = Some((smoothed_w, view.now.elapsed));
        Some(smoothed_w)
    }

    /// Whether it has to charge with all power to be ready in time; once it has to it does so until the departure.
    fn must(&mut self, soc: Option<f64>, view: &View<'_>) -> bool {
        let asset = &view.model.assets[self.charger];
        let Some((vehicle, soc)) = asset.described.vehicle.as_ref().zip(soc) else { return false };
        if soc >= vehicle.target_soc {
            self.must_until = None;
        } else if self.must_until.is_none_or(|until| until <= view.now.wall) {
            let lacks_wh = (vehicle.target_soc - soc) * vehicle.capacity_wh / vehicle.charge_efficiency;
            let takes = Duration::from_secs_f64((lacks_wh / asset.high_w * 3_600.0).clamp(0.0, 1e6)) + self.ready_before;
            let departure = self.departure.and_then(|time| self.clock.next(view.now.wall, time));
            self.must_until = departure.filter(|departure| departure.since(view.now.wall).to_duration() <= takes);
        }
        self.must_until.is_some()
    }
}

impl Actor for Charging {
    fn name(&self) -> &Name {
        &self.who.name
    }

    fn every(&self) -> Span {
        self.who.every
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        let asset = &view.model.assets[self.charger];
        let surplus_w = self.surplus_w(view);
        let connected = view.fresh(self.charger, Measure::Connected).map(|connected| connected >= 0.5);
        if asset.described.connected.is_some() && connected != Some(true) {
            self.modes.stop();
            self.must_until = None;
            return Vec::new();
        }
        let soc = view.fresh(self.charger, Measure::Soc);
        if self.must(soc, view) {
            let until = self.must_until.unwrap_or(view.now.wall);
            return vec![self.who.power(&self.target, asset.high_w, format!("it leaves at {until}"))];
        }
        if soc.is_some_and(|soc| soc >= self.limit_soc) {
            self.modes.stop();
            return vec![self.who.power(&self.target, 0.0, format!("it has {:.0} %", self.limit_soc * 100.0))];
        }
        let Some(surplus_w) = surplus_w else {
            self.modes.stop();
            return Vec::new();
        };
        let power_w = self.modes.choose(surplus_w, view.now.elapsed);
        vec![self.who.power(&self.target, power_w, format!("{surplus_w:.0} W are left over"))]
    }
}
