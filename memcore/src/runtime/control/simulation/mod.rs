//! Control against a simulated site: a virtual clock drives the same controller, actors, interlocks and plans as a server does,
//! against emulated devices behind the SDK's own commands. No time is waited for: a day takes milliseconds.
//!
//! ```text
//! world -- step --> devices -- reports --> Controller::read, tick -- orders --> leases, rules --> devices
//!   ^                                                                                                |
//!   '-- faults, cars, dimming: the events of a scenario            record: table, money, limits, why <'
//! ```

mod asset;
mod body;
mod condition;
mod day;
mod drive;
mod expect;
mod fault;
mod limits;
mod options;
mod outcome;
mod outside;
mod prices;
mod record;
mod run;
mod scenario;
mod site;
mod story;
#[cfg(test)]
mod tests;

pub use day::{HomeDay, home_day};
pub use expect::Expectation;
pub use options::{ActorsOf, RecordedPower, SimulationOptions};
pub use outcome::{AssetFigures, SimulatedControl, SimulationFigures};
pub use prices::{PriceSeries, Prices};
pub use record::Violation;
pub use scenario::{Act, Event, FaultKind, Happening, Scenario};
pub use story::{ScenarioReport, run_scenario};

use crate::control::SiteModel;
use crate::error::Result;
use run::Run;

/// Simulates a site under control. `progress` is told now and then which share is done; an error of it ends the simulation.
///
/// # Errors
/// Invalid for a model or options that cannot be, naming the field; whatever `progress` says.
pub fn simulate_control(
    model: &SiteModel,
    options: SimulationOptions,
    mut progress: impl FnMut(f64) -> Result<()>,
) -> Result<SimulatedControl> {
    let steps = options.length.as_micros() / options.step.as_micros().max(1);
    let mut run = Run::new(model, options)?;
    for step in 0..steps {
        run.step()?;
        if step % 1_024 == 0 {
            progress(step as f64 / steps as f64)?;
        }
    }
    progress(1.0)?;
    Ok(SimulatedControl::new(run))
}
