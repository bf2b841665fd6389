//! Series as a chart draws them: the lowest, the highest and the mean of each column of pixels, or the samples themselves.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::rest::api::Api;
use crate::rest::extract::{Json, Path, Query};
use crate::rest::problem::Problem;
use crate::rest::within::Place;

/// What is drawn.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct ChartQuery {
    /// A selection within the site; several by commas. At most 64 series.
    series: Option<String>,
    /// From this instant on: RFC 3339, microseconds since the epoch, or so long ago, `-24h`. The first sample without it.
    from: Option<String>,
    /// Before this instant, likewise. Behind the last sample without it.
    to: Option<String>,
    /// How many columns of pixels: 4 to 10000; 800 without it.
    #[param(minimum = 4, maximum = 10_000)]
    width: Option<u32>,
}

/// A chart.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChartAnswer {
    /// Where it starts.
    from_us: i64,
    /// Where it ends, exclusive.
    to_us: i64,
    /// What it draws, in order of the names.
    series: Vec<ChartSeries>,
}

/// A series of a chart.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChartSeries {
    /// Such as `home1.pv.power`.
    series: String,
    /// The unit of its values.
    unit: String,
    /// What is measured.
    quantity: String,
    /// Whether the samples themselves are in `value`; otherwise each row is a column of pixels.
    raw: bool,
    /// Times of samples, or where each column that has samples starts.
    time_us: Vec<i64>,
    /// The samples.
    #[schema(required)]
    value: Option<Vec<Option<f64>>>,
    /// The lowest of each column.
    #[schema(required)]
    min: Option<Vec<Option<f64>>>,
    /// The highest of each column.
    #[schema(required)]
    max: Option<Vec<Option<f64>>>,
    /// The mean of each column.
    #[schema(required)]
    mean: Option<Vec<Option<f64>>>,
    /// How long a column is, where these are columns.
    #[schema(required)]
    column_us: Option<i64>,
}

/// Series as a chart of so many pixels draws them.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/chart", operation_id = "chart", tag = "readings", params(Place, ChartQuery),
    responses(
        (status = 200, body = ChartAnswer),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn chart(
    State(_api): State<Api>,
    Path(_place): Path<Place>,
    Query(_asked): Query<ChartQuery>,
) -> Result<Json<ChartAnswer>, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}
