//! The steps that plans are made for: on the wall clock of the site, so that a plan's quarter hours are those of its meter.

use jiff::tz::TimeZone;

use crate::energy::zone_of;
use crate::error::{Error, Result};
use crate::model::{Span, Timestamp};
use crate::optimize::Horizon;

/// Where steps begin: at local midnight and every step after it.
#[derive(Debug, Clone)]
pub struct PlanningGrid {
    zone: TimeZone,
    step: Span,
    /// How many steps a plan looks ahead, the one that now lies in included.
    ahead: usize,
}

impl PlanningGrid {
    /// Steps of a length over a time ahead, on the clock of a zone.
    ///
    /// # Errors
    /// Invalid for a zone that is not known, a step that is not above zero, or one longer than what is to be looked ahead.
    pub fn new(zone: &str, step: Span, ahead: Span) -> Result<Self> {
        if step.as_micros() <= 0 || ahead < step {
            let message =
                format!("planning.step is {step} and planning.ahead {ahead}, expected a step above zero and at most it");
            return Err(Error::invalid(message));
        }
        let ahead = usize::try_from(ahead.as_micros() / step.as_micros()).unwrap_or(usize::MAX);
        Ok(Self { zone: zone_of(zone)?, step, ahead })
    }

    /// The length of a step.
    #[must_use]
    pub fn step(&self) -> Span {
        self.step
    }

    /// How many steps a plan has.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.ahead
    }

    /// When the step begins that a time lies in.
    #[must_use]
    pub fn floor(&self, time: Timestamp) -> Timestamp {
        let (local, step) = (self.local(time), self.step.as_micros());
        // Counted from local midnight, so that steps that do not divide a day begin anew with each.
        let of_day = local.rem_euclid(DAY);
        Timestamp::from_micros(time.as_micros().saturating_sub(of_day % step))
    }

    /// The steps ahead of now. The first begins now and ends with the step that now lies in, so that what is measured now is
    /// the state that it begins with.
    ///
    /// # Errors
    /// Invalid for a time so late that the steps end beyond what a time can hold.
    pub fn horizon(&self, now: Timestamp) -> Result<Horizon> {
        let even = Horizon::even(self.floor(now), self.step, self.ahead)?;
        if even.start() == now {
            return Ok(even);
        }
        let mut borders = even.borders().to_vec();
        borders[0] = now;
        Horizon::new(borders)
    }

    /// A time on the local clock, in microseconds.
    pub(super) fn local(&self, time: Timestamp) -> i64 {
        let offset = jiff::Timestamp::from_microsecond(time.as_micros()).map(|time| self.zone.to_offset(time).seconds());
        time.as_micros().saturating_add(i64::from(offset.unwrap_or(0)) * 1_000_000)
    }
}

const DAY: i64 = 86_400_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn steps_begin_on_the_clock_of_the_site() {
        let hourly = |zone| PlanningGrid::new(zone, Span::from_seconds(3_600), Span::from_seconds(86_400)).unwrap();
        // India is five and a half hours ahead: its hours begin at half past.
        assert_eq!(hourly("Asia/Kolkata").floor(at("2026-01-01T12:10:00Z")), at("2026-01-01T11:30:00Z"));
        assert_eq!(hourly("Europe/Berlin").floor(at("2026-01-01T12:10:00Z")), at("2026-01-01T12:00:00Z"));
        assert_eq!(hourly("UTC").steps(), 24);
    }

    #[test]
    fn the_first_step_is_what_is_left_of_the_one_that_now_lies_in() {
        let grid = PlanningGrid::new("UTC", Span::from_seconds(900), Span::from_seconds(3_600)).unwrap();
        let horizon = grid.horizon(at("2026-01-01T12:07:00Z")).unwrap();
        assert_eq!(horizon.start(), at("2026-01-01T12:07:00Z"));
        assert_eq!(horizon.borders()[1], at("2026-01-01T12:15:00Z"));
        assert_eq!((horizon.len(), horizon.end()), (4, at("2026-01-01T13:00:00Z")));
        assert_eq!(grid.horizon(at("2026-01-01T12:15:00Z")).unwrap().start(), at("2026-01-01T12:15:00Z"));
    }

    #[test]
    fn steps_that_do_not_fit_are_refused() {
        let refused = |step, ahead| {
            let (step, ahead) = (Span::from_seconds(step), Span::from_seconds(ahead));
            PlanningGrid::new("UTC", step, ahead).unwrap_err().to_string()
        };
        assert!(refused(0, 3_600).contains("planning.step is 0s"));
        assert!(refused(7_200, 3_600).contains("planning.ahead 1h"));
        let zone = PlanningGrid::new("Mars/Olympus", Span::from_seconds(900), Span::from_seconds(3_600));
        assert!(zone.unwrap_err().to_string().contains("Mars/Olympus"));
    }
}
