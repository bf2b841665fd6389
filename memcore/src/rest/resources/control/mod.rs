//! Control of a site: what is decided, why, and what people wish for.

mod answer;

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;
use utoipa_axum::routes;

use self::answer::{
    ControlEnabled, CurrentPlan, EnabledNow, Explanation, ProposalAsked, ProposalTaken, WhyAsked, WithdrawAsked, Withdrawn,
};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::place::AtSite;
use crate::rest::problem::Problem;
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
    params(AtSite),
    responses(
        (status = 200, description = "How control is", body = ControlStatus),
        (status = "4XX", description = "Not done, and why; 404 where the site is not controlled", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "A decision hangs", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn show(State(api): State<Api>, Path(at): Path<AtSite>) -> Result<Json<ControlStatus>, Problem> {
    let _ = (api, at);
    Err(not_yet())
}

/// Pauses control, or lets it go on.
#[utoipa::path(
    put,
    path = "/api/v1/operators/{operator}/sites/{site}/control/enabled",
    operation_id = "enable_control",
    tag = "control",
    params(AtSite),
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
    Path(at): Path<AtSite>,
    asking: Asking,
    Json(asked): Json<ControlEnabled>,
) -> Result<Json<EnabledNow>, Problem> {
    let _ = (api, at, asking, asked);
    Err(not_yet())
}

/// Wishes for a power of an asset, of a role or of a group, for a while.
///
/// It is decided about with the next tick; what became of it stands in `proposals` of the status.
#[utoipa::path(
    post,
    path = "/api/v1/operators/{operator}/sites/{site}/control/proposals",
    operation_id = "propose",
    tag = "control",
    params(AtSite, ("Idempotency-Key" = Option<String>, Header, description = "The same key again has no second effect")),
    request_body = ProposalAsked,
    responses(
        (status = 201, description = "Taken in", body = ProposalTaken),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "A decision hangs", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn propose(
    State(api): State<Api>,
    Path(at): Path<AtSite>,
    asking: Asking,
    Json(asked): Json<ProposalAsked>,
) -> Result<(StatusCode, Json<ProposalTaken>), Problem> {
    let _ = (api, at, asking, asked);
    Err(not_yet())
}

/// Takes wishes back, and lets go of what a person holds.
#[utoipa::path(
    delete,
    path = "/api/v1/operators/{operator}/sites/{site}/control/proposals",
    operation_id = "withdraw_proposals",
    tag = "control",
    params(AtSite, WithdrawAsked),
    responses(
        (status = 200, description = "What was taken back", body = Withdrawn),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "A decision hangs", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn withdraw(
    State(api): State<Api>,
    Path(at): Path<AtSite>,
    asking: Asking,
    Query(asked): Query<WithdrawAsked>,
) -> Result<Json<Withdrawn>, Problem> {
    let _ = (api, at, asking, asked);
    Err(not_yet())
}

/// The site model: what is controlled, circuits, limits, strategies, as in the site's file.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/control/model",
    operation_id = "show_site_model",
    tag = "control",
    params(AtSite),
    responses(
        (status = 200, description = "The site model", body = Object),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn model(State(api): State<Api>, Path(at): Path<AtSite>) -> Result<Json<Value>, Problem> {
    let _ = (api, at);
    Err(not_yet())
}

/// Why an asset was as it was at a time.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/why",
    operation_id = "explain_decision",
    tag = "control",
    params(AtSite, WhyAsked),
    responses(
        (status = 200, description = "The decision that stood, in words and numbers", body = Explanation),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn why(
    State(api): State<Api>,
    Path(at): Path<AtSite>,
    Query(asked): Query<WhyAsked>,
) -> Result<Json<Explanation>, Problem> {
    let _ = (api, at, asked);
    Err(not_yet())
}

/// The plan that is followed, beside what came.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/control/plan",
    operation_id = "show_current_plan",
    tag = "control",
    params(AtSite),
    responses(
        (status = 200, description = "The plan that is followed", body = CurrentPlan),
        (status = "4XX", description = "Not done, and why; 404 where no plan is followed", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "A decision hangs", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn plan(State(api): State<Api>, Path(at): Path<AtSite>) -> Result<Json<CurrentPlan>, Problem> {
    let _ = (api, at);
    Err(not_yet())
}

fn not_yet() -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "this is not there yet")
}
