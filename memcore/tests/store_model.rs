//! The store against the simplest thing that could be right: a map, through any order of writing, deleting, sealing, merging
//! and reopening.

mod store_support;

use std::collections::BTreeMap;
use std::sync::Arc;

use memcore::model::{Batch, Span, Timestamp};
use memcore::store::{Aggregate, CompactOptions, Every, Query, SimulatedDisk, Store, StoreOptions};
use proptest::prelude::*;
use store_support::*;

#[derive(Debug, Clone)]
enum Step {
    /// Rows of time and the values of two channels.
    Write(Vec<(i64, Option<f64>, Option<f64>)>),
    /// Deletes of one channel, or both, what lies in a range.
    Delete(Option<bool>, i64, i64),
    Seal,
    Compact,
    Reopen,
}

fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        2 => Just(None),
        6 => (-500i32..500).prop_map(|n| Some(f64::from(n) / 10.0)),
        1 => any::<u64>().prop_map(|bits| Some(f64::from_bits(bits))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let time = prop_oneof![9 => -30i64..300, 1 => prop_oneof![Just(i64::MIN), Just(i64::MAX)]];
    prop_oneof![
        8 => prop::collection::vec((time, value(), value()), 0..12).prop_map(Step::Write),
        2 => (prop_oneof![Just(None), any::<bool>().prop_map(Some)], -30i64..300, 0i64..200)
            .prop_map(|(channel, from, length)| Step::Delete(channel, from, from + length)),
        2 => Just(Step::Seal),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
    ]
}

type Model = [BTreeMap<i64, f64>; 2];

fn write(store: &Store, model: &mut Model, rows: &[(i64, Option<f64>, Option<f64>)]) {
    let times = rows.iter().map(|(time, ..)| Timestamp::from_micros(*time)).collect();
    let values = rows.iter().map(|row| row.1).chain(rows.iter().map(|row| row.2)).collect();
    let batch = Batch::new(device("home1.pv"), names(&["a", "b"]), times, values).unwrap();
    store.write(&batch).unwrap();
    for (time, a, b) in rows {
        for (map, value) in model.iter_mut().zip([a, b]) {
            map.extend(value.map(|value| (*time, value)));
        }
    }
}

fn delete(store: &Store, model: &mut Model, channel: Option<bool>, from: i64, to: i64) {
    let selected = match channel {
        None => "home1.pv.*",
        Some(false) => "home1.pv.a",
        Some(true) => "home1.pv.b",
    };
    store.delete(pattern(selected), Timestamp::from_micros(from), Timestamp::from_micros(to)).unwrap();
    for (map, of) in model.iter_mut().zip([false, true]) {
        map.retain(|time, _| channel.is_some_and(|channel| channel != of) || !(from..to).contains(time));
    }
}

fn compact(store: &Store) {
    let (mut done, mut of) = (0, 0);
    let all = CompactOptions::default();
    let mut hear = |now, total| {
        (done, of) = (now, total);
        Ok(())
    };
    let report = store.compact(pattern("home1.pv.*"), &all, &mut hear).unwrap();
    assert!(report.skipped.is_empty() && done == of, "{report:?}, {done} of {of} bytes");
    assert_eq!(store.stats().erasures, 0, "what was deleted is gone for good");
}

fn check(store: &Store, model: &Model, from: i64, to: i64) {
    let query = || Query::new(pattern("home1.pv.*")).from(Timestamp::from_micros(from)).to(Timestamp::from_micros(to));
    let raw = store.query(&query()).unwrap();
    let every = Every::Fixed(Span::from_micros(50));
    let counted = store.query(&query().every(every).aggregate(Aggregate::Count).aggregate(Aggregate::Max)).unwrap();
    for ((map, raw), counted) in model.iter().zip(raw.series()).zip(counted.series()) {
        let expected: Vec<(i64, u64)> = map.range(from..to).map(|(time, value)| (*time, value.to_bits())).collect();
        let values = raw.values().unwrap().values().iter().map(|value| value.to_bits());
        assert_eq!(raw.times().values().iter().copied().zip(values).collect::<Vec<_>>(), expected);

        let mut buckets: BTreeMap<i64, (u64, f64)> = BTreeMap::new();
        for (time, value) in map.range(from..to).filter(|(_, value)| !value.is_nan()) {
            let start = i128::from(*time).div_euclid(50) * 50;
            let bucket = buckets.entry(start.max(i128::from(i64::MIN)) as i64).or_insert((0, f64::NEG_INFINITY));
            *bucket = (bucket.0 + 1, bucket.1.max(*value));
        }
        let counts = counted.counts().unwrap().values().iter().copied();
        let largest = counted.column("max").unwrap().values().iter().copied();
        let starts = counted.times().values().iter().copied();
        assert_eq!(starts.zip(counts.zip(largest)).collect::<BTreeMap<_, _>>(), buckets);
    }
    let latest = store.latest(pattern("home1.pv.*")).unwrap();
    assert_eq!(latest.len(), model.iter().filter(|map| !map.is_empty()).count());
    for (series, sample) in latest {
        let map = &model[usize::from(series.channel.as_str() == "b")];
        let (time, value) = map.last_key_value().unwrap();
        assert_eq!((sample.time.as_micros(), sample.value.to_bits()), (*time, value.to_bits()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_a_map_would(
        steps in prop::collection::vec(step(), 1..40),
        ranges in prop::collection::vec((-40i64..310, 0i64..350), 4),
    ) {
        let disk = SimulatedDisk::new();
        let options = StoreOptions::default().seal_rows(24).segment_bytes(4096).log_bytes(8192);
        let open = || Store::open_on(Arc::new(disk.clone()), "disk", options.clone()).unwrap();
        let mut store = open();
        store.register(&device("home1.pv"), &watts(&["a", "b"])).unwrap();
        let mut model: Model = Default::default();
        for step in steps {
            match step {
                Step::Write(rows) => write(&store, &mut model, &rows),
                Step::Delete(channel, from, to) => delete(&store, &mut model, channel, from, to),
                Step::Seal => store.seal().unwrap(),
                Step::Compact => compact(&store),
                Step::Reopen => {
                    store.close().unwrap();
                    store = open();
                }
            }
        }
        check(&store, &model, i64::MIN, i64::MAX);
        ranges.iter().for_each(|(from, length)| check(&store, &model, *from, from + length));
        store.close().unwrap();
        let store = open();
        check(&store, &model, i64::MIN, i64::MAX);
        compact(&store);
        prop_assert!(store.verify().unwrap().is_sound());
        check(&store, &model, -30, 300);
    }
}
