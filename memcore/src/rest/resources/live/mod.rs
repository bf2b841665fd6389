//! Live data: server-sent events and WebSockets, resumed where they broke off.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::rest::api::Api;
use crate::rest::extract::{Path, Query};
use crate::rest::problem::Problem;
use utoipa_axum::routes;

use crate::model::Name;
use crate::rest::access::Route;
use crate::rest::api::Routes;

/// What the room keeps between requests.
#[derive(Debug, Default)]
pub(in crate::rest) struct Shared {}

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes.at(Route::Live, routes!(live)).at(Route::LiveSocket, routes!(live_socket))
}

/// An operator, as paths name it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct OperatorPath {
    /// The operator, such as `local`.
    #[param(value_type = String)]
    operator: Name,
}

/// What is followed.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct LiveQuery {
    /// Which topics, by commas: readings events commands control alarms. All without it.
    topics: Option<String>,
    /// Of readings and commands: which series, such as `home1.*.power`; several by commas. All without it.
    series: Option<String>,
    /// Only of this site.
    site: Option<String>,
    /// Go on behind this cursor; `Last-Event-ID` goes before it.
    resume: Option<String>,
}

/// What `readings` hold: those that arrived together, side by side.
#[derive(Debug, Serialize, ToSchema)]
struct LiveReadings {
    /// Which series each is of.
    series: Vec<String>,
    /// When each was measured.
    time_us: Vec<i64>,
    /// The values, in the base unit of their channel and in passive sign.
    value: Vec<Option<f64>>,
}

/// What a client of the WebSocket sends to follow something else from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LiveRequest {
    /// What to follow.
    subscribe: LiveSubscription,
}

/// What is followed; everything where a field is absent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct LiveSubscription {
    /// Which topics.
    topics: Option<Vec<String>>,
    /// Which series.
    series: Option<Vec<String>>,
    /// Only of this site.
    site: Option<String>,
}

/// A message of the WebSocket.
#[derive(Debug, Serialize, ToSchema)]
struct LiveMessage {
    /// `hello`, `beat`, `reset`, `lost`, `end`, or a topic.
    topic: String,
    /// The cursor behind it; null for what does not move it.
    #[schema(required)]
    id: Option<String>,
    /// What it says, as the data of server-sent events.
    data: serde_json::Value,
}

/// Live data as server-sent events: `hello` first, then what arrives, and a `beat` every five seconds. `reset` says that what came
/// behind the cursor is gone, `lost` that this reader was too slow for so much, `end` that it is over and why.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/live", operation_id = "live", tag = "live",
    params(OperatorPath, LiveQuery, ("last-event-id" = Option<String>, Header, description = "Go on behind this cursor.")),
    responses(
        (status = 200, body = LiveReadings, content_type = "text/event-stream"),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn live(
    State(_api): State<Api>,
    Path(_at): Path<OperatorPath>,
    Query(_asked): Query<LiveQuery>,
) -> Result<Response, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}

/// Live data over a WebSocket: messages as `LiveMessage`, and `LiveRequest` from the client at any time.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/live/socket", operation_id = "live_socket", tag = "live",
    params(OperatorPath, LiveQuery),
    responses(
        (status = 101, description = "The connection is a WebSocket now.", body = LiveMessage),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn live_socket(
    State(_api): State<Api>,
    Path(_at): Path<OperatorPath>,
    Query(_asked): Query<LiveQuery>,
) -> Result<Response, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}
