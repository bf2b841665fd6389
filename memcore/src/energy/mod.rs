//! The energy kernel: what readings mean over time. Pure functions of values and times, without a clock and without I/O, used
//! by queries, imports and the bindings alike, so that all of them give the same answer bit for bit.
//!
//! | function | from | to |
//! |---|---|---|
//! | [`convert`] | values in one unit | values in another: `kW` to `W`, `EUR/MWh` to `EUR/kWh` |
//! | [`localize`] | what wall clocks showed | instants, through hours that come twice or never |
//! | [`buckets`] | a range and a length | the borders of its buckets; days have 23, 24 or 25 hours |
//! | [`integrate`] | power (W) | energy (Wh), `sum of value * hours`, with the gaps it did not bridge |
//! | [`increase`], [`increases`] | readings of a counter | what it counted, through resets, glitches and rollovers |
//! | [`mean_power`], [`mean_power_of_register`] | energy (Wh) | mean power (W) over each interval, `energy / hours` |
//! | [`resample`] | samples | buckets by any [`Aggregate`], as a query of the store gives them |
//! | [`at`] | samples | values at the times of a grid |
//! | [`balance`](fn@balance) | energies of a site's parts | import, export, production, consumption, residual |
//!
//! # What all of them share
//! - Columns are slices. Times rise and are [`Timestamp`](crate::model::Timestamp)s or microseconds as `i64` ([`Instant`]).
//! - NaN is "not measured". It is never counted as zero: nothing is known from it on until the next number, and answers that are
//!   not known are NaN.
//! - A value holds until the next one ([`Rule::Step`]) or goes over into it on a line ([`Rule::Trapezoid`]), but never over a
//!   silence longer than the [`GapRule`] bridges.
//! - Sums are exact for decimals of up to nine places, however they are grouped, and are rounded once; what is no such decimal is
//!   summed with twice the precision of an `f64`.
//!
//! ```
//! use memcore::energy::{Aggregate, Every, GapRule, Resampling, resample};
//! use memcore::model::{Span, Timestamp};
//! # fn main() -> memcore::Result<()> {
//! // 1 kW all through the day on which the clocks go forward, a sample every quarter of an hour.
//! let midnight: Timestamp = "2025-03-30T00:00:00+01:00".parse()?;
//! let quarter = Span::from_seconds(900);
//! let times: Vec<Timestamp> = (0..92).map(|i| midnight.saturating_add(Span::from_seconds(i * 900))).collect();
//! let days = Resampling::every(Every::parse("1d", Some("Europe/Berlin"))?)
//!     .aggregate(Aggregate::Integral)
//!     .gaps(GapRule::new(quarter, Some(quarter))?);
//! let energy = resample(&times, &[1000.0; 92], &days)?;
//! assert_eq!(energy.column(Aggregate::Integral), Some(&[23_000.0][..]));
//! # Ok(()) }
//! ```

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
mod time_of_day;

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
pub use time_of_day::TimeOfDay;
