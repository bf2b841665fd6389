//! The write-ahead log: segments of checksummed frames, one batch a frame. Layout in `docs/storage.md`.
//!
//! Frames are numbered without a gap (S5). Each says up to which frame the log was durable when it was written (S6), so that
//! a bad frame that must have been durable is told apart from a write that a crash tore.

use std::collections::VecDeque;

use super::disk::{Disk, DiskFile};
use super::format;
use super::space::{is_full, unclear};
use super::wire::Reader;
use crate::error::{Error, ErrorKind, Result};

pub(super) const PREFIX: &str = "log";
const MAGIC: &[u8; 8] = b"MEMCWLOG";
pub(super) const SEGMENT_HEADER: usize = format::HEADER + 36;
const FRAME: usize = 20;
/// The largest payload of a frame.
pub(super) const PAYLOAD_MAX: usize = 64 << 20;
const FIRST_SEGMENT: u64 = 1 << 20;

/// The head of a segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SegmentHead {
    pub(super) first_frame: u64,
    /// Where the last frame of the segment before ends: up to there every frame must be whole (S7).
    pub(super) previous_end: u64,
    /// The number of the last edit of the manifest when the segment was made.
    pub(super) manifest_number: u64,
}

impl SegmentHead {
    fn write(&self, id: u64) -> Vec<u8> {
        let mut bytes = format::header(MAGIC).to_vec();
        for number in [id, self.first_frame, self.previous_end, self.manifest_number] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(super) fn read(id: u64, bytes: &[u8]) -> Result<Self> {
        let name = format::numbered(PREFIX, id);
        format::check_header(&name, bytes, MAGIC)?;
        let mut from = Reader::new(&bytes[format::HEADER..]);
        let stored = from.u64()?;
        let head = Self { first_frame: from.u64()?, previous_end: from.u64()?, manifest_number: from.u64()? };
        if stored != id || from.u32()? != crc32c::crc32c(&bytes[..SEGMENT_HEADER - 4]) {
            return Err(Error::new(ErrorKind::Damaged, format!("the header of {name} fails its checksum")));
        }
        Ok(head)
    }
}

/// Starts a frame at the end of `out`; the payload is appended by the caller.
pub(super) fn begin_frame(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.resize(start + FRAME, 0);
    start
}

/// Completes the frame that starts at `start`.
pub(super) fn end_frame(out: &mut [u8], start: usize, number: u64, durable: u64) {
    let length = (out.len() - start - FRAME) as u32;
    let behind = u32::try_from(number - durable).unwrap_or(u32::MAX);
    let frame = &mut out[start..];
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[8..16].copy_from_slice(&number.to_le_bytes());
    frame[16..20].copy_from_slice(&behind.to_le_bytes());
    let checksum = checksum(frame);
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
}

fn checksum(frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..])
}

struct Frame<'a> {
    number: u64,
    durable: u64,
    payload: &'a [u8],
}

/// The whole frame at that byte, if its number is one of `numbers`.
fn frame_at(bytes: &[u8], at: usize, numbers: std::ops::RangeInclusive<u64>) -> Option<Frame<'_>> {
    let rest = bytes.get(at..)?;
    let header = rest.first_chunk::<FRAME>()?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
    if length == 0 || length > rest.len() - FRAME {
        return None;
    }
    let mut from = Reader::new(&header[4..]);
    let (stored, number, behind) = (from.u32().ok()?, from.u64().ok()?, from.u32().ok()?);
    if !numbers.contains(&number) || checksum(&rest[..FRAME + length]) != stored {
        return None;
    }
    Some(Frame { number, durable: number.saturating_sub(u64::from(behind)), payload: &rest[FRAME..FRAME + length] })
}

/// The number of the first whole frame of a segment whose head cannot be read; None where it holds nothing but zeros.
pub(super) fn first_number(bytes: &[u8], expected: u64) -> Option<u64> {
    let content = bytes.get(SEGMENT_HEADER..).filter(|content| content.iter().any(|byte| *byte != 0))?;
    let found = (0..content.len()).find_map(|at| frame_at(content, at, 1..=u64::MAX));
    Some(found.map_or(expected, |frame| frame.number))
}

/// The payload of the whole frame of that number at `at`, and where it ends.
pub(super) fn frame_of(bytes: &[u8], at: usize, number: u64) -> Option<(&[u8], usize)> {
    frame_at(bytes, at, number..=number).map(|frame| (frame.payload, at + FRAME + frame.payload.len()))
}

/// How long the frame at `at` says that it is; None at the end.
pub(super) fn length_of(bytes: &[u8], at: usize) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize;
    (1..=PAYLOAD_MAX).contains(&length).then_some(FRAME + length)
}

/// Where reading a segment ended.
#[derive(Debug, PartialEq)]
pub(super) struct Scanned {
    pub(super) end: u64,
    pub(super) next_frame: u64,
    /// Bytes after the end that are not zero: what a crash tore, or a damaged last frame.
    pub(super) torn: bool,
    /// Stretches of bytes that must have been durable and are bad.
    pub(super) damage: Vec<std::ops::Range<u64>>,
}

/// Gives every whole frame to `on_frame`. `end` is where the segment is known to end, where that is known.
pub(super) fn scan(
    bytes: &[u8],
    first_frame: u64,
    end: Option<u64>,
    on_frame: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<Scanned> {
    let known_end = end.and_then(|end| usize::try_from(end).ok()).map(|end| end.min(bytes.len()));
    let bytes = &bytes[..known_end.unwrap_or(bytes.len())];
    let mut at = SEGMENT_HEADER.min(bytes.len());
    let mut next = first_frame;
    let mut damage = Vec::new();
    loop {
        if let Some(frame) = frame_at(bytes, at, next..=next) {
            on_frame(frame.number, frame.payload)?;
            at += FRAME + frame.payload.len();
            next += 1;
            continue;
        }
        if at >= bytes.len() || (known_end.is_none() && bytes[at..].iter().all(|byte| *byte == 0)) {
            return Ok(Scanned { end: at as u64, next_frame: next, torn: false, damage });
        }
        match resynchronize(bytes, at, next, known_end.is_some()) {
            Some((found, number)) => {
                damage.push(at as u64..found as u64);
                (at, next) = (found, number);
            }
            None if known_end.is_some() => {
                damage.push(at as u64..bytes.len() as u64);
                return Ok(Scanned { end: bytes.len() as u64, next_frame: next, torn: false, damage });
            }
            None => return Ok(Scanned { end: at as u64, next_frame: next, torn: true, damage }),
        }
    }
}

/// The first whole frame after the bad one at `at`, if the bad one must have been durable.
fn resynchronize(bytes: &[u8], at: usize, expected: u64, must_be_whole: bool) -> Option<(usize, u64)> {
    let most = expected + ((bytes.len() - at) / FRAME) as u64;
    let mut first = None;
    let mut search = at + 1;
    while search < bytes.len() {
        let Some(frame) = frame_at(bytes, search, expected..=most) else {
            search += 1;
            continue;
        };
        let (found, _) = *first.get_or_insert((search, frame.number));
        if must_be_whole || frame.durable >= expected {
            return first.filter(|_| found > at);
        }
        search += FRAME + frame.payload.len();
    }
    None
}

/// A segment that is not written any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct FullSegment {
    pub(super) id: u64,
    pub(super) last_frame: u64,
    /// Where its last frame ends.
    pub(super) bytes: u64,
    /// How long the file is.
    pub(super) held: u64,
    pub(super) damaged: bool,
}

/// Writes the log.
#[derive(Debug)]
pub(super) struct LogWriter {
    /// None until there is room for the first segment.
    file: Option<Box<dyn DiskFile>>,
    id: u64,
    at: u64,
    /// Where the segment before ends, while there is no file.
    previous_end: u64,
    reserved: u64,
    limits: SegmentLimits,
    /// The last frame that was given to the operating system.
    pub(super) written: u64,
    /// Segments before this one, the oldest first.
    pub(super) full: VecDeque<FullSegment>,
    /// Kept between flushes, to write from.
    pub(super) spare: Vec<u8>,
}

/// How segments are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct SegmentLimits {
    pub(super) bytes: u64,
    /// Fill with zeros in advance: a sync then has no new blocks to record.
    pub(super) zeros: bool,
}

impl LogWriter {
    /// Starts segment `id`, whose first frame will be `head.first_frame`. On a full disk that is left to the first write.
    pub(super) fn start(disk: &dyn Disk, id: u64, head: SegmentHead, limits: SegmentLimits) -> Result<Self> {
        let size = FIRST_SEGMENT.min(limits.bytes);
        let file = match Self::make(disk, id, head, size, limits.zeros) {
            Ok(file) => Some(file),
            Err(e) if is_full(&e) => None,
            Err(e) => return Err(e),
        };
        Ok(Self {
            reserved: if file.is_some() { size } else { 0 },
            file,
            id,
            at: SEGMENT_HEADER as u64,
            previous_end: head.previous_end,
            limits,
            written: head.first_frame - 1,
            full: VecDeque::new(),
            spare: Vec::new(),
        })
    }

    /// A segment that could not be made, for want of room or otherwise, holds nothing and is taken away again (S41).
    fn make(disk: &dyn Disk, id: u64, head: SegmentHead, size: u64, zeros: bool) -> Result<Box<dyn DiskFile>> {
        let name = format::numbered(PREFIX, id);
        let write = || {
            let file = disk.create(&name)?;
            file.write_at(&head.write(id), 0)?;
            file.reserve(size, zeros)?;
            file.sync()?;
            disk.sync_folder().map_err(unclear)?;
            Ok(file)
        };
        write().map_err(|e| {
            let error = Error::io(format_args!("start {name}"), e);
            if is_full(&error) {
                // Should it stay, it is empty, and the next attempt or the next recovery replaces it.
                let _ = disk.remove(&name);
            }
            error
        })
    }

    /// Whether these frames need a segment more.
    pub(super) fn needs_segment(&self, frames: usize) -> bool {
        let fits = self.at + frames as u64 <= self.reserved || self.at == SEGMENT_HEADER as u64;
        !fits || self.file.is_none()
    }

    /// Writes whole frames, the last of them numbered `last`; starts a new segment first where they do not fit.
    /// True where a segment became full.
    pub(super) fn write(&mut self, disk: &dyn Disk, frames: &[u8], last: u64, manifest_number: u64) -> Result<bool> {
        let full = self.needs_segment(frames.len());
        if full {
            self.next_segment(disk, manifest_number)?;
        }
        if let Some(file) = &self.file {
            file.write_at(frames, self.at).map_err(|e| self.error("write", e))?;
        }
        self.at += frames.len() as u64;
        self.written = last;
        Ok(full)
    }

    /// The full segment is synced before the next one says that it is whole (S7).
    fn next_segment(&mut self, disk: &dyn Disk, manifest_number: u64) -> Result<()> {
        self.sync()?;
        let started = self.file.is_some();
        let previous_end = if started { self.at } else { self.previous_end };
        let head = SegmentHead { first_frame: self.written + 1, previous_end, manifest_number };
        let size = (self.reserved * 2).clamp(FIRST_SEGMENT.min(self.limits.bytes), self.limits.bytes);
        let id = self.id + u64::from(started);
        self.file = Some(Self::make(disk, id, head, size, self.limits.zeros)?);
        if started {
            let (last_frame, bytes) = (self.written, self.at);
            self.full.push_back(FullSegment {
                id: self.id,
                last_frame,
                bytes,
                held: self.reserved.max(bytes),
                damaged: false,
            });
        }
        self.id = id;
        self.at = SEGMENT_HEADER as u64;
        self.reserved = size;
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.sync().map_err(|e| self.error("sync", unclear(e))))
    }

    /// Segment and end, for [`Record::Closed`](super::manifest::Record::Closed).
    pub(super) fn end(&self) -> Option<(u64, u64)> {
        self.file.as_ref().map(|_| (self.id, self.at))
    }

    /// Gives back what is reserved beyond the last frame: the segment is not written any more.
    pub(super) fn release(&mut self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        file.release(self.at).map_err(|e| self.error("shorten", e))?;
        self.reserved = self.at;
        Ok(())
    }

    /// What the log takes of the disk, with what is reserved for it.
    pub(super) fn held(&self) -> u64 {
        self.reserved.max(self.at) + self.full.iter().map(|segment| segment.held).sum::<u64>()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.at + self.full.iter().map(|segment| segment.bytes).sum::<u64>()
    }

    /// Removes the full segments whose frames are all at or before `frame`; a damaged one is kept under another name.
    pub(super) fn trim(&mut self, disk: &dyn Disk, frame: u64) -> Result<()> {
        while let Some(segment) = self.full.front().copied().filter(|segment| segment.last_frame <= frame) {
            let name = format::numbered(PREFIX, segment.id);
            let done = if segment.damaged { disk.rename(&name, &format!("damaged-{name}")) } else { disk.remove(&name) };
            done.map_err(|e| Error::io(format_args!("remove {name}"), e))?;
            self.full.pop_front();
        }
        Ok(())
    }

    fn error(&self, doing: &str, e: std::io::Error) -> Error {
        Error::io(format_args!("{doing} {}", format::numbered(PREFIX, self.id)), e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment of six frames; the fourth was written when the second was durable.
    fn segment() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = SegmentHead { first_frame: 1, previous_end: 0, manifest_number: 1 }.write(1);
        let mut starts = Vec::new();
        for number in 1..=6u64 {
            let start = begin_frame(&mut bytes);
            bytes.extend_from_slice(&[number as u8; 9]);
            end_frame(&mut bytes, start, number, if number >= 4 { 2 } else { 0 });
            starts.push(start);
        }
        (bytes, starts)
    }

    fn frames(bytes: &[u8], end: Option<u64>) -> (Vec<u64>, Scanned) {
        let mut seen = Vec::new();
        let scanned = scan(bytes, 1, end, &mut |number, payload| {
            assert_eq!(payload, [number as u8; 9]);
            seen.push(number);
            Ok(())
        });
        (seen, scanned.unwrap())
    }

    #[test]
    fn a_cut_at_any_byte_keeps_the_whole_frames_before_it() {
        let (bytes, starts) = segment();
        for cut in SEGMENT_HEADER..=bytes.len() {
            let whole = starts.iter().filter(|start| **start + FRAME + 9 <= cut).count() as u64;
            let (seen, scanned) = frames(&bytes[..cut], None);
            assert_eq!(seen, (1..=whole).collect::<Vec<_>>());
            assert!(scanned.damage.is_empty());
        }
    }

    #[test]
    fn a_bad_frame_that_was_durable_is_damage_and_the_rest_is_kept() {
        let (mut bytes, starts) = segment();
        bytes[starts[1] + FRAME] ^= 1;
        let (seen, scanned) = frames(&bytes, None);
        assert_eq!(seen, [1, 3, 4, 5, 6]);
        assert_eq!(scanned.damage, vec![starts[1] as u64..starts[2] as u64; 1]);
    }

    #[test]
    fn a_bad_frame_that_may_never_have_been_durable_is_the_end() {
        let (mut bytes, starts) = segment();
        bytes[starts[2] + FRAME] ^= 1;
        let (seen, scanned) = frames(&bytes, None);
        assert_eq!((seen, scanned.torn, scanned.end), (vec![1, 2], true, starts[2] as u64));
        let (seen, scanned) = frames(&bytes, Some(bytes.len() as u64));
        assert_eq!((seen, scanned.damage.len()), (vec![1, 2, 4, 5, 6], 1));
    }
}
