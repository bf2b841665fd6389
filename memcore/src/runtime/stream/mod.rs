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
use crate::store::{Query, QueryStream};

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
    layout: Layout,
    source: Source,
    /// Rows that were given, of as many as the statistics say at most.
    given: u64,
    expected: u64,
}

#[derive(Debug)]
enum Source {
    /// Series after series, as it was when the stream was made.
    Long(Box<QueryStream>),
    /// All series side by side, slice by slice of time.
    Wide {
        memcore: Memcore,
        parts: VecDeque<Query>,
        many: usize,
    },
    Ended,
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
        let source = match form.wide {
            false => Source::Long(Box::new(memcore.store().stream(query)?)),
            true => {
                let parts: VecDeque<Query> = parts(&series, query).into();
                Source::Wide { memcore: memcore.clone(), many: parts.len().max(1), parts }
            }
        };
        let expected = series.iter().map(|one| one.points).sum();
        Ok(Self { layout, source, given: 0, expected })
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

    /// Which part is read, from 0 to 1, as far as that can be told.
    #[must_use]
    pub fn part(&self) -> f64 {
        match &self.source {
            Source::Long(_) => (self.given as f64 / self.expected.max(1) as f64).min(1.0),
            Source::Wide { parts, many, .. } => 1.0 - parts.len() as f64 / *many as f64,
            Source::Ended => 1.0,
        }
    }
}

impl Iterator for RecordStream {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match &mut self.source {
            Source::Long(stream) => stream.next().map(|batch| self.layout.long_batch(&batch?)),
            Source::Wide { memcore, parts, .. } => {
                parts.pop_front().map(|part| self.layout.wide_batch(&memcore.query(&part)?))
            }
            Source::Ended => None,
        };
        match &batch {
            Some(Ok(batch)) => self.given += batch.num_rows() as u64,
            Some(Err(_)) | None => self.source = Source::Ended,
        }
        batch
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

/// The query in parts of which each fits into memory, where it may be cut. Buckets are few.
fn parts(series: &[Exported], query: &Query) -> Vec<Query> {
    if query.may_be_cut() { slices(series, query) } else { vec![query.clone()] }
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
