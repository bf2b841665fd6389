//! Tables that come in: anything that speaks Arrow's PyCapsule interface, or named columns as the Python half has them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::DataType;
use memcore::model::{DeviceName, Unit};
use memcore::{FrameOptions, ImportRequest, Mapping};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::columns;
use crate::errors::{invalid, raised};

/// How a table is to be read.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Reading {
    device: Option<String>,
    time: String,
    unit: Option<String>,
    units: BTreeMap<String, String>,
    keep_nan: bool,
}

impl Reading {
    pub(crate) fn options(&self) -> PyResult<FrameOptions> {
        let mut options = FrameOptions::default();
        options.device = self.device.as_deref().map(str::parse::<DeviceName>).transpose().map_err(raised)?;
        options.time.clone_from(&self.time);
        options.unit = self.unit.as_deref().map(str::parse::<Unit>).transpose().map_err(raised)?;
        for (column, unit) in &self.units {
            let unit = unit.parse().map_err(|e: memcore::Error| raised(e.context(format_args!("units[{column:?}]"))))?;
            options.units.insert(column.clone(), unit);
        }
        options.keep_nan = self.keep_nan;
        Ok(options)
    }
}

/// How a file is to be read beside that; what is `None` is told by its content.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct FileReading {
    zone: Option<String>,
    delimiter: Option<char>,
    decimal: Option<char>,
    mapping_file: Option<PathBuf>,
    /// JSON.
    mapping: Option<String>,
    strict: bool,
    /// Where refused rows go, and whether they go anywhere.
    refused: Option<PathBuf>,
    side_file: bool,
}

impl FileReading {
    pub(crate) fn apply(self, request: &mut ImportRequest) -> memcore::Result<()> {
        if let Some(path) = self.mapping_file {
            request.mapping = Mapping::read(path)?;
        }
        if let Some(text) = self.mapping {
            request.mapping = Mapping::from_json(&text)?;
        }
        request.zone = self.zone;
        request.mapping.file.delimiter = self.delimiter.or(request.mapping.file.delimiter);
        request.mapping.file.decimal = self.decimal.or(request.mapping.file.decimal);
        request.strict = self.strict;
        request.refused = self.refused.or(request.refused.take()).filter(|_| self.side_file);
        Ok(())
    }
}

/// The batches of a table: a list of triples of name, kind (`time`, `number`, `text`) and column, or Arrow.
pub(crate) fn batches(table: &Bound<'_, PyAny>) -> PyResult<Vec<RecordBatch>> {
    if let Ok(named) = table.cast::<PyList>() {
        let named = named.extract::<Vec<(String, String, Bound<'_, PyAny>)>>()?;
        let columns = named.into_iter().map(|(name, kind, column)| {
            let array = array(&name, &kind, &column)?;
            Ok((name, array))
        });
        let columns = columns.collect::<PyResult<Vec<_>>>()?;
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
        return Ok(vec![batch.map_err(|e| invalid(format!("the columns are no table: {e}")))?]);
    }
    columns::import(table)?.into_iter().map(|chunk| batch_of(&chunk)).collect()
}

fn batch_of(chunk: &ArrayRef) -> PyResult<RecordBatch> {
    match chunk.data_type() {
        DataType::Struct(_) if chunk.null_count() == 0 => Ok(RecordBatch::from(chunk.as_struct())),
        other => Err(invalid(format!("frame is Arrow data of type {other}, expected a table"))),
    }
}

fn array(name: &str, kind: &str, column: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    Ok(match kind {
        "time" => {
            let micros = columns::times(name, column)?.into_iter().map(|time| time.as_micros());
            Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
        }
        "text" => Arc::new(StringArray::from(column.extract::<Vec<Option<String>>>()?)),
        _ => Arc::new(Float64Array::from(columns::values(name, column, false)?)),
    })
}
