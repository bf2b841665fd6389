//! `memcore why`: what was decided, and why.

use clap::Args;
use jiff::tz::TimeZone;

use super::super::{Common, format};
use crate::error::{ErrorKind, Result};
use crate::model::{Clock, SystemClock};
use crate::runtime::{LocalClient, explain_decision, said_time};

/// Why an asset was as it was: what was decided, whose wish that followed, what limited it, what the device answered
#[derive(Debug, Args)]
pub(in crate::cli) struct Why {
    /// An asset, or a series of it such as home1.battery.power
    asked: String,
    /// When, by the clock of the site: 14:05 (the last one), "2026-06-21 14:05"; with its zone 2026-06-21T14:05:00Z; or so long ago,
    /// 10m. Now where it is not given
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// JSON
    #[arg(long)]
    json: bool,
}

impl Why {
    pub(in crate::cli) async fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let model = config.control.model_of(&config.path).ok().flatten();
        let zone = model.map_or_else(|| "UTC".to_owned(), |(_, model)| model.zone);
        let tz = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
        let now = SystemClock::default().now();
        let at = self.at.as_deref().map_or(Ok(now), |text| said_time(text, now, &tz).map_err(|e| e.context("--at")))?;
        let explanation = match LocalClient::of(&config.path).why(&self.asked, at).await {
            // A site that is stopped, or not controlled any more, has its log all the same.
            Err(e) if e.kind() == ErrorKind::Connection => explain_decision(&config.path, &self.asked, at, &zone)?,
            explained => explained?,
        };
        if self.json {
            format::print(&format::json(&explanation)?)?;
        } else {
            format::print(&explanation.lines().join("\n"))?;
        }
        Ok(u8::from(explanation.decided.is_none()))
    }
}
