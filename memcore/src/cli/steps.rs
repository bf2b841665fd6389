//! What `plan` and `backtest` share: how a site is read and solved, and how steps and costs are written.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, Float64Array, RecordBatch, TimestampMicrosecondArray};
use clap::Args;
use parquet::arrow::ArrowWriter;

use super::plan::begin;
use super::{Common, format};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Currency, Span, SystemClock, Timestamp};
use crate::runtime::{Cost, Memcore, PlanEngine, PlanOptions, Site, SiteRequest, StoreOptions, read_site};

/// Which site, over which horizon, and how it is solved.
#[derive(Debug, Args)]
pub(super) struct SiteArgs {
    /// The horizon begins at this instant: 2026-11-25T00:00:00Z, now, or so long ago: 24h; else as the file says
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The horizon ends before this instant
    #[arg(long, value_name = "TIME", conflicts_with = "steps")]
    to: Option<String>,
    /// How many steps it has
    #[arg(long, value_name = "COUNT")]
    steps: Option<usize>,
    /// How long they are: 15m, 1h
    #[arg(long, value_name = "LENGTH")]
    step: Option<Span>,
    /// Solve by this engine: storage modes highs microlp clarabel; the fastest exact one by default
    #[arg(long, value_name = "NAME")]
    engine: Option<String>,
    /// Take the best plan that is found within this time: 10s; such plans may differ from run to run
    #[arg(long, value_name = "LENGTH")]
    time_limit: Option<Span>,
    /// A plan is good enough when none can be better by more than this share: 0.01
    #[arg(long, value_name = "SHARE")]
    gap: Option<f64>,
}

impl SiteArgs {
    /// The site, and what was assumed. With `truth` series stand for what came.
    pub(super) fn read(&self, file: &Path, common: &Common, truth: bool, now: Timestamp) -> Result<(Site, Vec<String>)> {
        let mut request = SiteRequest {
            from: begin("--from", self.from.as_deref(), now)?,
            to: begin("--to", self.to.as_deref(), now)?,
            steps: self.steps,
            step: self.step,
            truth,
            ..SiteRequest::default()
        };
        // Series that name no store are of the site of the command line, where there is one.
        let folder = common.config(None)?.path;
        if folder.join("store").exists() {
            request.history = Some(Memcore::open_read_only(&folder, StoreOptions::default())?);
        }
        read_site(file, &request)
    }

    /// The same from an earlier start.
    pub(super) fn read_with_history(
        &self,
        file: &Path,
        common: &Common,
        history: Option<Span>,
        now: Timestamp,
    ) -> Result<(Site, Vec<String>, usize)> {
        let (site, notices) = self.read(file, common, true, now)?;
        let Some(history) = history else { return Ok((site, notices, 0)) };
        let step = site.horizon.borders()[1].since(site.horizon.start()).as_micros();
        let steps = history.as_micros() / step;
        let begins = Timestamp::from_micros(site.horizon.start().as_micros() - steps * step);
        let earlier = Self {
            from: Some(begins.to_string()),
            to: Some(site.horizon.end().to_string()),
            steps: None,
            step: Some(self.step.unwrap_or(Span::from_micros(step))),
            engine: None,
            time_limit: None,
            gap: None,
        };
        let (site, notices) = earlier.read(file, common, true, now)?;
        Ok((site, notices, usize::try_from(steps).unwrap_or(0)))
    }

    pub(super) fn options(&self) -> Result<PlanOptions> {
        let engine = self.engine.as_deref().map(engine).transpose()?;
        if let Some(gap) = self.gap.filter(|gap| !(0.0..1.0).contains(gap)) {
            return Err(Error::invalid(format!("--gap is {gap}, expected a share from 0 to below 1 such as 0.01")));
        }
        Ok(PlanOptions {
            engine,
            time_limit: self.time_limit,
            gap: self.gap.unwrap_or(0.0),
            clock: Some(Arc::new(SystemClock::default())),
            ..PlanOptions::default()
        })
    }

    /// What was assumed goes beside the result.
    pub(super) fn warn(&self, notices: &[String]) {
        notices.iter().for_each(|notice| format::note(notice));
    }
}

fn engine(name: &str) -> Result<PlanEngine> {
    serde_json::from_value(name.into())
        .map_err(|_| Error::invalid(format!("--engine is {name:?}, expected storage, modes, highs, microlp or clarabel")))
}

/// What money is spent on, and the sum.
pub(super) fn costs(costs: &[Cost], total: f64, money: Currency) -> String {
    let mut table = format::table(&["part", "cause", &format!("{money}")]);
    format::right(&mut table, &[2]);
    for cost in costs {
        let part = if cost.part.is_empty() { "site" } else { &cost.part };
        table.add_row([part.to_owned(), cost.cause.name().replace('_', " "), format!("{:.4}", cost.amount)]);
    }
    table.add_row(["in all".to_owned(), String::new(), format!("{total:.4}")]);
    table.to_string()
}

pub(super) fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).map_err(|e| Error::io(format!("write {}", file.display()), e))
}

/// Writes steps in the form of the file's ending.
pub(super) fn write_batch(file: &Path, batch: &RecordBatch) -> Result<()> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if !["csv", "arrow", "parquet"].contains(&ending) {
        let ends = if ending.is_empty() { "has no ending".to_owned() } else { format!("ends in .{ending}") };
        return Err(Error::invalid(format!("--out {} {ends}, expected .csv .json .arrow .parquet .svg", file.display())));
    }
    let create = |e| Error::io(format!("write {}", file.display()), e);
    let failed = |e: String| Error::new(ErrorKind::Io, format!("cannot write {}: {e}", file.display()));
    let mut out = BufWriter::new(File::create(file).map_err(create)?);
    match ending {
        "arrow" => {
            let writer = arrow_ipc::writer::FileWriter::try_new(&mut out, &batch.schema());
            let written = writer.and_then(|mut writer| writer.write(batch).and_then(|()| writer.finish()));
            written.map_err(|e| failed(e.to_string()))?;
        }
        "parquet" => {
            let mut writer = ArrowWriter::try_new(&mut out, batch.schema(), None).map_err(|e| failed(e.to_string()))?;
            writer.write(batch).and_then(|()| writer.close().map(drop)).map_err(|e| failed(e.to_string()))?;
        }
        _ => writeln!(out, "{}", csv_text(batch)?).map_err(create)?,
    }
    out.flush().map_err(create)
}

/// Steps as CSV: times as text, numbers as the shortest text that reads back as the same.
pub(super) fn csv_text(batch: &RecordBatch) -> Result<String> {
    let failed = |e: csv::Error| Error::io("write the steps", std::io::Error::other(e));
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(batch.schema().fields().iter().map(|field| field.name())).map_err(failed)?;
    for row in 0..batch.num_rows() {
        let cells = batch.columns().iter().map(|column| cell(column.as_ref(), row));
        csv.write_record(cells).map_err(failed)?;
    }
    let text = csv.into_inner().map_err(|e| Error::io("write the steps", e.into_error()))?;
    Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
}

fn cell(column: &dyn Array, row: usize) -> String {
    if let Some(times) = column.as_any().downcast_ref::<TimestampMicrosecondArray>() {
        return Timestamp::from_micros(times.value(row)).to_string();
    }
    column.as_any().downcast_ref::<Float64Array>().map(|numbers| numbers.value(row).to_string()).unwrap_or_default()
}
