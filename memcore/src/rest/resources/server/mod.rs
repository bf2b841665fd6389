//! The server itself: health, description, status, metrics, configuration, audit trail.

mod audit;
mod configuration;
mod metrics;
mod status;

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::document;
use crate::rest::extract::Json;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::Health, routes!(health))
        .at(Route::Description, routes!(description))
        .at(Route::Metrics, routes!(metrics::metrics))
        .at(Route::ServerStatus, routes!(status::server_status))
        .at(Route::Configuration, routes!(configuration::configuration))
        .at(Route::AuditTrail, routes!(audit::audit_trail))
}

/// Whether the server is well.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// How it is.
    status: HealthStatus,
    /// The version of memcore.
    version: &'static str,
}

/// How a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HealthStatus {
    /// It takes and keeps what devices send.
    Ok,
    /// The store takes no writes: the disk is full, or failed.
    ReadOnly,
    /// What devices sent waits for the disk and does not become durable.
    Stalled,
}

/// Whether the server is well. Anyone may ask: it tells nothing of what is stored.
#[utoipa::path(
    get, path = "/api/v1/health", operation_id = "health", tag = "server",
    responses((status = 200, body = Health), (status = 503, body = Health)),
)]
async fn health(State(api): State<Api>) -> (StatusCode, Json<Health>) {
    let status = match api.server() {
        server if server.memcore().stats().read_only.is_some() => HealthStatus::ReadOnly,
        server if server.is_stalled() => HealthStatus::Stalled,
        _ => HealthStatus::Ok,
    };
    let answer = if status == HealthStatus::Ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (answer, Json(Health { status, version: env!("CARGO_PKG_VERSION") }))
}

/// This description, OpenAPI 3.1.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", operation_id = "description", tag = "server",
    responses((status = 200, body = Object)),
)]
async fn description() -> impl IntoResponse {
    // Written once: it is long, and stays what it is.
    static WRITTEN: OnceLock<Bytes> = OnceLock::new();
    let text = WRITTEN.get_or_init(|| document::openapi().into()).clone();
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text)
}
