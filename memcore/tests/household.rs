//! Three months of a real household through simulator, TLS, bus and store, read back bit for bit.
//!
//! The data stands beside the project, not in it: where it is absent, that is said, and a generated stand-in with the
//! same columns and gaps takes its place.
#![cfg(all(feature = "gateway", feature = "sim"))]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use common::site;
use memcore::model::{Timestamp, Unit};
use memcore::{ProofKind, Query, ReplayRequest, replay};

const FILE: &str = "telemetry/uci_household_1min_2007Q2.csv.gz";
/// Column of the file, the channel it becomes, and its unit.
const COLUMNS: [(&str, &str, Unit); 7] = [
    ("p_kw", "power", Unit::Kilowatt),
    ("q_kvar", "reactive_power", Unit::Kilovar),
    ("u_v", "voltage", Unit::Volt),
    ("i_a", "current", Unit::Ampere),
    ("sub1_wh", "sub1", Unit::WattHour),
    ("sub2_wh", "sub2", Unit::WattHour),
    ("sub3_wh", "sub3", Unit::WattHour),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_household_comes_back_bit_for_bit_and_twice_is_once() {
    let data = std::env::var_os("MEMCORE_TEST_DATA").map_or_else(beside, PathBuf::from).join(FILE);
    if data.exists() {
        replayed_twice(&data).await;
    } else {
        let mut out = std::io::stderr();
        let _ = writeln!(out, "SKIPPED the real household: {} is absent; the stand-in is tested", data.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generated_household_comes_back_bit_for_bit_and_twice_is_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("household.csv");
    std::fs::write(&file, stand_in()).unwrap();
    replayed_twice(&file).await;
}

fn beside() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")
}

/// Two days with a gap of three hours and single missing values.
fn stand_in() -> String {
    let header: Vec<_> = COLUMNS.iter().map(|(column, _, _)| *column).collect();
    let mut text = format!("ts_local_naive,{}\n", header.join(","));
    for minute in (0..2880).filter(|minute| !(600..780).contains(minute)) {
        let (day, hour, of_hour) = (1 + minute / 1440, minute / 60 % 24, minute % 60);
        text += &format!("2007-04-{day:02} {hour:02}:{of_hour:02}");
        for column in 0..7 {
            let value = (minute * 7 + column * 131) % 4999;
            if value % 97 == 0 { text.push(',') } else { text += &format!(",{}", f64::from(value) / 1000.0) }
        }
        text.push('\n');
    }
    text
}

async fn replayed_twice(file: &Path) {
    let site = site().await;
    let handle = site.server.handle();
    let request = || ReplayRequest { file: file.to_owned(), device: "home1.house".parse().unwrap(), zone: None };
    let mut sent = Vec::new();
    for _ in 0..2 {
        let simulation = replay(&request(), |device| handle.enroll(device, ProofKind::Secret)).await.unwrap();
        let report = simulation.finish().await.unwrap();
        assert_eq!((report.rows_not_durable, report.rejected), (0, 0));
        sent.push(report.points_sent);
    }
    let expected = read(file);
    let points: usize = expected.iter().map(Vec::len).sum();
    assert_eq!(sent, [points as u64; 2]);
    for ((_, channel, unit), expected) in COLUMNS.iter().zip(&expected) {
        let query = Query::of(&format!("home1.house.{channel}")).unwrap();
        let result = handle.memcore().query(&query).unwrap();
        let series = &result.series()[0];
        let stored: Vec<(i64, u64)> = series
            .times()
            .values()
            .iter()
            .zip(series.values().unwrap().values())
            .map(|(time, value)| (*time, value.to_bits()))
            .collect();
        let expected: Vec<(i64, u64)> =
            expected.iter().map(|(time, value)| (*time, unit.to_base(*value).to_bits())).collect();
        // Gaps stay gaps: the rows are exactly those of the file.
        assert!(stored == expected, "{channel}: {} rows stored, {} in the file", stored.len(), expected.len());
    }
    site.server.shutdown().await.unwrap();
}

/// Reads the file by itself, without the code under test: per column, time and value where there is one.
fn read(file: &Path) -> Vec<Vec<(i64, f64)>> {
    let open = std::fs::File::open(file).unwrap();
    let reader: Box<dyn Read> = if file.extension().is_some_and(|ending| ending == "gz") {
        Box::new(flate2::read::GzDecoder::new(open))
    } else {
        Box::new(open)
    };
    let mut columns = vec![Vec::new(); 7];
    for line in BufReader::new(reader).lines().skip(1) {
        let line = line.unwrap();
        let mut cells = line.split(',');
        let time = cells.next().unwrap().replace(' ', "T");
        let time = format!("{time}:00Z").parse::<Timestamp>().unwrap().as_micros();
        for (column, cell) in columns.iter_mut().zip(cells) {
            if !cell.is_empty() {
                column.push((time, cell.parse().unwrap()));
            }
        }
    }
    columns
}
