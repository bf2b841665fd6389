use super::*;
use crate::gateway::Identity;
use crate::gateway::certificates::pem_fingerprint;

const NOW: Timestamp = Timestamp::from_seconds(1_763_000_000);
const WEEK: Span = Span::from_seconds(7 * 86_400);

fn later(span: Span) -> Timestamp {
    NOW.saturating_add(span)
}

struct Scene {
    folder: tempfile::TempDir,
    registry: Registry,
    certificates: Certificates,
    hem: DeviceName,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = Identity::OwnAuthority { names: vec![] };
        let certificates = Certificates::open(&folder.path().join("tls"), &own, NOW).unwrap();
        let registry = Registry::open(&folder.path().join("devices.json")).unwrap();
        Self { folder, registry, certificates, hem: "home1.hem".parse().unwrap() }
    }

    fn at(&self, now: Timestamp) -> Issuing<'_> {
        Issuing { server: "localhost:23123", certificates: &self.certificates, now }
    }

    fn enroll(&self, kind: ProofKind) -> Bundle {
        self.registry.enroll(&self.hem, kind, &self.at(NOW)).unwrap()
    }

    fn proves(&self, bundle: &Bundle, now: Timestamp) -> Option<Proven> {
        let fingerprint = bundle.certificate_pem.as_ref().map(|pem| pem_fingerprint(pem).unwrap());
        let proof = match (&bundle.credential, &fingerprint) {
            (Some(secret), _) => Proof::Secret(secret),
            (_, Some(fingerprint)) => Proof::Certificate(fingerprint),
            _ => panic!("the bundle has no proof"),
        };
        self.registry.verify(proof, now).ok()
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("devices.json")).unwrap()
    }
}

#[test]
fn a_secret_proves_its_device_until_it_is_revoked_and_is_nowhere_on_disk() {
    let scene = Scene::new();
    let credential = scene.enroll(ProofKind::Secret).credential.unwrap();
    assert_eq!(scene.registry.verify(Proof::Secret(&credential), NOW).unwrap().device, scene.hem);
    assert!(!scene.file().contains(credential.rsplit('_').next().unwrap()));

    let last = if credential.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{last}", &credential[..credential.len() - 1]);
    for bad in [wrong.as_str(), "mc_", "mc__", "", "mc_0011223344556677_00", "mc_ä_ö"] {
        let e = scene.registry.verify(Proof::Secret(bad), NOW).unwrap_err();
        assert_eq!((e.kind(), e.message()), (ErrorKind::Unauthorized, "the credential is unknown, wrong or revoked"));
    }
    assert_eq!(scene.registry.named(Proof::Secret(&wrong)), Some(scene.hem.clone()), "a guess names whom it is aimed at");
    assert_eq!(scene.registry.named(Proof::Secret("mc_0011223344556677_00")), None);
    scene.registry.revoke(&scene.hem, NOW).unwrap();
    assert!(scene.registry.verify(Proof::Secret(&credential), NOW).is_err());
    assert_eq!(scene.registry.revoke(&scene.hem, NOW).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn enrolling_again_ends_the_earlier_enrolment_and_keeps_what_the_device_may_send() {
    let scene = Scene::new();
    let first = scene.enroll(ProofKind::Secret);
    let rate = PointRate::new(100.0, None).unwrap();
    scene.registry.limit(&scene.hem, Some(rate), NOW).unwrap();
    let proven = scene.proves(&first, NOW).unwrap();
    assert!(scene.registry.holds(&scene.hem, &proven.enrolment));
    let second = scene.enroll(ProofKind::Certificate);
    assert_eq!(scene.proves(&first, NOW), None);
    assert!(!scene.registry.holds(&scene.hem, &proven.enrolment));
    assert_eq!(scene.proves(&second, NOW).unwrap().device, scene.hem);
    assert_eq!((scene.registry.list().len(), scene.registry.rate_of(&scene.hem)), (1, Some(rate)));
}

#[test]
fn after_a_rotation_both_proofs_log_in_until_the_overlap_is_over_and_the_session_lasts() {
    let scene = Scene::new();
    let earlier = scene.enroll(ProofKind::Secret);
    let session = scene.proves(&earlier, NOW).unwrap().enrolment;
    let new = scene.registry.rotate(&scene.hem, ProofKind::Certificate, WEEK, &scene.at(NOW)).unwrap();

    let almost = later(Span::from_micros(WEEK.as_micros() - 1));
    assert_eq!(scene.proves(&earlier, almost).unwrap().enrolment, session);
    assert_eq!(scene.proves(&new, almost).unwrap().enrolment, session);
    assert!(!scene.registry.lapse(almost).unwrap(), "its time is not over yet");
    let listed = &scene.registry.list()[0].proofs;
    assert_eq!(
        listed.iter().map(|proof| (proof.kind, proof.until)).collect::<Vec<_>>(),
        [(ProofKind::Certificate, None), (ProofKind::Secret, Some(later(WEEK))),]
    );

    assert_eq!(scene.proves(&earlier, later(WEEK)), None, "not a moment longer");
    assert!(scene.registry.lapse(later(WEEK)).unwrap());
    assert_eq!(scene.registry.list()[0].proofs.len(), 1, "the entry is gone");
    assert!(!scene.file().contains("hmac_sha256"));
    assert!(scene.registry.holds(&scene.hem, &session), "who is connected stays");
    assert!(scene.proves(&new, later(WEEK)).is_some());
}

#[test]
fn an_overlap_of_nothing_ends_the_earlier_proof_at_once_and_a_later_rotation_never_makes_it_last_longer() {
    let scene = Scene::new();
    let rotate = |overlap| scene.registry.rotate(&scene.hem, ProofKind::Secret, overlap, &scene.at(NOW));
    assert_eq!(rotate(WEEK).unwrap_err().kind(), ErrorKind::NotFound);
    let first = scene.enroll(ProofKind::Secret);
    let second = rotate(Span::from_seconds(0)).unwrap();
    assert_eq!(scene.proves(&first, NOW), None);
    rotate(Span::from_seconds(60)).unwrap();
    rotate(WEEK).unwrap();
    assert_eq!(scene.proves(&second, later(Span::from_seconds(60))), None);

    rotate(WEEK).unwrap();
    let e = rotate(WEEK).unwrap_err();
    assert!(e.kind() == ErrorKind::LimitReached && e.message().contains("4 good proofs"), "{e}");
    rotate(Span::from_seconds(0)).unwrap();
    assert_eq!(scene.registry.list()[0].proofs.len(), 1);
    assert!(rotate(Span::from_seconds(-1)).unwrap_err().message().contains("overlap is -1s"));
    scene.registry.revoke(&scene.hem, NOW).unwrap();
    assert_eq!(scene.registry.list(), []);
}

#[test]
fn the_list_says_which_proof_was_used_last_and_a_restart_knows_it_too() {
    let scene = Scene::new();
    let earlier = scene.enroll(ProofKind::Secret);
    let new = scene.registry.rotate(&scene.hem, ProofKind::Certificate, WEEK, &scene.at(NOW)).unwrap();
    let (at_first, at_last) = (later(Span::from_seconds(5)), later(Span::from_seconds(9)));
    scene.registry.note_use(&scene.proves(&earlier, NOW).unwrap().key, at_first);
    scene.registry.save_uses(Some(Duration::ZERO)).unwrap();
    scene.registry.note_use(&scene.proves(&new, NOW).unwrap().key, at_last);
    scene.registry.note_use("a key that is no more", at_last);
    let used = |registry: &Registry| registry.list()[0].proofs.iter().map(|proof| proof.last_used).collect::<Vec<_>>();
    let restarted = || Registry::open(&scene.folder.path().join("devices.json")).unwrap();
    assert_eq!(used(&scene.registry), [Some(at_last), Some(at_first)]);

    scene.registry.save_uses(Some(Duration::from_secs(59))).unwrap();
    assert_eq!(used(&restarted()), [None, Some(at_first)], "written once a minute at most");
    scene.registry.save_uses(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(used(&restarted()), [Some(at_last), Some(at_first)]);
    let written = std::fs::read_to_string(scene.folder.path().join("logins.json")).unwrap();
    assert!(!written.contains("no more"), "{written}");
}

#[test]
fn the_end_of_a_client_certificate_is_listed_and_ends_its_use() {
    let scene = Scene::new();
    let bundle = scene.enroll(ProofKind::Certificate);
    let ends = scene.registry.list()[0].proofs[0].ends.expect("a certificate ends");
    assert!(ends > later(Span::from_seconds(4 * 365 * 86_400)));
    assert!(scene.proves(&bundle, NOW).is_some());
    assert_eq!(scene.proves(&bundle, ends), None);
}

#[test]
fn a_simulation_takes_no_real_devices_place_unless_it_is_told_to() {
    let scene = Scene::new();
    let simulate = |replace| scene.registry.enroll_simulated(&scene.hem, replace, &scene.at(NOW));
    simulate(false).unwrap();
    simulate(false).unwrap();
    assert!(scene.registry.list()[0].simulated);

    // The real one arrives, and stays.
    let real = scene.enroll(ProofKind::Secret);
    let e = simulate(false).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Conflict);
    assert!(e.message().contains("home1.hem"), "{e}");
    assert_eq!(scene.proves(&real, NOW).unwrap().device, scene.hem);
    simulate(true).unwrap();
    assert_eq!(scene.proves(&real, NOW), None);
    assert_eq!(scene.registry.list().len(), 1);
}

#[test]
fn a_town_is_enrolled_by_one_write_and_each_device_is_found() {
    let scene = Scene::new();
    scene.enroll(ProofKind::Certificate);
    let mut town: Vec<DeviceName> = (0..12_500).map(|n| format!("home{n}.hem").parse().unwrap()).collect();
    town.push(town[7].clone());
    let bundles = scene.registry.enroll_many(&town, ProofKind::Secret, &scene.at(NOW)).unwrap();
    assert!(bundles.iter().map(|bundle| &bundle.device).eq(&town));
    assert_eq!(scene.registry.list().len(), 12_500);
    assert_eq!(scene.proves(&bundles[7], NOW), None, "of one that stands twice the last counts");
    for bundle in bundles.iter().skip(8) {
        assert_eq!(scene.proves(bundle, NOW).unwrap().device, bundle.device);
    }
}

#[test]
fn another_process_sees_a_change() {
    let scene = Scene::new();
    let reader = Registry::open(&scene.folder.path().join("devices.json")).unwrap();
    assert!(!reader.refresh().unwrap());
    let bundle = scene.enroll(ProofKind::Secret);
    assert!(reader.refresh().unwrap());
    assert!(reader.verify(Proof::Secret(&bundle.credential.unwrap()), NOW).is_ok());
}

/// As the version before wrote it: a secret `5f1e`, and a certificate.
const VERSION_1: &str = r#"{
  "version": 1,
  "devices": {
    "00112233aabbccdd": {
      "device": "home1.hem",
      "enrolled_us": 1763000000000000,
      "secret": {"salt": "00", "hmac_sha256": "HASH"}
    },
    "ffee": {
      "device": "acme/home2.pv",
      "enrolled_us": 1763000000000001,
      "simulated": true,
      "certificate": {"fingerprint": "ffee"}
    }
  }
}"#;

#[test]
fn a_file_of_version_1_is_read_and_becomes_one_of_version_2_with_the_next_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("devices.json");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"00");
    let hash = crate::gateway::certificates::hex(ring::hmac::sign(&key, b"5f1e").as_ref());
    std::fs::write(&path, VERSION_1.replace("HASH", &hash)).unwrap();

    let registry = Registry::open(&path).unwrap();
    let hem = registry.verify(Proof::Secret("mc_00112233aabbccdd_5f1e"), NOW).unwrap();
    assert_eq!(hem.device, "home1.hem".parse().unwrap());
    assert!(registry.verify(Proof::Secret("mc_00112233aabbccdd_5f1f"), NOW).is_err());
    let pv = registry.verify(Proof::Certificate("ffee"), NOW).unwrap().device;
    assert_eq!(pv, "acme/home2.pv".parse().unwrap());

    let rate = Some(PointRate::new(5.0, None).unwrap());
    registry.limit(&pv, rate, NOW).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().contains("\"version\": 2"));
    let again = Registry::open(&path).unwrap();
    assert_eq!(again.verify(Proof::Secret("mc_00112233aabbccdd_5f1e"), NOW).unwrap(), hem, "its session would go on");
    let listed = again.list();
    assert_eq!((listed[0].simulated, listed[0].rate, listed[1].simulated), (true, rate, false));
}

#[test]
fn a_corrupt_registry_and_one_of_a_newer_version_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("devices.json");
    for (text, kind, words) in [
        ("{]", ErrorKind::Invalid, "devices.json is no device registry"),
        (r#"{"version":3,"devices":{},"more":1}"#, ErrorKind::Unsupported, "has version 3, expected 1 or 2"),
    ] {
        std::fs::write(&path, text).unwrap();
        let e = Registry::open(&path).unwrap_err();
        assert!(e.kind() == kind && e.message().contains(words), "{e}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
