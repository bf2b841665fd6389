//! Answers as a stream of Arrow: however long they are, memory stays flat, for a slice of time is read after the other.

mod layout;

use std::collections::{BTreeMap, VecDeque};

use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};

use self::layout::Layout;
pub(super) use self::layout::{CHANNELS, Form};
use super::embedded::Memcore;
use crate::error::{Error, Result};
use crate::model::{Channel, SeriesName, Span, Timestamp};
use crate::store::{Query, QueryResult};

/// Values of a slice: what is in memory at a time, in a few copies.
const SLICE_VALUES: u64 = 1 << 18;

/// A series of the stream.
struct Exported {
    name: SeriesName,
    channel: Channel,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    points: u64,
}

/// The batches of an answer, each read when it is asked for. What is written meanwhile may be part of them.
///
/// In the long layout: `series` (dictionary of i32 to utf8), `time` (microseconds, UTC), a column for the values or for each
/// aggregate, and `unit` (dictionary).
#[derive(Debug)]
pub struct RecordStream {
    memcore: Memcore,
    layout: Layout,
    parts: VecDeque<Query>,
    many: usize,
}

impl Memcore {
    /// As [`query`](Self::query), read piece by piece as it is asked for: memory stays flat, however long the range is.
    ///
    /// # Errors
    /// As there.
    pub fn stream(&self, query: &Query) -> Result<RecordStream> {
        RecordStream::new(self, query, Form::default())
    }
}

impl RecordStream {
    pub(super) fn new(memcore: &Memcore, query: &Query, form: Form) -> Result<Self> {
        let series = series(memcore, query)?;
        let layout = Layout::new(&series, query, form)?;
        let parts: VecDeque<Query> = parts(&series, query, form.wide).into();
        let many = parts.len().max(1);
        Ok(Self { memcore: memcore.clone(), layout, parts, many })
    }

    /// What every batch is like.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.layout.schema()
    }

    /// How the columns are called where they have no metadata.
    pub(super) fn titles(&self) -> &[String] {
        self.layout.titles()
    }

    /// How many series there are.
    pub(super) fn series(&self) -> usize {
        self.layout.series()
    }

    /// Which part is read, from 0 to 1.
    #[must_use]
    pub fn part(&self) -> f64 {
        1.0 - self.parts.len() as f64 / self.many as f64
    }
}

impl Iterator for RecordStream {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let part = self.parts.pop_front()?;
        let batch = self.memcore.query(&part).and_then(|result| self.layout.batch(&result));
        if batch.is_err() {
            self.parts.clear();
        }
        Some(batch)
    }
}

/// How many values a batch has.
pub(super) fn points(batch: &RecordBatch) -> u64 {
    let numbers =
        batch.columns().iter().filter(|column| matches!(column.data_type(), DataType::Float64 | DataType::UInt64));
    numbers.map(|column| (column.len() - column.null_count()) as u64).sum()
}

/// What is selected, with its size and span.
fn series(memcore: &Memcore, query: &Query) -> Result<Vec<Exported>> {
    let channels: BTreeMap<SeriesName, Channel> = memcore.series(query.selection()).into_iter().collect();
    if let (true, Some(series)) = (channels.is_empty(), query.selection().exact()) {
        return Err(Error::not_found(format!("series {series} is not registered")));
    }
    let stats = memcore.store().series_stats(query.selection())?;
    let known = stats.into_iter().filter_map(|(name, stats)| {
        let channel = channels.get(&name)?.clone();
        Some(Exported { name, channel, first: stats.first, last: stats.last, points: stats.points })
    });
    Ok(known.collect())
}

/// The query in parts of which each fits into memory: by series, or for the wide layout over all of them, and by time where
/// it is raw. Buckets are few, and cut nowhere.
fn parts(series: &[Exported], query: &Query, wide: bool) -> Vec<Query> {
    let groups: Vec<(Query, &[Exported])> = match wide {
        true => vec![(query.clone(), series)],
        false => series.iter().map(|one| (query.clone().select(&one.name), std::slice::from_ref(one))).collect(),
    };
    groups
        .into_iter()
        .flat_map(|(query, series)| if query.may_be_cut() { slices(series, &query) } else { vec![query] })
        .collect()
}

/// A raw query cut by time into pieces of about as many values.
fn slices(series: &[Exported], query: &Query) -> Vec<Query> {
    let (from, to) = query.range();
    let (Some(mut first), Some(mut last)) =
        (series.iter().filter_map(|one| one.first).min(), series.iter().filter_map(|one| one.last).max())
    else {
        return vec![query.clone()];
    };
    let points: u64 = series.iter().map(|one| one.points).sum();
    let whole = last.as_micros().abs_diff(first.as_micros()).max(1);
    first = from.map_or(first, |from| from.max(first));
    last = to.map_or(last, |to| to.min(last));
    if first >= last {
        return vec![query.clone()];
    }
    let length = last.as_micros().abs_diff(first.as_micros());
    let many = (points as f64 * (length as f64 / whole as f64) / SLICE_VALUES as f64).ceil().max(1.0);
    let step = i64::try_from((length as f64 / many) as u64).unwrap_or(i64::MAX).max(1);
    let mut borders = vec![];
    let mut border = first.saturating_add(Span::from_micros(step));
    while border < last {
        borders.push(border);
        border = border.saturating_add(Span::from_micros(step));
    }
    // The outer ends are the query's own, so that nothing depends on how exact the statistics are.
    let starts = std::iter::once(from).chain(borders.iter().copied().map(Some));
    let ends = borders.iter().copied().map(Some).chain(std::iter::once(to));
    starts.zip(ends).map(|(start, end)| between(query, start, end)).collect()
}

fn between(query: &Query, start: Option<Timestamp>, end: Option<Timestamp>) -> Query {
    let query = start.map_or_else(|| query.clone(), |start| query.clone().from(start));
    end.map_or_else(|| query.clone(), |end| query.clone().to(end))
}

/// What an answer is written with: series that were registered meanwhile are no part of the file.
fn known<'a>(
    result: &'a QueryResult,
    series: &'a [SeriesName],
) -> impl Iterator<Item = (usize, &'a crate::store::SeriesResult)> {
    result.series().iter().filter_map(|answer| Some((series.binary_search(answer.series()).ok()?, answer)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Unit;

    #[test]
    fn a_long_answer_comes_in_pieces_as_they_are_asked_for() {
        let mem = Memcore::in_memory();
        let times: Vec<Timestamp> = (0..700_000).map(Timestamp::from_seconds).collect();
        let values: Vec<Option<f64>> = (0..700_000).map(|n| Some(f64::from(n))).collect();
        for series in ["home1.a.power", "home1.b.power"] {
            mem.write(&series.parse().unwrap(), &times, &values, Some(Unit::Watt)).unwrap();
        }
        let query = Query::of("home1.*.power").unwrap().from(Timestamp::from_seconds(100_000));
        let mut stream = mem.stream(&query).unwrap();
        let schema = stream.schema();
        let first = stream.next().unwrap().unwrap();
        assert!(first.num_rows() < 300_000 && first.schema() == schema && stream.part() < 0.5);
        let rest: Vec<RecordBatch> = stream.map(Result::unwrap).collect();
        assert!(rest.len() > 3);
        assert_eq!(rest.iter().map(RecordBatch::num_rows).sum::<usize>() + first.num_rows(), 1_200_000);
        // What may not be cut comes whole.
        let last = mem.stream(&query.clone().last(3)).unwrap();
        assert_eq!(last.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 6);
        assert!(mem.stream(&Query::of("home1.c.power").unwrap()).is_err());
    }
}
