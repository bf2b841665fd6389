//! Control of a running server: the thread that decides, the orders that follow, actors of the program's own, what is written down of
//! every decision, and why it was made.
//!
//! ```text
//! bus --feed--> heart (a thread of its own ticks) --orders--> commander --> device
//!                 ^       |                    answers, read-back --> heart
//!   wishes of people, actors  \--events--> decision log, series of the store, dashboards
//! ```

#[cfg(feature = "gateway")]
mod actors;
#[cfg(feature = "gateway")]
mod config;
#[cfg(feature = "gateway")]
mod face;
#[cfg(feature = "gateway")]
mod feed;
#[cfg(feature = "gateway")]
mod heart;
#[cfg(feature = "gateway")]
mod history;
#[cfg(feature = "gateway")]
mod lock;
#[cfg(feature = "gateway")]
mod log;
#[cfg(feature = "gateway")]
mod manual;
#[cfg(feature = "gateway")]
mod model_file;
#[cfg(feature = "gateway")]
mod noting;
#[cfg(feature = "gateway")]
mod orders;
#[cfg(feature = "gateway")]
mod pause;
mod planner;
#[cfg(feature = "gateway")]
mod said;
#[cfg(all(feature = "gateway", feature = "files"))]
mod simulation;
#[cfg(feature = "gateway")]
mod snapshot;
#[cfg(feature = "gateway")]
mod status;
#[cfg(feature = "gateway")]
mod steer;
#[cfg(feature = "gateway")]
mod ticks;
#[cfg(feature = "gateway")]
mod why;
#[cfg(feature = "gateway")]
mod wishes;

#[cfg(feature = "gateway")]
pub use config::{ControlConfig, OnStop};
#[cfg(feature = "gateway")]
pub use face::ControlEvents;
#[cfg(feature = "gateway")]
pub(crate) use face::none_controlled;
#[cfg(feature = "gateway")]
pub use log::{Answered, ControlEvent, Decided, Input, LimitedBy, LogStatus};
#[cfg(feature = "gateway")]
pub use model_file::{SiteModelFormat, parse_site_model, read_site_model, write_site_model};
/// Under whose names control writes down what it decides and plans: no devices of the site.
#[cfg(feature = "rest")]
pub(crate) const OWN_DEVICES: [&str; 2] = [history::DEVICE, planner::DEVICE];

pub use planner::{Columns, PlannerOptions, PlannerTick, PlanningHistory, SitePlanner, Steps as PlanningSteps, Written};
#[cfg(all(feature = "gateway", feature = "cli"))]
pub(crate) use said::said_time;
#[cfg(all(feature = "gateway", feature = "files"))]
pub use simulation::{
    Act, ActorsOf, AssetFigures, Event, Expectation, FaultKind, Happening, HomeDay, PriceSeries, Prices, RecordedPower,
    Scenario, ScenarioReport, SimulatedControl, SimulationFigures, SimulationOptions, Violation, home_day, run_scenario,
    simulate_control,
};
#[cfg(feature = "gateway")]
pub use snapshot::{Snapshot, SnapshotAsset};
#[cfg(feature = "gateway")]
pub use status::{ActorStatus, AssetStatus, ControlStatus, Paused, PlanFollowed, PlanHeld};
#[cfg(feature = "gateway")]
pub(crate) use steer::Control;
#[cfg(feature = "gateway")]
pub use ticks::{Delays, TickStatus};
#[cfg(feature = "gateway")]
pub use why::Explanation;
#[cfg(all(feature = "gateway", feature = "cli"))]
pub(crate) use why::explain_from;
