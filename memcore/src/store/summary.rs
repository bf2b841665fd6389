//! What is kept of many values instead of them: count, sum, extremes, first and last.
//!
//! NaN is no number here: it is counted nowhere (S14). The sum carries its rounding error along (double-double), so that it
//! comes out the same however the values were grouped into pages, chunks and buckets.

use super::wire::Reader;
use crate::error::Result;

/// Count, sum, extremes, first and last of the numbers among some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summary {
    pub(super) count: u64,
    sum: f64,
    error: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) first: f64,
    pub(super) last: f64,
}

impl Summary {
    pub(super) const EMPTY: Self =
        Self { count: 0, sum: 0.0, error: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, first: 0.0, last: 0.0 };
    pub(super) const BYTES: usize = 56;

    pub(super) fn of(values: &[f64]) -> Self {
        let mut summary = Self::EMPTY;
        summary.extend(values);
        summary
    }

    /// Takes in later values.
    pub(super) fn extend(&mut self, values: &[f64]) {
        values.iter().for_each(|value| self.add(*value));
    }

    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        if self.count == 0 {
            self.first = value;
        }
        self.last = value;
        self.count += 1;
        self.min = if value < self.min { value } else { self.min };
        self.max = if value > self.max { value } else { self.max };
        self.add_to_sum(value);
    }

    /// Knuth's two-sum: `error` is what rounding took from `sum`.
    #[inline]
    fn add_to_sum(&mut self, value: f64) {
        let sum = self.sum + value;
        let back = sum - self.sum;
        self.error += (self.sum - (sum - back)) + (value - back);
        self.sum = sum;
    }

    /// Takes in the summary of later values.
    pub(super) fn merge(&mut self, later: &Self) {
        if later.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *later;
            return;
        }
        self.count += later.count;
        self.last = later.last;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.add_to_sum(later.sum);
        self.error += later.error;
    }

    pub(super) fn sum(&self) -> f64 {
        // With an infinity among the values the error term is NaN and means nothing.
        if self.error.is_finite() { self.sum + self.error } else { self.sum }
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum() / self.count as f64
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_le_bytes());
        for value in [self.sum, self.error, self.min, self.max, self.first, self.last] {
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            count: from.u64()?,
            sum: from.f64()?,
            error: from.f64()?,
            min: from.f64()?,
            max: from.f64()?,
            first: from.f64()?,
            last: from.f64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_no_number_and_infinities_are() {
        let summary = Summary::of(&[f64::NAN, 10.0, f64::NAN, 20.0, 30.0]);
        assert_eq!((summary.count, summary.mean(), summary.first, summary.last), (3, 20.0, 10.0, 30.0));
        assert_eq!(Summary::of(&[1.0, f64::INFINITY]).sum(), f64::INFINITY);
        assert!(Summary::of(&[f64::NEG_INFINITY, f64::INFINITY]).sum().is_nan());
    }

    #[test]
    fn the_sum_does_not_depend_on_grouping() {
        let values: Vec<f64> = (0..10_000).map(|i| 0.1 * f64::from(i) - 17.3).collect();
        let whole = Summary::of(&values);
        for size in [1, 7, 512, 4096] {
            let mut grouped = Summary::EMPTY;
            values.chunks(size).for_each(|part| grouped.merge(&Summary::of(part)));
            assert_eq!(grouped.sum().to_bits(), whole.sum().to_bits());
            assert_eq!((grouped.min, grouped.max, grouped.count), (whole.min, whole.max, whole.count));
        }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let mut out = Vec::new();
        let summary = Summary::of(&[1.5, -2.0]);
        summary.write(&mut out);
        assert_eq!(out.len(), Summary::BYTES);
        assert_eq!(Summary::read(&mut Reader::new(&out)).unwrap(), summary);
    }
}
