//! A backlog on disk: what a device measured and the server does not have yet survives the process, and a power cut as far
//! as it was synced.
//!
//! The folder holds `LOCK`, `identity.json` and segments, `NUMBER.rows`. Its invariants, cited in the code:
//!
//! - **B1** A folder belongs to one device (its name) and one numbering (`boot`, P21), and to one process at a time. Another
//!   device is refused, a newer format left as it is.
//! - **B2** A segment is a head, said twice, and then frames, each with its length and CRC-32C: descriptions of the channels,
//!   rows, and notes of how far the server is. It is only appended to.
//! - **B3** A frame that does not fit its checksum is skipped, the whole ones behind it are read, and the rows that are missing
//!   are counted. A torn end counts as one.
//! - **B4** A process never appends to another's segment. Its numbers begin [`SEGMENT_ROWS`] beyond the first of the newest
//!   segment, which holds no more: so a number that was sent is never given again, though its row was lost with the power.
//!   A segment is synced, with its folder, when it is made, by every policy. Where all the same a server has numbers of this
//!   run before its first session, the folder is an old copy: a new `boot` is begun.
//! - **B5** Segments are deleted whole: when all of their rows are durable at the server, or, with
//!   [`WhenFull::DropOldest`], from the oldest when there is no room. The newest one stays, for B4.
//! - **B6** A disk that takes nothing is a state, not an error: rows stay in [`MEMORY_BYTES`] of memory and are written when it
//!   takes something again. Full-policy of that memory: that of the buffer.
//! - **B7** Rows are read from disk as they are sent; what is held in memory does not grow with the backlog.

mod contents;
mod drawing;
mod frame;
mod medium;
mod segment;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod suite;

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::contents::Contents;
use self::drawing::Cursor;
use self::frame::{Found, Record, Window, encode_row, row_length};
use self::medium::{Folder, Medium, MediumFile};
use self::segment::{Begin, FORMAT, Places, Segment, head};
use super::backlog::{Backlog, BufferStatus, Correction, Delays, Drawn, Measured, WhenFull};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, DeviceName, Span};

/// How many numbers a segment may use (B4).
const SEGMENT_ROWS: u64 = 1 << 16;
/// The largest a segment becomes, where the buffer is large.
const SEGMENT_BYTES: u64 = 8 << 20;
/// A buffer has room for so many segments: what is dropped at once is a small part of it.
const SEGMENTS: u64 = 16;
/// How much is kept in memory while the disk takes nothing (B6).
const MEMORY_BYTES: usize = 1 << 20;
/// The smallest buffer.
pub(crate) const BUFFER_BYTES_LEAST: u64 = 64 << 10;
/// How often it is noted how far the server is. Repetitions do no harm, so it need not be exact.
const NOTE_EVERY: Duration = Duration::from_secs(1);
const IDENTITY: &str = "identity.json";

/// When what was written to a buffer is made safe from a power cut. Whatever the policy, it survives the end of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BufferSync {
    /// Each call of `send` returns when its rows are synced: nothing is lost, at the price of a sync for each.
    Each,
    /// Once in this time: a power cut loses what was measured since, and could not be sent.
    Every(Span),
    /// When the operating system does it, within half a minute as a rule.
    Never,
}

impl FromStr for BufferSync {
    type Err = Error;

    /// `each`, `never`, or a length of time such as `1s`.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "each" => Ok(Self::Each),
            "never" => Ok(Self::Never),
            every => match every.parse() {
                Ok(every) if every > Span::default() => Ok(Self::Every(every)),
                _ => {
                    let every: String = every.chars().take(80).collect();
                    Err(Error::invalid(format!("buffer_sync is {every:?}, expected each, never or a duration such as 1s")))
                }
            },
        }
    }
}

/// How a buffer on disk is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DiskOptions {
    pub(crate) bytes: u64,
    pub(crate) when_full: WhenFull,
    pub(crate) sync: BufferSync,
}

/// A file whose content is to be made durable, off the network's threads.
#[derive(Debug)]
pub(crate) struct Unsynced(Arc<dyn MediumFile>);

impl Unsynced {
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

/// Whose buffer it is (B1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    format: u16,
    device: DeviceName,
    boot: u64,
}

/// A segment with the way from its rows to those of today.
#[derive(Debug)]
struct Kept {
    segment: Segment,
    places: Arc<Places>,
}

/// A backlog in a folder on disk.
#[derive(Debug)]
pub(crate) struct DiskBacklog {
    medium: Box<dyn Medium>,
    /// Held as long as the buffer is open.
    lock: Option<Lock>,
    identity: Identity,
    options: DiskOptions,
    /// What the program reports.
    declared: Arc<[Channel]>,
    /// That, and what rows of earlier runs have beyond it.
    today: Vec<Channel>,
    /// From the oldest to the one that is written.
    segments: VecDeque<Kept>,
    /// The end of the newest segment that is not in its file yet (B6).
    pending: Vec<u8>,
    /// The first number of this process.
    run: u64,
    next: u64,
    durable: u64,
    noted: (u64, Duration),
    /// Whether a session has begun in this process.
    contacted: bool,
    cursor: Cursor,
    window: Window,
    scratch: Vec<Option<f64>>,
    dirty: bool,
    dropped: u64,
    damaged: u64,
    fault: Option<String>,
    delays: Delays,
}

struct Lock(#[expect(dead_code, reason = "held, not looked at")] Box<dyn Any + Send>);

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lock")
    }
}

impl DiskBacklog {
    /// Opens the buffer in that folder, or makes one, for a device that reports these channels. Reads all of it once.
    ///
    /// # Errors
    /// [`Locked`](ErrorKind::Locked) where another process has it, [`Conflict`](ErrorKind::Conflict) where it is another
    /// device's or holds rows of a channel that means something else today, [`Unsupported`](ErrorKind::Unsupported) where a
    /// newer version wrote it, [`Invalid`](ErrorKind::Invalid) where it is too small, [`Io`](ErrorKind::Io).
    pub(crate) fn open(
        folder: &Path,
        device: &DeviceName,
        channels: &[Channel],
        options: DiskOptions,
        boot: u64,
    ) -> Result<Self> {
        let medium = Folder::open(folder).map_err(|e| Error::io(format!("make the buffer {}", folder.display()), e))?;
        Self::open_on(Box::new(medium), device, channels, options, boot)
    }

    /// `boot` names the numbering, where the buffer is new.
    fn open_on(
        medium: Box<dyn Medium>,
        device: &DeviceName,
        channels: &[Channel],
        options: DiskOptions,
        boot: u64,
    ) -> Result<Self> {
        check_size(channels, device, options)?;
        let shown = medium.path().display().to_string();
        let doing = |what: &str, e| Error::io(format!("{what} the buffer {shown}"), e);
        let Some(lock) = medium.lock().map_err(|e| doing("lock", e))? else {
            let message = format!("the buffer {shown} is used by another process: expected a folder for this device alone");
            return Err(Error::new(ErrorKind::Locked, message));
        };
        let found = Contents::read(&*medium)?;
        let identity = found.identity(&*medium, device, boot)?;
        let declared: Arc<[Channel]> = channels.into();
        let mut backlog = Self {
            lock: Some(Lock(lock)),
            options,
            today: found.today(&declared),
            declared,
            segments: VecDeque::new(),
            pending: Vec::new(),
            run: found.next,
            next: found.next,
            durable: found.acknowledged,
            noted: (found.acknowledged, Duration::ZERO),
            contacted: false,
            cursor: Cursor::default(),
            window: Window::default(),
            scratch: Vec::new(),
            dirty: false,
            dropped: 0,
            damaged: found.damaged,
            fault: None,
            delays: Delays::default(),
            identity,
            medium,
        };
        for mut segment in found.segments {
            let (channels, places) = backlog.places_of(&segment.channels)?;
            segment.channels = channels;
            backlog.segments.push_back(Kept { segment, places });
        }
        if let Err(e) = backlog.write_identity() {
            backlog.fault = Some(e.to_string());
        }
        backlog.begin_segment()?;
        backlog.rewind();
        Ok(backlog)
    }

    /// The numbering that the rows belong to.
    pub(crate) fn boot(&self) -> u64 {
        self.identity.boot
    }

    /// The channels of the rows that are drawn: what the program reports, and what earlier runs reported beyond it.
    pub(crate) fn channels(&self) -> &[Channel] {
        &self.today
    }

    /// Small, and replaced as a whole: there is never half of it.
    fn write_identity(&self) -> io::Result<()> {
        let json = serde_json::to_vec(&self.identity).map_err(io::Error::other)?;
        let new = format!("{IDENTITY}.new");
        let file = self.medium.create(&new)?;
        file.write_at(&json, 0)?;
        file.sync()?;
        self.medium.rename(&new, IDENTITY)?;
        self.medium.sync_folder()
    }

    /// A segment that begins with the next number; its file is made when there is something to write.
    fn begin_segment(&mut self) -> Result<()> {
        let Identity { device, boot, .. } = self.identity.clone();
        let (first, run, channels) = (self.next, self.run, self.declared.len());
        let begin = Begin { format: FORMAT, device, boot, run, first, channels };
        self.pending = head(&begin, &self.declared)?;
        let (channels, places) = self.places_of(&self.declared)?;
        let name = format!("{first:020}{SUFFIX}");
        let segment = Segment { name, file: None, begin, channels, bytes: 0, rows: 0, last: first - 1 };
        self.segments.push_back(Kept { segment, places });
        Ok(())
    }

    /// How rows of these channels become those of today: once for all segments that have the same.
    fn places_of(&self, channels: &Arc<[Channel]>) -> Result<(Arc<[Channel]>, Arc<Places>)> {
        match self.segments.back().filter(|newest| newest.segment.channels == *channels) {
            Some(newest) => Ok((newest.segment.channels.clone(), newest.places.clone())),
            None => Ok((channels.clone(), Arc::new(Places::of(channels, &self.today)?))),
        }
    }

    /// The segment that is written. There always is one.
    fn newest(&self) -> Option<&Segment> {
        self.segments.back().map(|kept| &kept.segment)
    }

    fn total(&self) -> u64 {
        self.segments.iter().map(|kept| kept.segment.bytes).sum::<u64>() + self.pending.len() as u64
    }

    /// The number of the last row that is still kept.
    fn last_kept(&self) -> u64 {
        let with_rows = self.segments.iter().rev().find(|kept| kept.segment.rows > 0);
        with_rows.map_or(0, |kept| kept.segment.last)
    }

    /// Makes room for a frame of that length; false where there is none.
    fn make_room(&mut self, length: u64) -> bool {
        let segment_bytes = (self.options.bytes / SEGMENTS).min(SEGMENT_BYTES);
        let Some(newest) = self.newest() else { return false };
        let (numbers, bytes) = (self.next - newest.begin.first, newest.bytes + self.pending.len() as u64);
        if numbers > 0 && (numbers >= SEGMENT_ROWS || bytes + length > segment_bytes) {
            self.rotate();
        }
        let may_drop = self.options.when_full == WhenFull::DropOldest;
        while self.total() + length > self.options.bytes {
            if !may_drop || !(self.drop_oldest_segment() || self.drop_oldest_pending()) {
                return false;
            }
        }
        while self.pending.len() as u64 + length > MEMORY_BYTES as u64 {
            self.write_pending();
            if self.pending.is_empty() {
                break;
            }
            // A disk that is full may take it once the oldest is gone.
            if !may_drop || !(self.drop_oldest_segment() || self.drop_oldest_pending()) {
                return false;
            }
        }
        true
    }

    /// Goes on in a new segment, unless the disk does not take the end of this one.
    fn rotate(&mut self) {
        self.write_pending();
        if !self.pending.is_empty() {
            return;
        }
        if self.options.sync != BufferSync::Never
            && let Some(unsynced) = self.unsynced()
        {
            let outcome = unsynced.sync();
            self.synced(outcome);
        }
        // The head of the segment before was encoded just so; this one is too.
        let begun = self.begin_segment();
        debug_assert!(begun.is_ok(), "{begun:?}");
    }

    /// Drops the oldest segment that is not written any more (B5); false where there is none.
    fn drop_oldest_segment(&mut self) -> bool {
        if self.segments.len() < 2 {
            return false;
        }
        let lost = self.segments.front().map_or(0, |kept| kept.segment.waiting(self.durable));
        self.dropped += lost;
        self.remove_front();
        true
    }

    /// Drops the oldest row that is in memory alone; false where there is none.
    fn drop_oldest_pending(&mut self) -> bool {
        let read = |into: &mut [u8], at: u64| copy(&self.pending, into, at);
        let (mut window, mut offset, end) = (Window::default(), 0, self.pending.len() as u64);
        let (start, end, number) = loop {
            match window.next(&read, offset, end) {
                Ok(Ok(Found { record: Record::Row(row), next, .. })) => break (offset, next, row.offset),
                Ok(Ok(found)) => offset = found.next,
                _ => return false,
            }
        };
        self.pending.drain(start as usize..end as usize);
        self.window.forget();
        let Some(kept) = self.segments.back_mut() else { return false };
        let (segment, length) = (&mut kept.segment, end - start);
        segment.rows -= 1;
        if self.cursor.segment == segment.begin.first && self.cursor.offset >= segment.bytes + end {
            self.cursor.offset -= length;
            self.cursor.seen -= 1;
        }
        self.dropped += u64::from(segment.begin.first + u64::from(number) > self.durable);
        true
    }

    fn remove_front(&mut self) {
        let Some(Kept { segment, .. }) = self.segments.pop_front() else { return };
        if segment.file.is_some()
            && let Err(e) = self.medium.remove(&segment.name)
        {
            self.fault = Some(format!("cannot remove {}: {e}", segment.name));
        }
        if self.cursor.segment == segment.begin.first {
            self.enter_segment(0);
        }
    }

    /// Lets go of segments whose rows are all durable (B5).
    fn prune(&mut self) {
        // One file stays: it says where the numbers of the next run begin.
        while self.segments.iter().skip(1).any(|kept| kept.segment.file.is_some())
            && self.segments.front().is_some_and(|kept| kept.segment.last <= self.durable)
        {
            self.remove_front();
        }
    }

    /// Hands the operating system what it has not got yet (B6).
    fn write_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let outcome = self.try_write();
        self.fault = outcome.err().map(|e| format!("cannot write to {}: {e}", self.medium.path().display()));
    }

    fn try_write(&mut self) -> io::Result<()> {
        let Some(Kept { segment, .. }) = self.segments.back_mut() else { return Ok(()) };
        let (is_new, file) = match &segment.file {
            Some(file) => (false, file.clone()),
            None => (true, self.medium.create(&segment.name)?),
        };
        // What does not fit is written again at the same place, so nothing of a failed attempt remains.
        file.write_at(&self.pending, segment.bytes)?;
        if is_new {
            // B4
            file.sync()?;
            self.medium.sync_folder()?;
        }
        segment.file = Some(file);
        segment.bytes += self.pending.len() as u64;
        self.pending.clear();
        self.dirty = true;
        Ok(())
    }

    /// Notes how far the server is, now and then.
    fn note(&mut self, now: Duration) {
        let (noted, at) = self.noted;
        let has_file = self.newest().is_some_and(|newest| newest.file.is_some());
        if has_file && self.pending.is_empty() && self.durable > noted && now >= at + NOTE_EVERY {
            Record::Acknowledged(self.durable).encode(&mut self.pending);
            self.write_pending();
            self.noted = (self.durable, now);
        }
    }
}

impl Backlog for DiskBacklog {
    fn push(&mut self, measured: Measured, values: &[Option<f64>], now: Duration) -> Option<u64> {
        if self.lock.is_none() || !self.make_room(row_length(measured, values)) {
            return None;
        }
        let kept = self.segments.back_mut()?;
        let offset = u32::try_from(self.next - kept.segment.begin.first).ok()?;
        if !encode_row(offset, measured, values, &mut self.pending) {
            return None;
        }
        (kept.segment.rows, kept.segment.last) = (kept.segment.rows + 1, self.next);
        self.next += 1;
        self.delays.kept(self.next - 1, now);
        Some(self.next - 1)
    }

    fn settle(&mut self, now: Duration) {
        let has_rows = self.newest().is_some_and(|newest| newest.rows > 0);
        if has_rows {
            self.write_pending();
        }
        self.note(now);
    }

    fn restart(&mut self, durable: u64, now: Duration) {
        self.contacted = true;
        self.acked(durable, now);
        self.rewind();
    }

    fn acked(&mut self, sequence: u64, now: Duration) {
        self.durable = self.durable.max(sequence);
        self.prune();
        self.note(now);
        self.delays.acked(sequence, now);
    }

    fn draw(&mut self, most: usize, correct: Correction<'_>, into: &mut Drawn) {
        into.clear();
        while into.times.len() < most.max(1) && self.draw_row(correct, into) {}
    }

    fn has_more(&self) -> bool {
        self.last_kept() > self.cursor.drawn.max(self.durable)
    }

    fn is_empty(&self) -> bool {
        self.last_kept() <= self.durable
    }

    fn durable(&self) -> u64 {
        self.durable
    }

    fn status(&self) -> BufferStatus {
        let rows = self.segments.iter().map(|kept| kept.segment.waiting(self.durable)).sum();
        let (dropped, damaged, fault) = (self.dropped, self.damaged, self.fault.clone());
        BufferStatus { rows, bytes: self.total(), dropped, damaged, fault }
    }

    fn losses(&self) -> (u64, u64) {
        (self.dropped, self.damaged)
    }

    fn delays(&self) -> Vec<Duration> {
        self.delays.latest()
    }

    #[cfg(test)]
    fn last_given(&self) -> u64 {
        self.next - 1
    }

    fn renumber(&mut self, durable: u64, boot: u64) -> bool {
        // Nothing of this run was sent before its first session: who has it all the same has it from another copy.
        let foreign = !self.contacted && durable >= self.run;
        if foreign {
            self.identity.boot = boot;
            self.durable = 0;
            if let Err(e) = self.write_identity() {
                self.fault = Some(e.to_string());
            }
        }
        foreign
    }

    fn unsynced(&mut self) -> Option<Unsynced> {
        let file = self.newest()?.file.clone()?;
        std::mem::take(&mut self.dirty).then_some(Unsynced(file))
    }

    fn synced(&mut self, outcome: io::Result<()>) {
        // Not tried again: what the operating system could not write it has let go of.
        if let Err(e) = outcome {
            self.fault = Some(format!("cannot sync {}: {e}", self.medium.path().display()));
        }
    }

    fn close(&mut self) {
        self.noted.1 = Duration::ZERO;
        self.settle(Duration::MAX);
        if let Some(unsynced) = self.unsynced() {
            let outcome = unsynced.sync();
            self.synced(outcome);
        }
        self.lock = None;
    }
}

const SUFFIX: &str = ".rows";

fn check_size(channels: &[Channel], device: &DeviceName, options: DiskOptions) -> Result<()> {
    let begin = Begin { format: FORMAT, device: device.clone(), boot: 0, run: 1, first: 1, channels: channels.len() };
    let head = head(&begin, channels)?.len() as u64;
    let least = (SEGMENTS * 4 * head).max(BUFFER_BYTES_LEAST);
    if options.bytes < least {
        let (bytes, count) = (options.bytes, channels.len());
        return Err(Error::invalid(format!("buffer_bytes is {bytes}, expected at least {least} for {count} channels")));
    }
    Ok(())
}

fn copy(from: &[u8], into: &mut [u8], at: u64) -> io::Result<()> {
    let piece = usize::try_from(at).ok().and_then(|at| from.get(at..)?.get(..into.len()));
    into.copy_from_slice(piece.ok_or(io::ErrorKind::UnexpectedEof)?);
    Ok(())
}
