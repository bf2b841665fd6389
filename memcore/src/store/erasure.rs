//! Deleted ranges. A deletion is a line of the manifest that hides rows at once; merging and compaction then leave the
//! hidden rows out for good.

use super::column::Column;
use super::table::Table;

/// A deleted range of one device: it hides rows of chunks whose order is below its own (S35).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Erasure {
    /// The column; every one where there is none.
    pub(super) column: Option<u32>,
    /// The first and the last time, both included.
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) order: u64,
}

impl Erasure {
    /// Whether it may hide rows of a chunk of that order and span.
    pub(super) fn concerns(&self, order: u64, first: i64, last: i64) -> bool {
        order < self.order && self.first <= last && first <= self.last
    }
}

/// Takes out what the erasures hide of the table of a chunk of that order; how many values that was.
pub(super) fn erase(table: &mut Table, order: u64, erasures: &[Erasure]) -> u64 {
    let (Some(first), Some(last)) = (table.times.first(), table.times.last()) else { return 0 };
    let concerned = erasures.iter().filter(|erasure| erasure.concerns(order, *first, *last));
    let hidden: Vec<(Option<u32>, std::ops::Range<usize>)> = concerned
        .map(|erasure| {
            let start = table.times.partition_point(|time| *time < erasure.first);
            (erasure.column, start..table.times.partition_point(|time| *time <= erasure.last))
        })
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
    if hidden.is_empty() {
        return 0;
    }
    let before = points(table);
    for column in &mut table.columns {
        let concerns = |of: &Option<u32>| of.is_none_or(|of| of == column.id);
        let ranges: Vec<_> = hidden.iter().filter(|(of, _)| concerns(of)).map(|(_, rows)| rows.clone()).collect();
        if !ranges.is_empty() {
            *column = without(column, &ranges);
        }
    }
    drop_empty_rows(table, &hidden);
    before - points(table)
}

fn points(table: &Table) -> u64 {
    table.columns.iter().map(|column| column.values.len() as u64).sum()
}

fn without(column: &Column, ranges: &[std::ops::Range<usize>]) -> Column {
    let kept = column.iter().filter(|(row, _)| !ranges.iter().any(|rows| rows.contains(row)));
    let (rows, values): (Vec<u32>, Vec<f64>) = kept.map(|(row, value)| (row as u32, value)).unzip();
    Column { id: column.id, values, rows: Some(rows) }
}

/// Leaves out the rows of the hidden ranges of which nothing is left: their times must not stay behind.
fn drop_empty_rows(table: &mut Table, hidden: &[(Option<u32>, std::ops::Range<usize>)]) {
    let mut kept = vec![true; table.times.len()];
    hidden.iter().for_each(|(_, rows)| kept[rows.clone()].fill(false));
    table.columns.iter().flat_map(Column::iter).for_each(|(row, _)| kept[row] = true);
    let before = |count: &mut u32, kept: &bool| {
        let place = *count;
        *count += u32::from(*kept);
        Some(place)
    };
    let places: Vec<u32> = kept.iter().scan(0, before).collect();
    let alive = |row: &usize| kept[*row];
    let arrived: Vec<i64> = table.arrived.iter().collect();
    table.arrived = (0..arrived.len()).filter(alive).map(|row| arrived[row]).collect();
    table.times = (0..table.times.len()).filter(alive).map(|row| table.times[row]).collect();
    table.columns.retain(|column| !column.values.is_empty());
    for column in &mut table.columns {
        let rows: Vec<u32> = column.iter().map(|(row, _)| places[row]).collect();
        column.rows = (rows.len() < table.times.len()).then_some(rows);
    }
}

#[cfg(test)]
mod tests {
    use super::super::arrivals::Arrivals;
    use super::*;

    fn table() -> Table {
        let all = Column { id: 0, values: vec![1.0, 2.0, 3.0, 4.0], rows: None };
        let some = Column { id: 1, values: vec![20.0, 40.0], rows: Some(vec![1, 3]) };
        let arrived: Arrivals = [7, 7, 8, 9].into_iter().collect();
        Table { times: vec![10, 20, 30, 40], columns: vec![all, some], arrived }
    }

    fn erased(column: Option<u32>, first: i64, last: i64, chunk: u64) -> (Table, u64) {
        let mut table = table();
        let count = erase(&mut table, chunk, &[Erasure { column, first, last, order: 5 }]);
        (table, count)
    }

    #[test]
    fn a_deleted_range_takes_its_rows_with_it() {
        let (table, count) = erased(None, 20, 30, 4);
        assert_eq!((table.times, count), (vec![10, 40], 3));
        assert_eq!(table.arrived.runs(), [(1, 7), (1, 9)]);
        assert_eq!(table.columns[0], Column { id: 0, values: vec![1.0, 4.0], rows: None });
        assert_eq!(table.columns[1], Column { id: 1, values: vec![40.0], rows: Some(vec![1]) });
    }

    #[test]
    fn of_one_column_only_rows_that_have_nothing_else_go() {
        let (table, count) = erased(Some(0), i64::MIN, i64::MAX, 4);
        assert_eq!((table.times, table.columns.len(), count), (vec![20, 40], 1, 4));
        assert_eq!(table.columns[0], Column { id: 1, values: vec![20.0, 40.0], rows: None });
    }

    #[test]
    fn what_came_later_or_lies_beside_it_stays() {
        for (first, last, order) in [(10, 40, 5), (11, 19, 4), (41, 90, 4)] {
            assert_eq!(erased(None, first, last, order), (table(), 0));
        }
    }
}
