//! The audit trail of a site: who enrolled, revoked, logged in and commanded. Lines are written by a thread of their own, so that
//! nobody who serves the network waits for the disk.

mod act;
mod ration;
mod read;
#[cfg(test)]
mod tests;
mod trail;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use self::act::{Act, AuditEntry, AuditQuery};
use self::ration::Rations;
pub use self::read::{AuditFault, AuditLog, AuditReport, read_audit, verify_audit};
pub(crate) use self::trail::{Draft, Trail};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, Timestamp};

/// Lines that wait for the disk. Full-policy: logins and their like are counted instead, and [`Audit::check_room`] refuses what
/// people ask for before it is done. What passes all the same is bounded elsewhere: commands for safety and the ends of commands by
/// how many commands may be without an end, the devices of one bulk enrolment by that.
const WAITING_MAX: usize = 65_536;

/// Lines that are written at once.
const AT_ONCE: usize = 1024;

/// How often what was written is brought to the disk; a power cut may lose what came after.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Lines that come together are written together.
const GATHER: Duration = Duration::from_millis(10);

/// How long one who reads the trail waits for what is still to be written.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Where a server says what is done. Dropping it ends the thread behind it once it has written all that it can.
#[derive(Debug)]
pub(crate) struct Audit {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Queue {
    waiting: Mutex<Waiting>,
    bell: Condvar,
    written: Condvar,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Waiting {
    drafts: VecDeque<Draft>,
    rations: Rations,
    /// Why the last lines could not be written.
    failing: Option<String>,
    closing: bool,
}

impl Audit {
    /// Begins to write the trail of the site in that folder, of `max_bytes` at most.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where there is no thread to be had.
    pub(crate) fn start(site: &Path, max_bytes: u64, clock: Arc<dyn Clock>) -> Result<Self> {
        let (waiting, bell, written) = (Mutex::default(), Condvar::new(), Condvar::new());
        let queue = Arc::new(Queue { waiting, bell, written, clock });
        let (writer, trail) = (queue.clone(), Trail::open(site, max_bytes));
        let thread = std::thread::Builder::new().name("memcore-audit".into());
        let thread = thread.spawn(move || writer.write(trail)).map_err(|e| Error::io("start the audit trail", e))?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// Says what was done. It never waits.
    pub(crate) fn say(&self, by: Option<String>, act: Act) {
        let (time, now) = (self.queue.clock.now(), self.queue.clock.monotonic());
        let mut waiting = self.queue.waiting();
        let room = waiting.drafts.len() < WAITING_MAX;
        if waiting.rations.tells(&act, room, now) {
            waiting.drafts.push_back(Draft { time, by, act });
            self.queue.bell.notify_one();
        }
    }

    /// Whether there is room for what a person asks for.
    ///
    /// # Errors
    /// [`LimitReached`](ErrorKind::LimitReached), saying why, where the disk has not taken lines for too long.
    pub(crate) fn check_room(&self) -> Result<()> {
        let waiting = self.queue.waiting();
        if waiting.drafts.len() < WAITING_MAX {
            return Ok(());
        }
        let reason = waiting.failing.as_deref().unwrap_or("the disk is too slow");
        let message = format!("the audit trail cannot be written, and what is not audited is not done: {reason}");
        Err(Error::new(ErrorKind::LimitReached, message))
    }

    /// Waits until what was said so far is written, or cannot be.
    pub(crate) fn flush(&self) {
        let until = Instant::now() + FLUSH_WITHIN;
        let mut waiting = self.queue.waiting();
        while !waiting.drafts.is_empty() && waiting.failing.is_none() && !waiting.closing {
            let left = until.saturating_duration_since(Instant::now());
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

impl Drop for Audit {
    fn drop(&mut self) {
        self.end();
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writing thread.
    fn write(&self, mut trail: Trail) {
        let (mut synced, mut unsynced) = (Instant::now(), false);
        loop {
            let (batch, closing) = self.next();
            if !batch.is_empty() {
                let taken = trail.append(&batch);
                unsynced |= taken.is_ok();
                self.written(batch.len(), taken);
            }
            let over = closing && (self.waiting().drafts.is_empty() || self.waiting().failing.is_some());
            if unsynced && (over || synced.elapsed() >= SYNC_EVERY) {
                (synced, unsynced) = (Instant::now(), false);
                if let Err(error) = trail.sync() {
                    tracing::error!(%error, "the audit trail did not reach the disk");
                }
            }
            if over {
                return;
            }
        }
    }

    /// What is to be written next; it waits for some, but not for long.
    fn next(&self) -> (Vec<Draft>, bool) {
        let mut waiting = self.waiting();
        if waiting.drafts.is_empty() && !waiting.closing {
            waiting = self.bell.wait_timeout(waiting, SYNC_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
        // Where the disk refuses, it is asked again after a while.
        let pause = if waiting.failing.is_some() { SYNC_EVERY } else { GATHER };
        if !waiting.closing && !waiting.drafts.is_empty() {
            drop(waiting);
            std::thread::sleep(pause);
            waiting = self.waiting();
        }
        let (end, now) = (waiting.closing, self.clock.monotonic());
        if let Some(act) = waiting.rations.counted(end, now) {
            waiting.drafts.push_back(Draft { time: self.clock.now(), by: None, act });
        }
        (waiting.drafts.iter().take(AT_ONCE).cloned().collect(), end)
    }

    /// So many of what waits were written, or could not be: said once.
    fn written(&self, count: usize, taken: Result<()>) {
        let mut waiting = self.waiting();
        match taken {
            Ok(()) => {
                waiting.drafts.drain(..count);
                if waiting.failing.take().is_some() {
                    tracing::warn!("the audit trail is written again");
                }
            }
            Err(error) => {
                if waiting.failing.is_none() {
                    tracing::error!(%error, "the audit trail cannot be written; what it should say waits in memory");
                }
                waiting.failing = Some(error.to_string());
            }
        }
        self.written.notify_all();
    }
}

/// Says in the trail of a site what was done to it from outside of a server, and waits until it is on the disk.
///
/// # Errors
/// [`Io`](ErrorKind::Io) where the trail cannot be written.
pub(crate) fn say_once(site: &Path, max_bytes: u64, now: Timestamp, acts: Vec<Act>) -> Result<()> {
    let by = Some(format!("uid {}", rustix::process::getuid().as_raw()));
    let drafts: Vec<_> = acts.into_iter().map(|act| Draft { time: now, by: by.clone(), act }).collect();
    let mut trail = Trail::open(site, max_bytes);
    trail.append(&drafts)?;
    trail.sync()
}
