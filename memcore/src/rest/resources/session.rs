//! Signing in and out: by password, by OpenID Connect, by a link that was handed out; and the sessions that come of it.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Json, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::accounts::Role;
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::guard::Asking;
use crate::rest::problem::Problem;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::SignInMethods, routes!(sign_in_methods))
        .at(Route::SessionBegin, routes!(begin_session))
        .at(Route::SessionShow, routes!(show_session))
        .at(Route::SessionEnd, routes!(end_session))
        .at(Route::PasswordChange, routes!(change_password))
        .at(Route::OidcBegin, routes!(begin_oidc))
        .at(Route::OidcFinish, routes!(finish_oidc))
        .at(Route::InvitationShow, routes!(show_invitation))
        .at(Route::InvitationAccept, routes!(accept_invitation))
        .at(Route::SessionsList, routes!(list_sessions))
        .at(Route::SessionRevoke, routes!(revoke_session))
}

/// How one can sign in here.
#[derive(Debug, Serialize, ToSchema)]
struct SignInMethods {
    /// By name and password.
    password: bool,
    /// By OpenID Connect, where it is set up.
    oidc: Option<OidcMethod>,
    /// Whether there is no user yet: the link that the server printed makes the first.
    first_start: bool,
}

/// Signing in by OpenID Connect.
#[derive(Debug, Serialize, ToSchema)]
struct OidcMethod {
    /// What the provider is called.
    name: String,
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    /// The user's name.
    user: String,
    /// The password.
    password: String,
}

/// Who is asking, and what they may.
#[derive(Debug, Serialize, ToSchema)]
struct Session {
    /// The user's name.
    user: String,
    /// The name to be shown.
    display_name: String,
    /// The role at each operator; at `*` for all of them.
    roles: BTreeMap<String, Role>,
    /// How the caller proved itself.
    via: SessionVia,
    /// What must come back in `X-CSRF-Token` with every request that changes something; of a session only.
    csrf: Option<String>,
    /// When it ends at the latest, in microseconds since the epoch; `null` where it does not end by itself.
    expires_us: Option<i64>,
    /// The version of memcore.
    version: String,
}

/// How a caller proved itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SessionVia {
    /// By the session of a browser.
    Session,
    /// By an API token.
    Token,
    /// The program that the server is embedded in vouches for it.
    Host,
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The password so far.
    current: String,
    /// The one from now on: 12 characters at least.
    new: String,
}

/// What the provider of OpenID Connect sends a browser back with.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OidcAnswer {
    /// The code to be exchanged.
    code: Option<String>,
    /// What ties the answer to the question.
    state: Option<String>,
    /// What the provider refused for.
    error: Option<String>,
}

/// What a link is for.
#[derive(Debug, Serialize, ToSchema)]
struct Invitation {
    /// What it is for.
    kind: InvitationKind,
    /// Whom it is for; `null` for the first user, who chooses a name.
    user: Option<String>,
    /// Until when it is good, in microseconds since the epoch.
    expires_us: i64,
}

/// What a link is for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum InvitationKind {
    /// To make the first user, who is admin at all operators.
    First,
    /// To choose a password, being new.
    User,
    /// To choose another password.
    Reset,
    /// To sign in, once, without a password.
    SignIn,
}

/// What one answers to a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InvitationAnswer {
    /// The name to sign in with: of the first user only.
    user: Option<String>,
    /// The name to be shown.
    display_name: Option<String>,
    /// The password from now on, 12 characters at least; not with a link that signs in.
    password: Option<String>,
}

/// A session of a browser.
#[derive(Debug, Serialize, ToSchema)]
struct ListedSession {
    /// Its id.
    id: String,
    /// When it began, in microseconds since the epoch.
    begun_us: i64,
    /// When it was last used, to about a minute.
    last_seen_us: i64,
    /// When it ends at the latest.
    expires_us: i64,
    /// From which address it began.
    address: Option<String>,
    /// By which browser, as it said itself.
    agent: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

/// Sessions, the latest first.
#[derive(Debug, Serialize, ToSchema)]
struct SessionsPage {
    /// The sessions.
    items: Vec<ListedSession>,
    /// Where the next page begins.
    next: Option<String>,
}

fn unfinished() -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "accounts are not ready")
}

/// How one can sign in.
#[utoipa::path(get, path = "/api/v1/session/methods", operation_id = "sign_in_methods", tag = "session", responses(
    (status = 200, body = SignInMethods),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn sign_in_methods(State(_): State<Api>) -> Result<Json<SignInMethods>, Problem> {
    Err(unfinished())
}

/// Signs in with name and password; the answer sets the cookie of the session.
#[utoipa::path(post, path = "/api/v1/session", operation_id = "begin_session", tag = "session",
    request_body = Credentials,
    responses(
        (status = 200, body = Session),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn begin_session(State(_): State<Api>, Json(_): Json<Credentials>) -> Result<Json<Session>, Problem> {
    Err(unfinished())
}

/// Who is asking, and what they may.
#[utoipa::path(get, path = "/api/v1/session", operation_id = "show_session", tag = "session", responses(
    (status = 200, body = Session),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn show_session(State(_): State<Api>, _: Asking) -> Result<Json<Session>, Problem> {
    Err(unfinished())
}

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", operation_id = "end_session", tag = "session", responses(
    (status = 204),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn end_session(State(_): State<Api>, _: Asking) -> Result<StatusCode, Problem> {
    Err(unfinished())
}

/// Changes one's own password; every other session of one's own ends.
#[utoipa::path(put, path = "/api/v1/session/password", operation_id = "change_password", tag = "session",
    request_body = PasswordChange,
    responses(
        (status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn change_password(State(_): State<Api>, _: Asking, Json(_): Json<PasswordChange>) -> Result<StatusCode, Problem> {
    Err(unfinished())
}

/// Sends the browser to the provider of OpenID Connect.
#[utoipa::path(get, path = "/api/v1/session/oidc", operation_id = "begin_oidc", tag = "session", responses(
    (status = 303, headers(("Location" = String, description = "The provider"))),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn begin_oidc(State(_): State<Api>) -> Result<Response, Problem> {
    Err(unfinished())
}

/// Where the provider sends the browser back to; from here it goes on to the page, signed in or told why not.
#[utoipa::path(get, path = "/api/v1/session/oidc/callback", operation_id = "finish_oidc", tag = "session",
    params(OidcAnswer),
    responses(
        (status = 303, headers(("Location" = String, description = "The page"))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn finish_oidc(State(_): State<Api>, Query(_): Query<OidcAnswer>) -> Result<Response, Problem> {
    Err(unfinished())
}

/// What a link is for.
#[utoipa::path(get, path = "/api/v1/invitations/{invitation}", operation_id = "show_invitation", tag = "session",
    params(("invitation" = String, Path, description = "The secret of the link")),
    responses(
        (status = 200, body = Invitation),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn show_invitation(State(_): State<Api>, Path(_): Path<String>) -> Result<Json<Invitation>, Problem> {
    Err(unfinished())
}

/// Uses a link, once: signs in, with a password chosen where the link is for that.
#[utoipa::path(post, path = "/api/v1/invitations/{invitation}", operation_id = "accept_invitation", tag = "session",
    params(("invitation" = String, Path, description = "The secret of the link")),
    request_body = InvitationAnswer,
    responses(
        (status = 200, body = Session),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn accept_invitation(
    State(_): State<Api>,
    Path(_): Path<String>,
    Json(_): Json<InvitationAnswer>,
) -> Result<Json<Session>, Problem> {
    Err(unfinished())
}

/// One's own sessions.
#[utoipa::path(get, path = "/api/v1/sessions", operation_id = "list_sessions", tag = "session", responses(
    (status = 200, body = SessionsPage),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn list_sessions(State(_): State<Api>, _: Asking) -> Result<Json<SessionsPage>, Problem> {
    Err(unfinished())
}

/// Ends one of one's own sessions.
#[utoipa::path(delete, path = "/api/v1/sessions/{session}", operation_id = "revoke_session", tag = "session",
    params(("session" = String, Path, description = "The id of the session")),
    responses(
        (status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn revoke_session(State(_): State<Api>, _: Asking, Path(_): Path<String>) -> Result<StatusCode, Problem> {
    Err(unfinished())
}
