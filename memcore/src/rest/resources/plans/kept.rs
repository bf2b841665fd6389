//! Plans in the records: kept, listed, found, removed.

use sqlx::Row;

use super::answer::{Plan, PlanSummary};
use crate::records::{Records, failed};
use crate::rest::problem::Problem;
use crate::rest::within::Place;

/// Plans that are kept of a site. Full-policy: the next is refused; what somebody kept is removed by nobody else.
const KEPT: i64 = 500;

/// # Errors
/// 409 where no more are kept.
pub(super) async fn check_room(records: &Records, place: &Place) -> Result<(), Problem> {
    let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM plans WHERE operator = $1 AND site = $2");
    let count = count.bind(place.operator.as_str()).bind(place.site.as_str()).fetch_one(records.pool()).await;
    if count.map_err(failed)? < KEPT {
        return Ok(());
    }
    let detail = format!("{KEPT} plans are kept of this site, no more are: remove some, or send keep = false");
    Err(Problem::new(axum::http::StatusCode::CONFLICT, "LIMIT_REACHED", detail).at("keep"))
}

/// Keeps a plan under an id of its own.
pub(super) async fn keep(records: &Records, place: &Place, plan: &mut Plan) -> Result<(), Problem> {
    let mut bytes = [0_u8; 12];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|_| Problem::internal("the operating system has no random numbers"))?;
    let id = format!("p-{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    plan.summary.id = Some(id.clone());
    let written = |value: serde_json::Result<String>| value.map_err(|e| Problem::internal(format!("the plan: {e}")));
    let (summary, whole) = (written(serde_json::to_string(&plan.summary))?, written(serde_json::to_string(plan))?);
    let insert =
        sqlx::query("INSERT INTO plans (id, operator, site, created_us, summary, plan) VALUES ($1, $2, $3, $4, $5, $6)");
    let insert = insert.bind(id).bind(place.operator.as_str()).bind(place.site.as_str());
    let insert = insert.bind(plan.summary.created_us.as_micros()).bind(summary).bind(whole);
    insert.execute(records.pool()).await.map_err(failed)?;
    Ok(())
}

/// The plans of a site, the newest first, after the one of that time and id.
pub(super) async fn list(
    records: &Records,
    place: &Place,
    after: Option<&(i64, String)>,
    limit: usize,
) -> Result<Vec<PlanSummary>, Problem> {
    let (before, id) = after.cloned().unwrap_or((i64::MAX, String::new()));
    let select = sqlx::query(
        "SELECT summary FROM plans WHERE operator = $1 AND site = $2 AND (created_us < $3 OR (created_us = $3 AND id < $4)) \
         ORDER BY created_us DESC, id DESC LIMIT $5",
    );
    let select = select.bind(place.operator.as_str()).bind(place.site.as_str()).bind(before).bind(id);
    let rows = select.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(records.pool()).await.map_err(failed)?;
    rows.iter().map(|row| read(&row.try_get::<String, _>(0).map_err(failed)?)).collect()
}

/// # Errors
/// 404 where the site has no such plan.
pub(super) async fn find(records: &Records, place: &Place, id: &str) -> Result<Plan, Problem> {
    let select = sqlx::query("SELECT plan FROM plans WHERE id = $1 AND operator = $2 AND site = $3").bind(id);
    let select = select.bind(place.operator.as_str()).bind(place.site.as_str());
    let row = select.fetch_optional(records.pool()).await.map_err(failed)?.ok_or_else(|| unknown(place, id))?;
    read(&row.try_get::<String, _>(0).map_err(failed)?)
}

/// # Errors
/// 404 where the site has no such plan.
pub(super) async fn remove(records: &Records, place: &Place, id: &str) -> Result<(), Problem> {
    let delete = sqlx::query("DELETE FROM plans WHERE id = $1 AND operator = $2 AND site = $3").bind(id);
    let delete = delete.bind(place.operator.as_str()).bind(place.site.as_str());
    match delete.execute(records.pool()).await.map_err(failed)?.rows_affected() {
        0 => Err(unknown(place, id)),
        _ => Ok(()),
    }
}

fn unknown(place: &Place, id: &str) -> Problem {
    let id = crate::model::shorten(id);
    Problem::not_found(format!("plan {id} is not known at site {}", place.site))
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|e| Problem::internal(format!("a plan that was kept cannot be read: {e}")))
}
