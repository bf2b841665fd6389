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
#[cfg(feature = "gateway")]
mod model_file;
mod planner;

#[cfg(feature = "gateway")]
pub use config::{ControlConfig, OnStop};
#[cfg(feature = "gateway")]
pub use log::{Answered, ControlEvent, Decided, Input, LimitedBy};
pub use planner::{Columns, PlannerOptions, PlannerTick, PlanningHistory, SitePlanner, Steps as PlanningSteps, Written};
