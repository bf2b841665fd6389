//! Small random sites against a search of everything: every sequence of commitments, every energy on a lattice.
//!
//! All powers are whole kW, steps are an hour, and half of what is charged is stored: then all places where slopes change are multiples
//! of half a kWh, a least cost is attained at such, and the search over them is exact.

use super::{Dice, hourly, plan, site};
use crate::optimize::{Asset, Battery, Genset, Grid, Load, Site, Source, Terminal};

/// Losses that keep energies on the lattice.
const EFFICIENCY: f64 = 0.5;
/// The distance of energies, in kWh.
const LATTICE: f64 = 0.5;

/// A site in plain numbers: kW, kWh, EUR.
#[derive(Debug, Clone, Default)]
struct Small {
    load: Vec<f64>,
    shed: f64,
    pv: Vec<f64>,
    curtailable: bool,
    /// Prices to buy and to sell, and limits in and out.
    grid: Option<(Vec<f64>, Vec<f64>, f64, f64)>,
    gensets: Vec<Machine>,
    /// Capacity, limit of power, initial energy, wear.
    battery: Option<(f64, f64, f64, f64)>,
}

#[derive(Debug, Clone)]
struct Machine {
    min: f64,
    max: f64,
    marginal: f64,
    no_load: f64,
    start: f64,
    stop: f64,
    up: usize,
    down: usize,
    on: bool,
    since: usize,
}

impl Small {
    fn site(&self) -> Site {
        let mut assets: Vec<Asset> = Vec::new();
        let watts = |kw: &[f64]| kw.iter().map(|kw| kw * 1e3).collect::<Vec<_>>();
        assets.push(Load::new("load", watts(&self.load)).value_of_lost_load_per_kwh(self.shed).into());
        assets.push(Source::new("pv", watts(&self.pv)).curtailable(self.curtailable).into());
        if let Some((buy, sell, import, export)) = &self.grid {
            let grid = Grid::new("grid", buy.clone()).sell_per_kwh(sell.clone());
            assets.push(grid.import_limit_w(import * 1e3).export_limit_w(export * 1e3).into());
        }
        let span = |steps: usize| super::hours(steps as i64);
        for (number, machine) in self.gensets.iter().enumerate() {
            let genset = Genset::new(format!("genset {number}"), machine.min * 1e3, machine.max * 1e3, machine.marginal);
            let genset = genset.no_load_per_h(machine.no_load).start_cost(machine.start).stop_cost(machine.stop);
            let genset = genset.min_up(span(machine.up)).min_down(span(machine.down));
            assets.push(genset.initially_on(machine.on).initial_since(span(machine.since)).into());
        }
        if let Some((capacity, power, initial, wear)) = self.battery {
            let battery = Battery::new("battery", capacity * 1e3, power * 1e3, power * 1e3, initial * 1e3);
            let battery = battery.charge_efficiency(EFFICIENCY).discharge_efficiency(EFFICIENCY).wear_per_kwh(wear);
            assets.push(battery.terminal(Terminal::ExactlyWh(initial * 1e3)).into());
        }
        Site { assets, ..site(hourly(self.load.len()), []) }
    }

    /// The least cost of a step in which gensets run as given and the battery takes `charge` from the bus.
    fn step_cost(&self, step: usize, on: &[bool], charge: f64) -> f64 {
        let ways: &[(bool, bool)] = if self.grid.is_some() { &[(true, false), (false, true)] } else { &[(false, false)] };
        ways.iter().map(|way| self.one_way_cost(step, on, charge, *way)).fold(f64::INFINITY, f64::min)
    }

    fn one_way_cost(&self, step: usize, on: &[bool], charge: f64, (imports, exports): (bool, bool)) -> f64 {
        let mut need = self.load[step] + charge;
        let mut cost = 0.0;
        // What can be given beyond `need`, as price and power.
        let mut offers = vec![(self.shed, self.load[step])];
        match self.curtailable {
            true => offers.push((0.0, self.pv[step])),
            false => need -= self.pv[step],
        }
        for (machine, _) in self.gensets.iter().zip(on).filter(|(_, on)| **on) {
            need -= machine.min;
            cost += machine.min * machine.marginal + machine.no_load;
            offers.push((machine.marginal, machine.max - machine.min));
        }
        if let Some((buy, sell, import, export)) = &self.grid {
            if imports {
                offers.push((buy[step], *import));
            }
            if exports {
                need += export;
                cost -= export * sell[step];
                offers.push((sell[step], *export));
            }
        }
        offers.sort_by(|one, other| one.0.total_cmp(&other.0));
        for (price, power) in offers {
            let taken = power.min(need).max(0.0);
            cost += taken * price;
            need -= taken;
        }
        if need.abs() < 1e-9 { cost } else { f64::INFINITY }
    }

    /// The least cost of all, for one sequence of commitments (by step, a bit for each genset).
    fn cost_of(&self, sequence: &[usize]) -> f64 {
        let on = |step: usize| (0..self.gensets.len()).map(|at| sequence[step] >> at & 1 == 1).collect::<Vec<_>>();
        let (capacity, power, initial, wear) = self.battery.unwrap_or_default();
        let energies: Vec<f64> = (0..=(capacity / LATTICE) as usize).map(|at| at as f64 * LATTICE).collect();
        let at_end = |energy: &f64| if *energy == initial { 0.0 } else { f64::INFINITY };
        let mut value: Vec<f64> = energies.iter().map(at_end).collect();
        for step in (0..self.load.len()).rev() {
            let on = on(step);
            let best = |from: &f64| {
                let reach = |(to, after): (&f64, &f64)| {
                    let gained = to - from;
                    let charge = if gained > 0.0 { gained / EFFICIENCY } else { gained * EFFICIENCY };
                    if charge.abs() > power || after.is_infinite() {
                        return f64::INFINITY;
                    }
                    after + self.step_cost(step, &on, charge) + wear * (-charge).max(0.0)
                };
                energies.iter().zip(&value).map(reach).fold(f64::INFINITY, f64::min)
            };
            value = energies.iter().map(best).collect();
        }
        let start = energies.iter().position(|energy| *energy == initial).unwrap();
        value[start] + self.switching_cost(sequence)
    }

    fn switching_cost(&self, sequence: &[usize]) -> f64 {
        let each = self.gensets.iter().enumerate();
        each.map(|(at, machine)| {
            let states: Vec<bool> = sequence.iter().map(|bits| bits >> at & 1 == 1).collect();
            machine.switching_cost(&states)
        })
        .sum()
    }

    fn least_cost(&self) -> f64 {
        let choices = 1 << self.gensets.len();
        let steps = self.load.len();
        let sequence = |mut number: usize| -> Vec<usize> {
            (0..steps)
                .map(|_| {
                    let digit = number % choices;
                    number /= choices;
                    digit
                })
                .collect()
        };
        let all = (0..choices.pow(steps as u32)).map(sequence);
        let kept = all.filter(|sequence| self.switching_cost(sequence).is_finite());
        kept.map(|sequence| self.cost_of(&sequence)).fold(f64::INFINITY, f64::min)
    }
}

impl Machine {
    /// Starts and stops; infinite where one comes before its least time is over.
    fn switching_cost(&self, states: &[bool]) -> f64 {
        let (mut state, mut lasted, mut cost) = (self.on, self.since, 0.0);
        for next in states {
            if *next == state {
                lasted += 1;
                continue;
            }
            if lasted < if state { self.up } else { self.down } {
                return f64::INFINITY;
            }
            cost += if *next { self.start } else { self.stop };
            (state, lasted) = (*next, 1);
        }
        cost
    }
}

fn machine(dice: &mut Dice) -> Machine {
    let min = 1 + dice.roll(3);
    Machine {
        min: min as f64,
        max: (min + dice.roll(4)) as f64,
        marginal: 0.1 * dice.roll(6) as f64,
        no_load: 0.25 * dice.roll(4) as f64,
        start: 0.5 * dice.roll(5) as f64,
        stop: 0.25 * dice.roll(3) as f64,
        up: dice.roll(4) as usize,
        down: dice.roll(4) as usize,
        on: dice.roll(2) == 1,
        since: dice.roll(4) as usize,
    }
}

fn random(seed: u64) -> Small {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ (seed + 1).wrapping_mul(0xBF58_476D_1CE4_E5B9));
    let gensets = dice.roll(3) as usize;
    let steps = 2 + dice.roll(if gensets == 2 { 3 } else { 5 }) as usize;
    let grid = (gensets == 0 || dice.roll(2) == 0).then(|| {
        let (buy, sell) = (dice.profile(steps, (-3, 4), 0.1), dice.profile(steps, (-3, 4), 0.1));
        (buy, sell, dice.roll(8) as f64, dice.roll(8) as f64)
    });
    Small {
        load: dice.profile(steps, (0, 6), 1.0),
        shed: 0.5 + dice.roll(3) as f64,
        pv: dice.profile(steps, (0, 6), 1.0),
        curtailable: dice.roll(4) > 0,
        grid,
        gensets: (0..gensets).map(|_| machine(&mut dice)).collect(),
        battery: (dice.roll(4) > 0).then(|| {
            let capacity = 1 + dice.roll(5);
            let initial = dice.roll(2 * capacity + 1) as f64 * LATTICE;
            (capacity as f64, 1.0 + dice.roll(3) as f64, initial, 0.05 * dice.roll(3) as f64)
        }),
    }
}

/// Whether a plan is what a search of everything finds. A miss of the target at the end is no plan for the search.
fn agrees(seed: u64) -> bool {
    let small = random(seed);
    let expected = small.least_cost();
    let site = Site { shortage_per_kwh: Some(1e4), ..small.site() };
    if expected.is_infinite() {
        return false;
    }
    let plan = plan(&site);
    assert!((plan.objective - expected).abs() < 1e-6, "seed {seed}: {} or {expected}\n{small:?}", plan.objective);
    assert!(plan.objective - plan.bound < 1e-6, "seed {seed}: bound {} of {expected}", plan.bound);
    true
}

#[test]
fn small_sites_cost_what_a_search_of_everything_finds() {
    let solved = (0..400).filter(|seed| agrees(*seed)).count();
    assert!(solved > 200, "only {solved} of 400 sites have a plan");
}
