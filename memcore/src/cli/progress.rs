//! A bar for what takes long. It is drawn where a person looks, and nowhere else.

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

    /// Shows how far it is.
    pub(super) fn tell(&self, progress: &Progress) -> Result<()> {
        if let Some(part) = progress.part {
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {percent}% {msg}");
            self.0.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.0.set_position((part * STEPS as f64) as u64);
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
