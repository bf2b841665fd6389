//! Takes existing history in from files: CSV, Parquet and Arrow in the long or the wide layout, JSON, MongoDB dumps, and what
//! Home Assistant and Green Button hand out. `docs/energy-data.md` (Imports) has the rules.

mod arrow;
mod bson;
mod csv;
mod document;
mod document_names;
mod document_time;
mod documents;
mod espi;
mod espi_types;
mod gathered;
mod green_button;
mod hem;
mod home_assistant;
mod home_assistant_csv;
mod home_assistant_json;
mod json_lines;
mod mapping;
mod refused;
mod sink;
mod source;
mod table;
mod understood;
mod unit_hints;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

pub use self::mapping::{ColumnMapping, FileMapping, LongMapping, Mapping, SkippedTimes, TimeForm, TimeMapping};
pub(super) use self::refused::Refused;
pub use self::refused::{RefusedRow, RefusedRows};
use self::sink::Sink;
pub(super) use self::source::{Source, open};
pub use self::understood::{Dialect, FirstRow, Understood, UnderstoodColumn, UnderstoodTime};
use super::embedded::Memcore;
use super::frame::FrameOptions;
use super::progress::Progress;
use crate::error::{Error, Result};
use crate::model::{Name, SeriesName, Timestamp, Unit};

/// A file to take history in from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ImportRequest {
    /// Told by its first bytes, plain or gzip: CSV, JSON, a MongoDB dump, an export of Home Assistant, Green Button; Parquet,
    /// an Arrow file or stream.
    pub file: PathBuf,
    /// How its columns are to be read. A wide file without whole series in its header needs the device.
    pub frame: FrameOptions,
    /// The zone of times in CSV without one; UTC by default.
    pub zone: Option<String>,
    /// What else is known of the file; options above go before it.
    pub mapping: Mapping,
    /// Reads and checks everything, and writes nothing: neither history nor refused rows.
    pub dry_run: bool,
    /// Ends at the first row that cannot be read. Otherwise such a row is left out and said.
    pub strict: bool,
    /// Where rows that were left out go, with reasons; `FILE.refused.csv` by default. No file is made where there are none.
    pub refused: Option<PathBuf>,
    /// Only series of this operator and site may be in it; of any where it is none.
    pub(crate) within: Option<(Name, Name)>,
}

impl ImportRequest {
    /// All of that file.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let frame = FrameOptions { keep_nan: true, ..FrameOptions::default() };
        let file = file.into();
        let mut refused = OsString::from(&file);
        refused.push(".refused.csv");
        let mapping = Mapping::default();
        Self {
            file,
            frame,
            zone: None,
            mapping,
            dry_run: false,
            strict: false,
            refused: Some(refused.into()),
            within: None,
        }
    }
}

impl ImportRequest {
    /// The mapping with what is said beside it.
    pub(super) fn effective_mapping(&self) -> Mapping {
        let mut mapping = self.mapping.clone();
        mapping.device = self.frame.device.clone().or(mapping.device);
        mapping.unit = self.frame.unit.or(mapping.unit);
        mapping.time.zone = self.zone.clone().or(mapping.time.zone);
        if mapping.time.columns.is_empty() && self.frame.time != FrameOptions::default().time {
            mapping.time.columns = vec![self.frame.time.clone()];
        }
        for (column, unit) in &self.frame.units {
            mapping.columns.entry(column.clone()).or_default().unit = Some(*unit);
        }
        mapping
    }
}

/// What an import did, or with `dry_run` would do.
///
/// Everything in the file is counted once: its rows are `rows` and `refused.whole`; the cells of its `rows` are `points`,
/// `repeated`, `gaps`, `invalid`, `out_of_range` and `refused.cells`. (A dry run leaves out the columns that have no unit yet.)
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct ImportReport {
    /// Rows read; in a file with a value a row, values.
    pub rows: u64,
    /// Values stored, new or in place of others.
    pub points: u64,
    /// Values that were there already, bit for bit, and those that such a one follows in the file at the same time.
    pub repeated: u64,
    /// Of `points` and `repeated`, those that another of the same series and time follows in the file, which then holds; counted
    /// where both are among 16,384 rows that are read at a time.
    pub replaced: u64,
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
    /// Rows that were left out, and why.
    pub refused: RefusedRows,
    /// What was understood of the file.
    pub understood: Understood,
    /// The same as a mapping, by which such files are read again.
    pub mapping: Mapping,
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

/// Imports a file. Doing it again changes nothing: values that are there already are not written again. `progress` is told
/// how far it is; an error of it ends the import.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where the file is not understood, saying what to declare, and where no row of it can
/// be read; with `strict`, at the first row that cannot, naming line, column and value: what stands before it is stored.
/// [`NotFound`](crate::ErrorKind::NotFound) for a series that is neither registered nor has a unit.
pub fn import_file(
    memcore: &Memcore,
    request: &ImportRequest,
    progress: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<ImportReport> {
    let started = Instant::now();
    let named = |e: Error| e.context(request.file.display());
    check_side_file(request)?;
    let mut source = open(request)?;
    let mut understood = source.understood();
    let mut sink = Sink::new(memcore, request, &*source, &mut understood).map_err(named)?;
    let mut refused = Refused::new(request.refused.clone().filter(|_| !request.dry_run), request.strict);
    let ended = loop {
        match source.next(&mut refused) {
            Ok(Some(rows)) => {
                understood.keep_first(&rows);
                sink.take(rows).map_err(named)?;
            }
            Ok(None) => break Ok(()),
            Err(e) => break Err(named(e)),
        }
        let (rows, points) = sink.counted();
        progress(&Progress { rows, points, part: source.part(), ..Progress::default() }.at(started))?;
    };
    // What stands before a bad row is as good as if the file ended there.
    sink.note(&mut understood);
    let mut report = sink.finish()?;
    report.refused = refused.finish().map_err(named)?;
    // A cell that cannot be read comes as an empty one.
    report.gaps = report.gaps.saturating_sub(report.refused.cells);
    report.mapping = understood.complete(request.effective_mapping());
    report.understood = understood;
    ended?;
    nothing_read(&report).map_or(Ok(report), |e| Err(named(e)))
}

/// Refused rows would be written over the file that they are read from.
fn check_side_file(request: &ImportRequest) -> Result<()> {
    let same =
        |side: &PathBuf| side.canonicalize().is_ok_and(|side| request.file.canonicalize().is_ok_and(|file| file == side));
    match request.refused.as_ref().filter(|side| !request.dry_run && same(side)) {
        Some(side) => {
            Err(Error::invalid(format!("refused is {}, expected another file than the one to import", side.display())))
        }
        None => Ok(()),
    }
}

/// A file of which nothing can be read was not understood.
fn nothing_read(report: &ImportReport) -> Option<Error> {
    let first = report.refused.first.first().filter(|_| report.points + report.repeated + report.gaps == 0)?;
    let at = first.line.map_or_else(|| format!("row {}", first.row), |line| format!("line {line}"));
    Some(Error::invalid(format!("no row of it can be read; {at}: {}", first.reason)))
}
