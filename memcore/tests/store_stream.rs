//! Streams: the same answers batch by batch, in memory that does not grow with the range, of one moment.

mod store_support;

use arrow_array::RecordBatch;
use memcore::model::{Channel, Span, Unit};
use memcore::store::{Aggregate, Chart, ChartMethod, Every, Gaps, Query, Store, StoreOptions};
use store_support::*;

const ROWS: i64 = 40_000;

/// Two devices with a value a second, some hours without, sealed a few thousand rows at a time.
fn store() -> Store {
    let store = Store::in_memory(StoreOptions::default().seal_rows(7000));
    for name in ["home1.meter", "home2.meter"] {
        let channel = Channel::gauge("power", Unit::Watt).unwrap().cadence(Span::from_seconds(1)).build().unwrap();
        store.register(&device(name), &[channel]).unwrap();
        let rows: Vec<(i64, f64)> =
            (0..ROWS).map(|row| (row + row / 9000 * 20_000, (row * 31 % 997) as f64 / 10.0)).collect();
        for rows in rows.chunks(1000) {
            store.append(&power(name, rows)).unwrap();
        }
    }
    store.seal().unwrap();
    store.write(&power("home1.meter", &[(5, -1.0), (200_000, 3.0)])).unwrap();
    store
}

/// Every row of the batches as text: dictionaries may number series differently.
fn lines(batches: &[RecordBatch]) -> Vec<String> {
    use arrow_array::{Array, DictionaryArray, StringArray, types::Int32Type};
    let mut lines = Vec::new();
    for batch in batches {
        let series = batch.column(0).as_any().downcast_ref::<DictionaryArray<Int32Type>>().unwrap();
        let names = series.values().as_any().downcast_ref::<StringArray>().unwrap();
        for row in 0..batch.num_rows() {
            let name = names.value(series.key(row).unwrap());
            let cells = batch.columns()[1..].iter().map(|column| format!("{:?}", column.slice(row, 1)));
            lines.push(format!("{name} {}", cells.collect::<String>()));
        }
    }
    lines
}

#[test]
fn a_stream_gives_what_a_query_gives() {
    let store = store();
    let all = || Query::new(pattern("*.meter.power"));
    let seconds = || all().every(Every::Fixed(Span::from_seconds(7)));
    let over_time = |query: Query| {
        let aggregates = [Aggregate::Mean, Aggregate::TimeWeightedMean, Aggregate::Integral, Aggregate::Increase];
        aggregates.into_iter().fold(query, Query::aggregate)
    };
    let part = |query: Query| query.from(at(1000)).to(at(100_003));
    let day = Every::calendar(memcore::store::CalendarUnit::Minutes(1), "Europe/Berlin").unwrap();
    let queries = [
        all().limit(6_000),
        all().last(7_500),
        part(all()).limit(3),
        over_time(seconds()),
        part(over_time(seconds())),
        part(over_time(seconds()).gaps(Gaps::Null)),
        part(over_time(seconds()).gaps(Gaps::Previous)),
        part(over_time(seconds()).gaps(Gaps::Linear)),
        over_time(seconds()).gaps(Gaps::Null),
        over_time(all().every(day)),
        seconds().limit(9),
        all().aggregate(Aggregate::Sum),
        all().chart(Chart { width: 100, method: ChartMethod::MinMax }),
        all().from(at(5)).to(at(5)),
    ];
    for query in queries {
        let stream = store.stream(&query).unwrap();
        let schema = stream.schema();
        let batches: Vec<RecordBatch> = stream.collect::<Result<_, _>>().unwrap();
        assert!(batches.iter().all(|batch| batch.schema() == schema), "{query:?}");
        let whole = store.query(&query).unwrap().to_batch().unwrap();
        assert_eq!(whole.schema(), schema, "{query:?}");
        let (streamed, whole) = (lines(&batches), lines(&[whole]));
        assert_eq!(streamed.len(), whole.len(), "{query:?}");
        assert!(streamed == whole, "{query:?}");
    }
}

#[test]
fn what_is_decoded_and_not_given_does_not_grow_with_the_range() {
    let store = Store::in_memory(StoreOptions::default());
    store.register(&device("home1.meter"), &watts(&["power"])).unwrap();
    for part in 0..80 {
        let rows: Vec<(i64, f64)> = (part * 5000..(part + 1) * 5000).map(|row| (row, (row % 1009) as f64)).collect();
        store.append(&power("home1.meter", &rows)).unwrap();
    }
    store.seal().unwrap();
    let mut stream = store.stream(&Query::new(pattern("home1.meter.power"))).unwrap();
    let (mut given, mut batches) = (0, 0);
    while let Some(batch) = stream.next() {
        let rows = batch.unwrap().num_rows() as u64;
        (given, batches) = (given + rows, batches + 1);
        let held = stream.cost().points_decoded - given;
        assert!(rows <= 65_536 + 512 && held <= 512, "{rows} rows, {held} held");
    }
    assert_eq!((given, batches), (400_000, 7));
}

#[test]
fn a_stream_sees_what_was_there_when_it_began() {
    let store = store();
    let query = Query::new(pattern("*.meter.power"));
    let expected = lines(&[store.query(&query).unwrap().to_batch().unwrap()]);
    let mut stream = store.stream(&query).unwrap();
    let first = stream.next().unwrap().unwrap();
    let late: Vec<(i64, f64)> = (0..ROWS).map(|row| (row * 3, 0.5)).collect();
    late.chunks(1000).for_each(|rows| store.write(&power("home2.meter", rows)).unwrap());
    store.delete(pattern("home2.meter.power"), at(0), at(50_000)).unwrap();
    store.seal().unwrap();
    let rest = stream.collect::<Result<Vec<_>, _>>().unwrap();
    let batches: Vec<RecordBatch> = [first].into_iter().chain(rest).collect();
    assert!(lines(&batches) == expected);
    assert!(lines(&[store.query(&query).unwrap().to_batch().unwrap()]) != expected);
}
