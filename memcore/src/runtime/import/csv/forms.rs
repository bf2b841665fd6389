//! Which form the times of a file have, told by their content.

use super::{plain_times, times};
use crate::error::{Error, Result};
use crate::model::shorten;
use crate::runtime::import::mapping::TimeForm;

/// Forms that say which number is which.
const PLAIN: [TimeForm; 2] = [TimeForm::Zoned, TimeForm::Local];

/// What the first times of a file tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::runtime::import) enum Told {
    Form(TimeForm),
    /// Day or month first: more of the file has to be seen.
    DayOrMonth,
    /// Numbers that may mean several times, or none: [`plain_times::doubt`] says why.
    Numbers,
    /// These are no times.
    Nothing,
}

/// The form of most of these texts.
pub(in crate::runtime::import) fn tell(title: &str, texts: &[&str]) -> Told {
    let texts: Vec<&str> = texts.iter().copied().filter(|text| !text.is_empty()).collect();
    let most = |count: usize| count > 0 && 2 * count >= texts.len();
    let count = |is: &dyn Fn(&str) -> bool| texts.iter().filter(|text| is(text)).count();
    if most(count(&|text| plain_times::number(text).is_some())) {
        return plain_times::tell(title, &texts).map_or(Told::Numbers, Told::Form);
    }
    if let Some(form) = PLAIN.into_iter().find(|form| most(count(&|text| times::is_of(*form, text)))) {
        return Told::Form(form);
    }
    let days = count(&|text| times::is_of(TimeForm::DayFirst, text));
    let months = count(&|text| times::is_of(TimeForm::MonthFirst, text));
    match days.cmp(&months) {
        _ if !most(days) && !most(months) => Told::Nothing,
        std::cmp::Ordering::Greater => Told::Form(TimeForm::DayFirst),
        std::cmp::Ordering::Less => Told::Form(TimeForm::MonthFirst),
        // Where points stand between them, the day comes first.
        std::cmp::Ordering::Equal if texts.iter().all(|text| text.contains('.') && !text.contains('/')) => {
            Told::Form(TimeForm::DayFirst)
        }
        std::cmp::Ordering::Equal => Told::DayOrMonth,
    }
}

/// Why texts that say [`Told::Nothing`] are no times.
#[cold]
pub(super) fn unknown(title: &str, texts: &[&str]) -> Error {
    let first = shorten(texts.iter().copied().find(|text| !text.is_empty()).unwrap_or_default());
    Error::invalid(format!(
        "{title} is {first:?} and the like, expected times such as 2007-04-01 00:00, 2007-04-01T00:00:00+02:00 or seconds since \
         1970, or another column to be named (--time)"
    ))
}

/// Watches the dates of a file until one tells whether days or months come first.
#[derive(Debug, Default)]
pub(super) struct DayOrMonth {
    last: Vec<u8>,
    rows: u64,
    dates: u64,
    /// Changes of the date by one day, read either way.
    day_first: u64,
    month_first: u64,
}

impl DayOrMonth {
    /// Takes the next time, and tells the form where this one is it only one way.
    pub(super) fn see(&mut self, text: &[u8]) -> Option<TimeForm> {
        let date = text.split(|byte| matches!(byte, b' ' | b'T' | b',')).next()?;
        self.rows += 1;
        if date == self.last {
            return None;
        }
        let ([a, b, c], _) = times::parts(date)?;
        if let Some(([x, y, z], _)) = times::parts(&self.last) {
            let apart = |before: Option<i64>, now: Option<i64>| Some((now? - before?).abs());
            self.day_first += u64::from(apart(times::days(z, y, x), times::days(c, b, a)) == Some(1));
            self.month_first += u64::from(apart(times::days(z, x, y), times::days(c, a, b)) == Some(1));
        }
        self.dates += 1;
        self.last = date.to_vec();
        match (a, b) {
            (13.., 1..=12) => Some(TimeForm::DayFirst),
            (1..=12, 13..) => Some(TimeForm::MonthFirst),
            _ => None,
        }
    }

    /// What the whole file tells: several rows a day, whose days follow one another only when read one way.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where both ways make sense.
    pub(super) fn conclude(&self, title: &str) -> Result<TimeForm> {
        let changes = self.dates.saturating_sub(1);
        let often = self.rows >= 4 * self.dates && changes > 0;
        match (self.day_first, self.month_first) {
            (0, days) if often && 2 * days > changes => Ok(TimeForm::MonthFirst),
            (days, 0) if often && 2 * days > changes => Ok(TimeForm::DayFirst),
            _ => Err(Error::invalid(format!(
                "{title} is {:?} and the like, and every day of them may be a month: expected the form to be said, day-first or \
                 month-first",
                shorten(&String::from_utf8_lossy(&self.last))
            ))),
        }
    }
}

/// A date and a time of day as one text.
pub(super) fn join<'a>(date: &[u8], time: &[u8], text: &'a mut Vec<u8>) -> &'a [u8] {
    text.clear();
    text.extend_from_slice(date.trim_ascii());
    text.push(b' ');
    text.extend_from_slice(time.trim_ascii());
    text
}

#[cfg(test)]
mod tests {
    use super::times::Times;
    use super::*;
    use crate::energy::{LocalClock, Skipped, zone_of};

    fn read(form: TimeForm, text: &str) -> String {
        let mut clock = LocalClock::new(zone_of("UTC").unwrap(), Skipped::Refuse);
        Times::new(form, "ts").read(text.as_bytes(), &mut clock).map_or_else(|e| e.to_string(), |time| time.to_string())
    }

    fn told(texts: &[&str]) -> TimeForm {
        match tell("ts", texts) {
            Told::Form(form) => form,
            other => panic!("{texts:?}: {other:?}"),
        }
    }

    #[test]
    fn every_form_is_told_by_its_content_and_read() {
        for (text, form, time) in [
            ("1175385600", TimeForm::EpochS, "2007-04-01T00:00:00Z"),
            ("1369114080.5", TimeForm::EpochS, "2013-05-21T05:28:00.5Z"),
            ("1175385600250", TimeForm::EpochMs, "2007-04-01T00:00:00.25Z"),
            ("1175385600250000", TimeForm::EpochUs, "2007-04-01T00:00:00.25Z"),
            ("1175385600250000999", TimeForm::EpochNs, "2007-04-01T00:00:00.25Z"),
            ("20070401", TimeForm::Local, "2007-04-01T00:00:00Z"),
            ("200704010930", TimeForm::Local, "2007-04-01T09:30:00Z"),
            ("20070401093015", TimeForm::Local, "2007-04-01T09:30:15Z"),
            ("2016-07-01 00:15:00-07:00", TimeForm::Zoned, "2016-07-01T07:15:00Z"),
            ("2016-07-01T00:15:00.123456789Z", TimeForm::Zoned, "2016-07-01T00:15:00.123456Z"),
            ("2016-07-01 00:15:00 UTC", TimeForm::Zoned, "2016-07-01T00:15:00Z"),
            ("2016-07-01T00:15:00+0530", TimeForm::Zoned, "2016-06-30T18:45:00Z"),
            ("2016-07-01T00:15:00+02:00[Europe/Berlin]", TimeForm::Zoned, "2016-06-30T22:15:00Z"),
            ("2007-04-01 00:01", TimeForm::Local, "2007-04-01T00:01:00Z"),
            ("2007/04/01 24:00", TimeForm::Local, "2007-04-02T00:00:00Z"),
            ("2007-04-01", TimeForm::Local, "2007-04-01T00:00:00Z"),
            ("2007-04", TimeForm::Local, "2007-04-01T00:00:00Z"),
            ("20070401", TimeForm::Local, "2007-04-01T00:00:00Z"),
            ("20070401T1530", TimeForm::Local, "2007-04-01T15:30:00Z"),
            ("200704011530", TimeForm::Local, "2007-04-01T15:30:00Z"),
            ("01.04.2007 00:15", TimeForm::DayFirst, "2007-04-01T00:15:00Z"),
            ("16/12/2006 17:24:00", TimeForm::DayFirst, "2006-12-16T17:24:00Z"),
            ("12/19/2020 12:18:27", TimeForm::MonthFirst, "2020-12-19T12:18:27Z"),
            ("12/19/20 12:05 AM", TimeForm::MonthFirst, "2020-12-19T00:05:00Z"),
            ("12/19/20, 1:05:00 pm", TimeForm::MonthFirst, "2020-12-19T13:05:00Z"),
        ] {
            assert_eq!(told(&[text]), form, "{text}");
            assert_eq!(read(form, text), time, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_named_with_what_was_expected() {
        for (form, text) in [
            (TimeForm::Local, "2007-02-30 00:00"),
            (TimeForm::Local, "2007-04-01 24:01"),
            (TimeForm::Local, "20070431"),
            (TimeForm::Local, "2007040124"),
            // Nothing is no time, not even before the first date was seen.
            (TimeForm::Local, ""),
            (TimeForm::DayFirst, "T10:00"),
            (TimeForm::Local, "2007-04-01 00:60"),
            (TimeForm::Local, "2007-04-01 00:00+02:00"),
            (TimeForm::Zoned, "2007-04-01 00:00"),
            (TimeForm::MonthFirst, "13/1/2007 0:00"),
            (TimeForm::EpochS, "soon"),
            (TimeForm::Excel, "soon"),
            (TimeForm::MonthFirst, "1/1/2007 13:00 PM"),
        ] {
            assert!(read(form, text).contains(&format!("ts is {text:?}, expected ")), "{text}: {}", read(form, text));
        }
        assert_eq!(tell("State", &["R", "C"]), Told::Nothing);
        assert_eq!(tell("a", &["1/2/2022 0:00"]), Told::DayOrMonth);
    }

    fn seen(texts: &[String]) -> Result<TimeForm> {
        let mut watch = DayOrMonth::default();
        let told = texts.iter().find_map(|text| watch.see(text.as_bytes()));
        told.map_or_else(|| watch.conclude("ts"), Ok)
    }

    #[test]
    fn days_and_months_are_told_by_a_day_above_twelve_or_by_days_that_follow_one_another() {
        let hours = |dates: &[&str]| -> Vec<String> {
            dates.iter().flat_map(|date| (0..24).map(move |hour| format!("{date} {hour}:00"))).collect()
        };
        assert_eq!(seen(&hours(&["1/2/2022", "1/3/2022"])).unwrap(), TimeForm::MonthFirst);
        assert_eq!(seen(&hours(&["1/2/2022", "2/2/2022"])).unwrap(), TimeForm::DayFirst);
        assert_eq!(seen(&hours(&["12/2/2022", "13/2/2022"])).unwrap(), TimeForm::DayFirst);
        // Once a day it may be the first of each month; and a single day tells nothing.
        for either in [vec!["1/1/2022".to_owned(), "1/2/2022".to_owned()], hours(&["1/2/2022"])] {
            let e = seen(&either).unwrap_err();
            assert!(e.message().contains("day-first or month-first"), "{e}");
        }
    }
}
