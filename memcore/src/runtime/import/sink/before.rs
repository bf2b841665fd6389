//! What a store has of the times of rows before they are written.

use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::model::{SeriesName, Span, Timestamp};
use crate::runtime::embedded::Memcore;
use crate::store::Query;

/// Stored rows that are looked at together, at least and at most: one way it costs a query, the other way reading.
const PAGE_MIN: usize = 256;
const PAGE_MAX: usize = 1 << 20;
/// Where a page has as many that are wanted, the next is larger.
const WANTED: usize = 8;

/// The samples of one series at the times of some rows.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// Times and bits, in order of time.
    found: Vec<(i64, u64)>,
    /// By how much the times of the rows are moved as they are stored.
    shift: Span,
}

impl Before {
    /// Reads in pages: rows of a file may lie anywhere among all that is stored, so that a page begins at the first time that
    /// is still wanted, and is larger where many were in the last.
    pub(super) fn read(memcore: &Memcore, series: &SeriesName, shift: Span, times: &[Timestamp]) -> Result<Self> {
        let mut wanted: Vec<i64> = times.iter().map(|time| time.saturating_add(shift).as_micros()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let (mut found, mut left, mut page) = (Vec::new(), &wanted[..], (wanted.len() * 2).max(PAGE_MIN));
        while let (Some(first), Some(last)) = (left.first(), left.last()) {
            let query = Query::new(series).from(Timestamp::from_micros(*first)).limit(page);
            let query = match last.checked_add(1) {
                Some(end) => query.to(Timestamp::from_micros(end)),
                None => query,
            };
            let result = memcore.query(&query)?;
            let Some((times, values)) = result.series().first().and_then(|found| Some((found.times(), found.values()?)))
            else {
                break;
            };
            let before = left.len();
            for (time, value) in times.values().iter().zip(values.values()) {
                left = &left[left.partition_point(|wanted| wanted < time)..];
                if left.first() == Some(time) {
                    found.push((*time, value.to_bits()));
                    left = &left[1..];
                }
            }
            if times.len() < page {
                break;
            }
            let many = before - left.len() >= WANTED;
            page = if many { page.saturating_mul(2).min(PAGE_MAX) } else { (page / 4).max(PAGE_MIN) };
        }
        Ok(Self { found, shift })
    }

    /// The value at the time of a row.
    pub(super) fn at(&self, time: Timestamp) -> Option<f64> {
        let time = time.saturating_add(self.shift).as_micros();
        let at = self.found.binary_search_by_key(&time, |(time, _)| *time).ok()?;
        Some(f64::from_bits(self.found[at].1))
    }

    /// The rows whose value, or the one that holds in the end at their time, is stored already, bit for bit.
    pub(super) fn there_already(&self, times: &[Timestamp], values: &[Option<f64>]) -> Vec<usize> {
        if self.found.is_empty() {
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
        // Of several rows of one time the last holds, and where that is there the others need not be written again.
        let kept: HashSet<usize> = there.into_iter().collect();
        let present = || (0..times.len()).filter(|row| values[*row].is_some());
        let last_is_there: HashMap<Timestamp, bool> = present().map(|row| (times[row], kept.contains(&row))).collect();
        present().filter(|row| last_is_there[&times[*row]]).collect()
    }
}
