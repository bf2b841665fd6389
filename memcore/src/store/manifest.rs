//! The manifest: what devices, channels and chunks there are. A log of edits; each edit is one checksummed frame, so it
//! happened or it did not (S3). When the edits outgrow the content, the content is written anew and renamed into place.

use std::io;

use super::chunk::ChunkPlace;
use super::disk::{Disk, DiskFile};
use super::erasure::Erasure;
use super::format;
use super::space::{is_full, unclear};
use super::wire::{Reader, damaged, put_text, put_varint, unzigzag, zigzag};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, DeviceName};

pub(super) const NAME: &str = "MANIFEST";
pub(super) const NEW_NAME: &str = "MANIFEST.new";
/// The manifest once more, not synced: read by repair only.
pub(super) const COPY_NAME: &str = "MANIFEST.copy";
const MAGIC: &[u8; 8] = b"MEMCMNFT";
const FRAME: usize = 16;
/// Edits may take this much before the manifest is written anew, however small its content.
const EDIT_BYTES: u64 = 64 << 10;
/// Reserved beyond that for the edits of a full disk, which cannot write it anew.
const EDIT_ROOM: u64 = 64 << 10;

/// One fact. Several of them make an edit.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Record {
    Device {
        id: u32,
        name: DeviceName,
    },
    /// Column `column` of the device is this channel, from now on described so.
    Channel {
        device: u32,
        column: u32,
        channel: Box<Channel>,
    },
    ChunkAdded(ChunkPlace),
    ChunkRemoved {
        device: u32,
        file: u64,
        offset: u64,
    },
    /// The device's rows of log frames up to this one are in chunks.
    Sealed {
        device: u32,
        frame: u64,
    },
    /// The highest durable sequence of each boot of the device, the latest boot last.
    Marks {
        device: u32,
        marks: Vec<(u64, u64)>,
    },
    /// Frames up to this one are not needed any more.
    Trimmed {
        frame: u64,
    },
    /// The log was closed in order: segment, where its last frame ends, the frame after it.
    Closed {
        segment: u64,
        end: u64,
        next_frame: u64,
    },
    /// Numbers of files of chunks below this one were used, and are never used again (S46).
    NextFile {
        file: u64,
    },
    /// A range of the device is deleted.
    Erased {
        device: u32,
        erasure: Erasure,
    },
    /// No chunk holds anything any more that the erasure hides.
    ErasureDone {
        device: u32,
        erasure: Erasure,
    },
}

impl Record {
    fn write(&self, out: &mut Vec<u8>) {
        let numbers = |out: &mut Vec<u8>, tag: u8, numbers: &[u64]| {
            out.push(tag);
            numbers.iter().for_each(|number| put_varint(out, *number));
        };
        match self {
            Self::Device { id, name } => {
                numbers(out, 1, &[u64::from(*id)]);
                put_text(out, &name.to_string());
            }
            Self::Channel { device, column, channel } => {
                numbers(out, 2, &[u64::from(*device), u64::from(*column)]);
                put_text(out, &serde_json::to_string(channel).unwrap_or_default());
            }
            Self::ChunkAdded(c) => {
                let (device, rows) = (u64::from(c.device), u64::from(c.rows));
                numbers(out, 3, &[device, c.file, c.offset, c.length, c.order, rows, c.points, u64::from(c.layer)]);
                [c.first, c.last].iter().for_each(|time| put_varint(out, zigzag(*time)));
            }
            Self::ChunkRemoved { device, file, offset } => numbers(out, 4, &[u64::from(*device), *file, *offset]),
            Self::Sealed { device, frame } => numbers(out, 5, &[u64::from(*device), *frame]),
            Self::Marks { device, marks } => {
                numbers(out, 6, &[u64::from(*device), marks.len() as u64]);
                marks.iter().for_each(|(boot, sequence)| [*boot, *sequence].iter().for_each(|n| put_varint(out, *n)));
            }
            Self::Trimmed { frame } => numbers(out, 7, &[*frame]),
            Self::Closed { segment, end, next_frame } => numbers(out, 8, &[*segment, *end, *next_frame]),
            Self::NextFile { file } => numbers(out, 11, &[*file]),
            Self::Erased { device, erasure } => write_erasure(9, *device, erasure, out),
            Self::ErasureDone { device, erasure } => write_erasure(10, *device, erasure, out),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        let small = |from: &mut Reader<'_>| u32::try_from(from.varint()?).map_err(|_| damaged("a number"));
        Ok(match from.u8()? {
            1 => Self::Device { id: small(from)?, name: from.text()?.parse()? },
            2 => Self::Channel {
                device: small(from)?,
                column: small(from)?,
                channel: serde_json::from_str(from.text()?).map_err(|e| damaged("a channel").caused_by(e))?,
            },
            3 => Self::ChunkAdded(read_place(from)?),
            4 => Self::ChunkRemoved { device: small(from)?, file: from.varint()?, offset: from.varint()? },
            5 => Self::Sealed { device: small(from)?, frame: from.varint()? },
            6 => {
                let (device, count) = (small(from)?, from.count(from.left())?);
                let marks = (0..count).map(|_| Ok((from.varint()?, from.varint()?))).collect::<Result<_>>()?;
                Self::Marks { device, marks }
            }
            7 => Self::Trimmed { frame: from.varint()? },
            8 => Self::Closed { segment: from.varint()?, end: from.varint()?, next_frame: from.varint()? },
            11 => Self::NextFile { file: from.varint()? },
            9 => Self::Erased { device: small(from)?, erasure: read_erasure(from)? },
            10 => Self::ErasureDone { device: small(from)?, erasure: read_erasure(from)? },
            _ => return Err(damaged("a record of the manifest")),
        })
    }
}

fn read_place(from: &mut Reader<'_>) -> Result<ChunkPlace> {
    let small = |from: &mut Reader<'_>| u32::try_from(from.varint()?).map_err(|_| damaged("a number"));
    let device = small(from)?;
    let (file, offset, length, order) = (from.varint()?, from.varint()?, from.varint()?, from.varint()?);
    let (rows, points) = (small(from)?, from.varint()?);
    let layer = small(from)?;
    let (first, last) = (unzigzag(from.varint()?), unzigzag(from.varint()?));
    Ok(ChunkPlace { device, file, offset, length, order, layer, rows, points, first, last })
}

fn write_erasure(tag: u8, device: u32, erasure: &Erasure, out: &mut Vec<u8>) {
    out.push(tag);
    let column = erasure.column.map_or(0, |column| u64::from(column) + 1);
    let numbers = [u64::from(device), column, erasure.order, zigzag(erasure.first), zigzag(erasure.last)];
    numbers.iter().for_each(|number| put_varint(out, *number));
}

fn read_erasure(from: &mut Reader<'_>) -> Result<Erasure> {
    let column = u32::try_from(from.varint()?).map_err(|_| damaged("a number"))?.checked_sub(1);
    let order = from.varint()?;
    Ok(Erasure { column, order, first: unzigzag(from.varint()?), last: unzigzag(from.varint()?) })
}

/// What reading a manifest gave.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) records: Vec<Record>,
    /// The number of the first edit, and of the last one.
    pub(super) snapshot: u64,
    pub(super) number: u64,
    pub(super) bytes: u64,
    /// The file ends in bytes that are no whole edit: a write that a crash tore, or damage to the last edit.
    pub(super) torn: bool,
    /// The file holds nothing but one snapshot, of the version that is written now.
    pub(super) fresh: bool,
}

/// Reads every edit. Damage before the last edit is an error: nothing after it could be trusted.
pub(super) fn read(bytes: &[u8]) -> Result<Read> {
    format::check_header(NAME, bytes, MAGIC)?;
    let mut read = Read { records: Vec::new(), snapshot: 0, number: 0, bytes: 0, torn: false, fresh: true };
    let mut at = format::HEADER;
    while let Some((number, payload)) = frame_at(bytes, at, read.number) {
        let mut from = Reader::new(payload);
        while !from.is_empty() {
            read.records.push(Record::read(&mut from)?);
        }
        read.fresh = read.number == 0 && format::version_of(bytes) == format::VERSION;
        read.snapshot = if read.snapshot == 0 { number } else { read.snapshot };
        read.number = number;
        at += FRAME + payload.len();
    }
    read.bytes = at as u64;
    read.torn = bytes[at..].iter().any(|byte| *byte != 0);
    let later = read.torn && (at + 1..bytes.len()).any(|at| frame_at(bytes, at, read.number).is_some());
    if read.number == 0 || later {
        return Err(Error::new(
            ErrorKind::Damaged,
            format!("{NAME} fails a checksum at byte {at}: repair makes one of what is left"),
        ));
    }
    Ok(read)
}

/// One edit.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) number: u64,
    pub(super) records: Vec<Record>,
}

/// What is whole of a damaged manifest.
#[derive(Debug, Default)]
pub(super) struct Salvaged {
    /// The first edit, where it is whole: all that there was when it was written.
    pub(super) snapshot: Option<Edit>,
    /// Those after it, as far as they are.
    pub(super) edits: Vec<Edit>,
}

/// Reads what is whole.
pub(super) fn salvage(bytes: &[u8]) -> Salvaged {
    let mut salvaged = Salvaged::default();
    let (mut at, mut last) = (format::HEADER, 0);
    while at < bytes.len() {
        let found = frame_at(bytes, at, last).and_then(|(number, payload)| {
            let mut from = Reader::new(payload);
            let mut records = Vec::new();
            while !from.is_empty() {
                records.push(Record::read(&mut from).ok()?);
            }
            Some((Edit { number, records }, payload.len()))
        });
        let Some((edit, length)) = found else {
            at += 1;
            continue;
        };
        last = edit.number;
        match at == format::HEADER {
            true => salvaged.snapshot = Some(edit),
            false => salvaged.edits.push(edit),
        }
        at += FRAME + length;
    }
    salvaged
}

/// What [`read_after`] found.
#[derive(Debug)]
pub(super) struct Edits {
    pub(super) records: Vec<Record>,
    /// Where the last one ends, and its number.
    pub(super) end: u64,
    pub(super) number: u64,
}

/// The edits that were appended after the one numbered `number`, which ends at `end`; None where the manifest was written
/// anew since it began with the edit numbered `snapshot`.
pub(super) fn read_after(disk: &dyn Disk, snapshot: u64, end: u64, number: u64) -> io::Result<Option<Edits>> {
    let file = disk.open(NAME)?;
    let mut start = [0; format::HEADER + FRAME];
    file.read_at(&mut start, 0)?;
    let first = start[format::HEADER + 8..].first_chunk().map(|number| u64::from_le_bytes(*number));
    if format::check_header(NAME, &start, MAGIC).is_err() || first != Some(snapshot) {
        return Ok(None);
    }
    let mut edits = Edits { records: Vec::new(), end, number };
    let mut header = [0; FRAME];
    loop {
        let left = file.length()?.saturating_sub(edits.end);
        if left < FRAME as u64 {
            return Ok(Some(edits));
        }
        file.read_at(&mut header, edits.end)?;
        let length = u64::from(u32::from_le_bytes([header[0], header[1], header[2], header[3]])) + FRAME as u64;
        if length == FRAME as u64 || length > left {
            return Ok(Some(edits));
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_at(&mut bytes, edits.end)?;
        let Some((number, payload)) = frame_at(&bytes, 0, edits.number) else { return Ok(Some(edits)) };
        let mut from = Reader::new(payload);
        while !from.is_empty() {
            edits.records.push(Record::read(&mut from).map_err(io::Error::other)?);
        }
        edits.end += length;
        edits.number = number;
    }
}

/// The whole edit at that byte, with a number above `after` (the one that follows it, or any where there is none yet).
fn frame_at(bytes: &[u8], at: usize, after: u64) -> Option<(u64, &[u8])> {
    let header = bytes.get(at..)?.first_chunk::<FRAME>()?;
    let length = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
    let checksum = u32::from_le_bytes(header[4..8].try_into().ok()?);
    let number = u64::from_le_bytes(header[8..].try_into().ok()?);
    if length == 0 || number <= after {
        return None;
    }
    let payload = bytes.get(at + FRAME..)?.get(..length)?;
    (crc32c::crc32c_append(crc32c::crc32c(&header[8..]), payload) == checksum).then_some((number, payload))
}

fn frame(number: u64, records: &[Record]) -> Vec<u8> {
    let mut bytes = vec![0; FRAME];
    records.iter().for_each(|record| record.write(&mut bytes));
    let length = (bytes.len() - FRAME) as u32;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[8..FRAME].copy_from_slice(&number.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[8..]);
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The manifest is all that says what chunks mean, so it stands twice. Nothing waits for the second one, and a store without
/// it is whole (S47).
fn keep_copy(disk: &dyn Disk, bytes: &[u8]) -> Option<Box<dyn DiskFile>> {
    let written = disk.create(COPY_NAME).and_then(|copy| copy.write_at(bytes, 0).map(|()| copy));
    let without = |error: &io::Error| {
        tracing::debug!(%error, "no copy of the manifest");
        let _ = disk.remove(COPY_NAME);
    };
    written.inspect_err(without).ok()
}

/// Appends edits to the manifest.
#[derive(Debug)]
pub(super) struct ManifestWriter {
    file: Box<dyn DiskFile>,
    /// Until a write to it fails.
    copy: Option<Box<dyn DiskFile>>,
    at: u64,
    /// Where bytes end that a full disk kept of an edit that it refused.
    dirty: u64,
    snapshot: u64,
    /// The number of the last edit.
    pub(super) number: u64,
}

impl ManifestWriter {
    /// Writes the manifest anew: temporary file, sync, rename, sync of the folder (S4).
    pub(super) fn create(disk: &dyn Disk, number: u64, records: &[Record]) -> Result<Self> {
        let doing = |e| Error::io(format_args!("write {NEW_NAME}"), e);
        let mut bytes = format::header(MAGIC).to_vec();
        // An edit without a record would look like the end: the snapshot always says where the log starts.
        bytes.extend_from_slice(&frame(number, records));
        let length = bytes.len() as u64;
        let write = || {
            let file = disk.create(NEW_NAME)?;
            file.write_at(&bytes, 0)?;
            // Room for edits in advance: a full disk must not keep chunks from being given up (S42).
            file.reserve(length + EDIT_BYTES.max(length) + EDIT_ROOM, false)?;
            file.sync()?;
            Ok(file)
        };
        let file = write().map_err(|e| {
            let error = doing(e);
            if is_full(&error) {
                // The manifest that is there stays in use; the next attempt replaces what may be left of this one.
                let _ = disk.remove(NEW_NAME);
            }
            error
        })?;
        disk.rename(NEW_NAME, NAME).map_err(unclear).map_err(doing)?;
        disk.sync_folder().map_err(unclear).map_err(doing)?;
        let copy = keep_copy(disk, &bytes);
        Ok(Self { file, copy, at: length, dirty: length, snapshot: length, number })
    }

    /// Goes on after what [`read`] read.
    pub(super) fn resume(disk: &dyn Disk, read: &Read) -> Result<Self> {
        let file = disk.open(NAME).map_err(|e| Error::io(format_args!("open {NAME}"), e))?;
        let mut bytes = vec![0; usize::try_from(read.bytes).unwrap_or(usize::MAX)];
        file.read_at(&mut bytes, 0).map_err(|e| Error::io(format_args!("read {NAME}"), e))?;
        let (copy, at, number) = (keep_copy(disk, &bytes), read.bytes, read.number);
        Ok(Self { file, copy, at, dirty: at, snapshot: at, number })
    }

    /// Appends one edit; it is durable when this returns.
    pub(super) fn append(&mut self, records: &[Record]) -> Result<()> {
        let doing = |e| Error::io(format_args!("write {NAME}"), e);
        let mut bytes = frame(self.number + 1, records);
        let end = self.at + bytes.len() as u64;
        // What a refused edit left behind would look like a torn one.
        bytes.resize(bytes.len().max((self.dirty - self.at) as usize), 0);
        self.dirty = self.at + bytes.len() as u64;
        self.file.write_at(&bytes, self.at).map_err(doing)?;
        self.file.sync().map_err(unclear).map_err(doing)?;
        self.copy = self.copy.take().filter(|copy| copy.write_at(&bytes, self.at).is_ok());
        self.at = end;
        self.dirty = self.at;
        self.number += 1;
        Ok(())
    }

    /// What it takes of the disk, with its copy.
    pub(super) fn bytes(&self) -> u64 {
        self.at * if self.copy.is_some() { 2 } else { 1 }
    }

    /// Whether the edits have outgrown the content.
    pub(super) fn is_overgrown(&self) -> bool {
        self.at - self.snapshot > EDIT_BYTES.max(self.snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::super::simulated::SimulatedDisk;
    use super::*;

    fn some_records() -> Vec<Record> {
        let channel = Channel::gauge("power", crate::model::Unit::Watt).unwrap().build().unwrap();
        let chunk = ChunkPlace {
            device: 0,
            file: 1,
            offset: 16,
            length: 900,
            order: 3,
            layer: 1,
            rows: 60,
            points: 120,
            first: i64::MIN,
            last: i64::MAX,
        };
        vec![
            Record::Device { id: 0, name: "acme/home1.pv".parse().unwrap() },
            Record::Channel { device: 0, column: 0, channel: Box::new(channel) },
            Record::ChunkAdded(chunk),
            Record::ChunkRemoved { device: 0, file: 1, offset: 16 },
            Record::Sealed { device: 0, frame: 17 },
            Record::Marks { device: 0, marks: vec![(u64::MAX, 1), (7, u64::MAX)] },
            Record::Trimmed { frame: 9 },
            Record::Closed { segment: 2, end: 4096, next_frame: 18 },
            Record::NextFile { file: 7 },
            Record::Erased { device: 0, erasure: Erasure { column: Some(0), first: i64::MIN, last: -5, order: 9 } },
            Record::ErasureDone { device: 0, erasure: Erasure { column: None, first: 3, last: i64::MAX, order: 8 } },
        ]
    }

    fn written() -> (SimulatedDisk, Vec<u8>) {
        let disk = SimulatedDisk::new();
        let mut writer = ManifestWriter::create(&disk, 1, &some_records()[..1]).unwrap();
        writer.append(&some_records()[1..]).unwrap();
        writer.append(&[Record::Trimmed { frame: 10 }]).unwrap();
        let bytes = disk.content_of(NAME).unwrap();
        (disk, bytes)
    }

    #[test]
    fn edits_are_read_as_they_were_written() {
        let (_, bytes) = written();
        let read = read(&bytes).unwrap();
        assert_eq!(read.records[..11], some_records());
        assert_eq!((read.number, read.torn, read.fresh, read.bytes), (3, false, false, bytes.len() as u64));
    }

    #[test]
    fn every_flipped_bit_is_an_error_or_a_torn_end() {
        let (_, bytes) = written();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match read(&flipped) {
                Ok(read) => assert!(read.torn && read.number == 2, "bit {bit}"),
                Err(e) => assert!(matches!(e.kind(), ErrorKind::Damaged), "bit {bit}: {e}"),
            }
        }
    }

    #[test]
    fn a_torn_edit_did_not_happen() {
        let (_, bytes) = written();
        let whole = bytes.len();
        for end in whole - 18..whole {
            let read = read(&bytes[..end]).unwrap();
            assert_eq!(read.number, 2);
        }
    }
}
