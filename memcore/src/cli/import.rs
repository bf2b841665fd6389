//! `memcore import`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::progress::Bar;
use super::understood;
use super::{Common, format};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{DeviceName, Unit};
use crate::runtime::{ImportReport, ImportRequest, Mapping, Memcore, StoreOptions, import_file};

/// What a file may look like.
const LAYOUTS: &str = "How text is cut, how times are written and which units columns have is told by the content of a file. A \
file is wide, with a column of times and a column a channel, or long, with a value a row and columns that say of what. Wide \
columns are named by whole series (home1.pv.power), or belong to --device; their units stand in their titles (p_kw, power \
[kW]), in the metadata `unit` of Parquet and Arrow, or are given by --unit. --dry-run shows what is understood, and \
--write-mapping writes it down, to be corrected and used again by --mapping. Doing an import again adds nothing twice. Exit code 0 also where rows were left \
out, which is said; 1 where a file could not be imported: the other files are, unless --strict.";

#[derive(Debug, Args)]
#[command(after_help = LAYOUTS)]
pub(super) struct Import {
    /// CSV, JSON lines, MongoDB dump, Home Assistant, Green Button (all plain, gzip or xz), Parquet or Arrow
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whose channels the columns of a wide file are: `site.device`
    #[arg(long, value_name = "SITE.DEVICE")]
    device: Option<DeviceName>,
    /// The unit of a column, of all that seem to measure something, or of all that say none: p=kW, power=kW, or kW
    #[arg(long = "unit", value_name = "[COLUMN=]UNIT")]
    units: Vec<String>,
    /// Take these columns and no others; perhaps with the channel or series that each becomes
    #[arg(long, value_name = "COLUMN[=NAME],...", value_delimiter = ',')]
    columns: Vec<String>,
    /// Pass these columns over
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    skip: Vec<String>,
    /// The column of times, or the two of date and time of day [default: told by name and content]
    #[arg(long, value_name = "COLUMN[,COLUMN]", value_delimiter = ',')]
    time: Vec<String>,
    /// How times are written: epoch-s, epoch-ms, epoch-us, epoch-ns, zoned, local, day-first, month-first or excel
    #[arg(long, value_name = "FORM")]
    time_form: Option<String>,
    /// The zone of times without one, such as Europe/Paris [default: UTC]
    #[arg(long)]
    zone: Option<String>,
    /// What stands between two cells: one character, `tab` or `space`
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// What stands before the fraction of a number: . or ,
    #[arg(long, value_name = "CHARACTER")]
    decimal: Option<char>,
    /// Read files as this file of TOML says
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Write what was understood of the (last) file as a mapping
    #[arg(long, value_name = "FILE")]
    write_mapping: Option<PathBuf>,
    /// End at the first row that cannot be read; otherwise such rows are left out, and said
    #[arg(long)]
    strict: bool,
    /// Where rows that cannot be read go, with reasons [default: FILE.refused.csv]
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
    /// Read and check everything, write nothing, and show what is understood
    #[arg(long)]
    dry_run: bool,
    /// One JSON object for each file instead of text
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        if self.refused.is_some() && self.files.len() > 1 {
            return Err(Error::invalid("--refused names one file for several, expected a single FILE"));
        }
        let requests = self.files.iter().map(|file| self.request(file)).collect::<Result<Vec<_>>>()?;
        let memcore = self.open(&config.path)?;
        let done = self.import_all(&memcore, &requests);
        let closed = memcore.close();
        done.and_then(|code| closed.map(|()| code))
    }

    /// One file that cannot be imported keeps none of the others out, unless the import is strict.
    fn import_all(&self, memcore: &Memcore, requests: &[ImportRequest]) -> Result<u8> {
        let mut failed = 0;
        for request in requests {
            let bar = Bar::new(&request.file.display().to_string());
            let imported = import_file(memcore, request, &mut |progress| bar.tell(progress));
            drop(bar);
            match imported {
                Ok(report) => self.say(&request.file, &report)?,
                Err(e) if requests.len() == 1 || self.strict => return Err(e),
                Err(e) => {
                    failed += 1;
                    format::note(&format!("memcore: {e}"));
                    if self.json {
                        let (file, error) = (request.file.display().to_string(), e.to_string());
                        format::print(&json!({"file": file, "error": error}).to_string())?;
                    }
                }
            }
        }
        if failed > 0 {
            format::note(&format!("{failed} of {} files could not be imported", requests.len()));
        }
        Ok(u8::from(failed > 0))
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
        request.mapping = self.mapping()?;
        request.frame.device.clone_from(&self.device);
        if let [column] = &self.time[..] {
            request.frame.time.clone_from(column);
        }
        for unit in &self.units {
            let parsed = |text: &str| text.parse::<Unit>().map_err(|e| e.context("--unit"));
            match unit.rsplit_once('=') {
                Some((column, unit)) => {
                    request.frame.units.insert(column.to_owned(), parsed(unit)?);
                }
                None => request.frame.unit = Some(parsed(unit)?),
            }
        }
        request.zone.clone_from(&self.zone);
        (request.dry_run, request.strict) = (self.dry_run, self.strict);
        request.refused = self.refused.clone().or(request.refused);
        Ok(request)
    }

    /// The mapping of the file, with what is said beside it.
    fn mapping(&self) -> Result<Mapping> {
        let mut mapping = self.mapping.as_ref().map_or_else(|| Ok(Mapping::default()), Mapping::read)?;
        for column in &self.columns {
            let (column, name) = column.split_once('=').map_or((&column[..], None), |(column, name)| (column, Some(name)));
            let known = mapping.columns.entry(column.to_owned()).or_default();
            known.series = name.map(str::to_owned).or(known.series.take());
            mapping.only = true;
        }
        for column in &self.skip {
            mapping.columns.entry(column.clone()).or_default().skip = true;
        }
        if !self.time.is_empty() {
            mapping.time.columns.clone_from(&self.time);
        }
        if let Some(form) = &self.time_form {
            mapping.time.form = Some(form.parse().map_err(|e: Error| e.context("--time-form"))?);
        }
        if let Some(delimiter) = &self.delimiter {
            mapping.file.delimiter = Some(self::delimiter(delimiter)?);
        }
        mapping.file.decimal = self.decimal.or(mapping.file.decimal);
        Ok(mapping)
    }

    fn say(&self, file: &Path, report: &ImportReport) -> Result<()> {
        if let Some(path) = &self.write_mapping {
            let text = report.understood.written(&report.mapping)?;
            std::fs::write(path, text).map_err(|e| Error::io(format!("write {}", path.display()), e))?;
        }
        if self.json {
            let told = Told { file: &file.display().to_string(), dry_run: self.dry_run, report };
            return format::print(&format::json(&told)?).map(drop);
        }
        if self.dry_run {
            format::print(&understood::shown(report))?;
        }
        for line in understood::refused(report).into_iter().chain(understood::set_aside(report)) {
            format::print(&line)?;
        }
        let ImportReport { rows, points, repeated, gaps, series, .. } = report;
        let what = if self.dry_run { "would be written" } else { "written" };
        let (file, series) = (file.display(), series.len());
        let line =
            format!("{file}: {rows} rows, {points} points {what}, {repeated} there already, {gaps} gaps, {series} series");
        format::print(&line).map(drop)
    }
}

/// A report of one file among several.
#[derive(Serialize)]
struct Told<'a> {
    file: &'a str,
    dry_run: bool,
    #[serde(flatten)]
    report: &'a ImportReport,
}

fn delimiter(text: &str) -> Result<char> {
    match text {
        "tab" | "\\t" => Ok('\t'),
        "space" => Ok(' '),
        _ => {
            let mut chars = text.chars();
            let only = chars.next().filter(|_| chars.next().is_none());
            only.ok_or_else(|| Error::invalid(format!("--delimiter is {text:?}, expected one character, `tab` or `space`")))
        }
    }
}
