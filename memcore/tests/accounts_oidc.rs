//! Signing in by OpenID Connect, against a small provider of the test's own that can be told to lie.
#![cfg(feature = "rest")]

mod accounts_support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use accounts_support::api::{Said, Site};
use accounts_support::{PASSWORD, at, name};
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memcore::OidcConfig;
use memcore::accounts::{Grants, Role};
use memcore::model::{Clock, ManualClock, Span, SystemClock};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// What the provider says of its user; each test changes what it is about.
#[derive(Debug, Clone)]
struct Story {
    claims: Value,
    /// In place of the nonce of the question.
    nonce: Option<String>,
    /// Signed by a key that the provider does not show.
    foreign_key: bool,
    refuses: bool,
}

struct Provider {
    issuer: String,
    key: Mutex<EcdsaKeyPair>,
    foreign: EcdsaKeyPair,
    story: Mutex<Story>,
    /// The nonce and the challenge of the last question.
    asked: Mutex<(String, String)>,
}

fn key_pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap()
}

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}

impl Provider {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let claims = json!({"sub": "4711", "email": "eva@example.org", "email_verified": true, "name": "Eva Müller"});
        let provider = Arc::new(Self {
            issuer,
            key: Mutex::new(key_pair()),
            foreign: key_pair(),
            story: Mutex::new(Story { claims, nonce: None, foreign_key: false, refuses: false }),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(described))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    fn tell(&self, change: impl FnOnce(&mut Story)) {
        change(&mut self.story.lock().unwrap());
    }

    fn claim(&self, claim: &str, value: Value) {
        self.tell(|story| story.claims[claim] = value);
    }
}

async fn described(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn keys(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let key = provider.key.lock().unwrap();
    let point = key.public_key().as_ref();
    let [x, y] = [&point[1..33], &point[33..65]].map(|half| URL_SAFE_NO_PAD.encode(half));
    Json(json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "x": x, "y": y}]}))
}

/// Exchanges a code, where who asks can show what the question's challenge was made of.
async fn token(State(provider): State<Arc<Provider>>, sent: Bytes) -> (axum::http::StatusCode, Json<Value>) {
    let sent: BTreeMap<String, String> = serde_html_form::from_bytes(&sent).unwrap();
    let story = provider.story.lock().unwrap().clone();
    let (nonce, challenge) = provider.asked.lock().unwrap().clone();
    let shown = URL_SAFE_NO_PAD.encode(digest(&SHA256, sent["code_verifier"].as_bytes()));
    if story.refuses || shown != challenge || sent["code"] != "a-good-code" {
        return (axum::http::StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"})));
    }
    let mut claims = json!({"iss": provider.issuer, "aud": "memcore", "iat": now(), "exp": now() + 300});
    claims["nonce"] = json!(story.nonce.unwrap_or(nonce));
    for (claim, value) in story.claims.as_object().unwrap() {
        claims[claim] = value.clone();
    }
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(json!({"alg": "ES256", "typ": "JWT"}).to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let own = provider.key.lock().unwrap();
    let key = if story.foreign_key { &provider.foreign } else { &*own };
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    let proof = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let answer = json!({"access_token": "x", "token_type": "bearer", "id_token": proof});
    (axum::http::StatusCode::OK, Json(answer))
}

async fn site(provider: &Provider, more: Value) -> Site {
    site_at(Arc::new(SystemClock::default()), provider, more).await
}

async fn site_at(clock: Arc<dyn Clock>, provider: &Provider, more: Value) -> Site {
    let mut oidc = json!({"issuer": provider.issuer, "client_id": "memcore", "client_secret": "between-us-only"});
    for (key, value) in more.as_object().unwrap() {
        oidc[key] = value.clone();
    }
    let oidc: OidcConfig = serde_json::from_value(oidc).unwrap();
    Site::with_clock(clock, |config| {
        config.http.public_url = Some("https://energy.example".into());
        config.accounts.oidc = Some(oidc);
    })
    .await
}

/// What a browser has on its way: where it was sent, and its cookie.
struct OnTheWay {
    state: String,
    cookie: String,
}

async fn begin(site: &Site, provider: &Provider) -> OnTheWay {
    let sent = site.ask("GET", "/api/v1/session/oidc", &[], None).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let to = sent.headers["location"].to_str().unwrap().to_owned();
    assert!(to.starts_with(&format!("{}/authorize?", provider.issuer)), "{to}");
    let said: BTreeMap<String, String> = to
        .split_once('?')
        .unwrap()
        .1
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    assert_eq!((said["response_type"].as_str(), said["code_challenge_method"].as_str()), ("code", "S256"));
    assert!(said["redirect_uri"].ends_with("%2Fapi%2Fv1%2Fsession%2Foidc%2Fcallback"), "{said:?}");
    *provider.asked.lock().unwrap() = (said["nonce"].clone(), said["code_challenge"].clone());
    let cookie = sent.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-memcore_oidc=") && cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    OnTheWay { state: said["state"].clone(), cookie: cookie.split(';').next().unwrap().to_owned() }
}

async fn come_back(site: &Site, cookie: &str, query: &str) -> Said {
    site.ask("GET", &format!("/api/v1/session/oidc/callback?{query}"), &[("cookie", cookie)], None).await
}

/// Begins and ends it; where the browser is sent in the end.
async fn sign_in(site: &Site, provider: &Provider) -> (String, Option<String>) {
    let way = begin(site, provider).await;
    let said = come_back(site, &way.cookie, &format!("code=a-good-code&state={}", way.state)).await;
    arrived(&said)
}

fn arrived(said: &Said) -> (String, Option<String>) {
    assert_eq!(said.status, 303, "{said:?}");
    let cookies = said.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let cookies: Vec<_> = cookies.collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("__Host-memcore_session="));
    assert!(cookies.iter().any(|cookie| cookie.starts_with("__Host-memcore_oidc=;")), "the way is over");
    let to = said.headers["location"].to_str().unwrap().to_owned();
    (to, session.map(|cookie| cookie.split(';').next().unwrap().to_owned()))
}

/// What a provider says that is not so.
type Lie = fn(&mut Story);

fn refused(code: &str) -> (String, Option<String>) {
    (format!("https://energy.example/#/sign-in?problem={code}"), None)
}

#[tokio::test]
async fn one_who_was_invited_signs_in_at_the_provider() {
    let provider = Provider::start().await;
    let site = site(&provider, json!({"name": "Example login"})).await;
    let methods = site.ask("GET", "/api/v1/session/methods", &[], None).await;
    assert_eq!(methods.body["oidc"], json!({"name": "Example login"}));
    assert_eq!(sign_in(&site, &provider).await, refused("oidc_unknown"), "nobody invited her");
    let accounts = site.api.accounts();
    accounts.invite(&name("eva@example.org"), None, &at("acme", Role::Operator)).await.unwrap();
    let (to, session) = sign_in(&site, &provider).await;
    assert_eq!(to, "https://energy.example/");
    let shown = site.ask("GET", "/api/v1/session", &[("cookie", &session.unwrap())], None).await;
    assert_eq!((&shown.body["user"], &shown.body["roles"]), (&json!("eva@example.org"), &json!({"acme": "operator"})));
    // From now on it is the provider's id of her that counts: the name may go to another person there.
    provider.claim("sub", json!("4712"));
    assert_eq!(sign_in(&site, &provider).await, refused("oidc_password"));
    provider.claim("sub", json!("4711"));
    provider.claim("email", json!("eva.mueller@example.org"));
    assert!(sign_in(&site, &provider).await.1.is_some());
    assert_eq!(accounts.users(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_that_belongs_to_another_browser_or_question_is_refused() {
    let provider = Provider::start().await;
    let site = site(&provider, json!({"default_roles": {"local": "viewer"}})).await;
    let mine = begin(&site, &provider).await;
    let theirs = begin(&site, &provider).await;
    for (cookie, state) in [
        (theirs.cookie.as_str(), mine.state.as_str()),
        ("", &theirs.state),
        ("__Host-memcore_oidc=", &theirs.state),
        (&theirs.cookie, ""),
        (&theirs.cookie, "0"),
    ] {
        let said = come_back(&site, cookie, &format!("code=a-good-code&state={state}")).await;
        assert_eq!(arrived(&said), refused("oidc_state"), "{cookie} {state}");
    }
    // Of the right browser, but the provider was asked by another one: its verifier does not fit.
    begin(&site, &provider).await;
    let said = come_back(&site, &theirs.cookie, &format!("code=a-good-code&state={}", theirs.state)).await;
    assert_eq!(arrived(&said), refused("oidc_refused"));
    let said = come_back(&site, &theirs.cookie, &format!("error=access_denied&state={}", theirs.state)).await;
    assert_eq!(arrived(&said), refused("oidc_refused"));
}

#[tokio::test]
async fn a_proof_that_is_not_the_providers_for_us_for_now_is_refused() {
    let provider = Provider::start().await;
    let site = site(&provider, json!({"default_roles": {"local": "viewer"}})).await;
    let honest = provider.story.lock().unwrap().clone();
    let lies: [(&str, Lie); 6] = [
        ("another nonce", |story| story.nonce = Some("of another question".into())),
        ("another audience", |story| story.claims["aud"] = json!("another-client")),
        ("one audience more", |story| story.claims["aud"] = json!(["memcore", "another-client"])),
        ("expired", |story| story.claims["exp"] = json!(now() - 60)),
        ("another issuer", |story| story.claims["iss"] = json!("https://evil.example")),
        ("another key", |story| story.foreign_key = true),
    ];
    for (lie, tell) in lies {
        provider.tell(tell);
        assert_eq!(sign_in(&site, &provider).await, refused("oidc_proof"), "{lie}");
        provider.tell(|story| *story = honest.clone());
    }
    provider.tell(|story| story.refuses = true);
    assert_eq!(sign_in(&site, &provider).await, refused("oidc_refused"));
    provider.tell(|story| story.refuses = false);
    assert!(sign_in(&site, &provider).await.1.is_some(), "and the truth is taken");
}

#[tokio::test]
async fn who_may_come_in_is_a_matter_of_domain_and_verified_address() {
    let provider = Provider::start().await;
    let more = json!({"default_roles": {"local": "viewer"}, "allowed_domains": ["Example.org"]});
    let site = site(&provider, more).await;
    provider.claim("email_verified", json!(false));
    assert_eq!(sign_in(&site, &provider).await, refused("oidc_name"));
    provider.claim("email_verified", json!(true));
    for email in ["eva@evil.example", "eva@sub.example.org", "eva@example.org.evil.example"] {
        provider.claim("email", json!(email));
        assert_eq!(sign_in(&site, &provider).await, refused("oidc_domain"), "{email}");
    }
    provider.claim("email", json!("eva <script>@example.org"));
    assert_eq!(sign_in(&site, &provider).await, refused("oidc_name"));
    provider.claim("email", json!("Eva@EXAMPLE.org"));
    assert!(sign_in(&site, &provider).await.1.is_some());
    let eva = site.api.accounts().user(&name("eva@example.org")).await.unwrap();
    assert_eq!((eva.display_name.as_str(), eva.grants), ("Eva Müller", at("local", Role::Viewer)));
}

#[tokio::test]
async fn the_providers_groups_are_roles_and_follow_it_but_leave_the_last_admin() {
    let provider = Provider::start().await;
    let roles =
        json!({"admins": {"*": "admin"}, "staff": {"acme": "operator", "local": "viewer"}, "lead": {"acme": "engineer"}});
    let site = site(&provider, json!({"roles": roles})).await;
    let accounts = site.api.accounts();
    assert_eq!(sign_in(&site, &provider).await, refused("oidc_unknown"));
    provider.claim("groups", json!(["staff", "lead", "cycling"]));
    let (_, session) = sign_in(&site, &provider).await;
    let shown = site.ask("GET", "/api/v1/session", &[("cookie", &session.unwrap())], None).await;
    assert_eq!(shown.body["roles"], json!({"acme": "engineer", "local": "viewer"}), "the higher of each");
    provider.claim("groups", json!(["admins"]));
    assert!(sign_in(&site, &provider).await.1.is_some());
    let grants = |user: &str| {
        let (accounts, user) = (accounts.clone(), name(user));
        async move { accounts.user(&user).await.unwrap().grants }
    };
    assert_eq!(grants("eva@example.org").await, Grants::of_all(Role::Admin));
    provider.claim("groups", json!(["staff"]));
    assert!(sign_in(&site, &provider).await.1.is_some());
    assert_eq!(grants("eva@example.org").await, Grants::of_all(Role::Admin), "there is no other");
    provider.claim("sub", json!("4713"));
    provider.claim("email", json!("bob@example.org"));
    provider.claim("groups", json!("admins"));
    assert!(sign_in(&site, &provider).await.1.is_some());
    provider.claim("groups", json!([]));
    assert_eq!(sign_in(&site, &provider).await, refused("oidc_unknown"));
    assert_eq!(grants("bob@example.org").await, Grants::default(), "what the provider takes away is gone");
}

#[tokio::test]
async fn a_password_here_is_not_opened_by_the_same_name_there() {
    let provider = Provider::start().await;
    let local = site(&provider, json!({"default_roles": {"local": "viewer"}})).await;
    for (site, expected) in [(local, false), (site(&provider, json!({"link_existing": true})).await, true)] {
        let accounts = site.api.accounts();
        let link = accounts.invite(&name("eva@example.org"), None, &at("local", Role::Admin)).await.unwrap();
        accounts_support::accept(accounts, &link.secret, Some(PASSWORD)).await.unwrap();
        let (to, session) = sign_in(&site, &provider).await;
        assert_eq!(session.is_some(), expected, "{to}");
        if !expected {
            assert_eq!(to, refused("oidc_password").0);
        }
    }
}

#[tokio::test]
async fn new_keys_of_the_provider_are_fetched_and_one_that_is_away_is_said_to_be() {
    let provider = Provider::start().await;
    let clock = Arc::new(ManualClock::at(SystemClock::default().now()));
    let site = site_at(clock.clone(), &provider, json!({"default_roles": {"local": "viewer"}})).await;
    assert!(sign_in(&site, &provider).await.1.is_some());
    *provider.key.lock().unwrap() = key_pair();
    // Not at every wrong signature: once a minute.
    assert_eq!(sign_in(&site, &provider).await, refused("oidc_proof"));
    clock.advance(Span::from_seconds(60));
    assert!(sign_in(&site, &provider).await.1.is_some());
    let away: OidcConfig = serde_json::from_value(json!({"issuer": "http://127.0.0.1:9", "client_id": "memcore"})).unwrap();
    let site = Site::with(|config| {
        config.http.public_url = Some("https://energy.example".into());
        config.accounts.oidc = Some(away);
    })
    .await;
    let said = site.ask("GET", "/api/v1/session/oidc", &[], None).await;
    assert_eq!((said.status.as_u16(), &said.body["code"]), (503, &json!("CONNECTION")));
}
