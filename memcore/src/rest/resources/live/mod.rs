//! Live data: server-sent events and WebSockets, resumed where they broke off.

mod entry;
mod filter;
mod follower;
mod hub;
mod socket;
mod sources;
mod sse;

use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use self::filter::Filter;
use self::follower::Follower;
use self::hub::Hub;
use self::sources::Sources;
use crate::accounts::Via;
use crate::model::Name;
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Path, Query};
use crate::rest::guard::Asking;
use crate::rest::problem::Problem;
use crate::rest::within::AtOperator;

/// What the room keeps between requests: the hub, from the first listener on.
#[derive(Debug, Default)]
pub(in crate::rest) struct Shared {
    hub: OnceLock<Arc<Hub>>,
}

impl Shared {
    /// The hub. The first who asks begins to follow the server.
    async fn hub(&self, api: &Api) -> Result<Arc<Hub>, Problem> {
        let hub = self.hub.get_or_init(|| Arc::new(Hub::new(api.server().clock().now()))).clone();
        if hub.begin() {
            let sources = Sources::open(api.server()).await.inspect_err(|_| hub.end("shutdown"))?;
            tokio::spawn(sources.run(hub.clone()));
        }
        Ok(hub)
    }
}

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes.at(Route::Live, routes!(live)).at(Route::LiveSocket, routes!(live_socket))
}

/// What is followed.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct LiveQuery {
    /// Which topics, by commas: readings events commands control alarms. All without it.
    topics: Option<String>,
    /// Of readings and commands: which series, such as `home1.*.power`; it may be repeated. All without it.
    series: Vec<String>,
    /// Only of this site.
    site: Option<String>,
    /// Go on behind this cursor; `Last-Event-ID` goes before it.
    resume: Option<String>,
}

/// What `readings` hold: those that arrived together, side by side.
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code, reason = "it is written by hand, and described by this")]
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
#[allow(dead_code, reason = "it is written by hand, and described by this")]
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
    params(AtOperator, LiveQuery, ("last-event-id" = Option<String>, Header, description = "Go on behind this cursor.")),
    responses(
        (status = 200, body = LiveReadings, content_type = "text/event-stream"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn live(
    State(api): State<Api>,
    Path(at): Path<AtOperator>,
    Query(asked): Query<LiveQuery>,
    Asking(caller): Asking,
    request: Parts,
) -> Result<Response, Problem> {
    let filter = asked.filter(at.operator)?;
    let hub = api.inner.live.hub(&api).await?;
    let resume = last_event_id(&request.headers).or(asked.resume);
    Ok(sse::answer(Follower::new(api, hub, filter, resume, (request, caller))?))
}

/// Live data over a WebSocket: messages as `LiveMessage`, and `LiveRequest` from the client at any time.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/live/socket", operation_id = "live_socket", tag = "live",
    params(AtOperator, LiveQuery),
    responses(
        (status = 101, description = "The connection is a WebSocket now.", body = LiveMessage),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn live_socket(
    State(api): State<Api>,
    Path(at): Path<AtOperator>,
    Query(asked): Query<LiveQuery>,
    Asking(caller): Asking,
    request: Parts,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let filter = asked.filter(at.operator)?;
    let upgrade = upgrade.map_err(|e| Problem::new(StatusCode::UPGRADE_REQUIRED, "INVALID", e.body_text()))?;
    let vouched = matches!(caller.via, Via::Host) && request.headers.contains_key(header::ORIGIN);
    if vouched || matches!(caller.via, Via::Session { .. }) {
        socket::check_origin(&request.headers)?;
    }
    let hub = api.inner.live.hub(&api).await?;
    let follower = Follower::new(api, hub, filter, asked.resume, (request, caller))?;
    let upgrade = upgrade.max_message_size(socket::MESSAGE_BYTES).max_frame_size(socket::MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(|socket| socket::serve(socket, follower)))
}

impl LiveQuery {
    fn filter(&self, operator: Name) -> Result<Filter, Problem> {
        let topics: Vec<String> = self.topics.iter().flat_map(|topics| topics.split(',')).map(str::to_owned).collect();
        Filter::new(operator, self.site.as_deref(), &topics, &self.series)
    }
}

/// What a browser sends of its own accord when it comes back.
fn last_event_id(headers: &HeaderMap) -> Option<String> {
    headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned)
}
