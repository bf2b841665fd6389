//! Runs a scenario, and tells how it went in a table that people can read.

use std::fmt;

use super::condition::{Facts, Quantity};
use super::expect::Watch;
use super::limits::share_of;
use super::outcome::{SimulatedControl, kilowatts, why};
use super::run::Run;
use super::scenario::Scenario;
use crate::control::Role;
use crate::error::Result;
use crate::model::{Span, Timestamp};

/// Rows of the table of a scenario that failed.
const ROWS_MAX: usize = 40;

/// How a scenario went.
#[derive(Debug)]
pub struct ScenarioReport {
    /// What it shows.
    pub about: String,
    /// What was expected and was not so, a line each. None: it went as it must.
    pub failures: Vec<String>,
    /// What it came to.
    pub simulated: SimulatedControl,
}

/// Runs a scenario to its end.
///
/// # Errors
/// Invalid for what cannot be simulated, or an expectation that asks for what is not there.
pub fn run_scenario(scenario: &Scenario) -> Result<ScenarioReport> {
    let Watched { run, failures } = watched(scenario, |_| {})?;
    Ok(ScenarioReport { about: scenario.about.clone(), failures, simulated: SimulatedControl::new(run) })
}

/// A scenario that has ended.
pub(super) struct Watched {
    pub(super) run: Run,
    pub(super) failures: Vec<String>,
}

/// Runs a scenario, and shows every step.
pub(super) fn watched(scenario: &Scenario, mut show: impl FnMut(&Run)) -> Result<Watched> {
    let mut run = Run::new(&scenario.model, scenario.options.clone())?;
    let watches = scenario.expect.iter().map(|expectation| Watch::new(expectation, &run.model));
    let mut watches = watches.collect::<Result<Vec<_>>>()?;
    let steps = scenario.options.length.as_micros() / scenario.options.step.as_micros();
    for _ in 0..steps {
        run.step()?;
        let now = run.site.world.now();
        watches.iter_mut().for_each(|watch| watch.look(now, &run));
        show(&run);
    }
    Ok(Watched { run, failures: watches.into_iter().filter_map(Watch::end).collect() })
}

impl Facts for Run {
    fn value(&self, quantity: &Quantity) -> f64 {
        let asset = |place: &usize| &self.site.assets[*place];
        match quantity {
            Quantity::Number(value) => *value,
            Quantity::Power(place) => asset(place).power_w,
            Quantity::Decided(place) => {
                let decided = self.controller.as_ref().and_then(|controller| controller.decided_w().get(*place).copied());
                decided.unwrap_or(f64::NAN)
            }
            Quantity::Set(place) => asset(place).driven().set.map_or(f64::NAN, |(value, _)| value),
            Quantity::Soc(place) => asset(place).soc().unwrap_or(f64::NAN),
            Quantity::Temperature(place) => asset(place).temperature().unwrap_or(f64::NAN),
            Quantity::Current(place, phase) => asset(place).phases_w[*phase] / self.site.world.voltage(),
            Quantity::Phases(place) => asset(place).shares().iter().filter(|share| **share > 0.0).count() as f64,
            Quantity::Switchings(place) => self.record.of_assets[*place].switchings as f64,
            Quantity::Turns(place) => self.record.of_assets[*place].turns as f64,
            Quantity::Circuit(circuit) => self.site.circuit_phases(*circuit).iter().sum(),
            Quantity::Use(circuit) => share_of(&self.model, &self.site, *circuit),
            Quantity::Grid => self.site.grid_w(),
            Quantity::Peak => self.record.total.peak_w,
            Quantity::Frequency => self.site.world.frequency(),
            Quantity::Dark => f64::from(u8::from(self.site.world.island().is_some_and(crate::sim::Island::is_dark))),
            Quantity::Violations => self.record.violated() as f64,
            Quantity::Plans => self.counts.plans as f64,
            Quantity::Decisions => self.counts.decisions as f64,
            Quantity::Orders => self.counts.orders as f64,
            Quantity::Refusals => self.counts.refusals as f64,
            Quantity::LeasesEnded => self.counts.leases_ended as f64,
        }
    }

    fn by(&self, place: usize) -> &str {
        self.record.by(place)
    }

    fn why(&self, asset: &str) -> String {
        why(self, asset, self.site.world.now()).unwrap_or_else(|error| error.to_string())
    }
}

impl ScenarioReport {
    /// Whether all went as it must.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// What failed, and a table of what was: a row every so often, with what happened in between.
impl fmt::Display for ScenarioReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.about)?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  FAILED  {failure}"))?;
        let run = self.simulated.run();
        let shown: Vec<usize> =
            (0..run.model.assets().len()).filter(|place| !matches!(run.model.assets()[*place].role, Role::Meter)).collect();
        write!(f, "\n{:<9}{:>10}", "time", "grid")?;
        for place in &shown {
            let asset = &run.model.assets()[*place];
            if asset.role != Role::GridMeter {
                write!(f, "{:>22}", asset.name)?;
            }
        }
        writeln!(f)?;
        let rows = run.record.times.len();
        let every = rows.div_ceil(ROWS_MAX).max(1);
        let mut notes = run.notes.iter().peekable();
        for row in (0..rows).step_by(every) {
            let time = run.record.times[row];
            while let Some(note) = notes.next_if(|note| note.at <= time) {
                writeln!(f, "{:<9}* {}", clock(note.at), note.what)?;
            }
            self.row(f, row, &shown)?;
        }
        notes.try_for_each(|note| writeln!(f, "{:<9}* {}", clock(note.at), note.what))
    }
}

impl ScenarioReport {
    fn row(&self, f: &mut fmt::Formatter<'_>, row: usize, shown: &[usize]) -> fmt::Result {
        let run = self.simulated.run();
        write!(f, "{:<9}{:>10}", clock(run.record.times[row]), kilowatts(run.record.grid_w[row]))?;
        for place in shown {
            if run.model.assets()[*place].role == Role::GridMeter {
                continue;
            }
            let columns = &run.record.assets[*place];
            let decided = columns.decided_w.as_ref().map(|decided| decided[row]).filter(|watts| watts.is_finite());
            let decided = decided.map_or(String::new(), |watts| format!(" ({})", kilowatts(watts)));
            let soc = columns.soc.as_ref().and_then(|soc| soc[row]);
            let soc = soc.map_or(String::new(), |soc| format!(" {:.0}%", 100.0 * soc));
            write!(f, "{:>22}", format!("{}{decided}{soc}", kilowatts(columns.power_w[row])))?;
        }
        writeln!(f)
    }
}

/// The time of day, UTC.
fn clock(time: Timestamp) -> String {
    let text = time.saturating_add(Span::default()).to_string();
    text.get(11..19).unwrap_or(&text).to_owned()
}
