//! Every route and every live topic, asked by everyone: who gets in is what the one table says.
//!
//! What is answered to those who get in is other tests' business; here it counts whether they were let through.
#![cfg(feature = "rest")]

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use memcore::accounts::{Caller, Grants, Role, Scope, UserName, Via};
use memcore::model::Name;
use memcore::rest::{Access, Api, HostCaller, Route, Topic};
use memcore::{Config, Server};
use tower::ServiceExt;

/// Whether a request was let through to its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Admitted,
    /// 401
    Unproved,
    /// 403
    Forbidden,
    /// 404: of that operator the caller may know nothing.
    Hidden,
}

/// Who asks.
struct Who {
    name: String,
    caller: Option<Caller>,
}

const ROLES: [Role; 4] = [Role::Viewer, Role::Operator, Role::Engineer, Role::Admin];
const SCOPES: [Scope; 4] = [Scope::Read, Scope::Command, Scope::Configure, Scope::Admin];

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn at(operator: &str, role: Role) -> Grants {
    Grants { at: [(name(operator), role)].into(), ..Grants::default() }
}

fn everywhere(role: Role) -> Grants {
    Grants { everywhere: Some(role), ..Grants::default() }
}

fn who(name: String, grants: Grants, via: Via) -> Who {
    let user = UserName::new("anna@example.org").unwrap();
    Who { name, caller: Some(Caller { user, via, grants }) }
}

fn everyone() -> Vec<Who> {
    let mut all =
        vec![Who { name: "nobody".into(), caller: None }, who("without a role".into(), Grants::default(), Via::Host)];
    for role in ROLES {
        all.push(who(format!("{role:?} of local"), at("local", role), Via::Host));
        all.push(who(format!("{role:?} of acme"), at("acme", role), Via::Host));
        all.push(who(format!("{role:?} of all"), everywhere(role), Via::Host));
    }
    for scope in SCOPES {
        for (of, grants) in [("local", at("local", Role::Admin)), ("all", everywhere(Role::Admin))] {
            let scopes = BTreeSet::from([scope]);
            all.push(who(
                format!("token of an admin of {of} for {scope:?}"),
                grants,
                Via::Token { id: "t".into(), scopes },
            ));
        }
    }
    let (id, scopes) = ("t".into(), BTreeSet::from(SCOPES));
    all.push(who("token of a viewer for everything".into(), at("local", Role::Viewer), Via::Token { id, scopes }));
    all
}

/// What the table says, in words of its own.
fn expected(access: Access, caller: Option<&Caller>, operator: &str) -> Verdict {
    let Some(caller) = caller else {
        return if access == Access::Public { Verdict::Admitted } else { Verdict::Unproved };
    };
    let everywhere = caller.grants.everywhere;
    let here = caller.grants.at.get(&name(operator)).copied().max(everywhere);
    let somewhere = caller.grants.at.values().copied().max().max(everywhere);
    let (held, role) = match access {
        Access::Public | Access::SignedIn => return Verdict::Admitted,
        Access::At(_) if here.is_none() => return Verdict::Hidden,
        Access::At(role) => (here, role),
        Access::Everywhere(role) => (everywhere, role),
        Access::Somewhere(role) => (somewhere, role),
    };
    let scope = SCOPES[ROLES.iter().position(|other| *other == role).unwrap()];
    let in_scope = match &caller.via {
        Via::Token { scopes, .. } => scopes.contains(&scope),
        _ => true,
    };
    if held.is_some_and(|held| held >= role) && in_scope { Verdict::Admitted } else { Verdict::Forbidden }
}

async fn asked(router: &Router, method: &str, address: &str, caller: Option<&Caller>) -> Verdict {
    let mut request = Request::builder().method(method).uri(address).body(Body::empty()).unwrap();
    if let Some(caller) = caller {
        request.extensions_mut().insert(HostCaller(Arc::new(caller.clone())));
    }
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
        assert!(
            !status.is_server_error() || status == StatusCode::NOT_IMPLEMENTED || status == StatusCode::SERVICE_UNAVAILABLE,
            "{method} {address} is answered {status}"
        );
        return Verdict::Admitted;
    }
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let said: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let detail = said["detail"].as_str().unwrap();
    match status.as_u16() {
        401 => Verdict::Unproved,
        403 if detail.starts_with("this takes the role") => Verdict::Forbidden,
        404 if detail.starts_with("operator ") => Verdict::Hidden,
        _ => Verdict::Admitted,
    }
}

/// The address of a route at that operator, of things that do not exist.
fn address(route: Route, operator: &str) -> String {
    let path = route.path().replace("{operator}", operator).replace("{site}", "home1");
    let parts = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn started(folder: &std::path::Path) -> (Server, Api) {
    let mut config = Config::at(folder.join("site"));
    config.gateway.listen = "127.0.0.1:0".parse().unwrap();
    let server = Server::start(config.clone()).await.unwrap();
    let api = Api::open(server.handle(), config).await.unwrap();
    (server, api)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let (server, api) = started(folder.path()).await;
    let (router, mut wrong) = (api.router(), Vec::new());
    for route in Route::ALL {
        for Who { name, caller } in &everyone() {
            for operator in ["local", "acme"] {
                let caller = caller.as_ref();
                let found = asked(&router, route.method().as_str(), &address(*route, operator), caller).await;
                let expected = expected(route.access(), caller, operator);
                if found != expected {
                    wrong.push(format!("{route:?} at {operator}, asked by {name}: {found:?}, expected {expected:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_live_topic_lets_in_whom_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let (server, api) = started(folder.path()).await;
    let (router, mut wrong) = (api.router(), Vec::new());
    for topic in Topic::ALL {
        for Who { name, caller } in &everyone() {
            for operator in ["local", "acme"] {
                let caller = caller.as_ref();
                let address = format!("{}?topics={}", address(Route::Live, operator), topic.name());
                let found = asked(&router, "GET", &address, caller).await;
                let expected = expected(Access::At(topic.role()), caller, operator);
                if found != expected {
                    wrong.push(format!("{topic:?} at {operator}, asked by {name}: {found:?}, expected {expected:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    api.end_live_views();
    server.shutdown().await.unwrap();
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let described: serde_json::Value = serde_json::from_str(&memcore::rest::openapi()).unwrap();
    let mut found = BTreeSet::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        let methods =
            methods.as_object().unwrap().keys().filter(|key| {
                ["get", "put", "post", "delete", "patch", "head", "options", "trace"].contains(&key.as_str())
            });
        found.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let table: BTreeSet<String> = Route::ALL.iter().map(|route| format!("{} {}", route.method(), route.path())).collect();
    assert_eq!(table.len(), Route::ALL.len(), "a method and a path have one row");
    let missing: Vec<_> = table.difference(&found).collect();
    let without_a_row: Vec<_> = found.difference(&table).collect();
    assert!(missing.is_empty() && without_a_row.is_empty(), "not described: {missing:?}, without a row: {without_a_row:?}");
}

#[test]
fn every_description_says_how_it_is_called_and_what_goes_wrong() {
    let described: serde_json::Value = serde_json::from_str(&memcore::rest::openapi()).unwrap();
    let mut names = BTreeSet::new();
    for route in Route::ALL {
        let method = route.method().as_str().to_lowercase();
        let operation = &described["paths"][route.path()][method];
        let name = operation["operationId"].as_str().unwrap_or_default();
        assert!(!name.is_empty() && names.insert(name.to_owned()), "{route:?} is called {name:?}");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{route:?} has one tag");
        if route.access() != Access::Public {
            let answers = operation["responses"].as_object().unwrap().keys();
            assert!(answers.clone().any(|status| status.starts_with('4')), "{route:?} says what it refuses");
        }
    }
}
