//! `examples/minimal_device.py`, a device that knows memcore only from `docs/protocol.md`, against a real server.
#![cfg(feature = "gateway")]

#[path = "common/child.rs"]
mod child;
#[path = "common/until.rs"]
mod until;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use child::Running;
use memcore::model::{CommandState, Pattern, Span};
use memcore::{CommandRequest, Config, ErrorKind, ProofKind, Query, Server, serve};
use until::until;

fn python() -> &'static str {
    let known = Command::new("python3").arg("--version").output();
    assert!(
        known.is_ok_and(|output| output.status.success()),
        "python3 is missing: this test runs a device written in Python"
    );
    "python3"
}

fn config(folder: &Path, port: u16) -> Config {
    let mut config = Config::at(folder.join("site"));
    config.gateway.listen = ([127, 0, 0, 1], port).into();
    config
}

fn bundle(server: &Server, folder: &Path) -> PathBuf {
    let bundle = server.handle().enroll(&"home1.hem".parse().unwrap(), ProofKind::Secret).unwrap();
    let path = folder.join("bundle.json");
    std::fs::write(&path, serde_json::to_vec(&bundle).unwrap()).unwrap();
    path
}

fn start(bundle: &Path, count: u32, every: &str) -> Running {
    let device = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/minimal_device.py");
    let mut command = Command::new(python());
    command.arg(device).arg(bundle).args(["--count", &count.to_string(), "--every", every]);
    Running(command.stdin(Stdio::null()).spawn().unwrap())
}

/// The readings of the device's power, in their order.
fn powers(server: &Server) -> Vec<f64> {
    values(server, "home1.hem.power")
}

fn values(server: &Server, series: &str) -> Vec<f64> {
    let result = server.memcore().query(&Query::new(series.parse::<Pattern>().unwrap()));
    result.map_or(Vec::new(), |result| {
        result.series().iter().flat_map(|series| series.values().unwrap().values().to_vec()).collect()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_readings_arrive_bit_for_bit_and_a_command_is_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(config(folder.path(), 0)).await.unwrap();
    let mut device = start(&bundle(&server, folder.path()), 40, "0.05");
    until("the first reading", || !powers(&server).is_empty()).await;

    let request = CommandRequest::new("home1.hem.relay".parse().unwrap(), 1.0);
    let state = server.handle().command(request.clone()).unwrap().finished().await;
    assert_eq!(state, CommandState::Done { read_back: Some(1.0) });

    assert!(device.ended(Duration::from_secs(30)).await.success());
    let expected: Vec<u64> = (1..=40).map(|at| (1000.0 + f64::from(at) / 7.0).to_bits()).collect();
    assert_eq!(powers(&server).iter().map(|value| value.to_bits()).collect::<Vec<_>>(), expected);
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_loses_nothing_and_repeats_nothing_when_the_server_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(config(folder.path(), 0)).await.unwrap();
    let port = server.address().port();
    let mut device = start(&bundle(&server, folder.path()), 60, "0.02");
    until("ten readings", || powers(&server).len() >= 10).await;
    server.shutdown().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let server = serve(config(folder.path(), port)).await.unwrap();
    assert!(device.ended(Duration::from_secs(30)).await.success());
    let expected: Vec<f64> = (1..=60).map(|at| 1000.0 + f64::from(at) / 7.0).collect();
    assert_eq!(powers(&server), expected);
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_lease_ends_in_the_fallback_while_the_server_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(config(folder.path(), 0)).await.unwrap();
    let port = server.address().port();
    let _device = start(&bundle(&server, folder.path()), 1_000_000, "0.02");
    until("the first reading", || !powers(&server).is_empty()).await;
    let leased = CommandRequest::new("home1.hem.relay".parse().unwrap(), 1.0).lease(Span::from_seconds(3), 0.0);
    let state = server.handle().command(leased).unwrap().finished().await;
    assert_eq!(state, CommandState::Done { read_back: Some(1.0) });
    until("on, in the history", || values(&server, "home1.hem.relay").last() == Some(&1.0)).await;
    // Nobody is told: the plug is pulled. What the relay is at afterwards comes with the readings from then on.
    drop(server);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let server = loop {
        match serve(config(folder.path(), port)).await {
            Ok(server) => break server,
            Err(e) => assert!(matches!(e.kind(), ErrorKind::Locked | ErrorKind::Io), "{e}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let changes = || {
        let relay = values(&server, "home1.hem.relay");
        relay.chunk_by(|a, b| a == b).map(|run| run[0]).collect::<Vec<f64>>()
    };
    until("off, on for the time of the lease, and off again by itself", || changes() == [0.0, 1.0, 0.0]).await;
    assert!(
        powers(&server).iter().zip(1..).all(|(power, at)| *power == 1000.0 + f64::from(at) / 7.0),
        "each once, in order"
    );
    server.shutdown().await.unwrap();
}

#[test]
fn it_is_as_small_as_the_page_says() {
    let device = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/minimal_device.py");
    let lines = std::fs::read_to_string(device).unwrap().lines().count();
    assert!(lines <= 60, "{lines} lines");
}
