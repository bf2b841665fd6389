//! Where power flows now: what each part of a site draws or gives, and what no meter explains.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::rest::api::Api;
use crate::rest::extract::{Json, Path};
use crate::rest::problem::Problem;
use crate::rest::within::Place;

/// What a node of the flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum NodeKind {
    /// The connection to the grid; import is positive.
    Grid,
    /// What makes electricity of the sun; production is negative.
    Pv,
    /// A battery; charging is positive.
    Battery,
    /// A charger of vehicles.
    Ev,
    /// A heat pump or an electric heater.
    HeatPump,
    /// A generator; production is negative.
    Genset,
    /// Anything else that uses energy.
    Load,
    /// What no meter of the list explains: the grid connection less everything behind it.
    Unmeasured,
}

/// Where power flows now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Flow {
    /// The time of the server.
    now_us: i64,
    /// The parts of the site.
    nodes: Vec<FlowNode>,
    /// Whether the power of every part is known, and none is stale.
    complete: bool,
}

/// A part of a site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FlowNode {
    /// What identifies it among the nodes.
    id: String,
    /// What it is.
    kind: NodeKind,
    /// What the site calls it.
    name: String,
    /// The power that flows into it, in W; null where it was never measured.
    #[schema(required)]
    power_w: Option<f64>,
    /// The state of charge, 0 to 1, where it has one.
    #[schema(required)]
    soc: Option<f64>,
    /// The series of its power; null for what is calculated.
    #[schema(required)]
    series: Option<String>,
    /// When it was measured.
    #[schema(required)]
    time_us: Option<i64>,
    /// Whether that is too long ago to stand for the present.
    stale: bool,
    /// The limit that control holds it to, in W.
    #[schema(required)]
    limit_w: Option<f64>,
    /// What control wants of it, in W.
    #[schema(required)]
    target_w: Option<f64>,
}

/// Where power flows now.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/flow", operation_id = "flow", tag = "energy", params(Place),
    responses(
        (status = 200, body = Flow),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn flow(State(_api): State<Api>, Path(_place): Path<Place>) -> Result<Json<Flow>, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}
