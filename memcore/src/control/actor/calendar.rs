//! The clock of the site's people: times of the day and dates, right on the days on which the clocks change.

use jiff::ToSpan;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

use crate::control::CheckedModel;
use crate::energy::zone_of;
use crate::error::{Error, Result};
use crate::model::Timestamp;

/// Minutes of a day.
const DAY: i32 = 1_440;

/// Shows the site's local time.
#[derive(Debug, Clone)]
pub(super) struct SiteClock(TimeZone);

impl SiteClock {
    pub(super) fn new(model: &CheckedModel) -> Result<Self> {
        Ok(Self(zone_of(&model.model.zone)?))
    }

    /// What it shows; None outside the calendar.
    pub(super) fn shows(&self, time: Timestamp) -> Option<DateTime> {
        let instant = jiff::Timestamp::from_microsecond(time.as_micros()).ok()?;
        Some(self.0.to_datetime(instant))
    }

    /// When it shows a time of the day next: the first of two times, and the one after a gap where the clocks skip it.
    pub(super) fn next(&self, now: Timestamp, time: Time) -> Option<Timestamp> {
        let today = self.shows(now)?.date();
        let days = [today, today.checked_add(1.day()).ok()?];
        let instants = days.into_iter().filter_map(|day| self.0.to_timestamp(day.to_datetime(time)).ok());
        instants.map(|instant| Timestamp::from_micros(instant.as_microsecond())).find(|instant| *instant > now)
    }
}

/// A part of the day by the clock, half open; over midnight where it ends no later than it begins.
///
/// It goes by what the clock shows: an hour that comes twice is in it twice, one that is skipped is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hours {
    from: i32,
    /// After `from`, perhaps beyond the day.
    to: i32,
}

impl Hours {
    /// From two times of the day.
    pub(super) fn new(from: &str, to: &str) -> Result<Self> {
        let (from, to) = (minute_of("from", from)?, minute_of("to", to)?);
        Ok(Self { from, to: if to > from { to } else { to + DAY } })
    }

    /// As `18:00-20:00`.
    pub(super) fn parse(field: &str, text: &str) -> Result<Self> {
        let (from, to) = text.split_once('-').ok_or_else(|| {
            Error::invalid(format!("{field} has {text:?}, expected two times of the day such as 18:00-20:00"))
        })?;
        Self::new(from.trim(), to.trim()).map_err(|e| e.context(format_args!("{field} has {text:?}")))
    }

    /// How many days before today it began, where it holds now: 0 or 1.
    pub(super) fn began(self, local: DateTime) -> Option<i64> {
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        [(0, minute), (1, minute + DAY)]
            .into_iter()
            .find(|(_, minute)| (self.from..self.to).contains(minute))
            .map(|(days, _)| days)
    }

    /// Whether some minute of the day is in both.
    pub(super) fn meets(self, other: Self) -> bool {
        [-DAY, 0, DAY].into_iter().any(|shift| self.from < other.to + shift && other.from + shift < self.to)
    }
}

/// A time of the day in minutes: `18:00`, up to `24:00`.
fn minute_of(field: &str, text: &str) -> Result<i32> {
    if text == "24:00" {
        return Ok(DAY);
    }
    time_of(field, text).map(|time| i32::from(time.hour()) * 60 + i32::from(time.minute()))
}

/// A time of the day: `07:00`.
pub(super) fn time_of(field: &str, text: &str) -> Result<Time> {
    let read = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let (hour, minute) = (digits(hour) && digits(minute)).then_some((hour, minute))?;
        Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
    };
    read(text).ok_or_else(|| Error::invalid(format!("{field} is {text:?}, expected a time of the day such as 18:00")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(zone: &str) -> SiteClock {
        SiteClock(zone_of(zone).unwrap())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn hours_go_over_midnight_and_know_the_day_on_which_they_began() {
        let night = Hours::parse("cheap", "22:00-06:00").unwrap();
        let shown = |time: &str| night.began(format!("2026-03-10 {time}").parse().unwrap());
        assert_eq!(
            ["21:59", "22:00", "23:59", "00:00", "05:59", "06:00"].map(shown),
            [None, Some(0), Some(0), Some(1), Some(1), None]
        );
        let day = Hours::parse("cheap", "00:00-24:00").unwrap();
        assert_eq!(day.began("2026-03-10 23:59".parse().unwrap()), Some(0));
        assert!(night.meets(Hours::new("05:00", "07:00").unwrap()) && !night.meets(Hours::new("06:00", "22:00").unwrap()));
    }

    #[test]
    fn a_departure_is_right_on_the_days_on_which_the_clocks_change() {
        let berlin = clock("Europe/Berlin");
        let next = |now: &str, time: &str| berlin.next(at(now), time_of("departure", time).unwrap()).unwrap().to_string();
        // The night is 23 hours long: 07:00 is at 05:00Z already.
        assert_eq!(next("2026-03-28T20:00:00Z", "07:00"), "2026-03-29T05:00:00Z");
        assert_eq!(next("2026-03-29T05:00:00Z", "07:00"), "2026-03-30T05:00:00Z");
        // 02:30 is skipped: the gap's length later. It comes twice: the first.
        assert_eq!(next("2026-03-28T23:00:00Z", "02:30"), "2026-03-29T01:30:00Z");
        assert_eq!(next("2026-10-24T22:00:00Z", "02:30"), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in
            ["", "18", "18:00", "18:00-", "1800-2000", "18:00-25:00", "18:60-19:00", "+8:00-09:00", "18:00-20:00-22:00"]
        {
            let refused = Hours::parse("cheap", text).unwrap_err().to_string();
            assert!(refused.contains("cheap has") && refused.contains("expected"), "{text:?}: {refused}");
        }
    }
}
