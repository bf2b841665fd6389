//! Links that were handed out: what they are for, and using them.

use axum::extract::State;
use axum::response::Response;

use super::shapes::{Invitation, InvitationAnswer, Session};
use super::visitor::From;
use super::{begun, leave};
use crate::accounts::{Answer, LinkKind, UserName};
use crate::error::{Error, ErrorKind};
use crate::rest::api::Api;
use crate::rest::extract::{Json, Path};
use crate::rest::guard::Asking;
use crate::rest::problem::Problem;
use crate::runtime::Act;

/// What a link is for.
#[utoipa::path(get, path = "/api/v1/invitations/{invitation}", operation_id = "show_invitation", tag = "session",
    params(("invitation" = String, Path, description = "The secret of the link")),
    responses(
        (status = 200, body = Invitation),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn show_invitation(
    State(api): State<Api>,
    Path(secret): Path<String>,
) -> Result<Json<Invitation>, Problem> {
    let link = api.accounts().link(&secret).await?;
    let (kind, user) = (link.kind.into(), link.user.map(String::from));
    Ok(Json(Invitation { kind, user, expires_us: link.expires.as_micros() }))
}

/// Uses a link, once: signs in, with a password chosen where the link is for that.
#[utoipa::path(post, path = "/api/v1/invitations/{invitation}", operation_id = "accept_invitation", tag = "session",
    params(("invitation" = String, Path, description = "The secret of the link")),
    request_body = InvitationAnswer,
    responses(
        (status = 200, body = Session),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn accept_invitation(
    State(api): State<Api>,
    Path(secret): Path<String>,
    before: Option<Asking>,
    from: From,
    Json(answer): Json<InvitationAnswer>,
) -> Result<Response, Problem> {
    api.server().check_audit()?;
    let user = answer.user.as_deref().map(UserName::new).transpose().map_err(named)?;
    let answer = Answer { user, display_name: answer.display_name, password: answer.password };
    let accepted = api.accounts().accept(&secret, &answer, &from.visitor).await.map_err(named)?;
    leave(&api, before).await;
    let user = accepted.session.user.to_string();
    if accepted.kind == LinkKind::First {
        let roles = [("*".to_owned(), "admin".to_owned())].into();
        api.server().say_by(Some(format!("user {user}")), Act::UserInvited { user: user.clone(), roles });
    }
    if matches!(accepted.kind, LinkKind::User | LinkKind::Reset) {
        api.server().say_by(Some(format!("user {user}")), Act::PasswordChanged { user });
    }
    begun(&api, accepted.session, accepted.kind.as_str(), &from).await
}

/// What is wrong begins with the name of the field that it is about.
fn named(e: Error) -> Problem {
    let field = e.message().split_whitespace().next().unwrap_or_default().to_owned();
    let of_ours = ["user", "display_name", "password"].contains(&field.as_str());
    let invalid = e.kind() == ErrorKind::Invalid;
    let problem = Problem::from(e);
    if of_ours && invalid { problem.at(field) } else { problem }
}
