//! Machines and wishes whose right cost can be worked out by hand: chargers, heat pumps, gensets, runs, reserve, calm and staying.

use super::*;
use crate::model::Timestamp;
use crate::optimize::{
    Battery, Building, Charging, Deferrable, Ev, Genset, Grid, HeatPump, Load, Phases, PreviousPower, Quantity, Reserve,
    Session, Smoothness, Source, Stay, Tank, Terminal,
};

/// What the best plan costs, which every solver that can agrees on.
#[track_caller]
fn costs(site: &Site, expected: f64) {
    for solver in linear_solvers() {
        let found = solved(site, &with(solver)).objective;
        assert!((found - expected).abs() < 1e-6, "{solver:?}: {found}, expected {expected}");
    }
}

fn house(power_w: impl crate::optimize::Given<crate::optimize::Profile>) -> Asset {
    Load::new("house", power_w).into()
}

/// 10 kWh and 5 kW without losses.
fn lossless(initial_wh: f64) -> Battery {
    Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, initial_wh).charge_efficiency(1.0).discharge_efficiency(1.0)
}

#[test]
fn a_charger_of_switched_phases_cannot_give_what_lies_between_one_and_three() {
    // One phase gives 1.38 to 3.68 kW, three give 4.14 to 11.04 kW. 4 kWh are needed at the meter.
    let car = |limit_wh: Option<f64>| {
        let start = even(60, 2).start();
        let departure = Timestamp::from_micros(start.as_micros() + hours(2).as_micros());
        let session = Session { arrival: start, departure, initial_wh: 10_000.0, target_wh: 13_600.0, limit_wh };
        let charging = Charging::Current { min_a: 6.0, max_a: 16.0, volts: 230.0, phases: Phases::Switched };
        let car = Ev::new("car", 60_000.0, vec![session], charging);
        site(even(60, 2), [Grid::new("grid", [0.1, 0.2]).into(), car.into()])
    };
    // Where it may hold more, a little too much in the cheap hour; else as much there as leaves the least current for the other.
    costs(&car(None), 0.1 * 4.14);
    costs(&car(Some(13_600.0)), 0.1 * 2.62 + 0.2 * 1.38);
}

#[test]
fn a_heat_pump_fills_its_tank_when_power_is_cheap_and_stays_on_for_its_least_time() {
    let tank = || Tank {
        capacity_wh: 10_000.0,
        initial_wh: 0.0,
        demand_w: vec![0.0, 0.0, 0.0, 6_000.0].into(),
        terminal: Terminal::Free,
        ..Tank::default()
    };
    let pump = HeatPump::new("heating", 2_000.0, 3.0, tank()).min_w(1_000.0);
    let grid = || Grid::new("grid", [0.3, 0.1, 0.4, 0.5]);
    costs(&site(even(60, 4), [grid().into(), pump.clone().into()]), 0.1 * 2.0);
    costs(&site(even(60, 4), [grid().into(), pump.min_on(hours(2)).into()]), 0.3 + 0.1);
}

#[test]
fn a_heat_pump_stays_off_for_its_least_time() {
    let tank = Tank {
        capacity_wh: 3_000.0,
        initial_wh: 0.0,
        demand_w: vec![3_000.0, 0.0, 3_000.0].into(),
        terminal: Terminal::Free,
        ..Tank::default()
    };
    let pump = HeatPump::new("heating", 1_000.0, 3.0, tank).min_w(1_000.0);
    let grid = || Grid::new("grid", [0.1, 0.4, 0.1]);
    costs(&site(even(60, 3), [grid().into(), pump.clone().into()]), 0.1 + 0.1);
    // An hour off is too short: it goes on through the dear hour, and what it stores then serves the last one.
    costs(&site(even(60, 3), [grid().into(), pump.min_off(hours(2)).into()]), 0.1 + 0.4);
}

#[test]
fn a_building_is_heated_ahead_within_comfort() {
    let rooms = |comfort_max_c: Option<f64>| Building {
        capacity_wh_per_k: 1_000.0,
        loss_w_per_k: 0.0,
        outdoor_c: 10.0.into(),
        initial_c: 20.0,
        comfort_min_c: vec![20.0, 22.0].into(),
        comfort_max_c: comfort_max_c.map(|warmest| vec![warmest, 30.0].into()),
        ..Building::default()
    };
    let home = |building: Building, least: Option<Span>| {
        let pump = HeatPump::new("heating", 1_000.0, 4.0, building).min_w(250.0);
        let pump = HeatPump { min_on: least, ..pump };
        site(even(60, 2), [Grid::new("grid", [0.1, 0.2]).into(), pump.into()])
    };
    // Two kelvin are 2 kWh of heat, 0.5 kWh of power.
    costs(&home(rooms(None), None), 0.1 * 0.5);
    costs(&home(rooms(Some(21.0)), None), 0.1 * 0.25 + 0.2 * 0.25);
    costs(&home(rooms(None), Some(hours(2))), 0.1 * 0.25 + 0.2 * 0.25);
    // Ten kelvin above outdoors at 200 W/K: 2 kW of heat hold the temperature.
    let leaky = Building { loss_w_per_k: 200.0, comfort_min_c: 20.0.into(), ..rooms(None) };
    let warmer = Building { comfort_max_c: Some(20.0.into()), ..leaky };
    costs(&home(warmer, None), (0.1 + 0.2) * 0.5);
}

#[test]
fn power_changes_less_where_change_costs() {
    let calm = |per_kw: f64| {
        let battery = lossless(5_000.0).wear_per_kwh(0.02).terminal(Terminal::ExactlyWh(5_000.0));
        let mut site = site(even(60, 2), [Grid::new("grid", 0.2).into(), battery.into(), house([1_000.0, 3_000.0])]);
        site.smoothness = vec![Smoothness { asset: "grid".to_owned(), per_kw }];
        site
    };
    // A kWh through the battery makes both hours alike: it wears by 0.02 and saves a change of 2 kW.
    costs(&calm(0.1), 0.2 * 4.0 + 0.02);
    costs(&calm(0.005), 0.2 * 4.0 + 0.005 * 2.0);
}

#[test]
fn a_plan_is_left_only_where_that_pays() {
    let after_idling = |per_kwh: f64| {
        let battery = lossless(5_000.0).terminal(Terminal::ExactlyWh(5_000.0));
        let grid = Grid::new("grid", [0.1, 0.2]).export_limit_w(0.0);
        let mut site = site(even(60, 2), [grid.into(), battery.into(), house([0.0, 1_000.0])]);
        let idle = PreviousPower { asset: "battery".to_owned(), power_w: vec![Some(0.0); 2] };
        site.stay = Some(Stay { per_kwh, previous: vec![idle] });
        site
    };
    // A kWh bought an hour earlier saves 0.1 and leaves the plan twice.
    costs(&after_idling(0.04), 0.1 + 2.0 * 0.04);
    costs(&after_idling(0.06), 0.2);
}

#[test]
fn a_genset_follows_its_load_no_faster_than_its_ramp() {
    let village = || Load::new("village", [1_000.0, 3_000.0, 3_000.0]).value_of_lost_load_per_kwh(10.0);
    let genset = || Genset::new("genset", 500.0, 4_000.0, 0.2).initially_on(true).initial_w(1_000.0);
    costs(&site(even(60, 3), [genset().into(), village().into()]), 0.2 * 7.0);
    // 1 kW an hour: in the second hour it reaches 2 kW.
    let slow = genset().ramp_w_per_min(1_000.0 / 60.0);
    costs(&site(even(60, 3), [slow.into(), village().into()]), 0.2 * 6.0 + 10.0);
}

#[test]
fn a_genset_that_is_not_available_does_not_run() {
    let genset = Genset::new("genset", 500.0, 4_000.0, 0.2).available(vec![1.0, 0.0, 1.0]);
    let village = Load::new("village", 1_000.0).value_of_lost_load_per_kwh(5.0);
    costs(&site(even(60, 3), [genset.into(), village.into()]), 0.2 + 5.0 + 0.2);
}

#[test]
fn a_battery_is_counted_on_for_what_it_can_give_as_long_as_asked() {
    let island = |duration: Option<Span>, share_of_sources: f64| {
        let small = Genset::new("small", 0.0, 1_500.0, 0.2).no_load_per_h(0.1);
        let large = Genset::new("large", 0.0, 5_000.0, 0.3).no_load_per_h(0.5);
        let battery = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 2_000.0).min_wh(1_000.0);
        let pv = Source::new("pv", 400.0);
        let mut site = site(even(60, 1), [small.into(), large.into(), battery.into(), pv.into(), house(1_400.0)]);
        let asked = Reserve { share_of_load: 1.0 / 1.4, share_of_sources, duration, ..Reserve::default() };
        site.reserve = Some(Reserve { shortfall_per_kwh: Some(1.0), ..asked });
        site
    };
    // Asked for is 1 kW. The small genset has 0.5 to spare beside the sun; the kWh above the floor gives 0.95 for an hour, 0.475 for two.
    costs(&island(None, 0.0), 0.1 + 0.2);
    costs(&island(Some(hours(2)), 0.0), 0.1 + 0.2 + 0.025);
    // A quarter of the sun, 0.1 kW, is asked for as well: it is there for an hour, and missing for two.
    costs(&island(None, 0.25), 0.1 + 0.2);
    costs(&island(Some(hours(2)), 0.25), 0.1 + 0.2 + 0.125);
}

/// Steps of 60, 30, 60 and 30 minutes.
fn uneven() -> Horizon {
    let start = even(60, 1).start().as_micros();
    let borders = [0, 60, 90, 150, 180].map(|minute| Timestamp::from_micros(start + minute * 60_000_000));
    Horizon::new(borders.to_vec()).unwrap()
}

#[test]
fn a_run_in_several_goes_is_longer_by_less_than_its_longest_step() {
    let pump = || Deferrable::new("pump", 1_000.0, Span::from_seconds(75 * 60)).contiguous(false);
    // After an hour a quarter is left: half an hour at 0.5 would do, an hour at 0.2 is cheaper.
    costs(&site(uneven(), [Grid::new("grid", [0.1, 0.5, 0.2, 0.5]).into(), pump().into()]), 0.1 + 0.2);
    // Paid to run, it runs no longer than two hours: two and a half would be longer by more than an hour.
    costs(&site(uneven(), [Grid::new("grid", -0.1).into(), pump().into()]), -0.1 * 2.0);
}

#[test]
fn a_least_time_on_that_does_not_fit_is_not_cut() {
    let pump = |min_on: Span| {
        let pump = Deferrable::new("pump", 1_000.0, hours(5)).contiguous(false).min_on(min_on).shortfall_per_h(2.0);
        site(even(60, 3), [Grid::new("grid", 0.1).into(), pump.into()])
    };
    for (min_on, ran) in [(hours(3), 3.0), (hours(4), 0.0)] {
        let site = pump(min_on);
        let expected = 0.1 * ran + 2.0 * (5.0 - ran);
        costs(&site, expected);
        let exact = site.solve(&Options { engine: Some(crate::optimize::Engine::Modes), ..Options::default() });
        let exact = exact.unwrap().into_plan().unwrap();
        assert_eq!(exact.column("pump", Quantity::On).unwrap().iter().sum::<f64>(), ran);
        close(exact.objective, expected);
    }
}
