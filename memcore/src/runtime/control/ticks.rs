//! When it is decided: a grid of monotonic time that does not drift, and how well it was kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Ticks whose delays are remembered, for percentiles.
const REMEMBERED: usize = 4096;

/// A grid of monotonic time. What cannot be kept is skipped and counted, never made up for.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    period: Duration,
    next: Duration,
}

/// A point of the grid that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// How late it was noticed.
    pub(crate) late: Duration,
    /// How many points before it went by unnoticed.
    pub(crate) missed: u64,
}

impl Grid {
    /// The first point is now.
    pub(crate) fn new(now: Duration, period: Duration) -> Self {
        Self { period: period.max(Duration::from_millis(1)), next: now }
    }

    /// How long until the next point.
    pub(crate) fn until_next(&self, now: Duration) -> Duration {
        self.next.saturating_sub(now)
    }

    /// The point that has come, where one has.
    pub(crate) fn due(&mut self, now: Duration) -> Option<Due> {
        let late = now.checked_sub(self.next)?;
        let missed = (late.as_nanos() / self.period.as_nanos()) as u64;
        let passed = self.period.saturating_mul(u32::try_from(missed).unwrap_or(u32::MAX));
        self.next = self.next + passed + self.period;
        Some(Due { late: late - passed, missed })
    }
}

/// How well the grid was kept, and how long decisions took.
#[derive(Debug, Default)]
pub(crate) struct TickTimes {
    count: u64,
    missed: u64,
    late: Recent,
    took: Recent,
}

/// The last durations, in µs.
#[derive(Debug, Default)]
struct Recent {
    micros: Vec<u32>,
    at: usize,
    max: u32,
}

impl Recent {
    fn add(&mut self, duration: Duration) {
        let micros = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        self.max = self.max.max(micros);
        match self.micros.get_mut(self.at) {
            Some(oldest) => *oldest = micros,
            None => self.micros.push(micros),
        }
        self.at = (self.at + 1) % REMEMBERED;
    }

    fn told(&self) -> Delays {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        let at = |share: f64| sorted.get((sorted.len() as f64 * share) as usize).copied().unwrap_or(self.max);
        Delays { p50_us: at(0.5), p99_us: at(0.99), max_us: self.max }
    }
}

impl TickTimes {
    pub(crate) fn add(&mut self, due: Due, took: Duration) {
        self.count += 1;
        self.missed += due.missed;
        self.late.add(due.late);
        self.took.add(took);
    }

    pub(crate) fn told(&self) -> TickStatus {
        TickStatus { count: self.count, missed: self.missed, late: self.late.told(), took: self.took.told() }
    }
}

/// How well ticks come on time. Percentiles are those of the last 4,096 ticks, the maximum that since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct TickStatus {
    /// Ticks since the start.
    pub count: u64,
    /// Ticks that were skipped because the one before took too long, or the machine was busy.
    pub missed: u64,
    /// How late ticks began.
    pub late: Delays,
    /// How long they took.
    pub took: Delays,
}

/// Durations, in µs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = TickDelays))]
pub struct Delays {
    /// Half of them are shorter.
    pub p50_us: u32,
    /// 99 of 100 are shorter.
    pub p99_us: u32,
    /// The longest.
    pub max_us: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_grid_does_not_drift_and_skips_what_it_cannot_keep() {
        let mut grid = Grid::new(ms(1000), ms(100));
        assert_eq!(grid.due(ms(1000)), Some(Due { late: ms(0), missed: 0 }));
        assert_eq!((grid.due(ms(1099)), grid.until_next(ms(1040))), (None, ms(60)));
        assert_eq!(grid.due(ms(1107)), Some(Due { late: ms(7), missed: 0 }));
        assert_eq!(grid.due(ms(1536)), Some(Due { late: ms(36), missed: 3 }), "1200, 1300 and 1400 went by");
        assert_eq!(grid.until_next(ms(1540)), ms(60), "and the next is on the grid again");
        assert_eq!(grid.due(ms(1600)), Some(Due { late: ms(0), missed: 0 }));
    }

    #[test]
    fn percentiles_are_those_of_the_last_ticks_and_the_maximum_that_of_all() {
        let mut times = TickTimes::default();
        times.add(Due { late: ms(900), missed: 2 }, ms(1));
        for millis in 0..5000 {
            times.add(Due { late: ms(millis % 100), missed: 0 }, ms(2));
        }
        let told = times.told();
        assert_eq!((told.count, told.missed, told.late.max_us), (5001, 2, 900_000));
        assert_eq!((told.late.p50_us, told.late.p99_us, told.took.p50_us), (50_000, 99_000, 2000));
    }
}
