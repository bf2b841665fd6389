//! A site that was checked: what its words mean on its horizon, said once for every engine and for the verifier.

use super::{Asset, Battery, Building, DemandCharge, Session, Site, Tank, Terminal};
use crate::model::Span;

/// A site that passed every check, with what follows from it. Engines and the verifier take nothing else.
///
/// Part `i` is asset `i` of the site; its links follow. Methods give W and Wh, as the site does; prices are per kWh.
#[derive(Debug)]
pub(in crate::optimize) struct Checked<'a> {
    pub(in crate::optimize) site: &'a Site,
    /// The length of each step.
    pub(in crate::optimize) hours: Vec<f64>,
    pub(in crate::optimize) buses: Vec<&'a str>,
    /// The bus of each asset, as a place in `buses`.
    pub(in crate::optimize) bus_of: Vec<usize>,
    /// The price of a kWh that was asked for and is missing, where nothing else says.
    pub(in crate::optimize) shortage_per_kwh: f64,
    /// What was changed or assumed in the input, in sentences.
    pub(in crate::optimize) notices: Vec<String>,
}

/// The limits of a store's energy in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::optimize) struct EnergyBounds {
    pub(in crate::optimize) min_wh: f64,
    pub(in crate::optimize) max_wh: f64,
}

/// What is asked of a store's energy at the end of the horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::optimize) enum Target {
    /// Each kWh below costs `per_kwh`.
    AtLeast { wh: f64, per_kwh: f64 },
    /// Each kWh below or above costs `per_kwh`.
    Exactly { wh: f64, per_kwh: f64 },
    /// Each kWh is worth so much.
    Worth { per_kwh: f64 },
}

impl<'a> Checked<'a> {
    pub(in crate::optimize) fn steps(&self) -> usize {
        self.hours.len()
    }

    /// The assets with their places.
    pub(in crate::optimize) fn assets(&self) -> impl Iterator<Item = (usize, &'a Asset)> {
        self.site.assets.iter().enumerate()
    }

    /// How many parts there are: assets, then links.
    pub(in crate::optimize) fn parts(&self) -> usize {
        self.site.assets.len() + self.site.links.len()
    }

    /// The name of a part.
    pub(in crate::optimize) fn part_name(&self, part: usize) -> &'a str {
        let assets = &self.site.assets;
        assets.get(part).map_or_else(|| self.site.links[part - assets.len()].name.as_str(), Asset::name)
    }

    /// How many whole steps from `first` on cover a length of time; fewer where the horizon ends before.
    pub(in crate::optimize) fn steps_to_cover(&self, first: usize, length: Span) -> usize {
        let borders = self.site.horizon.borders();
        let covered = borders[first].saturating_add(length);
        let ends = &borders[first + 1..];
        if length.as_micros() <= 0 { 0 } else { (ends.partition_point(|end| *end < covered) + 1).min(ends.len()) }
    }

    /// A battery's limits of energy at the end of a step. Where it starts outside of them they are wishes, each kWh outside costing
    /// the price of shortage an hour, within the capacity: see [`starts_outside`](Self::starts_outside).
    pub(in crate::optimize) fn energy_bounds(&self, battery: &Battery, step: usize) -> EnergyBounds {
        let max_wh = battery.max_wh.as_ref().map_or(battery.capacity_wh, |max| max.at(step).min(battery.capacity_wh));
        EnergyBounds { min_wh: battery.min_wh.at(step).max(0.0), max_wh }
    }

    /// Whether a battery starts below its minimum or above its maximum, so that its bounds are wishes until it has recovered.
    pub(in crate::optimize) fn starts_outside(&self, battery: &Battery) -> bool {
        let bounds = self.energy_bounds(battery, 0);
        battery.initial_wh < bounds.min_wh || battery.initial_wh > bounds.max_wh
    }

    /// What is asked of a battery at the end.
    pub(in crate::optimize) fn battery_target(&self, battery: &Battery) -> Target {
        self.target(battery.terminal, battery.initial_wh)
    }

    /// What is asked of a tank at the end.
    pub(in crate::optimize) fn tank_target(&self, tank: &Tank) -> Target {
        self.target(tank.terminal, tank.initial_wh)
    }

    fn target(&self, terminal: Terminal, initial_wh: f64) -> Target {
        let per_kwh = self.shortage_per_kwh;
        match terminal {
            Terminal::AtLeastInitial => Target::AtLeast { wh: initial_wh, per_kwh },
            Terminal::AtLeastWh(wh) => Target::AtLeast { wh, per_kwh },
            Terminal::ExactlyWh(wh) => Target::Exactly { wh, per_kwh },
            Terminal::ValuePerKwh(per_kwh) => Target::Worth { per_kwh },
            Terminal::Free => Target::Worth { per_kwh: 0.0 },
        }
    }

    /// The share of a store's energy that is left after a step: `(1 - loss)^hours`.
    pub(in crate::optimize) fn kept(&self, loss_per_hour: f64, step: usize) -> f64 {
        if loss_per_hour == 0.0 { 1.0 } else { (1.0 - loss_per_hour).powf(self.hours[step]) }
    }

    /// The most that a battery may be charged and discharged with in a step, in W on the AC side.
    pub(in crate::optimize) fn battery_limits_w(&self, battery: &Battery, step: usize) -> (f64, f64) {
        let (charge, discharge) = (battery.charge_limit_w.at(step), battery.discharge_limit_w.at(step));
        match battery.limits_at {
            super::Side::Ac => (charge, discharge),
            super::Side::Dc => (charge / battery.charge_efficiency, discharge * battery.discharge_efficiency),
        }
    }

    /// How a building's temperature goes over a step: `T' = keep * T + per_heat_w * heat_w + drift`.
    pub(in crate::optimize) fn building_step(&self, building: &Building, step: usize) -> (f64, f64, f64) {
        let (capacity, loss) = (building.capacity_wh_per_k, building.loss_w_per_k);
        let hours = self.hours[step];
        if loss == 0.0 {
            return (1.0, hours / capacity, building.gains_w.at(step) * hours / capacity);
        }
        let keep = (-loss * hours / capacity).exp();
        let lost = -(-loss * hours / capacity).exp_m1();
        let drift = lost * (building.outdoor_c.at(step) + building.gains_w.at(step) / loss);
        (keep, lost / loss, drift)
    }

    /// The intervals of a demand charge: for each, its steps with their weights, so that its mean power is `sum of weight * import`.
    /// Steps in which the charge does not apply are in none; an interval with no such step is left out. A step is of the interval that
    /// it starts in; where such steps are longer than the interval together, the mean is over them.
    pub(in crate::optimize) fn demand_intervals(&self, charge: &DemandCharge) -> Vec<Vec<(usize, f64)>> {
        let applies = |step: usize| charge.applies.as_ref().is_none_or(|applies| applies.at(step) > 0.0);
        let starts = self.site.horizon.starts();
        let interval_of = |step: usize| match charge.interval {
            Some(interval) => starts[step].as_micros().div_euclid(interval.as_micros()),
            None => step as i64,
        };
        let mut intervals: Vec<(i64, Vec<(usize, f64)>)> = Vec::new();
        for step in (0..self.steps()).filter(|step| applies(*step)) {
            let hours = match charge.interval {
                Some(interval) => (interval.as_micros() as f64 / 3.6e9).max(self.hours[step]),
                None => self.hours[step],
            };
            let weighted = (step, self.hours[step] / hours);
            match intervals.last_mut().filter(|(number, _)| *number == interval_of(step)) {
                Some((_, steps)) => steps.push(weighted),
                None => intervals.push((interval_of(step), vec![weighted])),
            }
        }
        let mean = |mut steps: Vec<(usize, f64)>| {
            let whole: f64 = steps.iter().map(|(_, weight)| weight).sum();
            if whole > 1.0 + 1e-9 {
                steps.iter_mut().for_each(|(_, weight)| *weight /= whole);
            }
            steps
        };
        intervals.into_iter().map(|(_, steps)| mean(steps)).collect()
    }

    /// The steps of a vehicle's session; empty where none lies wholly within it.
    pub(in crate::optimize) fn session_steps(&self, session: &Session) -> std::ops::Range<usize> {
        self.site.horizon.steps_within(session.arrival, session.departure)
    }

    /// What each kWh of a load that is not served costs, and the share that may be shed; None where it must be served.
    pub(in crate::optimize) fn shedding(&self, load: &super::Load) -> Option<(f64, f64)> {
        let by_priority = load.priority.map(|priority| f64::from(1 + priority) * self.shortage_per_kwh);
        Some((load.value_of_lost_load_per_kwh.or(by_priority)?, load.sheddable_share))
    }
}
