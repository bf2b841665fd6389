//! When rows arrived, to the minute: what an as-of query needs to know.
//!
//! A minute is coarse enough that the column costs next to nothing (rows mostly arrive in the minute of their time or in
//! bulk), and it is rounded up, so that nothing is shown as known before it was.

use crate::model::Timestamp;

const MINUTE: i64 = 60_000_000;

/// Of rows that an older format kept no arrival of: they count as known from the beginning.
pub(super) const UNKNOWN: i64 = i64::MIN;

/// The arrival minute of every row, in row order, as runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Arrivals {
    /// How many rows, and the minute since 1970 (rounded up) in which they arrived.
    runs: Vec<(u32, i64)>,
}

/// The minute that an arrival is kept as.
pub(super) fn minute_of(arrived: Timestamp) -> i64 {
    let micros = arrived.as_micros();
    micros.div_euclid(MINUTE) + i64::from(micros.rem_euclid(MINUTE) > 0)
}

/// The last arrival minute that was over at that instant.
pub(super) fn known_at(instant: Timestamp) -> i64 {
    instant.as_micros().div_euclid(MINUTE)
}

impl Arrivals {
    pub(super) fn push(&mut self, rows: usize, minute: i64) {
        let rows = rows as u32;
        match self.runs.last_mut() {
            _ if rows == 0 => {}
            Some((count, last)) if *last == minute => *count += rows,
            _ => self.runs.push((rows, minute)),
        }
    }

    pub(super) fn runs(&self) -> &[(u32, i64)] {
        &self.runs
    }

    pub(super) fn rows(&self) -> usize {
        self.runs.iter().map(|(rows, _)| *rows as usize).sum()
    }

    /// Those of the rows from `start` to `end`.
    pub(super) fn slice(&self, start: usize, end: usize) -> Self {
        let mut part = Self::default();
        let mut before = 0;
        for (rows, minute) in &self.runs {
            let after = before + *rows as usize;
            part.push(after.min(end).saturating_sub(before.max(start)), *minute);
            before = after;
        }
        part
    }

    /// The minute of each row.
    pub(super) fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.runs.iter().flat_map(|(rows, minute)| std::iter::repeat_n(*minute, *rows as usize))
    }
}

impl FromIterator<i64> for Arrivals {
    fn from_iter<I: IntoIterator<Item = i64>>(minutes: I) -> Self {
        let mut arrivals = Self::default();
        minutes.into_iter().for_each(|minute| arrivals.push(1, minute));
        arrivals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrival_is_never_known_too_early() {
        let at = Timestamp::from_micros;
        assert_eq!((minute_of(at(0)), minute_of(at(1)), minute_of(at(60_000_000)), minute_of(at(-1))), (0, 1, 1, 0));
        for arrived in [-61_000_000, -1, 0, 1, 59_999_999, 60_000_000, 60_000_001] {
            let known = |instant| minute_of(at(arrived)) <= known_at(at(instant));
            assert!(!known(arrived - 1), "{arrived}");
            assert!(known(arrived + MINUTE), "{arrived}");
        }
    }

    #[test]
    fn runs_give_back_every_row() {
        let arrivals: Arrivals = [5, 5, 6, 6, 6, 5].into_iter().collect();
        assert_eq!(arrivals.runs(), [(2, 5), (3, 6), (1, 5)]);
        assert_eq!((arrivals.slice(1, 4).runs(), arrivals.slice(6, 6)), (&[(1, 5), (2, 6)][..], Arrivals::default()));
        assert_eq!((arrivals.rows(), arrivals.iter().collect::<Vec<_>>()), (6, vec![5, 5, 6, 6, 6, 5]));
    }
}
