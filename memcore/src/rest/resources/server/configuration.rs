//! What the server was configured with, without what is secret.

use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::rest::api::Api;
use crate::rest::extract::Json;
use crate::rest::problem::Problem;

/// What the server was configured with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Configuration {
    /// Its keys by section, as in `memcore.toml`; those with a default are there too. What is secret is `***`.
    #[schema(value_type = Object)]
    sections: Map<String, Value>,
}

/// What the server was configured with. What is secret is `***`.
#[utoipa::path(
    get, path = "/api/v1/configuration", operation_id = "configuration", tag = "server",
    responses(
        (status = 200, body = Configuration),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn configuration(State(api): State<Api>) -> Result<Json<Configuration>, Problem> {
    let value = serde_json::to_value(&api.inner.config).map_err(Problem::internal)?;
    let Value::Object(sections) = value else { return Err(Problem::internal("the configuration is no table")) };
    Ok(Json(Configuration { sections }))
}
