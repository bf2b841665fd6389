//! Batches of the long layout as CSV, as `memcore query` writes it: `series,time,value,unit`.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;

use crate::error::{Error, Result};
use crate::model::Timestamp;

/// The line of titles.
pub(super) fn header(schema: &SchemaRef) -> Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(schema.fields().iter().map(|field| field.name())).map_err(failed)?;
    csv.into_inner().map_err(|e| Error::io("write CSV", e.into_error()))
}

/// The lines of a batch.
pub(super) fn lines(batch: &RecordBatch) -> Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::with_capacity(batch.num_rows() * 64));
    let columns: Vec<Cells<'_>> = batch.columns().iter().map(|array| Cells::of(array.as_ref())).collect();
    for row in 0..batch.num_rows() {
        for column in &columns {
            column.write(&mut csv, row).map_err(failed)?;
        }
        csv.write_record(None::<&[u8]>).map_err(failed)?;
    }
    csv.into_inner().map_err(|e| Error::io("write CSV", e.into_error()))
}

fn failed(e: csv::Error) -> Error {
    Error::io("write CSV", std::io::Error::other(e))
}

/// A column of the long layout.
enum Cells<'a> {
    /// A dictionary's texts.
    Texts(&'a dyn arrow_array::array::AnyDictionaryArray, Vec<usize>),
    Times(&'a arrow_array::PrimitiveArray<TimestampMicrosecondType>),
    Numbers(&'a arrow_array::PrimitiveArray<Float64Type>),
    Counts(&'a arrow_array::PrimitiveArray<UInt64Type>),
    Empty,
}

impl<'a> Cells<'a> {
    fn of(array: &'a dyn Array) -> Self {
        if let Some(texts) = array.as_any_dictionary_opt() {
            return Self::Texts(texts, texts.normalized_keys());
        }
        if let Some(times) = array.as_primitive_opt() {
            return Self::Times(times);
        }
        match (array.as_primitive_opt(), array.as_primitive_opt()) {
            (Some(numbers), _) => Self::Numbers(numbers),
            (None, Some(counts)) => Self::Counts(counts),
            (None, None) => Self::Empty,
        }
    }

    fn write(&self, csv: &mut csv::Writer<Vec<u8>>, row: usize) -> csv::Result<()> {
        match self {
            Self::Texts(texts, places) => {
                let values = texts.values().as_string_opt::<i32>();
                csv.write_field(values.map_or("", |values| values.value(places[row])))
            }
            Self::Times(times) => csv.write_field(Timestamp::from_micros(times.value(row)).to_string()),
            // The shortest text that reads back as the same number.
            Self::Numbers(numbers) if numbers.is_valid(row) => csv.write_field(numbers.value(row).to_string()),
            Self::Counts(counts) if counts.is_valid(row) => csv.write_field(counts.value(row).to_string()),
            Self::Numbers(_) | Self::Counts(_) | Self::Empty => csv.write_field(""),
        }
    }
}
