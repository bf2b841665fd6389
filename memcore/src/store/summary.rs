//! What is kept of many values instead of them: count, sum, extremes, first and last.
//!
//! NaN is no number here: it is counted nowhere (S14). The sum carries its rounding error along (double-double), so that it
//! comes out the same however the values were grouped into pages, chunks and buckets.

use super::wire::Reader;
use crate::energy::ExactSum;
use crate::error::Result;

/// Values that are summed beside each other, so that none waits for the one before.
const LANES: usize = 8;

/// [`Summary`] of every eighth value, eight times.
struct Lanes {
    count: [u64; LANES],
    sum: [f64; LANES],
    error: [f64; LANES],
    min: [f64; LANES],
    max: [f64; LANES],
}

impl Default for Lanes {
    fn default() -> Self {
        let (none, low, high) = ([0.0; LANES], [f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        Self { count: [0; LANES], sum: none, error: none, min: low, max: high }
    }
}

impl Lanes {
    /// The same as [`Summary::add`], without a branch: NaN adds nothing and compares as neither less nor more.
    #[inline]
    fn add(&mut self, block: &[f64; LANES]) {
        for (lane, value) in block.iter().copied().enumerate() {
            let number = !value.is_nan();
            self.count[lane] += u64::from(number);
            self.min[lane] = if value < self.min[lane] { value } else { self.min[lane] };
            self.max[lane] = if value > self.max[lane] { value } else { self.max[lane] };
            let value = if number { value } else { 0.0 };
            let sum = self.sum[lane] + value;
            let back = sum - self.sum[lane];
            self.error[lane] += (self.sum[lane] - (sum - back)) + (value - back);
            self.sum[lane] = sum;
        }
    }

    /// All lanes together; `values` are those that were added, and some that follow.
    fn summary(&self, values: &[f64]) -> Summary {
        let mut whole = Summary::EMPTY;
        for lane in 0..LANES {
            let (count, sum, error) = (self.count[lane], self.sum[lane], self.error[lane]);
            let (min, max) = (self.min[lane], self.max[lane]);
            whole.merge(&Summary { count, sum, error, min, max, ..Summary::EMPTY });
        }
        let added = &values[..values.len() / LANES * LANES];
        whole.first = added.iter().copied().find(|value| !value.is_nan()).unwrap_or(0.0);
        whole.last = added.iter().rev().copied().find(|value| !value.is_nan()).unwrap_or(0.0);
        whole.rows = added.len() as u64;
        added.iter().filter(|value| !value.is_nan()).for_each(|value| whole.exact.add(*value));
        whole.rising = whole.count == whole.rows && added.is_sorted();
        whole
    }
}

/// Count, sum, extremes, first and last of the numbers among some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summary {
    pub(super) count: u64,
    /// Values, NaN among them; 0 where it is not known.
    pub(super) rows: u64,
    /// Whether no number lies below the one before it.
    pub(super) rising: bool,
    exact: ExactSum,
    sum: f64,
    error: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) first: f64,
    pub(super) last: f64,
}

impl Summary {
    pub(super) const EMPTY: Self = Self {
        count: 0,
        rows: 0,
        rising: true,
        exact: ExactSum::ZERO,
        sum: 0.0,
        error: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        first: 0.0,
        last: 0.0,
    };
    pub(super) const BYTES: usize = 56;

    pub(super) fn of(values: &[f64]) -> Self {
        let mut summary = Self::EMPTY;
        summary.extend(values);
        summary
    }

    /// Takes in later values.
    pub(super) fn extend(&mut self, values: &[f64]) {
        if values.len() < 4 * LANES {
            values.iter().for_each(|value| self.add(*value));
            return;
        }
        let (blocks, rest) = values.as_chunks::<LANES>();
        let mut lanes = Lanes::default();
        blocks.iter().for_each(|block| lanes.add(block));
        self.merge(&lanes.summary(values));
        rest.iter().for_each(|value| self.add(*value));
    }

    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        self.rows += 1;
        if value.is_nan() {
            return;
        }
        if self.count == 0 {
            self.first = value;
        } else {
            self.rising &= value >= self.last;
        }
        self.last = value;
        self.count += 1;
        self.exact.add(value);
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
        let rows = self.rows + later.rows;
        if later.count > 0 && self.count == 0 {
            *self = *later;
        } else if later.count > 0 {
            self.merge_numbers(later);
        }
        self.rows = rows;
    }

    fn merge_numbers(&mut self, later: &Self) {
        self.rising = self.rising && later.rising && later.first >= self.last;
        self.count += later.count;
        self.exact.merge(&later.exact);
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

    /// The sum as the energy kernel goes on with it.
    pub(super) fn exact(&self) -> ExactSum {
        self.exact
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
        let (count, sum, error) = (from.u64()?, from.f64()?, from.f64()?);
        Ok(Self {
            count,
            rows: 0,
            rising: false,
            exact: ExactSum::from_parts(0, sum, error),
            sum,
            error,
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
    fn many_values_at_once_are_the_same_as_one_by_one() {
        for nans in [0, 3, 7, 1] {
            let value = |i: usize| if nans > 0 && i.is_multiple_of(nans) { f64::NAN } else { (i as f64).sin() * 1e3 };
            let values: Vec<f64> = (0..1003).map(value).collect();
            let mut single = Summary::EMPTY;
            values.iter().for_each(|value| single.add(*value));
            let many = Summary::of(&values);
            let parts = |s: &Summary| (s.count, s.sum().to_bits(), s.min, s.max, s.first, s.last);
            assert_eq!(parts(&many), parts(&single));
        }
        let mut values = vec![1.0; 100];
        values[50] = f64::INFINITY;
        assert_eq!(Summary::of(&values).sum(), f64::INFINITY);
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let mut out = Vec::new();
        let summary = Summary::of(&[1.5, -2.0]);
        summary.write(&mut out);
        assert_eq!(out.len(), Summary::BYTES);
        let back = Summary::read(&mut Reader::new(&out)).unwrap();
        assert_eq!(Summary { rows: 2, exact: summary.exact, ..back }, summary);
    }
}
