//! The device's buffer on disk, over a real link: owners that restart or are killed, links that are cut at any byte, outages
//! longer than the buffer, clocks that are wrong.
#![cfg(all(feature = "gateway", feature = "client"))]

#[path = "common/scene.rs"]
mod scene;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use memcore::client::{BufferSync, Device, DeviceOptions, WhenFull};
use memcore::model::{Channel, Clock, EventKind, Span, SystemClock, Timestamp, Unit};
use memcore::protocol::Bundle;
use memcore::{Config, Enrolment, ErrorKind, ProofKind, Query, Server, serve};
use scene::values;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Long enough for any outcome on a busy machine; no test waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(60);

fn power() -> Vec<Channel> {
    vec![Channel::gauge("power", Unit::Watt).unwrap().build().unwrap()]
}

fn time(row: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + row)
}

/// A site with one enrolled device, `home1.hem`, whose server may be there or not.
struct Site {
    folder: tempfile::TempDir,
    config: Config,
    bundle: Bundle,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut config = Config::at(folder.path().join("site"));
        config.gateway.listen = ([127, 0, 0, 1], port).into();
        let enrolment = Enrolment::open(&config).unwrap();
        let address = format!("localhost:{port}");
        let bundle = enrolment.enroll(&"home1.hem".parse().unwrap(), ProofKind::Secret, Some(&address)).unwrap();
        Self { folder, config, bundle }
    }

    async fn serve(&self) -> Server {
        serve(self.config.clone()).await.unwrap()
    }

    fn options(&self) -> DeviceOptions {
        DeviceOptions::new(self.bundle.clone(), power()).buffer(self.folder.path().join("buffer"))
    }
}

async fn send(device: &Device, rows: std::ops::RangeInclusive<i64>) {
    for row in rows {
        device.send(time(row), &[Some(row as f64)]).await.unwrap();
    }
}

async fn flushed(device: &Device) {
    tokio::time::timeout(PATIENCE, device.flush()).await.expect("durable in time").unwrap();
}

fn rows(range: std::ops::RangeInclusive<i64>) -> Vec<f64> {
    range.map(|row| row as f64).collect()
}

/// C5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buffer_whose_owner_restarts_while_the_link_is_down_loses_no_row() {
    let site = Site::new();
    for run in 0..3 {
        let device = Device::start(site.options()).unwrap();
        assert_eq!(device.backlog(), run * 500, "the rows of earlier runs are still there");
        send(&device, run as i64 * 500 + 1..=run as i64 * 500 + 500).await;
        device.close().await;
    }
    let server = site.serve().await;
    let device = Device::connect(site.options()).await.unwrap();
    flushed(&device).await;
    assert_eq!(values(&server, "home1.hem.power"), rows(1..=1500));
    assert_eq!(server.handle().stats().points_durable, 1500, "each row was handed to the store once");
    assert_eq!((device.backlog(), device.dropped(), device.rejected().0), (0, 0, 0));
    device.close().await;
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_durable_is_not_sent_again_after_a_restart() {
    let site = Site::new();
    let server = site.serve().await;
    for run in 0..3 {
        let device = Device::connect(site.options().buffer_sync(BufferSync::Each)).await.unwrap();
        send(&device, run * 10 + 1..=run * 10 + 10).await;
        flushed(&device).await;
        device.close().await;
    }
    assert_eq!(values(&server, "home1.hem.power"), rows(1..=30));
    assert_eq!(server.handle().stats().points_durable, 30);
    server.shutdown().await.unwrap();
}

const CHILD: &str = "MEMCORE_TEST_KILLED_DEVICE";

/// Not a test of its own: the process that is killed. It says which rows it hands over, and has handed over, line by line.
#[tokio::test]
async fn a_device_that_is_killed() {
    let Ok(child) = std::env::var(CHILD) else { return };
    let (folder, first) = child.rsplit_once(':').unwrap();
    let bundle = std::fs::read(Path::new(folder).join("bundle.json")).unwrap();
    let options = DeviceOptions::new(serde_json::from_slice(&bundle).unwrap(), power());
    let device = Device::start(options.buffer(Path::new(folder).join("buffer"))).unwrap();
    for row in first.parse::<i64>().unwrap().. {
        println!("next {row}");
        device.send(time(row), &[Some(row as f64)]).await.unwrap();
        println!("kept {row}");
        if row % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_killed_again_and_again_has_sent_every_row_once() {
    let site = Site::new();
    std::fs::write(site.folder.path().join("bundle.json"), serde_json::to_vec(&site.bundle).unwrap()).unwrap();
    let server = site.serve().await;
    let (mut first, mut kept) = (1, Vec::new());
    for round in 0..10 {
        let (folder, enough) = (site.folder.path().to_owned(), 50 + round * 137 % 400);
        let killed = tokio::task::spawn_blocking(move || run_and_kill(&folder, first, enough));
        let (last_tried, last_kept) = killed.await.unwrap();
        kept.extend(rows(first..=last_kept));
        first = last_tried + 1;
    }
    let device = Device::connect(site.options()).await.unwrap();
    flushed(&device).await;
    assert_eq!(device.buffer_status().damaged, 0, "the end of a process tears nothing");
    assert_eq!(device.rejected(), (0, None));
    device.close().await;
    let stored = values(&server, "home1.hem.power");
    assert!(kept.iter().all(|row| stored.contains(row)), "every row that was handed over is there");
    assert!(stored.is_sorted() && stored.len() < first as usize);
    assert_eq!(server.handle().stats().points_durable, stored.len() as u64, "and was handed to the store once");
    server.shutdown().await.unwrap();
}

/// The last rows that the process said it would hand over, and had handed over.
fn run_and_kill(folder: &Path, first: i64, enough: usize) -> (i64, i64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_device_that_is_killed", "--nocapture"])
        .env(CHILD, format!("{}:{first}", folder.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut tried, mut kept) = (first - 1, first - 1);
    for (at, line) in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).enumerate() {
        let number = |word| line.strip_prefix(word).and_then(|number| number.parse().ok());
        tried = number("next ").unwrap_or(tried);
        kept = number("kept ").unwrap_or(kept);
        if at == 2 * enough {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    (tried, kept)
}

/// Cuts each connection after so many bytes in one direction or the other.
async fn cut_at_random_bytes(proxy: TcpListener, server: std::net::SocketAddr) {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    loop {
        let (mut device, _) = proxy.accept().await.unwrap();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (up, down) = (3000 + (random >> 33) % 60_000, 2000 + (random >> 13) % 9000);
        let Ok(mut server) = TcpStream::connect(server).await else { continue };
        let ((from_device, to_device), (from_server, to_server)) = (device.split(), server.split());
        tokio::select! {
            () = pass(from_device, to_server, up) => {}
            () = pass(from_server, to_device, down) => {}
        }
    }
}

async fn pass(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, mut bytes: u64) {
    let mut piece = [0; 1024];
    while bytes > 0 {
        let most = piece.len().min(bytes as usize);
        match from.read(&mut piece[..most]).await {
            Ok(length) if length > 0 && to.write_all(&piece[..length]).await.is_ok() => bytes -= length as u64,
            _ => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_once_though_the_link_is_cut_at_random_bytes() {
    let site = Site::new();
    let server = site.serve().await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = site.options();
    options.bundle.server = format!("localhost:{}", proxy.local_addr().unwrap().port());
    let cutting = tokio::spawn(cut_at_random_bytes(proxy, server.address()));
    let device = Device::start(options).unwrap();
    for from in (1..=5000).step_by(50) {
        send(&device, from..=from + 49).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    flushed(&device).await;
    device.close().await;
    cutting.abort();
    assert_eq!(values(&server, "home1.hem.power"), rows(1..=5000));
    assert_eq!(server.handle().stats().points_durable, 5000, "each point was handed to the store once");
    server.shutdown().await.unwrap();
}

/// C6.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_days_without_a_link_cost_the_oldest_rows_and_the_server_is_told_how_many() {
    let site = Site::new();
    let device = Device::start(site.options().buffer_bytes(64 << 10)).unwrap();
    // A row a minute, four days long.
    let times: Vec<Timestamp> = (0..5760).map(|minute| time(minute * 60)).collect();
    let column: Vec<Option<f64>> = (0..5760).map(|minute| Some(f64::from(minute))).collect();
    assert_eq!(device.send_many(&times, &[&column]).await.unwrap(), Some(5760));
    let dropped = device.dropped();
    assert!(dropped > 0 && device.buffer_status().bytes <= 64 << 10, "{:?}", device.buffer_status());
    assert_eq!(device.backlog() as u64 + dropped, 5760);

    let server = site.serve().await;
    let mut events = server.handle().events().await.unwrap();
    flushed(&device).await;
    let told = tokio::time::timeout(PATIENCE, async {
        loop {
            if let EventKind::Reported { code, detail, .. } = events.next().await.unwrap().kind {
                return (code, detail);
            }
        }
    });
    let (code, detail) = told.await.expect("told in time");
    assert_eq!(code, "buffer_overflow");
    assert!(detail.starts_with(&format!("{dropped} rows were dropped")), "{detail}");
    assert_eq!(values(&server, "home1.hem.power"), rows(dropped as i64..=5759));
    // And the device goes on as before.
    device.send(time(5760 * 60), &[Some(5760.0)]).await.unwrap();
    flushed(&device).await;
    assert_eq!(values(&server, "home1.hem.power").last(), Some(&5760.0));
    device.close().await;
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_full_buffer_may_refuse_and_the_program_is_told() {
    let site = Site::new();
    for options in [site.options().buffer_bytes(64 << 10), {
        let mut options = DeviceOptions::new(site.bundle.clone(), power());
        options.backlog_rows = 100;
        options
    }] {
        let device = Device::start(options.when_full(WhenFull::Refuse)).unwrap();
        let refused = loop {
            if let Err(e) = device.send(time(1), &[Some(1.0)]).await {
                break e;
            }
        };
        assert_eq!(refused.kind(), ErrorKind::LimitReached);
        let refused = device.send_many(&[time(1); 5], &[&[Some(1.0); 5]]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::LimitReached);
        assert_eq!(device.dropped(), 0);
        device.close().await;
    }
}

#[tokio::test]
async fn a_folder_is_one_devices_and_one_processs() {
    let site = Site::new();
    let device = Device::start(site.options()).unwrap();
    send(&device, 1..=1).await;
    assert_eq!(Device::start(site.options()).unwrap_err().kind(), ErrorKind::Locked);
    device.close().await;
    let mut other = site.options();
    other.bundle.device = "home2.hem".parse().unwrap();
    let refused = Device::start(other).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.message().contains("that of home1.hem, the enrolment that of home2.hem"), "{refused}");
    Device::start(site.options()).unwrap().close().await;
}

/// The operating system's clock, off by so much.
#[derive(Debug)]
struct OffBy(SystemClock, AtomicI64);

impl Clock for OffBy {
    fn now(&self) -> Timestamp {
        self.0.now().saturating_add(Span::from_seconds(self.1.load(Ordering::Relaxed)))
    }
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}

/// Devices without a battery behind their clock begin in 1970; others are an hour off, or jump about (C9).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_measured_by_a_wrong_clock_are_stored_under_the_right_time() {
    const HOUR: i64 = 3600;
    for off in [-1_700_000_000, HOUR, -HOUR] {
        let site = Site::new();
        let clock = Arc::new(OffBy(SystemClock::default(), AtomicI64::new(off)));
        let before = SystemClock::default().now();
        let mut options = site.options();
        options.clock = clock.clone();
        let device = Device::start(options).unwrap();
        assert_eq!(device.clock_offset(), None);
        for row in 1..=3 {
            device.send_now(&[Some(f64::from(row))]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let server = site.serve().await;
        device.opened().await.unwrap();
        for (row, jump) in [(4, 0), (5, HOUR), (6, -3 * HOUR), (7, 0)] {
            clock.1.fetch_add(jump, Ordering::Relaxed);
            device.send_now(&[Some(f64::from(row))]).await.unwrap();
            let (offset, uncertainty) = device.clock_offset().unwrap();
            let wrong = (offset.as_seconds() + clock.1.load(Ordering::Relaxed) as f64).abs();
            assert!(wrong <= uncertainty.as_seconds() + 0.1, "{offset} +- {uncertainty}, off by {wrong}");
        }
        flushed(&device).await;
        assert_eq!(device.rejected(), (0, None));
        let after = SystemClock::default().now();
        let result = server.memcore().query(&Query::of("home1.hem.power").unwrap()).unwrap();
        let series = &result.series()[0];
        assert_eq!(series.values().unwrap().values()[..], rows(1..=7)[..], "in the order in which they were measured");
        let times: Vec<i64> = series.times().values().to_vec();
        let slack = 5_000_000;
        assert!(times[0] >= before.as_micros() - slack && times[6] <= after.as_micros() + slack, "{times:?}");
        assert!(
            times[1] - times[0] >= 19_000 && times[2] - times[1] >= 19_000,
            "the pauses between them are true: {times:?}"
        );
        device.close().await;
        server.shutdown().await.unwrap();
    }
}

/// While a long backlog drains, oldest first, who looks now sees the present.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_row_is_shown_while_older_ones_are_still_to_come_and_stored_in_its_turn() {
    const ROWS: i64 = 100_000;
    let site = Site::new();
    let device = Device::start(site.options()).unwrap();
    let times: Vec<Timestamp> = (1..=ROWS).map(time).collect();
    let column: Vec<Option<f64>> = (1..=ROWS).map(|row| Some(row as f64)).collect();
    device.send_many(&times, &[&column]).await.unwrap();
    device.close().await;

    let server = site.serve().await;
    let mut readings = server.handle().subscribe(&"home1.hem.power".parse().unwrap()).await.unwrap();
    let device = Device::start(site.options()).unwrap();
    device.send(time(ROWS + 1), &[Some(0.5)]).await.unwrap();
    let mut before = 0;
    let seen = tokio::time::timeout(PATIENCE, async {
        while readings.next().await.expect("the server runs").sample.time < time(ROWS + 1) {
            before += 1;
        }
    });
    seen.await.expect("seen in time");
    assert!(before < ROWS / 2, "seen after {before} older ones");
    flushed(&device).await;
    assert_eq!(values(&server, "home1.hem.power").len() as i64, ROWS + 1);
    assert_eq!(server.handle().stats().points_durable as i64, ROWS + 1, "what was shown is stored once, in its turn");
    device.close().await;
    server.shutdown().await.unwrap();
}
