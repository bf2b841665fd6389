//! Settings that make no sense, and a home whose strategies work together.

use super::Plant;
use super::scene::checked;
use crate::control::{Priority, SiteModel, StrategyConfig, StrategyKind, actors};

const HOME: &str = r#"
    site = "home1"
    asset = [
        { name = "grid", role = "grid_meter" },
        { name = "pv", role = "pv" },
        { name = "battery", role = "battery", setpoint = "power", soc = "soc", range_w = [-5000, 5000], storage = { capacity_wh = 10000 } },
        { name = "charger", role = "charger", setpoint = "power", soc = "soc", range_w = [0, 11000], least_w = 4140 },
        { name = "genset", role = "genset", setpoint = "power", range_w = [-6000, 0], least_w = 2000 },
        { name = "heater", role = "load", setpoint = "power", range_w = [0, 3000], shed_order = 1 },
    ]
    group = [{ name = "movable", members = ["battery", "charger"] }]
"#;

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let model = checked(HOME);
    for (toml, says) in [
        ("kind = 'follow_plan'\nassets = ['pool']", "asset is pool, expected an asset of the site"),
        ("kind = 'follow_plan'\nassets = ['pv']", "asset is pv, expected one with a setpoint"),
        ("kind = 'self_consumption'\ngroup = 'all'", "group is all, expected a group of the site"),
        ("kind = 'self_consumption'\nasset = 'battery'\ngroup = 'movable'", "expected either an asset or a group"),
        ("kind = 'self_consumption'\ntarget_w = nan", "target_w is NaN"),
        ("kind = 'self_consumption'\ndeadband_w = -5", "deadband_w is -5"),
        ("kind = 'self_consumption'\nsettle = '2d'", "settle is 2d, expected 0s to 1d"),
        ("kind = 'peak_shaving'", "limit_w is missing"),
        ("kind = 'peak_shaving'\nlimit_w = 5", "limit_w is 5, expected W and not kW"),
        ("kind = 'peak_shaving'\nlimit_w = inf", "limit_w is inf"),
        ("kind = 'peak_shaving'\nlimit_w = 5000\nmargin = 2", "margin is 2, expected 0 to 0.5"),
        ("kind = 'time_of_use'", "nothing says when energy is cheap or dear"),
        ("kind = 'time_of_use'\ncheap = ['1-5']", "cheap has \"1-5\""),
        ("kind = 'time_of_use'\ncheap = ['22:00-06:00']\ndear = ['05:00-07:00']", "cheap and dear have hours in common"),
        ("kind = 'time_of_use'\ncheap_below = 0.4\ndear_above = 0.2", "cheap_below is 0.4, expected less than dear_above"),
        ("kind = 'time_of_use'\ncheap_below = 0.1\ncharge_w = 3", "charge_w is 3"),
        (
            "kind = 'time_of_use'\ncheap_below = 0.1\ncharge_soc = 0.2\ndischarge_soc = 0.6",
            "discharge_soc is 0.6, expected less",
        ),
        ("kind = 'surplus_charging'\nasset = 'battery'", "asset is battery, a battery, expected a charger"),
        ("kind = 'surplus_charging'\nbattery_first_below_soc = 50", "battery_first_below_soc is 50, expected 0 to 1"),
        ("kind = 'load_shedding'", "nothing says when to shed"),
        ("kind = 'load_shedding'\nunder_hz = 49", "meter is not given, expected an asset with a channel of its Frequency"),
        (
            "kind = 'load_shedding'\nisland_soc = 0.5\nback_soc = 0.4",
            "island_soc is 0.5, expected less than back_soc, which is 0.4",
        ),
        ("kind = 'genset'\nstart_soc = 0.9", "start_soc is 0.9, expected less than stop_soc, which is 0.8"),
        ("kind = 'genset'\nstart_w = 1000\nstop_w = 2000", "stop_w is 2000, expected less than start_w"),
        ("kind = 'genset'\npower_w = 1000", "power_w is 1000, expected 2000 to 6000 as genset can"),
        ("kind = 'droop'", "meter is not given"),
        ("kind = 'schedule'", "assets is empty"),
        ("kind = 'schedule'\nassets = ['heater']", "window is empty"),
        (
            "kind = 'schedule'\nassets = ['heater']\nwindow = [{from = '1:00', to = '02:00', power_w = 1000}]",
            "window 0: from: time of day is \"1:00\"",
        ),
        ("kind = 'schedule'\nassets = ['heater']\nwindow = [{from = '01:00', to = '02:00'}]", "nothing is to hold"),
        (
            "kind = 'schedule'\nassets = ['heater']\nwindow = [{from = '01:00', to = '02:00', power_w = -500}]",
            "power_w is -500, expected 0 to 3000 W as heater can",
        ),
        (
            "kind = 'schedule'\nassets = ['heater']\nwindow = [{from = '01:00', to = '02:00', low_w = 900, high_w = 800}]",
            "low_w is 900",
        ),
        (
            "kind = 'schedule'\nassets = ['heater']\nholidays = ['25.12.']\nwindow = [{from = '01:00', to = '02:00', high_w = 0}]",
            "holidays has \"25.12.\"",
        ),
        ("kind = 'follow_plan'\nevery = '2h'", "every is 2h, expected 0s to 1h"),
    ] {
        let strategy: StrategyConfig = toml::from_str(toml).unwrap();
        let refused = strategy.build(&model).err().unwrap_or_else(|| panic!("{toml}: it was taken")).to_string();
        assert!(refused.contains(says), "{toml}: {refused}");
        assert!(refused.contains(&format!("strategy {}", strategy.name())), "{refused}");
    }
}

#[test]
fn a_site_is_refused_with_a_strategy_that_cannot_be_built() {
    let model: SiteModel =
        toml::from_str(&format!("{HOME}\nstrategy = [{{ kind = 'peak_shaving', limit_w = -1 }}]")).unwrap();
    let refused = model.check().unwrap_err().to_string();
    assert!(refused.contains("strategy peak_shaving: limit_w is -1"), "{refused}");
}

#[test]
fn the_sites_of_the_examples_have_their_actors() {
    for (model, names) in [
        (include_str!("../../../../../examples/home.control.toml"), "follow_plan surplus_charging self_consumption"),
        (include_str!("../../../../../examples/island.control.toml"), "load_shedding genset follow_plan"),
    ] {
        let actors = actors(&checked(model)).unwrap();
        assert_eq!(actors.iter().map(|actor| actor.name().as_str()).collect::<Vec<_>>().join(" "), names);
    }
}

#[test]
fn what_keeps_a_site_alive_comes_before_what_costs_and_that_before_what_saves() {
    let kinds =
        "load_shedding droop genset peak_shaving schedule follow_plan surplus_charging time_of_use self_consumption";
    let priority = |kind: &str| toml::from_str::<StrategyConfig>(&format!("kind = '{kind}'")).unwrap().priority();
    let priorities: Vec<Priority> = kinds.split(' ').map(priority).collect();
    assert!(priorities.windows(2).all(|pair| pair[0] > pair[1]), "{priorities:?}");
    let person = Priority::new(60).unwrap();
    assert!(priorities[3] > person && person > priorities[4]);
}

#[test]
fn strategies_of_a_home_work_together() {
    // Above its limit the battery is held by peak shaving; below it self-consumption moves it inside that bound.
    let model = format!(
        "{HOME}\nstrategy = [{{ kind = 'self_consumption', target_w = 6000 }}, {{ kind = 'peak_shaving', limit_w = 4000, margin = 0 }}]"
    );
    let mut plant = Plant::new(&model).battery(2, 1);
    let rows = plant.run(900, |_| 5_000.0);
    // It would buy 6,000 W; the mean is kept at 4,000 W all the while, as nothing was lent.
    let mean_w = rows.iter().map(|row| row.grid_w).sum::<f64>() / 900.0;
    assert!((3_950.0..=4_020.0).contains(&mean_w), "{mean_w}");
    let reasons: Vec<_> = plant.decision.unwrap().assets.into_iter().flatten().filter_map(|decided| decided.wish).collect();
    assert!(reasons.iter().any(|wish| wish.actor.as_str() == "self_consumption"), "{reasons:?}");
}

#[test]
fn a_kind_becomes_a_strategy_with_its_own_name_and_priority() {
    let strategy = StrategyConfig::from(StrategyKind::SelfConsumption(crate::control::SelfConsumption::default()));
    assert_eq!((strategy.name().as_str(), strategy.priority().get(), strategy.every), ("self_consumption", 30, None));
}
