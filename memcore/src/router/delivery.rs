//! Subscriptions: how messages wait for a subscriber, and how it takes them.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::message::Delivered;
use super::queue::{RecorderQueue, ViewerQueue};
use super::subject_pattern::SubjectPattern;
use crate::error::{Error, Result};
use crate::model::Name;

/// What happens when the subscriber is slower than the publishers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Never holds up a publisher. On overflow the oldest data is dropped and counted, then the oldest event or result,
    /// never a command or hello: a viewer that leaves `capacity` of those unread is cut off, and its subscription ends.
    Viewer {
        /// Most messages that wait, and most times 16 KiB: a longer message counts for several.
        capacity: usize,
    },
    /// Loses nothing: publishers wait while `capacity` messages are waiting or unacknowledged.
    Recorder {
        /// Who records. On NATS the durable consumer, which keeps its place while nobody is subscribed.
        name: Name,
        /// Most messages that wait or are unacknowledged, and, on the embedded bus, most times 16 KiB: a longer message
        /// counts for several.
        capacity: usize,
    },
}

impl Delivery {
    /// More than this many messages are held for no subscriber.
    pub const CAPACITY_MAX: usize = 1 << 24;

    pub(super) fn check(&self, pattern: &SubjectPattern) -> Result<()> {
        if pattern.is_live() && matches!(self, Self::Recorder { .. }) {
            return Err(Error::invalid(format!("pattern is {pattern}, expected none under `live.` for a recorder")));
        }
        let (Self::Viewer { capacity } | Self::Recorder { capacity, .. }) = self;
        if (1..=Self::CAPACITY_MAX).contains(capacity) {
            return Ok(());
        }
        Err(Error::invalid(format!("capacity is {capacity}, expected 1 to {}", Self::CAPACITY_MAX)))
    }
}

/// The receiving end. Dropping it unsubscribes; what it holds unacknowledged goes back to the bus.
pub struct Subscription {
    queue: Queue,
    /// Unsubscribes from the bus when it is dropped.
    _tie: Box<dyn Send + Sync>,
}

pub(super) enum Queue {
    Viewer(Arc<ViewerQueue>),
    Recorder(Arc<RecorderQueue>),
}

impl Subscription {
    pub(super) fn new(queue: Queue, tie: impl Send + Sync + 'static) -> Self {
        Self { queue, _tie: Box::new(tie) }
    }

    /// The next message; `None` once the bus is closed, or this viewer was cut off, and everything was handed out.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Delivered> {
        poll_fn(|context| {
            let mut one = None;
            self.poll(Some(context), 1, &mut |delivered| one = Some(delivered)).map(|_| one.take())
        })
        .await
    }

    /// The next message, where one is waiting.
    pub fn try_next(&mut self) -> Option<Delivered> {
        let mut one = None;
        let _ = self.poll(None, 1, &mut |delivered| one = Some(delivered));
        one
    }

    /// Waits for at least one message, then appends all that are there, at most `limit`: the batch of a group commit.
    /// Returns how many; 0 once the subscription has ended (or for a `limit` of 0).
    ///
    /// Dropping the future loses nothing.
    pub async fn recv_many(&mut self, into: &mut Vec<Delivered>, limit: usize) -> usize {
        if limit == 0 {
            return 0;
        }
        let before = into.len();
        poll_fn(|context| self.poll(Some(context), limit, &mut |delivered| into.push(delivered))).await;
        into.len() - before
    }

    /// How many messages this subscription has lost so far; always 0 for a recorder.
    #[must_use]
    pub fn lost(&self) -> u64 {
        match &self.queue {
            Queue::Viewer(queue) => queue.lost(),
            Queue::Recorder(_) => 0,
        }
    }

    /// Whether this viewer was cut off for leaving a full queue of commands and hellos unread.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        matches!(&self.queue, Queue::Viewer(queue) if queue.is_cut_off())
    }

    fn poll(&self, context: Option<&mut Context<'_>>, limit: usize, take: &mut dyn FnMut(Delivered)) -> Poll<()> {
        let waker = context.map(|context| context.waker());
        match &self.queue {
            Queue::Viewer(queue) => queue.poll(waker, limit, take),
            Queue::Recorder(queue) => RecorderQueue::poll(queue, waker, limit, take),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        match &self.queue {
            Queue::Viewer(queue) => queue.abandon(),
            Queue::Recorder(queue) => queue.abandon(),
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.queue {
            Queue::Viewer(_) => "Viewer",
            Queue::Recorder(_) => "Recorder",
        };
        f.debug_struct("Subscription").field("kind", &kind).field("lost", &self.lost()).finish_non_exhaustive()
    }
}
