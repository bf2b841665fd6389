//! Which rows of a channel are of the present. A device sends what it measured while its link was down, and clocks are set: neither
//! a row's own time nor the wall clock alone says whether it stands for now. What says so is the *lag*, arrival by the monotonic
//! clock less the time of the row. It is the same for every row of the present, larger for history, and no wall clock moves it.

use std::time::Duration;

use crate::control::Moment;
use crate::control::planted::{Planted, planted};
use crate::model::Timestamp;

/// How many rows at the pace of the present make a new timeline.
const ROWS: u32 = 3;

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// Of the present.
    Present,
    /// Of the present, by a clock that was set: its times cannot be compared with earlier ones.
    Anew,
    /// What was, or what cannot be told yet.
    History,
}

/// The lag of the rows of a channel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Timeline {
    /// The least lag, in microseconds, and when it was taken.
    least: Option<(i64, Duration)>,
    /// Rows off that lag, at the pace of the present: a clock was set, or the first rows are old.
    other: Option<Other>,
}

#[derive(Debug, Clone, Copy)]
struct Other {
    lag: i64,
    since: Duration,
    rows: u32,
    last: Timestamp,
}

impl Timeline {
    /// What a row with that time is that comes now. `silent_after` is three periods of its meter.
    pub(super) fn judge(&mut self, time: Timestamp, now: Moment, silent_after: Duration) -> Row {
        let lag = micros(now.elapsed).saturating_sub(time.as_micros());
        let tolerance = micros(silent_after);
        let Some((least, at)) = self.least else { return self.first(lag, time, now, tolerance) };
        // A device's clock may run slow by a thousandth.
        let least = least.saturating_add(micros(now.elapsed.saturating_sub(at)) / 1_000);
        if planted(Planted::HistoryBelieved) {
            return Row::Anew;
        }
        if lag.saturating_sub(least).saturating_abs() > tolerance {
            return if self.pace(lag, time, now, tolerance) { Row::Anew } else { Row::History };
        }
        (self.least, self.other) = (Some((least.min(lag), now.elapsed)), None);
        Row::Present
    }

    /// The first rows: only the wall clock can tell whether they are old. A time to come is no history.
    fn first(&mut self, lag: i64, time: Timestamp, now: Moment, tolerance: i64) -> Row {
        let old = now.wall.since(time).as_micros() > tolerance;
        if old && !self.pace(lag, time, now, tolerance) {
            return Row::History;
        }
        self.least = Some((lag, now.elapsed));
        Row::Anew
    }

    /// Whether rows off the lag come at the pace of the present, one after the other, for long enough to be the present. A
    /// backlog comes faster: within half a second of a period its lag has changed by more than half a period.
    fn pace(&mut self, lag: i64, time: Timestamp, now: Moment, tolerance: i64) -> bool {
        let same = |other: &Other| lag.saturating_sub(other.lag).saturating_abs() <= tolerance / 6 && time > other.last;
        let begun = Other { lag, since: now.elapsed, rows: 0, last: time };
        let mut other = self.other.filter(same).unwrap_or(begun);
        (other.rows, other.last) = (other.rows + 1, time);
        self.other = Some(other);
        let long = micros(now.elapsed.saturating_sub(other.since)) >= tolerance / 2;
        if other.rows < ROWS || !long {
            return false;
        }
        (self.least, self.other) = (Some((lag, now.elapsed)), None);
        true
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
