//! Outcomes on their way to the server: acknowledgements, repetitions, and messages that are set aside.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::message::Acker;
use tokio::sync::mpsc;

use super::super::TRIES_MAX;
use super::super::message::Message;
use super::super::queue::{Entry, Keeper, RecorderQueue, lock};
use super::Link;
use crate::model::Name;

/// What is held here and unacknowledged, by its number in the stream.
///
/// The server sends a recorder no more than its capacity unacknowledged, which bounds this list and the channel behind it.
#[derive(Clone)]
pub(super) struct Held {
    ackers: Arc<Mutex<HashMap<u64, Acker>>>,
    outcomes: mpsc::UnboundedSender<Outcome>,
}

enum Outcome {
    Done(Acker),
    Again(Acker),
    /// Still in work here: it need not come again yet.
    Working(Acker),
    /// It can never be handed out.
    Unreadable(Acker),
    Aside(Acker, Message, u64),
}

impl Held {
    /// Outcomes are told to the server until the last clone is gone.
    pub(super) fn new(link: Link, recorder: Name, redelivery_delay: Duration) -> Self {
        let (outcomes, receiver) = mpsc::unbounded_channel();
        tokio::spawn(tell(receiver, link, recorder, redelivery_delay));
        Self { ackers: Arc::default(), outcomes }
    }

    /// Whether the message is new here; one that is held already is kept from coming again for a while.
    pub(super) fn hold(&self, key: u64, acker: Acker) -> bool {
        let mut ackers = lock(&self.ackers);
        if ackers.contains_key(&key) {
            drop(ackers);
            self.tell(Outcome::Working(acker));
            return false;
        }
        ackers.insert(key, acker);
        true
    }

    pub(super) fn refuse(&self, acker: Acker) {
        self.tell(Outcome::Unreadable(acker));
    }

    /// Sets a message aside that came too often without any outcome, as when it ends its recorder's process.
    pub(super) fn set_aside(&self, key: u64, message: Message) {
        self.release(key, |acker| Outcome::Aside(acker, message, key));
    }

    fn release(&self, key: u64, outcome: impl FnOnce(Acker) -> Outcome) {
        let acker = lock(&self.ackers).remove(&key);
        if let Some(acker) = acker {
            self.tell(outcome(acker));
        }
    }

    fn tell(&self, outcome: Outcome) {
        // The other end lives as long as this one, unless the runtime is gone: then the server repeats the message.
        let _ = self.outcomes.send(outcome);
    }
}

impl Keeper for Held {
    fn acknowledged(&self, key: u64, _message: &Message) {
        self.release(key, Outcome::Done);
    }

    fn given_back(&self, _queue: &RecorderQueue, entry: Entry) {
        let Entry { key, message, tries } = entry;
        if tries >= TRIES_MAX {
            self.set_aside(key, message);
        } else {
            self.release(key, Outcome::Again);
        }
    }

    /// What is unacknowledged stays with the server, which hands it out again after `ack_wait`.
    fn abandoned(&self) {
        lock(&self.ackers).clear();
    }
}

async fn tell(mut outcomes: mpsc::UnboundedReceiver<Outcome>, link: Link, recorder: Name, delay: Duration) {
    while let Some(outcome) = outcomes.recv().await {
        let told = match outcome {
            Outcome::Done(acker) => acker.ack().await,
            Outcome::Again(acker) => acker.ack_with(AckKind::Nak(Some(delay))).await,
            Outcome::Working(acker) => acker.ack_with(AckKind::Progress).await,
            Outcome::Unreadable(acker) => acker.ack_with(AckKind::Term).await,
            Outcome::Aside(acker, message, key) => set_aside(&link, &recorder, acker, message, key, delay).await,
        };
        if let Err(e) = told {
            // The message comes again after `ack_wait`.
            tracing::warn!(%recorder, error = %e, "outcome was not told to NATS");
        }
    }
}

/// Stores it under `dead.` first and only then lets go of it.
async fn set_aside(
    link: &Link,
    recorder: &Name,
    acker: Acker,
    message: Message,
    key: u64,
    delay: Duration,
) -> Result<(), async_nats::Error> {
    tracing::error!(%recorder, subject = %message.subject, "message failed {TRIES_MAX} times and is set aside");
    if message.subject.is_dead() {
        return acker.ack_with(AckKind::Term).await;
    }
    let dead = Message { subject: message.subject.to_dead(), payload: message.payload, id: None };
    match link.store_once(&dead, &format!("dead:{recorder}:{key}")).await {
        Ok(()) => acker.ack().await,
        Err(e) => {
            acker.ack_with(AckKind::Nak(Some(delay))).await?;
            Err(Box::new(e))
        }
    }
}
