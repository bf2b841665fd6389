//! Buckets as people write them: `15m`, `1h`, `1d`, `1w`, `1mo`, `1y`, with or without a zone.

use std::fmt;

use jiff::tz::TimeZone;

use super::{CalendarUnit, Every};
use crate::error::{Error, Result};
use crate::model::{Span, shorten};

impl Every {
    /// Reads a bucket length. Without a zone, lengths up to hours are aligned to the UTC epoch, and days, weeks, months
    /// and years are those of UTC. With a zone all of them follow its clocks and calendar.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a length that is none, an unknown zone, or several days, weeks, months
    /// or years at a time.
    pub fn parse(text: &str, zone: Option<&str>) -> Result<Self> {
        let quoted = shorten(text);
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let unit = match (&text[..digits], &text[digits..]) {
            ("1", "d") => CalendarUnit::Day,
            ("1", "w") => CalendarUnit::Week,
            ("1", "mo") => CalendarUnit::Month,
            ("1", "y") => CalendarUnit::Year,
            (_, "d" | "w" | "mo" | "y") => {
                return Err(Error::invalid(format!(
                    "every is {quoted:?}, expected one of 1d 1w 1mo 1y for calendar lengths"
                )));
            }
            (count, "m" | "min" | "h") if zone.is_some() => {
                let count = count.parse().ok().filter(|count| *count > 0);
                let count =
                    count.ok_or_else(|| Error::invalid(format!("every is {quoted:?}, expected such as 15m or 1h")))?;
                if text.ends_with('h') { CalendarUnit::Hours(count) } else { CalendarUnit::Minutes(count) }
            }
            _ => return text.parse::<Span>().map(Self::Fixed).map_err(|e| e.context("every")),
        };
        match zone {
            Some(zone) => Self::calendar(unit, zone),
            None => Ok(Self::Calendar { unit, zone: TimeZone::UTC }),
        }
    }
}

impl fmt::Display for Every {
    /// The length, as [`parse`](Every::parse) reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(span) => span.fmt(f),
            Self::Calendar { unit, .. } => match unit {
                CalendarUnit::Minutes(minutes) => write!(f, "{minutes}m"),
                CalendarUnit::Hours(hours) => write!(f, "{hours}h"),
                CalendarUnit::Day => f.write_str("1d"),
                CalendarUnit::Week => f.write_str("1w"),
                CalendarUnit::Month => f.write_str("1mo"),
                CalendarUnit::Year => f.write_str("1y"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_with_and_without_a_zone() {
        assert_eq!(Every::parse("15m", None).unwrap(), Every::Fixed(Span::from_seconds(900)));
        let berlin = |unit| Every::calendar(unit, "Europe/Berlin").unwrap();
        assert_eq!(Every::parse("15m", Some("Europe/Berlin")).unwrap(), berlin(CalendarUnit::Minutes(15)));
        assert_eq!(Every::parse("1mo", Some("Europe/Berlin")).unwrap(), berlin(CalendarUnit::Month));
        for text in ["15m", "2h", "1d", "1w", "1mo", "1y"] {
            assert_eq!(Every::parse(text, Some("Europe/Berlin")).unwrap().to_string(), text);
        }
        let utc = Every::Calendar { unit: CalendarUnit::Day, zone: TimeZone::UTC };
        assert_eq!(Every::parse("1d", None).unwrap(), utc);
    }

    #[test]
    fn what_is_no_length_is_named() {
        for (text, zone, word) in [
            ("2mo", None, "1mo"),
            ("soon", None, "every"),
            ("0m", Some("UTC"), "0m"),
            ("1d", Some("Mars/Olympus"), "Olympus"),
        ] {
            let e = Every::parse(text, zone).unwrap_err();
            assert!(e.message().contains(word), "{e}");
        }
    }
}
