//! Samples on their way out of the store, what is asked of them, and where they go.

use crate::energy::{Fold, Run};
use crate::error::Result;

/// Rising samples.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) times: Vec<i64>,
    pub(super) values: Vec<f64>,
}

impl Rows {
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self { times: Vec::with_capacity(rows), values: Vec::with_capacity(rows) }
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn push(&mut self, times: &[i64], values: &[f64]) {
        self.times.extend_from_slice(times);
        self.values.extend_from_slice(values);
    }

    pub(super) fn clear(&mut self) {
        self.truncate(0);
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        self.times.truncate(rows);
        self.values.truncate(rows);
    }

    /// Keeps what lies between two times, both included.
    pub(super) fn cut(&mut self, first: i64, last: i64) {
        self.truncate(self.times.partition_point(|time| *time <= last));
        let start = self.times.partition_point(|time| *time < first);
        self.times.drain(..start);
        self.values.drain(..start);
    }

    /// Keeps at most so many, the last ones.
    pub(super) fn keep_last(&mut self, rows: usize) {
        let start = self.len().saturating_sub(rows);
        self.times.drain(..start);
        self.values.drain(..start);
    }

    /// Keeps the samples for which `keep` holds, given their place and time.
    pub(super) fn retain(&mut self, keep: impl Fn(usize, i64) -> bool) {
        let mut kept = 0;
        for place in 0..self.len() {
            if keep(place, self.times[place]) {
                self.times[kept] = self.times[place];
                self.values[kept] = self.values[place];
                kept += 1;
            }
        }
        self.truncate(kept);
    }
}

/// What is asked of every series of a query, in microseconds; all ends are included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// The query's range.
    pub(super) from: i64,
    pub(super) to: i64,
    /// What is read: the range, and the context before and after it.
    pub(super) first: i64,
    pub(super) last: i64,
    /// Rows that arrived in a later minute are left out.
    pub(super) known: i64,
}

impl Reach {
    pub(super) fn reads(&self, time: i64) -> bool {
        self.first <= time && time <= self.last
    }
}

/// What is asked of a source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) column: u32,
    pub(super) reach: &'a Reach,
    /// From this time on another source may have rows.
    pub(super) limit: Option<i64>,
}

impl Ask<'_> {
    /// Whether no other source has rows up to that time.
    pub(super) fn is_alone(&self, last: i64) -> bool {
        self.limit.is_none_or(|limit| last < limit)
    }

    /// Whether rows between those times may be given by a summary: none of them is only context or belongs to another.
    pub(super) fn may_be_run(&self, first: i64, last: i64) -> bool {
        self.is_alone(last) && self.reach.from <= first && last <= self.reach.to
    }
}

/// Where samples go.
pub(super) enum Out<'a> {
    Raw(&'a mut Rows),
    Fold(&'a mut dyn Fold),
}

impl Out<'_> {
    pub(super) fn samples(&mut self, times: &[i64], values: &[f64]) -> Result<()> {
        match self {
            Self::Raw(rows) => {
                rows.push(times, values);
                Ok(())
            }
            Self::Fold(fold) => fold.samples(times, values),
        }
    }

    /// See [`Fold::border`].
    pub(super) fn border(&mut self, time: i64) -> Result<Option<i64>> {
        match self {
            Self::Raw(_) => Ok(None),
            Self::Fold(fold) => fold.border(time),
        }
    }

    /// Gives the run where it is taken.
    pub(super) fn run(&mut self, run: &Run<'_>) -> Result<bool> {
        let Self::Fold(fold) = self else { return Ok(false) };
        let taken = fold.takes(run)?;
        if taken {
            fold.run(run)?;
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_takes_its_value_along() {
        let mut rows = Rows { times: vec![1, 2, 3, 4, 5], values: vec![0.1, 0.2, 0.3, 0.4, 0.5] };
        rows.retain(|place, time| place != 1 && time != 5);
        assert_eq!((&rows.times[..], &rows.values[..]), (&[1, 3, 4][..], &[0.1, 0.3, 0.4][..]));
        rows.cut(2, 3);
        assert_eq!((&rows.times[..], &rows.values[..]), (&[3][..], &[0.3][..]));
    }
}
