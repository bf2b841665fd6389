//! Which step has the same time of day, on the clocks of a zone, so many days before.

use jiff::tz::TimeZone;

use crate::error::{Error, Result};
use crate::model::Timestamp;

const DAY: i64 = 86_400_000_000;

/// Steps with the wall-clock times of a zone.
#[derive(Debug, Clone)]
pub(super) struct LocalGrid {
    starts: Vec<i64>,
    /// How far local time is ahead of UTC at each start, in microseconds.
    offsets: Vec<i64>,
    /// By days: for each step the one that has its time so many days before, or none.
    before: Vec<(i64, Vec<Option<u32>>)>,
}

impl LocalGrid {
    /// # Errors
    /// Invalid for a time outside the calendar.
    pub(super) fn new(starts: &[Timestamp], zone: &TimeZone) -> Result<Self> {
        let starts: Vec<i64> = starts.iter().map(|start| start.as_micros()).collect();
        let offset = |micros: &i64| {
            let time = jiff::Timestamp::from_microsecond(*micros);
            let time =
                time.map_err(|e| Error::invalid(format!("time {micros} us is outside the calendar")).caused_by(e))?;
            Ok(i64::from(zone.to_offset(time).seconds()) * 1_000_000)
        };
        let offsets = starts.iter().map(offset).collect::<Result<_>>()?;
        Ok(Self { starts, offsets, before: Vec::new() })
    }

    /// The step in which the wall clocks showed the same time so many days before `step`; None before the first.
    pub(super) fn before(&mut self, step: usize, days: i64) -> Option<usize> {
        let known = self.before.iter().position(|(of, _)| *of == days).unwrap_or_else(|| {
            let all = (0..self.starts.len()).map(|step| self.look_up(step, days).map(|found| found as u32)).collect();
            self.before.push((days, all));
            self.before.len() - 1
        });
        self.before[known].1[step].map(|found| found as usize)
    }

    fn look_up(&self, step: usize, days: i64) -> Option<usize> {
        let place = |micros: i64| self.starts.partition_point(|start| *start <= micros).checked_sub(1);
        let guess = self.starts[step] - days * DAY;
        // Where the clocks were changed in between, the same wall-clock time lies an hour off.
        let shift = self.offsets[step] - self.offsets[place(guess)?];
        place(guess + shift).filter(|found| *found < step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::zone_of;
    use crate::model::Span;
    use crate::optimize::Horizon;

    #[test]
    fn seven_in_the_morning_is_seven_in_the_morning_across_a_change_of_clocks() {
        let start: Timestamp = "2025-03-28T00:00:00+01:00".parse().unwrap();
        let hours = Horizon::even(start, Span::from_seconds(3_600), 5 * 24).unwrap();
        let mut grid = LocalGrid::new(hours.starts(), &zone_of("Europe/Berlin").unwrap()).unwrap();
        let seven_on_sunday = hours.starts().iter().position(|at| at.to_string() == "2025-03-30T05:00:00Z").unwrap();
        let on_saturday = grid.before(seven_on_sunday, 1).unwrap();
        assert_eq!(hours.starts()[on_saturday].to_string(), "2025-03-29T06:00:00Z");
        assert_eq!(grid.before(3, 1), None);
        assert_eq!(grid.before(24, 1), Some(0));
    }
}
