//! Figures of the link: the whole way from a device's socket to the disk and back.
//!
//! The server is a process of its own (`memcore serve`), so that its CPU time is its own; the devices are in this one and
//! speak over TLS through the SDK, as fast as they are acknowledged. What thousands of them do is in `link_load`.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use memcore::client::{Device, DeviceOptions};
use memcore::model::{Channel, Timestamp, Unit};
use memcore::{Config, Enrolment, ProofKind};

use crate::Figure;
use crate::process::{cpu_time, resident_mb};

const DEVICES: usize = 8;
const CHANNELS: usize = 8;
/// 8 devices x 8 channels x so many rows: 16 million points.
const ROWS: usize = 250_000;

pub(crate) fn figures() -> Vec<Figure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("tokio");
    runtime.block_on(measure())
}

/// A server process; killed when it is dropped.
pub(crate) struct Serve {
    child: Child,
    _folder: tempfile::TempDir,
    enrolment: Enrolment,
    port: u16,
    spawned: Instant,
}

impl Serve {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let site = folder.path().join("site");
        // The CA is there already, as at every start but the first.
        let mut config = Config::at(&site);
        let port = free_port();
        config.gateway.listen = ([127, 0, 0, 1], port).into();
        let enrolment = Enrolment::open(&config).expect("an enrolment");
        let spawned = Instant::now();
        let child = spawn(&site, port);
        Self { child, _folder: folder, enrolment, port, spawned }
    }

    pub(crate) fn options(&self, name: &str, channels: Vec<Channel>) -> DeviceOptions {
        let server = format!("localhost:{}", self.port);
        let name = name.parse().expect("a device's name");
        let bundle = self.enrolment.enroll(&name, ProofKind::Secret, Some(&server)).expect("a bundle");
        DeviceOptions::new(bundle, channels)
    }

    /// The configuration of the site that it serves.
    pub(crate) fn config(&self) -> Config {
        Config::at(self.site())
    }

    /// Ends it in order, and starts it again on the same site.
    pub(crate) fn restart(&mut self) {
        let pid = rustix::process::Pid::from_raw(self.child.id() as i32).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is told to end");
        self.child.wait().expect("it ends");
        self.child = spawn(&self.site(), self.port);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn site(&self) -> std::path::PathBuf {
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
    command.args(["memcore", "serve", "--quiet", "--http", "off", "--site"]).arg(site);
    command.args(["--listen", &format!("127.0.0.1:{port}"), "--set", "gateway.unproved=20000"]);
    command.stderr(Stdio::null()).spawn().expect("memcore serve")
}

pub(crate) fn free_port() -> u16 {
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
    figures.extend(crate::link_load::figures().await);
    figures
}

async fn start_and_idle() -> Vec<Figure> {
    let serve = Serve::start();
    let options = serve.options("home1.hem", powers());
    let device = loop {
        // The SDK would wait before it tries again; here every millisecond counts.
        if tokio::net::TcpStream::connect(("127.0.0.1", serve.port)).await.is_ok() {
            break Device::connect(options).await.expect("a connection");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    let accepted = serve.spawned.elapsed();
    device.close().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    vec![
        lower("start to first accepted device", accepted.as_secs_f64(), "s", 0.5),
        lower("idle memory of serve", resident_mb(serve.child.id()), "MB", 30.0),
    ]
}

async fn throughput() -> Vec<Figure> {
    let serve = Serve::start();
    let mut devices = Vec::new();
    for number in 0..DEVICES {
        let options = serve.options(&format!("home{number}.hem"), powers());
        devices.push(Device::connect(options).await.expect("a connection"));
    }
    let (cpu, begun) = (cpu_time(serve.child.id()), Instant::now());
    let sending = devices.into_iter().enumerate().map(|(number, device)| tokio::spawn(send(device, number)));
    for task in sending.collect::<Vec<_>>() {
        task.await.expect("a device that sends");
    }
    let (cpu, elapsed) = (cpu_time(serve.child.id()).saturating_sub(cpu), begun.elapsed());
    let points = (DEVICES * CHANNELS * ROWS) as f64;
    vec![
        higher(
            "through the SDK, rows of 8 channels, load on the same cores",
            points / cpu.as_secs_f64() / 1e6,
            "M points/s/core",
            1.0,
        ),
        higher("the same by the clock", points / elapsed.as_secs_f64() / 1e6, "M points/s", 1.0),
        lower("memory of serve under that load", resident_mb(serve.child.id()), "MB", 100.0),
    ]
}

/// Rows of 8 powers to a tenth of a watt, 1 s apart, until all are durable.
async fn send(device: Device, number: usize) {
    let mut state = number as u64 + 1;
    let mut row = [None; CHANNELS];
    for second in 0..ROWS as i64 {
        for value in &mut row {
            // A linear congruential generator (Knuth's MMIX constants): cheap, and no two values alike.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *value = Some((state >> 49) as f64 / 10.0);
        }
        device.send(Timestamp::from_seconds(1_700_000_000 + second), &row).await.expect("a row that is taken");
    }
    device.flush().await.expect("an acknowledgement");
    device.close().await;
}

pub(crate) fn higher(name: &str, value: f64, unit: &'static str, target: f64) -> Figure {
    Figure { name: name.to_owned(), value, unit, better: "higher", target: Some(target) }
}

pub(crate) fn lower(name: &str, value: f64, unit: &'static str, target: f64) -> Figure {
    Figure { name: name.to_owned(), value, unit, better: "lower", target: Some(target) }
}
