//! Accounts as people and programs meet them: the same stories over records of SQLite and of PostgreSQL.
#![cfg(feature = "rest")]

mod accounts_support;

use std::collections::BTreeSet;
use std::sync::Arc;

use accounts_support::postgres::Postgres;
use accounts_support::{ANOTHER, PASSWORD, World, accept, at, caller, elsewhere, first, home, joined, name, sign_in};
use memcore::ErrorKind;
use memcore::accounts::{
    Accounts, Answer, Grants, LinkKind, Records, Role, Scope, SignIn, TokenRequest, UserChange, Via, Visitor,
};
use memcore::model::{Name, Span};
use sqlx::Row;

/// Each story is a test of its own over SQLite, and all of them are one test over one server of PostgreSQL.
macro_rules! stories {
    ($($story:ident)*) => {
        mod over_sqlite {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::World::new(None)).await;
            })*
        }

        #[tokio::test]
        async fn over_postgres() {
            let Some(postgres) = Postgres::start() else { return };
            $(
                eprintln!("{}", stringify!($story));
                let url = postgres.database(&stringify!($story).chars().take(60).collect::<String>()).await;
                $story(World::new(Some(url))).await;
            )*
        }
    };
}

stories! {
    the_first_link_makes_the_admin_and_is_void_after_that
    a_new_start_voids_the_link_of_the_start_before
    two_who_use_the_first_link_at_once_make_one_admin
    an_invited_user_chooses_a_password_once
    a_wrong_password_and_an_unknown_user_are_answered_alike
    who_guesses_is_told_to_wait_and_the_user_gets_in_from_home
    a_session_ends_when_it_is_idle_and_in_any_case
    what_changes_in_another_process_holds_within_two_seconds
    a_changed_password_ends_all_other_sessions
    a_reset_ends_password_and_sessions_at_once
    the_last_admin_cannot_be_removed_demoted_or_shut_out
    two_admins_who_demote_each_other_at_once_leave_one
    a_token_is_its_owner_within_scopes_operators_and_time
    a_user_who_is_shut_out_is_nobody_until_let_in_again
    a_link_to_sign_in_asks_for_no_password
    users_and_members_are_listed_page_by_page
    records_keep_no_secret
    two_processes_that_start_at_once_find_the_same_tables
    records_of_a_newer_memcore_are_refused
    a_session_is_no_token_and_a_token_no_session
    sessions_of_one_user_are_bounded
}

fn scopes(scopes: &[Scope]) -> BTreeSet<Scope> {
    scopes.iter().copied().collect()
}

async fn the_first_link_makes_the_admin_and_is_void_after_that(world: World) {
    let accounts = world.process().await;
    assert!(accounts.is_empty().await.unwrap());
    let link = accounts.first_link().await.unwrap().unwrap();
    let shown = accounts.link(&link.secret).await.unwrap();
    assert_eq!((shown.kind, shown.user), (LinkKind::First, None));
    let missing = accept(&accounts, &link.secret, Some(PASSWORD)).await.unwrap_err();
    assert!(missing.message().starts_with("user is missing"), "{missing}");
    let answer = |password: &str| Answer {
        user: Some(name("ada")),
        display_name: Some("Ada <b>".into()),
        password: Some(password.into()),
    };
    let short = accounts.accept(&link.secret, &answer("short"), &home()).await.unwrap_err();
    assert_eq!(short.kind(), ErrorKind::Invalid);
    let accepted = accounts.accept(&link.secret, &answer(PASSWORD), &home()).await.unwrap();
    let ada = caller(&accounts, &accepted.session).await.unwrap();
    assert_eq!(ada.grants, Grants::of_all(Role::Admin));
    assert_eq!(accounts.user(&name("ada")).await.unwrap().display_name, "Ada <b>");
    let again = accounts.accept(&link.secret, &answer(PASSWORD), &home()).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::NotFound);
    assert!(accounts.first_link().await.unwrap().is_none());
}

async fn a_new_start_voids_the_link_of_the_start_before(world: World) {
    let earlier = world.process().await.first_link().await.unwrap().unwrap();
    let accounts = world.process().await;
    let later = accounts.first_link().await.unwrap().unwrap();
    assert_eq!(accounts.link(&earlier.secret).await.unwrap_err().kind(), ErrorKind::NotFound);
    world.pass(7 * 86_400 - 1);
    accounts.link(&later.secret).await.unwrap();
    world.pass(1);
    assert_eq!(accounts.link(&later.secret).await.unwrap_err().kind(), ErrorKind::NotFound);
}

async fn two_who_use_the_first_link_at_once_make_one_admin(world: World) {
    let (one, other) = (world.process().await, world.process().await);
    let link = one.first_link().await.unwrap().unwrap();
    let answer = |user: &str| Answer { user: Some(name(user)), display_name: None, password: Some(PASSWORD.into()) };
    let (ada, eve) = (answer("ada"), answer("eve"));
    let (from, also) = (home(), home());
    let both = tokio::join!(one.accept(&link.secret, &ada, &from), other.accept(&link.secret, &eve, &also));
    assert!(both.0.is_ok() != both.1.is_ok(), "{both:?}");
    assert_eq!(one.users(None, 10).await.unwrap().len(), 1);
}

async fn an_invited_user_chooses_a_password_once(world: World) {
    let accounts = world.process().await;
    first(&accounts).await;
    let link = accounts.invite(&name("Bob@Example.org"), Some("Bob"), &at("acme", Role::Operator)).await.unwrap();
    let twice = accounts.invite(&name("bob@example.org"), None, &Grants::default()).await.unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::Conflict);
    assert!(sign_in(&accounts, "bob@example.org", PASSWORD).await.is_none());
    let session = accept(&accounts, &link.secret, Some(PASSWORD)).await.unwrap().session;
    let bob = caller(&accounts, &session).await.unwrap();
    assert!(bob.may(Role::Operator, Some(&"acme".parse().unwrap())) && !bob.may(Role::Viewer, None));
    assert_eq!(accept(&accounts, &link.secret, Some(ANOTHER)).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(sign_in(&accounts, "BOB@example.org", PASSWORD).await.is_some());
}

async fn a_wrong_password_and_an_unknown_user_are_answered_alike(world: World) {
    let accounts = world.process().await;
    first(&accounts).await;
    accounts.invite(&name("bob"), None, &Grants::default()).await.unwrap();
    for (user, known) in [("ada", true), ("bob", true), ("eve", false), ("no name at all!", false)] {
        let answer = accounts.sign_in(user, ANOTHER, &Visitor::default()).await.unwrap();
        // Whether the user is known is for the audit trail alone.
        assert!(
            matches!(&answer, SignIn::Refused { known: Some(_) } if known)
                || matches!(&answer, SignIn::Refused { known: None } if !known),
            "{user}: {answer:?}"
        );
    }
}

async fn who_guesses_is_told_to_wait_and_the_user_gets_in_from_home(world: World) {
    let accounts = world.process().await;
    first(&accounts).await;
    assert!(sign_in(&accounts, "ada", PASSWORD).await.is_some());
    let mut refused = 0;
    let wait = loop {
        match accounts.sign_in("ada", "guess after guess", &elsewhere(refused)).await.unwrap() {
            SignIn::Refused { .. } => refused += 1,
            SignIn::Later(wait) => break wait,
            SignIn::Begun(_) => panic!("guessed"),
        }
    };
    assert_eq!((refused, wait.as_secs()), (5, 1));
    let right_but_early = accounts.sign_in("ada", PASSWORD, &elsewhere(9)).await.unwrap();
    assert!(matches!(right_but_early, SignIn::Later(_)), "not looked at, so that nothing is learned");
    assert!(sign_in(&accounts, "ada", PASSWORD).await.is_some(), "from home");
}

async fn a_session_ends_when_it_is_idle_and_in_any_case(world: World) {
    let accounts = world.process().await;
    let session = first(&accounts).await;
    for _ in 0..59 {
        world.pass(12 * 3600 - 60);
        assert!(caller(&accounts, &session).await.is_some());
        // When it was seen is written beside the answer.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    world.pass(12 * 3600);
    assert!(caller(&accounts, &session).await.is_none(), "idle");
    let session = sign_in(&accounts, "ada", PASSWORD).await.unwrap();
    world.pass(30 * 86_400 - 1);
    assert!(caller(&accounts, &session).await.is_none(), "idle");
    assert!(accounts.sessions(&name("ada")).await.unwrap().is_empty());
    let session = sign_in(&accounts, "ada", PASSWORD).await.unwrap();
    for hour in 0..30 * 24 {
        world.pass(3600);
        let lasts = caller(&accounts, &session).await.is_some();
        assert_eq!(lasts, hour < 30 * 24 - 1, "after {} h", hour + 1);
    }
}

async fn what_changes_in_another_process_holds_within_two_seconds(world: World) {
    let (here, there) = (world.process().await, world.process().await);
    first(&here).await;
    let session = joined(&here, "bob", &at("acme", Role::Viewer)).await;
    let acme: Name = "acme".parse().unwrap();
    assert!(caller(&there, &session).await.is_some());
    here.set_role(&name("bob"), Some(&acme), Some(Role::Engineer)).await.unwrap();
    assert!(caller(&here, &session).await.unwrap().may(Role::Engineer, Some(&acme)), "at once where it is done");
    world.pass(2);
    let bob = caller(&there, &session).await.unwrap();
    assert!(bob.may(Role::Engineer, Some(&acme)));
    here.end_session(&name("bob"), &session.id).await.unwrap();
    assert!(caller(&here, &session).await.is_none());
    world.pass(2);
    assert!(caller(&there, &session).await.is_none());
    assert!(there.again(&bob).await.unwrap().is_none(), "also of one who was let in before");
}

async fn a_changed_password_ends_all_other_sessions(world: World) {
    let accounts = world.process().await;
    let one = first(&accounts).await;
    let other = sign_in(&accounts, "ada", PASSWORD).await.unwrap();
    let ada = name("ada");
    let wrong = accounts.change_password(&ada, ANOTHER, "something else entirely", &home(), Some(&one.id)).await;
    assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Unauthorized);
    let weak = accounts.change_password(&ada, PASSWORD, "aaaaaaaaaaaaaa", &home(), Some(&one.id)).await;
    assert_eq!(weak.unwrap_err().kind(), ErrorKind::Invalid);
    assert!(caller(&accounts, &other).await.is_some());
    accounts.change_password(&ada, PASSWORD, ANOTHER, &home(), Some(&one.id)).await.unwrap();
    assert!(caller(&accounts, &one).await.is_some() && caller(&accounts, &other).await.is_none());
    assert!(sign_in(&accounts, "ada", PASSWORD).await.is_none());
    assert!(sign_in(&accounts, "ada", ANOTHER).await.is_some());
}

async fn a_reset_ends_password_and_sessions_at_once(world: World) {
    let accounts = world.process().await;
    let session = first(&accounts).await;
    let reset = UserChange { reset: true, ..UserChange::default() };
    let earlier = accounts.change_user(&name("ada"), &reset).await.unwrap().unwrap();
    let link = accounts.change_user(&name("ada"), &reset).await.unwrap().unwrap();
    assert!(caller(&accounts, &session).await.is_none());
    assert!(sign_in(&accounts, "ada", PASSWORD).await.is_none());
    assert_eq!(accounts.link(&earlier.secret).await.unwrap_err().kind(), ErrorKind::NotFound, "only the latest is good");
    assert_eq!(accounts.link(&link.secret).await.unwrap().kind, LinkKind::Reset);
    assert!(accounts.first_link().await.unwrap().is_none(), "there is a user still");
    accept(&accounts, &link.secret, Some(ANOTHER)).await.unwrap();
    assert!(sign_in(&accounts, "ada", ANOTHER).await.is_some());
}

async fn the_last_admin_cannot_be_removed_demoted_or_shut_out(world: World) {
    let accounts = world.process().await;
    first(&accounts).await;
    let ada = name("ada");
    // One who has not come yet is no other admin.
    let link = accounts.invite(&name("bob"), None, &Grants::of_all(Role::Admin)).await.unwrap();
    let demoted = UserChange { grants: Some(at("acme", Role::Admin)), ..UserChange::default() };
    let shut_out = UserChange { disabled: Some(true), ..UserChange::default() };
    let conflict =
        |e: memcore::Error| assert!(e.kind() == ErrorKind::Conflict && e.message().contains("last admin"), "{e:?}");
    conflict(accounts.remove_user(&ada).await.unwrap_err());
    conflict(accounts.change_user(&ada, &demoted).await.unwrap_err());
    conflict(accounts.change_user(&ada, &shut_out).await.unwrap_err());
    conflict(accounts.set_role(&ada, None, Some(Role::Engineer)).await.unwrap_err());
    conflict(accounts.set_role(&ada, None, None).await.unwrap_err());
    assert_eq!(accounts.user(&ada).await.unwrap().grants, Grants::of_all(Role::Admin));
    accept(&accounts, &link.secret, Some(PASSWORD)).await.unwrap();
    accounts.remove_user(&ada).await.unwrap();
    conflict(accounts.remove_user(&name("bob")).await.unwrap_err());
}

async fn two_admins_who_demote_each_other_at_once_leave_one(world: World) {
    let (one, other) = (world.process().await, world.process().await);
    first(&one).await;
    joined(&one, "bob", &Grants::of_all(Role::Admin)).await;
    let (ada, bob) = (name("ada"), name("bob"));
    let both = tokio::join!(one.remove_user(&bob), other.remove_user(&ada));
    assert!(both.0.is_ok() != both.1.is_ok(), "{both:?}");
    assert_eq!(one.users(None, 10).await.unwrap().len(), 1);
}

async fn a_token_is_its_owner_within_scopes_operators_and_time(world: World) {
    let accounts = world.process().await;
    first(&accounts).await;
    let (ada, acme, other): (_, Name, Name) = (name("ada"), "acme".parse().unwrap(), "other".parse().unwrap());
    let request = TokenRequest {
        name: "script".into(),
        scopes: scopes(&[Scope::Command]),
        operators: Some([acme.clone()].into()),
        lasts: Some(Span::from_seconds(86_400)),
    };
    let (token, secret) = accounts.create_token(&ada, request.clone()).await.unwrap();
    assert!(secret.starts_with("mc_") && token.scopes == scopes(&[Scope::Read, Scope::Command]));
    let script = accounts.token(&secret).await.unwrap().unwrap();
    assert!(script.may(Role::Operator, Some(&acme)) && script.may(Role::Viewer, Some(&acme)));
    assert!(
        !script.may(Role::Engineer, Some(&acme))
            && !script.may(Role::Viewer, Some(&other))
            && !script.may(Role::Viewer, None)
    );
    assert_eq!(script.author(), format!("user ada, token {}", token.id));
    world.pass(86_399);
    assert!(accounts.token(&secret).await.unwrap().is_some());
    world.pass(1);
    assert!(accounts.token(&secret).await.unwrap().is_none());
    let (forever, secret) = accounts.create_token(&ada, TokenRequest { lasts: None, ..request.clone() }).await.unwrap();
    assert!(accounts.token(&secret).await.unwrap().is_some());
    assert_eq!(accounts.tokens(Some(&ada)).await.unwrap().len(), 1, "one whose time is over gave way");
    let not_hers = accounts.revoke_token(Some(&name("bob")), &forever.id).await.unwrap_err();
    assert_eq!(not_hers.kind(), ErrorKind::NotFound);
    accounts.revoke_token(Some(&ada), &forever.id).await.unwrap();
    assert!(accounts.token(&secret).await.unwrap().is_none());
    for (wrong, word) in [
        (TokenRequest { scopes: BTreeSet::new(), ..request.clone() }, "scopes"),
        (TokenRequest { name: String::new(), ..request.clone() }, "name"),
        (TokenRequest { operators: Some(BTreeSet::new()), ..request.clone() }, "operators"),
        (TokenRequest { lasts: Some(Span::from_seconds(0)), ..request }, "expires"),
    ] {
        let e = accounts.create_token(&ada, wrong).await.unwrap_err();
        assert!(e.kind() == ErrorKind::Invalid && e.message().starts_with(word), "{e}");
    }
}

async fn a_user_who_is_shut_out_is_nobody_until_let_in_again(world: World) {
    let accounts = world.process().await;
    first(&accounts).await;
    let session = joined(&accounts, "bob", &at("acme", Role::Viewer)).await;
    let bob = name("bob");
    let request = TokenRequest { name: "t".into(), scopes: scopes(&[Scope::Read]), operators: None, lasts: None };
    let (_, secret) = accounts.create_token(&bob, request).await.unwrap();
    let link = accounts.sign_in_link(&bob, None).await.unwrap();
    let shut = |disabled| UserChange { disabled: Some(disabled), ..UserChange::default() };
    assert!(accounts.token(&secret).await.unwrap().is_some());
    accounts.change_user(&bob, &shut(true)).await.unwrap();
    assert!(caller(&accounts, &session).await.is_none() && accounts.token(&secret).await.unwrap().is_none());
    assert!(sign_in(&accounts, "bob", PASSWORD).await.is_none());
    assert_eq!(accept(&accounts, &link.secret, None).await.unwrap_err().kind(), ErrorKind::NotFound);
    accounts.change_user(&bob, &shut(false)).await.unwrap();
    assert!(caller(&accounts, &session).await.is_none(), "sessions do not come back");
    assert!(accounts.token(&secret).await.unwrap().is_some());
    assert!(sign_in(&accounts, "bob", PASSWORD).await.is_some());
    accounts.remove_user(&bob).await.unwrap();
    assert!(accounts.token(&secret).await.unwrap().is_none());
}

async fn a_link_to_sign_in_asks_for_no_password(world: World) {
    let accounts = world.process().await;
    let link = accounts.sign_in_link(&name("demo"), Some(&at("local", Role::Operator))).await.unwrap();
    let refused = accept(&accounts, &link.secret, Some(PASSWORD)).await.unwrap_err();
    assert!(refused.message().starts_with("password is not asked for"), "{refused}");
    let session = accept(&accounts, &link.secret, None).await.unwrap().session;
    let demo = caller(&accounts, &session).await.unwrap();
    assert!(demo.may(Role::Operator, Some(&"local".parse().unwrap())) && matches!(demo.via, Via::Session { .. }));
    assert!(accept(&accounts, &link.secret, None).await.is_err(), "good once");
    let unknown = accounts.sign_in_link(&name("eve"), None).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
}

async fn users_and_members_are_listed_page_by_page(world: World) {
    let accounts = world.process().await;
    first(&accounts).await;
    let acme: Name = "acme".parse().unwrap();
    for n in 0..5 {
        accounts.invite(&name(&format!("user{n}")), None, &at("acme", Role::Viewer)).await.unwrap();
    }
    accounts.invite(&name("zoe"), None, &at("other", Role::Admin)).await.unwrap();
    accounts.set_role(&name("ada"), Some(&acme), Some(Role::Viewer)).await.unwrap();
    let all: Vec<_> = accounts.users(None, 100).await.unwrap().into_iter().map(|user| user.name).collect();
    assert_eq!(all.len(), 7);
    let mut seen = Vec::new();
    loop {
        let after = seen.last().map(memcore::accounts::UserName::to_string);
        let page = accounts.users(after.as_deref(), 3).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|user| user.name));
    }
    assert_eq!(seen, all);
    let members = accounts.members(&acme, None, 3).await.unwrap();
    let shown: Vec<_> = members.iter().map(|member| (member.name.as_str(), member.role, member.everywhere)).collect();
    assert_eq!(shown, [("ada", Role::Admin, true), ("user0", Role::Viewer, false), ("user1", Role::Viewer, false)]);
    assert_eq!(accounts.members(&acme, Some("user1"), 10).await.unwrap().len(), 3, "nobody of another operator");
}

async fn records_keep_no_secret(world: World) {
    let accounts = world.process().await;
    let session = first(&accounts).await;
    let request = TokenRequest { name: "t".into(), scopes: scopes(&[Scope::Read]), operators: None, lasts: None };
    let (_, token) = accounts.create_token(&name("ada"), request).await.unwrap();
    let link = accounts.invite(&name("bob"), None, &Grants::default()).await.unwrap();
    let shown = format!("{session:?} {link:?} {accounts:?}");
    let mut kept = shown;
    let pool = pool(&world).await;
    for table in ["users", "user_roles", "sessions", "tokens", "links"] {
        for row in sqlx::query(&format!("SELECT * FROM {table}")).fetch_all(&pool).await.unwrap() {
            for at in 0..row.len() {
                kept.push_str(&row.try_get::<Option<String>, _>(at).ok().flatten().unwrap_or_default());
                kept.push('\n');
            }
        }
    }
    if world.url.is_none() {
        for file in std::fs::read_dir(world.site.path()).unwrap().flatten() {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
            kept.push_str(&String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()));
        }
    }
    assert!(kept.contains("$argon2id$") && kept.contains("ada"), "the kept text is looked through");
    for secret in [PASSWORD, &session.secret, &session.csrf, &token, &token[3..], &link.secret] {
        assert!(!kept.contains(secret), "a secret is kept");
    }
}

async fn pool(world: &World) -> sqlx::AnyPool {
    sqlx::any::install_default_drivers();
    let own = format!("sqlite://{}", world.site.path().join("records.sqlite").display());
    sqlx::AnyPool::connect(world.url.as_deref().unwrap_or(&own)).await.unwrap()
}

async fn two_processes_that_start_at_once_find_the_same_tables(world: World) {
    let world = Arc::new(world);
    let starting = (0..6).map(|_| {
        let world = world.clone();
        tokio::spawn(async move { Records::open(world.site.path(), world.url.as_deref()).await.map(drop) })
    });
    for started in starting.collect::<Vec<_>>() {
        started.await.unwrap().unwrap();
    }
    first(&world.process().await).await;
}

async fn records_of_a_newer_memcore_are_refused(world: World) {
    first(&world.process().await).await;
    let pool = pool(&world).await;
    sqlx::query("INSERT INTO migrations (name) VALUES ('of the year 2040')").execute(&pool).await.unwrap();
    let e = Records::open(world.site.path(), world.url.as_deref()).await.unwrap_err();
    assert!(e.kind() == ErrorKind::Unsupported && e.message().contains("of the year 2040"), "{e:?}");
    let users = sqlx::query("SELECT name FROM users").fetch_all(&pool).await.unwrap();
    assert_eq!(users.len(), 1, "refused, never emptied");
}

async fn a_session_is_no_token_and_a_token_no_session(world: World) {
    let accounts = world.process().await;
    let session = first(&accounts).await;
    let request = TokenRequest { name: "t".into(), scopes: scopes(&[Scope::Read]), operators: None, lasts: None };
    let (_, token) = accounts.create_token(&name("ada"), request).await.unwrap();
    for text in [session.secret.as_str(), &session.secret[1..], "", "mc_", &token.to_uppercase(), &"0".repeat(64)] {
        assert!(accounts.token(text).await.unwrap().is_none(), "{text}");
    }
    for text in [token.as_str(), &token[3..], "", &session.csrf, &session.id, &"0".repeat(64)] {
        assert!(accounts.session(text).await.unwrap().is_none(), "{text}");
    }
    assert!(caller(&accounts, &session).await.is_some() && accounts.token(&token).await.unwrap().is_some());
}

async fn sessions_of_one_user_are_bounded(world: World) {
    let accounts = world.process().await;
    let oldest = first(&accounts).await;
    for _ in 0..32 {
        world.pass(1);
        let link = accounts.sign_in_link(&name("ada"), None).await.unwrap();
        accept(&accounts, &link.secret, None).await.unwrap();
    }
    assert_eq!(accounts.sessions(&name("ada")).await.unwrap().len(), 32);
    assert!(caller(&accounts, &oldest).await.is_none());
}

/// What the table of a crowd of secrets costs: a request is answered without a query.
#[tokio::test]
async fn a_caller_is_remembered_so_that_a_database_that_is_away_is_not_asked() {
    let world = World::new(None);
    let records = Records::open(world.site.path(), None).await.unwrap();
    let accounts = Accounts::open(records.clone(), world.clock.clone(), Default::default()).await.unwrap();
    let session = first(&accounts).await;
    assert!(caller(&accounts, &session).await.is_some());
    records.close().await;
    for _ in 0..1000 {
        assert!(caller(&accounts, &session).await.is_some());
    }
    world.pass(2);
    let e = accounts.session(&session.secret).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Closed, "what may have changed is asked for, or refused");
}
