//! Drawing rows to be sent: read from disk as they are sent, segment after segment (B7).

use super::frame::{Found, Record};
use super::{DiskBacklog, Kept};
use crate::client::backlog::{Correction, Drawn};

/// How far a session has drawn.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Cursor {
    /// The first number of the segment that is read.
    pub(super) segment: u64,
    pub(super) offset: u64,
    /// How many rows of the segment were read, and the last one's number.
    pub(super) seen: u64,
    last: u64,
    /// The last number that was drawn in this session, of whichever segment.
    pub(super) drawn: u64,
}

impl DiskBacklog {
    /// The cursor stands at the beginning of that segment.
    pub(super) fn enter_segment(&mut self, at: usize) {
        let first = self.segments.get(at).map_or(0, |kept| kept.segment.begin.first);
        self.cursor = Cursor { segment: first, drawn: self.cursor.drawn, ..Cursor::default() };
        self.window.forget();
    }

    pub(super) fn rewind(&mut self) {
        self.cursor.drawn = 0;
        self.enter_segment(0);
    }

    /// Draws the row at the cursor; false where there is none, or where it does not continue what was drawn.
    pub(super) fn draw_row(&mut self, correct: Correction<'_>, into: &mut Drawn) -> bool {
        let Some(at) = self.segments.iter().position(|kept| kept.segment.begin.first >= self.cursor.segment) else {
            return false;
        };
        if self.segments[at].segment.begin.first != self.cursor.segment {
            self.enter_segment(at);
        }
        let is_newest = at + 1 == self.segments.len();
        let Kept { segment, places } = &self.segments[at];
        let pending = if is_newest { &self.pending[..] } else { &[] };
        let end = segment.bytes + pending.len() as u64;
        let read = |into: &mut [u8], at: u64| segment.read(pending, into, at);
        match self.window.next(&read, self.cursor.offset, end) {
            Ok(Ok(Found { record: Record::Row(row), next, .. })) => {
                let sequence = segment.begin.first + u64::from(row.offset);
                let is_whole = row.values(segment.channels.len(), &mut self.scratch).is_some();
                if is_whole && sequence > self.durable {
                    if !into.continues_with(sequence) {
                        return false;
                    }
                    if into.times.is_empty() {
                        into.first = sequence;
                    }
                    // What an earlier process measured by its own clock cannot be corrected any more.
                    let own_run = segment.begin.run == self.run;
                    into.times.push(row.measured.time(if own_run { correct } else { &|_| None }));
                    places.row(&self.scratch, &mut into.values);
                }
                self.cursor.offset = next;
                if is_whole {
                    self.cursor.seen += 1;
                    (self.cursor.last, self.cursor.drawn) = (sequence, self.cursor.drawn.max(sequence));
                }
                true
            }
            Ok(Ok(Found { next, .. })) => {
                self.cursor.offset = next;
                true
            }
            outcome => {
                if let Err(e) = outcome {
                    let fault = format!("cannot read {}: {e}", segment.name);
                    // What is measured from now on is not put behind what cannot be read.
                    if is_newest {
                        self.rotate();
                    }
                    self.fault = Some(fault);
                }
                self.end_segment(at)
            }
        }
    }

    /// All of a segment was read; false where it is the newest.
    fn end_segment(&mut self, at: usize) -> bool {
        let segment = &mut self.segments[at].segment;
        // Damage since it was written, or since it was read through at the start (B3).
        if self.cursor.seen < segment.rows {
            self.damaged += segment.rows - self.cursor.seen;
            segment.rows = self.cursor.seen;
            segment.last = self.cursor.last.max(segment.begin.first - 1);
        }
        let has_next = at + 1 < self.segments.len();
        if has_next {
            self.enter_segment(at + 1);
        }
        has_next
    }
}
