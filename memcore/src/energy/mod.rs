//! The energy kernel: what readings mean over time. Pure functions of values and times, without a clock and without I/O, used
//! by queries, imports and the bindings alike, so that all of them give the same answer bit for bit.

mod calendar;
mod counter;
mod exact;
mod gap;
mod integral;
mod local;

pub(crate) use calendar::{Borders, Bucket, MAX_BUCKETS};
pub use calendar::{CalendarUnit, Every, buckets, zone_of};
pub(crate) use counter::{Counter, Rise};
pub use counter::{Increase, increase};
pub(crate) use exact::{DIGITS, ExactSum, ROUNDER, UNITS, ratio};
pub use gap::{GapRule, Rule};
pub(crate) use integral::{Area, Holding, Stretch};
pub use integral::{Gap, Integrated, integrate};
pub(crate) use local::LocalClock;
pub use local::{Localized, Skipped, localize};
