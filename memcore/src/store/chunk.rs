//! Sealed chunks: the rows of one device in order of time, compressed column by column. Layout in `docs/storage.md`.

use super::column::Column;
use super::disk::DiskFile;
use super::pack::{pack, unpack};
use super::summary::Summary;
use super::table::Table;
use super::wire::{Reader, damaged, put_varint, unzigzag, zigzag};
use crate::error::{Error, Result};

/// The first bytes of a file of chunks, before version and checksum.
pub(super) const FILE_MAGIC: &[u8; 8] = b"MEMCCHNK";
const CHUNK_MAGIC: u32 = 0x4b_48_43_4d;
const HEADER: usize = 40;
const REGULAR: u8 = 0;
const PACKED: u8 = 1;
const RUNS: u8 = 2;
/// Times are stored as runs where each has this many rows at least, on average: a cadence with gaps.
const ROWS_A_RUN: usize = 16;

/// Where a chunk is and what it spans: what the manifest says of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ChunkPlace {
    pub(super) device: u32,
    /// The number of its file.
    pub(super) file: u64,
    pub(super) offset: u64,
    pub(super) length: u64,
    /// Later chunks of a device override earlier ones (S8).
    pub(super) order: u64,
    /// Of several that one sealing or merging made for the same times, how many lie below it; their orders count up (S32).
    pub(super) layer: u32,
    pub(super) rows: u32,
    /// How many values there are.
    pub(super) points: u64,
    /// The first and the last time, both included.
    pub(super) first: i64,
    pub(super) last: i64,
}

/// Appends the table as a chunk.
pub(super) fn encode(table: &Table, device: u32, order: u64, out: &mut Vec<u8>) -> Result<()> {
    let mut directory = Vec::new();
    let mut body = Vec::new();
    encode_times(&table.times, &mut directory, &mut body)?;
    for column in &table.columns {
        let (bytes, summary) = column.encode(table.times.len())?;
        put_varint(&mut directory, u64::from(column.id));
        put_varint(&mut directory, bytes.len() as u64);
        directory.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        put_varint(&mut directory, column.values.len() as u64);
        summary.write(&mut directory);
        body.extend_from_slice(&bytes);
    }
    let start = out.len();
    out.extend_from_slice(&CHUNK_MAGIC.to_le_bytes());
    out.extend_from_slice(&device.to_le_bytes());
    out.extend_from_slice(&order.to_le_bytes());
    out.extend_from_slice(&(table.times.len() as u32).to_le_bytes());
    out.extend_from_slice(&(table.columns.len() as u32).to_le_bytes());
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&(body.len() as u64).to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&out[start..]), &directory);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(&directory);
    out.extend_from_slice(&body);
    Ok(())
}

/// One step between all times is stored as such, a few runs with one step each as runs; anything else is packed.
fn encode_times(times: &[i64], directory: &mut Vec<u8>, body: &mut Vec<u8>) -> Result<()> {
    let runs = runs(times);
    if let [run] = runs[..] {
        directory.push(REGULAR);
        directory.extend_from_slice(&run.first.to_le_bytes());
        directory.extend_from_slice(&run.step.to_le_bytes());
        return Ok(());
    }
    let mut bytes = Vec::new();
    let form = if runs.len() <= times.len() / ROWS_A_RUN { RUNS } else { PACKED };
    let back = if form == RUNS {
        write_runs(&runs, &mut bytes);
        read_runs(&bytes, times.len())?
    } else {
        pack(times, &[times.len()], &mut bytes)?;
        unpack::<i64>(&mut Reader::new(&bytes), &[times.len()], 0..1)?
    };
    if back != times {
        return Err(damaged("times that were just compressed"));
    }
    directory.push(form);
    put_varint(directory, bytes.len() as u64);
    directory.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    body.extend_from_slice(&bytes);
    Ok(())
}

/// Times with one step between them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    rows: u64,
    first: i64,
    step: i64,
}

impl Run {
    fn times(self) -> impl Iterator<Item = i64> {
        (0..self.rows as i64).map(move |row| self.first.wrapping_add(self.step.wrapping_mul(row)))
    }
}

fn runs(times: &[i64]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut before = 0i64;
    for time in times {
        let step = time.wrapping_sub(before);
        before = *time;
        match runs.last_mut() {
            Some(run) if run.rows == 1 || run.step == step => {
                run.step = step;
                run.rows += 1;
            }
            _ => runs.push(Run { rows: 1, first: *time, step: 0 }),
        }
    }
    runs
}

fn write_runs(runs: &[Run], out: &mut Vec<u8>) {
    put_varint(out, runs.len() as u64);
    let (mut first, mut step) = (0i64, 0i64);
    for run in runs {
        put_varint(out, run.rows);
        put_varint(out, zigzag(run.first.wrapping_sub(first)));
        put_varint(out, zigzag(run.step.wrapping_sub(step)));
        (first, step) = (run.first, run.step);
    }
}

fn read_runs(bytes: &[u8], rows: usize) -> Result<Vec<i64>> {
    let mut from = Reader::new(bytes);
    let mut times = Vec::with_capacity(rows);
    let (mut first, mut step) = (0i64, 0i64);
    for _ in 0..from.count(rows)? {
        let count = from.count(rows - times.len())? as u64;
        first = first.wrapping_add(unzigzag(from.varint()?));
        step = step.wrapping_add(unzigzag(from.varint()?));
        times.extend(Run { rows: count, first, step }.times());
    }
    if times.len() == rows { Ok(times) } else { Err(damaged("the times of a chunk")) }
}

/// What a chunk says of one of its columns.
#[derive(Debug, Clone)]
pub(super) struct ColumnPlace {
    pub(super) id: u32,
    offset: u64,
    length: usize,
    checksum: u32,
    /// How many values there are, NaN included.
    pub(super) values: usize,
    pub(super) summary: Summary,
}

/// The head of a chunk: enough to find and check its columns.
#[derive(Debug)]
pub(super) struct Directory {
    rows: usize,
    times: Times,
    columns: Vec<ColumnPlace>,
}

impl ColumnPlace {
    pub(super) fn bytes(&self) -> u64 {
        self.length as u64
    }
}

#[derive(Debug)]
enum Times {
    Regular(Run),
    Stored { form: u8, offset: u64, length: usize, checksum: u32 },
}

impl Directory {
    /// Reads and checks the head of the chunk at `place`.
    pub(super) fn read(file: &dyn DiskFile, place: &ChunkPlace) -> Result<Self> {
        let header = read(file, place.offset, HEADER)?;
        let mut from = Reader::new(&header);
        let magic = from.u32()?;
        let (device, order, rows) = (from.u32()?, from.u64()?, from.u32()?);
        let (columns, directory_length, body) = (from.u32()?, from.u32()? as usize, from.u64()?);
        let checksum = from.u32()?;
        let start = (HEADER + directory_length) as u64;
        let fits = start.checked_add(body) == Some(place.length) && rows == place.rows;
        if magic != CHUNK_MAGIC || device != place.device || order != place.order || !fits {
            return Err(damaged("the head of a chunk"));
        }
        let directory = read(file, place.offset + HEADER as u64, directory_length)?;
        if crc32c::crc32c_append(crc32c::crc32c(&header[..HEADER - 4]), &directory) != checksum {
            return Err(damaged("the head of a chunk"));
        }
        Self::parse(&directory, place.offset + start, rows as usize, columns as usize)
    }

    fn parse(bytes: &[u8], mut offset: u64, rows: usize, count: usize) -> Result<Self> {
        let mut from = Reader::new(bytes);
        let times = match from.u8()? {
            REGULAR => Times::Regular(Run { rows: rows as u64, first: from.i64()?, step: from.i64()? }),
            form @ (PACKED | RUNS) => {
                let (length, checksum) = (from.varint()? as usize, from.u32()?);
                let times = Times::Stored { form, offset, length, checksum };
                offset += length as u64;
                times
            }
            _ => return Err(damaged("the times of a chunk")),
        };
        let mut columns = Vec::with_capacity(count.min(bytes.len()));
        for _ in 0..count {
            let (id, length, checksum) = (from.varint()? as u32, from.varint()? as usize, from.u32()?);
            let (values, summary) = (from.count(rows)?, Summary::read(&mut from)?);
            columns.push(ColumnPlace { id, offset, length, checksum, values, summary });
            offset += length as u64;
        }
        Ok(Self { rows, times, columns })
    }

    pub(super) fn columns(&self) -> &[ColumnPlace] {
        &self.columns
    }

    pub(super) fn column(&self, id: u32) -> Option<&ColumnPlace> {
        self.columns.binary_search_by_key(&id, |column| column.id).ok().map(|at| &self.columns[at])
    }

    /// The times, decoded.
    pub(super) fn times(&self, file: &dyn DiskFile) -> Result<Vec<i64>> {
        match self.times {
            Times::Regular(run) => Ok(run.times().collect()),
            Times::Stored { form, offset, length, checksum } => {
                let bytes = read_checked(file, offset, length, checksum)?;
                if form == RUNS {
                    return read_runs(&bytes, self.rows);
                }
                unpack(&mut Reader::new(&bytes), &[self.rows], 0..1)
            }
        }
    }

    /// A column, decoded.
    pub(super) fn values(&self, file: &dyn DiskFile, place: &ColumnPlace) -> Result<Column> {
        let bytes = read_checked(file, place.offset, place.length, place.checksum)?;
        Column::decode(place.id, &bytes, self.rows)
    }

    /// The whole chunk.
    pub(super) fn table(&self, file: &dyn DiskFile) -> Result<Table> {
        let columns = self.columns.iter().map(|place| self.values(file, place)).collect::<Result<_>>()?;
        Ok(Table { times: self.times(file)?, columns, arrived: Default::default() })
    }
}

fn read(file: &dyn DiskFile, offset: u64, length: usize) -> Result<Vec<u8>> {
    let end = offset.checked_add(length as u64);
    let available = file.length().map_err(|e| Error::io("measure a file of chunks", e))?;
    if end.is_none_or(|end| end > available) {
        return Err(damaged("the end of a file of chunks"));
    }
    let mut bytes = vec![0; length];
    file.read_at(&mut bytes, offset).map_err(|e| Error::io("read a chunk", e))?;
    Ok(bytes)
}

fn read_checked(file: &dyn DiskFile, offset: u64, length: usize, checksum: u32) -> Result<Vec<u8>> {
    let bytes = read(file, offset, length)?;
    if crc32c::crc32c(&bytes) == checksum { Ok(bytes) } else { Err(damaged("a column of a chunk")) }
}

#[cfg(test)]
mod tests {
    use super::super::disk::Disk;
    use super::super::simulated::SimulatedDisk;
    use super::*;

    fn place(table: &Table, length: usize) -> ChunkPlace {
        let (first, last) = (table.times[0], *table.times.last().unwrap());
        let rows = table.times.len() as u32;
        ChunkPlace {
            device: 3,
            file: 1,
            offset: 0,
            length: length as u64,
            order: 9,
            layer: 0,
            rows,
            points: 0,
            first,
            last,
        }
    }

    #[test]
    fn a_chunk_comes_back_whole_at_the_ends_of_time() {
        let cadence_with_gaps = (0..100).map(|row| i64::MIN + row * 60 + row / 40 * 1000).collect();
        for times in [vec![i64::MIN, 0, i64::MAX], vec![0, 60, 120], vec![5, 6, 8], vec![7], cadence_with_gaps] {
            let values: Vec<f64> = (0..times.len()).map(|row| row as f64).collect();
            let table = Table { times, columns: vec![Column { id: 4, values, rows: None }], ..Table::default() };
            let mut bytes = Vec::new();
            encode(&table, 3, 9, &mut bytes).unwrap();
            let disk = SimulatedDisk::new();
            let place = place(&table, bytes.len());
            disk.set_content("c", bytes);
            let file = disk.open("c").unwrap();
            assert_eq!(Directory::read(&*file, &place).unwrap().table(&*file).unwrap(), table);
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let times = (0..50).map(|i| i * i).collect();
        let columns = vec![Column { id: 1, values: (0..50).map(|i| f64::from(i) * 0.1).collect(), rows: None }];
        let table = Table { times, columns, ..Table::default() };
        let mut bytes = Vec::new();
        encode(&table, 3, 9, &mut bytes).unwrap();
        let place = place(&table, bytes.len());
        let disk = SimulatedDisk::new();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            disk.set_content("c", flipped);
            let file = disk.open("c").unwrap();
            let read = Directory::read(&*file, &place).and_then(|directory| directory.table(&*file));
            assert!(read.is_err(), "bit {bit}");
        }
    }
}
