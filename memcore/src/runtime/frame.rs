//! Tables as they are written: wide, with a column a channel, or long, with columns `series`, `time` and `value`.

use std::collections::BTreeMap;

use arrow_array::{Array, RecordBatch};
use arrow_schema::{Field, Schema};

use super::bulk::Bulk;
use super::cells;
use super::embedded::Memcore;
use super::write::Column;
use crate::error::{Error, Result};
use crate::model::{Channel, ChannelName, DeviceName, Quality, SeriesName, Timestamp, Unit, shorten};

/// How a table is to be read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FrameOptions {
    /// Whose channels the columns of a wide table are. Without it they are named by whole series.
    pub device: Option<DeviceName>,
    /// The name of the column of times.
    pub time: String,
    /// The unit of all values that have none of their own.
    pub unit: Option<Unit>,
    /// The unit of a column, or in a long table of a series. Elsewhere it is the field's metadata `unit`, or a column `unit`.
    pub units: BTreeMap<String, Unit>,
    /// Whether NaN is a value; otherwise it is absent, as a null is.
    pub keep_nan: bool,
}

impl Default for FrameOptions {
    fn default() -> Self {
        Self { device: None, time: "time".into(), unit: None, units: BTreeMap::new(), keep_nan: false }
    }
}

impl FrameOptions {
    fn unit_of(&self, name: &str, own: Option<Unit>) -> Option<Unit> {
        self.units.get(name).copied().or(own).or(self.unit)
    }

    /// A misspelt column must not silently keep another unit.
    pub(super) fn check_units<'a>(&self, known: impl Fn(&str) -> bool, have: impl Iterator<Item = &'a str>) -> Result<()> {
        match self.units.keys().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => {
                let have: Vec<_> = have.take(20).collect();
                Err(Error::invalid(format!("units name {:?}, expected one of {}", shorten(name), have.join(", "))))
            }
        }
    }
}

/// Rows of one device out of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rows {
    pub(super) device: DeviceName,
    pub(super) times: Vec<Timestamp>,
    /// The number of each row in what it was read from; the first is 0.
    pub(super) numbers: Vec<u64>,
    pub(super) columns: Vec<Cells>,
}

/// A column of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cells {
    pub(super) channel: ChannelName,
    pub(super) unit: Option<Unit>,
    /// What a file says of the channel, where it does.
    pub(super) description: Option<Channel>,
    pub(super) values: Vec<Option<f64>>,
}

impl Cells {
    /// The column of the qualities of its values.
    pub(super) fn quality(&self, values: Vec<Option<f64>>) -> Result<Self> {
        Ok(Self { channel: self.channel.quality()?, unit: Some(Unit::Code), description: None, values })
    }
}

impl Rows {
    pub(super) fn columns(&self) -> Vec<Column<'_>> {
        let column = |cells| {
            let Cells { channel, unit, values, .. }: &Cells = cells;
            Column::plain(channel.clone(), values, *unit)
        };
        self.columns.iter().map(column).collect()
    }
}

/// Whether the table is in the long layout.
pub(super) fn is_long(schema: &Schema) -> bool {
    ["series", "value"].iter().all(|name| schema.index_of(name).is_ok())
}

/// What a batch of a table holds, whose first row has that number in it.
pub(super) fn rows(batch: &RecordBatch, first: usize, options: &FrameOptions) -> Result<Vec<Rows>> {
    let schema = batch.schema();
    let at = schema.index_of(&options.time).map_err(|_| {
        let have: Vec<_> = schema.fields().iter().take(20).map(|field| field.name().as_str()).collect();
        Error::invalid(format!("the columns are {}, expected one of times named {:?}", have.join(", "), options.time))
    })?;
    let times = cells::times(&options.time, first, batch.column(at).as_ref())?;
    if is_long(&schema) { long(batch, first, &times, options) } else { wide(batch, first, at, times, options) }
}

fn values(name: &str, first: usize, column: &dyn Array, options: &FrameOptions) -> Result<Vec<Option<f64>>> {
    let mut values = cells::numbers(name, first, column)?;
    if !options.keep_nan {
        values.iter_mut().for_each(|value| *value = value.filter(|value| !value.is_nan()));
    }
    Ok(values)
}

/// The unit that a field says itself.
fn own_unit(field: &Field) -> Result<Option<Unit>> {
    let unit = field.metadata().get("unit").map(|unit| unit.parse::<Unit>()).transpose();
    unit.map_err(|e| e.context(format_args!("column {}", field.name())))
}

/// Which series a column is of.
pub(super) fn series_of(name: &str, device: Option<&DeviceName>) -> Result<SeriesName> {
    let named = match device {
        Some(device) => ChannelName::new(name).map(|channel| device.channel(channel)),
        None => name.parse::<SeriesName>(),
    };
    named.map_err(|e| match device {
        Some(_) => e.context(format_args!("column {:?}", shorten(name))),
        None => e.context(format_args!("column {:?} without a device", shorten(name))),
    })
}

fn wide(
    batch: &RecordBatch,
    first: usize,
    time: usize,
    times: Vec<Timestamp>,
    options: &FrameOptions,
) -> Result<Vec<Rows>> {
    let schema = batch.schema();
    let fields = || schema.fields().iter().enumerate().filter(|(at, _)| *at != time);
    let have = || fields().map(|(_, field)| field.name().as_str());
    options.check_units(|name| have().any(|known| known == name), have())?;
    let mut found: Vec<Rows> = Vec::new();
    for (at, field) in fields() {
        let name = field.name();
        let SeriesName { device, channel } = series_of(name, options.device.as_ref())?;
        let unit = options.unit_of(name, own_unit(field)?);
        let cells =
            Cells { channel, unit, description: None, values: values(name, first, batch.column(at).as_ref(), options)? };
        match found.iter_mut().find(|rows| rows.device == device) {
            Some(rows) => rows.columns.push(cells),
            None => {
                let numbers = (first as u64..).take(times.len()).collect();
                found.push(Rows { device, times: times.clone(), numbers, columns: vec![cells] });
            }
        }
    }
    Ok(found)
}

fn long(batch: &RecordBatch, first: usize, times: &[Timestamp], options: &FrameOptions) -> Result<Vec<Rows>> {
    let column = |name: &str| batch.column_by_name(name).map(AsRef::as_ref);
    let required = |name: &str| column(name).ok_or_else(|| Error::invalid(format!("there is no column {name:?}")));
    let (names, places) = cells::texts("series", first, required("series")?)?;
    let numbers = values("value", first, required("value")?, options)?;
    let units = column("unit").map(|column| cells::texts("unit", first, column)).transpose()?;
    let qualities = column("quality").map(|column| qualities(first, column)).transpose()?;
    let schema = batch.schema();
    let own = schema.field_with_name("value").ok().map(own_unit).transpose()?.flatten();
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
    places.iter().enumerate().for_each(|(row, place)| rows[*place].push(row));
    let used = names.into_iter().zip(rows).filter(|(_, rows)| !rows.is_empty());
    used.map(|(name, rows)| {
        let SeriesName { device, channel } =
            name.parse().map_err(|e: Error| e.context(format_args!("series[{}]", first + rows[0])))?;
        let own = match &units {
            None => own,
            Some((texts, places)) => one_unit(texts, places, first, &rows)?.or(own),
        };
        let values = rows.iter().map(|row| numbers[*row]).collect();
        let cells = Cells { channel, unit: options.unit_of(&name, own), description: None, values };
        let told = qualities.as_ref().map(|all| rows.iter().map(|row| all[*row]).collect::<Vec<_>>());
        let told = told.filter(|told| told.iter().any(Option::is_some));
        let beside = told.map(|told| cells.quality(told)).transpose()?;
        let numbers = rows.iter().map(|row| (first + row) as u64).collect();
        let times = rows.iter().map(|row| times[*row]).collect();
        Ok(Rows { device, times, numbers, columns: std::iter::once(cells).chain(beside).collect() })
    })
    .collect()
}

/// How values came about; nothing where one was measured.
fn qualities(first: usize, column: &dyn Array) -> Result<Vec<Option<f64>>> {
    let numbers = cells::numbers("quality", first, column)?;
    let checked = |(row, number): (usize, Option<f64>)| match number.map(|number| (number, Quality::of_number(number))) {
        Some((number, None)) if !number.is_nan() => {
            let row = first + row;
            Err(Error::invalid(format!(
                "quality[{row}] is {number}, expected 0 to 4: measured held estimated substituted invalid"
            )))
        }
        Some((_, Some(quality))) => Ok(Some(quality.number()).filter(|_| quality != Quality::Measured)),
        _ => Ok(None),
    };
    numbers.into_iter().enumerate().map(checked).collect()
}

/// The unit of a series' rows, which must be one; none where it is empty.
fn one_unit(texts: &[String], places: &[usize], first: usize, rows: &[usize]) -> Result<Option<Unit>> {
    let place = places[rows[0]];
    if let Some(row) = rows.iter().find(|row| places[**row] != place) {
        let (row, other, unit) = (first + row, &texts[places[*row]], &texts[place]);
        return Err(Error::invalid(format!(
            "unit[{row}] is {:?}, expected {unit:?} as above for the series",
            shorten(other)
        )));
    }
    let text = &texts[place];
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|e: Error| e.context(format_args!("unit[{}]", first + rows[0])))
}

impl Memcore {
    /// Writes a table of Arrow, which may come in several batches, and returns how many values it had; they are durable
    /// when this returns.
    ///
    /// A wide table has a column of times and a column a channel, a long one columns `series`, `time`, `value` and, if you
    /// like, `unit`. Nulls write nothing.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) naming column, row and value, [`NotFound`](crate::ErrorKind::NotFound) for a
    /// series that is neither registered nor has a unit. Then nothing is written.
    pub fn write_batches(&self, batches: &[RecordBatch], options: &FrameOptions) -> Result<usize> {
        let mut bulk = self.bulk();
        let written = bulk.write_batches(batches, options)?;
        bulk.finish()?;
        Ok(written)
    }
}

impl Bulk {
    /// As [`Memcore::write_batches`], to be durable with the next commit.
    ///
    /// # Errors
    /// As there; nothing of this call is written then, and the load may go on.
    pub fn write_batches(&mut self, batches: &[RecordBatch], options: &FrameOptions) -> Result<usize> {
        let mut first = 0;
        let mut all = Vec::new();
        for batch in batches {
            all.extend(rows(batch, first, options)?);
            first += batch.num_rows();
        }
        if batches.iter().any(|batch| is_long(&batch.schema())) {
            let names: Vec<String> = all.iter().flat_map(Rows::series).map(|series| series.to_string()).collect();
            options.check_units(|name| names.iter().any(|known| known == name), names.iter().map(String::as_str))?;
        }
        self.write_all(&all)
    }

    /// Writes rows of several devices, or nothing where anything about them is wrong.
    pub(super) fn write_all(&mut self, all: &[Rows]) -> Result<usize> {
        for rows in all {
            for (series, cells) in rows.series().zip(&rows.columns) {
                self.memcore().description(&series, cells.unit)?;
            }
        }
        all.iter().map(|rows| self.write_rows(&rows.device, &rows.times, &rows.columns())).sum()
    }
}

impl Rows {
    pub(super) fn series(&self) -> impl Iterator<Item = SeriesName> {
        self.columns.iter().map(|cells| self.device.channel(cells.channel.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, StringArray, TimestampMicrosecondArray};

    use super::*;
    use crate::model::Selection;
    use crate::store::Query;

    fn times(micros: &[i64]) -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(micros.to_vec()).with_timezone("UTC"))
    }

    fn floats(values: &[f64]) -> ArrayRef {
        Arc::new(Float64Array::from(values.to_vec()))
    }

    fn texts(values: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    fn batch(columns: &[(&str, ArrayRef)]) -> RecordBatch {
        RecordBatch::try_from_iter(columns.iter().map(|(name, column)| (*name, column.clone()))).unwrap()
    }

    fn written(mem: &Memcore) -> Vec<(String, f64)> {
        mem.latest(Selection::all()).unwrap().into_iter().map(|(series, last)| (series.to_string(), last.value)).collect()
    }

    #[test]
    fn a_wide_table_is_channels_of_a_device_or_whole_series() {
        let options = FrameOptions {
            device: Some("home1.meter".parse().unwrap()),
            unit: Some(Unit::Kilowatt),
            units: BTreeMap::from([("voltage".into(), Unit::Volt)]),
            ..FrameOptions::default()
        };
        let table = |power: &str, voltage: &str| {
            batch(&[("time", times(&[1, 2])), (power, floats(&[1.0, f64::NAN])), (voltage, floats(&[230.0, 231.0]))])
        };
        let mem = Memcore::in_memory();
        assert_eq!(mem.write_batches(&[table("power", "voltage")], &options).unwrap(), 3);
        let expected = [("home1.meter.power".to_owned(), 1000.0), ("home1.meter.voltage".to_owned(), 231.0)];
        assert_eq!(written(&mem), expected);

        let whole = FrameOptions {
            device: None,
            units: BTreeMap::from([("home1.meter.voltage".into(), Unit::Volt)]),
            ..options.clone()
        };
        let mem = Memcore::in_memory();
        assert_eq!(mem.write_batches(&[table("home1.meter.power", "home1.meter.voltage")], &whole).unwrap(), 3);
        assert_eq!(written(&mem), expected);
    }

    #[test]
    fn a_long_table_says_series_and_unit_in_each_row() {
        let table = batch(&[
            ("series", texts(&["home1.pv.power", "home1.meter.voltage", "home1.pv.power"])),
            ("time", times(&[1, 1, 2])),
            ("value", floats(&[-1.0, 230.0, -2.0])),
            ("unit", texts(&["kW", "V", "kW"])),
        ]);
        let mem = Memcore::in_memory();
        assert_eq!(mem.write_batches(&[table.clone(), table], &FrameOptions::default()).unwrap(), 6);
        assert_eq!(written(&mem), [("home1.meter.voltage".to_owned(), 230.0), ("home1.pv.power".to_owned(), -2000.0)]);
        assert_eq!(mem.query(&Query::of("home1.pv.power").unwrap()).unwrap().rows(), 2);
    }

    #[test]
    fn what_is_wrong_is_named_by_column_and_row_and_nothing_is_written() {
        let (ok, one) = (times(&[1, 2]), floats(&[1.0, 2.0]));
        let series = |second| texts(&["home1.pv.power", second]);
        let bare = FrameOptions { unit: Some(Unit::Watt), ..FrameOptions::default() };
        let misspelt = FrameOptions { units: BTreeMap::from([("pwoer".into(), Unit::Watt)]), ..FrameOptions::default() };
        for (columns, options, word) in [
            (vec![("t", ok.clone()), ("home1.pv.power", one.clone())], &bare, "one of times named \"time\""),
            (vec![("time", ok.clone()), ("power", one.clone())], &bare, "\"power\" without a device"),
            (vec![("time", ok.clone()), ("home1.pv.power", texts(&["1", "2"]))], &bare, "home1.pv.power: of type Utf8"),
            (vec![("time", ok.clone()), ("home1.pv.power", one.clone())], &misspelt, "units name \"pwoer\""),
            (vec![("series", series("pv")), ("time", ok.clone()), ("value", one.clone())], &bare, "series[1]"),
            (
                vec![
                    ("series", series("home1.pv.power")),
                    ("time", ok.clone()),
                    ("value", one.clone()),
                    ("unit", texts(&["W", "kW"])),
                ],
                &bare,
                "unit[1] is \"kW\", expected \"W\"",
            ),
            (
                vec![
                    ("series", series("home1.pv.voltage")),
                    ("time", ok.clone()),
                    ("value", one.clone()),
                    ("unit", texts(&["W", "parsec"])),
                ],
                &bare,
                "unit[1]",
            ),
        ] {
            let mem = Memcore::in_memory();
            let e = mem.write_batches(&[batch(&columns)], options).unwrap_err();
            assert!(e.message().contains(word), "{e}");
            assert!(mem.series(Selection::all()).is_empty(), "{e}");
        }
    }
}
