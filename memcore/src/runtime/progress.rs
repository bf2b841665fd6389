//! How far a long work is.

use std::time::{Duration, Instant};

use crate::model::SetAside;

/// How far a long work is, and at its end what it did.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Rows that were read or written.
    pub rows: u64,
    /// Values among them.
    pub points: u64,
    /// Reported values that are none by their channel's description: absent.
    pub set_aside: SetAside,
    /// Which part of the whole is done, from 0 to 1, where that is known.
    pub part: Option<f64>,
    /// How long it has taken.
    pub elapsed: Duration,
}

impl Progress {
    /// How many values a second.
    #[must_use]
    pub fn points_per_second(&self) -> f64 {
        self.points as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// How far work is that counts in bytes.
    #[must_use]
    pub fn of_bytes(done: u64, total: u64, started: Instant) -> Self {
        Self::of_part(done as f64 / total.max(1) as f64, started)
    }

    /// How far work is of which only a part, from 0 to 1, is known.
    #[must_use]
    pub fn of_part(part: f64, started: Instant) -> Self {
        Self { part: Some(part), elapsed: started.elapsed(), ..Self::default() }
    }

    pub(super) fn at(mut self, started: Instant) -> Self {
        self.elapsed = started.elapsed();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_points_by_time() {
        let progress = Progress { points: 500, elapsed: Duration::from_millis(250), ..Progress::default() };
        assert_eq!(progress.points_per_second(), 2000.0);
        assert!(Progress::default().points_per_second() == 0.0);
    }
}
