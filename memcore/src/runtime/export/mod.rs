//! Writes series to files that other programs, and an import, read: CSV, Parquet, Arrow. However long they are, memory stays
//! flat: a slice of time is read and written after the other.

mod batches;
mod sheet;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use self::batches::Layout;
use self::sheet::Sheet;
use super::embedded::Memcore;
use super::progress::Progress;
use crate::error::{Error, Result};
use crate::model::{Channel, SeriesName, Span, Timestamp, shorten};
use crate::store::{Query, QueryResult};

/// Values of a slice: what is in memory at a time, in a few copies.
const SLICE_VALUES: u64 = 1 << 18;

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

/// A series to be written.
struct Exported {
    name: SeriesName,
    channel: Channel,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    points: u64,
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
    let series = series(memcore, query)?;
    let layout = Layout::new(&series, query, options)?;
    let mut sheet = Sheet::new(out, options.format, layout.schema(), layout.titles())?;
    let mut report = ExportReport { series: series.len(), ..ExportReport::default() };
    let parts = parts(&series, query, options.wide);
    let many = parts.len().max(1);
    for (at, part) in parts.into_iter().enumerate() {
        let batch = layout.batch(&memcore.query(&part)?)?;
        report.rows += batch.num_rows() as u64;
        report.points += layout.points(&batch);
        sheet.write(&batch)?;
        let part = Some((at + 1) as f64 / many as f64);
        progress(&Progress { rows: report.rows, points: report.points, part, ..Progress::default() }.at(started))?;
    }
    sheet.finish()?;
    Ok(report)
}

/// What is selected, with its size and span.
fn series(memcore: &Memcore, query: &Query) -> Result<Vec<Exported>> {
    let channels: BTreeMap<SeriesName, Channel> = memcore.series(query.selection()).into_iter().collect();
    if let (true, Some(series)) = (channels.is_empty(), query.selection().exact()) {
        return Err(Error::not_found(format!("series {series} is not registered")));
    }
    let stats = memcore.store().series_stats(query.selection())?;
    let known = stats.into_iter().filter_map(|(name, stats)| {
        let channel = channels.get(&name)?.clone();
        Some(Exported { name, channel, first: stats.first, last: stats.last, points: stats.points })
    });
    Ok(known.collect())
}

/// The query in parts of which each fits into memory: by series, or for the wide layout over all of them, and by time where
/// it is raw. Buckets are few, and cut nowhere.
fn parts(series: &[Exported], query: &Query, wide: bool) -> Vec<Query> {
    let groups: Vec<(Query, &[Exported])> = match wide {
        true => vec![(query.clone(), series)],
        false => series.iter().map(|one| (query.clone().select(&one.name), std::slice::from_ref(one))).collect(),
    };
    groups
        .into_iter()
        .flat_map(|(query, series)| if query.may_be_cut() { slices(series, &query) } else { vec![query] })
        .collect()
}

/// A raw query cut by time into pieces of about as many values.
fn slices(series: &[Exported], query: &Query) -> Vec<Query> {
    let (from, to) = query.range();
    let (Some(mut first), Some(mut last)) =
        (series.iter().filter_map(|one| one.first).min(), series.iter().filter_map(|one| one.last).max())
    else {
        return vec![query.clone()];
    };
    let points: u64 = series.iter().map(|one| one.points).sum();
    let whole = last.as_micros().abs_diff(first.as_micros()).max(1);
    first = from.map_or(first, |from| from.max(first));
    last = to.map_or(last, |to| to.min(last));
    if first >= last {
        return vec![query.clone()];
    }
    let length = last.as_micros().abs_diff(first.as_micros());
    let many = (points as f64 * (length as f64 / whole as f64) / SLICE_VALUES as f64).ceil().max(1.0);
    let step = i64::try_from((length as f64 / many) as u64).unwrap_or(i64::MAX).max(1);
    let mut borders = vec![];
    let mut border = first.saturating_add(Span::from_micros(step));
    while border < last {
        borders.push(border);
        border = border.saturating_add(Span::from_micros(step));
    }
    // The outer ends are the query's own, so that nothing depends on how exact the statistics are.
    let starts = std::iter::once(from).chain(borders.iter().copied().map(Some));
    let ends = borders.iter().copied().map(Some).chain(std::iter::once(to));
    starts.zip(ends).map(|(start, end)| between(query, start, end)).collect()
}

fn between(query: &Query, start: Option<Timestamp>, end: Option<Timestamp>) -> Query {
    let query = start.map_or_else(|| query.clone(), |start| query.clone().from(start));
    end.map_or_else(|| query.clone(), |end| query.clone().to(end))
}

/// What an answer is written with: series that were registered meanwhile are no part of the file.
fn known<'a>(
    result: &'a QueryResult,
    series: &'a [SeriesName],
) -> impl Iterator<Item = (usize, &'a crate::store::SeriesResult)> {
    result.series().iter().filter_map(|answer| Some((series.binary_search(answer.series()).ok()?, answer)))
}
