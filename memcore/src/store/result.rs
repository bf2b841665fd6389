//! What a query gives: per series, in Arrow arrays, and as record batches in a long or a wide layout.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_array::{TimestampMicrosecondArray, UInt64Array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Schema, TimeUnit};

use super::cost::Cost;
use super::query::Aggregate;
use super::snapshot::Wanted;
use crate::energy::BucketRows;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, SeriesName};

/// Rows of a long record batch: large enough to be cheap, small enough to be streamed.
const BATCH_ROWS: usize = 1 << 20;

/// The answer to a query: series in order of their names, each in order of time.
#[derive(Debug, Clone)]
pub struct QueryResult {
    pub(super) series: Vec<SeriesResult>,
    pub(super) columns: Vec<Arc<str>>,
    pub(super) skipped: Vec<String>,
    /// The zone whose calendar the buckets follow.
    pub(super) zone: Option<Arc<str>>,
    pub(super) cost: Cost,
}

/// The rows of one series.
#[derive(Debug, Clone)]
pub struct SeriesResult {
    series: SeriesName,
    channel: Channel,
    times: TimestampMicrosecondArray,
    columns: Vec<(Arc<str>, ArrayRef)>,
    /// What each column is; none for raw values.
    aggregates: Vec<Aggregate>,
}

impl SeriesResult {
    pub(super) fn raw(wanted: Wanted, times: Vec<i64>, values: Vec<f64>, qualities: Option<Vec<f64>>) -> Self {
        let Wanted { series, channel, .. } = wanted;
        let column = |(name, values): (&str, Vec<f64>)| -> (Arc<str>, ArrayRef) {
            (name.into(), Arc::new(Float64Array::from(values)))
        };
        let columns = [("value", values)].into_iter().chain(qualities.map(|qualities| ("quality", qualities)));
        let columns = columns.map(column).collect();
        Self { series, channel, times: utc(times), columns, aggregates: Vec::new() }
    }

    pub(super) fn bucketed(wanted: Wanted, rows: BucketRows, aggregates: &[Aggregate]) -> Self {
        let Wanted { series, channel, .. } = wanted;
        let column = |(aggregate, values): (&Aggregate, Vec<Option<f64>>)| -> (Arc<str>, ArrayRef) {
            let array: ArrayRef = match aggregate {
                // Every row has a count.
                Aggregate::Count => Arc::new(UInt64Array::from_iter_values(values.iter().map(|n| n.unwrap_or(0.0) as u64))),
                _ => Arc::new(numbers(values.into_iter())),
            };
            (aggregate.name().into(), array)
        };
        let columns = aggregates.iter().zip(rows.columns).map(column).collect();
        Self { series, channel, times: utc(rows.starts), columns, aggregates: aggregates.to_vec() }
    }

    /// Which series.
    #[must_use]
    pub fn series(&self) -> &SeriesName {
        &self.series
    }

    /// What its numbers mean. They are in the base unit of its quantity and in passive sign.
    #[must_use]
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// UTC microseconds: of samples, or the starts of buckets.
    #[must_use]
    pub fn times(&self) -> &TimestampMicrosecondArray {
        &self.times
    }

    /// The qualities of the samples of a raw query [with](super::Query::with_quality) them, or the worst of each bucket, where
    /// that was asked for: the number of a [`Quality`](crate::model::Quality).
    #[must_use]
    pub fn qualities(&self) -> Option<&Float64Array> {
        self.column("quality")
    }

    /// The values of a raw query.
    #[must_use]
    pub fn values(&self) -> Option<&Float64Array> {
        self.column("value")
    }

    /// A column of numbers by its name: `value`, or an aggregate's. For `count` see [`counts`](Self::counts). It is null
    /// where a bucket has no such number; NaN stands under the null.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Float64Array> {
        self.array(name)?.as_any().downcast_ref()
    }

    /// The column `count`.
    #[must_use]
    pub fn counts(&self) -> Option<&UInt64Array> {
        self.array("count")?.as_any().downcast_ref()
    }

    /// A column by its name, as an Arrow array.
    #[must_use]
    pub fn array(&self, name: &str) -> Option<&ArrayRef> {
        self.columns.iter().find(|(column, _)| **column == *name).map(|(_, array)| array)
    }

    /// The unit of a column by its name: that of the channel's quantity, but `Wh` for the integral of power and the like.
    #[must_use]
    pub fn unit(&self, name: &str) -> Option<String> {
        self.columns.iter().position(|(column, _)| **column == *name).map(|at| self.unit_at(at))
    }

    fn unit_at(&self, column: usize) -> String {
        let base = self.channel.base_unit();
        let aggregate = self.aggregate(column);
        aggregate.map_or_else(|| base.symbol().to_owned(), |aggregate| aggregate.unit(base).into_owned())
    }

    /// What a column is; none for raw values.
    fn aggregate(&self, column: usize) -> Option<Aggregate> {
        let raw_quality = (self.aggregates.is_empty() && column == 1).then_some(Aggregate::Quality);
        self.aggregates.get(column).copied().or(raw_quality)
    }

    /// What the column at that place says: `unit`, `quantity` of the channel, and `meaning` in words.
    fn meaning(&self, column: usize) -> HashMap<String, String> {
        let meaning = self.aggregate(column).map_or("sample as stored".into(), |aggregate| aggregate.meaning());
        HashMap::from([
            ("unit".to_owned(), self.unit_at(column)),
            ("quantity".to_owned(), self.channel.quantity.name().to_owned()),
            ("meaning".to_owned(), meaning.into_owned()),
        ])
    }
}

/// NaN stands under a null, for those who read the numbers as they lie in memory.
fn numbers(values: impl Iterator<Item = Option<f64>>) -> Float64Array {
    let mut absent = Vec::new();
    let number = |(at, value): (usize, Option<f64>)| {
        value.unwrap_or_else(|| {
            absent.push(at);
            f64::NAN
        })
    };
    let numbers: Vec<f64> = values.enumerate().map(number).collect();
    let mut valid = vec![true; if absent.is_empty() { 0 } else { numbers.len() }];
    absent.iter().for_each(|at| valid[*at] = false);
    Float64Array::new(numbers.into(), (!absent.is_empty()).then(|| NullBuffer::from(valid)))
}

fn utc(times: Vec<i64>) -> TimestampMicrosecondArray {
    TimestampMicrosecondArray::from(times).with_timezone("UTC")
}

fn time_field() -> Field {
    Field::new("time", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false)
}

impl QueryResult {
    /// The series, in order of their names; those without a row are there too.
    #[must_use]
    pub fn series(&self) -> &[SeriesResult] {
        &self.series
    }

    /// Takes the series out.
    #[must_use]
    pub fn into_series(self) -> Vec<SeriesResult> {
        self.series
    }

    /// The names of the columns beside series and time: `value`, or those of the aggregates.
    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|name| &**name)
    }

    /// How many rows there are in all.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.series.iter().map(|series| series.times.len()).sum()
    }

    /// The damaged chunks that were left out; only with
    /// [`skip_damaged`](super::StoreOptions::skip_damaged) is there ever one.
    #[must_use]
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// What answering took.
    #[must_use]
    pub fn cost(&self) -> &Cost {
        &self.cost
    }

    /// The zone whose calendar the buckets follow, where they do. Times are UTC all the same.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// The long layout in one batch: `series` (dictionary of i32 to utf8), `time` (timestamp in microseconds, UTC), and a
    /// column for the values or for each aggregate (f64, nullable; `count` u64).
    ///
    /// The metadata of a column say its `unit`, its `quantity` and its `meaning`; unit and quantity are left out where the
    /// series differ in them. The metadata of the schema say `unit` and `quantity` where all columns (but counts and shares of time) share them, and the `zone` whose calendar the buckets follow.
    ///
    /// # Errors
    /// [`LimitReached`](ErrorKind::LimitReached) where the series outnumber what a dictionary of 32 bits can name.
    pub fn to_batch(&self) -> Result<RecordBatch> {
        self.long(&self.series.iter().collect::<Vec<_>>())
    }

    /// The long layout in batches of about a million rows, each of whole series.
    ///
    /// # Errors
    /// As [`to_batch`](Self::to_batch).
    pub fn to_batches(&self) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        let mut group: Vec<&SeriesResult> = Vec::new();
        let mut rows = 0;
        for series in &self.series {
            rows += series.times.len();
            group.push(series);
            if rows >= BATCH_ROWS {
                batches.push(self.long(&group)?);
                group.clear();
                rows = 0;
            }
        }
        if batches.is_empty() || !group.is_empty() {
            batches.push(self.long(&group)?);
        }
        Ok(batches)
    }

    pub(super) fn long(&self, series: &[&SeriesResult]) -> Result<RecordBatch> {
        let names: StringArray = series.iter().map(|series| Some(series.series.to_string())).collect();
        let keys = (0..).zip(series).flat_map(|(key, series)| std::iter::repeat_n(key, series.times.len()));
        let keys: Int32Array = keys.collect::<Vec<i32>>().into();
        let dictionary = DictionaryArray::<Int32Type>::try_new(keys, Arc::new(names))
            .map_err(|e| Error::new(ErrorKind::LimitReached, "too many series for one batch").caused_by(e))?;
        let times: Vec<i64> = series.iter().flat_map(|series| series.times.values().iter().copied()).collect();
        let mut fields = vec![Field::new("series", dictionary.data_type().clone(), false), time_field()];
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(dictionary), Arc::new(utc(times))];
        for (at, name) in self.columns.iter().enumerate() {
            let parts = series.iter().filter_map(|series| series.array(name));
            let array = concatenate(parts, &**name == "count");
            let nullable = &**name != "value" && array.data_type() == &DataType::Float64;
            let meaning = shared(self.series.iter().map(|series| series.meaning(at)));
            fields.push(Field::new(&**name, array.data_type().clone(), nullable).with_metadata(meaning));
            arrays.push(array);
        }
        self.batch(fields, arrays)
    }

    /// The wide layout: `time`, and one column a series (one a series and aggregate where there are several), null where
    /// the series has no row at that time.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) should Arrow refuse the batch.
    pub fn wide(&self) -> Result<RecordBatch> {
        let distinct: BTreeSet<i64> = self.series.iter().flat_map(|series| series.times.values().iter().copied()).collect();
        let times: Vec<i64> = distinct.into_iter().collect();
        let mut fields = vec![time_field()];
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(utc(times.clone()))];
        for series in &self.series {
            for (at, (name, array)) in series.columns.iter().enumerate() {
                let title = match self.columns.len() {
                    1 => series.series.to_string(),
                    _ => format!("{}:{name}", series.series),
                };
                let spread = spread(array, series.times.values(), &times);
                fields.push(Field::new(title, spread.data_type().clone(), true).with_metadata(series.meaning(at)));
                arrays.push(spread);
            }
        }
        self.batch(fields, arrays)
    }

    /// The batches as an Arrow IPC stream.
    ///
    /// # Errors
    /// As [`to_batch`](Self::to_batch); [`Invalid`](ErrorKind::Invalid) for batches of different schemas.
    #[cfg(feature = "ipc")]
    pub fn write_ipc(batches: &[RecordBatch]) -> Result<Vec<u8>> {
        let Some(first) = batches.first() else { return Err(Error::invalid("no batch to write, expected at least one")) };
        let write = || {
            let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &first.schema())?;
            batches.iter().try_for_each(|batch| writer.write(batch))?;
            writer.finish()?;
            writer.into_inner()
        };
        write().map_err(|e: arrow_schema::ArrowError| Error::invalid(format!("Arrow IPC: {e}")).caused_by(e))
    }

    fn batch(&self, fields: Vec<Field>, arrays: Vec<ArrayRef>) -> Result<RecordBatch> {
        let schema = Schema::new_with_metadata(fields, self.metadata());
        RecordBatch::try_new(Arc::new(schema), arrays)
            .map_err(|e| Error::new(ErrorKind::Internal, "the result does not fit its schema").caused_by(e))
    }

    /// Unit and quantity, where all columns of all series have the same, and the zone.
    fn metadata(&self) -> HashMap<String, String> {
        let columns = || 0..self.columns.len();
        // A count beside them has no unit that would matter.
        let aside = |name: &str| {
            name.parse::<Aggregate>().is_ok_and(|of| of == Aggregate::Count || of.is_share() || of == Aggregate::Quality)
        };
        let is_plain = |at: &usize| !aside(&self.columns[*at]);
        let told: Vec<usize> =
            if columns().any(|at| is_plain(&at)) { columns().filter(is_plain).collect() } else { columns().collect() };
        let all = self.series.iter().flat_map(|series| told.iter().map(|at| series.meaning(*at)));
        let mut metadata = shared(all);
        metadata.remove("meaning");
        metadata.extend(self.zone.iter().map(|zone| ("zone".to_owned(), zone.to_string())));
        metadata
    }
}

/// What all of them say alike.
fn shared(mut all: impl Iterator<Item = HashMap<String, String>>) -> HashMap<String, String> {
    let mut common = all.next().unwrap_or_default();
    all.for_each(|other| common.retain(|key, value| other.get(key) == Some(value)));
    common
}

fn concatenate<'a>(parts: impl Iterator<Item = &'a ArrayRef>, counts: bool) -> ArrayRef {
    if counts {
        let parts = parts.filter_map(|part| part.as_any().downcast_ref::<UInt64Array>());
        return Arc::new(UInt64Array::from_iter_values(parts.flat_map(|part| part.values().iter().copied())));
    }
    let parts = parts.filter_map(|part| part.as_any().downcast_ref::<Float64Array>());
    let parts: Vec<&Float64Array> = parts.collect();
    if parts.iter().any(|part| part.null_count() > 0) {
        return Arc::new(numbers(parts.iter().flat_map(|part| part.iter())));
    }
    Arc::new(Float64Array::from_iter_values(parts.iter().flat_map(|part| part.values().iter().copied())))
}

/// The values of `array`, which belong to `from`, at the times `to`, of which `from` is a part. Both rise.
fn spread(array: &ArrayRef, from: &[i64], to: &[i64]) -> ArrayRef {
    let mut at = 0;
    let places = to.iter().map(|time| {
        let found = from.get(at) == Some(time);
        at += usize::from(found);
        found.then(|| at - 1)
    });
    if let Some(counts) = array.as_any().downcast_ref::<UInt64Array>() {
        return Arc::new(places.map(|place| place.map(|at| counts.value(at))).collect::<UInt64Array>());
    }
    let values = array.as_any().downcast_ref::<Float64Array>();
    let value = |(at, values): (usize, &Float64Array)| values.is_valid(at).then(|| values.value(at));
    Arc::new(numbers(places.map(|place| place.zip(values).and_then(value))))
}
