//! The API as a function: what the program asks that embeds it, in the words and with the rules of every other client.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use serde_json::Value;
use tower::ServiceExt;

use super::api::Api;
use super::guard::HostCaller;
use super::problem::Problem;
use crate::accounts::{Caller, Grants, Role, UserName, Via};
use crate::error::{Error, ErrorKind, Result};

/// The longest answer: what is longer is to be read in pages.
const ANSWER_MAX: usize = 64 << 20;

/// The API without HTTP. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Direct(Router);

impl Direct {
    /// The routes of that API.
    #[must_use]
    pub fn new(api: &Api) -> Self {
        Self(api.router())
    }

    /// Asks a route on behalf of a user, with all rights: `GET`, `/operators/local/alarms?state=raised`. The answer is its JSON, null
    /// where it has none.
    ///
    /// # Errors
    /// What the route refuses, as the error that it was; [`Invalid`](ErrorKind::Invalid) for a name, method or target that is none.
    pub async fn ask(&self, by: &str, method: &str, target: &str, body: Option<&Value>) -> Result<Value> {
        let user: UserName = serde_json::from_value(by.into()).map_err(|e| invalid("by", e))?;
        let grants = Grants { everywhere: Some(Role::Admin), ..Grants::default() };
        let method: Method = method.parse().map_err(|e| invalid("method", e))?;
        let request = Request::builder().method(method).uri(format!("/api/v1{target}"));
        let request = match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        let mut request = request.map_err(|e| invalid("target", e))?;
        request.extensions_mut().insert(HostCaller(Arc::new(Caller { user, via: Via::Host, grants })));
        let answer = self.0.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        let status = answer.status();
        let said = to_bytes(answer.into_body(), ANSWER_MAX).await;
        let said = said.map_err(|e| Error::new(ErrorKind::LimitReached, format!("the answer of {target}: {e}")))?;
        if status.is_success() {
            return if said.is_empty() { Ok(Value::Null) } else { parsed(&said) };
        }
        Err(refused(parsed(&said)?))
    }
}

fn invalid(what: &str, e: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, format!("{what}: {e}"))
}

fn parsed<T: serde::de::DeserializeOwned>(said: &[u8]) -> Result<T> {
    serde_json::from_slice(said).map_err(|e| Error::new(ErrorKind::Internal, format!("an answer is not JSON: {e}")))
}

fn refused(problem: Problem) -> Error {
    let kind = ErrorKind::from_code(&problem.code).unwrap_or(match problem.status {
        401 | 403 => ErrorKind::Unauthorized,
        404 => ErrorKind::NotFound,
        409 | 412 => ErrorKind::Conflict,
        413 | 429 => ErrorKind::LimitReached,
        500.. => ErrorKind::Internal,
        _ => ErrorKind::Invalid,
    });
    // A name is judged before it is known which field it is of.
    let message = match problem.field.filter(|field| !problem.detail.contains(field.as_str())) {
        Some(field) => format!("{field}: {}", problem.detail),
        None => problem.detail,
    };
    Error::new(kind, message)
}
