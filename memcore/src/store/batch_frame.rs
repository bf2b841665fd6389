//! A batch as the payload of a log frame. Layout in `docs/storage.md`.

use super::arrivals::{UNKNOWN, minute_of};
use super::wire::{Reader, damaged, put_varint, unzigzag, zigzag};
use crate::error::Result;
use crate::model::{Batch, SequencePosition, Timestamp};

/// Kinds of version 1, which kept no arrival.
const BATCH: u8 = 1;
const BATCH_WITH_POSITION: u8 = 2;
const ARRIVED: u8 = 3;
const ARRIVED_WITH_POSITION: u8 = 4;
const ALL_PRESENT: u8 = 0;
const BITMAP: u8 = 1;

/// Appends the batch, which arrived in that minute; `ids` are the columns of its channels.
pub(super) fn encode(batch: &Batch, device: u32, ids: &[u32], minute: i64, out: &mut Vec<u8>) {
    let position = batch.position();
    out.push(if position.is_some() { ARRIVED_WITH_POSITION } else { ARRIVED });
    if let Some(SequencePosition { boot, sequence }) = position {
        out.extend_from_slice(&boot.to_le_bytes());
        put_varint(out, sequence);
    }
    put_varint(out, u64::from(device));
    put_varint(out, ids.len() as u64);
    ids.iter().for_each(|id| put_varint(out, u64::from(*id)));
    put_varint(out, batch.rows() as u64);
    let mut before = 0i64;
    for time in batch.times() {
        put_varint(out, zigzag(time.as_micros().wrapping_sub(before)));
        before = time.as_micros();
    }
    put_varint(out, zigzag(minute.wrapping_sub(expected(batch.times()))));
    (0..ids.len()).for_each(|at| encode_column(batch.column(at), out));
}

/// The minute in which rows arrive that arrive at once: most do, and the difference takes one byte.
fn expected(times: &[Timestamp]) -> i64 {
    times.last().map_or(0, |time| minute_of(*time))
}

fn encode_column(values: &[Option<f64>], out: &mut Vec<u8>) {
    if values.iter().all(Option::is_some) {
        out.push(ALL_PRESENT);
    } else {
        out.push(BITMAP);
        let bits = |part: &[Option<f64>]| {
            part.iter().enumerate().fold(0u8, |bits, (at, value)| bits | (u8::from(value.is_some()) << at))
        };
        out.extend(values.chunks(8).map(bits));
    }
    out.reserve(8 * values.len());
    values.iter().flatten().for_each(|value| out.extend_from_slice(&value.to_bits().to_le_bytes()));
}

/// A batch as it stands in a frame.
#[derive(Debug)]
pub(super) struct FrameBatch {
    pub(super) position: Option<SequencePosition>,
    pub(super) device: u32,
    /// The minute in which it arrived.
    pub(super) arrived: i64,
    pub(super) times: Vec<Timestamp>,
    /// Column and its values, one a row.
    pub(super) columns: Vec<(u32, Vec<Option<f64>>)>,
}

/// Which device's a batch is, and its position, without what it holds.
pub(super) fn sender(payload: &[u8]) -> Result<(u32, Option<SequencePosition>)> {
    head(&mut Reader::new(payload)).map(|(_, position, device)| (device, position))
}

fn small(from: &mut Reader<'_>) -> Result<u32> {
    u32::try_from(from.varint()?).map_err(|_| damaged("a number"))
}

fn head(from: &mut Reader<'_>) -> Result<(u8, Option<SequencePosition>, u32)> {
    let kind = from.u8()?;
    let position = match kind {
        BATCH | ARRIVED => None,
        BATCH_WITH_POSITION | ARRIVED_WITH_POSITION => {
            Some(SequencePosition { boot: from.u64()?, sequence: from.varint()? })
        }
        _ => return Err(damaged("a kind of log frame")),
    };
    Ok((kind, position, small(from)?))
}

/// The inverse of [`encode`].
pub(super) fn decode(payload: &[u8]) -> Result<FrameBatch> {
    let mut from = Reader::new(payload);
    let (kind, position, device) = head(&mut from)?;
    let width = from.count(from.left())?;
    let ids = (0..width).map(|_| small(&mut from)).collect::<Result<Vec<_>>>()?;
    let rows = from.count(from.left())?;
    let mut time = 0i64;
    let mut times = Vec::with_capacity(rows);
    for _ in 0..rows {
        time = time.wrapping_add(unzigzag(from.varint()?));
        times.push(Timestamp::from_micros(time));
    }
    let arrived = match kind {
        ARRIVED | ARRIVED_WITH_POSITION => expected(&times).wrapping_add(unzigzag(from.varint()?)),
        _ => UNKNOWN,
    };
    let columns = ids.into_iter().map(|id| Ok((id, decode_column(&mut from, rows)?))).collect::<Result<_>>()?;
    Ok(FrameBatch { position, device, arrived, times, columns })
}

fn decode_column(from: &mut Reader<'_>, rows: usize) -> Result<Vec<Option<f64>>> {
    match from.u8()? {
        ALL_PRESENT => {
            let bytes = from.bytes(8 * rows)?;
            let value = |bytes: &[u8]| Some(f64::from_le_bytes(bytes.try_into().expect("eight bytes")));
            Ok(bytes.chunks_exact(8).map(value).collect())
        }
        BITMAP => {
            let bits = from.bytes(rows.div_ceil(8))?;
            let value = |row: usize| (bits[row / 8] >> (row % 8) & 1 == 1).then(|| from.f64()).transpose();
            (0..rows).map(value).collect()
        }
        _ => Err(damaged("a column of a log frame")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ChannelName;

    #[test]
    fn a_batch_is_read_as_it_was_written() {
        let channels = ["a", "b"].map(|name| ChannelName::new(name).unwrap()).into();
        let times = [i64::MIN, 5, i64::MAX].map(Timestamp::from_micros).to_vec();
        let values = vec![Some(1.0), None, Some(-0.0), Some(2.0), Some(3.0), Some(f64::INFINITY)];
        let batch = Batch::new("home1.pv".parse().unwrap(), channels, times.clone(), values).unwrap();
        let batch = batch.at(SequencePosition { boot: u64::MAX, sequence: 3 });
        let mut payload = Vec::new();
        encode(&batch, 70_000, &[9, 300], 29_000_000, &mut payload);
        let back = decode(&payload).unwrap();
        assert_eq!(back.arrived, 29_000_000);
        assert_eq!((back.device, back.position, back.times), (70_000, batch.position(), times));
        assert_eq!(back.columns, [(9, batch.column(0).to_vec()), (300, batch.column(1).to_vec())]);
        for end in 0..payload.len() {
            assert!(decode(&payload[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_batch_of_version_1_is_read_and_its_arrival_is_not_known() {
        let payload = [&[BATCH, 2, 1, 0, 1, 10, ALL_PRESENT][..], &1.5f64.to_le_bytes()].concat();
        let back = decode(&payload).unwrap();
        assert_eq!((back.device, back.arrived, back.position), (2, UNKNOWN, None));
        assert_eq!((back.times, back.columns), (vec![Timestamp::from_micros(5)], vec![(0, vec![Some(1.5)])]));
    }
}
