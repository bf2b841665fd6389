//! The times of rows, wherever they stand in them: in one cell, in two, or as seconds since the first row.

use csv::ByteRecord;

use super::dialect::Start;
use super::forms;
use super::layout::TimeCells;
use super::number::Numbers;
use super::plain_times;
use super::times::Times;
use crate::energy::LocalClock;
use crate::error::{Error, Result};
use crate::model::{Timestamp, shorten};
use crate::runtime::import::mapping::TimeForm;

/// Reads the times of rows, wherever they stand in them.
pub(super) struct RowTimes {
    cells: TimeCells,
    times: Times,
    joined: Vec<u8>,
    elapsed_title: String,
    numbers: Numbers,
    /// When the first row was measured, from which others count.
    began: Option<Timestamp>,
}

impl RowTimes {
    pub(super) fn new(cells: TimeCells, form: TimeForm, start: &Start) -> Self {
        let times = Times::new(form, &start.names[cells.cell]);
        // A clock that was not set yet writes 1970 between the others. Where most times are so, somebody declared it.
        let texts: Vec<&str> = start.rows.iter().filter_map(|row| row.get(cells.cell)).map(String::as_str).collect();
        let likely = plain_times::most_likely(form, &texts);
        let times = if likely { times.only_likely() } else { times };
        let numbers = Numbers { comma: start.dialect.decimal == ',', own: false };
        let elapsed_title = cells.elapsed.map_or_else(String::new, |cell| start.names[cell].clone());
        Self { cells, times, joined: Vec::new(), elapsed_title, numbers, began: None }
    }

    #[inline]
    pub(super) fn read(&mut self, record: &ByteRecord, clock: &mut LocalClock) -> Result<Timestamp> {
        if let (Some(cell), Some(began)) = (self.cells.elapsed, self.began) {
            return self.count(record, cell, began);
        }
        let cell = |place: usize| record.get(place).unwrap_or_default();
        let text = match self.cells.of_day {
            None => cell(self.cells.cell),
            Some(of_day) => forms::join(cell(self.cells.cell), cell(of_day), &mut self.joined),
        };
        let time = self.times.read(text, clock)?;
        match self.cells.elapsed {
            None => Ok(time),
            Some(cell) => {
                let seconds = self.seconds(record, cell)?;
                let began = Timestamp::from_micros(time.as_micros().saturating_sub(seconds));
                self.began = Some(began);
                Ok(time)
            }
        }
    }

    fn count(&self, record: &ByteRecord, cell: usize, began: Timestamp) -> Result<Timestamp> {
        Ok(Timestamp::from_micros(began.as_micros().saturating_add(self.seconds(record, cell)?)))
    }

    fn seconds(&self, record: &ByteRecord, cell: usize) -> Result<i64> {
        let cell = record.get(cell).unwrap_or_default();
        let seconds = self.numbers.read(&self.elapsed_title, cell)?;
        let micros = seconds.map(|seconds| (seconds * 1e6).round()).filter(|micros| micros.abs() < 9e18);
        micros.map(|micros| micros as i64).ok_or_else(|| {
            let (title, text) = (&self.elapsed_title, String::from_utf8_lossy(cell));
            Error::invalid(format!("{title} is {:?}, expected seconds since the first row", shorten(&text)))
        })
    }
}
