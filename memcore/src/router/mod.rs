//! The router: messages by subject, from whoever has news to whoever asked for it.
//!
//! One [`Bus`] trait, two buses: [`EmbeddedBus`] within the process, `NatsBus` (feature `nats`) across processes. The same
//! behaviour suite runs against both. The bus does not look into payloads.

mod delivery;
mod embedded;
mod message;
#[cfg(feature = "nats")]
mod nats;
mod queue;
mod recent;
mod subject;
mod subject_pattern;

use std::fmt;
use std::pin::Pin;

pub use delivery::{Delivery, Subscription};
pub use embedded::EmbeddedBus;
pub use message::{Delivered, Message, MessageId};
#[cfg(feature = "nats")]
pub use nats::{NatsBus, NatsOptions};
pub use subject::{MessageKind, Subject};
pub use subject_pattern::SubjectPattern;

use crate::error::Result;

/// After so many deliveries without an acknowledgement a message is set aside under `dead.` and its subject.
pub const TRIES_MAX: u32 = 5;

/// A future on the heap, so that [`Bus`] can be used as `dyn Bus`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What became of an attempt to publish without waiting.
#[derive(Debug)]
#[must_use]
pub enum Attempt {
    /// The bus has it.
    Accepted,
    /// Publishing must wait; here is the message back.
    Full(Message),
}

/// Takes messages in and hands each to every subscription whose pattern matches.
///
/// - Each subscription sees each message once; the messages of one device come in the order in which they were published
///   (a repetition after a missing acknowledgement comes late by its nature; so does, for a recorder on NATS, what was
///   under way when a connection broke, though the stream holds it in order).
/// - A message with an id that was accepted within the window before is accepted again and goes nowhere.
/// - Dropping a subscription unsubscribes.
pub trait Bus: Send + Sync + fmt::Debug {
    /// Resolves once the message is accepted: the embedded bus has placed it in the queue of every recorder, NATS has
    /// stored it. Waits while a recorder (or the spool, while NATS is away) is full.
    ///
    /// Where the future is dropped before it resolves, the message may or may not have been sent; with an id it is safe
    /// to publish it again.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed) after [`close`](Self::close);
    /// [`LimitReached`](crate::ErrorKind::LimitReached) where the message alone exceeds what the bus takes.
    fn publish(&self, message: Message) -> BoxFuture<'_, Result<()>>;

    /// As [`publish`](Self::publish), without waiting: a bus that cannot accept at once gives the message back.
    ///
    /// # Errors
    /// As for [`publish`](Self::publish).
    fn try_publish(&self, message: Message) -> Result<Attempt> {
        Ok(Attempt::Full(message))
    }

    /// What is published after this resolves reaches the subscription.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) where a recorder of that name is subscribed already;
    /// [`Invalid`](crate::ErrorKind::Invalid) for a capacity of 0; [`Closed`](crate::ErrorKind::Closed) after closing.
    fn subscribe(&self, pattern: SubjectPattern, delivery: Delivery) -> BoxFuture<'_, Result<Subscription>>;

    /// Accepts nothing more; subscriptions end after they have handed out what they hold.
    fn close(&self) -> BoxFuture<'_, ()>;
}
