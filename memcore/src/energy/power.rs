//! From energy to power: the mean over each interval.

use super::counter::{CounterEventKind, increases};
use super::exact::ExactSum;
use super::gap::GapRule;
use super::instant::{Instant, rising};
use crate::error::Result;
use crate::model::Timestamp;

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// What [`mean_power`] and [`mean_power_of_register`] found: one row an interval, in order of time.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct MeanPower {
    /// Where each interval starts, which is its label.
    pub starts: Vec<Timestamp>,
    /// Where it ends.
    pub ends: Vec<Timestamp>,
    /// The mean over it: the unit of the energy divided by hours, W of Wh. NaN where it is not known.
    pub power: Vec<f64>,
}

impl MeanPower {
    fn push(&mut self, start: i64, end: i64, power: f64) {
        self.starts.push(Timestamp::from_micros(start));
        self.ends.push(Timestamp::from_micros(end));
        self.power.push(power);
    }
}

/// `amount / (end - start)`, rounded once.
fn mean(amount: f64, start: i64, end: i64) -> f64 {
    let mut energy = ExactSum::default();
    energy.add_times(amount, MICROS_PER_HOUR);
    if amount.is_nan() || end <= start { f64::NAN } else { energy.over(u128::from(end.abs_diff(start))) }
}

/// The mean power of amounts of energy, each of the interval that follows its time: one cadence long where `gaps` knows one, but
/// not beyond the next time; else until the next time, where that comes within the longest gap. Where nothing says how long the
/// interval is the power is NaN, and the interval empty; so it is of the last amount without a cadence.
///
/// `power = amount / length`: 250 Wh of a quarter of an hour are 1000 W.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where times do not rise or are not as many as the amounts.
pub fn mean_power<T: Instant>(times: &[T], amounts: &[f64], gaps: GapRule) -> Result<MeanPower> {
    let times = rising(times, amounts.len())?;
    let mut found = MeanPower::default();
    for (row, (start, amount)) in times.iter().zip(amounts).enumerate() {
        let next = times.get(row + 1).copied();
        let end = match (gaps.cadence(), next) {
            (Some(cadence), _) => start.saturating_add(cadence).min(next.unwrap_or(i64::MAX)),
            (None, Some(next)) if gaps.bridges(next.saturating_sub(*start)) => next,
            (None, _) => *start,
        };
        found.push(*start, end, mean(*amount, *start, end));
    }
    Ok(found)
}

/// The mean power between the readings of a counter: an interval from each reading to the next, `power = rise / length`. NaN is
/// no reading, and the readings of a glitch are left out: the interval goes on to the next that counts. The power is NaN over
/// a reset, of which it is not known what was counted, and over a silence longer than the longest gap. `width` is the one of
/// [`increase`](super::increase).
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where times do not rise or are not as many as the readings, or for a width that is
/// not more than zero.
pub fn mean_power_of_register<T: Instant>(
    times: &[T],
    readings: &[f64],
    width: Option<f64>,
    gaps: GapRule,
) -> Result<MeanPower> {
    let times = rising(times, readings.len())?;
    let counted = increases(readings, width)?;
    let mut events = counted.events.iter().peekable();
    let mut found = MeanPower::default();
    // The reading before, by time; within a glitch the one that it comes back to.
    let (mut before, mut glitch): (Option<i64>, Option<f64>) = (None, None);
    for (row, (time, reading)) in times.iter().zip(readings).enumerate() {
        if reading.is_nan() {
            continue;
        }
        let event = events.next_if(|event| event.row == row).map(|event| event.kind);
        if glitch.is_some_and(|to| *reading >= to) {
            glitch = None;
        }
        if event == Some(CounterEventKind::Glitch) {
            glitch = readings[..row].iter().rev().copied().find(|value| !value.is_nan());
        }
        if glitch.is_some() {
            continue;
        }
        if let Some(start) = before.replace(*time) {
            let known = event != Some(CounterEventKind::Reset) && gaps.bridges(time.saturating_sub(start));
            found.push(start, *time, if known { mean(counted.amounts[row], start, *time) } else { f64::NAN });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    const QUARTER: i64 = 900;

    fn gaps(longest: i64, cadence: Option<i64>) -> GapRule {
        GapRule::new(Span::from_seconds(longest), cadence.map(Span::from_seconds)).unwrap()
    }

    fn quarters(of: &[i64]) -> Vec<Timestamp> {
        of.iter().map(|quarter| Timestamp::from_seconds(quarter * QUARTER)).collect()
    }

    /// NaN as None.
    fn power(found: &MeanPower) -> Vec<Option<f64>> {
        found.power.iter().map(|power| Some(*power).filter(|power| !power.is_nan())).collect()
    }

    #[test]
    fn an_amount_is_of_one_cadence_or_of_the_time_until_the_next() {
        let times = quarters(&[0, 1, 3, 9]);
        let amounts = [250.0, 0.1, 500.0, 100.0];
        let known = mean_power(&times, &amounts, gaps(2700, Some(QUARTER))).unwrap();
        assert_eq!(power(&known), [Some(1000.0), Some(0.4), Some(2000.0), Some(400.0)]);
        assert_eq!(known.ends, quarters(&[1, 2, 4, 10]));
        let told = mean_power(&times, &amounts, gaps(2700, None)).unwrap();
        assert_eq!(power(&told), [Some(1000.0), Some(0.2), None, None]);
    }

    #[test]
    fn the_power_between_readings_leaves_out_glitches_and_does_not_know_resets() {
        let times = quarters(&[0, 1, 2, 3, 4, 5, 20]);
        let readings = [100.0, 0.0, 101.0, f64::NAN, 5.0, 6.5, 50.0];
        let found = mean_power_of_register(&times, &readings, None, gaps(3600, None)).unwrap();
        assert_eq!(found.starts, quarters(&[0, 2, 4, 5]));
        assert_eq!(power(&found), [Some(2.0), None, Some(6.0), None]);
        let rolled =
            mean_power_of_register(&quarters(&[0, 4]), &[65_530.0, 4.0], Some(65_536.0), gaps(3600, None)).unwrap();
        assert_eq!(power(&rolled), [Some(10.0)]);
    }

    #[test]
    fn what_power_gives_energy_gives_back() {
        let times = quarters(&(0..200).collect::<Vec<_>>());
        let readings: Vec<f64> = (0..200).map(|i| f64::from(i * i) / 8.0).collect();
        let found = mean_power_of_register(&times, &readings, None, gaps(QUARTER, None)).unwrap();
        let range = (times[0], times[199]);
        let back =
            super::super::integrate(&found.starts, &found.power, range, Default::default(), gaps(QUARTER, None)).unwrap();
        assert_eq!(back.amount, readings[199] - readings[0]);
    }
}
