//! A bar for what takes long. It is drawn where a person looks, and nowhere else.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::format;
use crate::error::Result;
use crate::runtime::Progress;

/// How far the bar reaches.
const STEPS: u64 = 1000;

pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(what: &str) -> Self {
        let style = ProgressStyle::with_template("{prefix} {spinner} {msg}");
        let bar = ProgressBar::new(STEPS).with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_prefix(what.to_owned());
        Self(bar)
    }

    /// Shows how many bytes of how many are done.
    pub(super) fn bytes(&self, done: u64, total: u64, begun: Instant) -> Result<()> {
        let part = done as f64 / total.max(1) as f64;
        self.draw(part);
        let rate = format::number((done as f64 / begun.elapsed().as_secs_f64().max(1e-9) / 1e6).round());
        self.0.set_message(format!("{} of {} MB, {rate} MB/s", done / 1_000_000, total / 1_000_000));
        self.0.tick();
        Ok(())
    }

    fn draw(&self, part: f64) {
        let style = ProgressStyle::with_template("{prefix} [{bar:30}] {percent}% {msg}");
        self.0.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.0.set_position((part * STEPS as f64) as u64);
    }

    /// Shows how far it is.
    pub(super) fn tell(&self, progress: &Progress) -> Result<()> {
        if let Some(part) = progress.part {
            self.draw(part);
        }
        let rate = format::number(progress.points_per_second().round());
        self.0.set_message(format!("{} rows, {} points, {rate} points/s", progress.rows, progress.points));
        self.0.tick();
        Ok(())
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
