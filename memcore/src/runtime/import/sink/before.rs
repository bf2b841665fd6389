//! What a store has of the times of rows before they are written.

use std::collections::HashSet;

use arrow_array::{Array, Float64Array, TimestampMicrosecondArray};

use crate::model::{Span, Timestamp};
use crate::store::SeriesResult;

/// The samples of one series within the time of some rows.
#[derive(Debug, Default)]
pub(super) struct Before {
    found: Option<(TimestampMicrosecondArray, Float64Array)>,
    /// By how much the times of the rows are moved as they are stored.
    shift: Span,
}

impl Before {
    pub(super) fn of(found: &SeriesResult, shift: Span) -> Self {
        Self { found: found.values().map(|values| (found.times().clone(), values.clone())), shift }
    }

    /// The value at the time of a row.
    pub(super) fn at(&self, time: Timestamp) -> Option<f64> {
        let (times, values) = self.found.as_ref()?;
        let at = times.values().binary_search(&time.saturating_add(self.shift).as_micros()).ok()?;
        values.is_valid(at).then(|| values.value(at))
    }

    /// The rows whose value is stored already, bit for bit, and is not written over by another row of these.
    pub(super) fn there_already(&self, times: &[Timestamp], values: &[Option<f64>]) -> Vec<usize> {
        if self.found.is_none() {
            return Vec::new();
        }
        let same = |row: &usize| {
            let value = values[*row].map(f64::to_bits);
            value.is_some() && self.at(times[*row]).map(f64::to_bits) == value
        };
        let there: Vec<usize> = (0..times.len()).filter(same).collect();
        if times.is_sorted_by(|a, b| a < b) {
            return there;
        }
        let kept: HashSet<usize> = there.iter().copied().collect();
        let written: HashSet<Timestamp> =
            (0..times.len()).filter(|row| values[*row].is_some() && !kept.contains(row)).map(|row| times[row]).collect();
        there.into_iter().filter(|row| !written.contains(&times[*row])).collect()
    }
}
