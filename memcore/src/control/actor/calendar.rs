//! The clock of the site's people: times of the day and dates, right on the days on which the clocks change.

use jiff::civil::DateTime;

use super::View;
use crate::energy::TimeOfDay;
use crate::error::{Error, Result};

/// Minutes of a day.
const DAY: i32 = 1_440;

/// What the clocks of the site show now; None outside the calendar.
pub(super) fn local(view: &View<'_>) -> Option<DateTime> {
    let instant = jiff::Timestamp::from_microsecond(view.now.wall.as_micros()).ok()?;
    Some(view.model.zone.to_datetime(instant))
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

/// A time of the day in minutes, up to `24:00`.
fn minute_of(field: &str, text: &str) -> Result<i32> {
    if text == "24:00" {
        return Ok(DAY);
    }
    let time = text.parse::<TimeOfDay>().map_err(|e| e.context(field))?;
    Ok(i32::from(time.minute()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_no_time_is_refused() {
        for text in
            ["", "18", "18:00", "18:00-", "1800-2000", "18:00-25:00", "18:60-19:00", "+8:00-09:00", "18:00-20:00-22:00"]
        {
            let refused = Hours::parse("cheap", text).unwrap_err().to_string();
            assert!(refused.contains("cheap has") && refused.contains("expected"), "{text:?}: {refused}");
        }
    }
}
