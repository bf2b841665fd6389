//! Commands: sent, watched.

mod answer;
mod request;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use tokio::sync::Semaphore;
use utoipa_axum::routes;

use self::answer::{AtCommand, Command, CommandAsked, CommandWait, CommandsAsked};
use self::request::{AskedBy, of_refused};
use crate::model::{CommandId, Span};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::paging::{Page, Paging};
use crate::rest::problem::Problem;
use crate::rest::times;
use crate::rest::within::Place;
use crate::runtime::{CommandQuery, CommandRecord};

/// Requests that wait for a command to change. Full-policy: the next is answered at once.
const WAITING: usize = 1024;

/// How long one may wait.
const WAIT_LONGEST: Span = Span::from_seconds(60);

/// What the room keeps between requests.
#[derive(Debug)]
pub(in crate::rest) struct Shared {
    waiting: Arc<Semaphore>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { waiting: Arc::new(Semaphore::new(WAITING)) }
    }
}

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
    params(Place, CommandsAsked),
    responses(
        (status = 200, description = "A page of commands", body = Page<Command>),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(api): State<Api>,
    Path(place): Path<Place>,
    Query(asked): Query<CommandsAsked>,
) -> Result<Json<Page<Command>>, Problem> {
    let now = api.server().clock().now();
    let paging = Paging::new(asked.limit, asked.cursor.as_deref())?;
    let query = query(&place, &asked, &paging, now)?;
    let items = api.blocking(move |api| {
        let records = api.server().commands(&query)?;
        if records.is_empty() {
            place.check(api.server())?;
        }
        Ok(records.into_iter().map(|record| shown(api, record)).collect())
    });
    Ok(Json(paging.page(items.await?, |command: &Command| command.id.clone())))
}

fn query(
    place: &Place,
    asked: &CommandsAsked,
    paging: &Paging<CommandId>,
    now: crate::model::Timestamp,
) -> Result<CommandQuery, Problem> {
    let selection = place.selection(asked.series.as_deref())?;
    if !selection.is_unconditional() {
        return Err(Problem::invalid("series", "series has conditions, expected names and wildcards alone"));
    }
    let mut query = CommandQuery::default().at(place.operator.clone(), place.site.clone()).limit(paging.limit + 1);
    query.series = selection.pattern().clone();
    query.states = asked.state.iter().map(|state| state.name().to_owned()).collect();
    query.since = asked.since.as_deref().map(|text| times::instant("since", text, now)).transpose()?;
    query.before.clone_from(&paging.after);
    Ok(query)
}

/// A command with the unit of its channel.
fn shown(api: &Api, record: CommandRecord) -> Command {
    let channel = api.server().memcore().store().channel(&record.target);
    Command::new(record, channel.map(|channel| channel.base_unit()))
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
    params(Place, ("Idempotency-Key" = Option<String>, Header, description = "The same key again has no second effect")),
    request_body = CommandAsked,
    responses(
        (status = 202, description = "Taken in", body = Command),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be written down, or control hangs", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn send(
    State(api): State<Api>,
    Path(place): Path<Place>,
    asking: Asking,
    headers: HeaderMap,
    Json(asked): Json<CommandAsked>,
) -> Result<(StatusCode, Json<Command>), Problem> {
    let asker = AskedBy::new(asking.0.author(), headers.get("idempotency-key"));
    // Control may be in a decision, and then it waits.
    let (ticket, safety) = api
        .blocking(move |api| {
            let request = asked.into_request(&place, api.server(), &asker)?;
            let safety = request.safety;
            Ok((api.server().command(request).map_err(of_refused)?, safety))
        })
        .await?;
    let (mut ticket, id) = (ticket.clone(), ticket.id().clone());
    if !ticket.kept().await && !safety {
        let detail = "the command is not on disk: what becomes of it is not known after the server was started again";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "READ_ONLY", detail));
    }
    let command = shown(&api, api.server().command_record(&id)?);
    Ok((StatusCode::ACCEPTED, Json(command)))
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
    Query(asked): Query<CommandWait>,
) -> Result<Json<Command>, Problem> {
    let mut record = find(&api, &at)?;
    if let Some(text) = &asked.wait {
        let longest = times::length("wait", text)?;
        if longest < Span::default() || longest > WAIT_LONGEST {
            return Err(Problem::invalid("wait", format!("wait is {longest}, expected 0s to {WAIT_LONGEST}")));
        }
        let seen = asked.seen.unwrap_or(answer::State::of(&record.state));
        changed(&api, &record, seen, longest).await?;
        record = find(&api, &at)?;
    }
    Ok(Json(shown(&api, record)))
}

/// The command, where it is one of that site: those of others are not known here.
fn find(api: &Api, at: &AtCommand) -> Result<CommandRecord, Problem> {
    let place = Place { operator: at.operator.clone(), site: at.site.clone() };
    let unknown = || Problem::not_found(format!("command {} is not known at site {}", at.command, at.site)).at("command");
    let record = api.server().command_record(&at.command).map_err(|_| unknown())?;
    if place.has(&record.target.device) { Ok(record) } else { Err(unknown()) }
}

/// Waits until a command is in another state than that.
async fn changed(api: &Api, record: &CommandRecord, seen: answer::State, longest: Span) -> Result<(), Problem> {
    let Ok(_turn) = api.inner.commands.waiting.try_acquire() else { return Ok(()) };
    let mut ticket = api.server().find_command(&record.id)?;
    let another = async {
        while let Some(state) = ticket.changed().await {
            if answer::State::of(&state) != seen {
                return;
            }
        }
    };
    // Where nothing changes, it is answered as it is.
    let _ = tokio::time::timeout(longest.to_duration(), another).await;
    Ok(())
}
