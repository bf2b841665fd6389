//! Which readings are of the present, and which are history that arrives late.
//!
//! A device that was away sends what it kept, oldest first. Nothing of that is news: an alarm is about the present. What is recent by
//! the wall clock is of the present. So is what lags behind by always the same: a clock that is wrong, or a meter that labels a
//! quarter of an hour by its start. What catches up is history until it has settled.

use std::time::Duration;

use super::moment::Moment;
use crate::model::{Span, Timestamp};

/// How much a steady lag varies.
const STEADY: i64 = 10_000_000;
/// How long a lag must have been steady to be that of the present.
const SETTLES: Span = Span::from_seconds(60);
/// How long nothing of the earlier lag must have come for a larger one to be more than a backlog beside it.
const FORGETS: Span = Span::from_seconds(120);
/// What is no older is of the present, whatever the cadence.
pub(super) const RECENT: Span = Span::from_seconds(120);

/// What a reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Of the present.
    Present,
    /// Of the present, by a clock that was set: what was told before compares to nothing.
    Anew,
    /// Late.
    History,
}

/// How far one series lags behind.
#[derive(Debug, Clone, Default)]
pub(super) struct Presence {
    steady: Option<Lag>,
    /// The latest time that was of the present.
    latest: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Lag {
    /// Arrival by the monotonic clock less the time of the reading, in microseconds.
    lag: i64,
    since: Duration,
    seen: Duration,
}

impl Presence {
    /// What the newest reading of those that arrived together is. `recent` is how old one may be by the wall clock.
    pub(super) fn judge(&mut self, time: Timestamp, recent: Span, now: Moment) -> Told {
        let settled = self.settle(time, now);
        let told =
            if now.wall.since(time) <= recent || settled { self.against_latest(time, recent, now) } else { Told::History };
        if told != Told::History {
            self.latest = Some(time);
        }
        told
    }

    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    fn against_latest(&self, time: Timestamp, recent: Span, now: Moment) -> Told {
        let Some(latest) = self.latest.filter(|latest| time <= *latest) else { return Told::Present };
        // What lay in the future was of a clock that has been set back since; as was what the steady lag says nothing of.
        let was_ahead = latest.since(now.wall) > recent;
        let fell_back = latest.since(time) > recent && now.wall.since(time) > recent;
        if was_ahead || fell_back { Told::Anew } else { Told::History }
    }

    /// Whether the lag has been the same for long enough.
    fn settle(&mut self, time: Timestamp, now: Moment) -> bool {
        let elapsed = Span::from(now.elapsed).as_micros();
        let lag = elapsed.saturating_sub(time.as_micros());
        let anew = Lag { lag, since: now.elapsed, seen: now.elapsed };
        let Some(steady) = &mut self.steady else {
            self.steady = Some(anew);
            return false;
        };
        let further = lag.saturating_sub(steady.lag);
        if further.abs() <= STEADY {
            steady.seen = now.elapsed;
            return now.since(steady.since) >= SETTLES;
        }
        // Nearer than ever: it catches up. Further behind: a backlog beside the present, unless that has fallen silent.
        if further < 0 || now.since(steady.seen) >= FORGETS {
            self.steady = Some(anew);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + second)
    }

    fn now(second: i64) -> Moment {
        Moment { wall: at(second), elapsed: Duration::from_secs(second.unsigned_abs()) }
    }

    #[test]
    fn what_is_recent_is_of_the_present_and_comes_once() {
        let mut presence = Presence::default();
        assert_eq!(presence.judge(at(1), RECENT, now(2)), Told::Present);
        assert_eq!(presence.judge(at(1), RECENT, now(3)), Told::History, "a repetition");
        assert_eq!(presence.judge(at(3), RECENT, now(3)), Told::Present);
        assert_eq!(presence.judge(at(2), RECENT, now(4)), Told::History, "older than what was shown");
    }

    #[test]
    fn a_backlog_is_history_until_it_has_caught_up() {
        let mut presence = Presence::default();
        // Two hours of seconds come within two minutes, and then the present.
        for second in 0..118 {
            let told = presence.judge(at(-7200 + second * 60), RECENT, now(second));
            assert_eq!(told, Told::History, "{second}");
        }
        assert_eq!(presence.judge(at(119), RECENT, now(120)), Told::Present);
    }

    #[test]
    fn a_backlog_beside_what_is_shown_is_history() {
        let mut presence = Presence::default();
        for second in 0..600 {
            assert_eq!(presence.judge(at(second), RECENT, now(second)), Told::Present);
            assert_eq!(presence.judge(at(-7200 + second), RECENT, now(second)), Told::History, "{second}");
        }
    }

    #[test]
    fn a_clock_that_is_an_hour_behind_is_believed_once_it_is_steady() {
        let mut presence = Presence::default();
        let told: Vec<_> = (0..120).map(|second| presence.judge(at(second - 3600), RECENT, now(second))).collect();
        assert!(told[..60].iter().all(|told| *told == Told::History));
        assert!(told[60..].iter().all(|told| *told == Told::Present));
    }

    #[test]
    fn a_clock_that_was_set_back_begins_anew() {
        let mut presence = Presence::default();
        (0..100).for_each(|second| assert_eq!(presence.judge(at(second), RECENT, now(second)), Told::Present));
        let told: Vec<_> = (100..400).map(|second| presence.judge(at(second - 3600), RECENT, now(second))).collect();
        assert_eq!(told.iter().filter(|told| **told == Told::Anew).count(), 1);
        assert_eq!(told[299], Told::Present);
        // One that was ahead is believed at once: nothing else is recent.
        let mut presence = Presence::default();
        assert_eq!(presence.judge(at(7200), RECENT, now(0)), Told::Present);
        assert_eq!(presence.judge(at(1), RECENT, now(1)), Told::Anew);
    }

    #[test]
    fn a_jump_of_the_servers_own_clock_changes_nothing_for_who_was_there() {
        let mut presence = Presence::default();
        (0..100).for_each(|second| assert_eq!(presence.judge(at(second), RECENT, now(second)), Told::Present));
        for second in 100..400 {
            let jumped = Moment { wall: at(second + 86_400), ..now(second) };
            assert_eq!(presence.judge(at(second), RECENT, jumped), Told::Present, "{second}");
        }
    }
}
