//! What was measured and is not durable at the server yet: bounded, in order, numbered.
//!
//! One trait, two places: memory, here, and a folder on disk ([`super::buffer`]). One suite of behaviour, `suite`, runs
//! against both.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::Timestamp;

/// What happens to a row for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// Sending waits until something is durable at the server.
    Wait,
    /// Sending fails with [`LimitReached`](crate::ErrorKind::LimitReached).
    Refuse,
    /// The oldest rows go: counted in [`Device::dropped`](super::Device::dropped), told to the server as an event
    /// `buffer_overflow`, and visible as a gap of the sequence numbers.
    DropOldest,
}

impl FromStr for WhenFull {
    type Err = Error;

    /// `wait`, `refuse` or `drop_oldest`.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "wait" => Ok(Self::Wait),
            "refuse" => Ok(Self::Refuse),
            "drop_oldest" => Ok(Self::DropOldest),
            other => {
                let other: String = other.chars().take(80).collect();
                Err(Error::invalid(format!("when_full is {other:?}, expected wait, refuse or drop_oldest")))
            }
        }
    }
}

/// When a row was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Measured {
    /// At that time, which stays.
    At(Timestamp),
    /// By the device's own clock, while the server's was not known: corrected when it is sent, by the monotonic clock.
    Own { wall: Timestamp, monotonic: Duration },
}

/// What the server's clock said at a moment of the monotonic one.
pub(crate) type Correction<'a> = &'a dyn Fn(Duration) -> Option<Timestamp>;

impl Measured {
    /// The time under which the row is sent.
    pub(crate) fn time(self, correct: Correction<'_>) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Own { wall, monotonic } => correct(monotonic).unwrap_or(wall),
        }
    }
}

/// Rows drawn to be sent, whose numbers follow each other without a gap.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Drawn {
    /// The number of the first row.
    pub(crate) first: u64,
    pub(crate) times: Vec<Timestamp>,
    /// `values[row * width + channel]`, in the order of the session's channels.
    pub(crate) values: Vec<Option<f64>>,
}

impl Drawn {
    pub(crate) fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
    }

    /// Whether a row of that number would follow without a gap.
    pub(crate) fn continues_with(&self, sequence: u64) -> bool {
        self.times.is_empty() || sequence == self.first + self.times.len() as u64
    }
}

/// How full a backlog is, and what it could not keep.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BufferStatus {
    /// Rows that are kept because they are not durable at the server.
    pub rows: u64,
    /// Bytes that they take up on disk; 0 for a backlog in memory.
    pub bytes: u64,
    /// Rows dropped since the start because there was no room.
    pub dropped: u64,
    /// Rows found damaged on disk since the start; an end that was torn by a crash counts as one.
    pub damaged: u64,
    /// Why the disk takes nothing at the moment: rows are kept in a small part of memory until it does.
    pub fault: Option<String>,
}

/// Rows from the oldest that is not durable to the newest.
pub(crate) trait Backlog: Send + fmt::Debug {
    /// Numbers and keeps a row; none where there is no room for it and nothing may be dropped.
    fn push(&mut self, measured: Measured, values: &[Option<f64>], now: Duration) -> Option<u64>;
    /// What was pushed is put where it survives the process, as far as it shall. To be called after pushing.
    fn settle(&mut self, _now: Duration) {}
    /// A session begins: what the server has is let go, all else will be drawn again.
    fn restart(&mut self, durable: u64, now: Duration);
    /// Everything up to there is durable.
    fn acked(&mut self, sequence: u64, now: Duration);
    /// The next rows to be sent, at most so many and at least one where there is one; `into` is empty otherwise.
    fn draw(&mut self, most: usize, correct: Correction<'_>, into: &mut Drawn);
    /// Whether there are rows that were not drawn in this session.
    fn has_more(&self) -> bool;
    /// Whether all that was kept is durable.
    fn is_empty(&self) -> bool;
    fn durable(&self) -> u64;
    fn status(&self) -> BufferStatus;
    /// How many rows were dropped and found damaged, as in `status`.
    fn losses(&self) -> (u64, u64);
    /// How long the latest rows took from being kept to being durable.
    fn delays(&self) -> Vec<Duration>;
    /// The highest number that was ever given.
    #[cfg(test)]
    fn last_given(&self) -> u64;
    /// Before a session's `restart`: whether the server knows numbers that this backlog never sent, because it is an old copy
    /// of another. Then its rows belong to the numbering `boot` from now on, and the session is to begin anew with it.
    fn renumber(&mut self, _durable: u64, _boot: u64) -> bool {
        false
    }
    /// What is to be synced to disk now, if anything.
    fn unsynced(&mut self) -> Option<super::buffer::Unsynced> {
        None
    }
    /// A sync ended so.
    fn synced(&mut self, _outcome: std::io::Result<()>) {}
    /// Nothing more will be pushed: what is kept survives, where it can.
    fn close(&mut self) {}
}

/// How many delays are remembered. Full-policy: the oldest is forgotten.
const DELAYS: usize = 4096;

/// How long rows took from being kept to being durable.
#[derive(Debug, Default)]
pub(crate) struct Delays {
    /// When the rows under way were kept. Full-policy: the oldest is forgotten.
    kept: VecDeque<(u64, Duration)>,
    latest: VecDeque<Duration>,
}

/// How many rows under way are timed.
const TIMED: usize = 1 << 16;

impl Delays {
    pub(crate) fn kept(&mut self, sequence: u64, now: Duration) {
        if self.kept.len() >= TIMED {
            self.kept.pop_front();
        }
        self.kept.push_back((sequence, now));
    }

    pub(crate) fn acked(&mut self, sequence: u64, now: Duration) {
        while let Some((_, kept)) = self.kept.front().copied().filter(|(number, _)| *number <= sequence) {
            self.kept.pop_front();
            if self.latest.len() >= DELAYS {
                self.latest.pop_front();
            }
            self.latest.push_back(now.saturating_sub(kept));
        }
    }

    pub(crate) fn latest(&self) -> Vec<Duration> {
        self.latest.iter().copied().collect()
    }
}

#[derive(Debug)]
struct Row {
    sequence: u64,
    measured: Measured,
    values: Vec<Option<f64>>,
}

/// A backlog in memory: it ends with the process. Bounded by rows.
#[derive(Debug)]
pub(crate) struct MemoryBacklog {
    rows: VecDeque<Row>,
    capacity: usize,
    when_full: WhenFull,
    next: u64,
    /// How many of the rows, from the front, were drawn in this session.
    drawn: usize,
    durable: u64,
    dropped: u64,
    delays: Delays,
}

impl MemoryBacklog {
    pub(crate) fn new(capacity: usize, when_full: WhenFull) -> Self {
        let (capacity, delays) = (capacity.max(1), Delays::default());
        Self { rows: VecDeque::new(), capacity, when_full, next: 1, drawn: 0, durable: 0, dropped: 0, delays }
    }
}

impl Backlog for MemoryBacklog {
    fn push(&mut self, measured: Measured, values: &[Option<f64>], now: Duration) -> Option<u64> {
        if self.rows.len() >= self.capacity {
            if self.when_full != WhenFull::DropOldest {
                return None;
            }
            self.rows.pop_front();
            self.drawn = self.drawn.saturating_sub(1);
            self.dropped += 1;
        }
        let sequence = self.next;
        self.next += 1;
        self.rows.push_back(Row { sequence, measured, values: values.to_vec() });
        self.delays.kept(sequence, now);
        Some(sequence)
    }

    fn restart(&mut self, durable: u64, now: Duration) {
        self.drawn = 0;
        self.acked(durable, now);
    }

    fn acked(&mut self, sequence: u64, now: Duration) {
        self.durable = self.durable.max(sequence);
        while self.rows.front().is_some_and(|row| row.sequence <= sequence) {
            self.rows.pop_front();
            self.drawn = self.drawn.saturating_sub(1);
        }
        self.delays.acked(sequence, now);
    }

    fn draw(&mut self, most: usize, correct: Correction<'_>, into: &mut Drawn) {
        into.clear();
        while into.times.len() < most.max(1)
            && let Some(row) = self.rows.get(self.drawn)
            && into.continues_with(row.sequence)
        {
            if into.times.is_empty() {
                into.first = row.sequence;
            }
            into.times.push(row.measured.time(correct));
            into.values.extend_from_slice(&row.values);
            self.drawn += 1;
        }
    }

    fn has_more(&self) -> bool {
        self.drawn < self.rows.len()
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn durable(&self) -> u64 {
        self.durable
    }

    fn status(&self) -> BufferStatus {
        BufferStatus { rows: self.rows.len() as u64, dropped: self.dropped, ..BufferStatus::default() }
    }

    fn losses(&self) -> (u64, u64) {
        (self.dropped, 0)
    }

    fn delays(&self) -> Vec<Duration> {
        self.delays.latest()
    }

    #[cfg(test)]
    fn last_given(&self) -> u64 {
        self.next - 1
    }
}
