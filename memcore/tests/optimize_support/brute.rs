//! Exhaustive search over whole kW: every decision of every asset in every step, by the words of the site and by nothing of the engines.

use std::collections::BTreeMap;

use memcore::optimize::{Asset, Battery, Charging, Deferrable, Ev, Genset, Site, Terminal};

/// What a site is in after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    battery: i64,
    car: i64,
    charging: bool,
    on: bool,
    /// For how many steps the genset has been on or off, up to a bound beyond every least time.
    since: i64,
    ran: i64,
    running: bool,
}

/// A choice of one asset: what it puts into the bus (kW), what it costs, and what it leaves.
struct Choice {
    given: i64,
    cost: f64,
    after: State,
}

const LONG: i64 = 9;

fn kilo(value: f64) -> i64 {
    (value / 1e3).round() as i64
}

/// The least cost of a site on the lattice; None where no plan keeps all limits.
pub(crate) fn least(site: &Site) -> Option<f64> {
    let shortage = shortage_per_kwh(site);
    let mut costs: BTreeMap<State, f64> = BTreeMap::from([(initial(site), 0.0)]);
    for step in 0..site.horizon.len() {
        let mut next: BTreeMap<State, f64> = BTreeMap::new();
        for (state, cost) in costs {
            for Choice { given, cost: more, after } in choices(site, step, state, shortage) {
                let Some(settled) = settle(site, step, given) else { continue };
                let total = cost + more + settled;
                let known = next.entry(after).or_insert(f64::INFINITY);
                *known = known.min(total);
            }
        }
        costs = next;
    }
    costs.into_iter().map(|(state, cost)| cost + at_end(site, state, shortage)).min_by(f64::total_cmp)
}

/// A hundred times the highest price, and at least 1.
fn shortage_per_kwh(site: &Site) -> f64 {
    let highest = |asset: &Asset| match asset {
        Asset::Grid(grid) => grid
            .buy_per_kwh
            .values()
            .iter()
            .chain(grid.sell_per_kwh.values())
            .fold(0.0, |most: f64, price| most.max(price.abs())),
        Asset::Genset(genset) => genset.marginal_per_kwh,
        Asset::Load(load) => load.value_of_lost_load_per_kwh.unwrap_or(0.0),
        _ => 0.0,
    };
    site.assets.iter().map(highest).fold(0.0, f64::max).max(0.01) * 100.0
}

fn initial(site: &Site) -> State {
    let mut state = State { battery: 0, car: 0, charging: false, on: false, since: LONG, ran: 0, running: false };
    for asset in &site.assets {
        match asset {
            Asset::Battery(battery) => state.battery = kilo(battery.initial_wh),
            Asset::Genset(genset) => {
                state.on = genset.initially_on;
                state.since = genset.initial_since.map_or(LONG, |since| since.as_micros() / 3_600_000_000);
            }
            _ => {}
        }
    }
    state
}

/// Every combination of choices of a step.
fn choices(site: &Site, step: usize, state: State, shortage: f64) -> Vec<Choice> {
    let mut all = vec![Choice { given: 0, cost: 0.0, after: state }];
    for asset in &site.assets {
        let mut more = Vec::new();
        for choice in &all {
            let before = choice.after;
            let own = match asset {
                Asset::Battery(asset) => battery(asset, before, shortage),
                Asset::Genset(asset) => genset(asset, before),
                Asset::Ev(asset) => car(site, asset, step, before, shortage),
                Asset::Deferrable(asset) => deferrable(site, asset, step, before),
                Asset::Load(load) => {
                    let power = kilo(load.power_w.at(step));
                    let most = if load.value_of_lost_load_per_kwh.is_some() { power } else { 0 };
                    let per_kwh = load.value_of_lost_load_per_kwh.unwrap_or(0.0);
                    let shed = |shed: i64| Choice { given: shed - power, cost: per_kwh * shed as f64, after: before };
                    (0..=most).map(shed).collect()
                }
                Asset::Pv(source) => {
                    let available = kilo(source.available_w.at(step)).max(0);
                    let least = if source.curtailable { 0 } else { available };
                    let curtailed = |used: i64| source.curtailment_per_kwh * (available - used) as f64;
                    (least..=available).map(|used| Choice { given: used, cost: curtailed(used), after: before }).collect()
                }
                _ => vec![Choice { given: 0, cost: 0.0, after: before }],
            };
            more.extend(own.into_iter().map(|own| Choice {
                given: choice.given + own.given,
                cost: choice.cost + own.cost,
                after: own.after,
            }));
        }
        all = more;
    }
    all
}

fn battery(battery: &Battery, before: State, shortage: f64) -> Vec<Choice> {
    let (capacity, min) = (kilo(battery.capacity_wh), kilo(battery.min_wh.at(0)));
    // A battery that starts below its minimum pays for being there.
    let soft = kilo(battery.initial_wh) < min;
    let low = if soft { 0 } else { min };
    let choice = |power: i64| {
        let energy = before.battery + power;
        let below = if soft { shortage * (min - energy).max(0) as f64 } else { 0.0 };
        Choice {
            given: -power,
            cost: battery.wear_per_kwh * (-power).max(0) as f64 + below,
            after: State { battery: energy, ..before },
        }
    };
    (-kilo(battery.discharge_limit_w.at(0))..=kilo(battery.charge_limit_w.at(0)))
        .map(choice)
        .filter(|choice| (low..=capacity).contains(&choice.after.battery))
        .collect()
}

fn genset(genset: &Genset, before: State) -> Vec<Choice> {
    let least = |on: bool| {
        let least = if on { genset.min_up } else { genset.min_down };
        least.map_or(0, |least| least.as_micros() / 3_600_000_000)
    };
    let switched = |on: bool| match (before.on == on, before.since >= least(before.on)) {
        (true, _) => Some(State { since: (before.since + 1).min(LONG), ..before }),
        (false, true) => Some(State { on, since: 1, ..before }),
        (false, false) => None,
    };
    let mut all = Vec::new();
    if let Some(after) = switched(false) {
        all.push(Choice { given: 0, cost: if before.on { genset.stop_cost } else { 0.0 }, after });
    }
    if let Some(after) = switched(true) {
        let start = if before.on { 0.0 } else { genset.start_cost };
        for power in kilo(genset.min_w)..=kilo(genset.max_w) {
            let cost = start + genset.no_load_per_h + genset.marginal_per_kwh * power as f64;
            all.push(Choice { given: power, cost, after });
        }
    }
    all
}

fn car(site: &Site, ev: &Ev, step: usize, before: State, shortage: f64) -> Vec<Choice> {
    let session = &ev.sessions[0];
    let there = site.horizon.steps_within(session.arrival, session.departure);
    if !there.contains(&step) {
        return vec![Choice { given: 0, cost: 0.0, after: before }];
    }
    let before = if step == there.start { State { car: kilo(session.initial_wh), ..before } } else { before };
    let Charging::Power { min_w, max_w } = ev.charging else { panic!("the lattice has powers only") };
    let powers = std::iter::once(0).chain(kilo(min_w).max(1)..=kilo(max_w));
    let choice = |power: i64| {
        let energy = before.car + power;
        let short = if step + 1 == there.end { (kilo(session.target_wh) - energy).max(0) } else { 0 };
        let start = if power > 0 && !before.charging { ev.start_cost } else { 0.0 };
        Choice {
            given: -power,
            cost: start + ev.shortfall_per_kwh.unwrap_or(shortage) * short as f64,
            after: State { car: energy, charging: power > 0, ..before },
        }
    };
    powers.map(choice).filter(|choice| choice.after.car <= kilo(ev.capacity_wh)).collect()
}

fn deferrable(site: &Site, load: &Deferrable, step: usize, before: State) -> Vec<Choice> {
    let window = site.horizon.steps_within(load.earliest.unwrap(), load.latest.unwrap());
    let needed = load.run_time.as_micros() / 3_600_000_000;
    let mut all = vec![Choice { given: 0, cost: 0.0, after: State { running: false, ..before } }];
    let again = before.running || before.ran == 0 || !load.contiguous;
    if window.contains(&step) && before.ran < needed && again {
        let cost = if before.running { 0.0 } else { load.start_cost };
        let after = State { running: true, ran: before.ran + 1, ..before };
        all.push(Choice { given: -kilo(load.power_w), cost, after });
    }
    all
}

/// What the grid does with what is left of a step.
fn settle(site: &Site, step: usize, given: i64) -> Option<f64> {
    let grid = site.assets.iter().find_map(|asset| match asset {
        Asset::Grid(grid) => Some(grid),
        _ => None,
    });
    let Some(grid) = grid else { return (given == 0).then_some(0.0) };
    let within = |limit: &Option<memcore::optimize::Profile>, power: i64| power <= kilo(limit.as_ref().unwrap().at(step));
    match given {
        given if given > 0 => within(&grid.export_limit_w, given).then(|| -grid.sell_per_kwh.at(step) * given as f64),
        given => within(&grid.import_limit_w, -given).then(|| grid.buy_per_kwh.at(step) * -given as f64),
    }
}

/// What is missing or left at the end.
fn at_end(site: &Site, state: State, shortage: f64) -> f64 {
    let of_asset = |asset: &Asset| match asset {
        Asset::Battery(battery) => {
            let initial = kilo(battery.initial_wh);
            match battery.terminal {
                Terminal::AtLeastInitial => shortage * (initial - state.battery).max(0) as f64,
                Terminal::AtLeastWh(wh) => shortage * (kilo(wh) - state.battery).max(0) as f64,
                Terminal::ExactlyWh(wh) => shortage * (kilo(wh) - state.battery).abs() as f64,
                Terminal::ValuePerKwh(value) => -value * state.battery as f64,
                Terminal::Free => 0.0,
            }
        }
        Asset::Deferrable(load) => {
            let needed = load.run_time.as_micros() / 3_600_000_000;
            load.shortfall_per_h.unwrap() * (needed - state.ran).max(0) as f64
        }
        _ => 0.0,
    };
    site.assets.iter().map(of_asset).sum()
}
