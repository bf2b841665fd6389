//! Rows for the buckets that have none.

use super::quality::QualityRow;
use crate::energy::{Aggregate, Borders, GapRule, Gaps, Resampling};
use crate::error::Result;

/// One row a bucket, in order of time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BucketRows {
    /// Where each bucket starts.
    pub(crate) starts: Vec<i64>,
    /// One for each aggregate; None where the bucket has no such value.
    pub(crate) columns: Vec<Vec<Option<f64>>>,
    /// The times of the first and last number of each bucket, where it has one and filling needs it.
    spans: Vec<Option<(i64, i64)>>,
    /// Whether they are kept.
    filled: bool,
}

impl BucketRows {
    /// Of so many columns; filled ones need more.
    pub(crate) fn new(columns: usize, filled: bool) -> Self {
        Self { starts: Vec::new(), columns: vec![Vec::new(); columns], spans: Vec::new(), filled }
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        self.starts.reserve(rows);
        self.spans.reserve(if self.filled { rows } else { 0 });
        self.columns.iter_mut().for_each(|column| column.reserve(rows));
    }

    /// Ends a row, each of whose columns has its value.
    pub(crate) fn push(&mut self, start: i64, span: Option<(i64, i64)>) {
        self.starts.push(start);
        if self.filled {
            self.spans.push(span);
        }
    }

    /// Those from one row until before another.
    pub(crate) fn keep(&mut self, from: usize, to: usize) {
        let cut = |rows: usize| from.min(rows)..to.min(rows);
        self.starts = self.starts[cut(self.starts.len())].to_vec();
        self.columns.iter_mut().for_each(|column| *column = column[cut(column.len())].to_vec());
        self.spans = self.spans[cut(self.spans.len())].to_vec();
    }

    /// These rows with what is told of qualities, by their starts. A bucket that only one of both has a row of has one.
    pub(super) fn join(self, qualities: &[(i64, QualityRow)], aggregates: &[Aggregate]) -> Self {
        let mut joined = Self::new(aggregates.len(), self.filled);
        joined.reserve(self.starts.len().max(qualities.len()));
        let (mut row, mut at) = (0, 0);
        while row < self.starts.len() || at < qualities.len() {
            let start = self.starts.get(row).into_iter().chain(qualities.get(at).map(|(start, _)| start)).min();
            let Some(start) = start.copied() else { break };
            let own = self.starts.get(row).is_some_and(|own| *own == start);
            let told = qualities.get(at).filter(|(told, _)| *told == start).map(|(_, told)| told);
            for (column, (from, aggregate)) in joined.columns.iter_mut().zip(self.columns.iter().zip(aggregates)) {
                column.push(match (told, own) {
                    (Some(told), _) if aggregate.is_of_quality() => told.value(*aggregate),
                    (_, true) => from[row],
                    (_, false) => of_nothing(*aggregate),
                });
            }
            joined.push(start, if own { self.spans.get(row).copied().flatten() } else { None });
            (row, at) = (row + usize::from(own), at + usize::from(told.is_some()));
        }
        joined
    }

    fn take(&mut self, row: usize, from: &Self, at: usize) {
        self.columns.iter_mut().zip(&from.columns).for_each(|(column, from)| column[row] = from[at]);
        self.spans[row] = from.spans.get(at).copied().flatten();
    }
}

/// A row for every bucket of the range, filled as the resampling says. An end that it leaves open is that of the rows.
/// `before` is the last number before the range.
pub(crate) fn fill(rows: BucketRows, resampling: &Resampling, before: Option<(i64, f64)>) -> Result<BucketRows> {
    let aggregates = &resampling.aggregates;
    let mut all = every_bucket(&rows, resampling)?;
    for (column, aggregate) in all.columns.iter_mut().zip(aggregates) {
        match (resampling.fill, resampling.gaps) {
            (Gaps::Previous, Some(gaps)) if aggregate.is_level() => carry(column, &all.starts, &all.spans, gaps, before),
            (Gaps::Linear, Some(gaps)) if aggregate.is_level() => interpolate(column, &all.starts, &all.spans, gaps),
            _ => {}
        }
    }
    Ok(all)
}

fn every_bucket(rows: &BucketRows, resampling: &Resampling) -> Result<BucketRows> {
    let aggregates = &resampling.aggregates;
    let mut all = BucketRows::new(aggregates.len(), true);
    let (Some(every), Some((first, last))) = (&resampling.every, resampling.range()) else { return Ok(all) };
    let first = resampling.from.map_or(rows.starts.first().copied(), |_| Some(first));
    let last = resampling.to.map_or(rows.starts.last().copied(), |_| Some(last));
    let (Some(first), Some(last)) = (first, last) else { return Ok(all) };
    if every.makes_too_many(first, last) {
        return Err(every.too_many());
    }
    let mut borders = Borders::new(every);
    let mut at = 0;
    let mut time = first;
    while time <= last {
        let bucket = borders.of(time)?;
        all.columns.iter_mut().zip(aggregates).for_each(|(column, aggregate)| column.push(of_nothing(*aggregate)));
        all.push(bucket.start, None);
        if rows.starts.get(at) == Some(&bucket.start) {
            let row = all.starts.len() - 1;
            all.take(row, rows, at);
            at += 1;
        }
        let Some(next) = bucket.last.checked_add(1) else { break };
        time = next;
    }
    Ok(all)
}

/// Of a bucket without a number it is known that it has none, and that nothing of it is measured.
fn of_nothing(aggregate: Aggregate) -> Option<f64> {
    (aggregate == Aggregate::Count || aggregate.is_share()).then_some(0.0)
}

/// The value of the bucket before, as long as the last number in it may hold.
fn carry(
    column: &mut [Option<f64>],
    starts: &[i64],
    spans: &[Option<(i64, i64)>],
    gaps: GapRule,
    before: Option<(i64, f64)>,
) {
    let mut held = before;
    for ((value, start), span) in column.iter_mut().zip(starts).zip(spans) {
        match (*value, held) {
            (Some(own), _) => held = span.map(|(_, last)| last).or(held.map(|(time, _)| time)).map(|time| (time, own)),
            (None, Some((time, before))) if gaps.bridges(start.saturating_sub(time)) => *value = Some(before),
            (None, _) => {}
        }
    }
}

/// A line between the buckets beside, where the silence between their numbers may be bridged.
fn interpolate(column: &mut [Option<f64>], starts: &[i64], spans: &[Option<(i64, i64)>], gaps: GapRule) {
    let mut left: Option<usize> = None;
    for right in 0..column.len() {
        let Some(after) = column[right] else { continue };
        if let Some(left) = left
            && let (Some(before), Some((_, end)), Some((start, _))) = (column[left], spans[left], spans[right])
            && gaps.bridges(start.saturating_sub(end))
        {
            let length = starts[right].abs_diff(starts[left]) as f64;
            for row in left + 1..right {
                let share = starts[row].abs_diff(starts[left]) as f64 / length;
                column[row] = Some(before + (after - before) * share);
            }
        }
        left = Some(right);
    }
}
