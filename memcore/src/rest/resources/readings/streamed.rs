//! Rows as a stream of CSV or Arrow IPC: a piece is read when the client has taken the one before, so memory stays flat however
//! long the range and however slow the client is, and nothing is read for one that has gone.

use arrow_ipc::writer::StreamWriter;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{StreamExt, unfold};

use super::csv;
use crate::error::{Error, ErrorKind, Result};
use crate::rest::api::Api;
use crate::rest::problem::Problem;
use crate::runtime::{Query as Question, RecordStream};

/// All rows of an answer, as a stream.
pub(super) async fn answer(api: &Api, question: Question, as_csv: bool) -> Result<Response, Problem> {
    let memcore = api.server().memcore().clone();
    let begun = super::read(api, move || Pieces::begin(memcore.stream(&question)?, as_csv)).await?;
    let api = api.clone();
    let pieces = unfold(Some(begun), move |pieces| {
        let api = api.clone();
        async move { next(&api, pieces?).await }
    });
    let (kind, name) = match as_csv {
        true => ("text/csv; charset=utf-8", "attachment; filename=\"readings.csv\""),
        false => ("application/vnd.apache.arrow.stream", "attachment; filename=\"readings.arrows\""),
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    // Compression asks again after the end, for trailers.
    Ok((headers, Body::from_stream(pieces.fuse())).into_response())
}

type Piece = (std::result::Result<Bytes, axum::BoxError>, Option<Pieces>);

/// The next piece, on a thread where reading may take time. One that fails is the last: the client sees that the answer broke off.
async fn next(api: &Api, mut pieces: Pieces) -> Option<Piece> {
    let read = super::read(api, move || {
        let piece = pieces.next().transpose()?;
        Ok(piece.map(|piece| (piece, pieces)))
    });
    match read.await {
        Ok(found) => found.map(|(piece, pieces)| (Ok(piece), Some(pieces))),
        Err(problem) => {
            tracing::warn!(problem = problem.detail, "a stream of readings broke off");
            Some((Err(problem.detail.into()), None))
        }
    }
}

/// What is still to be written.
struct Pieces {
    rows: RecordStream,
    writer: Writer,
    /// What was written before the first row.
    head: Option<Bytes>,
}

enum Writer {
    Csv,
    Arrow(Box<StreamWriter<Vec<u8>>>),
    Ended,
}

impl Pieces {
    fn begin(rows: RecordStream, as_csv: bool) -> Result<Self> {
        let schema = rows.schema();
        if as_csv {
            let head = Some(csv::header(&schema)?.into());
            return Ok(Self { rows, writer: Writer::Csv, head });
        }
        let writer = StreamWriter::try_new(Vec::new(), &schema).map_err(failed)?;
        Ok(Self { rows, writer: Writer::Arrow(Box::new(writer)), head: None })
    }

    fn next(&mut self) -> Option<Result<Bytes>> {
        if let Some(head) = self.head.take() {
            return Some(Ok(head));
        }
        match self.rows.next() {
            Some(Ok(batch)) => Some(match &mut self.writer {
                Writer::Csv => csv::lines(&batch).map(Bytes::from),
                Writer::Arrow(writer) => {
                    writer.write(&batch).map_err(failed).map(|()| std::mem::take(writer.get_mut()).into())
                }
                Writer::Ended => return None,
            }),
            Some(Err(e)) => Some(Err(e)),
            None => match std::mem::replace(&mut self.writer, Writer::Ended) {
                Writer::Arrow(mut writer) => {
                    Some(writer.finish().map_err(failed).map(|()| std::mem::take(writer.get_mut()).into()))
                }
                Writer::Csv | Writer::Ended => None,
            },
        }
    }
}

fn failed(e: arrow_schema::ArrowError) -> Error {
    Error::new(ErrorKind::Internal, "write Arrow").caused_by(e)
}
