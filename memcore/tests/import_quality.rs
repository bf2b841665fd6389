//! Files say how values came about in any order: beside them, above or below them, or in another file. It comes to the same.
#![cfg(feature = "files")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use memcore::model::{Quality, SeriesName, Timestamp};
use memcore::{ImportReport, ImportRequest, Mapping, Memcore, Query, import_file};

/// More rows than are read at a time.
const ROWS: i64 = 20_000;
const POWER: &str = "home1.meter.power";

fn time(row: i64) -> Timestamp {
    Timestamp::from_seconds(row * 900)
}

/// Every seventh value was estimated, every hundredth put in by hand.
fn quality(row: i64) -> Option<u8> {
    if row % 100 == 0 { Some(3) } else { (row % 7 == 0).then_some(2) }
}

fn values() -> Vec<String> {
    (0..ROWS).map(|row| format!("{POWER},{},{row},W\n", time(row))).collect()
}

fn qualities() -> Vec<String> {
    (0..ROWS).filter_map(|row| Some(format!("{POWER}.quality,{},{},code\n", time(row), quality(row)?))).collect()
}

/// Rows of values and qualities in turn, as they are in time.
fn interleaved(quality_first: bool) -> Vec<String> {
    let (values, mut qualities) = (values(), qualities().into_iter());
    let pair = |(row, value): (usize, String)| {
        let told = quality(row as i64).and_then(|_| qualities.next());
        let mut pair: Vec<String> = [Some(value), told].into_iter().flatten().collect();
        if quality_first {
            pair.reverse();
        }
        pair
    };
    values.into_iter().enumerate().flat_map(pair).collect()
}

fn long(rows: impl IntoIterator<Item = String>) -> String {
    std::iter::once("series,time,value,unit\n".to_owned()).chain(rows).collect()
}

fn wide(quality_first: bool) -> String {
    let names = if quality_first { "power.quality,power [W]" } else { "power [W],power.quality" };
    let mut text = format!("time,{names}\n");
    for row in 0..ROWS {
        let told = quality(row).map(|quality| quality.to_string()).unwrap_or_default();
        let (first, second) = if quality_first { (told, row.to_string()) } else { (row.to_string(), told) };
        writeln!(text, "{},{first},{second}", time(row)).unwrap();
    }
    text
}

/// A JSON object a line, a sample each.
fn json(rows: impl IntoIterator<Item = String>) -> String {
    let line = |row: String| {
        let parts: Vec<&str> = row.trim().split(',').collect();
        format!(
            "{{\"series\":\"{}\",\"time\":\"{}\",\"value\":{},\"unit\":\"{}\"}}\n",
            parts[0], parts[1], parts[2], parts[3]
        )
    };
    rows.into_iter().map(line).collect()
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

fn request(file: &Path) -> ImportRequest {
    let mut request = ImportRequest::new(file);
    request.frame.device = Some("home1.meter".parse().unwrap());
    request
}

fn import(mem: &Memcore, folder: &Path, text: &str) -> ImportReport {
    let name = if text.starts_with('{') { "some.jsonl" } else { "some.csv" };
    import_file(mem, &request(&written(folder, name, text)), &mut |_| Ok(())).unwrap()
}

/// Rows, values and qualities.
fn samples(mem: &Memcore) -> Vec<(i64, f64, f64)> {
    let result = mem.query(&Query::of(POWER).unwrap().with_quality()).unwrap();
    let Some(series) = result.series().first() else { return Vec::new() };
    let rows = series.times().values().iter().map(|time| time / 900_000_000);
    let pairs = series.values().unwrap().values().iter().zip(series.qualities().unwrap().values());
    rows.zip(pairs).map(|(row, (value, quality))| (row, *value, *quality)).collect()
}

/// What stands in the series of qualities, but for what says that a value was measured.
fn cells(mem: &Memcore) -> Vec<(i64, f64)> {
    let result = mem.query(&Query::of(&format!("{POWER}.quality")).unwrap()).unwrap();
    let Some(series) = result.series().first() else { return Vec::new() };
    let values = series.values().unwrap().values();
    let all = series.times().values().iter().zip(values).map(|(time, value)| (time / 900_000_000, *value));
    all.filter(|(_, quality)| *quality != 0.0).collect()
}

#[test]
fn whatever_order_a_file_has_each_value_has_its_quality_and_again_adds_nothing() {
    let expected: Vec<_> = (0..ROWS).map(|row| (row, row as f64, f64::from(quality(row).unwrap_or_default()))).collect();
    let folder = tempfile::tempdir().unwrap();
    let orders: [(&str, Vec<String>); 9] = [
        ("wide, the value first", vec![wide(false)]),
        ("wide, the quality first", vec![wide(true)]),
        ("in turn, the value first", vec![long(interleaved(false))]),
        ("in turn, the quality first", vec![long(interleaved(true))]),
        ("all values, then all qualities", vec![long(values().into_iter().chain(qualities()))]),
        ("all qualities, then all values", vec![long(qualities().into_iter().chain(values()))]),
        ("JSON, all qualities first", vec![json(qualities().into_iter().chain(values()))]),
        ("a file of values, then one of qualities", vec![long(values()), long(qualities())]),
        ("a file of qualities, then one of values", vec![json(qualities()), long(values())]),
    ];
    for (order, files) in orders {
        let mem = Memcore::in_memory();
        for again in [false, true] {
            let reports: Vec<ImportReport> = files.iter().map(|text| import(&mem, folder.path(), text)).collect();
            let points: u64 = reports.iter().map(|report| report.points).sum();
            assert_eq!(points, if again { 0 } else { (ROWS as usize + qualities().len()) as u64 }, "{order}");
            let found = samples(&mem);
            let wrong = found.iter().zip(&expected).find(|(found, expected)| found != expected);
            assert_eq!((wrong, found.len()), (None, expected.len()), "{order}");
            mem.store().seal().unwrap();
        }
    }
}

#[test]
fn a_file_that_corrects_values_keeps_what_it_says_of_them() {
    let rows = |values: [i64; 2]| {
        let value = |row: i64| format!("{POWER},{},{},W\n", time(row), values[row as usize]);
        let quality = |row: i64| format!("{POWER}.quality,{},2,code\n", time(row));
        ([value(0), value(1)], [quality(0), quality(1)])
    };
    let folder = tempfile::tempdir().unwrap();
    let wide = |values: [i64; 2]| {
        format!("time,power [W],power.quality\n{},{},2\n{},{},2\n", time(0), values[0], time(1), values[1])
    };
    let long = |values: [i64; 2], quality_first: bool| {
        let (values, qualities) = rows(values);
        if quality_first { long(qualities.into_iter().chain(values)) } else { long(values.into_iter().chain(qualities)) }
    };
    let texts: [&dyn Fn([i64; 2]) -> String; 3] = [&wide, &|values| long(values, true), &|values| long(values, false)];
    for text in texts {
        let mem = Memcore::in_memory();
        import(&mem, folder.path(), &text([10, 20]));
        import(&mem, folder.path(), &text([10, 21]));
        assert_eq!(samples(&mem), [(0, 10.0, 2.0), (1, 21.0, 2.0)], "{}", text([10, 21]));
        // A row that has a place for the quality and leaves it empty was measured.
        import(&mem, folder.path(), &format!("time,power [W],power.quality\n{},11,\n", time(0)));
        assert_eq!(samples(&mem)[0], (0, 11.0, 0.0));
    }
}

/// The register of an inverter that says 0xFFFF twice, and one value that was estimated.
fn register(order: [usize; 6]) -> String {
    let all = [
        format!("{POWER},{},100,W\n", time(0)),
        format!("{POWER},{},65535,W\n", time(1)),
        format!("{POWER},{},65535,W\n", time(2)),
        format!("{POWER},{},90,W\n", time(3)),
        format!("{POWER}.quality,{},2,code\n", time(1)),
        format!("{POWER}.quality,{},2,code\n", time(3)),
    ];
    foreign(order.map(|at| all[at].clone()))
}

/// As a logger writes it, so that its numbers are not what a store has taken in already.
fn foreign(rows: impl IntoIterator<Item = String>) -> String {
    long(rows).replacen("series,time,value,unit", "name,timestamp,reading,unit", 1)
}

fn import_register(mem: &Memcore, folder: &Path, text: &str) -> ImportReport {
    let mut request = request(&written(folder, "register.csv", text));
    let toml = "[long]\nseries = \"name\"\nvalue = \"reading\"\nunit = \"unit\"\n";
    request.mapping = Mapping::from_toml(&format!("{toml}[columns.\"{POWER}\"]\nregister = \"uint16\"\n")).unwrap();
    import_file(mem, &request, &mut |_| Ok(())).unwrap()
}

#[test]
fn a_number_that_is_no_value_is_invalid_in_any_order_and_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for order in [[0, 1, 2, 3, 4, 5], [4, 5, 0, 1, 2, 3], [5, 3, 2, 4, 1, 0], [0, 1, 4, 2, 3, 5]] {
        let mem = Memcore::in_memory();
        for again in [false, true] {
            let report = import_register(&mem, folder.path(), &register(order));
            assert_eq!(report.invalid, 2, "{order:?}");
            assert!(!again || report.points == 0, "{order:?}: {report:?}");
            assert_eq!(samples(&mem), [(0, 100.0, 0.0), (3, 90.0, 2.0)], "{order:?}");
            assert_eq!(cells(&mem), [(1, 4.0), (2, 4.0), (3, 2.0)], "{order:?}, again {again}");
        }
    }
}

#[test]
fn a_value_that_took_the_place_of_an_invalid_number_stays_when_its_file_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mem, power) = (Memcore::in_memory(), POWER.parse::<SeriesName>().unwrap());
    let text = register([0, 1, 2, 3, 4, 5]);
    import_register(&mem, folder.path(), &text);
    mem.write(&power, &[time(1)], &[Some(95.0)], None).unwrap();
    mem.write_with_quality(&power, &[time(2)], &[Some(96.0)], None, Quality::Substituted).unwrap();
    let corrected = samples(&mem);
    assert_eq!(corrected[1..3], [(1, 95.0, 0.0), (2, 96.0, 3.0)]);
    import_register(
        &mem,
        folder.path(),
        &foreign([format!("{POWER},{},65535,W\n", time(1)), format!("{POWER},{},65535,W\n", time(2))]),
    );
    assert_eq!(samples(&mem), corrected);
}

#[test]
fn qualities_are_labelled_as_their_values_are() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("time,power.quality,power [W]\n{},2,7\n{},,8\n", time(1), time(2));
    let mut request = request(&written(folder.path(), "end.csv", &text));
    request.mapping = Mapping::from_toml("[columns.\"power [W]\"]\nlabel = \"end\"\ncadence = \"15m\"\n").unwrap();
    let mem = Memcore::in_memory();
    for _ in 0..2 {
        import_file(&mem, &request, &mut |_| Ok(())).unwrap();
        assert_eq!(samples(&mem), [(0, 7.0, 2.0), (1, 8.0, 0.0)]);
    }
}
