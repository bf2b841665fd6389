//! What the data doctor finds.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::rest::api::Api;
use crate::rest::extract::{Json, Path, Query};
use crate::rest::problem::Problem;
use crate::rest::within::Place;
use utoipa_axum::routes;

use crate::rest::access::Route;
use crate::rest::api::Routes;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes.at(Route::Findings, routes!(findings))
}

/// What is examined.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct FindingsQuery {
    /// A selection within the site. All series without it: they are held against each other.
    series: Option<String>,
    /// From this instant on: RFC 3339, microseconds since the epoch, or so long ago, `-24h`; thirty days before `to` without it.
    from: Option<String>,
    /// Before this instant, likewise; now without it. At most 400 days lie between.
    to: Option<String>,
}

/// What the doctor found.
#[derive(Debug, Serialize, ToSchema)]
struct Findings {
    /// Where the time starts that was examined.
    from_us: i64,
    /// Where it ends, exclusive.
    to_us: i64,
    /// How many series were examined.
    examined: u64,
    /// The worst first.
    findings: Vec<FoundFinding>,
}

/// Something that the doctor found.
#[derive(Debug, Serialize, ToSchema)]
struct FoundFinding {
    /// What it is, such as `gap` or `unit_slip`.
    kind: &'static str,
    /// `note`, `warning` or `fault`.
    severity: &'static str,
    /// The series that show it.
    series: Vec<String>,
    /// How often it occurs.
    count: u64,
    /// How sure the doctor is, 0 to 1.
    confidence: f64,
    /// What was seen, for people.
    message: String,
    /// Where, as rows of the series from one number to another, both included; at most a hundred ranges.
    rows: Vec<FoundRows>,
    /// The earliest instant that it concerns.
    #[schema(required)]
    from_us: Option<i64>,
    /// The latest.
    #[schema(required)]
    to_us: Option<i64>,
    /// What to declare, a line each, such as `home1.pv.power sign = "generator"`.
    declare: Vec<String>,
    /// What to do about what no declaration mends.
    #[schema(required)]
    repair: Option<String>,
    /// A picture of it, for those that are worse than notes.
    #[schema(required)]
    picture_svg: Option<String>,
}

/// Rows of a series.
#[derive(Debug, Serialize, ToSchema)]
struct FoundRows {
    /// The first.
    first: u64,
    /// The last.
    last: u64,
}

/// What is wrong with series, before anyone calculates with them.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/findings", operation_id = "findings", tag = "energy", params(Place, FindingsQuery),
    responses(
        (status = 200, body = Findings),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn findings(
    State(_api): State<Api>,
    Path(_place): Path<Place>,
    Query(_asked): Query<FindingsQuery>,
) -> Result<Json<Findings>, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}
