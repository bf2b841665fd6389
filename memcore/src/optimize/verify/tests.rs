//! Plans made by hand: a right one passes and is billed to the cent, a wrong one is refused by name.

use super::*;
use crate::model::{Currency, Span};
use crate::optimize::{
    Asset, Battery, Building, Charging, CostCause, Deferrable, DemandCharge, Engine, Ev, Genset, Grid, HeatPump, Horizon,
    Link, Load, Quantity, Reserve, Session, Source, Tank, Terminal, Timings,
};

fn hours(steps: usize) -> Horizon {
    Horizon::even("2026-01-01T00:00:00Z".parse().unwrap(), Span::from_seconds(3600), steps).unwrap()
}

fn site(steps: usize, assets: impl IntoIterator<Item = Asset>) -> Site {
    Site::new(Currency::EUR, hours(steps), assets)
}

fn report() -> EngineReport {
    EngineReport { engine: Engine::Storage, why: String::new(), iterations: 0, nodes: 0, timings: Timings::default() }
}

/// The verdict on a schedule given as columns, at the cost that its engine claims.
fn verdict(site: &Site, columns: &[(&str, Quantity, &[f64])], claimed: f64) -> Result<Plan> {
    let checked = site.checked().unwrap();
    let mut schedule = crate::optimize::Schedule::zeros(site);
    for (name, quantity, values) in columns {
        let part = (0..site.assets.len() + site.links.len()).find(|part| checked.part_name(*part) == *name).unwrap();
        schedule.column_mut(part, *quantity).copy_from_slice(values);
    }
    let solved = Solved {
        schedule,
        objective: claimed,
        bound: claimed,
        bus_prices: None,
        water_values: Vec::new(),
        iterations: 0,
        nodes: 0,
    };
    plan(&checked, solved, report(), &Options::default())
}

/// Two hours: charged at 0.20, used at 0.30.
fn home() -> Site {
    let battery = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0)
        .charge_efficiency(0.9)
        .discharge_efficiency(0.9)
        .wear_per_kwh(0.02);
    site(2, [Grid::new("grid", [0.2, 0.3]).into(), battery.into(), Load::new("load", 900.0).into()])
}

const SHIFTED: [(&str, Quantity, &[f64]); 5] = [
    ("grid", Quantity::Import, &[1_900.0, 90.0]),
    ("battery", Quantity::Charge, &[1_000.0, 0.0]),
    ("battery", Quantity::Discharge, &[0.0, 810.0]),
    ("battery", Quantity::Energy, &[5_900.0, 5_000.0]),
    ("load", Quantity::Served, &[900.0, 900.0]),
];

#[test]
fn a_right_plan_is_billed_by_part_and_cause_and_the_items_are_the_objective() {
    let plan = verdict(&home(), &SHIFTED, 0.4232).unwrap();
    assert_eq!(plan.status, Status::Optimal);
    let items: Vec<_> = plan.costs.iter().map(|cost| (cost.part.as_str(), cost.cause)).collect();
    assert_eq!(items, [("grid", CostCause::Import), ("battery", CostCause::Wear)]);
    assert!((plan.costs[0].amount - (1.9 * 0.2 + 0.09 * 0.3)).abs() < 1e-12);
    assert!((plan.costs[1].amount - 0.81 * 0.02).abs() < 1e-12);
    assert!((plan.objective - 0.4232).abs() < 1e-12 && plan.violations.is_empty());
}

#[test]
fn an_engine_that_claims_another_cost_is_not_believed() {
    let error = verdict(&home(), &SHIFTED, 0.4233).unwrap_err();
    assert_eq!(error.code(), "INTERNAL");
    assert!(error.to_string().contains("its engine claims 0.4233"), "{error}");
}

#[test]
fn any_column_of_a_right_plan_nudged_is_refused() {
    for (nudged, (part, quantity, _)) in SHIFTED.iter().enumerate() {
        for step in 0..2 {
            for by in [-1.0, 1.0] {
                let mut columns: Vec<(&str, Quantity, Vec<f64>)> =
                    SHIFTED.iter().map(|(part, quantity, values)| (*part, *quantity, values.to_vec())).collect();
                columns[nudged].2[step] += by;
                let columns: Vec<_> =
                    columns.iter().map(|(part, quantity, values)| (*part, *quantity, &values[..])).collect();
                let refused = verdict(&home(), &columns, 0.4232).unwrap_err();
                assert!(refused.to_string().contains("breaks a rule"), "{part} {} {step}: {refused}", quantity.name());
            }
        }
    }
}

#[test]
fn a_state_of_charge_outside_its_bounds_is_named_with_its_step() {
    let mut site = home();
    let Asset::Battery(battery) = &mut site.assets[1] else { panic!() };
    battery.max_wh = Some(5_500.0.into());
    let error = verdict(&site, &SHIFTED, 0.4232).unwrap_err().to_string();
    assert_eq!(
        error,
        "the plan breaks a rule: battery: energy_wh leaves its bounds by 400 in step 0 (2026-01-01T00:00:00Z)"
    );
}

#[test]
fn noise_of_a_solver_is_no_fault_and_not_shown() {
    let mut columns = SHIFTED;
    columns[1].2 = &[1_000.000_000_000_1, 3.6e-12];
    columns[2].2 = &[-1e-12, 810.0];
    let plan = verdict(&home(), &columns, 0.4232).unwrap();
    assert_eq!(plan.column("battery", Quantity::Charge).unwrap(), [1_000.0, 0.0]);
    assert!(plan.certificate.largest_residual < 1e-9);
}

#[test]
fn import_beside_export_is_refused_and_without_exclusivity_allowed() {
    let columns: [(&str, Quantity, &[f64]); 3] = [
        ("grid", Quantity::Import, &[2_000.0]),
        ("grid", Quantity::Export, &[1_000.0]),
        ("load", Quantity::Served, &[1_000.0]),
    ];
    let with = |grid: Grid| site(1, [grid.import_limit_w(5e3).into(), Load::new("load", 1_000.0).into()]);
    let burns = with(Grid::new("grid", -0.3));
    let error = verdict(&burns, &columns, -0.6).unwrap_err().to_string();
    assert!(error.contains("grid: import_w and export_w in one step by 1000"), "{error}");
    assert!(verdict(&with(Grid::new("grid", -0.3).exclusive(false)), &columns, -0.6).is_ok());
}

#[test]
fn a_demand_charge_bills_what_the_highest_mean_adds_to_the_peak_so_far() {
    let charge =
        DemandCharge { interval: Some(Span::from_seconds(7200)), peak_so_far_w: 1_000.0, ..DemandCharge::new(10.0) };
    let grid = Grid::new("grid", 0.0).demand_charges(vec![charge]);
    let site = site(4, [grid.into(), Load::new("load", [0.0, 4_000.0, 1_000.0, 1_000.0]).into()]);
    let load = [0.0, 4_000.0, 1_000.0, 1_000.0];
    let columns: [(&str, Quantity, &[f64]); 2] = [("grid", Quantity::Import, &load), ("load", Quantity::Served, &load)];
    assert_eq!(verdict(&site, &columns, 10.0).unwrap().objective, 10.0);
}

#[test]
fn a_target_that_was_missed_is_a_violation_with_its_price() {
    let battery = Battery::new("battery", 10_000.0, 1_000.0, 1_000.0, 5_000.0)
        .charge_efficiency(1.0)
        .terminal(Terminal::AtLeastWh(8_000.0));
    let site = site(1, [Grid::new("grid", 0.3).into(), battery.into()]);
    let columns: [(&str, Quantity, &[f64]); 3] = [
        ("grid", Quantity::Import, &[1_000.0]),
        ("battery", Quantity::Charge, &[1_000.0]),
        ("battery", Quantity::Energy, &[6_000.0]),
    ];
    // A hundred times the highest price for each of 2 kWh.
    let plan = verdict(&site, &columns, 60.3).unwrap();
    let [missed] = &plan.violations[..] else { panic!("{:?}", plan.violations) };
    assert_eq!((missed.limit, missed.amount, missed.unit), ("terminal", 2.0, "kWh"));
    assert_eq!(
        missed.text,
        "battery ends with 6 kWh, 2 kWh less than the 8 kWh asked for in step 0 (2026-01-01T00:00:00Z)"
    );
}

/// A genset that must run three hours once started, and stand two once stopped.
fn island(on: &[f64], initially_on: bool) -> Result<Plan> {
    let power: Vec<f64> = on.iter().map(|on| 20_000.0 * on).collect();
    let genset = Genset::new("diesel", 10_000.0, 60_000.0, 0.3)
        .min_up(Span::from_seconds(3 * 3600))
        .min_down(Span::from_seconds(2 * 3600))
        .start_cost(8.0)
        .stop_cost(1.0)
        .no_load_per_h(2.0)
        .initially_on(initially_on)
        .initial_since(Span::from_seconds(3600));
    let site = site(on.len(), [genset.into(), Load::new("load", power.clone()).into()]);
    let columns: [(&str, Quantity, &[f64]); 3] =
        [("diesel", Quantity::Power, &power), ("diesel", Quantity::On, on), ("load", Quantity::Served, &power)];
    let switches = |from: f64, to: f64| {
        let before = std::iter::once(f64::from(u8::from(initially_on))).chain(on.iter().copied());
        before.zip(on).filter(|(before, now)| (*before, **now) == (from, to)).count() as f64
    };
    let hours: f64 = on.iter().sum();
    verdict(&site, &columns, hours * (20.0 * 0.3 + 2.0) + 8.0 * switches(0.0, 1.0) + switches(1.0, 0.0))
}

#[test]
fn least_times_up_and_down_hold_from_the_state_before_the_horizon() {
    assert!(island(&[0.0, 1.0, 1.0, 1.0, 0.0, 0.0], false).is_ok());
    assert!(island(&[1.0, 1.0, 0.0, 0.0, 1.0], true).is_ok(), "a run may be cut by the horizon's end");
    let refused = |on: &[f64], initially_on| island(on, initially_on).unwrap_err().to_string();
    assert!(refused(&[0.0, 1.0, 1.0, 0.0, 0.0, 0.0], false).contains("step 1"));
    assert!(refused(&[1.0, 1.0, 0.0, 1.0, 1.0], true).contains("step 2"));
    assert!(refused(&[1.0, 0.0, 0.0, 0.0, 0.0], true).contains("step 0"), "two of three hours were still to run");
    assert!(refused(&[1.0, 1.0, 1.0], false).contains("step 0"), "an hour was still to stand");
}

#[test]
fn a_vehicle_charges_within_its_bands_while_it_is_there() {
    let session = |initial_wh| Session {
        arrival: "2026-01-01T01:00:00Z".parse().unwrap(),
        departure: "2026-01-01T03:00:00Z".parse().unwrap(),
        initial_wh,
        target_wh: 9_000.0,
        limit_wh: None,
    };
    let car = |initial_wh| {
        let charging = Charging::Power { min_w: 1_400.0, max_w: 10_000.0 };
        Ev::new("car", 50_000.0, vec![session(initial_wh)], charging).start_cost(0.5)
    };
    let plan = |charge: [f64; 4], energy: [f64; 4], claimed| {
        let site = site(4, [Grid::new("grid", 0.1).into(), car(0.0).into()]);
        let columns: [(&str, Quantity, &[f64]); 3] =
            [("grid", Quantity::Import, &charge), ("car", Quantity::Charge, &charge), ("car", Quantity::Energy, &energy)];
        verdict(&site, &columns, claimed)
    };
    assert_eq!(plan([0.0, 0.0, 1e4, 0.0], [0.0, 0.0, 9e3, 0.0], 1.5).unwrap().violations, []);
    let short = plan([0.0, 0.0, 5e3, 0.0], [0.0, 0.0, 4.5e3, 0.0], 0.5 + 0.5 + 4.5 * 10.0).unwrap();
    assert_eq!((short.violations[0].limit, short.violations[0].amount), ("target_wh", 4.5));
    let below = plan([0.0, 0.0, 1e3, 0.0], [0.0, 0.0, 900.0, 0.0], 0.0).unwrap_err().to_string();
    assert!(below.contains("charge_w is no power that the charger can give by 400 in step 2"), "{below}");
    let away = plan([1e4, 0.0, 0.0, 0.0], [9e3, 0.0, 0.0, 0.0], 0.0).unwrap_err().to_string();
    assert!(away.contains("not there"), "{away}");
}

#[test]
fn a_load_that_may_choose_its_time_runs_in_one_go_within_its_window() {
    let washer = Deferrable::new("washer", 2_000.0, Span::from_seconds(7200))
        .earliest("2026-01-01T01:00:00Z".parse::<crate::model::Timestamp>().unwrap())
        .start_cost(0.1);
    let plan_of = |washer: &Deferrable, on: [f64; 4]| {
        let power = on.map(|on| 2_000.0 * on);
        let site = site(4, [Grid::new("grid", 0.1).into(), washer.clone().into()]);
        let columns: [(&str, Quantity, &[f64]); 3] =
            [("grid", Quantity::Import, &power), ("washer", Quantity::Power, &power), ("washer", Quantity::On, &on)];
        let hours: f64 = on.iter().sum();
        verdict(&site, &columns, 0.2 * hours + 0.1 + (2.0 - hours).max(0.0) * 20.0)
    };
    let plan = |on| plan_of(&washer, on);
    assert!(plan([0.0, 0.0, 1.0, 1.0]).unwrap().violations.is_empty());
    assert!(plan([0.0, 0.0, 0.0, 1.0]).unwrap_err().to_string().contains("cut short of its run_time"));
    let cut = plan_of(&washer.clone().shortfall_per_h(20.0), [0.0, 0.0, 0.0, 1.0]).unwrap();
    assert_eq!(cut.violations[0].text, "washer runs 1 h of 2 h");
    assert!(plan([1.0, 1.0, 0.0, 0.0]).unwrap_err().to_string().contains("outside its window"));
    assert!(plan([0.0, 1.0, 0.0, 1.0]).unwrap_err().to_string().contains("in one go"));
    assert!(plan([0.0, 1.0, 1.0, 1.0]).unwrap_err().to_string().contains("longer than its run_time"));
}

#[test]
fn a_tank_and_a_building_follow_their_heat() {
    let tank = Tank {
        capacity_wh: 8_000.0,
        initial_wh: 3_000.0,
        demand_w: 2_000.0.into(),
        terminal: Terminal::Free,
        ..Tank::default()
    };
    let pump = HeatPump::new("pump", 2_000.0, 3.0, tank);
    let site = site(1, [Grid::new("grid", 0.1).into(), pump.into()]);
    let plan = |unmet: f64, energy: f64| {
        let columns: [(&str, Quantity, &[f64]); 6] = [
            ("grid", Quantity::Import, &[1_000.0]),
            ("pump", Quantity::Power, &[1_000.0]),
            ("pump", Quantity::On, &[1.0]),
            ("pump", Quantity::Heat, &[3_000.0]),
            ("pump", Quantity::Unmet, &[unmet]),
            ("pump", Quantity::Energy, &[energy]),
        ];
        verdict(&site, &columns, 0.1 + unmet / 1000.0 * 10.0)
    };
    assert!(plan(0.0, 4_000.0).is_ok());
    assert_eq!(plan(500.0, 4_500.0).unwrap().violations[0].limit, "demand_w");
    assert!(plan(0.0, 4_100.0).unwrap_err().to_string().contains("does not follow from heat and demand by 100"));

    let building = Building {
        capacity_wh_per_k: 1_000.0,
        loss_w_per_k: 0.0,
        outdoor_c: 0.0.into(),
        initial_c: 18.0,
        comfort_min_c: 20.0.into(),
        ..Building::default()
    };
    let pump = HeatPump::new("pump", 2_000.0, 3.0, building);
    let rooms = self::site(1, [Grid::new("grid", 0.1).into(), pump.into()]);
    let columns: [(&str, Quantity, &[f64]); 5] = [
        ("grid", Quantity::Import, &[500.0]),
        ("pump", Quantity::Power, &[500.0]),
        ("pump", Quantity::On, &[1.0]),
        ("pump", Quantity::Heat, &[1_500.0]),
        ("pump", Quantity::Temperature, &[19.5]),
    ];
    let cold = verdict(&rooms, &columns, 0.05 + 0.5 * 10.0).unwrap();
    assert_eq!((cold.violations[0].limit, cold.violations[0].amount), ("comfort_min_c", 0.5));
}

#[test]
fn missing_reserve_is_billed_and_what_is_counted_on_must_be_there() {
    let battery =
        Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0).discharge_efficiency(0.8).self_discharge_per_hour(0.0);
    let mut site = site(1, [Grid::new("grid", 0.1).into(), battery.into()]);
    site.reserve = Some(Reserve { up_w: 4_500.0.into(), ..Reserve::default() });
    let plan = |reserve: f64| {
        let columns: [(&str, Quantity, &[f64]); 2] =
            [("battery", Quantity::Reserve, &[reserve]), ("battery", Quantity::Energy, &[5_000.0])];
        verdict(&site, &columns, (4.5 - reserve / 1000.0) * 10.0)
    };
    let short = plan(4_000.0).unwrap();
    assert_eq!((short.violations[0].limit, short.violations[0].amount, short.violations[0].unit), ("reserve", 0.5, "kW"));
    assert!(plan(4_500.0).unwrap_err().to_string().contains("more than its energy can give by 500"));
}

#[test]
fn a_link_loses_on_its_way_and_a_source_that_cannot_be_curtailed_is_not() {
    let panels = Source::new("pv", 1_000.0).curtailable(false).bus("dc");
    let site = |load: f64| {
        let mut site = site(1, [panels.clone().into(), Load::new("load", load).into()]);
        site.links = vec![Link { efficiency: 0.9, cost_per_kwh: 0.01, ..Link::new("inverter", "dc", "main", 5_000.0) }];
        site
    };
    let sent = |site: &Site, used: f64, curtailed: f64, load: f64| {
        let columns: [(&str, Quantity, &[f64]); 4] = [
            ("pv", Quantity::Used, &[used]),
            ("pv", Quantity::Curtailed, &[curtailed]),
            ("inverter", Quantity::Forward, &[used]),
            ("load", Quantity::Served, &[load]),
        ];
        verdict(site, &columns, used * 1e-5)
    };
    assert!(sent(&site(900.0), 1_000.0, 0.0, 900.0).is_ok());
    assert!(sent(&site(1_000.0), 1_000.0, 0.0, 1_000.0).unwrap_err().to_string().contains("main: what goes in"));
    assert!(sent(&site(450.0), 500.0, 500.0, 450.0).unwrap_err().to_string().contains("not curtailable"));
}
