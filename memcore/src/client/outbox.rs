//! What the program hands over and the link takes away: the backlog, the newest row, and the time of rows measured now.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::backlog::{Backlog, Drawn, Measured, MemoryBacklog, WhenFull};
use super::buffer::{BufferSync, DiskBacklog, DiskOptions};
use super::clock::ServerClock;
use super::commands::told;
use super::options::DeviceOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, Clock, Span, Timestamp};

/// A correction of the clock by less than this does not make time run backwards: it waits.
const BACKWARDS: Span = Span::from_seconds(1);

/// How often the newest row is shown while older ones are still to be sent.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// Shared by the program, the link, and what tends the disk.
#[derive(Debug)]
pub(crate) struct Outbox {
    kept: Mutex<Kept>,
    when_full: WhenFull,
    /// None for a backlog in memory.
    sync: Option<BufferSync>,
    /// One sync at a time, so that who waits for it knows that its rows were in it.
    syncing: tokio::sync::Mutex<()>,
    clock: Arc<dyn Clock>,
    server: Mutex<ServerClock>,
}

#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) backlog: Box<dyn Backlog>,
    newest: Option<Newest>,
    /// When a row that was measured now was last given its time.
    stamped: Timestamp,
    shown: Option<Duration>,
}

#[derive(Debug)]
struct Newest {
    sequence: u64,
    measured: Measured,
    values: Vec<Option<f64>>,
}

/// An outbox, and what the session needs to know of it.
pub(crate) struct Opened {
    pub(crate) outbox: Outbox,
    /// The numbering of the rows (P21).
    pub(crate) boot: u64,
    /// The channels of the rows, in their order.
    pub(crate) channels: Vec<Channel>,
}

impl Outbox {
    /// # Errors
    /// As [`DiskBacklog::open`].
    pub(crate) fn open(options: &DeviceOptions) -> Result<Opened> {
        let (when_full, channels) = (options.full_policy(), told(&options.channels));
        let (backlog, boot, channels): (Box<dyn Backlog>, _, _) = match &options.buffer {
            None => (Box::new(MemoryBacklog::new(options.backlog_rows, when_full)), new_boot()?, channels),
            Some(folder) => {
                let disk = DiskOptions { bytes: options.buffer_bytes, when_full, sync: options.buffer_sync };
                let disk = DiskBacklog::open(folder, &options.bundle.device, &channels, disk, new_boot()?)?;
                let (boot, channels) = (disk.boot(), disk.channels().to_vec());
                (Box::new(disk), boot, channels)
            }
        };
        let kept = Kept { backlog, newest: None, stamped: Timestamp::MIN, shown: None };
        let outbox = Self {
            kept: Mutex::new(kept),
            when_full,
            sync: options.buffer.is_some().then_some(options.buffer_sync),
            syncing: tokio::sync::Mutex::new(()),
            clock: options.clock.clone(),
            server: Mutex::default(),
        };
        Ok(Opened { outbox, boot, channels })
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn server(&self) -> MutexGuard<'_, ServerClock> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of what is measured now: the server's, where it is known. A wall clock that jumps changes nothing then (C9).
    pub(crate) fn now(&self) -> Measured {
        let monotonic = self.clock.monotonic();
        let Some(time) = self.server().time_at(monotonic) else {
            return Measured::Own { wall: self.clock.now(), monotonic };
        };
        let mut kept = self.kept();
        let back = kept.stamped.since(time);
        kept.stamped = if back >= Span::default() && back < BACKWARDS {
            kept.stamped.saturating_add(Span::from_micros(1))
        } else {
            time
        };
        Measured::At(kept.stamped)
    }

    /// Keeps rows from the one at `from` on, as many as there is room for; returns how many, and the last one's number.
    ///
    /// # Errors
    /// [`LimitReached`](ErrorKind::LimitReached) where there is no room for all, and the policy is not to wait.
    pub(crate) fn push<'a>(
        &self,
        rows: impl Iterator<Item = (Measured, &'a [Option<f64>])>,
    ) -> Result<(usize, Option<u64>)> {
        let now = self.clock.monotonic();
        let mut kept = self.kept();
        let (mut count, mut last, mut newest, mut is_full) = (0, None, None, false);
        for (measured, values) in rows {
            let Some(sequence) = kept.backlog.push(measured, values, now) else {
                is_full = true;
                break;
            };
            (count, last, newest) = (count + 1, Some(sequence), Some((sequence, measured, values)));
        }
        kept.backlog.settle(now);
        if let Some((sequence, measured, values)) = newest {
            kept.newest = Some(Newest { sequence, measured, values: values.to_vec() });
        }
        if is_full && self.when_full != WhenFull::Wait {
            let rows = kept.backlog.status().rows;
            return Err(Error::new(ErrorKind::LimitReached, format!("the backlog is full with {rows} rows")));
        }
        Ok((count, last))
    }

    /// Draws the next rows to be sent.
    pub(crate) fn draw(&self, most: usize, into: &mut Drawn) {
        let server = self.server();
        self.kept().backlog.draw(most, &|monotonic| server.time_at(monotonic), into);
    }

    /// The newest row, for those who look now, where older ones are still to be sent before it; once a second.
    pub(crate) fn show(&self, now: Duration) -> Option<(Timestamp, Vec<Option<f64>>)> {
        let server = self.server();
        let mut kept = self.kept();
        let is_late = kept.backlog.has_more() && kept.shown.is_none_or(|shown| now >= shown + SHOW_EVERY);
        let newest = kept.newest.take_if(|_| is_late)?;
        kept.shown = Some(now);
        let correct = |monotonic| server.time_at(monotonic);
        (newest.sequence > kept.backlog.durable()).then(|| (newest.measured.time(&correct), newest.values))
    }

    /// Makes safe from a power cut what was handed over so far.
    pub(crate) async fn sync(&self) {
        let _one = self.syncing.lock().await;
        let Some(unsynced) = self.kept().backlog.unsynced() else { return };
        let outcome = tokio::task::spawn_blocking(move || unsynced.sync()).await;
        let outcome = outcome.unwrap_or_else(|e| Err(io::Error::other(e)));
        self.kept().backlog.synced(outcome);
    }

    /// As [`sync`](Self::sync), where each row is to be safe before its sender goes on.
    pub(crate) async fn sync_each(&self) {
        if self.sync == Some(BufferSync::Each) {
            self.sync().await;
        }
    }

    /// Syncs now and then, and tries a disk that was full again, until the device is closed.
    pub(crate) async fn tend(self: Arc<Self>, mut closing: watch::Receiver<bool>, tell: impl Fn()) {
        let Some(policy) = self.sync else { return };
        let every = match policy {
            BufferSync::Every(every) => every.to_duration().clamp(Duration::from_millis(10), Duration::from_secs(3600)),
            _ => Duration::from_secs(1),
        };
        loop {
            tokio::select! {
                _ = closing.wait_for(|closing| *closing) => return,
                () = tokio::time::sleep(every) => {}
            }
            if matches!(policy, BufferSync::Every(_)) {
                self.sync().await;
            }
            let was_full = self.kept().backlog.status().fault.is_some();
            if was_full {
                let now = self.clock.monotonic();
                self.kept().backlog.settle(now);
                tell();
            }
        }
    }

    /// Nothing more comes; what is kept survives, where it can. Doing it again does nothing.
    pub(crate) async fn close(self: &Arc<Self>) {
        let outbox = self.clone();
        let _ = tokio::task::spawn_blocking(move || outbox.kept().backlog.close()).await;
    }
}

/// A numbering that no other start of the device has used (P21), whatever its clock says: a device without a battery behind its
/// clock begins in 1970 each time. Below 2^53, as every sequence number.
pub(crate) fn new_boot() -> Result<u64> {
    use ring::rand::SecureRandom;
    let mut bytes = [0; 8];
    let random = ring::rand::SystemRandom::new();
    random.fill(&mut bytes).map_err(|_| Error::new(ErrorKind::Internal, "the operating system gives no random bytes"))?;
    Ok(u64::from_le_bytes(bytes) >> 11)
}
