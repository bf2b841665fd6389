//! Members of an operator, as its own admins set them.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::shapes::{InvitedMember, Member, MemberInvitation, MemberRole};
use super::{found, handed_out, said, shown_name};
use crate::accounts::{Grants, Role, UserName};
use crate::error::ErrorKind;
use crate::model::Name;
use crate::rest::api::Api;
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::paging::{Page, PageAsked};
use crate::rest::problem::Problem;
use crate::runtime::Act;

/// Who has a role at an operator.
#[utoipa::path(get, path = "/api/v1/operators/{operator}/members", operation_id = "list_members", tag = "users",
    params(("operator" = String, Path, description = "The operator"), PageAsked),
    responses(
        (status = 200, body = Page<Member>),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn list_members(
    State(api): State<Api>,
    Path(operator): Path<Name>,
    Query(page): Query<PageAsked>,
) -> Result<Json<Page<Member>>, Problem> {
    let paging = page.paging::<String>()?;
    let members = api.accounts().members(&operator, paging.after.as_deref(), paging.limit + 1).await?;
    Ok(Json(paging.page(members.into_iter().map(Member::from).collect(), |member| member.user.clone())))
}

/// Gives a user a role at an operator; one who is not known yet is invited.
#[utoipa::path(post, path = "/api/v1/operators/{operator}/members", operation_id = "invite_member", tag = "users",
    params(("operator" = String, Path, description = "The operator")),
    request_body = MemberInvitation,
    responses(
        (status = 201, body = InvitedMember),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn invite_member(
    State(api): State<Api>,
    Asking(caller): Asking,
    Path(operator): Path<Name>,
    headers: HeaderMap,
    Json(asked): Json<MemberInvitation>,
) -> Result<(StatusCode, Json<InvitedMember>), Problem> {
    let name = UserName::new(&asked.user).map_err(|e| Problem::from(e).at("user"))?;
    api.server().check_audit()?;
    let grants = Grants::only(operator.clone(), asked.role);
    let invited = match api.accounts().invite(&name, asked.display_name.as_deref(), &grants).await {
        Ok(invited) => {
            let act = Act::UserInvited { user: name.to_string(), roles: said(&grants) };
            api.server().say_by(Some(caller.author()), act);
            Some(invited)
        }
        // One who is known is a member from now on, and nothing else changes for them.
        Err(e) if e.kind() == ErrorKind::Conflict => {
            set(&api, &caller.author(), &name, &operator, Some(asked.role)).await?;
            None
        }
        Err(e) => return Err(shown_name(e)),
    };
    let member = shown(&api, &name, &operator).await?;
    let (link, expires_us) = invited.map(|invited| handed_out(&api, &headers, &invited)).unzip();
    Ok((StatusCode::CREATED, Json(InvitedMember { member, link, expires_us })))
}

/// A member of an operator.
#[utoipa::path(get, path = "/api/v1/operators/{operator}/members/{user}", operation_id = "show_member", tag = "users",
    params(("operator" = String, Path, description = "The operator"), ("user" = String, Path, description = "The user's name")),
    responses(
        (status = 200, body = Member),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn show_member(
    State(api): State<Api>,
    Path((operator, user)): Path<(Name, String)>,
) -> Result<Json<Member>, Problem> {
    let name = found(&user)?;
    Ok(Json(shown(&api, &name, &operator).await?))
}

/// Changes a member's role.
#[utoipa::path(put, path = "/api/v1/operators/{operator}/members/{user}", operation_id = "set_member", tag = "users",
    params(("operator" = String, Path, description = "The operator"), ("user" = String, Path, description = "The user's name")),
    request_body = MemberRole,
    responses(
        (status = 200, body = Member),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn set_member(
    State(api): State<Api>,
    Asking(caller): Asking,
    Path((operator, user)): Path<(Name, String)>,
    Json(asked): Json<MemberRole>,
) -> Result<Json<Member>, Problem> {
    let name = found(&user)?;
    member(&api, &name, &operator).await?;
    set(&api, &caller.author(), &name, &operator, Some(asked.role)).await?;
    Ok(Json(shown(&api, &name, &operator).await?))
}

/// Takes a member's role at the operator away.
#[utoipa::path(delete, path = "/api/v1/operators/{operator}/members/{user}", operation_id = "remove_member", tag = "users",
    params(("operator" = String, Path, description = "The operator"), ("user" = String, Path, description = "The user's name")),
    responses(
        (status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn remove_member(
    State(api): State<Api>,
    Asking(caller): Asking,
    Path((operator, user)): Path<(Name, String)>,
) -> Result<StatusCode, Problem> {
    let name = found(&user)?;
    member(&api, &name, &operator).await?;
    set(&api, &caller.author(), &name, &operator, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set(api: &Api, by: &str, name: &UserName, operator: &Name, role: Option<Role>) -> Result<(), Problem> {
    api.server().check_audit()?;
    api.accounts().set_role(name, Some(operator), role).await?;
    let (user, operator, role) = (name.to_string(), operator.to_string(), role.map(|role| role.to_string()));
    api.server().say_by(Some(by.to_owned()), Act::RoleSet { user, operator, role });
    Ok(())
}

/// Who is no member is not known to the operator's admin: no name of another operator's user can be guessed at.
async fn member(api: &Api, name: &UserName, operator: &Name) -> Result<(), Problem> {
    let unknown = || Problem::not_found(format!("user {name} is no member of operator {operator}"));
    match api.accounts().user(name).await {
        Ok(user) if user.grants.at.contains_key(operator) => Ok(()),
        Ok(_) => Err(unknown()),
        Err(e) if e.kind() == ErrorKind::NotFound => Err(unknown()),
        Err(e) => Err(e.into()),
    }
}

async fn shown(api: &Api, name: &UserName, operator: &Name) -> Result<Member, Problem> {
    let unknown = || Problem::not_found(format!("user {name} is no member of operator {operator}"));
    let user = api.accounts().user(name).await;
    let user = user.map_err(|e| if e.kind() == ErrorKind::NotFound { unknown() } else { e.into() })?;
    let role = user.grants.role_at(operator).ok_or_else(unknown)?;
    let own = user.grants.at.get(operator).copied();
    let everywhere = own.is_none_or(|own| own < role);
    Ok(Member { user: user.name.into(), display_name: user.display_name, role, everywhere })
}
