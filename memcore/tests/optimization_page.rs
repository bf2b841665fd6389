//! The page about plans says what the engines do: its worked examples are solved here, and its pictures are drawn from the answers.

mod picture_support;

use std::path::{Path, PathBuf};

use memcore::model::{Currency, Span};
use memcore::optimize::{Battery, Engine, Genset, Grid, Horizon, Load, Options, Outcome, Plan, Quantity, Site, Terminal};
use picture_support::{Chart, Ink};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn hours(steps: usize) -> Horizon {
    Horizon::even("2026-01-01T00:00:00Z".parse().unwrap(), Span::from_seconds(3600), steps).unwrap()
}

fn planned(site: &Site, engine: Engine) -> Plan {
    let outcome = site.solve(&Options { engine: Some(engine), ..Options::default() }).unwrap();
    let told = format!("{outcome:?}");
    outcome.into_plan().unwrap_or_else(|| panic!("{told}"))
}

/// Three hours at 0.10, 0.30 and 0.20; 1 kW of load; a battery of 3 kWh that stores 80 % of what it is charged with.
fn three_hours(initial_wh: f64) -> Site {
    let grid = Grid::new("grid", [0.10, 0.30, 0.20]).export_limit_w(0.0);
    let battery = Battery::new("battery", 3_000.0, 2_000.0, 2_000.0, initial_wh)
        .charge_efficiency(0.8)
        .discharge_efficiency(1.0)
        .terminal(Terminal::Free);
    Site::new(Currency::EUR, hours(3), [grid.into(), battery.into(), Load::new("load", 1_000.0).into()])
}

/// An island for two hours: 2 kW of load that may be shed at 1 a kWh, a genset of 3 to 5 kW that costs 1 to start, 4 kWh of battery.
fn island(initial_wh: f64) -> Site {
    let battery = Battery::new("battery", 4_000.0, 4_000.0, 4_000.0, initial_wh)
        .charge_efficiency(1.0)
        .discharge_efficiency(1.0)
        .terminal(Terminal::Free);
    let genset = Genset::new("genset", 3_000.0, 5_000.0, 0.30).start_cost(1.0);
    let load = Load::new("load", 2_000.0).value_of_lost_load_per_kwh(1.0);
    Site::new(Currency::EUR, hours(2), [load.into(), battery.into(), genset.into()])
}

/// The least cost by the energy at the beginning, in kWh: a value function, asked point by point.
fn costs(site: fn(f64) -> Site, engine: Engine, highest_wh: u32) -> Vec<(f64, f64)> {
    let cost = |wh: u32| (f64::from(wh) / 1000.0, planned(&site(f64::from(wh)), engine).objective);
    (0..=highest_wh).step_by(100).map(cost).collect()
}

#[test]
fn the_worked_example_is_what_the_engine_finds() {
    let plan = planned(&three_hours(1_000.0), Engine::Storage);
    assert!((plan.objective - 0.225).abs() < 1e-9, "{}", plan.objective);
    for (quantity, right) in [
        (Quantity::Charge, [1_250.0, 0.0, 0.0]),
        (Quantity::Discharge, [0.0, 1_000.0, 1_000.0]),
        (Quantity::Energy, [2_000.0, 1_000.0, 0.0]),
    ] {
        let found = plan.column("battery", quantity).unwrap();
        assert!(found.iter().zip(right).all(|(found, right)| (found - right).abs() < 1e-6), "{quantity:?}: {found:?}");
    }
    assert!((plan.water_values[0].per_kwh[0] - 0.125).abs() < 1e-9, "{:?}", plan.water_values);
    assert!((plan.certificate.price_bound.unwrap() - 0.225).abs() < 1e-9, "{:?}", plan.certificate);
}

/// The slopes between points that lie on one segment.
fn slope(points: &[(f64, f64)], from: f64, to: f64) -> f64 {
    let at = |place: f64| points.iter().find(|(x, _)| (x - place).abs() < 1e-9).expect("a point that was asked").1;
    (at(to) - at(from)) / (to - from)
}

#[test]
fn the_value_functions_have_the_slopes_of_the_page() {
    let convex = costs(three_hours, Engine::Storage, 3_000);
    for (from, to, right) in [(0.0, 0.4, -0.20), (0.4, 2.0, -0.125), (2.0, 3.0, -0.10)] {
        let found = slope(&convex, from, to);
        assert!((found - right).abs() < 1e-9, "{from} to {to}: {found}");
    }
    let pieces = costs(island, Engine::Modes, 4_000);
    for (from, to, right) in [(0.0, 1.0, -0.30), (1.0, 2.1, 0.0), (2.1, 4.0, -1.0)] {
        let found = slope(&pieces, from, to);
        assert!((found - right).abs() < 1e-9, "{from} to {to}: {found}");
    }
    assert!((pieces[0].1 - 2.2).abs() < 1e-9, "{}", pieces[0].1);
}

#[test]
fn an_impossible_site_is_explained_as_on_the_page() {
    let grid = Grid::new("grid", 0.30).import_limit_w(3_000.0);
    let site = Site::new(Currency::EUR, hours(1), [grid.into(), Load::new("load", 5_000.0).into()]);
    let Outcome::Infeasible(why) = site.solve(&Options::default()).unwrap() else { panic!("3 kW cannot serve 5 kW") };
    assert!(why.conflict.iter().any(|limit| limit.limit == "import_limit_w"), "{why:?}");
    assert!((why.relaxations[0].amount - 2_000.0).abs() < 1e-3, "{why:?}");
}

/// What energy is worth before the three hours of the worked example.
fn value() -> String {
    Chart::new("What three hours cost, by the energy at their beginning", 280.0, 3.0, (0.0, 0.5))
        .axes(
            &[(0.4, "0.4 kWh"), (1.0, "1 kWh"), (2.0, "2 kWh"), (3.0, "3 kWh")],
            &[(0.0, "0"), (0.2, "0.2"), (0.4, "0.4")],
        )
        .line(&costs(three_hours, Engine::Storage, 3_000), false, Ink::A)
        .text(0.25, 0.40, "0.20 a kWh: saves buying at 0.20")
        .text(0.9, 0.29, "0.125 a kWh: saves charging at 0.10 with losses of a fifth")
        .text(2.05, 0.15, "0.10 a kWh: saves buying now")
        .svg()
}

/// A genset that must run at 3 kW or not at all makes value functions that are no longer convex.
fn envelope() -> String {
    let shed: Vec<(f64, f64)> = vec![(0.0, 4.0), (4.0, 0.0)];
    let started: Vec<(f64, f64)> = vec![(0.0, 2.2), (1.0, 1.9), (4.0, 1.9)];
    Chart::new("The lower envelope of two pieces: shed, or start the genset", 280.0, 4.0, (0.0, 4.2))
        .axes(&[(1.0, "1 kWh"), (2.1, "2.1 kWh"), (4.0, "4 kWh")], &[(0.0, "0"), (1.9, "1.9"), (2.2, "2.2"), (4.0, "4")])
        .line(&shed, false, Ink::B)
        .line(&started, false, Ink::B)
        .area(&costs(island, Engine::Modes, 4_000), false, Ink::A)
        .line(&costs(island, Engine::Modes, 4_000), false, Ink::A)
        .text(0.7, 3.5, "shed what the battery cannot give")
        .text(2.6, 2.05, "start the genset")
        .svg()
}

type Picture = (&'static str, fn() -> String);
const PICTURES: [Picture; 2] = [("value", value), ("envelope", envelope)];

/// Draws them anew with `MEMCORE_DRAW=1 cargo test -p memcore --test optimization_page`.
#[test]
fn the_pictures_are_what_the_engines_answer() {
    let page = std::fs::read_to_string(docs().join("optimization.md")).unwrap();
    for (name, draw) in PICTURES {
        let path = docs().join("pictures").join(format!("{name}.svg"));
        if std::env::var_os("MEMCORE_DRAW").is_some() {
            std::fs::write(&path, draw()).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == draw(), "{} is not what the engines answer now: draw it anew with MEMCORE_DRAW=1", path.display());
        assert!(page.contains(&format!("](pictures/{name}.svg)")), "the page does not show {name}");
    }
}
