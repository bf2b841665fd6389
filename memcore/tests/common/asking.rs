//! Asking the API in process, as a program that embeds it does: who asks is vouched for.
#![allow(dead_code, reason = "each story asks in its own way")]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use memcore::accounts::{Caller, Grants, Role, Via};
use memcore::rest::{Api, HostCaller};
use memcore::{Config, ServerHandle};
use serde_json::Value;
use tower::ServiceExt;

/// Somebody who asks.
#[derive(Clone)]
pub(crate) struct Asker {
    router: Router,
    caller: Arc<Caller>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) tag: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:?}", self.body);
        if status >= 400 {
            assert_eq!(self.kind, "application/problem+json", "{:?}", self.body);
        }
        self.body
    }

    /// Refused with that status, naming the field.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, field: &str, word: &str) {
        let body = self.expect(status);
        assert_eq!(body["field"], field, "{body}");
        assert!(body["detail"].as_str().unwrap().contains(word), "{word:?} in {body}");
    }
}

impl Asker {
    /// `anna`, who has that role at those operators; at all where none is named.
    pub(crate) async fn new(server: ServerHandle, config: &Config, role: Role, operators: &[&str]) -> Self {
        let mut config = config.clone();
        config.http.rate = 0.0;
        let router = Api::open(server, config).await.unwrap().router();
        let at = operators.iter().map(|operator| (operator.parse().unwrap(), role)).collect();
        let everywhere = operators.is_empty().then_some(role);
        Self { router, caller: caller("anna", Grants { everywhere, at }) }
    }

    /// The same API, asked by somebody else.
    pub(crate) fn by(&self, user: &str, role: Role, operator: &str) -> Self {
        let at = [(operator.parse().unwrap(), role)].into_iter().collect();
        Self { caller: caller(user, Grants { everywhere: None, at }), ..self.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, Some(body), None).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>, key: Option<&str>) -> Answer {
        let key = key.map(|key| ("idempotency-key", key));
        self.ask_with(method, path, body, key.as_slice()).await
    }

    pub(crate) async fn ask_with(&self, method: &str, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1/operators/{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(HostCaller(self.caller.clone()));
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let [kind, tag] =
            ["content-type", "etag"].map(|name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()));
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        Answer { status, kind: kind.unwrap_or_default(), tag, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }
}

fn caller(user: &str, grants: Grants) -> Arc<Caller> {
    let user = serde_json::from_value(user.into()).unwrap();
    Arc::new(Caller { user, via: Via::Host, grants })
}
