//! Random sites: on a lattice of whole kW and hours for exhaustive search, of one store for the structured engines, of every kind of
//! asset for programs.

use memcore::model::{Currency, Span, Timestamp};
use memcore::optimize::{
    Asset, Battery, Building, Charging, Deferrable, DemandCharge, Ev, Genset, Grid, HeatPump, Horizon, Link, Load, Phases,
    Reserve, Session, Site, Smoothness, Source, Tank, Terminal,
};

use super::dice::Dice;

const START: &str = "2026-01-01T00:00:00Z";

pub(crate) fn hours(count: i64) -> Span {
    Span::from_seconds(3600 * count)
}

fn horizon(steps: usize, minutes: i64) -> Horizon {
    Horizon::even(START.parse().unwrap(), Span::from_seconds(60 * minutes), steps).unwrap()
}

fn at_hour(hour: i64) -> Timestamp {
    let start: Timestamp = START.parse().unwrap();
    start.saturating_add(hours(hour))
}

/// A site in whole kW, kWh and hours without losses: then a best plan is in whole kW too, because with every mode given the rest is a
/// flow in a network. At most one of each kind.
pub(crate) fn lattice(dice: &mut Dice) -> Site {
    let steps = dice.whole(1, 5) as usize;
    let mut site = Site::new(Currency::EUR, horizon(steps, 60), []);
    if dice.often(85) {
        let grid = Grid::new("grid", dice.numbers(steps, -0.3, 0.6)).sell_per_kwh(dice.numbers(steps, -0.2, 0.5));
        let grid = grid.import_limit_w(1e3 * dice.whole(1, 6) as f64).export_limit_w(1e3 * dice.whole(0, 4) as f64);
        site.assets.push(grid.into());
    }
    let shed = dice.often(60);
    let load = Load::new("load", dice.thousands(steps, 0, 4));
    site.assets.push(if shed { load.value_of_lost_load_per_kwh(dice.number(0.5, 4.0)) } else { load }.into());
    if dice.often(70) {
        site.assets.push(lattice_battery(dice).into());
    }
    if dice.often(50) {
        let source = Source::new("pv", dice.thousands(steps, -1, 4)).curtailable(dice.often(80));
        site.assets.push(source.curtailment_per_kwh(dice.number(0.0, 0.1)).into());
    }
    if dice.often(45) {
        site.assets.push(lattice_genset(dice).into());
    }
    if dice.often(30) {
        site.assets.push(lattice_car(dice, steps as i64).into());
    }
    if dice.often(30) {
        let load = Deferrable::new("washer", 1e3 * dice.whole(1, 2) as f64, hours(dice.whole(1, 3)));
        let load = load.contiguous(dice.often(60)).start_cost(dice.number(0.0, 0.2));
        let earliest = dice.whole(0, steps as i64 - 1);
        let latest = at_hour(dice.whole(earliest + 1, steps as i64));
        site.assets.push(load.earliest(at_hour(earliest)).latest(latest).shortfall_per_h(dice.number(1.0, 5.0)).into());
    }
    site
}

fn lattice_battery(dice: &mut Dice) -> Battery {
    let capacity = dice.whole(1, 5);
    let thousand = |count: i64| 1e3 * count as f64;
    let initial = dice.whole(0, capacity);
    let (charge, discharge) = (thousand(dice.whole(0, 3)), thousand(dice.whole(0, 3)));
    let battery = Battery::new("battery", thousand(capacity), charge, discharge, thousand(initial));
    let battery = battery.charge_efficiency(1.0).discharge_efficiency(1.0).wear_per_kwh(dice.number(0.0, 0.1));
    let battery = battery.min_wh(thousand(dice.whole(0, 1)));
    match dice.whole(0, 3) {
        0 => battery.terminal(Terminal::ExactlyWh(thousand(dice.whole(0, capacity)))),
        1 => battery.terminal(Terminal::ValuePerKwh(dice.number(0.0, 0.4))),
        2 => battery.terminal(Terminal::Free),
        _ => battery,
    }
}

fn lattice_genset(dice: &mut Dice) -> Genset {
    let min = dice.whole(0, 2);
    let genset = Genset::new("genset", 1e3 * min as f64, 1e3 * dice.whole(min.max(1), 4) as f64, dice.number(0.1, 0.6))
        .no_load_per_h(dice.number(0.0, 0.5))
        .start_cost(dice.number(0.0, 1.0))
        .stop_cost(dice.number(0.0, 0.3))
        .initially_on(dice.often(40));
    let genset = if dice.often(50) { genset.min_up(hours(dice.whole(1, 3))) } else { genset };
    let genset = if dice.often(50) { genset.min_down(hours(dice.whole(1, 3))) } else { genset };
    if dice.often(50) { genset.initial_since(hours(dice.whole(0, 2))) } else { genset }
}

fn lattice_car(dice: &mut Dice, steps: i64) -> Ev {
    let arrival = dice.whole(0, steps - 1);
    let session = Session {
        arrival: at_hour(arrival),
        departure: at_hour(dice.whole(arrival + 1, steps)),
        initial_wh: 1e3 * dice.whole(0, 1) as f64,
        target_wh: 1e3 * dice.whole(0, 5) as f64,
        limit_wh: None,
    };
    let min = dice.whole(0, 2);
    let charging = Charging::Power { min_w: 1e3 * min as f64, max_w: 1e3 * dice.whole(min.max(1), 3) as f64 };
    let car = Ev::new("car", 6e3, vec![session], charging).charge_efficiency(1.0);
    car.shortfall_per_kwh(dice.number(0.3, 2.0)).start_cost(if min > 0 { dice.number(0.0, 0.3) } else { 0.0 })
}

/// A site of one store against a grid, as the structured engines take it.
pub(crate) fn one_store(dice: &mut Dice) -> Site {
    let steps = dice.whole(1, 24) as usize;
    let minutes = [15, 30, 60][dice.whole(0, 2) as usize];
    let sell_below = dice.often(50);
    let buy = dice.numbers(steps, -0.2, 0.5);
    let sell = buy.iter().map(|buy| buy - 0.05 - dice.number(0.0, 0.2)).collect::<Vec<_>>();
    let sell = if sell_below { sell } else { dice.numbers(steps, -0.1, 0.4) };
    let mut grid = Grid::new("grid", buy).sell_per_kwh(sell);
    grid = if dice.often(70) { grid.import_limit_w(dice.number(3e3, 12e3)) } else { grid };
    grid = if dice.often(70) { grid.export_limit_w(dice.number(0.0, 7e3)) } else { grid };
    if dice.often(20) {
        let peak_so_far_w = dice.number(0.0, 3e3);
        grid = grid.demand_charges(vec![DemandCharge { peak_so_far_w, ..DemandCharge::new(dice.number(0.1, 5.0)) }]);
    }
    let load = Load::new("load", dice.numbers(steps, 0.0, 3e3));
    let load = if dice.often(30) { load.value_of_lost_load_per_kwh(dice.number(0.5, 5.0)) } else { load };
    let source = Source::new("pv", dice.numbers(steps, 0.0, 6e3));
    Site::new(Currency::EUR, horizon(steps, minutes), [grid.into(), load.into(), source.into(), battery(dice).into()])
}

fn battery(dice: &mut Dice) -> Battery {
    let capacity = dice.number(1e3, 12e3);
    let share = dice.number(0.0, 1.0);
    let mut battery = Battery::new("battery", capacity, dice.number(500.0, 6e3), dice.number(500.0, 6e3), share * capacity)
        .charge_efficiency(dice.number(0.8, 1.0))
        .discharge_efficiency(dice.number(0.8, 1.0))
        .wear_per_kwh(dice.number(0.0, 0.05))
        .min_wh(0.1 * capacity);
    if dice.often(20) {
        battery = battery.self_discharge_per_hour(0.01);
    }
    if dice.often(20) {
        battery = battery.preferred_min_wh(0.3 * capacity).preference_per_kwh_h(dice.number(0.01, 0.2));
    }
    match dice.whole(0, 4) {
        0 => battery.terminal(Terminal::ExactlyWh(0.5 * capacity)),
        1 => battery.terminal(Terminal::ValuePerKwh(dice.number(0.0, 0.3))),
        2 => battery.terminal(Terminal::Free),
        3 => battery.terminal(Terminal::AtLeastWh(0.6 * capacity)),
        _ => battery,
    }
}

/// A site with any assets and wishes.
pub(crate) fn any(dice: &mut Dice) -> Site {
    let mut site = one_store(dice);
    let steps = site.horizon.len();
    let quarter = site.horizon.hours(0);
    let span = |count: i64| Span::from_seconds((3600.0 * quarter) as i64 * count);
    let at = |step: i64| site.horizon.start().saturating_add(span(step));
    let last = steps as i64;
    let mut extra: Vec<Asset> = Vec::new();
    if dice.often(40) {
        let arrival = dice.whole(-1, last - 1);
        let session = Session {
            arrival: at(arrival),
            departure: at(dice.whole(arrival + 1, last + 2)),
            initial_wh: dice.number(0.0, 5e3),
            target_wh: dice.number(0.0, 20e3),
            limit_wh: None,
        };
        let phases = [Phases::One, Phases::Three, Phases::Switched][dice.whole(0, 2) as usize];
        let charging = match dice.often(50) {
            true => Charging::Power { min_w: 0.0, max_w: 4e3 },
            false => Charging::Current { min_a: 6.0, max_a: 16.0, volts: 230.0, phases },
        };
        let car = Ev::new("car", 30e3, vec![session], charging).start_cost(dice.number(0.0, 0.2));
        extra.push(if dice.often(30) { car.discharge_limit_w(3e3).wear_per_kwh(0.03) } else { car }.into());
    }
    if dice.often(40) {
        let load = Deferrable::new("washer", dice.number(500.0, 2e3), span(dice.whole(1, 4)));
        extra.push(load.contiguous(dice.often(60)).start_cost(dice.number(0.0, 0.1)).into());
    }
    if dice.often(30) {
        let genset = Genset::new("genset", 1e3, dice.number(2e3, 6e3), dice.number(0.2, 0.5))
            .start_cost(dice.number(0.0, 1.0))
            .no_load_per_h(dice.number(0.0, 0.5))
            .min_up(span(dice.whole(1, 3)))
            .min_down(span(dice.whole(1, 3)))
            .carbon_g_per_kwh(700.0);
        extra.push(genset.initially_on(dice.often(30)).into());
    }
    if dice.often(40) {
        extra.push(heat_pump(dice, steps).into());
    }
    if dice.often(25) {
        extra.push(Source::new("roof", dice.numbers(steps, 0.0, 3e3)).bus("dc").into());
        let link =
            Link { efficiency: dice.number(0.9, 1.0), cost_per_kwh: 0.001, ..Link::new("inverter", "dc", "main", 2.5e3) };
        site.links.push(link);
    }
    site.assets.extend(extra);
    if dice.often(20) {
        site.reserve = Some(Reserve { up_w: dice.number(0.0, 2e3).into(), share_of_load: 0.1, ..Reserve::default() });
    }
    if dice.often(20) {
        site.smoothness.push(Smoothness { asset: "battery".to_owned(), per_kw: 0.01 });
    }
    if dice.often(20) {
        site.carbon_price_per_kg = 0.1;
    }
    site
}

fn heat_pump(dice: &mut Dice, steps: usize) -> HeatPump {
    let pump = if dice.often(50) {
        let tank = Tank {
            capacity_wh: 8e3,
            initial_wh: dice.number(1e3, 8e3),
            demand_w: dice.numbers(steps, 0.0, 3e3).into(),
            loss_per_hour: 0.01,
            ..Tank::default()
        };
        HeatPump::new("pump", 1.5e3, dice.number(2.0, 4.0), tank)
    } else {
        let building = Building {
            capacity_wh_per_k: 5e3,
            loss_w_per_k: 150.0,
            outdoor_c: dice.numbers(steps, -10.0, 10.0).into(),
            initial_c: dice.number(19.0, 22.0),
            comfort_min_c: 20.0.into(),
            ..Building::default()
        };
        HeatPump::new("pump", 3e3, dice.number(2.0, 4.0), building)
    };
    if dice.often(50) { pump.min_w(500.0).start_cost(0.05) } else { pump }
}
