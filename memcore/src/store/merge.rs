//! The rows of one series in order of time, out of all sources of its device: each time once, as it arrived last (S8).
//!
//! Sources are read beside each other, and only where they overlap row by row: what lies between the rows of the others is
//! given on in one piece, whole pages and chunks by their summaries. A late row in a year of data costs the decoding of one
//! page.

use std::collections::VecDeque;

use super::cursor::Cursor;
use super::rows::{Ask, Out, Reach, Rows};
use super::snapshot::Snapshot;
use crate::error::Result;

/// Rows that are given on in one piece.
const PIECE: usize = 65_536;
/// Fewer rows than this are gathered before they are given on.
const FEW: usize = 64;

/// Merges the sources of one series.
#[derive(Debug)]
pub(super) struct Merge {
    column: u32,
    reach: Reach,
    /// Sources that begin later than what was given so far, in order of their first time.
    later: VecDeque<(i64, usize)>,
    active: Vec<Cursor>,
    gathered: Rows,
}

impl Merge {
    pub(super) fn new(device: &Snapshot, column: u32, reach: Reach) -> Self {
        let spans = device.sources.iter().map(|(_, span)| *span).zip(0..);
        let within = spans.filter(|((first, last), _)| *first <= reach.last && *last >= reach.first);
        let mut later: Vec<(i64, usize)> = within.map(|((first, _), source)| (first.max(reach.first), source)).collect();
        later.sort_unstable();
        Self { column, reach, later: later.into(), active: Vec::new(), gathered: Rows::default() }
    }

    /// Reads on, one piece; false where no row up to `until` is left.
    pub(super) fn step(&mut self, device: &mut Snapshot, until: i64, out: &mut Out<'_>) -> Result<bool> {
        let Some((at, time)) = self.lowest().filter(|(_, time)| *time <= until) else {
            self.give_gathered(out)?;
            return Ok(false);
        };
        let limit = self.next_of_others(at);
        let cursor = &mut self.active[at];
        if !cursor.is_exact() {
            let reach = self.reach;
            let ask = Ask { column: self.column, reach: &reach, limit };
            // The next page may go straight out: what was gathered comes before it.
            self.give_gathered(out)?;
            self.active[at].advance(device, &ask, out)?;
        } else if limit.is_none_or(|limit| limit > time) {
            let (times, values) = cursor.give(limit, PIECE);
            if times.len() < FEW {
                self.gathered.push(times, values);
            } else {
                give(&mut self.gathered, out)?;
                out.samples(times, values)?;
            }
            self.active[at].settle(device, &self.reach)?;
            if self.gathered.len() > 16 * FEW {
                self.give_gathered(out)?;
            }
        } else {
            self.choose(time, device, out)?;
        }
        self.active.retain(|cursor| !cursor.is_done());
        Ok(true)
    }

    /// Everything before this time was given; None where all was.
    pub(super) fn reached(&self) -> Option<i64> {
        self.active.iter().map(|cursor| cursor.next).chain(self.later.front().map(|(first, _)| *first)).min()
    }

    /// The active cursor with the earliest row, once all that may have one as early are active.
    fn lowest(&mut self) -> Option<(usize, i64)> {
        loop {
            let lowest = self.active.iter().enumerate().map(|(at, cursor)| (at, cursor.next)).min_by_key(|(_, time)| *time);
            match self.later.front() {
                Some((first, source)) if lowest.is_none_or(|(_, time)| *first <= time) => {
                    self.active.push(Cursor::new(*source, *first));
                    self.later.pop_front();
                }
                _ => return lowest,
            }
        }
    }

    /// From when on another source may have a row.
    fn next_of_others(&self, at: usize) -> Option<i64> {
        let others = self.active.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, cursor)| cursor.next);
        others.chain(self.later.front().map(|(first, _)| *first)).min()
    }

    /// Several sources have a row at `time`, or may have: looks at those where it is not known, or takes the last to arrive.
    fn choose(&mut self, time: i64, device: &mut Snapshot, out: &mut Out<'_>) -> Result<()> {
        if let Some(at) = self.active.iter().position(|cursor| cursor.next == time && !cursor.is_exact()) {
            let ask = Ask { column: self.column, reach: &self.reach, limit: Some(time) };
            return self.active[at].advance(device, &ask, out);
        }
        let mut chosen: Option<(usize, f64)> = None;
        for cursor in self.active.iter_mut().filter(|cursor| cursor.next == time) {
            let source = cursor.source;
            if let (_, [value]) = cursor.give(None, 1)
                && chosen.is_none_or(|(known, _)| source > known)
            {
                chosen = Some((source, *value));
            }
            cursor.settle(device, &self.reach)?;
        }
        if let Some((_, value)) = chosen {
            self.gathered.push(&[time], &[value]);
        }
        if self.gathered.len() > 16 * FEW { self.give_gathered(out) } else { Ok(()) }
    }

    fn give_gathered(&mut self, out: &mut Out<'_>) -> Result<()> {
        give(&mut self.gathered, out)
    }
}

fn give(gathered: &mut Rows, out: &mut Out<'_>) -> Result<()> {
    if gathered.len() > 0 {
        out.samples(&gathered.times, &gathered.values)?;
        gathered.clear();
    }
    Ok(())
}
