//! How a plan is to be made: the engine, limits of time and work, the gap.

use std::sync::Arc;

use super::Engine;
use crate::model::{Clock, Span};

/// How a plan is to be made.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The engine; unless told, the router picks the fastest exact one that the site allows.
    pub engine: Option<Engine>,
    /// The most time for the solver of a linear or integer program, which then returns its best plan with its gap. The structured
    /// engines need no such limit. Plans made under it may differ from run to run; see [`node_limit`](Self::node_limit).
    pub time_limit: Option<Span>,
    /// The most branch-and-bound nodes: the limit that gives the same plan on every machine. HiGHS only.
    pub node_limit: Option<u64>,
    /// A plan is good enough when no other can be better by more than this share. Zero unless told.
    pub gap: f64,
    /// Where timings are read from; without it, they are zero.
    pub clock: Option<Arc<dyn Clock>>,
}

impl Options {
    /// How long the program has run, by the clock; zero without one.
    pub(super) fn now(&self) -> Span {
        self.clock.as_ref().map_or(Span::from_micros(0), |clock| clock.monotonic().into())
    }
}
