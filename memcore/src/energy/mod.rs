//! The energy kernel: what readings mean over time. Pure functions of values and times, without a clock and without I/O, used
//! by queries, imports and the bindings alike, so that all of them give the same answer bit for bit.

mod aggregate;
mod calendar;
mod counter;
mod exact;
mod fold;
mod gap;
mod instant;
mod integral;
mod local;
mod resample;
mod summary;

pub use aggregate::{Aggregate, Gaps, Percentile};
pub(crate) use calendar::Borders;
pub use calendar::{CalendarUnit, Every, buckets, zone_of};
use counter::{Counter, Rise};
pub use counter::{Increase, increase};
use exact::ExactSum;
pub(crate) use fold::{BucketFold, BucketRows, Fold, Run};
pub use gap::{GapRule, Rule};
pub use instant::Instant;
use instant::rising;
pub use integral::{Gap, Integrated, integrate};
pub(crate) use local::LocalClock;
pub use local::{Localized, Skipped, localize};
pub(crate) use resample::{READINGS_BEFORE, first_and_last};
pub use resample::{Resampled, Resampling, resample};
pub(crate) use summary::{POWERS, Summary, Whole, scaled_exactly};
