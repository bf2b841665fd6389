//! Readings that a client writes.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::api::Api;
use crate::rest::extract::{Json, Path};
use crate::rest::problem::Problem;
use crate::rest::within::Place;

/// Readings of one series.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadingsWrite {
    /// Which: `pv.power` within the site, or in full.
    series: String,
    /// The unit of the values, in passive sign; that of the channel where it is registered, and needed where it is not.
    unit: Option<String>,
    /// When each value was measured, microseconds since the epoch.
    time_us: Vec<i64>,
    /// The values; null where nothing was measured.
    value: Vec<Option<f64>>,
}

/// What was written.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadingsWritten {
    /// Values that are stored now.
    written: u64,
}

/// Writes readings; durable when it answers.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/sites/{site}/readings", operation_id = "write_readings", tag = "readings", params(Place), request_body = ReadingsWrite,
    responses(
        (status = 200, body = ReadingsWritten),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn write_readings(
    State(_api): State<Api>,
    Path(_place): Path<Place>,
    Json(_body): Json<ReadingsWrite>,
) -> Result<Json<ReadingsWritten>, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}
