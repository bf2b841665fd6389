//! Pages: the rows of a chunk cut at blocks of UTC, and what is kept of each page of a column beside its values.
//!
//! A bucket that is aligned to such blocks is answered from summaries alone (S17); any other decodes only the pages that its
//! borders cut. Layout in `docs/storage.md`.

use std::ops::Range;

use super::wire::{Reader, damaged, put_varint, unzigzag, zigzag};
use crate::energy::{Summary, Whole};
use crate::error::Result;

/// The most rows of a page: a week of quarters of an hour.
pub(super) const PAGE_ROWS: usize = 672;
/// Where blocks of time would leave fewer rows than this to a page, on average, pages are cut by rows.
const FEW_ROWS: usize = 64;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// The blocks of time that pages may be cut at; buckets that people ask for are made of them.
const BLOCKS: [i64; 15] = [
    SECOND,
    5 * SECOND,
    15 * SECOND,
    60 * SECOND,
    300 * SECOND,
    900 * SECOND,
    1800 * SECOND,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    6 * HOUR,
    8 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
];

/// How many rows each page has: cut where a block of time begins, the longest that has at most [`PAGE_ROWS`] rows at the
/// usual distance of the times.
pub(super) fn cut(times: &[i64]) -> Vec<usize> {
    if let Some(block) = block_for(times) {
        let mut counts: Vec<usize> = Vec::new();
        let mut current = None;
        for time in times {
            let own = time.div_euclid(block);
            match counts.last_mut() {
                Some(count) if current == Some(own) && *count < PAGE_ROWS => *count += 1,
                _ => counts.push(1),
            }
            current = Some(own);
        }
        if counts.len() <= times.len() / FEW_ROWS + 2 {
            return counts;
        }
    }
    times.chunks(PAGE_ROWS).map(<[i64]>::len).collect()
}

fn block_for(times: &[i64]) -> Option<i64> {
    let mut steps: Vec<i64> = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    if steps.is_empty() {
        return None;
    }
    let middle = steps.len() / 2;
    let usual = *steps.select_nth_unstable(middle).1;
    BLOCKS.into_iter().rev().find(|block| block / usual.max(1) <= PAGE_ROWS as i64)
}

/// Writes the counts of [`cut`], equal ones once.
pub(super) fn write_cuts(counts: &[usize], out: &mut Vec<u8>) {
    let runs: Vec<&[usize]> = counts.chunk_by(|a, b| a == b).collect();
    put_varint(out, runs.len() as u64);
    for run in runs {
        put_varint(out, run.len() as u64);
        put_varint(out, run[0] as u64);
    }
}

/// The rows of each page of a chunk with `rows` rows.
pub(super) fn read_cuts(from: &mut Reader<'_>, rows: usize) -> Result<Vec<Range<usize>>> {
    let (mut pages, mut start) = (Vec::new(), 0);
    for _ in 0..from.count(rows)? {
        let (repeats, count) = (from.count(rows - start)?, from.count(PAGE_ROWS)?);
        if count == 0 {
            return Err(damaged("the pages of a chunk"));
        }
        for _ in 0..repeats {
            let end = Some(start + count).filter(|end| *end <= rows).ok_or_else(|| damaged("the pages of a chunk"))?;
            pages.push(start..end);
            start = end;
        }
    }
    if start == rows { Ok(pages) } else { Err(damaged("the pages of a chunk")) }
}

/// What is known of one page of a column without its values.
#[derive(Debug, Clone)]
pub(super) struct Page {
    /// Its rows in the chunk.
    pub(super) rows: Range<usize>,
    /// Those of its rows that have a value, counted from its first; None: all.
    pub(super) present: Option<Vec<u16>>,
    /// All values are the same, bit for bit, and a number: `summary.first`. They are not stored.
    pub(super) constant: bool,
    pub(super) summary: Summary,
    /// The place among the pages that are stored, and of the first value among theirs.
    pub(super) stored: usize,
    pub(super) start: usize,
}

impl Page {
    /// How many values it has, NaN included.
    pub(super) fn count(&self) -> usize {
        self.present.as_ref().map_or(self.rows.len(), Vec::len)
    }

    pub(super) fn is_stored(&self) -> bool {
        !self.constant && self.count() > 0
    }
}

const PARTIAL: u8 = 1;
const CONSTANT: u8 = 2;
const RISING: u8 = 4;
const PLAIN: u8 = 8;

/// Writes what is known of pages, in their order. Where a page's integers are given, its summary is written as differences
/// between them, which are small, and else as it is.
pub(super) struct PageWriter<'a> {
    out: &'a mut Vec<u8>,
    last: i64,
}

impl<'a> PageWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, last: 0 }
    }

    pub(super) fn write(&mut self, page: &Page, whole: Option<&Whole>) {
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        self.out.push(
            flag(page.present.is_some(), PARTIAL)
                | flag(page.constant, CONSTANT)
                | flag(page.summary.rising, RISING)
                | flag(whole.is_none(), PLAIN),
        );
        if let Some(present) = &page.present {
            put_varint(self.out, present.len() as u64);
            write_present(present, page.rows.len(), self.out);
        }
        match whole {
            _ if page.count() == 0 => {}
            Some(whole) => self.write_whole(page.constant, whole),
            None if page.constant => self.out.extend_from_slice(&page.summary.first.to_bits().to_le_bytes()),
            None => write_plain(&page.summary, self.out),
        }
    }

    fn write_whole(&mut self, constant: bool, whole: &Whole) {
        put_varint(self.out, zigzag(whole.first - self.last));
        self.last = whole.last;
        if constant {
            return;
        }
        put_varint(self.out, (whole.first - whole.min) as u64);
        put_varint(self.out, (whole.max - whole.first) as u64);
        put_varint(self.out, zigzag(whole.last - whole.first));
        put_varint(self.out, zigzag((whole.sum - i128::from(whole.first) * i128::from(whole.count)) as i64));
    }
}

/// Reads what [`PageWriter`] wrote of the pages with these rows; `exponent` is that of a decimal column.
pub(super) fn read_pages(bytes: &[u8], cuts: &[Range<usize>], exponent: Option<u8>) -> Result<Vec<Page>> {
    let mut from = Reader::new(bytes);
    let (mut pages, mut last) = (Vec::with_capacity(cuts.len()), 0i64);
    let (mut stored, mut start) = (0, 0);
    for rows in cuts {
        let flags = from.u8()?;
        let present = if flags & PARTIAL > 0 { Some(read_present(&mut from, rows.len())?) } else { None };
        let constant = flags & CONSTANT > 0;
        let mut page = Page { rows: rows.clone(), present, constant, summary: Summary::EMPTY, stored, start };
        let (count, rising) = (page.count() as u64, flags & RISING > 0);
        page.summary = match exponent {
            _ if count == 0 => Summary::EMPTY,
            Some(exponent) if flags & PLAIN == 0 => {
                let whole = read_whole(&mut from, count, constant, rising, &mut last)?;
                Summary::of_whole(&whole, exponent)
            }
            None if flags & PLAIN == 0 => return Err(damaged("a page")),
            _ if constant => Summary::repeated(from.f64()?, count),
            _ => Summary { rows: count, rising, ..read_plain(&mut from, count)? },
        };
        if page.is_stored() {
            stored += 1;
            start += page.count();
        }
        pages.push(page);
    }
    if from.is_empty() { Ok(pages) } else { Err(damaged("the pages of a column")) }
}

fn read_whole(from: &mut Reader<'_>, count: u64, constant: bool, rising: bool, last: &mut i64) -> Result<Whole> {
    let first = last.wrapping_add(unzigzag(from.varint()?));
    *last = first;
    let sum = i128::from(first) * i128::from(count);
    let same = Whole { count, sum, min: first, max: first, first, last: first, rising };
    if constant {
        return Ok(same);
    }
    let min = first.wrapping_sub(from.varint()? as i64);
    let max = first.wrapping_add(from.varint()? as i64);
    *last = first.wrapping_add(unzigzag(from.varint()?));
    let sum = sum + i128::from(unzigzag(from.varint()?));
    Ok(Whole { min, max, last: *last, sum, ..same })
}

/// Which of the numbers of a plain summary are the same as one before, or zero.
mod same {
    pub(super) const ALL_NUMBERS: u8 = 1;
    pub(super) const MIN_IS_FIRST: u8 = 2;
    pub(super) const MAX_IS_FIRST: u8 = 4;
    pub(super) const MIN_IS_LAST: u8 = 8;
    pub(super) const MAX_IS_LAST: u8 = 16;
    pub(super) const NO_WHOLE: u8 = 32;
    pub(super) const NO_REST: u8 = 64;
    pub(super) const LAST_IS_FIRST: u8 = 128;
}

fn write_plain(summary: &Summary, out: &mut Vec<u8>) {
    let equal = |a: f64, b: f64| a.to_bits() == b.to_bits();
    let Summary { min, max, first, last, whole, rest, error, .. } = *summary;
    let known = [
        (summary.count == summary.rows, same::ALL_NUMBERS),
        (equal(min, first), same::MIN_IS_FIRST),
        (equal(max, first), same::MAX_IS_FIRST),
        (equal(min, last), same::MIN_IS_LAST),
        (equal(max, last), same::MAX_IS_LAST),
        (whole == 0, same::NO_WHOLE),
        (equal(rest, 0.0) && equal(error, 0.0), same::NO_REST),
        (equal(last, first), same::LAST_IS_FIRST),
    ];
    let mask = known.into_iter().filter(|(holds, _)| *holds).fold(0, |mask, (_, flag)| mask | flag);
    out.push(mask);
    if mask & same::ALL_NUMBERS == 0 {
        put_varint(out, summary.count);
    }
    let fields = [
        (first, 0),
        (last, same::LAST_IS_FIRST),
        (min, same::MIN_IS_FIRST | same::MIN_IS_LAST),
        (max, same::MAX_IS_FIRST | same::MAX_IS_LAST),
        (rest, same::NO_REST),
        (error, same::NO_REST),
    ];
    let written = fields.into_iter().filter(|(_, unless)| mask & unless == 0);
    let mut parts: Vec<Vec<u8>> = written.map(|(value, _)| cut_zeros(&value.to_bits().to_be_bytes())).collect();
    if mask & same::NO_WHOLE == 0 {
        // Of so few rows it is below 2^92.
        let zigzag = ((whole << 1) ^ (whole >> 127)) as u128;
        parts.push(cut_zeros(&zigzag.to_le_bytes()));
    }
    for pair in parts.chunks(2) {
        out.push(pair[0].len() as u8 | pair.get(1).map_or(0, |part| (part.len() as u8) << 4));
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// Without the zeros at the end: floats of single precision and small sums have many.
fn cut_zeros(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes[..length].to_vec()
}

/// Numbers whose lengths in bytes come first, two to a byte.
struct Cut<'a, 'b> {
    from: &'a mut Reader<'b>,
    lengths: &'b [u8],
    next: usize,
}

impl<'a, 'b> Cut<'a, 'b> {
    fn new(from: &'a mut Reader<'b>, count: usize) -> Result<Self> {
        let lengths = from.bytes(count.div_ceil(2))?;
        Ok(Self { from, lengths, next: 0 })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let length = usize::from(self.lengths[self.next / 2] >> (self.next % 2 * 4) & 15);
        self.next += 1;
        let mut bytes = [0; N];
        let into = bytes.get_mut(..length).ok_or_else(|| damaged("a page"))?;
        into.copy_from_slice(self.from.bytes(length)?);
        Ok(bytes)
    }

    fn float(&mut self) -> Result<f64> {
        self.take().map(|bytes| f64::from_bits(u64::from_be_bytes(bytes)))
    }
}

fn read_plain(from: &mut Reader<'_>, rows: u64) -> Result<Summary> {
    let mask = from.u8()?;
    let has = |flags: u8| mask & flags > 0;
    let count = if has(same::ALL_NUMBERS) { rows } else { from.count(rows as usize)? as u64 };
    let (of_min, of_max) = (same::MIN_IS_FIRST | same::MIN_IS_LAST, same::MAX_IS_FIRST | same::MAX_IS_LAST);
    let left_out = [same::LAST_IS_FIRST, of_min, of_max, same::NO_REST, same::NO_REST, same::NO_WHOLE];
    let mut cut = Cut::new(from, 1 + left_out.into_iter().filter(|flags| !has(*flags)).count())?;
    let first = cut.float()?;
    let mut take = |known: f64, flags: u8| if has(flags) { Ok(known) } else { cut.float() };
    let last = take(first, same::LAST_IS_FIRST)?;
    let of_first = |flag: u8| if has(flag) { first } else { last };
    let min = take(of_first(same::MIN_IS_FIRST), of_min)?;
    let max = take(of_first(same::MAX_IS_FIRST), of_max)?;
    let (rest, error) = (take(0.0, same::NO_REST)?, take(0.0, same::NO_REST)?);
    let zigzag = if has(same::NO_WHOLE) { 0 } else { u128::from_le_bytes(cut.take()?) };
    let whole = (zigzag >> 1) as i128 ^ -((zigzag & 1) as i128);
    Ok(Summary { count, min, max, first, last, whole, rest, error, ..Summary::EMPTY })
}

const EVEN: u8 = 0;
const RUNS: u8 = 1;
const BITMAP: u8 = 2;

/// Which rows of a page have a value: evenly spaced ones by first and step, a few runs as such, others as bits.
fn write_present(present: &[u16], rows: usize, out: &mut Vec<u8>) {
    let Some(first) = present.first() else { return };
    let step = present.get(1).map_or(1, |second| second - first);
    if present.windows(2).all(|pair| pair[1] - pair[0] == step) {
        out.push(EVEN);
        put_varint(out, u64::from(*first));
        put_varint(out, u64::from(step));
        return;
    }
    let mut runs = vec![RUNS];
    let mut end = 0;
    for run in present.chunk_by(|a, b| a + 1 == *b) {
        put_varint(&mut runs, u64::from(run[0] - end));
        put_varint(&mut runs, run.len() as u64);
        end = run[run.len() - 1] + 1;
    }
    let mut bits = vec![0u8; rows.div_ceil(8)];
    if runs.len() <= bits.len() {
        out.extend_from_slice(&runs);
        return;
    }
    present.iter().for_each(|row| bits[usize::from(row / 8)] |= 1 << (row % 8));
    out.push(BITMAP);
    out.extend_from_slice(&bits);
}

fn read_present(from: &mut Reader<'_>, rows: usize) -> Result<Vec<u16>> {
    let count = from.count(rows)?;
    let mut present: Vec<u16> = Vec::with_capacity(count);
    if count == 0 {
        return Ok(present);
    }
    match from.u8()? {
        EVEN => {
            let (first, step) = (from.count(rows)?, from.count(rows)?);
            present.extend((0..count).map(|place| (first + place * step).min(rows) as u16));
        }
        RUNS => {
            let mut end = 0;
            while present.len() < count {
                let (skipped, length) = (from.count(rows - end)?, from.count(count - present.len())?);
                let start = end + skipped;
                end = Some(start + length).filter(|end| *end <= rows).ok_or_else(|| damaged("the rows of a page"))?;
                present.extend(start as u16..end as u16);
            }
        }
        BITMAP => {
            let bits = from.bytes(rows.div_ceil(8))?;
            present.extend((0..rows as u16).filter(|row| bits[usize::from(row / 8)] >> (row % 8) & 1 == 1));
        }
        _ => return Err(damaged("the rows of a page")),
    }
    let fits = present.len() == count && present.is_sorted_by(|a, b| a < b);
    if fits && present.last().is_none_or(|last| usize::from(*last) < rows) {
        Ok(present)
    } else {
        Err(damaged("the rows of a page"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(first: i64, rows: i64) -> Vec<i64> {
        (0..rows).map(|row| (first + row) * 60 * SECOND).collect()
    }

    #[test]
    fn pages_are_blocks_of_utc() {
        // A row a minute: eight hours a page, the first one cut where the chunk begins.
        assert_eq!(cut(&minutes(480 * 1000 + 470, 1000)), [10, 480, 480, 30]);
        // A row a quarter of an hour: a week a page, an hour: as well.
        let quarters: Vec<i64> = (0..1000).map(|row| row * 900 * SECOND).collect();
        assert_eq!(cut(&quarters), [672, 328]);
        let hours: Vec<i64> = (0..400).map(|row| row * HOUR).collect();
        assert_eq!(cut(&hours), [168, 168, 64]);
        // A row a second with some jitter: five minutes a page.
        let jittered: Vec<i64> = (0..900).map(|row| row * SECOND + row * 7919 % 1000).collect();
        assert_eq!(cut(&jittered), [300, 300, 300]);
    }

    #[test]
    fn what_has_no_cadence_is_cut_by_rows() {
        let scattered: Vec<i64> = (0..1200).map(|row| row * row * 13 * SECOND).collect();
        let counts = cut(&scattered);
        assert!(counts.iter().all(|count| *count <= PAGE_ROWS) && counts.len() <= 1200 / FEW_ROWS + 2, "{counts:?}");
        assert_eq!(cut(&[i64::MIN, 0, i64::MAX]).iter().sum::<usize>(), 3);
        assert_eq!((cut(&[7]), cut(&[])), (vec![1], vec![]));
    }

    #[test]
    fn cuts_are_read_as_they_were_written() {
        let mut out = Vec::new();
        write_cuts(&[10, 480, 480, 30], &mut out);
        assert_eq!(read_cuts(&mut Reader::new(&out), 1000).unwrap(), [0..10, 10..490, 490..970, 970..1000]);
        assert!(read_cuts(&mut Reader::new(&out), 999).is_err());
        assert!(read_cuts(&mut Reader::new(&out), 1001).is_err());
    }

    #[test]
    fn every_way_of_being_present_comes_back() {
        let ways: [Vec<u16>; 6] = [
            vec![],
            vec![511],
            (0..512).step_by(7).collect(),
            (0..100).chain(200..512).collect(),
            (0..512u16).filter(|row| row % 7 * (row % 11) % 5 < 2).collect(),
            vec![3, 4, 9],
        ];
        for present in ways {
            let mut out = Vec::new();
            put_varint(&mut out, present.len() as u64);
            write_present(&present, 512, &mut out);
            assert!(out.len() <= 68);
            assert_eq!(read_present(&mut Reader::new(&out), 512).unwrap(), present);
            for end in 0..out.len() {
                let _ = read_present(&mut Reader::new(&out[..end]), 512);
            }
        }
    }

    #[test]
    fn plain_summaries_come_back_bit_for_bit() {
        let cases: [&[f64]; 7] = [
            &[1.0 / 3.0, 2.0 / 3.0, 0.1],
            &[0.0, 0.5, 0.0],
            &[f64::NAN, 3.0],
            &[f64::NAN],
            &[f64::INFINITY, -0.0, 2.0],
            &[-0.0, -0.0, 1e300],
            &[5.0, 4.0, 3.0, 3.5],
        ];
        for values in cases {
            let summary = Summary::of(values);
            let page = Page { rows: 0..values.len(), present: None, constant: false, summary, stored: 0, start: 0 };
            let mut out = Vec::new();
            PageWriter::new(&mut out).write(&page, None);
            let rows = std::slice::from_ref(&page.rows);
            let back = read_pages(&out, rows, None).unwrap();
            assert!(back[0].summary.same(&summary), "{values:?}");
            for end in 0..out.len() {
                assert!(read_pages(&out[..end], rows, None).is_err());
            }
        }
    }
}
