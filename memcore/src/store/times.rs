//! The times of a chunk: one step between all, a few runs with one step each, or packed page by page.

use std::ops::Range;

use super::disk::DiskFile;
use super::pack::{Unpacker, pack};
use super::wire::{Reader, damaged, put_varint, unzigzag, zigzag};
use crate::error::Result;

pub(super) const REGULAR: u8 = 0;
pub(super) const PACKED: u8 = 1;
pub(super) const RUNS: u8 = 2;
/// Times are stored as runs where each has this many rows at least, on average: a cadence with gaps.
const ROWS_A_RUN: usize = 16;

/// Rows with one step between their times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TimeRun {
    /// The first of its rows.
    start: usize,
    rows: usize,
    first: i64,
    step: i64,
}

impl TimeRun {
    fn time(self, row: usize) -> i64 {
        self.first.wrapping_add(self.step.wrapping_mul((row - self.start) as i64))
    }
}

/// The runs of rising times.
fn runs(times: &[i64]) -> Vec<TimeRun> {
    let mut runs: Vec<TimeRun> = Vec::new();
    let mut before = 0i64;
    for (start, time) in times.iter().enumerate() {
        let step = time.wrapping_sub(before);
        before = *time;
        match runs.last_mut() {
            Some(run) if run.rows == 1 || run.step == step => {
                run.step = step;
                run.rows += 1;
            }
            _ => runs.push(TimeRun { start, rows: 1, first: *time, step: 0 }),
        }
    }
    runs
}

/// The times as the directory of a chunk and its body have them; `pages` are the rows of each page.
pub(super) struct EncodedTimes {
    pub(super) form: u8,
    /// What is needed to read them: the first and the step, the runs, or of packed ones the spans of pages and the head.
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
}

pub(super) fn encode(times: &[i64], pages: &[Range<usize>]) -> Result<EncodedTimes> {
    let runs = runs(times);
    let (mut head, mut body) = (Vec::new(), Vec::new());
    let form = match runs[..] {
        [run] => {
            head.extend_from_slice(&run.first.to_le_bytes());
            head.extend_from_slice(&run.step.to_le_bytes());
            REGULAR
        }
        _ if runs.len() <= times.len() / ROWS_A_RUN => {
            write_runs(&runs, &mut head);
            RUNS
        }
        _ => {
            write_spans(times, pages, &mut head);
            let counts: Vec<usize> = pages.iter().map(Range::len).collect();
            let packed = pack(times, &counts)?;
            head.extend_from_slice(&packed.head);
            body = packed.body;
            PACKED
        }
    };
    Ok(EncodedTimes { form, head, body })
}

fn write_runs(runs: &[TimeRun], out: &mut Vec<u8>) {
    put_varint(out, runs.len() as u64);
    let (mut first, mut step) = (0i64, 0i64);
    for run in runs {
        put_varint(out, run.rows as u64);
        put_varint(out, zigzag(run.first.wrapping_sub(first)));
        put_varint(out, zigzag(run.step.wrapping_sub(step)));
        (first, step) = (run.first, run.step);
    }
}

/// The runs of `rows` rows. They are checked to rise.
pub(super) fn read_runs(from: &mut Reader<'_>, rows: usize) -> Result<Vec<TimeRun>> {
    let (mut runs, mut start) = (Vec::new(), 0);
    let (mut first, mut step) = (0i64, 0i64);
    for _ in 0..from.count(rows)? {
        let count = from.count(rows - start)?;
        first = first.wrapping_add(unzigzag(from.varint()?));
        step = step.wrapping_add(unzigzag(from.varint()?));
        runs.push(TimeRun { start, rows: count, first, step });
        start += count;
    }
    check_runs(runs, rows)
}

fn check_runs(runs: Vec<TimeRun>, rows: usize) -> Result<Vec<TimeRun>> {
    let (mut next, mut before) = (0, None);
    for run in &runs {
        let last = i128::from(run.first) + i128::from(run.step as u64) * (run.rows as i128 - 1).max(0);
        let rises = before < Some(run.first) && (run.rows == 1 || run.step != 0) && i64::try_from(last).is_ok();
        if run.rows == 0 || !rises {
            return Err(damaged("the times of a chunk"));
        }
        before = Some(last as i64);
        next += run.rows;
    }
    if next == rows { Ok(runs) } else { Err(damaged("the times of a chunk")) }
}

fn write_spans(times: &[i64], pages: &[Range<usize>], out: &mut Vec<u8>) {
    let mut before = 0i64;
    for page in pages {
        let (first, last) = (times[page.start], times[page.end - 1]);
        put_varint(out, zigzag(first.wrapping_sub(before)));
        put_varint(out, last.wrapping_sub(first) as u64);
        before = last;
    }
}

fn read_spans(from: &mut Reader<'_>, pages: usize) -> Result<Vec<(i64, i64)>> {
    let mut spans: Vec<(i64, i64)> = Vec::new();
    let mut before = 0i64;
    for _ in 0..pages {
        let first = before.wrapping_add(unzigzag(from.varint()?));
        let last = first.wrapping_add(from.varint()? as i64);
        if last < first || spans.last().is_some_and(|(_, before)| *before >= first) {
            return Err(damaged("the times of a chunk"));
        }
        spans.push((first, last));
        before = last;
    }
    Ok(spans)
}

/// The times of a chunk, read page by page.
#[derive(Debug, Clone)]
pub(super) enum Times {
    Runs(Vec<TimeRun>),
    Packed(Box<PackedTimes>),
}

#[derive(Debug, Clone)]
pub(super) struct PackedTimes {
    spans: Vec<(i64, i64)>,
    pages: Unpacker<i64>,
    /// Decoded pages: they serve every column. Bound: the rows of a chunk.
    decoded: Vec<Option<Vec<i64>>>,
}

/// What is known of the times of a page without decoding them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PageSpan {
    pub(super) first: i64,
    pub(super) last: i64,
    /// The one step between its times, where there is one.
    pub(super) step: Option<i64>,
}

impl Times {
    /// From the head that [`encode`] made; packed pages lie in `length` bytes from `offset` on.
    pub(super) fn read(form: u8, head: &[u8], rows: usize, pages: usize, (offset, length): (u64, usize)) -> Result<Self> {
        let mut from = Reader::new(head);
        match form {
            REGULAR => {
                let run = TimeRun { start: 0, rows, first: from.i64()?, step: from.i64()? };
                check_runs(vec![run], rows).map(Self::Runs)
            }
            RUNS => read_runs(&mut from, rows).map(Self::Runs),
            PACKED => {
                let spans = read_spans(&mut from, pages)?;
                let unpacker = Unpacker::new(&mut from, pages, offset, length)?;
                let decoded = spans.iter().map(|_| None).collect();
                Ok(Self::Packed(Box::new(PackedTimes { spans, pages: unpacker, decoded })))
            }
            _ => Err(damaged("the times of a chunk")),
        }
    }

    /// About how many bytes it takes in memory as long as no page is decoded.
    pub(super) fn bytes_in_memory(&self) -> usize {
        match self {
            Self::Runs(runs) => size_of_val(&**runs),
            Self::Packed(packed) => {
                size_of_val(&*packed.spans) + size_of_val(&*packed.decoded) + packed.pages.bytes_in_memory()
            }
        }
    }

    /// What is known of the times of each page; `pages` are the rows of each, in order, and none is empty.
    pub(super) fn spans(&self, pages: &[Range<usize>]) -> Vec<PageSpan> {
        let runs = match self {
            Self::Packed(packed) => {
                return packed
                    .spans
                    .iter()
                    .map(|(first, last)| PageSpan { first: *first, last: *last, step: None })
                    .collect();
            }
            Self::Runs(runs) => runs,
        };
        let mut at = 0;
        let mut enter = |row: usize| {
            while runs[at].start + runs[at].rows <= row {
                at += 1;
            }
            runs[at]
        };
        let span = |rows: &Range<usize>| {
            let (from, to) = (enter(rows.start), enter(rows.end - 1));
            let step = (from.start == to.start && rows.len() > 1).then_some(from.step);
            PageSpan { first: from.time(rows.start), last: to.time(rows.end - 1), step }
        };
        pages.iter().map(span).collect()
    }

    /// Appends the times of a page. Adds how many bytes are read.
    pub(super) fn page(
        &mut self,
        page: usize,
        rows: &Range<usize>,
        file: &dyn DiskFile,
        read: &mut u64,
        out: &mut Vec<i64>,
    ) -> Result<()> {
        match self {
            Self::Runs(runs) => {
                let from = runs.partition_point(|run| run.start <= rows.start) - 1;
                for run in runs[from..].iter().take_while(|run| run.start < rows.end) {
                    let (start, end) = (rows.start.max(run.start), rows.end.min(run.start + run.rows));
                    let first = run.time(start);
                    out.extend((0..(end - start) as i64).map(|row| first.wrapping_add(run.step.wrapping_mul(row))));
                }
                Ok(())
            }
            Self::Packed(packed) => {
                out.extend_from_slice(packed.page(page, rows.len(), file, read)?);
                Ok(())
            }
        }
    }
}

impl PackedTimes {
    fn page(&mut self, page: usize, rows: usize, file: &dyn DiskFile, read: &mut u64) -> Result<&[i64]> {
        if self.decoded[page].is_none() {
            let mut times = vec![0; rows];
            self.pages.page(page, file, read, &mut times)?;
            let span = times.first().copied().zip(times.last().copied());
            if span != Some(self.spans[page]) || !times.is_sorted_by(|a, b| a < b) {
                return Err(damaged("the times of a chunk"));
            }
            self.decoded[page] = Some(times);
        }
        Ok(self.decoded[page].as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_runs_may_cross_a_gap() {
        let times: Vec<i64> = (0..100).map(|row| i64::MIN + row * 60 + row / 40 * 1000).collect();
        let pages = [0..30, 30..90, 90..100];
        let encoded = encode(&times, &pages).unwrap();
        assert_eq!(encoded.form, RUNS);
        let mut read = Times::read(encoded.form, &encoded.head, 100, 3, (0, 0)).unwrap();
        let file = super::super::simulated::SimulatedDisk::new();
        let file = super::super::disk::Disk::create(&file, "empty").unwrap();
        let (mut back, mut bytes) = (Vec::new(), 0);
        for (page, rows) in pages.iter().enumerate() {
            read.page(page, rows, &*file, &mut bytes, &mut back).unwrap();
        }
        assert_eq!(back, times);
        let span = |rows: Range<usize>, step| PageSpan { first: times[rows.start], last: times[rows.end - 1], step };
        assert_eq!(read.spans(&pages), [span(0..30, Some(60)), span(30..90, None), span(90..100, Some(60))]);
    }

    #[test]
    fn times_that_do_not_rise_are_damage() {
        let mut out = Vec::new();
        write_runs(&[TimeRun { start: 0, rows: 3, first: 5, step: 0 }], &mut out);
        assert!(read_runs(&mut Reader::new(&out), 3).is_err());
        out.clear();
        write_runs(&runs(&[1, 2, 3, 50, 51]), &mut out);
        assert!(read_runs(&mut Reader::new(&out), 5).is_ok());
        assert!(read_runs(&mut Reader::new(&out), 6).is_err());
        for end in 0..out.len() {
            assert!(read_runs(&mut Reader::new(&out[..end]), 5).is_err());
        }
    }
}
