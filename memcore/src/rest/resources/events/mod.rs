//! Events: what happened.

mod answer;

use axum::extract::State;
use utoipa_axum::routes;

use self::answer::{Event, EventsAsked};
use crate::accounts::Role;
use crate::error::ErrorKind;
use crate::model::{Name, Timestamp};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::paging::{Page, Paging};
use crate::rest::problem::Problem;
use crate::rest::times;
use crate::rest::within::AtOperator;
use crate::runtime::EventQuery;

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
    let (now, paging) = (api.server().clock().now(), Paging::new(asked.limit, asked.cursor.as_deref())?);
    let mut query = query(&asked, &paging, now)?;
    // What is about the server itself concerns all operators alike.
    query.server = asking.0.may(Role::Viewer, None);
    query.operator = Some(at.operator);
    let events = api.server().event_history(&query).await.map_err(|e| match e.kind() {
        ErrorKind::Invalid => Problem::from(e).at("kind"),
        _ => Problem::from(e),
    })?;
    Ok(Json(paging.page(events.into_iter().map(Event::from).collect(), |event| event.id)))
}

fn query(asked: &EventsAsked, paging: &Paging<i64>, now: Timestamp) -> Result<EventQuery, Problem> {
    let mut query = EventQuery::default();
    let name = |field: &'static str, text: &Option<String>| {
        let read = text.as_deref().map(Name::new).transpose();
        read.map_err(|e| Problem::from(e).at(field))
    };
    (query.site, query.device) = (name("site", &asked.site)?, name("device", &asked.device)?);
    if query.device.is_some() && query.site.is_none() {
        return Err(Problem::invalid("site", "site is missing: expected the site of the device"));
    }
    let instant = |field, text: &Option<String>| text.as_deref().map(|text| times::instant(field, text, now)).transpose();
    (query.from, query.to) = (instant("from", &asked.from)?, instant("to", &asked.to)?);
    query.kinds.clone_from(&asked.kind);
    (query.since, query.before, query.limit) = (asked.since, paging.after, paging.limit + 1);
    Ok(query)
}
