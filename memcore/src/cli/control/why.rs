//! `memcore why`: what was decided, and why.

use clap::Args;
use jiff::tz::TimeZone;

use super::super::{Common, format};
use crate::error::{ErrorKind, Result};
use crate::model::{Clock, SystemClock};
use crate::runtime::{Explanation, LocalClient, explain_decision, said_time};

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
            format::print(&page(&explanation))?;
        }
        Ok(u8::from(explanation.decided.is_none()))
    }
}

fn page(explanation: &Explanation) -> String {
    let Some(decided) = &explanation.decided else { return explanation.sentence.clone() };
    let watts =
        |bound: Option<f64>, none: &str| bound.map_or(none.to_owned(), |bound| format!("{} W", format::number(bound)));
    let bounds = format!("{} to {}", watts(decided.low_w, "no least"), watts(decided.high_w, "no most"));
    let mut lines = vec![explanation.sentence.clone(), String::new(), format!("allowed   {bounds}")];
    lines.extend(decided.command.iter().map(|id| format!("order     {id} to {}", decided.target)));
    if !decided.inputs.is_empty() {
        let mut table = format::table(&["input", "what", "value", "age"]);
        format::right(&mut table, &[2, 3]);
        for input in &decided.inputs {
            let age = format!("{:.1} s", input.age.as_seconds());
            table.add_row([input.series.to_string(), input.what.clone(), format::number(input.value), age]);
        }
        lines.extend([String::new(), table.to_string()]);
    }
    lines.join("\n")
}
