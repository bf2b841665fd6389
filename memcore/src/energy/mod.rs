//! The energy kernel: what readings mean over time. Pure functions of values and times, without a clock and without I/O, used
//! by queries, imports and the bindings alike, so that all of them give the same answer bit for bit.

mod gap;

pub use gap::{GapRule, Rule};
