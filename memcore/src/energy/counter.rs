//! Counters: how much a register rose, although it is reset, glitches or rolls over.

use super::exact::ExactSum;
use crate::error::{Error, Result};

/// Goes from reading to reading of one register.
///
/// - The first reading gives nothing: what was counted before is not known.
/// - A reading below the one before is a reset: a new segment begins, whose first reading gives nothing.
/// - But where the register comes back from one lower value to what it had or more, that value was a glitch: it is left out.
/// - With a declared width a fall by more than half of it is a rollover, and the rise goes on through it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter {
    width: Option<f64>,
    last: Option<f64>,
    /// The reading before a fall, while it is open whether that was a reset or a glitch.
    before_fall: Option<f64>,
    resets: u64,
    glitches: u64,
}

/// What a reading adds: from one reading to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rise {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Rise {
    const NONE: Self = Self { from: 0.0, to: 0.0 };

    pub(crate) fn add_to(self, sum: &mut ExactSum) {
        sum.add(self.to);
        sum.add_times(self.from, -1);
    }
}

impl Counter {
    /// Of a register of that width, where one is declared; it is more than zero.
    pub(crate) fn new(width: Option<f64>) -> Self {
        Self { width, ..Self::default() }
    }

    /// What the reading adds to those before; None for NaN and for the first, of which it is not known.
    #[inline]
    pub(crate) fn push(&mut self, value: f64) -> Option<Rise> {
        if value.is_nan() {
            return None;
        }
        let last = self.last.replace(value)?;
        if let Some(before) = self.before_fall {
            if value >= before {
                self.before_fall = None;
                self.glitches += 1;
                return Some(Rise { from: before, to: value });
            }
            if value == last {
                return Some(Rise::NONE);
            }
            self.before_fall = None;
            self.resets += 1;
        }
        if value >= last {
            return Some(Rise { from: last, to: value });
        }
        if let Some(width) = self.width
            && last - value > width / 2.0
        {
            return Some(Rise { from: last, to: value + width });
        }
        self.before_fall = Some(last);
        Some(Rise::NONE)
    }

    /// The latest reading.
    pub(crate) fn last(&self) -> Option<f64> {
        self.last
    }

    /// Whether it is open what the latest fall was.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.before_fall.is_some()
    }
}

pub(super) fn check_width(width: Option<f64>) -> Result<()> {
    match width.filter(|width| !(width.is_finite() && *width > 0.0)) {
        Some(width) => Err(Error::invalid(format!("width of the register is {width}, expected more than zero"))),
        None => Ok(()),
    }
}

/// What [`increase`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Increase {
    /// By how much the register rose; None where there are not two readings.
    pub amount: Option<f64>,
    /// How often it started anew.
    pub resets: u64,
    /// How often it fell and came back: nothing was counted.
    pub glitches: u64,
}

/// By how much a counter rose from its first reading to its last, across resets. NaN is no reading. With a `width` (65,536 of a
/// register of 16 bits, in the unit of the readings) a fall by more than half of it is a rollover.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for a width that is not more than zero.
pub fn increase(readings: &[f64], width: Option<f64>) -> Result<Increase> {
    check_width(width)?;
    let mut counter = Counter::new(width);
    let mut sum = ExactSum::default();
    let mut pairs = 0;
    for rise in readings.iter().filter_map(|value| counter.push(*value)) {
        rise.add_to(&mut sum);
        pairs += 1;
    }
    let resets = counter.resets + u64::from(counter.before_fall.is_some());
    Ok(Increase { amount: (pairs > 0).then(|| sum.over(1)), resets, glitches: counter.glitches })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(readings: &[f64]) -> (Option<f64>, u64, u64) {
        let found = increase(readings, None).unwrap();
        (found.amount, found.resets, found.glitches)
    }

    #[test]
    fn a_register_that_drops_out_and_comes_back_has_not_counted() {
        // B1: kWh, never 13 MWh.
        assert_eq!(of(&[13423.7, 0.0, 13423.7]), (Some(0.0), 0, 1));
        assert_eq!(of(&[13423.7, 0.0, 0.0, 13423.9]), (Some(0.2), 0, 1));
        assert_eq!(of(&[13423.7, 13423.6, 13423.7, 13423.6, 13423.7]), (Some(0.0), 0, 2));
    }

    #[test]
    fn a_reset_starts_a_new_segment() {
        // B3: never -12 kWh.
        assert_eq!(of(&[12.0, 0.0]), (Some(0.0), 1, 0));
        assert_eq!(of(&[12.0, 0.0, 0.5, 3.0]), (Some(3.0), 1, 0));
        assert_eq!(of(&[12.0, 0.0, 0.0, 5.0, 4.0, 6.0]), (Some(6.0), 1, 1));
        assert_eq!(of(&[12.0, 7.0, 3.0, 4.0]), (Some(1.0), 2, 0));
    }

    #[test]
    fn the_first_reading_gives_nothing() {
        // B4: 0.83 kWh, never 936.
        assert_eq!(of(&[f64::NAN, 935.29, 936.12]), (Some(0.83), 0, 0));
        assert_eq!(of(&[935.29]).0, None);
        assert_eq!(of(&[]).0, None);
    }

    #[test]
    fn a_declared_width_makes_a_fall_a_rollover() {
        let found = increase(&[65_530.0, 4.0, 10.0], Some(65_536.0)).unwrap();
        assert_eq!((found.amount, found.resets), (Some(16.0), 0));
        assert_eq!(increase(&[20_000.0, 0.0], Some(65_536.0)).unwrap().resets, 1);
        assert!(increase(&[], Some(0.0)).is_err());
    }
}
