//! What goes by the calendar, by the clock and by prices.

use super::Scene;

fn home(zone: &str, strategy: &str) -> String {
    format!(
        r#"
        site = "home1"
        zone = "{zone}"
        strategy = [{strategy}]
        asset = [
            {{ name = "battery", role = "battery", setpoint = "power", soc = "soc", range_w = [-5000, 5000], storage = {{ capacity_wh = 10000 }} }},
            {{ name = "heater", role = "load", setpoint = "power", range_w = [0, 3000] }},
        ]
        "#
    )
}

/// At each time, by the wall clock, what is wished.
fn at(scene: &mut Scene, times: &[(&str, &str)]) {
    for (time, wish) in times {
        assert_eq!(scene.clock(time).wishes(), *wish, "{time}");
    }
}

#[test]
fn a_daily_window_is_right_on_the_day_on_which_the_clocks_change() {
    // A13: 18:00-20:00 in Sydney; the clocks went back at 03:00.
    let evening =
        r#"{ kind = "schedule", assets = ["heater"], window = [{ from = "18:00", to = "20:00", power_w = 2000 }] }"#;
    let times = [
        ("2026-04-04T06:59:59Z", ""),
        ("2026-04-04T07:00:00Z", "heater = 2000"),
        ("2026-04-05T07:59:59Z", ""),
        ("2026-04-05T08:00:00Z", "heater = 2000"),
        ("2026-04-05T09:59:59Z", "heater = 2000"),
        ("2026-04-05T10:00:00Z", ""),
    ];
    at(&mut Scene::new(&home("Australia/Sydney", evening)), &times);
    // An hour that comes twice holds twice, one that is skipped does not hold.
    let night = r#"{ kind = "schedule", assets = ["heater"], window = [{ from = "02:00", to = "03:00", high_w = 0 }] }"#;
    let times = [
        ("2026-10-25T00:00:00Z", "heater <= 0"),
        ("2026-10-25T01:59:59Z", "heater <= 0"),
        ("2026-10-25T02:00:00Z", ""),
        ("2026-03-29T00:59:59Z", ""),
        ("2026-03-29T01:00:00Z", ""),
    ];
    at(&mut Scene::new(&home("Europe/Berlin", night)), &times);
}

#[test]
fn weekdays_and_holidays_have_windows_of_their_own() {
    let strategy = r#"{ kind = "schedule", assets = ["heater"], holidays = ["2026-12-25"], window = [
        { days = ["holiday", "sun"], from = "10:00", to = "12:00", power_w = 500 },
        { days = ["mon", "tue", "wed", "thu", "fri"], from = "06:00", to = "08:00", power_w = 3000 },
        { days = ["fri"], from = "22:00", to = "02:00", low_w = 100, high_w = 1000 },
        { from = "07:00", to = "09:00", high_w = 2000 },
    ] }"#;
    let times = [
        // Thursday: the first window that holds comes first.
        ("2026-12-24T06:30:00Z", "heater = 3000"),
        ("2026-12-24T07:30:00Z", "heater = 3000"),
        ("2026-12-24T08:30:00Z", "heater <= 2000"),
        // Christmas is a Friday, and none.
        ("2026-12-25T06:30:00Z", ""),
        ("2026-12-25T07:30:00Z", "heater <= 2000"),
        ("2026-12-25T11:00:00Z", "heater = 500"),
        ("2026-12-25T22:30:00Z", ""),
        // Over midnight it belongs to the Friday on which it began.
        ("2026-12-18T22:30:00Z", "heater >= 100 <= 1000"),
        ("2026-12-19T01:59:59Z", "heater >= 100 <= 1000"),
        ("2026-12-19T02:00:00Z", ""),
        ("2026-12-20T11:00:00Z", "heater = 500"),
    ];
    at(&mut Scene::new(&home("UTC", strategy)), &times);
}

#[test]
fn a_battery_charges_in_cheap_hours_and_gives_in_dear_ones() {
    let strategy = r#"{ kind = "time_of_use", cheap = ["00:00-05:00"], dear = ["17:00-21:00"], charge_w = 3000, discharge_w = 2000, keep = true,
        charge_soc = 0.9, discharge_soc = 0.2 }"#;
    let mut scene = Scene::at("2026-01-10T00:00:00Z", &home("Europe/Berlin", strategy));
    for (pass_s, soc, wish, because) in [
        (0, 0.5, "battery = 3000", "01:00 in Berlin"),
        (60, 0.9, "battery >= 0", "full: it gives nothing while energy is cheap"),
        (4 * 3_600, 0.9, "battery >= 0", "05:01: kept for the evening"),
        (12 * 3_600, 0.9, "battery = -2000", "17:01"),
        (3_600, 0.2, "", "empty"),
    ] {
        assert_eq!(scene.pass(pass_s).reads(&[("battery.soc", soc)]).wishes(), wish, "{because}");
    }
}

#[test]
fn prices_say_when_energy_is_cheap() {
    let strategy = r#"{ kind = "time_of_use", assets = ["battery", "heater"], cheap_below = 0.10, dear_above = 0.40 }"#;
    let mut scene = Scene::new(&home("UTC", strategy));
    for (price, wish) in [
        (Some(0.05), "battery = 5000, heater = 3000"),
        (Some(-0.02), "battery = 5000, heater = 3000"),
        (Some(0.10), "battery = 5000, heater = 3000"),
        (Some(0.25), ""),
        // What the battery gives is left to others; the heater takes nothing.
        (Some(0.45), "heater <= 0"),
        (None, ""),
        (Some(f64::NAN), ""),
    ] {
        assert_eq!(scene.price(price).wishes(), wish, "{price:?}");
    }
}

#[test]
fn the_lowest_prices_of_the_last_day_are_cheap() {
    let strategy = r#"{ kind = "time_of_use", cheap_quantile = 0.25, dear_quantile = 0.75, discharge_w = 5000 }"#;
    let mut scene = Scene::at("2026-01-10T00:00:00Z", &home("UTC", strategy));
    // The price rises by a cent an hour from 10 to 33 cents, every day.
    let day = |scene: &mut Scene| {
        let mut wishes = Vec::new();
        for quarter in 0..96 {
            wishes.push(scene.price(Some(0.10 + 0.01 * f64::from(quarter / 4))).wishes());
            scene.pass(900);
        }
        wishes
    };
    let first = day(&mut scene);
    assert!(first[..23].iter().all(String::is_empty), "six hours are to be known first");
    let second = day(&mut scene);
    // A quarter of the hours: 10 to 16 cents, 27 to 33 cents.
    let count = |wish: &str| second.iter().filter(|other| *other == wish).count();
    assert_eq!((count("battery = 5000"), count("battery = -5000")), (28, 28));
    assert_eq!(second[0], "battery = 5000");
    // Where all prices are the same none is cheap.
    for _ in 0..96 {
        scene.pass(900).price(Some(0.2)).wishes();
    }
    assert_eq!(scene.wishes(), "");
}
