//! A battery as the engines of this folder see it: energy in kWh, power in kW, every wish about its energy as a kink.

use crate::optimize::checked::{Checked, Target};
use crate::optimize::{Asset, Battery};

use super::curve::{Curves, TOUCHING};

/// What costs `below` for each kWh below `at` and `above` for each kWh above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kink {
    pub(super) at: f64,
    pub(super) below: f64,
    pub(super) above: f64,
}

/// The battery of a site.
#[derive(Debug, Clone, Copy)]
pub(super) struct Store<'a> {
    checked: &'a Checked<'a>,
    pub(super) part: usize,
    pub(super) battery: &'a Battery,
    /// Whether its bounds are wishes, because it starts outside of them.
    recovers: bool,
}

impl<'a> Store<'a> {
    /// The one battery of a site, None where it has none.
    ///
    /// # Errors
    /// That there are several.
    pub(super) fn of(checked: &'a Checked<'a>) -> Result<Option<Self>, String> {
        let mut batteries = checked.site.assets.iter().enumerate().filter_map(|(part, asset)| match asset {
            Asset::Battery(battery) => Some((part, battery)),
            _ => None,
        });
        let Some((part, battery)) = batteries.next() else { return Ok(None) };
        if let Some((_, second)) = batteries.next() {
            return Err(format!("{} and {} are two stores", battery.name, second.name));
        }
        Ok(Some(Self { checked, part, battery, recovers: checked.starts_outside(battery) }))
    }

    pub(super) fn initial_kwh(&self) -> f64 {
        self.battery.initial_wh / 1000.0
    }

    /// The most power that goes in and out in a step, in kW on the AC side.
    pub(super) fn limits_kw(&self, step: usize) -> (f64, f64) {
        let (charge, discharge) = self.checked.battery_limits_w(self.battery, step);
        (charge / 1000.0, discharge / 1000.0)
    }

    /// The share of its energy that it keeps over a step.
    pub(super) fn kept(&self, step: usize) -> f64 {
        self.checked.kept(self.battery.self_discharge_per_hour, step)
    }

    /// The energy that it may hold at the end of a step, in kWh.
    pub(super) fn bounds_kwh(&self, step: usize) -> (f64, f64) {
        if self.recovers {
            return (0.0, self.battery.capacity_wh.max(self.battery.initial_wh) / 1000.0);
        }
        let bounds = self.checked.energy_bounds(self.battery, step);
        (bounds.min_wh / 1000.0, bounds.max_wh / 1000.0)
    }

    /// Whether anything is wished of its energy before the end.
    fn has_wishes(&self) -> bool {
        self.recovers || self.battery.preferred_min_wh.is_some() || self.battery.preferred_max_wh.is_some()
    }

    /// What is wished of its energy at the end of a step, as kinks; beside them, what each kWh then left is worth.
    fn each_wish(&self, step: usize, mut wish: impl FnMut(Kink)) -> f64 {
        if self.has_wishes() {
            self.each_bound(step, &mut wish);
        }
        if step + 1 < self.checked.steps() {
            return 0.0;
        }
        match self.checked.battery_target(self.battery) {
            Target::AtLeast { wh, per_kwh } => wish(Kink { at: wh / 1000.0, below: per_kwh, above: 0.0 }),
            Target::Exactly { wh, per_kwh } => wish(Kink { at: wh / 1000.0, below: per_kwh, above: per_kwh }),
            Target::Worth { per_kwh } => return per_kwh,
        }
        0.0
    }

    fn each_bound(&self, step: usize, wish: &mut impl FnMut(Kink)) {
        let hours = self.checked.hours[step];
        if self.recovers {
            let (bounds, price) = (self.checked.energy_bounds(self.battery, step), self.checked.shortage_per_kwh * hours);
            wish(Kink { at: bounds.min_wh / 1000.0, below: price, above: 0.0 });
            wish(Kink { at: bounds.max_wh / 1000.0, below: 0.0, above: price });
        }
        let price = self.battery.preference_per_kwh_h.unwrap_or(self.checked.shortage_per_kwh) * hours;
        if let Some(min) = &self.battery.preferred_min_wh {
            wish(Kink { at: min.at(step) / 1000.0, below: price, above: 0.0 });
        }
        if let Some(max) = &self.battery.preferred_max_wh {
            wish(Kink { at: max.at(step) / 1000.0, below: 0.0, above: price });
        }
    }

    /// Adds the wishes about the end of a step to the curve on top.
    pub(super) fn add_wishes(&self, step: usize, curves: &mut Curves) {
        let worth = self.each_wish(step, |kink| curves.add_kink(kink.at, kink.below, kink.above));
        if worth != 0.0 {
            curves.add_slope(-worth);
        }
    }

    /// What the wishes about the end of a step cost with an energy.
    pub(super) fn wishes_cost(&self, step: usize, kwh: f64) -> f64 {
        let mut cost = 0.0;
        let worth = self.each_wish(step, |Kink { at, below, above }| {
            cost += if kwh < at { below * (at - kwh) } else { above * (kwh - at) };
        });
        cost - worth * kwh
    }

    /// How bounds and wishes about the end of a step push at an energy: their subgradients, without end at a bound.
    pub(super) fn push(&self, step: usize, kwh: f64) -> (f64, f64) {
        let (mut left, mut right) = (0.0, 0.0);
        let worth = self.each_wish(step, |Kink { at, below, above }| {
            left += if kwh <= at + TOUCHING { -below } else { above };
            right += if kwh < at - TOUCHING { -below } else { above };
        });
        let (lowest, highest) = self.bounds_kwh(step);
        let left = if kwh <= lowest + TOUCHING { f64::NEG_INFINITY } else { left - worth };
        (left, if kwh >= highest - TOUCHING { f64::INFINITY } else { right - worth })
    }
}
