//! Plays a CSV file of real telemetry, row by row, as the device that once sent it.
//!
//! The header says what the columns mean: one column of times, and channels named with a unit suffix (`p_kw`, `u_v`).
//! Rows are streamed, so that a file of any size takes the memory of one row; a file that starts with the
//! signature of gzip or xz is unpacked on the way.

mod columns;
mod times;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::StringRecord;
use flate2::bufread::MultiGzDecoder;
use jiff::tz::TimeZone;
use lzma_rust2::XzReader;

use self::columns::Columns;
#[cfg(feature = "files")]
pub(crate) use self::columns::{channel as channel_of_column, is_time};
use self::times::TimeReader;
use crate::error::{Error, Result};
use crate::model::{Channel, DeviceName, Timestamp};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const XZ: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
const BUFFER: usize = 64 * 1024;

/// Whose telemetry a file holds, and where its clock hung.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayOptions {
    /// The device that shall speak.
    pub device: DeviceName,
    /// The zone of times without one.
    pub zone: TimeZone,
}

impl ReplayOptions {
    /// That device, with times in UTC.
    #[must_use]
    pub fn new(device: DeviceName) -> Self {
        Self { device, zone: TimeZone::UTC }
    }

    /// Times without a zone are of this one.
    #[must_use]
    pub fn zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }
}

/// One row: a value a channel, in the file's units and sign; an empty cell is a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayRow {
    /// When it was measured.
    pub time: Timestamp,
    /// In the order of [`Replay::channels`].
    pub values: Vec<Option<f64>>,
}

/// An open file of telemetry: an iterator over its rows, in the order of the file. After an error it ends.
pub struct Replay {
    path: PathBuf,
    device: DeviceName,
    columns: Columns,
    times: TimeReader,
    reader: csv::Reader<Box<dyn Read + Send>>,
    record: StringRecord,
    failed: bool,
}

impl Replay {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where the file cannot be read; [`Invalid`](crate::ErrorKind::Invalid) where the
    /// header has no column of times, or a column whose unit is not known.
    pub fn open(path: impl AsRef<Path>, options: ReplayOptions) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let file = File::open(&path).map_err(|e| Error::io(format!("open {}", path.display()), e))?;
        Self::read(path, file, options)
    }

    fn read(path: PathBuf, file: impl Read + Send + 'static, options: ReplayOptions) -> Result<Self> {
        let plain = unpacked(BufReader::with_capacity(BUFFER, file))
            .map_err(|e| Error::io(format!("read {}", path.display()), e))?;
        let mut reader = csv::ReaderBuilder::new().buffer_capacity(BUFFER).trim(csv::Trim::All).from_reader(plain);
        let header = reader.headers().map_err(|e| read_error(&path, e))?;
        let columns = Columns::new(header).map_err(|e| e.context(path.display()))?;
        let times = TimeReader::new(columns.time_name(), options.zone);
        Ok(Self { path, device: options.device, columns, times, reader, record: StringRecord::new(), failed: false })
    }

    /// The device whose telemetry this is.
    #[must_use]
    pub fn device(&self) -> &DeviceName {
        &self.device
    }

    /// What the columns mean, in the order of [`ReplayRow::values`].
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        self.columns.channels()
    }

    fn read_row(&mut self) -> Result<Option<ReplayRow>> {
        if !self.reader.read_record(&mut self.record).map_err(|e| read_error(&self.path, e))? {
            return Ok(None);
        }
        let row = self.times.read(self.columns.time_text(&self.record)).and_then(|time| {
            let values = self.columns.values(&self.record)?;
            Ok(ReplayRow { time, values })
        });
        let line = self.record.position().map_or(0, csv::Position::line);
        row.map(Some).map_err(|e| e.context(format_args!("{} line {line}", self.path.display())))
    }
}

impl Iterator for Replay {
    type Item = Result<ReplayRow>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let row = self.read_row();
        self.failed = row.is_err();
        row.transpose()
    }
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("path", &self.path).field("device", &self.device).finish_non_exhaustive()
    }
}

/// What a file holds, unpacked where it is gzip or xz.
pub(crate) fn unpacked(mut file: impl BufRead + Send + 'static) -> std::io::Result<Box<dyn Read + Send>> {
    let start = file.fill_buf()?;
    if start.starts_with(&GZIP) {
        return Ok(Box::new(MultiGzDecoder::new(file)));
    }
    Ok(if start.starts_with(&XZ) { Box::new(XzReader::new(file, true)) } else { Box::new(file) })
}

fn read_error(path: &Path, e: csv::Error) -> Error {
    let path = path.display();
    let line = e.position().map_or(0, csv::Position::line);
    match e.into_kind() {
        csv::ErrorKind::Io(e) => Error::io(format!("read {path}"), e),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Error::invalid(format!("{path} line {line}: {len} cells, expected {expected_len} as in the header"))
        }
        csv::ErrorKind::Utf8 { .. } => Error::invalid(format!("{path} line {line}: not UTF-8, expected text")),
        other => Error::invalid(format!("{path} line {line}: {other:?}, expected CSV")),
    }
}

#[cfg(test)]
mod tests;
