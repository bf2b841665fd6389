//! The audit trail, newest first.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::model::DeviceName;
use crate::rest::api::Api;
use crate::rest::extract::{Json, Query};
use crate::rest::paging::{Page, Paging};
use crate::rest::problem::Problem;
use crate::rest::times;
use crate::runtime::{AuditEntry, AuditQuery};

/// A line of the audit trail.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct AuditLine {
    /// Rises by one with each line.
    number: u64,
    /// When, by the server's clock.
    time_us: i64,
    /// At whose wish: `user anna@example.org`, `program`, `uid 1000`; nobody's of what devices and the server itself do.
    #[schema(required)]
    by: Option<String>,
    /// What happened, such as `enrolled`.
    kind: String,
    /// The device that it is about, where it is about one.
    #[schema(required)]
    device: Option<String>,
    /// What else is said of it: other fields for each kind.
    #[schema(value_type = Object)]
    details: serde_json::Map<String, serde_json::Value>,
}

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditLines {
    /// From then on: RFC 3339, microseconds since the epoch, `now`, or `-24h`.
    from: Option<String>,
    /// Before then.
    to: Option<String>,
    /// Only those of that kind, such as `enrolled`.
    kind: Option<String>,
    /// Only those at the wish of that one, such as `user anna@example.org`.
    by: Option<String>,
    /// Only those about that device, such as `home1.pv`.
    #[param(value_type = Option<String>)]
    device: Option<DeviceName>,
    /// How many items at most; 100 unless said otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The audit trail: who did what, the newest first.
#[utoipa::path(
    get, path = "/api/v1/audit", operation_id = "audit_trail", tag = "server", params(AuditLines),
    responses(
        (status = 200, body = Page<AuditLine>),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn audit_trail(
    State(api): State<Api>,
    Query(lines): Query<AuditLines>,
) -> Result<Json<Page<AuditLine>>, Problem> {
    let paging: Paging<u64> = Paging::new(lines.limit, lines.cursor.as_deref())?;
    let instant =
        |field, text: Option<&String>| text.map(|text| times::instant(field, text, api.server().clock().now())).transpose();
    let mut query = AuditQuery::default();
    (query.since, query.until) = (instant("from", lines.from.as_ref())?, instant("to", lines.to.as_ref())?);
    (query.device, query.kind, query.by) = (lines.device, lines.kind, lines.by);
    (query.before, query.limit) = (paging.after, paging.limit + 1);
    let read = move |api: &Api| api.server().audit(&query).map_err(|e| Problem::from(e).at("kind"));
    let newest_first = api.blocking(read).await?.entries.into_iter().rev().map(line_of).collect();
    Ok(Json(paging.page(newest_first, |line: &AuditLine| line.number)))
}

fn line_of(entry: AuditEntry) -> AuditLine {
    let mut details = match serde_json::to_value(&entry.act) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    details.remove("kind");
    AuditLine {
        number: entry.number,
        time_us: entry.time.as_micros(),
        by: entry.by,
        kind: entry.act.kind().to_owned(),
        device: entry.act.device().map(ToString::to_string),
        details,
    }
}
