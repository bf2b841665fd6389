//! Readings for control: what the devices of the site model send, as it arrives, and at the start what the store has of them.
//!
//! Only the newest counts: of a batch the last value of each channel, of a queue that overflows the newest batches. A device that was
//! away sends what it kept, oldest first: so a reading counts as old as it is, not as new as it came.

use std::collections::HashSet;
use std::time::Duration;

use crate::control::{CheckedModel, Moment};
use crate::error::Result;
use crate::model::{Batch, DeviceName, Pattern, Sample, SeriesName, Timestamp};
use crate::router::{Bus, Delivery, SubjectPattern, Subscription};
use crate::runtime::payload::PayloadDecoder;

/// Batches that wait for the next tick, of each device. Full-policy: the oldest is dropped, for only the newest counts.
const WAITING: usize = 64;

/// What the devices of a site model send.
#[derive(Debug)]
pub(crate) struct Feed {
    subscriptions: Vec<Subscription>,
    decoder: PayloadDecoder,
    clocks: Clocks,
}

impl Feed {
    /// Follows the devices of a model from now on.
    pub(crate) async fn open(bus: &dyn Bus, model: &CheckedModel, now: Moment) -> Result<Self> {
        let devices: HashSet<&DeviceName> = model.series().map(|series| &series.device).collect();
        let mut subscriptions = Vec::with_capacity(2 * devices.len());
        for device in devices {
            let pattern: Pattern = format!("{device}.>").parse()?;
            let delivery = Delivery::Viewer { capacity: WAITING };
            subscriptions.push(bus.subscribe(SubjectPattern::data_of(&pattern), delivery.clone()).await?);
            subscriptions.push(bus.subscribe(SubjectPattern::live_of(&pattern), delivery).await?);
        }
        Ok(Self { subscriptions, decoder: PayloadDecoder::default(), clocks: Clocks { started: now } })
    }

    /// Hands on what has arrived; a reading comes with the moment at which it would have been new.
    pub(crate) fn drain(&mut self, now: Moment, mut read: impl FnMut(&SeriesName, Sample, Moment)) {
        for subscription in &mut self.subscriptions {
            // No more than can wait: one that floods does not keep the others from being heard.
            for _ in 0..WAITING {
                let Some(delivered) = subscription.try_next() else { break };
                // What another version of memcore put on a shared bus is not for control.
                if let Ok(batch) = self.decoder.decode(&delivered.message.payload) {
                    newest(&batch, |series, sample| read(series, sample, self.clocks.seen(sample.time, now)));
                }
            }
        }
    }

    /// As a reading of that time would have been seen when it was new.
    pub(crate) fn seen(&self, time: Timestamp, now: Moment) -> Moment {
        self.clocks.seen(time, now)
    }
}

/// The last value of each channel.
fn newest(batch: &Batch, mut read: impl FnMut(&SeriesName, Sample)) {
    for (at, channel) in batch.channels().iter().enumerate() {
        let values = batch.times().iter().zip(batch.column(at));
        let newest = values.filter_map(|(time, value)| Some(Sample { time: *time, value: (*value)? }));
        if let Some(sample) = newest.max_by_key(|sample| sample.time) {
            read(&batch.device().channel(channel.clone()), sample);
        }
    }
}

/// How old a reading is, by clocks of which one may jump.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    started: Moment,
}

impl Clocks {
    /// The age is taken by the wall clock, and by one that went on from the start without jumping; the shorter one counts: a wall
    /// clock that is set, forwards or backwards, makes no reading old. What lies in the future is new.
    fn seen(self, time: Timestamp, now: Moment) -> Moment {
        let steady = self.started.after(now.elapsed.saturating_sub(self.started.elapsed).into()).wall;
        let age = now.wall.since(time).min(steady.since(time)).as_micros();
        let age = Duration::from_micros(u64::try_from(age).unwrap_or(0));
        // What is older than the monotonic clock was never seen by it: as old as can be said.
        Moment { wall: now.wall, elapsed: now.elapsed.saturating_sub(age) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    #[test]
    fn a_reading_is_as_old_as_it_is_and_a_clock_that_is_set_makes_none_old() {
        let started = Moment { wall: Timestamp::from_seconds(1_000_000), elapsed: Duration::from_secs(50_000) };
        let clocks = Clocks { started };
        let now = started.after(Span::from_seconds(600));
        let seen_before = |time: Timestamp, now: Moment| now.elapsed - clocks.seen(time, now).elapsed;
        let ago = |now: Moment, seconds: i64| now.wall.saturating_add(Span::from_seconds(-seconds));
        assert_eq!(seen_before(ago(now, 0), now), Duration::ZERO);
        assert_eq!(seen_before(ago(now, 90), now), Duration::from_secs(90), "kept while the device was away");
        assert_eq!(seen_before(ago(now, -60), now), Duration::ZERO, "ahead of time is now");
        for jump in [-3600, 3600] {
            let jumped = Moment { wall: now.wall.saturating_add(Span::from_seconds(jump)), elapsed: now.elapsed };
            assert_eq!(seen_before(now.wall, jumped), Duration::ZERO, "the device's time is not set yet");
            assert_eq!(seen_before(jumped.wall, jumped), Duration::ZERO, "and now it is");
        }
    }
}
