//! The balance of a site: what it took, made, kept and used, and what that cost.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::rest::api::Api;
use crate::rest::extract::{Json, Path, Query};
use crate::rest::problem::Problem;
use crate::rest::within::Place;

/// Which time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct BalanceQuery {
    /// From this instant on: RFC 3339, microseconds since the epoch, or so long ago, `-7d`. The first sample without it.
    from: Option<String>,
    /// Before this instant, likewise. Behind the last sample without it.
    to: Option<String>,
    /// One row a bucket: `15m`, `1h`, `1d`, `1mo`; a day without it.
    every: Option<String>,
    /// The zone whose calendar the buckets follow; that of the site where it is controlled, otherwise UTC.
    zone: Option<String>,
}

/// The balance of a site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BalanceAnswer {
    /// The zone whose calendar the rows follow.
    zone: String,
    /// Where it starts.
    from_us: i64,
    /// Where it ends, exclusive.
    to_us: i64,
    /// The currency of cost and revenue; null where no tariff is known.
    #[schema(required)]
    currency: Option<String>,
    /// One a bucket.
    rows: Vec<BalanceRow>,
    /// The whole time in one row.
    total: BalanceRow,
    /// Which series were read, and as what.
    parts: Vec<BalancePart>,
}

/// A series of the balance.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BalancePart {
    /// Such as `home1.pv.power`.
    series: String,
    /// `grid`, `production`, `storage` or `load`.
    role: &'static str,
}

/// The balance of some time. What is not measured counts nothing, and `coverage` says so; null is unknown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct BalanceRow {
    /// Where it starts.
    from_us: i64,
    /// Where it ends, exclusive.
    to_us: i64,
    /// Taken from the grid.
    #[schema(required)]
    import_wh: Option<f64>,
    /// Given to the grid.
    #[schema(required)]
    export_wh: Option<f64>,
    /// Made on the site.
    #[schema(required)]
    produced_wh: Option<f64>,
    /// Put into storage.
    #[schema(required)]
    charged_wh: Option<f64>,
    /// Taken from storage.
    #[schema(required)]
    discharged_wh: Option<f64>,
    /// Used.
    #[schema(required)]
    consumed_wh: Option<f64>,
    /// What no device explains; null where no load is measured.
    #[schema(required)]
    unexplained_wh: Option<f64>,
    /// Which share of the time is measured, 0 to 1.
    coverage: f64,
    /// Which share of what was made stayed on the site.
    #[schema(required)]
    self_consumption: Option<f64>,
    /// Which share of what was used was not imported.
    #[schema(required)]
    self_sufficiency: Option<f64>,
    /// What the import cost, by the tariff; of what is measured and has a price.
    #[schema(required)]
    cost: Option<f64>,
    /// What the export brought.
    #[schema(required)]
    revenue: Option<f64>,
}

/// The balance of a site, by day, month or any length.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/balance", operation_id = "balance", tag = "energy", params(Place, BalanceQuery),
    responses(
        (status = 200, body = BalanceAnswer),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn balance(
    State(_api): State<Api>,
    Path(_place): Path<Place>,
    Query(_asked): Query<BalanceQuery>,
) -> Result<Json<BalanceAnswer>, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}
