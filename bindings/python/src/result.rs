//! What a query gives, handed out without a copy: to Arrow through capsules, to numpy through addresses.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::ffi::FFI_ArrowSchema;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchIterator, TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use memcore::model::Timestamp;
use memcore::{QueryResult, RecordStream};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};

use crate::errors::{invalid, raised};

const ARRAY_INTERFACE: i32 = 3;

/// The answer to a query.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Table(Arc<QueryResult>);

impl Table {
    pub(crate) fn new(result: QueryResult) -> Self {
        Self(Arc::new(result))
    }
}

#[pymethods]
impl Table {
    fn __len__(&self) -> usize {
        self.0.rows()
    }

    /// The columns beside series and time.
    fn columns(&self) -> Vec<String> {
        self.0.column_names().map(ToOwned::to_owned).collect()
    }

    /// Name, quantity, unit and rows of each series.
    fn series(&self) -> Vec<(String, &'static str, &'static str, usize)> {
        let of = |series: &memcore::store::SeriesResult| {
            let channel = series.channel();
            (series.series().to_string(), channel.quantity.name(), channel.base_unit().symbol(), series.times().len())
        };
        self.0.series().iter().map(of).collect()
    }

    /// The unit of a column of the series at that place.
    fn unit(&self, series: usize, name: &str) -> PyResult<String> {
        self.at(series)?.unit(name).ok_or_else(|| invalid(format!("result has no column {name:?}")))
    }

    /// What the answer has cost, as lines.
    fn explain(&self) -> String {
        self.0.cost().to_string()
    }

    /// The zone whose calendar the buckets follow.
    fn zone(&self) -> Option<&str> {
        self.0.zone()
    }

    fn times(&self, series: usize) -> PyResult<Column> {
        Column::new(Arc::new(self.at(series)?.times().clone()))
    }

    fn column(&self, series: usize, name: &str) -> PyResult<Column> {
        let array = self.at(series)?.array(name).ok_or_else(|| invalid(format!("result has no column {name:?}")))?;
        Column::new(array.clone())
    }

    /// What a small plot of so many pixels' width needs, however long the series is; see [`Outline`].
    fn outline(&self, py: Python<'_>, series: usize, name: &str, width: i64) -> PyResult<Outline> {
        let series = self.at(series)?;
        let times = series.times().values();
        let values: Vec<f64> = match (series.column(name), series.counts()) {
            (Some(array), _) => array.values().to_vec(),
            (None, Some(counts)) if name == "count" => counts.values().iter().map(|count| *count as f64).collect(),
            _ => return Err(invalid(format!("result has no column {name:?}"))),
        };
        Ok(py.detach(|| outline(times, &values, width)))
    }

    /// One batch after the other in the long layout.
    fn long_stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        stream(py, self.batches(py)?)
    }

    fn wide_stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let result = self.0.clone();
        stream(py, vec![py.detach(move || result.wide()).map_err(raised)?])
    }

    fn long_schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = schema_of(&self.batches(py)?);
        let schema = FFI_ArrowSchema::try_from(schema.as_ref()).map_err(|e| invalid(e.to_string()))?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }
}

impl Table {
    fn at(&self, series: usize) -> PyResult<&memcore::store::SeriesResult> {
        self.0.series().get(series).ok_or_else(|| invalid(format!("result has no series {series}")))
    }

    fn batches(&self, py: Python<'_>) -> PyResult<Vec<RecordBatch>> {
        let result = self.0.clone();
        py.detach(move || result.to_batches()).map_err(raised)
    }
}

/// The first and last time, and for each pixel that has a number: its place, and the first, lowest, highest and last number.
type Outline = (Option<(i64, i64)>, Vec<(i64, f64, f64, f64, f64)>);

fn outline(times: &[i64], values: &[f64], width: i64) -> Outline {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return (None, Vec::new()) };
    let length = i128::from(*last) - i128::from(*first);
    let mut pixels: Vec<(i64, f64, f64, f64, f64)> = Vec::new();
    for (time, value) in times.iter().zip(values).filter(|(_, value)| value.is_finite()) {
        let place = (i128::from(*time) - i128::from(*first)) * i128::from(width - 1) / length.max(1);
        let place = i64::try_from(place).unwrap_or_default();
        match pixels.last_mut().filter(|pixel| pixel.0 == place) {
            Some((_, _, low, high, end)) => (*low, *high, *end) = (low.min(*value), high.max(*value), *value),
            None => pixels.push((place, *value, *value, *value, *value)),
        }
    }
    (Some((*first, *last)), pixels)
}

fn schema_of(batches: &[RecordBatch]) -> SchemaRef {
    batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema)
}

pub(crate) fn stream(py: Python<'_>, batches: Vec<RecordBatch>) -> PyResult<Bound<'_, PyCapsule>> {
    let schema = schema_of(&batches);
    let batches = batches.into_iter().map(Ok::<_, ArrowError>);
    let stream = FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new(batches, schema)));
    PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
}

/// A long answer that is read as it is asked for, once.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Stream(Mutex<Option<RecordStream>>, SchemaRef);

impl Stream {
    pub(crate) fn new(stream: RecordStream) -> Self {
        let schema = stream.schema();
        Self(Mutex::new(Some(stream)), schema)
    }
}

#[pymethods]
impl Stream {
    /// What is not read yet.
    fn stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let stream = stream.ok_or_else(|| invalid("the stream was read before, expected a fresh one"))?;
        // What reads it is foreign code that may or may not hold the interpreter: nothing here needs it.
        let batches = stream.map(|batch| batch.map_err(|e| ArrowError::ExternalError(Box::new(e))));
        let stream = FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new(batches, Arc::clone(&self.1))));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.1.as_ref()).map_err(|e| invalid(e.to_string()))?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    /// The next batch; None at the end.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        let next = py.detach(|| {
            let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            stream.as_mut().and_then(RecordStream::next)
        });
        next.transpose().map(|batch| batch.map(Batch)).map_err(raised)
    }
}

/// Some rows of a stream.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Batch(RecordBatch);

#[pymethods]
impl Batch {
    fn __len__(&self) -> usize {
        self.0.num_rows()
    }

    fn stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        stream(py, vec![self.0.clone()])
    }

    fn columns(&self) -> Vec<String> {
        self.0.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    /// A column of times or numbers.
    fn column(&self, name: &str) -> PyResult<Column> {
        let column = self.0.column_by_name(name).ok_or_else(|| invalid(format!("batch has no column {name:?}")))?;
        Column::new(column.clone())
    }
}

/// A column as numpy sees it, with NaN where a number is null, through `__array_interface__`: its memory is shared, and
/// read-only where others may share it too.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Column {
    array: ArrayRef,
    address: usize,
    kind: &'static str,
    own: bool,
}

impl Column {
    /// Numbers that nobody else has.
    pub(crate) fn numbers(values: Vec<f64>) -> PyResult<Self> {
        Ok(Self { own: true, ..Self::new(Arc::new(Float64Array::from(values)))? })
    }

    /// Instants that nobody else has.
    pub(crate) fn instants(times: Vec<Timestamp>) -> PyResult<Self> {
        let micros: Vec<i64> = times.into_iter().map(Timestamp::as_micros).collect();
        Ok(Self { own: true, ..Self::new(Arc::new(TimestampMicrosecondArray::from(micros)))? })
    }

    /// Numbers of rows.
    pub(crate) fn rows(rows: Vec<usize>) -> PyResult<Self> {
        let rows: Vec<i64> = rows.into_iter().map(|row| row as i64).collect();
        Ok(Self { own: true, ..Self::new(Arc::new(Int64Array::from(rows)))? })
    }

    fn new(array: ArrayRef) -> PyResult<Self> {
        let any = array.as_any();
        let (address, kind) = if let Some(array) = any.downcast_ref::<Float64Array>() {
            (array.values().as_ptr().addr(), "<f8")
        } else if let Some(array) = any.downcast_ref::<UInt64Array>() {
            (array.values().as_ptr().addr(), "<u8")
        } else if let Some(array) = any.downcast_ref::<Int64Array>() {
            (array.values().as_ptr().addr(), "<i8")
        } else if let Some(array) = any.downcast_ref::<TimestampMicrosecondArray>() {
            (array.values().as_ptr().addr(), "<M8[us]")
        } else {
            return Err(invalid(format!("column is of type {}, expected numbers or times", array.data_type())));
        };
        Ok(Self { array, address, kind, own: false })
    }
}

#[pymethods]
impl Column {
    fn __len__(&self) -> usize {
        self.array.len()
    }

    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("version", ARRAY_INTERFACE)?;
        dict.set_item("typestr", self.kind)?;
        dict.set_item("shape", (self.array.len(),))?;
        dict.set_item("data", (self.address, !self.own))?;
        Ok(dict)
    }

    /// Numbers, or microseconds.
    fn to_list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let any = self.array.as_any();
        if let Some(array) = any.downcast_ref::<Float64Array>() {
            return match array.null_count() {
                0 => array.values().to_vec().into_pyobject(py),
                _ => array.iter().collect::<Vec<Option<f64>>>().into_pyobject(py),
            };
        }
        if let Some(array) = any.downcast_ref::<UInt64Array>() {
            return array.values().to_vec().into_pyobject(py);
        }
        if let Some(array) = any.downcast_ref::<Int64Array>() {
            return array.values().to_vec().into_pyobject(py);
        }
        let times = any.downcast_ref::<TimestampMicrosecondArray>().map(|array| array.values().to_vec());
        times.unwrap_or_default().into_pyobject(py)
    }
}
