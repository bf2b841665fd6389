//! Columns that come in: arrays of numpy, anything that speaks Arrow's PyCapsule interface, and plain lists.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::{ArrayRef, NullArray, make_array};
use arrow_schema::{ArrowError, DataType};
use memcore::model::{Qualities, Quality, Timestamp};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList, PyTuple};

use crate::errors::{invalid, raised};
use crate::lent;

/// Times: an array of numpy or bytes of `int64` microseconds, or Arrow timestamps with a zone.
pub(crate) fn times(name: &str, column: &Bound<'_, PyAny>) -> PyResult<Vec<Timestamp>> {
    Ok(lent::micros(name, column)?.iter().copied().map(Timestamp::from_micros).collect())
}

/// Values: an array of numpy or bytes of `float64`, Arrow numbers, or a list in which `None` is absent. NaN is absent where
/// `skip_nan` says so.
pub(crate) fn values(name: &str, column: &Bound<'_, PyAny>, skip_nan: bool) -> PyResult<Vec<Option<f64>>> {
    if skip_nan {
        let known = |value: &f64| Some(*value).filter(|value| !value.is_nan());
        return Ok(lent::numbers(name, column)?.iter().map(known).collect());
    }
    if let Ok(list) = column.cast::<PyList>() {
        return list.extract::<Vec<Option<f64>>>();
    }
    if column.hasattr("__array_interface__")? {
        return Ok(lent::numbers(name, column)?.iter().copied().map(Some).collect());
    }
    let mut values = Vec::new();
    for chunk in import(column)? {
        values.extend(memcore::arrow::numbers(name, values.len(), &chunk).map_err(raised)?);
    }
    Ok(values)
}

/// How values came about: one name for all, or a column of the numbers of qualities, NaN where it was measured.
pub(crate) fn qualities(column: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Qualities<'static>>> {
    let Some(column) = column else { return Ok(None) };
    if let Ok(name) = column.extract::<String>() {
        return Ok(Some(name.parse::<Quality>().map_err(raised)?.into()));
    }
    let quality = |(row, number): (usize, &f64)| match Quality::of_number(*number) {
        Some(quality) => Ok(quality),
        None if number.is_nan() => Ok(Quality::Measured),
        None => Err(invalid(format!(
            "quality[{row}] is {number}, expected 0 to 4: measured held estimated substituted invalid"
        ))),
    };
    let numbers = lent::numbers("quality", column)?;
    Ok(Some(numbers.iter().enumerate().map(quality).collect::<PyResult<Vec<_>>>()?.into()))
}

/// The numbers of 64 bits that bytes are.
pub(crate) fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 8]> {
    bytes.as_chunks::<8>().0.iter().copied()
}

/// The chunks of one column.
pub(crate) fn import(column: &Bound<'_, PyAny>) -> PyResult<Vec<ArrayRef>> {
    if column.hasattr("__arrow_c_stream__")? {
        return import_stream(column);
    }
    if !column.hasattr("__arrow_c_array__")? {
        let kind = column.get_type().name()?;
        return Err(invalid(format!("column is a {kind}, expected a list, or an array of numpy, pandas, polars or Arrow")));
    }
    let pair = column.call_method0("__arrow_c_array__")?.cast_into::<PyTuple>()?;
    let schema = content::<FFI_ArrowSchema>(&pair.get_item(0)?, c"arrow_schema")?;
    let array = content::<FFI_ArrowArray>(&pair.get_item(1)?, c"arrow_array")?;
    // SAFETY: the capsules carry what their names say; the array is moved out and a released one left behind, as the
    // interface demands, and the schema outlives its use here.
    unsafe { Ok(vec![array_of(FFI_ArrowArray::from_raw(array), &*schema)?]) }
}

/// # Safety
/// The array must be of the type that the schema says.
unsafe fn array_of(array: FFI_ArrowArray, schema: &FFI_ArrowSchema) -> PyResult<ArrayRef> {
    let refused = |e: ArrowError| invalid(format!("column is Arrow data that cannot be read: {e}"));
    // Some exporters give a column of nulls a buffer, which it must not have.
    if DataType::try_from(schema).map_err(refused)? == DataType::Null {
        return Ok(Arc::new(NullArray::new(array.len())));
    }
    // SAFETY: as this function demands.
    unsafe { from_ffi(array, schema) }.map(make_array).map_err(refused)
}

/// `ArrowArrayStream` of the C stream interface. The reader of the arrow crate takes streams of tables only, a column is
/// a stream of bare arrays.
#[repr(C)]
struct ArrayStream {
    get_schema: Option<unsafe extern "C" fn(*mut Self, *mut FFI_ArrowSchema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut Self, *mut FFI_ArrowArray) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut Self) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut Self)>,
    private_data: *mut c_void,
}

impl ArrayStream {
    fn failed(&mut self, code: c_int) -> PyErr {
        // SAFETY: a stream that is not released has this function, and its text lives until the next call.
        let text = self.get_last_error.map(|get| unsafe { get(&raw mut *self) }).filter(|text| !text.is_null());
        let text = text.map(|text| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
        invalid(format!("column is an Arrow stream that failed with code {code}: {}", text.unwrap_or_default()))
    }
}

impl Drop for ArrayStream {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: it is called once, on a stream that is not released.
            unsafe { release(&raw mut *self) };
        }
    }
}

fn import_stream(column: &Bound<'_, PyAny>) -> PyResult<Vec<ArrayRef>> {
    let capsule = column.call_method0("__arrow_c_stream__")?;
    let raw = content::<ArrayStream>(&capsule, c"arrow_array_stream")?;
    // SAFETY: the capsule carries what its name says. The stream is moved out, with a released one left behind.
    let mut stream = unsafe {
        let stream = std::ptr::read(raw);
        (*raw).release = None;
        stream
    };
    let (Some(get_schema), Some(get_next), Some(_)) = (stream.get_schema, stream.get_next, stream.release) else {
        return Err(invalid("column is an Arrow stream that was read before, expected a fresh one"));
    };
    let mut schema = FFI_ArrowSchema::empty();
    // SAFETY: a stream that is not released has these functions, and both structs live through the calls.
    match unsafe { get_schema(&raw mut stream, &raw mut schema) } {
        0 => {}
        code => return Err(stream.failed(code)),
    }
    let mut chunks = Vec::new();
    loop {
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: as above.
        match unsafe { get_next(&raw mut stream, &raw mut array) } {
            0 if array.is_released() => return Ok(chunks),
            // SAFETY: the array is of the type that the stream announced.
            0 => chunks.push(unsafe { array_of(array, &schema) }?),
            code => return Err(stream.failed(code)),
        }
    }
}

fn content<T>(capsule: &Bound<'_, PyAny>, name: &'static CStr) -> PyResult<*mut T> {
    let capsule = capsule.cast::<PyCapsule>()?;
    Ok(capsule.pointer_checked(Some(name))?.cast::<T>().as_ptr())
}
