//! What came, step by step, rolling on with the time: forecasts that are made again and again look up what they need in it, and
//! nothing of the past is read or counted twice.

use std::collections::VecDeque;

use jiff::tz::TimeZone;

use super::method::Method;
use crate::energy::zone_of;
use crate::error::{Error, Result};
use crate::model::{Span, Timestamp};

const DAY: i64 = 86_400_000_000;
/// How far back a day is looked for that is known.
const DAYS_BACK: i64 = 14;

/// The means of one quantity over the even steps until now, as many as are kept; NaN where nothing is known.
#[derive(Debug, Clone)]
pub struct RollingPast {
    zone: TimeZone,
    step: i64,
    /// When the first step that is kept starts, in microseconds.
    first: i64,
    /// Each step: what came, and how far local time was ahead of UTC, in microseconds.
    came: VecDeque<(f64, i64)>,
    /// Full-policy: the oldest step goes.
    keep: usize,
}

impl RollingPast {
    /// Nothing came yet: the first step starts there. `keep` steps are kept, on the clocks of a zone.
    ///
    /// # Errors
    /// Invalid for a zone that is not known, a step that is not above zero, or where nothing is to be kept.
    pub fn new(zone: &str, step: Span, start: Timestamp, keep: usize) -> Result<Self> {
        if step.as_micros() <= 0 || keep == 0 {
            let message = format!("a past of {keep} steps of {step}, expected at least one of a length above zero");
            return Err(Error::invalid(message));
        }
        let (step, first) = (step.as_micros(), start.as_micros());
        Ok(Self { zone: zone_of(zone)?, step, first, came: VecDeque::with_capacity(keep), keep })
    }

    /// When the next step starts that is not known yet.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        Timestamp::from_micros(self.first + self.came.len() as i64 * self.step)
    }

    /// The mean of the next step; NaN where it is not known.
    ///
    /// # Errors
    /// Invalid for a time outside the calendar.
    pub fn push(&mut self, mean: f64) -> Result<()> {
        let offset = self.offset(self.end().as_micros())?;
        if self.came.len() == self.keep {
            self.came.pop_front();
            self.first += self.step;
        }
        self.came.push_back((mean, offset));
        Ok(())
    }

    /// Forgets everything, and goes on from there.
    pub fn restart(&mut self, start: Timestamp) {
        self.came.clear();
        self.first = start.as_micros();
    }

    /// Forgets the last so many steps: they are to come again.
    pub fn truncate(&mut self, steps: usize) {
        self.came.truncate(self.came.len().saturating_sub(steps));
    }

    /// The mean of the step that starts at that time, where it is known.
    #[must_use]
    pub fn at(&self, start: Timestamp) -> Option<f64> {
        let place = usize::try_from((start.as_micros() - self.first).div_euclid(self.step)).ok()?;
        self.came.get(place).map(|(mean, _)| *mean).filter(|mean| !mean.is_nan())
    }

    /// The last step that is known: when it ended, and its mean.
    #[must_use]
    pub fn last(&self) -> Option<(Timestamp, f64)> {
        let place = self.came.iter().rposition(|(mean, _)| !mean.is_nan())?;
        Some((Timestamp::from_micros(self.first + (place as i64 + 1) * self.step), self.came[place].0))
    }

    /// How long ago, at its end, the first step started that is known.
    #[must_use]
    pub fn reach(&self) -> Span {
        let known = self.came.iter().position(|(mean, _)| !mean.is_nan());
        Span::from_micros(known.map_or(0, |place| (self.came.len() - place) as i64 * self.step))
    }

    /// What is expected in steps that start at these times, at or after the end of what is known. Each falls back on less as
    /// [`Naive`](super::Naive) does: from weekdays or days to the last day that is known, to the last step. None where nothing is known.
    ///
    /// # Errors
    /// Invalid for a time outside the calendar.
    pub fn expect(&self, method: Method, starts: &[Timestamp]) -> Result<Option<Vec<f64>>> {
        let Some((_, last)) = self.last() else { return Ok(None) };
        let at = |start: &Timestamp| {
            let at = (start.as_micros(), self.offset(start.as_micros())?);
            let known = match method {
                Method::Persistence => return Ok(last),
                Method::Yesterday => None,
                Method::Days { days } => self.same_time(at, days, 1, false),
                Method::Weekday { weeks, median } => self.same_time(at, weeks, 7, median),
            };
            Ok(known.or_else(|| (1..=DAYS_BACK).find_map(|days| self.before(at, days))).unwrap_or(last))
        };
        starts.iter().map(at).collect::<Result<_>>().map(Some)
    }

    /// What came when the wall clocks showed the same time so many days before.
    fn before(&self, (start, offset): (i64, i64), days: i64) -> Option<f64> {
        let place = |micros: i64| usize::try_from((micros - self.first).div_euclid(self.step)).ok();
        let guess = start - days * DAY;
        let (_, then) = self.came.get(place(guess)?)?;
        // Where the clocks were changed in between, the same wall-clock time lies an hour off.
        let (mean, _) = self.came.get(place(guess + offset - then)?)?;
        (!mean.is_nan()).then_some(*mean)
    }

    fn same_time(&self, at: (i64, i64), count: usize, apart: i64, median: bool) -> Option<f64> {
        let mut same = [0.0; 52];
        let mut found = 0;
        for back in 1..=count.min(same.len()) as i64 {
            if let Some(value) = self.before(at, apart * back) {
                same[found] = value;
                found += 1;
            }
        }
        let same = &mut same[..found];
        match (found, median) {
            (0, _) => None,
            (_, false) => Some(same.iter().sum::<f64>() / found as f64),
            (_, true) => {
                same.sort_by(f64::total_cmp);
                Some(f64::midpoint(same[(found - 1) / 2], same[found / 2]))
            }
        }
    }

    fn offset(&self, micros: i64) -> Result<i64> {
        let time = jiff::Timestamp::from_microsecond(micros);
        let time = time.map_err(|e| Error::invalid(format!("time {micros} us is outside the calendar")).caused_by(e))?;
        Ok(i64::from(self.zone.to_offset(time).seconds()) * 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::{Forecast, Horizon};

    const ZONE: &str = "Europe/Berlin";

    fn past(start: Timestamp, came: &[f64], keep: usize) -> RollingPast {
        let mut past = RollingPast::new(ZONE, Span::from_seconds(3_600), start, keep).unwrap();
        came.iter().for_each(|mean| past.push(*mean).unwrap());
        past
    }

    #[test]
    fn it_expects_what_a_forecast_from_the_whole_past_does() {
        // Four weeks around the change of the clocks, with holes.
        let start: Timestamp = "2025-03-10T00:00:00+01:00".parse().unwrap();
        let hole = |hour: usize| hour % 17 == 3 || (200..230).contains(&hour);
        let came: Vec<f64> =
            (0..28 * 24).map(|hour| if hole(hour) { f64::NAN } else { (hour * 37 % 101) as f64 }).collect();
        let hours = Horizon::even(start, Span::from_seconds(3_600), came.len()).unwrap();
        for now in [30, 24 * 9 + 5, 24 * 20, 24 * 21 + 13] {
            let known = hours.part(0..now).unwrap();
            let ahead = hours.part(now..now + 48).unwrap();
            let rolling = past(start, &came[..now], 10_000);
            for method in ["persistence", "yesterday", "days:7", "weekday:4", "weekday-median:3"] {
                let method: Method = method.parse().unwrap();
                let whole = Forecast::from_past(method, ZONE, &known, &came[..now], &ahead, &[]).unwrap();
                assert_eq!(rolling.expect(method, ahead.starts()).unwrap().unwrap(), whole.values, "{method} at {now}");
            }
        }
    }

    #[test]
    fn the_oldest_steps_go_and_the_rest_stays_where_it_was() {
        let start: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        let came: Vec<f64> = (0..100).map(f64::from).collect();
        let rolling = past(start, &came, 48);
        let next = [rolling.end()];
        assert_eq!(next[0], start.saturating_add(Span::from_seconds(100 * 3_600)));
        assert_eq!(rolling.expect(Method::Yesterday, &next).unwrap().unwrap(), [76.0]);
        assert_eq!(rolling.expect(Method::Days { days: 4 }, &next).unwrap().unwrap(), [64.0], "two days are left");
        assert_eq!((rolling.reach(), rolling.last().unwrap().1), (Span::from_seconds(48 * 3_600), 99.0));
    }

    #[test]
    fn of_nothing_nothing_is_expected() {
        let start: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        let rolling = past(start, &[f64::NAN; 5], 48);
        assert_eq!(rolling.expect(Method::WEEKDAY, &[rolling.end()]).unwrap(), None);
        assert_eq!((rolling.last(), rolling.reach()), (None, Span::from_seconds(0)));
        assert!(RollingPast::new("Nowhere", Span::from_seconds(1), start, 1).unwrap_err().to_string().contains("Nowhere"));
        assert!(RollingPast::new(ZONE, Span::from_seconds(0), start, 1).unwrap_err().to_string().contains("steps of 0s"));
    }
}
