//! Users and their roles: at all operators by an admin of all, at one operator by an admin of that.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::accounts::Role;
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::guard::Asking;
use crate::rest::problem::Problem;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::UsersList, routes!(list_users))
        .at(Route::UserInvite, routes!(invite_user))
        .at(Route::UserShow, routes!(show_user))
        .at(Route::UserChange, routes!(change_user))
        .at(Route::UserRemove, routes!(remove_user))
        .at(Route::MembersList, routes!(list_members))
        .at(Route::MemberInvite, routes!(invite_member))
        .at(Route::MemberSet, routes!(set_member))
        .at(Route::MemberRemove, routes!(remove_member))
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
struct User {
    /// The name that the user signs in with.
    user: String,
    /// The name to be shown.
    display_name: String,
    /// The role at each operator; at `*` for all of them.
    roles: BTreeMap<String, Role>,
    /// Whether the user is shut out.
    disabled: bool,
    /// Whether the user signs in by OpenID Connect.
    oidc: bool,
    /// Whether the user has chosen a password.
    password: bool,
    /// When the user was made, in microseconds since the epoch.
    created_us: i64,
    /// When the user was last seen, to about a minute.
    last_seen_us: Option<i64>,
}

/// Users, by name.
#[derive(Debug, Serialize, ToSchema)]
struct UsersPage {
    /// The users.
    items: Vec<User>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A user to be invited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserInvitation {
    /// The name to sign in with: 1 to 64 of `a-z 0-9 . _ + @ -`, an address of e-mail as a rule.
    user: String,
    /// The name to be shown; that to sign in with, unless it is said.
    display_name: Option<String>,
    /// The role at each operator; at `*` for all of them.
    #[serde(default)]
    roles: BTreeMap<String, Role>,
}

/// A user who was invited.
#[derive(Debug, Serialize, ToSchema)]
struct InvitedUser {
    /// The user.
    user: User,
    /// The link to choose a password by, good once. Hand it to nobody else.
    link: String,
    /// Until when the link is good, in microseconds since the epoch.
    expires_us: i64,
}

/// What is to change of a user; what is not said stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserChange {
    /// The name to be shown.
    display_name: Option<String>,
    /// All roles from now on.
    roles: Option<BTreeMap<String, Role>>,
    /// Whether the user is shut out; sessions end at once, and tokens are good for nothing meanwhile.
    disabled: Option<bool>,
    /// Makes a link to choose another password by; the password so far and all sessions end.
    #[serde(default)]
    reset: bool,
}

/// A user who was changed.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedUser {
    /// The user.
    user: User,
    /// The link to choose another password by, where one was asked for.
    link: Option<String>,
    /// Until when the link is good, in microseconds since the epoch.
    expires_us: Option<i64>,
}

/// Who has a role at an operator.
#[derive(Debug, Serialize, ToSchema)]
struct Member {
    /// The user's name.
    user: String,
    /// The name to be shown.
    display_name: String,
    /// The role.
    role: Role,
    /// Whether it comes of a role at all operators, which is not changed here.
    everywhere: bool,
}

/// Members, by name.
#[derive(Debug, Serialize, ToSchema)]
struct MembersPage {
    /// The members.
    items: Vec<Member>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A user to be given a role at an operator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MemberInvitation {
    /// The name to sign in with; one who is not known yet is invited.
    user: String,
    /// The name to be shown, of one who is invited.
    display_name: Option<String>,
    /// The role.
    role: Role,
}

/// Who was given a role.
#[derive(Debug, Serialize, ToSchema)]
struct InvitedMember {
    /// The member.
    member: Member,
    /// The link to choose a password by, of one who was not known.
    link: Option<String>,
    /// Until when the link is good, in microseconds since the epoch.
    expires_us: Option<i64>,
}

/// A role to be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MemberRole {
    /// The role.
    role: Role,
}

fn unfinished() -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "accounts are not ready")
}

/// All users.
#[utoipa::path(get, path = "/api/v1/users", operation_id = "list_users", tag = "users", responses(
    (status = 200, body = UsersPage),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn list_users(State(_): State<Api>, _: Asking) -> Result<Json<UsersPage>, Problem> {
    Err(unfinished())
}

/// Invites a user: the answer has a link to choose a password by.
#[utoipa::path(post, path = "/api/v1/users", operation_id = "invite_user", tag = "users",
    request_body = UserInvitation,
    responses(
        (status = 201, body = InvitedUser),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn invite_user(
    State(_): State<Api>,
    _: Asking,
    Json(_): Json<UserInvitation>,
) -> Result<(StatusCode, Json<InvitedUser>), Problem> {
    Err(unfinished())
}

/// A user.
#[utoipa::path(get, path = "/api/v1/users/{user}", operation_id = "show_user", tag = "users",
    params(("user" = String, Path, description = "The user's name")),
    responses(
        (status = 200, body = User),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn show_user(State(_): State<Api>, _: Asking, Path(_): Path<String>) -> Result<Json<User>, Problem> {
    Err(unfinished())
}

/// Changes a user.
#[utoipa::path(patch, path = "/api/v1/users/{user}", operation_id = "change_user", tag = "users",
    params(("user" = String, Path, description = "The user's name")),
    request_body = UserChange,
    responses(
        (status = 200, body = ChangedUser),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn change_user(
    State(_): State<Api>,
    _: Asking,
    Path(_): Path<String>,
    Json(_): Json<UserChange>,
) -> Result<Json<ChangedUser>, Problem> {
    Err(unfinished())
}

/// Removes a user, with all sessions and tokens.
#[utoipa::path(delete, path = "/api/v1/users/{user}", operation_id = "remove_user", tag = "users",
    params(("user" = String, Path, description = "The user's name")),
    responses(
        (status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn remove_user(State(_): State<Api>, _: Asking, Path(_): Path<String>) -> Result<StatusCode, Problem> {
    Err(unfinished())
}

/// Who has a role at an operator.
#[utoipa::path(get, path = "/api/v1/operators/{operator}/members", operation_id = "list_members", tag = "users",
    params(("operator" = String, Path, description = "The operator")),
    responses(
        (status = 200, body = MembersPage),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn list_members(State(_): State<Api>, _: Asking, Path(_): Path<String>) -> Result<Json<MembersPage>, Problem> {
    Err(unfinished())
}

/// Gives a user a role at an operator; one who is not known yet is invited.
#[utoipa::path(post, path = "/api/v1/operators/{operator}/members", operation_id = "invite_member", tag = "users",
    params(("operator" = String, Path, description = "The operator")),
    request_body = MemberInvitation,
    responses(
        (status = 201, body = InvitedMember),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn invite_member(
    State(_): State<Api>,
    _: Asking,
    Path(_): Path<String>,
    Json(_): Json<MemberInvitation>,
) -> Result<(StatusCode, Json<InvitedMember>), Problem> {
    Err(unfinished())
}

/// Changes a member's role.
#[utoipa::path(put, path = "/api/v1/operators/{operator}/members/{user}", operation_id = "set_member", tag = "users",
    params(("operator" = String, Path, description = "The operator"), ("user" = String, Path, description = "The user's name")),
    request_body = MemberRole,
    responses(
        (status = 200, body = Member),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn set_member(
    State(_): State<Api>,
    _: Asking,
    Path(_): Path<(String, String)>,
    Json(_): Json<MemberRole>,
) -> Result<Json<Member>, Problem> {
    Err(unfinished())
}

/// Takes a member's role at the operator away.
#[utoipa::path(delete, path = "/api/v1/operators/{operator}/members/{user}", operation_id = "remove_member", tag = "users",
    params(("operator" = String, Path, description = "The operator"), ("user" = String, Path, description = "The user's name")),
    responses(
        (status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn remove_member(State(_): State<Api>, _: Asking, Path(_): Path<(String, String)>) -> Result<StatusCode, Problem> {
    Err(unfinished())
}
