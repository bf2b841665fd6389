//! Signing in, users and tokens over HTTP: what a page and a program may, and what another site's page may not.
#![cfg(feature = "rest")]

mod accounts_support;

use std::sync::Arc;

use accounts_support::api::{Browser, Site};
use accounts_support::{ANOTHER, PASSWORD};
use memcore::AuditQuery;
use memcore::model::{ManualClock, Timestamp};
use serde_json::{Value, json};

#[tokio::test]
async fn from_the_first_start_to_signed_out() {
    let site = Site::new().await;
    let methods = site.page(&Browser::default(), "GET", "/session/methods", None).await;
    assert_eq!(methods.body, json!({"password": true, "oidc": null, "first_start": true}));
    let link = site.api.accounts().first_link().await.unwrap().unwrap();
    let path = format!("/invitations/{}", link.secret);
    let shown = site.page(&Browser::default(), "GET", &path, None).await;
    assert_eq!((&shown.body["kind"], &shown.body["user"]), (&json!("first"), &Value::Null));
    let nameless = site.page(&Browser::default(), "POST", &path, Some(json!({"password": PASSWORD}))).await;
    assert_eq!((nameless.status.as_u16(), &nameless.body["field"]), (400, &json!("user")));
    let answer = json!({"user": "Ada@example.org", "display_name": "Ada", "password": PASSWORD});
    let begun = site.page(&Browser::default(), "POST", &path, Some(answer)).await;
    let cookie = begun.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Strict; Max-Age="), "{cookie}");
    assert_eq!(begun.body["roles"], json!({"*": "admin"}));
    let ada = Browser::of(&begun);
    let shown = site.page(&ada, "GET", "/session", None).await;
    assert_eq!((&shown.body["user"], &shown.body["via"]), (&json!("ada@example.org"), &json!("session")));
    assert_eq!(shown.body, begun.body);
    let out = site.page(&ada, "DELETE", "/session", None).await;
    assert!(out.status == 204 && out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(site.page(&ada, "GET", "/session", None).await.status, 401, "the cookie is good for nothing");
    let again = site.page(&Browser::default(), "POST", &path, Some(json!({"user": "eve", "password": PASSWORD}))).await;
    assert_eq!(again.status, 404);
}

#[tokio::test]
async fn another_sites_page_changes_nothing_with_the_cookie_of_ours() {
    let site = Site::new().await;
    let ada = site.admin().await;
    let body = || Some(json!({"name": "stolen", "scopes": ["admin"]}));
    let forged = Browser { csrf: String::new(), ..ada.clone() };
    for csrf in ["", "0", &ada.cookie] {
        let forged = Browser { csrf: csrf.to_owned(), ..ada.clone() };
        assert_eq!(site.page(&forged, "POST", "/tokens", body()).await.status, 403);
    }
    for (method, path) in [("DELETE", "/session"), ("DELETE", "/users/ada"), ("PUT", "/session/password")] {
        assert_eq!(site.page(&forged, method, path, Some(json!({}))).await.status, 403, "{method} {path}");
    }
    // A form sends no JSON, and another site's page is known by its origin: neither signs anybody in, not even as somebody else.
    let form = [("content-type", "text/plain")];
    assert_eq!(site.ask("POST", "/api/v1/session", &form, None).await.status, 415);
    let foreign = [("origin", "https://evil.example")];
    let sent = site.ask("POST", "/api/v1/session", &foreign, Some(json!({"user": "ada", "password": PASSWORD}))).await;
    assert_eq!(sent.status, 403);
    assert_eq!(site.page(&ada, "GET", "/tokens", None).await.body["items"], json!([]));
    assert_eq!(site.page(&ada, "POST", "/tokens", body()).await.status, 201);
}

#[tokio::test]
async fn a_session_that_was_planted_before_signing_in_is_not_the_one_after_it() {
    let site = Site::new().await;
    let ada = site.admin().await;
    let planted = format!("memcore_session={}", "0".repeat(64));
    let body = Some(json!({"user": "ada", "password": PASSWORD}));
    let said = site.ask("POST", "/api/v1/session", &[("cookie", &planted)], body.clone()).await;
    let fresh = Browser::of(&said);
    assert!(fresh.cookie != planted && fresh.cookie != ada.cookie && fresh.csrf != ada.csrf);
    assert_eq!(site.page(&Browser { cookie: planted, ..fresh.clone() }, "GET", "/session", None).await.status, 401);
    // Who signs in again leaves the session before.
    let again = Browser::of(&site.page(&ada, "POST", "/session", body).await);
    assert_eq!(site.page(&ada, "GET", "/session", None).await.status, 401);
    assert_eq!(site.page(&again, "GET", "/session", None).await.status, 200);
    let listed = site.page(&again, "GET", "/sessions", None).await;
    let current: Vec<_> = listed.body["items"].as_array().unwrap().iter().map(|item| item["current"] == true).collect();
    assert_eq!(current.iter().filter(|current| **current).count(), 1);
    assert_eq!(current.len(), 2);
}

#[tokio::test]
async fn over_tls_the_cookie_is_of_this_host_alone_and_no_other_is_taken() {
    let site = Site::with(|config| config.http.public_url = Some("https://energy.example".into())).await;
    let ada = site.admin().await;
    assert!(ada.cookie.starts_with("__Host-memcore_session="), "{}", ada.cookie);
    assert_eq!(site.page(&ada, "GET", "/session", None).await.status, 200);
    let tossed = Browser { cookie: ada.cookie.replace("__Host-", ""), ..ada };
    assert_eq!(site.page(&tossed, "GET", "/session", None).await.status, 401, "one that a neighbour could set");
}

#[tokio::test]
async fn who_guesses_is_told_when_to_come_back_and_the_answer_tells_nothing() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_800_000_000)));
    let site = Site::with_clock(clock, |_| {}).await;
    site.admin().await;
    let mut answers = Vec::new();
    for user in ["ada", "eve", "ada", "eve", "<script>"] {
        let body = Some(json!({"user": user, "password": "guess after guess"}));
        let said = site.page(&Browser::default(), "POST", "/session", body).await;
        assert_eq!(said.status, 401);
        answers.push(said.body);
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    let body = Some(json!({"user": "eve", "password": "guess after guess"}));
    let late = site.page(&Browser::default(), "POST", "/session", body).await;
    assert!(late.status == 429 && late.headers["retry-after"] == "1", "{late:?}");
}

#[tokio::test]
async fn a_password_is_changed_and_what_is_wrong_is_named() {
    let site = Site::new().await;
    let ada = site.admin().await;
    let change = |current: &str, new: &str| Some(json!({"current": current, "new": new}));
    let wrong = site.page(&ada, "PUT", "/session/password", change(ANOTHER, "quite another one")).await;
    assert_eq!((wrong.status.as_u16(), &wrong.body["field"]), (400, &json!("current")));
    let weak = site.page(&ada, "PUT", "/session/password", change(PASSWORD, "short")).await;
    assert_eq!((weak.status.as_u16(), &weak.body["field"]), (400, &json!("new")));
    assert_eq!(site.page(&ada, "PUT", "/session/password", change(PASSWORD, ANOTHER)).await.status, 204);
    assert_eq!(site.page(&ada, "GET", "/session", None).await.status, 200);
}

#[tokio::test]
async fn a_program_is_its_owner_within_its_scopes_and_makes_no_credentials() {
    let site = Site::new().await;
    let ada = site.admin().await;
    let asked = json!({"name": "script", "scopes": ["read", "admin"], "expires": "90d"});
    let made = site.page(&ada, "POST", "/tokens", Some(asked)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let secret = made.body["secret"].as_str().unwrap();
    let session = site.program(secret, "GET", "/session", None).await;
    assert_eq!((&session.body["via"], &session.body["csrf"]), (&json!("token"), &Value::Null));
    assert_eq!(site.program(secret, "GET", "/users", None).await.status, 200);
    for (method, path, body) in [
        ("GET", "/tokens", None),
        ("GET", "/sessions", None),
        ("POST", "/tokens", Some(json!({"name": "more", "scopes": ["admin"]}))),
        ("PUT", "/session/password", Some(json!({"current": PASSWORD, "new": ANOTHER}))),
        ("DELETE", "/session", None),
    ] {
        assert_eq!(site.program(secret, method, path, body).await.status, 403, "{method} {path}");
    }
    let reader = site.page(&ada, "POST", "/tokens", Some(json!({"name": "reader", "scopes": ["read"]}))).await;
    let reader = reader.body["secret"].as_str().unwrap().to_owned();
    assert_eq!(site.program(&reader, "GET", "/users", None).await.status, 403);
    let id = made.body["token"]["id"].as_str().unwrap();
    assert_eq!(site.page(&ada, "DELETE", &format!("/tokens/{id}"), None).await.status, 204);
    assert_eq!(site.program(secret, "GET", "/session", None).await.status, 401);
    for (asked, field) in [
        (json!({"name": "", "scopes": ["read"]}), "name"),
        (json!({"name": "x", "scopes": []}), "scopes"),
        (json!({"name": "x", "scopes": ["read"], "operators": ["a b"]}), "operators"),
        (json!({"name": "x", "scopes": ["read"], "expires": "soon"}), "expires"),
    ] {
        let said = site.page(&ada, "POST", "/tokens", Some(asked)).await;
        assert_eq!((said.status.as_u16(), said.body["field"].as_str()), (400, Some(field)), "{said:?}");
    }
}

#[tokio::test]
async fn an_operators_admin_rules_there_and_nowhere_else() {
    let site = Site::new().await;
    let ada = site.admin().await;
    let boss = site.joined(&ada, "boss", json!({"acme": "admin"})).await;
    site.joined(&ada, "other", json!({"elsewhere": "viewer"})).await;
    assert_eq!(site.page(&boss, "GET", "/users", None).await.status, 403);
    assert_eq!(site.page(&boss, "GET", "/operators/elsewhere/members", None).await.status, 404);
    let asked = json!({"user": "eva", "role": "engineer", "roles": {"*": "admin"}});
    assert_eq!(site.page(&boss, "POST", "/operators/acme/members", Some(asked)).await.status, 400);
    let invited =
        site.page(&boss, "POST", "/operators/acme/members", Some(json!({"user": "eva", "role": "engineer"}))).await;
    assert_eq!(invited.status, 201, "{invited:?}");
    let eva = site.accept(invited.body["link"].as_str().unwrap()).await;
    assert_eq!(site.page(&eva, "GET", "/session", None).await.body["roles"], json!({"acme": "engineer"}));
    let known = site.page(&boss, "POST", "/operators/acme/members", Some(json!({"user": "other", "role": "viewer"}))).await;
    assert_eq!((known.status.as_u16(), &known.body["link"]), (201, &Value::Null), "no link for one who is known");
    let set = site.page(&boss, "PUT", "/operators/acme/members/eva", Some(json!({"role": "viewer"}))).await;
    assert_eq!(set.body["role"], json!("viewer"));
    assert_eq!(site.page(&eva, "GET", "/operators/acme/members", None).await.status, 403);
    assert_eq!(site.page(&boss, "PUT", "/operators/acme/members/ada", Some(json!({"role": "viewer"}))).await.status, 404);
    assert_eq!(site.page(&boss, "DELETE", "/operators/acme/members/other", None).await.status, 204);
    let other = site.page(&ada, "GET", "/users/other", None).await;
    assert_eq!(other.body["roles"], json!({"elsewhere": "viewer"}), "what is elsewhere stays");
    let last = site.page(&ada, "PATCH", "/users/ada", Some(json!({"roles": {"acme": "admin"}}))).await;
    assert_eq!((last.status.as_u16(), &last.body["code"]), (409, &json!("CONFLICT")));
}

#[tokio::test]
async fn a_user_who_is_shut_out_is_out_at_once_and_a_reset_hands_out_a_link() {
    let site = Site::new().await;
    let ada = site.admin().await;
    let bob = site.joined(&ada, "bob", json!({"*": "viewer"})).await;
    let shut = site.page(&ada, "PATCH", "/users/bob", Some(json!({"disabled": true}))).await;
    assert_eq!((&shut.body["user"]["disabled"], &shut.body["link"]), (&json!(true), &Value::Null));
    assert_eq!(site.page(&bob, "GET", "/session", None).await.status, 401);
    let back = site.page(&ada, "PATCH", "/users/bob", Some(json!({"disabled": false, "reset": true}))).await;
    let link = back.body["link"].as_str().unwrap();
    assert!(link.contains("/#/invitation/"), "{link}");
    let bob = site.accept(link).await;
    assert_eq!(site.page(&bob, "GET", "/users", None).await.status, 403);
    assert_eq!(site.page(&ada, "DELETE", "/users/bob", None).await.status, 204);
    assert_eq!(site.page(&bob, "GET", "/session", None).await.status, 401);
    assert_eq!(site.page(&ada, "GET", "/users/bob", None).await.status, 404);
    for path in ["/users/%3Cb%3E", "/users/a%20b", "/users/%00"] {
        assert_eq!(site.page(&ada, "GET", path, None).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_audit_trail_tells_who_did_what_and_no_file_tells_a_secret() {
    let site = Site::new().await;
    let ada = site.admin().await;
    let bob = site.joined(&ada, "bob", json!({"acme": "viewer"})).await;
    let made = site.page(&bob, "POST", "/tokens", Some(json!({"name": "t", "scopes": ["read"]}))).await;
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    // A password where the name belongs, as it happens to everyone.
    let typed = json!({"user": PASSWORD, "password": "bob"});
    assert_eq!(site.page(&Browser::default(), "POST", "/session", Some(typed)).await.status, 401);
    site.page(&ada, "PATCH", "/users/bob", Some(json!({"roles": {"acme": "operator"}}))).await;
    site.page(&bob, "DELETE", "/session", None).await;
    let log = site.server.handle().audit(&AuditQuery::default()).unwrap();
    let told: Vec<_> = log.entries.iter().map(|entry| (entry.act.kind(), entry.by.as_deref().unwrap_or("-"))).collect();
    for expected in [
        ("signed_in", "user ada"),
        ("user_invited", "user ada"),
        ("signed_in", "user bob"),
        ("token_created", "user bob"),
        ("sign_in_refused", "-"),
        ("user_changed", "user ada"),
        ("signed_out", "user bob"),
    ] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
    let cookies = [&ada.cookie, &bob.cookie].map(|cookie| cookie.split('=').nth(1).unwrap().to_owned());
    site.server.shutdown().await.unwrap();
    let mut looked = 0;
    for file in files(site.folder.path()) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        looked += usize::from(text.contains("sign_in_refused")) + usize::from(text.contains("$argon2id$"));
        for planted in [PASSWORD, &secret, &cookies[0], &cookies[1], &ada.csrf] {
            assert!(!text.contains(planted), "a secret is in {}", file.display());
        }
    }
    assert!(looked >= 2, "audit trail and records are among what was looked through");
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(files(&entry.path())),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}
