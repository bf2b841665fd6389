//! The API in process, as a browser or a program meets it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use memcore::model::{Clock, SystemClock};
use memcore::rest::{Api, Peer};
use memcore::{Config, Server};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use super::PASSWORD;

pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) api: Api,
    pub(crate) router: Router,
    pub(crate) folder: TempDir,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// A browser with the cookie of a session, and what its page knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        Self::with_clock(Arc::new(SystemClock::default()), configure).await
    }

    pub(crate) async fn with_clock(clock: Arc<dyn Clock>, configure: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::at(folder.path().join("site"));
        config.gateway.listen = "127.0.0.1:0".parse().unwrap();
        config.http.rate = 0.0;
        configure(&mut config);
        let server = Server::start_with(config.clone(), clock).await.unwrap();
        let api = Api::open(server.handle(), config).await.unwrap();
        let router = api.router();
        Self { server, api, router, folder }
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Said {
        let mut request = Request::builder().method(method).uri(path).header("host", "energy.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Peer { address: Some([192, 0, 2, 1].into()), secure: false });
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        Said { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    /// As the page asks: with the cookie and the session's token.
    pub(crate) async fn page(&self, browser: &Browser, method: &str, path: &str, body: Option<Value>) -> Said {
        let path = format!("/api/v1{path}");
        self.ask(method, &path, &[("cookie", &browser.cookie), ("x-csrf-token", &browser.csrf)], body).await
    }

    pub(crate) async fn program(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Said {
        let path = format!("/api/v1{path}");
        self.ask(method, &path, &[("authorization", &format!("Bearer {token}"))], body).await
    }

    /// Signed in by the link of the first start.
    pub(crate) async fn admin(&self) -> Browser {
        let link = self.api.accounts().first_link().await.unwrap().unwrap();
        let answer = serde_json::json!({"user": "ada", "password": PASSWORD});
        let said = self.page(&Browser::default(), "POST", &format!("/invitations/{}", link.secret), Some(answer)).await;
        Browser::of(&said)
    }

    /// Invited by the admin, and signed in.
    pub(crate) async fn joined(&self, admin: &Browser, user: &str, roles: Value) -> Browser {
        let asked = serde_json::json!({"user": user, "roles": roles});
        let invited = self.page(admin, "POST", "/users", Some(asked)).await;
        assert_eq!(invited.status, 201, "{invited:?}");
        self.accept(invited.body["link"].as_str().unwrap()).await
    }

    pub(crate) async fn accept(&self, link: &str) -> Browser {
        let secret = link.rsplit('/').next().unwrap();
        let answer = serde_json::json!({"password": PASSWORD});
        Browser::of(&self.page(&Browser::default(), "POST", &format!("/invitations/{secret}"), Some(answer)).await)
    }
}

impl Browser {
    pub(crate) fn of(said: &Said) -> Self {
        assert_eq!(said.status, 200, "{said:?}");
        let cookie = said.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { cookie, csrf: said.body["csrf"].as_str().unwrap().to_owned() }
    }
}
