//! What is taken at once is given back slowly: a limit falls in the tick in which it must, waits, and rises over a minute. So a load
//! that comes and goes does not make others come and go.

use std::time::Duration;

use crate::control::Moment;

/// How long nothing is given back after something was taken.
const WAITS: Duration = Duration::from_secs(10);

/// How long it takes to give back all of a limit.
const RISES_OVER: Duration = Duration::from_secs(60);

/// What a limit may move at once, up too, as a share of all of it: what meters are off by.
const MOVES: f64 = 0.01;

/// A sum that falls at once and rises slowly.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Release {
    given_w: Option<f64>,
    lowered: Duration,
    at: Duration,
}

impl Release {
    /// The most that is given now, of `most_w` that there is, where `full_w` is all that there can be. Nothing is held back before it
    /// was `known` once what there is.
    pub(super) fn give(&mut self, most_w: f64, full_w: f64, known: bool, now: Moment) -> f64 {
        if self.given_w.is_none() && !known {
            return most_w;
        }
        let passed = now.elapsed.saturating_sub(self.at);
        let waited = now.elapsed.saturating_sub(self.lowered) >= WAITS;
        let risen_w = |given_w: f64| given_w + full_w.abs() * passed.as_secs_f64() / RISES_OVER.as_secs_f64();
        let given_w = match self.given_w {
            Some(given_w) if most_w <= given_w + full_w.abs() * MOVES => {
                self.lowered = now.elapsed;
                most_w
            }
            // Nobody is made to give for longer than needed.
            Some(given_w) if given_w < 0.0 => most_w.min(0.0),
            Some(given_w) if !waited => given_w,
            Some(given_w) => most_w.min(risen_w(given_w)),
            None => most_w,
        };
        (self.given_w, self.at) = (Some(given_w), now.elapsed);
        given_w
    }

    /// Begins at what was given while nothing was known, where it was known before.
    pub(super) fn restart(&mut self, given_w: f64, now: Moment) {
        if self.given_w.is_some() {
            *self = Self { given_w: Some(given_w), lowered: now.elapsed, at: now.elapsed };
        }
    }
}
