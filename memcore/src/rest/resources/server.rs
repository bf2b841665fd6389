//! The server itself: health, description, metrics, configuration, audit trail.

use axum::Json;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::rest::access::Route;
use crate::rest::api::Routes;
use crate::rest::document;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes.at(Route::Health, routes!(health)).at(Route::Description, routes!(description))
}

/// Whether the server is well.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
    /// The version of memcore.
    version: &'static str,
}

/// Whether the server answers.
#[utoipa::path(get, path = "/api/v1/health", tag = "server", responses((status = 200, body = Health)))]
async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// This description, OpenAPI 3.1.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "server", responses((status = 200, body = Object)))]
async fn description() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document::openapi())
}
