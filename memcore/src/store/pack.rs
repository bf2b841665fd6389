//! Runs of numbers, compressed with pco in pages, so that one page can be read without the others.

use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, ModeSpec, PagingSpec};

use super::wire::{Reader, damaged, put_varint};
use crate::error::{Error, ErrorKind, Result};

/// Rows a page: small enough that a short query decodes little, large enough that summaries cost next to nothing.
pub(super) const PAGE_ROWS: usize = 2048;

const LEVEL: usize = 8;

/// Compresses `numbers`, split into pages of those counts (none zero), to `out`: lengths of head and pages, then they.
pub(super) fn pack<T: Number>(numbers: &[T], counts: &[usize], out: &mut Vec<u8>) -> Result<()> {
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_mode_spec(ModeSpec::Auto)
        .with_paging_spec(PagingSpec::Exact(counts.to_vec()));
    let files = FileCompressor::default();
    let mut compressor = files.chunk_compressor(numbers, &config).map_err(internal)?;
    let mut body = Vec::new();
    files.write_header(&mut body).map_err(internal)?;
    compressor.write_meta(&mut body).map_err(internal)?;
    let mut ends = vec![body.len()];
    for page in 0..counts.len() {
        compressor.write_page(page, &mut body).map_err(internal)?;
        ends.push(body.len());
    }
    let mut start = 0;
    for end in ends {
        put_varint(out, (end - start) as u64);
        start = end;
    }
    out.extend_from_slice(&body);
    Ok(())
}

fn internal(e: pco::errors::PcoError) -> Error {
    Error::new(ErrorKind::Internal, "cannot compress a column").caused_by(e)
}

/// Decodes the pages `wanted` of those that [`pack`] wrote with the same `counts`.
pub(super) fn unpack<T: Number>(from: &mut Reader<'_>, counts: &[usize], wanted: std::ops::Range<usize>) -> Result<Vec<T>> {
    let bad = |e: pco::errors::PcoError| damaged("compressed numbers").caused_by(e);
    let head_length = from.count(from.left())?;
    let lengths = counts.iter().map(|_| from.count(from.left())).collect::<Result<Vec<_>>>()?;
    let (files, rest) = FileDecompressor::new(from.bytes(head_length)?).map_err(bad)?;
    let (mut chunk, _) = files.chunk_decompressor::<T, _>(rest).map_err(bad)?;
    let mut numbers = vec![T::default(); counts[wanted.clone()].iter().sum()];
    let mut at = 0;
    for (page, (count, length)) in counts.iter().zip(&lengths).enumerate() {
        let bytes = from.bytes(*length)?;
        if !wanted.contains(&page) {
            continue;
        }
        let progress = chunk
            .page_decompressor(bytes, *count)
            .and_then(|mut reader| reader.read(&mut numbers[at..at + count]))
            .map_err(bad)?;
        if progress.n_processed != *count {
            return Err(damaged("compressed numbers"));
        }
        at += count;
    }
    Ok(numbers)
}
