//! `memcore control simulate`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::format;
use crate::error::{Error, Result};
use crate::model::{Name, Span, Timestamp};
use crate::runtime::{
    PriceSeries, Prices, Scenario, SimulatedControl, SimulationFigures, SimulationOptions, read_site_model, run_scenario,
    simulate_control,
};

/// What there is to know.
const ABOUT: &str = "Devices are emulated from what the model says of them; the code that decides is the server's own. Cars come and go \
by the habits of their drivers, weather and people by the seed: the same seed gives the same result. Exit code 0 where all limits were \
kept (and all that a scenario expects was so), 3 where not.";

/// The width of a picture in a terminal.
const WIDTH: usize = 110;

/// Let a site live under control in simulated time, and see what it costs and whether its limits hold
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(in crate::cli) struct Simulate {
    /// The site model; a scenario names its own
    #[arg(value_name = "MODEL.toml", required_unless_present = "scenario")]
    model: Option<PathBuf>,
    /// When it begins
    #[arg(long, default_value = "2026-06-20T00:00:00Z")]
    from: Timestamp,
    /// How many days
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// From one decision to the next
    #[arg(long, default_value = "1m")]
    step: Span,
    /// Of weather, people and prices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prices as CSV: time, a kWh bought, perhaps a kWh sold [default: the model's, else an invented day-ahead market]
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// The state of charge of a battery at first
    #[arg(long, value_name = "ASSET=0..1")]
    soc: Vec<String>,
    /// Run a scenario in place of days: what happens, and what must be true
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "prices", "soc"])]
    scenario: Option<PathBuf>,
    /// Make no plans, also where the model asks for them
    #[arg(long)]
    no_plans: bool,
    /// Do not compare it with the same site without control
    #[arg(long)]
    alone: bool,
    /// Say why an asset did what it did: ASSET@TIME
    #[arg(long, value_name = "ASSET@TIME")]
    why: Vec<String>,
    /// Ends with one JSON object
    #[arg(long)]
    json: bool,
    /// Write a picture
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the table, a row a minute or step, as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// All that a simulation says, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    controlled: SimulationFigures,
    #[serde(skip_serializing_if = "Option::is_none")]
    uncontrolled: Option<SimulationFigures>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    why: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<String>,
    simulated_in_s: f64,
}

impl Simulate {
    pub(super) fn run(&self) -> Result<u8> {
        match &self.scenario {
            Some(file) => self.scenario(file),
            None => self.days(self.model.as_deref().unwrap_or(Path::new("control.toml"))),
        }
    }

    fn scenario(&self, file: &Path) -> Result<u8> {
        let begun = Instant::now();
        let report = run_scenario(&Scenario::read(file)?)?;
        let failures = report.failures.clone();
        if !self.json {
            format::print(report.to_string().trim_end())?;
        }
        self.end(&report.simulated, None, failures, begun.elapsed())
    }

    fn days(&self, model: &Path) -> Result<u8> {
        let model = read_site_model(model)?;
        let options = self.options()?;
        let begun = Instant::now();
        let controlled = {
            let bar = Bar::new("under control", self.json);
            simulate_control(&model, options.clone(), |share| bar.show(share))?
        };
        let took = begun.elapsed();
        let uncontrolled = match self.alone {
            true => None,
            false => {
                let bar = Bar::new("without control", self.json);
                Some(simulate_control(&model, options.without_control(), |share| bar.show(share))?.figures())
            }
        };
        self.end(&controlled, uncontrolled, Vec::new(), took)
    }

    fn options(&self) -> Result<SimulationOptions> {
        let length = Span::from_seconds(i64::from(self.days) * 86_400);
        let mut options = SimulationOptions::new(self.from, length).step(self.step).seed(self.seed);
        options.plans = !self.no_plans;
        if let Some(file) = &self.prices {
            options.prices = Prices::Series(PriceSeries::read(file)?);
        }
        for written in &self.soc {
            let wrong = || Error::invalid(format!("--soc is {written:?}, expected ASSET=SHARE such as battery=0.5"));
            let (asset, soc) = written.split_once('=').ok_or_else(wrong)?;
            options.socs.push((Name::new(asset)?, soc.parse().map_err(|_| wrong())?));
        }
        Ok(options)
    }

    fn end(
        &self,
        simulated: &SimulatedControl,
        uncontrolled: Option<SimulationFigures>,
        failures: Vec<String>,
        took: Duration,
    ) -> Result<u8> {
        let whys = self.why.iter().map(|written| {
            let wrong = || {
                Error::invalid(format!("--why is {written:?}, expected ASSET@TIME such as battery@2026-06-20T14:05:00Z"))
            };
            let (asset, at) = written.split_once('@').ok_or_else(wrong)?;
            simulated.why(asset, at.parse()?)
        });
        let why = whys.collect::<Result<Vec<_>>>()?;
        let write = |file: &Path, text: String| {
            std::fs::write(file, text).map_err(|e| Error::io(format!("write {}", file.display()), e))
        };
        if let Some(file) = &self.svg {
            write(file, simulated.chart().to_svg())?;
        }
        if let Some(file) = &self.csv {
            write(file, simulated.csv()?)?;
        }
        let controlled = simulated.figures();
        let broken = !controlled.violations.is_empty() || !failures.is_empty();
        let simulated_in_s = (took.as_secs_f64() * 1e3).round() / 1e3;
        if self.json {
            format::print(&format::json(&Report { controlled, uncontrolled, why, failures, simulated_in_s })?)?;
        } else {
            say(simulated, &controlled, uncontrolled.as_ref(), simulated_in_s)?;
            why.iter().try_for_each(|sentence| format::print(sentence).map(drop))?;
        }
        Ok(if broken { 3 } else { 0 })
    }
}

fn say(
    simulated: &SimulatedControl,
    controlled: &SimulationFigures,
    uncontrolled: Option<&SimulationFigures>,
    took_s: f64,
) -> Result<()> {
    format::print(&format!("\n{}\n", simulated.chart().to_text(WIDTH)))?;
    format::print(&figures(simulated, controlled, uncontrolled).to_string())?;
    let mut table = format::table(&["asset", "taken", "given", "switched", "turned", "state of charge"]);
    format::right(&mut table, &[1, 2, 3, 4]);
    for asset in &controlled.assets {
        let soc = asset.soc_low.zip(asset.soc_high);
        table.add_row([
            asset.name.clone(),
            format!("{:.1} kWh", asset.taken_kwh),
            format!("{:.1} kWh", asset.given_kwh),
            format!("{} times", asset.switchings),
            format!("{} times", asset.turns),
            soc.map_or("-".into(), |(low, high)| format!("{:.0} to {:.0} %", 100.0 * low, 100.0 * high)),
        ]);
    }
    format::print(&format!("\n{table}"))?;
    for violation in &controlled.violations {
        let (what, from, to) = (&violation.what, violation.from, violation.to);
        format::print(&format!("BROKEN  {what}: {:.1} of {:.1} from {from} to {to}", violation.worst, violation.limit))?;
    }
    if controlled.violations_more > 0 {
        format::print(&format!("BROKEN  {} more times", controlled.violations_more))?;
    }
    let (days, decisions) = (controlled.seconds / 86_400.0, controlled.decisions);
    let days = format::number((days * 100.0).round() / 100.0);
    format::note(&format!("{days} days and {decisions} decisions were simulated in {took_s:.1} s"));
    Ok(())
}

fn figures(
    simulated: &SimulatedControl,
    controlled: &SimulationFigures,
    uncontrolled: Option<&SimulationFigures>,
) -> comfy_table::Table {
    let mut table = format::table(&["what", "under control", if uncontrolled.is_some() { "without" } else { "" }]);
    format::right(&mut table, &[1, 2]);
    let currency = simulated.model().model().currency;
    let money = |value: f64| format!("{value:.2} {currency}");
    let energy = |value: f64| format!("{value:.1} kWh");
    let share = |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.0} %", 100.0 * share));
    let mut row = |what: &str, value: &dyn Fn(&SimulationFigures) -> String| {
        table.add_row([what.to_owned(), value(controlled), uncontrolled.map(value).unwrap_or_default()]);
    };
    row("cost", &|figures| money(figures.cost));
    row("  bought", &|figures| format!("{} for {}", energy(figures.import_kwh), money(figures.bought)));
    row("  sold", &|figures| format!("{} for {}", energy(figures.export_kwh), money(figures.sold)));
    if controlled.demand > 0.0 {
        row("  demand charge", &|figures| money(figures.demand));
    }
    if controlled.fuel > 0.0 {
        row("  fuel", &|figures| money(figures.fuel));
    }
    if controlled.wear > 0.0 {
        row("  wear of batteries", &|figures| money(figures.wear));
    }
    row("highest mean of an interval", &|figures| format!("{:.1} kW", figures.peak_w / 1e3));
    row("consumed", &|figures| energy(figures.consumed_kwh));
    row("produced", &|figures| energy(figures.produced_kwh));
    row("self-consumption", &|figures| share(figures.self_consumption));
    row("autarky", &|figures| share(figures.autarky));
    row("plans made", &|figures| figures.plans.to_string());
    row("orders, refused", &|figures| format!("{}, {}", figures.orders, figures.refusals));
    row("limits broken", &|figures| (figures.violations.len() as u64 + figures.violations_more).to_string());
    table
}

/// How far a simulation is, where a person looks.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new(what: &str, quiet: bool) -> Self {
        let style = ProgressStyle::with_template("{prefix} [{bar:40}] {percent}% {elapsed}");
        let bar = (!quiet).then(|| {
            let bar = ProgressBar::new(1_000).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(what.to_owned());
            bar
        });
        Self(bar)
    }

    #[expect(clippy::unnecessary_wraps, reason = "what is told of progress may end a simulation")]
    fn show(&self, share: f64) -> Result<()> {
        if let Some(bar) = &self.0 {
            bar.set_position((share * 1_000.0) as u64);
        }
        Ok(())
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
