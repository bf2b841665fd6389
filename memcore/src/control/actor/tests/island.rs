//! What keeps a site from going dark: shedding, gensets, droop.

use super::plant::Row;
use super::{Plant, Scene};

fn village(strategy: &str) -> String {
    format!(
        r#"
        site = "home1"
        strategy = [{strategy}]
        island = {{ grid_present = "switch:present", forming = "former" }}
        asset = [
            {{ name = "former", role = "battery", soc = "soc", frequency = "frequency", range_w = [-20000, 20000],
               storage = {{ capacity_wh = 10000, min_soc = 0.1 }} }},
            {{ name = "pv", role = "pv", setpoint = "power", range_w = [-8000, 0], safe_w = -8000 }},
            {{ name = "genset", role = "genset", setpoint = "power", range_w = [-10000, 0], least_w = 3000 }},
            {{ name = "pump", role = "switch", setpoint = "on", setpoint_unit = "on_off", power = "power", range_w = [0, 2000], safe_w = 2000, shed_order = 1 }},
            {{ name = "mill", role = "switch", setpoint = "on", setpoint_unit = "on_off", power = "power", range_w = [0, 4000], safe_w = 4000, shed_order = 2 }},
            {{ name = "homes", role = "switch", setpoint = "on", setpoint_unit = "on_off", power = "power", range_w = [0, 6000], safe_w = 6000, shed_order = 3 }},
        ]
        "#
    )
}

fn shop(strategy: &str) -> String {
    format!(
        r#"
        site = "home1"
        strategy = [{strategy}]
        asset = [
            {{ name = "grid", role = "grid_meter" }},
            {{ name = "pump", role = "switch", setpoint = "on", setpoint_unit = "on_off", power = "power", range_w = [0, 2000], shed_order = 1 }},
            {{ name = "oven", role = "switch", setpoint = "on", setpoint_unit = "on_off", power = "power", range_w = [0, 4000], shed_order = 2 }},
            {{ name = "light", role = "switch", setpoint = "on", setpoint_unit = "on_off", power = "power", range_w = [0, 500], shed_order = 3 }},
        ]
        "#
    )
}

#[test]
fn an_overload_sheds_as_much_as_is_too_much_and_comes_back_without_a_rush() {
    let mut scene = Scene::new(&shop(r#"{ kind = "load_shedding", import_limit_w = 10000 }"#));
    // Limit 10,000 W. (seconds later, grid, pump, oven) -> who is off
    for (pass_s, grid_w, pump_w, oven_w, wish, because) in [
        (0, 9_900.0, 2_000.0, 4_000.0, "", "within the limit"),
        (1, 13_000.0, 2_000.0, 4_000.0, "", "for five seconds"),
        (4, 13_000.0, 2_000.0, 4_000.0, "", "for five seconds"),
        (1, 13_000.0, 2_000.0, 4_000.0, "pump <= 0, oven <= 0", "2,000 W are not 3,000 W, with 4,000 W they are more"),
        (1, 13_000.0, 2_000.0, 4_000.0, "pump <= 0, oven <= 0", "two seconds to show"),
        (1, 7_000.0, 0.0, 0.0, "pump <= 0, oven <= 0", "it is well, but 4,500 W more would not be"),
        (600, 5_400.0, 0.0, 0.0, "pump <= 0, oven <= 0", "now they would, in a minute"),
        (59, 5_400.0, 0.0, 0.0, "pump <= 0, oven <= 0", "now they would, in a minute"),
        (1, 5_400.0, 0.0, 0.0, "pump <= 0", "the one that was shed last comes back first"),
        (30, 9_400.0, 0.0, 4_000.0, "pump <= 0", "2,500 W more would be too much"),
        (200, 7_400.0, 0.0, 4_000.0, "pump <= 0", "well again, in a minute"),
        (60, 7_400.0, 0.0, 4_000.0, "", "all are back"),
    ] {
        scene.pass(pass_s).reads(&[("grid", grid_w), ("pump", pump_w), ("oven", oven_w), ("light", 0.0)]);
        assert_eq!(scene.wishes(), wish, "{grid_w} W: {because}");
    }
}

#[test]
fn a_load_stays_off_for_its_least_time_and_while_nothing_is_known() {
    let mut scene = Scene::new(&shop(r#"{ kind = "load_shedding", import_limit_w = 10000, overload_for = "0s" }"#));
    scene.reads(&[("grid", 11_000.0), ("pump", 2_000.0), ("oven", 0.0)]);
    assert_eq!(scene.wishes(), "pump <= 0");
    for (pass_s, wish) in [(150, "pump <= 0"), (149, "pump <= 0"), (1, "")] {
        assert_eq!(scene.pass(pass_s).reads(&[("grid", 3_000.0)]).wishes(), wish, "five minutes");
    }
    assert_eq!(scene.pass(2).reads(&[("grid", 11_000.0), ("pump", 2_000.0)]).wishes(), "pump <= 0");
    // The grid meter is away: what is shed stays so, nothing else is.
    assert_eq!(scene.pass(3_600).wishes(), "pump <= 0");
}

#[test]
fn a_falling_frequency_and_an_empty_battery_shed_in_order() {
    // Nothing is set: 49 Hz, and 0.05 above the battery's least, as the site is an island.
    let mut scene = Scene::new(&village(r#"{ kind = "load_shedding" }"#));
    let all = [("pump", 2_000.0), ("mill", 0.0), ("homes", 5_000.0), ("former", -7_000.0)];
    for (pass_s, hz, soc, wish, because) in [
        (0, 50.0, 0.5, "", "all is well"),
        (1, 48.9, 0.5, "pump <= 0", "at once"),
        (1, 48.9, 0.5, "pump <= 0", "two seconds to show"),
        (1, 48.9, 0.5, "pump <= 0, mill <= 0, homes <= 0", "the mill draws nothing, so homes go too"),
        (400, 49.4, 0.5, "pump <= 0, mill <= 0, homes <= 0", "not well before 49.5 Hz"),
        (1, 49.6, 0.5, "pump <= 0, mill <= 0, homes <= 0", "for a minute"),
        (60, 49.6, 0.5, "pump <= 0, mill <= 0", "homes first"),
        (29, 49.6, 0.5, "pump <= 0, mill <= 0", "half a minute later"),
        (1, 49.6, 0.5, "pump <= 0", "the mill"),
        (30, 49.6, 0.5, "", "the pump"),
        (60, 49.9, 0.14, "pump <= 0", "below 0.15"),
        (400, 49.9, 0.2, "pump <= 0", "not well before 0.25"),
        (60, 49.9, 0.25, "pump <= 0", "for a minute"),
        (60, 49.9, 0.25, "", "well"),
    ] {
        scene.pass(pass_s).reads(&all).reads(&[("former.frequency", hz), ("former.soc", soc), ("switch.present", 0.0)]);
        assert_eq!(scene.wishes(), wish, "{hz} Hz, {soc}: {because}");
    }
    // While the grid is there it is no island's battery.
    scene.pass(60).reads(&[("former.frequency", 50.0), ("former.soc", 0.1), ("switch.present", 1.0)]);
    assert_eq!(scene.wishes(), "");
}

#[test]
fn an_island_sheds_what_its_battery_cannot_give() {
    let mut scene = Scene::new(&village(r#"{ kind = "load_shedding" }"#));
    // The former gives 20,000 W at the most.
    for (pass_s, gives_w, wish, because) in [
        (0, 19_900.0, "", "it can"),
        (60, 21_500.0, "", "for five seconds"),
        (5, 21_500.0, "pump <= 0", "1,500 W too much, the pump draws 2,000 W"),
        (5, 19_500.0, "pump <= 0", "it can, and could not with the pump"),
        (600, 17_000.0, "pump <= 0", "it could, for a minute"),
        (60, 17_000.0, "", "and does"),
    ] {
        scene.pass(pass_s).reads(&[("former", -gives_w), ("former.soc", 0.5), ("former.frequency", 50.0)]);
        scene.reads(&[("switch.present", 0.0), ("pump", 2_000.0), ("mill", 4_000.0), ("homes", 6_000.0)]);
        assert_eq!(scene.wishes(), wish, "{gives_w} W: {because}");
    }
}

/// How often something goes from nothing to something.
fn starts(rows: &[Row], machine: usize) -> Vec<u64> {
    let begins = |pair: &[Row]| pair[0].powers_w[machine] == 0.0 && pair[1].powers_w[machine] != 0.0;
    rows.windows(2).filter(|pair| begins(pair)).map(|pair| pair[1].second).collect()
}

#[test]
fn an_island_that_is_overloaded_sheds_and_takes_loads_back_one_by_one() {
    // 0.0001 Hz a W: 10,000 W are 49 Hz.
    let mut plant = Plant::new(&village(r#"{ kind = "load_shedding" }"#)).island(0.0001, 0.6, 50_000.0);
    plant = plant.machine("pump", 1, 1).machine("mill", 1, 1).machine("homes", 1, 1);
    // Loads of 12,000 W beside 3,000 W, and half an hour later 5,000 W less.
    let rows = plant.run(3_600, |second| if second < 1_800 { 3_000.0 } else { -7_000.0 });
    // Within twenty seconds the frequency is above 49 Hz, and stays there.
    assert!(rows[20..].iter().all(|row| row.hz >= 49.0), "{:?}", rows[20]);
    // Pump and mill are off, homes are on until there is power; then both come back, once, the mill half a minute before the pump.
    assert!(rows[20..1_800].iter().all(|row| row.powers_w == [0.0, 0.0, 6_000.0]));
    let (mill, pump) = (starts(&rows[20..], 1), starts(&rows[20..], 0));
    assert_eq!((mill.len(), pump.len(), starts(&rows[20..], 2).len()), (1, 1, 0));
    assert!(mill[0] >= 1_860 && pump[0] >= mill[0] + 30, "{mill:?} {pump:?}");
}

#[test]
fn a_genset_starts_warms_up_runs_long_enough_and_stops() {
    let mut scene = Scene::new(&village(r#"{ kind = "genset" }"#));
    for (pass_s, soc, present, wish, because) in [
        (0, 0.5, 0.0, "", "enough"),
        (60, 0.24, 0.0, "", "for ten seconds"),
        (10, 0.24, 0.0, "genset = -3000", "it warms up"),
        (119, 0.26, 0.0, "genset = -3000", "for two minutes"),
        (1, 0.26, 0.0, "genset = -10000", "all it can"),
        (300, 0.82, 0.0, "genset = -10000", "the battery is full, a minute"),
        (100, 0.82, 0.0, "genset = -10000", "a quarter of an hour at the least"),
        (380, 0.82, 0.0, "", "from its start"),
        (60, 0.5, 0.0, "", "not before it is low"),
        (60, 0.2, 1.0, "", "not beside the grid"),
        (60, 0.2, 0.0, "", "for ten seconds"),
        (10, 0.2, 0.0, "genset = -3000", "it starts"),
        (1_000, 0.4, 1.0, "genset = -10000", "the grid is back, for a minute"),
        (60, 0.4, 1.0, "", "it stops"),
    ] {
        scene.pass(pass_s).reads(&[("former.soc", soc), ("switch.present", present)]);
        assert_eq!(scene.wishes(), wish, "{soc}: {because}");
    }
}

#[test]
fn a_genset_carries_a_load_that_is_too_much_for_batteries() {
    let mut scene =
        Scene::new(&village(r#"{ kind = "genset", start_w = 8000, stop_w = 5000, min_run = "0s", warm_up = "0s" }"#));
    // (battery, genset) as measured: together they give what the site draws.
    for (pass_s, battery_w, genset_w, wish) in [
        (0, -8_100.0, 0.0, ""),
        (10, -8_100.0, 0.0, "genset = -10000"),
        // It takes the load and charges; the site draws 8,100 W as before.
        (300, 1_900.0, -10_000.0, "genset = -10000"),
        (1, 5_100.0, -10_000.0, "genset = -10000"),
        (60, 5_100.0, -10_000.0, ""),
    ] {
        scene.pass(pass_s).reads(&[
            ("former", battery_w),
            ("genset", genset_w),
            ("former.soc", 0.9),
            ("switch.present", 0.0),
        ]);
        assert_eq!(scene.wishes(), wish, "{battery_w} {genset_w}");
    }
}

#[test]
fn a_genset_whose_battery_is_silent_stops() {
    let mut scene = Scene::new(&village(r#"{ kind = "genset", min_run = "1m" }"#));
    assert_eq!(scene.wishes(), "", "nothing is known");
    scene.reads(&[("former.soc", 0.2), ("switch.present", 0.0)]).wishes();
    assert_eq!(scene.pass(10).reads(&[("former.soc", 0.2)]).wishes(), "genset = -3000");
    // States of charge count for two minutes; then there is no reason to run, and a minute later it does not.
    assert_eq!(scene.pass(125).wishes(), "genset = -10000");
    assert_eq!(scene.pass(60).wishes(), "");
}

#[test]
fn an_islands_battery_and_genset_take_turns() {
    let model = village(r#"{ kind = "genset" }"#);
    let mut plant = Plant::new(&model).island(0.0, 0.3, 5_000.0).machine("genset", 10, 5);
    let rows = plant.run(9_600, |_| 4_000.0);
    let starts = starts(&rows, 0);
    // 0.05 of 5 kWh at 4 kW are 225 s; 0.55 up at 6 kW are 28 min, down at 4 kW 41 min, and it warms up and waits: three starts.
    assert_eq!(starts.len(), 3, "{starts:?}");
    assert!((230..255).contains(&starts[0]), "{starts:?}");
    let (low, high) = rows.iter().fold((1.0, 0.0), |(low, high): (f64, f64), row| (low.min(row.soc), high.max(row.soc)));
    // It goes on for 20 s at 4 kW and 120 s at 1 kW while the genset starts and warms up: 0.011; and for 75 s at 6 kW until it stops: 0.025.
    assert!(low > 0.238 && high < 0.826, "{low}..{high}");
}

#[test]
fn droop_asks_by_how_far_the_frequency_is_off() {
    let strategy = r#"{ kind = "droop", assets = ["pv", "pump"], smooth = "0s" }"#;
    let mut scene = Scene::new(&village(strategy));
    assert_eq!(scene.wishes(), "", "nothing is known");
    for (hz, wish) in [
        (50.0, ""),
        (50.2, ""),
        (49.8, ""),
        // 1.25 of 2.5 Hz beyond the deadband: half.
        (51.45, "pv >= -4000"),
        (48.55, "pump <= 1000"),
        (54.0, "pv >= 0"),
        (40.0, "pump <= 0"),
    ] {
        assert_eq!(scene.pass(1).reads(&[("former.frequency", hz)]).wishes(), wish, "{hz}");
    }
    assert_eq!(scene.pass(20).wishes(), "", "the frequency is silent");
}

#[test]
fn a_store_answers_around_nothing_and_voltage_is_answered_too() {
    let model = r#"
        site = "home1"
        strategy = [{ kind = "droop", by = "voltage", smooth = "0s" }]
        asset = [{ name = "battery", role = "battery", setpoint = "power", soc = "soc", voltage = "voltage", range_w = [-4000, 2000],
                   storage = { capacity_wh = 10000 } }]
    "#;
    let mut scene = Scene::new(model);
    // Deadband 11.5 V, everything 11.5 V beyond it.
    for (volts, wish) in
        [(230.0, ""), (241.5, ""), (247.25, "battery >= 1000"), (212.75, "battery <= -2000"), (260.0, "battery >= 2000")]
    {
        assert_eq!(scene.pass(1).reads(&[("battery.voltage", volts)]).wishes(), wish, "{volts}");
    }
}

#[test]
fn droop_curtails_an_island_without_swinging() {
    // 0.0005 Hz a W, a loop gain of 0.0005 * 8,000 / 2.5 = 1.6. Where it rests: share s with 2.5 s = 0.0005 (8,000 (1 - s) - 2,000) - 0.2,
    // s = 2.8 / 6.5, PV 4,554 W, 51.277 Hz.
    let model = village(r#"{ kind = "droop", assets = ["pv"] }"#);
    let mut plant = Plant::new(&model).island(0.0005, 0.5, 50_000.0).machine("pv", 2, 1);
    let rows = plant.run(300, |_| 2_000.0);
    assert!(
        rows[60..].iter().all(|row| (row.hz - 51.277).abs() < 0.02 && (row.powers_w[0] + 4_554.0).abs() < 40.0),
        "{:?}",
        rows[60]
    );
    // After the first answer it overshoots by less than a tenth of the way.
    assert!(rows[15..].iter().all(|row| row.powers_w[0] < -4_200.0), "overshoot");
}
