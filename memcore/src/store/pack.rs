//! Runs of numbers, compressed together with pco in pages, so that each page can be read without the others.
//!
//! The bytes of the pages lie behind each other; every [`GROUP`] of them has a checksum (S19), so that a short query reads
//! and checks a few kilobytes.

use pco::data_types::Number;
use pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use pco::{ChunkConfig, ModeSpec, PagingSpec};

use super::disk::DiskFile;
use super::wire::{Reader, damaged, put_varint};
use crate::error::{Error, ErrorKind, Result};

/// Pages that are read and checked together.
const GROUP: usize = 16;
const LEVEL: usize = 8;
/// The decoder reads in strides of 256 numbers, of 18 bytes at most: room behind the last page spares it a copy of pages.
const PADDING: usize = 5120;
/// What the tables of a decoder take at most, for two kinds of numbers in 2^12 states.
const DECODER_BYTES: usize = 2 * 4096 * 16;

/// Compressed pages: what is needed to read any of them, and they themselves.
#[derive(Debug, Default)]
pub(super) struct Packed {
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// Compresses `numbers`, split into pages of those counts, none of them zero.
pub(super) fn pack<T: Number>(numbers: &[T], counts: &[usize]) -> Result<Packed> {
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_mode_spec(ModeSpec::Auto)
        .with_paging_spec(PagingSpec::Exact(counts.to_vec()));
    let files = FileCompressor::default();
    let mut compressor = files.chunk_compressor(numbers, &config).map_err(internal)?;
    let mut meta = Vec::new();
    files.write_header(&mut meta).map_err(internal)?;
    compressor.write_meta(&mut meta).map_err(internal)?;
    let (mut body, mut lengths) = (Vec::new(), Vec::with_capacity(counts.len()));
    for page in 0..counts.len() {
        let start = body.len();
        compressor.write_page(page, &mut body).map_err(internal)?;
        lengths.push(body.len() - start);
    }
    let mut head = Vec::new();
    put_varint(&mut head, meta.len() as u64);
    head.extend_from_slice(&meta);
    lengths.iter().for_each(|length| put_varint(&mut head, *length as u64));
    write_checksums(&lengths, &body, &mut head);
    Ok(Packed { head, body })
}

/// Numbers of eight bytes as they are, in pages of those counts.
pub(super) fn raw(values: &[f64], counts: &[usize]) -> Packed {
    let body: Vec<u8> = values.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect();
    let lengths: Vec<usize> = counts.iter().map(|count| 8 * count).collect();
    let mut head = Vec::new();
    write_checksums(&lengths, &body, &mut head);
    Packed { head, body }
}

fn write_checksums(lengths: &[usize], body: &[u8], head: &mut Vec<u8>) {
    let mut rest = body;
    for group in lengths.chunks(GROUP) {
        let (bytes, after) = rest.split_at(group.iter().sum());
        head.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
        rest = after;
    }
}

fn internal(e: pco::errors::PcoError) -> Error {
    Error::new(ErrorKind::Internal, "cannot compress a column").caused_by(e)
}

/// Where the bytes of pages are in a file, and those that were read last.
#[derive(Debug, Clone)]
pub(super) struct PageBytes {
    offset: u64,
    /// Where each page ends, counted from `offset`.
    ends: Vec<usize>,
    checksums: Vec<u32>,
    group: Option<usize>,
    buffer: Vec<u8>,
}

impl PageBytes {
    /// Takes the checksums of pages of those lengths, which lie in `length` bytes of a file from `offset` on.
    fn new(
        lengths: impl Iterator<Item = Result<usize>>,
        from: &mut Reader<'_>,
        offset: u64,
        length: usize,
    ) -> Result<Self> {
        let (mut ends, mut end) = (Vec::new(), 0usize);
        for page in lengths {
            end = end.checked_add(page?).filter(|end| *end <= length).ok_or_else(|| damaged("the length of a page"))?;
            ends.push(end);
        }
        if end != length {
            return Err(damaged("the length of a page"));
        }
        let checksums = (0..ends.len().div_ceil(GROUP)).map(|_| from.u32()).collect::<Result<_>>()?;
        Ok(Self { offset, ends, checksums, group: None, buffer: Vec::new() })
    }

    fn end(&self, pages: usize) -> usize {
        if pages == 0 { 0 } else { self.ends[pages - 1] }
    }

    /// The bytes of a page and how many they are; more follow, to be read over but not to be used. Adds what it reads.
    fn page(&mut self, page: usize, file: &dyn DiskFile, read: &mut u64) -> Result<(&[u8], usize)> {
        let group = page / GROUP;
        let first = self.end(group * GROUP);
        if self.group != Some(group) {
            let length = self.end(self.ends.len().min((group + 1) * GROUP)) - first;
            self.group = None;
            // What another group left behind it is as good as zeros.
            self.buffer.resize(self.buffer.len().max(length + PADDING), 0);
            let bytes = &mut self.buffer[..length];
            file.read_at(bytes, self.offset + first as u64).map_err(|e| Error::io("read a chunk", e))?;
            if crc32c::crc32c(bytes) != self.checksums[group] {
                return Err(damaged("a column of a chunk"));
            }
            *read += length as u64;
            self.group = Some(group);
        }
        let start = self.end(page);
        Ok((&self.buffer[start - first..], self.ends[page] - start))
    }
}

/// Reads what [`pack`] wrote.
#[derive(Debug, Clone)]
pub(super) struct Unpacker<T: Number> {
    bytes: PageBytes,
    chunk: ChunkDecompressor<T>,
}

impl<T: Number> Unpacker<T> {
    /// From the head of so many pages, which lie in `length` bytes of a file from `offset` on.
    pub(super) fn new(from: &mut Reader<'_>, pages: usize, offset: u64, length: usize) -> Result<Self> {
        let meta = from.count(from.left())?;
        let meta = from.bytes(meta)?;
        let lengths: Vec<Result<usize>> = (0..pages.min(from.left())).map(|_| from.count(length)).collect();
        if lengths.len() != pages {
            return Err(damaged("the pages of a column"));
        }
        let bytes = PageBytes::new(lengths.into_iter(), from, offset, length)?;
        let (files, rest) = FileDecompressor::new(meta).map_err(bad)?;
        let (chunk, _) = files.chunk_decompressor::<T, _>(rest).map_err(bad)?;
        Ok(Self { bytes, chunk })
    }

    /// About how many bytes it takes in memory as long as no page is decoded.
    pub(super) fn bytes_in_memory(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.bytes.ends) + size_of_val(&*self.bytes.checksums) + DECODER_BYTES
    }

    /// Decodes a page of as many numbers as there is room for.
    pub(super) fn page(&mut self, page: usize, file: &dyn DiskFile, read: &mut u64, into: &mut [T]) -> Result<()> {
        let (bytes, length) = self.bytes.page(page, file, read)?;
        let mut reader = self.chunk.page_decompressor(bytes, into.len()).map_err(bad)?;
        let progress = reader.read(into).map_err(bad)?;
        let used = bytes.len() - reader.into_src().len();
        if progress.n_processed == into.len() && used <= length { Ok(()) } else { Err(damaged("compressed numbers")) }
    }
}

/// Reads what [`raw`] wrote.
#[derive(Debug)]
pub(super) struct RawPages(PageBytes);

impl RawPages {
    /// As [`Unpacker::new`], of pages with those counts.
    pub(super) fn new(
        from: &mut Reader<'_>,
        counts: impl Iterator<Item = usize>,
        offset: u64,
        length: usize,
    ) -> Result<Self> {
        PageBytes::new(counts.map(|count| Ok(8 * count)), from, offset, length).map(Self)
    }

    pub(super) fn page(&mut self, page: usize, file: &dyn DiskFile, read: &mut u64, into: &mut [f64]) -> Result<()> {
        let (bytes, length) = self.0.page(page, file, read)?;
        let (values, _) = bytes[..length].as_chunks::<8>();
        into.iter_mut().zip(values).for_each(|(into, bytes)| *into = f64::from_bits(u64::from_le_bytes(*bytes)));
        Ok(())
    }
}

fn bad(e: pco::errors::PcoError) -> Error {
    damaged("compressed numbers").caused_by(e)
}

/// Decodes all pages that version 1 wrote with those counts: lengths of head and pages, then they.
pub(super) fn unpack_v1<T: Number>(from: &mut Reader<'_>, counts: &[usize]) -> Result<Vec<T>> {
    let head_length = from.count(from.left())?;
    let lengths = counts.iter().map(|_| from.count(from.left())).collect::<Result<Vec<_>>>()?;
    let (files, rest) = FileDecompressor::new(from.bytes(head_length)?).map_err(bad)?;
    let (mut chunk, _) = files.chunk_decompressor::<T, _>(rest).map_err(bad)?;
    let mut numbers = vec![T::default(); counts.iter().sum()];
    let mut at = 0;
    for (count, length) in counts.iter().zip(&lengths) {
        let bytes = from.bytes(*length)?;
        let into = &mut numbers[at..at + count];
        let progress = chunk.page_decompressor(bytes, *count).and_then(|mut page| page.read(into)).map_err(bad)?;
        if progress.n_processed != *count {
            return Err(damaged("compressed numbers"));
        }
        at += count;
    }
    Ok(numbers)
}
