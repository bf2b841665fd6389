//! Times that are plain numbers: since 1970, dates without separators, or days as spreadsheets count them. What such a number
//! means is told only where one way of reading it makes sense, so that no date ends in 1970.

use std::ops::Range;

use super::times::{self, DAY, SECOND, Times};
use crate::error::{Error, Result};
use crate::model::{Timestamp, shorten};
use crate::runtime::import::mapping::TimeForm;

/// The instants that measurements are of where nothing but the size of a number says it: the years 1990 to 2099.
const LIKELY: Range<i64> = 631_152_000 * SECOND..4_102_444_800 * SECOND;

/// 1970-01-01 as spreadsheets count days, from 1899-12-30 on.
const SPREADSHEET_1970: f64 = 25_569.0;

/// Whether an instant, in microseconds since 1970, is one that measurements are of.
#[inline]
pub(in crate::runtime::import) fn is_likely(micros: i64) -> bool {
    LIKELY.contains(&micros)
}

/// A number, with a point or a comma before its fraction.
pub(super) fn number(text: &str) -> Option<f64> {
    let number = text.parse::<f64>().or_else(|_| text.replacen(',', ".", 1).parse());
    number.ok().filter(|number| number.is_finite())
}

/// `20070401`, `2007040115`, `200704011530`, `20070401153000`, perhaps with a T or a space before the time of day:
/// microseconds as if it were UTC.
pub(super) fn compact(cell: &[u8]) -> Option<i64> {
    let (date, of_day) = cell.split_at_checked(8)?;
    let date = times::digits_of(date, 8)?;
    let midnight = times::days(date / 10_000, date / 100 % 100, date % 100)? * DAY;
    let of_day = of_day.strip_prefix(b"T").or_else(|| of_day.strip_prefix(b" ")).unwrap_or(of_day);
    let digits = times::digits_of(of_day, 6);
    let seconds = match (of_day.len(), digits) {
        (0, _) => 0,
        (2, Some(hour)) if hour < 24 => hour * 3_600,
        (4, Some(digits)) => sixty(digits)? * 60,
        (6, Some(digits)) => sixty(digits / 100)? * 60 + Some(digits % 100).filter(|second| *second < 60)?,
        _ => return None,
    };
    (seconds <= 86_400).then_some(midnight + seconds * SECOND)
}

/// `1530` as minutes.
fn sixty(digits: i64) -> Option<i64> {
    Some(digits / 100 * 60 + Some(digits % 100).filter(|minute| *minute < 60)?)
}

/// Days as spreadsheets count them: microseconds as if it were UTC, to the millisecond that their fractions are good for.
pub(super) fn spreadsheet(cell: &[u8]) -> Option<i64> {
    let days = number(std::str::from_utf8(cell).ok()?)? - SPREADSHEET_1970;
    (days.abs() < 1e7).then(|| (days * 86_400_000.0).round() as i64 * 1_000)
}

/// The form of these numbers, where only one makes sense.
pub(super) fn tell(title: &str, texts: &[&str]) -> Option<TimeForm> {
    let epoch = epoch(title, texts);
    let all_compact = texts.iter().all(|text| compact(text.as_bytes()).is_some_and(is_likely));
    match (most_likely(epoch, texts), all_compact) {
        (true, false) => Some(epoch),
        // Ten digits that are all hours of a calendar would be seconds of the thirties of this century: one is so by chance.
        (_, true) if texts.len() > 2 => Some(TimeForm::Local),
        (false, true) => Some(TimeForm::Local),
        _ => None,
    }
}

/// Whether most of these texts, read in that form, are times that measurements are of.
pub(super) fn most_likely(form: TimeForm, texts: &[&str]) -> bool {
    let mut times = Times::new(form, "");
    let likely = texts.iter().filter(|text| times.as_if_utc(text.as_bytes()).is_some_and(is_likely)).count();
    likely > 0 && 2 * likely >= texts.len()
}

/// The unit of times since the epoch: as the column's name says it, or else by how large they are. Of today's times, seconds
/// have 10 digits, milliseconds 13, microseconds 16.
fn epoch(title: &str, texts: &[&str]) -> TimeForm {
    match title.rsplit_once(['_', ' ', '[', '(']).map(|(_, unit)| unit.trim_end_matches([']', ')'])) {
        Some("s" | "sec" | "seconds") => return TimeForm::EpochS,
        Some("ms") => return TimeForm::EpochMs,
        Some("us" | "µs") => return TimeForm::EpochUs,
        Some("ns") => return TimeForm::EpochNs,
        _ => {}
    }
    let mut sizes: Vec<f64> = texts.iter().filter_map(|text| number(text)).map(f64::abs).collect();
    sizes.sort_by(f64::total_cmp);
    match sizes.get(sizes.len() / 2).copied().unwrap_or(0.0) {
        size if size < 1e11 => TimeForm::EpochS,
        size if size < 1e14 => TimeForm::EpochMs,
        size if size < 1e17 => TimeForm::EpochUs,
        _ => TimeForm::EpochNs,
    }
}

/// Why numbers that [`tell`] tells nothing of are no times, and every form that would make some of them.
#[cold]
pub(in crate::runtime::import) fn doubt(title: &str, texts: &[&str]) -> Error {
    let text = texts.iter().copied().find(|text| number(text).is_some()).unwrap_or_default();
    let since_1970 = epoch(title, texts);
    let forms = [TimeForm::Local, TimeForm::Excel, since_1970];
    let ways = forms.map(|form| {
        let time = Times::new(form, "").as_if_utc(text.as_bytes());
        let likely = form == since_1970 || time.is_some_and(is_likely);
        let time = time.map(|micros| Timestamp::from_micros(micros).to_string()).filter(|_| likely)?;
        let time = if form == since_1970 { time } else { time.trim_end_matches('Z').to_owned() };
        Some(format!("{} makes it {time}", form.name()))
    });
    let ways = ways.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let text = shorten(text);
    Error::invalid(format!(
        "{title} is {text:?}, which says no time by itself, expected its form to be declared (--time-form): {ways}"
    ))
}

/// An instant that is no measurement's, in a column whose others are.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid), saying which instant it would be.
#[inline]
pub(super) fn check(title: &str, cell: &[u8], micros: i64) -> Result<()> {
    if is_likely(micros) { Ok(()) } else { Err(unlikely(title, cell, micros)) }
}

#[cold]
fn unlikely(title: &str, cell: &[u8], micros: i64) -> Error {
    let (text, time) = (String::from_utf8_lossy(cell), Timestamp::from_micros(micros));
    Error::invalid(format!(
        "{title} is {:?}, which would be {time}, expected a time of the years 1990 to 2099",
        shorten(&text)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_times_where_only_one_way_of_reading_them_makes_sense() {
        for (texts, form) in [
            (&["1175385600", "1175385660.5"][..], Some(TimeForm::EpochS)),
            // A clock that was not set yet changes nothing.
            (&["0", "1175385600", "1175385660"], Some(TimeForm::EpochS)),
            (&["1175385600000"], Some(TimeForm::EpochMs)),
            (&["20070401", "20070402"], Some(TimeForm::Local)),
            (&["200704011530"], Some(TimeForm::Local)),
            (&["20070401153000"], Some(TimeForm::Local)),
            // An hour of 2007, or a second of 2033.
            (&["2007040115"], None),
            (&["2007040115", "2007040116", "2007040117"], Some(TimeForm::Local)),
            (&["39173.5"], None),
            (&["20071301"], None),
            (&["2007", "2008"], None),
            (&["0", "60"], None),
        ] {
            assert_eq!(tell("time", texts), form, "{texts:?}");
        }
        assert_eq!(
            (tell("time_s", &["20070401"]), tell("t_ms", &["20070401"])),
            (Some(TimeForm::Local), Some(TimeForm::Local))
        );
    }

    #[test]
    fn a_doubt_names_every_form_and_what_it_makes_of_the_number() {
        for (text, ways) in [
            ("39173.5", "excel makes it 2007-04-01T12:00:00, epoch-s makes it 1970-01-01T10:52:53.5Z"),
            ("2007040115", "local makes it 2007-04-01T15:00:00, epoch-s makes it 2033-08-07T15:08:35Z"),
            ("12", "epoch-s makes it 1970-01-01T00:00:12Z"),
        ] {
            let said = doubt("time", &[text]).message().to_owned();
            assert!(
                said.starts_with(&format!("time is {text:?}, ")) && said.ends_with(&format!("(--time-form): {ways}")),
                "{said}"
            );
        }
    }

    #[test]
    fn spreadsheets_count_days_and_compact_dates_have_parts_that_exist() {
        let utc = |micros: Option<i64>| micros.map(|micros| Timestamp::from_micros(micros).to_string());
        assert_eq!(utc(spreadsheet(b"39173.510416667")).as_deref(), Some("2007-04-01T12:15:00Z"));
        assert_eq!(utc(spreadsheet(b"39173,5")).as_deref(), Some("2007-04-01T12:00:00Z"));
        for (text, time) in [
            ("20070401T1530", Some("2007-04-01T15:30:00Z")),
            ("20070401 153059", Some("2007-04-01T15:30:59Z")),
            ("20070401 2400", Some("2007-04-02T00:00:00Z")),
            ("2007040124", None),
            ("200704011560", None),
            ("20070401153060", None),
            ("2007040125", None),
            ("20070230", None),
            ("200704011", None),
        ] {
            assert_eq!(utc(compact(text.as_bytes())).as_deref(), time, "{text}");
        }
    }
}
