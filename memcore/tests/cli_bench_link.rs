//! `memcore bench-link`: a server and devices in processes of their own, started by the same program.
#![cfg(feature = "cli")]

use std::process::Command;

use serde_json::Value;

fn bench_link(arguments: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memcore"));
    let output = command.arg("bench-link").args(arguments).arg("--json").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"))
}

#[test]
fn devices_in_two_processes_report_and_come_back_with_their_sessions() {
    let report = bench_link(&["--connections", "6", "--processes", "2", "--for", "200ms", "--storm", "--resume"]);
    assert_eq!((report["connections"].as_u64(), report["processes"].as_u64()), (Some(6), Some(2)));
    assert_eq!(report["arrived"]["devices"], 6);
    assert_eq!((&report["returned"]["devices"], &report["returned"]["resumed"]), (&6.into(), &6.into()));
    let sent = &report["sent"];
    assert!(sent["points"].as_u64().unwrap() > 0);
    assert_eq!(sent["points"].as_u64().unwrap(), 8 * sent["rows"].as_u64().unwrap());
    assert_eq!((&sent["unacknowledged"], &sent["rejected"]), (&0.into(), &0.into()));
}

#[test]
fn batches_of_rows_go_in_cbor_and_a_rate_is_kept_to() {
    let report =
        bench_link(&["--connections", "2", "--rows", "10", "--encoding", "cbor", "--rate", "100", "--for", "500ms"]);
    let rows = report["sent"]["rows"].as_u64().unwrap();
    assert!(rows > 0 && rows <= 2 * 60, "{rows} rows of 2 devices in half a second, 100 a second each");
    assert_eq!((&report["sent"]["unacknowledged"], &report["sent"]["rejected"]), (&0.into(), &0.into()));
}

#[test]
fn silent_connections_are_counted_and_send_nothing() {
    let report = bench_link(&["--connections", "20", "--silent"]);
    assert_eq!((&report["arrived"]["devices"], &report["sent"]), (&20.into(), &Value::Null));
}

#[test]
fn what_cannot_be_is_named() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memcore"));
    let output = command.args(["bench-link", "--connections", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("connections is 0"), "{output:?}");
}
