//! `memcore import`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::progress::Bar;
use super::{Common, format};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{DeviceName, Unit};
use crate::runtime::{ImportReport, ImportRequest, Memcore, StoreOptions, import_file};

/// What a file must look like.
const LAYOUTS: &str = "A file is long, with columns series, time, value and perhaps unit, as `query` and `export` write it, \
or wide, with a column of times and a column a channel. Wide columns are named by whole series (home1.pv.power), or belong \
to --device and say their unit: in CSV as p_kw or power [kW], in Parquet and Arrow in the field's metadata `unit`, or \
anywhere by --unit. Doing it again adds nothing twice.";

#[derive(Debug, Args)]
#[command(after_help = LAYOUTS)]
pub(super) struct Import {
    /// CSV, JSON lines, MongoDB dump, Home Assistant, Green Button (plain or gzip), Parquet or Arrow
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whose channels the columns of a wide file are: `site.device`
    #[arg(long, value_name = "SITE.DEVICE")]
    device: Option<DeviceName>,
    /// The unit of a column, or of all that say none: power=kW, or kW
    #[arg(long = "unit", value_name = "[COLUMN=]UNIT")]
    units: Vec<String>,
    /// The name of the column of times
    #[arg(long, value_name = "COLUMN", default_value = "time")]
    time: String,
    /// The zone of times in CSV without one, such as Europe/Paris [default: UTC]
    #[arg(long)]
    zone: Option<String>,
    /// Read and check everything, write nothing, and say what would be written
    #[arg(long)]
    dry_run: bool,
    /// Ends with one JSON object for each file
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let requests = self.files.iter().map(|file| self.request(file)).collect::<Result<Vec<_>>>()?;
        let memcore = self.open(&config.path)?;
        let done = requests.iter().try_for_each(|request| {
            let bar = Bar::new(&request.file.display().to_string());
            let imported = import_file(&memcore, request, &mut |progress| bar.tell(progress));
            drop(bar);
            self.say(&request.file, &imported?)
        });
        let closed = memcore.close();
        done.and(closed).map(|()| 0)
    }

    fn open(&self, site: &Path) -> Result<Memcore> {
        if self.dry_run && site.join("store").exists() {
            return Memcore::open_read_only(site, StoreOptions::default());
        }
        if self.dry_run {
            return Ok(Memcore::in_memory());
        }
        Memcore::open(site, StoreOptions::default()).map_err(|e| match (e.kind(), &self.device) {
            (ErrorKind::Locked, Some(device)) => {
                let hint =
                    format!("stop it, or send the file through it with `memcore simulate --replay FILE --device {device}`");
                Error::new(ErrorKind::Locked, format!("{e}; {hint}"))
            }
            (ErrorKind::Locked, None) => Error::new(ErrorKind::Locked, format!("{e}; stop that process first")),
            _ => e,
        })
    }

    fn request(&self, file: &Path) -> Result<ImportRequest> {
        let mut request = ImportRequest::new(file);
        request.frame.device = self.device.clone();
        request.frame.time.clone_from(&self.time);
        for unit in &self.units {
            let parsed = |text: &str| text.parse::<Unit>().map_err(|e| e.context("--unit"));
            match unit.split_once('=') {
                Some((column, unit)) => {
                    request.frame.units.insert(column.to_owned(), parsed(unit)?);
                }
                None => request.frame.unit = Some(parsed(unit)?),
            }
        }
        request.zone.clone_from(&self.zone);
        request.dry_run = self.dry_run;
        Ok(request)
    }

    fn say(&self, file: &Path, report: &ImportReport) -> Result<()> {
        if self.json {
            return format::print(&format::json(report)?).map(drop);
        }
        if self.dry_run {
            let mut table = format::table(&["series", "unit", "registered", "points"]);
            format::right(&mut table, &[3]);
            for series in &report.series {
                let registered = if series.new { "would be" } else { "is" };
                let name = series.series.to_string();
                table.add_row([name, series.unit.to_string(), registered.into(), series.points.to_string()]);
            }
            format::print(&table.to_string())?;
        }
        let ImportReport { rows, points, repeated, gaps, series, .. } = report;
        let what = if self.dry_run { "would be written" } else { "written" };
        let (file, series) = (file.display(), series.len());
        let line =
            format!("{file}: {rows} rows, {points} points {what}, {repeated} there already, {gaps} gaps, {series} series");
        format::print(&line).map(drop)
    }
}
