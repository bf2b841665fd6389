//! The rows of one series in one source, from the first that is not given yet.

use super::paging::{self, Left, Paging};
use super::rows::{Ask, Out, Reach, Rows};
use super::snapshot::{Snapshot, Source};
use super::table::{Head, keep_last};
use crate::error::Result;

#[derive(Debug)]
pub(super) struct Cursor {
    /// The number of the source: of two with a value for one time, the higher holds (S8).
    pub(super) source: usize,
    /// No row that is left is earlier.
    pub(super) next: i64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing was looked at yet.
    Waiting,
    /// Pages are left.
    Pages(Box<Paging>),
    /// These rows are left from that one on, then pages.
    Rows(Rows, usize, Option<Box<Paging>>),
    Done,
}

impl Cursor {
    pub(super) fn new(source: usize, first: i64) -> Self {
        Self { source, next: first, state: State::Waiting }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether the row at `next` is at hand.
    pub(super) fn is_exact(&self) -> bool {
        matches!(self.state, State::Rows(..))
    }

    /// The rows at hand before `limit`, at most so many; they count as given, and [`settle`](Self::settle) must follow.
    pub(super) fn give(&mut self, limit: Option<i64>, most: usize) -> (&[i64], &[f64]) {
        let State::Rows(rows, at, _) = &mut self.state else { return (&[], &[]) };
        let start = *at;
        let left = &rows.times[start..];
        let left = &left[..left.len().min(most)];
        *at += limit.map_or(left.len(), |limit| left.partition_point(|time| *time < limit));
        (&rows.times[start..*at], &rows.values[start..*at])
    }

    /// Finds out what comes next, once rows were given.
    pub(super) fn settle(&mut self, device: &mut Snapshot, reach: &Reach) -> Result<()> {
        let State::Rows(rows, at, paging) = &mut self.state else { return Ok(()) };
        if let Some(time) = rows.times.get(*at) {
            self.next = *time;
            return Ok(());
        }
        match paging.take() {
            None => {
                self.state = State::Done;
                Ok(())
            }
            Some(mut paging) => {
                paging.spare = std::mem::take(rows);
                self.turn_to(paging, device, reach)
            }
        }
    }

    /// Waits at the next page that has a value within reach.
    fn turn_to(&mut self, mut paging: Box<Paging>, device: &mut Snapshot, reach: &Reach) -> Result<()> {
        self.state = State::Done;
        if let Some((chunk, _)) = device.chunk(self.source)?
            && let Some(next) = paging.find(chunk, reach.last)
        {
            self.next = next.max(reach.first);
            self.state = State::Pages(paging);
        }
        Ok(())
    }

    /// One step where no row is at hand: looks into the source, or gives its next page on, or decodes it. What is damaged
    /// and to be left out is passed over.
    pub(super) fn advance(&mut self, device: &mut Snapshot, ask: &Ask<'_>, out: &mut Out<'_>) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Waiting => match self.enter(device, ask, out)? {
                Left::Nothing => Ok(()),
                Left::Pages(paging) => self.turn_to(paging, device, ask.reach),
                Left::Rows(rows) => {
                    self.state = State::Rows(rows, 0, None);
                    self.settle(device, ask.reach)
                }
            },
            State::Pages(mut paging) => {
                let Some((chunk, cost)) = device.chunk(self.source)? else { return Ok(()) };
                let rows = match paging.pages(chunk, ask, cost, out) {
                    Ok(rows) => rows,
                    Err(e) => device.excuse(self.source, e).map(|()| None)?,
                };
                let Some(rows) = rows else { return self.turn_to(paging, device, ask.reach) };
                self.state = State::Rows(rows, 0, Some(paging));
                self.settle(device, ask.reach)
            }
            other => {
                self.state = other;
                Ok(())
            }
        }
    }

    fn enter(&self, device: &mut Snapshot, ask: &Ask<'_>, out: &mut Out<'_>) -> Result<Left> {
        let (source, span) = &device.sources[self.source];
        if let Source::Head(head) = source {
            let rows = rows_of_head(head, ask.column, ask.reach);
            device.cost.unsealed_points += rows.len() as u64;
            return Ok(Left::Rows(rows));
        }
        let (span, erased) = (*span, device.erased(self.source, ask.column));
        let Some((chunk, cost)) = device.chunk(self.source)? else { return Ok(Left::Nothing) };
        match paging::enter(chunk, span, erased, ask, cost, out) {
            Ok(left) => Ok(left),
            Err(e) => device.excuse(self.source, e).map(|()| Left::Nothing),
        }
    }
}

/// The rows of a head within reach, in order of time; of several of one time the one that arrived last (S8).
fn rows_of_head(head: &Head, column: u32, reach: &Reach) -> Rows {
    let Some(column) = head.columns.get(column as usize) else { return Rows::default() };
    let all_known = head.arrived.runs().iter().all(|(_, minute)| *minute <= reach.known);
    let arrived: Vec<i64> = if all_known { Vec::new() } else { head.arrived.iter().collect() };
    let known = |row: usize| arrived.get(row).is_none_or(|minute| *minute <= reach.known);
    let within = column.iter().filter(|(row, _)| reach.reads(head.times[*row]) && known(*row));
    let samples = within.map(|(row, value)| (head.times[row], value));
    if head.rising {
        let (times, values) = samples.unzip();
        return Rows { times, values };
    }
    let mut samples: Vec<(i64, f64)> = samples.collect();
    samples.sort_by_key(|(time, _)| *time);
    let (times, values) = keep_last(samples);
    Rows { times, values }
}
