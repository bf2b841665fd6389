//! The history of events over HTTP: it survives restarts, is filtered and paged, and belongs to whom it concerns.
#![cfg(all(feature = "rest", feature = "client"))]

#[path = "common/asking.rs"]
mod asking;
#[allow(dead_code, reason = "other stories need more of a home")]
mod control_support;

use std::time::Duration;

use asking::Asker;
use control_support::Home;
use memcore::accounts::Role;
use memcore::{EventQuery, read_events};
use serde_json::{Value, json};

/// Asks until an answer says what is waited for.
async fn until(anna: &Asker, path: &str, reached: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..1500 {
        let page = anna.get(path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        if reached(items) {
            return items.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{path} never said it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_is_told_newest_first_and_survives_a_restart() {
    let mut home = Home::drawing(1500.0).await;
    home.battery_does(-1500.0).await;
    let anna = Asker::new(home.handle(), &home.config, Role::Operator, &["local"]).await;
    let connected = until(&anna, "local/events?kind=connected", |items| items.len() == 2).await;
    let devices: Vec<_> = connected.iter().map(|event| event["device"].as_str().unwrap()).collect();
    assert_eq!(devices, ["battery", "grid"], "the newest first");
    assert_eq!((&connected[0]["site"], &connected[0]["event"]), (&json!("home1"), &json!("connected")));

    let safe = json!({"channel": "battery.setpoint", "value": 0.0, "safety": true});
    let sent = anna.post("local/sites/home1/commands", safe).await.expect(202);
    let of_command = until(&anna, "local/events?kind=command&site=home1&device=battery", |items| {
        items.first().is_some_and(|event| event["state"] == "done")
    })
    .await;
    assert!(
        of_command.iter().all(|event| event["command"] == sent["id"]),
        "orders of control are not kept: {of_command:?}"
    );
    assert_eq!(of_command[0]["read_back"], json!(0.0));
    let last = of_command[0]["id"].as_i64().unwrap();

    home.shut_down().await;
    let site = home.site();
    let stopped = read_events(&site, None, &EventQuery::default()).await.unwrap();
    assert!(stopped.windows(2).all(|pair| pair[0].id > pair[1].id));
    assert!(stopped.iter().any(|event| event.id == last), "also where no server runs");
    home.start().await;
    let anna = Asker::new(home.handle(), &home.config, Role::Operator, &["local"]).await;
    let again = until(&anna, &format!("local/events?since={last}&kind=connected"), |items| items.len() == 2).await;
    assert!(again.iter().all(|event| event["id"].as_i64().unwrap() > last), "numbers rise over restarts");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = anna.get(&format!("local/events?limit=3{cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|event| event["id"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert!(seen.len() > 3 && seen.windows(2).all(|pair| pair[0] > pair[1]), "pages follow each other: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_belong_to_their_operator_and_those_of_the_server_to_who_sees_all() {
    let home = Home::drawing(0.0).await;
    let everywhere = Asker::new(home.handle(), &home.config, Role::Viewer, &[]).await;
    until(&everywhere, "local/events?kind=connected", |items| items.len() == 2).await;
    let carl = everywhere.by("carl", Role::Admin, "acme");
    assert_eq!(carl.get("acme/events").await.expect(200)["items"], json!([]));
    carl.get("local/events").await.expect(404);
    for (query, field, word) in [
        ("kind=party", "kind", "party"),
        ("device=battery", "site", "missing"),
        ("site=a%20b", "site", "a b"),
        ("from=yesterday", "from", "yesterday"),
        ("limit=0", "limit", "1 to 1000"),
        ("cursor=x", "cursor", "cursor"),
    ] {
        everywhere.get(&format!("local/events?{query}")).await.refused(400, field, word);
    }
    let past = everywhere.get("local/events?to=-1h").await.expect(200);
    assert_eq!(past["items"], json!([]));
}
