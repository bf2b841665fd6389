//! What the server's clock says, as well as it can be told from here.
//!
//! Each welcome and each pong tells the server's time somewhere between the question and the answer: the middle of the
//! round trip, give or take half of it. The best of the last few such samples is carried on by the monotonic clock, so a
//! device whose own clock begins in 1970, is an hour off or jumps about labels its rows right all the same (C9).

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{Span, Timestamp};

/// How many samples are looked at. Full-policy: the oldest is forgotten.
const SAMPLES: usize = 8;

/// How far two clocks may drift apart, in parts of a million: a plain quartz keeps within it.
const DRIFT_PPM: u32 = 100;

/// Two samples that disagree by more than their uncertainties and this are of a clock that was set, or of a device that slept.
const SLACK: Duration = Duration::from_millis(1);

/// One answer of the server.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    /// The middle of the round trip, by this device's monotonic clock.
    at: Duration,
    /// What the server's clock said.
    time: Timestamp,
    /// Half of the round trip.
    half: Duration,
}

impl Sample {
    fn time_at(&self, monotonic: Duration) -> Timestamp {
        let since = micros(monotonic) - micros(self.at);
        self.time.saturating_add(Span::from_micros(since))
    }

    fn uncertainty(&self, monotonic: Duration) -> Duration {
        self.half + monotonic.abs_diff(self.at) / 1_000_000 * DRIFT_PPM
    }
}

/// The server's clock, from samples.
#[derive(Debug, Default)]
pub(crate) struct ServerClock {
    samples: VecDeque<Sample>,
}

impl ServerClock {
    /// The server said `time` between `sent` and `received`, both by the monotonic clock.
    pub(crate) fn sample(&mut self, sent: Duration, received: Duration, time: Timestamp) {
        let half = received.saturating_sub(sent) / 2;
        let sample = Sample { at: sent + half, time, half };
        if let Some(best) = self.best(sample.at) {
            let apart = best.time_at(sample.at).since(time).as_micros().unsigned_abs();
            let allowed = best.uncertainty(sample.at) + half + SLACK;
            if u128::from(apart) > allowed.as_micros() {
                self.samples.clear();
            }
        }
        if self.samples.len() >= SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// What the server's clock said, or will say, at that moment of the monotonic clock; none before the first contact.
    pub(crate) fn time_at(&self, monotonic: Duration) -> Option<Timestamp> {
        self.best(monotonic).map(|best| best.time_at(monotonic))
    }

    /// How far [`time_at`](Self::time_at) may be off.
    pub(crate) fn uncertainty(&self, monotonic: Duration) -> Option<Duration> {
        self.best(monotonic).map(|best| best.uncertainty(monotonic))
    }

    fn best(&self, at: Duration) -> Option<&Sample> {
        self.samples.iter().min_by_key(|sample| sample.uncertainty(at))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_middle_of_the_shortest_round_trip_is_carried_on() {
        let mut clock = ServerClock::default();
        assert_eq!(clock.time_at(ms(0)), None);
        // A slow welcome, the answer late within it: 400 ms off, as far as it may be.
        clock.sample(ms(0), ms(1000), Timestamp::from_seconds(100));
        assert_eq!(clock.time_at(ms(500)), Some(Timestamp::from_seconds(100)));
        assert_eq!(clock.uncertainty(ms(500)), Some(ms(500)));
        // A quick pong wins from then on, for what lies before it too.
        clock.sample(ms(2000), ms(2020), Timestamp::from_micros(101_410_000));
        assert_eq!(clock.time_at(ms(3010)), Some(Timestamp::from_micros(102_410_000)));
        assert_eq!(clock.time_at(ms(10)), Some(Timestamp::from_micros(99_410_000)));
        clock.sample(ms(4000), ms(4900), Timestamp::from_micros(103_600_000));
        assert_eq!(clock.time_at(ms(5010)), Some(Timestamp::from_micros(104_410_000)), "a slow pong changes nothing");
    }

    #[test]
    fn a_sample_grows_old() {
        let mut clock = ServerClock::default();
        clock.sample(ms(0), ms(2), Timestamp::from_seconds(100));
        // A day later its drift may be 8.64 s: a fresh round trip of a second is the better witness.
        let day = ms(86_400_000);
        assert_eq!(clock.uncertainty(day).unwrap().as_millis(), 8_640);
        clock.sample(day, day + ms(1000), Timestamp::from_seconds(86_503));
        assert_eq!(clock.time_at(day + ms(500)), Some(Timestamp::from_seconds(86_503)));
    }

    #[test]
    fn a_server_whose_clock_was_set_is_believed_at_once() {
        let mut clock = ServerClock::default();
        clock.sample(ms(0), ms(2), Timestamp::from_seconds(100));
        clock.sample(ms(10_000), ms(10_400), Timestamp::from_seconds(3710));
        assert_eq!(clock.time_at(ms(10_200)), Some(Timestamp::from_seconds(3710)));
    }

    #[test]
    fn never_more_samples_than_said_and_no_overflow_at_the_ends_of_time() {
        let mut clock = ServerClock::default();
        for at in 0..100 {
            clock.sample(ms(at * 1000), ms(at * 1000 + 2), Timestamp::from_seconds(at as i64));
        }
        assert_eq!(clock.samples.len(), SAMPLES);
        clock.sample(ms(0), ms(2), Timestamp::MAX);
        assert_eq!(clock.time_at(ms(10)), Some(Timestamp::MAX));
        clock.sample(ms(0), ms(2), Timestamp::MIN);
        assert_eq!(clock.time_at(ms(0)), Some(Timestamp::MIN));
    }
}
