//! Events: what happened.

mod answer;

use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::routes;

use self::answer::{Event, EventsAsked};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::paging::Page;
use crate::rest::place::AtOperator;
use crate::rest::problem::Problem;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes.at(Route::EventsList, routes!(list))
}

/// What happened at an operator's sites, the newest first.
///
/// Events of the server itself are shown to those who may see all operators.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/events",
    operation_id = "list_events",
    tag = "events",
    params(AtOperator, EventsAsked),
    responses(
        (status = 200, description = "A page of events", body = Page<Event>),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(api): State<Api>,
    Path(at): Path<AtOperator>,
    asking: Asking,
    Query(asked): Query<EventsAsked>,
) -> Result<Json<Page<Event>>, Problem> {
    let _ = (api, at, asking, asked);
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "this is not there yet"))
}
