//! The latest reading of each series of a site: what is asked most often, so it is answered out of memory.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::rest::api::Api;
use crate::rest::extract::{Path, Query};
use crate::rest::problem::Problem;
use crate::rest::within::Place;

/// Which series.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct LatestQuery {
    /// A pattern within the site, such as `*.power`; several by commas. All series without it.
    series: Option<String>,
}

/// The latest readings of a site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LatestReadings {
    /// The time of the server.
    now_us: i64,
    /// In order of the names; a series without a reading is left out.
    items: Vec<LatestReading>,
}

/// The latest reading of a series.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LatestReading {
    /// Such as `home1.pv.power`.
    series: String,
    /// When it was measured.
    time_us: i64,
    /// What was measured, in passive sign; null for what is no number.
    #[schema(required)]
    value: Option<f64>,
    /// The unit of the value.
    unit: &'static str,
    /// Whether it is too old to stand for the present, by what the channel declares.
    stale: bool,
}

/// The latest reading of each series.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/latest", operation_id = "latest", tag = "readings", params(Place, LatestQuery),
    responses(
        (status = 200, body = LatestReadings),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn latest(
    State(_api): State<Api>,
    Path(_place): Path<Place>,
    Query(_asked): Query<LatestQuery>,
) -> Result<Response, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}
