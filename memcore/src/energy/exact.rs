//! Sums that do not depend on how their parts were grouped.
//!
//! Measured values are mostly decimals of few places. Those are summed as whole numbers of 10^-9, without any rounding; what is
//! no such decimal goes into a double-double beside them. Only the answer is rounded, once.

/// Whole units in one.
pub(crate) const UNITS: i128 = 1_000_000_000;
/// Decimals of nine, six, three and no places: below which size, what makes them whole, and the units in one of that.
static SCALES: [(f64, f64, i128); 4] =
    [(DIGITS / 1e9, 1e9, 1), (DIGITS / 1e6, 1e6, 1_000), (DIGITS / 1e3, 1e3, 1_000_000), (DIGITS, 1.0, UNITS)];
/// Digits stay far from where neighbours of f64 are a digit apart.
pub(crate) const DIGITS: f64 = (1u64 << 51) as f64;
/// Added and taken away again, it leaves a number of less than 2^51 rounded to the nearest whole.
pub(crate) const ROUNDER: f64 = 1.5 * (1u64 << 52) as f64;
/// So many whole numbers of less than 2^51 fit into one of 63 bits.
const BLOCK: usize = 1 << 12;
/// Values that are summed beside each other, so that none waits for the one before.
const LANES: usize = 8;

/// The value in units of 10^-9, where it is a decimal: `units / 10^places` gives it back bit for bit, with as many places (9,
/// 6, 3 or 0) as its size leaves room for.
#[inline]
pub(crate) fn decimal(value: f64) -> Option<i128> {
    let (_, scale, units) = *SCALES.iter().find(|(below, ..)| value.abs() < *below)?;
    let whole = scaled(value, scale);
    is_exact(value, whole, scale).then_some(i128::from(whole as i64) * units)
}

#[inline]
pub(super) fn scaled(value: f64, scale: f64) -> f64 {
    (value * scale + ROUNDER) - ROUNDER
}

#[inline]
fn is_exact(value: f64, whole: f64, scale: f64) -> bool {
    (whole / scale).to_bits() == value.to_bits()
}

/// What is known of numbers together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// All are decimals: what makes them whole, and the units in one of that.
    Decimals(f64, i128),
    /// None is a decimal.
    Others,
    /// Some are NaN, decimals of different sizes, or one and the other.
    Mixed,
}

/// What the values are; [`Mixed`](Kind::Mixed) where finding out would take more than a look at them together.
pub(super) fn kind_of(values: &[f64]) -> Kind {
    let Some((largest, smallest)) = magnitudes(values) else { return Kind::Mixed };
    let Some((below, scale, units)) = scale_of(largest) else { return Kind::Mixed };
    match values.len() - decimals_of(values, scale) {
        0 => Kind::Decimals(scale, units),
        others if others == values.len() && scale_of(smallest).is_some_and(|(other, ..)| other == below) => Kind::Others,
        _ => Kind::Mixed,
    }
}

fn scale_of(size: f64) -> Option<(f64, f64, i128)> {
    SCALES.iter().find(|(below, ..)| size < *below).copied()
}

fn decimals_of(values: &[f64], scale: f64) -> usize {
    let mut decimals = [0u64; LANES];
    by_lanes(values, |lane, value| decimals[lane] += u64::from(is_exact(value, scaled(value, scale), scale)));
    decimals.iter().sum::<u64>() as usize
}

/// Decimals as whole numbers of one size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wholes<'a> {
    pub(super) numbers: &'a [i64],
    /// How many units of 10^-9 are in one of them.
    pub(super) units: i128,
}

impl<'a> Wholes<'a> {
    /// The values as whole numbers, which are put into `room`; None where one is no decimal of the largest one's size.
    pub(super) fn of(values: &[f64], room: &'a mut Vec<i64>) -> Option<Self> {
        // A first look tells the scale that the largest one has, mostly: then one pass does it all.
        let glance = values.iter().step_by(64).fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let (below, scale, units) = scale_of(glance)?;
        // Where the first value is none, there is nothing to look for.
        if !values.first().is_some_and(|first| is_exact(*first, scaled(*first, scale), scale)) {
            return None;
        }
        let mut largest = put_wholes(values, scale, room);
        let mut found = (below, scale, units);
        if largest.is_some_and(|largest| largest >= below) {
            found = scale_of(largest.unwrap_or_default())?;
            largest = put_wholes(values, found.1, room);
        }
        let (below, _, units) = found;
        let fits = largest.is_some_and(|largest| largest < below);
        fits.then_some(Self { numbers: room, units })
    }

    /// Those at these places.
    pub(super) fn slice(self, places: std::ops::Range<usize>) -> Self {
        Self { numbers: &self.numbers[places], ..self }
    }

    /// The power of ten that makes values of them.
    pub(super) fn exponent(self) -> u8 {
        9 - 3 * SCALES.iter().position(|(.., units)| *units == self.units).unwrap_or(0) as u8
    }

    /// The sum of at most [`BLOCK`] of them.
    pub(super) fn sum(self) -> ExactSum {
        ExactSum { whole: i128::from(self.numbers.iter().sum::<i64>()) * self.units, ..ExactSum::default() }
    }
}

/// Puts the values into `room` as whole numbers of that scale, and says the largest magnitude; what it puts there means
/// nothing where that is not below the bound of the scale. None where a value is no decimal, or may be none.
fn put_wholes(values: &[f64], scale: f64, room: &mut Vec<i64>) -> Option<f64> {
    room.clear();
    room.resize(values.len(), 0);
    let (mut largest, mut others) = ([0.0f64; LANES], [0u64; LANES]);
    let mut put = |lane: usize, value: f64, whole: &mut i64| {
        let shifted = value * scale + ROUNDER;
        let size = value.abs();
        largest[lane] = if size > largest[lane] { size } else { largest[lane] };
        others[lane] |= ((shifted - ROUNDER) / scale).to_bits() ^ value.to_bits();
        others[lane] |= u64::from(value.is_nan());
        *whole = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()) as i64;
    };
    let ((blocks, rest), (wholes, more)) = (values.as_chunks::<LANES>(), room.as_chunks_mut::<LANES>());
    for (block, wholes) in blocks.iter().zip(wholes) {
        (0..LANES).for_each(|lane| put(lane, block[lane], &mut wholes[lane]));
    }
    rest.iter().zip(more).enumerate().for_each(|(lane, (value, whole))| put(lane, *value, whole));
    let largest = largest.into_iter().fold(0.0, f64::max);
    // A value too large for the scale is taken in another one.
    let too_large = SCALES.iter().any(|(below, of, _)| *of == scale && largest >= *below);
    (too_large || others.iter().all(|others| *others == 0)).then_some(largest)
}

/// The largest and the smallest magnitude; None where a value is NaN.
fn magnitudes(values: &[f64]) -> Option<(f64, f64)> {
    let (mut largest, mut smallest, mut numbers) = ([0.0; LANES], [f64::INFINITY; LANES], [true; LANES]);
    by_lanes(values, |lane, value| {
        let size = value.abs();
        largest[lane] = if size > largest[lane] { size } else { largest[lane] };
        smallest[lane] = if size < smallest[lane] { size } else { smallest[lane] };
        numbers[lane] &= !value.is_nan();
    });
    let all = (largest.into_iter().fold(0.0, f64::max), smallest.into_iter().fold(f64::INFINITY, f64::min));
    numbers.into_iter().all(|numbers| numbers).then_some(all)
}

/// Gives the values to lanes in turn, so that none waits for the one before.
#[inline(always)]
fn by_lanes(values: &[f64], mut take: impl FnMut(usize, f64)) {
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        (0..LANES).for_each(|lane| take(lane, block[lane]));
    }
    rest.iter().enumerate().for_each(|(lane, value)| take(lane, *value));
}

/// The sum of all in units of one over `scale`; None where one is no decimal in that scale.
fn sum_of_decimals(values: &[f64], scale: f64) -> Option<i64> {
    let (mut sums, mut others) = ([0i64; LANES], [false; LANES]);
    by_lanes(values, |lane, value| {
        let shifted = value * scale + ROUNDER;
        others[lane] |= !is_exact(value, shifted - ROUNDER, scale);
        sums[lane] = sums[lane].wrapping_add(shifted.to_bits().wrapping_sub(ROUNDER.to_bits()) as i64);
    });
    (!others.contains(&true)).then(|| sums.iter().fold(0i64, |sum, more| sum.wrapping_add(*more)))
}

/// The sum of those that are decimals in that scale, in units of one over it; and of the others, with what rounding took from it.
fn split_sum(values: &[f64], scale: f64) -> (i64, f64, f64) {
    let (mut wholes, mut sums, mut errors) = ([0i64; LANES], [0.0; LANES], [0.0; LANES]);
    by_lanes(values, |lane, value| {
        let shifted = value * scale + ROUNDER;
        let same = is_exact(value, shifted - ROUNDER, scale);
        wholes[lane] += if same { shifted.to_bits().wrapping_sub(ROUNDER.to_bits()) as i64 } else { 0 };
        (sums[lane], errors[lane]) = two_sum(sums[lane], errors[lane], if same { 0.0 } else { value });
    });
    let lanes = sums.into_iter().zip(errors);
    let (rest, error) = lanes.fold((0.0, 0.0), |(sum, error), (more, lost)| two_sum(sum, error + lost, more));
    (wholes.iter().sum(), rest, error)
}

/// Knuth's two-sum: the second number gathers what rounding took from the first.
#[inline]
pub(super) fn two_sum(sum: f64, error: f64, value: f64) -> (f64, f64) {
    let new = sum + value;
    let back = new - sum;
    (new, error + ((sum - (new - back)) + (value - back)))
}

/// A sum of values, or of values times lengths of time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ExactSum {
    /// Of decimals, in units of 10^-9.
    whole: i128,
    /// Of the others, and what rounding took from it (Knuth's two-sum).
    rest: f64,
    error: f64,
}

impl ExactSum {
    /// The sum of these values.
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sum = Self::default();
        sum.add_all(values);
        sum
    }

    /// A sum that was kept in its parts.
    pub(crate) fn from_parts(whole: i128, rest: f64, error: f64) -> Self {
        Self { whole, rest, error }
    }

    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        match decimal(value).and_then(|units| self.whole.checked_add(units)) {
            Some(whole) => self.whole = whole,
            None => self.add_to_rest(value),
        }
    }

    /// Adds all of them, as [`add`](Self::add) would one by one, but for the order in which what is no decimal is rounded.
    pub(crate) fn add_all(&mut self, values: &[f64]) {
        for block in values.chunks(BLOCK) {
            match magnitudes(block) {
                Some(sizes) => self.merge(&Self::of_block(block, sizes)),
                None => block.iter().for_each(|value| self.add(*value)),
            }
        }
    }

    /// The sum of at most [`BLOCK`] numbers, of which the largest and the smallest magnitude are known.
    pub(super) fn of_block(values: &[f64], (largest, smallest): (f64, f64)) -> Self {
        if let Some((below, scale, units)) = scale_of(largest) {
            // Mostly the first ones tell what all of them are.
            if decimals_of(&values[..values.len().min(2)], scale) > 0
                && let Some(sum) = sum_of_decimals(values, scale)
            {
                return Self { whole: i128::from(sum) * units, ..Self::default() };
            }
            // With a smaller scale a smaller value could be a decimal all the same.
            if scale_of(smallest).is_some_and(|(other, ..)| other == below) {
                let (sum, rest, error) = split_sum(values, scale);
                return Self { whole: i128::from(sum) * units, rest, error };
            }
        }
        let mut sum = Self::default();
        values.iter().for_each(|value| sum.add(*value));
        sum
    }

    /// Its whole units of 10^-9, the rest, and what rounding took from that.
    pub(super) fn parts(&self) -> (i128, f64, f64) {
        (self.whole, self.rest, self.error)
    }

    /// Adds so many times so many units; false, and nothing is added, where that is too much for them.
    pub(super) fn add_units(&mut self, number: i128, units: i128) -> bool {
        let sum = number.checked_mul(units).and_then(|product| self.whole.checked_add(product));
        self.whole = sum.unwrap_or(self.whole);
        sum.is_some()
    }

    /// Adds `value * factor`.
    #[inline]
    pub(crate) fn add_times(&mut self, value: f64, factor: i64) {
        let product = decimal(value).and_then(|units| product(units, factor));
        match product.and_then(|product| self.whole.checked_add(product)) {
            Some(whole) => self.whole = whole,
            None => self.add_rest(value, factor as f64),
        }
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: &Self) {
        match self.whole.checked_add(other.whole) {
            Some(whole) => self.whole = whole,
            None => self.add_rest(other.whole as f64, 1e-9),
        }
        self.add_to_rest(other.rest);
        self.error += other.error;
    }

    /// This sum so many times.
    pub(crate) fn times(&self, factor: i64) -> Self {
        let mut product = Self::default();
        match self.whole.checked_mul(i128::from(factor)) {
            Some(whole) => product.whole = whole,
            None => product.add_rest(self.whole as f64 * 1e-9, factor as f64),
        }
        if self.rest != 0.0 || self.error != 0.0 {
            product.add_rest(self.rest, factor as f64);
            product.error += self.error * factor as f64;
        }
        product
    }

    /// The sum divided by a number above zero, rounded once where all was decimal.
    pub(crate) fn over(&self, divisor: u128) -> f64 {
        if self.rest == 0.0 && self.error == 0.0 {
            return ratio(self.whole, divisor.saturating_mul(UNITS.unsigned_abs()));
        }
        self.over_with_rest(divisor)
    }

    /// Apart, so that sums of decimals do not pay for it.
    #[cold]
    #[inline(never)]
    fn over_with_rest(&self, divisor: u128) -> f64 {
        // With an infinity among the values the error means nothing.
        if !self.rest.is_finite() || !self.error.is_finite() {
            return self.rest;
        }
        let high = self.whole as f64;
        let low = (self.whole - high as i128) as f64;
        let mut total = Self::from_parts(0, self.rest, self.error);
        total.add_rest(high, 1e-9);
        total.add_rest(low, 1e-9);
        let (sum, divisor) = (total.rest + total.error, divisor as f64);
        let quotient = sum / divisor;
        quotient + (f64::mul_add(-quotient, divisor, total.rest) + total.error) / divisor
    }

    /// Adds a product with all of its digits.
    fn add_rest(&mut self, value: f64, factor: f64) {
        let product = value * factor;
        self.add_to_rest(product);
        if product.is_finite() {
            self.error += f64::mul_add(value, factor, -product);
        }
    }

    fn add_to_rest(&mut self, value: f64) {
        (self.rest, self.error) = two_sum(self.rest, self.error, value);
    }
}

/// Two numbers of 64 bits always have a product of 128, and a fast one.
#[inline]
fn product(units: i128, factor: i64) -> Option<i128> {
    match i64::try_from(units) {
        Ok(units) => Some(i128::from(units) * i128::from(factor)),
        Err(_) => units.checked_mul(i128::from(factor)),
    }
}

/// The f64 that lies nearest to `numerator / denominator`: long division until there are more bits than f64 keeps.
pub(crate) fn ratio(numerator: i128, denominator: u128) -> f64 {
    const ENOUGH: u128 = 1 << 54;
    /// Whole numbers up to this are floats themselves: one division rounds once.
    const FLOATS: u128 = 1 << 53;
    let sign = if numerator < 0 { -1.0 } else { 1.0 };
    let size = numerator.unsigned_abs();
    // Halving both changes nothing, and often leaves floats.
    let halves = size.trailing_zeros().min(denominator.trailing_zeros());
    let (size, denominator) = (size >> halves, denominator >> halves);
    if size <= FLOATS && denominator <= FLOATS {
        return sign * (size as u64 as f64 / denominator as u64 as f64);
    }
    if size > 0 && denominator < 1 << 64 {
        // As many digits as there is room for: more than a float keeps, with one bit for all that is left.
        let room = size.leading_zeros();
        let (shifted, scale) = (size << room, f64::from_bits(u64::from(1023 - room) << 52));
        let quotient = shifted / denominator;
        return sign * (quotient | u128::from(quotient * denominator != shifted)) as f64 * scale;
    }
    let mut quotient = size / denominator;
    let mut remainder = size - quotient * denominator;
    // What the remainder may be shifted by, so that neither it nor a quotient below `ENOUGH` overflows.
    let shift = denominator.leading_zeros().min(64);
    let mut scale = 1.0;
    while quotient < ENOUGH && remainder > 0 && shift > 0 {
        remainder <<= shift;
        let digits = remainder / denominator;
        quotient = (quotient << shift) + digits;
        remainder -= digits * denominator;
        scale *= 0.5f64.powi(shift as i32);
    }
    // One bit for all that is left decides a tie.
    sign * (quotient | u128::from(remainder > 0)) as f64 * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        values.iter().for_each(|value| sum.add(*value));
        sum
    }

    #[test]
    fn decimals_are_found_and_nothing_else() {
        for (value, units) in [
            (0.0, 0),
            (33.5, 33_500_000_000),
            (-0.1, -100_000_000),
            (13423.7, 13_423_700_000_000),
            (3_000_000.25, 3_000_000_250_000_000),
            (4_000_000_000.5, 4_000_000_000_500_000_000),
            (1e15, 1_000_000_000_000_000_000_000_000),
        ] {
            assert_eq!(decimal(value), Some(units), "{value}");
        }
        for value in [-0.0, 1.0 / 3.0, 1e-10, 2f64.powi(51), f64::NAN, f64::INFINITY, 5e-324] {
            assert_eq!(decimal(value), None, "{value}");
        }
    }

    #[test]
    fn what_is_added_up_in_any_order_and_grouping_is_the_same() {
        let values: Vec<f64> = (0..10_000).map(|i| f64::from(i * 7919 % 977_001 - 17_300) / 1000.0).collect();
        let whole = sum(&values);
        for size in [1, 7, 512, 10_000] {
            let (mut grouped, mut at_once) = (ExactSum::default(), ExactSum::default());
            values.rchunks(size).for_each(|part| grouped.merge(&sum(part)));
            values.rchunks(size).for_each(|part| at_once.add_all(part));
            assert_eq!((grouped, at_once), (whole, whole));
        }
        let mut minutes = ExactSum::default();
        values.iter().for_each(|value| minutes.add_times(*value, 60_000_000));
        assert_eq!(minutes, whole.times(60_000_000));
        assert_eq!(sum(&[0.1; 10]).over(1), 1.0);
        assert_eq!(sum(&[1e15, 0.1, -1e15]).over(1), 0.1);
    }

    #[test]
    fn what_is_no_decimal_loses_next_to_nothing() {
        let third = 1.0 / 3.0;
        let values: Vec<f64> = (0..9_000).map(|i| if i % 2 == 0 { third } else { 1e9 * third }).collect();
        let expected = third * 4500.0 + 1e9 * third * 4500.0;
        assert!((sum(&values).over(1) - expected).abs() <= expected * f64::EPSILON);
        assert!((sum(&values).times(60).over(120) - expected / 2.0).abs() <= expected * f64::EPSILON);
        let mut at_once = ExactSum::default();
        at_once.add_all(&values);
        assert!((at_once.over(1) - expected).abs() <= expected * f64::EPSILON);
        assert_eq!((kind_of(&[third; 9]), kind_of(&[third, 0.5])), (Kind::Others, Kind::Mixed));
        assert_eq!(kind_of(&[f64::NAN, 1.0]), Kind::Mixed);
        assert_eq!(kind_of(&[0.25, 4e9]), Kind::Decimals(1e3, 1_000_000));
        // Decimals among them stay whole, whatever their size.
        let mixed: Vec<f64> = values.iter().enumerate().map(|(i, v)| if i % 5 == 0 { 0.1 } else { *v }).collect();
        let mut mixed_at_once = ExactSum::default();
        mixed_at_once.add_all(&mixed);
        assert_eq!(mixed_at_once.whole, sum(&mixed).whole);
        assert_eq!(sum(&[f64::INFINITY, 1.0]).over(3600), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).over(1).is_nan());
    }

    #[test]
    fn a_ratio_is_rounded_once() {
        for (numerator, denominator, expected) in [
            (0, 7, 0.0),
            (1, 3, 1.0 / 3.0),
            (-2, 3, -2.0 / 3.0),
            (1, 10_000_000_000_000_000_000_000, 1e-22),
            (i128::MAX, 1, 1.7014118346046923e38),
            (1, u128::MAX >> 1, 2f64.powi(-127)),
            (i128::MAX, u128::from(u64::MAX), 9.223372036854776e18),
            (7_200_000_000_000_000_000_000, 7_200_000_000_000_000_000, 1000.0),
            (-(1 << 90), 3, -(2f64.powi(90) / 3.0)),
            // The first is a tie, which goes to the even neighbour; the second lies just above it.
            ((1 << 53) + 1, 1, 9_007_199_254_740_992.0),
            ((1 << 54) + 3, 2, 9_007_199_254_740_994.0),
        ] {
            assert_eq!(ratio(numerator, denominator), expected, "{numerator}/{denominator}");
        }
    }
}
