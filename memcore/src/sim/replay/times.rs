//! The times of a telemetry file: RFC 3339, seconds since the epoch, or local times without a zone.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::error::{Error, Result};
use crate::model::{Timestamp, shorten};

/// How a file writes its times: told by the first row, and held to afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Since the epoch, in a unit of so many microseconds.
    Epoch(i64),
    /// RFC 3339 with a zone.
    Zoned,
    /// Without a zone.
    Naive,
}

impl Form {
    fn expected(self) -> &'static str {
        match self {
            Self::Epoch(1) => "microseconds since 1970 as above",
            Self::Epoch(1_000) => "milliseconds since 1970 as above",
            Self::Epoch(_) => "seconds since 1970 as above",
            Self::Zoned => "RFC 3339 with a zone as above",
            Self::Naive => "a local time such as 2007-04-01 00:00 as above",
        }
    }
}

#[derive(Debug)]
/// Reads times of a file, all in the form of the first.
pub(crate) struct TimeReader {
    column: String,
    zone: TimeZone,
    form: Option<Form>,
    last: Option<Timestamp>,
}

impl TimeReader {
    pub(crate) fn new(column: &str, zone: TimeZone) -> Self {
        Self { column: column.to_owned(), zone, form: None, last: None }
    }

    pub(crate) fn read(&mut self, text: &str) -> Result<Timestamp> {
        let form = match self.form {
            Some(form) => form,
            None => *self.form.insert(self.detect(text)?),
        };
        let time = match form {
            Form::Epoch(unit) => epoch(text, unit),
            Form::Zoned => text.parse().ok(),
            Form::Naive => text.parse::<DateTime>().ok().and_then(|local| self.resolve(local)),
        };
        let time = time.ok_or_else(|| self.refuse(text, form.expected()))?;
        self.last = Some(time);
        Ok(time)
    }

    fn detect(&self, text: &str) -> Result<Form> {
        if text.parse::<f64>().is_ok_and(f64::is_finite) {
            let unit = match self.column.rsplit_once('_').map(|(_, unit)| unit) {
                Some("us") => 1,
                Some("ms") => 1_000,
                _ => 1_000_000,
            };
            return Ok(Form::Epoch(unit));
        }
        if text.parse::<Timestamp>().is_ok() {
            return Ok(Form::Zoned);
        }
        if text.parse::<DateTime>().is_ok() {
            return Ok(Form::Naive);
        }
        Err(self.refuse(text, "RFC 3339, seconds since 1970, or a local time such as 2007-04-01 00:00"))
    }

    fn refuse(&self, text: &str, expected: &str) -> Error {
        Error::invalid(format!("{} is {:?}, expected {expected}", self.column, shorten(text)))
    }

    /// An hour that a clock showed twice is told by order: the first of its two instants that lies after the row
    /// before, else the second. An hour that it never showed is read with the offset in force before the clock was set.
    fn resolve(&self, local: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let time = match ambiguous.offset() {
            AmbiguousOffset::Fold { .. } => {
                let first = ambiguous.earlier().ok()?;
                let goes_on = self.last.is_none_or(|last| first.as_microsecond() > last.as_micros());
                if goes_on { first } else { ambiguous.later().ok()? }
            }
            AmbiguousOffset::Gap { .. } | AmbiguousOffset::Unambiguous { .. } => ambiguous.compatible().ok()?,
        };
        Some(Timestamp::from_micros(time.as_microsecond()))
    }
}

/// Whole numbers exactly; fractions to the nearest microsecond.
fn epoch(text: &str, unit: i64) -> Option<Timestamp> {
    if let Ok(whole) = text.parse::<i64>() {
        return whole.checked_mul(unit).map(Timestamp::from_micros);
    }
    let micros = (text.parse::<f64>().ok()? * unit as f64).round();
    (micros.abs() < 9e18).then_some(Timestamp::from_micros(micros as i64))
}
