//! The check of everything that is stored: checksums, and what must hold between them. What is damaged is named with the
//! device and the range of time that it touches, so that a person knows what is lost.

use std::collections::HashSet;
use std::fmt;

use super::chunk::{ChunkPlace, Directory};
use super::disk::{DiskFile, read_all};
use super::format::{number_in, numbered};
use super::log::{self, SegmentHead};
use super::manifest;
use super::shared::Shared;
use super::state::{CHUNKS, State};
use super::wire::damaged;
use crate::energy::Summary;
use crate::error::{Error, Result};
use crate::model::{DeviceName, Timestamp};

/// Something stored that is not what it must be.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Damage {
    /// The file, where it is in one.
    pub file: Option<String>,
    /// Where in the file, where that is known.
    pub offset: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// Whose data are touched, where only one device's are.
    pub device: Option<DeviceName>,
    /// The first time that is touched, where that is known.
    pub first: Option<Timestamp>,
    /// The last time that is touched.
    pub last: Option<Timestamp>,
}

impl Damage {
    pub(super) fn of(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    pub(super) fn in_file(file: &str, offset: u64, what: impl Into<String>) -> Self {
        Self { file: Some(file.to_owned()), offset: Some(offset), what: what.into(), ..Self::default() }
    }

    pub(super) fn of_chunk(file: &str, device: &DeviceName, place: &ChunkPlace, what: impl Into<String>) -> Self {
        let time = |micros| Some(Timestamp::from_micros(micros));
        let (first, last) = (time(place.first), time(place.last));
        Self { device: Some(device.clone()), first, last, ..Self::in_file(file, place.offset, what) }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.offset) {
            (Some(file), Some(offset)) => write!(f, "{file} at byte {offset}: ")?,
            (Some(file), None) => write!(f, "{file}: ")?,
            (None, _) => {}
        }
        f.write_str(&self.what)?;
        if let Some(device) = &self.device {
            write!(f, "; touches {device}")?;
        }
        if let (Some(first), Some(last)) = (self.first, self.last) {
            write!(f, " from {first} to {last}")?;
        }
        Ok(())
    }
}

/// What a check of everything found.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// How many bytes were read.
    pub bytes: u64,
    /// How many chunks were decoded.
    pub chunks: usize,
    /// What is damaged.
    pub damage: Vec<Damage>,
}

impl VerifyReport {
    /// Whether nothing is damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Checks everything; `progress` is told how many bytes of chunks of how many are done.
pub(super) fn run(shared: &Shared, progress: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<VerifyReport> {
    let found = shared.read().damage.clone();
    let mut report = VerifyReport { damage: found, ..VerifyReport::default() };
    chunks(shared, &mut report, progress)?;
    log_and_manifest(shared, &mut report)?;
    let files = shared.disk.list().map_err(|e| Error::io("list the store", e))?;
    // Files may have gone, or come back, since the store was opened.
    let gone = missing(&shared.read(), &files);
    report.damage.retain(|damage| damage.what != MISSING && gone.iter().all(|gone| gone.file != damage.file));
    report.damage.extend(gone);
    report.damage.sort_by_key(ToString::to_string);
    report.damage.dedup();
    Ok(report)
}

fn chunks(shared: &Shared, report: &mut VerifyReport, progress: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<()> {
    let mut chunks = Vec::new();
    {
        let state = shared.read();
        for device in &state.devices {
            let mut before = None;
            for place in &device.chunks {
                let file = numbered(CHUNKS, place.file);
                if before > Some((place.order, place.first)) {
                    report.damage.push(Damage::of_chunk(&file, &device.name, place, "chunks are out of order"));
                }
                before = Some((place.order, place.first));
                chunks.extend(state.file(place.file).map(|guard| (device.name.clone(), place.clone(), guard)));
            }
        }
    }
    let total = chunks.iter().map(|(_, place, _)| place.length).sum();
    let mut before = None;
    for (device, place, file) in chunks {
        if before.replace(place.file) != Some(place.file) {
            let header = file.open().and_then(|open| file.check_header(&*open));
            report.damage.extend(header.err().map(|e| Damage::in_file(&file.name, 0, e.message())));
        }
        let checked = file.open().and_then(|open| check(&*open, &place));
        report.chunks += 1;
        report.bytes += place.length;
        if let Err(e) = checked {
            report.damage.push(Damage::of_chunk(&file.name, &device, &place, e.message()));
        }
        progress(report.bytes, total)?;
    }
    Ok(())
}

/// Decodes a chunk and compares it with what its head and the manifest say of it.
pub(super) fn check(file: &dyn DiskFile, place: &ChunkPlace) -> Result<()> {
    let directory = Directory::read(file, place)?;
    let table = directory.table(file)?;
    if table.times.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(damaged("times, which do not rise"));
    }
    if (table.times.first(), table.times.last()) != (Some(&place.first), Some(&place.last)) {
        return Err(damaged("times, which the manifest has otherwise"));
    }
    let points: u64 = table.columns.iter().map(|column| column.values.len() as u64).sum();
    if table.times.len() != place.rows as usize || points != place.points {
        return Err(damaged("the count of values, which the manifest has otherwise"));
    }
    match &directory {
        Directory::One(_) => Ok(()),
        Directory::Two(paged) => paged.check_summaries(&table, file),
    }
}

/// What is written meanwhile may look torn, so nothing is held against the ends of the files.
fn log_and_manifest(shared: &Shared, report: &mut VerifyReport) -> Result<()> {
    for name in shared.disk.list().map_err(|e| Error::io("list the store", e))? {
        let segment = number_in(&name, log::PREFIX);
        if segment.is_none() && name != manifest::NAME {
            continue;
        }
        // A segment may have been trimmed since the list was made.
        let Ok(bytes) = read_all(&*shared.disk, &name) else { continue };
        report.bytes += bytes.len() as u64;
        let checked = match segment {
            None => manifest::read(&bytes).map(|_| Vec::new()),
            Some(id) => SegmentHead::read(id, &bytes)
                .and_then(|head| log::scan(&bytes, head.first_frame, None, &mut |_, _| Ok(())))
                .map(|scanned| scanned.damage),
        };
        match checked {
            Ok(ranges) => report.damage.extend(ranges.iter().map(|range| of_log(&name, range))),
            Err(e) => report.damage.push(Damage { file: Some(name), ..Damage::of(e.message()) }),
        }
    }
    Ok(())
}

/// A stretch of a segment that fails its checksum.
pub(super) fn of_log(name: &str, range: &std::ops::Range<u64>) -> Damage {
    Damage::in_file(name, range.start, format!("fails a checksum in {} bytes", range.end - range.start))
}

/// The chunks whose files are not there.
pub(super) fn missing(state: &State, files: &[String]) -> Vec<Damage> {
    let files: HashSet<&str> = files.iter().map(String::as_str).collect();
    let gone: HashSet<u64> = state.file_numbers().filter(|number| !files.contains(&*numbered(CHUNKS, *number))).collect();
    let places = state.devices.iter().flat_map(|device| device.chunks.iter().map(move |place| (device, place)));
    let gone = places.filter(|(_, place)| gone.contains(&place.file));
    gone.map(|(device, place)| Damage::of_chunk(&numbered(CHUNKS, place.file), &device.name, place, MISSING)).collect()
}

/// What is said of a file of chunks that is not there.
const MISSING: &str = "the file is missing";

impl Summary {
    /// Whether it is that of these values. How the rest of a sum was rounded depends on how it was made up.
    pub(super) fn describes(&self, values: &[f64]) -> bool {
        let own = Self::of(values);
        let counts = (self.count, self.rows, self.whole, self.rising) == (own.count, own.rows, own.whole, own.rising);
        counts && self.min == own.min && self.max == own.max && self.first == own.first && self.last == own.last
    }
}
