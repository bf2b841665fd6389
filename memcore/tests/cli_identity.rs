//! Devices, the audit trail and a server's state, as an operator uses them at the command line.
#![cfg(feature = "cli")]

mod cli_support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cli_support::*;
use serde_json::Value;

fn lines(site: &Path, args: &[&str]) -> Vec<Value> {
    text(&memcore(site, args)).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_device_is_rotated_and_the_list_says_what_it_may_show_and_until_when() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    assert!(failure(&memcore(&site, &["devices", "rotate", "home1.pv"])).contains("home1.pv is not enrolled"));
    text(&memcore(&site, &["devices", "enroll", "home1.pv"]));
    let file = folder.path().join("new.json");
    let new = file.to_str().unwrap();
    let rotated = memcore(&site, &["devices", "rotate", "home1.pv", "--certificate", "--overlap", "2d", "--out", new]);
    assert!(text(&rotated).is_empty() && err(&rotated).contains("its earlier ones log in until"), "{rotated:?}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let listed = lines(&site, &["devices", "list", "--json"]).remove(0);
    let proofs = listed["proofs"].as_array().unwrap();
    assert_eq!((listed["proof"].as_str(), proofs.len()), (Some("certificate"), 2));
    assert!(proofs[0]["ends_us"].is_i64() && proofs[0]["until_us"].is_null());
    let until = proofs[1]["until_us"].as_i64().unwrap() - proofs[1]["issued_us"].as_i64().unwrap();
    assert!((172_800_000_000..172_900_000_000).contains(&until), "two days from now on: {until}");
    let table = text(&memcore(&site, &["devices", "list"]));
    assert!(table.contains(", ends 20") && table.contains("logs in until"), "{table}");

    text(&memcore(&site, &["devices", "rotate", "home1.pv", "--overlap", "now"]));
    assert_eq!(lines(&site, &["devices", "list", "--json"])[0]["proofs"].as_array().unwrap().len(), 1);
    let wrong = memcore(&site, &["devices", "rotate", "home1.pv", "--overlap", "soon"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(err(&wrong).contains("soon"), "{wrong:?}");
}

#[test]
fn many_devices_are_enrolled_from_a_list_and_one_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let list = written(folder.path(), "list.txt", "home1.pv\n\nhome2.pv\nacme/home3.pv\n");
    let bundles = lines(&site, &["devices", "enroll", "--list", &list, "--server", "energy.example:23123"]);
    assert_eq!(bundles.len(), 3);
    assert_eq!((&bundles[2]["device"], &bundles[2]["server"]), (&"acme/home3.pv".into(), &"energy.example:23123".into()));
    assert!(bundles.iter().all(|bundle| bundle["credential"].as_str().unwrap().starts_with("mc_")));
    let list = written(folder.path(), "wrong.txt", "home1.pv\nhome 2\n");
    let said = failure(&memcore(&site, &["devices", "enroll", "--list", &list]));
    assert!(said.contains("wrong.txt, line 2"), "{said}");

    text(&memcore(&site, &["devices", "limit", "home1.pv", "--points-per-s", "100", "--burst", "500"]));
    let limited = lines(&site, &["devices", "list", "--json"]);
    let limited = limited.iter().find(|device| device["device"] == "home1.pv").unwrap();
    assert_eq!((limited["points_per_s"].as_f64(), limited["burst"].as_f64()), (Some(100.0), Some(500.0)));
    text(&memcore(&site, &["devices", "limit", "home1.pv"]));
    let said = failure(&memcore(&site, &["devices", "limit", "home1.pv", "--points-per-s", "0"]));
    assert!(said.contains("points_per_s is 0"), "{said}");
}

#[test]
fn the_audit_trail_is_shown_and_checked_and_tampering_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    text(&memcore(&site, &["devices", "enroll", "home1.pv"]));
    text(&memcore(&site, &["devices", "enroll", "home1.hem", "--certificate"]));
    text(&memcore(&site, &["devices", "revoke", "home1.pv"]));

    let all = lines(&site, &["audit", "--json"]);
    let kinds: Vec<_> = all.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["enrolled", "enrolled", "revoked"]);
    assert!(all.iter().all(|line| line["by"].as_str().unwrap().starts_with("uid ")));
    assert_eq!(lines(&site, &["audit", "--json", "--device", "home1.pv", "--since", "1h"]).len(), 2);
    assert_eq!(lines(&site, &["audit", "--json", "--kind", "enrolled", "--limit", "1"])[0]["device"], "home1.hem");
    let table = text(&memcore(&site, &["audit"]));
    assert!(table.contains("enrolled") && table.contains("proof certificate"), "{table}");
    assert!(failure(&memcore(&site, &["audit", "--kind", "enroled"])).contains("login_refused"));

    let report = text(&memcore(&site, &["audit", "--verify"]));
    assert!(report.contains("3 lines, from number 1 to 3") && report.contains("the trail is whole"), "{report}");
    let trail = site.join("audit.jsonl");
    let tampered = std::fs::read_to_string(&trail).unwrap().replacen("home1.pv", "home9.pv", 1);
    std::fs::write(&trail, tampered).unwrap();
    let report = memcore(&site, &["audit", "--verify"]);
    assert!(out(&report).contains("audit.jsonl, line 1: its hash does not fit it"), "{report:?}");
    assert!(failure(&report).contains("faults in the audit trail: 1"));
    let shown = memcore(&site, &["audit", "--json"]);
    assert!(err(&shown).contains("lines that cannot be read: 1"), "{shown:?}");
}

#[test]
fn the_state_of_a_server_is_asked_for_where_one_runs() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    assert!(failure(&memcore(&site, &["status"])).contains("no server runs on"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut config = memcore::Config::at(&site);
    config.gateway.listen = "127.0.0.1:0".parse().unwrap();
    let server = runtime.block_on(memcore::serve(config)).unwrap();
    let said = text(&memcore(&site, &["status"]));
    assert!(said.contains("listens on 127.0.0.1:") && said.contains("0 of 0 devices connected"), "{said}");
    assert!(said.contains("its certificate ends 20"), "{said}");
    let status: Value = serde_json::from_str(&text(&memcore(&site, &["status", "--json"]))).unwrap();
    assert_eq!(status["certificate"]["fingerprint"].as_str().unwrap().len(), 64);
    runtime.block_on(server.shutdown()).unwrap();
}
