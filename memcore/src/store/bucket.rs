//! Buckets of time: fixed lengths since the epoch, and those of calendars, which are as long as their clocks say.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span as Days, ToSpan, ZonedDateTime};

use super::query::{CalendarUnit, Every};
use super::summary::Summary;
use crate::error::{Error, Result};
use crate::model::Timestamp;

/// From `start` up to and including `last`: half open but for the end of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    pub(super) start: i64,
    pub(super) last: i64,
}

impl Bucket {
    pub(super) fn contains(self, time: i64) -> bool {
        self.start <= time && time <= self.last
    }
}

/// The bucket that an instant lies in.
pub(super) fn bucket_of(every: &Every, time: i64) -> Result<Bucket> {
    match every {
        Every::Fixed(span) => {
            let length = i128::from(span.as_micros());
            let start = i128::from(time).div_euclid(length) * length;
            let clamp = |micros: i128| micros.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
            Ok(Bucket { start: clamp(start), last: clamp(start + length - 1) })
        }
        Every::Calendar { unit, zone } => calendar_bucket(*unit, zone, time).map_err(|e| {
            let time = Timestamp::from_micros(time);
            Error::invalid(format!("a sample at {time} lies outside the calendar, expected a range without it"))
                .caused_by(e)
        }),
    }
}

fn calendar_bucket(unit: CalendarUnit, zone: &TimeZone, time: i64) -> Result<Bucket, jiff::Error> {
    let local = jiff::Timestamp::from_microsecond(time)?.to_zoned_datetime(zone.clone());
    let date = local.date();
    let (first, length): (Date, Days) = match unit {
        CalendarUnit::Minutes(minutes) => return part_of_day(&local, i64::from(minutes) * 60_000_000),
        CalendarUnit::Hours(hours) => return part_of_day(&local, i64::from(hours) * 3_600_000_000),
        CalendarUnit::Day => (date, 1.day()),
        CalendarUnit::Week => {
            let since_monday = i64::from(date.weekday().to_monday_zero_offset());
            (date.checked_sub(since_monday.days())?, 7.days())
        }
        CalendarUnit::Month => (date.first_of_month(), 1.month()),
        CalendarUnit::Year => (date.first_of_year(), 1.year()),
    };
    let midnight = |date: Date| -> Result<i64, jiff::Error> {
        Ok(start_of(&date.to_zoned_datetime(zone.clone())?)?.timestamp().as_microsecond())
    };
    Ok(Bucket { start: midnight(first)?, last: midnight(first.checked_add(length)?)? - 1 })
}

/// The first instant of the day, which is not midnight where the clocks skip it.
fn start_of(day: &ZonedDateTime) -> Result<ZonedDateTime, jiff::Error> {
    day.start_of_day()
}

fn part_of_day(local: &ZonedDateTime, length: i64) -> Result<Bucket, jiff::Error> {
    let midnight = start_of(local)?.timestamp().as_microsecond();
    let tomorrow =
        start_of(&local.date().tomorrow()?.to_zoned_datetime(local.time_zone().clone())?)?.timestamp().as_microsecond();
    let time = local.timestamp().as_microsecond();
    let start = midnight + (time - midnight).div_euclid(length) * length;
    Ok(Bucket { start, last: (start + length).min(tomorrow) - 1 })
}

/// Gathers rising samples of one series into buckets.
#[derive(Debug)]
pub(super) struct Buckets {
    /// None: everything is one bucket.
    every: Option<Every>,
    label: Option<i64>,
    current: Option<Bucket>,
    summary: Summary,
    pub(super) done: Vec<(i64, Summary)>,
}

impl Buckets {
    /// `label` is the start of the only bucket where there is no `every`: the first sample's time where it is unknown.
    pub(super) fn new(every: Option<Every>, label: Option<i64>) -> Self {
        Self { every, label, current: None, summary: Summary::EMPTY, done: Vec::new() }
    }

    /// The bucket of an instant, made the current one.
    fn enter(&mut self, time: i64) -> Result<Bucket> {
        if let Some(current) = self.current.filter(|current| current.contains(time)) {
            return Ok(current);
        }
        self.finish();
        let bucket = match &self.every {
            Some(every) => bucket_of(every, time)?,
            None => Bucket { start: self.label.unwrap_or(time), last: i64::MAX },
        };
        self.current = Some(bucket);
        Ok(bucket)
    }

    pub(super) fn push(&mut self, times: &[i64], values: &[f64]) -> Result<()> {
        let mut at = 0;
        while at < times.len() {
            let bucket = self.enter(times[at])?;
            let end = at + times[at..].partition_point(|time| *time <= bucket.last);
            self.summary.extend(&values[at..end]);
            at = end;
        }
        Ok(())
    }

    /// Whether all between two instants, both included, lies in one bucket.
    pub(super) fn holds(&self, first: i64, last: i64) -> Result<bool> {
        self.every.as_ref().map_or(Ok(true), |every| Ok(bucket_of(every, first)?.contains(last)))
    }

    /// Takes in the summary of samples from `first` on that lie in one bucket.
    pub(super) fn push_summary(&mut self, first: i64, summary: &Summary) -> Result<()> {
        self.enter(first)?;
        self.summary.merge(summary);
        Ok(())
    }

    pub(super) fn finish(&mut self) {
        if let Some(bucket) = self.current.take()
            && self.summary.count > 0
        {
            self.done.push((bucket.start, self.summary));
        }
        self.summary = Summary::EMPTY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    fn hours(unit: CalendarUnit, zone: &str, time: &str) -> (String, i64) {
        let every = Every::calendar(unit, zone).unwrap();
        let bucket = bucket_of(&every, time.parse::<Timestamp>().unwrap().as_micros()).unwrap();
        (Timestamp::from_micros(bucket.start).to_string(), (bucket.last + 1 - bucket.start) / 3_600_000_000)
    }

    #[test]
    fn days_are_as_long_as_the_clocks_say() {
        let day = CalendarUnit::Day;
        let spring = hours(day, "Europe/Amsterdam", "2023-03-26T12:00:00Z");
        assert_eq!(spring, ("2023-03-25T23:00:00Z".into(), 23));
        assert_eq!(hours(day, "Europe/Berlin", "2025-10-26T12:00:00Z"), ("2025-10-25T22:00:00Z".into(), 25));
        assert_eq!(hours(day, "Europe/Berlin", "2025-06-01T12:00:00Z").1, 24);
        // Where the clocks skip midnight the day starts at one.
        assert_eq!(hours(day, "America/Sao_Paulo", "2018-11-04T12:00:00Z"), ("2018-11-04T03:00:00Z".into(), 23));
    }

    #[test]
    fn months_start_at_local_midnight() {
        let (start, length) = hours(CalendarUnit::Month, "Europe/Berlin", "2024-03-31T22:30:00Z");
        assert_eq!((start.as_str(), length), ("2024-03-31T22:00:00Z", 30 * 24));
        assert_eq!(hours(CalendarUnit::Week, "Europe/Berlin", "2024-03-31T12:00:00Z").1, 7 * 24 - 1);
        assert_eq!(hours(CalendarUnit::Year, "UTC", "2024-07-01T00:00:00Z").1, 366 * 24);
    }

    #[test]
    fn parts_of_a_day_are_counted_from_its_start() {
        let (start, length) = hours(CalendarUnit::Hours(4), "Europe/Berlin", "2025-03-30T21:30:00Z");
        assert_eq!((start.as_str(), length), ("2025-03-30T19:00:00Z", 3));
        let every = Every::calendar(CalendarUnit::Minutes(15), "Asia/Kathmandu").unwrap();
        let bucket = bucket_of(&every, 0).unwrap();
        assert_eq!(bucket, Bucket { start: 0, last: 15 * 60_000_000 - 1 });
    }

    #[test]
    fn fixed_buckets_do_not_overflow_at_the_ends_of_time() {
        for time in [i64::MIN, -1, 0, i64::MAX] {
            let bucket = bucket_of(&Every::Fixed(Span::from_seconds(3600)), time).unwrap();
            assert!(bucket.contains(time));
        }
        assert_eq!(bucket_of(&Every::Fixed(Span::from_seconds(10)), -1).unwrap().start, -10_000_000);
    }
}
