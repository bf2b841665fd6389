//! Hundreds of devices that all come at once to a gateway that takes in a few at a time: none is lost, and none is in the way.
#![cfg(all(feature = "gateway", feature = "client"))]

#[path = "common/raw.rs"]
mod raw;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use memcore::client::{Device, DeviceOptions, LinkState};
use memcore::gateway::{
    Admission, Certificates, Gateway, GatewayOptions, GatewayStats, Host, Identity, Issuing, Link, Proof, Proven, Registry,
};
use memcore::model::{Channel, Clock, CommandId, DeviceName, ProofKind, SystemClock, Unit};
use memcore::protocol::{Answer, Bundle, Code, Hello, Refusal, ServerEvent};

/// A host to which every login is work.
struct Busy {
    registry: Registry,
    login: Duration,
    epochs: AtomicU64,
    inside: AtomicUsize,
    most_inside: AtomicUsize,
    left: AtomicUsize,
}

impl Host for Busy {
    fn judge(&self, proof: Proof<'_>, _: &Hello) -> Result<Proven, Refusal> {
        let verified = self.registry.verify(proof, SystemClock::default().now());
        verified.map_err(|e| Refusal::new(Code::BadCredential, e.to_string()))
    }
    async fn admit(&self, _: &Proven, _: &Hello, _: Arc<Link>) -> Result<Admission, Refusal> {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_inside.fetch_max(inside, Ordering::SeqCst);
        tokio::time::sleep(self.login).await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
        Ok(Admission { epoch: self.epochs.fetch_add(1, Ordering::Relaxed) + 1, durable: 0, taken: 0 })
    }
    async fn take(&self, _: &DeviceName, _: u64, _: ServerEvent) -> Result<(), Refusal> {
        Ok(())
    }
    fn answered(&self, _: &DeviceName, _: &CommandId, _: Answer) {}
    fn left(&self, _: &DeviceName, _: u64, _: Code) {
        self.left.fetch_add(1, Ordering::SeqCst);
    }
}

/// A gateway, and a street of devices that are enrolled at it.
struct Street {
    certificates: Certificates,
    tls: Arc<rustls::ServerConfig>,
    options: GatewayOptions,
    host: Arc<Busy>,
    bundles: Vec<Bundle>,
    _folder: tempfile::TempDir,
}

impl Street {
    fn of(devices: usize, login: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemClock::default().now();
        let identity = Identity::OwnAuthority { names: Vec::new() };
        let certificates = Certificates::open(&folder.path().join("tls"), &identity, now).unwrap();
        let registry = Registry::open(&folder.path().join("devices.json")).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut options = GatewayOptions::default();
        options.listen = SocketAddr::from(([127, 0, 0, 1], port));
        let names: Vec<DeviceName> = (0..devices).map(|number| format!("home{number}.meter").parse().unwrap()).collect();
        let server = format!("localhost:{port}");
        let issuing = Issuing { server: &server, certificates: &certificates, now };
        let bundles = registry.enroll_many(&names, ProofKind::Secret, &issuing).unwrap();
        let tls = certificates.server_config(false).unwrap();
        let (epochs, inside, most_inside, left) = Default::default();
        let host = Arc::new(Busy { registry, login, epochs, inside, most_inside, left });
        Self { certificates, tls, options, host, bundles, _folder: folder }
    }

    async fn open(&self) -> Gateway {
        let clock = Arc::new(SystemClock::default());
        Gateway::listen(self.options.clone(), self.tls.clone(), self.host.clone(), clock).await.unwrap()
    }

    fn wake(&self) -> Vec<Device> {
        let power = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
        let options = |bundle: &Bundle| DeviceOptions::new(bundle.clone(), vec![power.clone()]);
        self.bundles.iter().map(|bundle| Device::start(options(bundle)).unwrap()).collect()
    }
}

/// Waits until every device is in a session of its own.
async fn all_in(devices: &[Device]) {
    for device in devices {
        tokio::time::timeout(Duration::from_secs(120), device.opened()).await.expect("in at last").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_street_gets_in_though_two_log_in_at_a_time_and_many_are_told_to_come_back() {
    let mut street = Street::of(120, Duration::from_millis(100));
    street.options.logins = 2;
    // Who would wait longer than half a second in line is told when to come back.
    street.options.limits.hello_timeout = Duration::from_secs(1);
    let gateway = street.open().await;
    let devices = street.wake();
    all_in(&devices).await;

    let GatewayStats { sent_away, closed, .. } = gateway.stats();
    assert!(sent_away > 0, "nobody was told to wait, {closed} were closed");
    // Two in each line: who was told to wait has a TLS session by then.
    assert!(street.host.most_inside.load(Ordering::SeqCst) <= 4, "{:?} at once", street.host.most_inside);
    assert!(devices.iter().all(|device| matches!(device.state(), LinkState::Open { .. })));
    gateway.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_come_back_with_the_tls_session_that_they_had() {
    let street = Street::of(50, Duration::ZERO);
    let gateway = street.open().await;
    let devices = street.wake();
    all_in(&devices).await;
    assert_eq!(gateway.stats().resumed, 0, "nobody had a session yet");

    // The gateway is replaced, its key for tickets is not.
    gateway.shutdown(Duration::from_secs(10)).await;
    for device in &devices {
        while matches!(device.state(), LinkState::Open { .. }) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let gateway = street.open().await;
    all_in(&devices).await;
    let GatewayStats { handshakes, resumed, .. } = gateway.stats();
    assert_eq!((handshakes, resumed), (50, 50), "a full handshake was done again");
    assert!(!street.certificates.ca_pem().is_empty());
    gateway.shutdown(Duration::from_secs(10)).await;
}

/// Connections that take every place for strangers are in nobody's way who comes back with a session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_come_back_do_not_wait_behind_those_who_are_new() {
    let mut street = Street::of(20, Duration::ZERO);
    street.options.logins = 8;
    // Nobody is given up: a place that a stranger has, it keeps.
    street.options.limits.hello_timeout = Duration::from_secs(600);
    let gateway = street.open().await;
    let devices = street.wake();
    all_in(&devices).await;
    gateway.shutdown(Duration::from_secs(10)).await;

    let gateway = street.open().await;
    // More than there are places: each has shaken hands and then says nothing.
    let bundle = &street.bundles[0];
    let mut strangers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (address, bundle) = (gateway.address(), bundle.clone());
        strangers.spawn(async move {
            let stranger = raw::Dial::new(address, &bundle).connect().await;
            std::future::pending::<()>().await;
            drop(stranger);
        });
    }
    while gateway.stats().handshakes - gateway.stats().resumed < 8 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    all_in(&devices).await;
    assert!(gateway.stats().resumed >= 20, "{:?}", gateway.stats());
    gateway.shutdown(Duration::from_secs(10)).await;
}
