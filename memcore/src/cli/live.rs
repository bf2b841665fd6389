//! Live readings on the standard output: a table that renews itself in a terminal, JSON lines otherwise.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use super::format;
use crate::error::Result;
use crate::model::{Clock, Pattern, Reading, Sample, SeriesName, SystemClock};
use crate::runtime::{Readings, ServerHandle};

const REDRAW: Duration = Duration::from_millis(500);
/// Series in the table; a terminal has no room for more.
const ROWS: usize = 40;

/// Follows a server's readings until the future is dropped.
pub(super) async fn follow(server: &ServerHandle, pattern: &Pattern) -> Result<()> {
    let readings = server.subscribe(pattern).await?;
    if format::is_terminal() { draw(server, readings).await } else { lines(readings).await }
}

async fn lines(mut readings: Readings) -> Result<()> {
    let mut out = String::new();
    while let Some(reading) = readings.next().await {
        out.clear();
        push_line(&mut out, &reading)?;
        // What has arrived meanwhile goes out in the same write.
        while let Some(reading) = readings.try_next().filter(|_| out.len() < 1 << 16) {
            push_line(&mut out, &reading)?;
        }
        if !format::print(out.trim_end())? {
            return Ok(());
        }
    }
    Ok(())
}

fn push_line(out: &mut String, reading: &Reading) -> Result<()> {
    #[derive(serde::Serialize)]
    struct Line {
        series: SeriesName,
        time_us: i64,
        value: f64,
    }
    let Reading { device, channel, sample } = reading;
    let series = device.channel(channel.clone());
    out.push_str(&format::json(&Line { series, time_us: sample.time.as_micros(), value: sample.value })?);
    out.push('\n');
    Ok(())
}

async fn draw(server: &ServerHandle, mut readings: Readings) -> Result<()> {
    let mut newest: BTreeMap<SeriesName, Sample> = BTreeMap::new();
    let mut redraw = tokio::time::interval(REDRAW);
    let mut taken = server.stats().points_taken;
    loop {
        tokio::select! {
            reading = readings.next() => {
                let Some(Reading { device, channel, sample }) = reading else { return Ok(()) };
                newest.insert(device.channel(channel), sample);
            }
            _ = redraw.tick() => {
                let stats = server.stats();
                let rate = (stats.points_taken - taken) as f64 / REDRAW.as_secs_f64();
                taken = stats.points_taken;
                let head = format!(
                    "memcore on {}   {} devices   {} points/s   {} durable\n",
                    server.address(), stats.connected, format::number(rate), stats.points_durable
                );
                // Home, then clear below: no flicker, and the scroll-back stays.
                let mut out = std::io::stdout().lock();
                let _ = write!(out, "\x1b[H\x1b[2K{head}{}\x1b[J", table(server, &newest));
                let _ = out.flush();
            }
        }
    }
}

fn table(server: &ServerHandle, newest: &BTreeMap<SeriesName, Sample>) -> String {
    let now = SystemClock::default().now();
    let mut table = format::table(&["series", "value", "unit", "age"]);
    format::right(&mut table, &[1, 3]);
    for (series, sample) in newest.iter().take(ROWS) {
        let unit = server.memcore().store().channel(series).map_or("", |channel| channel.base_unit().symbol());
        table.add_row([series.to_string(), format::number(sample.value), unit.into(), format::ago(now, sample.time)]);
    }
    let more = newest.len().saturating_sub(ROWS);
    let note = if more > 0 { format!("\n... and {more} series more") } else { String::new() };
    // Each line clears what stood there before.
    format!("{table}{note}").lines().map(|line| format!("\x1b[2K{line}\n")).collect()
}
