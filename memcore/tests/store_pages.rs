//! How much a query reads: pages that it needs, and of those as many by their summaries as can be; and that this changes no
//! answer, whatever is sealed, late, deleted or only known later.

mod store_support;

use std::sync::Arc;

use memcore::model::{Batch, ManualClock, Span, Timestamp};
use memcore::store::{Aggregate, Cost, Every, Query, SimulatedDisk, Store, StoreOptions};
use proptest::prelude::*;
use store_support::*;

const MINUTE: i64 = 60;
const DAY: i64 = 1440 * MINUTE;
/// Rows of a page at one row a minute.
const PAGE: u64 = 480;

/// A value a minute, as a meter reports it.
fn reading(minute: i64) -> f64 {
    ((minute * 7919 % 100_003) as f64) / 100.0
}

/// So many days from 1970 on, a row a minute, sealed in pages of eight hours.
fn days(count: i64) -> Store {
    let store = Store::in_memory(StoreOptions::default());
    store.register(&device("home1.meter"), &watts(&["power"])).unwrap();
    for day in 0..count {
        let rows: Vec<(i64, f64)> = (day * 1440..(day + 1) * 1440).map(|m| (m * MINUTE, reading(m))).collect();
        store.append(&power("home1.meter", &rows)).unwrap();
    }
    store.seal().unwrap();
    store
}

fn all() -> Query {
    Query::new(pattern("home1.meter.power"))
}

fn summed(every: Span) -> Query {
    all().every(Every::Fixed(every)).aggregate(Aggregate::Sum).aggregate(Aggregate::Max).aggregate(Aggregate::Count)
}

fn cost(store: &Store, query: Query) -> Cost {
    store.explain(&query).unwrap()
}

#[test]
fn a_short_range_decodes_the_pages_that_it_touches() {
    let store = days(60);
    let hour = all().from(at(30 * DAY + 3600)).to(at(30 * DAY + 7200));
    assert_eq!(rows(&store, hour.clone()).len(), 60);
    let took = cost(&store, hour);
    assert_eq!((took.chunks, took.pages_decoded, took.points_decoded), (1, 1, PAGE), "{took}");
    let took = cost(&store, all().last(1));
    assert_eq!((took.chunks, took.pages_decoded), (1, 1), "{took}");
    assert!(took.bytes_read < 20_000, "{took}");
    assert_eq!(rows(&store, all().last(700)), rows(&store, all())[60 * 1440 - 700..]);
    assert_eq!(cost(&store, all().limit(3)).pages_decoded, 1);
}

#[test]
fn aligned_buckets_decode_nothing_and_others_only_what_their_borders_cut() {
    let store = days(60);
    let took = cost(&store, summed(Span::from_seconds(DAY)));
    assert_eq!((took.points_decoded, took.points_summarized), (0, 60 * 1440), "{took}");
    let took = cost(&store, all().aggregate(Aggregate::Sum));
    assert_eq!((took.points_decoded, took.points_summarized), (0, 60 * 1440), "{took}");
    // Days that begin at one o'clock cut one page in three.
    let moved = summed(Span::from_seconds(DAY)).from(at(3600)).to(at(59 * DAY + 3600));
    assert_eq!(cost(&store, moved).pages_decoded, 2);
    let took = cost(&store, summed(Span::from_seconds(25 * 3600)));
    assert!(took.pages_decoded <= 60 && took.pages_summarized >= 120, "{took}");
    // A median needs every value.
    assert_eq!(cost(&store, all().aggregate(Aggregate::Median)).points_summarized, 0);
}

#[test]
fn a_value_that_never_changes_is_not_decoded_even_where_it_is_asked_for() {
    let store = Store::in_memory(StoreOptions::default());
    store.register(&device("home1.meter"), &watts(&["power"])).unwrap();
    let constant: Vec<(i64, f64)> = (0..5000).map(|m| (m * MINUTE, 230.0)).collect();
    store.write(&power("home1.meter", &constant)).unwrap();
    store.seal().unwrap();
    assert_eq!(rows(&store, all()), constant);
    assert!(store.stats().chunk_bytes < 400, "{}", store.stats().chunk_bytes);
}

#[test]
fn a_late_value_costs_the_decoding_of_one_page() {
    let store = days(60);
    store.write(&power("home1.meter", &[(30 * DAY + 30, 5.0), (31 * DAY, 7.5)])).unwrap();
    for sealed in [false, true] {
        let took = cost(&store, summed(Span::from_seconds(DAY)));
        assert_eq!(took.pages_decoded, if sealed { 2 + 1 } else { 2 }, "{took}");
        let result = store.query(&summed(Span::from_seconds(DAY))).unwrap();
        let sums = result.series()[0].column("sum").unwrap();
        assert_eq!(sums.value(30), sum_of_day(30) + 5.0);
        assert_eq!(result.series()[0].counts().unwrap().value(30), 1441);
        assert_eq!(result.series()[0].counts().unwrap().value(31), 1440, "the second took the place of another");
        let mut expected: Vec<(i64, f64)> = (0..60 * 1440).map(|m| (m * MINUTE, reading(m))).collect();
        expected[31 * 1440].1 = 7.5;
        expected.insert(30 * 1440 + 1, (30 * DAY + 30, 5.0));
        assert_eq!(rows(&store, all()), expected);
        store.seal().unwrap();
    }
}

/// The sum of a day in hundredths, which are whole.
fn sum_of_day(day: i64) -> f64 {
    (day * 1440..(day + 1) * 1440).map(|m| m * 7919 % 100_003).sum::<i64>() as f64 / 100.0
}

#[test]
fn what_was_known_at_an_instant_is_told_apart() {
    let clock = Arc::new(ManualClock::at(at(10 * DAY)));
    let disk = Arc::new(SimulatedDisk::new());
    let store = Store::open_with(disk, clock.clone(), "disk", StoreOptions::default()).unwrap();
    store.register(&device("home1.meter"), &watts(&["power"])).unwrap();
    let measured: Vec<(i64, f64)> = (0..2000).map(|m| (m * MINUTE, reading(m))).collect();
    store.write(&power("home1.meter", &measured)).unwrap();
    clock.advance(Span::from_seconds(DAY));
    store.write(&power("home1.meter", &[(700 * MINUTE, -1.0), (3000 * MINUTE, 9.0)])).unwrap();
    for sealed in [false, true] {
        let before = all().as_of(at(10 * DAY + 60));
        assert_eq!(rows(&store, before.clone()), measured, "sealed: {sealed}");
        assert_eq!(rows(&store, before.clone().last(1)), measured[1999..]);
        assert_eq!(rows(&store, all().as_of(at(9 * DAY))), []);
        let now = rows(&store, all().as_of(at(11 * DAY + 60)));
        assert_eq!((now[700], now.len()), ((700 * MINUTE, -1.0), 2001));
        assert_eq!(now, rows(&store, all()));
        let sum = |query: Query| {
            store.query(&query.aggregate(Aggregate::Sum)).unwrap().series()[0].column("sum").unwrap().value(0)
        };
        let hundredths: i64 = (0..2000).map(|m| m * 7919 % 100_003).sum();
        assert_eq!(sum(before), hundredths as f64 / 100.0);
        store.seal().unwrap();
    }
}

fn value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        1 => Just(None),
        9 => (-2_000_000i32..2_000_000).prop_map(|n| Some(f64::from(n) / 1000.0)),
        1 => prop_oneof![Just(f64::NAN), Just(-0.0), Just(1.0 / 3.0), Just(1e12)].prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn buckets_are_the_same_bit_for_bit_whatever_is_sealed(
        values in prop::collection::vec(value(), 700..1600),
        step in prop_oneof![Just(1i64), Just(60), Just(900), 1i64..4000],
        length in 1i64..40_000,
        part in 1usize..400,
    ) {
        let batch = |from: usize, to: usize| {
            let times = (from..to).map(|row| Timestamp::from_seconds(row as i64 * step + (row / 97) as i64)).collect();
            Batch::new(device("home1.meter"), names(&["power"]), times, values[from..to].to_vec()).unwrap()
        };
        let stores: Vec<Store> = [1 << 20, 512].into_iter().map(|seal_rows| {
            let store = Store::in_memory(StoreOptions::default().seal_rows(seal_rows));
            store.register(&device("home1.meter"), &watts(&["power"])).unwrap();
            for start in (0..values.len()).step_by(part) {
                store.append(&batch(start, (start + part).min(values.len()))).unwrap();
            }
            store
        }).collect();
        stores[1].seal().unwrap();
        for every in [length, 3600, 86_400] {
            let simple = Aggregate::ALL.into_iter().filter(|aggregate| !aggregate.name().contains("time"));
            let query = simple.fold(all().every(Every::Fixed(Span::from_seconds(every))), Query::aggregate);
            let query = query.max_gap(Span::from_seconds(3 * step));
            let batches: Vec<_> = stores.iter().map(|store| store.query(&query).unwrap().to_batch().unwrap()).collect();
            prop_assert_eq!(&batches[0], &batches[1]);
        }
        let raw: Vec<Vec<(i64, u64)>> = stores.iter().map(|store| {
            rows(store, all()).into_iter().map(|(time, value)| (time, value.to_bits())).collect()
        }).collect();
        prop_assert_eq!(&raw[0], &raw[1]);
    }
}
