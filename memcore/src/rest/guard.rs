//! Who asks, and whether they may: before every handler, by the row of its route.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use subtle::ConstantTimeEq;

use super::access::{Access, Route};
use super::api::Api;
use super::peer::Peer;
use super::problem::Problem;
use crate::accounts::{Caller, Role, Via};
use crate::model::Name;

/// The cookie of a session. Over TLS its name keeps other hosts of the domain, and pages without TLS, from setting it.
pub(super) fn session_cookie(secure: bool) -> &'static str {
    if secure { "__Host-memcore_session" } else { "memcore_session" }
}

/// Put into a request's extensions by the program that embeds the API: it vouches for the caller.
#[derive(Debug, Clone)]
pub struct HostCaller(pub Arc<Caller>);

/// Who asks, for handlers. Absent only on public routes.
#[derive(Debug, Clone)]
pub(super) struct Asking(pub(super) Arc<Caller>);

impl<S: Sync> FromRequestParts<S> for Asking {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unproved)
    }
}

/// On public routes, where it may be that nobody is signed in.
impl<S: Sync> OptionalFromRequestParts<S> for Asking {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

/// Whether the caller may use the route, with those parameters of its path.
///
/// # Errors
/// 401 without a caller, 403 where its role or scope does not reach, 404 at an operator of which it may see nothing.
pub(super) fn admit(route: Route, parameters: &RawPathParams, caller: Option<&Caller>) -> Result<(), Problem> {
    let Some(caller) = caller else {
        return if route.access() == Access::Public { Ok(()) } else { Err(unproved()) };
    };
    let allowed = match route.access() {
        Access::Public | Access::SignedIn => true,
        Access::Everywhere(role) => caller.may(role, None),
        Access::Somewhere(role) => somewhere(caller, role),
        Access::At(role) => {
            let operator = parameters.iter().find(|(name, _)| *name == "operator").map(|(_, value)| value);
            let operator = Name::new(operator.unwrap_or_default()).map_err(|e| Problem::from(e).at("operator"))?;
            // What one may not see does not exist for them: no name of an operator can be guessed at.
            if caller.grants.role_at(&operator).is_none() {
                return Err(Problem::not_found(format!("operator {operator} is not known")));
            }
            caller.may(role, Some(&operator))
        }
    };
    if allowed { Ok(()) } else { Err(Problem::forbidden(needs(route.access()))) }
}

fn somewhere(caller: &Caller, role: Role) -> bool {
    caller.may(role, None) || caller.grants.at.keys().any(|operator| caller.may(role, Some(operator)))
}

fn needs(access: Access) -> String {
    let named =
        |role: Role| serde_json::to_value(role).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    match access {
        Access::At(role) => format!("this takes the role {} at the operator", named(role)),
        Access::Everywhere(role) => format!("this takes the role {} at all operators", named(role)),
        Access::Somewhere(role) => format!("this takes the role {} at an operator", named(role)),
        Access::Public | Access::SignedIn => String::new(),
    }
}

/// Who asks, where it shows anything that says so.
///
/// # Errors
/// 401 for a token that is not good, 403 where a browser was made to ask by another page, and as the records.
pub(super) async fn who(api: &Api, request: &Parts) -> Result<Option<Arc<Caller>>, Problem> {
    if let Some(HostCaller(caller)) = request.extensions.get() {
        if !request.method.is_safe() {
            check_site(&request.headers)?;
        }
        return Ok(Some(caller.clone()));
    }
    let accounts = &api.inner.accounts;
    if let Some(token) = bearer(&request.headers) {
        return accounts.token(token).await?.map(Some).ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "the token is not known, or its time is over")
        });
    }
    let peer = request.extensions.get::<Peer>().copied().unwrap_or_default();
    let caller = match cookie(&request.headers, session_cookie(api.secure(peer))) {
        Some(secret) => accounts.session(secret).await?,
        None => None,
    };
    if !request.method.is_safe() {
        check_origin(api, request)?;
        caller.as_deref().map_or(Ok(()), |caller| check_csrf(caller, &request.headers))?;
    }
    Ok(caller)
}

/// A browser says which page makes it ask. Without a token only our own may: a form of another signs nobody in or out.
fn check_origin(api: &Api, request: &Parts) -> Result<(), Problem> {
    let Some(origin) = request.headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = request.uri.authority().map(|authority| authority.as_str());
    let host = host.or_else(|| request.headers.get(header::HOST)?.to_str().ok());
    let from = origin.split_once("://").map(|(_, host)| host);
    let ours = from.is_some() && from == host || api.inner.config.http.public_url.as_deref() == Some(origin);
    if ours {
        Ok(())
    } else {
        Err(Problem::forbidden(format!("Origin is {origin:?}, expected this server's own, or a token")))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|value| value.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

/// A browser sends the cookie of a session with whatever page makes it ask: only ours knows the session's CSRF token.
fn check_csrf(caller: &Caller, headers: &HeaderMap) -> Result<(), Problem> {
    let Via::Session { csrf, .. } = &caller.via else { return Ok(()) };
    let shown = headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let same: bool = shown.as_bytes().ct_eq(csrf.as_bytes()).into();
    if same { Ok(()) } else { Err(Problem::forbidden("X-CSRF-Token is missing or not that of the session")) }
}

/// How the program that vouches knows its callers is not known here, by a cookie as a rule: what a browser says to be asked by
/// another site's page is refused. Programs do not send the header.
fn check_site(headers: &HeaderMap) -> Result<(), Problem> {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok()).unwrap_or("none");
    if matches!(site, "same-origin" | "none") { Ok(()) } else { Err(Problem::forbidden("another site's page asked")) }
}

fn unproved() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "expected a session, or a token in `Authorization: Bearer ...`")
}
