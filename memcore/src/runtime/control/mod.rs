//! Control of a running server: the thread that decides, the orders that follow, actors of the program's own, what is written down of
//! every decision, and why it was made.
//!
//! ```text
//! bus --feed--> ticker (a thread of its own) --orders--> commander --> device
//!                  ^        |                     answers, read-back --> ticker
//!   wishes of people|actors  \--events--> decision log, series of the store, dashboards
//! ```

#[cfg(feature = "gateway")]
mod config;
#[cfg(feature = "gateway")]
mod log;
#[cfg(any(feature = "gateway", feature = "files"))]
mod model_file;
#[cfg(feature = "files")]
mod simulation;

#[cfg(feature = "gateway")]
pub use config::{ControlConfig, OnStop};
#[cfg(feature = "gateway")]
pub use log::{Answered, ControlEvent, Decided, Input, LimitedBy};
#[cfg(feature = "files")]
pub(crate) use model_file::read_site_model;
#[cfg(feature = "files")]
pub use simulation::{
    Act, ActorsOf, AssetFigures, Event, Expectation, FaultKind, Happening, PriceSeries, Prices, RecordedPower, Scenario,
    ScenarioReport, SimulatedControl, SimulationFigures, SimulationOptions, Violation, run_scenario, simulate_control,
};
