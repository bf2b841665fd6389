//! Plans: solved, kept, compared.

mod answer;
mod compared;
mod kept;
mod solved;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use tokio::sync::Semaphore;
use utoipa_axum::routes;

use self::answer::{AtPlan, CompareAsked, Plan, PlanAsked, PlanComparison, PlanSummary};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::paging::{Page, PageAsked};
use crate::rest::problem::Problem;
use crate::rest::within::Place;

/// Plans that are made at a time. Full-policy: the next is refused.
const MAKING: usize = 2;

/// What the room keeps between requests.
#[derive(Debug)]
pub(in crate::rest) struct Shared {
    making: Arc<Semaphore>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { making: Arc::new(Semaphore::new(MAKING)) }
    }
}

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
    params(Place, PageAsked),
    responses(
        (status = 200, description = "A page of plans", body = Page<PlanSummary>),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(api): State<Api>,
    Path(place): Path<Place>,
    Query(asked): Query<PageAsked>,
) -> Result<Json<Page<PlanSummary>>, Problem> {
    let paging = asked.paging()?;
    let plans = kept::list(api.server().records(), &place, paging.after.as_ref(), paging.limit + 1).await?;
    if plans.is_empty() {
        api.blocking(move |api| place.check(api.server())).await?;
    }
    let key = |plan: &PlanSummary| (plan.created_us.as_micros(), plan.id.clone().unwrap_or_default());
    Ok(Json(paging.page(plans, key)))
}

/// Solves a plan and keeps it.
///
/// Nothing is commanded by it. That no plan keeps all limits is an answer too, with the status `infeasible` and an explanation.
#[utoipa::path(
    post,
    path = "/api/v1/operators/{operator}/sites/{site}/plans",
    operation_id = "solve_plan",
    tag = "plans",
    params(Place, ("Idempotency-Key" = Option<String>, Header, description = "The same key again has no second effect")),
    request_body = PlanAsked,
    responses(
        (status = 201, description = "What became of the question", body = Plan),
        (status = "4XX", description = "Not done, and why; 429 where too many are being solved", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn solve(
    State(api): State<Api>,
    Path(place): Path<Place>,
    asking: Asking,
    Json(asked): Json<PlanAsked>,
) -> Result<(StatusCode, Json<Plan>), Problem> {
    let (by, keep) = (asking.0.author(), asked.keep);
    if keep {
        kept::check_room(api.server().records(), &place).await?;
    }
    let Ok(turn) = api.inner.plans.making.clone().try_acquire_owned() else {
        let detail = format!("{MAKING} plans are being made, no more are taken: try again in a few seconds");
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "LIMIT_REACHED", detail));
    };
    // Dropped where the client goes away: what is not begun by then is not begun.
    let wanted = Wanted(Arc::new(AtomicBool::new(true)));
    let (still, at) = (wanted.0.clone(), place.clone());
    let plan = api.blocking(move |api| {
        let _turn = turn;
        solved::solve(api.server(), &at, asked, by, &|| still.load(Ordering::Relaxed))
    });
    let mut plan = plan.await?;
    if keep {
        kept::keep(api.server().records(), &place, &mut plan).await?;
    }
    Ok((StatusCode::CREATED, Json(plan)))
}

/// Somebody waits for an answer.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
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
    kept::find(api.server().records(), &at.place(), at.plan.as_str()).await.map(Json)
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
    kept::remove(api.server().records(), &at.place(), at.plan.as_str()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Plans that are kept, beside each other: costs by part, energy by asset, and what differs.
#[utoipa::path(
    get,
    path = "/api/v1/operators/{operator}/sites/{site}/plan-comparison",
    operation_id = "compare_plans",
    tag = "plans",
    params(Place, CompareAsked),
    responses(
        (status = 200, description = "The comparison", body = PlanComparison),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn compare(
    State(api): State<Api>,
    Path(place): Path<Place>,
    Query(asked): Query<CompareAsked>,
) -> Result<Json<PlanComparison>, Problem> {
    let ids: Vec<_> = asked.plans.split(',').map(str::trim).collect();
    if !(2..=8).contains(&ids.len()) {
        return Err(Problem::invalid("plans", format!("plans names {}, expected 2 to 8 joined by commas", ids.len())));
    }
    let mut plans = Vec::new();
    for id in ids {
        plans.push(kept::find(api.server().records(), &place, id).await.map_err(|problem| problem.at("plans"))?);
    }
    Ok(Json(compared::beside_each_other(plans)))
}
