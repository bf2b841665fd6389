//! Parquet files, and Arrow files and streams.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::ImportRequest;
use super::refused::Refused;
use super::source::{Part, ROWS, Source};
use super::table::Plan;
use super::understood::Understood;
use crate::error::{Error, Result};
use crate::model::{Channel, SeriesName};
use crate::runtime::frame::{self, FrameOptions, Rows};
use crate::runtime::stream::CHANNELS;

/// Batches of a table, from any kind of file.
struct Batches {
    format: &'static str,
    batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
    /// A batch of any size, as pieces of one that is worked on at once.
    pieces: VecDeque<RecordBatch>,
    schema: SchemaRef,
    options: FrameOptions,
    /// How a wide table of another program is read.
    plan: Option<Plan>,
    channels: BTreeMap<SeriesName, Channel>,
    row: usize,
    rows: Option<u64>,
    part: Option<Part>,
}

pub(super) fn parquet(file: File, request: &ImportRequest) -> Result<Box<dyn Source>> {
    let reading = |e| Error::invalid(format!("cannot be read as Parquet: {e}"));
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(reading)?;
    let schema = builder.schema().clone();
    let rows = builder.metadata().file_metadata().num_rows();
    let batches = builder.with_batch_size(ROWS).build().map_err(reading)?;
    Batches::source("parquet", Box::new(batches), schema, u64::try_from(rows).ok(), None, request)
}

pub(super) fn ipc_file(file: File, request: &ImportRequest) -> Result<Box<dyn Source>> {
    let reader = FileReader::try_new_buffered(file, None).map_err(|e| refused(&e))?;
    let schema = reader.schema();
    Batches::source("arrow", Box::new(reader), schema, None, None, request)
}

pub(super) fn ipc_stream(file: File, bytes: u64, request: &ImportRequest) -> Result<Box<dyn Source>> {
    let (file, part) = Part::of(file, bytes);
    let reader = StreamReader::try_new_buffered(file, None).map_err(|e| refused(&e))?;
    let schema = reader.schema();
    Batches::source("arrow", Box::new(reader), schema, None, Some(part), request)
}

fn refused(e: &ArrowError) -> Error {
    Error::invalid(format!("cannot be read as Arrow: {e}"))
}

impl Batches {
    fn source(
        format: &'static str,
        batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
        schema: SchemaRef,
        rows: Option<u64>,
        part: Option<Part>,
        request: &ImportRequest,
    ) -> Result<Box<dyn Source>> {
        let mut options = request.frame.clone();
        if let [time] = &request.mapping.time.columns[..] {
            options.time.clone_from(time);
        }
        // The only column of instants is the time, whatever it is called.
        let mut instants = schema.fields().iter().filter(|field| matches!(field.data_type(), DataType::Timestamp(..)));
        if schema.index_of(&options.time).is_err()
            && let (Some(only), None) = (instants.next(), instants.next())
        {
            options.time = only.name().clone();
        }
        let channels = match schema.metadata().get(CHANNELS) {
            None => BTreeMap::new(),
            Some(text) => serde_json::from_str(text)
                .map_err(|e| Error::invalid(format!("its descriptions of series cannot be read: {e}")))?,
        };
        let own = !channels.is_empty();
        if own {
            options.device = None;
        }
        let plan = if own || frame::is_long(&schema) {
            None
        } else {
            Some(Plan::new(&schema, &options, &request.effective_mapping())?)
        };
        let pieces = VecDeque::new();
        Ok(Box::new(Self { format, batches, pieces, schema, options, plan, channels, row: 0, rows, part }))
    }

    fn piece(&mut self) -> Result<Option<RecordBatch>> {
        while self.pieces.is_empty() {
            let Some(batch) = self.batches.next() else { return Ok(None) };
            let batch = batch.map_err(|e| refused(&e))?;
            let starts = (0..batch.num_rows()).step_by(ROWS);
            self.pieces.extend(starts.map(|start| batch.slice(start, ROWS.min(batch.num_rows() - start))));
        }
        Ok(self.pieces.pop_front())
    }
}

impl Source for Batches {
    fn next(&mut self, refused: &mut Refused) -> Result<Option<Vec<Rows>>> {
        let Some(piece) = self.piece()? else { return Ok(None) };
        let rows = match &mut self.plan {
            Some(plan) => plan.rows(&piece, self.row, refused)?,
            None => frame::rows(&piece, self.row, &self.options)?,
        };
        self.row += piece.num_rows();
        Ok(Some(rows))
    }

    fn part(&self) -> Option<f64> {
        let by_rows = self.rows.map(|rows| self.row as f64 / rows.max(1) as f64);
        by_rows.or_else(|| self.part.as_ref().map(Part::get))
    }

    fn is_stored_form(&self) -> bool {
        !self.channels.is_empty() || frame::is_long(&self.schema)
    }

    fn channels(&self) -> BTreeMap<SeriesName, Channel> {
        self.channels.clone()
    }

    fn understood(&self) -> Understood {
        let columns = self.plan.as_ref().map_or_else(Vec::new, |plan| plan.columns.clone());
        Understood { format: self.format.into(), columns, ..Understood::default() }
    }
}
