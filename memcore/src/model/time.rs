//! Time: UTC instants in integer microseconds, spans, and the clock that the edges pass in.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::name::shorten;
use crate::error::{Error, Result};

/// A UTC instant: integer microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant that can be stored.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant that can be stored.
    pub const MAX: Self = Self(i64::MAX);

    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the epoch, saturating at the ends of the range.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This instant moved by a span, saturating at the ends of the range.
    #[must_use]
    pub const fn saturating_add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How far this instant lies after `earlier`; negative when it lies before, saturating.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    /// RFC 3339 with a zone (`2026-11-25T14:05:00+01:00`, `...Z`); an instant without a zone is refused.
    fn from_str(text: &str) -> Result<Self> {
        text.parse::<jiff::Timestamp>().map(|t| Self(t.as_microsecond())).map_err(|e| {
            let text = shorten(text);
            Error::invalid(format!("time is {text:?}, expected RFC 3339 with a zone such as 2026-11-25T14:05:00Z"))
                .caused_by(e)
        })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => t.fmt(f),
            // Outside the years -9999 to 9999 there is no calendar text.
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_micros()).unwrap_or(i64::MAX)),
            Err(before) => Self(i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros)),
        }
    }
}

/// A length of time in integer microseconds; may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(i64);

impl Span {
    /// From microseconds.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds, saturating.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From seconds, saturating.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Seconds, with fraction.
    #[must_use]
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// As a duration; a negative span is zero.
    #[must_use]
    pub fn to_duration(self) -> Duration {
        Duration::from_micros(u64::try_from(self.0).unwrap_or(0))
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
    }
}

impl FromStr for Span {
    type Err = Error;

    /// A whole number with its unit: `250ms`, `10s`, `15m`, `1h`, `7d`.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let micros = match &text[digits..] {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" | "min" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            _ => 0,
        };
        match text[..digits].parse::<i64>().ok().and_then(|n| n.checked_mul(micros)) {
            Some(total) if micros > 0 => Ok(Self(total)),
            _ => Err(Error::invalid(format!(
                "duration is {:?}, expected a whole number with us, ms, s, m, h or d such as 15m",
                shorten(text)
            ))),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units =
            [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms"), (1, "us")];
        let (size, unit) = units.into_iter().find(|(size, _)| self.0 % size == 0).unwrap_or((1, "us"));
        if self.0 == 0 { f.write_str("0s") } else { write!(f, "{}{unit}", self.0 / size) }
    }
}

/// Where the edges read time; everything below them takes it as an argument.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall clock: it may jump, in both directions.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment of this process: it never jumps or runs backwards.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that a test moves.
#[derive(Debug, Default)]
pub struct ManualClock {
    wall: AtomicI64,
    monotonic: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { wall: AtomicI64::new(now.0), monotonic: AtomicI64::new(0) }
    }

    /// Time passes on both clocks.
    pub fn advance(&self, span: Span) {
        self.wall.fetch_add(span.0, Ordering::SeqCst);
        self.monotonic.fetch_add(span.0.max(0), Ordering::SeqCst);
    }

    /// The wall clock is set; the monotonic one does not notice.
    pub fn jump_to(&self, now: Timestamp) {
        self.wall.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Span(self.monotonic.load(Ordering::SeqCst)).to_duration()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_utc_and_zones_are_required() {
        let t: Timestamp = "2024-03-31T03:45:00+02:00".parse().unwrap();
        assert_eq!(t.to_string(), "2024-03-31T01:45:00Z");
        assert_eq!("1969-12-31T23:59:59.5Z".parse::<Timestamp>().unwrap().as_micros(), -500_000);
        let naive = "2024-03-31T03:45:00".parse::<Timestamp>().unwrap_err();
        assert!(naive.message().contains("with a zone"), "{naive}");
    }

    #[test]
    fn spans_are_read_as_they_are_written() {
        for text in ["250ms", "10s", "15m", "1h", "7d", "1500us"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["", "15", "m", "-1s", "1.5h", "9999999999999d", "3 s"] {
            assert!(text.parse::<Span>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_manual_clock_jumps_without_touching_monotonic_time() {
        let clock = ManualClock::at(Timestamp::from_seconds(100));
        clock.advance(Span::from_seconds(5));
        clock.jump_to(Timestamp::from_seconds(10));
        assert_eq!((clock.now(), clock.monotonic()), (Timestamp::from_seconds(10), Duration::from_secs(5)));
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        assert_eq!(Timestamp::MAX.saturating_add(Span::from_seconds(1)), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.since(Timestamp::MIN).as_micros(), i64::MAX);
        assert_eq!(Timestamp::MIN.to_string(), "-9223372036854775808us");
    }
}
