//! Following a plan, self-consumption and peak shaving.

use super::{Plant, Scene};

fn home(strategy: &str) -> String {
    format!(
        r#"
        site = "home1"
        asset = [
            {{ name = "grid", role = "grid_meter", period = "5s" }},
            {{ name = "battery", role = "battery", setpoint = "power", soc = "soc", range_w = [-5000, 5000], storage = {{ capacity_wh = 10000 }} }},
        ]
        {strategy}
        "#
    )
}

const SELF_CONSUMPTION: &str = r#"strategy = [{ kind = "self_consumption" }]"#;

#[test]
fn a_battery_takes_what_is_left_over_and_gives_what_is_missing() {
    let mut scene = Scene::new(&home(SELF_CONSUMPTION));
    // (grid, battery) as measured -> what is wished: battery - grid.
    for (grid_w, battery_w, wish) in [
        (3_000.0, 0.0, "battery = -3000"),
        // What was decided is there and the grid is near zero: nothing changes.
        (20.0, -3_000.0, "battery = -3000"),
        (-1_500.0, -3_000.0, "battery = -1500"),
        (-4_000.0, -1_500.0, "battery = 2500"),
        // No more than it can, whatever is missing.
        (9_000.0, 2_500.0, "battery = -5000"),
    ] {
        scene.pass(60).reads(&[("grid", grid_w), ("battery", battery_w)]).decided("battery", battery_w);
        scene.wishes();
        // Both have told since the battery came to rest.
        scene.pass(3).reads(&[("grid", grid_w), ("battery", battery_w)]);
        assert_eq!(scene.wishes(), wish, "grid {grid_w}, battery {battery_w}");
    }
}

#[test]
fn without_the_grid_meter_self_consumption_has_no_wish() {
    let mut scene = Scene::new(&home(SELF_CONSUMPTION));
    assert_eq!(scene.wishes(), "");
    assert_eq!(scene.reads(&[("grid", 1_000.0), ("battery", 0.0)]).wishes(), "battery = -1000");
    // Three periods of five seconds are over.
    assert_eq!(scene.pass(16).reads(&[("battery", -1_000.0)]).wishes(), "");
    assert_eq!(scene.pass(1).reads(&[("grid", 500.0)]).wishes(), "battery = -1500");
}

#[test]
fn self_consumption_does_not_swing_however_late_meters_are() {
    // (period and lateness of the grid meter, the battery's delay and the period of its meter)
    for (grid, battery) in
        [((1, 0), (2, 1)), ((1, 2), (2, 1)), ((5, 0), (2, 1)), ((1, 0), (2, 5)), ((5, 2), (3, 5)), ((3, 1), (0, 2))]
    {
        let mut plant = Plant::new(&home(SELF_CONSUMPTION)).grid_meter(grid.0, grid.1).battery(battery.0, battery.1);
        let load_w = |second: u64| {
            if (60..240).contains(&second) {
                3_200.0
            } else if second < 420 {
                400.0
            } else {
                -2_000.0
            }
        };
        let rows = plant.run(600, load_w);
        for (from, to) in [(60, 240), (240, 420), (420, 600)] {
            let rest_w = load_w(from);
            // Within 20 s of each step the grid is at zero, and stays there.
            let settled = &rows[from as usize + 20..to as usize];
            assert!(settled.iter().all(|row| row.grid_w.abs() <= 50.0), "{grid:?} {battery:?}: {:?}", settled[0]);
            // The battery goes there in one step, and never beyond.
            let before_w = -load_w(from - 1);
            let (low_w, high_w) = (before_w.min(-rest_w) - 50.0, before_w.max(-rest_w) + 50.0);
            let way = &rows[from as usize + 1..to as usize];
            assert!(way.iter().all(|row| (low_w..=high_w).contains(&row.decided_w[0])), "{grid:?} {battery:?}: overshoot");
            let steps = way.windows(2).filter(|pair| pair[0].decided_w != pair[1].decided_w).count();
            assert!(steps <= 1, "{grid:?} {battery:?}: {steps} steps");
        }
    }
}

#[test]
fn a_battery_that_gives_a_little_less_than_it_is_asked_is_asked_for_a_little_more() {
    // 4 % less: within the deadband after few steps. Half: that is all it can, so it is not asked for more.
    for (gives, load_w, grid_w) in [(0.96, 3_000.0, 50.0), (0.5, 2_000.0, 1_000.0), (0.5, 9_000.0, 6_500.0)] {
        let mut plant = Plant::new(&home(SELF_CONSUMPTION)).battery(2, 1).gives(gives);
        let rows = plant.run(600, |_| load_w);
        let settled = &rows[300..];
        assert!(settled.iter().all(|row| row.grid_w <= grid_w && row.grid_w >= -50.0), "{gives}: {:?}", settled[0]);
        assert!(settled.iter().all(|row| row.decided_w == settled[0].decided_w), "{gives}: it goes to and fro");
    }
}

#[test]
fn changing_loads_are_followed_without_making_it_worse() {
    let mut plant = Plant::new(&home(SELF_CONSUMPTION)).grid_meter(2, 1).battery(2, 2);
    // A wave of 1 kW around 1.5 kW, as long as two minutes.
    let load_w = |second: u64| 1_500.0 + 1_000.0 * (second as f64 / 120.0 * std::f64::consts::TAU).sin();
    let rows = plant.run(1_200, load_w);
    let mean = |values: &mut dyn Iterator<Item = f64>| values.map(f64::abs).sum::<f64>() / 1_080.0;
    let left_w = mean(&mut rows[120..].iter().map(|row| row.grid_w));
    let worst_w = rows[120..].iter().map(|row| row.grid_w.abs()).fold(0.0, f64::max);
    assert!(left_w < 300.0 && worst_w < 800.0, "{left_w} {worst_w}");
}

#[test]
fn each_asset_does_what_the_plan_asks_until_it_lapses() {
    let mut scene = Scene::new(&home(r#"strategy = [{ kind = "follow_plan", hold = "power" }]"#));
    assert_eq!(scene.wishes(), "", "no plan, no wish");
    scene.plan(&[("grid", &[0.0; 8]), ("battery", &[-1_000.0, 2_000.0, 3_000.0, 0.0, 500.0, 0.0, 0.0, 0.0])]);
    for (pass_s, wish) in [
        (0, "battery = -1000"),
        (899, "battery = -1000"),
        (1, "battery = 2000"),
        (900, "battery = 3000"),
        (900, "battery = 0"),
        // It was to be followed for an hour.
        (899, "battery = 0"),
        (1, ""),
    ] {
        assert_eq!(scene.pass(pass_s).wishes(), wish, "{}", scene.now());
    }
}

#[test]
fn the_battery_takes_what_differs_from_the_plan_or_leaves_it_to_the_grid() {
    // The plan: a load of 2,000 W, all of it from the battery. It is 2,500 W.
    for (hold, wish) in [("grid", "battery = -2500"), ("power", "battery = -2000")] {
        let mut scene = Scene::new(&home(&format!("strategy = [{{ kind = \"follow_plan\", hold = {hold:?} }}]")));
        scene.plan(&[("grid", &[0.0; 4]), ("battery", &[-2_000.0; 4])]);
        scene.reads(&[("grid", 500.0), ("battery", -2_000.0)]).decided("battery", -2_000.0);
        assert_eq!(scene.wishes(), wish);
    }
    let mut scene = Scene::new(&home(r#"strategy = [{ kind = "follow_plan" }]"#));
    scene.plan(&[("grid", &[0.0; 4]), ("battery", &[-2_000.0; 4])]);
    assert_eq!(scene.wishes(), "battery = -2000", "the grid meter has told nothing yet");
    let mut scene = Scene::new(&home(r#"strategy = [{ kind = "follow_plan" }]"#));
    scene.plan(&[("battery", &[-2_000.0; 4])]).reads(&[("grid", 500.0), ("battery", -2_000.0)]);
    assert_eq!(scene.wishes(), "battery = -2000", "the plan says nothing of the grid");
}

#[test]
fn a_car_that_is_not_there_is_not_made_up_for_by_the_battery() {
    let model = r#"
        site = "home1"
        strategy = [{ kind = "follow_plan" }]
        asset = [
            { name = "grid", role = "grid_meter" },
            { name = "battery", role = "battery", setpoint = "power", soc = "soc", range_w = [-5000, 5000], storage = { capacity_wh = 10000 } },
            { name = "charger", role = "charger", setpoint = "power", range_w = [0, 11000], least_w = 4140 },
        ]
    "#;
    let mut scene = Scene::new(model);
    // The plan buys 8,000 W for the car and a load of 1,000 W, and lets the battery give 1,000 W.
    scene.plan(&[("grid", &[8_000.0; 4]), ("battery", &[-1_000.0; 4]), ("charger", &[8_000.0; 4])]);
    scene.decided("battery", -1_000.0).decided("charger", 8_000.0);
    for (pass_s, grid_w, charger_w, wish) in [
        (1, 8_000.0, 8_000.0, "battery = -1000, charger = 8000"),
        (60, 0.0, 0.0, "battery = -1000, charger = 8000"),
        // The load is 300 W more.
        (60, 300.0, 0.0, "battery = -1300, charger = 8000"),
    ] {
        scene.pass(pass_s).reads(&[("grid", grid_w), ("battery", -1_000.0), ("charger", charger_w)]);
        scene.wishes();
        scene.pass(20).reads(&[("grid", grid_w), ("battery", -1_000.0), ("charger", charger_w)]);
        assert_eq!(scene.wishes(), wish, "{grid_w} {charger_w}");
    }
}

#[test]
fn a_plan_is_held_at_the_grid_without_swinging() {
    let model = home(r#"strategy = [{ kind = "follow_plan" }, { kind = "self_consumption" }]"#);
    let mut plant = Plant::new(&model).grid_meter(5, 1).battery(2, 5);
    // The plan buys 1,000 W for a load of 500 W and the battery; the load is 1,500 W, and then 3,500 W.
    plant.plan(&[("grid", 1_000.0), ("battery", 500.0)]);
    let rows = plant.run(300, |second| if second < 100 { 1_500.0 } else { 3_500.0 });
    assert!(rows[30..100].iter().chain(&rows[130..]).all(|row| (row.grid_w - 1_000.0).abs() <= 50.0));
    // It is followed for an hour; then self-consumption carries on.
    let rows = plant.run(3_600, |_| 3_500.0);
    assert!(rows[..3_290].iter().all(|row| (row.grid_w - 1_000.0).abs() <= 50.0));
    assert!(rows[3_330..].iter().all(|row| row.grid_w.abs() <= 50.0), "{:?}", rows[3_330]);
}

#[test]
fn several_batteries_share_what_is_left_over() {
    let model = r#"
        site = "home1"
        strategy = [{ kind = "self_consumption" }]
        asset = [
            { name = "grid", role = "grid_meter" },
            { name = "battery", role = "battery", setpoint = "power", soc = "soc", range_w = [-3000, 3000], storage = { capacity_wh = 10000 } },
            { name = "second", role = "battery", setpoint = "power", soc = "soc", range_w = [-6000, 6000], storage = { capacity_wh = 20000 } },
        ]
    "#;
    let mut plant = Plant::new(model).battery(2, 1).machine("second", 4, 2).store(0.5, 1e6);
    let rows = plant.run(240, |second| if second < 120 { 6_000.0 } else { -4_500.0 });
    assert!(rows[30..120].iter().chain(&rows[150..]).all(|row| row.grid_w.abs() <= 50.0), "{:?}", rows[30]);
    assert!(
        rows[119].powers_w.iter().all(|power_w| *power_w < 0.0) && rows[239].powers_w.iter().all(|power_w| *power_w > 0.0)
    );
}

const SHAVING: &str = r#"
    strategy = [{ kind = "peak_shaving", limit_w = 5000, margin = 0 }]
    tariff = { demand_per_kw = 10, demand_interval = "15m" }
"#;

#[test]
fn what_an_interval_has_not_used_is_left_for_its_rest() {
    let mut scene = Scene::new(&home(SHAVING));
    scene.reads(&[("grid", 2_000.0), ("battery", 0.0)]);
    // 5,000 W are left, the rest of the site draws 2,000 W: the battery may take 3,000 W.
    assert_eq!(scene.wishes(), "battery <= 3000");
    // Ten minutes at 2,000 W leave (5,000 * 900 - 2,000 * 600) Ws for 300 s: 11,000 W. Nothing to say about 5,000 W.
    for _ in 0..60 {
        scene.pass(10).reads(&[("grid", 2_000.0), ("battery", 0.0)]);
    }
    assert_eq!(scene.wishes(), "");
    // 12,000 W for a minute: (4,500,000 - 1,200,000 - 720,000) Ws for 240 s are 10,750 W, the battery gives what is beyond.
    scene.reads(&[("grid", 12_000.0)]);
    for _ in 0..6 {
        scene.pass(10).reads(&[("grid", 12_000.0), ("battery", 0.0)]);
    }
    assert_eq!(scene.wishes(), "battery <= -1250");
}

#[test]
fn what_was_not_seen_of_an_interval_lends_nothing() {
    let mut scene = Scene::at("2026-03-10T12:10:00Z", &home(SHAVING));
    // It wakes up ten minutes into an interval.
    scene.reads(&[("grid", 6_000.0), ("battery", 0.0)]);
    assert_eq!(scene.wishes(), "battery <= -1000");
    // The meter is away: no wish. Back, the time without it counts as at the limit.
    assert_eq!(scene.pass(100).wishes(), "");
    scene.reads(&[("grid", 6_000.0), ("battery", 0.0)]);
    let high_w = scene.proposals()[0].high_w.unwrap();
    assert!((-1_120.0..=-1_000.0).contains(&high_w), "15 s at 6,000 W are to be made up for in 200 s: {high_w}");
}

#[test]
fn the_mean_of_every_interval_stays_below_the_limit() {
    let model = home(SHAVING);
    // Peaks of 9 kW for three minutes in every ten, 3 kW between them: 4.8 kW in the mean of an hour, 5.4 kW in some quarters.
    let load_w = |second: u64| if second % 600 < 180 { 9_000.0 } else { 3_000.0 };
    for (grid, battery) in [((1, 0), (2, 1)), ((5, 2), (2, 5))] {
        let mut plant = Plant::new(&model).grid_meter(grid.0, grid.1).battery(battery.0, battery.1).store(0.6, 10_000.0);
        let rows = plant.run(3_600, load_w);
        for quarter in rows.chunks(900) {
            let mean_w = quarter.iter().map(|row| row.grid_w).sum::<f64>() / 900.0;
            assert!(mean_w <= 5_050.0, "{mean_w} from {}", quarter[0].second);
        }
        let unshaved_w = (0..900).map(load_w).sum::<f64>() / 900.0;
        assert!(unshaved_w > 5_300.0, "there was something to do: {unshaved_w}");
        assert!(rows.iter().all(|row| row.powers_w[0] <= 0.0), "without recharge_soc it is not charged");
    }
}

#[test]
fn a_clock_that_is_set_breaks_no_limit() {
    for by_s in [-7_200, -300, -30, 30, 300, 7_200] {
        let mut plant = Plant::new(&home(SHAVING)).battery(2, 1).store(0.8, 20_000.0);
        plant.run(400, |_| 2_000.0);
        plant.set_clock(by_s);
        let rows = plant.run(1_800, |_| 8_000.0);
        // What was lent before may be used once; no more than that.
        let (border, lent_ws) = (900 - (400 + by_s).rem_euclid(900) as usize, 400.0 * 3_000.0);
        let used_ws = rows[..border].iter().map(|row| row.grid_w - 5_000.0).sum::<f64>();
        assert!(used_ws <= lent_ws + 20_000.0, "{by_s}: {used_ws}");
        // From the next border on all is as ever.
        let mean_w = rows[border..border + 900].iter().map(|row| row.grid_w).sum::<f64>() / 900.0;
        assert!(mean_w <= 5_020.0, "{by_s}: {mean_w}");
    }
}

#[test]
fn a_battery_is_recharged_with_what_the_limit_leaves() {
    let model = home(r#"strategy = [{ kind = "peak_shaving", limit_w = 5000, recharge_soc = 0.5 }]"#);
    let mut plant = Plant::new(&model).battery(2, 1).store(0.49, 10_000.0);
    let rows = plant.run(900, |_| 3_000.0);
    // 0.01 of 10 kWh are 100 Wh: 100 / 1,900 h at 4,900 - 3,000 W are 190 s.
    assert!(rows[10..150].iter().all(|row| (row.grid_w - 4_900.0).abs() <= 20.0), "{:?}", rows[10]);
    assert!(rows[400..].iter().all(|row| row.powers_w[0] == 0.0));
    assert!((0.5..0.502).contains(&plant.soc("battery")));
}

#[test]
fn a_charger_shaves_by_taking_less_and_a_group_together() {
    let model = |strategy: &str| {
        format!(
            r#"
            site = "home1"
            strategy = [{strategy}]
            group = [{{ name = "movable", members = ["battery", "charger"] }}]
            asset = [
                {{ name = "grid", role = "grid_meter" }},
                {{ name = "battery", role = "battery", setpoint = "power", soc = "soc", range_w = [-5000, 5000], storage = {{ capacity_wh = 10000 }} }},
                {{ name = "charger", role = "charger", setpoint = "power", range_w = [0, 11000], least_w = 4140 }},
            ]
            "#
        )
    };
    for (whose, rest_w, wish) in [
        (r#"asset = "charger""#, 1_000.0, "charger <= 7000"),
        (r#"asset = "charger""#, 9_000.0, "charger <= 0"),
        (r#"group = "movable""#, 1_000.0, "group movable <= 7000"),
        (r#"group = "movable""#, 9_000.0, "group movable <= -1000"),
    ] {
        let mut scene = Scene::new(&model(&format!("{{ kind = \"peak_shaving\", limit_w = 8000, margin = 0, {whose} }}")));
        scene.reads(&[("grid", rest_w), ("battery", 0.0), ("charger", 0.0)]);
        assert_eq!(scene.wishes(), wish, "{whose}, the rest draws {rest_w} W");
    }
    // Somebody wants the car full at any price: it gets what the limit leaves.
    let strategies = r#"{ kind = "peak_shaving", limit_w = 8000, margin = 0, asset = "charger" },
        { kind = "schedule", assets = ["charger"], window = [{ from = "00:00", to = "24:00", power_w = 11000 }] }"#;
    let mut plant = Plant::new(&model(strategies)).battery(2, 1).machine("charger", 4, 2);
    let rows = plant.run(1_800, |second| if second < 1_200 { 1_000.0 } else { 2_500.0 });
    for quarter in rows.chunks(900) {
        let mean_w = quarter.iter().map(|row| row.grid_w).sum::<f64>() / 900.0;
        assert!((7_800.0..=8_050.0).contains(&mean_w), "{mean_w}");
    }
    assert!(rows[60..].iter().all(|row| row.powers_w[1] > 0.0), "it is not switched on and off");
}
