//! Ranges of readings, raw or in buckets: JSON page by page, CSV and Arrow as streams.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::rest::api::Api;
use crate::rest::extract::{Path, Query};
use crate::rest::problem::Problem;
use crate::rest::within::Place;

/// What is asked for.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct ReadingsQuery {
    /// A selection within the site: `*.power`, `>{quantity=power}`. All series without it.
    series: Option<String>,
    /// From this instant on: RFC 3339, microseconds since the epoch, or so long ago, `-24h`.
    from: Option<String>,
    /// Before this instant, likewise.
    to: Option<String>,
    /// One row a bucket: `15m`, `1h`, `1d`, `1mo`.
    every: Option<String>,
    /// What to say of each bucket, by commas: mean time_weighted_mean min max sum count first last integral increase coverage
    /// quality median p99. The mean without it.
    aggregate: Option<String>,
    /// The zone whose calendar the buckets follow, such as `Europe/Berlin`.
    zone: Option<String>,
    /// What becomes of buckets without a number: absent null previous linear.
    gaps: Option<String>,
    /// The longest silence over which a value holds, for what counts time: `15m`.
    max_gap: Option<String>,
    /// How a value goes over into the next, for what counts time: step trapezoid.
    rule: Option<String>,
    /// Only what was known at this instant.
    as_of: Option<String>,
    /// Whether a column `quality` stands beside raw values: 0 measured, 1 held, 2 estimated, 3 substituted, 4 invalid.
    quality: Option<bool>,
    /// Of JSON: at most so many rows in all, 1 to 100000; 10000 without it.
    #[param(minimum = 1, maximum = 100_000)]
    limit: Option<u32>,
    /// Of JSON: where to go on, as `next` of the answer before says.
    cursor: Option<String>,
    /// `json`, `csv` or `arrow`; goes before what `Accept` says.
    format: Option<String>,
}

/// Readings of some series: a page of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadingsPage {
    /// The first instant asked for, where there is one.
    #[schema(required)]
    from_us: Option<i64>,
    /// Where the range ends, exclusive.
    #[schema(required)]
    to_us: Option<i64>,
    /// The length of the buckets.
    #[schema(required)]
    every: Option<String>,
    /// The zone whose calendar they follow.
    #[schema(required)]
    zone: Option<String>,
    /// Series with rows on this page, in order of their names.
    series: Vec<SeriesRows>,
    /// Where to go on; null at the end.
    #[schema(required)]
    next: Option<String>,
}

/// Rows of a series.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesRows {
    /// Such as `home1.pv.power`.
    series: String,
    /// The unit of its values.
    unit: String,
    /// What is measured.
    quantity: String,
    /// Times of samples, or starts of buckets.
    time_us: Vec<i64>,
    /// One number a time in each column: `value` (and `quality`) of raw rows, otherwise one by the name of each aggregate.
    columns: BTreeMap<String, Vec<Option<f64>>>,
    /// The unit of each column: of an integral of power it is `Wh`.
    units: BTreeMap<String, String>,
}

/// Rows of a range: samples, or buckets.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/readings", operation_id = "readings", tag = "readings", params(Place, ReadingsQuery),
    responses(
        (status = 200, content((ReadingsPage = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn readings(
    State(_api): State<Api>,
    Path(_place): Path<Place>,
    Query(_asked): Query<ReadingsQuery>,
) -> Result<Response, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}
