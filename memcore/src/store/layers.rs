//! What was known when. Rows of one time that arrived at different moments are versions of it: sealing and merging put them
//! into layers, the lowest first, each of them a table with each time once (S30 to S32).

use super::arrivals::Arrivals;
use super::column::Column;
use super::table::{Head, Table};
use crate::model::Timestamp;

/// Rows of one time that have no column in common and arrived within so many minutes are one row: a device that sends its
/// channels one after the other needs no layer for each.
const TOGETHER: u64 = 5;
/// A cell that is in no layer.
const DROPPED: u32 = u32::MAX;

/// Which of several versions of a value are kept: those that a view as of this minute or later can show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keep(i64);

impl Keep {
    /// Every version.
    pub(super) const ALL: Self = Self(i64::MIN);
    /// Only what holds in the end.
    pub(super) const LAST: Self = Self(i64::MAX);

    /// What was superseded before that instant is forgotten.
    pub(super) fn since(instant: Timestamp) -> Self {
        Self(super::arrivals::known_at(instant))
    }

    /// Whether nobody will tell apart when before the end of it something arrived.
    fn forgets(self, minute: i64) -> bool {
        minute <= self.0
    }
}

/// Tables of which each overrides those before it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Layers {
    pub(super) tables: Vec<Table>,
    /// How many values were dropped for later ones.
    pub(super) superseded: u64,
}

impl Head {
    /// The rows in order of time, and in layers where there are several versions of one.
    pub(super) fn layers(&self, keep: Keep) -> Layers {
        if self.rising {
            return Layers { tables: vec![self.as_table()], superseded: 0 };
        }
        // Stable: rows of one time stay in order of arrival.
        let mut rows: Vec<u32> = (0..self.rows() as u32).collect();
        rows.sort_by_key(|row| self.times[*row as usize]);
        let mut sorting = Sorting::new(self, &rows, keep);
        rows.chunk_by(|a, b| self.times[*a as usize] == self.times[*b as usize]).for_each(|rows| sorting.place(rows));
        sorting.into_layers()
    }
}

impl Layers {
    /// The layers of several tables of one device, in order of arrival: later ones override earlier ones.
    pub(super) fn of(tables: &[Table], keep: Keep) -> Self {
        let mut rows = Head::default();
        tables.iter().for_each(|table| rows.push_table(table));
        rows.layers(keep)
    }
}

/// A value of a time that has several rows.
#[derive(Debug, Clone, Copy)]
struct Cell {
    column: u32,
    bits: u64,
    layer: u32,
}

/// One version of the values of a time.
#[derive(Debug, Clone, Copy)]
struct Version {
    earliest: i64,
    arrived: i64,
}

impl Version {
    /// Whether a row that arrives in that minute becomes part of it.
    fn takes(self, minute: i64, overlaps: bool, keep: Keep) -> bool {
        let near = self.arrived.abs_diff(minute) <= TOGETHER && self.earliest.abs_diff(minute) <= TOGETHER;
        self.arrived == minute || (keep.forgets(self.arrived) && keep.forgets(minute)) || (near && !overlaps)
    }
}

/// The work of [`Head::layers`].
struct Sorting<'a> {
    head: &'a Head,
    keep: Keep,
    minutes: Vec<i64>,
    /// By row: the place in its layer, or, where its time has several rows, where the places of their versions begin.
    places: Vec<u32>,
    /// By row: whether its time has other rows.
    shared: Vec<bool>,
    /// By row: where its cells begin, if its time has other rows; one more for the end.
    starts: Vec<u32>,
    cells: Vec<Cell>,
    version_places: Vec<u32>,
    /// By column: the last version of the time at hand that has it, and the cell.
    last: Vec<Option<(u32, u32)>>,
    layers: Vec<(Vec<i64>, Arrivals)>,
    superseded: u64,
}

impl<'a> Sorting<'a> {
    fn new(head: &'a Head, sorted: &[u32], keep: Keep) -> Self {
        let mut shared = vec![false; head.rows()];
        for rows in sorted.chunk_by(|a, b| head.times[*a as usize] == head.times[*b as usize]) {
            rows.iter().for_each(|row| shared[*row as usize] = rows.len() > 1);
        }
        let (starts, cells) = shared_cells(head, &shared);
        Self {
            head,
            keep,
            minutes: head.arrived.iter().collect(),
            places: vec![0; head.rows()],
            shared,
            starts,
            cells,
            version_places: Vec::new(),
            last: vec![None; head.columns.len()],
            layers: vec![Default::default()],
            superseded: 0,
        }
    }

    /// Finds the layers of the cells of one time.
    fn place(&mut self, rows: &[u32]) {
        let time = self.head.times[rows[0] as usize];
        if let [row] = rows {
            self.places[*row as usize] = self.add_row(0, time, self.minutes[*row as usize]);
            return;
        }
        let mut versions: Vec<Version> = Vec::new();
        rows.iter().for_each(|row| self.add_version(*row as usize, &mut versions));
        self.forget(rows, &mut versions);
        let first = self.version_places.len() as u32;
        for (layer, version) in versions.iter().enumerate() {
            let place = self.add_row(layer, time, version.arrived);
            self.version_places.push(place);
        }
        rows.iter().for_each(|row| self.places[*row as usize] = first);
    }

    fn add_row(&mut self, layer: usize, time: i64, minute: i64) -> u32 {
        if layer == self.layers.len() {
            self.layers.push(Default::default());
        }
        let (times, arrived) = &mut self.layers[layer];
        times.push(time);
        arrived.push(1, minute);
        times.len() as u32 - 1
    }

    fn cells_of(&self, row: usize) -> std::ops::Range<usize> {
        self.starts[row] as usize..self.starts[row + 1] as usize
    }

    /// What the row says that was not known becomes part of the last version, or a new one.
    fn add_version(&mut self, row: usize, versions: &mut Vec<Version>) {
        let minute = self.minutes[row];
        let (mut news, mut overlaps) = (false, false);
        for at in self.cells_of(row) {
            let Cell { column, bits, .. } = self.cells[at];
            match self.last[column as usize] {
                Some((version, known))
                    if self.says_the_same(known, bits) && versions[version as usize].arrived <= minute =>
                {
                    self.cells[at].layer = DROPPED;
                    continue;
                }
                Some((version, _)) => overlaps |= version as usize + 1 == versions.len(),
                None => {}
            }
            news = true;
        }
        if !news {
            return;
        }
        match versions.last_mut() {
            Some(top) if top.takes(minute, overlaps, self.keep) => {
                top.earliest = top.earliest.min(minute);
                top.arrived = top.arrived.max(minute);
            }
            _ => versions.push(Version { earliest: minute, arrived: minute }),
        }
        self.enter(row, versions.len() as u32 - 1);
    }

    fn says_the_same(&self, known: u32, bits: u64) -> bool {
        self.cells[known as usize].bits == bits
    }

    fn enter(&mut self, row: usize, version: u32) {
        for at in self.cells_of(row).filter(|at| self.cells[*at].layer != DROPPED).collect::<Vec<_>>() {
            let known = &mut self.last[self.cells[at].column as usize];
            if let Some((_, overwritten)) = known.filter(|(of, _)| *of == version) {
                self.cells[overwritten as usize].layer = DROPPED;
                self.superseded += 1;
            }
            *known = Some((version, at as u32));
            self.cells[at].layer = version;
        }
    }

    /// Drops what a version that arrived early enough supersedes, and then versions that have nothing left. Leaves `last`
    /// clean for the next time.
    fn forget(&mut self, rows: &[u32], versions: &mut Vec<Version>) {
        let mut used = vec![false; versions.len()];
        for row in rows.iter().rev() {
            for at in self.cells_of(*row as usize) {
                let Cell { column, layer, .. } = self.cells[at];
                if layer == DROPPED {
                    continue;
                }
                let last = self.last[column as usize];
                let superseding =
                    last.filter(|(version, _)| *version > layer).map(|(version, _)| versions[version as usize]);
                if superseding.is_some_and(|version| self.keep.forgets(version.arrived)) {
                    self.cells[at].layer = DROPPED;
                    self.superseded += 1;
                    continue;
                }
                used[layer as usize] = true;
                self.last[column as usize] = Some((layer, at as u32));
            }
        }
        let before = |count: &mut u32, used: &bool| {
            let layer = *count;
            *count += u32::from(*used);
            Some(layer)
        };
        let renumbered: Vec<u32> = used.iter().scan(0, before).collect();
        for at in rows.iter().flat_map(|row| self.cells_of(*row as usize)).collect::<Vec<_>>() {
            let cell = &mut self.cells[at];
            self.last[cell.column as usize] = None;
            cell.layer = renumbered.get(cell.layer as usize).copied().unwrap_or(DROPPED);
        }
        let mut at = used.into_iter();
        versions.retain(|_| at.next().unwrap_or(false));
    }

    fn into_layers(mut self) -> Layers {
        let mut columns: Vec<Vec<Column>> = vec![Vec::new(); self.layers.len()];
        // The cells of a row stand in order of its columns: where the next one of each is.
        let mut next = std::mem::take(&mut self.starts);
        for column in &self.head.columns {
            let mut layers: Vec<Vec<(u32, f64)>> = vec![Vec::new(); self.layers.len()];
            for (row, value) in column.iter() {
                if let Some((layer, place)) = self.next_place(row, &mut next) {
                    layers[layer].push((place, value));
                }
            }
            for ((cells, columns), (times, _)) in layers.into_iter().zip(&mut columns).zip(&self.layers) {
                columns.extend(column_of(column.id, cells, times.len()));
            }
        }
        let tables = self.layers.into_iter().zip(columns);
        let tables = tables.map(|((times, arrived), columns)| Table { times, columns, arrived }).collect();
        Layers { tables, superseded: self.superseded }
    }

    /// Layer and place of the next cell of a row, unless it is in none.
    fn next_place(&self, row: usize, next: &mut [u32]) -> Option<(usize, u32)> {
        if !self.shared[row] {
            return Some((0, self.places[row]));
        }
        let layer = self.cells[next[row] as usize].layer;
        next[row] += 1;
        (layer != DROPPED).then(|| (layer as usize, self.version_places[(self.places[row] + layer) as usize]))
    }
}

/// The cells of the rows that share their time with others: where those of each row begin, and all of them.
fn shared_cells(head: &Head, shared: &[bool]) -> (Vec<u32>, Vec<Cell>) {
    let of_shared = || head.columns.iter().flat_map(|column| column.iter().map(move |cell| (column.id, cell)));
    let mut starts = vec![0u32; shared.len() + 1];
    of_shared().filter(|(_, (row, _))| shared[*row]).for_each(|(_, (row, _))| starts[row + 1] += 1);
    for row in 0..shared.len() {
        starts[row + 1] += starts[row];
    }
    let mut next = starts.clone();
    let mut cells = vec![Cell { column: 0, bits: 0, layer: DROPPED }; starts[shared.len()] as usize];
    for (column, (row, value)) in of_shared().filter(|(_, (row, _))| shared[*row]) {
        cells[next[row] as usize] = Cell { column, bits: value.to_bits(), layer: 0 };
        next[row] += 1;
    }
    (starts, cells)
}

fn column_of(id: u32, mut cells: Vec<(u32, f64)>, rows: usize) -> Option<Column> {
    if cells.is_empty() {
        return None;
    }
    cells.sort_unstable_by_key(|(place, _)| *place);
    let dense = cells.len() == rows;
    let (places, values): (Vec<u32>, Vec<f64>) = cells.into_iter().unzip();
    Some(Column { id, values, rows: (!dense).then_some(places) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of two columns: time, arrival minute, values.
    type Row = (i64, i64, [Option<f64>; 2]);

    fn head(rows: &[Row]) -> Head {
        let mut head = Head::default();
        for (at, (time, minute, values)) in rows.iter().enumerate() {
            head.push_times(&[Timestamp::from_micros(*time)], at as u64, *minute);
            for (id, value) in values.iter().enumerate() {
                head.column(id as u32).push(at, &[*value]);
            }
        }
        head
    }

    /// What a table says: time, arrival, values.
    fn rows(table: &Table) -> Vec<Row> {
        let mut rows: Vec<Row> =
            table.times.iter().zip(table.arrived.iter()).map(|(time, minute)| (*time, minute, [None; 2])).collect();
        for column in &table.columns {
            column.iter().for_each(|(row, value)| rows[row].2[column.id as usize] = Some(value));
        }
        rows
    }

    fn layers(of: &[Row], keep: Keep) -> Vec<Vec<Row>> {
        head(of).layers(keep).tables.iter().map(rows).collect()
    }

    const ALL: Keep = Keep::ALL;

    #[test]
    fn rows_of_disjoint_columns_that_arrive_together_are_one() {
        let sent_one_after_the_other = [(5, 1, [Some(1.0), None]), (3, 1, [Some(3.0), None]), (5, 2, [None, Some(4.0)])];
        assert_eq!(layers(&sent_one_after_the_other, ALL), [[(3, 1, [Some(3.0), None]), (5, 2, [Some(1.0), Some(4.0)])]]);
        let an_hour_later = [(5, 1, [Some(1.0), None]), (5, 61, [None, Some(4.0)])];
        assert_eq!(layers(&an_hour_later, ALL), [[(5, 1, [Some(1.0), None])], [(5, 61, [None, Some(4.0)])]]);
    }

    #[test]
    fn a_corrected_value_keeps_the_one_before_it() {
        let corrected = [(5, 1, [Some(1.0), Some(2.0)]), (6, 1, [Some(6.0), None]), (5, 3, [Some(7.0), None])];
        let both = [vec![(5, 1, [Some(1.0), Some(2.0)]), (6, 1, [Some(6.0), None])], vec![(5, 3, [Some(7.0), None])]];
        assert_eq!(layers(&corrected, ALL), both);
        assert_eq!(layers(&corrected, Keep::LAST), [[(5, 3, [Some(7.0), Some(2.0)]), (6, 1, [Some(6.0), None])]]);
        let in_the_same_minute = [(5, 1, [Some(1.0), Some(2.0)]), (5, 1, [Some(7.0), None])];
        assert_eq!(layers(&in_the_same_minute, ALL), [[(5, 1, [Some(7.0), Some(2.0)])]]);
    }

    #[test]
    fn importing_a_file_again_costs_nothing() {
        let file: Vec<Row> = (0..100).map(|n| (n, 7, [Some(n as f64), Some(f64::NAN)])).collect();
        let twice: Vec<Row> = file.iter().copied().chain(file.iter().map(|row| (row.0, 9000, row.2))).collect();
        let found = head(&twice).layers(ALL);
        assert_eq!((found.tables.len(), found.superseded), (1, 0));
        assert_eq!(found.tables[0].arrived.runs(), [(100, 7)]);
    }

    #[test]
    fn the_layers_of_layers_are_the_same_layers() {
        let rows = [(1, 1, [Some(1.0), None]), (1, 20, [Some(2.0), None]), (1, 40, [Some(3.0), Some(4.0)])];
        let first = head(&rows).layers(ALL);
        assert_eq!(first.tables.len(), 3);
        assert_eq!(Layers::of(&first.tables, ALL), first);
    }

    #[test]
    fn what_was_superseded_before_an_instant_can_be_forgotten() {
        let minute = |minute: i64| Timestamp::from_seconds(minute * 60);
        let rows = [(1, 10, [Some(1.0), None]), (1, 20, [Some(2.0), None]), (1, 40, [Some(3.0), None])];
        let found = head(&rows).layers(Keep::since(minute(30)));
        assert_eq!((found.tables.len(), found.superseded), (2, 1));
        assert_eq!(found.tables[0].arrived.runs(), [(1, 20)]);
        assert_eq!(head(&rows).layers(Keep::since(minute(40))).tables.len(), 1);
    }

    /// The last value of each cell among the rows that had arrived by `minute`.
    fn known_at(rows: &[Row], minute: i64) -> std::collections::BTreeMap<(i64, usize), u64> {
        let known = rows.iter().filter(|row| row.1 <= minute);
        known.flat_map(|row| (0..2).filter_map(|c| Some(((row.0, c), row.2[c]?.to_bits())))).collect()
    }

    proptest::proptest! {
        /// Overlapping rows only, an hour apart at least where they differ: nothing is drawn together then, and every
        /// view must be exact, in whatever order the clock gave its minutes.
        #[test]
        fn every_view_shows_what_had_arrived(
            steps in proptest::collection::vec((0i64..4, 0i64..12, 0u8..3, 0u8..3), 0..40),
            cut in 0usize..40,
            forget in 0i64..13,
        ) {
            let value = |v: u8| (v > 0).then(|| f64::from(v));
            let rows: Vec<Row> = steps.iter().map(|(t, hour, a, b)| (*t, hour * 60, [value(*a), value(*b)])).collect();
            let flat = |layers: &Layers| layers.tables.iter().flat_map(super::tests::rows).collect::<Vec<Row>>();
            let at_once = head(&rows).layers(ALL);
            let (early, late) = rows.split_at(cut.min(rows.len()));
            let parts = [head(early).layers(ALL).tables, head(late).layers(ALL).tables].concat();
            let merged = Layers::of(&parts, ALL);
            let forgetful = Layers::of(&parts, Keep::since(Timestamp::from_seconds(forget * 3600)));
            for minute in (0..13).map(|hour| hour * 60) {
                proptest::prop_assert_eq!(known_at(&flat(&at_once), minute), known_at(&rows, minute));
                proptest::prop_assert_eq!(known_at(&flat(&merged), minute), known_at(&rows, minute));
                if minute >= forget * 60 {
                    proptest::prop_assert_eq!(known_at(&flat(&forgetful), minute), known_at(&rows, minute));
                }
            }
            let last = head(&rows).layers(Keep::LAST);
            proptest::prop_assert!(last.tables.len() <= 1 || rows.is_empty());
            proptest::prop_assert_eq!(known_at(&flat(&last), i64::MAX), known_at(&rows, i64::MAX));
            for table in at_once.tables.iter().chain(&merged.tables) {
                proptest::prop_assert!(table.times.is_sorted_by(|a, b| a < b));
                proptest::prop_assert_eq!(table.times.len(), table.arrived.rows());
            }
        }
    }
}
