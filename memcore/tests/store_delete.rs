//! What is deleted stays deleted: at once, after a power cut at any moment, after merging, and whatever arrives later is kept.

mod store_support;

use std::sync::Arc;

use memcore::ErrorKind;
use memcore::model::Timestamp;
use memcore::store::{CompactOptions, Query, SimulatedDisk, Store, StoreOptions};
use store_support::*;

fn small() -> StoreOptions {
    StoreOptions::default().seal_rows(16).segment_bytes(4096).log_bytes(8192)
}

fn open(disk: &SimulatedDisk) -> memcore::Result<Store> {
    Store::open_on(Arc::new(disk.clone()), "simulated", small())
}

fn power_of(store: &Store) -> Vec<(i64, f64)> {
    rows(store, Query::new(pattern("home1.pv.power")))
}

fn compact(store: &Store) -> memcore::store::CompactReport {
    store.compact(pattern("*.>"), &CompactOptions::default(), &mut |_, _| Ok(())).unwrap()
}

/// A reading a minute, its value the number of the minute.
fn minutes(range: std::ops::Range<i64>) -> Vec<(i64, f64)> {
    range.map(|minute| (minute * 60, minute as f64)).collect()
}

fn store_with(readings: &[(i64, f64)]) -> Store {
    let store = Store::in_memory(small());
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    store.write(&power("home1.pv", readings)).unwrap();
    store
}

#[test]
fn a_wrong_morning_is_deleted_and_the_corrected_one_is_kept() {
    for sealed in [false, true] {
        let store = store_with(&minutes(0..100));
        if sealed {
            store.seal().unwrap();
        }
        let deleted = store.delete(pattern("home1.pv.power"), at(20 * 60), at(50 * 60)).unwrap();
        assert_eq!((deleted.series, deleted.touched), (1, 1));
        let beside: Vec<_> = minutes(0..20).into_iter().chain(minutes(50..100)).collect();
        assert_eq!(power_of(&store), beside);

        store.write(&power("home1.pv", &minutes(30..40))).unwrap();
        let corrected: Vec<_> = [0..20, 30..40, 50..100].into_iter().flat_map(minutes).collect();
        assert_eq!(power_of(&store), corrected);
        store.seal().unwrap();
        assert_eq!(power_of(&store), corrected);
        let report = compact(&store);
        assert_eq!((power_of(&store), store.stats().erasures, store.stats().sealed_points), (corrected, 0, 80));
        assert!(report.bytes_after < report.bytes_before || !sealed, "{report:?}");
    }
}

#[test]
fn the_latest_sample_is_looked_up_anew() {
    let store = store_with(&minutes(0..10));
    let latest = || store.latest(pattern("home1.pv.power")).unwrap().pop().map(|(_, sample)| sample.value);
    assert_eq!(latest(), Some(9.0));
    store.delete(pattern("home1.pv.power"), at(8 * 60), Timestamp::MAX).unwrap();
    assert_eq!(latest(), Some(7.0));
    store.delete(pattern("home1.pv.power"), Timestamp::MIN, Timestamp::MAX).unwrap();
    assert_eq!(latest(), None);
    store.write(&power("home1.pv", &[(60, 1.5)])).unwrap();
    assert_eq!(latest(), Some(1.5));
}

#[test]
fn deleting_all_of_a_device_frees_its_bytes_at_once() {
    let store = store_with(&minutes(0..1000));
    store.seal().unwrap();
    store.delete(pattern("home1.pv.*"), Timestamp::MIN, Timestamp::MAX).unwrap();
    let stats = store.stats();
    assert_eq!((stats.chunks, stats.chunk_bytes, stats.erasures, stats.points()), (0, 0, 0, 0));
}

#[test]
fn one_channel_is_deleted_and_its_neighbour_stays() {
    let store = Store::in_memory(small());
    store.register(&device("home1.pv"), &watts(&["power", "voltage"])).unwrap();
    for minute in 0..40 {
        let values = vec![Some(1.0), Some(230.0)];
        let batch =
            memcore::model::Batch::new(device("home1.pv"), names(&["power", "voltage"]), vec![at(minute * 60)], values);
        store.write(&batch.unwrap()).unwrap();
    }
    store.delete(pattern("home1.pv.power"), Timestamp::MIN, Timestamp::MAX).unwrap();
    for _ in 0..2 {
        assert!(power_of(&store).is_empty());
        assert_eq!(rows(&store, Query::new(pattern("home1.pv.voltage"))).len(), 40);
        compact(&store);
    }
    assert_eq!(store.stats().points(), 40);
}

#[test]
fn hundreds_of_deletions_do_not_pile_up() {
    let store = store_with(&minutes(0..1000));
    for minute in 0..500 {
        store.delete(pattern("home1.pv.power"), at(minute * 120), at(minute * 120 + 60)).unwrap();
    }
    assert_eq!(power_of(&store), minutes(0..1000).into_iter().skip(1).step_by(2).collect::<Vec<_>>());
    assert!(store.stats().erasures <= 65, "{}", store.stats().erasures);
}

#[test]
fn what_cannot_be_deleted_is_named() {
    let store = store_with(&minutes(0..3));
    let e = store.delete(pattern("home1.pv.power"), at(5), at(4)).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Invalid);
    let e = store.delete(pattern("home1.pv.pwr"), at(0), at(4)).unwrap_err();
    assert_eq!((e.kind(), e.message()), (ErrorKind::NotFound, "series home1.pv.pwr is not registered"));
    assert_eq!(store.delete(pattern("home9.>"), at(0), at(4)).unwrap().series, 0);
    assert_eq!(store.delete(pattern("home1.pv.power"), at(60), at(60)).unwrap().touched, 0);
    assert_eq!(power_of(&store).len(), 3);
}

/// The minutes that are to be deleted.
const WRONG: std::ops::Range<i64> = 10..30;

/// Writes, deletes, writes some of it again, merges; counts how far it came with everything acknowledged.
fn day(store: &Store) -> memcore::Result<()> {
    day_until(store, &mut |_| {})
}

fn day_until(store: &Store, reached: &mut dyn FnMut(u8)) -> memcore::Result<()> {
    store.register(&device("home1.pv"), &watts(&["power"]))?;
    for start in (0..60).step_by(5) {
        store.write(&power("home1.pv", &minutes(start..start + 5)))?;
    }
    reached(1);
    store.delete(pattern("home1.pv.power"), at(WRONG.start * 60), at(WRONG.end * 60))?;
    reached(2);
    store.write(&power("home1.pv", &minutes(12..14)))?;
    store.write(&power("home1.pv", &minutes(60..62)))?;
    reached(3);
    store.seal()?;
    store.compact(pattern("*.>"), &CompactOptions::default(), &mut |_, _| Ok(()))?;
    store.write(&power("home1.pv", &minutes(62..63)))?;
    reached(4);
    Ok(())
}

/// What must hold after a power cut, given what was acknowledged by then.
fn check(seen: &[(i64, f64)], acknowledged: u8, what: &str) {
    let has = |minutes: std::ops::Range<i64>| minutes.filter(|m| seen.iter().any(|(t, _)| *t == m * 60)).count() as i64;
    let outside = has(0..10) + has(30..60);
    let (again, wrong) = (has(12..14), has(10..12) + has(14..30));
    assert!(acknowledged < 1 || outside == 40, "{what}: {outside} of 40 beside it");
    assert!(wrong == 0 || (acknowledged < 2 && wrong <= 18), "{what}: {wrong} deleted ones are back");
    assert!(wrong == 0 || has(60..63) == 0, "{what}: later ones are there, and so is what was deleted before");
    assert!(acknowledged < 3 || (again == 2 && has(60..62) == 2), "{what}: what came after the deletion is kept");
    assert!(acknowledged < 4 || has(62..63) == 1, "{what}: the last");
}

#[test]
fn after_a_power_cut_at_any_operation_what_was_deleted_stays_deleted() {
    let whole = SimulatedDisk::forgetful();
    day(&open(&whole).unwrap()).unwrap();
    let (writes, syncs) = whole.operations();
    let mut dice = Dice(35);
    let mut cut = 0;
    for nth in 0..writes.max(syncs) {
        for fail_writes in [false, true] {
            let disk = SimulatedDisk::forgetful();
            if fail_writes {
                disk.fail_writes_from(nth);
            } else {
                disk.fail_syncs_from(nth);
            }
            let mut acknowledged = 0;
            let store = open(&disk);
            let done = store.as_ref().map(|store| day_until(store, &mut |reached| acknowledged = reached));
            cut += u64::from(!matches!(done, Ok(Ok(()))));
            for _ in 0..4 {
                let image = disk.crash(&mut || dice.roll());
                let recovered = match open(&image) {
                    Ok(recovered) => recovered,
                    Err(e) => panic!("writes {fail_writes} from {nth}: {e}"),
                };
                let what = format!("writes {fail_writes} from {nth}");
                assert_eq!(recovered.stats().damage, Vec::<String>::new(), "{what}");
                if recovered.channel(&"home1.pv.power".parse().unwrap()).is_none() {
                    assert_eq!(acknowledged, 0, "{what}");
                    continue;
                }
                check(&power_of(&recovered), acknowledged, &what);
                compact(&recovered);
                check(&power_of(&recovered), acknowledged, &what);
            }
        }
    }
    assert!(cut > 60, "{cut} power cuts");
}
