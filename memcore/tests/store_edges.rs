//! Narrow places between opening, closing, bounds that change and corrections: nothing waits for ever, nothing acknowledged
//! goes, nothing that was corrected comes back.

mod store_support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use memcore::ErrorKind;
use memcore::model::{Clock, Span, Timestamp};
use memcore::store::{Query, SimulatedDisk, Store, StoreOptions, SyncPolicy};
use store_support::*;

const DAY: i64 = 86_400;

fn open(disk: &SimulatedDisk, options: StoreOptions) -> Store {
    let store = Store::open_on(Arc::new(disk.clone()), "simulated", options).unwrap();
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    store
}

fn append(store: &Store, second: i64) {
    store.append(&power("home1.pv", &[(second, 1.0)])).unwrap();
}

fn all(store: &Store) -> Vec<(i64, f64)> {
    rows(store, Query::new(pattern("home1.pv.power")))
}

#[test]
fn a_log_that_is_too_long_by_a_bound_that_came_later_does_not_hold_writers_back_for_ever() {
    let disk = SimulatedDisk::new();
    let large = StoreOptions::default().segment_bytes(1 << 20).log_bytes(1 << 20);
    let store = open(&disk, large);
    (0..2000).for_each(|second| append(&store, second));
    store.seal().unwrap();
    store.close().unwrap();
    let store = open(&disk, StoreOptions::default().segment_bytes(4096).log_bytes(8192));
    (2000..2010).for_each(|second| store.write(&power("home1.pv", &[(second, 1.0)])).unwrap());
    assert_eq!(all(&store).len(), 2010);
}

#[test]
fn what_is_written_into_a_segment_that_was_closed_empty_survives_a_crash() {
    let disk = SimulatedDisk::new();
    let options = || StoreOptions::default().reserve_bytes(0);
    open(&disk, options()).close().unwrap();
    // No room for the manifest when it is opened again, and some right after.
    for nth in 0..20 {
        let disk = disk.killed();
        disk.fill_up_at(nth);
        let Ok(store) = Store::open_on(Arc::new(disk.clone()), "simulated", options()) else { continue };
        disk.heal();
        while store.write(&power("home1.pv", &[(1, 1.0)])).is_err() {
            let _ = store.seal();
        }
        let next = open(&disk.killed(), options());
        assert_eq!((all(&next), next.verify().unwrap().damage), (vec![(1, 1.0)], vec![]), "full at write {nth}");
    }
}

#[test]
fn a_correction_is_not_given_up_before_what_it_corrects() {
    let store = open(&SimulatedDisk::new(), StoreOptions::default().keep(Span::from_seconds(DAY)));
    store.write(&power("home1.pv", &[(0, 1.0), (100, 1.0), (3 * DAY, 1.0)])).unwrap();
    store.seal().unwrap();
    store.write(&power("home1.pv", &[(100, 2.0)])).unwrap();
    store.seal().unwrap();
    store.enforce_retention(at(3 * DAY + 1)).unwrap();
    assert_eq!(all(&store), [(0, 1.0), (100, 2.0), (3 * DAY, 1.0)]);
    store.enforce_retention(at(5 * DAY)).unwrap();
    assert_eq!(all(&store), []);
}

#[test]
fn a_smaller_bound_counts_no_log_that_is_about_to_go() {
    let disk = SimulatedDisk::new();
    let large = StoreOptions::default().segment_bytes(1 << 20).log_bytes(1 << 20).seal_rows(1000);
    let store = open(&disk, large);
    for start in (0..20).map(|part| part * 1000) {
        (start..start + 1000).for_each(|second| append(&store, second));
        store.seal().unwrap();
    }
    store.close().unwrap();
    let store = open(&disk, StoreOptions::default().max_bytes(256 << 10));
    store.seal().unwrap();
    store.enforce_retention(at(20_000)).unwrap();
    assert_eq!(all(&store).len(), 20_000, "{:?}", store.stats());
}

#[test]
fn a_deletion_of_which_nothing_is_left_is_done_with_however_its_chunks_went() {
    let store = open(&SimulatedDisk::new(), StoreOptions::default());
    store.register(&device("home1.pv"), &watts(&["power", "voltage"])).unwrap();
    store.write(&power("home1.pv", &[(0, 1.0), (10, 1.0), (20, 1.0)])).unwrap();
    store.delete(pattern("home1.pv.power"), at(10), at(11)).unwrap();
    assert_eq!((store.stats().chunks, store.stats().erasures), (1, 1));
    store.delete(pattern("home1.pv.*"), at(0), at(30)).unwrap();
    assert_eq!((store.stats().chunks, store.stats().erasures), (0, 0));

    let store = open(&SimulatedDisk::new(), StoreOptions::default().keep(Span::from_seconds(DAY)));
    store.write(&power("home1.pv", &[(0, 1.0), (10, 1.0), (20, 1.0)])).unwrap();
    store.register(&device("home1.pv"), &watts(&["voltage"])).unwrap();
    store.delete(pattern("home1.pv.power"), at(10), at(11)).unwrap();
    assert_eq!(store.enforce_retention(at(3 * DAY)).unwrap().chunks, 1);
    assert_eq!(store.stats().erasures, 0);
}

/// A clock that keeps the thread that seals until the store is being closed.
#[derive(Debug)]
struct Slow {
    armed: AtomicBool,
    asked: Barrier,
    closing: Barrier,
}

impl Clock for Slow {
    fn now(&self) -> Timestamp {
        let sealing = std::thread::current().name() == Some("memcore-store");
        if sealing && self.armed.swap(false, Ordering::AcqRel) {
            self.asked.wait();
            self.closing.wait();
        }
        at(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

#[test]
fn closing_while_it_is_looked_what_is_too_much_loses_nothing() {
    let disk = SimulatedDisk::new();
    let clock = Arc::new(Slow { armed: AtomicBool::new(false), asked: Barrier::new(2), closing: Barrier::new(2) });
    let options = StoreOptions::default().max_bytes(1 << 30).seal_rows(4).sync(SyncPolicy::Os).segment_bytes(1 << 20);
    let store = Store::open_with(Arc::new(disk.clone()), clock.clone(), "simulated", options).unwrap();
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    store.seal().unwrap();
    clock.armed.store(true, Ordering::Release);
    (0..4).for_each(|second| append(&store, second));
    clock.asked.wait();
    append(&store, 9);
    let closing = store.clone();
    let closed = std::thread::spawn(move || closing.close());
    while store.query(&Query::new(pattern(">"))).is_ok() {
        std::thread::yield_now();
    }
    clock.closing.wait();
    closed.join().unwrap().unwrap();
    let next = open(&disk.killed(), StoreOptions::default());
    assert_eq!(all(&next).len(), 5);
    assert_eq!(store.sync().unwrap_err().kind(), ErrorKind::Closed);
}
