//! A quarter of a year of a real household, written, reopened, and read back bit for bit. The data stand beside the
//! project (`../shared/data`, or the folder that `MEMCORE_TEST_DATA` names); without them a stand-in is used.

mod store_support;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use memcore::model::{Batch, Timestamp};
use memcore::store::{Query, Store, StoreOptions, SyncPolicy};
use store_support::*;

const CHANNELS: [&str; 7] = ["p", "q", "u", "i", "sub1", "sub2", "sub3"];

type Row = (Timestamp, Vec<Option<f64>>);

fn household() -> Option<Vec<Row>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = std::env::var_os("MEMCORE_TEST_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let file = std::fs::File::open(folder.join("telemetry/uci_household_1min_2007Q2.csv.gz")).ok()?;
    let lines = BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines().skip(1).map(|line| line.unwrap());
    let row = |line: String| {
        let (time, values) = line.split_once(',').unwrap();
        let time = format!("{}:00Z", time.replace(' ', "T")).parse().unwrap();
        (time, values.split(',').map(|text| text.parse().ok()).collect())
    };
    Some(lines.map(row).collect())
}

fn stand_in() -> Vec<Row> {
    let value = |minute: i64, channel: i64| ((minute / 60 % 24) * 50 + minute * 7919 % (11 + channel)) as f64 / 100.0;
    let row = |minute| (at(minute * 60), (0..7).map(|channel| Some(value(minute, channel))).collect());
    (0..100_000).map(row).collect()
}

fn batch(rows: &[Row]) -> Batch {
    let values = (0..CHANNELS.len()).flat_map(|channel| rows.iter().map(move |row| row.1[channel])).collect();
    Batch::new(device("home1.meter"), names(&CHANNELS), rows.iter().map(|row| row.0).collect(), values).unwrap()
}

#[test]
fn a_household_comes_back_bit_for_bit_and_small() {
    let household = household();
    if household.is_none() {
        println!("the household data are absent: a generated stand-in is used");
    }
    let table = household.unwrap_or_else(stand_in);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions::default().sync(SyncPolicy::Os)).unwrap();
    store.register(&device("home1.meter"), &watts(&CHANNELS)).unwrap();
    table.chunks(1000).for_each(|rows| store.write(&batch(rows)).unwrap());
    store.seal().unwrap();
    store.close().unwrap();

    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let result = store.query(&Query::new(pattern("home1.meter.*"))).unwrap();
    for series in result.series() {
        let channel = CHANNELS.iter().position(|name| *name == series.series().channel.as_str()).unwrap();
        let expected = table.iter().filter_map(|row| Some((row.0.as_micros(), row.1[channel]?.to_bits())));
        let values = series.values().unwrap().values().iter().map(|value| value.to_bits());
        assert!(series.times().values().iter().copied().zip(values).eq(expected), "{}", series.series());
    }
    let stats = store.stats();
    let bytes = stats.chunk_bytes as f64 / stats.points() as f64;
    println!("{} points, {bytes:.3} bytes/point", stats.points());
    assert!(bytes <= 0.6, "{bytes} bytes/point");
}
