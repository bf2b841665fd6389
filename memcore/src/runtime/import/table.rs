//! A table of Arrow as a mapping reads it: columns that are taken, the series that they become, local times as instants.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::csv::named;
use super::mapping::{ColumnMapping, Mapping};
use super::refused::Refused;
use super::understood::UnderstoodColumn;
use crate::energy::{self, LocalClock};
use crate::error::{Error, Result};
use crate::model::{Channel, SeriesName, Unit, shorten};
use crate::runtime::frame::{self, FrameOptions, Rows};

/// How a wide table is read.
pub(super) struct Plan {
    /// The place of the times.
    time: usize,
    /// Of times without a zone.
    clock: Option<LocalClock>,
    /// The places of the columns that are taken.
    places: Vec<usize>,
    /// What they are called: the times, and whole series.
    schema: SchemaRef,
    /// What is known of them beyond their units.
    described: BTreeMap<SeriesName, Channel>,
    pub(super) options: FrameOptions,
    pub(super) columns: Vec<UnderstoodColumn>,
}

impl Plan {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where there is no column of times, or the mapping names a column that is not there.
    pub(super) fn new(schema: &SchemaRef, options: &FrameOptions, mapping: &Mapping) -> Result<Self> {
        let have = || schema.fields().iter().take(20).map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ");
        let time = schema.index_of(&options.time).map_err(|_| {
            Error::invalid(format!("the columns are {}, expected one of times named {:?}", have(), options.time))
        })?;
        if let Some(unknown) = mapping.columns.keys().find(|name| schema.index_of(name).is_err()) {
            return Err(Error::invalid(format!("units name {:?}, expected one of {}", shorten(unknown), have())));
        }
        let is_local = matches!(schema.field(time).data_type(), DataType::Timestamp(_, None));
        let clock = mapping.time.zone.as_ref().filter(|_| is_local).map(|zone| {
            let skipped = mapping.time.skipped.unwrap_or_default().into();
            energy::zone_of(zone).map(|zone| LocalClock::new(zone, skipped))
        });
        let clock = clock.transpose()?;
        let mut plan = Self {
            time,
            clock,
            places: Vec::new(),
            schema: Arc::clone(schema),
            described: BTreeMap::new(),
            options: FrameOptions { device: None, units: BTreeMap::new(), ..options.clone() },
            columns: Vec::new(),
        };
        let mut fields =
            vec![Field::new(&options.time, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true)];
        if plan.clock.is_none() {
            fields[0] = schema.field(time).clone();
        }
        for place in (0..schema.fields().len()).filter(|place| *place != time) {
            fields.extend(plan.column(place, schema.field(place), mapping)?);
        }
        plan.schema = Arc::new(Schema::new(fields));
        Ok(plan)
    }

    /// Takes a column in, or passes it over.
    fn column(&mut self, place: usize, field: &Field, mapping: &Mapping) -> Result<Option<Field>> {
        let (name, empty) = (field.name(), ColumnMapping::default());
        let known = mapping.columns.get(name);
        let skipped = match known {
            Some(known) if known.skip => Some("declared so"),
            None if mapping.only => Some("not chosen"),
            _ => None,
        };
        if let Some(why) = skipped {
            self.columns.push(UnderstoodColumn::skipped(name, why));
            return Ok(None);
        }
        let known = known.unwrap_or(&empty);
        let series = match &known.series {
            Some(series) => named(series, mapping.device.as_ref())?,
            None => frame::series_of(name, mapping.device.as_ref())?,
        };
        let own = field.metadata().get("unit").map(|unit| unit.parse::<Unit>()).transpose();
        let own = own.map_err(|e| e.context(format_args!("column {}", shorten(name))))?;
        let unit = known.unit.or(own).or_else(|| mapping.default_unit(&series));
        let description = known.describe(&series, unit)?;
        if let Some(unit) = unit {
            self.options.units.insert(series.to_string(), unit);
        }
        self.described.extend(description.clone().map(|channel| (series.clone(), channel)));
        let quantity = unit.and_then(Unit::only_quantity);
        let field = Field::new(series.to_string(), field.data_type().clone(), true);
        let column = name.clone();
        self.columns.push(UnderstoodColumn {
            column,
            series: Some(series),
            unit,
            quantity,
            channel: description,
            skipped: None,
        });
        self.places.push(place);
        Ok(Some(field))
    }

    /// The rows of a piece whose first row has that number.
    pub(super) fn rows(&mut self, piece: &RecordBatch, first: usize, refused: &mut Refused) -> Result<Vec<Rows>> {
        let mut all = Vec::new();
        for (start, piece) in self.instants(piece, first, refused)? {
            let mut rows = frame::rows(&piece, first + start, &self.options)?;
            for rows in &mut rows {
                for cells in &mut rows.columns {
                    cells.description = self.described.get(&rows.device.channel(cells.channel.clone())).cloned();
                }
            }
            all.extend(rows);
        }
        Ok(all)
    }

    /// Stretches of rows whose times are instants, and where each begins.
    fn instants(&mut self, piece: &RecordBatch, first: usize, refused: &mut Refused) -> Result<Vec<(usize, RecordBatch)>> {
        let mut arrays: Vec<ArrayRef> = vec![Arc::clone(piece.column(self.time))];
        arrays.extend(self.places.iter().map(|place| Arc::clone(piece.column(*place))));
        let mut bad = Vec::new();
        if let Some(clock) = &mut self.clock {
            let local = local_micros(&arrays[0])?;
            let mut read = |(row, micros): (usize, Option<i64>)| {
                let instant = micros.map(|micros| clock.read_micros(micros)).transpose();
                match instant {
                    Ok(instant) => Ok(instant.map(|(time, _)| time.as_micros())),
                    Err(e) => {
                        bad.push(row);
                        let text = micros.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
                        let text = text.map_or_else(String::new, |text| text.to_string());
                        refused.take((first + row) as u64, None, text.trim_end_matches('Z'), &e).map(|()| None)
                    }
                }
            };
            let instants = local.into_iter().enumerate().map(&mut read).collect::<Result<Vec<_>>>()?;
            arrays[0] = Arc::new(TimestampMicrosecondArray::from(instants).with_timezone("UTC"));
        }
        let read = |e| Error::invalid(format!("cannot be read as Arrow: {e}"));
        let whole = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(read)?;
        let mut stretches = Vec::new();
        let mut start = 0;
        for end in bad.into_iter().chain([whole.num_rows()]) {
            if end > start {
                stretches.push((start, whole.slice(start, end - start)));
            }
            start = end + 1;
        }
        Ok(stretches)
    }
}

/// What clocks showed, in microseconds since 1970-01-01T00:00 local.
fn local_micros(times: &ArrayRef) -> Result<Vec<Option<i64>>> {
    macro_rules! scaled {
        ($type:ty, $scale:expr) => {
            Ok(times.as_primitive::<$type>().iter().map(|time| time.map($scale)).collect())
        };
    }
    match times.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            scaled!(TimestampSecondType, |time: i64| time.saturating_mul(1_000_000))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            scaled!(TimestampMillisecondType, |time: i64| time.saturating_mul(1_000))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => scaled!(TimestampMicrosecondType, |time: i64| time),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            scaled!(TimestampNanosecondType, |time: i64| time.div_euclid(1_000))
        }
        other => Err(Error::invalid(format!("times are of type {other}, expected timestamps"))),
    }
}
