//! Arrivals as a chunk stores them: runs of rows that arrived in one minute, or each as long after its own time.
//!
//! Rows of a device that is connected arrive some minutes after their time, always as many; rows that were stored on the
//! device or imported arrive together. Either is one run.

use super::arrivals::{Arrivals, UNKNOWN};
use super::wire::{Reader, damaged, put_varint, unzigzag, zigzag};
use crate::error::Result;

const MINUTE: i64 = 60_000_000;

/// Writes the runs of arrivals of rows with those times.
pub(super) fn write(arrivals: &Arrivals, times: &[i64], out: &mut Vec<u8>) {
    let minutes: Vec<i64> = arrivals.iter().chain(std::iter::repeat(UNKNOWN)).take(times.len()).collect();
    let delay = |row: usize| minutes[row].wrapping_sub(times[row].div_euclid(MINUTE));
    let (mut row, mut minute, mut behind) = (0, 0i64, 0i64);
    while row < times.len() {
        let together = (row..times.len()).take_while(|at| minutes[*at] == minutes[row]).count();
        let delayed = (row..times.len()).take_while(|at| delay(*at) == delay(row)).count();
        if delayed > together {
            put_varint(out, (delayed as u64) << 1 | 1);
            put_varint(out, zigzag(delay(row).wrapping_sub(behind)));
            behind = delay(row);
        } else {
            put_varint(out, (together as u64) << 1);
            put_varint(out, zigzag(minutes[row].wrapping_sub(minute)));
            minute = minutes[row];
        }
        row += together.max(delayed);
    }
}

/// Reads what [`write`] wrote.
pub(super) fn read(bytes: &[u8], times: &[i64]) -> Result<Arrivals> {
    let mut from = Reader::new(bytes);
    let mut arrivals = Arrivals::default();
    let (mut row, mut minute, mut behind) = (0, 0i64, 0i64);
    while row < times.len() {
        let (head, difference) = (from.varint()?, unzigzag(from.varint()?));
        let count = usize::try_from(head >> 1).ok().filter(|count| (1..=times.len() - row).contains(count));
        let count = count.ok_or_else(|| damaged("the arrivals of a chunk"))?;
        if head & 1 == 1 {
            behind = behind.wrapping_add(difference);
            let own = times[row..row + count].iter().map(|time| time.div_euclid(MINUTE).wrapping_add(behind));
            own.for_each(|minute| arrivals.push(1, minute));
        } else {
            minute = minute.wrapping_add(difference);
            arrivals.push(count, minute);
        }
        row += count;
    }
    if from.is_empty() { Ok(arrivals) } else { Err(damaged("the arrivals of a chunk")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn live_rows_and_imported_ones_are_one_run_each() {
        let times: Vec<i64> = (0..2000).map(|row| row * 30_000_000).collect();
        let arrivals: Arrivals = (0..2000).map(|row| if row < 1000 { row / 2 + 1 } else { 1000 }).collect();
        let mut out = Vec::new();
        write(&arrivals, &times, &mut out);
        assert!(out.len() <= 9, "{}", out.len());
        assert_eq!(read(&out, &times).unwrap(), arrivals);
        for end in 0..out.len() {
            assert!(read(&out[..end], &times).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_arrivals_come_back(rows in prop::collection::vec((any::<i64>(), prop_oneof![Just(UNKNOWN), -9i64..9, any::<i64>()]), 0..60)) {
            let times: Vec<i64> = rows.iter().map(|row| row.0).collect();
            let arrivals: Arrivals = rows.iter().map(|row| row.1).collect();
            let mut out = Vec::new();
            write(&arrivals, &times, &mut out);
            prop_assert_eq!(read(&out, &times).unwrap(), arrivals);
        }
    }
}
