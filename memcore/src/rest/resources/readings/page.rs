//! Rows page by page: series after series in order of their names, each in order of time.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType, UInt64Type};
use arrow_array::{Array, RecordBatch};

use super::rows::{ReadingsPage, ReadingsQuery, SeriesRows};
use crate::error::Result;
use crate::model::{Channel, SeriesName, Timestamp};
use crate::rest::api::Api;
use crate::rest::problem::Problem;
use crate::runtime::{Memcore, Query as Question};

/// The page that a request asks for.
pub(super) async fn page(api: &Api, asked: &ReadingsQuery, question: Question) -> Result<ReadingsPage, Problem> {
    let cursor = asked.cursor.as_deref().map(Cursor::read).transpose()?;
    let (limit, range) = (asked.limit()?, question.range());
    let memcore = api.server().memcore().clone();
    let (series, next) = super::read(api, move || gather(&memcore, &question, cursor, limit)).await.map_err(too_many)?;
    let micros = |time: Option<Timestamp>| time.map(Timestamp::as_micros);
    let (every, zone) = (asked.every.clone(), asked.zone.clone());
    Ok(ReadingsPage { from_us: micros(range.0), to_us: micros(range.1), every, zone, series, next })
}

/// More buckets than there may be is what the request says wrong, not a matter of trying again.
fn too_many(problem: Problem) -> Problem {
    if problem.status == 429 { Problem::invalid("every", problem.detail) } else { problem }
}

/// Where a page goes on: at a time of a series.
#[derive(Debug, PartialEq)]
struct Cursor {
    time: Timestamp,
    series: SeriesName,
}

impl Cursor {
    fn read(text: &str) -> Result<Self, Problem> {
        let parts = text.split_once('~').and_then(|(time, series)| {
            let time = Timestamp::from_micros(time.parse().ok()?);
            Some(Self { time, series: series.parse().ok()? })
        });
        parts.ok_or_else(|| Problem::invalid("cursor", "cursor is not one that a page gave"))
    }

    fn written(&self) -> String {
        format!("{}~{}", self.time.as_micros(), self.series)
    }
}

fn gather(
    memcore: &Memcore,
    question: &Question,
    cursor: Option<Cursor>,
    limit: usize,
) -> Result<(Vec<SeriesRows>, Option<String>)> {
    let all = memcore.series(question.selection());
    if all.is_empty() {
        // A series that is named and is not there is said.
        memcore.query(&question.clone().limit(1))?;
    }
    let (mut found, mut left) = (Vec::new(), limit);
    for (name, channel) in all {
        let mut one = question.clone().select(&name);
        match &cursor {
            Some(cursor) if name < cursor.series => continue,
            Some(cursor) if name == cursor.series => one = one.from(cursor.time),
            _ => {}
        }
        let mut rows = take(memcore, &one, &name, &channel, left + 1)?;
        let more = rows.time_us.get(left).copied();
        rows.cut(left);
        left -= rows.time_us.len();
        if !rows.time_us.is_empty() {
            found.push(rows);
        }
        if let Some(time) = more {
            let next = Cursor { time: Timestamp::from_micros(time), series: name };
            return Ok((found, Some(next.written())));
        }
    }
    Ok((found, None))
}

/// The first rows of a series.
fn take(memcore: &Memcore, one: &Question, name: &SeriesName, channel: &Channel, rows: usize) -> Result<SeriesRows> {
    let bounded = if one.is_raw() { one.clone().limit(rows) } else { one.clone() };
    let (base, quantity) = (channel.base_unit().symbol().to_owned(), channel.quantity.name().to_owned());
    let (columns, units) = (BTreeMap::new(), BTreeMap::new());
    let mut taken = SeriesRows { series: name.to_string(), unit: base, quantity, time_us: Vec::new(), columns, units };
    for batch in memcore.store().stream(&bounded)? {
        taken.add(&batch?);
        if taken.time_us.len() >= rows {
            taken.cut(rows);
            break;
        }
    }
    Ok(taken)
}

impl SeriesRows {
    /// Adds a batch of the long layout.
    fn add(&mut self, batch: &RecordBatch) {
        let schema = batch.schema();
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
                self.time_us.extend_from_slice(times.values());
                continue;
            }
            let Some(numbers) = numbers(array.as_ref()) else { continue };
            let unit = field.metadata().get("unit").cloned().unwrap_or_else(|| self.unit.clone());
            self.units.entry(field.name().clone()).or_insert(unit);
            self.columns.entry(field.name().clone()).or_default().extend(numbers);
        }
    }

    fn cut(&mut self, rows: usize) {
        self.time_us.truncate(rows);
        self.columns.values_mut().for_each(|column| column.truncate(rows));
    }
}

/// Numbers of a column; what is no number, or absent, is none.
fn numbers(array: &dyn Array) -> Option<Vec<Option<f64>>> {
    if let Some(counts) = array.as_primitive_opt::<UInt64Type>() {
        return Some(counts.iter().map(|count| count.map(|count| count as f64)).collect());
    }
    let values = array.as_primitive_opt::<Float64Type>()?;
    Some(values.iter().map(|value| value.filter(|value| value.is_finite())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Unit;

    fn filled() -> Memcore {
        let memcore = Memcore::in_memory();
        let times: Vec<Timestamp> = (0..50).map(|n| Timestamp::from_seconds(n * 60)).collect();
        let values: Vec<Option<f64>> = (0..50).map(|n| Some(f64::from(n))).collect();
        for series in ["home1.a.power", "home1.b.power", "home1.c.power"] {
            memcore.write(&series.parse().unwrap(), &times, &values, Some(Unit::Watt)).unwrap();
        }
        memcore
    }

    fn all_pages(question: &Question, limit: usize) -> Vec<(String, i64, Option<f64>)> {
        let (memcore, mut cursor, mut all) = (filled(), None, Vec::new());
        loop {
            let (series, next) = gather(&memcore, question, cursor, limit).unwrap();
            assert!(series.iter().map(|one| one.time_us.len()).sum::<usize>() <= limit);
            for one in series {
                let (_, column) = one.columns.first_key_value().unwrap();
                let rows = one.time_us.iter().zip(column);
                all.extend(rows.map(|(time, value)| (one.series.clone(), *time, *value)));
            }
            let Some(next) = next else { return all };
            cursor = Some(Cursor::read(&next).unwrap());
        }
    }

    #[test]
    fn pages_of_any_size_are_the_whole_one_after_the_other() {
        let raw = Question::of("home1.*.power").unwrap();
        let buckets = raw.clone().every(crate::runtime::Every::parse("7m", None).unwrap());
        for question in [raw, buckets] {
            let whole = all_pages(&question, 10_000);
            assert!(whole.len() >= 24);
            for limit in [1, 7, 8, 49, 50, 51, 150] {
                assert_eq!(all_pages(&question, limit), whole, "{limit}");
            }
        }
    }

    #[test]
    fn a_cursor_that_no_page_gave_is_refused() {
        for text in ["", "5", "x~home1.a.power", "5~", "5~a b"] {
            assert_eq!(Cursor::read(text).unwrap_err().field.as_deref(), Some("cursor"), "{text}");
        }
    }
}
