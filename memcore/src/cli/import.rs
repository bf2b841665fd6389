//! `memcore import`.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Common, format};
use crate::error::{Error, ErrorKind, Result};
use crate::model::DeviceName;
use crate::runtime::{ImportReport, Memcore, ReplayRequest, StoreOptions, import_csv};

#[derive(Debug, Args)]
pub(super) struct Import {
    /// A CSV file, plain or gzip; its header names columns with their units, such as p_kw or u_v
    file: PathBuf,
    /// Whose history it is: `site.device`
    #[arg(long, value_name = "SITE.DEVICE")]
    device: DeviceName,
    /// The zone of times without one, such as Europe/Paris [default: UTC]
    #[arg(long)]
    zone: Option<String>,
    /// Ends with one JSON object
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let memcore = Memcore::open(&config.path, StoreOptions::default()).map_err(|e| match e.kind() {
            ErrorKind::Locked => Error::new(
                ErrorKind::Locked,
                format!(
                    "{e}; stop it, or send the file through it with `memcore simulate --replay FILE --device {}`",
                    self.device
                ),
            ),
            _ => e,
        })?;
        let request = ReplayRequest { file: self.file.clone(), device: self.device.clone(), zone: self.zone.clone() };
        let bar = ProgressBar::no_length().with_style(
            ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        let started = std::time::Instant::now();
        let told = |report: &ImportReport| {
            let rate = report.rows as f64 / started.elapsed().as_secs_f64().max(1e-9);
            bar.set_message(format!(
                "{} rows, {} points, {} rows/s",
                report.rows,
                report.points,
                format::number(rate.round())
            ));
            bar.tick();
        };
        let imported = import_csv(&memcore, &request, told);
        bar.finish_and_clear();
        let closed = memcore.close();
        let report = imported?;
        closed?;
        if self.json {
            format::print(&format::json(&report)?)?;
        } else {
            let ImportReport { rows, points, gaps } = report;
            format::print(&format!("{rows} rows, {points} points, {gaps} gaps into {}", self.device))?;
        }
        Ok(0)
    }
}
