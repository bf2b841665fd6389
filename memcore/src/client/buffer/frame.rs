//! Frames: how bytes in a segment become records again, whatever happened to some of them (B2, B3).

use std::io;
use std::time::Duration;

use crate::client::backlog::Measured;
use crate::model::Timestamp;

/// What every frame begins with, so that the next whole one is found behind a damaged one.
const MARK: u8 = 0xB7;
/// The mark, the payload's length and the checksum of both that and the payload.
const HEAD: usize = 7;
/// The longest frame: a description of a channel with the most and longest labels, or a row of 4096 channels, fits well.
pub(super) const FRAME_MAX: usize = HEAD + u16::MAX as usize;
/// As much as is read at once; the rest of the bytes is known to be enough for a whole frame.
const WINDOW: usize = 2 * FRAME_MAX;

/// What a frame says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Record<'a> {
    /// What the segment is, as JSON.
    Begin(&'a [u8]),
    /// The description of the channel in that place of the rows, as JSON.
    Channel { place: u16, description: &'a [u8] },
    /// A row.
    Row(RowBytes<'a>),
    /// Everything up to that number was durable at the server.
    Acknowledged(u64),
}

/// A row as it lies in its frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RowBytes<'a> {
    /// How far its number lies behind the segment's first.
    pub(super) offset: u32,
    pub(super) measured: Measured,
    /// Which channels have a value, a bit each, and then those values.
    values: &'a [u8],
}

impl RowBytes<'_> {
    /// The values of all `width` channels; none where that is not what the frame holds.
    pub(super) fn values(&self, width: usize, into: &mut Vec<Option<f64>>) -> Option<()> {
        into.clear();
        let (present, values) = self.values.split_at_checked(width.div_ceil(8))?;
        let mut values = values.chunks_exact(8);
        for place in 0..width {
            let is_present = present[place / 8] >> (place % 8) & 1 == 1;
            into.push(if is_present { Some(f64::from_le_bytes(values.next()?.try_into().ok()?)) } else { None });
        }
        values.next().is_none().then_some(())
    }
}

const BEGIN: u8 = 0;
const CHANNEL: u8 = 1;
const ROW: u8 = 2;
const OWN_ROW: u8 = 3;
const ACKNOWLEDGED: u8 = 4;

/// Appends a frame whose payload is written by `payload`; false, and nothing, where that is too long.
fn frame(out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) -> bool {
    let start = out.len();
    out.extend_from_slice(&[MARK, 0, 0, 0, 0, 0, 0]);
    payload(out);
    let Ok(length) = u16::try_from(out.len() - start - HEAD) else {
        out.truncate(start);
        return false;
    };
    out[start + 1..start + 3].copy_from_slice(&length.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&out[start + 1..start + 3]), &out[start + HEAD..]);
    out[start + 3..start + HEAD].copy_from_slice(&checksum.to_le_bytes());
    true
}

impl Record<'_> {
    /// Appends what is no row; false where it is too long for a frame.
    pub(super) fn encode(self, out: &mut Vec<u8>) -> bool {
        frame(out, |out| match self {
            Self::Begin(json) => {
                out.push(BEGIN);
                out.extend_from_slice(json);
            }
            Self::Channel { place, description } => {
                out.push(CHANNEL);
                out.extend_from_slice(&place.to_le_bytes());
                out.extend_from_slice(description);
            }
            Self::Acknowledged(sequence) => {
                out.push(ACKNOWLEDGED);
                out.extend_from_slice(&sequence.to_le_bytes());
            }
            // Rows are written by `encode_row`.
            Self::Row(_) => {}
        })
    }
}

/// How long the frame of a row is.
pub(super) fn row_length(measured: Measured, values: &[Option<f64>]) -> u64 {
    let times = if matches!(measured, Measured::At(_)) { 8 } else { 16 };
    (HEAD + 1 + 4 + times + values.len().div_ceil(8) + 8 * values.iter().flatten().count()) as u64
}

/// Appends a row.
pub(super) fn encode_row(offset: u32, measured: Measured, values: &[Option<f64>], out: &mut Vec<u8>) -> bool {
    frame(out, |out| {
        let (kind, time) = match measured {
            Measured::At(time) => (ROW, time),
            Measured::Own { wall, .. } => (OWN_ROW, wall),
        };
        out.push(kind);
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(&time.as_micros().to_le_bytes());
        if let Measured::Own { monotonic, .. } = measured {
            out.extend_from_slice(&u64::try_from(monotonic.as_micros()).unwrap_or(u64::MAX).to_le_bytes());
        }
        let presence =
            |places: &[Option<f64>]| places.iter().rev().fold(0, |bits, value| bits << 1 | u8::from(value.is_some()));
        out.extend(values.chunks(8).map(presence));
        values.iter().flatten().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
    })
}

/// The whole frame that begins with these bytes, and its length.
fn parse(bytes: &[u8]) -> Option<(Record<'_>, usize)> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    if head[0] != MARK {
        return None;
    }
    let length = usize::from(u16::from_le_bytes([head[1], head[2]]));
    let payload = rest.get(..length)?;
    let checksum = u32::from_le_bytes(head[3..HEAD].try_into().ok()?);
    let fits = crc32c::crc32c_append(crc32c::crc32c(&head[1..3]), payload) == checksum;
    fits.then(|| record(payload)).flatten().map(|record| (record, HEAD + length))
}

fn record(payload: &[u8]) -> Option<Record<'_>> {
    let (kind, rest) = payload.split_first()?;
    Some(match *kind {
        BEGIN => Record::Begin(rest),
        CHANNEL => {
            let (place, description) = rest.split_first_chunk::<2>()?;
            Record::Channel { place: u16::from_le_bytes(*place), description }
        }
        ROW | OWN_ROW => Record::Row(row(*kind == OWN_ROW, rest)?),
        ACKNOWLEDGED => Record::Acknowledged(u64::from_le_bytes(rest.try_into().ok()?)),
        _ => return None,
    })
}

fn row(own: bool, rest: &[u8]) -> Option<RowBytes<'_>> {
    let (offset, rest) = rest.split_first_chunk::<4>()?;
    let (time, rest) = rest.split_first_chunk::<8>()?;
    let time = Timestamp::from_micros(i64::from_le_bytes(*time));
    let (measured, values) = match own {
        false => (Measured::At(time), rest),
        true => {
            let (micros, rest) = rest.split_first_chunk::<8>()?;
            (Measured::Own { wall: time, monotonic: Duration::from_micros(u64::from_le_bytes(*micros)) }, rest)
        }
    };
    Some(RowBytes { offset: u32::from_le_bytes(*offset), measured, values })
}

/// A frame found, and where the next one begins.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) record: Record<'a>,
    pub(super) next: u64,
}

/// Reads a segment piece by piece. What it holds does not grow with the segment.
#[derive(Debug, Default)]
pub(super) struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// What was read is no longer what is there.
    pub(super) fn forget(&mut self) {
        self.bytes.clear();
    }

    /// How many bytes it holds.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// The next whole frame from `offset` on, before `end`; where there is none, how many bytes were none.
    pub(super) fn next(
        &mut self,
        read: &dyn Fn(&mut [u8], u64) -> io::Result<()>,
        mut offset: u64,
        end: u64,
    ) -> io::Result<Result<Found<'_>, u64>> {
        let from = offset;
        while offset < end {
            self.cover(read, offset, end)?;
            let at = (offset - self.start) as usize;
            match parse(&self.bytes[at..]) {
                Some(_) => break,
                None => {
                    let next = memchr::memchr(MARK, &self.bytes[at + 1..]);
                    offset += next.unwrap_or(self.bytes.len() - at - 1) as u64 + 1;
                }
            }
        }
        let skipped = offset - from;
        if offset >= end {
            return Ok(Err(skipped));
        }
        let at = (offset - self.start) as usize;
        let found = parse(&self.bytes[at..]);
        Ok(found.map(|(record, length)| Found { record, next: offset + length as u64 }).ok_or(skipped))
    }

    /// Makes sure that a whole frame at `offset` is in the window, where the segment has one.
    fn cover(&mut self, read: &dyn Fn(&mut [u8], u64) -> io::Result<()>, offset: u64, end: u64) -> io::Result<()> {
        let have = self.start + self.bytes.len() as u64;
        let enough = (offset + FRAME_MAX as u64).min(end);
        if offset >= self.start && enough <= have {
            return Ok(());
        }
        let length = (end - offset).min(WINDOW as u64) as usize;
        self.bytes.resize(length, 0);
        self.start = offset;
        let outcome = read(&mut self.bytes, offset);
        if outcome.is_err() {
            self.bytes.clear();
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], width: usize) -> (Vec<u32>, u64) {
        let read = |into: &mut [u8], offset: u64| {
            into.copy_from_slice(&bytes[offset as usize..][..into.len()]);
            Ok(())
        };
        let (mut window, mut offset, mut rows) = (Window::default(), 0, Vec::new());
        loop {
            match window.next(&read, offset, bytes.len() as u64).unwrap() {
                Ok(found) => {
                    if let Record::Row(row) = found.record {
                        let mut values = Vec::new();
                        row.values(width, &mut values).unwrap();
                        assert_eq!(values[0], Some(f64::from(row.offset)));
                        rows.push(row.offset);
                    }
                    offset = found.next;
                }
                Err(torn) => return (rows, torn),
            }
        }
    }

    fn ten_rows() -> Vec<u8> {
        let mut bytes = Vec::new();
        for offset in 0..10 {
            let time = Timestamp::from_seconds(i64::from(offset));
            let measured = match offset % 2 {
                0 => Measured::At(time),
                _ => Measured::Own { wall: time, monotonic: Duration::from_secs(5) },
            };
            assert!(encode_row(offset, measured, &[Some(f64::from(offset)), None, Some(-0.0)], &mut bytes));
        }
        bytes
    }

    #[test]
    fn cut_at_every_byte_all_whole_rows_before_it_are_there() {
        let bytes = ten_rows();
        let mut ends = vec![0];
        for offset in 0..10 {
            let mut one = Vec::new();
            let wall = Timestamp::from_seconds(0);
            let measured = match offset % 2 {
                0 => Measured::At(wall),
                _ => Measured::Own { wall, monotonic: Duration::ZERO },
            };
            encode_row(offset, measured, &[Some(0.0), None, Some(0.0)], &mut one);
            ends.push(ends.last().unwrap() + one.len());
        }
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            let (rows, torn) = all(&bytes[..cut], 3);
            assert_eq!(rows, (0..whole as u32).collect::<Vec<_>>(), "cut at {cut}");
            assert_eq!(torn as usize, cut - ends[whole]);
        }
    }

    #[test]
    fn one_flipped_bit_costs_one_row() {
        let bytes = ten_rows();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let (rows, torn) = all(&damaged, 3);
            assert_eq!(rows.len(), 9, "bit {bit}: {rows:?}");
            assert_eq!(torn > 0, rows.last() == Some(&8), "bit {bit}");
        }
    }

    #[test]
    fn what_is_too_long_for_a_frame_leaves_nothing() {
        let mut bytes = Vec::new();
        assert!(!Record::Begin(&[b'x'; 1 << 16]).encode(&mut bytes));
        assert!(bytes.is_empty());
        assert!(Record::Begin(b"x").encode(&mut bytes));
    }
}
