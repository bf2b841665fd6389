//! Rows of one device in memory: as they arrive (a head), and in order of time (a table, what a chunk holds).

use super::arrivals::{Arrivals, UNKNOWN};
use super::column::Column;
use crate::model::{Batch, Timestamp};

/// Rows in order of time, each time once.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Table {
    /// Rising.
    pub(super) times: Vec<i64>,
    /// Rising by id, none without a value.
    pub(super) columns: Vec<Column>,
    /// When each row arrived.
    pub(super) arrived: Arrivals,
}

/// Rows in order of arrival. Columns stand at the place of their id, those without a value are empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub(super) times: Vec<i64>,
    pub(super) columns: Vec<Column>,
    /// Whether times rise from row to row, which spares the sorting.
    pub(super) rising: bool,
    /// The log frames of the first and the last row.
    pub(super) first_frame: u64,
    pub(super) last_frame: u64,
}

impl Head {
    pub(super) fn rows(&self) -> usize {
        self.times.len()
    }

    /// Takes in a batch; `ids` are the columns of its channels.
    pub(super) fn push(&mut self, batch: &Batch, ids: &[u32], frame: u64) {
        let base = self.times.len();
        self.push_times(batch.times(), frame);
        for (at, id) in ids.iter().enumerate() {
            self.column(*id).push(base, batch.column(at));
        }
    }

    pub(super) fn push_times(&mut self, times: &[Timestamp], frame: u64) {
        if self.times.is_empty() {
            self.rising = true;
            self.first_frame = frame;
        }
        self.last_frame = frame;
        for time in times {
            let time = time.as_micros();
            self.rising &= self.times.last().is_none_or(|last| *last < time);
            self.times.push(time);
        }
    }

    /// The column of that id, made if it is new.
    pub(super) fn column(&mut self, id: u32) -> &mut Column {
        let at = id as usize;
        if at >= self.columns.len() {
            self.columns.resize_with(at + 1, Column::default);
        }
        let column = &mut self.columns[at];
        column.id = id;
        column
    }

    /// The rows with times from `from` to `to`, both included, where that can be told without looking at each; only the
    /// columns `ids`.
    pub(super) fn copy_of(&self, ids: &[u32], from: i64, to: i64) -> Self {
        let rows = if self.rising {
            self.times.partition_point(|time| *time < from)..self.times.partition_point(|time| *time <= to)
        } else {
            0..self.rows()
        };
        let mut copy = Self { times: self.times[rows.clone()].to_vec(), rising: self.rising, ..Self::default() };
        for id in ids {
            if let Some(column) = self.columns.get(*id as usize) {
                *copy.column(*id) = column.cut(rows.start, rows.end);
            }
        }
        copy
    }

    /// The rows in order of time; of several values of one time and column the one that arrived last (S8).
    pub(super) fn to_table(&self) -> Table {
        let filled = self.columns.iter().filter(|column| !column.values.is_empty());
        if self.rising {
            let whole = |column: &Column| column.cut(0, self.rows());
            return Table { times: self.times.clone(), columns: filled.map(whole).collect(), arrived: unknown(self.rows()) };
        }
        let (times, place) = order(&self.times);
        let columns = filled.map(|column| column.arranged(&place, times.len())).collect();
        let arrived = unknown(times.len());
        Table { times, columns, arrived }
    }
}

/// Arrivals of rows of which none is known.
fn unknown(rows: usize) -> Arrivals {
    let mut arrived = Arrivals::default();
    arrived.push(rows, UNKNOWN);
    arrived
}

impl Column {
    /// Adds the values of rows from `base` on.
    pub(super) fn push(&mut self, base: usize, values: &[Option<f64>]) {
        let gapless = self.rows.is_none() && self.values.len() == base;
        if gapless && values.iter().all(Option::is_some) {
            self.values.extend(values.iter().flatten());
            return;
        }
        let known = self.values.len() as u32;
        let rows = self.rows.get_or_insert_with(|| (0..known).collect());
        for (row, value) in (base..).zip(values) {
            if let Some(value) = value {
                rows.push(row as u32);
                self.values.push(*value);
            }
        }
    }

    /// The rows that have a value, each with it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let at = |place| self.rows.as_ref().map_or(place, |rows| rows[place] as usize);
        self.values.iter().enumerate().map(move |(place, value)| (at(place), *value))
    }

    /// The values of the rows from `start` to `end`, which become the rows from 0 on.
    fn cut(&self, start: usize, end: usize) -> Self {
        let Some(rows) = &self.rows else {
            let values = self.values[start.min(self.values.len())..end.min(self.values.len())].to_vec();
            let rows = (values.len() < end - start).then(|| (0..values.len() as u32).collect());
            return Self { id: self.id, values, rows };
        };
        let kept = rows.partition_point(|row| (*row as usize) < start)..rows.partition_point(|row| (*row as usize) < end);
        let values = self.values[kept.clone()].to_vec();
        let rows = rows[kept].iter().map(|row| row - start as u32).collect();
        Self { id: self.id, rows: (values.len() < end - start).then_some(rows), values }
    }

    /// The column with its rows moved to `place[row]`, of `rows` rows; where two meet, the later one stays.
    fn arranged(&self, place: &[u32], rows: usize) -> Self {
        let mut moved: Vec<(u32, f64)> = self.iter().map(|(row, value)| (place[row], value)).collect();
        moved.sort_by_key(|(row, _)| *row);
        let (at, values) = keep_last(moved);
        let dense = at.len() == rows;
        Self { id: self.id, values, rows: (!dense).then_some(at) }
    }
}

/// The distinct times in order, and for every row its place among them.
fn order(times: &[i64]) -> (Vec<i64>, Vec<u32>) {
    let mut rows: Vec<u32> = (0..times.len() as u32).collect();
    rows.sort_by_key(|row| times[*row as usize]);
    let mut distinct: Vec<i64> = Vec::with_capacity(times.len());
    let mut place = vec![0; times.len()];
    for row in rows {
        let time = times[row as usize];
        if distinct.last() != Some(&time) {
            distinct.push(time);
        }
        place[row as usize] = distinct.len() as u32 - 1;
    }
    (distinct, place)
}

/// Splits pairs in order of their key, of several with one key the last.
pub(super) fn keep_last<K: PartialEq + Copy>(pairs: impl IntoIterator<Item = (K, f64)>) -> (Vec<K>, Vec<f64>) {
    let (mut keys, mut values): (Vec<K>, Vec<f64>) = (Vec::new(), Vec::new());
    for (key, value) in pairs {
        if keys.last() == Some(&key) {
            *values.last_mut().expect("a value for every key") = value;
        } else {
            keys.push(key);
            values.push(value);
        }
    }
    (keys, values)
}

impl Table {
    /// One table out of several of one device, in order of arrival: later ones override earlier ones.
    pub(super) fn merge(parts: &[Self]) -> Self {
        let times: Vec<i64> = parts.iter().flat_map(|part| part.times.iter().copied()).collect();
        let (distinct, place) = order(&times);
        let width = parts.iter().flat_map(|part| &part.columns).map(|column| column.id as usize + 1).max().unwrap_or(0);
        let mut columns = Vec::new();
        for id in 0..width as u32 {
            let mut joined = Column { id, values: Vec::new(), rows: Some(Vec::new()) };
            let mut base = 0;
            for part in parts {
                let found = part.columns.binary_search_by_key(&id, |column| column.id);
                for (row, value) in found.ok().into_iter().flat_map(|at| part.columns[at].iter()) {
                    joined.rows.get_or_insert_default().push((base + row) as u32);
                    joined.values.push(value);
                }
                base += part.times.len();
            }
            if !joined.values.is_empty() {
                columns.push(joined.arranged(&place, distinct.len()));
            }
        }
        let arrived = unknown(distinct.len());
        Self { times: distinct, columns, arrived }
    }

    /// The rows from `start` to `end`, as a table of its own.
    pub(super) fn slice(&self, start: usize, end: usize) -> Self {
        let columns =
            self.columns.iter().map(|column| column.cut(start, end)).filter(|column| !column.values.is_empty()).collect();
        let arrived = self.arrived.iter().skip(start).take(end - start).collect();
        Self { times: self.times[start..end].to_vec(), columns, arrived }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(rows: &[(i64, [Option<f64>; 2])]) -> Head {
        let mut head = Head::default();
        for (frame, (time, values)) in rows.iter().enumerate() {
            head.push_times(&[Timestamp::from_micros(*time)], frame as u64);
            for (id, value) in values.iter().enumerate() {
                head.column(id as u32).push(frame, &[*value]);
            }
        }
        head
    }

    #[test]
    fn the_last_value_of_a_time_wins_column_by_column() {
        let head =
            head(&[(5, [Some(1.0), Some(2.0)]), (3, [Some(3.0), None]), (5, [None, Some(4.0)]), (3, [Some(5.0), None])]);
        let table = head.to_table();
        assert_eq!(table.times, [3, 5]);
        assert_eq!(table.columns[0], Column { id: 0, values: vec![5.0, 1.0], rows: None });
        assert_eq!(table.columns[1], Column { id: 1, values: vec![4.0], rows: Some(vec![1]) });
    }

    #[test]
    fn later_tables_override_earlier_ones() {
        let first = head(&[(1, [Some(1.0), None]), (2, [Some(2.0), None])]).to_table();
        let second = head(&[(2, [Some(20.0), Some(7.0)]), (9, [Some(9.0), None])]).to_table();
        let merged = Table::merge(&[first, second]);
        assert_eq!(merged.times, [1, 2, 9]);
        assert_eq!(merged.columns[0].values, [1.0, 20.0, 9.0]);
        assert_eq!(merged.columns[1], Column { id: 1, values: vec![7.0], rows: Some(vec![1]) });
        let part = merged.slice(1, 3);
        assert_eq!((part.times, part.columns[0].rows.is_none()), (vec![2, 9], true));
    }
}
