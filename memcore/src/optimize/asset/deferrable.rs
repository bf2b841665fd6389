//! A load that must run for a given time, and may choose when: a washing machine, a pool pump.

use super::asset;
use crate::model::written;
use crate::model::{Span, Timestamp};

asset! {
    /// A load that must run, but may choose when. It takes `power_w` while it runs and nothing otherwise.
    Deferrable {
        /// What it takes while it runs, in W.
        power_w: f64,
        /// How long it must run. What is no whole number of steps is rounded up to one, and reported; a run in several goes is longer
        /// by less than the longest of its steps. Zero: its run is over.
        #[serde(with = "written::length")]
        run_time: Span,
        ;
        /// What it takes in each step of a run, in W, in place of `power_w`: the shape of a programme. Contiguous runs only.
        shape_w: Vec<f64> = Vec::new(),
        /// When it may start at the earliest; the horizon's start unless told.
        #[serde(with = "written::instant")]
        earliest: Option<Timestamp> = None,
        /// When it must have ended at the latest; the horizon's end unless told.
        #[serde(with = "written::instant")]
        latest: Option<Timestamp> = None,
        /// Whether it runs in one go. True unless told.
        contiguous: bool = true,
        /// The least time that it stays on once started, rounded up to whole steps; for runs that are not contiguous. Nothing cuts it short:
        /// it is over before the latest end (the horizon's, where none is told) and within `run_time`; a start that is too late for that is
        /// none.
        #[serde(with = "written::span")]
        min_on: Option<Span> = None,
        /// What each start costs.
        start_cost: f64 = 0.0,
        /// What each hour that it could not run costs; unless told, the site's price of shortage for the energy of that hour.
        shortfall_per_h: Option<f64> = None,
        /// Whether it is running when the horizon starts: a contiguous run then goes on, and `run_time` is what is left of it.
        running: bool = false,
    }
}
