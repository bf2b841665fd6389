//! Values with their times, as means over the steps of a horizon.

use crate::error::{Error, Result};
use crate::model::{Span, Timestamp};
use crate::optimize::Horizon;

/// A step of which less than this share was measured is not known.
const ENOUGH: f64 = 0.5;

/// Values that hold from a time until another, in order of time; NaN where nothing is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Samples {
    /// Each with when it begins and ends, in microseconds.
    stretches: Vec<(i64, i64, f64)>,
}

impl Samples {
    /// Values labelled by the start of what they hold over, or by its end. A value holds until the next, but no longer than `max_gap`:
    /// three times the usual distance unless told.
    pub(super) fn new(times: &[i64], values: &[f64], by_end: bool, max_gap: Option<Span>) -> Self {
        let mut distances: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        distances.sort_unstable();
        let usual = distances.get(distances.len() / 2).copied().unwrap_or(3_600_000_000);
        let longest = max_gap.map_or(3 * usual, Span::as_micros);
        let stretch = |(place, (time, value)): (usize, (&i64, &f64))| {
            if by_end {
                let before = place.checked_sub(1).map_or(time - usual, |before| times[before]);
                let begins = if time - before > longest { time - usual } else { before };
                return (begins, *time, *value);
            }
            let next = times.get(place + 1).copied().unwrap_or(time + usual);
            (*time, if next - time > longest { time + usual } else { next }, *value)
        };
        Self { stretches: times.iter().zip(values).enumerate().map(stretch).collect() }
    }

    /// Every value times a factor.
    pub(super) fn scaled(mut self, factor: f64) -> Self {
        self.stretches.iter_mut().for_each(|(_, _, value)| *value *= factor);
        self
    }

    /// When the last value that is known ends.
    pub(super) fn end(&self) -> Option<Timestamp> {
        let known = self.stretches.iter().rev().find(|(_, _, value)| !value.is_nan());
        known.map(|(_, end, _)| Timestamp::from_micros(*end))
    }

    /// The mean over each step, and in how many a part was not known.
    ///
    /// # Errors
    /// Not found for a step of which less than a half is known, saying what is.
    pub(super) fn means(&self, horizon: &Horizon) -> Result<(Vec<f64>, usize)> {
        let mut bridged = 0;
        let mut means = Vec::with_capacity(horizon.len());
        for (step, (mean, share)) in self.each(horizon).enumerate() {
            if share < ENOUGH {
                let at = horizon.starts()[step];
                let (from, to) = (self.stretches.first().map(|first| first.0), self.end());
                let have = match (from, to) {
                    (Some(from), Some(to)) => format!("values are from {} to {to}", Timestamp::from_micros(from)),
                    _ => "there are no values".to_owned(),
                };
                return Err(Error::not_found(format!("no value at {at} (step {step}): {have}")));
            }
            bridged += usize::from(share < 1.0 - 1e-9);
            means.push(mean);
        }
        Ok((means, bridged))
    }

    /// The mean over each step; NaN of those of which less than a half is known.
    pub(super) fn means_or_nan(&self, horizon: &Horizon) -> Vec<f64> {
        self.each(horizon).map(|(mean, share)| if share < ENOUGH { f64::NAN } else { mean }).collect()
    }

    /// The mean over what is known of each step, and how large a share of it is known.
    fn each(&self, horizon: &Horizon) -> impl Iterator<Item = (f64, f64)> {
        let mut next = 0;
        horizon.borders().windows(2).map(move |pair| {
            let (start, end) = (pair[0].as_micros(), pair[1].as_micros());
            while self.stretches.get(next).is_some_and(|(_, ends, _)| *ends <= start) {
                next += 1;
            }
            let (mut sum, mut known) = (0.0, 0.0);
            for (begins, ends, value) in self.stretches[next..].iter().take_while(|(begins, _, _)| *begins < end) {
                let length = (ends.min(&end) - begins.max(&start)).max(0) as f64;
                if !value.is_nan() && length > 0.0 {
                    sum += value * length;
                    known += length;
                }
            }
            (if known > 0.0 { sum / known } else { f64::NAN }, known / (end - start) as f64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn hours(from: i64, count: usize) -> Horizon {
        Horizon::even(Timestamp::from_micros(from * HOUR), Span::from_micros(HOUR), count).unwrap()
    }

    #[test]
    fn quarters_become_hours_and_hours_become_quarters() {
        let quarters: Vec<i64> = (0..8).map(|quarter| quarter * HOUR / 4).collect();
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 5.0];
        assert_eq!(Samples::new(&quarters, &values, false, None).means(&hours(0, 2)).unwrap(), (vec![2.5, 5.0], 0));
        let by_end: Vec<i64> = quarters.iter().map(|time| time + HOUR / 4).collect();
        assert_eq!(Samples::new(&by_end, &values, true, None).means(&hours(0, 2)).unwrap().0, [2.5, 5.0]);
        let quarters = Horizon::even(Timestamp::from_micros(0), Span::from_micros(HOUR / 4), 8).unwrap();
        let hourly = Samples::new(&[0, HOUR], &[7.0, 9.0], false, None);
        assert_eq!(hourly.means(&quarters).unwrap().0, [7.0, 7.0, 7.0, 7.0, 9.0, 9.0, 9.0, 9.0]);
    }

    #[test]
    fn what_is_not_measured_is_bridged_within_a_step_and_named_beyond() {
        let times = [0, HOUR / 4, HOUR / 2, 3 * HOUR / 4, HOUR];
        let samples = Samples::new(&times, &[1.0, f64::NAN, 1.0, 5.0, 2.0], false, None);
        let (means, bridged) = samples.means(&hours(0, 1)).unwrap();
        assert!((means[0] - 7.0 / 3.0).abs() < 1e-12);
        assert_eq!(bridged, 1);
        let refused = samples.means(&hours(0, 3)).unwrap_err().to_string();
        assert!(refused.contains("no value at 1970-01-01T01:00:00Z (step 1)"), "{refused}");
        assert!(samples.means_or_nan(&hours(5, 1))[0].is_nan());
    }
}
