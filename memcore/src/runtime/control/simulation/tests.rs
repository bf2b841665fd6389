//! Stories of the simulation itself: that it repeats, counts right, and refuses by name what cannot be.

use super::*;
use crate::model::{Span, Timestamp};

/// A home with a battery and the sun, controlled for self-consumption.
const HOME: &str = r#"
    site = "home1"
    [[asset]]
    name = "grid"
    role = "grid_meter"
    [[asset]]
    name = "house"
    role = "load"
    [[asset]]
    name = "pv"
    role = "pv"
    [[asset]]
    name = "battery"
    role = "battery"
    soc = "soc"
    setpoint = "power"
    range_w = [-5000, 5000]
    storage = { capacity_wh = 10000 }
    [tariff]
    buy_per_kwh = 0.3
    sell_per_kwh = 0.08
    [[strategy]]
    kind = "self_consumption"
"#;

fn home() -> SiteModel {
    toml::from_str(HOME).unwrap()
}

fn days(days: i64) -> SimulationOptions {
    SimulationOptions::new("2026-06-20T00:00:00Z".parse().unwrap(), Span::from_seconds(days * 86_400))
}

fn simulated(options: SimulationOptions) -> SimulatedControl {
    simulate_control(&home(), options, |_| Ok(())).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_days() {
    let (one, again, other) = (simulated(days(2)), simulated(days(2)), simulated(days(2).seed(2)));
    assert_eq!(one.figures(), again.figures());
    assert_eq!(one.table().unwrap(), again.table().unwrap());
    assert_ne!(one.figures().import_kwh, other.figures().import_kwh);
}

#[test]
fn control_uses_the_sun_that_no_control_sells_and_energy_adds_up() {
    let (with, without) = (simulated(days(3)).figures(), simulated(days(3).without_control()).figures());
    assert_eq!((with.violations.len(), without.decisions), (0, 0));
    assert!(with.self_consumption > without.self_consumption && with.cost < without.cost, "{with:?}\n{without:?}");
    // What came in and was produced was consumed, sold, stored or lost in the battery.
    let battery = &with.assets[0];
    let sum = with.import_kwh + with.produced_kwh + battery.given_kwh;
    let used = with.consumed_kwh + with.export_kwh + battery.taken_kwh;
    assert!((sum - used).abs() < 1e-6 * sum, "{sum} kWh against {used} kWh");
    assert!((with.bought - 0.3 * with.import_kwh).abs() < 1e-9);
}

#[test]
fn a_table_has_a_row_a_minute_and_a_picture_shows_every_asset() {
    let simulated = simulated(days(1));
    let table = simulated.table().unwrap();
    assert_eq!(table.num_rows(), 1_440);
    for column in ["time", "grid_w", "battery_w", "battery_decided_w", "battery_soc", "house_w"] {
        assert!(table.column_by_name(column).is_some(), "{column}");
    }
    let chart = simulated.chart();
    assert!(chart.to_svg().contains("battery") && chart.to_text(100).contains("house"));
    let noon: Timestamp = "2026-06-20T12:00:00Z".parse().unwrap();
    assert!(simulated.why("battery", noon).unwrap().contains("self_consumption"));
    assert!(simulated.why("fridge", noon).unwrap_err().message().contains("fridge is no asset"));
}

#[test]
fn what_cannot_be_simulated_is_refused_by_name() {
    let refused =
        |options: SimulationOptions| simulate_control(&home(), options, |_| Ok(())).unwrap_err().message().to_owned();
    assert!(refused(days(1).step(Span::from_millis(1))).contains("step is 1ms"));
    assert!(refused(SimulationOptions { loss: 1.5, ..days(1) }).contains("loss is 1.5"));
    assert!(
        refused(SimulationOptions { socs: vec![("fridge".parse().unwrap(), 0.5)], ..days(1) })
            .contains("fridge is no asset")
    );
    let told = simulate_control(&home(), days(1), |_| Err(crate::error::Error::invalid("enough"))).unwrap_err();
    assert_eq!(told.message(), "enough");
}

#[test]
fn a_scenario_that_makes_no_sense_is_refused_by_name() {
    let read = |rest: &str| {
        let text = format!("about = 'a'\nmodel = 'home'\nfrom = '2026-06-20T10:00:00Z'\nfor = '1m'\n{rest}");
        let scenario = Scenario::parse(&text, |_| Ok(home()));
        scenario.and_then(|scenario| run_scenario(&scenario)).unwrap_err().to_string()
    };
    for (rest, named) in [
        ("", "expect"),
        ("expect = []", "cannot fail"),
        ("[[expect]]\nalways = 'battery.heat > 3'", "battery.heat"),
        ("[[expect]]\nalways = 'fridge.power > 3'", "fridge"),
        ("[[expect]]\nalways = 'battery.power'", "expected one with <="),
        ("[[expect]]\nat = '25:00'\nthat = 'grid > 1'", "25:00"),
        ("[[expect]]\nalways = 'grid > 1'\n[[event]]\nat = '10:00'", "either `fault` or `do`"),
        ("[[expect]]\nalways = 'grid > 1'\n[[event]]\nat = '10:00'\nfault = 'meter_silent'", "whose fault it is"),
        ("[[expect]]\nalways = 'grid > 1'\n[[event]]\nat = '10:00'\nfault = 'meter_silent'\nasset = 'fridge'", "fridge"),
        ("[[expect]]\nalways = 'grid > 1'\n[[event]]\nat = '10:00'\nfault = 'meter_bored'\nasset = 'grid'", "meter_bored"),
    ] {
        let told = read(rest);
        assert!(told.contains(named), "{rest}: {told}");
    }
}

#[test]
fn an_expectation_that_is_not_met_fails_with_a_table() {
    let text = "about = 'it fails'\nmodel = 'home'\nfrom = '2026-06-20T10:00:00Z'\nfor = '2m'\n[[expect]]\nalways = 'battery.soc >= 0.9'\n\
                [[expect]]\nonce = 'grid > 1 kW'\nfrom = '12:00'";
    let report = run_scenario(&Scenario::parse(text, |_| Ok(home())).unwrap()).unwrap();
    assert_eq!(report.failures.len(), 2, "{report}");
    assert!(report.failures[0].contains("battery.soc >= was 0.5"), "{report}");
    let table = report.to_string();
    assert!(table.contains("FAILED") && table.contains("10:01:00") && table.contains("battery"), "{table}");
}
