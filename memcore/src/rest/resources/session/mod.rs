//! Signing in and out: by password, by OpenID Connect, by a link that was handed out; and the sessions that come of it.

mod cookie;
mod invitation;
mod oidc;
mod shapes;
mod visitor;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

pub(super) use self::shapes::roles;
use self::shapes::{Credentials, ListedSession, OidcMethod, PasswordChange, Session, SignInMethods};
use self::visitor::From;
use crate::accounts::{Caller, NewSession, SignIn, UserName, Via};
use crate::error::{Error, ErrorKind};
use crate::model::Timestamp;
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path};
use crate::rest::guard::Asking;
use crate::rest::paging::Page;
use crate::rest::problem::Problem;
use crate::rest::tags::Changing;
use crate::runtime::Act;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::SignInMethods, routes!(sign_in_methods))
        .at(Route::SessionBegin, routes!(begin_session))
        .at(Route::SessionShow, routes!(show_session))
        .at(Route::SessionEnd, routes!(end_session))
        .at(Route::PasswordChange, routes!(change_password))
        .at(Route::OidcBegin, routes!(oidc::begin_oidc))
        .at(Route::OidcFinish, routes!(oidc::finish_oidc))
        .at(Route::InvitationShow, routes!(invitation::show_invitation))
        .at(Route::InvitationAccept, routes!(invitation::accept_invitation))
        .at(Route::SessionsList, routes!(list_sessions))
        .at(Route::SessionRevoke, routes!(revoke_session))
}

/// How one can sign in.
#[utoipa::path(get, path = "/api/v1/session/methods", operation_id = "sign_in_methods", tag = "session", responses(
    (status = 200, body = SignInMethods),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn sign_in_methods(State(api): State<Api>) -> Result<Json<SignInMethods>, Problem> {
    let accounts = api.accounts();
    let oidc = accounts.oidc_name().map(|name| OidcMethod { name: name.to_owned() });
    Ok(Json(SignInMethods { password: true, oidc, first_start: accounts.is_empty().await? }))
}

/// Signs in with name and password; the answer sets the cookie of the session.
#[utoipa::path(post, path = "/api/v1/session", operation_id = "begin_session", tag = "session",
    request_body = Credentials,
    responses(
        (status = 200, body = Session),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn begin_session(
    State(api): State<Api>,
    before: Option<Asking>,
    from: From,
    Json(Credentials { user, password }): Json<Credentials>,
) -> Result<Response, Problem> {
    match api.accounts().sign_in(&user, &password, &from.visitor).await? {
        SignIn::Begun(session) => {
            leave(&api, before).await;
            begun(&api, session, "password", &from).await
        }
        SignIn::Refused { known } => {
            let (user, code) = (known.map(String::from), "credentials".to_owned());
            api.server().say_by(None, Act::SignInRefused { user, code, from: from.visitor.address });
            Err(Problem::new(StatusCode::UNAUTHORIZED, ErrorKind::Unauthorized.code(), "user or password is wrong"))
        }
        SignIn::Later(wait) => Ok(later(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))),
    }
}

fn later(seconds: u64) -> Response {
    let detail = format!("too many wrong passwords, expected another try in {seconds} s");
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, ErrorKind::LimitReached.code(), detail);
    ([(header::RETRY_AFTER, HeaderValue::from(seconds))], problem).into_response()
}

/// Who is asking, and what they may.
#[utoipa::path(get, path = "/api/v1/session", operation_id = "show_session", tag = "session", responses(
    (status = 200, body = Session),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn show_session(State(api): State<Api>, Asking(caller): Asking) -> Result<Changing<Session>, Problem> {
    let (csrf, expires) = match &caller.via {
        Via::Session { id, csrf } => {
            let sessions = api.accounts().sessions(&caller.user).await?;
            let expires = sessions.into_iter().find(|session| session.id == *id).map(|session| session.expires);
            (Some(csrf.clone()), expires)
        }
        Via::Token { id, .. } => {
            let tokens = api.accounts().tokens(Some(&caller.user)).await?;
            (None, tokens.into_iter().find(|token| token.id == *id).and_then(|token| token.expires))
        }
        Via::Host => (None, None),
    };
    // It ends the later the later something was asked.
    Ok(Changing { whole: shown(&api, &caller, csrf, expires).await?, by_itself: &["expires_us"] })
}

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", operation_id = "end_session", tag = "session", responses(
    (status = 204),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn end_session(State(api): State<Api>, asking: Asking, from: From) -> Result<Response, Problem> {
    if !matches!(asking.0.via, Via::Session { .. }) {
        return Err(Problem::forbidden("this takes a session: a token is revoked, not signed out"));
    }
    leave(&api, Some(asking)).await;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie::no_session(from.secure)?)]).into_response())
}

/// Changes one's own password; every other session of one's own ends.
#[utoipa::path(put, path = "/api/v1/session/password", operation_id = "change_password", tag = "session",
    request_body = PasswordChange,
    responses(
        (status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn change_password(
    State(api): State<Api>,
    Asking(caller): Asking,
    from: From,
    Json(PasswordChange { current, new }): Json<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let Via::Session { id, .. } = &caller.via else {
        return Err(Problem::forbidden("this takes a session: a token cannot change its owner's password"));
    };
    api.server().check_audit()?;
    let changed = api.accounts().change_password(&caller.user, &current, &new, &from.visitor, Some(id)).await;
    changed.map_err(|e| match e.kind() {
        // The session is good, so that this is not 401: no page is to take it for signed out.
        ErrorKind::Unauthorized => Problem::invalid("current", e.message()),
        ErrorKind::Invalid => Problem::from(e).at("new"),
        _ => Problem::from(e),
    })?;
    api.server().say_by(Some(caller.author()), Act::PasswordChanged { user: caller.user.to_string() });
    Ok(StatusCode::NO_CONTENT)
}

/// One's own sessions.
#[utoipa::path(get, path = "/api/v1/sessions", operation_id = "list_sessions", tag = "session", responses(
    (status = 200, body = Page<ListedSession>),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
))]
async fn list_sessions(State(api): State<Api>, Asking(caller): Asking) -> Result<Json<Page<ListedSession>>, Problem> {
    let own = own_id(&caller)?;
    let sessions = api.accounts().sessions(&caller.user).await?;
    let listed = sessions.into_iter().map(|session| ListedSession {
        current: own == Some(session.id.as_str()),
        id: session.id,
        begun_us: session.begun.as_micros(),
        last_seen_us: session.last_seen.as_micros(),
        expires_us: session.expires.as_micros(),
        address: session.address,
        agent: session.agent,
    });
    Ok(Json(Page { items: listed.collect(), next: None }))
}

/// Ends one of one's own sessions.
#[utoipa::path(delete, path = "/api/v1/sessions/{session}", operation_id = "revoke_session", tag = "session",
    params(("session" = String, Path, description = "The id of the session")),
    responses(
        (status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
async fn revoke_session(
    State(api): State<Api>,
    Asking(caller): Asking,
    Path(session): Path<String>,
) -> Result<StatusCode, Problem> {
    own_id(&caller)?;
    api.accounts().end_session(&caller.user, &session).await?;
    let user = caller.user.to_string();
    api.server().say_by(Some(caller.author()), Act::SignedOut { user, session });
    Ok(StatusCode::NO_CONTENT)
}

/// The id of the caller's own session, where it has one; what belongs to a person is shown to none of their tokens.
pub(super) fn own_id(caller: &Caller) -> Result<Option<&str>, Problem> {
    match &caller.via {
        Via::Session { id, .. } => Ok(Some(id)),
        Via::Host => Ok(None),
        Via::Token { .. } => Err(Problem::forbidden("this takes a session: a token neither sees nor makes credentials")),
    }
}

/// Ends the session that a browser had before.
async fn leave(api: &Api, before: Option<Asking>) {
    let Some(Asking(caller)) = before else { return };
    let Via::Session { id, .. } = &caller.via else { return };
    // One that ended meanwhile has ended.
    if api.accounts().end_session(&caller.user, id).await.is_ok() {
        let (user, session) = (caller.user.to_string(), id.clone());
        api.server().say_by(Some(caller.author()), Act::SignedOut { user, session });
    }
}

/// The answer to whoever signed in.
async fn begun(api: &Api, session: NewSession, method: &str, from: &From) -> Result<Response, Problem> {
    let cookie = said_begun(api, &session, method, from)?;
    let via = Via::Session { id: session.id, csrf: session.csrf.clone() };
    let grants = api.accounts().user(&session.user).await?.grants;
    let caller = Caller { user: session.user, via, grants };
    let answer = shown(api, &caller, Some(session.csrf), Some(session.expires)).await?;
    Ok(([(header::SET_COOKIE, cookie)], Json(answer)).into_response())
}

/// Says in the audit trail who signed in; returns the cookie of the session.
fn said_begun(api: &Api, session: &NewSession, method: &str, from: &From) -> Result<HeaderValue, Error> {
    let (user, id, address) = (session.user.to_string(), session.id.clone(), from.visitor.address);
    let by = Some(format!("user {user}"));
    api.server().say_by(by, Act::SignedIn { user, method: method.to_owned(), session: id, from: address });
    cookie::of_session(&session.secret, session.lasts, from.secure)
}

async fn shown(api: &Api, caller: &Caller, csrf: Option<String>, expires: Option<Timestamp>) -> Result<Session, Problem> {
    Ok(Session {
        user: caller.user.to_string(),
        display_name: display_name(api, &caller.user).await?,
        roles: roles(&caller.grants),
        via: (&caller.via).into(),
        csrf,
        expires_us: expires.map(Timestamp::as_micros),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// A program that vouches for its caller may name one who is no user here.
async fn display_name(api: &Api, user: &UserName) -> Result<String, Problem> {
    match api.accounts().user(user).await {
        Ok(user) => Ok(user.display_name),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(user.to_string()),
        Err(e) => Err(e.into()),
    }
}
