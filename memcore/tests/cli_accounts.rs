//! Users and tokens at the command line, on a site's folder and beside its running server.
#![cfg(feature = "cli")]

mod accounts_support;
mod cli_support;

use accounts_support::api::Site;
use accounts_support::{PASSWORD, World, accept, caller, first, name, sign_in};
use cli_support::*;
use serde_json::{Value, json};

fn lines(site: &std::path::Path, args: &[&str]) -> Vec<Value> {
    text(&memcore(site, args)).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn users_are_invited_granted_shut_out_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let invited = memcore(&site, &["users", "invite", "eva@example.org", "--role", "engineer", "--operator", "acme"]);
    let link = text(&invited);
    assert!(link.starts_with("http://127.0.0.1:8080/#/invitation/"), "{link}");
    assert!(err(&invited).contains("good once"), "{invited:?}");
    let listed = lines(&site, &["users", "list", "--json"]).remove(0);
    assert_eq!((&listed["user"], &listed["roles"]), (&json!("eva@example.org"), &json!({"acme": "engineer"})));
    text(&memcore(&site, &["users", "grant", "eva@example.org", "viewer"]));
    text(&memcore(&site, &["users", "grant", "eva@example.org", "none", "--operator", "acme"]));
    assert_eq!(lines(&site, &["users", "list", "--json"])[0]["roles"], json!({"*": "viewer"}));
    text(&memcore(&site, &["users", "disable", "eva@example.org"]));
    assert!(text(&memcore(&site, &["users", "list"])).contains("shut out"));
    text(&memcore(&site, &["users", "enable", "eva@example.org"]));
    assert!(failure(&memcore(&site, &["users", "invite", "eva@example.org"])).contains("is known already"));
    assert!(failure(&memcore(&site, &["users", "remove", "nobody"])).contains("\"nobody\" is not known"));
    let wrong = memcore(&site, &["users", "grant", "eva@example.org", "king"]);
    assert!(wrong.status.code() == Some(2) && err(&wrong).contains("viewer, operator, engineer, admin"), "{wrong:?}");
    text(&memcore(&site, &["users", "remove", "eva@example.org"]));
    assert!(lines(&site, &["users", "list", "--json"]).is_empty());
    let told = text(&memcore(&site, &["audit", "--kind", "user_invited", "--json"]));
    let told: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert!(told["user"] == "eva@example.org" && told["by"].as_str().unwrap().starts_with("uid "), "{told}");
    assert!(!text(&memcore(&site, &["audit", "--json"])).contains(link.trim().rsplit('/').next().unwrap()));
}

#[tokio::test]
async fn one_who_is_locked_out_gets_in_again_from_the_machine() {
    let world = World::new(None);
    let accounts = world.process().await;
    first(&accounts).await;
    let site = world.site.path();
    assert!(failure(&memcore(site, &["users", "remove", "ada"])).contains("last admin"));
    let link = text(&memcore(site, &["users", "reset", "ada"]));
    // The command line has the machine's clock, and the link with it.
    let now = std::time::SystemTime::now().into();
    world.clock.jump_to(now);
    world.pass(2);
    assert!(sign_in(&accounts, "ada", PASSWORD).await.is_none());
    let secret = link.trim().rsplit('/').next().unwrap();
    let session = accept(&accounts, secret, Some(PASSWORD)).await.unwrap().session;
    assert!(caller(&accounts, &session).await.is_some());
    let link = text(&memcore(site, &["users", "link", "ada"]));
    let secret = link.trim().rsplit('/').next().unwrap();
    assert_eq!(accept(&accounts, secret, None).await.unwrap().session.user, name("ada"));
}

#[tokio::test]
async fn a_running_server_sees_tokens_that_are_made_and_revoked_beside_it() {
    let site = Site::new().await;
    site.admin().await;
    let folder = site.folder.path().join("site");
    let made = memcore(&folder, &["tokens", "create", "ada", "script", "--scope", "read,admin", "--expires", "1d"]);
    let secret = text(&made).trim().to_owned();
    assert!(secret.starts_with("mc_") && err(&made).contains("only once"), "{made:?}");
    assert_eq!(site.program(&secret, "GET", "/users", None).await.status, 200);
    let listed = lines(&folder, &["tokens", "list", "--json"]).remove(0);
    assert_eq!((&listed["scopes"], &listed["user"]), (&json!(["read", "admin"]), &json!("ada")));
    text(&memcore(&folder, &["tokens", "revoke", listed["id"].as_str().unwrap()]));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while site.program(&secret, "GET", "/users", None).await.status != 401 {
        assert!(std::time::Instant::now() < until, "the server goes on taking a revoked token");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(lines(&folder, &["tokens", "list", "--json"]).is_empty());
    assert!(failure(&memcore(&folder, &["tokens", "revoke", "0123"])).contains("not known"));
}
