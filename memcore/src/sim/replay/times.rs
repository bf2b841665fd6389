//! The times of a telemetry file: RFC 3339, seconds since the epoch, or local times without a zone.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::energy::{LocalClock, Skipped};
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
    clock: LocalClock,
    form: Option<Form>,
}

impl TimeReader {
    pub(crate) fn new(column: &str, zone: TimeZone) -> Self {
        Self { column: column.to_owned(), clock: LocalClock::new(zone, Skipped::OffsetBefore), form: None }
    }

    pub(crate) fn read(&mut self, text: &str) -> Result<Timestamp> {
        let form = match self.form {
            Some(form) => form,
            None => *self.form.insert(self.detect(text)?),
        };
        let time = match form {
            Form::Epoch(unit) => epoch(text, unit),
            Form::Zoned => text.parse().ok(),
            Form::Naive => text.parse::<DateTime>().ok().and_then(|local| Some(self.clock.read(local).ok()?.0)),
        };
        time.ok_or_else(|| self.refuse(text, form.expected()))
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
}

/// Whole numbers exactly; fractions to the nearest microsecond.
fn epoch(text: &str, unit: i64) -> Option<Timestamp> {
    if let Ok(whole) = text.parse::<i64>() {
        return whole.checked_mul(unit).map(Timestamp::from_micros);
    }
    let micros = (text.parse::<f64>().ok()? * unit as f64).round();
    (micros.abs() < 9e18).then_some(Timestamp::from_micros(micros as i64))
}
