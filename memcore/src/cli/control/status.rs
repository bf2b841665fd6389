//! `memcore control status`.

use std::io::Write;
use std::time::Duration;

use clap::Args;

use super::super::{Common, format};
use crate::error::Result;
use crate::model::CommandState;
use crate::runtime::{AssetStatus, ControlStatus, LocalClient, WishOutcome as Outcome};

const REDRAW: Duration = Duration::from_secs(1);

/// What is measured and decided of every asset, who acts, what is wrong
#[derive(Debug, Args)]
pub(in crate::cli) struct Status {
    /// Renews itself every second until it is interrupted
    #[arg(long, short)]
    watch: bool,
    /// JSON, with --watch a line a second
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let client = LocalClient::of(&common.config(None)?.path);
        loop {
            let status = client.control_status().await?;
            let text = if self.json { format::json(&status)? } else { page(&status) };
            if self.watch && !self.json && format::is_terminal() {
                let lines: String = text.lines().map(|line| format!("\x1b[2K{line}\n")).collect();
                let mut out = std::io::stdout().lock();
                let _ = write!(out, "\x1b[H{lines}\x1b[J").and_then(|()| out.flush());
            } else if !format::print(&text)? {
                return Ok(0);
            }
            if !self.watch {
                return Ok(0);
            }
            tokio::select! {
                ended = super::super::interrupted() => return ended.map(|_| 0),
                () = tokio::time::sleep(REDRAW) => {}
            }
        }
    }
}

fn page(status: &ControlStatus) -> String {
    let state = match &status.paused {
        None => "control is on".to_owned(),
        Some(paused) => format!("control is PAUSED since {} by {}", paused.since_us, paused.by),
    };
    let ticks = &status.ticks;
    let mut lines = vec![format!(
        "{}: {state}; decided every {}, {} ticks late by {:.1} ms at most for 99 of 100, {} missed",
        status.site,
        status.tick,
        ticks.count,
        f64::from(ticks.late.p99_us) / 1e3,
        ticks.missed
    )];
    lines.push(assets(&status.assets));
    if !status.proposals.is_empty() {
        lines.push(String::new());
        lines.push(proposals(status));
    }
    let actors = status.actors.iter().filter_map(|actor| actor.fault.as_ref());
    let faults: Vec<_> = status.faults.iter().chain(actors.filter(|fault| !status.faults.contains(fault))).collect();
    lines.extend(faults.into_iter().map(|fault| format!("! {fault}")));
    lines.extend(status.log.failing.iter().map(|failing| format!("! the decision log cannot be written: {failing}")));
    lines.join("\n")
}

fn assets(assets: &[AssetStatus]) -> String {
    let mut table = format::table(&["asset", "measured", "age", "soc", "decided", "by", "limited by", "order"]);
    format::right(&mut table, &[1, 2, 3, 4]);
    let watts = |power: Option<f64>| power.map_or("-".to_owned(), |power| format!("{power:.0} W"));
    for asset in assets {
        let age = asset.age.map_or("-".to_owned(), |age| format!("{:.1} s", age.as_seconds()));
        let by = match (&asset.wish, asset.decided_w) {
            (Some(wish), _) => format!("{} ({})", wish.actor, wish.priority.get()),
            (None, Some(_)) => "default".to_owned(),
            (None, None) => "-".to_owned(),
        };
        let held = asset.held_until_us.map(|until| format!("held by a person until {until}"));
        table.add_row([
            asset.asset.to_string(),
            watts(asset.measured_w),
            if asset.fresh { age } else { format!("{age} STALE") },
            asset.soc.map_or("-".to_owned(), |soc| format!("{:.1} %", soc * 100.0)),
            watts(asset.decided_w),
            held.unwrap_or(by),
            if asset.limited_by.is_empty() { "-".to_owned() } else { asset.limited_by.join(", ") },
            asset.order.as_ref().map_or("-".to_owned(), order),
        ]);
    }
    table.to_string()
}

fn order(state: &CommandState) -> String {
    match state {
        CommandState::Done { read_back: Some(value) } => format!("done, reads {}", format::number(*value)),
        CommandState::Refused { code, .. } => format!("refused: {code}"),
        state => state.name().to_owned(),
    }
}

fn proposals(status: &ControlStatus) -> String {
    let mut table = format::table(&["actor", "wishes for", "outcome"]);
    for proposal in &status.proposals {
        let outcome = match &proposal.outcome {
            Outcome::Granted => "granted".to_owned(),
            Outcome::Limited { by, to_w } => format!("limited to {to_w:.0} W by {by}"),
            Outcome::Overridden { by } => format!("overridden by {by}"),
            Outcome::Expired => "expired".to_owned(),
            Outcome::Refused { reason } => format!("refused: {reason}"),
        };
        table.add_row([proposal.actor.to_string(), proposal.target.to_string(), outcome]);
    }
    table.to_string()
}
