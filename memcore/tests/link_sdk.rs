//! The device SDK through faults: restarts, cut connections, leases, repeated and expired commands, a full backlog.
#![cfg(all(feature = "gateway", feature = "client"))]

#[path = "common/scene.rs"]
mod scene;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use memcore::client::{Device, DeviceOptions, LinkState, Refused};
use memcore::gateway::{Certificates, Identity, Registry};
use memcore::model::{Channel, ChannelName, Clock, CommandState, Quantity, Span, SystemClock, Timestamp, Unit};
use memcore::protocol::{Bundle, Decoder};
use memcore::{CommandRequest, Config, ErrorKind, ProofKind, Server, serve};
use scene::values;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

fn channels() -> Vec<Channel> {
    let power = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
    let relay = Channel::of("relay", Quantity::Switch, Unit::OnOff).unwrap().writable().build().unwrap();
    vec![power, relay]
}

fn time(at: i64) -> Timestamp {
    Timestamp::from_micros(1_763_000_000_000_000 + at)
}

/// What a device's handler was told to do.
#[derive(Clone, Default)]
struct Applied(Arc<Mutex<Vec<f64>>>);

impl Applied {
    fn options(&self, bundle: Bundle) -> DeviceOptions {
        let log = self.0.clone();
        DeviceOptions::new(bundle, channels()).on_command(move |_: &ChannelName, value| {
            if value > 0.5 && value < 1.0 {
                return Err(Refused { code: "half_open".into(), reason: "a relay has two states".into() });
            }
            log.lock().unwrap().push(value);
            Ok(value)
        })
    }

    async fn becomes(&self, expected: &[f64], within: Duration) {
        let late = Instant::now() + within;
        while *self.0.lock().unwrap() != expected {
            assert!(Instant::now() < late, "applied {:?}, expected {expected:?}", self.0.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn server(folder: &Path, port: u16) -> Server {
    let mut config = Config::at(folder.join("site"));
    config.gateway.listen = ([127, 0, 0, 1], port).into();
    serve(config).await.unwrap()
}

fn enroll(server: &Server) -> Bundle {
    server.handle().enroll(&"home1.hem".parse().unwrap(), ProofKind::Secret).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_once_though_the_server_restarts_in_mid_stream() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = server(folder.path(), 0).await;
    let port = running.address().port();
    let device = Arc::new(Device::connect(Applied::default().options(enroll(&running))).await.unwrap());
    let sending = {
        let device = device.clone();
        tokio::spawn(async move {
            for at in 1..=3000 {
                device.send(time(at), &[Some(at as f64 / 7.0), None]).await.unwrap();
                if at % 20 == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        })
    };
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        running.shutdown().await.unwrap();
        running = server(folder.path(), port).await;
    }
    sending.await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), device.flush()).await.expect("durable in time").unwrap();
    assert_eq!((device.backlog(), device.durable(), device.rejected().0), (0, 3000, 0));
    let expected: Vec<f64> = (1..=3000).map(|at| f64::from(at) / 7.0).collect();
    assert_eq!(values(&running, "home1.hem.power"), expected);
    device.close().await;
    running.shutdown().await.unwrap();
}

/// Rows that were taken from a lost connection are on their way to the disk when the device comes back: they must not be
/// handed on again, in batches that are cut differently and that the store could not recognise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_once_though_the_connection_is_cut_all_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let running = server(folder.path(), 0).await;
    let (proxy, address) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), running.address());
    let bundle = Bundle { server: format!("localhost:{}", proxy.local_addr().unwrap().port()), ..enroll(&running) };
    let cutting = tokio::spawn(async move {
        for cut in 0u64.. {
            let (device, _) = proxy.accept().await.unwrap();
            forward(device, address, Duration::from_millis(20 + cut * 13 % 60)).await;
        }
    });
    let device = Device::start(Applied::default().options(bundle)).unwrap();
    for at in 1..=20_000 {
        device.send(time(at), &[Some(at as f64), None]).await.unwrap();
        if at % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    tokio::time::timeout(Duration::from_secs(40), device.flush()).await.expect("durable in time").unwrap();
    device.close().await;
    cutting.abort();
    assert_eq!(running.handle().stats().points_durable, 20_000, "each point was handed to the store once");
    assert_eq!(values(&running, "home1.hem.power"), (1..=20_000).map(f64::from).collect::<Vec<_>>());
    running.shutdown().await.unwrap();
}

async fn forward(mut device: TcpStream, address: SocketAddr, life: Duration) {
    let Ok(mut server) = TcpStream::connect(address).await else { return };
    let _ = tokio::time::timeout(life, tokio::io::copy_bidirectional(&mut device, &mut server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_ends_in_its_fallback_when_the_server_dies() {
    let folder = tempfile::tempdir().unwrap();
    let running = server(folder.path(), 0).await;
    let applied = Applied::default();
    let device = Device::connect(applied.options(enroll(&running))).await.unwrap();
    let request = CommandRequest::new("home1.hem.relay".parse().unwrap(), 1.0).lease(Span::from_millis(1500), 0.0);
    let state = running.handle().command(request).unwrap().finished().await;
    assert_eq!(state, CommandState::Done { read_back: Some(1.0) });
    let given = Instant::now();
    let address = running.address();
    running.shutdown().await.unwrap();
    // Something answers on the port and says nothing: the device is stuck in connecting when the lease ends.
    let _stuck = TcpListener::bind(address).await.unwrap();
    applied.becomes(&[1.0, 0.0], Duration::from_secs(5)).await;
    assert!(given.elapsed() < Duration::from_millis(2500), "{:?}", given.elapsed());
    device.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_closed_goes_to_its_fallbacks_first() {
    let folder = tempfile::tempdir().unwrap();
    let running = server(folder.path(), 0).await;
    let applied = Applied::default();
    let device = Device::connect(applied.options(enroll(&running))).await.unwrap();
    let request = CommandRequest::new("home1.hem.relay".parse().unwrap(), 1.0).lease(Span::from_seconds(900), 0.0);
    running.handle().command(request).unwrap().finished().await;
    device.close().await;
    applied.becomes(&[1.0, 0.0], Duration::from_secs(1)).await;
    running.shutdown().await.unwrap();
}

/// A server of the test's own, to say what a real one never would.
struct Script {
    acceptor: TlsAcceptor,
    listener: TcpListener,
    bundle: Bundle,
    _folder: tempfile::TempDir,
}

impl Script {
    async fn new() -> Self {
        let (folder, now) = (tempfile::tempdir().unwrap(), SystemClock::default().now());
        let identity = Identity::OwnAuthority { names: Vec::new() };
        let certificates = Certificates::open(&folder.path().join("tls"), &identity, now).unwrap();
        let registry = Registry::open(&folder.path().join("devices.json")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("localhost:{}", listener.local_addr().unwrap().port());
        let bundle = registry.enroll_secret(&"home1.hem".parse().unwrap(), &server, &certificates, now).unwrap();
        // It speaks JSON lines alone, as a server of before did.
        let mut tls = (*certificates.server_config(false).unwrap()).clone();
        tls.alpn_protocols = vec![b"mem.json.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        Self { acceptor, listener, bundle, _folder: folder }
    }

    /// The next session of the device, welcomed at the time `now` of this server.
    async fn session(&self, now: Timestamp, durable: u64) -> Session {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut session = Session { tls: self.acceptor.accept(stream).await.unwrap(), decoder: Decoder::default() };
        assert_eq!(session.hear().await.unwrap()["type"], "hello");
        let welcome = json!({"type":"welcome","version":1,"device":"home1.hem","epoch":1,"time_us":now,"durable":durable,"message_bytes":1 << 20});
        session.say(&welcome).await;
        session
    }
}

struct Session {
    tls: TlsStream<TcpStream>,
    decoder: Decoder,
}

impl Session {
    async fn say(&mut self, message: &Value) {
        self.tls.write_all(format!("{message}\n").as_bytes()).await.unwrap();
        self.tls.flush().await.unwrap();
    }

    async fn hear(&mut self) -> Option<Value> {
        loop {
            if let Some(line) = self.decoder.next(1 << 20).unwrap() {
                return Some(serde_json::from_slice(line).unwrap());
            }
            let mut piece = [0; 4096];
            let length = self.tls.read(&mut piece).await.ok().filter(|length| *length > 0)?;
            self.decoder.push(&piece[..length]);
        }
    }

    async fn command(&mut self, command: Value) -> Value {
        self.say(&command).await;
        loop {
            let message = self.hear().await.expect("an answer");
            if message["type"] == "result" {
                return message;
            }
        }
    }
}

#[tokio::test]
async fn one_id_has_one_effect_across_connections_and_nothing_expired_or_unasked_has_any() {
    let script = Script::new().await;
    let applied = Applied::default();
    let device = Device::start(applied.options(script.bundle.clone())).unwrap();
    // This server lives in 2001: expiries are judged by its clock, not by the device's.
    let now = Timestamp::from_seconds(1_000_000_000);
    let later = now.saturating_add(Span::from_seconds(60));
    let close = json!({"type":"command","id":"c1","channel":"relay","value":1,"expires_us":later});
    let mut session = script.session(now, 0).await;
    let first = session.command(close.clone()).await;
    assert_eq!((&first["state"], &first["value"]), (&json!("done"), &json!(1.0)));
    assert_eq!(session.command(close.clone()).await, first);
    drop(session);

    let mut session = script.session(now, 0).await;
    assert_eq!(session.command(close).await, first, "the same answer after a reconnect");
    for (command, code) in [
        (json!({"type":"command","id":"c2","channel":"relay","value":1,"expires_us":now}), "expired"),
        (json!({"type":"command","id":"c3","channel":"power","value":1,"expires_us":later}), "not_writable"),
        (json!({"type":"command","id":"c4","channel":"none","value":1,"expires_us":later}), "not_writable"),
        (json!({"type":"command","id":"c5","channel":"relay","value":0.7,"expires_us":later}), "half_open"),
        (json!({"type":"command","id":"c6","channel":"relay","value":1,"expires_us":later,"lease_us":9}), "bad_message"),
    ] {
        let answer = session.command(command).await;
        assert_eq!((&answer["state"], &answer["code"]), (&json!("refused"), &json!(code)), "{answer}");
    }
    applied.becomes(&[1.0], Duration::ZERO).await;
    device.close().await;
}

#[tokio::test]
async fn sending_waits_while_the_backlog_is_full_and_goes_on_with_the_acknowledgement() {
    let script = Script::new().await;
    let mut options = Applied::default().options(script.bundle.clone());
    options.backlog_rows = 3;
    let device = Arc::new(Device::start(options).unwrap());
    for at in 1..=3 {
        device.send(time(at), &[Some(1.0), None]).await.unwrap();
    }
    let waiting = device.clone();
    let waiting = tokio::spawn(async move { waiting.send(time(4), &[Some(4.0), None]).await });
    let mut session = script.session(time(0), 0).await;
    let waited = session.hear().await.unwrap();
    assert_eq!((&waited["first_seq"], &waited["seq"]), (&json!(1), &json!(3)), "what waited comes as columns: {waited}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished() && device.backlog() == 3);
    session.say(&json!({"type":"ack","seq":2})).await;
    assert_eq!(waiting.await.unwrap().unwrap(), 4);
    assert_eq!(session.hear().await.unwrap()["seq"], 4);
    assert_eq!(device.backlog(), 2, "what was acknowledged was let go");
    drop(session);

    let mut session = script.session(time(0), 3).await;
    assert_eq!(session.hear().await.unwrap()["seq"], 4, "only what is not durable is sent again");
    session.say(&json!({"type":"ack","seq":4})).await;
    device.flush().await.unwrap();
    device.close().await;
}

#[tokio::test]
async fn closing_wakes_whoever_waits_and_is_quick_though_nobody_answers() {
    let script = Script::new().await;
    let mut options = Applied::default().options(script.bundle.clone());
    options.backlog_rows = 1;
    let device = Arc::new(Device::start(options).unwrap());
    device.send(time(1), &[Some(1.0), None]).await.unwrap();
    let (sending, flushing) = (device.clone(), device.clone());
    let sending = tokio::spawn(async move { sending.send(time(2), &[Some(2.0), None]).await });
    let flushing = tokio::spawn(async move { flushing.flush().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    device.close().await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(sending.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(flushing.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(device.state(), LinkState::Closed);
    device.close().await;
}

#[tokio::test]
async fn a_device_that_is_dropped_while_it_connects_does_not_connect_for_ever() {
    let script = Script::new().await;
    let device = Device::start(Applied::default().options(script.bundle.clone())).unwrap();
    let (stuck, _) = script.listener.accept().await.unwrap();
    drop(device);
    // Its task ends, and with it the connection.
    let mut stuck = stuck;
    let mut all = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(2), stuck.read_to_end(&mut all)).await;
    assert!(ended.is_ok(), "the connection stays open");
    let again = tokio::time::timeout(Duration::from_millis(500), script.listener.accept()).await;
    assert!(again.is_err(), "it connects again");
}
