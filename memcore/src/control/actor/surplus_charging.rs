//! Surplus charging: a vehicle takes what is left over, on one phase or three, and all it can when its departure comes near.

use std::time::Duration;

use super::checks::{Who, controlled_of, grid_meter, in_watts, length, the_one, within};
use super::departure::Departure;
use super::phases::Modes;
use super::rest::Rest;
use super::{Actor, Measure, SurplusCharging, View};
use crate::control::{CheckedModel, Proposal, Role, Target};
use crate::error::Result;
use crate::model::{Name, Span};

impl SurplusCharging {
    pub(super) fn build(&self, who: Who, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        grid_meter(model)?;
        in_watts("import_w", self.import_w)?;
        within("battery_first_below_soc", self.battery_first_below_soc, 0.0, 1.0)?;
        let charger = the_one(model, self.asset.as_ref(), Role::Charger)?;
        let vehicle = model.assets[charger].described.vehicle.as_ref();
        let limit_soc = self.limit_soc.or(vehicle.map(|vehicle| vehicle.target_soc)).unwrap_or(1.0);
        within("limit_soc", limit_soc, 0.0, 1.0)?;
        let batteries = controlled_of(model, &[Role::Battery]);
        let mut members = batteries.clone();
        members.push(charger);
        let departure = Departure::new(length("ready_before", self.ready_before)?);
        Ok(Box::new(Charging {
            target: Target::Asset(model.assets[charger].name.clone()),
            rest: Rest::new(members, 100.0, Duration::from_secs(2), Duration::from_secs(15)),
            modes: Modes::new(&model.assets[charger], self.start_after, self.stop_after, self.phases_after)?,
            smooth_s: length("smooth", self.smooth)?.as_secs_f64(),
            settings: self.clone(),
            battery_first: true,
            surplus: None,
            who,
            charger,
            batteries,
            limit_soc,
            departure,
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
    departure: Departure,
    rest: Rest,
    modes: Modes,
    smooth_s: f64,
    battery_first: bool,
    /// What is left over, smoothed, in W, and when that was, by the monotonic clock.
    surplus: Option<(f64, Duration)>,
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
            self.departure.forget();
            return Vec::new();
        }
        let soc = view.fresh(self.charger, Measure::Soc);
        if let Some(until) = self.departure.presses(asset, soc, view) {
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
