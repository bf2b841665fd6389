//! Plans and backtests at the command line.
#![cfg(feature = "cli")]

mod cli_support;

use cli_support::*;
use serde_json::Value;

const SITE: &str = r#"
currency = "EUR"
horizon = { start = "2026-01-08T00:00:00Z", step = "1h", steps = 24 }
[[asset]]
type = "grid"
name = "grid"
import_limit_w = 5000
buy_per_kwh = { file = "year.csv", column = "price", start = "2026-01-01T00:00:00Z", step = "1h" }
[[asset]]
type = "load"
name = "load"
power_w = { file = "year.csv", column = "load_kw", unit = "kW", start = "2026-01-01T00:00:00Z", step = "1h" }
[[asset]]
type = "battery"
name = "battery"
capacity_wh = 10000
charge_limit_w = 3000
discharge_limit_w = 3000
initial_wh = 2000
"#;

/// Two weeks: cheap nights and dear evenings.
fn site_in(folder: &std::path::Path) -> String {
    let row = |hour: usize| {
        let price = if hour % 24 < 6 { 0.1 } else { 0.1 + 0.02 * (hour % 24) as f64 };
        format!("{hour},{},{price:.2}\n", 0.5 + (hour % 24) as f64 / 10.0)
    };
    written(folder, "year.csv", &("hour,load_kw,price\n".to_owned() + &(0..14 * 24).map(row).collect::<String>()));
    written(folder, "site.toml", SITE)
}

#[test]
fn a_plan_is_shown_explained_and_written_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let (site, file) = (folder.path().join("site"), site_in(folder.path()));
    let [svg, parquet, arrow, csv] =
        ["p.svg", "p.parquet", "p.arrow", "p.csv"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    let shown = text(&memcore(
        &site,
        &["plan", &file, "--explain", "--table", "--out", &svg, "--out", &parquet, "--out", &arrow, "--out", &csv],
    ));
    for words in
        ["optimal: ", "power, kW", "battery charge", "█", "in all", "GRID.IMPORT_W", "Verified: ", "Engine storage"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(std::fs::read_to_string(&svg).unwrap().starts_with("<svg"));
    assert!(std::fs::read(&parquet).unwrap().starts_with(b"PAR1"));
    assert!(std::fs::read(&arrow).unwrap().starts_with(b"ARROW1"));
    let rows = std::fs::read_to_string(&csv).unwrap();
    assert_eq!(rows.lines().count(), 25);
    assert!(rows.starts_with("time,end,hours,grid.import_w,grid.export_w,"), "{rows}");
    assert_eq!(rows, text(&memcore(&site, &["plan", &file, "--csv"])));

    let json: Value = serde_json::from_str(&text(&memcore(&site, &["plan", &file, "--json"]))).unwrap();
    let total: f64 = json["costs"].as_array().unwrap().iter().map(|cost| cost["amount"].as_f64().unwrap()).sum();
    assert!((total - json["objective"].as_f64().unwrap()).abs() < 1e-9);
    assert_eq!((json["status"].as_str(), json["times"].as_array().unwrap().len()), (Some("optimal"), 24));
    let bad = failure(&memcore(&site, &["plan", &file, "--out", "plan.doc"]));
    assert!(bad.contains("ends in .doc") && bad.contains(".parquet"), "{bad}");
}

#[test]
fn one_plan_hands_its_state_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (site, file) = (folder.path().join("site"), site_in(folder.path()));
    let state = folder.path().join("state.json").to_str().unwrap().to_owned();
    text(&memcore(&site, &["plan", &file, "--next-state", &state, "--after", "4"]));
    let left: Value = serde_json::from_str(&std::fs::read_to_string(&state).unwrap()).unwrap();
    let held = left["energy_wh"][0][1].as_f64().unwrap();
    assert!(held > 2_000.0, "the nights are cheap: {left}");
    let next = ["plan", &file, "--from", "2026-01-08T04:00:00Z", "--steps", "20", "--state", &state, "--csv"];
    assert_eq!(text(&memcore(&site, &next)).lines().count(), 21);
    let wrong = failure(&memcore(&site, &["plan", &file, "--state", &state]));
    assert!(wrong.contains("state.at is 2026-01-08T04:00:00Z, expected 2026-01-08T00:00:00Z"), "{wrong}");
}

#[test]
fn a_site_without_a_plan_is_explained_with_an_exit_code_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (site, file) = (folder.path().join("site"), site_in(folder.path()));
    let island = SITE.replace("import_limit_w = 5000", "import_limit_w = 100");
    let narrow = written(folder.path(), "narrow.toml", &island);
    let none = memcore(&site, &["plan", &narrow]);
    assert_eq!(none.status.code(), Some(3), "{}", err(&none));
    assert!(out(&none).contains("grid.import_limit_w"), "{}", out(&none));
    let json: Value = serde_json::from_str(&out(&memcore(&site, &["plan", &narrow, "--json"]))).unwrap();
    assert_eq!(json["status"], "infeasible");
    let wrong = failure(&memcore(
        &site,
        &["plan", &written(folder.path(), "x.toml", &SITE.replace("charge_limit_w", "charge_kw"))],
    ));
    assert!(wrong.contains("x.toml") && wrong.contains("charge_kw"), "{wrong}");
    assert!(failure(&memcore(&site, &["plan", &file, "--engine", "magic"])).contains("expected storage"));
    assert!(failure(&memcore(&site, &["plan", "nowhere.toml"])).contains("nowhere.toml"));
}

#[test]
fn a_backtest_tells_what_foresight_would_have_saved() {
    let folder = tempfile::tempdir().unwrap();
    let (site, file) = (folder.path().join("site"), site_in(folder.path()));
    let carried = folder.path().join("done.csv").to_str().unwrap().to_owned();
    let walk = ["backtest", &file, "--history", "7d", "--forecast", "yesterday", "--to", "2026-01-11T00:00:00Z"];
    let shown = text(&memcore(&site, &[&walk[..], &["--out", &carried]].concat()));
    for words in ["regret", "plain rules", "72 steps from 2026-01-08T00:00:00Z", "72 plans (72 by storage)"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert_eq!(std::fs::read_to_string(&carried).unwrap().lines().count(), 73);
    let json: Value = serde_json::from_str(&text(&memcore(&site, &[&walk[..], &["--json"]].concat()))).unwrap();
    let number = |field: &Value| field.as_f64().unwrap();
    assert!(number(&json["regret"]) >= -1e-9, "{json}");
    assert!(number(&json["saved"]) > 0.0, "{json}");
    assert_eq!(json["plans"], 72);
    let wrong = failure(&memcore(&site, &["backtest", &file, "--forecast", "magic"]));
    assert!(wrong.contains("magic") && wrong.contains("weekday:4"), "{wrong}");
}
