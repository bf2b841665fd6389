//! `memcore backtest`.

use std::path::PathBuf;

use clap::Args;

use super::progress::Bar;
use super::steps::{self, SiteArgs};
use super::{Common, format};
use crate::error::{Error, Result};
use crate::model::{Clock, Span, SystemClock};
use crate::runtime::{Backtest, Foresight, Naive, Progress, Site, Walk, backtest};

/// What there is to know.
const ABOUT: &str = "The site's profiles are what came: columns of files and series of a history. Every few steps a plan is made from \
forecasts and from the state that the site is then in, and carried out on what came. The cost is told beside that of perfect \
foresight (the difference is regret) and of plain rules without any plan. What forecasts need of the past is taken from --history \
before --from. Exit code 0 where the walk was done, 3 where some steps had no plan.";

/// What plans would have cost on a site's real history
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(super) struct BacktestCommand {
    /// The site: a TOML or JSON file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    site: SiteArgs,
    /// What plans know of load and sources: perfect persistence yesterday days:7 weekday:4 weekday-median:4
    #[arg(long, value_name = "METHOD", default_value = "weekday:4")]
    forecast: String,
    /// The zone of days and weekdays, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: String,
    /// How much history before --from forecasts may use: 28d
    #[arg(long, value_name = "LENGTH")]
    history: Option<Span>,
    /// How far each plan looks ahead: 24h
    #[arg(long, value_name = "LENGTH", default_value = "24h")]
    ahead: Span,
    /// How many steps of each plan are carried out before the next
    #[arg(long, value_name = "STEPS", default_value_t = 1)]
    every: usize,
    /// Leave out the one plan with perfect foresight, which may take long
    #[arg(long)]
    no_perfect: bool,
    /// One JSON object in place of text
    #[arg(long)]
    json: bool,
    /// Write what was carried out: .csv .json .arrow .parquet; may be given several times
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

impl BacktestCommand {
    pub(super) fn run(&self, common: &Common) -> Result<u8> {
        let now = SystemClock::default().now();
        let (site, notices, from) = self.site.read_with_history(&self.file, common, self.history, now)?;
        self.site.warn(&notices);
        let found = self.walk(&site, from)?;
        for file in &self.out {
            match file.extension().and_then(|ending| ending.to_str()) {
                Some("json") => steps::write(file, &format::json(&found)?)?,
                _ => steps::write_batch(file, &found.to_record_batch()?)?,
            }
        }
        if self.json {
            format::print(&format::json(&found)?)?;
        } else {
            show(&found)?;
        }
        Ok(if found.without_plan > 0 { 3 } else { 0 })
    }

    fn walk(&self, site: &Site, from: usize) -> Result<Backtest> {
        let step = site.horizon.borders()[1].since(site.horizon.start()).as_micros();
        let ahead = usize::try_from(self.ahead.as_micros() / step).unwrap_or(0);
        if ahead == 0 {
            return Err(Error::invalid(format!("--ahead is {}, expected at least one step of the horizon", self.ahead)));
        }
        let options = self.site.options()?;
        let walk = Walk { from, ahead, every: self.every, perfect: !self.no_perfect, options, ..Walk::default() };
        let bar = Bar::new("backtest");
        let begun = std::time::Instant::now();
        let mut tell = |done: usize, total: usize| bar.tell(&Progress::of_bytes(done as u64, total as u64, begun));
        match self.forecast.as_str() {
            "perfect" => backtest(site, &mut Foresight, &walk, &mut tell),
            method => backtest(site, &mut Naive::new(method.parse()?, &self.tz)?, &walk, &mut tell),
        }
    }
}

fn show(found: &Backtest) -> Result<()> {
    let money = found.currency;
    let mut table = format::table(&["what", &format!("{money}")]);
    format::right(&mut table, &[1]);
    table.add_row(["plans on forecasts".to_owned(), format!("{:.4}", found.cost)]);
    if let (Some(perfect), Some(regret)) = (&found.perfect, found.regret()) {
        table.add_row(["perfect foresight".to_owned(), format!("{:.4}", perfect.cost)]);
        table.add_row(["regret".to_owned(), format!("{regret:.4}")]);
    }
    if let (Some(rules), Some(saved)) = (&found.rules, found.saved()) {
        table.add_row(["plain rules".to_owned(), format!("{:.4}", rules.cost)]);
        table.add_row(["saved against rules".to_owned(), format!("{saved:.4}")]);
    }
    format::print(&format!("{table}\n\n{}\n", steps::costs(&found.costs, found.cost, money)))?;
    let engines: Vec<String> =
        found.engines.iter().map(|(engine, plans)| format!("{plans} by {}", engine.name())).collect();
    format::print(&format!(
        "{} steps from {} to {}: {} plans ({}), {:.3} ms each, {:.3} ms at most",
        found.horizon.len(),
        found.horizon.start(),
        found.horizon.end(),
        found.plans,
        engines.join(", "),
        found.time_per_plan().as_micros() as f64 / 1000.0,
        found.longest.as_micros() as f64 / 1000.0,
    ))?;
    for violation in &found.violations {
        format::print(&format!("not met: {}", violation.text))?;
    }
    if let Some(broken) = &found.broken {
        format::print(&format!("broken: {broken}; {:.3} kWh could not be closed", found.unresolved_kwh))?;
    }
    for notice in &found.notices {
        format::print(&format!("note: {notice}"))?;
    }
    Ok(())
}
