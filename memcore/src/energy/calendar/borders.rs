//! Buckets of time: fixed lengths since the epoch, and those of calendars, which are as long as their clocks say.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{CalendarUnit, Every};
use crate::error::{Error, Result};
use crate::model::Timestamp;

/// Hours that no day has: a part of a day that is longer is the whole of it.
const DAYS: i64 = 72;

/// From `start` up to and including `last`: half open but for the end of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) start: i64,
    pub(crate) last: i64,
}

impl Bucket {
    pub(crate) fn contains(self, time: i64) -> bool {
        self.start <= time && time <= self.last
    }
}

/// Finds the buckets of rising instants: one lookup in the zone for each day or longer bucket that is entered, none for a sample.
#[derive(Debug)]
pub(crate) struct Borders {
    every: Every,
    /// The latest that was found.
    latest: Option<Bucket>,
    /// The latest bucket of a calendar, or the day that its buckets are parts of, with the first date of the next.
    period: Option<(Bucket, Date)>,
}

impl Borders {
    pub(crate) fn new(every: &Every) -> Self {
        Self { every: every.clone(), latest: None, period: None }
    }

    /// The bucket that an instant lies in.
    pub(crate) fn of(&mut self, time: i64) -> Result<Bucket> {
        match self.latest {
            Some(bucket) if bucket.contains(time) => Ok(bucket),
            _ => {
                let bucket = self.find(time)?;
                self.latest = Some(bucket);
                Ok(bucket)
            }
        }
    }

    fn find(&mut self, time: i64) -> Result<Bucket> {
        let unit = match &self.every {
            Every::Fixed(span) => return Ok(fixed_bucket(span.as_micros(), time, self.latest)),
            Every::Calendar { unit, .. } => *unit,
        };
        let period = match self.period {
            Some((period, _)) if period.contains(time) => period,
            _ => self.period_of(time).map_err(|e| {
                let time = Timestamp::from_micros(time);
                Error::invalid(format!("{time} lies outside the calendar, expected a range without it")).caused_by(e)
            })?,
        };
        Ok(match unit {
            CalendarUnit::Minutes(minutes) => {
                part_of_day(period, i64::from(minutes).min(DAYS * 60) * 60_000_000, time, self.latest)
            }
            CalendarUnit::Hours(hours) => {
                part_of_day(period, i64::from(hours).min(DAYS) * 3_600_000_000, time, self.latest)
            }
            _ => period,
        })
    }

    fn period_of(&mut self, time: i64) -> Result<Bucket, jiff::Error> {
        let (unit, zone) = match &self.every {
            Every::Calendar { unit, zone } => (*unit, zone),
            Every::Fixed(_) => (CalendarUnit::Day, &TimeZone::UTC),
        };
        match self.period {
            // Mostly it is the one after the latest, whose start is known.
            Some((period, next)) if time > period.last => {
                self.period = Some(period_from(unit, zone, period.last + 1, next)?);
            }
            _ => self.period = None,
        }
        let (mut period, mut next) = match self.period.filter(|(period, _)| period.contains(time)) {
            Some(found) => found,
            None => {
                let date = jiff::Timestamp::from_microsecond(time)?.to_zoned_datetime(zone.clone()).date();
                let first = first_date(unit, date)?;
                period_from(unit, zone, start_of_day(zone, first)?, first)?
            }
        };
        // Clocks that go back across midnight show a date again whose successor has begun: an instant belongs to the latest
        // that has begun, so that buckets follow each other without a hole.
        while time > period.last {
            (period, next) = period_from(unit, zone, period.last + 1, next)?;
        }
        self.period = Some((period, next));
        Ok(period)
    }
}

/// Mostly it is the one behind the latest, which takes no division.
fn fixed_bucket(length: i64, time: i64, latest: Option<Bucket>) -> Bucket {
    let next = latest.and_then(|latest| Some((latest.last.checked_add(1)?, latest.last.checked_add(length)?)));
    if let Some((start, last)) = next
        && (start..=last).contains(&time)
    {
        return Bucket { start, last };
    }
    let within = time.rem_euclid(length);
    Bucket { start: time.saturating_sub(within), last: time.saturating_add(length - 1 - within) }
}

/// The period that begins with a date, at `start`, and the first date of the one after it.
fn period_from(unit: CalendarUnit, zone: &TimeZone, start: i64, first: Date) -> Result<(Bucket, Date), jiff::Error> {
    let next = first.checked_add(match unit {
        CalendarUnit::Minutes(_) | CalendarUnit::Hours(_) | CalendarUnit::Day => 1.day(),
        CalendarUnit::Week => 7.days(),
        CalendarUnit::Month => 1.month(),
        CalendarUnit::Year => 1.year(),
    })?;
    Ok((Bucket { start, last: start_of_day(zone, next)? - 1 }, next))
}

fn first_date(unit: CalendarUnit, date: Date) -> Result<Date, jiff::Error> {
    Ok(match unit {
        CalendarUnit::Minutes(_) | CalendarUnit::Hours(_) | CalendarUnit::Day => date,
        CalendarUnit::Week => date.checked_sub(i64::from(date.weekday().to_monday_zero_offset()).days())?,
        CalendarUnit::Month => date.first_of_month(),
        CalendarUnit::Year => date.first_of_year(),
    })
}

/// The first instant of a day, which is not midnight where the clocks skip it; of a day that they skip, that of the next.
fn start_of_day(zone: &TimeZone, date: Date) -> Result<i64, jiff::Error> {
    Ok(date.to_zoned_datetime(zone.clone())?.start_of_day()?.timestamp().as_microsecond())
}

/// Mostly it is the one behind the latest, which takes no division.
fn part_of_day(day: Bucket, length: i64, time: i64, latest: Option<Bucket>) -> Bucket {
    let next = latest.map_or(i64::MIN, |latest| latest.last.saturating_add(1));
    let follows = day.contains(next) && next <= time && time - next < length;
    let start = if follows { next } else { day.start + (time - day.start).div_euclid(length) * length };
    Bucket { start, last: (start + length - 1).min(day.last) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    fn bucket_of(every: &Every, time: i64) -> Result<Bucket> {
        Borders::new(every).of(time)
    }

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
    fn buckets_follow_each_other_without_a_hole_in_every_zone() {
        let units = [
            CalendarUnit::Day,
            CalendarUnit::Week,
            CalendarUnit::Month,
            CalendarUnit::Hours(1),
            CalendarUnit::Hours(5),
            CalendarUnit::Minutes(45),
        ];
        for (zone, around) in [
            ("Europe/Berlin", "2024-03-31T01:00:00Z"),
            // Half an hour of summer time.
            ("Australia/Lord_Howe", "2024-04-06T15:00:00Z"),
            ("Asia/Kathmandu", "2024-01-01T00:00:00Z"),
            // Midnight does not exist.
            ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
            ("Africa/Cairo", "2024-04-25T22:00:00Z"),
            // Midnight comes twice; the clocks go back across it.
            ("America/Havana", "2024-11-03T05:00:00Z"),
            ("America/St_Johns", "2006-10-29T02:31:00Z"),
            // A day that does not exist.
            ("Pacific/Apia", "2011-12-30T10:00:00Z"),
        ] {
            let around = around.parse::<Timestamp>().unwrap().as_micros();
            for unit in units {
                let every = Every::calendar(unit, zone).unwrap();
                let mut borders = Borders::new(&every);
                let mut before: Option<Bucket> = None;
                for quarter in -400..400 {
                    let time = around + quarter * 900_000_000;
                    let bucket = borders.of(time).unwrap();
                    assert!(bucket.contains(time), "{zone} {unit:?}");
                    assert_eq!(bucket, bucket_of(&every, time).unwrap(), "{zone} {unit:?}: found alone");
                    let follows = before.is_none_or(|before| bucket == before || bucket.start > before.last);
                    assert!(follows && before.is_none_or(|before| bucket.start <= before.last + 1), "{zone} {unit:?}");
                    before = Some(bucket);
                }
            }
        }
    }

    #[test]
    fn a_day_that_the_clocks_leave_out_has_no_bucket_and_one_that_they_repeat_is_longer() {
        let day = CalendarUnit::Day;
        assert_eq!(hours(day, "Pacific/Apia", "2011-12-30T09:00:00Z"), ("2011-12-29T10:00:00Z".into(), 24));
        assert_eq!(hours(day, "Pacific/Apia", "2011-12-30T10:00:00Z"), ("2011-12-30T10:00:00Z".into(), 24));
        assert_eq!(hours(day, "America/Havana", "2024-11-03T12:00:00Z"), ("2024-11-03T04:00:00Z".into(), 25));
        // The minute from 23:01 to midnight that comes again belongs to the day that had begun.
        assert_eq!(hours(day, "America/St_Johns", "2006-10-29T03:00:00Z"), ("2006-10-29T02:30:00Z".into(), 25));
    }

    #[test]
    fn the_month_changes_once() {
        // A11: a monthly reset in Berlin fires at 2024-03-31T22:00Z and at no other instant of that night.
        let every = Every::calendar(CalendarUnit::Month, "Europe/Berlin").unwrap();
        let mut borders = Borders::new(&every);
        let noon = "2024-03-31T12:00:00Z".parse::<Timestamp>().unwrap().as_micros();
        let mut starts: Vec<i64> = (0..1440).map(|minute| borders.of(noon + minute * 60_000_000).unwrap().start).collect();
        starts.dedup();
        let starts: Vec<String> = starts.into_iter().map(|start| Timestamp::from_micros(start).to_string()).collect();
        assert_eq!(starts, ["2024-02-29T23:00:00Z", "2024-03-31T22:00:00Z"]);
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
