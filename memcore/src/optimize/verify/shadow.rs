//! What another kW or kWh of a limit is worth in a step, from the prices of the buses and the values of stored energy: the gain of a
//! kW more where the limit binds, and nothing where it does not (complementary slackness). The same for every engine.

use super::walk::{Walk, tolerance};
use crate::optimize::{Asset, Battery, Genset, Grid, Link, Profile, Quantity, ShadowPrice, Source};

/// Less than this in the site's currency is nothing.
const NOTHING: f64 = 1e-9;

/// What the prices say of the limits of a site.
struct Shadows<'w, 'a> {
    walk: &'w Walk<'a>,
    prices: &'w [Vec<f64>],
    found: Vec<ShadowPrice>,
}

/// All limits that bind somewhere and are worth something there.
pub(super) fn prices(walk: &Walk<'_>, prices: &[Vec<f64>], water: &[(usize, Vec<f64>)]) -> Vec<ShadowPrice> {
    let mut shadows = Shadows { walk, prices, found: Vec::new() };
    for (part, asset) in walk.checked.assets() {
        let value = water.iter().find(|(of, _)| *of == part).map(|(_, values)| &values[..]);
        match (asset, value) {
            (Asset::Grid(grid), _) => shadows.grid(part, grid),
            (Asset::Pv(source), _) => shadows.source(part, source),
            (Asset::Battery(battery), Some(value)) => shadows.battery(part, battery, value),
            (Asset::Genset(genset), _) => shadows.genset(part, genset),
            _ => {}
        }
    }
    for (place, link) in walk.checked.site.links.iter().enumerate() {
        shadows.link(walk.checked.site.assets.len() + place, link);
    }
    shadows.found
}

impl<'w> Shadows<'w, '_> {
    /// Adds a limit where it binds and is worth something.
    fn add(&mut self, part: usize, limit: &'static str, binds: impl Fn(usize) -> bool, worth: impl Fn(usize) -> f64) {
        let steps = self.walk.steps();
        let worth_of = |step: &usize| if binds(*step) { worth(*step) } else { 0.0 };
        let Some(first) = (0..steps).find(|step| worth_of(step) > NOTHING) else { return };
        let mut values = vec![0.0; steps];
        for (step, value) in values.iter_mut().enumerate().skip(first) {
            let worth = worth_of(&step);
            *value = if worth > NOTHING { worth } else { 0.0 };
        }
        self.found.push(ShadowPrice { part: self.walk.checked.part_name(part).to_owned(), limit, values });
    }

    /// The price at the bus of an asset.
    fn price(&self, part: usize) -> &'w [f64] {
        &self.prices[self.walk.checked.bus_of[part]]
    }

    fn grid(&mut self, part: usize, grid: &Grid) {
        let (walk, hours) = (self.walk, &self.walk.checked.hours);
        let price = self.price(part);
        let carbon = walk.checked.site.carbon_price_per_kg / 1000.0;
        let buy = |step: usize| grid.buy_per_kwh.at(step) + carbon * grid.carbon_g_per_kwh.at(step);
        // What a square of the power adds at the margin.
        let square = |power_w: f64| 2.0 * grid.quadratic_per_kw2h * power_w / 1000.0;
        if let Some(limit) = &grid.import_limit_w {
            let import = walk.column(part, Quantity::Import);
            let worth = |step: usize| hours[step] * (price[step] - buy(step) - square(import[step]));
            self.add(part, "import_limit_w", reaches(import, limit), worth);
        }
        if let Some(limit) = &grid.export_limit_w {
            let export = walk.column(part, Quantity::Export);
            let worth = |step: usize| hours[step] * (grid.sell_per_kwh.at(step) - price[step] - square(export[step]));
            self.add(part, "export_limit_w", reaches(export, limit), worth);
        }
    }

    fn source(&mut self, part: usize, source: &Source) {
        let (walk, hours) = (self.walk, &self.walk.checked.hours);
        let price = self.price(part);
        let curtailed = walk.column(part, Quantity::Curtailed);
        let all_used = |step: usize| curtailed[step] <= tolerance(0.0);
        self.add(part, "available_w", all_used, |step| hours[step] * (price[step] - source.cost_per_kwh));
    }

    fn battery(&mut self, part: usize, battery: &Battery, value: &[f64]) {
        let (walk, checked) = (self.walk, self.walk.checked);
        let hours = &checked.hours;
        let price = self.price(part);
        let (charge, discharge) = (walk.column(part, Quantity::Charge), walk.column(part, Quantity::Discharge));
        let energy = walk.column(part, Quantity::Energy);
        let at = |power: f64, limit: f64| limit - power <= tolerance(limit);
        let full_charge = |step: usize| at(charge[step], checked.battery_limits_w(battery, step).0);
        let full_discharge = |step: usize| at(discharge[step], checked.battery_limits_w(battery, step).1);
        let (into, out) = (battery.charge_efficiency, 1.0 / battery.discharge_efficiency);
        self.add(part, "charge_limit_w", full_charge, |step| hours[step] * (value[step] * into - price[step]));
        self.add(part, "discharge_limit_w", full_discharge, |step| {
            hours[step] * (price[step] - battery.wear_per_kwh - value[step] * out)
        });
        // What a kWh is worth after the next step, less what it is worth now. The end has its own terms.
        let gain = |step: usize| match value.get(step + 1) {
            Some(next) => next * checked.kept(battery.self_discharge_per_hour, step + 1) - value[step],
            None => 0.0,
        };
        let full = |step: usize| at(energy[step], checked.energy_bounds(battery, step).max_wh);
        let empty = |step: usize| at(checked.energy_bounds(battery, step).min_wh, energy[step]);
        let max = if battery.max_wh.is_some() { "max_wh" } else { "capacity_wh" };
        self.add(part, max, full, gain);
        self.add(part, "min_wh", empty, |step| -gain(step));
    }

    fn genset(&mut self, part: usize, genset: &Genset) {
        let (walk, hours) = (self.walk, &self.walk.checked.hours);
        let price = self.price(part);
        let carbon = genset.carbon_g_per_kwh / 1000.0 * walk.checked.site.carbon_price_per_kg;
        let cost = genset.marginal_per_kwh + carbon;
        let limit = Profile::Constant(genset.max_w);
        let power = walk.column(part, Quantity::Power);
        self.add(part, "max_w", reaches(power, &limit), |step| hours[step] * (price[step] - cost));
    }

    fn link(&mut self, part: usize, link: &Link) {
        let checked = self.walk.checked;
        let place = |name: &str| checked.buses.iter().position(|bus| *bus == name).unwrap_or(0);
        let (from, to) = (&self.prices[place(&link.from)][..], &self.prices[place(&link.to)][..]);
        let worth = |step: usize, here: &[f64], there: &[f64]| {
            checked.hours[step] * (link.efficiency * there[step] - here[step] - link.cost_per_kwh)
        };
        let (forward, reverse) = (self.walk.column(part, Quantity::Forward), self.walk.column(part, Quantity::Reverse));
        self.add(part, "limit_w", reaches(forward, &link.limit_w), |step| worth(step, from, to));
        let limit = link.reverse_limit_w.as_ref().unwrap_or(&link.limit_w);
        self.add(part, "reverse_limit_w", reaches(reverse, limit), |step| worth(step, to, from));
    }
}

/// Whether a column is at its limit.
fn reaches(column: &[f64], limit: &Profile) -> impl Fn(usize) -> bool {
    move |step| limit.at(step) - column[step] <= tolerance(limit.at(step))
}
