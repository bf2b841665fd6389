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
    let falls = times.iter().zip(times.get(1..).unwrap_or_default()).fold(false, |falls, (a, b)| falls | (a >= b));
    match times.windows(2).find(|pair| falls && pair[0] >= pair[1]) {
        Some(pair) => {
            let (before, time) = (Timestamp::from_micros(pair[0]), Timestamp::from_micros(pair[1]));
            Err(Error::invalid(format!("time {time} follows {before}, expected rising times")))
        }
        None => Ok(times),
    }
}
