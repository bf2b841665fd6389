//! Calendars: buckets of fixed lengths, and those that follow the clocks of a zone, in which a day has 23, 24 or 25 hours.

mod borders;
mod text;

use jiff::tz::TimeZone;

pub(crate) use self::borders::{Borders, Bucket};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::model::{Span, Timestamp};

/// Bound of the buckets of a series: who asks for more gets an error, not a machine without memory.
pub(crate) const MAX_BUCKETS: usize = 10_000_000;

/// A length on the calendar of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CalendarUnit {
    /// So many minutes, counted from each midnight of the zone; the last bucket of a day ends with the day.
    Minutes(u32),
    /// So many hours, counted likewise.
    Hours(u32),
    /// From midnight to midnight: 23 or 25 hours where the clocks change.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month to the first of the next.
    Month,
    /// From January 1st to January 1st.
    Year,
}

/// Buckets of time. They are half open and labelled by their start.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Every {
    /// Of one length, aligned to 1970-01-01T00:00:00Z.
    Fixed(Span),
    /// As the clocks and calendars of a zone have them.
    Calendar {
        /// How long.
        unit: CalendarUnit,
        /// Where.
        zone: TimeZone,
    },
}

impl Every {
    /// Calendar buckets in a zone by its name, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the zone is not known.
    pub fn calendar(unit: CalendarUnit, zone: &str) -> Result<Self> {
        Ok(Self::Calendar { unit, zone: zone_of(zone)? })
    }

    /// The name of the zone whose calendar it follows.
    pub(crate) fn zone_name(&self) -> Option<&str> {
        match self {
            Self::Fixed(_) => None,
            Self::Calendar { zone, .. } => zone.iana_name(),
        }
    }

    /// Whether so much time makes more buckets than [`MAX_BUCKETS`].
    pub(crate) fn makes_too_many(&self, from: i64, to: i64) -> bool {
        let (length, shortest) = (to.saturating_sub(from), self.shortest());
        // Mostly it is about one bucket: no division.
        length > shortest && length / shortest > MAX_BUCKETS as i64
    }

    pub(crate) fn too_many(&self) -> Error {
        let message =
            format!("range has more than {MAX_BUCKETS} buckets of {self}, expected a shorter range or longer ones");
        Error::new(ErrorKind::LimitReached, message).with_retry(Retry::Never)
    }

    /// About how short its buckets are at least, in microseconds.
    pub(crate) fn shortest(&self) -> i64 {
        const MINUTE: i64 = 60_000_000;
        match self {
            Self::Fixed(span) => span.as_micros(),
            Self::Calendar { unit, .. } => match unit {
                CalendarUnit::Minutes(minutes) => i64::from(*minutes) * MINUTE,
                CalendarUnit::Hours(hours) => (i64::from(*hours) * 60).saturating_mul(MINUTE),
                CalendarUnit::Day => 23 * 60 * MINUTE,
                CalendarUnit::Week => 6 * 24 * 60 * MINUTE,
                CalendarUnit::Month => 27 * 24 * 60 * MINUTE,
                CalendarUnit::Year => 365 * 24 * 60 * MINUTE,
            },
        }
    }

    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where its length is not more than zero.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Fixed(span) if span.as_micros() <= 0 => {
                Err(Error::invalid(format!("every is {span}, expected more than zero")))
            }
            Self::Calendar { unit: CalendarUnit::Minutes(0) | CalendarUnit::Hours(0), .. } => {
                Err(Error::invalid("every is zero, expected at least one minute"))
            }
            _ => Ok(()),
        }
    }
}

/// A zone by its name in the IANA database, such as `Europe/Berlin`.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where the zone is not known.
pub fn zone_of(name: &str) -> Result<TimeZone> {
    TimeZone::get(name)
        .map_err(|e| Error::invalid(format!("zone is {name:?}, expected a name such as Europe/Berlin")).caused_by(e))
}

/// The borders that cut the half-open range into buckets, both of its ends included: slot `i` goes from border `i` until before
/// border `i + 1`. The first and the last slot are parts of buckets where the range begins or ends within one. An empty range
/// has its one end, and no slot.
///
/// A week of quarters of an hour in Berlin has 672 slots, but 668 when the clocks go forward and 676 when they go back.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for a reversed range, a length that is not more than zero or a range outside the
/// calendar; [`LimitReached`](crate::ErrorKind::LimitReached) for more than ten million buckets.
pub fn buckets(from: Timestamp, to: Timestamp, every: &Every) -> Result<Vec<Timestamp>> {
    every.check()?;
    if from > to {
        return Err(Error::invalid(format!("range is from {from} to {to}, expected the earlier instant first")));
    }
    if every.makes_too_many(from.as_micros(), to.as_micros()) {
        return Err(every.too_many());
    }
    let (mut borders, mut found) = (Borders::new(every), vec![from]);
    let mut time = from.as_micros();
    while time < to.as_micros() {
        time = borders.of(time)?.last.saturating_add(1).min(to.as_micros());
        found.push(Timestamp::from_micros(time));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn quarters(zone: &str) -> Every {
        Every::parse("15m", Some(zone)).unwrap()
    }

    #[test]
    fn a_week_has_as_many_quarters_as_its_clocks_show() {
        // A2.
        for (from, to, slots) in [
            ("2024-03-25T00:00:00+01:00", "2024-04-01T00:00:00+02:00", 668),
            ("2024-10-21T00:00:00+02:00", "2024-10-28T00:00:00+01:00", 676),
            ("2024-06-03T00:00:00+02:00", "2024-06-10T00:00:00+02:00", 672),
        ] {
            assert_eq!(buckets(at(from), at(to), &quarters("Europe/Berlin")).unwrap().len() - 1, slots);
        }
    }

    #[test]
    fn a_range_that_begins_within_a_bucket_begins_with_a_part_of_it() {
        // A4: asked at a quarter past, on a grid of half hours.
        let found = buckets(at("2024-06-01T10:15:00Z"), at("2024-06-01T11:10:00Z"), &Every::parse("30m", None).unwrap());
        let starts = ["10:15", "10:30", "11:00", "11:10"].map(|time| at(&format!("2024-06-01T{time}:00Z")));
        assert_eq!(found.unwrap(), starts);
        let noon = at("2024-06-01T12:00:00Z");
        assert_eq!(buckets(noon, noon, &quarters("Europe/Berlin")).unwrap(), [noon]);
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        let day = Every::parse("1d", Some("Europe/Berlin")).unwrap();
        let (early, late) = (at("2024-01-01T00:00:00Z"), at("2024-01-02T00:00:00Z"));
        let refused = |from, to, every: &Every| buckets(from, to, every).unwrap_err();
        assert!(refused(late, early, &day).message().contains("expected the earlier instant first"));
        assert!(refused(early, late, &Every::Fixed(Span::from_micros(0))).message().contains("expected more than zero"));
        assert_eq!(refused(early, late, &Every::Fixed(Span::from_micros(1))).kind(), ErrorKind::LimitReached);
        assert_eq!(
            zone_of("Europe/Atlantis").unwrap_err().message(),
            "zone is \"Europe/Atlantis\", expected a name such as Europe/Berlin"
        );
    }
}
