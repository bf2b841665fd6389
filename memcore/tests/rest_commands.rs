//! Commands over HTTP to a device on the link: sent, followed, refused, repeated; and out of the reach of others.
#![cfg(all(feature = "rest", feature = "client"))]

#[path = "common/asking.rs"]
mod asking;

use std::sync::{Arc, Mutex};

use asking::Asker;
use memcore::accounts::Role;
use memcore::client::{Device, DeviceOptions, Refused};
use memcore::model::{Channel, ChannelName, CommandRules, Quantity, Unit};
use memcore::{Config, Enrolment, ProofKind, Server};
use serde_json::{Value, json};

const COMMANDS: &str = "local/sites/home1/commands";

/// A server, and a battery that does what it is told.
struct House {
    config: Config,
    server: Server,
    told: Arc<Mutex<Vec<f64>>>,
    battery: Option<Device>,
    _folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::at(folder.path().join("site"));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        config.gateway.listen = format!("127.0.0.1:{port}").parse().unwrap();
        let server = Server::start(config.clone()).await.unwrap();
        let mut house = Self { config, server, told: Arc::default(), battery: None, _folder: folder };
        house.connect().await;
        house
    }

    async fn connect(&mut self) {
        let address = format!("localhost:{}", self.server.address().port());
        let enrolment = Enrolment::open(&self.config).unwrap();
        let bundle = enrolment.enroll(&"home1.battery".parse().unwrap(), ProofKind::Secret, Some(&address)).unwrap();
        let power = Channel::gauge("power", Unit::Watt).unwrap().rules(CommandRules::default().fallback(0.0));
        let power = power.range(-3000.0, 3000.0).unwrap().build().unwrap();
        let relay = Channel::of("relay", Quantity::Switch, Unit::OnOff).unwrap().writable().build().unwrap();
        let soc = Channel::of("soc", Quantity::StateOfCharge, Unit::Fraction).unwrap().build().unwrap();
        let told = self.told.clone();
        let obey = move |_: &ChannelName, value: f64| {
            if value == 2999.0 {
                return Err(Refused { code: "contactor_open".into(), reason: "the contactor is open".into() });
            }
            told.lock().unwrap().push(value);
            Ok(value)
        };
        let options = DeviceOptions::new(bundle, vec![power, relay, soc]).on_command(obey);
        self.battery = Some(Device::connect(options).await.unwrap());
    }

    async fn asker(&self) -> Asker {
        Asker::new(self.server.handle(), &self.config, Role::Operator, &["local"]).await
    }

    fn told(&self) -> Vec<f64> {
        self.told.lock().unwrap().clone()
    }
}

/// Follows a command to its end, as a page does: state by state.
async fn end_of(anna: &Asker, command: &Value) -> Value {
    let mut command = command.clone();
    while command["ended"] == false {
        let (id, seen) = (command["id"].as_str().unwrap(), command["state"].as_str().unwrap());
        command = anna.get(&format!("{COMMANDS}/{id}?wait=30s&seen={seen}")).await.expect(200);
    }
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_in_kw_is_done_read_back_and_counts_its_lease_down() {
    let house = House::new().await;
    let anna = house.asker().await;
    let body = json!({"channel": "battery.power", "value": -1.5, "unit": "kW", "lease": "15m"});
    let sent = anna.post(COMMANDS, body).await.expect(202);
    assert_eq!(
        (&sent["series"], &sent["value"], &sent["unit"]),
        (&json!("home1.battery.power"), &json!(-1500.0), &json!("W"))
    );
    assert_eq!(
        (&sent["lease_us"], &sent["fallback"], &sent["by"]),
        (&json!(900_000_000), &json!(0.0), &json!("program for anna"))
    );
    let done = end_of(&anna, &sent).await;
    assert_eq!((&done["state"], &done["read_back"], &done["stands"]), (&json!("done"), &json!(-1500.0), &json!(true)));
    let ends = done["lease_ends_us"].as_i64().unwrap();
    assert_eq!(ends, done["ended_us"].as_i64().unwrap() + 900_000_000);
    assert_eq!(house.told(), [-1500.0]);

    let next =
        anna.post(COMMANDS, json!({"series": "home1.battery.power", "value": 0.0, "safety": true})).await.expect(202);
    assert_eq!(end_of(&anna, &next).await["state"], "done");
    let before = anna.get(&format!("{COMMANDS}/{}", sent["id"].as_str().unwrap())).await.expect(200);
    assert_eq!((&before["stands"], &before["lease_ends_us"]), (&json!(false), &Value::Null), "another one stands");
    let page = anna.get(&format!("{COMMANDS}?limit=1")).await.expect(200);
    assert_eq!(page["items"][0]["id"], next["id"], "the newest first");
    let cursor = page["next"].as_str().unwrap();
    let rest = anna.get(&format!("{COMMANDS}?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!((&rest["items"][0]["id"], &rest["next"]), (&sent["id"], &Value::Null));
    for (query, count) in [
        ("state=done", 2),
        ("state=queued&state=refused", 0),
        ("series=battery.relay", 0),
        ("series=*.power", 2),
        ("since=-1h", 2),
    ] {
        let page = anna.get(&format!("{COMMANDS}?{query}")).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_device_refuses_says_why_and_what_it_missed_is_expired() {
    let mut house = House::new().await;
    let anna = house.asker().await;
    let sent = anna.post(COMMANDS, json!({"channel": "battery.power", "value": 2999.0})).await.expect(202);
    let refused = end_of(&anna, &sent).await;
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("contactor_open"), &json!("the contactor is open")));
    house.battery.take();
    loop {
        if house.server.handle().stats().connected == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let sent = anna.post(COMMANDS, json!({"channel": "battery.relay", "value": 1.0, "within": "200ms"})).await.expect(202);
    assert_eq!(sent["state"], "queued");
    assert_eq!(end_of(&anna, &sent).await["state"], "expired");
    assert!(house.told().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_with_its_field_and_reaches_no_device() {
    let house = House::new().await;
    let anna = house.asker().await;
    for (body, status, field, word) in [
        (json!({"channel": "battery.power", "value": 5.0, "unit": "kW"}), 400, "value", "expected -3000 to 3000 W"),
        (json!({"channel": "battery.power", "value": 5.0, "unit": "V"}), 400, "unit", "does not measure"),
        (json!({"channel": "battery.power", "value": 5.0, "unit": "horses"}), 400, "unit", "horses"),
        (json!({"channel": "battery.power", "value": 5.0, "lease": "soon"}), 400, "lease", "soon"),
        (json!({"channel": "battery.power", "value": 5.0, "lease": "0s"}), 400, "lease", "more than zero"),
        (json!({"channel": "battery.relay", "value": 1.0, "lease": "1m"}), 400, "lease", "without a fallback"),
        (json!({"channel": "battery.power", "value": 5.0, "fallback": 1.0}), 400, "fallback", "without a lease"),
        (json!({"channel": "battery.power", "value": 5.0, "within": "2d"}), 400, "within", "at most 1d"),
        (json!({"channel": "battery.power", "value": 5.0, "safety": true}), 400, "value", "for safety"),
        (json!({"channel": "battery.soc", "value": 0.5}), 400, "series", "takes no commands"),
        (json!({"channel": "battery.nothing", "value": 0.5}), 404, "channel", "not registered"),
        (json!({"series": "home2.battery.power", "value": 0.5}), 400, "series", "local/home1"),
        (json!({"series": "acme/home1.battery.power", "value": 0.5}), 400, "series", "local/home1"),
        (json!({"series": "home1.battery.power", "channel": "battery.power", "value": 0.5}), 400, "channel", "not both"),
        (json!({"value": 0.5}), 400, "series", "missing"),
        (json!({"channel": "battery.power", "value": 0.5, "leese": "1m"}), 400, "leese", "unknown field"),
    ] {
        anna.post(COMMANDS, body).await.refused(status, field, word);
    }
    anna.get(&format!("{COMMANDS}?state=finished")).await.refused(400, "state", "finished");
    anna.get(&format!("{COMMANDS}/unheard-of")).await.refused(404, "command", "not known");
    anna.get("local/sites/home9/commands").await.expect(404);
    assert!(house.told().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_is_one_command_however_often_and_over_restarts() {
    let mut house = House::new().await;
    let anna = house.asker().await;
    let body = json!({"channel": "battery.relay", "value": 1.0});
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (anna, body) = (anna.clone(), body.clone());
        asking.spawn(async move {
            let mut ids = std::collections::BTreeSet::new();
            for _ in 0..1250 {
                let command = anna.ask("POST", COMMANDS, Some(body.clone()), Some("switch-on-1")).await.expect(202);
                ids.insert(command["id"].as_str().unwrap().to_owned());
            }
            ids
        });
    }
    let mut ids = std::collections::BTreeSet::new();
    while let Some(of_one) = asking.join_next().await {
        ids.extend(of_one.unwrap());
    }
    assert_eq!(ids.len(), 1, "ten thousand repetitions on eight connections are one command");
    let id = ids.first().unwrap();
    assert_eq!(end_of(&anna, &json!({"id": id, "ended": false, "state": "queued"})).await["state"], "done");
    assert_eq!(house.told(), [1.0]);
    let other = json!({"channel": "battery.relay", "value": 0.0});
    let conflict = anna.ask("POST", COMMANDS, Some(other.clone()), Some("switch-on-1")).await;
    conflict.expect(409);

    house.battery.take();
    house.server.shutdown().await.unwrap();
    house.server = Server::start(house.config.clone()).await.unwrap();
    let anna = house.asker().await;
    let again = anna.ask("POST", COMMANDS, Some(body.clone()), Some("switch-on-1")).await.expect(202);
    assert_eq!((again["id"].as_str().unwrap(), &again["state"]), (id.as_str(), &json!("done")), "also after a restart");
    anna.ask("POST", COMMANDS, Some(other), Some("switch-on-1")).await.expect(409);
    let berta = anna.by("berta", Role::Operator, "local");
    let hers = berta.ask("POST", COMMANDS, Some(body), Some("switch-on-1")).await.expect(202);
    assert_ne!(hers["id"].as_str().unwrap(), id, "keys are each caller's own");
    let listed = anna.get(COMMANDS).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert_eq!(listed["items"][1]["by"], "program for anna", "who asked survives the restart");
    assert_eq!(house.told(), [1.0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_of_another_operator_do_not_exist_and_viewers_only_look() {
    let house = House::new().await;
    let anna = house.asker().await;
    let sent = anna.post(COMMANDS, json!({"channel": "battery.relay", "value": 1.0})).await.expect(202);
    let id = sent["id"].as_str().unwrap();
    let stranger = anna.by("carl", Role::Admin, "acme");
    stranger.get(&format!("{COMMANDS}/{id}")).await.expect(404);
    stranger.get(&format!("acme/sites/home1/commands/{id}")).await.refused(404, "command", "not known");
    stranger.post("acme/sites/home1/commands", json!({"channel": "battery.relay", "value": 0.0})).await.expect(404);
    stranger.post(COMMANDS, json!({"channel": "battery.relay", "value": 0.0})).await.expect(404);
    let viewer = anna.by("dora", Role::Viewer, "local");
    viewer.get(&format!("{COMMANDS}/{id}")).await.expect(200);
    viewer.post(COMMANDS, json!({"channel": "battery.relay", "value": 0.0})).await.expect(403);
    end_of(&anna, &sent).await;
    assert_eq!(house.told(), [1.0]);
}
