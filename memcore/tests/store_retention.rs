//! What a store gives up, and when.

mod store_support;

use std::sync::Arc;

use memcore::model::{ManualClock, Span};
use memcore::store::{Disk, Query, SimulatedDisk, Store, StoreOptions};
use store_support::*;

const DAY: i64 = 86_400;
const NOON: i64 = 1_780_000_000;

fn small() -> StoreOptions {
    StoreOptions::default().seal_rows(24).segment_bytes(4096).log_bytes(8192)
}

fn days(days: i64) -> Span {
    Span::from_seconds(days * DAY)
}

fn open(disk: &SimulatedDisk, clock: &Arc<ManualClock>, options: StoreOptions) -> Store {
    let store = Store::open_with(Arc::new(disk.clone()), clock.clone(), "simulated", options).unwrap();
    ["home1.pv", "home2.pv"].iter().for_each(|name| store.register(&device(name), &watts(&["power"])).unwrap());
    store
}

/// A day of hours, ending so many days before noon, sealed.
fn a_day(store: &Store, of: &str, days_ago: i64) {
    let hour = |hour: i64| (NOON - days_ago * DAY - hour * 3600, 1.0);
    store.write(&power(of, &(0..24).rev().map(hour).collect::<Vec<_>>())).unwrap();
    store.seal().unwrap();
}

fn hours(store: &Store, of: &str) -> usize {
    rows(store, Query::new(pattern(&format!("{of}.power")))).len()
}

fn chunk_files(disk: &SimulatedDisk) -> usize {
    disk.list().unwrap().iter().filter(|name| name.starts_with("chunks-")).count()
}

#[test]
fn data_are_kept_as_long_as_the_first_rule_that_matches_says() {
    let disk = SimulatedDisk::new();
    let clock = Arc::new(ManualClock::at(at(0)));
    let options = small().keep(days(5)).keep_for("home2.*".parse().unwrap(), days(2));
    let store = open(&disk, &clock, options.keep_for(">".parse().unwrap(), days(4)));
    for days_ago in (0..10).rev() {
        a_day(&store, "home1.pv", days_ago);
        a_day(&store, "home2.pv", days_ago);
    }
    let files = chunk_files(&disk);
    assert_eq!(store.enforce_retention(at(NOON - 30 * DAY)).unwrap().chunks, 0);
    let report = store.enforce_retention(at(NOON)).unwrap();
    assert_eq!((hours(&store, "home1.pv"), hours(&store, "home2.pv")), (5 * 24, 3 * 24));
    assert!(report.points == 12 * 24 && report.bytes > 0, "{report:?}");
    assert!(chunk_files(&disk) < files, "the files are gone at once");
    let latest = store.latest(pattern(">")).unwrap();
    assert!(latest.len() == 2 && latest.iter().all(|(_, sample)| sample.time == at(NOON)));

    store.enforce_retention(at(NOON + 30 * DAY)).unwrap();
    assert_eq!((store.stats().points(), store.latest(pattern(">")).unwrap().len()), (0, 0));
    store.close().unwrap();
    let reopened = open(&disk, &clock, small());
    assert_eq!((reopened.stats().points(), chunk_files(&disk)), (0, 0));
    assert!(reopened.verify().unwrap().is_sound());
}

#[test]
fn a_store_that_is_too_large_gives_up_the_oldest_and_keeps_the_newest() {
    let disk = SimulatedDisk::new();
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let most = 100_000;
    let store = open(&disk, &clock, small().seal_rows(400).max_bytes(most));
    let mut dice = Dice(5);
    let mut largest = 0;
    for block in 0..200 {
        // Noise, which takes some six bytes a value.
        let row = |row: i64| (NOON - 80_000 + block * 400 + row, f64::from_bits(dice.roll() >> 12 | 0x3ff0 << 48));
        store.write(&power("home1.pv", &(0..400).map(row).collect::<Vec<_>>())).unwrap();
        store.seal().unwrap();
        // A file may go between the list and the look.
        let files = disk.list().unwrap().into_iter().filter_map(|name| disk.content_of(&name));
        largest = largest.max(files.map(|bytes| bytes.len() as u64).sum());
    }
    let kept = rows(&store, Query::new(pattern("home1.pv.power")));
    let newest = NOON - 80_000 + 200 * 400 - 1;
    let first = newest + 1 - kept.len() as i64;
    assert!(kept.iter().map(|(time, _)| *time).eq(first..=newest), "the newest, without a gap");
    assert!((4_000..10_000).contains(&kept.len()), "{} rows", kept.len());
    assert!(largest < most + 8_192, "{largest} bytes at the most");
}

#[test]
fn a_disk_without_a_byte_left_is_made_room_on_by_retention() {
    let disk = SimulatedDisk::new();
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let store = open(&disk, &clock, small().keep(days(20)));
    (0..30).rev().for_each(|days_ago| a_day(&store, "home1.pv", days_ago));
    disk.set_capacity(Some(0));
    let full = (0..).find_map(|_| store.write(&power("home1.pv", &[(NOON, 1.0); 40])).err()).unwrap();
    assert!(full.message().contains("disk full"), "{full}");
    let report = store.enforce_retention(at(NOON)).unwrap();
    assert_eq!(report.chunks, 9);
    assert_eq!(hours(&store, "home1.pv"), 21 * 24);
}
