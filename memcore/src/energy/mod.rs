//! The energy kernel: what readings mean over time. Pure functions of values and times, without a clock and without I/O, used
//! by queries, imports and the bindings alike, so that all of them give the same answer bit for bit.

mod aggregate;
mod balance;
mod calendar;
mod convert;
mod counter;
mod exact;
mod fold;
mod gap;
mod instant;
mod integral;
mod local;
mod power;
mod resample;
mod summary;

pub use aggregate::{Aggregate, Gaps, Percentile};
pub use balance::{Balance, Part, Role, balance};
pub(crate) use calendar::Borders;
pub use calendar::{CalendarUnit, Every, buckets, zone_of};
pub use convert::convert;
pub use counter::{CounterEvent, CounterEventKind, Increase, Increases, increase, increases};
pub(crate) use fold::{BucketFold, BucketRows, Fold, Run};
pub use gap::{GapRule, Rule};
pub use instant::Instant;
pub use integral::{Gap, Integrated, integrate};
#[cfg(feature = "sim")]
pub(crate) use local::LocalClock;
pub use local::{Localized, Skipped, localize};
pub use power::{MeanPower, mean_power, mean_power_of_register};
pub(crate) use resample::{READINGS_BEFORE, first_and_last};
pub use resample::{Resampled, Resampling, at, resample, resample_with_quality};
pub(crate) use summary::{POWERS, Summary, Whole, scaled_exactly};
