//! Figures of HTTP: how many ask for the latest values, how soon a reading is with those who listen, how many can listen, how soon a
//! year is drawn, and what HTTP costs a server that nobody asks.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use memcore::client::{Device, DeviceOptions};
use memcore::model::{Channel, Timestamp, Unit};
use memcore::{Config, Enrolment, Memcore, ProofKind, StoreOptions};

use crate::Figure;
use crate::link::{free_port, lower};
use crate::process::{cpu_time, resident_mb};
use crate::web_client::{Heard, get, hammer, listen};

const SITE: &str = "/api/v1/operators/local/sites/home1";
const LIVE: &str = "/api/v1/operators/local/live?topics=readings&site=home1";
/// Devices of the site, with so many channels each.
const DEVICES: usize = 20;
const CHANNELS: usize = 4;
const MINUTES_OF_A_YEAR: i64 = 365 * 24 * 60;
const LISTENERS: usize = 2000;

pub(crate) fn figures() -> Vec<Figure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("tokio");
    runtime.block_on(measure())
}

async fn measure() -> Vec<Figure> {
    let site = tempfile::tempdir().expect("a temporary folder");
    write_a_year(&site.path().join("site"));
    let serve = Serve::start(site.path().join("site")).await;
    let mut figures = drawn(&serve).await;
    let devices = serve.devices().await;
    let sending = tokio::spawn(send_forever(devices));
    tokio::time::sleep(Duration::from_secs(2)).await;
    figures.extend(asked(&serve).await);
    figures.extend(heard(&serve, 100, "100 listeners").await);
    figures.extend(heard(&serve, LISTENERS, "2,000 listeners").await);
    sending.abort();
    figures.extend(idle().await);
    figures
}

/// A year of a power every minute, as history.
fn write_a_year(site: &Path) {
    let memcore = Memcore::open(site, StoreOptions::default()).expect("a site");
    let now = Timestamp::from_micros(now_us() / 60_000_000 * 60_000_000);
    let times: Vec<Timestamp> =
        (0..MINUTES_OF_A_YEAR).map(|n| Timestamp::from_micros(now.as_micros() - (n + 1) * 60_000_000)).rev().collect();
    let value = |n: i64| (n as f64 / 1440.0 * std::f64::consts::TAU).sin().mul_add(2500.0, (n * 7919 % 601) as f64);
    let values: Vec<Option<f64>> = (0..MINUTES_OF_A_YEAR).map(|n| Some((value(n) * 10.0).round() / 10.0)).collect();
    let series = "home1.meter.power".parse().expect("a series");
    memcore.write(&series, &times, &values, Some(Unit::Watt)).expect("a year");
    memcore.close().expect("a store that closes");
}

fn now_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a time after 1970").as_micros() as i64
}

/// A server process; killed when it is dropped.
struct Serve {
    child: Child,
    http: u16,
    gateway: u16,
    enrolment: Enrolment,
}

impl Serve {
    async fn start(site: std::path::PathBuf) -> Self {
        let (http, gateway) = (free_port(), free_port());
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.arg("web-serve").arg(&site).args([http.to_string(), gateway.to_string()]);
        let child = command.stderr(Stdio::null()).spawn().expect("a server");
        while tokio::net::TcpStream::connect(("127.0.0.1", http)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let enrolment = Enrolment::open(&Config::at(&site)).expect("an enrolment");
        Self { child, http, gateway, enrolment }
    }

    async fn devices(&self) -> Vec<Device> {
        let server = format!("localhost:{}", self.gateway);
        let mut devices = Vec::new();
        for number in 0..DEVICES {
            let name = format!("home1.device{number}").parse().expect("a device's name");
            let bundle = self.enrolment.enroll(&name, ProofKind::Secret, Some(&server)).expect("a bundle");
            let channel = |n| Channel::gauge(&format!("node{n}.power"), Unit::Watt).and_then(|channel| channel.build());
            let channels = (0..CHANNELS).map(|n| channel(n).expect("a channel")).collect();
            devices.push(Device::connect(DeviceOptions::new(bundle, channels)).await.expect("a connection"));
        }
        devices
    }

    fn cpu(&self) -> Duration {
        cpu_time(self.child.id())
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A row of each device every second, spread over the second.
async fn send_forever(devices: Vec<Device>) {
    let mut every = tokio::time::interval(Duration::from_millis(1000 / DEVICES as u64));
    for turn in 0.. {
        every.tick().await;
        let row = [Some(f64::from(turn % 1000)); CHANNELS];
        let device = &devices[turn as usize % devices.len()];
        device.send(Timestamp::from_micros(now_us()), &row).await.expect("a row that is taken");
    }
}

async fn drawn(serve: &Serve) -> Vec<Figure> {
    let path = format!("{SITE}/chart?series=meter.power&width=1600");
    let (_, first) = get(serve.http, &path).await;
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..30 {
        let (body, time) = get(serve.http, &path).await;
        bytes = body.len();
        times.push(time.as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    vec![
        lower(
            "a year of minutes as a chart of 1,600 columns, answer and all, first time",
            first.as_secs_f64() * 1e3,
            "ms",
            150.0,
        ),
        lower("the same again, median", times[times.len() / 2], "ms", 150.0),
        Figure { name: "its answer".to_owned(), value: bytes as f64 / 1e3, unit: "kB", better: "lower", target: None },
    ]
}

async fn asked(serve: &Serve) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (what, query) in [("one series", "?series=device0.node0.power"), ("a site of 81 series", "")] {
        let (cpu, begun) = (serve.cpu(), Instant::now());
        let path = format!("{SITE}/latest{query}");
        let clients = (0..8).map(|_| tokio::spawn(hammer(serve.http, path.clone(), 16, Duration::from_secs(5))));
        let mut answered = 0;
        for client in clients.collect::<Vec<_>>() {
            answered += client.await.expect("a client");
        }
        let (cpu, elapsed) = (serve.cpu().saturating_sub(cpu), begun.elapsed());
        let each = cpu.as_secs_f64() / answered as f64;
        let rate = answered as f64 / elapsed.as_secs_f64();
        let target = |wanted| (what == "one series").then_some(wanted);
        let figure = |name: &str, value, unit, better, target| Figure {
            name: format!("{name}, {what}"),
            value,
            unit,
            better,
            target,
        };
        figures.push(figure(
            "latest values, by the clock, clients on the same cores",
            rate / 1e3,
            "k requests/s",
            "higher",
            None,
        ));
        figures.push(figure("CPU of the server for each", each * 1e6, "us", "lower", None));
        figures.push(figure(
            "latest values, two cores by that CPU",
            2.0 / each / 1e3,
            "k requests/s",
            "higher",
            target(50.0),
        ));
    }
    figures
}

async fn heard(serve: &Serve, listeners: usize, what: &str) -> Vec<Figure> {
    const FOR: Duration = Duration::from_secs(15);
    let heard = Arc::new(Heard::default());
    // All are there, and what they begin with is over.
    let count_after = Instant::now() + Duration::from_secs(8);
    let tasks: Vec<_> =
        (0..listeners).map(|_| tokio::spawn(listen(serve.http, LIVE.to_owned(), heard.clone(), count_after))).collect();
    tokio::time::sleep_until(count_after.into()).await;
    let cpu = serve.cpu();
    tokio::time::sleep(FOR).await;
    let cpu = serve.cpu().saturating_sub(cpu).as_secs_f64() / FOR.as_secs_f64();
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    let mut delays = std::mem::take(&mut *heard.delays.lock().expect("nobody panics with it"));
    delays.sort_unstable();
    let at = |share: f64| delays.get((delays.len() as f64 * share) as usize).map_or(f64::NAN, |us| f64::from(*us) / 1e3);
    let expected = (DEVICES * CHANNELS * listeners) as f64 * FOR.as_secs_f64();
    let figure =
        |name: &str, value, unit, target| Figure { name: format!("{name}, {what}"), value, unit, better: "lower", target };
    vec![
        figure("device to listener, median", at(0.5), "ms", None),
        figure("device to listener, p99", at(0.99), "ms", Some(100.0)),
        figure("CPU of the server", cpu * 100.0, "% of a core", None),
        figure("messages lost", heard.lost.load(Ordering::Relaxed) as f64, "", Some(0.0)),
        Figure {
            name: format!("readings heard of those sent, {what}"),
            value: heard.readings.load(Ordering::Relaxed) as f64 / expected * 100.0,
            unit: "%",
            better: "higher",
            target: None,
        },
        figure("memory of the server", resident_mb(serve.child.id()), "MB", None),
    ]
}

/// What a server takes that nobody asks, with and without HTTP.
async fn idle() -> Vec<Figure> {
    let mut memory = [0.0; 2];
    for (place, http) in ["off".to_owned(), format!("127.0.0.1:{}", free_port())].into_iter().enumerate() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["memcore", "serve", "--quiet", "--site"]).arg(folder.path().join("site"));
        command.args(["--listen", &format!("127.0.0.1:{}", free_port()), "--set", &format!("http.listen={http}")]);
        let mut child = command.stderr(Stdio::null()).spawn().expect("memcore serve");
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(child.try_wait().expect("a process").is_none(), "memcore serve ended");
        memory[place] = resident_mb(child.id());
        let _ = child.kill();
        let _ = child.wait();
    }
    vec![
        Figure {
            name: "idle memory of serve without HTTP".to_owned(),
            value: memory[0],
            unit: "MB",
            better: "lower",
            target: None,
        },
        lower("what HTTP adds to it", memory[1] - memory[0], "MB", 10.0),
    ]
}
