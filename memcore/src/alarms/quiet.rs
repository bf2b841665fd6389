//! Quiet hours: when nobody is told, by the clocks of a zone.

use jiff::tz::TimeZone;

use super::said::{QuietSettings, Severity};
use crate::energy::{TimeOfDay, zone_of};
use crate::error::{Error, Result};
use crate::model::Timestamp;

/// Quiet hours that were checked.
#[derive(Debug, Clone)]
pub struct Quiet {
    from: TimeOfDay,
    to: TimeOfDay,
    zone: TimeZone,
    lets_through: Option<Severity>,
}

impl Quiet {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the field, the value and what was expected.
    pub fn new(said: &QuietSettings) -> Result<Self> {
        let from = said.from.parse::<TimeOfDay>().map_err(|e| e.context("quiet.from"))?;
        let to = said.to.parse::<TimeOfDay>().map_err(|e| e.context("quiet.to"))?;
        if from == to {
            return Err(Error::invalid(format!("quiet.to is {to}, expected another time of day than quiet.from, {from}")));
        }
        let zone = zone_of(&said.zone).map_err(|e| e.context("quiet.zone"))?;
        Ok(Self { from, to, zone, lets_through: said.lets_through })
    }

    /// Whether an alarm so bad is held back then. Told by what the clocks of the zone show: where they are set, the quiet hours of
    /// that night are an hour longer or shorter.
    #[must_use]
    pub fn holds_back(&self, severity: Severity, at: Timestamp) -> bool {
        self.lets_through.is_none_or(|least| severity < least) && self.covers(at)
    }

    fn covers(&self, at: Timestamp) -> bool {
        let Ok(at) = jiff::Timestamp::from_microsecond(at.as_micros()) else { return false };
        let shown = self.zone.to_datetime(at);
        let minute = u16::from(shown.hour().unsigned_abs()) * 60 + u16::from(shown.minute().unsigned_abs());
        let (from, to) = (self.from.minute(), self.to.minute());
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(from: &str, to: &str, zone: &str, lets_through: Option<Severity>) -> Result<Quiet> {
        Quiet::new(&QuietSettings { from: from.into(), to: to.into(), zone: zone.into(), lets_through })
    }

    #[test]
    fn a_night_goes_across_midnight_and_holds_its_start_and_not_its_end() {
        let night = quiet("22:00", "07:00", "Europe/Berlin", None).unwrap();
        for (at, held) in [
            ("2026-01-10T21:59:59+01:00", false),
            ("2026-01-10T22:00:00+01:00", true),
            ("2026-01-11T00:00:00+01:00", true),
            ("2026-01-11T06:59:59+01:00", true),
            ("2026-01-11T07:00:00+01:00", false),
            ("2026-01-11T12:00:00+01:00", false),
        ] {
            assert_eq!(night.holds_back(Severity::Warning, at.parse().unwrap()), held, "{at}");
        }
    }

    #[test]
    fn the_clocks_of_the_zone_say_when_it_ends_where_they_are_set() {
        let night = quiet("22:00", "07:00", "Europe/Berlin", None).unwrap();
        // In spring the night is an hour shorter, in autumn an hour longer.
        for (at, held) in [
            ("2026-03-29T04:59:59Z", true),
            ("2026-03-29T05:00:00Z", false),
            ("2026-10-25T05:59:59Z", true),
            ("2026-10-25T06:00:00Z", false),
        ] {
            assert_eq!(night.holds_back(Severity::Info, at.parse().unwrap()), held, "{at}");
        }
        // An hour that is shown twice is quiet twice; one that is never shown is not there to be quiet.
        let small = quiet("02:15", "02:45", "Europe/Berlin", None).unwrap();
        let minutes = |day: &str| {
            let start: Timestamp = day.parse().unwrap();
            let minute = |n: i64| start.saturating_add(crate::model::Span::from_seconds(60 * n));
            (0..240).filter(|n| small.holds_back(Severity::Info, minute(*n))).count()
        };
        assert_eq!((minutes("2026-10-25T00:00:00Z"), minutes("2026-03-29T00:00:00Z")), (60, 0));
    }

    #[test]
    fn what_is_bad_enough_is_let_through() {
        let day = quiet("09:00", "17:00", "UTC", Some(Severity::Warning)).unwrap();
        let noon = "2026-01-10T12:00:00Z".parse().unwrap();
        let held = [Severity::Info, Severity::Warning, Severity::Critical].map(|severity| day.holds_back(severity, noon));
        assert_eq!(held, [true, false, false]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, zone, words) in [
            ("25:00", "07:00", "UTC", ["quiet.from", "25:00"]),
            ("22:00", "seven", "UTC", ["quiet.to", "seven"]),
            ("22:00", "22:00", "UTC", ["quiet.to is 22:00", "another time"]),
            ("22:00", "07:00", "Europe/Atlantis", ["quiet.zone", "Atlantis"]),
        ] {
            let e = quiet(from, to, zone, None).unwrap_err();
            assert!(words.iter().all(|word| e.message().contains(word)), "{e}");
        }
    }
}
