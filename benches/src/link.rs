//! Figures of the link: the whole way from a device's socket to the disk and back.
//!
//! The server is a process of its own (`memcore serve`), so that its CPU time is its own; the load comes from the generator of
//! `memcore bench-link`, as fast as it is acknowledged, and the stories with commands from devices in this process.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use memcore::client::{Device, DeviceOptions};
use memcore::model::{Channel, Span, Unit};
use memcore::protocol::Encoding;
use memcore::{CommandRequest, Config, Enrolment, LoadOptions, LocalClient, ProofKind, run_load};

use crate::Figure;
use crate::process::{cpu_time, resident_mb};

const DEVICES: usize = 8;
const CHANNELS: usize = 8;
/// Rows in one message of a backlog.
const BATCH: usize = 1_000;
/// How long each load lasts.
const LENGTH: Span = Span::from_seconds(10);
const COMMANDS: usize = 1_000;

pub(crate) fn figures() -> Vec<Figure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("tokio");
    runtime.block_on(measure())
}

/// A server process; killed when it is dropped.
struct Serve {
    child: Child,
    _folder: tempfile::TempDir,
    config: Config,
    enrolment: Enrolment,
    port: u16,
    spawned: Instant,
}

impl Serve {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let site = folder.path().join("site");
        // The CA is there already, as at every start but the first.
        let mut config = Config::at(&site);
        let port = free_port();
        config.gateway.listen = ([127, 0, 0, 1], port).into();
        let enrolment = Enrolment::open(&config).expect("an enrolment");
        let spawned = Instant::now();
        let child = spawn(&site, port);
        Self { child, _folder: folder, config, enrolment, port, spawned }
    }

    fn options(&self, name: &str, channels: Vec<Channel>) -> DeviceOptions {
        let server = format!("localhost:{}", self.port);
        let name = name.parse().expect("a device's name");
        let bundle = self.enrolment.enroll(&name, ProofKind::Secret, Some(&server)).expect("a bundle");
        DeviceOptions::new(bundle, channels)
    }

    /// Waits until it listens.
    async fn is_up(&self) {
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn site(&self) -> std::path::PathBuf {
        self._folder.path().join("site")
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(site: &Path, port: u16) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["memcore", "serve", "--quiet", "--site"]).arg(site);
    command.args(["--listen", &format!("127.0.0.1:{port}")]);
    command.stderr(Stdio::null()).spawn().expect("memcore serve")
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    listener.local_addr().expect("its address").port()
}

fn powers() -> Vec<Channel> {
    let power = |node| Channel::gauge(&format!("node{node}.power"), Unit::Watt).and_then(|channel| channel.build());
    (0..CHANNELS).map(|node| power(node).expect("a channel")).collect()
}

async fn measure() -> Vec<Figure> {
    let mut figures = start_and_idle().await;
    figures.extend(throughput().await);
    figures.extend(round_trips().await);
    figures
}

async fn start_and_idle() -> Vec<Figure> {
    let serve = Serve::start();
    let options = serve.options("home1.hem", powers());
    // The SDK would wait before it tries again; here every millisecond counts.
    serve.is_up().await;
    let device = Device::connect(options).await.expect("a connection");
    let accepted = serve.spawned.elapsed();
    device.close().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    vec![
        lower("start to first accepted device", accepted.as_secs_f64(), "s", 0.5),
        lower("idle memory of serve", resident_mb(serve.child.id()), "MB", 30.0),
    ]
}

/// Device to durable in both encodings: readings one by one in JSON, a backlog of columns in CBOR.
async fn throughput() -> Vec<Figure> {
    let mut figures = loaded(Encoding::JsonLines, 1, "8-channel JSON readings", 3.0).await;
    figures.extend(loaded(Encoding::Cbor, BATCH, "8-channel CBOR column batches", 10.0).await);
    figures
}

/// Powers of 8 channels to a tenth of a watt, no two alike, from 8 devices over TLS until they are durable.
async fn loaded(encoding: Encoding, rows: usize, what: &str, target: f64) -> Vec<Figure> {
    let serve = Serve::start();
    serve.is_up().await;
    let mut options = LoadOptions::default();
    (options.site, options.encoding, options.rows) = (Some(serve.config.clone()), encoding, rows);
    (options.connections, options.channels, options.length) = (DEVICES, CHANNELS, LENGTH);
    options.program.push("memcore".into());
    let cpu = cpu_time(serve.child.id());
    let sent = run_load(&options, |_| {}).await.expect("a load").sent.expect("devices that sent");
    let cpu = cpu_time(serve.child.id()).saturating_sub(cpu).as_secs_f64();
    assert_eq!((sent.failed, sent.rejected), (0, 0), "a device failed, or its data were refused");
    let (points, memory) = (sent.points as f64 / 1e6, resident_mb(serve.child.id()));
    vec![
        higher(&format!("device to durable, {what}"), points / cpu, "M points/s/core", target),
        higher(&format!("{what}, by the clock, load on the same cores"), sent.points_per_second / 1e6, "M points/s", 1.0),
        lower(&format!("{what}, memory of serve"), memory, "MB", 100.0),
    ]
}

/// A relay is thrown by a local client of the server while eight devices report each 10 ms.
async fn round_trips() -> Vec<Figure> {
    let serve = Serve::start();
    let switch =
        Channel::gauge("node0.switch", Unit::OnOff).map(|channel| channel.writable()).and_then(|channel| channel.build());
    let options = serve.options("home1.hem", vec![switch.expect("a channel")]).on_command(|_, value| Ok(value));
    let relay = Device::connect(options).await.expect("a connection");
    let mut reporting = Vec::new();
    for number in 0..DEVICES {
        let device = Device::connect(serve.options(&format!("load{number}.hem"), powers())).await.expect("a connection");
        reporting.push(tokio::spawn(async move {
            loop {
                device.send_now(&[Some(1.5); CHANNELS]).await.expect("a row that is taken");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }));
    }
    let client = LocalClient::of(&serve.site());
    let mut times = Vec::with_capacity(COMMANDS);
    for round in 0..COMMANDS {
        let request = CommandRequest::new("home1.hem.node0.switch".parse().expect("a series"), (round % 2) as f64)
            .expires_in(Span::from_seconds(10));
        let begun = Instant::now();
        client.command(request, |_, _| {}).await.expect("an answer");
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    reporting.iter().for_each(tokio::task::JoinHandle::abort);
    relay.close().await;
    times.sort_by(f64::total_cmp);
    vec![
        lower("command round trip, p50", times[COMMANDS / 2], "ms", 10.0),
        lower("command round trip, p99", times[COMMANDS * 99 / 100], "ms", 10.0),
    ]
}

fn higher(name: &str, value: f64, unit: &'static str, target: f64) -> Figure {
    Figure { name: name.to_owned(), value, unit, better: "higher", target: Some(target) }
}

fn lower(name: &str, value: f64, unit: &'static str, target: f64) -> Figure {
    Figure { name: name.to_owned(), value, unit, better: "lower", target: Some(target) }
}
