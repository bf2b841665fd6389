//! Users and their roles: at all operators by an admin of all, at one operator by an admin of that.

mod members;
mod shapes;

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use utoipa_axum::routes;

use self::shapes::{ChangedUser, InvitedUser, User, UserChange, UserInvitation};
use crate::accounts::{self, Grants, Invited, Role, UserName};
use crate::error::{Error, ErrorKind};
use crate::model::Timestamp;
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::paging::{Page, PageAsked};
use crate::rest::problem::Problem;
use crate::rest::tags::Changing;
use crate::runtime::Act;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::UsersList, routes!(list_users))
        .at(Route::UserInvite, routes!(invite_user))
        .at(Route::UserShow, routes!(show_user))
        .at(Route::UserChange, routes!(change_user))
        .at(Route::UserRemove, routes!(remove_user))
        .at(Route::MembersList, routes!(members::list_members))
        .at(Route::MemberInvite, routes!(members::invite_member))
        .at(Route::MemberShow, routes!(members::show_member))
        .at(Route::MemberSet, routes!(members::set_member))
        .at(Route::MemberRemove, routes!(members::remove_member))
}

/// All users.
#[utoipa::path(get, path = "/api/v1/users", operation_id = "list_users", tag = "users", params(PageAsked), responses(
    (status = 200, body = Page<User>),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn list_users(State(api): State<Api>, Query(page): Query<PageAsked>) -> Result<Json<Page<User>>, Problem> {
    let paging = page.paging::<String>()?;
    let users = api.accounts().users(paging.after.as_deref(), paging.limit + 1).await?;
    Ok(Json(paging.page(users.into_iter().map(User::from).collect(), |user| user.user.clone())))
}

/// Invites a user: the answer has a link to choose a password by.
#[utoipa::path(post, path = "/api/v1/users", operation_id = "invite_user", tag = "users",
    request_body = UserInvitation,
    responses(
        (status = 201, body = InvitedUser),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn invite_user(
    State(api): State<Api>,
    Asking(caller): Asking,
    headers: HeaderMap,
    Json(asked): Json<UserInvitation>,
) -> Result<(StatusCode, Json<InvitedUser>), Problem> {
    let name = UserName::new(&asked.user).map_err(|e| Problem::from(e).at("user"))?;
    let grants = granted(asked.roles)?;
    api.server().check_audit()?;
    let invited = api.accounts().invite(&name, asked.display_name.as_deref(), &grants).await.map_err(shown_name)?;
    let act = Act::UserInvited { user: name.to_string(), roles: said(&grants) };
    api.server().say_by(Some(caller.author()), act);
    let user = api.accounts().user(&name).await?.into();
    let (link, expires) = handed_out(&api, &headers, &invited);
    Ok((StatusCode::CREATED, Json(InvitedUser { user, link, expires_us: expires })))
}

/// A user.
#[utoipa::path(get, path = "/api/v1/users/{user}", operation_id = "show_user", tag = "users",
    params(("user" = String, Path, description = "The user's name")),
    responses(
        (status = 200, body = User),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn show_user(State(api): State<Api>, Path(user): Path<String>) -> Result<Changing<User>, Problem> {
    let whole = api.accounts().user(&found(&user)?).await?.into();
    Ok(Changing { whole, by_itself: &["last_seen_us"] })
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
    State(api): State<Api>,
    Asking(caller): Asking,
    Path(user): Path<String>,
    headers: HeaderMap,
    Json(asked): Json<UserChange>,
) -> Result<Json<ChangedUser>, Problem> {
    let name = found(&user)?;
    let UserChange { display_name, roles, disabled, reset } = asked;
    let grants = roles.map(granted).transpose()?;
    api.server().check_audit()?;
    let wanted = accounts::UserChange { display_name, grants, disabled, reset };
    let invited = api.accounts().change_user(&name, &wanted).await.map_err(shown_name)?;
    let (user, by) = (name.to_string(), Some(caller.author()));
    if wanted.reset {
        api.server().say_by(by.clone(), Act::LinkMade { user: user.clone(), link: "reset".into() });
    }
    api.server().say_by(by, Act::UserChanged { user, roles: wanted.grants.as_ref().map(said), disabled });
    let user = api.accounts().user(&name).await?.into();
    let (link, expires_us) = invited.map(|invited| handed_out(&api, &headers, &invited)).unzip();
    Ok(Json(ChangedUser { user, link, expires_us }))
}

/// Removes a user, with all sessions and tokens.
#[utoipa::path(delete, path = "/api/v1/users/{user}", operation_id = "remove_user", tag = "users",
    params(("user" = String, Path, description = "The user's name")),
    responses(
        (status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn remove_user(
    State(api): State<Api>,
    Asking(caller): Asking,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let name = found(&user)?;
    api.server().check_audit()?;
    api.accounts().remove_user(&name).await?;
    api.server().say_by(Some(caller.author()), Act::UserRemoved { user: name.to_string() });
    Ok(StatusCode::NO_CONTENT)
}

/// A user of the path: what cannot be a name is nobody's.
fn found(user: &str) -> Result<UserName, Problem> {
    UserName::new(user).map_err(|e| Problem::not_found(e.message()))
}

fn granted(roles: BTreeMap<String, Role>) -> Result<Grants, Problem> {
    Grants::try_from(roles).map_err(|e| Problem::from(e).at("roles"))
}

fn shown_name(e: Error) -> Problem {
    let invalid = e.kind() == ErrorKind::Invalid;
    let problem = Problem::from(e);
    if invalid { problem.at("display_name") } else { problem }
}

/// Roles as the audit trail has them.
fn said(grants: &Grants) -> BTreeMap<String, String> {
    grants.iter().map(|(operator, role)| (operator.to_owned(), role.to_string())).collect()
}

/// The link, and until when it is good. Without a configured address it begins with where the caller's browser found the page, which
/// no other can say for it.
fn handed_out(api: &Api, headers: &HeaderMap, invited: &Invited) -> (String, i64) {
    let configured = api.page("");
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let origin = origin.filter(|origin| origin.starts_with("https://") || origin.starts_with("http://"));
    let page = if configured.is_empty() { origin.unwrap_or_default() } else { &configured };
    (invited.at(page), Timestamp::as_micros(invited.expires))
}
