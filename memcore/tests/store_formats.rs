//! Stores that earlier versions wrote are read as they were meant. The folders under `fixtures` were written by the version
//! that their name says and are never made anew.

use std::path::Path;

use memcore::model::{Pattern, SeriesName, Timestamp};
use memcore::store::{Query, Store, StoreOptions};

/// What was written: five channels, a row a minute.
fn expected(column: &str, row: i64) -> Option<f64> {
    match column {
        "decimal" if row == 10 => Some(1e6), // overwritten later, in a chunk of its own
        "decimal" => Some((row * 37 % 1000) as f64 / 10.0),
        "float" => Some(1.0 / (row + 1) as f64),
        "constant" => Some(230.0),
        "sparse" => (row % 7 == 0).then_some(row as f64),
        _ if row % 500 == 3 => Some(f64::NAN),
        _ if row % 500 == 4 => Some(f64::INFINITY),
        _ => Some(row as f64 / 4.0),
    }
}

fn check(store: &Store) {
    for column in ["decimal", "float", "constant", "sparse", "odd"] {
        let pattern: Pattern = format!("home1.meter.{column}").parse().unwrap();
        let result = store.query(&Query::new(pattern)).unwrap();
        let series = &result.series()[0];
        let expected: Vec<(i64, u64)> = (0..6200)
            .filter_map(|row| Some((1_700_000_000_000_000 + row * 60_000_000, expected(column, row)?.to_bits())))
            .collect();
        let found = series.times().values().iter().zip(series.values().unwrap().values());
        let found: Vec<(i64, u64)> = found.map(|(time, value)| (*time, value.to_bits())).collect();
        assert_eq!(found, expected, "{column}");
    }
    let last = store.latest("home1.meter.constant".parse::<SeriesName>().unwrap()).unwrap();
    assert_eq!(last[0].1.time, Timestamp::from_seconds(1_700_000_000 + 6199 * 60));
    assert_eq!(store.durable_sequence(&"home1.meter".parse().unwrap(), 7), 13);
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn a_store_of_version_1_is_read_and_written_on() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store-v1");
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    check(&Store::open_read_only(folder.path(), StoreOptions::default()).unwrap());
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    check(&store);
    let manifest = std::fs::read(folder.path().join("MANIFEST")).unwrap();
    assert_eq!(manifest[8..12], [2, 0, 0, 0], "an older memcore refuses it before it meets what it does not know");
    store.seal().unwrap();
    check(&store);
    store.close().unwrap();
    check(&Store::open(folder.path(), StoreOptions::default()).unwrap());
}
