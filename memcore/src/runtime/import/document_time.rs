//! The time of a document: which field it is, and how it is written.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use super::csv::forms::{Told, tell};
use super::csv::plain_times;
use super::csv::times::Times as Texts;
use super::document::{Object, Value, at_path};
use super::mapping::{Mapping, SkippedTimes, TimeForm};
use super::understood::UnderstoodTime;
use crate::energy::{LocalClock, Skipped, zone_of};
use crate::error::{Error, Result};
use crate::model::{Timestamp, shorten};
use crate::sim;

/// Names that a field of times may have beside those of any file's columns.
const NAMES: [&str; 8] =
    ["createdat", "created_at", "recorded_at", "measured_at", "last_changed", "last_updated", "start", "start_ts"];

/// Reads the times of a file's documents.
pub(super) struct Times {
    columns: Vec<String>,
    form: Option<TimeForm>,
    zone: Option<String>,
    /// As none has read a time yet.
    clock: LocalClock,
    /// Of whom local times were met, each with a clock that knows the order of its rows only.
    clocks: HashMap<String, LocalClock>,
    /// Of each form that texts were met in.
    texts: Vec<(TimeForm, Texts)>,
    /// The field that it was found in first.
    found: Option<String>,
}

impl Times {
    pub(super) fn new(mapping: &Mapping) -> Result<Self> {
        let zone = mapping.time.zone.as_deref().map(zone_of).transpose()?;
        let skipped = match mapping.time.skipped {
            Some(SkippedTimes::Before) => Skipped::OffsetBefore,
            _ => Skipped::Refuse,
        };
        Ok(Self {
            columns: mapping.time.columns.clone(),
            form: mapping.time.form,
            zone: mapping.time.zone.clone(),
            clock: LocalClock::new(zone.unwrap_or(TimeZone::UTC), skipped),
            clocks: HashMap::new(),
            texts: Vec::new(),
            found: None,
        })
    }

    /// The field of a document's own time, and that time; `whose` tells apart what has an order of rows of its own.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where a field that should be the time cannot be read as one, and where several
    /// fields might be it.
    pub(super) fn of(&mut self, object: &Object, whose: &str) -> Result<Option<(String, Timestamp)>> {
        if let [date, clock, ..] = &self.columns[..] {
            let (Some(Value::Text(date_text)), Some(Value::Text(clock))) = (at_path(object, date), at_path(object, clock))
            else {
                return Ok(None);
            };
            let (date, text) = (date.clone(), Value::Text(format!("{date_text} {clock}")));
            let time = self.read(&date, &text, whose)?;
            return Ok(Some((date, time)));
        }
        let name = match &self.columns[..] {
            [name, ..] => Some(name.clone()),
            [] => candidate(object)?.map(str::to_owned),
        };
        let Some(name) = name else { return Ok(None) };
        let Some(value) = at_path(object, &name) else { return Ok(None) };
        let time = match value {
            Value::Text(id) if name == "_id" => object_id(id)?,
            value => self.read(&name, value, whose)?,
        };
        self.found.get_or_insert_with(|| name.clone());
        Ok(Some((name, time)))
    }

    /// A time as its field has it.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the field, its value and what was expected.
    pub(super) fn read(&mut self, name: &str, value: &Value, whose: &str) -> Result<Timestamp> {
        let time = match value {
            Value::Time(time) => return Ok(*time),
            Value::Whole(number) if self.form.is_some_and(TimeForm::is_local) => {
                return self.read_text(name, &number.to_string(), whose);
            }
            Value::Number(number) if self.form.is_some_and(TimeForm::is_local) => {
                return self.read_text(name, &number.to_string(), whose);
            }
            Value::Whole(number) => {
                self.unit(name, *number as f64).and_then(|nanos| from_nanos(i128::from(*number) * nanos))
            }
            Value::Number(number) => self.unit(name, *number).and_then(|nanos| {
                let micros = (*number * (nanos as f64 / 1000.0)).round();
                #[expect(clippy::cast_possible_truncation, reason = "inside the range of the type")]
                (micros.abs() < 9e18).then_some(Timestamp::from_micros(micros as i64))
            }),
            Value::Text(text) => return self.read_text(name, text.trim(), whose),
            _ => None,
        };
        match (time, value) {
            // What memcore writes says so by its name, and is of any time.
            (Some(time), _)
                if self.form.is_some() || name.ends_with("time_us") || plain_times::is_likely(time.as_micros()) =>
            {
                Ok(time)
            }
            // A date without separators perhaps; else it is said what it might be.
            (Some(_), Value::Whole(number)) => self.read_text(name, &number.to_string(), whose),
            (Some(_), Value::Number(number)) => self.read_text(name, &number.to_string(), whose),
            _ => {
                let value = value.describe();
                Err(Error::invalid(format!("{} is {value}, expected RFC 3339 or a number since 1970", shorten(name))))
            }
        }
    }

    /// Nanoseconds of the unit that times since 1970 are counted in: as declared, as the name ends, or by their size.
    /// Seconds reach to the year 5138 and milliseconds back to 1973.
    fn unit(&mut self, name: &str, number: f64) -> Option<i128> {
        let ending = name.rsplit('_').next().unwrap_or_default().to_ascii_lowercase();
        let form = self.form.or(match ending.as_str() {
            "ns" => Some(TimeForm::EpochNs),
            "us" => Some(TimeForm::EpochUs),
            "ms" => Some(TimeForm::EpochMs),
            "s" => Some(TimeForm::EpochS),
            _ => None,
        });
        match form {
            Some(TimeForm::EpochS) => Some(1_000_000_000),
            Some(TimeForm::EpochMs) => Some(1_000_000),
            Some(TimeForm::EpochUs) => Some(1_000),
            Some(TimeForm::EpochNs) => Some(1),
            Some(_) => None,
            None => Some(match number.abs() {
                size if size < 1e11 => 1_000_000_000,
                size if size < 1e14 => 1_000_000,
                size if size < 1e17 => 1_000,
                _ => 1,
            }),
        }
    }

    fn read_text(&mut self, name: &str, text: &str, whose: &str) -> Result<Timestamp> {
        // Outside the calendar memcore writes an instant as its microseconds.
        if let Some(micros) = text.strip_suffix("us").and_then(|micros| micros.parse().ok()) {
            return Ok(Timestamp::from_micros(micros));
        }
        let refuse =
            |expected: &str| Error::invalid(format!("{} is {:?}, expected {expected}", shorten(name), shorten(text)));
        let form = match (self.form, tell(name, &[text])) {
            (Some(form), _) | (None, Told::Form(form)) => form,
            (None, Told::DayOrMonth) => {
                return Err(refuse("to be told whether the day or the month is first, as [time] form = \"day-first\""));
            }
            (None, Told::Numbers) => return Err(plain_times::doubt(name, &[text])),
            (None, Told::Nothing) => {
                return Err(refuse(
                    "RFC 3339, a local time such as 2007-04-01 00:00 or 01.04.2007 00:00, or a number since 1970",
                ));
            }
        };
        let at = self.texts.iter().position(|(known, _)| *known == form).unwrap_or_else(|| {
            self.texts.push((form, Texts::new(form, name)));
            self.texts.len() - 1
        });
        if !self.clocks.contains_key(whose) {
            self.clocks.insert(whose.to_owned(), self.clock.clone());
        }
        let clock = self.clocks.get_mut(whose).unwrap_or(&mut self.clock);
        self.texts[at].1.read(text.as_bytes(), clock)
    }

    /// As if no time had been read: the order of rows begins anew.
    pub(super) fn forget(&mut self) {
        self.clocks.clear();
    }

    pub(super) fn understood(&self) -> Option<UnderstoodTime> {
        let columns = if self.columns.is_empty() { self.found.clone().into_iter().collect() } else { self.columns.clone() };
        let form = self.form.map_or_else(|| "as each says it".to_owned(), |form| form.name().to_owned());
        let zone = self.zone.clone();
        Some(UnderstoodTime { columns, form, zone, elapsed: None }).filter(|time| !time.columns.is_empty())
    }
}

/// The field that is called a time, or the only one that the format calls one.
fn candidate(object: &Object) -> Result<Option<&str>> {
    let readable = |value: &Value| matches!(value, Value::Time(_) | Value::Whole(_) | Value::Number(_) | Value::Text(_));
    let named = |test: &dyn Fn(&str) -> bool| {
        object.iter().find(|(key, value)| readable(value) && test(key)).map(|(key, _)| key.as_str())
    };
    if let Some(name) = named(&|key| sim::is_time(key)) {
        return Ok(Some(name));
    }
    let mut instants = object.iter().filter(|(_, value)| matches!(value, Value::Time(_))).map(|(key, _)| key.as_str());
    match (instants.next(), instants.next()) {
        (Some(only), None) => Ok(Some(only)),
        (Some(first), Some(second)) => Err(Error::invalid(format!(
            "{:?} and {:?} are times, expected to be told which one is that of the measurement (--time)",
            shorten(first),
            shorten(second)
        ))),
        (None, _) => Ok(named(&|key| NAMES.contains(&key.to_ascii_lowercase().as_str()))),
    }
}

fn from_nanos(nanos: i128) -> Option<Timestamp> {
    let micros = i64::try_from(nanos.div_euclid(1000)).ok()?;
    Some(Timestamp::from_micros(micros))
}

/// The second in which MongoDB made a document stands in the first four bytes of its id.
fn object_id(id: &str) -> Result<Timestamp> {
    let seconds = id.get(..8).filter(|_| id.len() == 24).and_then(|hex| i64::from_str_radix(hex, 16).ok());
    seconds.map(Timestamp::from_seconds).ok_or_else(|| {
        Error::invalid(format!(
            "_id is {:?}, expected the 24 digits of an ObjectId, which say when it was made",
            shorten(id)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(zone: Option<&str>, form: Option<TimeForm>) -> Times {
        let mut mapping = Mapping::default();
        mapping.time.zone = zone.map(str::to_owned);
        mapping.time.form = form;
        Times::new(&mapping).unwrap()
    }

    #[test]
    fn numbers_since_1970_are_told_by_their_size() {
        let mut times = times(None, None);
        for number in [1_700_000_000_i64, 1_700_000_000_000, 1_700_000_000_000_000, 1_700_000_000_000_000_000] {
            let time = times.read("t", &Value::Whole(number), "").unwrap();
            assert_eq!(time, Timestamp::from_seconds(1_700_000_000), "{number}");
        }
        assert_eq!(
            times.read("t_us", &Value::Whole(1_700_000_000_000_000), "").unwrap(),
            Timestamp::from_seconds(1_700_000_000)
        );
        assert_eq!(times.read("time_us", &Value::Whole(7), "").unwrap(), Timestamp::from_micros(7));
        assert_eq!(times.read("t", &Value::Text("1700000000.25".into()), "").unwrap().as_micros(), 1_700_000_000_250_000);
        let date = times.read("t", &Value::Whole(20_240_101), "").unwrap();
        assert_eq!(date.to_string(), "2024-01-01T00:00:00Z", "the digits of a date");
        // Other numbers are no times before somebody says so.
        let e = times.read("t", &Value::Number(39_173.5), "").unwrap_err();
        assert!(e.message().contains("excel makes it 2007-04-01T12:00:00, epoch-s makes it 1970-01-01T10:52:53.5Z"), "{e}");
        assert!(times.read("t", &Value::Number(f64::INFINITY), "").is_err());
        assert!(times.read("t", &Value::Bool(true), "").is_err());
    }

    #[test]
    fn local_times_are_read_in_the_zone_and_dates_in_their_order() {
        let mut berlin = times(Some("Europe/Berlin"), None);
        let mut read = |text: &str| berlin.read("start", &Value::Text(text.into()), "").map(|time| time.to_string());
        for text in ["2024-03-17 02:00", "17.03.2024 02:00", "2024/03/17 02:00", "17/03/2024 02:00", "03/17/2024 02:00"] {
            assert_eq!(read(text).unwrap(), "2024-03-17T01:00:00Z", "{text}");
        }
        assert_eq!(read("2024-03-17T02:00:00+05:00").unwrap(), "2024-03-16T21:00:00Z");
        let e = read("03/04/2024 02:00").unwrap_err();
        assert!(e.message().contains("whether the day or the month is first"), "{e}");
        let e = read("2024-03-31 02:30").unwrap_err();
        assert!(e.message().contains("2024-03-31"), "a time that no clock showed: {e}");
        assert!(read("yesterday").unwrap_err().message().starts_with("start is \"yesterday\", expected RFC 3339"));
        let mut days = times(None, Some(TimeForm::Excel));
        assert_eq!(days.read("t", &Value::Number(39_173.5), "").unwrap().to_string(), "2007-04-01T12:00:00Z");
        let mut month_first = times(None, Some(TimeForm::MonthFirst));
        let time = month_first.read("start", &Value::Text("03/04/2024 02:00".into()), "").unwrap();
        assert_eq!(time.to_string(), "2024-03-04T02:00:00Z");
    }

    #[test]
    fn an_hour_that_comes_twice_is_told_by_order() {
        let mut berlin = times(Some("Europe/Berlin"), None);
        let texts = ["27.10.2024 01:00", "27.10.2024 02:00", "27.10.2024 02:00", "27.10.2024 03:00"];
        let told = texts.map(|text| berlin.read("start", &Value::Text(text.into()), "").unwrap().to_string());
        assert_eq!(told, ["2024-10-26T23:00:00Z", "2024-10-27T00:00:00Z", "2024-10-27T01:00:00Z", "2024-10-27T02:00:00Z"]);
    }

    #[test]
    fn each_has_an_order_of_rows_of_its_own() {
        let mut berlin = times(Some("Europe/Berlin"), None);
        for (text, utc) in
            [("01:45", "23:45"), ("02:00", "00:00"), ("02:45", "00:45"), ("02:00", "01:00"), ("03:00", "02:00")]
        {
            for meter in ["one", "other"] {
                let time = berlin.read("start", &Value::Text(format!("27.10.2024 {text}")), meter).unwrap();
                assert!(time.to_string().ends_with(&format!("T{utc}:00Z")), "{meter} {text}: {time}");
            }
        }
        berlin.forget();
        let again = berlin.read("start", &Value::Text("27.10.2024 02:00".into()), "one").unwrap();
        assert_eq!(again.to_string(), "2024-10-27T00:00:00Z");
    }

    #[test]
    fn which_field_is_the_time_is_told_by_name_then_by_type() {
        let time = Value::Time(Timestamp::from_seconds(1));
        let object = |names: &[(&str, &Value)]| -> Object {
            names.iter().map(|(name, value)| ((*name).to_owned(), (*value).clone())).collect()
        };
        let one = Value::Whole(1);
        for (fields, found) in [
            (vec![("made", &time), ("timestamp", &one)], Some("timestamp")),
            (vec![("power", &one), ("made", &time)], Some("made")),
            (vec![("power", &one), ("createdAt", &one)], Some("createdAt")),
            (vec![("power", &one)], None),
        ] {
            assert_eq!(candidate(&object(&fields)).unwrap(), found);
        }
        let e = candidate(&object(&[("made", &time), ("sent", &time)])).unwrap_err();
        assert!(e.message().starts_with("\"made\" and \"sent\" are times"), "{e}");
        assert_eq!(object_id("65f0000000000000000000aa").unwrap().as_micros(), 0x65f0_0000 * 1_000_000);
        assert!(object_id("x").is_err());
    }
}
