//! Finding in the decision log what stood at a time: by halving within the segment, then backwards to the asset's last decision.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::record::{Answered, ControlEvent, Decided};
use super::segments::{LINE_BYTES, folder_of, list, read_between, read_line};
use crate::error::{Error, Result};
use crate::model::{Span, Timestamp};

/// Everything that stands is said again this often, so what was said longer ago than this and a little stands no more.
pub(crate) const SAID_AGAIN: Span = Span::from_seconds(900);
const STANDS: Span = Span::from_seconds(960);

/// How long after a decision its answer is looked for.
const ANSWER_WITHIN: Span = Span::from_seconds(60);

/// What is read at once.
const BLOCK: u64 = 1 << 20;

/// What the log says of a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stood {
    /// That decision stood, and this became of its order where that is known.
    Decided(Box<Decided>, Option<Answered>),
    /// Control was paused, stopped, or had just begun.
    Not(ControlEvent),
    /// The log says nothing of that time; this is the last that it says before, where there is anything.
    Unknown(Option<Timestamp>),
}

/// What stood of an asset at a time. `is_asked` says which decisions are those of the asset.
pub(crate) fn stood_at(site: &Path, at: Timestamp, is_asked: impl Fn(&Decided) -> bool) -> Result<Stood> {
    let folder = folder_of(site);
    if !folder.exists() {
        return Ok(Stood::Unknown(None));
    }
    let mut segments = list(&folder)?;
    while let Some((_, path)) = segments.pop() {
        let failed = |e| Error::io(format!("read {}", path.display()), e);
        let mut file = match File::open(&path) {
            // The oldest may go while it is read.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => break,
            file => file.map_err(failed)?,
        };
        let length = file.metadata().map_err(failed)?.len();
        let after = first_after(&mut file, length, at).map_err(failed)?;
        let earlier: Vec<PathBuf> = segments.iter().map(|(_, path)| path.clone()).collect();
        let stood = backwards(&mut file, after, at, &earlier, &is_asked).map_err(failed)?;
        let Some(stood) = stood else { continue };
        return match stood {
            Stood::Decided(decided, None) => {
                let answer = answer_after(&mut file, after, length, &decided, &is_asked).map_err(failed)?;
                Ok(Stood::Decided(decided, answer))
            }
            stood => Ok(stood),
        };
    }
    Ok(Stood::Unknown(None))
}

/// Where the first record begins that is later than `at`; the length of the segment where there is none.
fn first_after(file: &mut File, length: u64, at: Timestamp) -> std::io::Result<u64> {
    let (mut low, mut high) = (0, length);
    while high - low > 2 * LINE_BYTES {
        let middle = low + (high - low) / 2;
        match record_from(file, middle, high)? {
            Some((start, event)) if event.time() <= at => low = start,
            _ => high = middle,
        }
    }
    // Within a few lines of the border: one after the other.
    let from = low.saturating_sub(LINE_BYTES);
    let bytes = read_between(file, from, (high + 2 * LINE_BYTES).min(length))?;
    let mut start = if from == 0 { 0 } else { line_after(&bytes, 0).unwrap_or(bytes.len()) };
    while let Some(end) = line_after(&bytes, start) {
        if read_line(&bytes[start..end - 1]).is_some_and(|event| event.time() > at) {
            return Ok(from + start as u64);
        }
        start = end;
    }
    Ok(from + start as u64)
}

/// The first whole record that begins after `from`, and where.
fn record_from(file: &mut File, from: u64, to: u64) -> std::io::Result<Option<(u64, ControlEvent)>> {
    let bytes = read_between(file, from, (from + 2 * LINE_BYTES).min(to))?;
    let Some(mut start) = line_after(&bytes, 0) else { return Ok(None) };
    while let Some(end) = line_after(&bytes, start) {
        if let Some(event) = read_line(&bytes[start..end - 1]) {
            return Ok(Some((from + start as u64, event)));
        }
        start = end;
    }
    Ok(None)
}

/// Where the line after the next line end begins.
fn line_after(bytes: &[u8], from: usize) -> Option<usize> {
    bytes[from..].iter().position(|byte| *byte == b'\n').map(|end| from + end + 1)
}

/// The newest that stands before `after`, and in the segments before; None where the segment begins later than `at`.
fn backwards(
    file: &mut File,
    after: u64,
    at: Timestamp,
    earlier: &[PathBuf],
    is_asked: &impl Fn(&Decided) -> bool,
) -> std::io::Result<Option<Stood>> {
    let mut search = Search { at, is_asked, answered: Vec::new(), newest: None };
    if let Some(stood) = search.segment(file, after)? {
        return Ok(Some(stood));
    }
    if search.newest.is_none() {
        return Ok(None);
    }
    for path in earlier.iter().rev() {
        let Ok(mut file) = File::open(path) else { break };
        let length = file.metadata()?.len();
        if let Some(stood) = search.segment(&mut file, length)? {
            return Ok(Some(stood));
        }
    }
    Ok(Some(Stood::Unknown(search.newest)))
}

struct Search<'a, F> {
    at: Timestamp,
    is_asked: &'a F,
    /// What was answered since, of all assets: which is asked for is seen at its decision.
    answered: Vec<Answered>,
    newest: Option<Timestamp>,
}

impl<F: Fn(&Decided) -> bool> Search<'_, F> {
    /// Goes through a segment backwards from `end`.
    fn segment(&mut self, file: &mut File, mut end: u64) -> std::io::Result<Option<Stood>> {
        let mut rest = Vec::new();
        while end > 0 {
            let start = end.saturating_sub(BLOCK);
            let mut bytes = read_between(file, start, end)?;
            bytes.append(&mut rest);
            let whole = if start == 0 { 0 } else { line_after(&bytes, 0).unwrap_or(bytes.len()) };
            for line in bytes[whole..].split(|byte| *byte == b'\n').rev() {
                if let Some(stood) = read_line(line).and_then(|event| self.take(event)) {
                    return Ok(Some(stood));
                }
            }
            bytes.truncate(whole);
            (rest, end) = (bytes, start);
        }
        Ok(None)
    }

    /// The next older record; an end where it decides.
    fn take(&mut self, event: ControlEvent) -> Option<Stood> {
        let newest = *self.newest.get_or_insert(event.time());
        if event.time().saturating_add(STANDS) < self.at {
            return Some(Stood::Unknown(Some(newest)));
        }
        match event {
            ControlEvent::Decided(decided) if (self.is_asked)(&decided) => {
                let same = |answered: &Answered| answered.asset == decided.asset;
                let answered = self.answered.drain(..).find(same).filter(|answered| is_of(answered, &decided));
                Some(Stood::Decided(decided, answered))
            }
            ControlEvent::Answered(answered) if self.answered.iter().all(|newer| newer.asset != answered.asset) => {
                self.answered.push(answered);
                None
            }
            ControlEvent::Paused { .. } | ControlEvent::Stopped { .. } | ControlEvent::Started { .. } => {
                Some(Stood::Not(event))
            }
            _ => None,
        }
    }
}

/// Whether an answer that came after a decision is that of its order or of one that renewed it, and not a late one of the order before.
fn is_of(answered: &Answered, decided: &Decided) -> bool {
    decided.value.is_none_or(|value| value == answered.value)
}

/// What became of the order of a decision, where it was heard soon after.
fn answer_after(
    file: &mut File,
    from: u64,
    length: u64,
    decided: &Decided,
    is_asked: &impl Fn(&Decided) -> bool,
) -> std::io::Result<Option<Answered>> {
    let late = decided.time.saturating_add(ANSWER_WITHIN);
    let bytes = read_between(file, from, (from + BLOCK).min(length))?;
    for event in bytes.split(|byte| *byte == b'\n').filter_map(read_line).take_while(|event| event.time() <= late) {
        match event {
            ControlEvent::Answered(answered) if answered.asset == decided.asset && is_of(&answered, decided) => {
                return Ok(Some(answered));
            }
            ControlEvent::Decided(later) if is_asked(&later) => return Ok(None),
            _ => {}
        }
    }
    Ok(None)
}
