//! Who a device is, over TLS: proofs that rotate, end and are revoked while it is connected; takeover; guesses; what it may send.
#![cfg(all(feature = "gateway", feature = "client"))]

#[path = "common/raw.rs"]
mod raw;
#[path = "common/scene.rs"]
mod scene;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use memcore::model::{Clock, CommandState, DeviceName, EventKind, PointRate, Span, SystemClock, Timestamp};
use memcore::protocol::Bundle;
use memcore::{Act, AuditQuery, CommandRequest, Config, Enrolment, ProofKind, Server, ServerHandle};
use raw::{Dial, Raw, data, hello};
use scene::Scene;
use serde_json::json;

const DAY: i64 = 86_400;

/// The system's clock, with a calendar that a test turns.
#[derive(Debug, Default)]
struct Calendar {
    system: SystemClock,
    ahead: AtomicI64,
}

impl Calendar {
    fn turn(&self, days: i64) {
        self.ahead.fetch_add(days * DAY, Ordering::SeqCst);
    }
}

impl Clock for Calendar {
    fn now(&self) -> Timestamp {
        self.system.now().saturating_add(Span::from_seconds(self.ahead.load(Ordering::SeqCst)))
    }
    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}

struct Site {
    server: Server,
    calendar: Arc<Calendar>,
    folder: tempfile::TempDir,
}

impl Site {
    async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config, &Path)) -> Self {
        let (folder, calendar) = (tempfile::tempdir().unwrap(), Arc::new(Calendar::default()));
        let mut config = scene::config(folder.path());
        change(&mut config, folder.path());
        let server = Server::start_with(config, calendar.clone()).await.unwrap();
        Self { server, calendar, folder }
    }

    fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    fn enroll(&self, proof: ProofKind) -> Bundle {
        self.handle().enroll(&hem(), proof).unwrap()
    }

    async fn open(&self, bundle: &Bundle, boot: u64) -> Raw {
        Raw::open(self.server.address(), bundle, boot).await
    }

    /// What the server says to a login that it refuses.
    async fn refused(&self, bundle: &Bundle) -> String {
        let mut device = Dial::new(self.server.address(), bundle).connect().await.unwrap();
        device.say(&hello(bundle, 1)).await;
        device.expect("bye").await["code"].as_str().unwrap().to_owned()
    }

    fn acts(&self, kind: &str) -> Vec<Act> {
        acts(&self.handle(), kind)
    }
}

/// A certificate of the server's own that is valid in all the years of a test.
fn long_lasting(config: &mut Config, folder: &Path) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2070, 1, 1));
    let files = [("server.pem", params.self_signed(&key).unwrap().pem()), ("server.key", key.serialize_pem())];
    let [certificate, key] = files.map(|(name, text)| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    });
    (config.gateway.certificate, config.gateway.key) = (Some(certificate), Some(key));
}

fn acts(server: &ServerHandle, kind: &str) -> Vec<Act> {
    let mut query = AuditQuery::default();
    query.kind = Some(kind.into());
    server.audit(&query).unwrap().entries.into_iter().map(|entry| entry.act).collect()
}

fn hem() -> DeviceName {
    "home1.bad".parse().unwrap()
}

/// Waits until it is so; a test that waits in vain fails.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_rotation_disturbs_nobody_and_after_the_overlap_the_earlier_proof_logs_nobody_in() {
    let site = Site::new().await;
    let earlier = site.enroll(ProofKind::Secret);
    let mut device = site.open(&earlier, 1).await;
    device.say(&data(1, "1")).await;
    device.durable(1).await;

    let later = site.handle().rotate(&hem(), ProofKind::Certificate, Span::from_seconds(7 * DAY)).unwrap();
    assert!(later.credential.is_none() && later.certificate_pem.is_some());
    device.say(&data(2, "2")).await;
    device.durable(2).await;

    // Still the earlier one: the device has not been given the new one yet.
    let used = |nth: usize| site.handle().devices()[0].proofs[nth].last_used;
    assert!(used(0).is_none() && used(1).is_some());
    let proofs = &site.handle().devices()[0].proofs;
    assert_eq!((proofs[0].kind, proofs[1].kind), (ProofKind::Certificate, ProofKind::Secret));
    assert!(proofs[0].until.is_none() && proofs[0].ends.is_some() && proofs[1].until.is_some());

    site.calendar.turn(8);
    until("the earlier proof's entry is gone", || site.handle().devices()[0].proofs.len() == 1).await;
    assert_eq!(site.refused(&earlier).await, "bad_credential");
    device.say(&data(3, "3")).await;
    device.durable(3).await;

    let mut device = site.open(&later, 1).await;
    assert!(used(0).is_some(), "an operator sees that the new one is in use");
    device.say(&data(4, "4")).await;
    device.durable(4).await;
    assert_eq!(scene::values(&site.server, "home1.bad.power"), [1.0, 2.0, 3.0, 4.0]);
    assert!(matches!(&site.acts("rotated")[..], [Act::Rotated { proof: ProofKind::Certificate, .. }]));
    site.server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_rotation_without_overlap_ends_logins_by_the_earlier_proof_at_once_and_no_session() {
    let site = Site::new().await;
    let earlier = site.enroll(ProofKind::Certificate);
    let mut device = site.open(&earlier, 1).await;
    let later = site.handle().rotate(&hem(), ProofKind::Secret, Span::from_seconds(0)).unwrap();
    assert_eq!(site.refused(&earlier).await, "bad_credential");
    device.say(&data(1, "1")).await;
    device.durable(1).await;
    site.open(&later, 2).await;
    site.server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_rotation_by_another_process_is_taken_and_a_revocation_by_it_ends_every_proof_and_the_session() {
    let site = Site::new().await;
    let enrolment = Enrolment::open(&scene::config(site.folder.path())).unwrap();
    let week = Span::from_seconds(7 * DAY);
    for by_other in [false, true] {
        let earlier = site.enroll(ProofKind::Secret);
        let later = enrolment.rotate(&hem(), ProofKind::Secret, week, None).unwrap();
        site.open(&earlier, 1).await;
        let mut device = site.open(&later, 2).await;
        match by_other {
            false => site.handle().revoke(&hem()).unwrap(),
            true => enrolment.revoke(&hem()).unwrap(),
        }
        let ended = tokio::time::timeout(Duration::from_secs(5), device.ends_with("revoked"));
        ended.await.expect("dropped within 5 s");
        assert_eq!(site.refused(&earlier).await, "bad_credential");
        assert_eq!(site.refused(&later).await, "bad_credential");
        assert_eq!(
            enrolment.rotate(&hem(), ProofKind::Secret, week, None).unwrap_err().kind(),
            memcore::ErrorKind::NotFound
        );
    }
    let query = AuditQuery::default();
    let entries = site.handle().audit(&query).unwrap().entries.into_iter();
    let by: Vec<_> = entries.filter(|entry| entry.act.kind() == "revoked").map(|entry| entry.by.unwrap()).collect();
    assert!(by[0] == "program" && by[1].starts_with("uid "), "{by:?}");
    assert!(site.handle().verify_audit().unwrap().is_whole());
    site.server.shutdown().await.unwrap();
}

#[tokio::test]
async fn client_certificates_that_are_not_valid_now_or_of_another_ca_are_refused_in_the_handshake_and_audited() {
    let (site, other) = (Site::with(long_lasting).await, Site::new().await);
    let mine = site.enroll(ProofKind::Certificate);
    let foreign = other.enroll(ProofKind::Certificate);
    let foreign = Bundle { ca_pem: mine.ca_pem.clone(), ..foreign };
    for (what, bundle, days) in
        [("not yet valid", &mine, -3), ("expired", &mine, 6 * 365 + 3), ("of a wrong CA", &foreign, -6 * 365)]
    {
        site.calendar.turn(days);
        // With TLS 1.3 the client is through before the server has looked at its certificate.
        if let Ok(mut device) = Dial::new(site.server.address(), bundle).connect().await {
            let _ = device.send(format!("{}\n", hello(bundle, 1)).as_bytes()).await;
            assert_eq!(device.hear().await, None, "{what}");
        }
    }
    let details = site.acts("login_refused").into_iter().map(|act| match act {
        Act::LoginRefused { code, detail, .. } => (code, detail),
        other => panic!("{other:?}"),
    });
    let details: Vec<_> = details.collect();
    assert_eq!(details.len(), 3, "{details:?}");
    for ((code, detail), word) in details.iter().zip(["not valid yet", "expired", "certificate"]) {
        assert!(code == "bad_credential" && detail.contains(word), "{detail}");
    }
    // In its time it is good, and a session that it has opened outlasts it.
    let mut device = site.open(&mine, 1).await;
    site.calendar.turn(6 * 365);
    device.say(&data(1, "1")).await;
    device.durable(1).await;
    site.server.shutdown().await.unwrap();
    other.server.shutdown().await.unwrap();
}

/// Torture 14.
#[tokio::test]
async fn identity_comes_from_the_proof_and_a_later_login_fences_the_earlier() {
    let scene = Scene::new().await;
    let server = scene.server.handle();
    let secret = scene.bundle.credential.clone().unwrap();
    let mut liar = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
    let claim = json!({"type":"hello","version":1,"credential":secret,"device":"home1.good","boot":1,"channels":[]});
    liar.say(&claim.to_string()).await;
    liar.ends_with("wrong_device").await;
    let refused = acts(&server, "login_refused");
    let Act::LoginRefused { device, claimed, code, .. } = &refused[0] else { panic!("{refused:?}") };
    assert_eq!((device, claimed), (&Some(hem()), &Some("home1.good".parse().unwrap())));
    assert_eq!(code, "wrong_device");

    let mut earlier = Raw::open(scene.address(), &scene.bundle, 1).await;
    let named = r#"{"type":"data","seq":1,"device":"home1.good","time_us":1763000000000001,"values":{"power":13}}"#;
    earlier.say(named).await;
    assert_eq!(earlier.expect("reject").await["code"], "unknown_field");
    earlier.say(&data(2, "2")).await;
    earlier.durable(2).await;
    let ticket = server.command(CommandRequest::new("home1.bad.relay".parse().unwrap(), 1.0)).unwrap();
    let id = earlier.expect("command").await["id"].as_str().unwrap().to_owned();

    let mut later = Raw::open(scene.address(), &scene.bundle, 1).await;
    let _ = earlier
        .send(format!("{}\n{}\n", data(3, "99"), json!({"type":"result","id":id,"state":"done","value":1})).as_bytes())
        .await;
    earlier.ends_with("superseded").await;
    until("the fate of the command is known", || ticket.state().is_final()).await;
    assert!(
        matches!(ticket.state(), CommandState::Unknown { .. }),
        "a late result of the fenced session is none: {:?}",
        ticket.state()
    );

    // The later one answers for itself: what the fenced one sent last was not taken.
    later.say(&data(3, "3")).await;
    later.durable(3).await;
    assert_eq!(scene.values("home1.bad.power"), [2.0, 3.0]);
    assert!(matches!(&acts(&server, "takeover")[..], [Act::Takeover { device, .. }] if *device == hem()));
    scene.ends_well().await;
}

#[tokio::test]
async fn guesses_wait_for_their_answers_and_hold_nobody_back_who_shows_a_good_proof_from_elsewhere() {
    let scene = Scene::new().await;
    let guess = |n: usize| json!({"type":"hello","version":1,"credential":format!("mc_0011223344556677_{n}"),"boot":1,"channels":[]});
    let mut waiting = Vec::new();
    // As many as may wait take five seconds and more for their last answers.
    for n in 0..8 {
        let mut guesser = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
        guesser.say(&guess(n).to_string()).await;
        waiting.push(guesser);
    }
    // Most of them were looked at by now, and the last ones wait longest.
    let server = scene.server.handle();
    until("all were looked at", || acts(&server, "login_refused").len() >= 8).await;
    let elsewhere = Dial { from: [127, 0, 0, 2], ..Dial::new(scene.address(), &scene.bundle) };
    let mut device = elsewhere.connect().await.unwrap();
    device.say(&hello(&scene.bundle, 1)).await;
    device.expect("welcome").await;
    device.say(&data(1, "1")).await;
    device.durable(1).await;
    let mut told = Vec::new();
    for guesser in &mut waiting {
        let bye = guesser.expect("bye").await;
        assert_eq!(bye["code"], "bad_credential");
        told.push(bye["detail"].clone());
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
    scene.ends_well().await;
}

#[tokio::test]
async fn an_address_with_too_many_guesses_under_way_is_told_to_come_back_later() {
    let scene = Scene::new().await;
    let guess =
        json!({"type":"hello","version":1,"credential":"mc_0011223344556677_00","boot":1,"channels":[]}).to_string();
    let mut codes = Vec::new();
    let mut guessers = Vec::new();
    // Each that is answered is followed by more, until one is not looked at any more.
    for _ in 0..40 {
        let mut guesser = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
        guesser.say(&guess).await;
        guessers.push(guesser);
    }
    for guesser in &mut guessers {
        let bye = guesser.expect("bye").await;
        codes.push((bye["code"].as_str().unwrap().to_owned(), bye["retry_after_us"].is_u64()));
    }
    assert!(codes.contains(&("overloaded".to_owned(), true)), "{codes:?}");
    assert!(codes.contains(&("bad_credential".to_owned(), false)), "{codes:?}");
    scene.ends_well().await;
}

#[tokio::test]
async fn a_device_that_sends_more_than_it_may_is_read_more_slowly_and_loses_nothing() {
    let scene = Scene::with(|config| {
        (config.gateway.device_points_per_s, config.gateway.device_burst) = (Some(500.0), Some(100.0));
    })
    .await;
    let server = scene.server.handle();
    let mut events = server.events().await.unwrap();
    let mut scene = scene;
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    let flood: String = (1..=1500).map(|seq| data(seq, "1") + "\n").collect();
    device.send(flood.as_bytes()).await.unwrap();
    scene.neighbour_works().await;
    device.durable(1500).await;
    assert_eq!(scene.values("home1.bad.power").len(), 1500);

    // Without a limit of its own from now on, and told only once.
    server.limit(&hem(), Some(PointRate::new(1e9, None).unwrap())).unwrap();
    let flood: String = (1501..=5000).map(|seq| data(seq, "1") + "\n").collect();
    device.send(flood.as_bytes()).await.unwrap();
    device.durable(5000).await;
    server.revoke(&hem()).unwrap();
    device.ends_with("revoked").await;
    let mut quotas = 0;
    loop {
        match events.next().await.expect("the server runs").kind {
            EventKind::Quota { device, rate } => {
                assert_eq!((device, rate.per_second), (hem(), 500.0));
                quotas += 1;
            }
            EventKind::Disconnected { device, .. } if device == hem() => break,
            _ => {}
        }
    }
    assert_eq!((quotas, acts(&server, "quota").len()), (1, 1));
    scene.ends_well().await;
}

#[tokio::test]
async fn the_trail_says_who_commanded_what_and_what_became_of_it_also_after_a_restart() {
    let scene = Scene::new().await;
    let server = scene.server.handle();
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    let relay = || CommandRequest::new("home1.bad.relay".parse().unwrap(), 1.0);
    let mut ticket = server.command(relay().by("the night tariff app")).unwrap();
    let id = device.expect("command").await["id"].as_str().unwrap().to_owned();
    device.say(&json!({"type":"result","id":id,"state":"done","value":1}).to_string()).await;
    assert_eq!(ticket.finished().await, CommandState::Done { read_back: Some(1.0) });
    assert!(server.command(relay().by("a\u{7}b")).unwrap_err().message().starts_with("by is"));

    let site = scene.folder.path().join("site");
    let log = server.audit(&AuditQuery::default()).unwrap();
    let kinds: Vec<_> = log.entries.iter().map(|entry| entry.act.kind()).collect();
    assert_eq!(kinds, ["started", "enrolled", "enrolled", "login", "login", "command", "command_ended"]);
    assert_eq!(log.entries[5].by.as_deref(), Some("the night tariff app"));
    let mut of_device = AuditQuery::default();
    of_device.device = Some(hem());
    assert_eq!(server.audit(&of_device).unwrap().entries.len(), 4);
    scene.server.shutdown().await.unwrap();

    let report = memcore::verify_audit(&site).unwrap();
    assert!(report.is_whole() && report.last == 8, "{report:?}");
    let last = memcore::read_audit(&site, &AuditQuery::default()).unwrap().entries.pop().unwrap();
    assert_eq!((last.act, last.hash), (Act::Stopped, report.hash));
}
