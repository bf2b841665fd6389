//! The field cases of `tests/cases/energy.json`: what readings mean over time, asked of a store. Python and Node run the same.

mod store_support;

use std::path::Path;

use arrow_array::{Array, Float64Array};
use memcore::Memcore;
use memcore::model::{Batch, Channel, Quality, Span, Timestamp};
use memcore::store::{Every, Query, SeriesResult, Store, StoreOptions};
use serde_json::Value;
use store_support::*;

fn cases() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/energy.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all["cases"].as_array().unwrap().clone()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).map(|text| text.as_str().unwrap())
}

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

fn channel(of: &Value) -> Channel {
    let mut json = of.clone();
    let fields = json.as_object_mut().unwrap();
    fields.insert("name".into(), "value".into());
    for field in ["cadence", "max_age"] {
        if let Some(length) = fields.remove(field) {
            fields.insert(format!("{field}_us"), span(length.as_str().unwrap()).as_micros().into());
        }
    }
    serde_json::from_value(json).unwrap()
}

/// A time, a value, and how it came about where that is said.
type Sample = (Timestamp, Option<f64>, Option<Quality>);

fn samples(case: &Value) -> Vec<Sample> {
    written(&case["samples"])
}

fn written(entries: &Value) -> Vec<Sample> {
    let mut samples = Vec::new();
    for entry in entries.as_array().unwrap() {
        if let Some(parts) = entry.as_array() {
            let quality = parts.get(2).and_then(Value::as_str).map(|quality| quality.parse().unwrap());
            samples.push((parts[0].as_str().unwrap().parse().unwrap(), parts[1].as_f64(), quality));
            continue;
        }
        let mut time: Timestamp = text(entry, "from").unwrap().parse().unwrap();
        let to: Timestamp = text(entry, "to").unwrap().parse().unwrap();
        while time < to {
            samples.push((time, entry["value"].as_f64(), None));
            time = time.saturating_add(span(text(entry, "step").unwrap()));
        }
    }
    samples
}

fn query(case: &Value) -> Query {
    let of = &case["query"];
    let mut query = Query::new(pattern("home1.meter.value"));
    for name in of["aggregates"].as_array().unwrap() {
        query = query.aggregate(name.as_str().unwrap().parse().unwrap());
    }
    if of.get("quality") == Some(&Value::Bool(true)) {
        query = query.with_quality();
    }
    for (key, value) in of.as_object().unwrap() {
        let value = || value.as_str().unwrap();
        query = match key.as_str() {
            "from" => query.from(value().parse().unwrap()),
            "to" => query.to(value().parse().unwrap()),
            "every" => query.every(Every::parse(value(), text(of, "tz")).unwrap()),
            "gaps" => query.gaps(value().parse().unwrap()),
            "rule" => query.rule(value().parse().unwrap()),
            "max_gap" => query.max_gap(span(value())),
            "aggregates" | "tz" | "quality" => query,
            other => panic!("{case}: what is {other}?"),
        };
    }
    query
}

/// The same samples in the head, in sealed chunks, and in both; what tells qualities is written as a program writes it.
fn stores(case: &Value) -> Vec<Store> {
    let described = channel(&case["channel"]);
    let samples = samples(case);
    if samples.iter().any(|(_, _, quality)| quality.is_some()) {
        return [[false, false], [true, false], [true, true]].map(|seals| told(case, &described, seals)).into();
    }
    let store_of = |seal_rows: usize| {
        let store = Store::in_memory(StoreOptions::default().seal_rows(seal_rows));
        store.register(&device("home1.meter"), std::slice::from_ref(&described)).unwrap();
        for part in samples.chunks(7) {
            let times = part.iter().map(|(time, ..)| *time).collect();
            let values = part.iter().map(|(_, value, _)| value.map(|value| described.to_stored(value))).collect();
            store.write(&Batch::new(device("home1.meter"), names(&["value"]), times, values).unwrap()).unwrap();
        }
        store
    };
    let sealed = store_of(50);
    sealed.seal().unwrap();
    vec![store_of(65_536), store_of(20), sealed]
}

/// Samples with qualities, and what is written over them; `seals` says after which of the two the store is sealed.
fn told(case: &Value, described: &Channel, seals: [bool; 2]) -> Store {
    let (mem, series) = (Memcore::in_memory(), "home1.meter.value".parse().unwrap());
    mem.register(&series, described).unwrap();
    let corrected = case.get("corrected").map(written).unwrap_or_default();
    for (samples, seal) in [samples(case), corrected].iter().zip(seals) {
        let times: Vec<Timestamp> = samples.iter().map(|(time, ..)| *time).collect();
        let values: Vec<Option<f64>> = samples.iter().map(|(_, value, _)| *value).collect();
        if samples.iter().any(|(_, _, quality)| quality.is_some()) {
            let each: Vec<Quality> = samples.iter().map(|(_, _, quality)| quality.unwrap_or_default()).collect();
            mem.write_with_quality(&series, &times, &values, None, each).unwrap();
        } else {
            mem.write(&series, &times, &values, None).unwrap();
        }
        if seal {
            mem.store().seal().unwrap();
        }
    }
    mem.store().clone()
}

/// The time of each row and its columns; a count as a number.
fn rows(series: &SeriesResult, columns: &[&str]) -> Vec<(Timestamp, Vec<Option<f64>>)> {
    let number = |array: &Float64Array, row: usize| array.is_valid(row).then(|| array.value(row));
    let of = |name: &&str, row: usize| match series.column(name) {
        Some(array) => number(array, row),
        None => series.counts().map(|counts| counts.value(row) as f64),
    };
    let row =
        |(row, time): (usize, &i64)| (Timestamp::from_micros(*time), columns.iter().map(|name| of(name, row)).collect());
    series.times().values().iter().enumerate().map(row).collect()
}

#[test]
fn every_field_case_has_its_right_outcome() {
    for case in cases() {
        let name = text(&case, "name").unwrap();
        let columns: Vec<&str> = match case["query"]["aggregates"].as_array().unwrap() {
            none if none.is_empty() => vec!["value", "quality"],
            some => some.iter().map(|name| name.as_str().unwrap()).collect(),
        };
        for (number, store) in stores(&case).iter().enumerate() {
            let result = store.query(&query(&case)).unwrap_or_else(|e| panic!("{name}: {e}"));
            let rows = rows(&result.series()[0], &columns);
            if let Some(expected) = case.get("row_count") {
                assert_eq!(rows.len() as u64, expected.as_u64().unwrap(), "{name}, store {number}");
                let filled = text(&case["query"], "gaps") != Some("null");
                assert!(!filled || rows.iter().all(|(_, row)| row.iter().all(Option::is_some)), "{name}: a row is null");
                continue;
            }
            let expected = case["rows"].as_array().unwrap();
            assert_eq!(rows.len(), expected.len(), "{name}, store {number}: {rows:?}");
            for ((time, row), expected) in rows.iter().zip(expected) {
                let expected = expected.as_array().unwrap();
                assert_eq!(*time, expected[0].as_str().unwrap().parse().unwrap(), "{name}, store {number}");
                let values: Vec<Option<f64>> = expected[1..].iter().map(Value::as_f64).collect();
                assert_eq!(*row, values, "{name}, store {number}, {time}");
            }
        }
    }
}

#[test]
fn energy_is_what_it_is_however_the_days_are_asked_for() {
    let case = cases().into_iter().find(|case| text(case, "name").unwrap().starts_with("A9 and 25")).unwrap();
    let store = &stores(&case)[1];
    let of = |query: Query| -> f64 {
        let query = query.aggregate("integral".parse().unwrap());
        store.query(&query).unwrap().series()[0].column("integral").unwrap().values().iter().sum()
    };
    let all = || Query::new(pattern("home1.meter.value"));
    let cut: Timestamp = "2025-10-26T01:07:00Z".parse().unwrap();
    assert_eq!(of(all()), 73_000.0);
    assert_eq!(of(all().to(cut)) + of(all().from(cut)), 73_000.0);
    for every in ["7m", "1h", "1d"] {
        assert_eq!(of(all().every(Every::parse(every, None).unwrap())).round(), 73_000.0, "{every}");
    }
}
