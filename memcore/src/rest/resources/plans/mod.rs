//! Plans: solved, kept, compared.

mod answer;

use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::routes;

use self::answer::{AtPlan, CompareAsked, Plan, PlanAsked, PlanComparison, PlanSummary, PlansAsked};
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
        .at(Route::PlansList, routes!(list))
        .at(Route::PlanSolve, routes!(solve))
        .at(Route::PlanShow, routes!(show))
        .at(Route::PlanRemove, routes!(remove))
        .at(Route::PlansCompare, routes!(compare))
}

/// The plans that are kept, the newest first, without their steps.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/plans",
    operation_id = "list_plans",
    tag = "plans",
    params(AtSite, PlansAsked),
    responses(
        (status = 200, description = "A page of plans", body = Page<PlanSummary>),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(api): State<Api>,
    Path(at): Path<AtSite>,
    Query(asked): Query<PlansAsked>,
) -> Result<Json<Page<PlanSummary>>, Problem> {
    let _ = (api, at, asked);
    Err(not_yet())
}

/// Solves a plan and keeps it.
///
/// Nothing is commanded by it. That no plan keeps all limits is an answer too, with the status `infeasible` and an explanation.
#[utoipa::path(
    post,
    path = "/api/v1/operators/{operator}/sites/{site}/plans",
    operation_id = "solve_plan",
    tag = "plans",
    params(AtSite, ("Idempotency-Key" = Option<String>, Header, description = "The same key again has no second effect")),
    request_body = PlanAsked,
    responses(
        (status = 201, description = "What became of the question", body = Plan),
        (status = "4XX", description = "Not done, and why; 429 where too many are being solved", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn solve(
    State(api): State<Api>,
    Path(at): Path<AtSite>,
    asking: Asking,
    Json(asked): Json<PlanAsked>,
) -> Result<(StatusCode, Json<Plan>), Problem> {
    let _ = (api, at, asking, asked);
    Err(not_yet())
}

/// A plan that is kept.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/plans/{plan}",
    operation_id = "show_plan",
    tag = "plans",
    params(AtPlan),
    responses(
        (status = 200, description = "The plan", body = Plan),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn show(State(api): State<Api>, Path(at): Path<AtPlan>) -> Result<Json<Plan>, Problem> {
    let _ = (api, at);
    Err(not_yet())
}

/// Removes a plan.
#[utoipa::path(
    delete,
    path = "/api/v1/operators/{operator}/sites/{site}/plans/{plan}",
    operation_id = "remove_plan",
    tag = "plans",
    params(AtPlan),
    responses(
        (status = 204, description = "Removed"),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn remove(State(api): State<Api>, Path(at): Path<AtPlan>) -> Result<StatusCode, Problem> {
    let _ = (api, at);
    Err(not_yet())
}

/// Plans that are kept, beside each other: costs by part, energy by asset, and what differs.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/plan-comparison",
    operation_id = "compare_plans",
    tag = "plans",
    params(AtSite, CompareAsked),
    responses(
        (status = 200, description = "The comparison", body = PlanComparison),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn compare(
    State(api): State<Api>,
    Path(at): Path<AtSite>,
    Query(asked): Query<CompareAsked>,
) -> Result<Json<PlanComparison>, Problem> {
    let _ = (api, at, asked);
    Err(not_yet())
}

fn not_yet() -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "this is not there yet")
}
