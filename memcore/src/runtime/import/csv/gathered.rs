//! Rows that are read and not yet given away.

use std::collections::HashMap;

use csv::ByteRecord;

use super::columns::{self, WideColumn};
use super::dialect::decoded;
use super::layout::LongCells;
use super::number::Numbers;
use super::titles::{Title, slug};
use crate::energy::LocalClock;
use crate::error::{Error, Result};
use crate::model::{Channel, ChannelName, DeviceName, Quality, SeriesName, Timestamp, Unit, shorten};
use crate::runtime::frame::{Cells, Rows};
use crate::runtime::import::mapping::{ColumnMapping, Mapping};

/// Rows of a wide file, column by column.
#[derive(Debug, Default)]
pub(super) struct WideRows {
    pub(super) times: Vec<Timestamp>,
    pub(super) numbers: Vec<u64>,
    pub(super) values: Vec<Vec<Option<f64>>>,
}

impl WideRows {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        let values = (0..columns).map(|_| Vec::with_capacity(rows)).collect();
        Self { times: Vec::with_capacity(rows), numbers: Vec::with_capacity(rows), values }
    }

    /// Gives the rows of each device; one that was not read to its end is left out.
    pub(super) fn rows(mut self, columns: &[WideColumn]) -> Vec<Rows> {
        let complete = self.values.iter().map(Vec::len).min().unwrap_or(0);
        self.times.truncate(complete);
        self.numbers.truncate(complete);
        self.values.iter_mut().for_each(|values| values.truncate(complete));
        let mut found: Vec<Rows> = Vec::new();
        for (WideColumn { series, unit, description, .. }, values) in columns.iter().zip(self.values) {
            let channel = series.channel.clone();
            let cells = Cells { channel, unit: *unit, description: description.clone(), values };
            match found.iter_mut().find(|rows| rows.device == series.device) {
                Some(rows) => rows.columns.push(cells),
                None => {
                    let (times, numbers) = (self.times.clone(), self.numbers.clone());
                    found.push(Rows { device: series.device.clone(), times, numbers, columns: vec![cells] });
                }
            }
        }
        found
    }
}

/// The series of a long file, met row by row, with their rows.
pub(super) struct LongRows {
    cells: LongCells,
    /// Title of the column of values.
    title: String,
    numbers: Numbers,
    mapping: Mapping,
    clock: LocalClock,
    series: Vec<LongSeries>,
    /// By the words of a row.
    by_words: HashMap<Vec<u8>, usize>,
    /// The words of the row before, and its series.
    words: Vec<u8>,
    last: Option<usize>,
    key: Vec<u8>,
    /// By their names, with what stood as the unit.
    by_name: HashMap<SeriesName, (usize, String)>,
    waiting: usize,
}

struct LongSeries {
    series: SeriesName,
    unit: Option<Unit>,
    description: Option<Channel>,
    clock: LocalClock,
    times: Vec<Timestamp>,
    numbers: Vec<u64>,
    values: Vec<Option<f64>>,
    /// As many, where the file has them.
    qualities: Vec<Option<f64>>,
}

impl LongRows {
    pub(super) fn new(cells: LongCells, title: &str, numbers: Numbers, mapping: &Mapping, clock: LocalClock) -> Self {
        Self {
            cells,
            title: title.to_owned(),
            numbers,
            mapping: mapping.clone(),
            clock,
            series: Vec::new(),
            by_words: HashMap::new(),
            words: Vec::new(),
            last: None,
            key: Vec::new(),
            by_name: HashMap::new(),
            waiting: 0,
        }
    }

    /// Rows that wait to be given.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes a row; `time` reads its time by the clock of its series.
    pub(super) fn push(
        &mut self,
        row: u64,
        record: &ByteRecord,
        time: impl FnOnce(&mut LocalClock) -> Result<Timestamp>,
    ) -> Result<()> {
        let value = self.numbers.read(&self.title, record.get(self.cells.value).unwrap_or_default())?;
        let quality = self.cells.quality.map(|cell| quality(record.get(cell).unwrap_or_default())).transpose()?;
        let place = self.place(record)?;
        let series = &mut self.series[place];
        series.times.push(time(&mut series.clock)?);
        series.numbers.push(row);
        series.values.push(value);
        series.qualities.extend(quality);
        self.waiting += 1;
        Ok(())
    }

    /// Which series the words of a row are of.
    fn place(&mut self, record: &ByteRecord) -> Result<usize> {
        self.key.clear();
        for cell in self.cells.words() {
            self.key.extend_from_slice(record.get(cell).unwrap_or_default().trim_ascii());
            self.key.push(0x1f);
        }
        if let Some(place) = self.last.filter(|_| self.key == self.words) {
            return Ok(place);
        }
        let place = match self.by_words.get(&self.key) {
            Some(place) => *place,
            None => {
                let place = self.meet(record)?;
                self.by_words.insert(self.key.clone(), place);
                place
            }
        };
        std::mem::swap(&mut self.words, &mut self.key);
        self.last = Some(place);
        Ok(place)
    }

    fn meet(&mut self, record: &ByteRecord) -> Result<usize> {
        let text = |cell: Option<usize>| {
            cell.and_then(|cell| record.get(cell)).map(|cell| decoded(cell.trim_ascii())).filter(|text| !text.is_empty())
        };
        let series = self.name(&text)?;
        let unit_text = text(self.cells.unit).unwrap_or_default();
        if let Some((place, before)) = self.by_name.get(&series) {
            if *before == unit_text {
                return Ok(*place);
            }
            let unit = shorten(&unit_text);
            return Err(Error::invalid(format!("unit is {unit:?}, expected {before:?} as above for {series}")));
        }
        let empty = ColumnMapping::default();
        // By what the file calls it, by its whole name, or with all of that channel.
        let columns = &self.mapping.columns;
        let called = text(self.cells.series).and_then(|series| columns.get(&series));
        let own = called.or_else(|| columns.get(&series.to_string())).unwrap_or(&empty);
        let known = own.over(columns.get(series.channel.as_str()).unwrap_or(&empty));
        let of_values = || Title::new(&self.title).map(|title| title.unit.filter(|_| series.channel.qualified().is_none()));
        let own = if unit_text.is_empty() { of_values()? } else { Some(unit_text.parse()?) };
        let guess = known.quantity.or_else(|| Title::new(series.channel.as_str()).ok()?.guess());
        let by_quantity = guess.and_then(|quantity| self.mapping.units.get(&quantity).copied());
        let unit = known.unit.or(own).or(by_quantity).or(self.mapping.unit);
        let mut known = known;
        known.quantity = match (known.quantity, text(self.cells.quantity)) {
            (None, Some(quantity)) => Some(quantity.parse()?),
            (quantity, _) => quantity,
        };
        let description = known.describe(&series, unit)?;
        self.by_name.insert(series.clone(), (self.series.len(), unit_text));
        let clock = self.clock.clone();
        let (times, numbers, values, qualities) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        self.series.push(LongSeries { series, unit, description, clock, times, numbers, values, qualities });
        Ok(self.series.len() - 1)
    }

    /// The name of a row's series: whole in one column, or of words in several, those that are not there being the mapping's.
    fn name(&self, text: &dyn Fn(Option<usize>) -> Option<String>) -> Result<SeriesName> {
        let device = self.mapping.device.as_ref();
        if let Some(series) = text(self.cells.series) {
            let declared = self.mapping.columns.get(&series).and_then(|column| column.series.as_deref());
            let slugged = || device.map_or_else(|| series.clone(), |_| slug(&series));
            return match declared {
                Some(name) => columns::named(name, device),
                None => series.parse().or_else(|_| columns::named(&slugged(), device)),
            };
        }
        let site = text(self.cells.site).map(|text| slug(&text).replace('.', "-"));
        let own = text(self.cells.device).map(|text| slug(&text).replace('.', "-"));
        let device = match (site, own, device) {
            (Some(site), Some(own), None) => DeviceName::new(crate::model::OPERATOR_DEFAULT, &site, &own)?,
            (Some(site), Some(own), Some(device)) => DeviceName::new(device.operator.as_str(), &site, &own)?,
            (None, Some(own), Some(device)) => DeviceName::new(device.operator.as_str(), device.site.as_str(), &own)?,
            (_, None, Some(device)) => device.clone(),
            _ => return Err(Error::invalid("without a device, expected --device")),
        };
        let channel = text(self.cells.channel).map_or_else(|| slug(&self.title), |text| slug(&text));
        Ok(device.channel(ChannelName::new(&channel)?))
    }

    /// Gives the rows that wait.
    pub(super) fn rows(&mut self) -> Vec<Rows> {
        self.waiting = 0;
        let full = self.series.iter_mut().filter(|series| !series.times.is_empty());
        let of = |series: &mut LongSeries| {
            let SeriesName { device, channel } = series.series.clone();
            let (unit, description) = (series.unit, series.description.clone());
            let values = std::mem::take(&mut series.values);
            let cells = Cells { channel, unit, description, values };
            let (times, numbers) = (std::mem::take(&mut series.times), std::mem::take(&mut series.numbers));
            let told = Some(std::mem::take(&mut series.qualities)).filter(|told| !told.is_empty());
            let beside = told.and_then(|told| cells.quality(told).ok());
            Rows { device, times, numbers, columns: std::iter::once(cells).chain(beside).collect() }
        };
        full.map(of).collect()
    }
}

/// How a value came about; nothing where it was measured.
fn quality(text: &[u8]) -> Result<Option<f64>> {
    let text = decoded(text.trim_ascii());
    let quality = if text.is_empty() { Quality::Measured } else { text.parse()? };
    Ok(Some(quality.number()).filter(|_| quality != Quality::Measured))
}
