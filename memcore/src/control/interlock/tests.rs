//! What safety allows, told as stories of sites.

use crate::control::stage::Stage;
use crate::control::{Cause, Fault};

/// A house of 3 x 35 A with a car that takes 6 to 16 A on three phases. Nothing is kept free.
const CAR: &str = r#"
    [[asset]]
    name = "grid"
    role = "grid_meter"
    currents = ["l1", "l2", "l3"]
    period = "1s"
    [[asset]]
    name = "car"
    role = "charger"
    setpoint = "limit"
    range_w = [0, 11040]
    least_w = 4140
    period = "1s"
    [[circuit]]
    name = "main"
    meter = "grid"
    limit_a = 35
    margin = 0
"#;

fn car() -> Stage {
    Stage::new(CAR).obey(&["car"]).rest(500.0).reports("grid.power", 500.0).wishes("car", 11_040.0)
}

const BATTERY: &str = r#"
    [[asset]]
    name = "battery"
    role = "battery"
    soc = "soc"
    setpoint = "power"
    range_w = [-5000, 5000]
    period = "1s"
    storage = { capacity_wh = 10000, min_soc = 0.1, max_soc = 0.95 }
"#;

fn battery(soc: f64) -> Stage {
    Stage::new(BATTERY).obey(&["battery"]).reports("battery.soc", soc)
}

#[test]
fn e2_a_car_charges_at_its_least_within_a_minute_after_the_meter_of_the_grid_is_lost() {
    let stage = car().pass(10).expect("car", 11_040.0).expect_no_fault();
    let stage = stage.silent("grid.power").pass(4).expect("car", 4_140.0).expect_limited("car", Cause::Stale(0));
    let stage = stage.expect_fault(Fault::MeterLost(0)).expect_fault(Fault::CircuitUnknown(0));
    // Back again, it is not given back at once.
    let stage = stage.reports("grid.power", 4_640.0).pass(5);
    assert!(stage.power_w("car") < 5_000.0, "{}", stage.power_w("car"));
    stage.pass(60).expect("car", 11_040.0).expect_no_fault();
}

#[test]
fn e2_what_a_lost_meter_is_declared_to_be_taken_for_holds() {
    let declared = CAR.replacen("period", "assumed_w = 15000\nperiod", 1);
    let stage = Stage::new(&declared).obey(&["car"]).rest(500.0).reports("grid.power", 500.0).wishes("car", 11_040.0);
    // 35 A x 230 V less a third of 15 kW, on each phase.
    let left_w = 3.0 * (35.0 * 230.0 - 5_000.0);
    stage.pass(10).expect("car", 11_040.0).silent("grid.power").pass(4).expect("car", left_w);
}

#[test]
fn e5_a_car_on_the_first_phase_is_left_alone_when_the_third_is_overloaded() {
    let on_l1 = CAR
        .replace("role = \"charger\"", "role = \"charger\"\nphases = \"l1\"")
        .replace("11040", "3680")
        .replace("4140", "1380");
    let stage = Stage::new(&on_l1).obey(&["car"]).rest(9_000.0).reports("grid.power", 9_000.0).wishes("car", 3_680.0);
    let stage = stage.reports("grid.l1", 17.0).reports("grid.l2", 2.0).reports("grid.l3", 38.0).pass(30);
    stage.expect("car", 3_680.0).expect_fault(Fault::Infeasible(0));
}

#[test]
fn e5_so_is_a_car_with_one_phase_at_a_charger_with_three() {
    let measured = CAR.replace("role = \"charger\"", "role = \"charger\"\ncurrents = [\"i1\", \"i2\", \"i3\"]");
    let stage = Stage::new(&measured).rest(9_000.0).reports("grid.power", 9_000.0).wishes("car", 11_040.0);
    let stage = stage.reports("car.power", 3_680.0).reports("car.i1", 16.0).reports("car.i2", 0.0).reports("car.i3", 0.0);
    let stage = stage.reports("grid.l1", 17.0).reports("grid.l2", 2.0).reports("grid.l3", 38.0).pass(30);
    stage.expect("car", 11_040.0);
}

#[test]
fn an_overload_is_answered_in_the_same_second_and_given_back_slowly() {
    let stage = car().pass(10).expect("car", 11_040.0);
    // 24,150 W is the fuse; 16 kW of others leave 8,150.
    let stage = stage
        .rest(16_000.0)
        .pass(1)
        .expect("car", 8_150.0)
        .expect_limited("car", Cause::Circuit { circuit: 0, phase: Some(0) });
    let stage = stage.pass(30).expect("car", 8_150.0).rest(500.0).pass(1);
    assert!(stage.power_w("car") < 8_600.0);
    stage.pass(40).expect("car", 11_040.0);
}

#[test]
fn no_order_explains_an_overload_for_longer_than_a_car_needs_to_follow() {
    let slow = CAR
        .replace("role = \"charger\"", "role = \"charger\"\nperiod = \"5s\"")
        .replace("least_w = 4140\n    period = \"1s\"", "least_w = 4140");
    let stage = Stage::new(&slow).obey(&["car"]).rest(13_000.0).reports("grid.power", 13_000.0).wishes("car", 11_040.0);
    // 3 kW come in the second in which the car goes down by 2, so they may be the car; 2.5 kW more come before that is known.
    let stage = stage.pass(60).expect("car", 11_040.0).wishes("car", 9_000.0).pass(1).expect("car", 9_000.0);
    let stage = stage.rest(16_000.0).pass(8).expect("car", 9_000.0);
    let stage = stage.rest(18_500.0).pass(1).expect("car", 7_690.0);
    // 24,150 W is the fuse.
    stage.pass(9).expect("car", 5_650.0).expect_no_fault();
}

#[test]
fn a_car_that_does_not_fit_rests_for_a_minute_before_it_tries_again() {
    let stage = car().pass(10).rest(21_000.0).pass(1).expect("car", 0.0).pass(5).rest(500.0).pass(50).expect("car", 0.0);
    stage.pass(60).expect("car", 11_040.0);
}

#[test]
fn a_load_beside_that_comes_and_goes_does_not_make_the_car_come_and_go() {
    let mut stage = car().pass(20);
    let mut changes = 0;
    for second in 0..600 {
        let before_w = stage.power_w("car");
        stage = stage.rest(if second / 5 % 2 == 0 { 500.0 } else { 16_000.0 }).pass(1);
        changes += usize::from((stage.power_w("car") - before_w).abs() > 1.0);
    }
    assert!(changes <= 2, "{changes}");
}

#[test]
fn what_a_car_is_told_counts_until_it_is_measured() {
    // The car starts at once, its own meter shows it ten seconds later, the grid's at once.
    let slow = CAR.replace("period = \"1s\"\n    [[circuit]]", "period = \"10s\"\n    [[circuit]]");
    let stage = Stage::new(&slow).rest(12_000.0).reports("grid.power", 12_000.0).reports("car.power", 0.0).pass(5);
    let stage = stage
        .wishes("car", 11_040.0)
        .pass(1)
        .expect("car", 11_040.0)
        .rest(12_000.0 + 11_040.0)
        .pass(9)
        .expect("car", 11_040.0);
    stage.reports("car.power", 11_040.0).pass(60).expect("car", 11_040.0).expect_no_fault();
}

#[test]
fn a_car_that_draws_more_than_it_is_told_is_a_fault_and_counts_against_the_others() {
    let two = format!(
        "{CAR}[[asset]]\nname = \"second\"\nrole = \"charger\"\nsetpoint = \"limit\"\nrange_w = [0, 11040]\nleast_w = 4140\nperiod = \"1s\""
    );
    let stage = Stage::new(&two).obey(&["second"]).reports("car.power", 11_040.0).rest(11_040.0 + 4_000.0);
    let stage = stage.reports("grid.power", 15_040.0).wishes("car", 0.0).wishes("second", 11_040.0).pass(70);
    stage.expect("car", 0.0).expect("second", 24_150.0 - 15_040.0).expect_fault(Fault::NotFollowing(1));
}

#[test]
fn a_circuit_within_another_keeps_both_limits() {
    let nested = CAR.replace("role = \"charger\"", "role = \"charger\"\ncircuit = \"garage\"")
        + "[[circuit]]\nname = \"garage\"\nwithin = \"main\"\nlimit_a = 10\nmargin = 0";
    let stage = Stage::new(&nested).obey(&["car"]).rest(500.0).reports("grid.power", 500.0).wishes("car", 11_040.0);
    let stage = stage.pass(90).expect("car", 6_900.0).expect_limited("car", Cause::Circuit { circuit: 1, phase: Some(0) });
    stage
        .rest(19_000.0)
        .pass(1)
        .expect("car", 5_150.0)
        .expect_limited("car", Cause::Circuit { circuit: 0, phase: Some(0) });
}

#[test]
fn an_array_gives_no_more_than_may_be_exported_and_what_the_site_draws() {
    let export = r#"
        [[asset]]
        name = "grid"
        role = "grid_meter"
        period = "1s"
        [[asset]]
        name = "pv"
        role = "pv"
        setpoint = "limit"
        range_w = [-10000, 0]
        safe_w = -10000
        period = "1s"
        [[circuit]]
        name = "main"
        meter = "grid"
        export_limit_w = 6000
        margin = 0
    "#;
    let stage = Stage::new(export).obey(&["pv"]).rest(1_000.0).reports("grid.power", 1_000.0);
    stage
        .pass(3)
        .expect("pv", -7_000.0)
        .rest(3_000.0)
        .pass(40)
        .expect("pv", -9_000.0)
        .rest(500.0)
        .pass(1)
        .expect("pv", -6_500.0);
}

#[test]
fn e8_what_is_within_the_tolerance_of_a_bound_is_no_fault() {
    let stage = battery(0.959).wishes("battery", 3_000.0).pass(2);
    stage.expect("battery", 0.0).expect_limited("battery", Cause::SocHigh).expect_no_fault();
    battery(0.961).pass(2).expect_fault(Fault::SocOutside(0));
}

#[test]
fn a_battery_that_is_empty_gives_nothing_may_be_charged_and_begins_again_a_tolerance_above() {
    let stage =
        battery(0.1).wishes("battery", -3_000.0).pass(2).expect("battery", 0.0).expect_limited("battery", Cause::SocLow);
    let stage = stage.reports("battery.soc", 0.105).pass(5).expect("battery", 0.0);
    let stage = stage.reports("battery.soc", 0.111).pass(5).expect("battery", -3_000.0);
    stage
        .reports("battery.soc", 0.02)
        .wishes("battery", 3_000.0)
        .pass(2)
        .expect("battery", 3_000.0)
        .expect_fault(Fault::SocOutside(0));
}

#[test]
fn a_battery_whose_state_of_charge_is_not_known_rests() {
    let stage = battery(0.5).wishes("battery", -3_000.0).pass(2).expect("battery", -3_000.0).silent("battery.soc");
    stage
        .pass(121)
        .expect("battery", 0.0)
        .expect_fault(Fault::SocLost(0))
        .wishes("battery", 3_000.0)
        .pass(2)
        .expect("battery", 0.0);
}

/// A car, a heat pump and a battery that the operator of the grid may dim to 4.2 kW together.
const DIMMED: &str = r#"
    [[asset]]
    name = "grid"
    role = "grid_meter"
    period = "1s"
    [[asset]]
    name = "car"
    role = "charger"
    setpoint = "limit"
    range_w = [0, 11040]
    least_w = 1380
    period = "1s"
    [[external]]
    name = "dso"
    signal = "box:limit"
    failsafe_w = 4200
    silent_after = "1m"
    min_duration = "10m"
"#;

#[test]
fn a_cold_start_holds_the_failsafe_until_the_first_limit_and_leaves_it_by_rule() {
    let members = format!("{DIMMED}members = [\"car\"]");
    let stage = Stage::new(&members).obey(&["car"]).wishes("car", 11_040.0).reports("grid.power", 0.0);
    let stage = stage.pass(600).expect("car", 4_200.0).expect_limited("car", Cause::External(0)).expect_no_fault();
    let stage = stage.reports("box.limit", 50_000.0).pass(90).expect("car", 11_040.0);
    stage.reports("box.limit", 7_000.0).pass(1).expect("car", 7_000.0);
}

#[test]
fn a_limit_that_falls_silent_leaves_the_failsafe_for_its_least_time() {
    let members = format!("{DIMMED}members = [\"car\"]");
    let stage = Stage::new(&members)
        .obey(&["car"])
        .wishes("car", 11_040.0)
        .reports("grid.power", 0.0)
        .reports("box.limit", 50_000.0);
    let stage = stage.pass(90).expect("car", 11_040.0).silent("box.limit").pass(59).expect("car", 11_040.0);
    let stage = stage.pass(2).expect("car", 4_200.0).expect_fault(Fault::Failsafe(0));
    // It is back after a minute: stricter ones hold, the others wait.
    let stage = stage.reports("box.limit", 50_000.0).pass(60).expect("car", 4_200.0);
    let stage = stage.reports("box.limit", 2_000.0).pass(1).expect("car", 2_000.0).reports("box.limit", 50_000.0);
    let stage = stage.pass(530).expect("car", 4_200.0);
    stage.pass(90).expect("car", 11_040.0).expect_no_fault();
}

#[test]
fn a_limit_of_the_connection_leaves_what_the_house_does_not_take_and_a_wrong_one_is_silence() {
    let stage = Stage::new(DIMMED).obey(&["car"]).rest(1_000.0).reports("grid.power", 1_000.0).wishes("car", 11_040.0);
    let stage =
        stage.reports("box.limit", 6_000.0).pass(60).expect("car", 5_000.0).rest(3_000.0).pass(1).expect("car", 3_000.0);
    stage.rest(2_000.0).reports("box.limit", -1.0).pass(80).expect("car", 2_200.0).expect_fault(Fault::Failsafe(0));
}

#[test]
fn a_state_of_one_is_the_limit_and_of_zero_is_none() {
    let state = format!("{DIMMED}members = [\"car\"]\nlimit_w = 5000");
    let stage =
        Stage::new(&state).obey(&["car"]).wishes("car", 11_040.0).reports("grid.power", 0.0).reports("box.limit", 0.0);
    let stage = stage.pass(5).expect("car", 11_040.0).reports("box.limit", 1.0).pass(1).expect("car", 5_000.0);
    stage.reports("box.limit", 0.0).pass(1).expect("car", 11_040.0);
}

/// A house with a battery of 5 kW that forms its grid when the other is away.
const ISLAND: &str = r#"
    [[asset]]
    name = "grid"
    role = "grid_meter"
    period = "1s"
    [[asset]]
    name = "battery"
    role = "battery"
    soc = "soc"
    setpoint = "power"
    range_w = [-5000, 5000]
    period = "1s"
    storage = { capacity_wh = 10000, min_soc = 0.05 }
    [[asset]]
    name = "heater"
    role = "heat_pump"
    setpoint = "limit"
    range_w = [0, 6000]
    period = "1s"
    [[circuit]]
    name = "main"
    meter = "grid"
    import_limit_w = 10000
    [island]
    grid_present = "switch:present"
    forming = "battery"
    reserve_w = 1000
    reserve_soc = 0.3
"#;

fn island() -> Stage {
    let stage =
        Stage::new(ISLAND).obey(&["heater"]).rest(500.0).reports("grid.power", 500.0).reports("switch.present", 1.0);
    stage.reports("battery.power", 0.0).reports("battery.soc", 0.25).wishes("heater", 6_000.0).wishes("battery", -3_000.0)
}

#[test]
fn energy_for_the_island_is_kept_while_the_grid_is_there() {
    island().pass(5).expect("battery", 0.0).expect_limited("battery", Cause::Reserve).expect("heater", 6_000.0);
}

#[test]
fn an_island_begins_at_once_leaves_the_forming_battery_alone_and_ends_after_a_minute() {
    let stage = island().pass(5).reports("switch.present", 0.0).reports("battery.power", -6_500.0).pass(1);
    assert_eq!(stage.decided("battery"), None, "the battery forms the grid");
    // 5 kW less a reserve of 1 kW, of which others take 500 W.
    let stage = stage.expect("heater", 3_500.0).expect_limited("heater", Cause::Island);
    let stage = stage.reports("battery.power", -4_000.0).silent("grid.power").pass(60).expect("heater", 3_500.0);
    let stage = stage.reports("battery.soc", 0.05).pass(1).expect("heater", 0.0);
    let stage = stage.reports("battery.soc", 0.2).reports("battery.power", -500.0).reports("grid.power", 0.0);
    let stage = stage.reports("switch.present", 1.0).pass(55);
    assert_eq!(stage.decided("battery"), None, "the grid was back for less than a minute");
    stage.pass(90).expect("battery", 0.0).expect("heater", 6_000.0);
}

#[test]
fn where_it_is_not_known_whether_the_grid_is_there_the_reserve_is_kept() {
    let stage = island().pass(5).silent("switch.present").pass(60).expect_no_fault();
    stage.pass(5).expect_fault(Fault::GridUnknown).expect("battery", 0.0).expect("heater", 6_000.0);
}
