//! What an engine hands back, before the verifier has seen it.

use super::Schedule;

/// What an engine says. Nothing of it is believed: see [`verify`](super::verify).
#[derive(Debug)]
pub(in crate::optimize) enum Answer {
    /// A schedule.
    Solved(Box<Solved>),
    /// No schedule keeps all hard limits.
    Infeasible,
    /// A limit of time or work was reached; no schedule, and no schedule can cost less than `bound`.
    Stopped { bound: f64 },
    /// The site is not of the shape that this engine is for; why, in the site's words.
    NotMine(String),
}

/// A schedule with what its engine claims of it.
#[derive(Debug)]
pub(in crate::optimize) struct Solved {
    pub(in crate::optimize) schedule: Schedule,
    /// The cost that the engine claims.
    pub(in crate::optimize) objective: f64,
    /// No schedule can cost less, as the engine claims.
    pub(in crate::optimize) bound: f64,
    /// The price of each step at each bus (in the order of `Checked::buses`), per kWh: what another kWh taken there would cost.
    pub(in crate::optimize) bus_prices: Option<Vec<Vec<f64>>>,
    /// The worth of another kWh in a store after each step, by part.
    pub(in crate::optimize) water_values: Vec<(usize, Vec<f64>)>,
    pub(in crate::optimize) iterations: u64,
    pub(in crate::optimize) nodes: u64,
}
