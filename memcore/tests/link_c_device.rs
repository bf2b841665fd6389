//! `examples/device.c`, a device in C that knows memcore only from `docs/protocol.md`: against a real server, and against one that
//! sends it anything.
#![cfg(feature = "gateway")]

#[path = "common/child.rs"]
mod child;
#[path = "common/mutation.rs"]
mod mutation;
#[path = "common/tool_chain.rs"]
mod tool_chain;
#[path = "common/until.rs"]
mod until;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use child::Running;
use memcore::gateway::{Certificates, Identity};
use memcore::model::{CommandState, Pattern, Span, Timestamp};
use memcore::protocol::Bundle;
use memcore::{CommandRequest, Config, ProofKind, Query, Server, serve};
use mutation::Random;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tool_chain::compiled;
use until::until;

/// The device's program in a folder of its own, with what it says in a file.
struct Device {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Device {
    /// None where it cannot be compiled here.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let program = compiled(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/device.c"), folder.path())?;
        Some(Self { folder, program })
    }

    fn start(&self, bundle: &Bundle, count: u32, every_ms: u32) -> Running {
        let path = self.folder.path().join("bundle.json");
        std::fs::write(&path, serde_json::to_vec_pretty(bundle).unwrap()).unwrap();
        let said = std::fs::File::create(self.folder.path().join("said")).unwrap();
        let mut command = Command::new(&self.program);
        command.arg(path).args([count.to_string(), every_ms.to_string()]);
        // What it allocates before its first connection it keeps to its end.
        command.env("ASAN_OPTIONS", "detect_leaks=0");
        Running(command.stdin(Stdio::null()).stdout(said).spawn().unwrap())
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap()
    }
}

fn config(folder: &Path, port: u16) -> Config {
    let mut config = Config::at(folder.join("site"));
    config.gateway.listen = ([127, 0, 0, 1], port).into();
    config
}

fn enrolled(server: &Server) -> Bundle {
    server.handle().enroll(&"home1.meter".parse().unwrap(), ProofKind::Secret).unwrap()
}

/// The readings of the device's power, in their order.
fn powers(server: &Server) -> Vec<f64> {
    let result = server.memcore().query(&Query::new("home1.meter.power".parse::<Pattern>().unwrap()));
    result.map_or(Vec::new(), |result| {
        result.series().iter().flat_map(|series| series.values().unwrap().values().to_vec()).collect()
    })
}

fn expected(count: u32) -> Vec<f64> {
    (1..=count).map(|at| 1000.0 + f64::from(at) / 7.0).collect()
}

fn relay(value: f64) -> CommandRequest {
    CommandRequest::new("home1.meter.relay".parse().unwrap(), value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_readings_arrive_bit_for_bit_and_commands_are_confirmed_or_refused() {
    let Some(device) = Device::new() else { return };
    let server = serve(config(device.folder.path(), 0)).await.unwrap();
    let mut running = device.start(&enrolled(&server), 100, 20);
    until("the first reading", || !powers(&server).is_empty()).await;
    let command = |request| {
        let mut ticket = server.handle().command(request).unwrap();
        async move { ticket.finished().await }
    };
    assert_eq!(command(relay(1.0)).await, CommandState::Done { read_back: Some(1.0) });
    assert_eq!(command(relay(0.0)).await, CommandState::Done { read_back: Some(0.0) });
    let half = command(relay(0.5)).await;
    assert!(matches!(half, CommandState::Refused { ref code, .. } if code == "out_of_range"), "{half:?}");
    assert!(running.ended(Duration::from_secs(60)).await.success());
    assert_eq!(powers(&server), expected(100));
    assert_eq!(device.said(), "relay 1: a command\nrelay 0: a command\n");
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_loses_nothing_and_repeats_nothing_when_the_server_restarts() {
    let Some(device) = Device::new() else { return };
    let server = serve(config(device.folder.path(), 0)).await.unwrap();
    let port = server.address().port();
    let mut running = device.start(&enrolled(&server), 200, 10);
    until("ten readings", || powers(&server).len() >= 10).await;
    server.shutdown().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;

    let server = serve(config(device.folder.path(), port)).await.unwrap();
    assert!(running.ended(Duration::from_secs(60)).await.success());
    assert_eq!(powers(&server), expected(200));
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_lease_ends_in_the_fallback_when_the_server_is_gone() {
    let Some(device) = Device::new() else { return };
    let server = serve(config(device.folder.path(), 0)).await.unwrap();
    let mut running = device.start(&enrolled(&server), 1_000_000, 50);
    until("the first reading", || !powers(&server).is_empty()).await;
    let leased = relay(1.0).lease(Span::from_seconds(2), 0.0);
    let state = server.handle().command(leased).unwrap().finished().await;
    assert_eq!(state, CommandState::Done { read_back: Some(1.0) });
    // Nobody is told: the plug is pulled.
    drop(server);
    until("the fallback", || device.said().ends_with("relay 0: the lease has ended\n")).await;
    assert!(running.0.try_wait().unwrap().is_none(), "it goes on");
}

/// A server that is none: it has the certificate, and says whatever a test wants.
struct Impostor {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    bundle: Bundle,
}

impl Impostor {
    async fn new(folder: &Path, host: &str) -> Self {
        let now: Timestamp = std::time::SystemTime::now().into();
        let identity = Identity::OwnAuthority { names: Vec::new() };
        let certificates = Certificates::open(&folder.join("tls"), &identity, now).unwrap();
        let acceptor = TlsAcceptor::from(certificates.server_config(false).unwrap());
        let listener = TcpListener::bind((if host == "localhost" { "127.0.0.1" } else { host }, 0)).await.unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!("IPv4") };
        let bundle = Bundle {
            device: "home1.meter".parse().unwrap(),
            server: format!("{host}:{}", address.port()),
            ca_pem: certificates.ca_pem().to_owned(),
            credential: Some("mc_00_00".into()),
            certificate_pem: None,
            key_pem: None,
        };
        Self { listener, acceptor, bundle }
    }

    async fn accept(&self) -> std::io::Result<tokio_rustls::server::TlsStream<tokio::net::TcpStream>> {
        let (stream, _) = self.listener.accept().await?;
        let mut stream = self.acceptor.accept(stream).await?;
        // Only with what the device says first is it sure that the device takes the server for what it is.
        let mut hello = String::new();
        BufReader::new(&mut stream).read_line(&mut hello).await?;
        if hello.is_empty() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(stream) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_nothing_to_a_server_whose_ca_or_name_is_another() {
    let Some(device) = Device::new() else { return };
    let other = tempfile::tempdir().unwrap();
    let stranger = Impostor::new(other.path(), "localhost").await;
    let named = Impostor::new(device.folder.path(), "127.0.0.2").await;
    let mut bundle = named.bundle.clone();
    let _running = device.start(&bundle, 10, 10);
    assert!(named.accept().await.is_err(), "the certificate is not for 127.0.0.2");
    bundle.server.clone_from(&stranger.bundle.server);
    let _running = device.start(&bundle, 10, 10);
    assert!(stranger.accept().await.is_err(), "the certificate is of another CA");
    let _running = device.start(&stranger.bundle, 10, 10);
    stranger.accept().await.expect("the right name and CA");
}

const WELCOME: &str = "{\"type\":\"welcome\",\"version\":1,\"device\":\"home1.meter\",\"epoch\":1,\"time_us\":1763000000000000,\
                       \"durable\":0,\"message_bytes\":1048576}\n";

/// What no server says, or not like this.
fn hostile_lines() -> Vec<Vec<u8>> {
    let command =
        |id: &str, fields: &str| format!("{{\"type\":\"command\",\"id\":\"{id}\",\"channel\":\"relay\"{fields}}}");
    let far = ",\"expires_us\":1999999999999999";
    let texts = [
        "{".repeat(8000),
        format!("{{\"type\":{}1{}}}", "[".repeat(3000), "]".repeat(3000)),
        format!("{{\"{}\":1}}", "k".repeat(7000)),
        format!("{{\"type\":\"{}\"}}", "t".repeat(7000)),
        "{\"type\":\"ack\",\"seq\":\"".to_owned() + &"9".repeat(7000) + "\"}",
        "{\"type\":\"ack\",\"seq\":-1}{\"type\":\"ack\",\"seq\":1e308}".to_owned(),
        "{\"type\":\"welcome\",\"time_us\":nan,\"durable\":inf}".to_owned(),
        "{\"type\":\"command\"}".to_owned(),
        "{\"type\":\"co\\".to_owned(),
        "{\"type\":\"co\\u00".to_owned(),
        "{\"type\"".to_owned(),
        "{\"type\":".to_owned(),
        "}}}]]]".to_owned(),
        String::new(),
        command(&"i".repeat(64), &format!(",\"value\":1e308{far}")),
        command(&"i".repeat(65), &format!(",\"value\":1{far}")),
        command("a\\\"b\\n", &format!(",\"value\":1{far}")),
        command("c1", &format!(",\"value\":1{far},\"lease_us\":9223372036854775807,\"fallback\":0")),
        command("c2", &format!(",\"value\":1{far},\"lease_us\":-5,\"fallback\":1")),
        command("c3", &format!(",\"value\":\"%s%n%s\"{far}")),
    ];
    let mut lines: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    lines.push(vec![0; 100]);
    lines.push((0..=255).filter(|byte| *byte != b'\n').collect());
    lines
}

/// One session's worth: a welcome, hostile lines, and lines like those of a server with bytes changed.
fn session(random: &mut Random, lines: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = WELCOME.as_bytes().to_vec();
    for _ in 0..random.below(60) {
        let mut line = lines[random.below(lines.len())].clone();
        for _ in 0..random.below(4) {
            let at = random.below(line.len() + 1);
            match random.below(3) {
                0 if at < line.len() => line[at] = random.below(256) as u8,
                1 => line.truncate(at),
                _ => line.insert(at, b"{}[]\",:\\0-e\n"[random.below(12)]),
            }
        }
        bytes.extend(line);
        bytes.push(b'\n');
    }
    match random.below(4) {
        // A line that never ends; more to answer than there is room for; a farewell; nothing more.
        0 => bytes.resize(bytes.len() + 100_000, b'x'),
        1 => bytes.extend(b"{\"type\":\"ping\"}\n".repeat(10_000)),
        2 => bytes.extend(b"{\"type\":\"bye\",\"code\":\"%n%n%n%s\",\"retry_after_us\":1}\n"),
        _ => {}
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_server_says_breaks_it() {
    let Some(device) = Device::new() else { return };
    let impostor = Arc::new(Impostor::new(device.folder.path(), "localhost").await);
    let mut running = device.start(&impostor.bundle, 1_000_000, 1);
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/decode");
    let mut lines = hostile_lines();
    let mut files: Vec<_> = std::fs::read_dir(seeds).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    // Not those that ask it to stay away for a minute.
    let asking = |line: &Vec<u8>| !String::from_utf8_lossy(line).contains("bye");
    lines.extend(files.iter().map(|file| std::fs::read(file).unwrap()).filter(asking));
    let mut random = Random(5);
    for _ in 0..80 {
        let accepted = tokio::time::timeout(Duration::from_secs(30), impostor.accept()).await;
        let mut stream = accepted.expect("the device comes back").unwrap();
        let _ = stream.write_all(&session(&mut random, &lines)).await;
        let _ = stream.shutdown().await;
        assert!(running.0.try_wait().unwrap().is_none(), "the device has died");
    }
    let mut stream = tokio::time::timeout(Duration::from_secs(30), impostor.accept()).await.unwrap().unwrap();
    let order =
        "{\"type\":\"command\",\"id\":\"last\",\"channel\":\"relay\",\"value\":1,\"expires_us\":1763000060000000}\n";
    stream.write_all([WELCOME, order].concat().as_bytes()).await.unwrap();
    let mut answers = BufReader::new(stream).lines();
    let answered = async {
        while let Some(line) = answers.next_line().await.unwrap() {
            if line.contains("\"id\":\"last\"") {
                return line;
            }
        }
        panic!("it has hung up")
    };
    let answer = tokio::time::timeout(Duration::from_secs(30), answered).await.expect("an answer");
    assert_eq!(answer, "{\"type\":\"result\",\"id\":\"last\",\"state\":\"done\",\"value\":1}");
}

#[test]
fn it_is_as_small_as_the_page_says() {
    let device = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/device.c");
    let lines = std::fs::read_to_string(device).unwrap().lines().count();
    assert!(lines <= 250, "{lines} lines");
}
