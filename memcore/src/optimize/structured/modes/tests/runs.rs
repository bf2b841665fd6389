//! Vehicles with bands and starts, and loads that must run, against everything that could be done.

use super::{Dice, assert_close, hourly, hours, plan, site};
use crate::model::{Span, Timestamp};
use crate::optimize::{
    Asset, Battery, Charging, Deferrable, Ev, Grid, Load, Phases, Plan, Quantity, Session, Site, Source, Terminal,
};

fn at(hour: i64) -> Timestamp {
    Timestamp::from_micros(hourly(1).start().as_micros() + hours(hour).as_micros())
}

fn session(from: i64, to: i64, initial_wh: f64, target_wh: f64) -> Session {
    Session { arrival: at(from), departure: at(to), initial_wh, target_wh, limit_wh: None }
}

fn column(plan: &Plan, part: usize, quantity: Quantity) -> Vec<f64> {
    plan.schedule.column(part, quantity).to_vec()
}

/// A vehicle of 60 kWh without losses, behind a grid with a price for every hour.
fn charges(buy: &[f64], sessions: Vec<Session>, charging: Charging, change: impl Fn(Ev) -> Ev) -> Site {
    let grid = Grid::new("grid", buy.to_vec()).export_limit_w(0.0);
    let ev = change(Ev::new("car", 60_000.0, sessions, charging).charge_efficiency(1.0));
    site(hourly(buy.len()), [grid.into(), ev.into()])
}

#[test]
fn a_charger_gives_nothing_or_its_least_power() {
    let band = Charging::Power { min_w: 2_000.0, max_w: 4_000.0 };
    let site = charges(&[0.3, 0.1, 0.2, 0.4], vec![session(0, 4, 1_000.0, 6_000.0)], band, |ev| ev);
    let plan = plan(&site);
    // Five kWh are missing: four at 10 ct, and the fifth only with another one, or three and two.
    assert_eq!(column(&plan, 1, Quantity::Charge), [0.0, 3_000.0, 2_000.0, 0.0]);
    assert_eq!(column(&plan, 1, Quantity::Energy), [1_000.0, 4_000.0, 6_000.0, 6_000.0]);
    assert_close(plan.objective, 0.7);
}

#[test]
fn one_or_three_phases_are_chosen_step_by_step() {
    let current = Charging::Current { min_a: 6.0, max_a: 16.0, volts: 230.0, phases: Phases::Switched };
    // 1.38 to 3.68 kW, or 4.14 to 11.04 kW.
    let site = charges(&[0.1, 0.2], vec![session(0, 2, 0.0, 12_420.0)], current, |ev| ev);
    assert_eq!(column(&plan(&site), 1, Quantity::Charge), [11_040.0, 1_380.0]);
}

#[test]
fn each_session_has_its_own_energy_and_between_them_the_car_is_away() {
    let any = Charging::Power { min_w: 0.0, max_w: 5_000.0 };
    let sessions = vec![session(0, 2, 10_000.0, 13_000.0), session(3, 5, 2_000.0, 20_000.0)];
    let plan = plan(&charges(&[0.2, 0.1, 0.0, 0.3, 0.3], sessions, any, |ev| ev.shortfall_per_kwh(2.0)));
    assert_eq!(column(&plan, 1, Quantity::Energy), [10_000.0, 13_000.0, 0.0, 7_000.0, 12_000.0]);
    assert_eq!(plan.violations.len(), 1, "{:?}", plan.violations);
    assert_close(plan.objective, 3.0 * 0.1 + 10.0 * 0.3 + 8.0 * 2.0);
}

#[test]
fn a_session_that_goes_on_past_the_horizon_leaves_what_can_still_be_charged() {
    let any = Charging::Power { min_w: 0.0, max_w: 5_000.0 };
    let site = charges(&[0.1, 0.3], vec![session(0, 3, 0.0, 12_000.0)], any, |ev| ev);
    assert_eq!(column(&plan(&site), 1, Quantity::Energy), [5_000.0, 7_000.0]);
}

#[test]
fn a_car_gives_back_where_that_pays() {
    let band = Charging::Power { min_w: 3_000.0, max_w: 5_000.0 };
    let site = charges(&[0.1, 0.5, 0.12], vec![session(0, 3, 5_000.0, 5_000.0)], band, |ev| {
        ev.discharge_limit_w(2_000.0).discharge_efficiency(1.0).wear_per_kwh(0.05)
    });
    let site = site.with(Load::new("house", 4_000.0));
    let plan = plan(&site);
    assert_eq!(column(&plan, 1, Quantity::Discharge), [0.0, 2_000.0, 1_000.0]);
    // Two kWh would do, but three are the least; the third one is given back as well.
    assert_eq!(column(&plan, 1, Quantity::Charge), [3_000.0, 0.0, 0.0]);
}

#[test]
fn starts_of_charging_cost_and_are_few() {
    let band = Charging::Power { min_w: 2_000.0, max_w: 2_000.0 };
    let buy = [0.1, 0.2, 0.1, 0.4];
    let planned = |cost: f64| {
        let site = charges(&buy, vec![session(0, 4, 0.0, 4_000.0)], band.clone(), |ev| ev.start_cost(cost));
        column(&plan(&site), 1, Quantity::Charge)
    };
    assert_eq!(planned(0.1), [2_000.0, 0.0, 2_000.0, 0.0]);
    // Twenty cents more for energy are less than another start.
    assert!([vec![2_000.0, 2_000.0, 0.0, 0.0], vec![0.0, 2_000.0, 2_000.0, 0.0]].contains(&planned(0.25)));
    // Where the charger goes down to nothing, a pause is no stop.
    let any = Charging::Power { min_w: 0.0, max_w: 2_000.0 };
    let paused = plan(&charges(&buy, vec![session(0, 4, 0.0, 4_000.0)], any, |ev| ev.start_cost(0.25)));
    assert_eq!(column(&paused, 1, Quantity::Charge), [2_000.0, 0.0, 2_000.0, 0.0]);
    assert_close(paused.objective, 0.4 + 0.25);
}

#[test]
fn a_washing_machine_runs_in_one_go_where_it_is_cheapest_beside_a_battery() {
    let buy = [0.3, 0.1, 0.3, 0.2, 0.2, 0.3];
    let washer = Deferrable::new("washer", 1_000.0, hours(2)).shape_w(vec![2_000.0, 500.0]);
    let washer = washer.earliest(at(1)).latest(at(6));
    let battery = Battery::new("battery", 1_000.0, 1_000.0, 1_000.0, 0.0).terminal(Terminal::Free);
    let grid = || Grid::new("grid", buy).export_limit_w(0.0);
    let alone = plan(&site(hourly(6), [grid().into(), washer.clone().into()]));
    assert_eq!(column(&alone, 1, Quantity::Power), [0.0, 2_000.0, 500.0, 0.0, 0.0, 0.0]);
    assert_close(alone.objective, 0.35);
    let beside = plan(&site(hourly(6), [grid().into(), washer.into(), battery.into()]));
    // What the second hour takes is charged in the first: 0.5 / 0.95^2 kWh at 10 ct.
    assert_close(beside.objective, 0.2 + 0.05 / 0.95 / 0.95);
}

#[test]
fn a_run_that_has_begun_goes_on_at_once() {
    let washer = Deferrable::new("washer", 2_000.0, hours(2)).running(true).start_cost(5.0);
    let plan = plan(&site(hourly(4), [Grid::new("grid", [0.4, 0.4, 0.1, 0.1]).into(), washer.into()]));
    assert_eq!(column(&plan, 1, Quantity::On), [1.0, 1.0, 0.0, 0.0]);
    assert_close(plan.objective, 1.6);
}

#[test]
fn what_the_window_does_not_hold_is_missing_and_reported() {
    let washer = Deferrable::new("washer", 2_000.0, hours(3)).latest(at(2)).shortfall_per_h(7.0);
    let plan = plan(&site(hourly(4), [Grid::new("grid", 0.4).into(), washer.into()]));
    assert_eq!(column(&plan, 1, Quantity::On), [1.0, 1.0, 0.0, 0.0]);
    assert_close(plan.objective, 1.6 + 7.0);
    assert_eq!(plan.violations[0].amount, 1.0);
}

/// A deferrable load in plain numbers, and whether a pattern of on and off keeps its rules.
#[derive(Debug, Clone)]
struct Pump {
    needed: usize,
    window: (usize, usize),
    contiguous: bool,
    min_on: usize,
    running: bool,
    start: f64,
    shortfall: f64,
}

impl Pump {
    fn asset(&self) -> Asset {
        let load = Deferrable::new("pump", 2_000.0, hours(self.needed as i64)).running(self.running);
        let load = load.earliest(at(self.window.0 as i64)).latest(at(self.window.1 as i64)).contiguous(self.contiguous);
        let min_on: Option<Span> = (!self.contiguous).then(|| hours(self.min_on as i64));
        load.start_cost(self.start).shortfall_per_h(self.shortfall).min_on(min_on).into()
    }

    /// Starts and shortfall; None where a rule is broken.
    fn cost(&self, on: &[bool]) -> Option<f64> {
        let earliest = if self.running { 0 } else { self.window.0 };
        let within = on.iter().enumerate().all(|(step, on)| !on || (earliest..self.window.1).contains(&step));
        let runs: Vec<(usize, usize)> = runs(on);
        let ran = on.iter().filter(|on| **on).count();
        let begun = |(first, _): &&(usize, usize)| !(self.running && *first == 0);
        let allowed = if self.contiguous {
            runs.len() <= 1 && (!self.running || ran == 0 || on[0])
        } else {
            runs.iter().filter(begun).all(|(first, past)| past - first >= self.min_on)
        };
        let starts = runs.iter().filter(begun).count();
        let missing = self.needed.saturating_sub(ran);
        (within && allowed && ran <= self.needed).then_some(self.start * starts as f64 + self.shortfall * missing as f64)
    }
}

/// First and past-the-last steps of each run.
fn runs(on: &[bool]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for step in (0..on.len()).filter(|step| on[*step]) {
        match runs.last_mut().filter(|last| last.1 == step) {
            Some(last) => last.1 = step + 1,
            None => runs.push((step, step + 1)),
        }
    }
    runs
}

/// A car and a pump behind a grid that takes nothing back, in plain numbers: kW, kWh, steps of an hour.
#[derive(Debug)]
struct House {
    buy: Vec<f64>,
    pv: Vec<f64>,
    pump: Pump,
    /// The least power of the charger; the most is 3.
    least: u64,
    /// The car comes with 1 kWh, holds 4, and half of what it takes is stored.
    target: f64,
    start: f64,
    there: std::ops::Range<usize>,
}

impl House {
    fn random(seed: u64) -> Self {
        let mut dice = Dice(0xD1B5_4A32_D192_ED03 ^ (seed + 1).wrapping_mul(0x94D0_49BB_1331_11EB));
        let steps = 3 + dice.roll(2) as usize;
        let first = dice.roll(steps as u64 - 1) as usize;
        let arrives = dice.roll(2) as usize;
        Self {
            buy: dice.profile(steps, (-2, 5), 0.1),
            pv: dice.profile(steps, (0, 4), 1.0),
            pump: Pump {
                needed: 1 + dice.roll(3) as usize,
                window: (first, first + 1 + dice.roll((steps - first) as u64) as usize),
                contiguous: dice.roll(2) == 0,
                min_on: 1 + dice.roll(2) as usize,
                running: dice.roll(4) == 0,
                start: 0.1 * dice.roll(4) as f64,
                shortfall: 0.4 * dice.roll(4) as f64,
            },
            least: dice.roll(3),
            target: 1.0 + 0.5 * dice.roll(7) as f64,
            start: 0.15 * dice.roll(3) as f64,
            there: arrives..(arrives + 1 + dice.roll(steps as u64 - 1) as usize).min(steps),
        }
    }

    fn site(&self) -> Site {
        let grid = Grid::new("grid", self.buy.clone()).export_limit_w(0.0);
        let source = Source::new("pv", self.pv.iter().map(|kw| kw * 1e3).collect::<Vec<_>>());
        let band = Charging::Power { min_w: self.least as f64 * 1e3, max_w: 3e3 };
        let stay = session(self.there.start as i64, self.there.end as i64, 1e3, self.target * 1e3);
        let ev = Ev::new("car", 4_000.0, vec![stay], band).charge_efficiency(0.5).start_cost(self.start);
        let ev = ev.shortfall_per_kwh(1.0);
        site(hourly(self.buy.len()), [grid.into(), source.into(), ev.into(), self.pump.asset()])
    }

    /// What is bought in a step in which the car takes `charge` and the pump runs or not.
    fn bought(&self, step: usize, charge: f64, pump: bool) -> f64 {
        let need = charge + if pump { 2.0 } else { 0.0 };
        let from_pv = if self.buy[step] < 0.0 { 0.0 } else { self.pv[step].min(need) };
        self.buy[step] * (need - from_pv)
    }

    /// All ways to charge, in whole kW: where slopes change is a whole number of them, so the best way is among these.
    fn ways_to_charge(&self) -> impl Iterator<Item = Vec<f64>> + '_ {
        let levels: Vec<u64> = [0].into_iter().chain(self.least.max(1)..=3).collect();
        let ways = levels.len().pow(self.there.len() as u32);
        (0..ways).map(move |way| {
            let level = |step: usize| way / levels.len().pow((step - self.there.start) as u32) % levels.len();
            (0..self.buy.len())
                .map(|step| if self.there.contains(&step) { levels[level(step)] as f64 } else { 0.0 })
                .collect()
        })
    }

    /// What a way to charge costs beside its energy; None where the car cannot hold it.
    fn car_cost(&self, charge: &[f64]) -> Option<f64> {
        let energy = 1.0 + 0.5 * charge.iter().sum::<f64>();
        let charging: Vec<bool> = charge.iter().map(|power| *power > 0.0).collect();
        let starts = if self.least == 0 { usize::from(charging.contains(&true)) } else { runs(&charging).len() };
        (energy <= 4.0).then(|| (self.target.min(4.0) - energy).max(0.0) + self.start * starts as f64)
    }

    fn least_cost(&self) -> f64 {
        let steps = self.buy.len();
        let patterns = (0..1_usize << steps).map(|pattern| (0..steps).map(|step| pattern >> step & 1 == 1).collect());
        let pumps: Vec<(Vec<bool>, f64)> =
            patterns.filter_map(|on: Vec<bool>| self.pump.cost(&on).map(|cost| (on, cost))).collect();
        let mut least = f64::INFINITY;
        for charge in self.ways_to_charge() {
            let Some(car) = self.car_cost(&charge) else { continue };
            for (on, pump) in &pumps {
                let bought: f64 = (0..steps).map(|step| self.bought(step, charge[step], on[step])).sum();
                least = least.min(car + pump + bought);
            }
        }
        least
    }
}

#[test]
fn random_vehicles_and_pumps_cost_what_a_search_of_everything_finds() {
    for seed in 0..150 {
        let house = House::random(seed);
        let (plan, expected) = (plan(&house.site()), house.least_cost());
        assert!((plan.objective - expected).abs() < 1e-6, "seed {seed}: {} or {expected}\n{house:?}", plan.objective);
    }
}
