//! What is kept of many values instead of them: counts, an exact sum, extremes, first and last, whether they rise.
//!
//! NaN is no number here: it has no part in anything but `rows` (S14 of `docs/storage.md`). The sum of decimals is exact (S18): a value that is a
//! whole multiple of a power of ten down to 10^-9 is added as an integer, so the sum comes out the same, bit for bit,
//! however the values were grouped into pages, chunks, heads and buckets. What is no such decimal goes to a *rest* with
//! twice the precision of a value.

use super::exact::{DIGITS as LIMIT, ExactSum, ROUNDER as ROUND, UNITS as UNIT, ratio, two_sum};

/// Values that are summed beside each other, so that none waits for the one before.
const LANES: usize = 8;
/// Values that are looked at together. 4,096 integers below 2^51 fit a sum of 64 bits.
const BLOCK: usize = 1024;

pub(crate) const POWERS: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const WHOLE_POWERS: [i64; 10] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// The exponents with which a value may be a decimal, and the magnitude below which each is the one.
const SCALES: [(u8, f64); 4] = [(9, LIMIT / 1e9), (6, LIMIT / 1e6), (3, LIMIT / 1e3), (0, LIMIT)];

/// The exponent for values of this magnitude; None where they are too large, infinite or NaN.
#[inline]
fn scale_of(magnitude: f64) -> Option<u8> {
    SCALES.into_iter().find(|(_, below)| magnitude < *below).map(|(exponent, _)| exponent)
}

/// The whole number that divided by `power` gives the value back, bit for bit: not so for NaN, infinities and -0.
#[inline]
pub(crate) fn scaled(value: f64, power: f64) -> Option<i64> {
    let shifted = value * power + ROUND;
    let whole = shifted - ROUND;
    let same = (whole / power).to_bits() == value.to_bits() && whole.abs() < LIMIT;
    same.then(|| shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i64)
}

/// As [`scaled`] by ten to the `exponent`, and only where the value is a decimal in the sense of sums too: then the sum of
/// such integers is the sum of the values.
#[inline]
pub(crate) fn scaled_exactly(value: f64, exponent: usize) -> Option<i64> {
    let below = SCALES[3 - exponent.div_ceil(3)].1;
    if value.abs() < below { scaled(value, POWERS[exponent]) } else { None }
}

/// Counts, sum, extremes, first and last of the numbers among some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    /// How many numbers there are.
    pub(crate) count: u64,
    /// How many values there are, NaN included.
    pub(crate) rows: u64,
    /// The sum of the decimals, in 10^-9.
    pub(crate) whole: i128,
    /// The sum of the others, and what rounding took from it.
    pub(crate) rest: f64,
    pub(crate) error: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) first: f64,
    pub(crate) last: f64,
    /// Whether no number is below the one before it.
    pub(crate) rising: bool,
}

impl Summary {
    pub(crate) const EMPTY: Self = Self {
        count: 0,
        rows: 0,
        whole: 0,
        rest: 0.0,
        error: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        first: 0.0,
        last: 0.0,
        rising: true,
    };

    pub(crate) fn of(values: &[f64]) -> Self {
        let mut summary = Self::EMPTY;
        summary.extend(values);
        summary
    }

    /// Of decimals, from what is known of their integers `value * 10^exponent` (see [`scaled_exactly`]).
    pub(crate) fn of_whole(whole: &Whole, exponent: u8) -> Self {
        let power = POWERS[usize::from(exponent)];
        let value = |number: i64| number as f64 / power;
        Self {
            count: whole.count,
            rows: whole.count,
            whole: whole.sum * i128::from(WHOLE_POWERS[usize::from(9 - exponent)]),
            rest: 0.0,
            error: 0.0,
            min: value(whole.min),
            max: value(whole.max),
            first: value(whole.first),
            last: value(whole.last),
            rising: whole.rising,
        }
    }

    /// Of one number, so many times.
    pub(crate) fn repeated(value: f64, count: u64) -> Self {
        let mut one = Self::EMPTY;
        one.add(value);
        let sum = one.rest * count as f64;
        // What rounding took from the product; of an infinity it means nothing.
        let error = f64::mul_add(one.rest, count as f64, -sum);
        Self { count, rows: count, whole: one.whole * i128::from(count), rest: sum, error, ..one }
    }

    /// Takes in later values.
    pub(crate) fn extend(&mut self, values: &[f64]) {
        if values.len() < LANES / 2 {
            values.iter().for_each(|value| self.add(*value));
            return;
        }
        for block in values.chunks(BLOCK) {
            self.merge(&Self::of_block(block));
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
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
        // Adding zero makes a zero of a negative one: which of the two is the smaller must not depend on the order.
        self.min = if value < self.min { value + 0.0 } else { self.min };
        self.max = if value > self.max { value + 0.0 } else { self.max };
        let scale = scale_of(value.abs());
        match scale.and_then(|exponent| Some((exponent, scaled(value, POWERS[usize::from(exponent)])?))) {
            Some((exponent, number)) => {
                self.whole += i128::from(number) * i128::from(WHOLE_POWERS[usize::from(9 - exponent)]);
            }
            None => (self.rest, self.error) = two_sum(self.rest, self.error, value),
        }
    }

    /// The same as [`add`](Self::add) of every value, without a branch for each.
    fn of_block(values: &[f64]) -> Self {
        let spread = Spread::of(values);
        if spread.count != values.len() {
            let mut one_by_one = Self::EMPTY;
            values.iter().for_each(|value| one_by_one.add(*value));
            return one_by_one;
        }
        let largest = spread.min.abs().max(spread.max.abs());
        let smallest = if spread.min > 0.0 || spread.max < 0.0 { spread.min.abs().min(spread.max.abs()) } else { 0.0 };
        let (whole, rest, error) = ExactSum::of_block(values, (largest, smallest)).parts();
        Self {
            count: values.len() as u64,
            rows: values.len() as u64,
            whole,
            rest,
            error,
            min: spread.min + 0.0,
            max: spread.max + 0.0,
            first: values[0],
            last: values[values.len() - 1],
            rising: !spread.falls,
        }
    }

    /// Takes in the summary of later values.
    pub(crate) fn merge(&mut self, later: &Self) {
        if later.count == 0 || self.count == 0 {
            let rows = self.rows + later.rows;
            *self = Self { rows, ..if self.count == 0 { *later } else { *self } };
            return;
        }
        self.count += later.count;
        self.rows += later.rows;
        self.rising &= later.rising && later.first >= self.last;
        self.last = later.last;
        self.min = if later.min < self.min { later.min } else { self.min };
        self.max = if later.max > self.max { later.max } else { self.max };
        self.whole += later.whole;
        (self.rest, self.error) = two_sum(self.rest, self.error + later.error, later.rest);
    }

    /// The sum, rounded once.
    pub(crate) fn sum(&self) -> f64 {
        if self.rest == 0.0 && self.error == 0.0 {
            return ratio(self.whole, UNIT.unsigned_abs());
        }
        self.sum_with_rest()
    }

    /// Apart, so that sums of decimals do not pay for it.
    #[cold]
    #[inline(never)]
    fn sum_with_rest(&self) -> f64 {
        if !self.error.is_finite() {
            // With an infinity among the values the error term means nothing.
            return self.rest + ratio(self.whole, UNIT.unsigned_abs());
        }
        let (units, part) = (self.whole / UNIT, self.whole % UNIT);
        let high = units as f64;
        let low = (units - high as i128) as f64;
        let (sum, error) = [high, low, part as f64 / 1e9]
            .into_iter()
            .fold((self.rest, self.error), |(sum, error), value| two_sum(sum, error, value));
        sum + error
    }

    /// The sum as the energy kernel goes on with it.
    pub(crate) fn exact(&self) -> ExactSum {
        ExactSum::from_parts(self.whole, self.rest, self.error)
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum() / self.count as f64
    }

    /// Whether both are the same in every bit.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let numbers = |s: &Self| [s.rest, s.error, s.min, s.max, s.first, s.last];
        let counts = |s: &Self| (s.count, s.rows, s.whole, s.rising);
        let alike = |(a, b): (f64, f64)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        counts(self) == counts(other) && numbers(self).into_iter().zip(numbers(other)).all(alike)
    }
}

/// What a summary keeps, of integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Whole {
    pub(crate) count: u64,
    pub(crate) sum: i128,
    pub(crate) min: i64,
    pub(crate) max: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) rising: bool,
}

impl Whole {
    /// As [`of`](Self::of), of integers of 32 bits, whose sum mostly fits these too: so that more of them are added at a time.
    pub(crate) fn of_narrow(numbers: &[i32]) -> Option<Self> {
        let (first, last) = (*numbers.first()?, *numbers.last()?);
        let (mut min, mut max) = (first, first);
        for number in numbers {
            min = min.min(*number);
            max = max.max(*number);
        }
        let largest = u64::from(min.unsigned_abs().max(max.unsigned_abs()));
        let sum = if largest * numbers.len() as u64 <= i32::MAX as u64 {
            i128::from(numbers.iter().fold(0i32, |sum, number| sum.wrapping_add(*number)))
        } else {
            i128::from(numbers.iter().fold(0i64, |sum, number| sum + i64::from(*number)))
        };
        let falls = numbers.iter().zip(&numbers[1..]).fold(false, |falls, (before, after)| falls | (after < before));
        let (min, max, count) = (min.into(), max.into(), numbers.len() as u64);
        Some(Self { count, sum, min, max, first: first.into(), last: last.into(), rising: !falls })
    }

    /// Of integers below 2^51, a few thousand at most; None where there is none.
    pub(crate) fn of<T: Copy + Ord + Into<i64>>(numbers: &[T]) -> Option<Self> {
        let (first, last) = (*numbers.first()?, *numbers.last()?);
        let (mut min, mut max, mut sum) = (first, first, 0i64);
        for number in numbers {
            min = min.min(*number);
            max = max.max(*number);
            sum += (*number).into();
        }
        let falls = numbers.iter().zip(&numbers[1..]).fold(false, |falls, (before, after)| falls | (after < before));
        let (min, max, count) = (min.into(), max.into(), numbers.len() as u64);
        Some(Self { count, sum: i128::from(sum), min, max, first: first.into(), last: last.into(), rising: !falls })
    }
}

/// What can be told of values without summing them.
struct Spread {
    count: usize,
    min: f64,
    max: f64,
    falls: bool,
}

impl Spread {
    /// NaN compares as neither less nor more; `falls` means nothing where there is one.
    fn of(values: &[f64]) -> Self {
        let (mut count, mut falls) = ([0u64; LANES], [false; LANES]);
        let (mut min, mut max) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        let (blocks, rest) = values.as_chunks::<LANES>();
        let mut take = |lane: usize, value: f64| {
            count[lane] += u64::from(!value.is_nan());
            min[lane] = if value < min[lane] { value } else { min[lane] };
            max[lane] = if value > max[lane] { value } else { max[lane] };
        };
        for block in blocks {
            (0..LANES).for_each(|lane| take(lane, block[lane]));
        }
        rest.iter().enumerate().for_each(|(lane, value)| take(lane, *value));
        let (before, after) = (&values[..values.len().saturating_sub(1)], values.get(1..).unwrap_or_default());
        let pairs = before.as_chunks::<LANES>().0.iter().zip(after.as_chunks::<LANES>().0);
        pairs.for_each(|(before, after)| (0..LANES).for_each(|lane| falls[lane] |= after[lane] < before[lane]));
        let tail = before.len() / LANES * LANES;
        let falls =
            falls.contains(&true) || before[tail..].iter().zip(&after[tail..]).any(|(before, after)| after < before);
        let min = min.into_iter().fold(f64::INFINITY, f64::min);
        let max = max.into_iter().fold(f64::NEG_INFINITY, f64::max);
        Self { count: count.iter().sum::<u64>() as usize, min, max, falls }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn summed(values: &[f64]) -> f64 {
        Summary::of(values).sum()
    }

    #[test]
    fn nan_is_no_number_and_infinities_are() {
        let summary = Summary::of(&[f64::NAN, 10.0, f64::NAN, 20.0, 30.0]);
        assert_eq!((summary.count, summary.mean(), summary.first, summary.last), (3, 20.0, 10.0, 30.0));
        assert_eq!((summary.rows, summary.rising), (5, true));
        assert_eq!(summed(&[1.0, f64::INFINITY]), f64::INFINITY);
        assert!(summed(&[f64::NEG_INFINITY, f64::INFINITY]).is_nan());
        let mut values = vec![1.0; 100];
        values[50] = f64::INFINITY;
        assert_eq!(summed(&values), f64::INFINITY);
    }

    #[test]
    fn the_sum_of_decimals_is_exact() {
        assert_eq!(summed(&[0.1; 10]), 1.0);
        assert_eq!(summed(&vec![0.1; 1_000_000]), 100_000.0);
        assert_eq!(summed(&[1e15, 0.001, -1e15]), 0.001);
        // 2^53 + 1 is no float: the tie goes to the even one, and anything more goes up.
        assert_eq!(summed(&[9_007_199_254_740_991.0, 1.0, 1.0]), 9_007_199_254_740_992.0);
        assert_eq!(summed(&[2e15, 2e15, 2e15, 2e15, 1_007_199_254_740_993.0, 0.000_000_001]), 9_007_199_254_740_994.0);
        assert_eq!(summed(&[-2e15; 5]), -1e16);
    }

    #[test]
    fn what_is_no_decimal_is_summed_with_twice_the_precision() {
        let thirds: Vec<f64> = (1..3000).map(|i| 1.0 / f64::from(i)).collect();
        let mut backwards = thirds.clone();
        backwards.reverse();
        assert_eq!(summed(&thirds).to_bits(), summed(&backwards).to_bits());
        assert_eq!(summed(&[1e300, 1.5, -1e300]), 1.5);
    }

    #[test]
    fn rising_is_no_number_below_the_one_before() {
        for (values, rising) in [(vec![1.0, 1.0, 2.0], true), (vec![1.0, f64::NAN, 0.5], false), (vec![], true)] {
            assert_eq!(Summary::of(&values).rising, rising, "{values:?}");
        }
        let mut long: Vec<f64> = (0..3000).map(f64::from).collect();
        assert!(Summary::of(&long).rising);
        for at in [1, 511, 1024, 2999] {
            let kept = std::mem::replace(&mut long[at], -1.0);
            assert!(!Summary::of(&long).rising, "{at}");
            long[at] = kept;
        }
    }

    /// Values as meters report them, and some that are odd.
    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            8 => (-5_000_000i64..5_000_000, 0usize..10).prop_map(|(n, k)| n as f64 / POWERS[k]),
            2 => (-LIMIT as i64..LIMIT as i64, 0usize..10).prop_map(|(n, k)| n as f64 / POWERS[k]),
            1 => prop_oneof![Just(f64::NAN), Just(-0.0), Just(0.0)],
        ]
    }

    /// One value after the other is what everything is held against.
    fn one_by_one(values: &[f64]) -> Summary {
        let mut summary = Summary::EMPTY;
        values.iter().for_each(|value| summary.add(*value));
        summary
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn grouping_and_order_change_no_bit(
            values in prop::collection::vec(value(), 0..2500),
            cuts in prop::collection::vec(1usize..700, 1..40),
        ) {
            let whole = one_by_one(&values);
            let (mut grouped, mut rest, mut sizes) = (Summary::EMPTY, &values[..], cuts.iter().cycle());
            let mut parts = Vec::new();
            while !rest.is_empty() {
                let (part, after) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                parts.push(Summary::of(part));
                rest = after;
            }
            parts.iter().for_each(|part| grouped.merge(part));
            // What is no decimal (none of ten digits beyond 2^51) may be there; then only the sum's rest is not the same.
            let exact = |s: &Summary| Summary { rest: 0.0, error: 0.0, ..*s };
            prop_assert!(exact(&grouped).same(&exact(&whole)));
            prop_assert!(Summary::of(&values).same(&grouped) || whole.rest != 0.0);
            let mut backwards = Summary::EMPTY;
            parts.iter().rev().for_each(|part| backwards.merge(part));
            prop_assert_eq!(backwards.whole, whole.whole);
            prop_assert_eq!(backwards.sum().to_bits(), whole.sum().to_bits());
        }

        #[test]
        fn integers_of_a_decimal_column_give_the_same_as_their_values(
            exponent in 0u8..10,
            numbers in prop::collection::vec(-3_000_000_000i64..3_000_000_000, 1..600),
        ) {
            let values: Vec<f64> = numbers.iter().map(|n| *n as f64 / POWERS[usize::from(exponent)]).collect();
            prop_assume!(values.iter().all(|value| scaled_exactly(*value, usize::from(exponent)).is_some()));
            prop_assert!(Summary::of_whole(&Whole::of(&numbers).unwrap(), exponent).same(&one_by_one(&values)));
            prop_assert!(Summary::of(&values).same(&one_by_one(&values)));
        }

        #[test]
        fn the_sum_is_rounded_once(whole in -i128::from(u64::MAX) * 1000..i128::from(u64::MAX) * 1000) {
            let (units, part) = (whole / UNIT, whole % UNIT);
            let text = format!("{}{}.{:09}", if whole < 0 { "-" } else { "" }, units.abs(), part.abs());
            prop_assert_eq!(ratio(whole, UNIT.unsigned_abs()), text.parse::<f64>().unwrap());
        }
    }
}
