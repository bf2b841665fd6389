//! Local times without a zone, as files have them: which instants a wall clock meant.
//!
//! Twice a year a clock in most zones shows an hour twice or skips one. An hour that was shown twice is told by order: where rows
//! rise, a time is the first of its two instants that lies behind the row before, else the second; where they fall, the
//! other way round. An hour that was never shown is read with the offset before the clock was set, or refused.

use std::str::FromStr;

#[cfg(any(feature = "sim", test))]
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::error::{Error, Result};
use crate::model::{Timestamp, shorten};

/// No zone is further from UTC, and no clock was ever set by more: so far from a change of clocks every local time is one instant.
const FURTHEST: i64 = 26 * 3_600_000_000;
/// So many rows in one direction outweigh single rows in the other.
const SURE: i8 = 8;

/// What becomes of local times that no clock showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Skipped {
    /// They are read with the offset before the clock was set: 02:30 of a spring night in Berlin is 01:30 UTC, as a clock that
    /// nobody set would have shown it.
    #[default]
    OffsetBefore,
    /// They are an error.
    Refuse,
}

impl FromStr for Skipped {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "offset_before" => Ok(Self::OffsetBefore),
            "refuse" => Ok(Self::Refuse),
            _ => Err(Error::invalid(format!("skipped is {:?}, expected one of offset_before refuse", shorten(text)))),
        }
    }
}

/// How sure the instant of a local time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Once,
    /// The order of the rows told which of the two instants it is.
    Twice,
    /// No clock showed it.
    Never,
}

/// Reads the local times of one sequence of rows, one after the other. Rows of several series that share their times are several
/// sequences, with a clock each: a time that comes again would seem to be the hour that comes again.
#[derive(Debug, Clone)]
pub(crate) struct LocalClock {
    zone: TimeZone,
    skipped: Skipped,
    last: Option<Timestamp>,
    /// Above zero where rows rise, below where they fall.
    rising: i8,
    /// From one row to the next, the last time that it was sure and went the way of the others; 0 where that is not known.
    pace: i64,
    /// The furthest that a row was behind the one before it, but for jumps.
    late: i64,
    steady: Steady,
}

/// From so much on a row is not late, but the first of another part of the file.
const JUMP: i64 = 3_600_000_000;

/// Local times, as if they were UTC, that differ from UTC by one offset and are no others.
#[derive(Debug, Clone, Copy)]
struct Steady {
    first: i64,
    last: i64,
    offset: i64,
}

impl Steady {
    const NONE: Self = Self { first: 0, last: -1, offset: 0 };

    /// Around an instant: from well behind the change of clocks before it to well before the next.
    fn around(zone: &TimeZone, time: jiff::Timestamp, offset: Offset) -> Self {
        let offset = i64::from(offset.seconds()) * 1_000_000;
        let micros = |change: jiff::tz::TimeZoneTransition<'_>| change.timestamp().as_microsecond();
        // A change at this very instant counts as before it.
        let before = zone.preceding(time.saturating_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(time)).next();
        let first = before.map_or(i64::MIN / 2, |change| micros(change) + offset + FURTHEST);
        let last = zone.following(time).next().map_or(i64::MAX / 2, |change| micros(change) + offset - FURTHEST);
        Self { first, last, offset }
    }

    fn holds(&self, local: i64) -> bool {
        self.first <= local && local <= self.last
    }
}

impl LocalClock {
    pub(crate) fn new(zone: TimeZone, skipped: Skipped) -> Self {
        Self { zone, skipped, last: None, rising: 0, pace: 0, late: 0, steady: Steady::NONE }
    }

    /// The instant of the next row.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a time outside the calendar, or one that no clock showed where those are refused.
    #[cfg(any(feature = "sim", test))]
    pub(crate) fn read(&mut self, local: DateTime) -> Result<(Timestamp, Shown)> {
        match Offset::UTC.to_timestamp(local) {
            Ok(as_if_utc) => self.read_micros(as_if_utc.as_microsecond()),
            Err(e) => Err(outside(local).caused_by(e)),
        }
    }

    /// As [`read`](Self::read), of a local time in microseconds since 1970-01-01T00:00 local.
    #[inline]
    pub(crate) fn read_micros(&mut self, local: i64) -> Result<(Timestamp, Shown)> {
        if !self.steady.holds(local) {
            return self.look_up(local);
        }
        let time = Timestamp::from_micros(local - self.steady.offset);
        self.step(time);
        Ok((time, Shown::Once))
    }

    fn step(&mut self, time: Timestamp) {
        let step = self.last.map_or(0, |last| time.since(last).as_micros());
        let way = step.signum() as i8;
        self.rising = (self.rising + way).clamp(-SURE, SURE);
        if way != 0 && (way < 0) == (self.rising < 0) {
            self.pace = step.saturating_abs();
        } else if step.saturating_abs() < JUMP {
            self.late = self.late.max(step.abs());
        }
        self.last = Some(time);
    }

    fn look_up(&mut self, local: i64) -> Result<(Timestamp, Shown)> {
        let civil = jiff::Timestamp::from_microsecond(local).map(|time| Offset::UTC.to_datetime(time));
        let civil = civil.map_err(|e| outside(format_args!("{local}us")).caused_by(e))?;
        let ambiguous = self.zone.to_ambiguous_timestamp(civil);
        let outside = |e| outside(civil).caused_by(e);
        let time = |time: jiff::Timestamp| Timestamp::from_micros(time.as_microsecond());
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                let instant = ambiguous.compatible().map_err(outside)?;
                self.steady = Steady::around(&self.zone, instant, offset);
                self.step(time(instant));
                Ok((time(instant), Shown::Once))
            }
            AmbiguousOffset::Gap { .. } if self.skipped == Skipped::Refuse => {
                let zone = self.zone.iana_name().unwrap_or("its zone");
                Err(Error::invalid(format!(
                    "local time {civil} was skipped by the clocks of {zone}, expected one that they showed"
                )))
            }
            AmbiguousOffset::Gap { .. } => {
                let instant = time(ambiguous.compatible().map_err(outside)?);
                self.step(instant);
                Ok((instant, Shown::Never))
            }
            AmbiguousOffset::Fold { .. } => {
                let first = time(ambiguous.earlier().map_err(outside)?);
                let second = time(ambiguous.later().map_err(outside)?);
                let told = self.tell(first, second);
                if let (0, Some(last)) = (self.pace, self.last) {
                    self.pace = told.since(last).as_micros().saturating_abs();
                }
                self.last = Some(told);
                Ok((told, Shown::Twice))
            }
        }
    }

    /// Which of the two instants of a time that was shown twice goes on from the row before.
    fn tell(&self, first: Timestamp, second: Timestamp) -> Timestamp {
        let (near, far) = if self.rising < 0 { (second, first) } else { (first, second) };
        let Some(last) = self.last else { return near };
        let beyond = |time: Timestamp| if self.rising < 0 { last.since(time) } else { time.since(last) }.as_micros();
        let (back, ahead) = (beyond(near).saturating_neg(), beyond(far));
        let is_late = self.pace > 0
            && back <= self.pace.max(self.late)
            && back.saturating_add(self.pace) < ahead.saturating_sub(self.pace).abs();
        if back < 0 || is_late { near } else { far }
    }
}

fn outside(local: impl std::fmt::Display) -> Error {
    Error::invalid(format!("local time {local} lies outside the calendar, expected years -9999 to 9999"))
}

/// What [`localize`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Localized {
    /// The instant of each row.
    pub times: Vec<Timestamp>,
    /// The rows whose time a clock showed twice: their order told which of the two it was.
    pub repeated: Vec<usize>,
    /// The rows whose time no clock showed.
    pub skipped: Vec<usize>,
}

/// The instants of local times: microseconds since 1970-01-01T00:00 on the wall clocks of `zone`. The times are those of one
/// series; they may rise or fall. What comes of hours that clocks show twice or never is said at [`Skipped`] and
/// [`Localized`].
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid), naming the row, for a time outside the calendar, or one that no clock showed where
/// those are refused.
pub fn localize(local: &[i64], zone: &TimeZone, skipped: Skipped) -> Result<Localized> {
    let mut clock = LocalClock::new(zone.clone(), skipped);
    // The whole is known, so that even a first row within an hour that comes twice knows which way the others go.
    if let (Some(first), Some(last)) = (local.first(), local.last()) {
        clock.rising = last.cmp(first) as i8 * SURE;
    }
    let mut found = Localized { times: Vec::with_capacity(local.len()), ..Localized::default() };
    for (row, micros) in local.iter().enumerate() {
        let (time, shown) = clock.read_micros(*micros).map_err(|e| e.context(format_args!("row {row}")))?;
        found.times.push(time);
        match shown {
            Shown::Once => {}
            Shown::Twice => found.repeated.push(row),
            Shown::Never => found.skipped.push(row),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::zone_of;
    use super::*;

    fn micros(local: &str) -> i64 {
        Offset::UTC.to_timestamp(local.parse::<DateTime>().unwrap()).unwrap().as_microsecond()
    }

    fn read(zone: &str, local: &[&str]) -> Localized {
        let local: Vec<i64> = local.iter().map(|text| micros(text)).collect();
        localize(&local, &zone_of(zone).unwrap(), Skipped::OffsetBefore).unwrap()
    }

    fn times(found: &Localized) -> Vec<String> {
        found.times.iter().map(Timestamp::to_string).collect()
    }

    #[test]
    fn an_hour_that_comes_twice_is_told_by_order() {
        let rising = [
            "2024-10-27 01:30",
            "2024-10-27 02:00",
            "2024-10-27 02:30",
            "2024-10-27 02:00",
            "2024-10-27 02:30",
            "2024-10-27 03:00",
        ];
        let found = read("Europe/Berlin", &rising);
        let utc = ["23:30", "00:00", "00:30", "01:00", "01:30", "02:00"];
        let date = |time: &&str| format!("2024-10-2{}T{time}:00Z", if time.starts_with('2') { 6 } else { 7 });
        assert_eq!(times(&found), utc.iter().map(date).collect::<Vec<_>>());
        assert_eq!((found.repeated, found.skipped), (vec![1, 2, 3, 4], vec![]));
        // A file that begins with its newest row is read the other way round.
        let mut falling = rising;
        falling.reverse();
        let found = read("Europe/Berlin", &falling);
        assert_eq!(times(&found), utc.iter().rev().map(date).collect::<Vec<_>>());
        let within =
            read("Europe/Berlin", &["2024-10-27 02:30", "2024-10-27 02:00", "2024-10-27 02:30", "2024-10-27 01:30"]);
        assert_eq!(times(&within)[..3], ["01:30", "01:00", "00:30"].map(|t| format!("2024-10-27T{t}:00Z")));
    }

    #[test]
    fn a_row_that_is_doubled_or_late_does_not_begin_the_second_hour() {
        let quarters =
            "01:30 01:45 02:00 02:15 02:15 02:30 02:45 02:00 02:15 02:15 02:45 03:00 03:15".split(' ').collect::<Vec<_>>();
        let utc = "23:30 23:45 00:00 00:15 00:15 00:30 00:45 01:00 01:15 01:15 01:45 02:00 02:15".split(' ').collect();
        // A minute late, before the hour that comes twice as in it.
        let minutes = "01:57 01:59 01:58 02:00 02:02 02:01 02:03 02:59 02:00 02:02 02:01 03:00 03:01".split(' ').collect();
        let minutes_utc: Vec<&str> =
            "23:57 23:59 23:58 00:00 00:02 00:01 00:03 00:59 01:00 01:02 01:01 02:00 02:01".split(' ').collect();
        for (local, utc) in [(quarters, utc), (minutes, minutes_utc)] {
            let date = |time: &str| format!("2024-10-2{}T{time}:00Z", if time.starts_with('2') { 6 } else { 7 });
            let local: Vec<String> = local.iter().map(|time| format!("2024-10-27 {time}")).collect();
            let mut local: Vec<&str> = local.iter().map(String::as_str).collect();
            let mut utc: Vec<String> = utc.iter().map(|time| date(time)).collect();
            assert_eq!(times(&read("Europe/Berlin", &local)), utc);
            local.reverse();
            utc.reverse();
            assert_eq!(times(&read("Europe/Berlin", &local)), utc);
        }
        // Where rows are an hour apart, the same time again is the hour that comes again.
        let hours =
            read("Europe/Berlin", &["2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 02:00", "2024-10-27 03:00"]);
        assert_eq!(times(&hours)[1..], ["00:00", "01:00", "02:00"].map(|time| format!("2024-10-27T{time}:00Z")));
        // Clocks of Lord Howe go back by half an hour.
        let island = ["01:25", "01:30", "01:30", "01:35", "01:55", "01:30"].map(|time| format!("2024-04-07 {time}"));
        let island = read("Australia/Lord_Howe", &island.iter().map(String::as_str).collect::<Vec<_>>());
        let utc = ["14:25", "14:30", "14:30", "14:35", "14:55", "15:00"];
        assert_eq!(times(&island), utc.map(|time| format!("2024-04-06T{time}:00Z")));
    }

    #[test]
    fn an_hour_that_never_was_is_read_with_the_offset_before_or_refused() {
        let found = read("Europe/Berlin", &["2024-03-31 01:45", "2024-03-31 02:15", "2024-03-31 03:15"]);
        assert_eq!(times(&found)[1..], ["2024-03-31T01:15:00Z", "2024-03-31T01:15:00Z"]);
        assert_eq!(found.skipped, [1]);
        let zone = zone_of("Europe/Berlin").unwrap();
        let e = localize(&[micros("2024-03-31 01:45"), micros("2024-03-31 02:15")], &zone, Skipped::Refuse).unwrap_err();
        let expected = "row 1: local time 2024-03-31T02:15:00 was skipped by the clocks of Europe/Berlin, expected one that they showed";
        assert_eq!(e.to_string(), expected);
        assert!(localize(&[i64::MAX], &zone, Skipped::Refuse).unwrap_err().to_string().contains("outside the calendar"));
    }

    #[test]
    fn what_is_remembered_of_a_zone_changes_no_instant() {
        for zone in [
            "Europe/Berlin",
            "Australia/Lord_Howe",
            "Asia/Kathmandu",
            "America/St_Johns",
            "Pacific/Apia",
            "Africa/Cairo",
            "Africa/Casablanca",
            "UTC",
        ] {
            let zone = zone_of(zone).unwrap();
            for start in ["2006-01-01 00:00", "2011-06-01 00:00", "2024-01-01 00:00", "2061-01-01 00:00"] {
                let start = micros(start);
                // Steps that do not divide a day, over a year, and a clock that remembers nothing beside them.
                let mut clock = LocalClock::new(zone.clone(), Skipped::OffsetBefore);
                for row in 0..12_000 {
                    let local = start + row * 2_633_000_000;
                    let (time, shown) = clock.read_micros(local).unwrap();
                    let civil = Offset::UTC.to_datetime(jiff::Timestamp::from_microsecond(local).unwrap());
                    let alone = zone.to_ambiguous_timestamp(civil);
                    assert_eq!(shown == Shown::Once, !alone.is_ambiguous(), "{civil}");
                    let expected = [alone.earlier().unwrap(), alone.later().unwrap(), alone.compatible().unwrap()];
                    assert!(expected.iter().any(|instant| instant.as_microsecond() == time.as_micros()), "{civil}");
                    assert!(shown == Shown::Twice || time.as_micros() == expected[2].as_microsecond(), "{civil}");
                }
            }
        }
    }

    #[test]
    fn a_clock_reads_rows_one_by_one() {
        let mut clock = LocalClock::new(zone_of("Europe/Dublin").unwrap(), Skipped::Refuse);
        // A10: 25 hourly rows across the night when the clocks go back.
        let hours: Vec<u32> = [0, 1].into_iter().chain(1..24).collect();
        let read = |hour: &u32| clock.read(format!("2022-10-30 {hour:02}:00").parse().unwrap()).unwrap().0;
        let times: Vec<Timestamp> = hours.iter().map(read).collect();
        assert!(times.windows(2).all(|pair| pair[1].since(pair[0]).as_seconds() == 3600.0));
        assert_eq!(times.len(), 25);
    }
}
