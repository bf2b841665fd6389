//! Live views of a running server: readings as they arrive, and events.

use std::collections::VecDeque;

use super::payload::PayloadDecoder;
use crate::error::Result;
#[cfg(feature = "rest")]
use crate::model::Batch;
use crate::model::{Event, Pattern, Reading, SeriesName};
use crate::router::{Bus, Delivery, SubjectPattern, Subscription};

/// Readings as they arrive, before they are durable. Never slows devices down: what a slow subscriber does not take in
/// time is dropped, oldest first, and counted.
///
/// A device that was away sends what it kept, oldest first, and shows its newest values about once a second meanwhile: so times
/// do not rise then, and what was shown comes once more when its turn has come.
#[derive(Debug)]
pub struct Readings {
    subscription: Subscription,
    /// What is only shown.
    shown: Subscription,
    pattern: Pattern,
    decoder: PayloadDecoder,
    waiting: VecDeque<Reading>,
}

impl Readings {
    pub(crate) async fn follow(bus: &dyn Bus, pattern: &Pattern, capacity: usize) -> Result<Self> {
        let delivery = Delivery::Viewer { capacity };
        let subscription = bus.subscribe(SubjectPattern::data_of(pattern), delivery.clone()).await?;
        let shown = bus.subscribe(SubjectPattern::live_of(pattern), delivery).await?;
        Ok(Self::new(subscription, shown, pattern.clone()))
    }

    fn new(subscription: Subscription, shown: Subscription, pattern: Pattern) -> Self {
        Self { subscription, shown, pattern, decoder: PayloadDecoder::default(), waiting: VecDeque::new() }
    }

    /// The next reading; `None` once the server has shut down. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Reading> {
        loop {
            if let Some(reading) = self.waiting.pop_front() {
                return Some(reading);
            }
            let delivered = tokio::select! {
                delivered = self.subscription.next() => delivered?,
                delivered = self.shown.next() => delivered?,
            };
            self.unpack(&delivered.message.payload);
        }
    }

    /// The next reading, where one is there already.
    pub fn try_next(&mut self) -> Option<Reading> {
        loop {
            if let Some(reading) = self.waiting.pop_front() {
                return Some(reading);
            }
            let delivered = self.subscription.try_next().or_else(|| self.shown.try_next())?;
            self.unpack(&delivered.message.payload);
        }
    }

    /// How many batches were dropped because they were not taken in time.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.subscription.lost() + self.shown.lost()
    }

    fn unpack(&mut self, payload: &bytes::Bytes) {
        // What another version of memcore put on a shared bus is not for this viewer.
        let Ok(batch) = self.decoder.decode(payload) else { return };
        let wanted: Vec<bool> = batch
            .channels()
            .iter()
            .map(|channel| {
                let series = SeriesName { device: batch.device().clone(), channel: channel.clone() };
                self.pattern.matches(&series)
            })
            .collect();
        // Row by row: a viewer wants to see things in the order in which they happened.
        let (times, device) = (batch.times(), batch.device());
        for (row, time) in times.iter().enumerate() {
            for (at, channel) in batch.channels().iter().enumerate().filter(|(at, _)| wanted[*at]) {
                if let Some(value) = batch.column(at)[row] {
                    let sample = crate::model::Sample { time: *time, value };
                    self.waiting.push_back(Reading { device: device.clone(), channel: channel.clone(), sample });
                }
            }
        }
    }
}

/// What devices send, batch by batch as it arrived, of all of them. What is not taken in time is dropped, oldest first.
#[cfg(feature = "rest")]
#[derive(Debug)]
pub(crate) struct Batches {
    subscription: Subscription,
    /// What is only shown.
    shown: Subscription,
    decoder: PayloadDecoder,
}

#[cfg(feature = "rest")]
impl Batches {
    pub(crate) async fn follow(bus: &dyn Bus, capacity: usize) -> Result<Self> {
        let (all, delivery) = (Pattern::all(), Delivery::Viewer { capacity });
        let subscription = bus.subscribe(SubjectPattern::data_of(&all), delivery.clone()).await?;
        let shown = bus.subscribe(SubjectPattern::live_of(&all), delivery).await?;
        Ok(Self { subscription, shown, decoder: PayloadDecoder::default() })
    }

    /// The next batch; `None` once the server has shut down. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Batch> {
        loop {
            let delivered = tokio::select! {
                delivered = self.subscription.next() => delivered?,
                delivered = self.shown.next() => delivered?,
            };
            // What another version of memcore put on a shared bus is not for this viewer.
            if let Ok(batch) = self.decoder.decode(&delivered.message.payload) {
                return Some(batch);
            }
        }
    }

    /// The next batch, where one is there already.
    pub(crate) fn try_next(&mut self) -> Option<Batch> {
        loop {
            let delivered = self.subscription.try_next().or_else(|| self.shown.try_next())?;
            if let Ok(batch) = self.decoder.decode(&delivered.message.payload) {
                return Some(batch);
            }
        }
    }
}

/// Events of all devices as they happen.
#[derive(Debug)]
pub struct Events {
    subscription: Subscription,
}

impl Events {
    pub(crate) fn new(subscription: Subscription) -> Self {
        Self { subscription }
    }

    /// The next event; `None` once the server has shut down. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let delivered = self.subscription.next().await?;
            if let Ok(event) = serde_json::from_slice(&delivered.message.payload) {
                return Some(event);
            }
        }
    }

    /// How many events were dropped because they were not taken in time.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.subscription.lost()
    }
}
