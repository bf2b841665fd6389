//! What was known when: a view as of an instant shows what had arrived by then, whatever was sealed, merged, corrected or
//! written in the meantime, and never what is deleted.

mod store_support;

use std::collections::BTreeMap;
use std::sync::Arc;

use memcore::model::{Batch, ManualClock, Span, Timestamp};
use memcore::store::{Aggregate, CompactOptions, Every, Query, SimulatedDisk, Store, StoreOptions};
use proptest::prelude::*;
use store_support::*;

const HOUR: i64 = 3600;

fn options() -> StoreOptions {
    StoreOptions::default().seal_rows(24).segment_bytes(4096).log_bytes(8192)
}

fn open(disk: &SimulatedDisk, clock: &Arc<ManualClock>, options: StoreOptions) -> Store {
    let clock: Arc<ManualClock> = Arc::clone(clock);
    Store::open_with(Arc::new(disk.clone()), clock, "simulated", options).unwrap()
}

/// A store with one channel and the clock it goes by.
fn fresh(options: StoreOptions) -> (Store, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(at(1000 * HOUR)));
    let store = open(&SimulatedDisk::new(), &clock, options);
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    (store, clock)
}

fn known(store: &Store, hour: i64) -> Vec<f64> {
    let query = Query::new(pattern("home1.pv.power")).as_of(at(hour * HOUR));
    rows(store, query).into_iter().map(|(_, value)| value).collect()
}

fn compact(store: &Store, options: &CompactOptions) -> memcore::store::CompactReport {
    store.compact(pattern(">"), options, &mut |_, _| Ok(())).unwrap()
}

#[test]
fn a_corrected_forecast_is_seen_as_it_was_when_the_plan_was_made() {
    let (store, clock) = fresh(options());
    let tomorrow = 1020 * HOUR;
    for (hour, forecast) in [(1000, 10.0), (1006, 14.0), (1012, 12.0)] {
        clock.jump_to(at(hour * HOUR));
        store.write(&power("home1.pv", &[(tomorrow, forecast), (tomorrow + HOUR, forecast / 2.0)])).unwrap();
    }
    for step in 0..3 {
        assert_eq!(known(&store, 999), [0.0; 0]);
        assert_eq!(known(&store, 1000), [10.0, 5.0]);
        assert_eq!(known(&store, 1011), [14.0, 7.0]);
        assert_eq!(known(&store, 1012), [12.0, 6.0]);
        match step {
            0 => store.seal().unwrap(),
            _ => drop(compact(&store, &CompactOptions::default())),
        }
    }
    let mean = Query::new(pattern("home1.pv.power")).aggregate(Aggregate::Mean).as_of(at(1007 * HOUR));
    let result = store.query(&mean).unwrap();
    assert_eq!(result.series()[0].column("mean").unwrap().value(0), 10.5);
}

#[test]
fn a_file_that_is_imported_again_changes_no_view_and_takes_no_space() {
    let disk = SimulatedDisk::new();
    let clock = Arc::new(ManualClock::at(at(1000 * HOUR)));
    let small = || StoreOptions::default().seal_rows(500).unsealed_rows(500);
    let file: Vec<(i64, f64)> = (0..5000).map(|row| (row * 60, row as f64)).collect();
    let mut sizes = Vec::new();
    for _ in 0..3 {
        let store = open(&disk, &clock, small());
        store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
        file.chunks(100).for_each(|rows| store.write(&power("home1.pv", rows)).unwrap());
        store.seal().unwrap();
        compact(&store, &CompactOptions::default());
        assert_eq!(known(&store, 1001).len(), 5000, "it was known when it was imported first");
        sizes.push((store.stats().sealed_points, store.stats().chunks, store.stats().chunk_bytes));
        store.close().unwrap();
        clock.advance(Span::from_seconds(50 * HOUR));
    }
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
}

#[test]
fn what_was_superseded_is_forgotten_on_request_or_never_kept() {
    let hours = [(1000, 1.0), (1010, 2.0), (1020, 3.0)];
    for kept in [true, false] {
        let (store, clock) = fresh(options().keep_superseded(kept));
        for (hour, value) in hours {
            clock.jump_to(at(hour * HOUR));
            store.write(&power("home1.pv", &[(0, value)])).unwrap();
        }
        store.seal().unwrap();
        let expected: [&[f64]; 4] = if kept { [&[1.0], &[2.0], &[3.0], &[3.0]] } else { [&[], &[], &[3.0], &[3.0]] };
        assert_eq!([1000, 1010, 1020, 1030].map(|hour| known(&store, hour)), expected);
        if kept {
            let before = CompactOptions::default().forget_superseded_before(at(1015 * HOUR));
            assert_eq!(compact(&store, &before).superseded_dropped, 1);
            assert_eq!([1000, 1015, 1020].map(|hour| known(&store, hour)), [&[][..], &[2.0], &[3.0]]);
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// So many hours later: rows of a time and the values of two channels.
    Write(i64, Vec<(i64, Option<i32>, Option<i32>)>),
    Delete(i64, i64),
    Seal,
    Compact,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let row = (0i64..60, prop::option::of(0i32..4), prop::option::of(0i32..4));
    prop_oneof![
        8 => (prop_oneof![4 => 0i64..3, 1 => -4i64..0], prop::collection::vec(row, 0..12)).prop_map(|(h, rows)| Step::Write(h, rows)),
        1 => (0i64..60, 0i64..30).prop_map(|(from, length)| Step::Delete(from, from + length)),
        2 => Just(Step::Seal),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
    ]
}

/// Every value that arrived and was not deleted, in order of arrival: channel, hour of arrival, time, value.
type History = Vec<(usize, i64, i64, f64)>;

fn check(store: &Store, history: &History, hours: impl Iterator<Item = i64>) {
    for hour in hours {
        for (channel, name) in ["a", "b"].into_iter().enumerate() {
            let known = history.iter().filter(|(of, arrived, ..)| *of == channel && *arrived <= hour);
            let expected: BTreeMap<i64, f64> = known.map(|(_, _, time, value)| (*time, *value)).collect();
            let query = || Query::new(pattern(&format!("home1.pv.{name}"))).as_of(at(hour * HOUR));
            assert_eq!(rows(store, query()), expected.clone().into_iter().collect::<Vec<_>>(), "{name} as of {hour}");
            let every = Every::Fixed(Span::from_seconds(16));
            let counted = store.query(&query().every(every).aggregate(Aggregate::Sum)).unwrap();
            let sums = counted.series()[0].column("sum").unwrap().values().iter().sum::<f64>();
            assert_eq!(sums, expected.values().sum::<f64>(), "{name} as of {hour}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_view_shows_what_had_arrived(steps in prop::collection::vec(step(), 1..40)) {
        let disk = SimulatedDisk::new();
        let clock = Arc::new(ManualClock::default());
        let mut store = open(&disk, &clock, options());
        store.register(&device("home1.pv"), &watts(&["a", "b"])).unwrap();
        let (mut history, mut hour, mut latest): (History, i64, i64) = (Vec::new(), 1000, 1000);
        for step in steps {
            match step {
                Step::Write(later, rows) => {
                    hour += later;
                    latest = latest.max(hour);
                    clock.jump_to(at(hour * HOUR));
                    let times: Vec<Timestamp> = rows.iter().map(|row| at(row.0)).collect();
                    let values = rows.iter().map(|row| row.1).chain(rows.iter().map(|row| row.2));
                    let values = values.map(|value| value.map(f64::from)).collect();
                    store.write(&Batch::new(device("home1.pv"), names(&["a", "b"]), times, values).unwrap()).unwrap();
                    for (time, a, b) in rows {
                        let new = [a, b].into_iter().enumerate();
                        history.extend(new.filter_map(|(channel, value)| Some((channel, hour, time, f64::from(value?)))));
                    }
                }
                Step::Delete(from, to) => {
                    store.delete(pattern("home1.pv.*"), at(from), at(to)).unwrap();
                    history.retain(|(_, _, time, _)| !(from..to).contains(time));
                }
                Step::Seal => store.seal().unwrap(),
                Step::Compact => drop(compact(&store, &CompactOptions::default())),
                Step::Reopen => {
                    store.close().unwrap();
                    store = open(&disk, &clock, options());
                }
            }
        }
        check(&store, &history, (990..=latest).step_by(3));
        store.seal().unwrap();
        check(&store, &history, (991..=latest).step_by(3));
        compact(&store, &CompactOptions::default());
        check(&store, &history, 990..=latest);
    }
}
