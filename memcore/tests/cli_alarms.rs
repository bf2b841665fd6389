//! Alarms and events at the command line, beside a running server and on the folder of one that is stopped.
#![cfg(all(feature = "cli", feature = "client"))]

mod cli_support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use cli_support::*;
use memcore::alarms::{Alarm, AlarmState};
use memcore::client::{Device, DeviceOptions};
use memcore::model::{Channel, Clock, Name, SystemClock, Unit};
use memcore::{AlarmQuery, Alarms, Config, ProofKind, Server};
use serde_json::{Value, json};

fn lines(site: &Path, args: &[&str]) -> Vec<Value> {
    text(&memcore(site, args)).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn local() -> Name {
    "local".parse().unwrap()
}

/// A server with a meter of two channels, of which each is to stay below 3 kW.
struct Home {
    folder: tempfile::TempDir,
    config: Config,
    server: Option<Server>,
}

impl Home {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::at(folder.path().join("site"));
        config.gateway.listen = "127.0.0.1:0".parse().unwrap();
        config.alarms = serde_json::from_value(json!({"webhook_allow": ["http://127.0.0.1:1"]})).unwrap();
        let mut home = Self { folder, config, server: None };
        home.run().await;
        home
    }

    async fn run(&mut self) {
        self.server = Some(Server::start(self.config.clone()).await.unwrap());
        let port = self.server.as_ref().unwrap().address().port();
        self.config.gateway.listen.set_port(port);
    }

    async fn stop(&mut self) {
        self.server.take().unwrap().shutdown().await.unwrap();
    }

    fn site(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    fn alarms(&self) -> Alarms {
        self.server.as_ref().unwrap().handle().alarms()
    }

    async fn rule(&self) -> Name {
        let watch = json!({"kind": "threshold", "series": "home1.>", "above": 3, "unit": "kW"});
        let rule = json!({"name": "much power", "severity": "critical", "watch": watch});
        let made = self.alarms().create_rule(&local(), serde_json::from_value(rule).unwrap(), "test").await.unwrap();
        made.id().clone()
    }

    async fn meter(&self) -> Device {
        let handle = self.server.as_ref().unwrap().handle();
        let bundle = handle.enroll(&"home1.meter".parse().unwrap(), ProofKind::Secret).unwrap();
        let channel = |name| Channel::gauge(name, Unit::Watt).unwrap().build().unwrap();
        Device::connect(DeviceOptions::new(bundle, vec![channel("one"), channel("two")])).await.unwrap()
    }

    /// The meter says the same until alarms are in those states, the newest first.
    async fn until(&self, meter: &Device, values: [f64; 2], states: &[AlarmState]) -> Vec<Alarm> {
        let mut found = Vec::new();
        for _ in 0..1500 {
            meter.send(SystemClock::default().now(), &values.map(Some)).await.unwrap();
            found = self.alarms().list(&local(), &AlarmQuery::default()).await.unwrap().items;
            if found.iter().map(|alarm| alarm.state).eq(states.iter().copied()) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{values:?} never led to {states:?}: {found:#?}");
    }
}

use AlarmState::{Acknowledged, Cleared, Raised};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alarms_are_listed_and_acknowledged_beside_a_running_server() {
    let mut home = Home::start().await;
    let (meter, site) = (home.meter().await, home.site());
    let alarms = |args: &[&str]| memcore(&site, &[&["alarms"], args].concat());
    assert_eq!(text(&alarms(&["list"])).trim(), "nothing is wrong, as far as rules say");
    assert!(lines(&site, &["alarms", "list", "--json"]).is_empty());
    home.rule().await;
    let raised = home.until(&meter, [4000.0, 0.0], &[Raised]).await.remove(0);

    let table = text(&alarms(&["list"]));
    for word in [raised.id.as_str(), "critical", "raised", "home1.meter.one", "4 kW is above 3 kW"] {
        assert!(table.contains(word), "{word} in {table}");
    }
    let listed = lines(&site, &["alarms", "list", "--json"]);
    assert_eq!(listed, [serde_json::to_value(&raised).unwrap()]);
    assert_eq!(lines(&site, &["alarms", "list", "--json", "--severity", "critical", "--of-site", "home1"]).len(), 1);
    for elsewhere in [["--severity", "info"], ["--of-site", "home2"], ["--operator", "acme"]] {
        assert!(lines(&site, &[&["alarms", "list", "--json"], &elsewhere[..]].concat()).is_empty(), "{elsewhere:?}");
    }

    let said = text(&alarms(&["ack", raised.id.as_str(), "--note", "the oven"]));
    assert!(
        said.starts_with(&format!("{} is acknowledged; uid ", raised.id)) && said.ends_with("has taken note\n"),
        "{said}"
    );
    // The first one stands.
    let again = lines(&site, &["alarms", "ack", raised.id.as_str(), "--note", "another", "--json"]).remove(0);
    assert_eq!((&again["state"], &again["acknowledged"]["note"]), (&json!("acknowledged"), &json!("the oven")));
    let told = lines(&site, &["audit", "--kind", "alarm_acknowledged", "--json"]);
    assert_eq!((told.len(), &told[0]["alarm"]), (1, &json!(raised.id)));
    assert_eq!(told[0]["by"], again["acknowledged"]["by"]);

    home.until(&meter, [0.0, 0.0], &[Cleared]).await;
    assert!(lines(&site, &["alarms", "list", "--json"]).is_empty());
    let all = lines(&site, &["alarms", "list", "--all", "--json"]);
    assert_eq!((all.len(), &all[0]["state"]), (1, &json!("cleared")));
    assert!(text(&alarms(&["list", "--all"])).contains("cleared"));
    meter.close().await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_still_holds_is_listed_however_many_have_cleared_since() {
    let mut home = Home::start().await;
    let (meter, site) = (home.meter().await, home.site());
    home.rule().await;
    home.until(&meter, [4000.0, 0.0], &[Raised]).await;
    home.until(&meter, [4000.0, 4000.0], &[Raised, Raised]).await;
    let alarms = home.until(&meter, [4000.0, 0.0], &[Cleared, Raised]).await;
    let older = json!(alarms[1].id);
    let listed = |args: &[&str]| -> Vec<Value> {
        let found = lines(&site, &[&["alarms", "list", "--json"], args].concat());
        found.iter().map(|alarm| alarm["id"].clone()).collect()
    };
    assert_eq!(listed(&["--limit", "1"]), std::slice::from_ref(&older));
    assert_eq!(listed(&["--limit", "1", "--all"]), [json!(alarms[0].id)]);
    meter.close().await;
    home.stop().await;
    assert_eq!(listed(&["--limit", "1"]), [older], "of a stopped server too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_sites_alarms_are_listed_and_acknowledged_and_the_next_start_knows() {
    let mut home = Home::start().await;
    let (meter, site) = (home.meter().await, home.site());
    let rule = home.rule().await;
    let raised = home.until(&meter, [4000.0, 0.0], &[Raised]).await.remove(0);
    meter.close().await;
    home.stop().await;

    let listed = lines(&site, &["alarms", "list", "--json"]);
    assert_eq!(listed, [serde_json::to_value(&raised).unwrap()]);
    assert!(lines(&site, &["alarms", "list", "--json", "--operator", "acme"]).is_empty());
    let rules = lines(&site, &["alarms", "rules", "--json"]);
    let ids: Vec<_> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), ids.contains(&rule.as_str())), (4, true), "{ids:?}");
    let long = "x".repeat(1001);
    let said = failure(&memcore(&site, &["alarms", "ack", raised.id.as_str(), "--note", &long]));
    assert!(said.contains("note has 1001 characters, expected at most 1000"), "{said}");
    let taken = lines(&site, &["alarms", "ack", raised.id.as_str(), "--note", "seen", "--json"]).remove(0);
    assert_eq!((&taken["state"], &taken["acknowledged"]["note"]), (&json!("acknowledged"), &json!("seen")));
    text(&memcore(&site, &["alarms", "ack", raised.id.as_str()]));
    let told = lines(&site, &["audit", "--kind", "alarm_acknowledged", "--json"]);
    assert_eq!((told.len(), &told[0]["by"]), (1, &taken["acknowledged"]["by"]));

    home.run().await;
    let known = home.alarms().find(&local(), &raised.id).await.unwrap();
    assert_eq!((known.state, known.acknowledged.unwrap().note.as_deref()), (Acknowledged, Some("seen")));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_and_who_is_told_are_listed_and_a_test_message_says_how_it_went() {
    let mut home = Home::start().await;
    let (site, rule) = (home.site(), home.rule().await);
    let table = text(&memcore(&site, &["alarms", "rules"]));
    for word in [rule.as_str(), "much power", "threshold", "device-offline", "store_read_only", "yes"] {
        assert!(table.contains(word), "{word} in {table}");
    }
    let listed = lines(&site, &["alarms", "rules", "--json"]);
    let mine = listed.iter().find(|each| each["id"] == rule.as_str()).unwrap();
    assert_eq!((&mine["built_in"], &mine["settings"]["watch"]["unit"]), (&json!(false), &json!("kW")));

    assert!(text(&memcore(&site, &["alarms", "test"])).contains("nobody is told of alarms"));
    assert!(lines(&site, &["alarms", "test", "--json"]).is_empty());
    // Nobody listens at port 1.
    let hook =
        json!({"kind": "webhook", "name": "our program", "url": "http://127.0.0.1:1/", "secret": "sixteen characters"});
    let hook = home.alarms().create_notifier(&local(), serde_json::from_value(hook).unwrap(), "test").await.unwrap();
    let table = text(&memcore(&site, &["alarms", "test"]));
    for word in [hook.id.as_str(), "our program", "webhook", "never"] {
        assert!(table.contains(word), "{word} in {table}");
    }
    let both = async |home: &mut Home, beside: bool| {
        let tried = memcore(&site, &["alarms", "test", hook.id.as_str()]);
        assert!(tried.status.code() == Some(1) && out(&tried).starts_with("not told: "), "beside {beside}: {tried:?}");
        let tried = memcore(&site, &["alarms", "test", hook.id.as_str(), "--json"]);
        let said: Value = serde_json::from_str(&out(&tried)).unwrap();
        assert_eq!((tried.status.code(), &said["sent"], said["problem"].is_string()), (Some(1), &json!(false), true));
        if beside {
            home.stop().await;
        }
    };
    both(&mut home, true).await;
    both(&mut home, false).await;
    let listed = lines(&site, &["alarms", "test", "--json"]).remove(0);
    assert!(listed["last_problem"].is_string() && listed["signed"] == true, "{listed}");
    assert!(!listed.to_string().contains("sixteen characters"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_question_about_alarms_is_said_in_one_line() {
    let mut home = Home::start().await;
    let (meter, site) = (home.meter().await, home.site());
    home.rule().await;
    let raised = home.until(&meter, [4000.0, 0.0], &[Raised]).await.remove(0);
    meter.close().await;
    for stopped in [false, true] {
        if stopped {
            home.stop().await;
        }
        for (args, word) in [
            (&["ack", "none"][..], "alarm none is not known"),
            (&["ack", raised.id.as_str(), "--operator", "acme"], "is not known"),
            (&["test", "nobody"], "notifier nobody is not known"),
        ] {
            let said = failure(&memcore(&site, &[&["alarms"], args].concat()));
            assert!(said.contains(word), "stopped {stopped}: {said}");
        }
        for (args, word) in [
            (&["list", "--severity", "bad"][..], "expected info, warning or critical"),
            (&["list", "--of-site", "a b"], "a b"),
            (&["list", "--limit", "0"], "1..=1000"),
            (&["ack"], "<ALARM>"),
        ] {
            let said = memcore(&site, &[&["alarms"], args].concat());
            assert!(said.status.code() == Some(2) && err(&said).contains(word), "{said:?}");
        }
    }
    assert_eq!(lines(&site, &["alarms", "list", "--json"])[0]["acknowledged"], Value::Null);
    let nowhere = home.folder.path().join("nowhere");
    for args in [&["alarms", "list"][..], &["alarms", "rules"], &["alarms", "test"], &["alarms", "ack", "x"], &["events"]] {
        let said = failure(&memcore(&nowhere, args));
        assert!(said.contains("nowhere"), "{said}");
    }
    assert!(!nowhere.exists(), "a question makes no site");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_listed_beside_a_running_server_and_of_a_stopped_one() {
    let mut home = Home::start().await;
    let (meter, site) = (home.meter().await, home.site());
    meter.close().await;
    let mut found = Vec::new();
    for _ in 0..300 {
        found = lines(&site, &["events", "--json"]);
        if found.iter().any(|event| event["event"] == "disconnected") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for stopped in [false, true] {
        if stopped {
            home.stop().await;
        }
        let of = |args: &[&str]| -> Vec<String> {
            let found = lines(&site, &[&["events", "--json"], args].concat());
            found.iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
        };
        let both = ["--kind", "connected", "--kind", "disconnected"];
        assert_eq!(of(&both), ["connected", "disconnected"], "the latest stands last; stopped {stopped}: {found:?}");
        assert_eq!(of(&[&both[..], &["--limit", "1"]].concat()), ["disconnected"]);
        let here = ["--of-site", "home1", "--operator", "local", "--device", "meter", "--since", "1h"];
        assert_eq!(of(&[&both[..], &here].concat()), ["connected", "disconnected"]);
        for elsewhere in
            [["--of-site", "home2"], ["--operator", "acme"], ["--device", "pv"], ["--since", "2200-01-01T00:00:00Z"]]
        {
            assert!(of(&[&both[..], &elsewhere].concat()).is_empty(), "{elsewhere:?}");
        }
        let table = text(&memcore(&site, &["events", "--kind", "connected"]));
        assert!(table.contains("connected") && table.contains("home1.meter") && table.contains("TIME"), "{table}");
        let said = failure(&memcore(&site, &["events", "--kind", "party"]));
        assert!(said.contains("kind is \"party\", expected one of connected"), "{said}");
        for (args, word) in [(["--since", "soon"], "soon"), (["--limit", "0"], "1..=100000"), (["--of-site", "a b"], "a b")]
        {
            let said = memcore(&site, &[&["events"], &args[..]].concat());
            assert!(said.status.code() == Some(2) && err(&said).contains(word), "{said:?}");
        }
    }
    // The folder may stand before the command too.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_memcore"));
    let said = command.arg("--site").arg(&site).args(["events", "--kind", "connected", "--json"]).output().unwrap();
    assert_eq!(text(&said).lines().count(), 1);
}
