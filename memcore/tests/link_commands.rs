//! Commands through the whole link while servers are killed, machines restored from backups, and everybody asks at once.
#![cfg(feature = "cli")]

#[path = "common/child.rs"]
mod child;
#[path = "common/raw.rs"]
mod raw;

use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use child::Running;
use memcore::client::{Device, DeviceOptions};
use memcore::model::{Channel, ChannelName, CommandId, CommandRules, CommandState, Quantity, Span, Unit};
use memcore::protocol::Bundle;
use memcore::{CommandRequest, Config, Enrolment, ErrorKind, LocalClient, ProofKind, Server, serve};
use raw::{Dial, Raw};
use serde_json::json;

/// Long enough for anything on a busy machine; nothing waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A battery whose owner says that it is safe at rest.
fn battery() -> Channel {
    Channel::gauge("power", Unit::Watt).unwrap().rules(CommandRules::default().fallback(0.0)).build().unwrap()
}

fn relay() -> Channel {
    Channel::of("relay", Quantity::Switch, Unit::OnOff).unwrap().writable().build().unwrap()
}

/// What a device was told to do, and when by its own clock.
#[derive(Clone, Default)]
struct Applied(Arc<Mutex<Vec<(f64, Instant)>>>);

impl Applied {
    fn options(&self, bundle: &Bundle, state: &Path) -> DeviceOptions {
        let log = self.0.clone();
        let mut options =
            DeviceOptions::new(bundle.clone(), vec![battery(), relay()]).on_command(move |_: &ChannelName, value| {
                log.lock().unwrap().push((value, Instant::now()));
                Ok(value)
            });
        options.state_folder = Some(state.to_owned());
        options
    }

    fn values(&self) -> Vec<f64> {
        self.0.lock().unwrap().iter().map(|(value, _)| *value).collect()
    }

    async fn becomes(&self, expected: &[f64]) {
        let late = Instant::now() + PATIENCE;
        while self.values() != expected {
            assert!(Instant::now() < late, "applied {:?}, expected {expected:?}", self.values());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A site whose server is a process of its own, to be killed.
struct Killed {
    folder: tempfile::TempDir,
    port: u16,
    bundle: Bundle,
    server: Running,
}

impl Killed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let enrolment = Enrolment::open(&Config::at(folder.path().join("site"))).unwrap();
        let (device, address) = ("home1.battery".parse().unwrap(), format!("localhost:{port}"));
        let bundle = enrolment.enroll(&device, ProofKind::Secret, Some(&address)).unwrap();
        let server = start(&folder.path().join("site"), port);
        let site = Self { folder, port, bundle, server };
        site.is_up().await;
        site
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    fn client(&self) -> LocalClient {
        LocalClient::of(&self.path())
    }

    fn kill(&mut self) {
        self.server.0.kill().unwrap();
        self.server.0.wait().unwrap();
    }

    async fn start_again(&mut self) {
        self.server = start(&self.path(), self.port);
        self.is_up().await;
    }

    async fn is_up(&self) {
        let late = Instant::now() + PATIENCE;
        while self.client().status().await.is_err() {
            assert!(Instant::now() < late, "the server does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn start(site: &Path, port: u16) -> Running {
    let mut command = Process::new(env!("CARGO_BIN_EXE_memcore"));
    command
        .args(["serve", "--quiet", "--http", "off", "--site"])
        .arg(site)
        .args(["--listen", &format!("127.0.0.1:{port}")]);
    Running(command.stderr(Stdio::null()).spawn().unwrap())
}

fn discharge(id: &str) -> CommandRequest {
    set(id, -2000.0)
}

fn set(id: &str, value: f64) -> CommandRequest {
    CommandRequest::new("home1.battery.power".parse().unwrap(), value).id(CommandId::new(id).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_the_middle_of_a_setpoint_leaves_the_device_at_its_fallback() {
    let mut site = Killed::new().await;
    let applied = Applied::default();
    let device = Device::connect(applied.options(&site.bundle, &site.folder.path().join("state"))).await.unwrap();
    assert_eq!(applied.values(), [0.0], "a cold start holds the fallback");
    let lease = Span::from_millis(1500);
    let done = CommandState::Done { read_back: Some(-2000.0) };
    let state = site.client().command(discharge("c1").leased(lease), |_, _| {}).await.unwrap();
    assert_eq!(state, done);
    site.kill();
    applied.becomes(&[0.0, -2000.0, 0.0]).await;
    let held = {
        let applied = applied.0.lock().unwrap();
        applied[2].1.duration_since(applied[1].1)
    };
    // Within a second in the model test, whose time is its own; a machine of others may be late.
    assert!(held >= lease.to_duration() - Duration::from_millis(50) && held < Duration::from_secs(15), "{held:?}");

    site.start_again().await;
    let again = site.client().command(discharge("c1").leased(lease), |_, _| {}).await.unwrap();
    assert_eq!(again, done, "a replayed id has its known end");
    let other = site.client().command(set("c1", 5.0).leased(lease), |_, _| {}).await;
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(applied.values().len(), 3, "and is not carried out again");
    device.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_for_an_absent_device_outlives_the_server_until_its_expiry() {
    let mut site = Killed::new().await;
    let (applied, state) = (Applied::default(), site.folder.path().join("state"));
    Device::connect(applied.options(&site.bundle, &state)).await.unwrap().close().await;
    for (id, expires) in [("waits", 3600), ("expires", 1)] {
        // Told that it is queued, its sender goes away.
        let client = site.client();
        let (told, queued) = tokio::sync::oneshot::channel();
        let mut told = Some(told);
        let request = discharge(id).expires_in(Span::from_seconds(expires));
        tokio::select! {
            ended = client.command(request, move |_, state| {
                assert_eq!(*state, CommandState::Queued);
                told.take().map(|told| told.send(()));
            }) => panic!("{ended:?}"),
            queued = queued => queued.unwrap(),
        }
    }
    site.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    site.start_again().await;
    let id = |id: &str| CommandId::new(id).unwrap();
    assert_eq!(site.client().follow(id("expires"), |_, _| {}).await.unwrap(), CommandState::Expired);
    let device = Device::connect(applied.options(&site.bundle, &state)).await.unwrap();
    let done = CommandState::Done { read_back: Some(-2000.0) };
    assert_eq!(site.client().follow(id("waits"), |_, _| {}).await.unwrap(), done);
    applied.becomes(&[0.0, 0.0, -2000.0]).await;
    device.close().await;
}

async fn server(folder: &Path) -> Server {
    let mut config = Config::at(folder.join("site"));
    config.gateway.listen = "127.0.0.1:0".parse().unwrap();
    serve(config).await.unwrap()
}

fn enroll(server: &Server) -> Bundle {
    server.handle().enroll(&"home1.battery".parse().unwrap(), ProofKind::Secret).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restored_backup_and_a_restart_of_both_the_device_is_the_last_line() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, copy) = (folder.path().join("site/commands.journal"), folder.path().join("copy"));
    let (applied, state) = (Applied::default(), folder.path().join("state"));
    let running = server(folder.path()).await;
    let bundle = enroll(&running);
    Device::connect(applied.options(&bundle, &state)).await.unwrap().close().await;
    let mut ticket = running.handle().command(discharge("c1").expires_in(Span::from_seconds(3600))).unwrap();
    assert!(ticket.kept().await);
    std::fs::copy(&journal, &copy).unwrap();
    let device = Device::connect(applied.options(&bundle, &state)).await.unwrap();
    let done = CommandState::Done { read_back: Some(-2000.0) };
    assert_eq!(ticket.finished().await, done);
    device.close().await;
    running.shutdown().await.unwrap();

    // In the copy the command still waits.
    std::fs::copy(&copy, &journal).unwrap();
    let running = server(folder.path()).await;
    let bundle = Bundle { server: format!("localhost:{}", running.address().port()), ..bundle };
    let mut ticket = running.handle().find_command(&CommandId::new("c1").unwrap()).unwrap();
    assert_eq!(ticket.state(), CommandState::Queued);
    let device = Device::connect(applied.options(&bundle, &state)).await.unwrap();
    assert_eq!(ticket.finished().await, done, "the answer that it gave then");
    assert_eq!(applied.values(), [0.0, 0.0, -2000.0, 0.0], "and no second effect");
    device.close().await;
    running.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_sent_ten_thousand_times_over_eight_connections_has_one_effect_and_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let running = server(folder.path()).await;
    let applied = Applied::default();
    let device = Device::connect(applied.options(&enroll(&running), &folder.path().join("state"))).await.unwrap();
    let asking = (0..8).map(|_| {
        let site = folder.path().join("site");
        tokio::spawn(async move {
            let client = LocalClient::of(&site);
            let mut answers = Vec::new();
            for _ in 0..1250 {
                answers.push(client.command(discharge("c1"), |_, _| {}).await.unwrap());
            }
            answers
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        let answers = asked.await.unwrap();
        assert!(answers.iter().all(|answer| *answer == CommandState::Done { read_back: Some(-2000.0) }));
    }
    assert_eq!(applied.values(), [0.0, -2000.0]);
    device.close().await;
    running.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_for_safety_is_refused_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let running = server(folder.path()).await;
    let applied = Applied::default();
    let device = Device::connect(applied.options(&enroll(&running), &folder.path().join("state"))).await.unwrap();
    let handle = running.handle();
    let error = handle.command(discharge("c1").safety()).unwrap_err();
    assert_eq!(error.message(), "command home1.battery.power: value is -2000 W, expected 0 for safety");
    let lease = Span::from_seconds(60);
    let relay = CommandRequest::new("home1.battery.relay".parse().unwrap(), 1.0).leased(lease);
    assert!(handle.command(relay).unwrap_err().message().contains("lease without a fallback"));
    let off = set("c2", 0.0).safety();
    assert_eq!(handle.command(off).unwrap().finished().await, CommandState::Done { read_back: Some(0.0) });
    device.close().await;
    running.shutdown().await.unwrap();
}

/// A device of somebody else's, which forgets a setpoint after two seconds and says so.
async fn forgetful(running: &Server) -> Raw {
    let bundle = enroll(running);
    let mut raw = Dial::new(running.address(), &bundle).connect().await.unwrap();
    let channel = json!({"name":"power","quantity":"power","unit":"kW","writable":true,"rules":{"hold_us":2_000_000}});
    let hello = json!({"type":"hello","version":1,"credential":bundle.credential,"boot":1,"channels":[channel]});
    raw.say(&hello.to_string()).await;
    raw.expect("welcome").await;
    raw
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_of_others_gets_its_value_again_under_a_new_id_before_it_forgets_it() {
    let folder = tempfile::tempdir().unwrap();
    let running = server(folder.path()).await;
    let mut device = forgetful(&running).await;
    let mut ticket = running.handle().command(discharge("c1").lease(Span::from_seconds(600), 0.0)).unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let command = device.expect("command").await;
        assert_eq!((&command["value"], &command["fallback"]), (&json!(-2.0), &json!(0.0)), "{command}");
        let lease = command["lease_us"].as_i64().unwrap();
        assert!(lease <= 600_000_000 - ids.len() as i64 * 500_000, "the rest of the lease: {command}");
        let id = command["id"].as_str().unwrap().to_owned();
        device.say(&json!({"type":"result","id":id,"state":"done","value":-2.0}).to_string()).await;
        ids.push(id);
    }
    assert_eq!(ids[0], "c1");
    assert!(ids[1] != ids[0] && ids[2] != ids[1], "{ids:?}");
    assert_eq!(ticket.finished().await, CommandState::Done { read_back: Some(-2000.0) });
    running.shutdown().await.unwrap();
}
