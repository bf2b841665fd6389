//! Rows out of records that each say for themselves what they hold: documents, lines of JSON, intervals of a meter.

use std::collections::HashMap;

use super::source::ROWS;
use super::understood::UnderstoodColumn;
use crate::error::{Error, Result};
use crate::model::{Channel, SeriesName, Timestamp, Unit};
use crate::runtime::frame::{Cells, Rows};

/// A series of a file, known from its first value on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    pub(super) series: SeriesName,
    pub(super) unit: Option<Unit>,
    /// What the file says of it, where it does.
    pub(super) description: Option<Channel>,
}

impl Known {
    /// As a column of that name.
    pub(super) fn understood(&self, column: &str) -> UnderstoodColumn {
        let (series, unit, channel) = (Some(self.series.clone()), self.unit, self.description.clone());
        UnderstoodColumn { column: column.to_owned(), series, unit, quantity: None, channel, skipped: None }
    }
}

/// Which of the known series.
pub(super) type SeriesId = u32;

/// The series that a file was seen to hold.
#[derive(Debug, Default)]
pub(super) struct Series {
    known: Vec<Known>,
    by_name: HashMap<SeriesName, SeriesId>,
}

impl Series {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the series was met before in another unit.
    pub(super) fn id(&mut self, known: Known) -> Result<SeriesId> {
        let Some(id) = self.by_name.get(&known.series) else {
            let id = SeriesId::try_from(self.known.len()).map_err(|_| Error::invalid("more series than can be counted"))?;
            self.by_name.insert(known.series.clone(), id);
            self.known.push(known);
            return Ok(id);
        };
        let before = &self.known[*id as usize];
        if before.unit == known.unit {
            return Ok(*id);
        }
        let text = |unit: Option<Unit>| unit.map_or_else(|| "none".to_owned(), |unit| unit.to_string());
        let (series, unit, expected) = (&known.series, text(known.unit), text(before.unit));
        Err(Error::invalid(format!("unit is {unit}, expected {expected} as above for {series}")))
    }

    pub(super) fn get(&self, id: SeriesId) -> &Known {
        &self.known[id as usize]
    }
}

/// One value of a record.
pub(super) type Cell = (SeriesId, Option<f64>);

/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where a series stands twice among the values of one instant.
pub(super) fn check(cells: &[Cell], series: &Series) -> Result<()> {
    let mut ids: Vec<SeriesId> = cells.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(twice) => {
            let series = &series.get(twice[0]).series;
            Err(Error::invalid(format!("{series} stands twice in it, expected once")))
        }
    }
}

/// Records that are read and not yet given away. Those with the same channels make one table.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    tables: Vec<Table>,
    by_shape: HashMap<Vec<SeriesId>, usize>,
    rows: usize,
}

#[derive(Debug)]
struct Table {
    shape: Vec<SeriesId>,
    numbers: Vec<u64>,
    times: Vec<Timestamp>,
    /// Row by row.
    values: Vec<Option<f64>>,
}

impl Gathered {
    /// Takes the values of one instant; `number` is the record's in the file.
    pub(super) fn push(&mut self, number: u64, time: Timestamp, mut cells: Vec<Cell>) {
        if cells.is_empty() {
            return;
        }
        cells.sort_unstable_by_key(|(id, _)| *id);
        let shape: Vec<SeriesId> = cells.iter().map(|(id, _)| *id).collect();
        let at = match self.by_shape.get(&shape) {
            Some(at) => *at,
            None => {
                self.by_shape.insert(shape.clone(), self.tables.len());
                self.tables.push(Table { shape, numbers: Vec::new(), times: Vec::new(), values: Vec::new() });
                self.tables.len() - 1
            }
        };
        let table = &mut self.tables[at];
        table.numbers.push(number);
        table.times.push(time);
        table.values.extend(cells.iter().map(|(_, value)| *value));
        self.rows += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows >= ROWS
    }

    /// What was taken, and nothing is left. The rows of a series stay in the order of the file, so that the later of two
    /// values of one time is the one that is kept.
    pub(super) fn rows(&mut self, series: &Series) -> Vec<Rows> {
        let Self { tables, .. } = std::mem::take(self);
        let mut uses: HashMap<SeriesId, usize> = HashMap::new();
        tables.iter().flat_map(|table| &table.shape).for_each(|id| *uses.entry(*id).or_default() += 1);
        let (shared, own): (Vec<Table>, Vec<Table>) =
            tables.into_iter().partition(|table| table.shape.iter().any(|id| uses[id] > 1));
        let mut rows: Vec<Rows> = own.iter().flat_map(|table| table.rows(series)).collect();
        rows.extend(by_series(&shared, series));
        rows
    }
}

impl Table {
    /// A table of one device; a record of several devices makes one each.
    fn rows(&self, series: &Series) -> Vec<Rows> {
        let mut found: Vec<Rows> = Vec::new();
        for (at, id) in self.shape.iter().enumerate() {
            let known = series.get(*id);
            let cells = cells(known, self.column(at).collect());
            match found.iter_mut().find(|rows| rows.device == known.series.device) {
                Some(rows) => rows.columns.push(cells),
                None => found.push(table(known, self.times.clone(), self.numbers.clone(), cells)),
            }
        }
        found
    }

    fn column(&self, at: usize) -> impl Iterator<Item = Option<f64>> + '_ {
        self.values.iter().skip(at).step_by(self.shape.len()).copied()
    }
}

fn cells(known: &Known, values: Vec<Option<f64>>) -> Cells {
    let Known { series, unit, description } = known;
    Cells { channel: series.channel.clone(), unit: *unit, description: description.clone(), values }
}

fn table(known: &Known, times: Vec<Timestamp>, numbers: Vec<u64>, cells: Cells) -> Rows {
    Rows { device: known.series.device.clone(), times, numbers, columns: vec![cells] }
}

/// Tables that have a series in common, series by series in the order of the file.
fn by_series(tables: &[Table], series: &Series) -> Vec<Rows> {
    let mut samples: HashMap<SeriesId, Vec<(u64, Timestamp, Option<f64>)>> = HashMap::new();
    for table in tables {
        for (at, id) in table.shape.iter().enumerate() {
            let rows = table.numbers.iter().zip(&table.times).zip(table.column(at));
            samples.entry(*id).or_default().extend(rows.map(|((number, time), value)| (*number, *time, value)));
        }
    }
    let mut ids: Vec<SeriesId> = samples.keys().copied().collect();
    ids.sort_unstable();
    let of = |id: SeriesId| {
        let mut samples = samples.remove(&id)?;
        samples.sort_by_key(|(number, _, _)| *number);
        let known = series.get(id);
        let times = samples.iter().map(|(_, time, _)| *time).collect();
        let numbers = samples.iter().map(|(number, _, _)| *number).collect();
        Some(table(known, times, numbers, cells(known, samples.iter().map(|(_, _, value)| *value).collect())))
    };
    ids.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(names: &[&str]) -> Series {
        let mut series = Series::default();
        for name in names {
            let known = Known { series: name.parse().unwrap(), unit: Some(Unit::Watt), description: None };
            series.id(known).unwrap();
        }
        series
    }

    fn told(rows: &[Rows]) -> Vec<String> {
        let of = |rows: &Rows| {
            let columns = rows.columns.iter().map(|cells| format!("{} {:?}", cells.channel, cells.values));
            let times: Vec<i64> = rows.times.iter().map(|time| time.as_micros()).collect();
            format!("{} {times:?} {}", rows.device, columns.collect::<Vec<_>>().join(" "))
        };
        rows.iter().map(of).collect()
    }

    #[test]
    fn records_of_one_shape_are_one_table_and_what_was_not_said_is_no_gap() {
        let series = series(&["home1.hem.a", "home1.hem.b", "home1.hem.c"]);
        let mut gathered = Gathered::default();
        let at = Timestamp::from_micros;
        gathered.push(0, at(1), vec![(1, Some(2.0)), (0, Some(1.0))]);
        gathered.push(1, at(1), vec![(2, Some(9.0))]);
        gathered.push(2, at(2), vec![(0, None), (1, Some(3.0))]);
        let rows = gathered.rows(&series);
        assert_eq!(
            told(&rows),
            ["home1.hem [1, 2] a [Some(1.0), None] b [Some(2.0), Some(3.0)]", "home1.hem [1] c [Some(9.0)]"]
        );
        assert!(gathered.rows(&series).is_empty());
    }

    #[test]
    fn series_that_several_shapes_share_stay_in_the_order_of_the_file() {
        let series = series(&["home1.hem.a", "home1.hem.b"]);
        let mut gathered = Gathered::default();
        let at = Timestamp::from_micros;
        gathered.push(0, at(5), vec![(0, Some(1.0))]);
        gathered.push(1, at(5), vec![(0, Some(2.0)), (1, Some(7.0))]);
        gathered.push(2, at(5), vec![(0, Some(3.0))]);
        assert_eq!(
            told(&gathered.rows(&series)),
            ["home1.hem [5, 5, 5] a [Some(1.0), Some(2.0), Some(3.0)]", "home1.hem [5] b [Some(7.0)]"]
        );
    }

    #[test]
    fn a_series_that_stands_twice_or_changes_its_unit_is_named() {
        let mut series = series(&["home1.hem.a"]);
        let twice = check(&[(0, None), (0, None)], &series);
        assert_eq!(twice.unwrap_err().message(), "home1.hem.a stands twice in it, expected once");
        let known = Known { series: "home1.hem.a".parse().unwrap(), unit: Some(Unit::Kilowatt), description: None };
        assert_eq!(series.id(known).unwrap_err().message(), "unit is kW, expected W as above for home1.hem.a");
    }
}
