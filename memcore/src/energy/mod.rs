//! The energy kernel: what readings mean over time. Pure functions of values and times, without a clock and without I/O, used
//! by queries, imports and the bindings alike, so that all of them give the same answer bit for bit.

mod counter;
mod exact;
mod gap;
mod integral;

pub(crate) use counter::{Counter, Rise};
pub use counter::{Increase, increase};
pub(crate) use exact::{DIGITS, ExactSum, ROUNDER, UNITS, ratio};
pub use gap::{GapRule, Rule};
pub(crate) use integral::{Area, Holding, Stretch};
pub use integral::{Gap, Integrated, integrate};
