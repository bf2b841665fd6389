//! Changes that are only made to what was seen: every route that changes something either takes `If-Match`, or says that it has
//! nothing to compare it with.
#![cfg(all(feature = "rest", feature = "client"))]

mod accounts_support;
#[path = "common/asking.rs"]
mod asking;
mod rest_support;

use accounts_support::api::{Browser, Site};
use asking::Asker;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use memcore::accounts::Role;
use memcore::model::{Clock, SystemClock};
use memcore::rest::Route;
use rest_support::Scene;
use serde_json::{Value, json};
use tower::ServiceExt;

const HERE: &str = "/api/v1/operators/local";

/// What a route does to something that is there.
enum Does {
    /// To one and to another.
    Changes(String, [Value; 2]),
    Removes(String),
    /// It has no GET of its own.
    Unseen(String, Option<Value>),
}

/// A site with one of everything that can be changed.
struct Everything {
    site: Site,
    ada: Browser,
    rule: String,
    notifier: String,
    plan: String,
    import: String,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn tag(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.body);
        self.headers["etag"].to_str().unwrap().to_owned()
    }
}

fn rule(name: &str) -> Value {
    json!({"name": name, "severity": "info", "watch": {"kind": "stale", "series": "home1.>", "after": "5m"}})
}

fn hook(name: &str) -> Value {
    json!({"kind": "webhook", "name": name, "url": "http://127.0.0.1:1/in"})
}

impl Everything {
    async fn new() -> Self {
        let allow = json!({"webhook_allow": ["http://127.0.0.1:1"]});
        let site = Site::with(|config| config.alarms = serde_json::from_value(allow).unwrap()).await;
        let ada = site.admin().await;
        site.joined(&ada, "bob", json!({"local": "viewer"})).await;
        site.joined(&ada, "carl", json!({})).await;
        let mut all =
            Self { site, ada, rule: String::new(), notifier: String::new(), plan: String::new(), import: String::new() };
        all.made("sites/home1/devices", &json!({"device": "pv"})).await;
        all.rule = all.made("alarm-rules", &rule("first")).await;
        all.notifier = all.made("notifiers", &hook("first")).await;
        let plan = json!({
            "currency": "EUR",
            "horizon": {"start": "2026-06-21T00:00:00Z", "step": "1h", "steps": 2},
            "asset": [
                {"type": "grid", "name": "grid", "buy_per_kwh": 0.3, "sell_per_kwh": 0.05},
                {"type": "load", "name": "house", "power_w": 1000},
            ],
        });
        all.plan = all.made("sites/home1/plans", &json!({"name": "one", "site": plan})).await;
        let csv = "time,power [kW]\n2026-06-21T00:00:00Z,1.5\n";
        let path = format!("{HERE}/sites/home1/imports?device=meter");
        let begun = all.ask("POST", &path, &[("content-type", "application/octet-stream")], csv.into()).await;
        assert_eq!(begun.status, 202, "{}", begun.body);
        all.import = begun.body["id"].as_str().unwrap().to_owned();
        while all.get(&format!("{HERE}/sites/home1/imports/{}", all.import)).await.body["ended_us"].is_null() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        all
    }

    /// Asks as the page of the admin does.
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "energy.example");
        for (name, value) in [("cookie", self.ada.cookie.as_str()), ("x-csrf-token", &self.ada.csrf)].iter().chain(headers)
        {
            request = request.header(*name, *value);
        }
        let answer = self.site.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], Body::empty()).await
    }

    async fn change(&self, route: Route, path: &str, body: Option<&Value>, tag: &str) -> Answer {
        let (method, json) = (route.method(), ("content-type", "application/json"));
        let headers = [("if-match", tag), json];
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.ask(method.as_str(), path, &headers, body).await
    }

    /// Makes something; says its id, where it has one.
    async fn made(&self, path: &str, body: &Value) -> String {
        let json = [("content-type", "application/json")];
        let made = self.ask("POST", &format!("{HERE}/{path}"), &json, body.to_string().into()).await;
        assert_eq!(made.status, 201, "{path}: {}", made.body);
        made.body["id"].as_str().unwrap_or_default().to_owned()
    }

    fn does(&self, route: Route) -> Does {
        let Self { rule: of_rule, notifier, plan, import, .. } = self;
        let here = |path: &str| format!("{HERE}/{path}");
        let [user, member] = ["/api/v1/users/carl".to_owned(), here("members/bob")];
        let (of_rule, notifier) = (here(&format!("alarm-rules/{of_rule}")), here(&format!("notifiers/{notifier}")));
        let device = here("sites/home1/devices/pv");
        match route {
            Route::UserChange => Does::Changes(user, ["A", "B"].map(|name| json!({"display_name": name}))),
            Route::MemberSet => Does::Changes(member, ["operator", "engineer"].map(|role| json!({"role": role}))),
            Route::DeviceChange => Does::Changes(device, [100, 200].map(|rate| json!({"points_per_s": rate}))),
            Route::AlarmRuleChange => Does::Changes(of_rule, ["second", "third"].map(rule)),
            Route::NotifierChange => Does::Changes(notifier, ["second", "third"].map(hook)),
            Route::UserRemove => Does::Removes(user),
            Route::MemberRemove => Does::Removes(member),
            Route::DeviceRevoke => Does::Removes(device),
            Route::AlarmRuleRemove => Does::Removes(of_rule),
            Route::NotifierRemove => Does::Removes(notifier),
            Route::PlanRemove => Does::Removes(here(&format!("sites/home1/plans/{plan}"))),
            Route::ImportEnd => Does::Removes(here(&format!("sites/home1/imports/{import}"))),
            Route::SessionEnd => Does::Removes("/api/v1/session".into()),
            Route::PasswordChange => {
                Does::Unseen("/api/v1/session/password".into(), Some(json!({"current": "", "new": ""})))
            }
            Route::SessionRevoke => Does::Unseen("/api/v1/sessions/x".into(), None),
            Route::TokenRevoke => Does::Unseen("/api/v1/tokens/x".into(), None),
            Route::ControlEnable => Does::Unseen(here("sites/home1/control/enabled"), Some(json!({"enabled": true}))),
            Route::ProposalsWithdraw => Does::Unseen(here("sites/home1/control/proposals"), None),
            other => panic!("{other:?} changes something: say here what"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_is_what_was_seen_or_nothing_is() {
    let all = Everything::new().await;
    let changing = |route: &&Route| [Method::PUT, Method::PATCH, Method::DELETE].contains(&route.method());
    let mut routes: Vec<Route> = Route::ALL.iter().filter(changing).copied().collect();
    // What is removed is changed before, and who is signed in signs out last.
    routes.sort_by_key(|route| (*route == Route::SessionEnd, route.method() == Method::DELETE));
    for route in routes {
        match all.does(route) {
            Does::Changes(path, [one, other]) => {
                let seen = all.get(&path).await.tag();
                let wrong = all.change(route, &path, Some(&one), "\"0\"").await;
                assert_eq!((wrong.status, &wrong.body["field"]), (412, &json!("If-Match")), "{route:?}: {}", wrong.body);
                assert_eq!(all.get(&path).await.tag(), seen, "{route:?}: nothing was changed");
                let changed = all.change(route, &path, Some(&one), &seen).await;
                assert_eq!(changed.status, 200, "{route:?}: {}", changed.body);
                assert_eq!(all.change(route, &path, Some(&other), &seen).await.status, 412, "{route:?}");
                let later = all.get(&path).await.tag();
                assert_ne!(later, seen, "{route:?}");
                let either = format!("{seen}, {later}");
                assert_eq!(all.change(route, &path, Some(&other), &either).await.status, 200, "{route:?}");
                assert_eq!(all.change(route, &path, Some(&one), "*").await.status, 200, "{route:?}");
            }
            Does::Removes(path) => {
                let seen = all.get(&path).await.tag();
                let wrong = all.change(route, &path, None, "\"0\"").await;
                assert_eq!((wrong.status, &wrong.body["field"]), (412, &json!("If-Match")), "{route:?}: {}", wrong.body);
                let removed = all.change(route, &path, None, &seen).await;
                assert!([200, 204].contains(&removed.status), "{route:?}: {} {}", removed.status, removed.body);
                let again = all.change(route, &path, None, &seen).await.status;
                let expected = if route == Route::SessionEnd { 401 } else { 404 };
                // History of a device that is enrolled no more is still there to be seen, and is not what it was.
                assert!(again == expected || (route == Route::DeviceRevoke && again == 412), "{route:?}: {again}");
            }
            Does::Unseen(path, body) => {
                let refused = all.change(route, &path, body.as_ref(), "\"0\"").await;
                assert_eq!(
                    (refused.status, &refused.body["field"]),
                    (400, &json!("If-Match")),
                    "{route:?}: {}",
                    refused.body
                );
                assert!(refused.body["detail"].as_str().unwrap().contains("no GET of its own"), "{}", refused.body);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_listed_is_shown_by_itself_and_nobody_else() {
    let all = Everything::new().await;
    for (list, key) in [("members", "user"), ("notifiers", "id"), ("alarm-rules", "id"), ("sites/home1/devices", "device")]
    {
        let listed = all.get(&format!("{HERE}/{list}")).await.body;
        let items = listed["items"].as_array().unwrap();
        assert!(!items.is_empty(), "{list}");
        for item in items {
            let shown = all.get(&format!("{HERE}/{list}/{}", item[key].as_str().unwrap())).await;
            assert_eq!((shown.status, &shown.body), (200, item), "{list}");
        }
    }
    // One who is admin of all is listed at each operator; who has no role there is not known there.
    let everywhere = all.get(&format!("{HERE}/members/ada")).await.body;
    assert_eq!((&everywhere["role"], &everywhere["everywhere"]), (&json!("admin"), &json!(true)));
    for user in ["carl", "nobody"] {
        let unknown = all.get(&format!("{HERE}/members/{user}")).await;
        let detail = format!("user {user} is no member of operator local");
        assert_eq!((unknown.status, &unknown.body["detail"]), (404, &json!(detail)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_by_itself_stands_in_nobodys_way() {
    let scene = Scene::start_with(|config| {
        config.alarms = serde_json::from_value(json!({"webhook_allow": ["http://127.0.0.1:1"]})).unwrap();
    })
    .await;
    let anna = Asker::new(scene.server.handle(), &scene.config, Role::Admin, &["local"]).await;
    let device = scene.device("home1.meter", 1).await;
    let path = "local/sites/home1/devices/meter";
    let seen = anna.get(path).await;
    let (tag, points) = (seen.tag.clone().unwrap(), seen.expect(200)["points"].clone());
    device.send(SystemClock::default().now(), &[Some(1.0)]).await.unwrap();
    device.flush().await.unwrap();
    let later = loop {
        let later = anna.get(path).await;
        if later.body["points"] != points {
            break later.tag.unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_ne!(later, tag, "it is another answer");
    let limit = async |rate: u32| {
        let body = Some(json!({"points_per_s": rate}));
        anna.ask_with("PATCH", path, body, &[("if-match", &tag)]).await
    };
    limit(100).await.expect(200);
    limit(200).await.refused(412, "If-Match", "changed");

    let made = anna.post("local/notifiers", hook("first")).await.expect(201);
    let path = format!("local/notifiers/{}", made["id"].as_str().unwrap());
    let tag = anna.get(&path).await.tag.unwrap();
    // Nobody listens there: the notifier has a problem from now on.
    anna.ask("POST", &format!("{path}/test"), None, None).await.expect(200);
    let shown = anna.get(&path).await;
    assert_ne!(shown.tag.as_ref(), Some(&tag));
    assert!(shown.expect(200)["last_problem"].is_string());
    let rename = async |name: &str| anna.ask_with("PUT", &path, Some(hook(name)), &[("if-match", &tag)]).await;
    rename("second").await.expect(200);
    rename("third").await.refused(412, "If-Match", "changed");
    device.close().await;
    scene.shutdown().await;
}
