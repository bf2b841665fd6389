//! Sealed chunks: the rows of one device in order of time, compressed column by column in pages. Layout in
//! `docs/storage.md`.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::arrival_runs;
use super::arrivals::{Arrivals, UNKNOWN};
use super::chunk_v1;
use super::column::{Column, ColumnReader, Encoded, Form};
use super::disk::DiskFile;
use super::pages::{Page, cut, read_cuts, write_cuts};
use super::table::Table;
use super::times::{self, PageSpan, Times};
use super::wire::{Reader, damaged, put_varint, unzigzag, zigzag};
use crate::energy::Summary;
use crate::error::{Error, Result};

/// The first bytes of a file of chunks, before version and checksum.
pub(super) const FILE_MAGIC: &[u8; 8] = b"MEMCCHNK";
/// `MCHK`, of version 1.
const MAGIC_1: u32 = 0x4b_48_43_4d;
/// `MCH2`.
const MAGIC_2: u32 = 0x32_48_43_4d;
const HEADER: usize = 40;

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
    let counts = cut(&table.times);
    let pages = ranges(&counts);
    let times = times::encode(&table.times, &pages)?;
    let mut arrivals = Vec::new();
    arrival_runs::write(&table.arrived, &table.times, &mut arrivals);
    let columns = table.columns.iter().map(|column| column.encode(&pages)).collect::<Result<Vec<_>>>()?;

    let mut directory = Vec::new();
    write_cuts(&counts, &mut directory);
    directory.push(times.form);
    put_varint(&mut directory, times.head.len() as u64);
    directory.extend_from_slice(&times.head);
    put_varint(&mut directory, times.body.len() as u64);
    put_varint(&mut directory, zigzag(table.arrived.iter().max().unwrap_or(UNKNOWN)));
    put_part(&mut directory, &arrivals);
    for (column, encoded) in table.columns.iter().zip(&columns) {
        write_column(column, encoded, &mut directory);
    }
    let mut body: Vec<u8> = columns.iter().flat_map(|column| &column.pages).copied().collect();
    body.extend_from_slice(&arrivals);
    body.extend_from_slice(&times.body);
    for column in &columns {
        body.extend_from_slice(&column.head);
        body.extend_from_slice(&column.body);
    }
    write_chunk(table, (device, order), &directory, &body, out);
    Ok(())
}

fn ranges(counts: &[usize]) -> Vec<Range<usize>> {
    let mut end = 0;
    let range = |count: &usize| {
        end += count;
        end - count..end
    };
    counts.iter().map(range).collect()
}

fn put_part(directory: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(directory, bytes.len() as u64);
    directory.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
}

fn write_column(column: &Column, encoded: &Encoded, directory: &mut Vec<u8>) {
    put_varint(directory, u64::from(column.id));
    put_varint(directory, column.values.len() as u64);
    encoded.form.write(directory);
    encoded.summary.write(directory);
    put_part(directory, &encoded.pages);
    put_part(directory, &encoded.head);
    put_varint(directory, encoded.body.len() as u64);
}

fn write_chunk(table: &Table, (device, order): (u32, u64), directory: &[u8], body: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&MAGIC_2.to_le_bytes());
    out.extend_from_slice(&device.to_le_bytes());
    out.extend_from_slice(&order.to_le_bytes());
    out.extend_from_slice(&(table.times.len() as u32).to_le_bytes());
    out.extend_from_slice(&(table.columns.len() as u32).to_le_bytes());
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&(body.len() as u64).to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&out[start..]), directory);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(directory);
    out.extend_from_slice(body);
}

/// Some checksummed bytes of a chunk.
#[derive(Debug, Clone)]
pub(super) struct Part {
    offset: u64,
    length: usize,
    checksum: u32,
}

impl Part {
    /// Checked to lie within the chunk.
    pub(super) fn new(offset: u64, length: u64, checksum: u32, place: &ChunkPlace) -> Result<Self> {
        let fits = offset.checked_add(length).is_some_and(|end| end <= place.offset + place.length);
        if fits { Ok(Self { offset, length: length as usize, checksum }) } else { Err(damaged("a part of a chunk")) }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.length as u64
    }
}

pub(super) fn read_checked(file: &dyn DiskFile, part: &Part) -> Result<Vec<u8>> {
    let bytes = read(file, part.offset, part.length)?;
    if crc32c::crc32c(&bytes) == part.checksum { Ok(bytes) } else { Err(damaged("a column of a chunk")) }
}

fn read(file: &dyn DiskFile, offset: u64, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.read_at(&mut bytes, offset).map_err(|e| Error::io("read a chunk", e))?;
    Ok(bytes)
}

/// What a chunk says of one of its columns.
#[derive(Debug)]
pub(super) struct ColumnPlace {
    pub(super) id: u32,
    /// How many values there are, NaN included.
    pub(super) values: usize,
    pub(super) form: Form,
    pub(super) summary: Summary,
    pages: Part,
    head: Part,
    body: Part,
    /// Its pages, once they were needed.
    known: OnceLock<Arc<Vec<Page>>>,
}

/// The head of a chunk: enough to find and check what is in it.
#[derive(Debug)]
pub(super) enum Directory {
    One(chunk_v1::Directory),
    Two(Paged),
}

/// The head of a chunk of version 2.
#[derive(Debug)]
pub(super) struct Paged {
    /// The rows of each page.
    pub(super) pages: Vec<Range<usize>>,
    pub(super) times: Times,
    /// The times of each page, as far as they are known without decoding them.
    pub(super) spans: Vec<PageSpan>,
    /// The latest minute in which a row arrived.
    pub(super) latest_arrival: i64,
    arrivals: Part,
    pub(super) columns: Vec<ColumnPlace>,
}

impl Directory {
    /// Reads and checks the head of the chunk at `place`.
    pub(super) fn read(file: &dyn DiskFile, place: &ChunkPlace) -> Result<Self> {
        Self::read_counted(file, place, &mut 0)
    }

    /// As [`read`](Self::read), and adds how many bytes are read.
    pub(super) fn read_counted(file: &dyn DiskFile, place: &ChunkPlace, counted: &mut u64) -> Result<Self> {
        let available = file.length().map_err(|e| Error::io("measure a file of chunks", e))?;
        if place.offset.checked_add(place.length.max(HEADER as u64)).is_none_or(|end| end > available) {
            return Err(damaged("the end of a file of chunks"));
        }
        let header = read(file, place.offset, HEADER)?;
        let mut from = Reader::new(&header);
        let magic = from.u32()?;
        let (device, order, rows) = (from.u32()?, from.u64()?, from.u32()?);
        let (columns, directory_length, body) = (from.u32()? as usize, from.u32()? as usize, from.u64()?);
        let checksum = from.u32()?;
        let start = (HEADER + directory_length) as u64;
        let fits = start.checked_add(body) == Some(place.length) && rows == place.rows && rows > 0;
        if device != place.device || order != place.order || !fits {
            return Err(damaged("the head of a chunk"));
        }
        let directory = read(file, place.offset + HEADER as u64, directory_length)?;
        if crc32c::crc32c_append(crc32c::crc32c(&header[..HEADER - 4]), &directory) != checksum {
            return Err(damaged("the head of a chunk"));
        }
        *counted += start;
        let body = place.offset + start;
        match magic {
            MAGIC_1 => chunk_v1::Directory::parse(&directory, body, place, columns).map(Self::One),
            MAGIC_2 => match Paged::parse(&directory, body, place, columns)? {
                (paged, span) if span == (place.first, place.last) => Ok(Self::Two(paged)),
                _ => Err(damaged("the head of a chunk")),
            },
            _ => Err(damaged("the head of a chunk")),
        }
    }

    /// The whole chunk at that byte of a file, and where it is, as far as it can be told without the manifest.
    pub(super) fn find(file: &dyn DiskFile, number: u64, offset: u64) -> Result<(ChunkPlace, Table)> {
        let available = file.length().map_err(|e| Error::io("measure a file of chunks", e))?;
        if offset + HEADER as u64 > available {
            return Err(damaged("the end of a file of chunks"));
        }
        let header = read(file, offset, HEADER)?;
        let mut from = Reader::new(&header);
        let (magic, device, order, rows) = (from.u32()?, from.u32()?, from.u64()?, from.u32()?);
        let (columns, head, body) = (from.u32()? as usize, from.u32()? as usize, from.u64()?);
        let length = (HEADER as u64 + head as u64).saturating_add(body);
        let checksum = from.u32()?;
        if (magic != MAGIC_1 && magic != MAGIC_2) || rows == 0 || length > available - offset {
            return Err(damaged("the head of a chunk"));
        }
        let directory = read(file, offset + HEADER as u64, head)?;
        if crc32c::crc32c_append(crc32c::crc32c(&header[..HEADER - 4]), &directory) != checksum {
            return Err(damaged("the head of a chunk"));
        }
        let (layer, points, first, last) = (0, 0, 0, 0);
        let mut place = ChunkPlace { device, file: number, offset, length, order, layer, rows, points, first, last };
        let body = offset + (HEADER + head) as u64;
        let found = match magic {
            MAGIC_1 => Self::One(chunk_v1::Directory::parse(&directory, body, &place, columns)?),
            _ => Self::Two(Paged::parse(&directory, body, &place, columns)?.0),
        };
        let table = found.table(file)?;
        place.points = table.columns.iter().map(|column| column.values.len() as u64).sum();
        (place.first, place.last) = (table.times[0], table.times[table.times.len() - 1]);
        Ok((place, table))
    }

    /// Of each column its id, how many values it has and how many bytes they take.
    pub(super) fn columns(&self) -> Vec<(u32, usize, u64)> {
        match self {
            Self::One(one) => one.columns.iter().map(|c| (c.id, c.values, c.part.bytes())).collect(),
            Self::Two(two) => two.columns.iter().map(|c| (c.id, c.values, c.bytes())).collect(),
        }
    }

    /// About how many bytes it takes in memory once the pages of all columns are known.
    pub(super) fn bytes_in_memory(&self) -> usize {
        match self {
            Self::One(one) => size_of_val(&*one.columns) + size_of::<Self>(),
            Self::Two(two) => two.bytes_in_memory() + size_of::<Self>(),
        }
    }

    /// The whole chunk.
    pub(super) fn table(&self, file: &dyn DiskFile) -> Result<Table> {
        match self {
            Self::One(one) => {
                let times = one.times(file)?;
                let columns = one.columns.iter().map(|place| one.values(file, place)).collect::<Result<_>>()?;
                let mut arrived = Arrivals::default();
                arrived.push(times.len(), UNKNOWN);
                Ok(Table { times, columns, arrived })
            }
            Self::Two(two) => two.table(file),
        }
    }
}

impl ColumnPlace {
    fn read(from: &mut Reader<'_>, rows: usize) -> Result<Self> {
        let (id, values, form) = (from.varint()? as u32, from.count(rows)?, Form::read(from)?);
        let summary = Summary::read(from)?;
        let mut part = |checked: bool| {
            let length = usize::try_from(from.varint()?).map_err(|_| damaged("a part of a chunk"))?;
            Ok(Part { offset: 0, length, checksum: if checked { from.u32()? } else { 0 } })
        };
        let (pages, head, body) = (part(true)?, part(true)?, part(false)?);
        Ok(Self { id, values, form, summary, pages, head, body, known: OnceLock::new() })
    }

    /// Without the column's share of the times.
    fn bytes(&self) -> u64 {
        self.pages.bytes() + self.head.bytes() + self.body.bytes()
    }
}

impl Paged {
    /// From the bytes after the header; the body begins at `offset`. With the first and the last time.
    fn parse(bytes: &[u8], offset: u64, place: &ChunkPlace, count: usize) -> Result<(Self, (i64, i64))> {
        let mut from = Reader::new(bytes);
        let rows = place.rows as usize;
        let pages = read_cuts(&mut from, rows)?;
        let form = from.u8()?;
        let head = from.count(from.left())?;
        let (head, length) = (from.bytes(head)?, from.varint()?);
        let latest_arrival = unzigzag(from.varint()?);
        let (arrivals_length, checksum) = (from.varint()?, from.u32()?);
        let mut columns = Vec::with_capacity(count.min(bytes.len()));
        for _ in 0..count {
            columns.push(ColumnPlace::read(&mut from, rows)?);
        }
        let mut next = offset;
        let mut lay = |part: &mut Part| -> Result<()> {
            *part = Part::new(next, part.bytes(), part.checksum, place)?;
            next += part.bytes();
            Ok(())
        };
        columns.iter_mut().try_for_each(|column| lay(&mut column.pages))?;
        let mut arrivals = Part { offset: 0, length: arrivals_length as usize, checksum };
        let mut body = Part { offset: 0, length: length as usize, checksum: 0 };
        lay(&mut arrivals)?;
        lay(&mut body)?;
        columns.iter_mut().try_for_each(|column| lay(&mut column.head).and_then(|()| lay(&mut column.body)))?;
        let whole = next == place.offset + place.length && from.is_empty();
        let times = Times::read(form, head, rows, pages.len(), (body.offset, body.length))?;
        let spans = times.spans(&pages);
        let span = spans.first().zip(spans.last()).map(|(first, last)| (first.first, last.last));
        let rising = columns.is_sorted_by(|a, b| a.id < b.id);
        match span {
            Some(span) if whole && rising => Ok((Self { pages, times, spans, latest_arrival, arrivals, columns }, span)),
            _ => Err(damaged("the head of a chunk")),
        }
    }

    fn bytes_in_memory(&self) -> usize {
        let of_column = |column: &ColumnPlace| {
            let present = if column.values < self.rows() { column.values * size_of::<u16>() } else { 0 };
            size_of::<ColumnPlace>() + self.pages.len() * size_of::<Page>() + present
        };
        let pages = size_of_val(&*self.pages) + size_of_val(&*self.spans);
        pages + self.times.bytes_in_memory() + self.columns.iter().map(of_column).sum::<usize>()
    }

    pub(super) fn rows(&self) -> usize {
        self.pages.last().map_or(0, |rows| rows.end)
    }

    /// The one step between all times, where there is one and that is known without decoding them.
    pub(super) fn step(&self) -> Option<i64> {
        let [first, ..] = self.spans[..] else { return None };
        first.step.filter(|step| {
            let follows = |pair: &[PageSpan]| pair[1].first.wrapping_sub(pair[0].last) == *step;
            let alike = |span: &PageSpan| span.step == Some(*step) || span.first == span.last;
            self.spans.iter().all(alike) && self.spans.windows(2).all(follows)
        })
    }

    pub(super) fn column(&self, id: u32) -> Option<&ColumnPlace> {
        self.columns.binary_search_by_key(&id, |column| column.id).ok().map(|at| &self.columns[at])
    }

    /// A column, to be opened before a value is read. Adds how many bytes are read.
    pub(super) fn reader(&self, column: &ColumnPlace, file: &dyn DiskFile, read: &mut u64) -> Result<ColumnReader> {
        let pages = match column.known.get() {
            Some(pages) => Arc::clone(pages),
            None => {
                let pages = Arc::new(self.pages_of(column, file, read)?);
                Arc::clone(column.known.get_or_init(|| pages))
            }
        };
        Ok(ColumnReader::new(column.form, pages, column.body.offset, column.body.length))
    }

    fn pages_of(&self, column: &ColumnPlace, file: &dyn DiskFile, read: &mut u64) -> Result<Vec<Page>> {
        let bytes = read_checked(file, &column.pages)?;
        *read += column.pages.bytes();
        let pages = ColumnReader::pages_of(column.form, &bytes, &self.pages)?;
        if pages.iter().map(Page::count).sum::<usize>() != column.values {
            return Err(damaged("the pages of a column"));
        }
        Ok(pages)
    }

    /// Reads what is needed to decode the pages of a column.
    pub(super) fn open(&self, id: u32, reader: &mut ColumnReader, file: &dyn DiskFile, read: &mut u64) -> Result<()> {
        if reader.is_open() {
            return Ok(());
        }
        let column = self.column(id).ok_or_else(|| damaged("a column of a chunk"))?;
        let head = read_checked(file, &column.head)?;
        *read += column.head.bytes();
        reader.open(&head)
    }

    /// All times, by a reader of them.
    pub(super) fn all_times(&self, own: &mut Times, file: &dyn DiskFile, read: &mut u64) -> Result<Vec<i64>> {
        let mut all = Vec::with_capacity(self.rows());
        for (page, rows) in self.pages.iter().enumerate() {
            own.page(page, rows, file, read, &mut all)?;
        }
        Ok(all)
    }

    /// When each row arrived; `times` are all of the chunk.
    pub(super) fn arrivals(&self, file: &dyn DiskFile, times: &[i64], read: &mut u64) -> Result<Arrivals> {
        let bytes = read_checked(file, &self.arrivals)?;
        *read += self.arrivals.bytes();
        arrival_runs::read(&bytes, times)
    }

    /// Checks the summaries of columns and pages against the values; `table` is the whole chunk.
    pub(super) fn check_summaries(&self, table: &Table, file: &dyn DiskFile) -> Result<()> {
        let wrong = || damaged("a summary, which is not that of its values");
        for (place, column) in self.columns.iter().zip(&table.columns) {
            if !place.summary.describes(&column.values) {
                return Err(wrong());
            }
            let mut values = &column.values[..];
            for page in &*self.reader(place, file, &mut 0)?.pages {
                let (own, rest) = values.split_at_checked(page.count()).ok_or_else(wrong)?;
                if !page.summary.describes(own) {
                    return Err(wrong());
                }
                values = rest;
            }
        }
        Ok(())
    }

    fn table(&self, file: &dyn DiskFile) -> Result<Table> {
        let mut read = 0;
        let times = self.all_times(&mut self.times.clone(), file, &mut read)?;
        let arrived = self.arrivals(file, &times, &mut read)?;
        let column = |place: &ColumnPlace| {
            let mut reader = self.reader(place, file, &mut read)?;
            self.open(place.id, &mut reader, file, &mut read)?;
            let mut values = Vec::with_capacity(place.values);
            let mut present = Vec::new();
            for at in 0..reader.pages.len() {
                reader.values(at, file, &mut read, &mut values)?;
                let page = &reader.pages[at];
                let row = |place: usize| page.present.as_ref().map_or(place, |rows| usize::from(rows[place]));
                present.extend((0..page.count()).map(|place| (page.rows.start + row(place)) as u32));
            }
            let rows = (values.len() < times.len()).then_some(present);
            Ok(Column { id: place.id, values, rows })
        };
        let columns = self.columns.iter().map(column).collect::<Result<_>>()?;
        Ok(Table { times, columns, arrived })
    }
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

    fn arrived(rows: usize) -> Arrivals {
        (0..rows as i64).map(|row| row / 3 - 7).collect()
    }

    #[test]
    fn a_chunk_comes_back_whole_at_the_ends_of_time() {
        let cadence_with_gaps = (0..100).map(|row| i64::MIN + row * 60 + row / 40 * 1000).collect();
        let squares = (0..1500).map(|row| row * row * 1_000_000).collect();
        let ends = vec![i64::MIN, 0, i64::MAX];
        for times in [ends, vec![i64::MIN, i64::MAX], vec![0, 60, 120], vec![5, 6, 8], vec![7], cadence_with_gaps, squares]
        {
            let rows = times.len();
            let values: Vec<f64> = (0..rows).map(|row| row as f64).collect();
            let odd: Vec<u32> = (0..rows as u32).filter(|row| row % 2 == 1).collect();
            let sparse = Column { id: 9, values: vec![0.5; odd.len()], rows: Some(odd) };
            let columns = vec![Column { id: 4, values, rows: None }, sparse];
            let table = Table { times, columns, arrived: arrived(rows) };
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
        let table = Table { times, columns, arrived: arrived(50) };
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
        for end in 0..bytes.len() {
            disk.set_content("c", bytes[..end].to_vec());
            let file = disk.open("c").unwrap();
            assert!(Directory::read(&*file, &place).is_err(), "cut at {end}");
        }
    }
}
