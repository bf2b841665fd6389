//! Columns that are only read: where Python's memory has the form that the core reads, it is read in place.

use std::ops::Deref;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, make_array};
use arrow_buffer::{ArrowNativeType, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};
use memcore::model::Timestamp;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::columns::{import, words};
use crate::errors::{invalid, raised};

/// Numbers of 64 bits that lie in one piece.
pub(crate) enum Lent<'a, T: ArrowNativeType> {
    /// In memory of a Python object that is borrowed as long.
    InPlace(&'a [T]),
    /// In memory of Arrow.
    Arrow(ScalarBuffer<T>),
    /// What had another form.
    Copied(Vec<T>),
}

impl<T: ArrowNativeType> Deref for Lent<'_, T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match self {
            Self::InPlace(slice) => slice,
            Self::Arrow(buffer) => buffer,
            Self::Copied(values) => values,
        }
    }
}

impl<T: ArrowNativeType> Lent<'_, T> {
    /// For longer than the column is borrowed: a copy where it lies in Python's memory.
    pub(crate) fn keep(self) -> Lent<'static, T> {
        match self {
            Self::InPlace(slice) => Lent::Copied(slice.to_vec()),
            Self::Arrow(buffer) => Lent::Arrow(buffer),
            Self::Copied(values) => Lent::Copied(values),
        }
    }
}

/// Instants as microseconds: an array of numpy, bytes, or Arrow timestamps with a zone.
pub(crate) fn micros<'a>(name: &str, column: &'a Bound<'_, PyAny>) -> PyResult<Lent<'a, i64>> {
    if let Some(lent) = in_place(column, &["<i8", "<M8[us]"], i64::from_le_bytes)? {
        return Ok(lent);
    }
    let chunks = import(column)?;
    if let [chunk] = &chunks[..]
        && chunk.null_count() == 0
        && matches!(chunk.data_type(), DataType::Timestamp(TimeUnit::Microsecond, Some(_)))
    {
        return Ok(Lent::Arrow(chunk.as_primitive::<TimestampMicrosecondType>().values().clone()));
    }
    let mut times = Vec::new();
    for chunk in chunks {
        let read = memcore::arrow::times(name, times.len(), &chunk).map_err(raised)?;
        times.extend(read.into_iter().map(Timestamp::as_micros));
    }
    Ok(Lent::Copied(times))
}

/// Times on wall clocks, as microseconds as if they were UTC: an array of numpy, bytes, or Arrow timestamps without a zone.
pub(crate) fn local_micros<'a>(name: &str, column: &'a Bound<'_, PyAny>) -> PyResult<Lent<'a, i64>> {
    if let Some(lent) = in_place(column, &["<i8", "<M8[us]"], i64::from_le_bytes)? {
        return Ok(lent);
    }
    let mut times = Vec::new();
    for chunk in import(column)? {
        let DataType::Timestamp(unit, None) = chunk.data_type() else {
            let kind = chunk.data_type();
            return Err(invalid(format!(
                "{name}: of type {kind}, expected local times, such as timestamp[us] without a zone"
            )));
        };
        let as_if_utc = DataType::Timestamp(*unit, Some("UTC".into()));
        let data = chunk.to_data().into_builder().data_type(as_if_utc).build().map_err(|e| invalid(e.to_string()))?;
        let read = memcore::arrow::times(name, times.len(), &make_array(data)).map_err(raised)?;
        times.extend(read.into_iter().map(Timestamp::as_micros));
    }
    Ok(Lent::Copied(times))
}

/// Times as they are in the column: instants, or times on local clocks.
pub(crate) fn local_or_utc<'a>(name: &str, column: &'a Bound<'_, PyAny>) -> PyResult<Lent<'a, i64>> {
    micros(name, column).or_else(|_| local_micros(name, column))
}

/// Numbers, NaN where there is none: an array of numpy, bytes, Arrow numbers, or a list in which `None` is absent.
pub(crate) fn numbers<'a>(name: &str, column: &'a Bound<'_, PyAny>) -> PyResult<Lent<'a, f64>> {
    if let Some(lent) = in_place(column, &["<f8"], f64::from_le_bytes)? {
        return Ok(lent);
    }
    let known = |value: Option<f64>| value.unwrap_or(f64::NAN);
    if let Ok(list) = column.cast::<PyList>() {
        return Ok(Lent::Copied(list.extract::<Vec<Option<f64>>>()?.into_iter().map(known).collect()));
    }
    let chunks = import(column)?;
    if let [chunk] = &chunks[..]
        && chunk.null_count() == 0
        && chunk.data_type() == &DataType::Float64
    {
        return Ok(Lent::Arrow(chunk.as_primitive::<Float64Type>().values().clone()));
    }
    let mut values = Vec::new();
    for chunk in chunks {
        values.extend(memcore::arrow::numbers(name, values.len(), &chunk).map_err(raised)?.into_iter().map(known));
    }
    Ok(Lent::Copied(values))
}

/// What numpy has in one piece and in one of these types, or bytes have.
fn in_place<'a, T: ArrowNativeType>(
    column: &'a Bound<'_, PyAny>,
    kinds: &[&str],
    read: impl Fn([u8; 8]) -> T,
) -> PyResult<Option<Lent<'a, T>>> {
    const { assert!(size_of::<T>() == 8) };
    if let Ok(bytes) = column.cast::<PyBytes>() {
        return Ok(Some(Lent::Copied(words(bytes.as_bytes()).map(read).collect())));
    }
    if !column.hasattr("__array_interface__")? {
        return Ok(None);
    }
    let interface = column.getattr("__array_interface__")?.cast_into::<PyDict>()?;
    let item = |name: &str| Ok::<_, PyErr>(interface.get_item(name)?.filter(|item| !item.is_none()));
    let unfit = || invalid("the array is not in the form that the Python half makes");
    let kind: String = item("typestr")?.ok_or_else(unfit)?.extract()?;
    let (length,): (usize,) = item("shape")?.ok_or_else(unfit)?.extract()?;
    let (address, _): (usize, bool) = item("data")?.ok_or_else(unfit)?.extract()?;
    if length == 0 {
        return Ok(Some(Lent::InPlace(&[])));
    }
    let aligned = address != 0 && address.is_multiple_of(align_of::<T>());
    if !aligned || item("strides")?.is_some() || !kinds.contains(&kind.as_str()) || cfg!(target_endian = "big") {
        return Err(unfit());
    }
    // SAFETY: the array lives as long as it is borrowed, and says that so many numbers of this type lie there in one piece. A
    // thread that writes to it during a call gets an answer of old and new numbers, as from numpy's own functions.
    Ok(Some(Lent::InPlace(unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(address), length) })))
}
