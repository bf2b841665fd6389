//! Control of a site: what is decided, why, and what people wish for.

mod answer;
mod followed;
mod wish;

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;
use utoipa_axum::routes;

use self::answer::{
    ControlEnabled, CurrentPlan, EnabledNow, Explanation, ProposalAsked, ProposalTaken, WhyAsked, WithdrawAsked, Withdrawn,
};
use crate::error::ErrorKind;
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::problem::Problem;
use crate::rest::times;
use crate::rest::within::Place;
use crate::runtime::ControlStatus;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::ControlShow, routes!(show))
        .at(Route::ControlEnable, routes!(enable))
        .at(Route::ProposalSend, routes!(propose))
        .at(Route::ProposalsWithdraw, routes!(withdraw))
        .at(Route::SiteModelShow, routes!(model))
        .at(Route::Why, routes!(why))
        .at(Route::PlanCurrent, routes!(plan))
}

/// How control of the site is: what is measured and decided of every asset, who acts, what is wrong.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/control",
    operation_id = "show_control",
    tag = "control",
    params(Place),
    responses(
        (status = 200, description = "How control is", body = ControlStatus),
        (status = "4XX", description = "Not done, and why; 404 where the site is not controlled", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "A decision hangs", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn show(State(api): State<Api>, Path(place): Path<Place>) -> Result<Json<ControlStatus>, Problem> {
    let status = api.blocking(move |api| {
        is_controlled(api, &place)?;
        Ok(api.server().control_status()?)
    });
    status.await.map(Json)
}

/// Pauses control, or lets it go on.
#[utoipa::path(
    put,
    path = "/api/v1/operators/{operator}/sites/{site}/control/enabled",
    operation_id = "enable_control",
    tag = "control",
    params(Place),
    request_body = ControlEnabled,
    responses(
        (status = 200, description = "How it is now", body = EnabledNow),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be written down", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "A decision hangs", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn enable(
    State(api): State<Api>,
    Path(place): Path<Place>,
    asking: Asking,
    Json(asked): Json<ControlEnabled>,
) -> Result<Json<EnabledNow>, Problem> {
    let author = asking.0.author();
    let changed = api.blocking(move |api| {
        is_controlled(api, &place)?;
        Ok(api.server().set_control_enabled_by(asked.enabled, author)?)
    });
    Ok(Json(EnabledNow { enabled: asked.enabled, changed: changed.await? }))
}

/// Wishes for a power of an asset, of a role or of a group, for a while.
///
/// It is decided about with the next tick; what became of it stands in `proposals` of the status.
#[utoipa::path(
    post,
    path = "/api/v1/operators/{operator}/sites/{site}/control/proposals",
    operation_id = "propose",
    tag = "control",
    params(Place, ("Idempotency-Key" = Option<String>, Header, description = "The same key again has no second effect")),
    request_body = ProposalAsked,
    responses(
        (status = 201, description = "Taken in", body = ProposalTaken),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "A decision hangs", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn propose(
    State(api): State<Api>,
    Path(place): Path<Place>,
    asking: Asking,
    Json(asked): Json<ProposalAsked>,
) -> Result<(StatusCode, Json<ProposalTaken>), Problem> {
    let author = asking.0.author();
    let taken = api.blocking(move |api| {
        is_controlled(api, &place)?;
        let target = asked.target.clone();
        let proposal = asked.into_proposal(&author)?;
        let (actor, span) = (proposal.actor.clone(), proposal.valid_for);
        let id = api.server().propose_as_person(proposal, author).map_err(wish::of_refused)?;
        let until_us = api.server().clock().now().saturating_add(span);
        Ok(ProposalTaken { id, actor, target, until_us })
    });
    Ok((StatusCode::CREATED, Json(taken.await?)))
}

/// Takes wishes back, and lets go of what a person holds.
#[utoipa::path(
    delete,
    path = "/api/v1/operators/{operator}/sites/{site}/control/proposals",
    operation_id = "withdraw_proposals",
    tag = "control",
    params(Place, WithdrawAsked),
    responses(
        (status = 200, description = "What was taken back", body = Withdrawn),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "A decision hangs", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn withdraw(
    State(api): State<Api>,
    Path(place): Path<Place>,
    asking: Asking,
    Query(asked): Query<WithdrawAsked>,
) -> Result<Json<Withdrawn>, Problem> {
    let (actor, target) = asked.read()?;
    let author = asking.0.author();
    let withdrawn = api.blocking(move |api| {
        is_controlled(api, &place)?;
        Ok(api.server().withdraw_by(&actor, target.as_ref(), author)?)
    });
    Ok(Json(Withdrawn { withdrawn: withdrawn.await? }))
}

/// The site model: what is controlled, circuits, limits, strategies, as in the site's file.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/control/model",
    operation_id = "show_site_model",
    tag = "control",
    params(Place),
    responses(
        (status = 200, description = "The site model", body = Object),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn model(State(api): State<Api>, Path(place): Path<Place>) -> Result<Json<Value>, Problem> {
    is_controlled(&api, &place)?;
    let none = || Problem::not_found("no site is controlled");
    let model = api.server().checked_model().ok_or_else(none)?;
    serde_json::to_value(model.model())
        .map(Json)
        .map_err(|e| Problem::internal(format!("the site model cannot be said in JSON: {e}")))
}

/// Why an asset was as it was at a time.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/why",
    operation_id = "explain_decision",
    tag = "control",
    params(Place, WhyAsked),
    responses(
        (status = 200, description = "The decision that stood, in words and numbers", body = Explanation),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn why(
    State(api): State<Api>,
    Path(place): Path<Place>,
    Query(asked): Query<WhyAsked>,
) -> Result<Json<Explanation>, Problem> {
    let explained = api.blocking(move |api| {
        is_controlled(api, &place)?;
        let about = match (&asked.asset, &asked.series) {
            (Some(asset), None) => asset.clone(),
            (None, Some(series)) => {
                let one = place.selection(Some(series))?.exact();
                one.ok_or_else(|| Problem::invalid("series", "series is a pattern, expected one series"))?.to_string()
            }
            (None, None) => return Err(Problem::invalid("asset", "asset is missing: expected it, or series")),
            (Some(_), Some(_)) => return Err(Problem::invalid("series", "expected asset or series, not both")),
        };
        explain(api, &about, asked.at.as_deref().unwrap_or("now"))
    });
    explained.await.map(Json)
}

fn explain(api: &Api, about: &str, at: &str) -> Result<Explanation, Problem> {
    // What machines say of time, and what only people of the site do.
    let is_instant = at == "now" || at.starts_with('-') || at.parse::<i64>().is_ok();
    let why = if is_instant {
        api.server().why(about, times::instant("at", at, api.server().clock().now())?)
    } else {
        api.server().why_at(about, at)
    };
    let why = why.map_err(|e| match e.kind() {
        ErrorKind::Invalid => Problem::from(e).at("at"),
        _ => Problem::from(e),
    })?;
    let text = why.lines();
    let (asked, at_us, sentence) = (why.asked, why.at, why.sentence);
    Ok(Explanation { asked, at_us, sentence, text, decided: why.decided, answered: why.answered })
}

/// The plan that is followed, beside what came.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/control/plan",
    operation_id = "show_current_plan",
    tag = "control",
    params(Place),
    responses(
        (status = 200, description = "The plan that is followed", body = CurrentPlan),
        (status = "4XX", description = "Not done, and why; 404 where no plan is followed", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "A decision hangs", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn plan(State(api): State<Api>, Path(place): Path<Place>) -> Result<Json<CurrentPlan>, Problem> {
    let plan = api.blocking(move |api| {
        is_controlled(api, &place)?;
        let none = || Problem::not_found(format!("no plan is followed at site {} now", place.site));
        followed::beside_what_came(api.server(), api.server().plan_followed()?.ok_or_else(none)?)
    });
    plan.await.map(Json)
}

/// Only the site of the server's site model is controlled.
fn is_controlled(api: &Api, place: &Place) -> Result<(), Problem> {
    if api.controls(&place.operator, &place.site) {
        return Ok(());
    }
    Err(Problem::not_found(format!("site {} of {} is not controlled by this server", place.site, place.operator)))
}
