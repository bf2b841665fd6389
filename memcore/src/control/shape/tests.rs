//! What devices can do of what they were granted, told as stories.

use crate::control::stage::Stage;
use crate::control::{Cause, Fault};

fn asset(role: &str, more: &str) -> String {
    format!("[[asset]]\nname = \"it\"\nrole = \"{role}\"\nsetpoint = \"limit\"\nperiod = \"1s\"\n{more}\n")
}

fn stage(role: &str, more: &str) -> Stage {
    Stage::new(&asset(role, more)).obey(&["it"]).pass(1)
}

#[test]
fn steps_are_rounded_towards_zero_and_do_not_flutter() {
    let mut stage = stage("load", "range_w = [0, 6000]\nstep_w = 1000").wishes("it", 2_999.0).pass(1).expect("it", 2_000.0);
    stage = stage.expect_limited("it", Cause::Steps).wishes("it", 3_000.0).pass(1).expect("it", 3_000.0);
    let mut changes = 0;
    for second in 0..100 {
        let before_w = stage.power_w("it");
        stage = stage.wishes("it", if second % 2 == 0 { 2_999.0 } else { 3_001.0 }).pass(1);
        changes += usize::from(stage.power_w("it") != before_w);
    }
    assert!(changes <= 20, "{changes}");
}

#[test]
fn levels_are_rounded_towards_zero_on_either_side() {
    let stage = stage(
        "battery",
        "soc = \"soc\"\nstorage = { capacity_wh = 9000 }\nrange_w = [-3000, 3000]\nlevels_w = [-3000, -1000, 0, 2000]",
    );
    let stage = stage.reports("it.soc", 0.5).wishes("it", 3_000.0).pass(1).expect("it", 2_000.0);
    stage.wishes("it", -2_900.0).pass(1).expect("it", -1_000.0).wishes("it", -900.0).pass(1).expect("it", 0.0);
}

#[test]
fn below_its_least_it_rests() {
    let stage = stage("charger", "range_w = [0, 11040]\nleast_w = 4140").wishes("it", 4_100.0).pass(1).expect("it", 0.0);
    stage.wishes("it", 4_140.0).pass(1).expect("it", 4_140.0).wishes("it", 3_900.0).pass(1).expect("it", 0.0);
}

#[test]
fn a_power_changes_as_fast_as_it_may_and_begins_at_what_is_measured() {
    let ramped = asset("load", "power = \"power\"\nrange_w = [0, 6000]\nramp_w_per_s = 500");
    let stage = Stage::new(&ramped).reports("it.power", 2_000.0).wishes("it", 4_000.0).pass(1);
    let stage = stage.pass(1).expect_limited("it", Cause::Ramp);
    assert!(stage.power_w("it") <= 3_000.0, "{}", stage.power_w("it"));
    let stage = stage.pass(5).expect("it", 4_000.0);
    stage.wishes("it", 0.0).pass(1).expect("it", 3_500.0).pass(7).expect("it", 0.0);
}

#[test]
fn a_ramp_goes_through_steps_that_are_wider_than_it_and_past_the_least_power() {
    let stage = stage("load", "range_w = [0, 6000]\nlevels_w = [0, 3000, 6000]\nramp_w_per_s = 500").wishes("it", 6_000.0);
    let stage = stage.pass(5).expect("it", 0.0).pass(2).expect("it", 3_000.0).pass(6).expect("it", 6_000.0);
    stage.wishes("it", 0.0).pass(3).expect("it", 3_000.0).pass(10).expect("it", 0.0);
}

const COMPRESSOR: &str = "range_w = [0, 3000]\nleast_w = 800\nmin_on = \"5m\"\nmin_off = \"3m\"";

#[test]
fn a_compressor_runs_and_rests_for_its_least_times() {
    let stage = stage("heat_pump", COMPRESSOR)
        .wishes("it", 2_000.0)
        .pass(170)
        .expect("it", 0.0)
        .expect_limited("it", Cause::MinOff);
    let stage = stage.pass(15).expect("it", 2_000.0).wishes("it", 0.0);
    let stage = stage.pass(280).expect("it", 800.0).expect_limited("it", Cause::MinOn);
    let stage = stage.pass(20).expect("it", 0.0).wishes("it", 2_000.0);
    stage.pass(170).expect("it", 0.0).pass(20).expect("it", 2_000.0);
}

#[test]
fn one_that_has_just_started_by_itself_runs_from_then() {
    let pump = asset("heat_pump", COMPRESSOR);
    let stage = Stage::new(&pump).reports("it.power", 0.0).wishes("it", 2_000.0).pass(400).expect("it", 2_000.0);
    // Told to run for long, and started only now: by its own controller.
    let stage = stage.reports("it.power", 2_000.0).pass(1).wishes("it", 0.0).pass(280).expect("it", 800.0);
    stage.pass(25).expect("it", 0.0);
}

#[test]
fn off_for_safety_passes_least_times_and_ramps() {
    let fused = asset("heat_pump", &format!("{COMPRESSOR}\nramp_w_per_s = 10"))
        + "[[asset]]\nname = \"grid\"\nrole = \"grid_meter\"\nperiod = \"1s\"\n\
           [[circuit]]\nname = \"main\"\nmeter = \"grid\"\nimport_limit_w = 6000\nmargin = 0";
    let stage = Stage::new(&fused).obey(&["it"]).rest(0.0).reports("grid.power", 0.0).wishes("it", 2_000.0);
    let stage = stage.pass(420).expect("it", 2_000.0).rest(6_000.0).pass(1).expect("it", 0.0);
    stage.expect_limited("it", Cause::Circuit { circuit: 1 - 1, phase: None }).rest(0.0).pass(180).expect("it", 0.0);
}

#[test]
fn a_relay_that_is_toggled_each_second_keeps_its_times() {
    let mut stage = stage(
        "switch",
        "power = \"power\"\nsetpoint_unit = \"on_off\"\nrange_w = [0, 2000]\nmin_on = \"1m\"\nmin_off = \"1m\"",
    );
    let (mut changes, mut before_w) = (0, 0.0);
    for second in 0..600 {
        stage = stage.wishes("it", if second % 2 == 0 { 2_000.0 } else { 0.0 }).pass(1);
        changes += usize::from(stage.power_w("it") != before_w);
        before_w = stage.power_w("it");
    }
    assert!((5..=10).contains(&changes), "{changes}");
}

#[test]
fn one_that_goes_to_and_fro_is_held_at_the_safer_end() {
    let mut stage = stage("load", "range_w = [0, 4000]");
    let (mut changes, mut before_w) = (0, 0.0);
    for second in 0..600 {
        stage = stage.wishes("it", if second / 5 % 2 == 0 { 1_000.0 } else { 4_000.0 }).pass(1);
        changes += usize::from(stage.power_w("it") != before_w);
        before_w = stage.power_w("it");
        if second == 200 {
            stage = stage.expect("it", 1_000.0).expect_fault(Fault::Oscillation(0));
        }
        if second == 206 {
            stage = stage.expect_limited("it", Cause::Oscillation);
        }
    }
    assert!(changes <= 24, "{changes}");
}

const SWITCHED: &str =
    "range_w = [0, 11040]\nleast_w = 1380\nphases = \"switched\"\nphase_setpoint = \"phases\"\nsetpoint_unit = \"a\"";

#[test]
fn a_charger_goes_to_one_phase_for_what_three_cannot_do_and_back() {
    let phases = |stage: &Stage| stage.decided("it").unwrap().phases;
    let stage = stage("charger", SWITCHED).wishes("it", 6_000.0).pass(2).expect("it", 6_000.0);
    assert_eq!(phases(&stage), 3);
    // Half a minute's patience, a pause of five seconds.
    let stage = stage.wishes("it", 2_000.0).pass(29).expect("it", 0.0);
    let stage = stage.pass(3).expect_limited("it", Cause::Phases).expect("it", 0.0).pass(6).expect("it", 2_000.0);
    assert_eq!(phases(&stage), 1);
    // More is wanted: no more than one phase gives, until five minutes have passed.
    let stage = stage.wishes("it", 7_000.0).pass(200).expect("it", 3_680.0);
    let stage = stage.pass(150).expect("it", 7_000.0);
    assert_eq!(phases(&stage), 3);
}

#[test]
fn the_sums_hold_after_rounding_and_the_least_urgent_gives_way() {
    let two = "[[asset]]\nname = \"grid\"\nrole = \"grid_meter\"\nperiod = \"1s\"\n\
         [[asset]]\nname = \"first\"\nrole = \"charger\"\nsetpoint = \"limit\"\nrange_w = [0, 11040]\nleast_w = 4140\nperiod = \"1s\"\n\
         [[asset]]\nname = \"second\"\nrole = \"charger\"\nsetpoint = \"limit\"\nrange_w = [0, 11040]\nleast_w = 4140\nperiod = \"1s\"\n\
         [[circuit]]\nname = \"main\"\nmeter = \"grid\"\nimport_limit_w = 12000\nmargin = 0";
    let stage = Stage::new(two).obey(&["first", "second"]).rest(0.0).reports("grid.power", 0.0);
    let stage = stage.wishes("first", 9_000.0).wishes("second", 9_000.0).pass(5);
    let sum_w = stage.power_w("first") + stage.power_w("second");
    assert!((8_999.0..=12_000.0).contains(&sum_w), "{sum_w}");
}
