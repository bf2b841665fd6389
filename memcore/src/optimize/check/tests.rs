use super::*;
use crate::optimize::{Battery, Charging, Deferrable, Ev, Genset, Grid, Load, Session, Smoothness, Source, Terminal};

fn at(text: &str) -> crate::model::Timestamp {
    text.parse().unwrap()
}

/// Four quarters of an hour of a small home, with another asset.
fn home(asset: impl Into<Asset>) -> Site {
    let horizon = Horizon::even(at("2026-01-01T00:00:00Z"), Span::from_seconds(900), 4).unwrap();
    let load = Load::new("load", 1_000.0);
    Site::new(crate::model::Currency::EUR, horizon, [load.into(), asset.into()])
}

fn battery() -> Battery {
    Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0)
}

fn car(sessions: Vec<Session>) -> Ev {
    Ev::new("car", 50_000.0, sessions, Charging::Power { min_w: 1_400.0, max_w: 11_000.0 })
}

fn session(arrival: &str, departure: &str) -> Session {
    Session { arrival: at(arrival), departure: at(departure), initial_wh: 0.0, target_wh: 5_000.0, limit_wh: None }
}

fn refusal(site: &Site) -> String {
    let error = site.check().unwrap_err();
    assert_eq!(error.code(), "INVALID");
    error.to_string()
}

#[test]
fn each_bad_field_is_refused_with_its_name_its_value_and_what_was_expected() {
    let hour = Span::from_seconds(3600);
    let refused: Vec<(Asset, &str)> = vec![
        (Grid::new("grid", [0.3, 0.2, 0.1]).into(), "grid.buy_per_kwh has 3 values, but the horizon has 4 steps"),
        (
            Grid::new("grid", [0.3, f64::NAN, 0.1, 0.1]).into(),
            "grid.buy_per_kwh is NaN in step 1 (2026-01-01T00:15:00Z), expected a number",
        ),
        (
            Grid::new("grid", 0.3).import_limit_w(f64::INFINITY).into(),
            "grid.import_limit_w is inf, expected zero or above, or the field left out where there is no limit",
        ),
        (Grid::default().into(), "the name of grid 1 is \"\", expected some text without spaces around it"),
        (Grid::new("load", 0.3).into(), "the name \"load\" is there twice, expected each once"),
        (
            Grid::new("grid", 0.3).demand_charges(vec![Default::default()]).into(),
            "grid.demand_charges.per_kw is not given (NaN), expected zero or above",
        ),
        (
            Battery { name: "battery".to_owned(), ..Battery::default() }.into(),
            "battery.capacity_wh is not given (NaN), expected above zero",
        ),
        (Battery::new("battery", -1.0, 5.0, 5.0, 0.0).into(), "battery.capacity_wh is -1, expected above zero"),
        (battery().charge_efficiency(1.2).into(), "battery.charge_efficiency is 1.2, expected above 0 and at most 1"),
        (battery().discharge_efficiency(0.0).into(), "battery.discharge_efficiency is 0, expected above 0 and at most 1"),
        (
            battery().min_wh([0.0, 9_000.0, 0.0, 0.0]).max_wh(8_000.0).into(),
            "battery.min_wh is 9000 in step 1 (2026-01-01T00:15:00Z), expected at most max_wh of 8000",
        ),
        (
            Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 20_000.0).into(),
            "battery.initial_wh is 20000, expected from 0 to capacity_wh of 10000",
        ),
        (
            battery().terminal(Terminal::ExactlyWh(10_001.0)).into(),
            "battery.terminal is 10001, expected at most capacity_wh of 10000",
        ),
        (
            car(vec![session("2026-01-01T02:00:00Z", "2026-01-01T01:00:00Z")]).into(),
            "car.sessions.departure is 2026-01-01T01:00:00Z, expected after the arrival at 2026-01-01T02:00:00Z",
        ),
        (
            car(vec![
                session("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"),
                session("2026-01-01T00:45:00Z", "2026-01-01T02:00:00Z"),
            ])
            .into(),
            "car.sessions holds an arrival at 2026-01-01T00:45:00Z, expected at or after 2026-01-01T01:00:00Z, the departure before it",
        ),
        (
            Deferrable::new("washer", 2_000.0, hour).latest(at("2025-12-31T00:00:00Z")).into(),
            "washer.latest is 2025-12-31T00:00:00Z, expected after the earliest start at 2026-01-01T00:00:00Z",
        ),
        (
            Deferrable::new("washer", 2_000.0, hour).shape_w(vec![2_000.0]).into(),
            "washer.shape_w has 1 values, expected 4: as many as a run_time of 1h has steps of 15m",
        ),
        (
            Deferrable { name: "washer".to_owned(), power_w: 5.0, ..Deferrable::default() }.into(),
            "washer.run_time is not given, expected a length such as 2h",
        ),
        (Genset::new("genset", 60_000.0, 18_000.0, 0.28).into(), "genset.min_w is 60000, expected at most max_w of 18000"),
        (
            Load::new("shed", 1_000.0).priority(10).into(),
            "shed.priority is 10, expected from 0 (shed first) to 9 (shed last)",
        ),
        (
            Load::new("shed", 1_000.0).sheddable_share(1.5).into(),
            "shed.sheddable_share is 1.5, expected a share from 0 to 1",
        ),
        (
            Load::new("net", [1_000.0, -150.0, 0.0, 0.0]).into(),
            "net.power_w is -150 in step 1 (2026-01-01T00:15:00Z), expected zero or above; what feeds in is an asset of type `pv`",
        ),
    ];
    for (asset, expected) in refused {
        assert_eq!(refusal(&home(asset)), expected);
    }
}

#[test]
fn wishes_and_links_name_only_what_is_there() {
    let mut site = home(battery());
    site.smoothness = vec![Smoothness { asset: "batery".to_owned(), per_kw: 0.1 }];
    assert_eq!(refusal(&site), "smoothness.asset is \"batery\", expected the name of an asset");
    site.smoothness.clear();
    site.links = vec![Link::new("cable", "main", "barn", 5_000.0)];
    assert_eq!(refusal(&site), "cable.to is \"barn\", but nothing else is on a bus of that name");
    site.links = vec![Link::new("cable", "main", "main", 5_000.0)];
    assert_eq!(refusal(&site), "cable.to is \"main\", expected another bus than `from`");
    site.assets.clear();
    assert_eq!(refusal(&site), "the site has no asset, expected at least one");
}

#[test]
fn a_run_time_of_66_minutes_is_five_quarters_and_that_is_said() {
    let site = home(Deferrable::new("washer", 2_000.0, Span::from_seconds(66 * 60)));
    assert_eq!(
        site.check().unwrap(),
        ["washer.run_time of 66m is no whole number of steps of 15m: rounded up to 5 steps (75m)"]
    );
}

#[test]
fn a_forecast_below_zero_is_taken_as_zero_and_that_is_said() {
    let site = home(Source::new("pv", [-150.0, 0.0, 800.0, -1.0]));
    assert_eq!(site.check().unwrap(), ["pv.available_w is below zero in 2 steps (least -150 W): taken as 0 W"]);
    let Some(Asset::Pv(source)) = clamped(&site).and_then(|site| site.assets.into_iter().nth(1)) else { panic!() };
    assert_eq!(source.available_w, Profile::from([0.0, 0.0, 800.0, 0.0]));
    assert_eq!(clamped(&home(battery())), None);
}

#[test]
fn a_battery_that_starts_below_its_minimum_or_a_little_above_full_is_no_fault() {
    let low = home(Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 1_400.0).min_wh(1_500.0));
    assert!(low.check().unwrap()[0].starts_with("battery starts with 1.4 kWh, outside its bounds from 1.5 kWh to 10 kWh"));
    let full = home(Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 10_020.0));
    assert!(full.check().unwrap()[0].contains("10.02 kWh, outside the capacity by less than 5 %: taken as 10 kWh"));
}

#[test]
fn numbers_that_look_like_another_unit_are_pointed_out_with_both_readings() {
    let notices = |asset: Asset| home(asset).check().unwrap().join("\n");
    let slow = notices(Battery::new("battery", 10_000.0, 5.0, 5.0, 5_000.0).into());
    assert_eq!(slow, "battery.charge_limit_w is 5 W: to fill 10000 Wh takes 2000 h; if it is in kW, give it as 5000");
    let quick = notices(Battery::new("battery", 10.0, 5_000.0, 5_000.0, 5.0).into());
    assert_eq!(quick, "battery.capacity_wh is 10 Wh: 5000 W fill it in 7.2 s; if it is in kWh, give it as 10000");
    let share = notices(Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 0.5).into());
    assert_eq!(share, "battery.initial_wh is 0.5 Wh of 10000 Wh: if it is a share of the capacity, give it as 5000");
    let cents = notices(Grid::new("grid", 31.2).into());
    assert_eq!(
        cents,
        "grid.buy_per_kwh goes up to 31.2 EUR/kWh: if it is in hundredths give 0.312, if it is per MWh give 0.0312"
    );
    let mut kilowatts = home(battery());
    kilowatts.assets[0] = Load::new("load", 2.5).into();
    assert_eq!(
        kilowatts.check().unwrap(),
        ["load.power_w is at most 2.5 W, while the site has 5 kW elsewhere: if it is in kW, give 2.5 kW as 2500"]
    );
    assert_eq!(notices(battery().into()), "");
}
