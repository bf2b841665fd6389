//! What queries answer: ranges, buckets, calendars, gaps, the last write, and results as Arrow.

mod store_support;

use arrow_array::Array;
use memcore::ErrorKind;
use memcore::model::{Batch, Sample, Span, Timestamp};
use memcore::store::{Aggregate, CalendarUnit, Every, Query, Store, StoreOptions};
use store_support::*;

const HOUR: i64 = 3600;

/// A store that seals after a few rows, so that answers come from chunks and heads alike.
fn store_of(batches: &[Batch]) -> Store {
    let store = Store::in_memory(StoreOptions::default().seal_rows(5));
    for batch in batches {
        store.register(batch.device(), &watts(&batch.channels().iter().map(|c| c.as_str()).collect::<Vec<_>>())).unwrap();
        store.write(batch).unwrap();
    }
    store
}

/// The same batches: all in the head, all sealed, and anything between.
fn stores_of(batches: &[Batch]) -> Vec<Store> {
    let in_head = Store::in_memory(StoreOptions::default());
    for batch in batches {
        in_head.register(batch.device(), &watts(&batch.channels().iter().map(|c| c.as_str()).collect::<Vec<_>>())).unwrap();
        in_head.write(batch).unwrap();
    }
    let sealed = store_of(batches);
    sealed.seal().unwrap();
    vec![in_head, store_of(batches), sealed]
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_range_is_half_open_and_a_reversed_one_is_refused() {
    for store in stores_of(&[power("home1.pv", &[(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)])]) {
        let all = || Query::new(pattern("home1.pv.power"));
        assert_eq!(rows(&store, all().from(at(1)).to(at(3))), [(1, 1.0), (2, 2.0)]);
        assert_eq!(rows(&store, all().from(at(2)).to(at(2))), []);
        let e = store.query(&all().from(at(3)).to(at(1))).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Invalid);
        assert!(e.message().contains("from 1970-01-01T00:00:03Z to 1970-01-01T00:00:01Z"), "{e}");
        assert_eq!(rows(&store, all().limit(3)).len(), 3);
        assert_eq!(rows(&store, all().last(1)), [(3, 3.0)]);
    }
}

#[test]
fn a_name_that_is_not_there_is_an_error_and_a_wildcard_that_finds_nothing_is_not() {
    let store = store_of(&[power("home1.pv", &[(0, 0.0)])]);
    let e = store.query(&Query::new(pattern("home1.pv.voltage"))).unwrap_err();
    assert_eq!((e.kind(), e.message()), (ErrorKind::NotFound, "series home1.pv.voltage is not registered"));
    assert_eq!(store.query(&Query::new(pattern("home9.>"))).unwrap().series().len(), 0);
}

#[test]
fn the_last_write_wins_wherever_the_values_are() {
    let batches = [
        power("home1.pv", &[(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0)]),
        power("home1.pv", &[(3, 2.0), (1, 2.0), (1, 2.5), (9, 2.0), (8, 2.0)]),
        power("home1.pv", &[(8, 3.0)]),
    ];
    for store in stores_of(&batches) {
        let expected = [(0, 1.0), (1, 2.5), (2, 1.0), (3, 2.0), (4, 1.0), (8, 3.0), (9, 2.0)];
        assert_eq!(rows(&store, Query::new(pattern("home1.pv.power"))), expected);
        let count = Query::new(pattern("home1.pv.power")).aggregate(Aggregate::Count).aggregate(Aggregate::Sum);
        let result = store.query(&count).unwrap();
        assert_eq!(result.series()[0].counts().unwrap().values(), &[7]);
        assert_eq!(result.series()[0].column("sum").unwrap().values(), &[12.5]);
    }
}

#[test]
fn every_bit_of_a_value_comes_back() {
    let odd = [f64::NAN, f64::from_bits(0x7ff8_dead_beef_0001), f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, 0.1];
    let samples: Vec<(i64, f64)> = (0..).zip(odd).collect();
    for store in stores_of(&[power("home1.pv", &samples)]) {
        let back = rows(&store, Query::new(pattern("home1.pv.power")));
        assert_eq!(back.iter().map(|(_, value)| value.to_bits()).collect::<Vec<_>>(), odd.map(f64::to_bits));
    }
}

#[test]
fn the_mean_ignores_what_is_absent() {
    let times = [0, 1, 2, 3].map(at).to_vec();
    let values = vec![None, Some(10.0), Some(20.0), Some(30.0)];
    let batch = Batch::new(device("home1.pv"), names(&["power"]), times, values).unwrap();
    for store in stores_of(&[batch]) {
        let query = Query::new(pattern("home1.pv.power")).aggregate(Aggregate::Mean).aggregate(Aggregate::Count);
        let result = store.query(&query).unwrap();
        let series = &result.series()[0];
        assert_eq!((series.column("mean").unwrap().value(0), series.counts().unwrap().value(0)), (20.0, 3));
    }
}

#[test]
fn fixed_buckets_are_aligned_to_utc_and_empty_ones_are_absent() {
    let batch = power("home1.pv", &[(-1, 5.0), (899, 1.0), (900, 2.0), (1799, 4.0), (3600, 7.0), (3601, f64::NAN)]);
    for store in stores_of(&[batch]) {
        let every = Every::Fixed(Span::from_seconds(900));
        let query = Query::new(pattern("home1.pv.power")).every(every).max_gap(Span::from_seconds(1));
        let query = Aggregate::ALL.into_iter().fold(query, Query::aggregate);
        let result = store.query(&query).unwrap();
        let series = &result.series()[0];
        assert_eq!(series.times().values(), &[-900, 0, 900, 3600].map(|seconds| seconds * 1_000_000));
        for (name, expected) in [
            ("mean", [5.0, 1.0, 3.0, 7.0]),
            ("min", [5.0, 1.0, 2.0, 7.0]),
            ("max", [5.0, 1.0, 4.0, 7.0]),
            ("sum", [5.0, 1.0, 6.0, 7.0]),
            ("first", [5.0, 1.0, 2.0, 7.0]),
            ("last", [5.0, 1.0, 4.0, 7.0]),
        ] {
            assert_eq!(series.column(name).unwrap().values(), &expected, "{name}");
        }
        assert_eq!(series.counts().unwrap().values(), &[1, 1, 2, 1]);
    }
}

/// One kilowatt, every quarter of an hour.
fn constant_power(from: &str, to: &str) -> Batch {
    let (from, to) = (instant(from).as_micros() / 1_000_000, instant(to).as_micros() / 1_000_000);
    let samples: Vec<(i64, f64)> = (from..to).step_by(900).map(|seconds| (seconds, 1000.0)).collect();
    power("home1.meter", &samples)
}

/// The hours of each calendar day, by how many quarters of an hour lie in it.
fn hours_of_days(store: &Store, zone: &str) -> Vec<(String, f64)> {
    let query = Query::new(pattern("home1.meter.power"))
        .every(Every::calendar(CalendarUnit::Day, zone).unwrap())
        .aggregate(Aggregate::Count);
    let result = store.query(&query).unwrap();
    let series = &result.series()[0];
    let start = |micros: &i64| Timestamp::from_micros(*micros).to_string();
    let counts = series.counts().unwrap().values().iter().map(|count| *count as f64 / 4.0);
    series.times().values().iter().map(start).zip(counts).collect()
}

#[test]
fn a_calendar_day_has_23_24_or_25_hours() {
    for store in stores_of(&[constant_power("2025-03-28T23:00:00Z", "2025-03-31T22:00:00Z")]) {
        let days = hours_of_days(&store, "Europe/Berlin");
        assert_eq!(days.iter().map(|(_, hours)| *hours).collect::<Vec<_>>(), [24.0, 23.0, 24.0]);
    }
    for store in stores_of(&[constant_power("2025-10-24T22:00:00Z", "2025-10-27T23:00:00Z")]) {
        let days = hours_of_days(&store, "Europe/Berlin");
        assert_eq!(days.iter().map(|(_, hours)| *hours).collect::<Vec<_>>(), [24.0, 25.0, 24.0]);
    }
    let store = store_of(&[constant_power("2023-03-25T23:00:00Z", "2023-03-26T22:00:00Z")]);
    assert_eq!(hours_of_days(&store, "Europe/Amsterdam"), [("2023-03-25T23:00:00Z".to_owned(), 23.0)]);
}

#[test]
fn the_hour_that_comes_twice_is_25_distinct_points() {
    let start = instant("2022-10-29T23:00:00Z").as_micros() / 1_000_000;
    let samples: Vec<(i64, f64)> = (0..25).map(|hour| (start + hour * HOUR, hour as f64)).collect();
    let store = store_of(&[power("home1.meter", &samples)]);
    assert_eq!(rows(&store, Query::new(pattern("home1.meter.power"))).len(), 25);
    let hours = Every::calendar(CalendarUnit::Hours(1), "Europe/Dublin").unwrap();
    let result = store.query(&Query::new(pattern("home1.meter.power")).every(hours)).unwrap();
    assert_eq!(result.series()[0].times().len(), 25);
}

#[test]
fn an_unknown_zone_and_an_empty_bucket_are_refused() {
    assert_eq!(Every::calendar(CalendarUnit::Day, "Europe/Atlantis").unwrap_err().kind(), ErrorKind::Invalid);
    let store = store_of(&[power("home1.pv", &[(0, 0.0)])]);
    let query = Query::new(pattern("home1.pv.power")).every(Every::Fixed(Span::from_seconds(0)));
    assert_eq!(store.query(&query).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn the_ends_of_time_are_instants_like_others() {
    let times = vec![Timestamp::MAX, Timestamp::MIN, at(0)];
    let values = vec![Some(3.0), Some(1.0), Some(2.0)];
    let batch = Batch::new(device("home1.pv"), names(&["power"]), times, values).unwrap();
    for store in stores_of(&[batch]) {
        let query = Query::new(pattern("home1.pv.power"));
        let result = store.query(&query.clone().every(Every::Fixed(Span::from_seconds(900)))).unwrap();
        assert_eq!(result.series()[0].times().len(), 3);
        let result = store.query(&query).unwrap();
        assert_eq!(result.series()[0].times().values(), &[i64::MIN, 0, i64::MAX]);
        assert_eq!(result.series()[0].values().unwrap().values(), &[1.0, 2.0, 3.0]);
        let daily = query.every(Every::calendar(CalendarUnit::Day, "UTC").unwrap());
        assert_eq!(store.query(&daily).unwrap_err().kind(), ErrorKind::Invalid);
    }
}

#[test]
fn the_latest_sample_is_the_one_with_the_latest_time() {
    for store in stores_of(&[power("home1.pv", &[(5, 5.0), (9, 9.0), (7, 7.0)]), power("home2.pv", &[(1, 1.0)])]) {
        let latest = store.latest(pattern("*.pv.power")).unwrap();
        assert_eq!(latest[0], ("home1.pv.power".parse().unwrap(), Sample { time: at(9), value: 9.0 }));
        assert_eq!(latest.len(), 2);
    }
}

#[test]
fn a_result_is_long_or_wide_and_says_its_unit() {
    let store = store_of(&[power("home1.pv", &[(0, 1.0), (1, 2.0)]), power("home2.pv", &[(1, 3.0), (2, 4.0)])]);
    let result = store.query(&Query::new(pattern("*.pv.power"))).unwrap();
    let long = result.to_batch().unwrap();
    assert_eq!(long.schema().fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>(), ["series", "time", "value"]);
    assert_eq!(long.schema().metadata()["unit"], "W");
    assert_eq!(long.num_rows(), 4);
    assert_eq!(result.to_batches().unwrap().len(), 1);

    let wide = result.wide().unwrap();
    let schema = wide.schema();
    assert_eq!(schema.field(1).name(), "home1.pv.power");
    assert_eq!((wide.num_rows(), wide.column(1).null_count(), wide.column(2).null_count()), (3, 1, 1));
    assert!(wide.column(2).is_null(0) && wide.column(1).is_null(2));

    let both = Query::new(pattern("*.pv.power")).aggregate(Aggregate::Min).aggregate(Aggregate::Count);
    let result = store.query(&both).unwrap();
    assert_eq!(result.to_batch().unwrap().num_columns(), 4);
    assert_eq!(result.wide().unwrap().schema().field(2).name(), "home1.pv.power:count");
}
