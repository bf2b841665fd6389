//! Files as sources of rows: opened by what their first bytes say, and read without a store.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::refused::Refused;
use super::understood::Understood;
use super::{ImportRequest, arrow, bson, csv, green_button, home_assistant_csv, json_lines};
use crate::error::{Error, Result};
use crate::model::{Channel, SeriesName};
use crate::runtime::frame::Rows;
use crate::sim;

/// Rows that are read at a time.
pub(super) const ROWS: usize = 16_384;

/// Bytes of a file, unpacked, that its format is told by.
const START: u64 = 64 * 1024;
/// As many as are looked at for lines at most.
const START_MAX: u64 = 4 << 20;
/// So many lines tell how a text is cut.
const LINES: usize = 8;

/// Where rows come from.
pub(crate) trait Source: Send {
    /// The next rows; none at the end. A row that cannot be read is given to `refused`, with its number, line and text, and
    /// the file goes on. After an error there are no more.
    fn next(&mut self, refused: &mut Refused) -> Result<Option<Vec<Rows>>>;

    /// Which part of the file is read.
    fn part(&self) -> Option<f64>;

    /// Whether values are as stored, in passive sign, because memcore wrote the file; else as their source counts.
    fn is_stored_form(&self) -> bool {
        false
    }

    /// The descriptions that the file, or its mapping, has of its series.
    fn channels(&self) -> BTreeMap<SeriesName, Channel> {
        BTreeMap::new()
    }

    /// What was understood of the file: its form, its times, its columns. Complete once the file is open.
    fn understood(&self) -> Understood;
}

/// Opens a file, plain or packed, to read its rows; no store is needed, and the file's own units and signs are kept.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) where the file cannot be read, [`Invalid`](crate::ErrorKind::Invalid) where it is not
/// understood, saying what to declare.
pub(crate) fn open(request: &ImportRequest) -> Result<Box<dyn Source>> {
    let opened = Opened::new(&request.file)?;
    let source = match &opened.start[..] {
        [b'P', b'A', b'R', b'1', ..] => arrow::parquet(opened.file, request),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => arrow::ipc_file(opened.file, request),
        [0xff, 0xff, 0xff, 0xff, ..] => arrow::ipc_stream(opened.file, opened.bytes, request),
        start if bson::is(start) => bson::open(opened, request),
        start if green_button::is(start) => green_button::open(opened, request),
        start if json_lines::is(start) => json_lines::open(opened, request),
        start if home_assistant_csv::is(start) => home_assistant_csv::open(opened, request),
        _ => csv::open(opened, request),
    };
    source.map_err(|e| e.context(request.file.display()))
}

/// A file of which the first bytes are known.
pub(super) struct Opened {
    path: PathBuf,
    /// At its beginning, packed as it is.
    pub(super) file: File,
    /// As it stands on disk.
    pub(super) bytes: u64,
    /// The first 64 KiB, unpacked, or more where lines are long.
    pub(super) start: Vec<u8>,
    most: u64,
}

impl Opened {
    fn new(path: &Path) -> Result<Self> {
        let failed = |e| Error::io(format!("read {}", path.display()), e);
        let file = File::open(path).map_err(|e| Error::io(format!("open {}", path.display()), e))?;
        let bytes = file.metadata().map_err(failed)?.len();
        let mut opened = Self { path: path.to_owned(), file, bytes, start: Vec::new(), most: 0 };
        opened.look(START).map_err(failed)?;
        Ok(opened)
    }

    /// Knows so many of its first bytes.
    fn look(&mut self, most: u64) -> std::io::Result<()> {
        self.start.clear();
        self.most = most;
        let again = self.file.try_clone()?;
        sim::unpacked(BufReader::new(again))?.take(most).read_to_end(&mut self.start)?;
        self.file.rewind()
    }

    /// Knows a few lines: thousands of columns may have a header that is longer than the start of a file.
    pub(super) fn look_at_lines(&mut self) -> Result<()> {
        let has_lines = |start: &[u8]| memchr::memchr_iter(b'\n', start).nth(LINES).is_some();
        while !self.start_is_whole() && !has_lines(&self.start) && self.most < START_MAX {
            self.look(self.most * 8).map_err(|e| Error::io("read", e))?;
        }
        Ok(())
    }

    /// Whether nothing comes behind what is known.
    pub(super) fn start_is_whole(&self) -> bool {
        (self.start.len() as u64) < self.most
    }

    /// The same file once more, to look ahead.
    pub(super) fn again(&self) -> Result<Self> {
        Self::new(&self.path)
    }

    /// All of it, unpacked, and how much of it was read.
    pub(super) fn unpacked(self) -> Result<(Box<dyn Read + Send>, Part)> {
        let (file, part) = Part::of(self.file, self.bytes);
        let plain = sim::unpacked(BufReader::with_capacity(1 << 16, file)).map_err(|e| Error::io("read", e))?;
        Ok((plain, part))
    }
}

/// A reader that tells how much was read.
#[derive(Debug)]
pub(super) struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The part of a file that a reader of it has taken.
#[derive(Debug, Clone)]
pub(super) struct Part {
    read: Arc<AtomicU64>,
    bytes: u64,
}

impl Part {
    pub(super) fn of<R>(inner: R, bytes: u64) -> (Counted<R>, Self) {
        let read = Arc::default();
        (Counted { inner, read: Arc::clone(&read) }, Self { read, bytes })
    }

    pub(super) fn get(&self) -> f64 {
        self.read.load(Ordering::Relaxed) as f64 / self.bytes.max(1) as f64
    }
}
