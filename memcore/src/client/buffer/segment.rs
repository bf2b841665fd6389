//! Segments: what one file of a buffer holds, found out by reading it, and how its rows become rows of this session.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::frame::{Found, Record, Window};
use super::medium::MediumFile;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, DeviceName};

/// The version of the format (B1).
pub(super) const FORMAT: u16 = 1;

/// What a segment is: its first record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begin {
    pub(super) format: u16,
    pub(super) device: DeviceName,
    pub(super) boot: u64,
    /// The first number of the run of the process that wrote it.
    pub(super) run: u64,
    /// The number from which its rows count.
    pub(super) first: u64,
    /// How many channels a row has.
    pub(super) channels: usize,
}

/// The head of a new segment. It stands twice, so that one damaged place does not make the rows unreadable.
pub(super) fn head(begin: &Begin, channels: &[Channel]) -> Result<Vec<u8>> {
    let json = |e: serde_json::Error| Error::new(ErrorKind::Internal, e.to_string());
    let mut out = Vec::new();
    for _ in 0..2 {
        let mut fits = Record::Begin(&serde_json::to_vec(begin).map_err(json)?).encode(&mut out);
        for (place, channel) in (0u16..).zip(channels) {
            let description = serde_json::to_vec(channel).map_err(json)?;
            fits &= Record::Channel { place, description: &description }.encode(&mut out);
        }
        if !fits {
            return Err(Error::invalid("a channel's description exceeds 65,000 bytes, expected less for a buffer on disk"));
        }
    }
    Ok(out)
}

/// One file, as far as it could be read.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: String,
    /// None until there is something in it.
    pub(super) file: Option<Arc<dyn MediumFile>>,
    pub(super) begin: Begin,
    /// What its rows hold.
    pub(super) channels: Arc<[Channel]>,
    /// Its length in the file.
    pub(super) bytes: u64,
    pub(super) rows: u64,
    /// The number of its last row; one less than `begin.first` where it has none.
    pub(super) last: u64,
}

impl Segment {
    /// Reads what it holds: its file, and behind that what is not in the file yet.
    pub(super) fn read(&self, pending: &[u8], into: &mut [u8], at: u64) -> io::Result<()> {
        let in_file = (self.bytes.saturating_sub(at) as usize).min(into.len());
        let (head, tail) = into.split_at_mut(in_file);
        if let (false, Some(file)) = (head.is_empty(), &self.file) {
            file.read_at(head, at)?;
        }
        if tail.is_empty() {
            return Ok(());
        }
        let at = (at + in_file as u64).saturating_sub(self.bytes) as usize;
        let piece = pending.get(at..).and_then(|rest| rest.get(..tail.len()));
        tail.copy_from_slice(piece.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    /// How many of its rows are not durable, given that everything up to `durable` is.
    pub(super) fn waiting(&self, durable: u64) -> u64 {
        self.rows.min(self.last.saturating_sub(durable.max(self.begin.first - 1)))
    }
}

/// What reading a segment through found out.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) segment: Option<Segment>,
    /// Rows that are known to be missing within it.
    pub(super) missing: u64,
    /// Bytes at its end that are no frame: torn, or damaged.
    pub(super) torn: u64,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) acknowledged: u64,
}

/// Reads a file through; `segment` is none where its head cannot be read.
pub(super) fn scan(name: &str, file: Arc<dyn MediumFile>) -> Result<Scanned> {
    let doing = |e| Error::io(format!("read {name} of the buffer"), e);
    let bytes = file.length().map_err(doing)?;
    let (mut window, mut offset) = (Window::default(), 0);
    let mut scanned = Scanned { segment: None, missing: 0, torn: 0, bytes, rows: 0, acknowledged: 0 };
    let (mut begin, mut described, mut last) = (None::<Begin>, Vec::<Option<Channel>>::new(), None);
    loop {
        match next(&mut window, &*file, offset, bytes) {
            // A disk that cannot read on: what lies behind it is lost, and the rest is not.
            Err(error) => {
                tracing::warn!(name, %error, "a segment of the buffer cannot be read to its end");
                scanned.torn = bytes - offset;
                break;
            }
            Ok(Err(torn)) => {
                scanned.torn = torn;
                break;
            }
            Ok(Ok(found)) => {
                offset = found.next;
                match found.record {
                    Record::Begin(json) if begin.is_none() => begin = Some(read_begin(name, json)?),
                    Record::Channel { place, description } => describe(&mut described, place, description),
                    Record::Row(row) => {
                        let expected = last.map_or(0, |last| last + 1);
                        scanned.missing += u64::from(row.offset.saturating_sub(expected));
                        (scanned.rows, last) = (scanned.rows + 1, Some(row.offset));
                    }
                    Record::Acknowledged(sequence) => scanned.acknowledged = scanned.acknowledged.max(sequence),
                    Record::Begin(_) => {}
                }
            }
        }
    }
    let (name, file, bytes, rows) = (name.to_owned(), Some(file), bytes - scanned.torn, scanned.rows);
    scanned.segment = begin.and_then(|begin| {
        let channels: Option<Arc<[Channel]>> = described.into_iter().collect();
        let channels = channels.filter(|channels| channels.len() == begin.channels)?;
        let last = last.map_or(begin.first - 1, |last| begin.first + u64::from(last));
        Some(Segment { name, file, begin, channels, bytes, rows, last })
    });
    Ok(scanned)
}

/// The next whole frame of a file.
pub(super) fn next<'w>(
    window: &'w mut Window,
    file: &dyn MediumFile,
    offset: u64,
    end: u64,
) -> io::Result<Result<Found<'w>, u64>> {
    window.next(&|into, at| file.read_at(into, at), offset, end)
}

fn read_begin(name: &str, json: &[u8]) -> Result<Begin> {
    #[derive(Deserialize)]
    struct FormatOnly {
        format: u16,
    }
    let unreadable = |e| Error::new(ErrorKind::Damaged, format!("{name} of the buffer: its head is no head: {e}"));
    let FormatOnly { format } = serde_json::from_slice(json).map_err(unreadable)?;
    if format != FORMAT {
        let message = format!("{name} of the buffer has format {format}, expected {FORMAT}: it was left as it is");
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let begin: Begin = serde_json::from_slice(json).map_err(unreadable)?;
    if begin.first == 0 {
        return Err(Error::new(
            ErrorKind::Damaged,
            format!("{name} of the buffer begins with number 0, expected 1 or more"),
        ));
    }
    Ok(begin)
}

fn describe(described: &mut Vec<Option<Channel>>, place: u16, description: &[u8]) {
    let place = usize::from(place);
    if described.len() <= place {
        described.resize(place + 1, None);
    }
    if described[place].is_none() {
        described[place] = serde_json::from_slice(description).ok();
    }
}

/// Where the values of a session's channels stand in the rows of a segment.
#[derive(Debug)]
pub(super) struct Places(Vec<Option<Place>>);

#[derive(Debug)]
struct Place {
    at: usize,
    /// From the description under which it was kept to the one of today, where unit or sign differ.
    convert: Option<Box<(Channel, Channel)>>,
}

impl Places {
    /// How rows of `kept` become rows of `today`, which has every channel of `kept`.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where a channel means something else today.
    pub(super) fn of(kept: &[Channel], today: &[Channel]) -> Result<Self> {
        let place = |today: &Channel| {
            let Some(at) = kept.iter().position(|kept| kept.name == today.name) else { return Ok(None) };
            Ok(Some(Place { at, convert: conversion(&kept[at], today)? }))
        };
        today.iter().map(place).collect::<Result<_>>().map(Self)
    }

    /// Appends one row of today, made of the values of a row that was kept.
    pub(super) fn row(&self, kept: &[Option<f64>], into: &mut Vec<Option<f64>>) {
        into.extend(self.0.iter().map(|place| {
            let place = place.as_ref()?;
            let value = (*kept.get(place.at)?)?;
            match &place.convert {
                None => Some(value),
                // A number that says "not measured" says nothing any more once it is converted.
                Some(both) if both.0.is_invalid(value) => None,
                Some(both) => Some(both.1.from_stored(both.0.to_stored(value))).filter(|value| value.is_finite()),
            }
        }));
    }
}

fn conversion(kept: &Channel, today: &Channel) -> Result<Option<Box<(Channel, Channel)>>> {
    let (before, now) = (kept.label_shift(), today.label_shift());
    let differs = if kept.quantity != today.quantity || kept.kind != today.kind {
        Some(format!("{} as {:?}, today {} as {:?}", kept.quantity, kept.kind, today.quantity, today.kind))
    } else {
        (before != now).then(|| format!("with labels moved by {before}, today by {now}"))
    };
    if let Some(differs) = differs {
        let message = format!(
            "channel {} of the buffer was described {differs}: expected the same meaning until its rows are sent",
            kept.name
        );
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    let same = (kept.unit, kept.sign) == (today.unit, today.sign);
    Ok((!same).then(|| Box::new((kept.clone(), today.clone()))))
}
