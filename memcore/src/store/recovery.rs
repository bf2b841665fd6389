//! From what is on the disk to a state in memory: the manifest, then the frames of the log that are not sealed yet.
//!
//! What is recovered is a prefix of what was appended that contains everything committed (S12). Bytes that must have been
//! durable and are bad are damage: reported and left where they are. Recovery only adds files, so that a crash during it
//! leaves nothing but more of the same to do (S13).

use std::sync::Arc;

use super::batch_frame;
use super::disk::{Disk, read_all};
use super::follow::{Position, Unsealed};
use super::format::{number_in, numbered};
use super::log::{self, FullSegment, LogWriter, SegmentHead, SegmentLimits};
use super::manifest::{self, ManifestWriter, Record};
use super::options::{StoreOptions, SyncPolicy};
use super::space::is_full;
use super::state::{CHUNKS, State};
use super::verify::{self, Damage};
use crate::error::{Error, ErrorKind, Result};

const LOCK: &str = "LOCK";

/// What recovery found.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) state: State,
    manifest: manifest::Read,
    segments: Vec<FullSegment>,
    /// A segment that holds nothing, which the next one may replace.
    empty: Option<u64>,
}

/// A folder is a store, may become one, or belongs to somebody else.
pub(super) fn is_new(files: &[String]) -> Result<bool> {
    if files.iter().any(|name| name == manifest::NAME) {
        return Ok(false);
    }
    let data = |name: &String| number_in(name, log::PREFIX).or(number_in(name, CHUNKS)).is_some();
    if files.iter().any(|name| data(name) || name == manifest::COPY_NAME) {
        return Err(Error::new(ErrorKind::Damaged, format!("it has data but no {}: repair makes one", manifest::NAME)));
    }
    match files.iter().find(|name| *name != LOCK && *name != manifest::NEW_NAME) {
        Some(other) => Err(Error::invalid(format!("it holds {other:?}, expected a store or an empty folder"))),
        None => Ok(true),
    }
}

/// Reads everything, writes nothing.
pub(super) fn load(disk: &Arc<dyn Disk>, options: &StoreOptions) -> Result<Recovered> {
    read(disk, options.seal_rows, None)
}

/// As [`load`], for a reader, which goes on from there: it seals nothing, and remembers what is not sealed.
pub(super) fn load_to_follow(disk: &Arc<dyn Disk>) -> Result<Recovered> {
    read(disk, usize::MAX, Some(Unsealed::default()))
}

fn read(disk: &Arc<dyn Disk>, seal_rows: usize, unsealed: Option<Unsealed>) -> Result<Recovered> {
    let doing = |e| Error::io(format_args!("read {}", manifest::NAME), e);
    let read = manifest::read(&read_all(&**disk, manifest::NAME).map_err(doing)?)?;
    let mut state = State::new(Arc::clone(disk));
    state.unsealed = unsealed;
    for record in &read.records {
        state.apply(record.clone())?;
    }
    let files = disk.list().map_err(|e| Error::io("list the store", e))?;
    state.damage = verify::missing(&state, &files);
    let mut recovered = Recovered { state, manifest: read, segments: Vec::new(), empty: None };
    recovered.read_log(&**disk, &files, seal_rows)?;
    Ok(recovered)
}

impl Recovered {
    fn read_log(&mut self, disk: &dyn Disk, files: &[String], seal_rows: usize) -> Result<()> {
        let mut ids: Vec<u64> = files.iter().filter_map(|name| number_in(name, log::PREFIX)).collect();
        ids.sort_unstable();
        self.state.next_frame = self.state.trimmed + 1;
        let mut next: Option<(u64, Vec<u8>)> = None;
        for (at, id) in ids.iter().enumerate() {
            let bytes = match next.take() {
                Some((_, bytes)) => bytes,
                None => read_segment(disk, *id)?,
            };
            next = match ids.get(at + 1) {
                Some(following) => Some((*following, read_segment(disk, *following)?)),
                None => None,
            };
            let following = next.as_ref().filter(|(following, _)| *following == id + 1);
            let known_end = following.and_then(|(id, bytes)| Some(SegmentHead::read(*id, bytes).ok()?.previous_end));
            self.read_segment(*id, &bytes, known_end, seal_rows)?;
        }
        // What was sealed was durable in the log before: a number that was used must never be given again.
        let sealed = self.state.devices.iter().map(|device| device.sealed_frame + 1).max();
        let closed = self.state.closed.map(|(_, _, next_frame)| next_frame);
        if let Some(next_frame) = sealed.max(closed).filter(|frame| *frame > self.state.next_frame) {
            let from = self.state.next_frame;
            self.state.damage.push(Damage::of(format!("the log lacks frames {from} to {}", next_frame - 1)));
            self.state.next_frame = next_frame;
        }
        Ok(())
    }

    fn read_segment(&mut self, id: u64, bytes: &[u8], known_end: Option<u64>, seal_rows: usize) -> Result<()> {
        let name = numbered(log::PREFIX, id);
        let before = self.state.damage.len();
        let head = SegmentHead::read(id, bytes);
        if let Err(e) = &head
            && e.kind() == ErrorKind::Unsupported
        {
            return Err(Error::new(e.kind(), e.message()));
        }
        // The head is durable before the first frame is written: without it, whatever follows was damaged, not torn.
        let beheaded = head.is_err().then(|| log::first_number(bytes, self.state.next_frame)).flatten();
        let first = head.as_ref().map_or(beheaded.unwrap_or(self.state.next_frame), |head| head.first_frame);
        // One that was closed empty may have been made anew since, and has frames then (S7).
        let is_this = |(segment, end, _): &(u64, u64, u64)| *segment == id && *end > log::SEGMENT_HEADER as u64;
        let closed_end = self.state.closed.filter(is_this).map(|(_, end, _)| end);
        let state = &mut self.state;
        let expected = state.next_frame;
        let mut unreadable = Vec::new();
        let scanned = log::scan(bytes, first, known_end.or(closed_end), &mut |frame, payload| {
            if frame > state.trimmed {
                let replayed = match state.is_sealed(frame, payload) {
                    Ok(false) => batch_frame::decode(payload).and_then(|batch| state.replay(frame, batch, seal_rows)),
                    sealed => sealed.map(drop),
                };
                let told = |e: Error| Damage { file: Some(name.clone()), ..Damage::of(format!("frame {frame}: {e}")) };
                unreadable.extend(replayed.err().map(told));
            }
            Ok(())
        })?;
        state.damage.extend(unreadable);
        let frames = scanned.next_frame > first;
        match head {
            Err(e) if beheaded.is_some() || known_end.is_some() => state.damage.push(Damage::of(e.message())),
            // A segment that a crash interrupted while it was made.
            Err(_) => {
                self.empty = Some(id);
                return Ok(());
            }
            Ok(head) if head.manifest_number > self.manifest.number => {
                let (lost, known) = (head.manifest_number, self.manifest.number);
                let what = format!("the manifest ends with edit {known}, {name} was written after edit {lost}");
                state.damage.push(Damage::of(what));
            }
            Ok(_) => {}
        }
        if first > expected {
            state.damage.push(Damage::of(format!("the log lacks frames {expected} to {}", first - 1)));
        }
        state.damage.extend(scanned.damage.iter().map(|range| verify::of_log(&name, range)));
        if scanned.torn {
            tracing::warn!(file = name, at = scanned.end, "the log ends in a torn write, which was never committed");
            state.torn = Some(format!("{name} ends at byte {} in a torn write", scanned.end));
        }
        state.next_frame = state.next_frame.max(scanned.next_frame);
        let damaged = state.damage.len() > before;
        self.empty = (!frames && !damaged && !scanned.torn).then_some(id);
        if self.empty.is_none() {
            let last_frame = scanned.next_frame - 1;
            self.segments.push(FullSegment { id, last_frame, bytes: scanned.end, held: bytes.len() as u64, damaged });
        }
        Ok(())
    }

    /// Where a reader goes on; None where something is damaged, so that it reads everything again.
    pub(super) fn position(&self) -> Option<Position> {
        let last = self.segments.last().map(|segment| (segment.id, segment.bytes));
        let log = self.empty.map(|id| (id, log::SEGMENT_HEADER as u64)).or(last);
        let manifest = &self.manifest;
        let (snapshot, edits_end, edit) = (manifest.snapshot, manifest.bytes, manifest.number);
        let position = Position { snapshot, edits_end, edit, log, next_frame: self.state.next_frame };
        self.state.damage.is_empty().then_some(position)
    }

    /// Whether the manifest is still the one that was read.
    pub(super) fn is_current(&self, disk: &dyn Disk) -> bool {
        let read = read_all(disk, manifest::NAME).ok().and_then(|bytes| manifest::read(&bytes).ok());
        read.is_some_and(|now| now.number == self.manifest.number)
    }

    /// Makes the store ready to be written: a new segment, a clean manifest, nothing left over from a crash.
    pub(super) fn prepare(
        mut self,
        disk: &Arc<dyn Disk>,
        options: &StoreOptions,
    ) -> Result<(State, ManifestWriter, LogWriter)> {
        // What was read may be in the cache only: it counts as durable from here on.
        if let Some(last) = self.segments.last() {
            let name = numbered(log::PREFIX, last.id);
            let synced = disk.open(&name).and_then(|file| file.sync());
            synced.map_err(|e| Error::io(format_args!("sync {name}"), e))?;
        }
        let id = self.empty.unwrap_or_else(|| self.segments.last().map_or(1, |last| last.id + 1));
        let head = SegmentHead {
            first_frame: self.state.next_frame,
            previous_end: self.end_before(id),
            manifest_number: self.manifest.number,
        };
        let limits = SegmentLimits { bytes: options.segment_bytes, zeros: options.sync == SyncPolicy::Each };
        let mut log = LogWriter::start(&**disk, id, head, limits)?;
        log.full = std::mem::take(&mut self.segments).into();
        let manifest = self.clean_manifest(&**disk)?;
        self.clear_leftovers(&**disk)?;
        self.state.may_remove = true;
        Ok((self.state, manifest, log))
    }

    fn end_before(&self, id: u64) -> u64 {
        self.segments.last().filter(|last| last.id + 1 == id).map_or(0, |last| last.bytes)
    }

    fn clean_manifest(&mut self, disk: &dyn Disk) -> Result<ManifestWriter> {
        if self.manifest.fresh && !self.manifest.torn {
            return ManifestWriter::resume(disk, &self.manifest);
        }
        if self.manifest.torn {
            let aside = format!("{}.torn-{}", manifest::NAME, self.manifest.number);
            let copy = || -> std::io::Result<()> {
                let bytes = read_all(disk, manifest::NAME)?;
                let file = disk.create(&aside)?;
                file.write_at(&bytes, 0)?;
                file.sync()
            };
            copy().map_err(|e| Error::io(format_args!("write {aside}"), e))?;
        }
        let records = self.state.records(self.state.next_frame - 1);
        match ManifestWriter::create(disk, self.manifest.number + 1, &records) {
            // A full disk: what there is can be gone on with.
            Err(e) if is_full(&e) && !self.manifest.torn => ManifestWriter::resume(disk, &self.manifest),
            made => made,
        }
    }

    /// Files of chunks that no edit names were being written when the process died: their rows are in the log. Where the
    /// manifest lost its last edit, they are kept under another name.
    fn clear_leftovers(&mut self, disk: &dyn Disk) -> Result<()> {
        for name in disk.list().map_err(|e| Error::io("list the store", e))? {
            let Some(number) = number_in(&name, CHUNKS) else { continue };
            self.state.next_file = self.state.next_file.max(number + 1);
            if self.state.file(number).is_some() {
                continue;
            }
            let suspicious = self.manifest.torn || !self.state.damage.is_empty();
            let done = if suspicious { disk.rename(&name, &format!("unnamed-{name}")) } else { disk.remove(&name) };
            done.map_err(|e| Error::io(format_args!("clear {name}"), e))?;
        }
        Ok(())
    }
}

fn read_segment(disk: &dyn Disk, id: u64) -> Result<Vec<u8>> {
    let name = numbered(log::PREFIX, id);
    read_all(disk, &name).map_err(|e| Error::io(format_args!("read {name}"), e))
}

/// The manifest of a store that holds nothing yet.
pub(super) fn create(disk: &dyn Disk) -> Result<()> {
    ManifestWriter::create(disk, 1, &[Record::Trimmed { frame: 0 }]).map(|_| ())
}
