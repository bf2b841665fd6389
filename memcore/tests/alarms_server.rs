//! A server that watches a home: its people get a mail and their program a message, once, whatever restarts in between. The same
//! stories over records of SQLite and of PostgreSQL.
#![cfg(all(feature = "rest", feature = "client"))]

mod accounts_support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use accounts_support::postgres::Postgres;
use memcore::alarms::{AlarmState, Notifier, NotifierSettings, Rule, RuleSettings, Severity};
use memcore::client::{Device, DeviceOptions};
use memcore::model::{Channel, Clock, ManualClock, Name, Span, SystemClock, Unit};
use memcore::{AlarmQuery, Alarms, Config, ErrorKind, ProofKind, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// Each story is a test of its own over SQLite, and all of them are one test over one server of PostgreSQL.
macro_rules! stories {
    ($($story:ident)*) => {
        mod over_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(None).await;
            })*
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn over_postgres() {
            let Some(postgres) = Postgres::start() else { return };
            $(
                eprintln!("{}", stringify!($story));
                let url = postgres.database(&stringify!($story).chars().take(60).collect::<String>()).await;
                $story(Some(url)).await;
            )*
        }
    };
}

stories! {
    a_device_that_is_gone_is_told_once_by_mail_and_webhook_over_a_restart
    readings_over_the_link_raise_and_clear_and_are_followed
    rules_and_notifiers_are_checked_before_they_are_kept
    what_is_kept_is_the_same_after_a_restart
}

type Received = Arc<Mutex<Vec<String>>>;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn local() -> Name {
    name("local")
}

/// Takes mails, as a server of SMTP does.
async fn mailbox() -> (u16, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, received) = (listener.local_addr().unwrap().port(), Received::default());
    let mails = received.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mails = mails.clone();
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                write.write_all(b"220 test\r\n").await.unwrap();
                let mut mail: Option<String> = None;
                while let Ok(Some(line)) = lines.next_line().await {
                    let answer = match &mut mail {
                        Some(text) if line == "." => {
                            mails.lock().unwrap().push(text.clone());
                            mail = None;
                            "250 taken\r\n"
                        }
                        Some(text) => {
                            text.push_str(&line);
                            text.push('\n');
                            continue;
                        }
                        None if line == "DATA" => {
                            mail = Some(String::new());
                            "354 go on\r\n"
                        }
                        None if line == "QUIT" => "221 bye\r\n",
                        None => "250 good\r\n",
                    };
                    write.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (port, received)
}

/// Takes messages of webhooks; refuses the first ones with 503.
async fn hook(refused: usize) -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (origin, received) = (format!("http://{}", listener.local_addr().unwrap()), Received::default());
    let messages = received.clone();
    tokio::spawn(async move {
        for turn in 0.. {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let (mut text, mut buffer) = (String::new(), [0; 4096]);
            loop {
                let count = stream.read(&mut buffer).await.unwrap();
                text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if body.len() >= length.parse().unwrap() {
                    break;
                }
            }
            let status = if turn < refused { "503 Later" } else { "200 OK" };
            messages.lock().unwrap().push(text);
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (origin, received)
}

struct Home {
    folder: tempfile::TempDir,
    config: Config,
    clock: Arc<ManualClock>,
    server: Option<Server>,
}

impl Home {
    /// With its records in its folder, or at that address.
    async fn with(records: Option<String>, alarms: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::at(folder.path().join("site"));
        config.gateway.listen = "127.0.0.1:0".parse().unwrap();
        config.records.url = records;
        config.alarms = serde_json::from_value(alarms).unwrap();
        let clock = Arc::new(ManualClock::at(SystemClock::default().now()));
        let mut home = Self { folder, config, clock, server: None };
        home.start().await;
        home
    }

    async fn start(&mut self) {
        self.server = Some(Server::start_with(self.config.clone(), self.clock.clone()).await.unwrap());
        let port = self.server.as_ref().unwrap().address().port();
        self.config.gateway.listen.set_port(port);
    }

    async fn restart(&mut self) {
        self.server.take().unwrap().shutdown().await.unwrap();
        self.start().await;
    }

    fn alarms(&self) -> Alarms {
        self.server.as_ref().unwrap().handle().alarms()
    }

    async fn device(&self) -> Device {
        let bundle =
            self.server.as_ref().unwrap().handle().enroll(&"home1.hem".parse().unwrap(), ProofKind::Secret).unwrap();
        let power = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
        Device::connect(DeviceOptions::new(bundle, vec![power])).await.unwrap()
    }

    async fn list(&self) -> Vec<memcore::alarms::Alarm> {
        self.alarms().list(&local(), &AlarmQuery::default()).await.unwrap().items
    }

    /// Time passes until something is so: a second of the server's in 20 ms.
    async fn until(&self, what: &str, reached: impl AsyncFn() -> bool) {
        for _ in 0..1500 {
            if reached().await {
                return;
            }
            self.clock.advance(Span::from_seconds(1));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{what} was not reached; alarms: {:#?}", self.list().await);
    }
}

fn told_to(ids: &[&Notifier], watch: Value) -> RuleSettings {
    let notify: Vec<_> = ids.iter().map(|notifier| notifier.id.clone()).collect();
    serde_json::from_value(json!({"name": "it is\u{e9} gone", "severity": "critical", "watch": watch, "notify": notify}))
        .unwrap()
}

fn notifier(said: Value) -> NotifierSettings {
    serde_json::from_value(said).unwrap()
}

fn offline() -> Value {
    json!({"kind": "offline", "devices": "*.*", "after": "1m"})
}

async fn a_device_that_is_gone_is_told_once_by_mail_and_webhook_over_a_restart(records: Option<String>) {
    let (port, mails) = mailbox().await;
    let (origin, messages) = hook(1).await;
    let settings = json!({
        "smtp": {"server": "127.0.0.1", "port": port, "tls": "none", "from": "memcore <alarms@energy.example>"},
        "webhook_allow": [origin], "link": "https://energy.example/",
    });
    let mut home = Home::with(records, settings).await;
    let alarms = home.alarms();
    let mail = notifier(json!({"kind": "email", "name": "Ada", "to": ["ada@energy.example"]}));
    let mail = alarms.create_notifier(&local(), mail, "test").await.unwrap();
    let post = json!({"kind": "webhook", "name": "hook", "url": format!("{origin}/in"), "secret": "sixteen characters"});
    let post = alarms.create_notifier(&local(), notifier(post), "test").await.unwrap();
    let rule = told_to(&[&mail, &post], offline());
    alarms.change_rule(&local(), &name("device-offline"), rule, "test").await.unwrap();

    let device = home.device().await;
    let known = async || home.server.as_ref().unwrap().handle().devices().iter().any(|device| device.connected);
    home.until("a connected device", known).await;
    device.close().await;
    home.until("a mail", async || !mails.lock().unwrap().is_empty()).await;
    home.until("a message that was taken", async || messages.lock().unwrap().len() >= 2).await;

    let mail_text = mails.lock().unwrap()[0].clone();
    assert!(mail_text.contains("From: memcore <alarms@energy.example>"), "{mail_text}");
    assert!(
        mail_text.contains("To: ada@energy.example") && mail_text.contains("Auto-Submitted: auto-generated"),
        "{mail_text}"
    );
    let bodies: Vec<(String, Value)> = messages
        .lock()
        .unwrap()
        .iter()
        .map(|text| {
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let delivery = head.lines().find_map(|line| line.strip_prefix("memcore-delivery: ")).unwrap();
            (delivery.to_owned(), serde_json::from_str(body).unwrap())
        })
        .collect();
    assert_eq!(bodies[0].0, bodies[1].0, "the same message, tried again");
    assert_eq!(bodies[1].1["alarms"][0]["subject"], "home1.hem");

    let told = async || home.alarms().notifiers(&local()).iter().all(|told| told.last_sent.is_some() && told.waiting == 0);
    home.until("how it went", told).await;
    let before = home.list().await.remove(0);
    home.restart().await;
    home.until("a look after the restart", async || home.alarms().stats().open.critical == 1).await;
    for _ in 0..60 {
        home.clock.advance(Span::from_seconds(10));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((mails.lock().unwrap().len(), messages.lock().unwrap().len()), (1, 2), "nobody is told twice");
    let after = home.list().await;
    assert_eq!((after.len(), &after[0].id, after[0].state), (1, &before.id, AlarmState::Raised));

    let alarms = home.alarms();
    let taken = alarms.acknowledge(&local(), &before.id, "ada", Some("on my way".into())).await.unwrap();
    assert_eq!(taken.acknowledged.unwrap().by, "ada");
    let again = alarms.acknowledge(&local(), &before.id, "bob", None).await.unwrap();
    assert_eq!((again.acknowledged.unwrap().by.as_str(), again.state), ("ada", AlarmState::Acknowledged));
    let audit = std::fs::read_to_string(home.folder.path().join("site/audit.log")).unwrap_or_default();
    assert!(!audit.contains("sixteen characters"));
    home.server.take().unwrap().shutdown().await.unwrap();
}

async fn readings_over_the_link_raise_and_clear_and_are_followed(records: Option<String>) {
    let mut home = Home::with(records, json!({})).await;
    let alarms = home.alarms();
    let device = home.device().await;
    let watch = json!({"kind": "threshold", "series": "home1.*.power", "above": 3, "unit": "kW", "clear_margin": 0.5});
    let rule = alarms.create_rule(&local(), told_to(&[], watch), "test").await.unwrap();
    let mut followed = alarms.subscribe(&local());
    home.until("a high value is seen", async || {
        let _ = device.send(home.clock.now(), &[Some(4000.0)]).await;
        home.list().await.iter().any(|alarm| alarm.state == AlarmState::Raised)
    })
    .await;
    let change = followed.next().await.unwrap();
    assert_eq!(
        (change.alarm.rule, change.alarm.value, change.alarm.unit.as_deref()),
        (rule.id().clone(), Some(4.0), Some("kW"))
    );
    home.until("a low value is seen", async || {
        let _ = device.send(home.clock.now(), &[Some(1000.0)]).await;
        home.list().await.iter().all(|alarm| alarm.state == AlarmState::Cleared)
    })
    .await;
    device.close().await;
    home.server.take().unwrap().shutdown().await.unwrap();
    while followed.next().await.is_some() {}
}

async fn rules_and_notifiers_are_checked_before_they_are_kept(records: Option<String>) {
    let mut home = Home::with(records, json!({})).await;
    let alarms = home.alarms();
    let mine = alarms.rules(&local());
    let ids: Vec<_> = mine.iter().map(|rule| rule.id().as_str()).collect();
    assert_eq!(ids, ["control-stalled", "device-offline", "store-read-only"]);
    let e = alarms.remove_rule(&local(), &name("device-offline"), "test").await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Conflict);
    let stale = json!({"kind": "stale", "series": "home1.>", "after": "5m"});
    let e = alarms.change_rule(&local(), &name("device-offline"), told_to(&[], stale.clone()), "test").await.unwrap_err();
    assert!(e.message().contains("watch.kind"), "{e}");
    let mut unknown = told_to(&[], stale.clone());
    unknown.notify.push(name("nobody"));
    let e = alarms.create_rule(&local(), unknown, "test").await.unwrap_err();
    assert!(e.message().contains("notify names nobody"), "{e}");
    for (said, word) in [
        (json!({"kind": "email", "name": "a", "to": ["a@b.example"]}), "alarms.smtp"),
        (json!({"kind": "webhook", "name": "a", "url": "https://127.0.0.1/"}), "url"),
        (json!({"kind": "webhook", "name": "a", "url": "https://hooks.example/", "secret": "short"}), "secret"),
        (json!({"kind": "webhook", "name": "a\r\nb", "url": "https://hooks.example/"}), "name"),
    ] {
        let e = alarms.create_notifier(&local(), notifier(said), "test").await.unwrap_err();
        assert!(e.message().contains(word), "{e}");
    }
    // What is another operator's is not known here.
    let rule = alarms.create_rule(&local(), told_to(&[], stale), "test").await.unwrap();
    assert_eq!(alarms.rule(&name("acme"), rule.id()).unwrap_err().kind(), ErrorKind::NotFound);
    // A rule that is switched off stays so over a restart.
    let mut off = alarms.rule(&local(), &name("device-offline")).unwrap().settings().clone();
    off.enabled = false;
    alarms.change_rule(&local(), &name("device-offline"), off, "test").await.unwrap();
    drop(alarms);
    home.restart().await;
    assert!(!home.alarms().rule(&local(), &name("device-offline")).unwrap().settings().enabled);
    assert_eq!(home.alarms().rules(&local()).len(), 4);
    home.server.take().unwrap().shutdown().await.unwrap();
}

async fn what_is_kept_is_the_same_after_a_restart(records: Option<String>) {
    let mut home = Home::with(records, json!({"webhook_allow": ["http://127.0.0.1:1"]})).await;
    let alarms = home.alarms();
    let post = json!({"kind": "webhook", "name": "hook", "url": "http://127.0.0.1:1/in", "secret": "sixteen characters"});
    let post = alarms.create_notifier(&local(), notifier(post), "test").await.unwrap();
    assert!(alarms.test_notifier(&local(), &post.id).await.unwrap().is_some(), "nobody listens there");
    let watch = json!({"kind": "threshold", "series": "home1.*.power", "above": 3, "unit": "kW", "clear_margin": 0.5});
    let high = alarms.create_rule(&local(), told_to(&[], watch), "test").await.unwrap();
    let watch = json!({"kind": "threshold", "series": "home1.*.power", "below": 1, "unit": "kW"});
    let mut low = told_to(&[], watch);
    low.severity = Severity::Info;
    let low = alarms.create_rule(&local(), low, "test").await.unwrap();

    let device = home.device().await;
    let said_until = async |what: &str, power: f64, states: &[AlarmState]| {
        home.until(what, async || {
            let _ = device.send(home.clock.now(), &[Some(power)]).await;
            home.list().await.iter().map(|alarm| alarm.state).eq(states.iter().copied())
        })
        .await;
    };
    said_until("much power", 4000.0, &[AlarmState::Raised]).await;
    said_until("little power", 500.0, &[AlarmState::Raised, AlarmState::Cleared]).await;
    let before = home.list().await;
    assert_eq!([&before[0].rule, &before[1].rule], [low.id(), high.id()]);
    let note = Some("d\u{e9}j\u{e0} vu: '; DROP TABLE alarms".to_owned());
    alarms.acknowledge(&local(), &before[0].id, "ada", note.clone()).await.unwrap();
    device.close().await;

    let (rules, notifiers, kept) = (alarms.rules(&local()), alarms.notifiers(&local()), home.list().await);
    drop(alarms);
    home.restart().await;
    let alarms = home.alarms();
    let said = |rules: &[Rule]| rules.iter().map(|rule| (rule.id().clone(), rule.settings().clone())).collect::<Vec<_>>();
    assert_eq!(said(&alarms.rules(&local())), said(&rules));
    assert_eq!(alarms.notifiers(&local()), notifiers);
    assert!(notifiers[0].last_problem.is_some());
    assert_eq!(home.list().await, kept);
    let (open, past) = (&kept[0], &kept[1]);
    assert_eq!((open.state, &open.acknowledged.as_ref().unwrap().note), (AlarmState::Acknowledged, &note));

    // What is asked for is what is found.
    let found = async |query: AlarmQuery| {
        let found = home.alarms().list(&local(), &query).await.unwrap();
        (found.items.into_iter().map(|alarm| alarm.id).collect::<Vec<_>>(), found.more)
    };
    let all = AlarmQuery::default;
    let (one, other) = (vec![open.id.clone()], vec![past.id.clone()]);
    assert_eq!(found(AlarmQuery { limit: 1, ..all() }).await, (one.clone(), true));
    assert_eq!(found(AlarmQuery { before: Some(open.id.clone()), limit: 1, ..all() }).await, (other.clone(), false));
    assert_eq!(found(AlarmQuery { state: Some(AlarmState::Cleared), ..all() }).await, (other.clone(), false));
    assert_eq!(found(AlarmQuery { open: true, ..all() }).await, (one, false));
    assert_eq!(found(AlarmQuery { severity: Some(Severity::Critical), ..all() }).await, (other, false));
    assert_eq!(found(AlarmQuery { site: Some(name("home1")), ..all() }).await.0.len(), 2);
    assert_eq!(found(AlarmQuery { site: Some(name("home2")), ..all() }).await.0.len(), 0);
    assert!(alarms.list(&name("acme"), &all()).await.unwrap().items.is_empty());

    // One that is over is acknowledged where it is kept.
    let taken = alarms.acknowledge(&local(), &past.id, "bob", None).await.unwrap();
    assert_eq!((taken.state, taken.acknowledged.unwrap().by.as_str()), (AlarmState::Cleared, "bob"));
    assert_eq!(alarms.find(&local(), &past.id).await.unwrap().acknowledged.unwrap().by, "bob");
    assert_eq!(alarms.find(&name("acme"), &past.id).await.unwrap_err().kind(), ErrorKind::NotFound);
    alarms.remove_rule(&local(), low.id(), "test").await.unwrap();
    alarms.remove_notifier(&local(), &post.id, "test").await.unwrap();
    drop(alarms);
    home.restart().await;
    assert_eq!(home.alarms().rules(&local()).len(), 4);
    assert!(home.alarms().notifiers(&local()).is_empty());
    let after = home.list().await;
    assert_eq!((after.len(), after[0].state), (2, AlarmState::Cleared), "whose rule is gone is over");
    // After their time they are forgotten.
    home.clock.advance(Span::from_seconds(800 * 86_400));
    let forgotten = async || !home.list().await.iter().any(|alarm| [&open.id, &past.id].contains(&&alarm.id));
    home.until("what was cleared is forgotten", forgotten).await;
    home.server.take().unwrap().shutdown().await.unwrap();
}
