//! Alarms over HTTP: rules and notifiers as people set them, alarms of a real device as they come, are acknowledged and go, and who
//! may do what.
#![cfg(all(feature = "rest", feature = "client"))]

#[path = "common/asking.rs"]
mod asking;
mod rest_support;

use std::time::Duration;

use asking::Asker;
use memcore::accounts::Role;
use memcore::client::Device;
use memcore::model::{Clock, SystemClock};
use rest_support::{Listener, Scene};
use serde_json::{Value, json};

const BUILT_IN: [&str; 3] = ["control-stalled", "device-offline", "store-read-only"];

async fn admin_of(scene: &Scene) -> Asker {
    Asker::new(scene.server.handle(), &scene.config, Role::Admin, &["local"]).await
}

/// A rule for power above 3 kW, with changes.
fn rule(changes: &Value) -> Value {
    let watch = json!({"kind": "threshold", "series": "home1.>", "above": 3.0, "unit": "kW", "clear_margin": 0.5});
    let mut rule = json!({"name": "much power", "severity": "critical", "watch": watch});
    rule.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    rule
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// A device that says the same again and again until the alarms are so.
async fn until(anna: &Asker, device: &Device, values: &[f64], reached: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let row: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
    let mut items = Vec::new();
    for _ in 0..1500 {
        device.send(SystemClock::default().now(), &row).await.unwrap();
        items = anna.get("local/alarms").await.expect(200)["items"].as_array().unwrap().clone();
        if reached(&items) {
            return items;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{values:?} never led to it: {items:#?}");
}

fn in_state(items: &[Value], state: &str) -> usize {
    items.iter().filter(|alarm| alarm["state"] == state).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_made_listed_changed_and_removed() {
    let scene = Scene::start().await;
    let anna = admin_of(&scene).await;
    let before = anna.get("local/alarm-rules").await.expect(200);
    assert_eq!(ids(&before), BUILT_IN);
    assert!(before["items"].as_array().unwrap().iter().all(|rule| rule["built_in"] == true), "{before}");

    let quiet = json!({"from": "22:00", "to": "07:00", "zone": "Europe/Berlin", "lets_through": "critical"});
    let said = rule(&json!({"quiet": quiet, "remind": "1h"}));
    let made = anna.post("local/alarm-rules", said.clone()).await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!((&made["built_in"], &made["enabled"]), (&json!(false), &json!(true)));
    for (field, value) in said.as_object().unwrap() {
        assert_eq!(made[field], *value, "{field}");
    }
    let path = format!("local/alarm-rules/{id}");
    assert_eq!(anna.get(&path).await.expect(200), made);

    let changed = rule(&json!({"name": "too much power", "severity": "warning", "enabled": false}));
    let put = anna.ask("PUT", &path, Some(changed), None).await.expect(200);
    assert_eq!(
        (&put["name"], &put["severity"], &put["enabled"]),
        (&json!("too much power"), &json!("warning"), &json!(false))
    );
    assert_eq!((&put["quiet"], &put["remind"]), (&Value::Null, &Value::Null), "what is not said any more is gone");
    assert_eq!(anna.get(&path).await.expect(200), put);

    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = anna.get(&format!("local/alarm-rules?limit=3{cursor}")).await.expect(200);
        listed.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(listed, [&BUILT_IN[..], &[&id]].concat(), "those that come with memcore first");

    anna.ask("DELETE", &path, None, None).await.expect(204);
    anna.get(&path).await.expect(404);
    anna.ask("DELETE", &path, None, None).await.expect(404);
    anna.ask("PUT", &path, Some(rule(&json!({}))), None).await.expect(404);

    // What comes with memcore can be switched off, not made another rule, and not removed.
    let offline = "local/alarm-rules/device-offline";
    anna.ask("DELETE", offline, None, None).await.expect(409);
    anna.ask("PUT", offline, Some(rule(&json!({}))), None).await.refused(400, "watch.kind", "offline");
    let off = json!({"name": "gone", "severity": "info", "enabled": false, "watch": {"kind": "offline", "devices": "*.*", "after": "1h"}});
    anna.ask("PUT", offline, Some(off), None).await.expect(200);
    let after = anna.get(offline).await.expect(200);
    assert_eq!((&after["enabled"], &after["built_in"]), (&json!(false), &json!(true)));
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notifiers_are_made_listed_changed_tried_and_removed() {
    // Nobody takes mails there: the port was given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let scene = Scene::start_with(|config| {
        config.alarms = serde_json::from_value(json!({
            "smtp": {"server": "127.0.0.1", "port": port, "tls": "none", "from": "alarms@energy.example"},
            "webhook_allow": ["http://127.0.0.1:1"],
        }))
        .unwrap();
    })
    .await;
    let anna = admin_of(&scene).await;
    assert_eq!(anna.get("local/notifiers").await.expect(200)["items"], json!([]));
    let mail = json!({"kind": "email", "name": "Ada", "to": ["ada@energy.example"]});
    let mail = anna.post("local/notifiers", mail).await.expect(201);
    assert_eq!(
        (&mail["kind"], &mail["enabled"], &mail["to"], &mail["last_sent_us"], &mail["waiting"]),
        (&json!("email"), &json!(true), &json!(["ada@energy.example"]), &Value::Null, &json!(0))
    );
    let secret = "sixteen characters at least";
    let hook = json!({"kind": "webhook", "name": "hook", "url": "http://127.0.0.1:1/in", "secret": secret});
    let hook = anna.post("local/notifiers", hook).await.expect(201);
    assert_eq!((&hook["signed"], &hook["url"]), (&json!(true), &json!("http://127.0.0.1:1/in")));
    let [mail_id, hook_id] = [&mail, &hook].map(|made| made["id"].as_str().unwrap().to_owned());
    let told = rule(&json!({"notify": [mail_id, hook_id]}));
    let told = anna.post("local/alarm-rules", told).await.expect(201);

    // A change that says no secret keeps it, and no answer shows it.
    let path = format!("local/notifiers/{hook_id}");
    let renamed = json!({"kind": "webhook", "name": "our program", "enabled": false, "url": "http://127.0.0.1:1/other"});
    let renamed = anna.ask("PUT", &path, Some(renamed), None).await.expect(200);
    assert_eq!(
        (&renamed["name"], &renamed["enabled"], &renamed["signed"]),
        (&json!("our program"), &json!(false), &json!(true))
    );
    let first = anna.get("local/notifiers?limit=1").await.expect(200);
    let second = anna.get(&format!("local/notifiers?limit=1&cursor={}", first["next"].as_str().unwrap())).await.expect(200);
    let mut both = [ids(&first), ids(&second)].concat();
    both.sort();
    let mut expected = [mail_id.clone(), hook_id.clone()];
    expected.sort();
    assert_eq!((&both[..], &second["next"]), (&expected[..], &Value::Null));
    assert!(![&first, &second, &renamed].iter().any(|answer| answer.to_string().contains(secret)));

    // A try says why it could not tell, and so does the list.
    let tried = anna.ask("POST", &format!("local/notifiers/{mail_id}/test"), None, None).await.expect(200);
    assert_eq!(tried["sent"], json!(false));
    let why = tried["problem"].as_str().unwrap();
    assert!(why.starts_with("the mail server: "), "{why}");
    let listed = anna.get("local/notifiers").await.expect(200);
    let listed = listed["items"].as_array().unwrap().iter().find(|item| item["id"] == *mail_id).unwrap();
    assert_eq!(listed["last_problem"], json!(why));

    // Rules tell a notifier that was removed no more.
    anna.ask("DELETE", &path, None, None).await.expect(204);
    anna.ask("DELETE", &path, None, None).await.expect(404);
    anna.ask("POST", &format!("{path}/test"), None, None).await.expect(404);
    let told = anna.get(&format!("local/alarm-rules/{}", told["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(told["notify"], json!([mail_id]));
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_raised_acknowledged_and_cleared_and_heard_live() {
    let scene = Scene::start().await;
    let anna = admin_of(&scene).await;
    let mut listener = Listener::open(&scene, "?topics=alarms", None).await;
    listener.next_of("hello").await;
    let meter = scene.device("home1.meter", 1).await;
    let made = anna.post("local/alarm-rules", rule(&json!({}))).await.expect(201);

    let raised = until(&anna, &meter, &[4000.0], |items| in_state(items, "raised") == 1).await.remove(0);
    let what = ["rule", "kind", "severity", "site", "subject", "value", "limit", "unit", "message", "count", "cleared_us"];
    let expected = [
        made["id"].clone(),
        json!("threshold"),
        json!("critical"),
        json!("home1"),
        json!("home1.meter.node0.power"),
        json!(4.0),
        json!(3.0),
        json!("kW"),
        json!("4 kW is above 3 kW"),
        json!(1),
        Value::Null,
    ];
    assert_eq!(what.map(|field| raised[field].clone()), expected);
    let path = format!("local/alarms/{}", raised["id"].as_str().unwrap());
    assert_eq!(anna.get(&path).await.expect(200), raised);

    let note = json!({"note": "the oven is on"});
    let taken = anna.post(&format!("{path}/acknowledgement"), note).await.expect(200);
    assert_eq!((&taken["state"], &taken["acknowledged"]["note"]), (&json!("acknowledged"), &json!("the oven is on")));
    // The first one stands; a body is not needed.
    let olaf = anna.by("olaf", Role::Operator, "local");
    let again = olaf.ask("POST", &format!("{path}/acknowledgement"), None, None).await.expect(200);
    assert_eq!(again["acknowledged"], taken["acknowledged"]);

    // Within the margin it still holds: what the other rule sees of the same reading, this one has seen.
    let watch = json!({"kind": "threshold", "series": "home1.>", "below": 2.9, "unit": "kW"});
    anna.post("local/alarm-rules", rule(&json!({"name": "little power", "severity": "info", "watch": watch})))
        .await
        .expect(201);
    let both = until(&anna, &meter, &[2800.0], |items| in_state(items, "raised") == 1).await;
    assert_eq!((both.len(), both[0]["severity"].as_str(), &both[1]["state"]), (2, Some("info"), &json!("acknowledged")));
    let cleared = until(&anna, &meter, &[2400.0], |items| in_state(items, "cleared") == 1).await;
    assert_eq!((&cleared[1]["id"], &cleared[1]["state"]), (&raised["id"], &json!("cleared")));
    let cleared = anna.get(&path).await.expect(200);
    assert!(cleared["cleared_us"].as_i64() >= cleared["raised_us"].as_i64(), "{cleared}");
    assert_eq!(cleared["acknowledged"], taken["acknowledged"]);

    let mut heard = Vec::new();
    while heard.last() != Some(&json!("cleared")) {
        let data = listener.next_of("alarms").await.data;
        if data["id"] == raised["id"] {
            heard.push(data["what"].clone());
        }
    }
    assert_eq!(heard, ["raised", "acknowledged", "cleared"]);
    meter.close().await;
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_of_a_rule_that_was_removed_is_shown_as_cleared_and_can_be_acknowledged() {
    let scene = Scene::start().await;
    let anna = admin_of(&scene).await;
    let meter = scene.device("home1.meter", 1).await;
    let made = anna.post("local/alarm-rules", rule(&json!({}))).await.expect(201);
    let raised = until(&anna, &meter, &[4000.0], |items| in_state(items, "raised") == 1).await.remove(0);
    anna.ask("DELETE", &format!("local/alarm-rules/{}", made["id"].as_str().unwrap()), None, None).await.expect(204);
    let path = format!("local/alarms/{}", raised["id"].as_str().unwrap());
    // At once, whether the records have it already or not.
    assert_eq!(anna.get(&path).await.expect(200)["state"], "cleared");
    let taken = anna.ask("POST", &format!("{path}/acknowledgement"), None, None).await.expect(200);
    assert_eq!((&taken["state"], taken["acknowledged"].is_object()), (&json!("cleared"), true));
    for _ in 0..20 {
        let shown = anna.get(&path).await.expect(200);
        assert_eq!(shown, taken, "what was written down is not another alarm");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_filtered_and_come_page_by_page() {
    let scene = Scene::start().await;
    let anna = admin_of(&scene).await;
    let (one, two) = (scene.device("home1.meter", 3).await, scene.device("home2.meter", 1).await);
    anna.post("local/alarm-rules", rule(&json!({}))).await.expect(201);
    let watch = json!({"kind": "threshold", "series": "home2.>", "above": 3, "unit": "kW"});
    anna.post("local/alarm-rules", rule(&json!({"severity": "warning", "watch": watch}))).await.expect(201);
    let mut elsewhere = Listener::open(&scene, "?topics=alarms&site=home2", None).await;
    elsewhere.next_of("hello").await;
    until(&anna, &one, &[4000.0; 3], |items| items.len() == 3).await;
    until(&anna, &two, &[4000.0], |items| items.len() == 4).await;
    assert_eq!(elsewhere.next_of("alarms").await.data["site"], "home2", "nothing of another site is heard");
    let all = until(&anna, &one, &[1000.0, 4000.0, 4000.0], |items| in_state(items, "cleared") == 1).await;
    let all: Vec<String> = all.iter().map(|alarm| alarm["id"].as_str().unwrap().to_owned()).collect();
    assert!(all.windows(2).all(|pair| pair[0] > pair[1]), "the newest first: {all:?}");
    for (query, count) in [
        ("state=raised", 3),
        ("state=cleared", 1),
        ("state=acknowledged", 0),
        ("severity=warning", 1),
        ("severity=critical&state=raised", 2),
        ("site=home1", 3),
        ("site=home2&state=cleared", 0),
        ("site=nowhere", 0),
    ] {
        let found = anna.get(&format!("local/alarms?{query}")).await.expect(200);
        assert_eq!(ids(&found).len(), count, "{query}: {found}");
    }
    for limit in [1, 3, 4] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = anna.get(&format!("local/alarms?limit={limit}{cursor}")).await.expect(200);
            assert!((1..=limit).contains(&ids(&page).len()), "{page}");
            seen.extend(ids(&page));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, all);
    }
    for (query, field) in [
        ("state=party", "state"),
        ("severity=bad", "severity"),
        ("site=a%20b", "site"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=x", "cursor"),
        ("colour=red", "colour"),
    ] {
        anna.get(&format!("local/alarms?{query}")).await.refused(400, field, field);
    }
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_look_and_who_may_act() {
    let scene = Scene::start_with(|config| {
        config.alarms = serde_json::from_value(json!({"webhook_allow": ["http://127.0.0.1:1"]})).unwrap();
    })
    .await;
    let anna = admin_of(&scene).await;
    let [vera, olaf, emil] = [("vera", Role::Viewer), ("olaf", Role::Operator), ("emil", Role::Engineer)]
        .map(|(user, role)| anna.by(user, role, "local"));
    let meter = scene.device("home1.meter", 1).await;
    let made = emil.post("local/alarm-rules", rule(&json!({}))).await.expect(201);
    let hook = json!({"kind": "webhook", "name": "hook", "url": "http://127.0.0.1:1/in"});
    emil.post("local/notifiers", hook.clone()).await.expect(403);
    let notifier = anna.post("local/notifiers", hook.clone()).await.expect(201);
    let raised = until(&vera, &meter, &[4000.0], |items| in_state(items, "raised") == 1).await.remove(0);
    let id = |of: &Value| of["id"].as_str().unwrap().to_owned();
    let (alarm, of_rule, notifier) = (id(&raised), id(&made), id(&notifier));

    vera.get(&format!("local/alarms/{alarm}")).await.expect(200);
    vera.get(&format!("local/alarm-rules/{of_rule}")).await.expect(200);
    vera.get("local/notifiers").await.expect(403);
    emil.get("local/notifiers").await.expect(200);
    let acknowledgement = format!("alarms/{alarm}/acknowledgement");
    let (rule_path, notifier_path) = (format!("alarm-rules/{of_rule}"), format!("notifiers/{notifier}"));
    for (method, path, body, refused) in [
        ("POST", acknowledgement.as_str(), None, &[&vera][..]),
        ("POST", "alarm-rules", Some(rule(&json!({}))), &[&vera, &olaf]),
        ("PUT", &rule_path, Some(rule(&json!({}))), &[&vera, &olaf]),
        ("DELETE", &rule_path, None, &[&vera, &olaf]),
        ("PUT", &notifier_path, Some(hook), &[&vera, &olaf, &emil]),
        ("DELETE", &notifier_path, None, &[&vera, &olaf, &emil]),
        ("POST", &format!("{notifier_path}/test"), None, &[&vera, &olaf, &emil]),
    ] {
        for who in refused {
            who.ask(method, &format!("local/{path}"), body.clone(), None).await.expect(403);
        }
    }
    assert_eq!(anna.get(&format!("local/alarms/{alarm}")).await.expect(200)["acknowledged"], Value::Null);

    // Another operator's admin finds nothing, under its own name neither.
    let carl = anna.by("carl", Role::Admin, "acme");
    for path in ["alarms", "alarm-rules", "notifiers", &format!("alarms/{alarm}"), &rule_path] {
        carl.get(&format!("local/{path}")).await.expect(404);
    }
    for path in ["acme/alarms", "acme/notifiers"] {
        assert_eq!(carl.get(path).await.expect(200)["items"], json!([]));
    }
    for (method, path, body) in [
        ("GET", format!("alarms/{alarm}"), None),
        ("POST", acknowledgement.clone(), None),
        ("GET", rule_path.clone(), None),
        ("PUT", rule_path.clone(), Some(rule(&json!({})))),
        ("DELETE", rule_path.clone(), None),
        ("DELETE", notifier_path.clone(), None),
        ("POST", format!("{notifier_path}/test"), None),
    ] {
        carl.ask(method, &format!("acme/{path}"), body, None).await.expect(404);
    }
    let stolen = carl.post("acme/alarm-rules", rule(&json!({"notify": [notifier]}))).await;
    stolen.refused(400, "notify", "notifiers");

    let taken = olaf.ask("POST", &format!("local/{acknowledgement}"), None, None).await.expect(200);
    assert!(taken["acknowledged"]["by"].as_str().unwrap().contains("olaf"), "{taken}");
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named() {
    let scene = Scene::start_with(|config| {
        config.alarms = serde_json::from_value(json!({
            "smtp": {"server": "127.0.0.1", "tls": "none", "from": "alarms@energy.example"},
        }))
        .unwrap();
    })
    .await;
    let anna = admin_of(&scene).await;
    scene.write("home1.meter.power", 0, &[1.0]);
    let watch = |changes: Value| {
        let mut watch = rule(&json!({}))["watch"].clone();
        watch.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        json!({"watch": watch})
    };
    for (changes, field, word) in [
        (json!({"name": ""}), "name", "1 to 120"),
        (json!({"name": "a\nb"}), "name", "control"),
        (json!({"name": 7}), "name", "string"),
        (json!({"severity": "bad"}), "severity", "bad"),
        (json!({"colour": "red"}), "colour", "unknown"),
        (json!({"notify": ["nobody"]}), "notify", "nobody"),
        (json!({"remind": "1s"}), "remind", "1s"),
        (json!({"quiet": {"from": "25:00", "to": "07:00", "zone": "UTC"}}), "quiet.from", "25:00"),
        (json!({"quiet": {"from": "22:00", "to": "07:00", "zone": "Europe/Atlantis"}}), "quiet.zone", "Atlantis"),
        (json!({"quiet": {"from": "22:00", "to": "07:00"}}), "quiet.zone", "missing"),
        (json!({"watch": {}}), "watch.kind", "missing"),
        (json!({"watch": {"kind": "party"}}), "watch.kind", "party"),
        (json!({"watch": {"kind": "threshold", "above": 3}}), "watch.series", "missing"),
        (json!({"watch": {"kind": "threshold", "series": "home1.>"}}), "watch.above", "missing"),
        (json!({"watch": {"kind": "offline", "devices": "a.b.c", "after": "1m"}}), "watch.devices", "a.b.c"),
        (json!({"watch": {"kind": "offline", "devices": "*.*", "after": "1m", "above": 3}}), "watch.above", "offline"),
        (json!({"watch": {"kind": "balance", "site": "home1", "above_w": 0, "for": "1h"}}), "watch.above_w", "above 0"),
        (watch(json!({"above": "many"})), "watch.above", "many"),
        (watch(json!({"unit": "parsec"})), "watch.unit", "parsec"),
        (watch(json!({"unit": "degC"})), "watch.unit", "home1.meter.power"),
        (watch(json!({"clear_margin": -1})), "watch.clear_margin", "-1"),
        (watch(json!({"for": "soon"})), "watch.for", "soon"),
        (watch(json!({"series": "home1..power"})), "watch.series", "home1..power"),
        (watch(json!({"series": "acme/home1.>"})), "watch.series", "operator local"),
        (watch(json!({"colour": "red"})), "watch.colour", "unknown"),
    ] {
        let asked = rule(&changes);
        anna.post("local/alarm-rules", asked.clone()).await.refused(400, field, word);
        anna.ask("PUT", "local/alarm-rules/device-offline", Some(asked), None).await.expect(400);
    }
    assert_eq!(ids(&anna.get("local/alarm-rules").await.expect(200)), BUILT_IN, "nothing was made");

    for (asked, field, word) in [
        (json!({"name": "Ada", "to": ["ada@energy.example"]}), "kind", "missing"),
        (json!({"kind": "pigeon", "name": "Ada"}), "kind", "pigeon"),
        (json!({"kind": "email", "to": ["ada@energy.example"]}), "name", "missing"),
        (json!({"kind": "email", "name": "Ada"}), "to", "missing"),
        (json!({"kind": "email", "name": "Ada", "to": "ada@energy.example"}), "to", "sequence"),
        (json!({"kind": "email", "name": "Ada", "to": []}), "to", "1 to 20"),
        (json!({"kind": "email", "name": "Ada", "to": ["nobody"]}), "to", "nobody"),
        (json!({"kind": "email", "name": "Ada", "to": ["a@b.example"], "url": "https://b.example"}), "url", "email"),
        (json!({"kind": "webhook", "name": "hook"}), "url", "missing"),
        (json!({"kind": "webhook", "name": "hook", "url": "ftp://b.example"}), "url", "ftp"),
        (json!({"kind": "webhook", "name": "hook", "url": "https://127.0.0.1/in"}), "url", "127.0.0.1"),
        (json!({"kind": "webhook", "name": "hook", "url": "https://b.example", "secret": "short"}), "secret", "16 to 256"),
    ] {
        anna.post("local/notifiers", asked).await.refused(400, field, word);
    }
    assert_eq!(anna.get("local/notifiers").await.expect(200)["items"], json!([]));

    anna.get("local/alarms/none").await.expect(404);
    anna.post("local/alarms/none/acknowledgement", json!({"note": "x"})).await.expect(404);
    let long = json!({"note": "x".repeat(1001)});
    anna.post("local/alarms/none/acknowledgement", long).await.refused(400, "note", "1000");
    anna.post("local/alarms/none/acknowledgement", json!({"by": "eve"})).await.refused(400, "by", "unknown");
    scene.shutdown().await;
}
