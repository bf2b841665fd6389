//! What is switched on and off: starts, stops and least times.
//!
//! For each step `on - on before = start - stop`, and with the least times the rows of Rajan and Takriti (2005): the starts that a
//! least time up still binds are at most `on`, the stops that a least time down still binds at most `1 - on`. They describe the convex
//! hull of all switching sequences, so that starts and stops need not be declared whole.

use super::Builder;
use crate::model::Span;
use crate::optimize::program::linear::Column;

/// What is said of something that is switched.
pub(super) struct Switched {
    pub(super) initially_on: bool,
    pub(super) start_cost: f64,
    pub(super) stop_cost: f64,
    /// The least time up and down.
    pub(super) least_up: Option<Span>,
    pub(super) least_down: Option<Span>,
}

/// Starts and stops in each step.
pub(super) struct Switching {
    pub(super) starts: Vec<Column>,
    pub(super) stops: Vec<Column>,
}

impl Switched {
    /// Whether it matters when it starts and stops.
    pub(super) fn matters(&self) -> bool {
        self.start_cost != 0.0 || self.stop_cost != 0.0 || self.least_up.is_some() || self.least_down.is_some()
    }
}

impl Builder<'_, '_> {
    /// Starts and stops of what is on in each step as `on` says, 0 or 1.
    pub(super) fn switching(&mut self, on: &[Column], switched: &Switched) -> Switching {
        let initial = self.given(f64::from(u8::from(switched.initially_on)));
        let mut switching = Switching { starts: Vec::with_capacity(on.len()), stops: Vec::with_capacity(on.len()) };
        let mut before = initial;
        for now in on {
            let start = self.program.column(switched.start_cost, 0.0..=1.0);
            let stop = self.program.column(switched.stop_cost, 0.0..=1.0);
            self.program.equal(0.0, [(*now, 1.0), (before, -1.0), (start, -1.0), (stop, 1.0)]);
            switching.starts.push(start);
            switching.stops.push(stop);
            before = *now;
        }
        self.least_time(switched.least_up, &switching.starts, on, (0.0, 1.0));
        self.least_time(switched.least_down, &switching.stops, on, (1.0, -1.0));
        switching
    }

    /// In each step the switches that still bind are at most `constant + factor * on`.
    fn least_time(&mut self, least: Option<Span>, switches: &[Column], on: &[Column], (constant, factor): (f64, f64)) {
        let lasts = |step: usize| least.map_or(1, |least| self.checked.steps_to_cover(step, least)).max(1);
        let ends: Vec<usize> = (0..on.len()).map(|step| step + lasts(step)).collect();
        let mut first = 0;
        for (step, on) in on.iter().enumerate() {
            while ends[first] <= step {
                first += 1;
            }
            let binding = (first..=step).filter(|at| ends[*at] > step).map(|at| (switches[at], 1.0));
            let terms: Vec<(Column, f64)> = binding.chain([(*on, -factor)]).collect();
            self.program.at_most(constant, terms);
        }
    }
}
