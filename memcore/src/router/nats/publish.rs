//! Publishing: messages in hand until the stream has stored them.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore};

use super::super::message::Message;
use super::super::queue::lock;
use super::super::subject::MessageKind;
use super::{Link, NatsOptions, Shared};
use crate::error::{Error, ErrorKind, Result, Retry};

/// Messages without an id get one that starts like this, so that repeating them on a new connection has no effect.
pub(super) const OWN_ID: &str = "_INBOX.";

/// Between attempts while the server does not take messages.
const PAUSE: Duration = Duration::from_millis(100);

/// Messages in hand: at most so many and so many bytes; further publishers wait, first come first served.
pub(super) struct Spool {
    messages: Semaphore,
    messages_max: usize,
    bytes: Semaphore,
    bytes_max: usize,
    /// Whose turn it is, by device: a message goes out when the one before it is stored.
    turns: Mutex<HashMap<Box<str>, Arc<AsyncMutex<()>>>>,
}

impl Spool {
    pub(super) fn new(options: &NatsOptions) -> Self {
        Self {
            messages: Semaphore::new(options.spool_messages),
            messages_max: options.spool_messages,
            bytes: Semaphore::new(options.spool_bytes),
            bytes_max: options.spool_bytes,
            turns: Mutex::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.messages_max - self.messages.available_permits()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.messages.is_closed()
    }

    /// Takes no further messages, and gives those in hand that long to be stored.
    pub(super) async fn close(&self, wait: Duration) {
        self.messages.close();
        self.bytes.close();
        let deadline = tokio::time::Instant::now() + wait;
        while self.len() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn turn<'a>(&'a self, device: &str) -> Turn<'a> {
        let turn = Arc::clone(lock(&self.turns).entry(device.into()).or_default());
        let turn = Turn { spool: self, device: device.into(), mutex: turn, guard: None };
        turn.taken().await
    }
}

/// Removes the device from the list when nobody else waits for its turn.
struct Turn<'a> {
    spool: &'a Spool,
    device: Box<str>,
    mutex: Arc<AsyncMutex<()>>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turn<'_> {
    async fn taken(mut self) -> Self {
        self.guard = Some(Arc::clone(&self.mutex).lock_owned().await);
        self
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut turns = lock(&self.spool.turns);
        // The list and this turn hold it; whoever else waits holds it as well.
        if Arc::strong_count(&self.mutex) == 2 {
            turns.remove(&self.device);
        }
    }
}

impl Shared {
    pub(super) async fn publish(&self, message: Message) -> Result<()> {
        let length = message.payload.len();
        let most = self.spool.bytes_max.min(self.link.jetstream.client().max_payload());
        if length > most {
            let subject = &message.subject;
            let text = format!("message on {subject} has {length} bytes, this bus takes at most {most}");
            return Err(Error::new(ErrorKind::LimitReached, text).with_retry(Retry::Never));
        }
        if message.subject.kind() == MessageKind::Live {
            return self.show(message).await;
        }
        // Turns are taken first: waiting for room in any other order could change the order of a device's messages.
        self.check_open()?;
        let _turn = self.spool.turn(message.subject.device_part()).await;
        let closed = |_| Error::new(ErrorKind::Closed, "the bus is closed");
        let _message = self.spool.messages.acquire().await.map_err(closed)?;
        let _bytes = self.spool.bytes.acquire_many(u32::try_from(length).unwrap_or(u32::MAX)).await.map_err(closed)?;
        let mut over = self.closed.subscribe();
        tokio::select! {
            biased;
            stored = self.store(&message) => stored,
            _ = over.wait_for(|over| *over) => {
                let text = "the bus was closed before NATS had stored the message";
                Err(Error::new(ErrorKind::Closed, text).with_retry(Retry::CheckFirst))
            }
        }
    }

    /// What is only shown is sent once and kept nowhere; while NATS is away nobody looks.
    async fn show(&self, message: Message) -> Result<()> {
        self.check_open()?;
        if self.link.is_connected() {
            let sent = self.link.jetstream.client().publish(message.subject.as_str().to_owned(), message.payload).await;
            sent.map_err(|e| self.link.failed(&format!("publish on {}", message.subject), e))?;
        }
        Ok(())
    }

    /// Repeats until the stream has it; the id makes the repetition harmless.
    async fn store(&self, message: &Message) -> Result<()> {
        let id = message.id.as_ref().map(|id| id.as_str().to_owned());
        let id = id.unwrap_or_else(|| self.link.jetstream.client().new_inbox());
        loop {
            let mut connected = self.link.connected.clone();
            connected.mark_unchanged();
            let failed = tokio::select! {
                biased;
                stored = self.link.store_once(message, &id) => match stored {
                    Ok(()) => return Ok(()),
                    Err(e) => e,
                },
                // A new connection: what was written to the old one may be lost.
                Ok(()) = connected.changed() => continue,
            };
            if !is_passing(&failed) {
                return Err(self.link.failed(&format!("publish {}", message.subject), failed));
            }
            tracing::debug!(subject = %message.subject, error = %failed, "not stored yet");
            tokio::time::sleep(PAUSE).await;
            if failed.kind() == PublishErrorKind::StreamNotFound && self.link.is_connected() {
                // A server that lost its streams gets them again; where that fails, the next attempt tells.
                let _ = self.link.ensure_streams(&self.options).await;
            }
        }
    }
}

impl Link {
    pub(super) async fn store_once(&self, message: &Message, id: &str) -> Result<(), PublishError> {
        let publish = PublishMessage::build().payload(message.payload.clone()).message_id(id);
        self.jetstream.send_publish(message.subject.as_str().to_owned(), publish).await?.await.map(drop)
    }
}

/// Whether the same message can be stored later: the server is away, starting, or short of something.
fn is_passing(failed: &PublishError) -> bool {
    match failed.kind() {
        PublishErrorKind::MaxPayloadExceeded => false,
        PublishErrorKind::Other => failed
            .source()
            .and_then(|cause| cause.downcast_ref::<async_nats::jetstream::Error>())
            .is_none_or(|cause| cause.code() >= 500),
        _ => true,
    }
}
