//! The server is killed without warning, again and again, while devices send: whatever was acknowledged is there, once.
#![cfg(feature = "cli")]

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use memcore::client::{Device, DeviceOptions};
use memcore::model::{Channel, Timestamp, Unit};
use memcore::{Config, Enrolment, Memcore, ProofKind, Query, StoreOptions};

const KILLS: u64 = 50;
const DEVICES: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_fifty_times_while_devices_send_and_nothing_acknowledged_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let port = free_port();
    let mut config = Config::at(&site);
    config.gateway.listen = ([127, 0, 0, 1], port).into();
    let enrolment = Enrolment::open(&config).unwrap();
    let mut server = serve(&site, port);

    let stop = Arc::new(AtomicBool::new(false));
    let mut sending = Vec::new();
    for number in 0..DEVICES {
        let name = format!("home{number}.meter").parse().unwrap();
        let bundle = enrolment.enroll(&name, ProofKind::Secret, Some(&format!("localhost:{port}"))).unwrap();
        let power = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
        let mut options = DeviceOptions::new(bundle, vec![power]);
        if number % 2 == 1 {
            options = options.buffer(folder.path().join(format!("buffer{number}")));
        }
        let device = Device::start(options).unwrap();
        sending.push(tokio::spawn(send_until(device, stop.clone())));
    }
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..KILLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        tokio::time::sleep(Duration::from_millis(100 + (random >> 33) % 250)).await;
        server.kill().unwrap();
        server.wait().unwrap();
        server = serve(&site, port);
    }
    stop.store(true, Ordering::Relaxed);
    let mut sent = Vec::new();
    for task in sending {
        sent.push(tokio::time::timeout(Duration::from_secs(60), task).await.unwrap().unwrap());
    }
    server.kill().unwrap();
    server.wait().unwrap();
    read_back(&site, &sent);
}

/// Row n stands at second n and says n; returns how many there were, all of them acknowledged.
async fn send_until(device: Device, stop: Arc<AtomicBool>) -> u64 {
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        sent += 1;
        let sequence = device.send(Timestamp::from_seconds(sent), &[Some(sent as f64)]).await.unwrap();
        assert_eq!(sequence, sent as u64);
        if sent % 20 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    device.flush().await.unwrap();
    assert_eq!(device.rejected().0, 0, "{:?}", device.rejected().1);
    device.close().await;
    sent as u64
}

fn read_back(site: &Path, sent: &[u64]) {
    let memcore = Memcore::open(site, StoreOptions::default()).unwrap();
    for (number, sent) in sent.iter().enumerate() {
        assert!(*sent > 0);
        let query = Query::of(&format!("home{number}.meter.power")).unwrap();
        let result = memcore.query(&query).unwrap();
        let values: Vec<f64> = result.series()[0].values().unwrap().values().to_vec();
        let expected: Vec<f64> = (1..=*sent).map(|row| row as f64).collect();
        assert!(values == expected, "home{number}: {} rows stored, {sent} sent", values.len());
    }
    let stats = memcore.stats();
    assert!(stats.damage.is_empty(), "{:?}", stats.damage);
}

fn serve(site: &Path, port: u16) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memcore"));
    command
        .args(["serve", "--quiet", "--http", "off", "--site"])
        .arg(site)
        .args(["--listen", &format!("127.0.0.1:{port}")]);
    command.stderr(Stdio::null()).spawn().unwrap()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
