//! API tokens: for programs, shown once, with scopes, operators and an end.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::accounts::Scope;
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::guard::Asking;
use crate::rest::problem::Problem;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::TokensList, routes!(list_tokens))
        .at(Route::TokenCreate, routes!(create_token))
        .at(Route::TokenRevoke, routes!(revoke_token))
}

/// An API token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
struct Token {
    /// Its id.
    id: String,
    /// What it was called.
    name: String,
    /// What it may at most, whatever its owner may.
    scopes: BTreeSet<Scope>,
    /// At which operators; `null` for all where its owner has a role.
    operators: Option<Vec<String>>,
    /// When it was made, in microseconds since the epoch.
    created_us: i64,
    /// When it ends; `null` for never.
    expires_us: Option<i64>,
    /// When it was last used, to about a minute.
    last_used_us: Option<i64>,
}

/// Tokens, the latest first.
#[derive(Debug, Serialize, ToSchema)]
struct TokensPage {
    /// The tokens.
    items: Vec<Token>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A token that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    /// What to call it: 1 to 64 characters.
    name: String,
    /// What it may; `read` is always among it.
    scopes: BTreeSet<Scope>,
    /// At which operators; at all where its owner has a role, unless it is said.
    operators: Option<Vec<String>>,
    /// After how long it ends, such as `90d`; never, unless it is said.
    expires: Option<String>,
}

/// A new token. Its secret is shown here only.
#[derive(Serialize, ToSchema)]
struct NewToken {
    /// The token.
    token: Token,
    /// What goes into `Authorization: Bearer ...`.
    secret: String,
}

fn unfinished() -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "accounts are not ready")
}

/// One's own tokens.
#[utoipa::path(get, path = "/api/v1/tokens", operation_id = "list_tokens", tag = "tokens", responses(
    (status = 200, body = TokensPage),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn list_tokens(State(_): State<Api>, _: Asking) -> Result<Json<TokensPage>, Problem> {
    Err(unfinished())
}

/// Makes a token; its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/tokens", operation_id = "create_token", tag = "tokens",
    request_body = TokenRequest,
    responses(
        (status = 201, body = NewToken),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn create_token(
    State(_): State<Api>,
    _: Asking,
    Json(_): Json<TokenRequest>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    Err(unfinished())
}

/// Ends one of one's own tokens.
#[utoipa::path(delete, path = "/api/v1/tokens/{token}", operation_id = "revoke_token", tag = "tokens",
    params(("token" = String, Path, description = "The id of the token")),
    responses(
        (status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn revoke_token(State(_): State<Api>, _: Asking, Path(_): Path<String>) -> Result<StatusCode, Problem> {
    Err(unfinished())
}
