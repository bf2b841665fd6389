//! The file that is being written.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{DataType, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::FileFormat;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;

/// Rows of a group of Parquet: it is in memory until it is full.
const GROUP_ROWS: usize = 1 << 18;

type Out = Box<dyn Write + Send>;

/// A file that takes batches of one schema.
pub(super) enum Sheet {
    Csv(Box<csv::Writer<Out>>),
    Parquet(Box<ArrowWriter<Out>>),
    Arrow(Box<FileWriter<Out>>),
}

fn failed(e: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write the export: {e}")).caused_by(e)
}

impl Sheet {
    pub(super) fn new(
        out: impl Write + Send + 'static,
        format: FileFormat,
        schema: SchemaRef,
        titles: &[String],
    ) -> Result<Self> {
        let out: Out = Box::new(out);
        match format {
            FileFormat::Csv => {
                let mut csv = csv::Writer::from_writer(out);
                csv.write_record(titles).map_err(failed)?;
                Ok(Self::Csv(Box::new(csv)))
            }
            FileFormat::Parquet => {
                let zstd = Compression::ZSTD(ZstdLevel::try_new(3).map_err(failed)?);
                let properties = WriterProperties::builder().set_compression(zstd);
                let properties = properties.set_max_row_group_row_count(Some(GROUP_ROWS)).build();
                Ok(Self::Parquet(Box::new(ArrowWriter::try_new(out, schema, Some(properties)).map_err(failed)?)))
            }
            FileFormat::Arrow => {
                let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD));
                let writer = FileWriter::try_new_with_options(out, &schema, options.map_err(failed)?);
                Ok(Self::Arrow(Box::new(writer.map_err(failed)?)))
            }
        }
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Csv(csv) => write_csv(csv, batch).map_err(failed),
            Self::Parquet(writer) => writer.write(batch).map_err(failed),
            Self::Arrow(writer) if batch.num_rows() > 0 => writer.write(batch).map_err(failed),
            Self::Arrow(_) => Ok(()),
        }
    }

    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::Csv(csv) => csv.into_inner().map_err(|e| failed(e.into_error()))?.flush().map_err(failed),
            Self::Parquet(writer) => writer.into_inner().map_err(failed)?.flush().map_err(failed),
            Self::Arrow(mut writer) => writer.finish().and_then(|()| writer.flush()).map_err(failed),
        }
    }
}

fn write_csv(csv: &mut csv::Writer<Out>, batch: &RecordBatch) -> csv::Result<()> {
    let cells: Vec<_> = batch.columns().iter().map(|column| cells(column.as_ref())).collect();
    let mut text = String::new();
    for row in 0..batch.num_rows() {
        for cell in &cells {
            text.clear();
            cell(row, &mut text);
            csv.write_field(&text)?;
        }
        csv.write_record(None::<&[u8]>)?;
    }
    Ok(())
}

/// Writes the cell of a row.
type WriteCell<'a> = Box<dyn Fn(usize, &mut String) + 'a>;

fn cells(column: &dyn Array) -> WriteCell<'_> {
    use std::fmt::Write as _;
    if let Some(coded) = column.as_any_dictionary_opt() {
        let (texts, keys) = (coded.values().as_string::<i32>(), coded.normalized_keys());
        return Box::new(move |row, into| into.push_str(texts.value(keys[row])));
    }
    match column.data_type() {
        DataType::Timestamp(..) => {
            let times = column.as_primitive::<TimestampMicrosecondType>();
            Box::new(move |row, into| {
                let _ = write!(into, "{}", Timestamp::from_micros(times.value(row)));
            })
        }
        DataType::UInt64 => {
            let counts = column.as_primitive::<UInt64Type>();
            Box::new(move |row, into| {
                let _ = if counts.is_null(row) { Ok(()) } else { write!(into, "{}", counts.value(row)) };
            })
        }
        _ => {
            // The shortest text that reads back as the same number.
            let numbers = column.as_primitive::<Float64Type>();
            Box::new(move |row, into| {
                let _ = if numbers.is_null(row) { Ok(()) } else { write!(into, "{}", numbers.value(row)) };
            })
        }
    }
}
