//! Plans over HTTP: solved, kept, compared, removed; infeasible is an answer; and nobody reads what is not theirs.
#![cfg(feature = "rest")]

#[path = "common/asking.rs"]
mod asking;

use asking::Asker;
use memcore::accounts::Role;
use memcore::model::{Timestamp, Unit};
use memcore::{Config, Server};
use serde_json::{Value, json};

const PLANS: &str = "local/sites/home1/plans";

async fn house(folder: &tempfile::TempDir) -> (Server, Asker) {
    let mut config = Config::at(folder.path().join("site"));
    config.gateway.listen = "127.0.0.1:0".parse().unwrap();
    let server = Server::start(config.clone()).await.unwrap();
    let anna = Asker::new(server.handle(), &config, Role::Operator, &["local", "acme"]).await;
    (server, anna)
}

fn site(price: f64, load_w: Value) -> Value {
    json!({
        "currency": "EUR",
        "horizon": {"start": "2026-06-21T00:00:00Z", "step": "1h", "steps": 4},
        "asset": [
            {"type": "grid", "name": "grid", "buy_per_kwh": [0.1, 0.1, price, price], "sell_per_kwh": 0.05, "import_limit_w": 8000},
            {"type": "battery", "name": "battery", "capacity_wh": 10000, "charge_w": 5000, "discharge_w": 5000, "start_wh": 5000},
            {"type": "load", "name": "house", "power_w": load_w},
        ],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_are_solved_kept_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let (server, anna) = house(&folder).await;
    let cheap = anna.post(PLANS, json!({"name": "cheap", "site": site(0.2, json!(1000))})).await.expect(201);
    assert_eq!((&cheap["status"], &cheap["currency"], &cheap["steps"]), (&json!("optimal"), &json!("EUR"), &json!(4)));
    assert_eq!(cheap["borders_us"].as_array().unwrap().len(), 5);
    let grid = &cheap["assets"][0];
    assert!(
        grid["power_w"].as_array().unwrap().iter().any(|power| power.as_f64().unwrap() > 0.0),
        "import is positive: {grid}"
    );
    let socs = cheap["assets"][1]["soc"].as_array().unwrap();
    assert!(socs.iter().all(|soc| (0.0..=1.0).contains(&soc.as_f64().unwrap())), "{socs:?}");
    let dear = anna.post(PLANS, json!({"name": "dear", "site": site(0.9, json!(1000))})).await.expect(201);
    let ids = [&cheap["id"], &dear["id"]].map(|id| id.as_str().unwrap().to_owned());
    let same = anna.get(&format!("{PLANS}/{}", ids[0])).await.expect(200);
    assert_eq!(same, cheap);
    let list = anna.get(PLANS).await.expect(200);
    assert_eq!((list["items"][0]["name"].as_str(), list["items"].as_array().unwrap().len()), (Some("dear"), 2));
    assert!(list["items"][0].get("assets").is_none(), "a list is without steps");

    let compared = anna.get(&format!("local/sites/home1/plan-comparison?plans={},{}", ids[0], ids[1])).await.expect(200);
    let total = compared["rows"].as_array().unwrap().iter().find(|row| row["what"] == "total").unwrap();
    let difference = dear["cost"].as_f64().unwrap() - cheap["cost"].as_f64().unwrap();
    assert!((total["differences"][1].as_f64().unwrap() - difference).abs() < 1e-9, "{total}");
    let house = compared["rows"].as_array().unwrap().iter().find(|row| row["part"] == "house" && row["what"] == "taken");
    assert_eq!(house.unwrap()["values"], json!([4000.0, 4000.0]));

    anna.ask("DELETE", &format!("{PLANS}/{}", ids[0]), None, None).await.expect(204);
    anna.get(&format!("{PLANS}/{}", ids[0])).await.expect(404);
    anna.get(&format!("local/sites/home1/plan-comparison?plans={},{}", ids[0], ids[1])).await.refused(
        404,
        "plans",
        "not known",
    );
    anna.get(&format!("acme/sites/home1/plans/{}", ids[1])).await.expect(404);
    let unkept = anna.post(PLANS, json!({"name": "once", "site": site(0.2, json!(1)), "keep": false})).await.expect(201);
    assert_eq!(unkept["id"], Value::Null);
    server.shutdown().await.unwrap();
    let (_server, anna) = house_again(&folder).await;
    assert_eq!(anna.get(&format!("{PLANS}/{}", ids[1])).await.expect(200), dear, "it outlives the server");
}

async fn house_again(folder: &tempfile::TempDir) -> (Server, Asker) {
    house(folder).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_no_plan_keeps_all_limits_is_an_answer_with_an_explanation() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, anna) = house(&folder).await;
    let plan = anna.post(PLANS, json!({"name": "too much", "site": site(0.2, json!(20000))})).await.expect(201);
    assert_eq!((&plan["status"], &plan["cost"], &plan["assets"]), (&json!("infeasible"), &Value::Null, &json!([])));
    assert!(plan["explanation"].as_str().unwrap().contains("import_limit_w"), "{}", plan["explanation"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_reads_the_history_of_its_own_site_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret.csv"), "power\n1000\n").unwrap();
    let (server, anna) = house(&folder).await;
    let midnight: i64 = 1_782_000_000;
    let times: Vec<_> = (0..4).map(|hour| Timestamp::from_seconds(midnight + hour * 3600)).collect();
    for series in ["home1.house.power", "acme/home1.house.power", "home2.house.power"] {
        server.memcore().write(&series.parse().unwrap(), &times, &[Some(700.0); 4], Some(Unit::Watt)).unwrap();
    }
    let own = anna.post(PLANS, json!({"name": "own", "site": site(0.2, json!({"series": "home1.house.power"}))})).await;
    assert_eq!(own.expect(201)["assets"][2]["power_w"], json!([700.0, 700.0, 700.0, 700.0]));
    let secret = folder.path().join("secret.csv");
    for load in [
        json!({"series": "acme/home1.house.power"}),
        json!({"series": "home2.house.power"}),
        json!({"series": "home1.house.power", "store": folder.path()}),
        json!({"file": secret, "column": "power", "start": "2026-06-21T00:00:00Z", "step": "1h"}),
    ] {
        let refused = anna.post(PLANS, json!({"name": "x", "site": site(0.2, load.clone())})).await.expect(400);
        assert!(!refused["detail"].as_str().unwrap().contains("1000"), "{load}: {refused}");
    }
    let text = "currency = \"EUR\"\n[horizon]\nstart = \"2026-06-21T00:00:00Z\"\nstep = \"1h\"\nsteps = 100000\n";
    anna.post(PLANS, json!({"name": "long", "text": text})).await.refused(400, "text", "at most 10000");
    for (body, field, word) in [
        (json!({"name": "", "site": site(0.2, json!(1))}), "name", "1 to 128"),
        (json!({"name": "x"}), "site", "missing"),
        (json!({"name": "x", "text": "currency = "}), "text", "line 1"),
        (json!({"name": "x", "site": site(0.2, json!(1)), "engine": "dice"}), "engine", "dice"),
        (json!({"name": "x", "site": site(0.2, json!(1)), "time_limit": "1h"}), "time_limit", "at most"),
    ] {
        anna.post(PLANS, body).await.refused(400, field, word);
    }
}
