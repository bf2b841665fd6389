//! How long a value stands: until the next, unless the silence between them is too long to be bridged.

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::model::{Channel, Span, Timestamp, shorten};

/// How a value goes over into the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Rule {
    /// A value holds until the next: right for what is reported on change, and for values that are means of the interval
    /// that follows their label.
    #[default]
    Step,
    /// On a straight line between two values (trapezoid rule): right for instantaneous samples of what changes smoothly.
    Trapezoid,
}

impl FromStr for Rule {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "step" => Ok(Self::Step),
            "trapezoid" => Ok(Self::Trapezoid),
            _ => Err(Error::invalid(format!("rule is {:?}, expected one of step trapezoid", shorten(text)))),
        }
    }
}

/// Which silences are bridged, and what a value counts for where they are not.
///
/// A value holds until the next one where that comes within the longest gap. Otherwise the silence is a *gap* and counts
/// nothing, but for one cadence after the sample where a cadence is known: a value of a channel that reports every minute
/// is of that minute, whatever follows. The end of a range is taken as a next value would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapRule {
    /// Microseconds, more than zero.
    longest: i64,
    cadence: Option<i64>,
}

impl GapRule {
    /// How many times its cadence a channel may be late before it is a gap, where nothing else is said.
    pub const CADENCES: i64 = 3;

    /// Silences up to `longest` are bridged.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where a length is not more than zero.
    pub fn new(longest: Span, cadence: Option<Span>) -> Result<Self> {
        for (field, span) in [("max_gap", Some(longest)), ("cadence", cadence)] {
            if let Some(span) = span.filter(|span| span.as_micros() <= 0) {
                return Err(Error::invalid(format!("{field} is {span}, expected more than zero")));
            }
        }
        Ok(Self { longest: longest.as_micros(), cadence: cadence.map(Span::as_micros) })
    }

    /// That of a channel: `max_gap` where it is given, else the max-age, else three times the cadence.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where nothing says how long a value holds.
    pub fn of(channel: &Channel, max_gap: Option<Span>) -> Result<Self> {
        let late = |cadence: Span| Span::from_micros(cadence.as_micros().saturating_mul(Self::CADENCES));
        let longest = max_gap.or(channel.max_age).or(channel.cadence.map(late)).ok_or_else(|| {
            Error::invalid(format!(
                "channel {} has neither max_age nor cadence, so nothing says how long a value holds: expected max_gap \
                 such as 15m",
                channel.name
            ))
        })?;
        Self::new(longest, channel.cadence)
    }

    /// That of samples of which nothing is declared: `max_gap` where it is given, else three times the cadence.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where neither is given, or one is not more than zero.
    pub fn given(max_gap: Option<Span>, cadence: Option<Span>) -> Result<Self> {
        let late = |cadence: Span| Span::from_micros(cadence.as_micros().saturating_mul(Self::CADENCES));
        let longest = max_gap.or(cadence.map(late)).ok_or_else(|| {
            Error::invalid("neither max_gap nor cadence is given, expected max_gap such as 15m: how long a value holds")
        })?;
        Self::new(longest, cadence)
    }

    /// The longest silence over which a value holds.
    #[must_use]
    pub fn longest(self) -> Span {
        Span::from_micros(self.longest)
    }

    /// How far beyond a range samples can matter within it.
    #[must_use]
    pub fn reach(self) -> Span {
        Span::from_micros(self.longest.max(self.cadence.unwrap_or(0)))
    }

    /// The range that samples are of whose first and last are given: up to one cadence after the last.
    #[must_use]
    pub fn range(self, first: Timestamp, last: Timestamp) -> (Timestamp, Timestamp) {
        (first, Timestamp::from_micros(self.cadence_end(last.as_micros())))
    }

    /// One cadence in microseconds, where it is known.
    pub(crate) fn cadence(self) -> Option<i64> {
        self.cadence
    }

    /// Whether a value holds over a silence of so many microseconds.
    pub(crate) fn bridges(self, silence: i64) -> bool {
        silence <= self.longest
    }

    /// Where that which the value at `time` counts for ends, when the next comes at `next`.
    pub(crate) fn end(self, time: i64, next: i64) -> i64 {
        if self.bridges(next.saturating_sub(time)) {
            return next;
        }
        self.cadence_end(time).min(next)
    }

    /// Until when the value at `time` counts whatever follows.
    pub(crate) fn cadence_end(self, time: i64) -> i64 {
        time.saturating_add(self.cadence.unwrap_or(0))
    }
}
