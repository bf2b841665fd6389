//! Random small sites whose optimum lies on a grid of energies, against every way through that grid.
//!
//! Efficiencies are 1 or 1/2, powers whole kW and steps whole half hours, so that every kink of every function is a multiple of
//! a quarter of a kWh: the search over these is exact.

use super::{answer, site, solved};
use crate::model::Timestamp;
use crate::optimize::answer::Answer;
use crate::optimize::{Battery, Grid, Horizon, Load, Site, Source, Terminal};

const GRID_KWH: f64 = 0.25;
const SHORTAGE: f64 = 2.0;

/// A stream of numbers that look random (Steele, Lea and Flood 2014, SplitMix64).
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % count
    }

    pub(super) fn of(&mut self, choices: &[f64]) -> f64 {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn each(&mut self, steps: usize, choices: &[f64]) -> Vec<f64> {
        (0..steps).map(|_| self.of(choices)).collect()
    }

    pub(super) fn chance(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }
}

pub(super) fn random_site(numbers: &mut Numbers) -> Site {
    let steps = 1 + numbers.below(5) as usize;
    let mut borders: Vec<Timestamp> = vec!["2026-03-28T22:00:00Z".parse().unwrap()];
    for _ in 0..steps {
        let half_hours = 1 + numbers.below(2) as i64;
        let last = borders[borders.len() - 1].as_micros();
        borders.push(Timestamp::from_micros(last + 1_800_000_000 * half_hours));
    }
    let mut grid = Grid::new("grid", numbers.each(steps, &[0.1, 0.2, 0.2, 0.3, 0.5, -0.1]));
    grid = grid.sell_per_kwh(numbers.each(steps, &[0.0, 0.1, -0.05, -0.2]));
    if numbers.chance(2) {
        grid = grid.import_limit_w(numbers.each(steps, &[1000.0, 2000.0, 4000.0]));
    }
    if numbers.chance(2) {
        grid = grid.export_limit_w(numbers.of(&[0.0, 1000.0, 3000.0]));
    }
    let limited = grid.import_limit_w.is_some() && grid.export_limit_w.is_some();
    grid.exclusive = !limited || numbers.chance(2);
    let mut roof = Source::new("roof", numbers.each(steps, &[0.0, 0.0, 1000.0, 3000.0]));
    roof.curtailable = !numbers.chance(3);
    roof.curtailment_per_kwh = numbers.of(&[0.0, 0.05]);
    roof.cost_per_kwh = numbers.of(&[0.0, 0.02]);
    let mut house = Load::new("house", numbers.each(steps, &[0.0, 1000.0, 2000.0, 3000.0]));
    if numbers.chance(2) {
        house.value_of_lost_load_per_kwh = Some(numbers.of(&[0.25, 1.0]));
    }
    let battery = random_battery(numbers, steps);
    let mut site = site(Horizon::new(borders).unwrap(), [grid.into(), roof.into(), house.into(), battery.into()]);
    site.shortage_per_kwh = Some(SHORTAGE);
    site
}

fn random_battery(numbers: &mut Numbers, steps: usize) -> Battery {
    let charge = numbers.each(steps, &[0.0, 1000.0, 2000.0]);
    let discharge = numbers.each(steps, &[0.0, 1000.0, 2000.0]);
    let initial_wh = numbers.of(&[0.0, 1000.0, 1500.0, 3000.0, 4000.0]);
    let mut battery = Battery::new("battery", 4_000.0, charge, discharge, initial_wh);
    battery.charge_efficiency = numbers.of(&[1.0, 0.5]);
    battery.discharge_efficiency = numbers.of(&[1.0, 0.5]);
    battery.wear_per_kwh = numbers.of(&[0.0, 0.03]);
    battery.min_wh = numbers.each(steps, &[0.0, 0.0, 500.0]).into();
    if numbers.chance(3) {
        battery.max_wh = Some(numbers.each(steps, &[3000.0, 4000.0]).into());
    }
    if numbers.chance(3) {
        battery.preferred_min_wh = Some(numbers.each(steps, &[500.0, 2000.0]).into());
        battery.preferred_max_wh = Some(3_000.0.into());
        battery.preference_per_kwh_h = Some(numbers.of(&[0.05, 0.4]));
    }
    battery.terminal = match numbers.below(5) {
        0 => Terminal::AtLeastInitial,
        1 => Terminal::AtLeastWh(2_500.0),
        2 => Terminal::ExactlyWh(1_000.0),
        3 => Terminal::ValuePerKwh(numbers.of(&[0.15, 0.4])),
        _ => Terminal::Free,
    };
    battery
}

/// The assets of a random site.
struct Parts<'a> {
    grid: &'a Grid,
    roof: &'a Source,
    house: &'a Load,
    battery: &'a Battery,
    hours: Vec<f64>,
}

impl<'a> Parts<'a> {
    fn of(site: &'a Site) -> Self {
        use crate::optimize::Asset::{Battery, Grid, Load, Pv};
        let [Grid(grid), Pv(roof), Load(house), Battery(battery)] = &site.assets[..] else { panic!("not a random site") };
        Self { grid, roof, house, battery, hours: site.horizon.step_hours() }
    }

    /// The least cost from a step on, with an energy in so many quarters of a kWh.
    fn least(&self) -> f64 {
        let mut to_come = vec![0.0; 17];
        for step in (0..self.hours.len()).rev() {
            let after = |to: usize| to_come[to] + self.outside(step, 250.0 * to as f64);
            let costs: Vec<f64> = (0..17).map(after).collect();
            let least = |from: usize| (0..17).map(|to| self.step(step, from, to) + costs[to]).fold(f64::INFINITY, f64::min);
            to_come = (0..17).map(least).collect();
        }
        to_come[(self.battery.initial_wh / 250.0) as usize]
    }

    /// What bounds, wishes and the end say of an energy at the end of a step.
    fn outside(&self, step: usize, wh: f64) -> f64 {
        let battery = self.battery;
        let (min, max) = (battery.min_wh.at(step), battery.max_wh.as_ref().map_or(4_000.0, |max| max.at(step)));
        let (first_min, first_max) = (battery.min_wh.at(0), battery.max_wh.as_ref().map_or(4_000.0, |max| max.at(0)));
        let recovers = battery.initial_wh < first_min || battery.initial_wh > first_max;
        let beyond = |min: f64, max: f64| ((min - wh).max(wh - max).max(0.0)) / 1000.0;
        let mut cost = match (beyond(min, max), recovers) {
            (kwh, true) => kwh * SHORTAGE * self.hours[step],
            (kwh, false) if kwh > 0.0 => f64::INFINITY,
            _ => 0.0,
        };
        if let (Some(min), Some(max)) = (&battery.preferred_min_wh, &battery.preferred_max_wh) {
            cost += beyond(min.at(step), max.at(step)) * battery.preference_per_kwh_h.unwrap() * self.hours[step];
        }
        if step + 1 < self.hours.len() {
            return cost;
        }
        cost + match battery.terminal {
            Terminal::AtLeastInitial => beyond(battery.initial_wh, f64::INFINITY) * SHORTAGE,
            Terminal::AtLeastWh(least) => beyond(least, f64::INFINITY) * SHORTAGE,
            Terminal::ExactlyWh(exact) => beyond(exact, exact) * SHORTAGE,
            Terminal::ValuePerKwh(value) => -value * wh / 1000.0,
            Terminal::Free => 0.0,
        }
    }

    /// The least cost of going from one energy to another.
    fn step(&self, step: usize, from: usize, to: usize) -> f64 {
        let hours = self.hours[step];
        let change = GRID_KWH * (to as f64 - from as f64) / hours;
        let battery = self.battery;
        let (charge, discharge) =
            (change.max(0.0) / battery.charge_efficiency, (-change).max(0.0) * battery.discharge_efficiency);
        if charge > battery.charge_limit_w.at(step) / 1000.0 || discharge > battery.discharge_limit_w.at(step) / 1000.0 {
            return f64::INFINITY;
        }
        hours * (self.balance(step, charge - discharge) + battery.wear_per_kwh * discharge)
    }

    /// The least cost of an hour with a net power of the battery: every split in quarters of a kW between sun, shedding and the grid,
    /// which imports or exports what is left.
    fn balance(&self, step: usize, battery_kw: f64) -> f64 {
        let (sun, load) = (self.roof.available_w.at(step) / 1000.0, self.house.power_w.at(step) / 1000.0);
        let quarters = |kw: f64| (0..=(8.0 * kw) as usize).map(|eighths| eighths as f64 / 8.0);
        let uses: Vec<f64> = if self.roof.curtailable { quarters(sun).collect() } else { vec![sun] };
        let sheds: Vec<f64> =
            if self.house.value_of_lost_load_per_kwh.is_some() { quarters(load).collect() } else { vec![0.0] };
        let lost_load = self.house.value_of_lost_load_per_kwh.unwrap_or(0.0);
        let mut least = f64::INFINITY;
        for used in &uses {
            for shed in &sheds {
                let net = load - shed + battery_kw - used;
                let sun_costs = self.roof.cost_per_kwh * used + self.roof.curtailment_per_kwh * (sun - used);
                least = least.min(self.exchange(step, net) + sun_costs + lost_load * shed);
            }
        }
        least
    }

    /// The cost of an hour of import or export.
    fn exchange(&self, step: usize, net: f64) -> f64 {
        let (import, export) = (net.max(0.0), (-net).max(0.0));
        let above = |kw: f64, limit: &Option<crate::optimize::Profile>| {
            limit.as_ref().is_some_and(|limit| kw > limit.at(step) / 1000.0)
        };
        if above(import, &self.grid.import_limit_w) || above(export, &self.grid.export_limit_w) {
            return f64::INFINITY;
        }
        let (buy, sell) = (self.grid.buy_per_kwh.at(step), self.grid.sell_per_kwh.at(step));
        // Two meters may pass on as much as both limits leave.
        let left = |kw: f64, limit: &Option<crate::optimize::Profile>| {
            limit.as_ref().map_or(f64::INFINITY, |limit| limit.at(step) / 1000.0 - kw)
        };
        let passed = left(import, &self.grid.import_limit_w).min(left(export, &self.grid.export_limit_w));
        let earned = if self.grid.exclusive || sell <= buy { 0.0 } else { passed * (sell - buy) };
        import * buy - export * sell - earned
    }
}

#[test]
fn no_way_through_the_grid_of_energies_is_better() {
    let mut numbers = Numbers(4);
    let (mut plans, mut infeasible, mut left) = (0, 0, 0);
    for case in 0..600 {
        let site = random_site(&mut numbers);
        let least = Parts::of(&site).least();
        match answer(&site) {
            Answer::Solved(found) => {
                let (objective, bound) = (found.objective, found.bound);
                assert!(
                    (objective - least).abs() < 1e-9 && bound == objective,
                    "case {case}: {objective} or {least}: {site:?}"
                );
                plans += 1;
            }
            Answer::Infeasible => {
                assert!(least.is_infinite(), "case {case}: {least}: {site:?}");
                infeasible += 1;
            }
            Answer::NotMine(_) => left += 1,
            Answer::Stopped { .. } => panic!("case {case} stopped"),
        }
    }
    assert!(plans > 300 && infeasible > 20 && left < 200, "{plans} plans, {infeasible} infeasible, {left} left to others");
}

#[test]
fn the_same_site_gives_the_same_schedule_bit_for_bit() {
    let mut numbers = Numbers(44);
    for site in (0..50).map(|_| random_site(&mut numbers)) {
        if let Answer::Solved(first) = answer(&site) {
            assert_eq!(first.schedule, solved(&site).schedule);
        }
    }
}
