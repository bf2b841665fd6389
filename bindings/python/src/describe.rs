//! What Python says of a site, as the core reads it: dicts, lists and columns, without a detour over text.

use std::borrow::Cow;

use memcore::optimize::Description;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::errors::invalid;
use crate::lent;

/// A value of the Python half, which has made times and lengths of time integers of microseconds.
pub(crate) fn describe(value: &Bound<'_, PyAny>) -> PyResult<Description<'static>> {
    if value.is_none() {
        return Ok(Description::Nothing);
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(Description::Number(number.value()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Description::Text(Cow::Owned(text.to_cow()?.into_owned())));
    }
    if value.is_instance_of::<PyBool>() {
        return value.extract().map(Description::Flag);
    }
    if value.is_instance_of::<PyInt>() {
        return value.extract().map(Description::Whole).or_else(|_| value.extract().map(Description::Number));
    }
    if let Ok(fields) = value.cast::<PyDict>() {
        return described_fields(fields);
    }
    if let Ok(list) = value.cast::<PyList>() {
        return described_items(list.len(), || list.iter());
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        return described_items(tuple.len(), || tuple.iter());
    }
    if !value.hasattr("__len__")?
        && let Ok(number) = value.extract()
    {
        return Ok(Description::Number(number));
    }
    Ok(Description::Numbers(Cow::Owned(lent::numbers("the column", value)?.to_vec())))
}

fn described_fields(fields: &Bound<'_, PyDict>) -> PyResult<Description<'static>> {
    let described = fields.iter().map(|(name, value)| {
        let name = name.cast::<PyString>().map_err(|_| invalid(format!("field {name} is no text")))?.to_cow()?.into_owned();
        Ok((Cow::Owned(name), describe(&value)?))
    });
    described.collect::<PyResult<_>>().map(Description::Fields)
}

/// Numbers, true and false among them, are a column, unless all of them are whole; anything else is a list.
fn described_items<'py, I: Iterator<Item = Bound<'py, PyAny>>>(
    length: usize,
    items: impl Fn() -> I,
) -> PyResult<Description<'static>> {
    let mut numbers = Vec::with_capacity(length);
    let mut whole = true;
    for item in items() {
        match item.cast::<PyFloat>() {
            Ok(number) => numbers.push(number.value()),
            Err(_) if item.is_instance_of::<PyInt>() => numbers.push(item.extract()?),
            Err(_) => break,
        }
        whole &= item.is_instance_of::<PyInt>() && !item.is_instance_of::<PyBool>();
    }
    if numbers.len() == length && !whole {
        return Ok(Description::Numbers(Cow::Owned(numbers)));
    }
    items().map(|item| describe(&item)).collect::<PyResult<_>>().map(Description::List)
}
