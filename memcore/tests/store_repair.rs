//! Damage: what it touches is named, the rest can be read, and a store that does not open any more is made to open again.

mod store_support;

use std::sync::Arc;

use memcore::ErrorKind;
use memcore::store::{Disk, Query, SimulatedDisk, Store, StoreOptions, repair_on};
use store_support::*;

const DEVICES: [&str; 2] = ["home1.pv", "home2.pv"];

fn small() -> StoreOptions {
    StoreOptions::default().seal_rows(16).segment_bytes(4096).log_bytes(8192).skip_damaged(true)
}

fn open(disk: &SimulatedDisk) -> memcore::Result<Store> {
    Store::open_on(Arc::new(disk.clone()), "simulated", small())
}

/// Three rows a batch, ten seconds apart.
fn batch(number: i64) -> memcore::model::Batch {
    let rows: Vec<(i64, f64)> = (0..3).map(|row| (number * 10 + row, number as f64)).collect();
    power(DEVICES[number as usize % 2], &rows)
}

/// Some rows are sealed, some are in the log; the manifest has a snapshot and edits.
fn a_store(close: bool) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let store = open(&disk).unwrap();
    store.register(&device(DEVICES[0]), &watts(&["power"])).unwrap();
    store.close().unwrap();
    let store = open(&disk).unwrap();
    store.register(&device(DEVICES[1]), &watts(&["power"])).unwrap();
    (0..16).for_each(|number| store.write(&batch(number)).unwrap());
    store.seal().unwrap();
    (16..24).for_each(|number| store.write(&batch(number)).unwrap());
    let killed = disk.copy();
    store.close().unwrap();
    if close { disk.copy() } else { killed }
}

fn seen(store: &Store) -> Vec<(i64, f64)> {
    rows(store, Query::new(pattern("*.pv.power")))
}

fn flip(disk: &SimulatedDisk, name: &str, bit: usize) -> SimulatedDisk {
    let image = disk.copy();
    let mut bytes = disk.content_of(name).unwrap();
    bytes[bit / 8] ^= 1 << (bit % 8);
    image.set_content(name, bytes);
    image
}

/// Opens, after a repair where it must.
fn opened(image: &SimulatedDisk, what: &str) -> Store {
    open(image).unwrap_or_else(|refused| {
        assert_eq!(refused.kind(), ErrorKind::Damaged, "{what}: {refused}");
        let disk: Arc<dyn Disk> = Arc::new(image.clone());
        let report = repair_on(&disk).unwrap_or_else(|e| panic!("{what}: {e}"));
        let aside = report.set_aside.unwrap_or_else(|| panic!("{what}"));
        assert!(image.content_of(&aside).is_some() && report.unplaced.is_empty(), "{what}: {:?}", report.unplaced);
        open(image).unwrap_or_else(|e| panic!("{what}: {e}"))
    })
}

#[test]
fn whichever_bit_of_a_store_flips_no_more_is_lost_than_what_it_is_in() {
    let disk = a_store(true);
    let sound = seen(&open(&disk.copy()).unwrap());
    assert_eq!(sound.len(), 72);
    for name in disk.list().unwrap() {
        // Of a manifest nothing is lost at all; of a log one batch, of chunks one chunk.
        let most = match name.split('-').next().unwrap() {
            "MANIFEST" | "MANIFEST.copy" => 0,
            "log" => 3,
            _ => 16 + 3,
        };
        // Every fifth bit comes by every place in a byte.
        for bit in (0..disk.content_of(&name).unwrap().len() * 8).step_by(5) {
            let what = format!("{name}, bit {bit}");
            let store = opened(&flip(&disk, &name, bit), &what);
            let left = seen(&store);
            assert!(left.iter().all(|row| sound.contains(row)), "{what}: {left:?}");
            assert!(left.len() + most >= sound.len(), "{what}: {} of {} rows are left", left.len(), sound.len());
            if left.len() < sound.len() {
                assert!(!store.verify().unwrap().is_sound(), "{what}: it is said");
            }
        }
    }
}

#[test]
fn damage_is_named_with_the_device_and_the_time_that_it_touches() {
    let disk = a_store(true);
    let name = disk.list().unwrap().into_iter().find(|name| name.starts_with("chunks-")).unwrap();
    let bits = disk.content_of(&name).unwrap().len() * 8;
    let sound = seen(&open(&disk.copy()).unwrap());
    // Not every bit costs a row: values that are all the same are not read.
    let damaged = (0..bits).rev().step_by(7).map(|bit| open(&flip(&disk, &name, bit)).unwrap());
    let mut looked = damaged.map(|store| (seen(&store), store));
    let (left, store) = looked.find(|(left, _)| left.len() < sound.len()).expect("some bit costs a row");
    let report = store.verify().unwrap();
    let [damage] = &report.damage[..] else { panic!("{report:?}") };
    assert!(DEVICES.contains(&damage.device.as_ref().unwrap().to_string().as_str()), "{damage}");
    let (first, last) = (damage.first.unwrap(), damage.last.unwrap());
    let lost: Vec<i64> = sound.iter().filter(|row| !left.contains(row)).map(|row| row.0).collect();
    assert!(lost.iter().all(|time| (first..=last).contains(&at(*time))), "{lost:?} {damage}");
    let text = damage.to_string();
    assert!(text.starts_with(&name) && text.contains("at byte") && text.contains("touches home"), "{text}");

    disk.remove(&name).unwrap();
    let report = open(&disk).unwrap().verify().unwrap();
    assert!(report.damage.iter().all(|damage| damage.what.contains("missing") && damage.device.is_some()), "{report:?}");
}

#[test]
fn a_store_without_a_manifest_is_made_whole_from_the_copy() {
    for close in [false, true] {
        let disk = a_store(close);
        let sound = seen(&open(&disk.copy()).unwrap());
        disk.remove("MANIFEST").unwrap();
        let refused = open(&disk).unwrap_err();
        assert!(refused.kind() == ErrorKind::Damaged && refused.message().contains("repair"), "{refused}");
        let on: Arc<dyn Disk> = Arc::new(disk.clone());
        let report = repair_on(&on).unwrap();
        assert!(!report.was_sound && report.set_aside.is_none() && report.lost_edits == 0, "{report:?}");
        let store = open(&disk).unwrap();
        assert_eq!(seen(&store), sound);
        assert_eq!((store.verify().unwrap().damage, store.stats().damage), (vec![], vec![]));
        store.close().unwrap();
        assert!(repair_on(&on).unwrap().was_sound);
    }
}

#[test]
fn chunks_whose_edit_is_lost_twice_are_found_by_their_own_heads() {
    let disk = a_store(true);
    let sound = seen(&open(&disk.copy()).unwrap());
    // The edit that adds the chunks is the one that a version without them lacks.
    let manifest = disk.content_of("MANIFEST").unwrap();
    let chunk = disk.list().unwrap().into_iter().find(|name| name.starts_with("chunks-")).unwrap();
    let mut found = 0;
    for byte in 16..manifest.len() {
        let image = flip(&flip(&disk, "MANIFEST", byte * 8), "MANIFEST.copy", byte * 8);
        if open(&image).is_ok() {
            continue;
        }
        let on: Arc<dyn Disk> = Arc::new(image.clone());
        let Ok(report) = repair_on(&on) else {
            // The snapshot is lost twice: nothing says what devices there were, and nothing is changed.
            assert_eq!(image.content_of("MANIFEST").unwrap().len(), manifest.len());
            continue;
        };
        assert!(image.content_of(&chunk).is_some(), "byte {byte}");
        found += report.found_chunks;
        let store = open(&image).unwrap();
        if report.unplaced.is_empty() {
            assert_eq!(seen(&store), sound, "byte {byte}");
        } else {
            // The registration of a device is lost twice. Its chunks are named, and they stay.
            assert!(seen(&store).iter().all(|row| sound.contains(row)), "byte {byte}");
        }
    }
    assert!(found > 0, "an edit that adds chunks was among them");
}

#[test]
fn what_is_no_store_or_in_use_is_not_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let repair = |name: &str| memcore::store::repair(&folder.path().join(name));
    assert_eq!(repair("nowhere").unwrap_err().kind(), ErrorKind::NotFound);
    std::fs::create_dir(folder.path().join("photos")).unwrap();
    std::fs::write(folder.path().join("photos/cat.jpg"), "meow").unwrap();
    assert_eq!(repair("photos").unwrap_err().kind(), ErrorKind::NotFound);
    let store = Store::open(folder.path().join("store"), small()).unwrap();
    assert_eq!(repair("store").unwrap_err().kind(), ErrorKind::Locked);
    store.close().unwrap();
    assert!(repair("store").unwrap().was_sound);
    assert_eq!(std::fs::read_dir(folder.path().join("photos")).unwrap().count(), 1);
}
