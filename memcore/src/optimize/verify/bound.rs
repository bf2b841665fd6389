//! A bound of the cost from the prices alone (weak duality): at given prices of the buses and values of stored energy, no part can do
//! better by itself than its own best answer to them, and the sum of those answers is below the cost of every plan. Any prices give
//! a valid bound; the right ones give the optimum of a convex site. Nothing of it comes from an engine but the prices.
//!
//! Money is in the site's currency, power in kW, energy in kWh. What couples parts beside the buses (reserve, smoothness, staying
//! with a plan) costs zero or more and is left out, as are least times.

use std::borrow::Cow;

use crate::optimize::checked::{Checked, Target};
use crate::optimize::{Asset, Battery, Deferrable, Ev, Genset, Heat, HeatPump, Link, Profile, Session, Source, Tank};

/// The most values of its energy that are tried for one session of a vehicle.
const MOST_VALUES: usize = 200;

/// What the bound is made from.
struct Duals<'a> {
    checked: &'a Checked<'a>,
    /// By bus and step; moved to where no unlimited grid could trade without end.
    prices: Cow<'a, [Vec<f64>]>,
    water: &'a [(usize, Vec<f64>)],
}

/// The bound; None where the prices leave something out that it takes.
pub(super) fn price_bound(checked: &Checked<'_>, prices: &[Vec<f64>], water: &[(usize, Vec<f64>)]) -> Option<f64> {
    if prices.len() != checked.buses.len() || prices.iter().flatten().any(|price| !price.is_finite()) {
        return None;
    }
    let mut duals = Duals { checked, prices: Cow::Borrowed(prices), water };
    duals.tame();
    let mut bound = 0.0;
    for (part, asset) in checked.assets() {
        bound += duals.asset(part, asset)?;
    }
    for link in &checked.site.links {
        bound += duals.link(link)?;
    }
    bound.is_finite().then_some(bound)
}

impl Duals<'_> {
    /// Where a grid may import (export) without limit, no price is above what it costs (below what it earns) there.
    fn tame(&mut self) {
        for (part, asset) in self.checked.assets() {
            let Asset::Grid(grid) = asset else { continue };
            let limited = grid.import_limit_w.is_some() && grid.export_limit_w.is_some();
            if grid.quadratic_per_kw2h > 0.0 || limited {
                continue;
            }
            let carbon = self.checked.site.carbon_price_per_kg / 1000.0;
            for (step, price) in self.prices.to_mut()[self.checked.bus_of[part]].iter_mut().enumerate() {
                if grid.import_limit_w.is_none() && grid.demand_charges.is_empty() {
                    *price = price.min(grid.buy_per_kwh.at(step) + carbon * grid.carbon_g_per_kwh.at(step));
                }
                if grid.export_limit_w.is_none() {
                    *price = price.max(grid.sell_per_kwh.at(step));
                }
            }
        }
    }

    fn steps(&self) -> impl Iterator<Item = (usize, f64)> {
        self.checked.hours.iter().copied().enumerate()
    }

    fn price(&self, part: usize) -> &[f64] {
        &self.prices[self.checked.bus_of[part]]
    }

    fn water(&self, part: usize) -> Option<&[f64]> {
        let (_, values) = self.water.iter().find(|(of, _)| *of == part)?;
        (values.len() == self.checked.steps() && values.iter().all(|value| value.is_finite())).then_some(values)
    }

    fn asset(&self, part: usize, asset: &Asset) -> Option<f64> {
        match asset {
            Asset::Grid(grid) => super::bound_grid::least(self.checked, grid, self.price(part)),
            Asset::Pv(source) => Some(self.source(part, source)),
            Asset::Battery(battery) => Some(self.battery(part, battery, self.water(part)?)),
            Asset::Ev(ev) => Some(ev.sessions.iter().map(|session| self.session(part, ev, session)).sum()),
            Asset::Deferrable(load) => Some(self.deferrable(part, load)),
            Asset::HeatPump(pump) => match &pump.heat {
                Heat::Tank(tank) => Some(self.tank(part, pump, tank, self.water(part)?)),
                Heat::Building(_) => None,
            },
            Asset::Genset(genset) => Some(self.genset(part, genset)),
            Asset::Load(load) => {
                let shedding = self.checked.shedding(load);
                let of_step = |(step, hours): (usize, f64)| {
                    let (price, power) = (self.price(part)[step], load.power_w.at(step) / 1000.0);
                    let shed = shedding.map_or(0.0, |(per_kwh, share)| share * (per_kwh - price).min(0.0));
                    hours * power * (price + shed)
                };
                Some(self.steps().map(of_step).sum())
            }
        }
    }

    fn source(&self, part: usize, source: &Source) -> f64 {
        let of_step = |(step, hours): (usize, f64)| {
            let used = source.cost_per_kwh - self.price(part)[step];
            let least = if source.curtailable { used.min(source.curtailment_per_kwh) } else { used };
            hours * least * self.checked.available_w(source, step) / 1000.0
        };
        self.steps().map(of_step).sum()
    }

    fn link(&self, link: &Link) -> Option<f64> {
        let place = |name: &str| self.checked.buses.iter().position(|bus| *bus == name);
        let (from, to) = (&self.prices[place(&link.from)?], &self.prices[place(&link.to)?]);
        let reverse = link.reverse_limit_w.as_ref().unwrap_or(&link.limit_w);
        let of_step = |(step, hours): (usize, f64)| {
            let there = (link.cost_per_kwh + from[step] - link.efficiency * to[step]) * link.limit_w.at(step);
            let back = (link.cost_per_kwh + to[step] - link.efficiency * from[step]) * reverse.at(step);
            hours * either(link.exclusive, there, back) / 1000.0
        };
        Some(self.steps().map(of_step).sum())
    }

    fn battery(&self, part: usize, battery: &Battery, water: &[f64]) -> f64 {
        let price = self.price(part);
        let mut bound = -water[0] * self.checked.kept(battery.self_discharge_per_hour, 0) * battery.initial_wh / 1000.0;
        for (step, hours) in self.steps() {
            let (charge_w, discharge_w) = self.checked.battery_limits_w(battery, step);
            let charge = (price[step] - water[step] * battery.charge_efficiency) * charge_w;
            let discharge = (battery.wear_per_kwh - price[step] + water[step] / battery.discharge_efficiency) * discharge_w;
            bound += hours * either(battery.exclusive, charge, discharge) / 1000.0;
            bound += self.held(battery, step, self.slope(battery.self_discharge_per_hour, water, step));
        }
        bound
    }

    /// What a kWh held at the end of a step costs: its value there less what it is worth after the next step.
    fn slope(&self, loss_per_hour: f64, water: &[f64], step: usize) -> f64 {
        let next = water.get(step + 1).map_or(0.0, |next| next * self.checked.kept(loss_per_hour, step + 1));
        water[step] - next
    }

    /// The best energy at the end of a step: one of the places where its cost bends.
    fn held(&self, battery: &Battery, step: usize, slope: f64) -> f64 {
        let bounds = self.checked.energy_bounds(battery, step);
        let soft = self.checked.starts_outside(battery);
        let wished = battery.preferred_min_wh.is_some() || battery.preferred_max_wh.is_some();
        if !soft && !wished && step + 1 < self.checked.steps() {
            // A straight line between two hard bounds.
            return (slope * bounds.min_wh).min(slope * bounds.max_wh) / 1000.0;
        }
        let (low, high) = if soft { (0.0, battery.capacity_wh) } else { (bounds.min_wh, bounds.max_wh) };
        let last = step + 1 == self.checked.steps();
        let target = last.then(|| self.checked.battery_target(battery));
        let preferred = |profile: &Option<Profile>, none: f64| profile.as_ref().map_or(none, |profile| profile.at(step));
        let wish = [preferred(&battery.preferred_min_wh, low), preferred(&battery.preferred_max_wh, high)];
        let wish_price = battery.preference_per_kwh_h.unwrap_or(self.checked.shortage_per_kwh) * self.checked.hours[step];
        let bound_price = if soft { self.checked.shortage_per_kwh * self.checked.hours[step] } else { 0.0 };
        let cost = |wh: f64| {
            let outside = |[min, max]: [f64; 2]| (min - wh).max(wh - max).max(0.0);
            let wishes = wish_price * outside(wish) + bound_price * outside([bounds.min_wh, bounds.max_wh]);
            (slope * wh + wishes) / 1000.0 + target.map_or(0.0, |target| missed(target, wh))
        };
        let bends = [low, high, wish[0], wish[1], bounds.min_wh, bounds.max_wh, target.map_or(low, asked_wh)];
        bends.into_iter().map(|wh| cost(wh.clamp(low, high))).fold(f64::INFINITY, f64::min)
    }

    fn tank(&self, part: usize, pump: &HeatPump, tank: &Tank, water: &[f64]) -> f64 {
        // Heat that is missing may be made up without limit, at its price: no heat is worth more.
        let most = self.checked.unmet_per_kwh(tank);
        let water: Vec<f64> = water.iter().map(|value| value.min(most)).collect();
        let mut bound = -water[0] * self.checked.kept(tank.loss_per_hour, 0) * tank.initial_wh / 1000.0;
        for (step, hours) in self.steps() {
            let power = self.price(part)[step] - water[step] * pump.cop.at(step);
            bound += hours * (power * pump.max_w.at(step)).min(0.0) / 1000.0;
            bound += hours * water[step] * tank.demand_w.at(step) / 1000.0;
            let slope = self.slope(tank.loss_per_hour, &water, step);
            let target = (step + 1 == water.len()).then(|| self.checked.tank_target(tank));
            let cost = |wh: f64| slope * wh / 1000.0 + target.map_or(0.0, |target| missed(target, wh));
            let (low, high) = (tank.min_wh.at(step), tank.capacity_wh);
            let bends = [low, high, target.map_or(low, asked_wh).clamp(low, high)];
            bound += bends.into_iter().map(cost).fold(f64::INFINITY, f64::min);
        }
        bound
    }

    /// A session at the best single value of its energy: at one of the prices, or that of a missing kWh.
    fn session(&self, part: usize, ev: &Ev, session: &Session) -> f64 {
        let there = self.checked.session_steps(session);
        if there.is_empty() {
            return 0.0;
        }
        let per_kwh = self.checked.ev_shortfall_per_kwh(ev);
        let target = Target::AtLeast { wh: self.checked.session_target_wh(ev, session), per_kwh };
        let limit = self.checked.session_limit_wh(ev, session);
        let most_w = ev.charging.bands_w().iter().fold(0.0_f64, |most, band| most.max(band.1));
        let at = |value: f64| {
            let flows = there.clone().map(|step| {
                let price = self.price(part)[step];
                let charge = (price - value * ev.charge_efficiency) * most_w;
                let discharge = (ev.wear_per_kwh - price + value / ev.discharge_efficiency) * ev.discharge_limit_w;
                self.checked.hours[step] * either(true, charge, discharge) / 1000.0
            });
            let end = |wh: f64| value * wh / 1000.0 + missed(target, wh);
            let ends = [0.0, limit, asked_wh(target).clamp(0.0, limit)].map(end);
            flows.sum::<f64>() - value * session.initial_wh / 1000.0 + ends.into_iter().fold(f64::INFINITY, f64::min)
        };
        // Any value bounds it; of a session of many steps so many prices are tried, from the lowest to the highest.
        let mut prices: Vec<f64> = there.clone().map(|step| self.price(part)[step] / ev.charge_efficiency).collect();
        prices.sort_by(f64::total_cmp);
        let apart = prices.len().div_ceil(MOST_VALUES);
        prices.into_iter().step_by(apart).chain([0.0, per_kwh]).map(at).fold(f64::NEG_INFINITY, f64::max)
    }

    /// On and off with what it costs to change between them, without least times and ramps.
    fn genset(&self, part: usize, genset: &Genset) -> f64 {
        let carbon = genset.carbon_g_per_kwh / 1000.0 * self.checked.site.carbon_price_per_kg;
        let (mut off, mut on) = if genset.initially_on { (f64::INFINITY, 0.0) } else { (0.0, f64::INFINITY) };
        for (step, hours) in self.steps() {
            let per_kwh = genset.marginal_per_kwh + carbon - self.price(part)[step];
            let runs = hours * ((per_kwh * genset.min_w).min(per_kwh * genset.max_w) / 1000.0 + genset.no_load_per_h);
            let may = genset.available.as_ref().is_none_or(|available| available.at(step) > 0.0);
            let stays_off = off.min(on + genset.stop_cost);
            on = if may { on.min(off + genset.start_cost) + runs } else { f64::INFINITY };
            off = stays_off;
        }
        off.min(on)
    }

    fn deferrable(&self, part: usize, load: &Deferrable) -> f64 {
        let window = self.checked.run_window(load);
        let short = |ran: f64| self.checked.run_shortfall_per_h(load) * (self.checked.run_hours(load) - ran).max(0.0);
        if !load.contiguous {
            return self.scattered(part, load);
        }
        let mut least = short(0.0);
        for first in window.clone() {
            let (mut cost, mut ran) = (if load.running && first == 0 { 0.0 } else { load.start_cost }, 0.0);
            let run = first..(first + self.checked.steps_to_cover(first, load.run_time)).min(window.end);
            for step in run {
                let power_w = load.shape_w.get(step - first).copied().unwrap_or(load.power_w);
                cost += self.price(part)[step] * power_w / 1000.0 * self.checked.hours[step];
                ran += self.checked.hours[step];
                least = least.min(cost + short(ran));
            }
        }
        least
    }

    /// The cheapest hours, as if any part of a step could be run.
    fn scattered(&self, part: usize, load: &Deferrable) -> f64 {
        let mut steps: Vec<usize> = self.checked.run_window(load).collect();
        let price = self.price(part);
        steps.sort_by(|one, other| price[*one].total_cmp(&price[*other]));
        let per_h = self.checked.run_shortfall_per_h(load);
        let longest = self.checked.hours.iter().copied().fold(0.0, f64::max);
        let mut needed = self.checked.run_hours(load);
        let (mut surplus, mut cost) = (longest, per_h * needed);
        for step in steps {
            let hourly = price[step] * load.power_w / 1000.0;
            let run = self.checked.hours[step].min(needed);
            cost += run * (hourly - per_h).min(0.0);
            needed -= run;
            let more = (self.checked.hours[step] - run).min(surplus);
            cost += more * hourly.min(0.0);
            surplus -= more;
        }
        cost
    }
}

/// The best of two answers that exclude each other, or of both together.
fn either(exclusive: bool, one: f64, other: f64) -> f64 {
    if exclusive { one.min(other).min(0.0) } else { one.min(0.0) + other.min(0.0) }
}

/// What an energy at the end costs against what was asked for.
fn missed(target: Target, wh: f64) -> f64 {
    match target {
        Target::AtLeast { wh: asked, per_kwh } => per_kwh * (asked - wh).max(0.0) / 1000.0,
        Target::Exactly { wh: asked, per_kwh } => per_kwh * (asked - wh).abs() / 1000.0,
        Target::Worth { per_kwh } => -per_kwh * wh / 1000.0,
    }
}

fn asked_wh(target: Target) -> f64 {
    match target {
        Target::AtLeast { wh, .. } | Target::Exactly { wh, .. } => wh,
        Target::Worth { .. } => 0.0,
    }
}
