//! Figures of the link under load: what `memcore bench-link` measures, with server and devices in processes of their own, pinned to
//! cores of their own where the machine has two and `taskset`.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use memcore::load::{LoadOptions, LoadReport, Sendings, run_load};
use memcore::model::{Channel, Span, Unit};
use memcore::protocol::Encoding;
use memcore::{CommandRequest, LocalClient, client::Device};

use crate::Figure;
use crate::link::{Serve, higher, lower};

/// How long devices send: long enough that the store seals some of it meanwhile.
const LENGTH: Span = Span::from_seconds(8);
/// As many as a process may have, with its files.
const CONNECTED: usize = 19_000;
const STORM: usize = 10_000;
const COMMANDS: usize = 1_000;
const KIB: f64 = 1024.0;

pub(crate) async fn figures() -> Vec<Figure> {
    let json = throughput(Encoding::JsonLines, 1).await;
    let cbor = throughput(Encoding::Cbor, 250).await;
    let mut figures = sendings("JSON readings of 8 channels", &json, 3.0);
    figures.extend(sendings("CBOR batches of 250 rows", &cbor, 10.0));
    figures.extend(round_trips(&json).await);
    figures.extend(connected().await);
    figures.extend(storms().await);
    figures
}

fn options() -> LoadOptions {
    let mut options = LoadOptions::default();
    options.program = program();
    options.pin = can_pin();
    options
}

/// This program is memcore's command line too.
fn program() -> Vec<OsString> {
    vec![std::env::current_exe().expect("this program").into(), "memcore".into()]
}

fn can_pin() -> bool {
    let asked = Command::new("taskset").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) && asked.is_ok_and(|status| status.success())
}

async fn ready(serve: &Serve) {
    while LocalClient::of(&serve.site()).status().await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn run(options: &LoadOptions) -> LoadReport {
    let report = run_load(options, |_| {}).await.expect("a load");
    assert_eq!(report.arrived.failed, 0, "{:?}", report.arrived.failure);
    report
}

async fn throughput(encoding: Encoding, rows: usize) -> Sendings {
    let mut options = options();
    (options.connections, options.encoding, options.rows, options.length) = (8, encoding, rows, LENGTH);
    let sent = run(&options).await.sent.expect("something was sent");
    assert_eq!((sent.failed, sent.unacknowledged, sent.rejected), (0, 0, 0), "{:?}", sent.failure);
    sent
}

fn sendings(what: &str, sent: &Sendings, target: f64) -> Vec<Figure> {
    let time = sent.time.unwrap_or_default();
    let pinned = if can_pin() { "the devices on another core" } else { "the devices on the same cores" };
    let each = sent.points_per_server_second.unwrap_or_default() / 1e6;
    vec![
        higher(&format!("{what}, {pinned}"), each, "M points/s/core", target),
        free(&format!("{what}, by the clock"), sent.points_per_second / 1e6, "M points/s", "higher"),
        free(&format!("{what}, what the devices used of all CPU time"), time.devices_share * 100.0, "%", "lower"),
    ]
}

/// Everyone is known already, as after a restart: what the index holds of a device is no matter of its connection.
async fn connected() -> Vec<Figure> {
    let mut serve = Serve::start();
    ready(&serve).await;
    let mut options = options();
    options.pin = false;
    (options.site, options.connections, options.length) = (Some(serve.config()), CONNECTED, Span::default());
    run(&options).await;
    serve.restart();
    ready(&serve).await;
    let memory = run(&options).await.memory.unwrap_or_default();
    options.site = None;
    (options.silent, options.connections) = (true, STORM);
    let silent = run(&options).await.memory.unwrap_or_default();
    vec![
        lower(&format!("memory of each of {CONNECTED} connected devices"), memory.per_connection / KIB, "KiB", 8.0),
        free("in the kernel for each, both ends", memory.kernel_per_connection / KIB, "KiB", "lower"),
        lower("memory of each silent connection", silent.per_connection / KIB, "KiB", 2.0),
    ]
}

async fn storms() -> Vec<Figure> {
    let mut figures = Vec::new();
    for (resume, name, target) in [(false, "with full handshakes", 10.0), (true, "resumed", 5.0)] {
        let mut options = options();
        options.pin = false;
        (options.connections, options.storm, options.resume, options.length) = (STORM, true, resume, Span::default());
        let returned = run(&options).await.returned.expect("a storm");
        assert_eq!(returned.devices, STORM, "{:?}", returned.failure);
        assert_eq!(returned.resumed, if resume { STORM } else { 0 });
        figures.push(lower(&format!("{STORM} devices back, {name}"), returned.seconds, "s", target));
        figures.push(free(&format!("the same, p99 of a device {name}"), returned.welcome_ms.p99, "ms", "lower"));
    }
    figures
}

/// A relay is thrown by a local client of the server while devices report half as much as it can take.
async fn round_trips(json: &Sendings) -> Vec<Figure> {
    let serve = Serve::start();
    let switch =
        Channel::gauge("node0.switch", Unit::OnOff).map(|channel| channel.writable()).and_then(|channel| channel.build());
    let relay = serve.options("home1.hem", vec![switch.expect("a channel")]).on_command(|_, value| Ok(value));
    let relay = Device::connect(relay).await.expect("a connection");
    let mut load = options();
    load.pin = false;
    (load.site, load.connections, load.length) = (Some(serve.config()), 8, Span::from_seconds(15));
    let rows_per_second = json.points_per_second / 2.0 / load.channels as f64;
    load.rate = Some(rows_per_second / load.connections as f64);
    let loading = tokio::spawn(async move { run(&load).await });
    let client = LocalClient::of(&serve.site());
    // Everyone is in, and sending.
    let begun = Instant::now();
    while client.status().await.map_or(0, |status| status.points_durable) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is sent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut times = Vec::with_capacity(COMMANDS);
    for round in 0..COMMANDS {
        let request = CommandRequest::new("home1.hem.node0.switch".parse().expect("a series"), (round % 2) as f64)
            .expires_in(Span::from_seconds(10));
        let begun = Instant::now();
        client.command(request, |_, _| {}).await.expect("an answer");
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let loaded = !loading.is_finished();
    loading.abort();
    relay.close().await;
    assert!(loaded, "the load ended before the commands");
    times.sort_by(f64::total_cmp);
    vec![
        lower("command round trip at half load, p50", times[COMMANDS / 2], "ms", 10.0),
        lower("command round trip at half load, p99", times[COMMANDS * 99 / 100], "ms", 10.0),
    ]
}

fn free(name: &str, value: f64, unit: &'static str, better: &'static str) -> Figure {
    Figure { name: name.to_owned(), value, unit, better, target: None }
}
