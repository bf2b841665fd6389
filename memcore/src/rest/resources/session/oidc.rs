//! Signing in by OpenID Connect: to the provider and back.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};

use super::shapes::OidcAnswer;
use super::visitor::From;
use super::{cookie, said_begun};
use crate::accounts::{OidcRefusal, OidcSignIn};
use crate::error::{Error, ErrorKind};
use crate::rest::api::Api;
use crate::rest::guard;
use crate::rest::problem::Problem;
use crate::runtime::Act;

/// Sends the browser to the provider of OpenID Connect.
#[utoipa::path(get, path = "/api/v1/session/oidc", operation_id = "begin_oidc", tag = "session", responses(
    (status = 303, headers(("Location" = String, description = "The provider"))),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = 503, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn begin_oidc(State(api): State<Api>, from: From) -> Result<Response, Problem> {
    let question = api.accounts().begin_oidc().await?;
    let cookie = cookie::of_oidc(&question.secret, from.secure)?;
    sent(&question.url, [cookie])
}

/// Where the provider sends the browser back to; from here it goes on to the page, signed in or told why not.
#[utoipa::path(get, path = "/api/v1/session/oidc/callback", operation_id = "finish_oidc", tag = "session",
    params(OidcAnswer),
    responses(
        (status = 303, headers(("Location" = String, description = "The page"))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn finish_oidc(
    State(api): State<Api>,
    from: From,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    // A person comes this way, and what a provider says beside these, or leaves empty, is its own matter: they are led to the page.
    let answer: OidcAnswer = serde_html_form::from_str(query.as_deref().unwrap_or_default()).unwrap_or_default();
    let secure = from.secure;
    let secret = guard::cookie(&headers, cookie::oidc_cookie(secure)).unwrap_or_default();
    let became = match (&answer.code, &answer.state) {
        (Some(code), Some(state)) if answer.error.is_none() => {
            api.accounts().finish_oidc(secret, code, state, &from.visitor).await?
        }
        _ if api.accounts().oidc_name().is_none() => {
            return Err(Problem::not_found("there is no provider of OpenID Connect here"));
        }
        _ => OidcSignIn::Refused(OidcRefusal::Provider),
    };
    match became {
        OidcSignIn::Begun(session) => {
            let cookie = said_begun(&api, &session, "oidc", &from)?;
            sent(&api.page("/"), [cookie, cookie::no_oidc(secure)?])
        }
        OidcSignIn::Refused(refusal) => {
            let code = refusal.as_str();
            api.server().say_by(None, Act::SignInRefused { user: None, code: code.into(), from: from.visitor.address });
            sent(&api.page(&format!("/#/sign-in?problem={code}")), [cookie::no_oidc(secure)?])
        }
    }
}

/// On to there, with those cookies.
fn sent<const N: usize>(to: &str, cookies: [HeaderValue; N]) -> Result<Response, Problem> {
    let to = HeaderValue::try_from(to).map_err(|e| Error::new(ErrorKind::Internal, format!("OpenID Connect: {e}")))?;
    let cookies = AppendHeaders(cookies.map(|cookie| (header::SET_COOKIE, cookie)));
    let never = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((StatusCode::SEE_OTHER, cookies, [(header::LOCATION, to), never]).into_response())
}
