//! What lies in files of identity: server certificates that change while devices are connected, and secrets that must not lie
//! anywhere else.
#![cfg(all(feature = "gateway", feature = "client", feature = "cli"))]

#[path = "common/raw.rs"]
mod raw;
#[path = "common/scene.rs"]
mod scene;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use memcore::model::{DeviceName, EventKind, PointRate, Span};
use memcore::protocol::Bundle;
use memcore::{AuditQuery, CommandRequest, Config, Enrolment, ProofKind, ServerHandle};
use raw::{Dial, Raw, data};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use scene::Scene;
use serde_json::json;

/// An operator who brings certificates of a CA of their own.
struct Operator {
    folder: tempfile::TempDir,
    ca: CertificateParams,
    ca_key: KeyPair,
}

impl Operator {
    fn new() -> Self {
        let (mut ca, folder) = (CertificateParams::default(), tempfile::tempdir().unwrap());
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let operator = Self { folder, ca, ca_key: KeyPair::generate().unwrap() };
        fs::write(operator.file("ca.pem"), operator.ca.clone().self_signed(&operator.ca_key).unwrap().pem()).unwrap();
        operator
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate that ends in that year, with its key.
    fn issue(&self, year: i32) -> [String; 2] {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(self.ca.clone(), &self.ca_key);
        [params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem()]
    }

    fn install(&self, [certificate, key]: &[String; 2]) {
        fs::write(self.file("server.pem"), certificate).unwrap();
        fs::write(self.file("server.key"), key).unwrap();
    }

    fn serve(&self, config: &mut Config) {
        self.install(&self.issue(2060));
        let file = |name| Some(self.file(name));
        (config.gateway.certificate, config.gateway.key, config.gateway.ca) =
            (file("server.pem"), file("server.key"), file("ca.pem"));
    }
}

/// The next event about the server's certificate.
async fn told(events: &mut memcore::Events) -> EventKind {
    let next = async {
        loop {
            let kind = events.next().await.expect("the server runs").kind;
            if matches!(kind, EventKind::CertificateReloaded { .. } | EventKind::CertificateRefused { .. }) {
                return kind;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), next).await.expect("an event about the certificate")
}

#[tokio::test]
async fn a_certificate_is_exchanged_under_load_without_dropping_anyone_and_a_bad_one_changes_nothing() {
    let operator = Operator::new();
    let mut scene = Scene::with(|config| operator.serve(config)).await;
    let server = scene.server.handle();
    let mut events = server.events().await.unwrap();
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    let first = server.certificate();

    let good = operator.issue(2061);
    operator.install(&[good[0][..good[0].len() / 2].to_owned(), good[1].clone()]);
    let EventKind::CertificateRefused { reason } = told(&mut events).await else { panic!("half a file was taken") };
    assert!(reason.contains("server.pem"), "{reason}");
    assert_eq!(server.certificate().refused, Some(reason));
    assert_eq!(server.certificate().fingerprint, first.fingerprint);
    // Who connects now is shown the one before.
    Raw::open(scene.address(), &scene.bundle, 2).await;
    let mut device_again = Raw::open(scene.address(), &scene.bundle, 1).await;
    device.ends_with("superseded").await;

    operator.install(&good);
    let mut seq = 0;
    let reloaded = told(&mut events);
    tokio::pin!(reloaded);
    let kind = loop {
        tokio::select! {
            kind = &mut reloaded => break kind,
            () = tokio::time::sleep(Duration::from_millis(10)) => {
                seq += 1;
                device_again.say(&data(seq, "1")).await;
            }
        }
    };
    assert_eq!(kind, EventKind::CertificateReloaded { ends: Some("2061-01-01T00:00:00Z".parse().unwrap()) });
    device_again.say(&data(seq + 1, "1")).await;
    device_again.durable(seq + 1).await;
    assert_eq!(scene.values("home1.bad.power").len() as u64, seq + 1);
    assert!(server.certificate().fingerprint != first.fingerprint && server.certificate().refused.is_none());
    scene.neighbour_works().await;
    Raw::open(scene.address(), &scene.bundle, 3).await;
    scene.ends_well().await;
}

/// What the whole process logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What of a bundle is nobody's but its device's.
fn secrets(bundle: &Bundle) -> Vec<String> {
    let mut secrets: Vec<String> = bundle.credential.iter().cloned().collect();
    secrets.extend(bundle.credential.iter().map(|secret| secret.rsplit('_').next().unwrap().to_owned()));
    let key = bundle.key_pem.iter().flat_map(|pem| pem.lines()).filter(|line| !line.contains("-----"));
    secrets.extend(key.map(str::to_owned));
    secrets
}

/// Salts and hashes of the registry.
fn hashes(site: &Path) -> Vec<String> {
    let registry: serde_json::Value = serde_json::from_slice(&fs::read(site.join("devices.json")).unwrap()).unwrap();
    let devices = registry["devices"].as_object().unwrap().values();
    let proofs = devices.flat_map(|device| device["proofs"].as_object().unwrap().values());
    let secrets = proofs.filter_map(|proof| proof["secret"].as_object());
    secrets.flat_map(|secret| secret.values().map(|text| text.as_str().unwrap().to_owned())).collect()
}

/// Everything that is done with identity, well and badly. What the server tells of it comes back.
async fn a_day_of_identity(scene: &Scene, planted: &mut Vec<String>) -> String {
    let server: ServerHandle = scene.server.handle();
    let mut events = server.events().await.unwrap();
    let site = scene.folder.path().join("site");
    let enrolment = Enrolment::open(&scene::config(scene.folder.path())).unwrap();
    let device: DeviceName = "home1.vault".parse().unwrap();
    let week = Span::from_seconds(7 * 86_400);
    let bundles = [
        server.enroll(&device, ProofKind::Certificate).unwrap(),
        server.rotate(&device, ProofKind::Secret, week).unwrap(),
        enrolment.rotate(&device, ProofKind::Certificate, week, None).unwrap(),
        enrolment.rotate(&device, ProofKind::Secret, week, None).unwrap(),
    ];
    planted.extend(bundles.iter().flat_map(secrets));
    planted.extend(secrets(&scene.bundle));
    planted.extend(hashes(&site));
    server.limit(&device, Some(PointRate::new(1.0, Some(1.0)).unwrap())).unwrap();
    for bundle in &bundles {
        let mut device = Raw::open(scene.address(), bundle, 1).await;
        device.say(&data(1, "1")).await;
        device.say(&data(2, "2")).await;
    }
    // A secret that is almost right, one in the wrong place, and one that another device's name is claimed with.
    let secret = bundles[3].credential.clone().unwrap();
    let almost = format!("{secret}0");
    planted.push(almost.clone());
    for hello in [
        json!({"type":"hello","version":1,"credential":almost,"boot":1,"channels":[]}),
        json!({"type":"hello","version":1,"boot":1,"channels":[],"password":secret}),
        json!({"type":secret,"version":1}),
        json!({"type":"hello","version":1,"credential":secret,"device":"home1.good","boot":1,"channels":[]}),
    ] {
        let mut device = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
        device.say(&hello.to_string()).await;
        device.expect("bye").await;
    }
    let mut device = Raw::open(scene.address(), &bundles[3], 2).await;
    let ticket = server.command(CommandRequest::new("home1.vault.relay".parse().unwrap(), 1.0)).unwrap();
    device.expect("command").await;
    server.revoke(&"home1.vault".parse().unwrap()).unwrap();
    device.ends_with("revoked").await;
    let mut told = format!("{:?}{}", ticket.state(), serde_json::to_string(&server.devices()).unwrap());
    told += &serde_json::to_string(&server.stats()).unwrap();
    told += &serde_json::to_string(&server.audit(&AuditQuery::default()).unwrap()).unwrap();
    told += &serde_json::to_string(&memcore::LocalClient::of(&site).status().await.unwrap()).unwrap();
    loop {
        let event = events.next().await.expect("the server runs");
        told += &serde_json::to_string(&event).unwrap();
        if matches!(&event.kind, EventKind::Disconnected { device, code, .. } if device.device.as_ref() == "vault" && code == "revoked")
        {
            return told;
        }
    }
}

/// Torture 24.
#[tokio::test]
async fn planted_secrets_appear_nowhere_in_logs_trail_stats_events_or_files() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_env_filter("trace").with_writer(move || writer.clone());
    subscriber.try_init().expect("one test a process");
    let scene = Scene::new().await;
    let site = scene.folder.path().join("site");
    let mut planted = Vec::new();
    let mut told = a_day_of_identity(&scene, &mut planted).await;
    scene.server.shutdown().await.unwrap();

    let written = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(written.contains("a login was refused"), "the log was read");
    assert!(told.contains("login_refused") && told.contains("quota"), "the trail and the events were read");
    told += &written;
    for file in ["audit.jsonl", "audit.head", "logins.json"] {
        told += &fs::read_to_string(site.join(file)).unwrap();
    }
    assert!(planted.len() > 15);
    for secret in planted {
        assert!(secret.len() >= 16 && !told.contains(&secret), "{secret} was told");
    }
    // And what was revoked is gone.
    let registry = fs::read_to_string(site.join("devices.json")).unwrap();
    assert!(!registry.contains("home1.vault"));
}
