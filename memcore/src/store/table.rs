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
    /// When each row arrived; empty where that is not known.
    pub(super) arrived: Arrivals,
}

/// Rows in order of arrival. Columns stand at the place of their id, those without a value are empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub(super) times: Vec<i64>,
    pub(super) columns: Vec<Column>,
    pub(super) arrived: Arrivals,
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

    /// Takes in a batch that arrived in that minute; `ids` are the columns of its channels.
    pub(super) fn push(&mut self, batch: &Batch, ids: &[u32], frame: u64, minute: i64) {
        let base = self.times.len();
        self.push_times(batch.times(), frame, minute);
        for (at, id) in ids.iter().enumerate() {
            self.column(*id).push(base, batch.column(at));
        }
    }

    pub(super) fn push_times(&mut self, times: &[Timestamp], frame: u64, minute: i64) {
        self.arrived.push(times.len(), minute);
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
        let arrived = self.arrived.slice(rows.start, rows.end);
        let mut copy = Self { times: self.times[rows.clone()].to_vec(), arrived, rising: self.rising, ..Self::default() };
        for id in ids {
            if let Some(column) = self.columns.get(*id as usize) {
                *copy.column(*id) = column.cut(rows.start, rows.end);
            }
        }
        copy
    }

    /// Takes the first rows away; the first frame that is left is `first_frame`.
    pub(super) fn drop_front(&mut self, rows: usize, first_frame: u64) {
        let (rows, all) = (rows.min(self.rows()), self.rows());
        self.times.drain(..rows);
        self.arrived = self.arrived.slice(rows, all);
        self.columns.iter_mut().for_each(|column| *column = column.cut(rows, all));
        self.rising |= self.times.is_sorted_by(|a, b| a < b);
        self.first_frame = first_frame;
    }

    /// Takes in the rows of a table that arrived after those that are here.
    pub(super) fn push_table(&mut self, table: &Table) {
        let base = self.rows();
        self.rising = (base == 0 || self.rising) && self.times.last() < table.times.first();
        self.times.extend_from_slice(&table.times);
        match table.arrived.rows() {
            0 => self.arrived.push(table.times.len(), UNKNOWN),
            _ => table.arrived.runs().iter().for_each(|(rows, minute)| self.arrived.push(*rows as usize, *minute)),
        }
        for column in &table.columns {
            self.column(column.id).append(base, column);
        }
    }

    /// All rows as one table, where their times rise.
    pub(super) fn as_table(&self) -> Table {
        let filled = self.columns.iter().filter(|column| !column.values.is_empty());
        let columns = filled.map(|column| column.cut(0, self.rows())).collect();
        Table { times: self.times.clone(), columns, arrived: self.arrived.clone() }
    }
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
    pub(super) fn cut(&self, start: usize, end: usize) -> Self {
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

    /// Adds the values of another, whose rows become those from `base` on.
    fn append(&mut self, base: usize, other: &Self) {
        let gapless = self.rows.is_none() && self.values.len() == base && other.rows.is_none();
        if !gapless {
            let known = self.values.len() as u32;
            let rows = self.rows.get_or_insert_with(|| (0..known).collect());
            rows.extend(other.iter().map(|(row, _)| (base + row) as u32));
        }
        self.values.extend_from_slice(&other.values);
    }
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
    /// The rows from `start` to `end`, as a table of its own.
    pub(super) fn slice(&self, start: usize, end: usize) -> Self {
        let columns =
            self.columns.iter().map(|column| column.cut(start, end)).filter(|column| !column.values.is_empty()).collect();
        Self { times: self.times[start..end].to_vec(), columns, arrived: self.arrived.slice(start, end) }
    }
}
