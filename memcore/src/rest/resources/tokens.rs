//! API tokens: for programs, shown once, with scopes, operators and an end.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::accounts::{Scope, Token as Kept, TokenRequest as Wanted};
use crate::error::ErrorKind;
use crate::model::{Name, Span, Timestamp};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path};
use crate::rest::guard::Asking;
use crate::rest::paging::Page;
use crate::rest::problem::Problem;
use crate::rest::resources::session::own_id;
use crate::runtime::Act;

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

impl From<Kept> for Token {
    fn from(kept: Kept) -> Self {
        Self {
            id: kept.id,
            name: kept.name,
            scopes: kept.scopes,
            operators: kept.operators.map(|names| names.into_iter().map(String::from).collect()),
            created_us: kept.created.as_micros(),
            expires_us: kept.expires.map(Timestamp::as_micros),
            last_used_us: kept.last_used.map(Timestamp::as_micros),
        }
    }
}

impl TryFrom<TokenRequest> for Wanted {
    type Error = Problem;
    fn try_from(asked: TokenRequest) -> Result<Self, Problem> {
        let TokenRequest { name, scopes, operators, expires } = asked;
        let named = |names: Vec<String>| names.iter().map(|name| Name::new(name)).collect::<Result<_, _>>();
        let operators = operators.map(named).transpose().map_err(|e| Problem::from(e).at("operators"))?;
        let lasts = expires.as_deref().map(str::parse::<Span>).transpose();
        let lasts = lasts.map_err(|e| Problem::from(e).at("expires"))?;
        Ok(Self { name, scopes, operators, lasts })
    }
}

/// One's own tokens.
#[utoipa::path(get, path = "/api/v1/tokens", operation_id = "list_tokens", tag = "tokens", responses(
    (status = 200, body = Page<Token>),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn list_tokens(State(api): State<Api>, Asking(caller): Asking) -> Result<Json<Page<Token>>, Problem> {
    own_id(&caller)?;
    let tokens = api.accounts().tokens(Some(&caller.user)).await?;
    Ok(Json(Page { items: tokens.into_iter().map(Token::from).collect(), next: None }))
}

/// Makes a token; its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/tokens", operation_id = "create_token", tag = "tokens",
    request_body = TokenRequest,
    responses(
        (status = 201, body = NewToken),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn create_token(
    State(api): State<Api>,
    Asking(caller): Asking,
    Json(asked): Json<TokenRequest>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    own_id(&caller)?;
    api.server().check_audit()?;
    let made = api.accounts().create_token(&caller.user, asked.try_into()?).await;
    let (token, secret) = made.map_err(|e| {
        let field = e.message().split_whitespace().next().unwrap_or_default().to_owned();
        let invalid = e.kind() == ErrorKind::Invalid;
        let problem = Problem::from(e);
        if invalid { problem.at(field) } else { problem }
    })?;
    let scopes = token.scopes.iter().map(ToString::to_string).collect();
    let act = Act::TokenCreated { user: caller.user.to_string(), token: token.id.clone(), scopes };
    api.server().say_by(Some(caller.author()), act);
    Ok((StatusCode::CREATED, Json(NewToken { token: token.into(), secret })))
}

/// Ends one of one's own tokens.
#[utoipa::path(delete, path = "/api/v1/tokens/{token}", operation_id = "revoke_token", tag = "tokens",
    params(("token" = String, Path, description = "The id of the token")),
    responses(
        (status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn revoke_token(
    State(api): State<Api>,
    Asking(caller): Asking,
    Path(token): Path<String>,
) -> Result<StatusCode, Problem> {
    own_id(&caller)?;
    let user = api.accounts().revoke_token(Some(&caller.user), &token).await?.to_string();
    api.server().say_by(Some(caller.author()), Act::TokenRevoked { user, token });
    Ok(StatusCode::NO_CONTENT)
}
