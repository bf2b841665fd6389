//! Times of day, by the clocks of a zone.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::error::{Error, Result};
use crate::model::{Timestamp, shorten};

/// A time of day: `07:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(Time);

impl FromStr for TimeOfDay {
    type Err = Error;

    /// Hours and minutes of a day of 24 hours, two digits each.
    fn from_str(text: &str) -> Result<Self> {
        let number = |digits: &str| {
            let two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            two.then(|| digits.parse::<i8>().ok())?
        };
        let parts = text.split_once(':').and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)));
        let time = parts.and_then(|(hour, minute)| Time::new(hour, minute, 0, 0).ok());
        time.map(Self).ok_or_else(|| {
            Error::invalid(format!("time of day is {:?}, expected hours and minutes such as 07:00", shorten(text)))
        })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl TimeOfDay {
    /// Minutes since midnight, as clocks show them.
    #[must_use]
    pub fn minute(self) -> u16 {
        u16::from(self.0.hour().unsigned_abs()) * 60 + u16::from(self.0.minute().unsigned_abs())
    }

    /// When the clocks of a zone show it next, after `now`. A time that they skip is read with the offset before they were set; of one
    /// that they show twice it is the first. None where the calendar ends.
    #[must_use]
    pub fn next_after(self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = zone.to_datetime(jiff::Timestamp::from_microsecond(now.as_micros()).ok()?).date();
        let on = |days: i32| {
            let date = today.checked_add(days.days()).ok()?;
            let shown = zone.to_timestamp(date.to_datetime(self.0)).ok()?;
            Some(Timestamp::from_micros(shown.as_microsecond()))
        };
        (0..=2).filter_map(on).find(|shown| *shown > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::zone_of;

    fn next(time: &str, now: &str) -> String {
        let zone = zone_of("Europe/Berlin").unwrap();
        time.parse::<TimeOfDay>().unwrap().next_after(now.parse().unwrap(), &zone).unwrap().to_string()
    }

    #[test]
    fn seven_in_the_morning_comes_today_or_tomorrow() {
        assert_eq!(next("07:00", "2026-01-10T18:00:00+01:00"), "2026-01-11T06:00:00Z");
        assert_eq!(next("07:00", "2026-01-10T06:59:59+01:00"), "2026-01-10T06:00:00Z");
        assert_eq!(next("07:00", "2026-01-10T07:00:00+01:00"), "2026-01-11T06:00:00Z");
    }

    #[test]
    fn the_night_before_is_shorter_or_longer_where_the_clocks_change() {
        assert_eq!(next("07:00", "2026-03-28T20:00:00+01:00"), "2026-03-29T05:00:00Z");
        assert_eq!(next("07:00", "2026-10-24T20:00:00+02:00"), "2026-10-25T06:00:00Z");
        // Never shown that night; shown twice.
        assert_eq!(next("02:30", "2026-03-28T20:00:00+01:00"), "2026-03-29T01:30:00Z");
        assert_eq!(next("02:30", "2026-10-24T20:00:00+02:00"), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn what_no_clock_shows_is_refused() {
        for text in ["7:00", "24:00", "07:60", "0700", "07:00:00", "morning", "", "+7:00"] {
            let refused = text.parse::<TimeOfDay>().unwrap_err();
            assert!(refused.message().contains("such as 07:00"), "{text}: {refused}");
        }
    }
}
