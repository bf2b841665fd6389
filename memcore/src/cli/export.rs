//! `memcore export`.

use std::path::PathBuf;

use clap::Args;

use super::progress::Bar;
use super::question::Question;
use super::{Common, format};
use crate::error::Result;
use crate::model::{Clock, SystemClock};
use crate::runtime::{ExportOptions, FileFormat, Memcore, StoreOptions, export_file};

#[derive(Debug, Args)]
#[command(
    after_help = "What is exported raw can be imported again and is the same, bit for bit; of a NaN, CSV only keeps that \
it is one. Parquet and Arrow also keep the descriptions of the series. Works beside a running server."
)]
pub(super) struct Export {
    #[command(flatten)]
    question: Question,
    /// The file: .csv .parquet .arrow
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// What the file is written as; what its name ends in by default
    #[arg(long, value_name = "csv|parquet|arrow")]
    format: Option<FileFormat>,
    /// One row a time and one column a series, instead of one row a value
    #[arg(long)]
    wide: bool,
    /// Ends with one JSON object
    #[arg(long)]
    json: bool,
}

impl Export {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let mut options = ExportOptions::new(self.format.map_or_else(|| FileFormat::of(&self.out), Ok)?);
        options.wide = self.wide;
        let query = self.question.query(SystemClock::default().now())?;
        let memcore = Memcore::open_read_only(&config.path, StoreOptions::default())?;
        let bar = Bar::new(&self.out.display().to_string());
        let exported = export_file(&memcore, &query, &self.out, options, &mut |progress| bar.tell(progress));
        drop(bar);
        let report = exported?;
        if self.json {
            format::print(&format::json(&report)?)?;
        } else {
            let file = self.out.display();
            format::print(&format!(
                "{} rows, {} points of {} series in {file}",
                report.rows, report.points, report.series
            ))?;
        }
        Ok(0)
    }
}
