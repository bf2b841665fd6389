//! Messages, and messages as they are handed to a subscriber.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::queue::RecorderQueue;
use super::subject::Subject;
use crate::error::{Error, Result};
use crate::model::{DeviceName, SequencePosition};

const ID_MAX: usize = 256;

/// What makes a message the same message when it is sent again: a bus accepts it once within its window.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId(Arc<str>);

impl MessageId {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the text is empty, longer than 256 bytes, or not printable ASCII.
    pub fn new(text: &str) -> Result<Self> {
        if text.is_empty() || text.len() > ID_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
            let length = text.len();
            return Err(Error::invalid(format!(
                "message id has {length} bytes, expected 1 to {ID_MAX} of printable ASCII without spaces"
            )));
        }
        Ok(Self(text.into()))
    }

    /// The id of what a device numbered itself.
    #[must_use]
    pub fn of(device: &DeviceName, position: SequencePosition) -> Self {
        let SequencePosition { boot, sequence } = position;
        Self(format!("{device}:{boot}:{sequence}").into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bytes for whoever subscribed to the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it belongs.
    pub subject: Subject,
    /// What it says; the bus does not look inside.
    pub payload: Bytes,
    /// With an id, sending it again has no effect.
    pub id: Option<MessageId>,
}

/// What one place of a queue may hold: 4,096 places are 64 MiB at most.
const PLACE_BYTES: usize = 16 << 10;

impl Message {
    /// A message without an id.
    #[must_use]
    pub fn new(subject: Subject, payload: impl Into<Bytes>) -> Self {
        Self { subject, payload: payload.into(), id: None }
    }

    /// How many places it takes up in a queue: one, and one more for each [`PLACE_BYTES`] of its payload, so that a queue is
    /// bounded in bytes too.
    pub(super) fn places(&self, capacity: usize) -> usize {
        (1 + self.payload.len() / PLACE_BYTES).min(capacity)
    }

    /// The same message with an id.
    #[must_use]
    pub fn with_id(mut self, id: MessageId) -> Self {
        self.id = Some(id);
        self
    }
}

/// A message in a subscriber's hands.
///
/// A recorder says what became of it: [`ack`](Self::ack), or [`nak`](Self::nak) to get it again. Dropping it is a `nak`,
/// so that an error return or a panic between receiving and storing loses nothing. For a viewer both do nothing.
pub struct Delivered {
    /// The message.
    pub message: Message,
    /// How many messages this subscription lost since the one delivered before; always 0 for a recorder.
    pub lost_before: u64,
    /// 1 for the first delivery, higher for each repetition.
    pub tries: u32,
    pub(super) receipt: Option<Receipt>,
}

/// Who waits for the outcome, and under which key.
pub(super) struct Receipt {
    pub(super) queue: Arc<RecorderQueue>,
    pub(super) key: u64,
}

impl Delivered {
    /// Done with: it will not come again.
    pub fn ack(mut self) {
        if let Some(receipt) = self.receipt.take() {
            receipt.queue.acknowledge(receipt.key, &self.message);
        }
    }

    /// Not done: it comes again, and is set aside under `dead.` after five tries.
    pub fn nak(self) {
        drop(self);
    }
}

impl Drop for Delivered {
    fn drop(&mut self) {
        if let Some(receipt) = self.receipt.take() {
            receipt.queue.give_back(receipt.key, self.message.clone(), self.tries);
        }
    }
}

impl fmt::Debug for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivered")
            .field("message", &self.message)
            .field("lost_before", &self.lost_before)
            .field("tries", &self.tries)
            .finish_non_exhaustive()
    }
}
