//! Charging a vehicle with what is left over.

use super::plant::Row;
use super::{Plant, Scene};

fn home(strategies: &str) -> String {
    format!(
        r#"
        site = "home1"
        zone = "Europe/Berlin"
        asset = [
            {{ name = "grid", role = "grid_meter", period = "5s" }},
            {{ name = "battery", role = "battery", setpoint = "power", soc = "soc", range_w = [-5000, 5000], storage = {{ capacity_wh = 10000 }} }},
            {{ name = "charger", role = "charger", setpoint = "power", soc = "soc", connected = "connected", range_w = [0, 11040],
               least_w = 1380, phases = "switched", phase_setpoint = "phases",
               vehicle = {{ capacity_wh = 50000, target_soc = 0.8, departure = "07:00" }} }},
        ]
        {strategies}
        "#
    )
}

const VEHICLE_FIRST: &str = r#"strategy = [{ kind = "surplus_charging", battery_first_below_soc = 0, smooth = "0s" }]"#;

/// The meters of a home whose surplus is `left_w`, whose charger does as it was told, every five seconds for so long.
fn surplus(scene: &mut Scene, left_w: f64, charger_w: f64, seconds: u64) -> String {
    for _ in 0..seconds / 5 {
        scene.pass(5).reads(&[("grid", charger_w - left_w), ("battery", 0.0), ("battery.soc", 0.5)]);
        scene.reads(&[("charger", charger_w), ("charger.connected", 1.0), ("charger.soc", 0.5)]);
        scene.decided("charger", charger_w).decided("battery", 0.0);
        scene.wishes();
    }
    scene.wishes()
}

#[test]
fn a_vehicle_starts_changes_phases_and_stops_only_after_a_while() {
    let mut scene = Scene::new(&home(VEHICLE_FIRST));
    for (left_w, charger_w, seconds, wish, because) in [
        (2_000.0, 0.0, 55, "charger = 0", "there must be enough for a minute"),
        (2_000.0, 0.0, 15, "charger = 2000", "one phase takes 1,380 to 3,680 W"),
        (2_050.0, 2_000.0, 60, "charger = 2000", "less than 100 W are not followed"),
        (3_900.0, 2_000.0, 60, "charger = 3680", "one phase takes no more"),
        (4_200.0, 3_680.0, 600, "charger = 3680", "three phases need 4,140 W, and 5 % more to go up"),
        (6_000.0, 3_680.0, 290, "charger = 3680", "for five minutes"),
        (6_000.0, 3_680.0, 30, "charger = 6000", "now on three phases"),
        (4_200.0, 6_000.0, 60, "charger = 4200", "they go on down to 4,140 W"),
        (3_000.0, 4_200.0, 290, "charger = 4140", "less would be right on one, for five minutes"),
        (3_000.0, 4_140.0, 30, "charger = 3000", "now on one"),
        (1_000.0, 3_000.0, 170, "charger = 1380", "too little, for three minutes"),
        (1_000.0, 1_380.0, 30, "charger = 0", "now it stops"),
        (1_400.0, 0.0, 600, "charger = 0", "5 % more to start"),
        (9_000.0, 0.0, 70, "charger = 9000", "on three phases at once"),
    ] {
        assert_eq!(
            surplus(&mut scene, left_w, charger_w, seconds),
            wish,
            "{left_w} W left, {charger_w} W taken: {because}"
        );
    }
}

#[test]
fn clouds_shorter_than_the_delays_do_not_stop_a_vehicle() {
    let mut scene = Scene::new(&home(VEHICLE_FIRST));
    surplus(&mut scene, 3_000.0, 0.0, 70);
    for _ in 0..5 {
        assert_eq!(surplus(&mut scene, 200.0, 3_000.0, 120), "charger = 1380");
        assert_eq!(surplus(&mut scene, 3_000.0, 1_380.0, 60), "charger = 3000");
    }
}

#[test]
fn batteries_come_first_below_their_state_of_charge() {
    let strategy = r#"strategy = [{ kind = "surplus_charging", battery_first_below_soc = 0.5, smooth = "0s" }]"#;
    for (soc, left_w, wish) in [
        // The battery could take 5,000 W of 8,000.
        (0.3, 8_000.0, "charger = 3000"),
        (0.3, 6_000.0, "charger = 0"),
        (0.5, 8_000.0, "charger = 8000"),
    ] {
        let mut scene = Scene::new(&home(strategy));
        for _ in 0..20 {
            // It takes all of it, as self-consumption has it; the grid shows nothing.
            scene.pass(5).reads(&[
                ("grid", 5_000.0 - left_w),
                ("battery", 5_000.0),
                ("battery.soc", soc),
                ("charger", 0.0),
            ]);
            scene.reads(&[("charger.connected", 1.0)]).decided("battery", 5_000.0).wishes();
        }
        assert_eq!(scene.wishes(), wish, "{soc} {left_w}");
    }
}

#[test]
fn what_is_not_known_charges_nothing() {
    let mut scene = Scene::new(&home(VEHICLE_FIRST));
    assert_eq!(scene.wishes(), "", "nothing is known");
    scene.reads(&[("grid", -5_000.0), ("battery", 0.0), ("charger", 0.0), ("charger.connected", 0.0)]);
    assert_eq!(scene.wishes(), "", "no vehicle");
    assert_eq!(surplus(&mut scene, 5_000.0, 0.0, 70), "charger = 5000");
    // The grid meter has been silent for more than three periods.
    scene.pass(16).reads(&[("battery", 0.0), ("charger", 5_000.0)]);
    assert_eq!(scene.wishes(), "", "what is declared safe holds");
    // It is back: there must be enough for a minute again.
    assert_eq!(surplus(&mut scene, 5_000.0, 0.0, 55), "charger = 0");
    assert_eq!(surplus(&mut scene, 5_000.0, 0.0, 15), "charger = 5000");
}

#[test]
fn a_vehicle_is_ready_when_it_leaves() {
    // It lacks 0.3 of 50 kWh: 16.7 kWh with what is lost, 1.51 h with 11.04 kW, and a quarter of an hour to be ready before.
    for start in [
        // Leaves at 07:00 in Berlin, 06:00 in UTC: it has to from 04:14:24 on.
        "2026-03-11T03:00:00Z",
        // The clocks have gone forward in the night: 07:00 is 05:00 in UTC.
        "2026-03-29T02:00:00Z",
    ] {
        let mut scene = Scene::at(start, &home(VEHICLE_FIRST));
        let home = |soc: f64| {
            [("grid", 500.0), ("battery", 0.0), ("charger", 0.0), ("charger.connected", 1.0), ("charger.soc", soc)]
        };
        for (pass_s, soc, wish, because) in [
            (0, 0.5, "charger = 0", "there is time"),
            (4_460, 0.5, "charger = 0", "04:14:20"),
            (10, 0.5, "charger = 11040", "04:14:30"),
            (600, 0.79, "charger = 11040", "until it has what it shall"),
            (600, 0.8, "charger = 0", "it has"),
            (600, 0.5, "charger = 11040", "it is late"),
            (4_800, 0.6, "charger = 0", "the departure is over, and the next is a day away"),
        ] {
            assert_eq!(scene.pass(pass_s).reads(&home(soc)).wishes(), wish, "{}: {because}", scene.now());
        }
        // For that no grid meter is needed.
        scene.pass(16 * 3_600).reads(&[("charger", 0.0), ("charger.connected", 1.0), ("charger.soc", 0.1)]);
        assert_eq!(scene.pass(5 * 3_600).reads(&home(0.1)[2..]).wishes(), "charger = 11040", "{}", scene.now());
    }
}

/// How often something starts after more than half a minute of nothing: a pause while phases are switched is shorter.
fn starts(rows: &[Row], machine: usize) -> usize {
    let runs = |row: &Row| row.powers_w[machine] > 0.0;
    rows.windows(31).filter(|rows| runs(&rows[30]) && !rows[..30].iter().any(runs)).count()
}

#[test]
fn a_home_charges_its_car_from_the_sun_beside_its_battery() {
    let model =
        home(r#"strategy = [{ kind = "surplus_charging", battery_first_below_soc = 0 }, { kind = "self_consumption" }]"#);
    let mut plant = Plant::new(&model).battery(2, 1).machine("charger", 5, 5).store(0.3, 50_000.0).plugged();
    // The sun rises to 8 kW and sets within two hours, beside a load of 500 W; a cloud of two minutes every ten.
    let load_w = |second: u64| {
        let sun_w = 8_000.0 * (second as f64 / 7_200.0 * std::f64::consts::PI).sin();
        500.0 - if second % 600 < 120 { sun_w * 0.4 } else { sun_w }
    };
    let rows = plant.run(7_200, load_w);
    let wh = |powers: &mut dyn Iterator<Item = f64>| powers.sum::<f64>() / 3_600.0;
    let (import_wh, car_wh) =
        (wh(&mut rows.iter().map(|row| row.grid_w.max(0.0))), wh(&mut rows.iter().map(|row| row.powers_w[1])));
    let sun_wh = wh(&mut (0..7_200).map(|second| (-load_w(second)).max(0.0)));
    assert!(starts(&rows, 1) <= 2, "{} starts", starts(&rows, 1));
    assert!(car_wh > 0.8 * sun_wh, "the car has {car_wh:.0} Wh of {sun_wh:.0} Wh that were left over");
    assert!(import_wh < 0.04 * car_wh, "{import_wh:.0} Wh from the grid");
}
