//! The decision log: what control did and why, written by a thread of its own, so that no tick waits for a disk.

mod record;
mod search;
mod segments;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use self::record::{Answered, ControlEvent, Decided, Input, LimitedBy};
pub(crate) use self::search::{SAID_AGAIN, Stood, stood_at};
use self::segments::Segments;
use crate::error::{Error, Result};

/// Records that wait for the disk. Full-policy: the newest is dropped and counted, so that deciding goes on.
const WAITING_MAX: usize = 8192;

/// How long records gather before they are written together, and synced: what a power cut may take.
const GATHER: Duration = Duration::from_millis(500);

/// How long one who reads the log waits for what is still to be written.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// What the log says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = DecisionLogStatus))]
#[non_exhaustive]
pub struct LogStatus {
    /// Records that were written since the start.
    pub written: u64,
    /// Records that were dropped because the disk was too slow, or took none.
    pub dropped: u64,
    /// Why the last ones could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<String>,
}

/// Where control says what it did. Dropping it ends the thread behind it once it has written what it can.
#[derive(Debug)]
pub(crate) struct DecisionLog {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    bell: Condvar,
    written: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<ControlEvent>,
    status: LogStatus,
    /// Somebody waits for what is here.
    hurry: bool,
    /// What was taken out is not on the disk yet.
    writing: bool,
    closing: bool,
}

impl DecisionLog {
    /// Begins to write the log of the site in that folder, of `max_bytes` at most. `also` is told what was written, on the same
    /// thread, and called at least every half second.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where the folder cannot be written, or there is no thread to be had.
    pub(crate) fn start(site: &Path, max_bytes: u64, also: impl FnMut(&[ControlEvent]) + Send + 'static) -> Result<Self> {
        let segments = Segments::open(site, max_bytes)?;
        let queue = Arc::new(Queue::default());
        let writer = queue.clone();
        let thread = std::thread::Builder::new().name("memcore-decisions".into());
        let thread =
            thread.spawn(move || writer.write(segments, also)).map_err(|e| Error::io("start the decision log", e))?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// Says what happened. It never waits.
    pub(crate) fn say(&self, event: ControlEvent) {
        let mut waiting = self.queue.waiting();
        if waiting.events.len() < WAITING_MAX {
            waiting.events.push_back(event);
            self.queue.bell.notify_one();
        } else {
            waiting.status.dropped += 1;
        }
    }

    pub(crate) fn status(&self) -> LogStatus {
        self.queue.waiting().status.clone()
    }

    /// Waits until what was said so far can be read, or a while.
    pub(crate) fn flush(&self) {
        let late = Instant::now() + FLUSH_WITHIN;
        let mut waiting = self.queue.waiting();
        while (waiting.writing || !waiting.events.is_empty()) && !waiting.closing {
            waiting.hurry = true;
            self.queue.bell.notify_one();
            let left = late.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            waiting = self.queue.written.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Writes what is still to be written, and ends.
    pub(crate) fn close(&self) {
        self.end();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // One that panicked has said so.
        let _ = thread.map(JoinHandle::join);
    }

    fn end(&self) {
        self.queue.waiting().closing = true;
        self.queue.bell.notify_all();
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        self.end();
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writing thread.
    fn write(&self, mut segments: Segments, mut also: impl FnMut(&[ControlEvent])) {
        loop {
            let (events, closing) = self.next();
            let written = if events.is_empty() { Ok(()) } else { segments.append(&events).and_then(|()| segments.sync()) };
            self.written(events.len() as u64, written);
            also(&events);
            if closing {
                return;
            }
        }
    }

    /// What has gathered. It comes back after a while where nothing has.
    fn next(&self) -> (Vec<ControlEvent>, bool) {
        let until = Instant::now() + GATHER;
        let mut waiting = self.waiting();
        while !waiting.closing && !waiting.hurry && waiting.events.len() < WAITING_MAX / 2 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            waiting = self.bell.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.hurry = false;
        waiting.writing = true;
        (waiting.events.drain(..).collect(), waiting.closing)
    }

    fn written(&self, count: u64, written: Result<()>) {
        let mut waiting = self.waiting();
        waiting.writing = false;
        match written {
            Ok(()) => {
                waiting.status.written += count;
                if count > 0 && waiting.status.failing.take().is_some() {
                    tracing::warn!("the decision log is written again");
                }
            }
            Err(error) => {
                waiting.status.dropped += count;
                if waiting.status.failing.is_none() {
                    tracing::error!(%error, "the decision log cannot be written; control goes on");
                }
                waiting.status.failing = Some(error.to_string());
            }
        }
        self.written.notify_all();
    }
}
