//! Chunks of version 1, which are only read: pages of 2,048 rows without a block of their own, no arrivals.

use super::chunk::{ChunkPlace, Part, read_checked};
use super::column::Column;
use super::disk::DiskFile;
use super::pack::unpack_v1;
use super::wire::{Reader, damaged, unzigzag};
use crate::energy::POWERS;
use crate::error::Result;

const PAGE_ROWS: usize = 2048;
/// Of a page, or of a column.
const SUMMARY_BYTES: usize = 56;

/// What is needed to find and check the columns.
#[derive(Debug)]
pub(super) struct Directory {
    rows: usize,
    times: Times,
    pub(super) columns: Vec<ColumnPlace>,
}

#[derive(Debug)]
pub(super) struct ColumnPlace {
    pub(super) id: u32,
    pub(super) values: usize,
    pub(super) part: Part,
}

#[derive(Debug)]
enum Times {
    Regular { first: i64, step: i64 },
    Packed(Part),
    Runs(Part),
}

impl Directory {
    /// From the bytes after the header; the body begins at `offset`.
    pub(super) fn parse(bytes: &[u8], offset: u64, place: &ChunkPlace, count: usize) -> Result<Self> {
        let (mut from, mut offset) = (Reader::new(bytes), offset);
        let rows = place.rows as usize;
        let mut part = |length: u64, checksum: u32| {
            let part = Part::new(offset, length, checksum, place)?;
            offset += length;
            Ok(part)
        };
        let times = match from.u8()? {
            0 => Times::Regular { first: from.i64()?, step: from.i64()? },
            1 => Times::Packed(part(from.varint()?, from.u32()?)?),
            2 => Times::Runs(part(from.varint()?, from.u32()?)?),
            _ => return Err(damaged("the times of a chunk")),
        };
        let mut columns = Vec::with_capacity(count.min(bytes.len()));
        for _ in 0..count {
            let (id, length, checksum) = (from.varint()? as u32, from.varint()?, from.u32()?);
            let values = from.count(rows)?;
            from.bytes(SUMMARY_BYTES)?;
            columns.push(ColumnPlace { id, values, part: part(length, checksum)? });
        }
        Ok(Self { rows, times, columns })
    }

    pub(super) fn times(&self, file: &dyn DiskFile) -> Result<Vec<i64>> {
        let times = match &self.times {
            Times::Regular { first, step } => {
                (0..self.rows as i64).map(|row| first.wrapping_add(step.wrapping_mul(row))).collect()
            }
            Times::Packed(part) => {
                let bytes = read_checked(file, part)?;
                unpack_v1(&mut Reader::new(&bytes), &[self.rows])?
            }
            Times::Runs(part) => read_runs(&read_checked(file, part)?, self.rows)?,
        };
        if times.is_sorted_by(|a, b| a < b) { Ok(times) } else { Err(damaged("the times of a chunk")) }
    }

    pub(super) fn values(&self, file: &dyn DiskFile, place: &ColumnPlace) -> Result<Column> {
        let bytes = read_checked(file, &place.part)?;
        let mut from = Reader::new(&bytes);
        let rows = read_rows(&mut from, self.rows)?;
        let count = rows.as_ref().map_or(self.rows, Vec::len);
        let counts = page_counts(rows.as_deref(), count, self.rows);
        from.bytes(counts.len() * SUMMARY_BYTES)?;
        let filled: Vec<usize> = counts.into_iter().filter(|count| *count > 0).collect();
        let values = read_values(&mut from, count, &filled)?;
        Ok(Column { id: place.id, values, rows })
    }
}

/// Runs of times with one step each: rows, and what first time and step differ from those of the run before.
fn read_runs(bytes: &[u8], rows: usize) -> Result<Vec<i64>> {
    let mut from = Reader::new(bytes);
    let mut times = Vec::with_capacity(rows);
    let (mut first, mut step) = (0i64, 0i64);
    for _ in 0..from.count(rows)? {
        let count = from.count(rows - times.len())? as i64;
        first = first.wrapping_add(unzigzag(from.varint()?));
        step = step.wrapping_add(unzigzag(from.varint()?));
        times.extend((0..count).map(|row| first.wrapping_add(step.wrapping_mul(row))));
    }
    if times.len() == rows { Ok(times) } else { Err(damaged("the times of a chunk")) }
}

/// How many values of each page of a table with `rows` rows are present. Pages are cut by row.
fn page_counts(present: Option<&[u32]>, count: usize, rows: usize) -> Vec<usize> {
    let pages = rows.div_ceil(PAGE_ROWS);
    let Some(at) = present else {
        return (0..pages).map(|page| PAGE_ROWS.min(count - page * PAGE_ROWS)).collect();
    };
    let mut counts = vec![0; pages];
    at.iter().for_each(|row| counts[*row as usize / PAGE_ROWS] += 1);
    counts
}

fn read_rows(from: &mut Reader<'_>, rows: usize) -> Result<Option<Vec<u32>>> {
    let at: Vec<u32> = match from.u8()? {
        0 => return Ok(None),
        1 => {
            let bits = from.bytes(rows.div_ceil(8))?;
            (0..rows).filter(|row| bits[row / 8] >> (row % 8) & 1 == 1).map(|row| row as u32).collect()
        }
        2 => match from.count(rows)? {
            0 => Vec::new(),
            count => unpack_v1(from, &[count])?,
        },
        _ => return Err(damaged("the rows of a column")),
    };
    if at.last().is_some_and(|last| *last as usize >= rows) || !at.is_sorted_by(|a, b| a < b) {
        return Err(damaged("the rows of a column"));
    }
    Ok(Some(at))
}

fn read_values(from: &mut Reader<'_>, count: usize, counts: &[usize]) -> Result<Vec<f64>> {
    match from.u8()? {
        0 => Ok(vec![from.f64()?; count]),
        4 => (0..count).map(|_| from.f64()).collect(),
        3 => unpack_v1(from, counts),
        tag @ (1 | 2) => {
            let power = *POWERS.get(from.u8()? as usize).ok_or_else(|| damaged("an exponent"))?;
            let exceptions = from.count(count)?;
            let place = |from: &mut Reader<'_>| Ok((from.count(count.saturating_sub(1))?, from.f64()?));
            let exceptions: Vec<(usize, f64)> = (0..exceptions).map(|_| place(from)).collect::<Result<_>>()?;
            let mut values: Vec<f64> = match tag {
                1 => unpack_v1::<i32>(from, counts)?.into_iter().map(|number| f64::from(number) / power).collect(),
                _ => unpack_v1::<i64>(from, counts)?.into_iter().map(|number| number as f64 / power).collect(),
            };
            exceptions.into_iter().for_each(|(at, value)| values[at] = value);
            Ok(values)
        }
        _ => Err(damaged("the form of a column")),
    }
}
