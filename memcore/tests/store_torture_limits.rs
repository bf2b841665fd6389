//! Clocks that jump, times at the ends of what can be said, ranges the wrong way round, and a device that never stops
//! inventing channels.

mod store_support;
mod torture_support;

use std::collections::BTreeMap;
use std::sync::Arc;

use memcore::ErrorKind;
use memcore::model::{Batch, Channel, Span, Timestamp, Unit};
use memcore::store::{Aggregate, Every, Query, SimulatedDisk, Store};
use store_support::*;
use torture_support::*;

/// A clock without a battery, the ends of NTP's and of 32-bit time, a typing error, and what no clock says.
const STARTS: [i64; 7] = [0, 2_085_978_496, 2_147_483_648, 1_700_000_000 + 10 * 365 * 86_400, -1, i64::MIN, i64::MAX];

fn micros(start: i64, second: i64) -> i64 {
    match start {
        i64::MIN => i64::MIN + second,
        i64::MAX => i64::MAX - second,
        _ => (start + second) * 1_000_000,
    }
}

#[test]
fn a_clock_that_jumps_anywhere_and_back_loses_nothing_and_what_came_last_holds() {
    for seed in &mut Rounds::of(20) {
        let (mut dice, disk) = (Dice(seed), SimulatedDisk::forgetful());
        let open = |disk: &SimulatedDisk| Store::open_on(Arc::new(disk.clone()), "simulated", small()).unwrap();
        let mut store = open(&disk);
        store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
        let mut expected = BTreeMap::new();
        for number in 0..200 {
            // An hour forth, an hour back, or somewhere else altogether.
            let start = match dice.below(4) {
                0 => STARTS[dice.below(7) as usize],
                1 => 1_700_000_000 - 3600,
                _ => 1_700_000_000,
            };
            let time = Timestamp::from_micros(micros(start, dice.below(3600) as i64));
            let value = f64::from(number);
            let batch = Batch::new(device("home1.pv"), names(&["power"]), vec![time], vec![Some(value)]);
            store.write(&batch.unwrap()).unwrap();
            expected.insert(time.as_micros(), value);
            match dice.below(40) {
                0 => store.seal().unwrap(),
                1 => {
                    let image = disk.crash(&mut || dice.roll());
                    assert_eq!(power_of(&open(&image)), expected, "seed {seed}, after a power cut");
                }
                2 => {
                    store.close().unwrap();
                    store = open(&disk);
                }
                _ => {}
            }
        }
        assert_eq!(power_of(&store), expected, "seed {seed}");
        let (time, value) = expected.last_key_value().unwrap();
        let latest = store.latest(pattern("home1.pv.power")).unwrap()[0].1;
        assert_eq!((latest.time.as_micros(), latest.value), (*time, *value), "seed {seed}");
    }
}

fn power_of(store: &Store) -> BTreeMap<i64, f64> {
    let result = store.query(&Query::new(pattern("home1.pv.power"))).unwrap();
    let series = &result.series()[0];
    series.times().values().iter().copied().zip(series.values().unwrap().values().iter().copied()).collect()
}

#[test]
fn buckets_and_ranges_at_the_ends_of_time_do_not_overflow() {
    let store = Store::in_memory(small());
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    let times = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX].map(Timestamp::from_micros);
    let values = vec![Some(1.0); times.len()];
    store.write(&Batch::new(device("home1.pv"), names(&["power"]), times.to_vec(), values).unwrap()).unwrap();
    for sealed in [false, true] {
        if sealed {
            store.seal().unwrap();
        }
        for span in [1, 7, 3_600_000_000, i64::MAX] {
            let every = Every::Fixed(Span::from_micros(span));
            let query = Query::new(pattern("home1.pv.power")).every(every).aggregate(Aggregate::Count);
            let result = store.query(&query).unwrap();
            let counts: u64 = result.series()[0].counts().unwrap().values().iter().sum();
            assert_eq!(counts, times.len() as u64, "buckets of {span} us");
        }
        for from in times {
            for to in times {
                let found = store.query(&Query::new(pattern("home1.pv.power")).from(from).to(to));
                match found {
                    Ok(found) => assert_eq!(found.rows(), times.iter().filter(|t| **t >= from && **t < to).count()),
                    Err(e) => assert!(from > to && e.kind() == ErrorKind::Invalid, "{from} to {to}: {e}"),
                }
            }
        }
    }
}

#[test]
fn a_device_that_invents_a_million_series_is_stopped_at_its_quota_and_no_other_is() {
    let store = Store::in_memory(small().max_channels_per_device(500));
    register(&store).unwrap();
    let invented = |number: u64| Channel::gauge(&format!("c{number}"), Unit::Watt).unwrap().build().unwrap();
    let mut refused = 0;
    for lot in 0..1_000_000 / 1000 {
        // One lot at once, and the next one by one.
        let channels: Vec<Channel> = (lot * 1000..(lot + 1) * 1000).map(invented).collect();
        let parts = if lot % 100 == 1 { 1 } else { 1000 };
        for part in channels.chunks(parts) {
            match store.register(&device("home9.hem"), part) {
                Ok(()) => assert_eq!(parts, 1),
                Err(e) => {
                    assert_eq!(e.kind(), ErrorKind::LimitReached, "{e}");
                    assert!(e.message().contains("home9.hem"), "{e}");
                    refused += part.len();
                }
            }
        }
    }
    assert_eq!((store.channels(pattern("home9.>")).len(), refused), (500, 999_500));
    assert_eq!(store.stats().devices, 4);
    run(&store, Workload(6), 60, &Progress::default()).unwrap();
    store.write(&power_at("home9.hem", "c1000")).unwrap();
}

fn power_at(of: &str, channel: &str) -> Batch {
    Batch::new(device(of), names(&[channel]), vec![at(1)], vec![Some(1.0)]).unwrap()
}
