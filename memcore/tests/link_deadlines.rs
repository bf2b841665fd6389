//! Slow and silent peers on a real gateway with short deadlines: each ends with its code, in its time.
#![cfg(feature = "gateway")]

#[path = "common/raw.rs"]
mod raw;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use memcore::gateway::{Admission, Certificates, Gateway, GatewayOptions, Host, Identity, Link, Proof, Proven, Registry};
use memcore::model::{Clock, CommandId, DeviceName, SystemClock};
use memcore::protocol::{Answer, Bundle, Code, Hello, Refusal, ServerEvent};
use raw::{Dial, Raw, data, hello};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A host that takes every enrolled device, acknowledges at once and keeps nothing.
struct Everyone {
    registry: Registry,
    epochs: AtomicU64,
    link: Mutex<Option<Arc<Link>>>,
    left: Mutex<Vec<Code>>,
    refused: Mutex<Vec<Answer>>,
}

impl Host for Everyone {
    fn judge(&self, proof: Proof<'_>, _: &Hello) -> Result<Proven, Refusal> {
        self.registry
            .verify(proof, SystemClock::default().now())
            .map_err(|e| Refusal::new(Code::BadCredential, e.to_string()))
    }
    async fn admit(&self, _: &Proven, _: &Hello, link: Arc<Link>) -> Result<Admission, Refusal> {
        *self.link.lock().unwrap() = Some(link);
        let epoch = self.epochs.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Admission { epoch, durable: 0, taken: 0 })
    }
    async fn take(&self, _: &DeviceName, _: u64, event: ServerEvent) -> Result<(), Refusal> {
        if let ServerEvent::Data(batch) = event {
            let link = self.link.lock().unwrap().clone().unwrap();
            link.ack(batch.position().unwrap().sequence);
        }
        Ok(())
    }
    fn answered(&self, _: &DeviceName, _: &CommandId, answer: Answer) {
        self.refused.lock().unwrap().push(answer);
    }
    fn left(&self, _: &DeviceName, _: u64, code: Code) {
        self.left.lock().unwrap().push(code);
    }
}

struct Strict {
    gateway: Gateway,
    host: Arc<Everyone>,
    bundle: Bundle,
    _folder: tempfile::TempDir,
}

const LIMIT: Duration = Duration::from_millis(400);

async fn strict(change: impl FnOnce(&mut GatewayOptions)) -> Strict {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemClock::default());
    let identity = Identity::OwnAuthority { names: Vec::new() };
    let certificates = Certificates::open(&folder.path().join("tls"), &identity, clock.now()).unwrap();
    let registry = Registry::open(&folder.path().join("devices.json")).unwrap();
    let device = "home1.slow".parse().unwrap();
    let bundle = registry.enroll_secret(&device, "localhost:1", &certificates, clock.now()).unwrap();
    let host = Arc::new(Everyone {
        registry,
        epochs: AtomicU64::new(0),
        link: Mutex::default(),
        left: Mutex::default(),
        refused: Mutex::default(),
    });
    let mut options = GatewayOptions::default();
    options.listen = "127.0.0.1:0".parse().unwrap();
    change(&mut options);
    let tls = certificates.server_config(false).unwrap();
    let gateway = Gateway::listen(options, tls, host.clone(), clock).await.unwrap();
    Strict { gateway, host, bundle, _folder: folder }
}

impl Strict {
    fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    async fn left_with(&self, code: Code) {
        for _ in 0..500 {
            if self.host.left.lock().unwrap().contains(&code) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no session ended with {code}: {:?}", self.host.left.lock().unwrap());
    }
}

#[tokio::test]
async fn who_says_nothing_is_closed_when_the_time_for_a_hello_is_over() {
    let strict = strict(|options| options.limits.hello_timeout = LIMIT).await;
    let start = Instant::now();
    let mut silent = TcpStream::connect(strict.address()).await.unwrap();
    let _ = silent.read_to_end(&mut Vec::new()).await;
    assert!(start.elapsed() >= LIMIT && start.elapsed() < 10 * LIMIT, "{:?}", start.elapsed());

    let mut shaken = Dial::new(strict.address(), &strict.bundle).connect().await.unwrap();
    shaken.ends_with("hello_timeout").await;

    let mut trickling = Dial::new(strict.address(), &strict.bundle).connect().await.unwrap();
    for byte in hello(&strict.bundle, 1).bytes() {
        if trickling.send(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(LIMIT / 20).await;
    }
    trickling.ends_with("hello_timeout").await;
}

#[tokio::test]
async fn a_message_that_is_not_finished_ends_the_session_however_it_trickles() {
    let strict = strict(|options| options.limits.frame_timeout = LIMIT).await;
    let mut half = Raw::open(strict.address(), &strict.bundle, 1).await;
    half.send(b"{\"type\":\"data\",\"seq\":1").await.unwrap();
    half.ends_with("frame_timeout").await;

    let mut trickling = Raw::open(strict.address(), &strict.bundle, 1).await;
    for byte in data(1, "1").bytes() {
        if trickling.send(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(LIMIT / 20).await;
    }
    trickling.ends_with("frame_timeout").await;
}

#[tokio::test]
async fn a_silent_device_is_asked_and_then_given_up() {
    let strict = strict(|options| {
        (options.limits.ping_after, options.limits.idle_timeout) = (LIMIT / 2, LIMIT);
    })
    .await;
    let mut device = Raw::open(strict.address(), &strict.bundle, 1).await;
    for _ in 0..3 {
        assert_eq!(device.hear().await.unwrap()["type"], "ping");
        device.say(r#"{"type":"pong"}"#).await;
    }
    device.ends_with("idle").await;
    strict.left_with(Code::Idle).await;
}

/// Pings without end, and not one answer read: the gateway neither collects answers nor waits for ever.
#[tokio::test]
async fn a_peer_that_never_reads_is_given_up() {
    let strict = strict(|options| options.limits.write_timeout = LIMIT).await;
    let mut device = Raw::open(strict.address(), &strict.bundle, 1).await;
    let pings = "{\"type\":\"ping\"}\n".repeat(4000);
    let start = Instant::now();
    while let Ok(Ok(())) = tokio::time::timeout(4 * LIMIT, device.send(pings.as_bytes())).await {
        assert!(start.elapsed() < Duration::from_secs(60), "the gateway goes on reading");
    }
    strict.left_with(Code::Idle).await;
}

/// It is told within a second even where it does not read, and what was never sent is answered.
#[tokio::test]
async fn a_session_that_is_stuck_in_writing_can_be_ended() {
    let strict = strict(|options| options.limits.write_timeout = Duration::from_secs(600)).await;
    let mut device = Raw::open(strict.address(), &strict.bundle, 1).await;
    let pings = "{\"type\":\"ping\"}\n".repeat(4000);
    while let Ok(Ok(())) = tokio::time::timeout(LIMIT, device.send(pings.as_bytes())).await {}
    let link = strict.host.link.lock().unwrap().clone().unwrap();
    let command = memcore::model::Command {
        id: CommandId::new("c1").unwrap(),
        target: "home1.slow.relay".parse().unwrap(),
        value: 1.0,
        expires: memcore::model::Timestamp::MAX,
        lease: None,
        fallback: None,
        safety: false,
    };
    link.command(command.clone()).unwrap();
    link.close(Code::Revoked, "no longer enrolled");
    strict.left_with(Code::Revoked).await;
    let refused = strict.host.refused.lock().unwrap().clone();
    assert!(matches!(&refused[..], [Answer::Refused { code, .. }] if code == "closed"), "{refused:?}");
    assert_eq!(link.command(command).unwrap_err().kind(), memcore::ErrorKind::Closed);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_device_that_does_not_read() {
    let strict = strict(|options| options.limits.write_timeout = Duration::from_secs(600)).await;
    let mut device = Raw::open(strict.address(), &strict.bundle, 1).await;
    let pings = "{\"type\":\"ping\"}\n".repeat(4000);
    while let Ok(Ok(())) = tokio::time::timeout(LIMIT, device.send(pings.as_bytes())).await {}
    let start = Instant::now();
    strict.gateway.shutdown(Duration::from_secs(20)).await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
