//! Aggregates over time, filled gaps, charts and instants, as they are asked of a store, and what their results say of themselves.

mod store_support;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use memcore::ErrorKind;
use memcore::model::{Batch, Channel, DeviceName, Kind, Span, Timestamp, Unit};
use memcore::store::{Aggregate, Chart, ChartMethod, Every, Gaps, Query, Rule, Store, StoreOptions};
use store_support::*;

fn minutely(name: &str, unit: Unit) -> Channel {
    Channel::gauge(name, unit).unwrap().cadence(Span::from_seconds(60)).build().unwrap()
}

/// `home1.grid` with power, current and a register, a row a minute for three hours; `home2.grid` has its current in between.
fn site() -> Store {
    let store = Store::in_memory(StoreOptions::default().seal_rows(64));
    let counter = Channel::gauge("energy", Unit::WattHour).unwrap().kind(Kind::Counter).build().unwrap();
    let channels = [minutely("power", Unit::Watt), minutely("current", Unit::Ampere), counter];
    for home in ["home1.grid", "home2.grid"] {
        store.register(&device(home), &channels).unwrap();
        let times: Vec<Timestamp> = (0..180).map(|minute| at(minute * 60)).collect();
        let energy = (0..180).map(|minute| Some(10.0 * f64::from(minute)));
        let values = [600.0, 3.0].into_iter().flat_map(|level| [Some(level); 180]).chain(energy).collect();
        store.write(&Batch::new(device(home), names(&["power", "current", "energy"]), times, values).unwrap()).unwrap();
    }
    store
}

fn asked(text: &str, aggregates: &[&str]) -> Query {
    aggregates.iter().fold(Query::new(pattern(text)), |query, name| query.aggregate(name.parse().unwrap()))
}

fn hourly(query: Query) -> Query {
    query.every(Every::parse("1h", None).unwrap())
}

fn column(store: &Store, query: Query, name: &str) -> Vec<Option<f64>> {
    let result = store.query(&query).unwrap();
    result.series()[0].column(name).unwrap().iter().collect()
}

fn metadata(batch: &RecordBatch, column: &str, key: &str) -> Option<String> {
    let schema = batch.schema();
    schema.field_with_name(column).unwrap().metadata().get(key).cloned()
}

#[test]
fn one_pass_gives_all_that_is_asked_for() {
    let store = site();
    let names = ["integral", "time_weighted_mean", "coverage", "p95", "mean", "count", "max"];
    let result = store.query(&hourly(asked("home1.grid.power", &names))).unwrap();
    let series = &result.series()[0];
    let expected = [600.0, 600.0, 1.0, 600.0, 600.0];
    for (name, expected) in names.into_iter().zip(expected) {
        assert_eq!(series.column(name).unwrap().values(), &[expected; 3], "{name}");
    }
    assert_eq!(series.counts().unwrap().values(), &[60; 3]);
    assert_eq!(result.column_names().collect::<Vec<_>>(), names);
    assert_eq!(series.unit("integral").unwrap(), "Wh");
    // The first reading gives nothing; from then on ten watt-hours a minute.
    assert_eq!(
        column(&store, hourly(asked("home1.grid.energy", &["increase"])), "increase"),
        [590.0, 600.0, 600.0].map(Some)
    );
    assert_eq!(
        column(&store, hourly(asked("home1.grid.energy", &["increase"])).from(at(3600)), "increase"),
        [600.0, 600.0].map(Some)
    );
}

#[test]
fn every_column_says_its_unit_and_its_meaning() {
    let store = site();
    let result = store.query(&hourly(asked("home1.grid.power", &["integral", "mean", "count"]))).unwrap();
    let batch = result.to_batch().unwrap();
    for (name, unit) in [("integral", "Wh"), ("mean", "W"), ("count", "1")] {
        assert_eq!(metadata(&batch, name, "unit").as_deref(), Some(unit));
        assert_eq!(metadata(&batch, name, "quantity").as_deref(), Some("power"));
    }
    assert_eq!(metadata(&batch, "integral", "meaning").unwrap(), "values times hours that they held");
    assert_eq!(batch.schema().metadata().get("unit"), None, "the columns differ");
    assert_eq!(batch.schema().metadata()["quantity"], "power");

    // One unit for all, whatever is counted beside it.
    let result = store.query(&hourly(asked("*.grid.current", &["integral", "coverage"]))).unwrap();
    assert_eq!(result.to_batch().unwrap().schema().metadata()["unit"], "Ah");
    // Series of several units in one column: the wide layout says which is which.
    let mixed = store.query(&asked("home1.grid.*", &["integral"]).max_gap(Span::from_seconds(60))).unwrap();
    assert_eq!(metadata(&mixed.to_batch().unwrap(), "integral", "unit"), None);
    let wide = mixed.wide().unwrap();
    let units: Vec<_> = (1..4).map(|at| wide.schema().field(at).metadata()["unit"].clone()).collect();
    assert_eq!(units, ["Ah", "Wh·h", "Wh"]);
}

#[test]
fn the_zone_of_a_calendar_stands_in_the_schema_and_times_stay_utc() {
    let store = site();
    let days = asked("home1.grid.power", &["integral"]).every(Every::parse("1d", Some("Europe/Paris")).unwrap());
    let result = store.query(&days).unwrap();
    assert_eq!(result.zone(), Some("Europe/Paris"));
    for batch in [result.to_batch().unwrap(), result.wide().unwrap()] {
        assert_eq!(batch.schema().metadata()["zone"], "Europe/Paris");
        let time = batch.schema().field_with_name("time").unwrap().data_type().to_string();
        assert!(time.contains("UTC"), "{time}");
    }
    assert_eq!(store.query(&hourly(asked("home1.grid.power", &[]))).unwrap().zone(), None);
}

#[test]
fn nulls_stay_nulls_in_every_layout() {
    let store = Store::in_memory(StoreOptions::default());
    for home in ["home1.pv", "home2.pv"] {
        store.register(&device(home), &watts(&["power"])).unwrap();
    }
    store.write(&power("home1.pv", &[(0, 1.0), (7200, 3.0)])).unwrap();
    store.write(&power("home2.pv", &[(3600, 2.0)])).unwrap();
    let query = hourly(asked("*.pv.power", &["mean", "count"])).from(at(0)).to(at(3 * 3600)).gaps(Gaps::Null);
    let result = store.query(&query).unwrap();
    let mean = result.series()[0].column("mean").unwrap();
    assert_eq!(mean.iter().collect::<Vec<_>>(), [Some(1.0), None, Some(3.0)]);
    assert!(mean.values()[1].is_nan(), "who reads the memory as it is finds no number");
    assert_eq!(result.series()[0].counts().unwrap().values(), &[1, 0, 1]);

    let long = result.to_batch().unwrap();
    let all: Vec<_> = long["mean"].as_primitive::<Float64Type>().iter().collect();
    assert_eq!(all, [Some(1.0), None, Some(3.0), None, Some(2.0), None]);
    assert_eq!((long["mean"].null_count(), long["count"].null_count()), (3, 0));
    let wide = result.wide().unwrap();
    assert_eq!(
        wide["home2.pv.power:mean"].as_primitive::<Float64Type>().iter().collect::<Vec<_>>(),
        [None, Some(2.0), None]
    );
}

#[test]
fn a_range_of_buckets_is_all_there_however_little_is_in_it() {
    let store = Store::in_memory(StoreOptions::default());
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    let query = |gaps| hourly(asked("home1.pv.power", &["mean"])).gaps(gaps).max_gap(Span::from_seconds(7200));
    let day = |gaps| query(gaps).from(at(0)).to(at(86_400));
    assert_eq!(column(&store, day(Gaps::Null), "mean"), [None; 24]);
    assert_eq!(column(&store, query(Gaps::Null), "mean"), [None; 0], "without ends there is no range");
    store.write(&power("home1.pv", &[(-1800, 5.0)])).unwrap();
    let carried = column(&store, day(Gaps::Previous), "mean");
    assert_eq!(carried[..3], [Some(5.0), Some(5.0), None], "a value from before the range holds into it, for two hours");
    let e = store.query(&query(Gaps::Null).from(at(0)).to(Timestamp::MAX)).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::LimitReached);
    assert!(e.message().contains("more than 10000000 buckets of 1h"), "{e}");
}

#[test]
fn a_channel_that_does_not_say_how_long_its_values_hold_is_named() {
    let store = Store::in_memory(StoreOptions::default());
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    for query in [
        asked("*.pv.power", &["integral"]),
        asked("*.pv.power", &["mean", "coverage"]),
        hourly(asked("*.pv.power", &["mean"])).gaps(Gaps::Previous),
    ] {
        let e = store.query(&query).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Invalid);
        assert!(e.message().starts_with("home1.pv.power: ") && e.message().contains("expected max_gap such as 15m"), "{e}");
        assert!(store.query(&query.max_gap(Span::from_seconds(900))).is_ok());
    }
    // What does not ask how long values hold does not need it.
    assert!(store.query(&hourly(asked("*.pv.power", &["mean", "increase", "p5"])).gaps(Gaps::Null)).is_ok());
}

#[test]
fn what_does_not_go_together_is_refused_by_name() {
    let store = site();
    let raw = || Query::new(pattern("home1.grid.power"));
    let chart = |width| Chart { width, method: ChartMethod::MinMax };
    for (query, words) in [
        (raw().max_gap(Span::from_seconds(0)), "max_gap is 0s, expected more than zero"),
        (raw().gaps(Gaps::Null), "`gaps` without `every`"),
        (raw().chart(chart(3)), "chart width is 3, expected 4 to 1000000"),
        (hourly(raw()).chart(chart(100)), "`chart` with `every`"),
        (raw().aggregate(Aggregate::Mean).chart(chart(100)), "`chart` with `every` or an aggregate"),
        (raw().limit(5).chart(chart(100)), "`chart` with `limit`"),
    ] {
        let e = store.query(&query).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Invalid);
        assert!(e.message().contains(words), "{e}");
    }
    assert_eq!("cubic".parse::<Rule>().unwrap_err().message(), "rule is \"cubic\", expected one of step trapezoid");
    assert!("zero".parse::<Gaps>().unwrap_err().message().contains("absent null previous linear"));
    assert!("avg".parse::<ChartMethod>().unwrap_err().message().contains("minmax minmaxlttb"));
}

#[test]
fn a_chart_has_the_extremes_and_no_more_points_than_asked() {
    let store = Store::in_memory(StoreOptions::default().seal_rows(1000));
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    let value = |i: i64| if i == 7_777 { -5000.0 } else { (i % 97) as f64 };
    let samples: Vec<(i64, f64)> = (0..10_000).map(|i| (i, value(i))).collect();
    samples.chunks(500).for_each(|part| store.write(&power("home1.pv", part)).unwrap());
    let raw = || Query::new(pattern("home1.pv.power")).from(at(0)).to(at(10_000));
    for (method, points) in [(ChartMethod::MinMax, 400), (ChartMethod::MinMaxLttb, 100)] {
        let drawn = rows(&store, raw().chart(Chart { width: 100, method }));
        assert!(drawn.len() <= points && drawn.len() > points / 3, "{method:?}: {}", drawn.len());
        assert!(drawn.contains(&(7_777, -5000.0)) && drawn.iter().all(|(time, drawn)| *drawn == value(*time)));
    }
}

#[test]
fn the_value_at_an_instant_is_the_latest_before_it() {
    let store = Store::in_memory(StoreOptions::default().seal_rows(3));
    for home in ["home1.pv", "home2.pv"] {
        store.register(&device(home), &watts(&["power"])).unwrap();
    }
    store.write(&power("home1.pv", &[(0, 0.0), (10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)])).unwrap();
    store.write(&power("home2.pv", &[(25, 7.0)])).unwrap();
    let held = |instant| -> Vec<(DeviceName, f64)> {
        let found = store.at(pattern("*.pv.power"), instant).unwrap().into_iter();
        found.map(|(series, sample)| (series.device, sample.value)).collect()
    };
    let (first, second) = (device("home1.pv"), device("home2.pv"));
    assert_eq!(held(at(-1)), []);
    assert_eq!(held(at(20)), [(first.clone(), 2.0)]);
    assert_eq!(held(at(29)), [(first.clone(), 2.0), (second.clone(), 7.0)]);
    assert_eq!(held(Timestamp::MAX), [(first, 4.0), (second, 7.0)]);
    assert_eq!(store.at(pattern("home1.pv.voltage"), at(0)).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_filled_or_integrated_answer_is_the_same_wherever_the_samples_are() {
    let counter = Channel::gauge("power", Unit::Watt).unwrap().cadence(Span::from_seconds(60)).build().unwrap();
    let mut dice = Dice(5);
    let samples: Vec<(i64, f64)> = (0..2000)
        .filter(|_| dice.below(9) > 0)
        .map(|i| (i * 60, [f64::NAN, 0.1 * i as f64, 7.3, -40.0][(i % 4) as usize]))
        .collect();
    let stores: Vec<Store> = [65_536, 100, 37]
        .into_iter()
        .map(|seal_rows| {
            let store = Store::in_memory(StoreOptions::default().seal_rows(seal_rows));
            store.register(&device("home1.pv"), std::slice::from_ref(&counter)).unwrap();
            samples.chunks(11).for_each(|part| store.write(&power("home1.pv", part)).unwrap());
            store.seal().unwrap();
            store
        })
        .collect();
    for gaps in [Gaps::Absent, Gaps::Null, Gaps::Previous, Gaps::Linear] {
        for rule in [Rule::Step, Rule::Trapezoid] {
            let query = Aggregate::ALL.into_iter().fold(Query::new(pattern("home1.pv.power")), Query::aggregate);
            let query = query.every(Every::parse("7m", None).unwrap()).gaps(gaps).rule(rule).from(at(3_000)).to(at(90_000));
            let answers: Vec<RecordBatch> =
                stores.iter().map(|store| store.query(&query).unwrap().to_batch().unwrap()).collect();
            assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{gaps:?} {rule:?}");
            assert!(answers[0].num_rows() > 200);
        }
    }
}
