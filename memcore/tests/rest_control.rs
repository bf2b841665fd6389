//! Control of a home over HTTP: how it is, wishes of people and their end, pauses with their author, why, and the model.
#![cfg(all(feature = "rest", feature = "client"))]

#[path = "common/asking.rs"]
mod asking;
#[allow(dead_code, reason = "other stories need more of a home")]
mod control_support;

use asking::Asker;
use control_support::Home;
use memcore::AuditQuery;
use memcore::accounts::Role;
use serde_json::{Value, json};

const CONTROL: &str = "local/sites/home1/control";

async fn operator(home: &Home) -> Asker {
    Asker::new(home.handle(), &home.config, Role::Operator, &["local"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_see_how_control_is_wish_for_a_while_and_are_told_why() {
    let home = Home::drawing(1500.0).await;
    home.battery_does(-1500.0).await;
    let anna = operator(&home).await;
    let status = anna.get(CONTROL).await.expect(200);
    assert_eq!((&status["site"], &status["enabled"]), (&json!("home1"), &json!(true)));
    assert_eq!(status["assets"][1]["asset"], "battery");

    let wish = json!({"target": "battery", "power": 1, "unit": "kW", "valid_for": "10m", "reason": "the car comes late"});
    let taken = anna.post(&format!("{CONTROL}/proposals"), wish).await.expect(201);
    assert_eq!(taken["actor"], "person");
    home.battery_does(1000.0).await;
    let why = anna.get("local/sites/home1/why?asset=battery").await.expect(200);
    assert!(why["sentence"].as_str().unwrap().contains("program for anna: the car comes late"), "{why}");
    let text = why["text"].as_array().unwrap();
    assert_eq!(text[0], why["sentence"]);
    assert!(text.iter().any(|line| line.as_str().unwrap().starts_with("home1.battery.power")), "{text:?}");
    let of_series = anna.get("local/sites/home1/why?series=battery.power&at=now").await.expect(200);
    assert_eq!(of_series["asked"], "home1.battery.power");

    // What control writes down of itself is history, and no device of the site.
    while anna.get("local/sites/home1/channels?device=control").await.expect(200)["items"] == json!([]) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let devices = anna.get("local/sites/home1/devices").await.expect(200);
    let names: Vec<_> = devices["items"].as_array().unwrap().iter().map(|device| device["device"].clone()).collect();
    assert!(names.contains(&json!("battery")) && !names.contains(&json!("control")), "{names:?}");
    assert_eq!(anna.get("local/sites/home1").await.expect(200)["devices"], names.len());

    let gone = anna.ask("DELETE", &format!("{CONTROL}/proposals?target=battery"), None, None).await.expect(200);
    assert_eq!(gone["withdrawn"], 1);
    // Who wished for what and who took it back stands in the audit trail.
    let told = |kind: &str| {
        let mut query = AuditQuery::default();
        query.kind = Some(kind.into());
        let entries = home.handle().audit(&query).unwrap().entries;
        entries.iter().map(|entry| serde_json::to_value(entry).unwrap()).collect::<Vec<_>>()
    };
    let [wished, taken_back] = ["proposed", "withdrawn"].map(told);
    assert_eq!((wished.len(), taken_back.len()), (1, 1), "{wished:?} {taken_back:?}");
    let what = ["by", "actor", "wished_for", "power_w", "valid_for_us", "priority"].map(|field| wished[0][field].clone());
    let expected = json!(["program for anna", "person", "battery", 1000.0, 600_000_000, 60]);
    assert_eq!(json!(what), expected);
    let what = ["by", "actor", "wished_for"].map(|field| taken_back[0][field].clone());
    assert_eq!(json!(what), json!(["program for anna", "person", "battery"]));
    home.battery_does(-1500.0).await;
    let model = anna.get(&format!("{CONTROL}/model")).await.expect(200);
    assert_eq!(model["site"], "home1");
    anna.get(&format!("{CONTROL}/plan")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_to_a_steered_channel_is_shown_as_the_wish_that_it_is_also_after_a_restart() {
    let mut home = Home::drawing(1500.0).await;
    home.battery_does(-1500.0).await;
    let anna = operator(&home).await;
    let body = json!({"channel": "battery.setpoint", "value": 9, "unit": "kW", "lease": "10m"});
    anna.post("local/sites/home1/commands", body).await.refused(400, "value", "-3000..3000 W");
    let body = json!({"channel": "battery.setpoint", "value": 0.5, "unit": "kW", "lease": "10m"});
    let sent = anna.ask("POST", "local/sites/home1/commands", Some(body.clone()), Some("once")).await.expect(202);
    assert_eq!((&sent["value"], &sent["lease_us"]), (&json!(500.0), &json!(600_000_000)), "as it was asked for");
    assert_eq!((&sent["steered"]["ordered"], &sent["steered"]["lease_us"]), (&json!(500.0), &json!(2_000_000)));
    assert!(sent["steered"]["note"].as_str().unwrap().contains("stands as a wish for 10m"), "{sent}");
    home.battery_does(500.0).await;
    let list = anna.get("local/sites/home1/commands").await.expect(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "what control orders by itself is not among them: {items:?}");

    // Who holds a handle holds the site.
    drop(anna);
    home.shut_down().await;
    home.start().await;
    let anna = operator(&home).await;
    let again = anna.ask("POST", "local/sites/home1/commands", Some(body), Some("once")).await.expect(202);
    assert_eq!((&again["id"], &again["value"]), (&sent["id"], &json!(500.0)));
    home.battery_does(-1500.0).await;
    let person = |status: &Value| status["proposals"].as_array().unwrap().iter().any(|p| p["actor"] == "person");
    assert!(!person(&anna.get(CONTROL).await.expect(200)), "a repetition wishes for nothing anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_paused_control_is_known_and_what_is_no_wish_is_refused_by_its_field() {
    let home = Home::drawing(1500.0).await;
    home.battery_does(-1500.0).await;
    let anna = operator(&home).await;
    let set = |enabled: bool| anna.ask("PUT", "local/sites/home1/control/enabled", Some(json!({"enabled": enabled})), None);
    assert_eq!(set(false).await.expect(200), json!({"enabled": false, "changed": true}));
    assert_eq!(set(false).await.expect(200), json!({"enabled": false, "changed": false}));
    let status = anna.get(CONTROL).await.expect(200);
    assert_eq!((&status["enabled"], &status["paused"]["by"]), (&json!(false), &json!("program for anna")));
    home.battery_does(0.0).await;
    set(true).await.expect(200);
    home.battery_does(-1500.0).await;

    let good = json!({"target": "battery", "power": 100, "valid_for": "1m"});
    for (field, value, blamed, word) in [
        ("valid_for", json!("2d"), "valid_for", "at most 1d"),
        ("valid_for", json!("0s"), "valid_for", "more than zero"),
        ("target", json!("fridge"), "target", "fridge"),
        ("target", json!("role:king"), "target", "king"),
        ("priority", json!(0), "priority", "1 to 100"),
        ("unit", json!("V"), "unit", "power"),
        ("actor", json!("self_consumption"), "actor", "nobody speaks for others"),
        ("reason", json!("x".repeat(300)), "reason", "too long"),
    ] {
        let mut wish = good.clone();
        wish[field] = value;
        anna.post(&format!("{CONTROL}/proposals"), wish).await.refused(400, blamed, word);
    }
    anna.post(&format!("{CONTROL}/proposals"), json!({"target": "battery", "power": 1})).await.refused(
        400,
        "valid_for",
        "missing",
    );
    anna.get("local/sites/home1/why?asset=fridge").await.expect(404);
    anna.get("local/sites/home1/why").await.refused(400, "asset", "missing");
    anna.get("local/sites/home1/why?asset=battery&at=yesterday").await.refused(400, "at", "yesterday");
    anna.get("local/sites/home2/control").await.expect(404);
    let viewer = anna.by("dora", Role::Viewer, "local");
    viewer.get(CONTROL).await.expect(200);
    viewer.post(&format!("{CONTROL}/proposals"), good).await.expect(403);
    anna.by("carl", Role::Admin, "acme").get("acme/sites/home1/control").await.expect(404);
}
