//! Writes series to files that other programs, and an import, read: CSV, Parquet, Arrow. However long they are, memory stays
//! flat: a slice of time is read and written after the other.

mod sheet;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use self::sheet::Sheet;
use super::embedded::Memcore;
use super::progress::Progress;
use super::stream::{self, Form, RecordStream};
use crate::error::{Error, Result};
use crate::model::shorten;
use crate::store::Query;

/// What a file is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileFormat {
    /// Text. Every number comes back bit for bit, but of a NaN only that it is one.
    Csv,
    /// Parquet, with zstd.
    Parquet,
    /// An Arrow IPC file, also called Feather.
    Arrow,
}

impl FileFormat {
    /// The format that the ending of a file's name says.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for an ending that says none.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        ending.parse().map_err(|_| {
            let name = path.display().to_string();
            Error::invalid(format!("file is {:?}, expected a name that ends in .csv .parquet .arrow", shorten(&name)))
        })
    }
}

impl std::str::FromStr for FileFormat {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "csv" => Ok(Self::Csv),
            "parquet" | "pq" => Ok(Self::Parquet),
            "arrow" | "feather" | "ipc" => Ok(Self::Arrow),
            other => Err(Error::invalid(format!("format is {:?}, expected one of csv parquet arrow", shorten(other)))),
        }
    }
}

/// How series become a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportOptions {
    /// What the file is written as.
    pub format: FileFormat,
    /// One row a time and one column a series; otherwise one row a value, with its series.
    pub wide: bool,
}

impl ExportOptions {
    /// The long layout in that format.
    #[must_use]
    pub fn new(format: FileFormat) -> Self {
        Self { format, wide: false }
    }
}

/// What an export wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct ExportReport {
    /// Series of the file, those without a value included.
    pub series: usize,
    /// Rows of the file.
    pub rows: u64,
    /// Values in it.
    pub points: u64,
}

/// Writes what the query asks for to a file, which appears when it is whole. An import of it gives back every value of a raw
/// query, bit for bit; Parquet and Arrow also keep what is known of the series. `progress` is told how far it is; an error
/// of it ends the export.
///
/// # Errors
/// As [`Memcore::query`]; [`Io`](crate::ErrorKind::Io) where the file cannot be written.
pub fn export_file(
    memcore: &Memcore,
    query: &Query,
    path: &Path,
    options: ExportOptions,
    progress: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<ExportReport> {
    let failed = |e| Error::io(format!("write {}", path.display()), e);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = Part(path.with_file_name(name));
    let out = BufWriter::with_capacity(1 << 18, File::create(&part.0).map_err(failed)?);
    let report = export_to(memcore, query, out, options, progress)?;
    std::fs::rename(&part.0, path).map_err(failed)?;
    Ok(report)
}

/// A file that is not whole yet; it is removed unless it was renamed.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// As [`export_file`], to anything that takes bytes.
///
/// # Errors
/// As there.
pub fn export_to(
    memcore: &Memcore,
    query: &Query,
    out: impl Write + Send + 'static,
    options: ExportOptions,
    progress: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<ExportReport> {
    let started = Instant::now();
    let form = Form { wide: options.wide, quantities: options.format == FileFormat::Csv };
    let mut stream = RecordStream::new(memcore, query, form)?;
    let mut sheet = Sheet::new(out, options.format, stream.schema(), stream.titles())?;
    let mut report = ExportReport { series: stream.series(), ..ExportReport::default() };
    while let Some(batch) = stream.next() {
        let batch = batch?;
        report.rows += batch.num_rows() as u64;
        report.points += stream::points(&batch);
        sheet.write(&batch)?;
        let part = Some(stream.part());
        progress(&Progress { rows: report.rows, points: report.points, part, ..Progress::default() }.at(started))?;
    }
    sheet.finish()?;
    let done = Progress { rows: report.rows, points: report.points, part: Some(1.0), ..Progress::default() };
    progress(&done.at(started))?;
    Ok(report)
}
