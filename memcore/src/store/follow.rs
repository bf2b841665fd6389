//! Readers beside a writer: what there is when they open, and from then on only what came to it.
//!
//! The manifest is read before the log. What the manifest calls sealed at that moment was in the log before, and whatever
//! is appended later is in the log only: so a reader sees a prefix, and each row once (S44). Where the manifest was written
//! anew, or a segment has gone before it was read, everything is read again.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, PoisonError};

use super::batch_frame::{self, FrameBatch};
use super::disk::{Disk, DiskFile};
use super::format::numbered;
use super::log::{self, SegmentHead};
use super::manifest::{self, Record};
use super::recovery;
use super::shared::Shared;
use super::state::State;
use crate::error::{Error, ErrorKind, Result};

/// What is read of a segment at a time.
const BLOCK: usize = 64 << 10;

/// Of each device the frames whose rows are not sealed, in order, and how many rows each has.
pub(super) type Unsealed = HashMap<u32, VecDeque<(u64, u32)>>;

/// How far a reader has come.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Position {
    /// The number of the manifest's first edit, which changes when it is written anew.
    pub(super) snapshot: u64,
    /// Where the next edit begins, and the number of the last one.
    pub(super) edits_end: u64,
    pub(super) edit: u64,
    /// The segment that is read, where its next frame begins, and the number of that frame. None where none is known.
    pub(super) log: Option<(u64, u64)>,
    pub(super) next_frame: u64,
}

/// What came to the store.
struct News {
    records: Vec<Record>,
    frames: Vec<(u64, FrameBatch, (u64, u64))>,
    position: Position,
}

/// Reads everything. What its writer changes meanwhile is either seen whole or not at all.
pub(super) fn load(disk: &Arc<dyn Disk>) -> Result<(State, Option<Position>)> {
    const ATTEMPTS: usize = 100;
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let files = disk.list().map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::not_found("there is no store"),
            _ => Error::io("list it", e),
        })?;
        if recovery::is_new(&files)? {
            return Err(Error::not_found("there is no store"));
        }
        match recovery::load_to_follow(disk) {
            // A segment that went, or a channel that came, between manifest and log looks like damage.
            Ok(read) if read.state.damage.is_empty() || read.is_current(&**disk) => {
                let position = read.position();
                return Ok((read.state, position));
            }
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::Io => last = Some(e),
            Err(e) => return Err(e),
        }
    }
    Err(last.unwrap_or_else(|| Error::new(ErrorKind::Timeout, "its writer changes it faster than it can be read")))
}

/// Lets a reader see what came since.
pub(super) fn refresh(shared: &Shared) -> Result<()> {
    const ATTEMPTS: usize = 3;
    let mut position = shared.position.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..ATTEMPTS {
        let news = position.as_ref().map(|position| position.look(&*shared.disk));
        let Some(Ok(Some(news))) = news else { break };
        let taken = shared.write().take(news);
        let Ok((reached, whole)) = taken else { break };
        *position = Some(reached);
        if whole {
            return Ok(());
        }
        // A frame of a channel that was registered after the manifest was read: it is read once more.
    }
    let (state, reached) = load(&shared.disk)?;
    shared.write().replace(state);
    *position = reached;
    Ok(())
}

impl Position {
    /// What came since; None where everything has to be read again.
    fn look(&self, disk: &dyn Disk) -> io::Result<Option<News>> {
        let Some(edits) = manifest::read_after(disk, self.snapshot, self.edits_end, self.edit)? else { return Ok(None) };
        let mut position = Self { edits_end: edits.end, edit: edits.number, ..self.clone() };
        let mut frames = Vec::new();
        if !position.read_log(disk, &mut frames)? {
            return Ok(None);
        }
        Ok(Some(News { records: edits.records, frames, position }))
    }

    /// False where the log does not go on from here.
    fn read_log(&mut self, disk: &dyn Disk, frames: &mut Vec<(u64, FrameBatch, (u64, u64))>) -> io::Result<bool> {
        // Of a store that had no segment yet, or only one that held nothing.
        let Some((mut id, mut at)) = self.log else { return Ok(false) };
        let mut file = match disk.open(&numbered(log::PREFIX, id)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        loop {
            at = self.read_frames(&*file, id, at, frames)?;
            self.log = Some((id, at));
            let next = match disk.open(&numbered(log::PREFIX, id + 1)) {
                // Segments go in their order: while this one is there, the next one has not gone.
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(disk.open(&numbered(log::PREFIX, id)).is_ok()),
                opened => opened?,
            };
            // While it is made, a segment has no head.
            let Some(head) = segment_head(&*next, id + 1)? else { return Ok(true) };
            if head.previous_end > at {
                // It was full only after it was read.
                at = self.read_frames(&*file, id, at, frames)?;
            }
            if (head.previous_end, head.first_frame) != (at, self.next_frame) {
                return Ok(false);
            }
            (id, at, file) = (id + 1, log::SEGMENT_HEADER as u64, next);
        }
    }

    /// Reads whole frames; where the first begins that is not there yet.
    fn read_frames(
        &mut self,
        file: &dyn DiskFile,
        id: u64,
        mut at: u64,
        frames: &mut Vec<(u64, FrameBatch, (u64, u64))>,
    ) -> io::Result<u64> {
        let mut block = BLOCK;
        loop {
            let left = usize::try_from(file.length()?.saturating_sub(at)).unwrap_or(usize::MAX);
            let mut bytes = vec![0; block.min(left)];
            file.read_at(&mut bytes, at)?;
            let mut taken = 0;
            while let Some((payload, end)) = log::frame_of(&bytes, taken, self.next_frame) {
                let Ok(batch) = batch_frame::decode(payload) else { return Ok(at + taken as u64) };
                frames.push((self.next_frame, batch, (id, at + taken as u64)));
                self.next_frame += 1;
                taken = end;
            }
            at += taken as u64;
            let wanted = log::length_of(&bytes, taken);
            match wanted {
                Some(wanted) if bytes.len() - taken < wanted && wanted <= left - taken => block = wanted.max(BLOCK),
                _ => return Ok(at),
            }
        }
    }
}

fn segment_head(file: &dyn DiskFile, id: u64) -> io::Result<Option<SegmentHead>> {
    let mut bytes = [0; log::SEGMENT_HEADER];
    match file.read_at(&mut bytes, 0) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    Ok(SegmentHead::read(id, &bytes).ok())
}

impl State {
    /// Puts what was read anew in its place. What was looked up in the former one must not be remembered in it.
    fn replace(&mut self, mut anew: Self) {
        let revisions = self.devices.iter().map(|device| device.revisions).max().unwrap_or(0) + 1;
        anew.devices.iter_mut().for_each(|device| device.revisions = revisions);
        *self = anew;
    }

    /// Takes in what came. How far that went, and whether it was all.
    fn take(&mut self, news: News) -> Result<(Position, bool)> {
        let News { records, frames, mut position } = news;
        records.into_iter().try_for_each(|record| self.take_edit(record))?;
        for (frame, batch, begin) in frames {
            if self.replay(frame, batch, usize::MAX).is_err() {
                (position.log, position.next_frame) = (Some(begin), frame);
                return Ok((position, false));
            }
            self.next_frame = frame + 1;
        }
        Ok((position, true))
    }

    fn take_edit(&mut self, record: Record) -> Result<()> {
        let gone = match &record {
            Record::ChunkRemoved { device, file, offset } => {
                let known = self.devices.get(*device as usize);
                let chunk = known.and_then(|d| d.chunks.iter().find(|c| (c.file, c.offset) == (*file, *offset)));
                chunk.map(|chunk| (*device, chunk.first, chunk.last))
            }
            _ => None,
        };
        let sealed = match &record {
            Record::Sealed { device, frame } => Some((*device, *frame)),
            _ => None,
        };
        self.apply(record)?;
        if let Some((device, first, last)) = gone {
            self.devices[device as usize].forget_latest(first, last);
        }
        if let Some((device, frame)) = sealed {
            self.drop_sealed(device, frame);
        }
        Ok(())
    }

    /// Rows of frames up to this one are in chunks now.
    fn drop_sealed(&mut self, device: u32, frame: u64) {
        let Some(frames) = self.unsealed.as_mut().and_then(|unsealed| unsealed.get_mut(&device)) else { return };
        let sealed = frames.partition_point(|(number, _)| *number <= frame);
        let rows: usize = frames.drain(..sealed).map(|(_, rows)| rows as usize).sum();
        let first_frame = frames.front().map_or(frame + 1, |(number, _)| *number);
        self.devices[device as usize].head.drop_front(rows, first_frame);
    }
}
