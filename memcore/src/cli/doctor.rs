//! `memcore doctor`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::progress::Bar;
use super::question::instant;
use super::{Common, format};
use crate::error::{Error, Result};
use crate::model::{Clock, DeviceName, Selection, SystemClock, Timestamp, Unit};
use crate::runtime::{
    Examination, Examined, Finding, FindingKind, ImportRequest, Mapping, Memcore, Report, Role, Severity, StoreOptions,
    examine_file,
};

/// What there is to know.
const ABOUT: &str = "A file is only read, and needs no device. Findings come the worst first: what was seen, where, how sure the \
doctor is (0 to 1), what to declare and what to do. --write-mapping writes all declarations down, for `memcore import --mapping`. \
Exit code 0 where nothing worse than notes was found, 1 where there are warnings or faults, or where the work failed.";

/// How wide a picture is where nobody says.
const WIDTH: usize = 100;

/// Say what is wrong with a file or with history, before it does harm
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(super) struct Doctor {
    /// A file as `import` takes it, or series of the site: home1.pv.power, home1.>
    #[arg(value_name = "FILE|SERIES")]
    what: String,
    /// The zone of times without one, or of the site: Europe/Paris
    #[arg(long)]
    zone: Option<String>,
    /// Where the site lies, degrees north and east: 48.8,2.3
    #[arg(long, value_name = "LATITUDE,LONGITUDE", allow_hyphen_values = true)]
    position: Option<String>,
    /// The part a series has in the site: grid, pv, battery or load
    #[arg(long = "role", value_name = "SERIES=ROLE")]
    roles: Vec<String>,
    /// Look for these only: sampling gap duplicate out_of_order frozen spike reset rollover glitch counter_backwards sentinel unit_slip sign clock_shift daylight_saving label night_power
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    only: Vec<FindingKind>,
    /// Of a file: whose channels its columns are
    #[arg(long, value_name = "SITE.DEVICE")]
    device: Option<DeviceName>,
    /// Of a file: the unit of a column, or of all that say none: p=kW, or kW
    #[arg(long = "unit", value_name = "[COLUMN=]UNIT")]
    units: Vec<String>,
    /// Of a file: read it as this mapping says
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Of a file: write down how to read it, with what the doctor declares
    #[arg(long, value_name = "FILE")]
    write_mapping: Option<PathBuf>,
    /// Of series: from this instant on, or so long ago
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Of series: before this instant, or so long ago
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Write a page with pictures
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Text without pictures
    #[arg(long)]
    no_plots: bool,
}

impl Doctor {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let path = Path::new(&self.what);
        let report = if path.is_file() { self.file(path)? } else { self.history(common)? };
        if let Some(html) = &self.html {
            write(html, &report.to_html())?;
        }
        Ok(u8::from(report.worst().is_some_and(|worst| worst > Severity::Note)))
    }

    fn options(&self) -> Result<Examination> {
        let mut options = Examination { zone: self.zone.clone(), only: self.only.clone(), ..Examination::default() };
        options.position = self.position.as_deref().map(position).transpose()?;
        for role in &self.roles {
            let (series, role) = role
                .rsplit_once('=')
                .ok_or_else(|| Error::invalid(format!("--role is {role:?}, expected SERIES=ROLE such as meter=grid")))?;
            options.roles.push((series.to_owned(), role.parse::<Role>()?));
        }
        Ok(options)
    }

    fn file(&self, path: &Path) -> Result<Report> {
        if self.from.is_some() || self.to.is_some() {
            return Err(Error::invalid("--from and --to are for series of a site, expected series instead of a file"));
        }
        let mut request = ImportRequest::new(path);
        request.mapping = self.mapping.as_ref().map_or_else(|| Ok(Mapping::default()), Mapping::read)?;
        request.frame.device.clone_from(&self.device);
        for unit in &self.units {
            let parsed = |text: &str| text.parse::<Unit>().map_err(|e| e.context("--unit"));
            match unit.rsplit_once('=') {
                Some((column, unit)) => drop(request.frame.units.insert(column.to_owned(), parsed(unit)?)),
                None => request.frame.unit = Some(parsed(unit)?),
            }
        }
        let bar = Bar::new(&path.display().to_string());
        let examined = examine_file(&request, &self.options()?, &mut |progress| bar.tell(progress));
        drop(bar);
        let examined = examined?;
        if let Some(to) = &self.write_mapping {
            write(to, &examined.understood.written(&examined.mapping)?)?;
        }
        if self.json {
            format::print(&format::json(&examined)?)?;
        } else {
            format::print(&read(path, &examined))?;
            self.say(&examined.report)?;
        }
        Ok(examined.report)
    }

    fn history(&self, common: &Common) -> Result<Report> {
        if self.mapping.is_some() || self.write_mapping.is_some() || self.device.is_some() || !self.units.is_empty() {
            let what = &self.what;
            return Err(Error::not_found(format!("{what} is no file, and --device, --unit and mappings are for files")));
        }
        let selection: Selection = self.what.parse().map_err(|e: Error| e.context("neither a file nor series"))?;
        let now = SystemClock::default().now();
        let end = |flag, text: &Option<String>, default| match text {
            Some(text) => instant(flag, text, now),
            None => Ok(default),
        };
        let (from, to) = (end("--from", &self.from, Timestamp::MIN)?, end("--to", &self.to, Timestamp::MAX)?);
        let config = common.config(None)?;
        let memcore = Memcore::open_read_only(&config.path, StoreOptions::default())?;
        if memcore.series(&selection).is_empty() {
            return Err(Error::not_found(format!("no series is {selection}, and there is no such file")));
        }
        let bar = Bar::new(&self.what);
        let report = memcore.examine(&selection, from, to, &self.options()?, &mut |progress| bar.tell(progress));
        drop(bar);
        let report = report?;
        if self.json {
            format::print(&format::json(&report)?)?;
        } else {
            self.say(&report)?;
        }
        Ok(report)
    }

    fn say(&self, report: &Report) -> Result<()> {
        format::print(&summary(report))?;
        for finding in &report.findings {
            format::print(&self.told(finding))?;
        }
        let count = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
        let counts = [(Severity::Fault, "fault"), (Severity::Warning, "warning"), (Severity::Note, "note")];
        let counts = counts.map(|(severity, name)| match count(severity) {
            1 => format!("1 {name}"),
            many => format!("{many} {name}s"),
        });
        format::print(&counts.join(", ")).map(drop)
    }

    fn told(&self, finding: &Finding) -> String {
        let kind = finding.kind.name().replace('_', " ");
        let severity = finding.severity.name().to_uppercase();
        let mut lines = vec![
            format!("{severity}: {kind} in {} (confidence {:.2})", few(&finding.series), finding.confidence),
            wrapped("  ", &finding.message),
            format!("  where    {}", finding.place()),
        ];
        // The same cadence of seven columns is one thing to say.
        const SHOWN: usize = 4;
        let declarations = finding.declare.iter().take(SHOWN);
        lines.extend(declarations.map(|declaration| format!("  declare  {declaration}")));
        if finding.declare.len() > SHOWN {
            lines.push(format!("           and {} more like it", finding.declare.len() - SHOWN));
        }
        lines.extend(finding.repair.iter().map(|repair| wrapped("  do       ", repair)));
        if !self.no_plots && finding.severity > Severity::Note {
            let plot = finding.plot.to_text(WIDTH - 2);
            lines.extend(plot.lines().map(|line| format!("  {line}").trim_end().to_owned()));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// What a file holds, in one line or two.
fn read(path: &Path, examined: &Examined) -> String {
    let mut line = format!("{}: {} rows, {} series", path.display(), examined.rows, examined.report.series.len());
    let refused = &examined.refused;
    if let Some(first) = refused.first.first() {
        line += &format!("\n{} rows cannot be read; the first, row {}: {}", refused.count, first.row, first.reason);
    }
    line
}

fn summary(report: &Report) -> String {
    let mut table = format::table(&["series", "what", "values", "every", "covered", "lowest", "highest", "first", "last"]);
    format::right(&mut table, &[2, 3, 4, 5, 6]);
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    for series in &report.series {
        let time = |time: Option<Timestamp>| or_none(time.map(|time| time.to_string()));
        table.add_row([
            series.series.clone(),
            series.what(),
            series.points.to_string(),
            or_none(series.cadence.map(|cadence| cadence.to_string())),
            or_none(series.coverage.map(|share| format!("{:.1} %", share * 100.0))),
            or_none(series.min.map(format::number)),
            or_none(series.max.map(format::number)),
            time(series.first),
            time(series.last),
        ]);
    }
    format!("{table}\n")
}

fn few(series: &[String]) -> String {
    match series {
        [one, two, three, rest @ ..] if rest.len() > 1 => format!("{one}, {two}, {three} and {} more", rest.len()),
        _ => series.join(", "),
    }
}

/// A text in lines of readable width, the first behind `start` and the others below it.
fn wrapped(start: &str, text: &str) -> String {
    let indent = " ".repeat(start.len());
    let mut lines = vec![start.to_owned()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one line at least");
        let is_empty = line.trim_end().len() <= start.trim_end().len() && line.len() <= start.len();
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{indent}{word}"));
        } else {
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

fn position(text: &str) -> Result<(f64, f64)> {
    let parsed =
        text.split_once(',').and_then(|(north, east)| Some((north.trim().parse().ok()?, east.trim().parse().ok()?)));
    parsed
        .ok_or_else(|| Error::invalid(format!("--position is {text:?}, expected degrees north and east such as 48.8,2.3")))
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|e| Error::io(format!("write {}", path.display()), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_words() {
        let text = wrapped("  do       ", "word ".repeat(40).trim_end());
        assert!(text.starts_with("  do       word word"), "{text}");
        assert!(text.lines().count() > 1 && text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("           word")), "{text}");
    }

    #[test]
    fn a_position_is_two_numbers() {
        assert_eq!(position("48.8, -2.3").unwrap(), (48.8, -2.3));
        assert!(position("48.8").is_err() && position("a,b").is_err());
    }
}
