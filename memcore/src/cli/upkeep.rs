//! `memcore backup`, `restore`, `compact` and `delete`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::progress::Bar;
use super::question::instant;
use super::{Common, format};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, Selection, SystemClock, Timestamp};
use crate::runtime::{self, BackupReport, CompactOptions, Memcore, StoreOptions};

/// Opens a site to change it, which a running server does not let anybody else do.
fn open_to_write(site: &Path, what: &str) -> Result<Memcore> {
    if !site.join("store").exists() {
        return Err(Error::not_found(format!("{} holds no site, so there is nothing to {what}", site.display())));
    }
    Memcore::open(site, StoreOptions::default()).map_err(|e| match e.kind() {
        ErrorKind::Locked => {
            Error::new(ErrorKind::Locked, format!("{e}; stop the server that has it, {what}, and start it again"))
        }
        _ => e,
    })
}

/// Copy the history into a folder, also beside a running server
#[derive(Debug, Args)]
#[command(
    after_help = "The folder is a site then: `memcore query --site DIR` reads it, `memcore restore DIR` makes a site of it. \
A later backup into the same folder copies what is new. Keys and enrolled devices are no part of it: copy them yourself, and \
keep them as safe as they are."
)]
pub(super) struct Backup {
    /// Where to: an empty folder, none, or a former backup
    dir: PathBuf,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let memcore = Memcore::open_read_only(&config.path, StoreOptions::default())?;
        let bar = Bar::new("backup");
        let begun = Instant::now();
        let made = memcore.backup(&self.dir, &mut |done, total| bar.bytes(done, total, begun));
        drop(bar);
        say(&made?, self.json, &format!("in {}", self.dir.display()))
    }
}

/// Make the site from a backup; it must have no history yet
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// What `memcore backup` wrote
    backup: PathBuf,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Restore {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let bar = Bar::new("restore");
        let begun = Instant::now();
        let restored = runtime::restore(&self.backup, &config.path, &mut |done, total| bar.bytes(done, total, begun));
        drop(bar);
        say(&restored?, self.json, &format!("in {}", config.path.display()))
    }
}

fn say(report: &BackupReport, json: bool, place: &str) -> Result<u8> {
    let BackupReport { points, files, bytes, copied_files, copied_bytes, damage, .. } = report;
    if json {
        let line = serde_json::json!({ "points": points, "files": files, "bytes": bytes, "copied_files": copied_files,
            "copied_bytes": copied_bytes, "damage": damage });
        format::print(&line.to_string())?;
    } else {
        damage.iter().try_for_each(|damage| format::print(&format!("damaged: {damage}")).map(drop))?;
        format::print(&format!("{points} points, {bytes} bytes {place}; {copied_bytes} of them were copied"))?;
    }
    Ok(u8::from(!damage.is_empty()))
}

/// Merge what is stored, and carry out what was deleted
#[derive(Debug, Args)]
#[command(after_help = "A server does this by itself, little by little, so that this is for what has to be done now.")]
pub(super) struct Compact {
    /// Which series' devices; all by default
    #[arg(default_value = "*/>", hide_default_value = true)]
    selection: Selection,
    /// Also forget values that others had replaced before this instant, or so long ago
    #[arg(long, value_name = "TIME")]
    forget_before: Option<String>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Compact {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let mut options = CompactOptions::default();
        let before = self.forget_before.as_deref().map(|text| instant("--forget-before", text, now())).transpose()?;
        options.forget_superseded_before = before;
        let memcore = open_to_write(&config.path, "compact")?;
        let bar = Bar::new("compact");
        let begun = Instant::now();
        let done = memcore.compact(&self.selection, &options, &mut |done, total| bar.bytes(done, total, begun));
        drop(bar);
        let closed = memcore.close();
        let report = done?;
        closed?;
        if self.json {
            let line = serde_json::json!({ "chunks_before": report.chunks_before, "chunks_after": report.chunks_after,
                "bytes_before": report.bytes_before, "bytes_after": report.bytes_after, "erased": report.erased,
                "superseded_dropped": report.superseded_dropped, "skipped": report.skipped });
            format::print(&line.to_string())?;
        } else {
            report.skipped.iter().try_for_each(|skipped| format::print(&format!("damaged: {skipped}")).map(drop))?;
            format::print(&format!(
                "{} chunks of {} bytes became {} of {}; {} deleted points are gone for good",
                report.chunks_before, report.bytes_before, report.chunks_after, report.bytes_after, report.erased
            ))?;
        }
        Ok(u8::from(!report.skipped.is_empty()))
    }
}

/// Delete a range of series, for good
#[derive(Debug, Args)]
#[command(
    after_help = "Without --yes it says what would be deleted, and deletes nothing. What arrives for the range afterwards \
is kept."
)]
pub(super) struct Delete {
    /// Which series: `home1.pv.power`, `home1.*.power`, `home1.>{room=kitchen}`
    selection: Selection,
    /// From this instant on, or so long ago: 24h; from the first sample without it
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this instant, or so long ago; to the last sample without it
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Does it
    #[arg(long)]
    yes: bool,
}

impl Delete {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let now = now();
        let end = |flag: &str, text: &Option<String>, open: Timestamp| {
            text.as_deref().map_or(Ok(open), |text| instant(flag, text, now))
        };
        let (from, to) = (end("--from", &self.from, Timestamp::MIN)?, end("--to", &self.to, Timestamp::MAX)?);
        let range = match (&self.from, &self.to) {
            (None, None) => "from end to end".to_owned(),
            (Some(_), None) => format!("from {from} on"),
            (None, Some(_)) => format!("before {to}"),
            (Some(_), Some(_)) => format!("from {from} to {to}"),
        };
        if !self.yes {
            return self.preview(&config.path, (from, to), &range);
        }
        let memcore = open_to_write(&config.path, "delete")?;
        let deleted = memcore.delete(&self.selection, from, to);
        let closed = memcore.close();
        let deleted = deleted?;
        closed?;
        format::print(&format!(
            "deleted {range} of {} series, {} of them had points there",
            deleted.series, deleted.touched
        ))?;
        Ok(0)
    }

    fn preview(&self, site: &Path, (from, to): (Timestamp, Timestamp), range: &str) -> Result<u8> {
        let memcore = Memcore::open_read_only(site, StoreOptions::default())?;
        let mut query = runtime::Query::new(&self.selection).aggregate(runtime::Aggregate::Count);
        query = if from == Timestamp::MIN { query } else { query.from(from) };
        query = if to == Timestamp::MAX { query } else { query.to(to) };
        let result = memcore.query(&query)?;
        let counts = result.series().iter().filter_map(|series| Some((series, series.counts()?)));
        for (series, counts) in counts {
            let points: u64 = counts.values().iter().sum();
            if points > 0 {
                format::print(&format!("{}  {points} points", series.series()))?;
            }
        }
        format::note(&format!("memcore: would delete the above, {range}; nothing was deleted: say --yes to do it"));
        Ok(2)
    }
}

fn now() -> Timestamp {
    SystemClock::default().now()
}
