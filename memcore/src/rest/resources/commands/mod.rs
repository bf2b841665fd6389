//! Commands: sent, watched.

mod answer;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use self::answer::{AtCommand, Command, CommandAsked, CommandWait, CommandsAsked};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::paging::Page;
use crate::rest::place::AtSite;
use crate::rest::problem::Problem;

/// What the room keeps between requests.
#[derive(Debug, Default)]
pub(in crate::rest) struct Shared {}

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::CommandsList, routes!(list))
        .at(Route::CommandSend, routes!(send))
        .at(Route::CommandShow, routes!(show))
}

/// The commands of a site, the newest first.
///
/// What control orders by itself stands in its decision log and not here.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/commands",
    operation_id = "list_commands",
    tag = "commands",
    params(AtSite, CommandsAsked),
    responses(
        (status = 200, description = "A page of commands", body = Page<Command>),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(api): State<Api>,
    Path(at): Path<AtSite>,
    Query(asked): Query<CommandsAsked>,
) -> Result<Json<Page<Command>>, Problem> {
    let _ = (api, at, asked);
    Err(not_yet())
}

/// Sends a command to a channel.
///
/// It is answered as soon as it is written down: follow it by its id. With an `Idempotency-Key`, asking again has no second effect, also
/// after the server was started again. Where control steers the channel, it makes a wish of it.
#[utoipa::path(
    post,
    path = "/api/v1/operators/{operator}/sites/{site}/commands",
    operation_id = "send_command",
    tag = "commands",
    params(AtSite, ("Idempotency-Key" = Option<String>, Header, description = "The same key again has no second effect")),
    request_body = CommandAsked,
    responses(
        (status = 202, description = "Taken in", body = Command),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be written down, or control hangs", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn send(State(api): State<Api>, Path(at): Path<AtSite>, asking: Asking, Json(asked): Json<CommandAsked>) -> Response {
    let _ = (api, at, asking, asked);
    not_yet().into_response()
}

/// A command, now or once its state has changed.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/commands/{command}",
    operation_id = "show_command",
    tag = "commands",
    params(AtCommand, CommandWait),
    responses(
        (status = 200, description = "The command", body = Command),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn show(
    State(api): State<Api>,
    Path(at): Path<AtCommand>,
    Query(wait): Query<CommandWait>,
) -> Result<Json<Command>, Problem> {
    let _ = (api, at, wait);
    Err(not_yet())
}

fn not_yet() -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "this is not there yet")
}
