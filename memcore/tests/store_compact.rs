//! Merging on request: fewer chunks and bytes, the same answers before, during and after it, whoever reads or writes.

mod store_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use memcore::store::{CompactOptions, Disk, Query, SimulatedDisk, Store, StoreOptions};
use memcore::{Error, ErrorKind};
use store_support::*;

fn small() -> StoreOptions {
    StoreOptions::default().seal_rows(64).segment_bytes(4096).log_bytes(8192)
}

fn open(disk: &SimulatedDisk) -> Store {
    Store::open_on(Arc::new(disk.clone()), "simulated", small()).unwrap()
}

fn compact(store: &Store, selected: &str) -> memcore::store::CompactReport {
    store.compact(pattern(selected), &CompactOptions::default(), &mut |_, _| Ok(())).unwrap()
}

/// Rows that arrive in a hundred small portions, every other of them a correction of what was there.
fn scattered(store: &Store, of: &str) {
    store.register(&device(of), &watts(&["power"])).unwrap();
    for portion in 0..100 {
        let start = portion / 2 * 20;
        let rows: Vec<(i64, f64)> = (start..start + 20 - portion % 2 * 15).map(|t| (t, (t + portion) as f64)).collect();
        store.write(&power(of, &rows)).unwrap();
        if portion % 3 == 0 {
            store.seal().unwrap();
        }
    }
    store.seal().unwrap();
}

#[test]
fn compacting_again_finds_nothing_to_do() {
    let disk = SimulatedDisk::new();
    let store = open(&disk);
    scattered(&store, "home1.pv");
    let before = rows(&store, Query::new(pattern(">")));
    let first = compact(&store, ">");
    assert!(first.chunks_after <= first.chunks_before && first.bytes_after <= first.bytes_before, "{first:?}");
    assert_eq!(rows(&store, Query::new(pattern(">"))), before);
    let (writes, _) = disk.operations();
    let second = compact(&store, ">");
    assert_eq!((second.rows, second.chunks_after), (0, first.chunks_after), "{second:?}");
    assert_eq!(disk.operations().0, writes, "not a byte is written");
}

#[test]
fn only_the_devices_that_are_selected_are_rewritten() {
    let store = open(&SimulatedDisk::new());
    scattered(&store, "home1.pv");
    scattered(&store, "home2.pv");
    let of = |name: &str| store.series_stats(pattern(name)).unwrap()[0].1;
    let neighbour = of("home2.pv.power");
    compact(&store, "home1.pv.power");
    assert_eq!(of("home2.pv.power"), neighbour);
}

#[test]
fn queries_and_writers_go_on_while_everything_is_rewritten() {
    let disk = SimulatedDisk::new();
    let store = open(&disk);
    scattered(&store, "home1.pv");
    store.register(&device("home2.pv"), &watts(&["power"])).unwrap();
    let expected = rows(&store, Query::new(pattern("home1.pv.power")));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(rows(&store, Query::new(pattern("home1.pv.power"))), expected);
                }
            });
        }
        scope.spawn(|| {
            for second in 0..2000 {
                store.append(&power("home2.pv", &[(second, second as f64)])).unwrap();
            }
        });
        for round in 0..20 {
            // A correction of the past keeps something to do.
            store.write(&power("home1.pv", &[expected[round * 7]])).unwrap();
            store.seal().unwrap();
            compact(&store, ">");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(rows(&store, Query::new(pattern("home2.pv.power"))).len(), 2000);
    store.close().unwrap();
    let store = open(&disk);
    assert_eq!(rows(&store, Query::new(pattern("home1.pv.power"))), expected);
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn a_damaged_chunk_is_named_and_neither_moved_nor_merged() {
    let disk = SimulatedDisk::new();
    let store = open(&disk);
    scattered(&store, "home1.pv");
    store.close().unwrap();
    let store = open(&disk);
    let file = disk.list().unwrap().into_iter().find(|name| name.starts_with("chunks-")).unwrap();
    let mut bytes = disk.content_of(&file).unwrap();
    let end = bytes.len() - 3;
    bytes[end] ^= 0x40;
    disk.set_content(&file, bytes.clone());
    let report = compact(&store, ">");
    let named = report.skipped.iter().any(|what| what.contains(&file));
    assert!(named || store.stats().chunks == report.chunks_before, "{report:?}");
    assert_eq!(disk.content_of(&file), Some(bytes), "damage is left as it is");
    assert_eq!(store.verify().unwrap().damage.len(), 1);
}

#[test]
fn a_file_that_is_mostly_unused_is_given_back() {
    let disk = SimulatedDisk::new();
    let store = open(&disk);
    // Four devices are sealed into one file; then three of them are deleted.
    let devices = ["home1.pv", "home2.pv", "home3.pv", "home4.pv"];
    devices.iter().for_each(|of| store.register(&device(of), &watts(&["power"])).unwrap());
    let readings: Vec<(i64, f64)> = (0..60).map(|t| (t, (t * t) as f64 / 7.0)).collect();
    for of in devices {
        store.append(&power(of, &readings)).unwrap();
    }
    store.seal().unwrap();
    let bytes = || -> usize {
        let files = disk.list().unwrap().into_iter().filter(|name| name.starts_with("chunks-"));
        files.map(|name| disk.content_of(&name).unwrap().len()).sum()
    };
    let before = bytes();
    let everything = (memcore::model::Timestamp::MIN, memcore::model::Timestamp::MAX);
    devices[1..].iter().for_each(|of| drop(store.delete(pattern(&format!("{of}.*")), everything.0, everything.1)));
    compact(&store, ">");
    assert!(bytes() * 2 < before, "{} of {before} bytes", bytes());
    assert_eq!(rows(&store, Query::new(pattern(">"))), readings);
}

#[test]
fn a_fleet_is_sealed_with_a_few_syncs() {
    let disk = SimulatedDisk::new();
    let options = StoreOptions::default().log_bytes(64 << 20).segment_bytes(64 << 20);
    let store = Store::open_on(Arc::new(disk.clone()), "simulated", options).unwrap();
    let devices: Vec<_> = (0..2000).map(|number| device(&format!("home{number}.pv"))).collect();
    devices.iter().for_each(|device| store.register(device, &watts(&["power"])).unwrap());
    for round in 0..9 {
        for number in 0..devices.len() {
            store.append(&power(&format!("home{number}.pv"), &[(round, number as f64)])).unwrap();
        }
        let (_, before) = disk.operations();
        store.seal().unwrap();
        let (_, after) = disk.operations();
        assert!(after - before < 100, "{} syncs for 2,000 devices", after - before);
    }
    assert_eq!(rows(&store, Query::new(pattern("home1999.pv.power"))).len(), 9);
}

#[test]
fn what_hears_of_a_compaction_may_end_it_and_what_is_merged_stays_merged() {
    let store = open(&SimulatedDisk::default());
    scattered(&store, "home1.pv");
    scattered(&store, "home2.pv");
    let before = rows(&store, Query::new(pattern("*.pv.*")));
    let mut steps = 0;
    let mut once = |_, _| {
        steps += 1;
        if steps > 1 { Err(Error::new(ErrorKind::Closed, "enough")) } else { Ok(()) }
    };
    let e = store.compact(pattern("*.pv.*"), &CompactOptions::default(), &mut once).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Closed);
    assert_eq!(rows(&store, Query::new(pattern("*.pv.*"))), before);
    let rest = compact(&store, "*.pv.*");
    assert!(rest.chunks_after < rest.chunks_before && rest.skipped.is_empty(), "{rest:?}");
    assert_eq!(rows(&store, Query::new(pattern("*.pv.*"))), before);
    assert_eq!(compact(&store, "*.pv.*").rows, 0);
}
