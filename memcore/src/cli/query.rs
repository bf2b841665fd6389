//! `memcore query`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::question::{Question, instant};
use super::{Common, format};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, Quality, Span, SystemClock, Timestamp};
use crate::runtime::{Chart, ChartMethod, Memcore, QueryResult, SeriesResult, StoreOptions};

/// A table longer than this shows its ends only: who wants more wants a file.
const TABLE_ROWS: usize = 200;

#[derive(Debug, Args)]
pub(super) struct Query {
    #[command(flatten)]
    question: Question,
    /// What held at this instant, or so long ago: the last sample up to it, however old
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to", "every", "aggregates", "limit", "last", "chart"])]
    at: Option<String>,
    /// At most so many rows of each series, the first ones
    #[arg(long)]
    limit: Option<usize>,
    /// At most so many rows of each series, the last ones
    #[arg(long)]
    last: Option<usize>,
    /// As few samples as a chart of so many pixels needs
    #[arg(long, value_name = "PIXELS")]
    chart: Option<usize>,
    /// How each value came about, in a column beside it: measured held estimated substituted invalid, or 0 to 4 in files
    #[arg(long, conflicts_with_all = ["every", "aggregates", "chart"])]
    quality: bool,
    /// Also say, on the standard error, what the answer has cost
    #[arg(long)]
    explain: bool,
    /// How to print it; a table in a terminal, CSV otherwise, or what the ending of --out says
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write to a file: .csv .json .arrow .parquet
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
    Arrow,
    Parquet,
}

impl Query {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let now = SystemClock::default().now();
        let mut query = self.question.query(now)?;
        if let Some(at) = &self.at {
            query = query.to(instant("--at", at, now)?.saturating_add(Span::from_micros(1))).last(1);
        }
        if let Some(rows) = self.limit {
            query = query.limit(rows);
        }
        if let Some(rows) = self.last {
            query = query.last(rows);
        }
        if let Some(width) = self.chart {
            query = query.chart(Chart { width, method: ChartMethod::default() });
        }
        if self.quality {
            query = query.with_quality();
        }
        let format = self.format()?;
        let memcore = Memcore::open_read_only(&config.path, StoreOptions::default())?;
        let result = memcore.query(&query)?;
        if self.explain {
            format::note(&result.cost().to_string());
        }
        match &self.out {
            None => write(&result, format, BufWriter::new(std::io::stdout()))?,
            Some(file) => {
                let create = |e| Error::io(format!("write {}", file.display()), e);
                write(&result, format, BufWriter::new(File::create(file).map_err(create)?))?;
                let (rows, series) = (result.rows(), result.series().len());
                format::note(&format!("{rows} rows of {series} series in {}", file.display()));
            }
        }
        Ok(0)
    }

    fn format(&self) -> Result<Format> {
        let ending = self.out.as_ref().map(|file| file.extension().unwrap_or_default().to_string_lossy().to_string());
        match (self.format, ending.as_deref()) {
            (Some(format), _) => Ok(format),
            (None, None) => Ok(if format::is_terminal() { Format::Table } else { Format::Csv }),
            (None, Some("csv")) => Ok(Format::Csv),
            (None, Some("json" | "jsonl")) => Ok(Format::Json),
            (None, Some("arrow")) => Ok(Format::Arrow),
            (None, Some("parquet")) => Ok(Format::Parquet),
            (None, Some(other)) => {
                Err(Error::invalid(format!("--out ends in .{other}, expected .csv .json .arrow .parquet, or say --format")))
            }
        }
    }
}

fn write(result: &QueryResult, format: Format, out: impl Write + Send) -> Result<()> {
    let failed = |e| Error::io("write the result", e);
    let written = match format {
        Format::Table => write_table(result, out).map_err(failed),
        Format::Csv => write_csv(result, out).map_err(failed),
        Format::Json => write_json(result, out).map_err(failed),
        Format::Arrow => write_arrow(result, out),
        Format::Parquet => write_parquet(result, out),
    };
    // The reader has seen enough.
    written.or_else(|e| if is_broken_pipe(&e) { Ok(()) } else { Err(e) })
}

/// Whether that is at the bottom of an error; each format wraps it in its own.
fn is_broken_pipe(error: &Error) -> bool {
    let mut causes = std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |e| e.source());
    causes.any(|e| e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe))
}

/// The columns of a result beside series and time, each with what one row of it says.
fn cell(series: &SeriesResult, column: &str, row: usize) -> Cell {
    match (series.column(column), series.counts()) {
        (Some(values), _) => Cell::Number(values.value(row)),
        (None, Some(counts)) => Cell::Count(counts.value(row)),
        (None, None) => Cell::Absent,
    }
}

enum Cell {
    Number(f64),
    Count(u64),
    Absent,
}

fn rows(result: &QueryResult) -> impl Iterator<Item = (&SeriesResult, usize)> {
    result.series().iter().flat_map(|series| (0..series.times().len()).map(move |row| (series, row)))
}

fn time(series: &SeriesResult, row: usize) -> Timestamp {
    Timestamp::from_micros(series.times().value(row))
}

/// The unit of the first column: of an integral of power it is Wh.
fn unit(series: &SeriesResult, columns: &[&str]) -> String {
    columns.first().and_then(|column| series.unit(column)).unwrap_or_default()
}

fn write_table(result: &QueryResult, mut out: impl Write) -> std::io::Result<()> {
    let columns: Vec<&str> = result.column_names().collect();
    let header: Vec<&str> = ["series", "time"].into_iter().chain(columns.iter().copied()).chain(["unit"]).collect();
    let mut table = format::table(&header);
    format::right(&mut table, &(2..2 + columns.len()).collect::<Vec<_>>());
    let total = result.rows();
    for (at, (series, row)) in rows(result).enumerate() {
        if total > TABLE_ROWS && at == TABLE_ROWS / 2 {
            let left_out = format!("... {} rows more; --out FILE or --format csv has all", total - TABLE_ROWS);
            table.add_row(vec![left_out]);
        }
        if total > TABLE_ROWS && (TABLE_ROWS / 2..total - TABLE_ROWS / 2).contains(&at) {
            continue;
        }
        let mut line = vec![series.series().to_string(), time(series, row).to_string()];
        line.extend(columns.iter().map(|column| match cell(series, column, row) {
            Cell::Number(number) if *column == "quality" => named(number),
            Cell::Number(value) => format::number(value),
            Cell::Count(count) => count.to_string(),
            Cell::Absent => String::new(),
        }));
        line.push(unit(series, &columns));
        table.add_row(line);
    }
    writeln!(out, "{table}")?;
    out.flush()
}

/// A quality as people read it; the worst of a bucket is one too.
fn named(number: f64) -> String {
    Quality::of_number(number).map_or_else(String::new, |quality| quality.name().to_owned())
}

fn write_csv(result: &QueryResult, out: impl Write) -> std::io::Result<()> {
    let columns: Vec<&str> = result.column_names().collect();
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["series", "time"].into_iter().chain(columns.iter().copied()).chain(["unit"]))?;
    for (series, row) in rows(result) {
        csv.write_field(series.series().to_string())?;
        csv.write_field(time(series, row).to_string())?;
        for column in &columns {
            match cell(series, column, row) {
                // The shortest text that reads back as the same number.
                Cell::Number(value) => csv.write_field(value.to_string())?,
                Cell::Count(count) => csv.write_field(count.to_string())?,
                Cell::Absent => csv.write_field("")?,
            }
        }
        csv.write_field(unit(series, &columns))?;
        csv.write_record(None::<&[u8]>)?;
    }
    csv.flush()
}

fn write_json(result: &QueryResult, mut out: impl Write) -> std::io::Result<()> {
    let columns: Vec<&str> = result.column_names().collect();
    for (series, row) in rows(result) {
        let mut line = serde_json::Map::new();
        line.insert("series".into(), series.series().to_string().into());
        line.insert("time".into(), time(series, row).to_string().into());
        for column in &columns {
            let value = match cell(series, column, row) {
                // JSON knows no NaN: null.
                Cell::Number(value) => value.into(),
                Cell::Count(count) => count.into(),
                Cell::Absent => serde_json::Value::Null,
            };
            line.insert((*column).into(), value);
        }
        line.insert("unit".into(), unit(series, &columns).into());
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn failed(e: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write the result: {e}")).caused_by(e)
}

fn write_arrow(result: &QueryResult, out: impl Write) -> Result<()> {
    // One batch: an Arrow file keeps one dictionary of series names.
    let batch = result.to_batch()?;
    let mut writer = arrow_ipc::writer::FileWriter::try_new(out, &batch.schema()).map_err(failed)?;
    writer.write(&batch).and_then(|()| writer.finish()).and_then(|()| writer.flush()).map_err(failed)
}

fn write_parquet(result: &QueryResult, out: impl Write + Send) -> Result<()> {
    let batch = result.to_batch()?;
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).map_err(failed)?);
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let mut writer = ArrowWriter::try_new(out, Arc::clone(&batch.schema()), Some(properties)).map_err(failed)?;
    writer.write(&batch).map_err(failed)?;
    writer.into_inner().map_err(failed)?.flush().map_err(failed)
}
