//! How cost grows: with points, with series, with years; and 100,000 series of a reading a minute for hours.
//!
//! Each case runs in processes of its own (see [`growth_case`](crate::growth_case)): one ingests, one opens to write, one
//! opens to read and asks. A Markdown table of it all goes to stderr.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::growth_case::WIDTH;
use crate::{Figure, scale};

/// What is measured of a case: its key, its name, its unit.
const OF_A_CASE: [(&str, &str, &str); 12] = [
    ("registering_us", "registering a device", "us CPU"),
    ("ns", "ingest", "ns CPU/point"),
    ("bytes", "size", "bytes/point"),
    ("peak", "memory at ingest", "MB"),
    ("cpu_ms", "open to write", "ms CPU"),
    ("wall_ms", "open to write by the clock", "ms"),
    ("open_ms", "open to read", "ms CPU"),
    ("resident", "memory when opened", "MB"),
    ("hour_us", "the last hour of a series", "us CPU"),
    ("day_us", "the last day of a series", "us CPU"),
    ("buckets_us", "a series in 1,000 buckets", "us CPU"),
    ("latest_us", "the latest of all series", "us CPU"),
];

#[derive(Debug, Clone)]
struct Case {
    name: String,
    devices: u64,
    rows: u64,
    seconds: u64,
}

impl Case {
    /// So many points of so many series.
    fn of(points: f64, series: u64, seconds: u64) -> Self {
        let rows = ((points * scale()) as u64 / series).max(10);
        let million = (rows * series) as f64 / 1e6;
        Self { name: format!("{million} M points, {series} series"), devices: series / WIDTH, rows, seconds }
    }
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = [1e6, 10e6, 100e6].into_iter().map(|points| Case::of(points, 1000, 60)).collect();
    cases.extend([16, 1000, 10_000, 100_000].into_iter().map(|series| Case::of(20e6, series, 60)));
    // One house of eight channels, a row a minute.
    let years = [1u64, 4, 10].into_iter().map(|years| Case {
        name: format!("{years} years of 8 series at 1 min"),
        devices: 1,
        rows: ((years * 525_960) as f64 * scale()) as u64,
        seconds: 60,
    });
    cases.extend(years);
    cases
}

/// Measures everything; takes minutes.
pub(crate) fn figures() -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut table = vec![Vec::new(); OF_A_CASE.len()];
    let cases = cases();
    for case in &cases {
        let found = measured(case);
        for (row, (key, what, unit)) in table.iter_mut().zip(OF_A_CASE) {
            let value = found[key].as_f64().unwrap_or(f64::NAN);
            row.push(value);
            let name = format!("{}: {what}", case.name);
            figures.push(Figure { name, value, unit, better: "lower", target: None });
        }
    }
    print_table(&cases, &table);
    figures.extend(sustained());
    figures
}

fn measured(case: &Case) -> Value {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store");
    let size = [case.devices, case.rows, case.seconds].map(|n| n.to_string());
    let mut found = run("ingest", &path, &size);
    found["peak"] = highest(&found).into();
    // The reader says what memory an open store takes, the writer goes first.
    for (what, size) in [("write", &[][..]), ("read", &size[..])] {
        let Value::Object(more) = run(what, &path, size) else { continue };
        for (key, value) in more {
            found[key] = value;
        }
    }
    found
}

fn run(what: &str, path: &Path, size: &[String]) -> Value {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    let child = command.args(["growth-case", what]).arg(path).args(size).stderr(Stdio::inherit());
    let output = child.output().expect("a process of its own");
    assert!(output.status.success(), "growth-case {what} failed");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn resident(found: &Value) -> Vec<f64> {
    found["resident"].as_array().map_or(Vec::new(), |list| list.iter().filter_map(Value::as_f64).collect())
}

fn highest(found: &Value) -> f64 {
    resident(found).into_iter().fold(f64::NAN, f64::max)
}

/// 12,500 devices of 8 channels report once a minute, for twelve hours of their time, as fast as they are taken in.
fn sustained() -> Vec<Figure> {
    let devices = ((12_500.0 * scale()) as u64).max(10);
    let minutes = 720;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let size = [devices, minutes, 60].map(|n| n.to_string());
    let found = run("ingest", &folder.path().join("store"), &size);
    let resident = resident(&found);
    let half = resident.len() / 2;
    let most = |part: &[f64]| part.iter().copied().fold(f64::NAN, f64::max);
    let points = (devices * WIDTH * minutes) as f64;
    // All CPU of ingest, sealing included, spread over the hours that the readings are of.
    let share = found["ns"].as_f64().unwrap_or(f64::NAN) * points / 1e9 / (minutes * 60) as f64 / 2.0 * 100.0;
    let series = devices * WIDTH;
    let figure = |what: &str, value, unit, target| Figure {
        name: format!("{series} series, a reading a minute: {what}"),
        value,
        unit,
        better: "lower",
        target,
    };
    let figures = vec![
        figure("share of two cores", share, "%", None),
        figure("peak memory", most(&resident), "MB", Some(1024.0)),
        figure(
            "memory of the second half over the first",
            most(&resident[half..]) / most(&resident[..half]),
            "ratio",
            Some(1.1),
        ),
        figure("size", found["bytes"].as_f64().unwrap_or(f64::NAN), "bytes/point", None),
    ];
    eprintln!("| {series} series, a reading a minute, 12 h | |\n|---|---|");
    figures.iter().for_each(|f| eprintln!("| {} | {} {} |", f.name, short(f.value), f.unit));
    figures
}

fn print_table(cases: &[Case], table: &[Vec<f64>]) {
    let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    eprintln!("| | {} |\n|---|{}", names.join(" | "), "---|".repeat(cases.len()));
    for (row, (_, what, unit)) in table.iter().zip(OF_A_CASE) {
        let cells: Vec<String> = row.iter().map(|value| short(*value)).collect();
        eprintln!("| {what}, {unit} | {} |", cells.join(" | "));
    }
    eprintln!();
}

/// Three digits say all that such a measurement can.
fn short(value: f64) -> String {
    let digits = (2 - value.abs().max(1e-12).log10().floor() as i32).max(0) as usize;
    format!("{value:.digits$}")
}
