//! Clocks are wrong: after a flat battery it is 1970, before the first NTP answer anything. What was measured is taken all the
//! same, the last that arrived holds, and times ahead of the clock are counted.

mod store_support;

use std::sync::Arc;

use memcore::model::{ManualClock, Span, Timestamp};
use memcore::store::{Query, SimulatedDisk, Store, StoreOptions};
use store_support::*;

const NOON: i64 = 1_790_000_000;

fn open(disk: &SimulatedDisk, clock: &Arc<ManualClock>) -> Store {
    let options = StoreOptions::default().seal_rows(8);
    let clock: Arc<ManualClock> = Arc::clone(clock);
    let store = Store::open_with(Arc::new(disk.clone()), clock, "simulated", options).unwrap();
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    store
}

#[test]
fn whatever_the_clock_says_the_last_that_arrived_holds() {
    let disk = SimulatedDisk::new();
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let mut store = open(&disk, &clock);
    let ten_years = 10 * 365 * 86_400;
    let jumps = [NOON, 0, 1 << 31, NOON + ten_years, NOON - 3600, NOON];
    for (number, now) in (0..).zip(jumps.iter().cycle().take(60)) {
        clock.jump_to(at(*now));
        store.write(&power("home1.pv", &[(NOON, f64::from(number)), (NOON + i64::from(number) * 60, 0.5)])).unwrap();
        if number == 0 {
            continue;
        }
        match number % 7 {
            0 => store.seal().unwrap(),
            1 => {
                store.close().unwrap();
                store = open(&disk, &clock);
            }
            _ => {}
        }
        let seen = rows(&store, Query::new(pattern("home1.pv.power")));
        assert_eq!((seen.len() as i32, seen[0]), (number + 1, (NOON, f64::from(number))));
    }
}

#[test]
fn samples_ahead_of_the_clock_are_taken_and_counted_by_series() {
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let store = open(&SimulatedDisk::new(), &clock);
    store.register(&device("home1.pv"), &watts(&["power", "energy"])).unwrap();
    store.write(&power("home1.pv", &[(NOON + 300, 1.0)])).unwrap();
    assert_eq!(store.stats().ahead_points, 0, "five minutes are nothing to remark on");
    store.write(&power("home1.pv", &[(NOON + 301, 2.0), (NOON + 10 * 365 * 86_400, 3.0), (NOON, 4.0)])).unwrap();
    assert_eq!(rows(&store, Query::new(pattern("home1.pv.power"))).len(), 4);
    let ahead: Vec<u64> = store.series_stats(pattern("home1.pv.*")).unwrap().iter().map(|(_, stats)| stats.ahead).collect();
    assert_eq!((ahead, store.stats().ahead_points), (vec![0, 2], 2));
    clock.advance(Span::from_seconds(600));
    store.write(&power("home1.pv", &[(NOON + 302, 5.0)])).unwrap();
    assert_eq!(store.stats().ahead_points, 2, "the clock has come so far");
    clock.jump_to(Timestamp::MAX);
    store.write(&power("home1.pv", &[(NOON, 6.0)])).unwrap();
    assert_eq!(store.stats().ahead_points, 2);
}
