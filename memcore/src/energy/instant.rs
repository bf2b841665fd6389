//! Columns of times, as programs and as Arrow have them.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::model::Timestamp;

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::model::Timestamp {}
    impl Sealed for i64 {}
}

/// What a column of times may hold: [`Timestamp`]s, or their microseconds since 1970-01-01T00:00:00Z as `i64`, which are read
/// where they lie.
pub trait Instant: Copy + sealed::Sealed {
    /// The column in microseconds.
    fn micros(times: &[Self]) -> Cow<'_, [i64]>;
}

impl Instant for Timestamp {
    fn micros(times: &[Self]) -> Cow<'_, [i64]> {
        Cow::Owned(times.iter().map(|time| time.as_micros()).collect())
    }
}

impl Instant for i64 {
    fn micros(times: &[Self]) -> Cow<'_, [i64]> {
        Cow::Borrowed(times)
    }
}

/// The times of so many values, which rise.
pub(super) fn rising<T: Instant>(times: &[T], values: usize) -> Result<Cow<'_, [i64]>> {
    if times.len() != values {
        return Err(Error::invalid(format!("{} times for {values} values, expected as many", times.len())));
    }
    let times = T::micros(times);
    let later = times.get(1..).unwrap_or_default();
    // Of a sign bit for each pair, without a branch.
    let rising = times.iter().zip(later).fold(-1, |all, (before, after)| all & sign_if_less(*before, *after));
    match times.windows(2).find(|pair| rising >= 0 && pair[0] >= pair[1]) {
        Some(pair) => {
            let (before, time) = (Timestamp::from_micros(pair[0]), Timestamp::from_micros(pair[1]));
            Err(Error::invalid(format!("time {time} follows {before}, expected rising times")))
        }
        None => Ok(times),
    }
}

/// The place of the first time behind `last`, from a place on up to which none is: near places are found fast.
#[inline]
pub(super) fn first_after(times: &[i64], from: usize, last: i64) -> usize {
    let (mut low, mut stride) = (from, 8);
    while let Some(time) = times.get(low + stride)
        && *time <= last
    {
        low += stride;
        stride *= 2;
    }
    let high = (low + stride).min(times.len());
    low + times[low..high].partition_point(|time| *time <= last)
}

/// Negative where `a < b`, by arithmetic that no overflow upsets (Hacker's Delight, 2-12).
#[inline]
fn sign_if_less(a: i64, b: i64) -> i64 {
    (a & !b) | (!(a ^ b) & a.wrapping_sub(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_behind_another_is_found_from_wherever() {
        let times: Vec<i64> = (0..300).map(|i| i * i).collect();
        for from in [0, 1, 17, 299] {
            for last in times[from]..times[from] + 5000 {
                assert_eq!(first_after(&times, from, last), times.partition_point(|time| *time <= last), "{from} {last}");
            }
        }
        assert_eq!(first_after(&[], 0, 5), 0);
    }

    #[test]
    fn times_that_do_not_rise_are_found_wherever_they_are() {
        let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
        for a in ends {
            for b in ends {
                assert_eq!(sign_if_less(a, b) < 0, a < b, "{a} {b}");
            }
        }
        let mut times: Vec<i64> = (0..100).collect();
        assert!(rising(&times, 100).is_ok());
        times[73] = 72;
        let e = rising(&times, 100).unwrap_err().to_string();
        assert_eq!(e, "time 1970-01-01T00:00:00.000072Z follows 1970-01-01T00:00:00.000072Z, expected rising times");
        assert!(rising(&times[..1], 1).is_ok() && rising::<i64>(&[], 0).is_ok());
    }
}
