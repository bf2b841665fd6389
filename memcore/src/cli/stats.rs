//! `memcore stats` and `memcore verify`.

use clap::Args;

use super::{Common, format};
use crate::error::Result;
use crate::model::Selection;
use crate::runtime::{Memcore, StoreOptions};

/// Sizes and spans.
#[derive(Debug, Args)]
#[command(after_help = "Works beside a running server.")]
pub(super) struct Stats {
    /// Which series: `home1.*.power`, `home1.>{quantity=power}`; all by default
    #[arg(default_value = "*/>", hide_default_value = true)]
    selection: Selection,
    /// JSON lines instead of a table: one a series, and one of all
    #[arg(long)]
    json: bool,
}

impl Stats {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let memcore = Memcore::open_read_only(&config.path, StoreOptions::default())?;
        let series = memcore.store().series_stats(&self.selection)?;
        let all = memcore.stats();
        if self.json {
            for (name, stats) in &series {
                let line = serde_json::json!({ "series": name, "points": stats.points, "bytes": stats.bytes,
                    "first_us": stats.first, "last_us": stats.last });
                format::print(&line.to_string())?;
            }
            let line = serde_json::json!({ "devices": all.devices, "series": all.series, "points": all.points(),
                "unsealed_points": all.unsealed_points, "chunks": all.chunks, "chunk_bytes": all.chunk_bytes,
                "log_bytes": all.log_bytes, "damage": all.damage });
            format::print(&line.to_string())?;
            return Ok(0);
        }
        let mut table = format::table(&["series", "points", "bytes", "bytes/point", "first", "last"]);
        format::right(&mut table, &[1, 2, 3]);
        let time = |time: Option<crate::model::Timestamp>| time.map_or("-".to_owned(), |time| time.to_string());
        for (name, stats) in &series {
            let sealed = if stats.bytes == 0 { "-".into() } else { each(stats.bytes, stats.points) };
            let (points, bytes) = (stats.points.to_string(), stats.bytes.to_string());
            table.add_row([name.to_string(), points, bytes, sealed, time(stats.first), time(stats.last)]);
        }
        let (points, bytes) =
            series.iter().fold((0, 0), |(points, bytes), (_, stats)| (points + stats.points, bytes + stats.bytes));
        let name = format!("{} series", series.len());
        table.add_row([name, points.to_string(), bytes.to_string(), each(bytes, points), String::new(), String::new()]);
        format::print(&table.to_string())?;
        format::print(&format!(
            "\nstore: {} devices, {} series, {} points ({} not sealed yet), {} chunks of {} bytes, {} bytes of log",
            all.devices,
            all.series,
            all.points(),
            all.unsealed_points,
            all.chunks,
            all.chunk_bytes,
            all.log_bytes
        ))?;
        for damage in &all.damage {
            format::print(&format!("damaged: {damage}"))?;
        }
        Ok(0)
    }
}

fn each(bytes: u64, points: u64) -> String {
    if points == 0 { "-".into() } else { format::number(bytes as f64 / points as f64) }
}

/// Everything is read and checked.
#[derive(Debug, Args)]
#[command(after_help = "Ends with code 1 where something is damaged, and says what. Works beside a running server.")]
pub(super) struct Verify {
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let memcore = Memcore::open_read_only(&config.path, StoreOptions::default())?;
        let report = memcore.store().verify()?;
        if self.json {
            let sound = report.is_sound();
            let line = serde_json::json!({ "sound": sound, "bytes": report.bytes, "chunks": report.chunks,
                "damage": report.damage.iter().map(ToString::to_string).collect::<Vec<_>>() });
            format::print(&line.to_string())?;
        } else {
            for damage in &report.damage {
                format::print(&format!("damaged: {damage}"))?;
            }
            let verdict = if report.is_sound() { "sound".into() } else { format!("{} damages", report.damage.len()) };
            format::print(&format!("{verdict}: {} bytes read, {} chunks decoded", report.bytes, report.chunks))?;
        }
        Ok(u8::from(!report.is_sound()))
    }
}
