//! Networks at the command line.
#![cfg(feature = "cli")]

mod cli_support;

use cli_support::*;
use serde_json::Value;

/// A village behind a cable, in MATPOWER's words: a cheap grid at bus 1, a dear genset at bus 2, MW and MVA.
const VILLAGE: &str = "function mpc = village
mpc.version = '2';
mpc.baseMVA = 1;
mpc.bus = [
\t1\t3\t0\t0\t0\t0\t1\t1\t0\t20\t1\t1.1\t0.9;
\t2\t1\t0.08\t0.02\t0\t0\t1\t1\t0\t20\t1\t1.1\t0.9;
];
mpc.gen = [
\t1\t0\t0\t1\t-1\t1\t1\t1\t0.5\t0;
\t2\t0\t0\t0\t0\t1\t1\t1\t0.04\t0;
];
mpc.branch = [ 1 2 0.1 0.2 0 0.05 0 0 0 0 1 ];
mpc.gencost = [ 2 0 0 2 100 0; 2 0 0 2 300 0 ];
";

fn village() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "village.m", VILLAGE);
    (folder, file)
}

#[test]
fn a_dispatch_shows_prices_flows_and_the_limits_that_bind() {
    let (folder, file) = village();
    let shown = text(&memcore(folder.path(), &["network", &file]));
    // 50 kW over the cable at 0.1, 30 kW of the genset at 0.3.
    for words in ["optimal: 14.0000 per hour", "PRICE PER KWH", "0.3", "1-2", "100.0", "1-2.rating_va", "0.2"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let json: Value =
        serde_json::from_str(&text(&memcore(folder.path(), &["network", &file, "--dc-opf", "--json"]))).unwrap();
    assert_eq!((&json["status"], &json["binding"][0]["part"]), (&"optimal".into(), &"1-2".into()));
    assert!((json["buses"][1]["price_per_kwh"].as_f64().unwrap() - 0.3).abs() < 1e-6, "{json}");
}

#[test]
fn voltages_are_shown_by_linear_and_exact_equations() {
    let (folder, file) = village();
    let linear = text(&memcore(folder.path(), &["network", &file, "--lindistflow"]));
    // The root of 1 - 2 (0.1 x 0.08 + 0.2 x 0.02)
    assert!(linear.contains("lowest voltage 0.987927 at bus 2") && linear.contains("LOSS, KW"), "{linear}");
    let exact = text(&memcore(folder.path(), &["network", &file, "--power-flow"]));
    assert!(exact.contains("lowest voltage 0.9877") && exact.contains("kW are lost"), "{exact}");
    let dispatch = text(&memcore(folder.path(), &["network", &file, "--voltage-opf"]));
    assert!(dispatch.contains("VOLTAGE, PU") && dispatch.contains("1-2.rating_va"), "{dispatch}");
}

#[test]
fn a_network_without_a_dispatch_is_explained_with_an_exit_code_of_its_own() {
    let (folder, _) = village();
    let file = written(folder.path(), "short.m", &VILLAGE.replace("0.04\t0;", "0.02\t0;"));
    let none = memcore(folder.path(), &["network", &file]);
    assert_eq!(none.status.code(), Some(3), "{}", err(&none));
    let shown = out(&none);
    for words in ["gen2.max_w", "1-2.rating_va", "MUST GIVE", "10"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let json: Value = serde_json::from_str(&out(&memcore(folder.path(), &["network", &file, "--json"]))).unwrap();
    assert_eq!(json["status"], "infeasible");
    let heavy = written(folder.path(), "heavy.m", &VILLAGE.replace("0.08\t0.02", "8\t2"));
    let collapsed = memcore(folder.path(), &["network", &heavy, "--power-flow"]);
    assert_eq!(collapsed.status.code(), Some(3));
    assert!(out(&collapsed).contains("bus 2"), "{}", out(&collapsed));
}

#[test]
fn what_is_wrong_with_a_network_is_named() {
    let (folder, file) = village();
    let refused = |args: &[&str]| failure(&memcore(folder.path(), args));
    let unknown = written(folder.path(), "unknown.m", &VILLAGE.replace("[ 1 2 0.1", "[ 1 7 0.1"));
    let said = refused(&["network", &unknown]);
    assert!(said.contains("unknown.m: line 12: branch 1-7.to is \"7\""), "{said}");
    assert!(refused(&["network", "nowhere.m"]).contains("nowhere.m"));
    assert!(refused(&["network", &file, "--engine", "magic"]).contains("expected highs, microlp or clarabel"));
    assert!(refused(&["network", &file, "--susceptance", "magic"]).contains("expected series or reactance"));
    let two = memcore(folder.path(), &["network", &file, "--lindistflow", "--power-flow"]);
    assert_eq!(two.status.code(), Some(2), "{}", err(&two));
}
