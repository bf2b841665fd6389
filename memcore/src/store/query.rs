//! What may be asked: which series, from when to when, raw or in buckets.

use jiff::tz::TimeZone;

pub use super::result::{QueryResult, SeriesResult};
use crate::error::{Error, Result};
use crate::model::{self, Pattern, Span, Timestamp, shorten};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// What becomes of the values of a bucket. NaN is no number here: it is left out, and a bucket without a number is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregate {
    /// The mean of the numbers, each weighing the same.
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The sum.
    Sum,
    /// How many numbers there are.
    Count,
    /// The earliest.
    First,
    /// The latest.
    Last,
}

impl Aggregate {
    /// Every aggregate.
    pub const ALL: [Self; 7] = [Self::Mean, Self::Min, Self::Max, Self::Sum, Self::Count, Self::First, Self::Last];

    /// The name of the result's column.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Sum => "sum",
            Self::Count => "count",
            Self::First => "first",
            Self::Last => "last",
        }
    }
}

impl std::str::FromStr for Aggregate {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|aggregate| aggregate.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(" ");
            let text: String = text.chars().take(80).collect();
            Error::invalid(format!("aggregate is {text:?}, expected one of {names}"))
        })
    }
}

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

/// The buckets of a query. They are half open and labelled by their start.
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
        Ok(Self::Calendar { unit, zone: model::zone(zone)? })
    }

    /// Reads `15m`, `1h`, `1d`, `1w`, `1mo` or `1y`. With a zone, everything from a minute on follows its clocks and
    /// calendar; without one, those of UTC.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the text is no length, the zone is not known, or several days, weeks,
    /// months or years are asked for in a zone.
    pub fn parse(text: &str, zone: Option<&str>) -> Result<Self> {
        let calendar = match text {
            "1w" => Some(CalendarUnit::Week),
            "1mo" => Some(CalendarUnit::Month),
            "1y" => Some(CalendarUnit::Year),
            _ => None,
        };
        if let Some(unit) = calendar {
            return Self::calendar(unit, zone.unwrap_or("UTC"));
        }
        let span = text.parse::<Span>().map_err(|_| {
            Error::invalid(format!("every is {:?}, expected such as 10s, 15m, 1h, 1d, 1w, 1mo or 1y", shorten(text)))
        })?;
        let Some(zone) = zone else { return Ok(Self::Fixed(span)) };
        match span.as_micros() {
            DAY => Self::calendar(CalendarUnit::Day, zone),
            days if days > DAY => {
                Err(Error::invalid(format!("every is {span} in zone {zone}, expected at most 1d, or 1w, 1mo, 1y")))
            }
            hours if hours % HOUR == 0 => Self::calendar(CalendarUnit::Hours((hours / HOUR) as u32), zone),
            minutes if minutes % MINUTE == 0 => Self::calendar(CalendarUnit::Minutes((minutes / MINUTE) as u32), zone),
            // No zone's offset has a part that matters to them; still, it must be one.
            _ => Self::calendar(CalendarUnit::Day, zone).map(|_| Self::Fixed(span)),
        }
    }
}

/// A question to a store. Without an aggregate it gives raw samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(super) pattern: Pattern,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    pub(super) every: Option<Every>,
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) limit: Option<usize>,
    pub(super) last: Option<usize>,
}

impl Query {
    /// Everything of the series that the pattern selects.
    #[must_use]
    pub fn new(pattern: Pattern) -> Self {
        Self { pattern, from: None, to: None, every: None, aggregates: Vec::new(), limit: None, last: None }
    }

    /// Only from this instant on.
    #[must_use]
    pub fn from(mut self, from: Timestamp) -> Self {
        self.from = Some(from);
        self
    }

    /// Only before this instant.
    #[must_use]
    pub fn to(mut self, to: Timestamp) -> Self {
        self.to = Some(to);
        self
    }

    /// One row a bucket; by [`Aggregate::Mean`] where no aggregate is asked for. Buckets without a number are absent.
    #[must_use]
    pub fn every(mut self, every: Every) -> Self {
        self.every = Some(every);
        self
    }

    /// Adds a column with this aggregate; without [`every`](Self::every) the whole range is one bucket.
    #[must_use]
    pub fn aggregate(mut self, aggregate: Aggregate) -> Self {
        if !self.aggregates.contains(&aggregate) {
            self.aggregates.push(aggregate);
        }
        self
    }

    /// At most so many rows of each series, the first ones.
    #[must_use]
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = Some(rows);
        self
    }

    /// At most so many rows of each series, the last ones.
    #[must_use]
    pub fn last(mut self, rows: usize) -> Self {
        self.last = Some(rows);
        self
    }

    pub(super) fn is_raw(&self) -> bool {
        self.aggregates.is_empty() && self.every.is_none()
    }

    pub(super) fn columns(&self) -> Vec<Aggregate> {
        if self.aggregates.is_empty() { vec![Aggregate::Mean] } else { self.aggregates.clone() }
    }

    pub(super) fn check(&self) -> Result<()> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(Error::invalid(format!("range is from {from} to {to}, expected the earlier instant first")));
        }
        if self.limit.is_some() && self.last.is_some() {
            return Err(Error::invalid("query has both `limit` and `last`, expected one of them"));
        }
        match &self.every {
            Some(Every::Fixed(span)) if span.as_micros() <= 0 => {
                Err(Error::invalid(format!("every is {span}, expected more than zero")))
            }
            Some(Every::Calendar { unit: CalendarUnit::Minutes(0) | CalendarUnit::Hours(0), .. }) => {
                Err(Error::invalid("every is zero, expected at least one minute"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_follow_the_calendar_where_a_zone_is_given() {
        let berlin = Some("Europe/Berlin");
        let every = |text, zone| Every::parse(text, zone).unwrap();
        assert_eq!(every("15m", None), Every::Fixed(Span::from_seconds(900)));
        assert_eq!(every("1d", None), Every::Fixed(Span::from_seconds(86_400)));
        assert_eq!(every("10s", berlin), Every::Fixed(Span::from_seconds(10)));
        for (text, unit) in [
            ("15m", CalendarUnit::Minutes(15)),
            ("2h", CalendarUnit::Hours(2)),
            ("24h", CalendarUnit::Day),
            ("1w", CalendarUnit::Week),
            ("1mo", CalendarUnit::Month),
            ("1y", CalendarUnit::Year),
        ] {
            assert_eq!(every(text, berlin), Every::calendar(unit, "Europe/Berlin").unwrap(), "{text}");
        }
        assert_eq!(every("1mo", None), Every::calendar(CalendarUnit::Month, "UTC").unwrap());
    }

    #[test]
    fn what_is_no_length_is_named() {
        for (text, zone, words) in [
            ("often", None, "every is \"often\", expected such as"),
            ("2mo", None, "every is \"2mo\""),
            ("7d", Some("Europe/Berlin"), "every is 7d in zone Europe/Berlin, expected at most 1d"),
            ("1d", Some("Berlin"), "zone is \"Berlin\""),
            ("10s", Some("Berlin"), "zone is \"Berlin\""),
        ] {
            let message = Every::parse(text, zone).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
