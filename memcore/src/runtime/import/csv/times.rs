//! Cells as instants: since the epoch, with an offset, or as a wall clock showed them.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

use super::plain_times;
use crate::energy::LocalClock;
use crate::error::{Error, Result};
use crate::model::{Timestamp, shorten};
use crate::runtime::import::mapping::TimeForm;

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

/// Reads times of one form. Which instant a local time is, a clock tells.
#[derive(Debug, Clone)]
pub(in crate::runtime::import) struct Times {
    form: TimeForm,
    title: String,
    /// Whether instants since 1970 must be such as measurements are of.
    likely: bool,
    /// The text of the last date, and its midnight as if it were UTC.
    date: Vec<u8>,
    midnight: i64,
}

/// What a text says: an instant, or what a wall clock showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Instant(i64),
    Local(i64),
}

impl Times {
    pub(in crate::runtime::import) fn new(form: TimeForm, title: &str) -> Self {
        Self { form, title: title.to_owned(), likely: false, date: Vec::new(), midnight: 0 }
    }

    /// Instants since 1970 that are no measurement's are refused.
    pub(super) fn only_likely(mut self) -> Self {
        self.likely = !self.form.is_local() && self.form != TimeForm::Zoned;
        self
    }

    /// The instant of a cell.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the column, for another form, or a local time that no clock showed.
    #[inline]
    pub(in crate::runtime::import) fn read(&mut self, cell: &[u8], clock: &mut LocalClock) -> Result<Timestamp> {
        match self.say(cell) {
            Some(Said::Instant(micros)) => {
                if self.likely {
                    plain_times::check(&self.title, cell, micros)?;
                }
                Ok(Timestamp::from_micros(micros))
            }
            Some(Said::Local(micros)) => match clock.read_micros(micros) {
                Ok((time, _)) => Ok(time),
                Err(e) => Err(e.context(&self.title)),
            },
            None => Err(self.refuse(cell)),
        }
    }

    /// The instant of a cell, where a clock of UTC showed local ones.
    pub(super) fn as_if_utc(&mut self, cell: &[u8]) -> Option<i64> {
        self.say(cell).map(|(Said::Instant(micros) | Said::Local(micros))| micros)
    }

    fn say(&mut self, cell: &[u8]) -> Option<Said> {
        let cell = cell.trim_ascii();
        match self.form {
            TimeForm::EpochS => epoch(cell, SECOND).map(Said::Instant),
            TimeForm::EpochMs => epoch(cell, 1_000).map(Said::Instant),
            TimeForm::EpochUs => epoch(cell, 1).map(Said::Instant),
            TimeForm::EpochNs => nanos(cell).map(Said::Instant),
            TimeForm::Zoned => {
                let said = self.calendar(cell).filter(|said| matches!(said, Said::Instant(_)));
                said.or_else(|| rarer(cell).map(Said::Instant))
            }
            TimeForm::Local => {
                let said = self.calendar(cell).filter(|said| matches!(said, Said::Local(_)));
                said.or_else(|| plain_times::compact(cell).map(Said::Local)).or_else(|| civil(cell))
            }
            TimeForm::DayFirst | TimeForm::MonthFirst => self.calendar(cell),
            TimeForm::Excel => plain_times::spreadsheet(cell).map(Said::Local),
        }
    }

    /// A date and perhaps a time of day, which perhaps says its offset.
    fn calendar(&mut self, cell: &[u8]) -> Option<Said> {
        let (date, rest) = split_date(cell);
        if date != self.date || date.is_empty() {
            self.midnight = midnight(date, self.form)?;
            self.date.clear();
            self.date.extend_from_slice(date);
        }
        if rest.is_empty() {
            return Some(Said::Local(self.midnight));
        }
        let (of_day, rest) = time_of_day(rest)?;
        let local = self.midnight + of_day;
        match rest.trim_ascii_start() {
            b"" => Some(Said::Local(local)),
            offset => Some(Said::Instant(local - offset_of(offset)?)),
        }
    }

    #[cold]
    fn refuse(&self, cell: &[u8]) -> Error {
        let text = String::from_utf8_lossy(cell);
        let expected = match self.form {
            TimeForm::EpochS => "seconds since 1970",
            TimeForm::EpochMs => "milliseconds since 1970",
            TimeForm::EpochUs => "microseconds since 1970",
            TimeForm::EpochNs => "nanoseconds since 1970",
            TimeForm::Zoned => "a time with its offset such as 2007-04-01T00:00:00+02:00",
            TimeForm::Local => "a local time such as 2007-04-01 00:00",
            TimeForm::DayFirst => "a local time with the day first such as 01.04.2007 00:00",
            TimeForm::MonthFirst => "a local time with the month first such as 4/1/2007 0:00",
            TimeForm::Excel => "days as spreadsheets count them such as 39173.5",
        };
        Error::invalid(format!("{} is {:?}, expected {expected}", self.title, shorten(&text)))
    }
}

/// Whole numbers exactly, fractions to the nearest microsecond.
fn epoch(cell: &[u8], unit: i64) -> Option<i64> {
    if cell.len() < 18 && cell.iter().all(u8::is_ascii_digit) && !cell.is_empty() {
        return cell.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')).checked_mul(unit);
    }
    let text = std::str::from_utf8(cell).ok()?;
    // Outside the calendar memcore writes an instant as its microseconds.
    if let Some(micros) = text.strip_suffix("us") {
        return micros.parse().ok();
    }
    if let Ok(whole) = text.parse::<i64>() {
        return whole.checked_mul(unit);
    }
    let micros = (plain_times::number(text)? * unit as f64).round();
    (micros.abs() < 9e18).then_some(micros as i64)
}

fn nanos(cell: &[u8]) -> Option<i64> {
    std::str::from_utf8(cell).ok()?.parse::<i64>().ok().map(|nanos| nanos.div_euclid(1_000))
}

/// What few files have: years of more than four digits, names of zones in brackets, instants outside the calendar.
#[cold]
fn rarer(cell: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(cell).ok()?;
    if let Some(micros) = text.strip_suffix("us") {
        return micros.parse().ok();
    }
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

/// As [`rarer`], without an offset, which would be dropped in silence; also months.
fn civil(cell: &[u8]) -> Option<Said> {
    let of_day = cell.iter().position(|byte| *byte == b':').map_or(&[][..], |colon| &cell[colon..]);
    if of_day.iter().any(|byte| matches!(byte, b'+' | b'-' | b'Z' | b'z' | b'[')) {
        return None;
    }
    if let [year @ .., b'-', month_1, month_2] = cell
        && let (4, Some(year), Some(month)) = (year.len(), digits_of(year, 4), digits_of(&[*month_1, *month_2], 2))
    {
        return days(year, month, 1).map(|days| Said::Local(days * DAY));
    }
    let local = std::str::from_utf8(cell).ok()?.parse::<DateTime>().ok()?;
    Offset::UTC.to_timestamp(local).ok().map(|time| Said::Local(time.as_microsecond()))
}

/// Cuts after the date: at a space, a `T`, or a comma with a space.
fn split_date(cell: &[u8]) -> (&[u8], &[u8]) {
    let end = cell.iter().position(|byte| matches!(byte, b' ' | b'T' | b't' | b',')).unwrap_or(cell.len());
    let rest = &cell[end..];
    let rest = rest.strip_prefix(b",").unwrap_or(rest);
    let rest = rest.strip_prefix(b"T").or_else(|| rest.strip_prefix(b"t")).unwrap_or(rest);
    (&cell[..end], rest.trim_ascii_start())
}

/// The three numbers of a date, and what stands between them.
pub(super) fn parts(date: &[u8]) -> Option<([i64; 3], u8)> {
    let separator = *date.iter().find(|byte| !byte.is_ascii_digit())?;
    if !matches!(separator, b'-' | b'/' | b'.') {
        return None;
    }
    let mut numbers = date.split(|byte| *byte == separator).map(|digits| digits_of(digits, 4));
    let parts = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some((parts, separator))
}

pub(super) fn digits_of(digits: &[u8], most: usize) -> Option<i64> {
    let fits = !digits.is_empty() && digits.len() <= most && digits.iter().all(u8::is_ascii_digit);
    fits.then(|| digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

/// Midnight of a date in microseconds, as if it were UTC.
fn midnight(date: &[u8], form: TimeForm) -> Option<i64> {
    let ([a, b, c], _) = parts(date)?;
    let year_first = date.iter().position(|byte| !byte.is_ascii_digit()) == Some(4);
    let (year, month, day) = match form {
        TimeForm::DayFirst if !year_first => (full_year(c), b, a),
        TimeForm::MonthFirst if !year_first => (full_year(c), a, b),
        _ if year_first => (a, b, c),
        _ => return None,
    };
    days(year, month, day).map(|days| days * DAY)
}

/// Two digits are of this century.
fn full_year(year: i64) -> i64 {
    if year < 100 { 2000 + year } else { year }
}

/// Days since 1970-01-01.
pub(super) fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let midnight = Offset::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).ok()?;
    Some(midnight.as_second().div_euclid(86_400))
}

/// `0:00`, `23:45:00.25`, `12:05 AM`, `24:00`: microseconds since midnight, and what stands behind.
fn time_of_day(text: &[u8]) -> Option<(i64, &[u8])> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, mut rest) = digits(rest.strip_prefix(b":")?, 2)?;
    let (mut second, mut micros) = (0, 0);
    if let Some(seconds) = rest.strip_prefix(b":") {
        (second, rest) = digits(seconds, 2)?;
        if let Some(fraction) = rest.strip_prefix(b".").or_else(|| rest.strip_prefix(b",")) {
            (micros, rest) = fraction_of(fraction)?;
        }
    }
    let (hour, rest) = half_of_day(hour, rest)?;
    let of_day = ((hour * 60 + minute) * 60 + second) * SECOND + micros;
    (minute < 60 && second < 60 && (hour < 24 || of_day == DAY)).then_some((of_day, rest))
}

/// Twelve hours make one of a day's halves, where a text says which.
fn half_of_day(hour: i64, rest: &[u8]) -> Option<(i64, &[u8])> {
    let text = rest.trim_ascii_start();
    let (half, behind) = match text.get(..2) {
        Some(half) if half[1].eq_ignore_ascii_case(&b'm') => (half[0].to_ascii_lowercase(), &text[2..]),
        _ => return Some((hour, rest)),
    };
    match (half, hour) {
        (b'a', 1..=12) => Some((hour % 12, behind)),
        (b'p', 1..=12) => Some((hour % 12 + 12, behind)),
        _ => None,
    }
}

fn digits(text: &[u8], most: usize) -> Option<(i64, &[u8])> {
    let end = text.iter().take(most).position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len().min(most));
    Some((digits_of(&text[..end], most)?, &text[end..]))
}

/// What is finer than a microsecond is cut off.
fn fraction_of(text: &[u8]) -> Option<(i64, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let value = text[..end].iter().take(6).fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    (end > 0).then(|| (value * 10i64.pow(6 - end.min(6) as u32), &text[end..]))
}

/// `Z`, `UTC`, `+02:00`, `-0700`, `+02`: microseconds to subtract.
fn offset_of(text: &[u8]) -> Option<i64> {
    if matches!(text, b"Z" | b"z" | b"UTC" | b"GMT") {
        return Some(0);
    }
    let (sign, rest) = match text {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = digits(rest, 2)?;
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let (minutes, rest) = if rest.is_empty() { (0, rest) } else { digits(rest, 2)? };
    (rest.is_empty() && hours < 26 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60 * SECOND)
}

/// Whether the text is a time of that form.
pub(super) fn is_of(form: TimeForm, text: &str) -> bool {
    Times::new(form, "").say(text.as_bytes()).is_some()
}

/// Whether a text is a time of day alone.
pub(super) fn is_time_of_day(text: &str) -> bool {
    time_of_day(text.as_bytes()).is_some_and(|(_, rest)| rest.is_empty())
}

/// Whether a text is a date alone.
pub(super) fn is_date(text: &str) -> bool {
    let forms = [TimeForm::Local, TimeForm::DayFirst, TimeForm::MonthFirst];
    let compact = text.len() == 8 && plain_times::compact(text.as_bytes()).is_some_and(plain_times::is_likely);
    compact || parts(text.as_bytes()).is_some() && forms.into_iter().any(|form| is_of(form, text))
}
