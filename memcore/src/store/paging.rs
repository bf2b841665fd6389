//! Reads one column of one chunk: as a whole by its summary, page by page by theirs, or decoded, whatever suffices.

use std::sync::Arc;

use super::chunk::{Directory, Paged};
use super::chunk_v1;
use super::column::ColumnReader;
use super::cost::Cost;
use super::disk::DiskFile;
use super::rows::{Ask, Out, Rows};
use super::snapshot::OpenChunk;
use super::times::PageSpan;
use super::wire::damaged;
use crate::energy::Run;
use crate::error::Result;

/// The pages of a column in a chunk, from the one that is next.
#[derive(Debug)]
pub(super) struct Paging {
    reader: ColumnReader,
    next: usize,
    /// Deleted ranges, both ends included.
    erased: Vec<(i64, i64)>,
    /// Whether some row of the chunk arrived later than what is asked for.
    masked: bool,
    /// Room that is filled again and again.
    pub(super) spare: Rows,
    times: Vec<i64>,
}

/// What is left to be read of a column once its chunk was looked at.
pub(super) enum Left {
    Nothing,
    Rows(Rows),
    Pages(Box<Paging>),
}

/// Gives all of the column by its summary where that is allowed, or says what there is to be read.
pub(super) fn enter(
    chunk: &mut OpenChunk,
    (first, last): (i64, i64),
    erased: Vec<(i64, i64)>,
    ask: &Ask<'_>,
    cost: &mut Cost,
    out: &mut Out<'_>,
) -> Result<Left> {
    let two = match &*chunk.directory {
        Directory::One(one) => return enter_v1(one, &*chunk.file, &erased, ask, cost),
        Directory::Two(two) => two,
    };
    let Some(place) = two.column(ask.column) else { return Ok(Left::Nothing) };
    let masked = two.latest_arrival > ask.reach.known;
    if !masked && erased.is_empty() && ask.may_be_run(first, last) && place.values > 0 {
        let step = two.step().filter(|_| place.values == two.rows());
        if out.run(&Run { first, last, step, summary: &place.summary })? {
            cost.pages_summarized += two.pages.len() as u64;
            cost.points_summarized += place.summary.rows;
            return Ok(Left::Nothing);
        }
    }
    let reader = two.reader(place, &*chunk.file, &mut cost.bytes_read)?;
    let next = two.spans.partition_point(|span| span.last < ask.reach.first);
    Ok(Left::Pages(Box::new(Paging { reader, next, erased, masked, spare: Rows::default(), times: Vec::new() })))
}

/// Version 1 has no pages that could be read by themselves, and sums that are not exact.
fn enter_v1(
    one: &chunk_v1::Directory,
    file: &dyn DiskFile,
    erased: &[(i64, i64)],
    ask: &Ask<'_>,
    cost: &mut Cost,
) -> Result<Left> {
    let Some(place) = one.columns.iter().find(|place| place.id == ask.column) else { return Ok(Left::Nothing) };
    let (times, column) = (one.times(file)?, one.values(file, place)?);
    cost.pages_decoded += 1;
    cost.points_decoded += column.values.len() as u64;
    cost.bytes_read += place.part.bytes();
    let samples = column.iter().map(|(row, value)| (times[row], value));
    let (times, values) = samples.filter(|(time, _)| ask.reach.reads(*time) && !hides(erased, *time)).unzip();
    Ok(Left::Rows(Rows { times, values }))
}

fn hides(erased: &[(i64, i64)], time: i64) -> bool {
    erased.iter().any(|(first, last)| (*first..=*last).contains(&time))
}

impl Paging {
    /// Goes to the next page that has a value; no row of it is earlier than the time that is returned.
    pub(super) fn find(&mut self, chunk: &OpenChunk, last: i64) -> Option<i64> {
        let Directory::Two(two) = &*chunk.directory else { return None };
        while self.reader.pages.get(self.next).is_some_and(|page| page.count() == 0) {
            self.next += 1;
        }
        self.reader.pages.get(self.next)?;
        Some(two.spans[self.next].first).filter(|first| *first <= last)
    }

    /// Gives on the next page and, for as long as none of their rows has to come back, those behind it; returns the rows of
    /// the last one if they have. After an error the page that it came from counts as given.
    pub(super) fn pages(
        &mut self,
        chunk: &mut OpenChunk,
        ask: &Ask<'_>,
        cost: &mut Cost,
        out: &mut Out<'_>,
    ) -> Result<Option<Rows>> {
        let directory = Arc::clone(&chunk.directory);
        let Directory::Two(two) = &*directory else { return Err(damaged("the pages of a column")) };
        loop {
            let rows = self.page(two, chunk, ask, cost, out);
            self.next += 1;
            let rows = rows?;
            let next = self.reader.pages.get(self.next).filter(|page| page.count() > 0).map(|_| two.spans[self.next]);
            let goes_on = next.is_some_and(|span| ask.may_be_run(span.first, span.last));
            if rows.is_some() || !goes_on || matches!(out, Out::Raw(_)) {
                return Ok(rows);
            }
        }
    }

    /// The next page: given by its summary, or decoded into `out`, or decoded and returned.
    fn page(
        &mut self,
        two: &Paged,
        chunk: &mut OpenChunk,
        ask: &Ask<'_>,
        cost: &mut Cost,
        out: &mut Out<'_>,
    ) -> Result<Option<Rows>> {
        let PageSpan { first, last, .. } = two.spans[self.next];
        if self.erased.iter().any(|(from, to)| *from <= first && last <= *to) {
            return Ok(None);
        }
        let untouched = !self.masked && self.erased.iter().all(|(from, to)| last < *from || *to < first);
        if untouched && ask.may_be_run(first, last) && self.give_run(two, chunk, cost, out)? {
            return Ok(None);
        }
        if untouched && ask.may_be_run(first, last) && self.give_parts(two, chunk, ask.column, cost, out)? {
            return Ok(None);
        }
        let whole = untouched && ask.is_alone(last) && ask.reach.reads(first) && ask.reach.reads(last);
        if let Out::Raw(rows) = out
            && whole
        {
            let before = rows.times.len();
            let decoded = self.decode(two, chunk, ask.column, cost, rows);
            if decoded.is_err() {
                rows.truncate(before);
            }
            return decoded.map(|()| None);
        }
        let mut rows = std::mem::take(&mut self.spare);
        rows.clear();
        self.decode(two, chunk, ask.column, cost, &mut rows)?;
        if !untouched {
            self.mask(chunk, ask, cost, &mut rows)?;
        }
        rows.cut(ask.reach.first, ask.reach.last);
        Ok(Some(rows))
    }

    fn give_run(&mut self, two: &Paged, chunk: &mut OpenChunk, cost: &mut Cost, out: &mut Out<'_>) -> Result<bool> {
        if matches!(out, Out::Raw(_)) {
            return Ok(false);
        }
        let page = &self.reader.pages[self.next];
        let PageSpan { mut first, mut last, mut step } = two.spans[self.next];
        if let Some(present) = &page.present {
            self.times.clear();
            chunk.times(two, self.next, &mut cost.bytes_read, &mut self.times)?;
            let row = |place: Option<&u16>| place.map_or(0, |row| usize::from(*row));
            (first, last) = (self.times[row(present.first())], self.times[row(present.last())]);
            step = None;
        }
        let run = Run { first, last, step, summary: &page.summary };
        if !out.run(&run)? {
            return Ok(false);
        }
        cost.pages_summarized += 1;
        cost.points_summarized += page.summary.rows;
        Ok(true)
    }

    /// Cuts the next page where buckets begin and gives each part by its summary, made of whole numbers that are never turned
    /// into values: that costs a fraction of it.
    fn give_parts(
        &mut self,
        two: &Paged,
        chunk: &mut OpenChunk,
        column: u32,
        cost: &mut Cost,
        out: &mut Out<'_>,
    ) -> Result<bool> {
        let span = two.spans[self.next];
        if out.border(span.first)?.is_none() {
            return Ok(false);
        }
        two.open(column, &mut self.reader, &*chunk.file, &mut cost.bytes_read)?;
        let page = &self.reader.pages[self.next];
        let count = page.count();
        let even = span.step.filter(|step| page.present.is_none() && *step > 0);
        self.times.clear();
        if even.is_none() {
            chunk.times(two, self.next, &mut cost.bytes_read, &mut self.times)?;
            if let Some(present) = &page.present {
                self.times = present.iter().map(|row| self.times[usize::from(*row)]).collect();
            }
        }
        let Some(numbers) = self.reader.whole(self.next, &*chunk.file, &mut cost.bytes_read)? else { return Ok(false) };
        let mut start = 0;
        while start < count {
            let time = |place: usize| even.map_or_else(|| self.times[place], |step| span.first + step * place as i64);
            let first = time(start);
            let border = out.border(first)?.unwrap_or(i64::MAX);
            let end = match even {
                _ if border >= span.last => count,
                Some(step) => ((border - span.first) / step) as usize + 1,
                None => start + self.times[start..].partition_point(|time| *time <= border),
            };
            let Some(summary) = numbers.summary(start..end) else { break };
            if !out.run(&Run { first, last: time(end - 1), step: even, summary: &summary })? {
                let times: Vec<i64> = (start..end).map(time).collect();
                self.spare.clear();
                numbers.values(start..end, &mut self.spare.values);
                out.samples(&times, &self.spare.values)?;
            }
            start = end;
        }
        cost.pages_decoded += 1;
        cost.points_decoded += count as u64;
        Ok(true)
    }

    /// Appends the samples of the next page.
    fn decode(&mut self, two: &Paged, chunk: &mut OpenChunk, column: u32, cost: &mut Cost, rows: &mut Rows) -> Result<()> {
        two.open(column, &mut self.reader, &*chunk.file, &mut cost.bytes_read)?;
        self.reader.values(self.next, &*chunk.file, &mut cost.bytes_read, &mut rows.values)?;
        let page = &self.reader.pages[self.next];
        match &page.present {
            None => chunk.times(two, self.next, &mut cost.bytes_read, &mut rows.times)?,
            Some(present) => {
                self.times.clear();
                chunk.times(two, self.next, &mut cost.bytes_read, &mut self.times)?;
                rows.times.extend(present.iter().map(|row| self.times[usize::from(*row)]));
            }
        }
        cost.pages_decoded += 1;
        cost.points_decoded += page.count() as u64;
        Ok(())
    }

    /// Leaves out what was deleted, and what arrived too late.
    fn mask(&mut self, chunk: &mut OpenChunk, ask: &Ask<'_>, cost: &mut Cost, rows: &mut Rows) -> Result<()> {
        let page = self.reader.pages[self.next].clone();
        let arrivals = if self.masked { chunk.arrivals(&mut cost.bytes_read)? } else { &[] };
        let row = |place: usize| page.rows.start + page.present.as_ref().map_or(place, |rows| usize::from(rows[place]));
        let known = |place: usize| arrivals.get(row(place)).is_none_or(|minute| *minute <= ask.reach.known);
        rows.retain(|place, time| known(place) && !hides(&self.erased, time));
        Ok(())
    }
}
