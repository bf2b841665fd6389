//! Takes existing history in from files: CSV, Parquet and Arrow, in the long or the wide layout.

mod arrow;
mod csv;
mod sink;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek};
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

use self::sink::Sink;
use super::embedded::Memcore;
use super::frame::{FrameOptions, Rows};
use super::progress::Progress;
use crate::error::{Error, Result};
use crate::model::{Channel, SeriesName, Timestamp, Unit};

/// Rows that are read at a time.
const ROWS: usize = 16_384;

/// A file to take history in from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ImportRequest {
    /// CSV (plain or gzip), Parquet, an Arrow file or stream: told by its first bytes.
    pub file: PathBuf,
    /// How its columns are to be read. A wide file without whole series in its header needs the device.
    pub frame: FrameOptions,
    /// The zone of times in CSV without one; UTC by default.
    pub zone: Option<String>,
    /// Reads and checks everything, and writes nothing.
    pub dry_run: bool,
}

impl ImportRequest {
    /// All of that file.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let frame = FrameOptions { keep_nan: true, ..FrameOptions::default() };
        Self { file: file.into(), frame, zone: None, dry_run: false }
    }
}

/// What an import did, or with `dry_run` would do.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct ImportReport {
    /// Rows read.
    pub rows: u64,
    /// Values stored.
    pub points: u64,
    /// Values that were there already, bit for bit.
    pub repeated: u64,
    /// Empty cells: gaps, which stay gaps.
    pub gaps: u64,
    /// Values that say "not measured", by what their channel declares: gaps too.
    pub invalid: u64,
    /// Values outside the range that their channel declares: gaps too.
    pub out_of_range: u64,
    /// The earliest time of a value.
    #[serde(skip_serializing_if = "Option::is_none", rename = "first_us")]
    pub first: Option<Timestamp>,
    /// The latest.
    #[serde(skip_serializing_if = "Option::is_none", rename = "last_us")]
    pub last: Option<Timestamp>,
    /// The series of the file, in order of their names.
    pub series: Vec<ImportedSeries>,
}

/// A series of an imported file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImportedSeries {
    /// Its name.
    pub series: SeriesName,
    /// The unit of the file.
    pub unit: Unit,
    /// Whether it was not registered before.
    pub new: bool,
    /// Values in the file, those that were there already included.
    pub points: u64,
}

/// Where rows come from.
trait Source {
    /// The next rows; none at the end. After an error there are no more.
    fn next(&mut self) -> Result<Option<Vec<Rows>>>;

    /// Which part of the file is read.
    fn part(&self) -> Option<f64>;

    /// Whether values are as stored, in passive sign, because memcore wrote the file; else as their source counts.
    fn is_stored_form(&self) -> bool;

    /// The descriptions that the file has of its series.
    fn channels(&self) -> BTreeMap<SeriesName, Channel> {
        BTreeMap::new()
    }
}

/// Imports a file. Doing it again changes nothing: values that are there already are not written again. `progress` is told
/// how far it is; an error of it ends the import.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid), naming row, column and value; what stands before that row is stored.
/// [`NotFound`](crate::ErrorKind::NotFound) for a series that is neither registered nor has a unit.
pub fn import_file(
    memcore: &Memcore,
    request: &ImportRequest,
    progress: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<ImportReport> {
    let started = Instant::now();
    let named = |e: Error| e.context(request.file.display());
    let mut source = open(request)?;
    let mut sink = Sink::new(memcore, request, &*source).map_err(named)?;
    let ended = loop {
        match source.next() {
            Ok(Some(rows)) => rows.into_iter().try_for_each(|rows| sink.take(rows)).map_err(named)?,
            Ok(None) => break Ok(()),
            Err(e) => break Err(named(e)),
        }
        let (rows, points) = sink.counted();
        progress(&Progress { rows, points, part: source.part(), ..Progress::default() }.at(started))?;
    };
    // What stands before a bad row is as good as if the file ended there.
    let report = sink.finish()?;
    ended.map(|()| report)
}

fn open(request: &ImportRequest) -> Result<Box<dyn Source>> {
    let path = request.file.display();
    let failed = |e| Error::io(format!("read {path}"), e);
    let file = File::open(&request.file).map_err(|e| Error::io(format!("open {path}"), e))?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut start = BufReader::with_capacity(16, file);
    let magic = start.fill_buf().map_err(failed)?.to_vec();
    let mut file = start.into_inner();
    file.rewind().map_err(failed)?;
    let opened: Result<Box<dyn Source>> = match &magic[..] {
        [b'P', b'A', b'R', b'1', ..] => arrow::parquet(file, request),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => arrow::ipc_file(file, request),
        [0xff, 0xff, 0xff, 0xff, ..] => arrow::ipc_stream(file, bytes, request),
        _ => csv::open(file, bytes, request),
    };
    opened.map_err(|e| e.context(path))
}

/// How much of a file was read.
#[derive(Debug)]
struct Counted<R> {
    inner: R,
    read: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl<R: std::io::Read> std::io::Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        self.read.fetch_add(read as u64, std::sync::atomic::Ordering::Relaxed);
        Ok(read)
    }
}

/// The part of a file that a reader of it has taken.
#[derive(Debug, Clone)]
struct Part {
    read: std::sync::Arc<std::sync::atomic::AtomicU64>,
    bytes: u64,
}

impl Part {
    fn of<R>(inner: R, bytes: u64) -> (Counted<R>, Self) {
        let read = std::sync::Arc::default();
        (Counted { inner, read: std::sync::Arc::clone(&read) }, Self { read, bytes })
    }

    fn get(&self) -> f64 {
        self.read.load(std::sync::atomic::Ordering::Relaxed) as f64 / self.bytes.max(1) as f64
    }
}
