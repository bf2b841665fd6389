use super::authority::SERVER_DAYS;
use super::*;
use crate::model::Span;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const NOW: Timestamp = Timestamp::from_seconds(1_763_000_000);

fn own() -> Identity {
    Identity::OwnAuthority { names: vec!["gateway.example".into()] }
}

#[test]
fn the_first_start_makes_private_keys_and_later_starts_keep_them() {
    let folder = tempfile::tempdir().unwrap();
    let tls = folder.path().join("tls");
    let first = Certificates::open(&tls, &own(), NOW).unwrap();
    for (file, mode) in [("ca.key", 0o600), ("server.key", 0o600), (".", 0o700)] {
        let have = std::fs::metadata(tls.join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(have, mode, "{file} has {have:o}");
    }
    let second = Certificates::open(&tls, &own(), NOW).unwrap();
    assert_eq!((first.ca_pem(), first.server().fingerprint), (second.ca_pem(), second.server().fingerprint));
    second.server_config(false).unwrap();
}

#[test]
fn the_server_certificate_is_renewed_before_its_end_and_when_names_change() {
    let folder = tempfile::tempdir().unwrap();
    let first = Certificates::open(folder.path(), &own(), NOW).unwrap();
    let later = NOW.saturating_add(Span::from_seconds(86_400 * (SERVER_DAYS - 10)));
    let renewed = Certificates::open(folder.path(), &own(), later).unwrap();
    assert_ne!(first.server().fingerprint, renewed.server().fingerprint);
    let named = Certificates::open(folder.path(), &Identity::OwnAuthority { names: vec![] }, later).unwrap();
    assert_ne!(named.server().fingerprint, renewed.server().fingerprint);
    assert_eq!(first.ca_pem(), named.ca_pem());
}

#[test]
fn many_that_open_a_fresh_folder_at_once_agree_on_one_ca() {
    let folder = tempfile::tempdir().unwrap();
    let tls = folder.path().join("tls");
    let start = std::sync::Barrier::new(8);
    let opened: Vec<Certificates> = std::thread::scope(|scope| {
        let open = || {
            start.wait();
            Certificates::open(&tls, &own(), NOW).unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let later = Certificates::open(&tls, &own(), NOW).unwrap();
    for certificates in &opened {
        assert_eq!(
            (certificates.ca_pem(), certificates.server().fingerprint),
            (later.ca_pem(), later.server().fingerprint)
        );
        assert_eq!(certificates.own_ca_key.serialize_pem(), later.own_ca_key.serialize_pem());
        certificates.server_config(false).unwrap();
    }
    let left = std::fs::read_dir(&tls).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().ends_with(".new")));
}

#[test]
fn a_ca_and_a_key_that_do_not_belong_together_are_refused_and_a_new_ca_renews_the_server() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Certificates::open(folder.path(), &own(), NOW).unwrap();
    Certificates::open(other.path(), &own(), NOW).unwrap();
    std::fs::copy(other.path().join("ca.key"), folder.path().join("ca.key")).unwrap();
    let e = Certificates::open(folder.path(), &own(), NOW).unwrap_err();
    assert!(e.message().contains("ca.key is not the key of"), "{e}");
    std::fs::remove_file(folder.path().join("ca.pem")).unwrap();
    let renewed = Certificates::open(folder.path(), &own(), NOW).unwrap();
    assert_ne!(first.ca_pem(), renewed.ca_pem());
    assert_ne!(first.server().fingerprint, renewed.server().fingerprint);
}

#[test]
fn files_that_hold_something_else_are_named() {
    let folder = tempfile::tempdir().unwrap();
    Certificates::open(folder.path(), &own(), NOW).unwrap();
    let (certificate, key) = (folder.path().join("brought.pem"), folder.path().join("server.key"));
    std::fs::write(&certificate, "hello").unwrap();
    let e = Certificates::open(folder.path(), &Identity::Brought { certificate, key, ca: None }, NOW).unwrap_err();
    assert!(e.message().contains("brought.pem"), "{e}");
    std::fs::write(folder.path().join("ca.key"), "hello").unwrap();
    let e = Certificates::open(folder.path(), &own(), NOW).unwrap_err();
    assert!(e.message().contains("ca.key holds no private key"), "{e}");
    std::fs::remove_file(folder.path().join("ca.key")).unwrap();
    assert!(Certificates::open(folder.path(), &own(), NOW).unwrap_err().message().contains("missing"));
}

fn days(days: i64) -> Timestamp {
    NOW.saturating_add(Span::from_seconds(86_400 * days))
}

/// Two looks: files are taken when they are seen the same twice.
fn look(certificates: &Certificates, now: Timestamp) -> Option<Reloaded> {
    certificates.refresh(now).or_else(|| certificates.refresh(now))
}

#[test]
fn the_sites_own_certificate_is_renewed_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::open(folder.path(), &own(), NOW).unwrap();
    let first = certificates.server();
    let ends = first.ends.unwrap();
    assert_eq!((ends, look(&certificates, days(SERVER_DAYS - 40))), (midnight(days(SERVER_DAYS)), None));
    let Some(Reloaded::Taken(Some(later))) = look(&certificates, days(SERVER_DAYS - 10)) else { panic!("not renewed") };
    assert!(later > ends && certificates.server().fingerprint != first.fingerprint);
    assert_eq!(look(&certificates, days(SERVER_DAYS - 9)), None, "once");
}

/// Certificates of the own CA end at midnight.
fn midnight(time: Timestamp) -> Timestamp {
    Timestamp::from_seconds(time.as_micros() / 1_000_000 / 86_400 * 86_400)
}

/// An operator's CA, from which certificates can be had for any days.
struct Operator {
    folder: tempfile::TempDir,
    ca: rcgen::CertificateParams,
    ca_key: KeyPair,
}

impl Operator {
    fn new() -> Self {
        let mut ca = rcgen::CertificateParams::default();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let operator = Self { folder: tempfile::tempdir().unwrap(), ca, ca_key: KeyPair::generate().unwrap() };
        fs::write(operator.file("ca.pem"), operator.ca.clone().self_signed(&operator.ca_key).unwrap().pem()).unwrap();
        operator
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Certificate and key in PEM, valid from one year to another.
    fn issue(&self, from: i32, until: i32) -> (String, String) {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().unwrap();
        let issuer = rcgen::Issuer::new(self.ca.clone(), &self.ca_key);
        (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
    }

    fn install(&self, (certificate, key): &(String, String)) {
        fs::write(self.file("server.pem"), certificate).unwrap();
        fs::write(self.file("server.key"), key).unwrap();
    }

    fn open(&self) -> Certificates {
        self.install(&self.issue(2025, 2030));
        let (certificate, key) = (self.file("server.pem"), self.file("server.key"));
        let identity = Identity::Brought { certificate, key, ca: Some(self.file("ca.pem")) };
        Certificates::open(&self.file("tls"), &identity, NOW).unwrap()
    }
}

#[test]
fn what_cannot_be_used_keeps_the_old_one_in_use_and_is_said_once() {
    let (operator, stranger) = (Operator::new(), Operator::new());
    let (certificates, good) = (operator.open(), operator.issue(2025, 2032));
    let first = certificates.server();
    let other = operator.issue(2025, 2032);
    let half = (good.0[..good.0.len() / 2].to_owned(), good.1.clone());
    let mismatched = (good.0.clone(), other.1);
    for (what, files, words) in [
        ("half written", half, "server.pem"),
        ("empty", (String::new(), String::new()), "holds no certificate"),
        ("mismatched", mismatched, "do not belong together"),
        ("expired", operator.issue(2020, 2024), "expired"),
        ("not yet valid", operator.issue(2027, 2032), "not valid yet"),
        ("of a wrong CA", stranger.issue(2025, 2032), "server.pem"),
    ] {
        operator.install(&files);
        let Some(Reloaded::Refused(reason)) = look(&certificates, NOW) else { panic!("{what} was taken") };
        assert!(reason.contains(words), "{what}: {reason}");
        assert_eq!(look(&certificates, NOW), None, "{what} is said once");
        assert_eq!(certificates.server(), ServerCertificate { refused: Some(reason), ..first.clone() });
    }

    operator.install(&good);
    assert_eq!(look(&certificates, NOW), Some(Reloaded::Taken("2032-01-01T00:00:00Z".parse().ok())));
    assert!(certificates.server().fingerprint != first.fingerprint && certificates.server().refused.is_none());
}

#[test]
fn a_certificate_whose_time_comes_is_taken_then_without_a_change_of_its_file() {
    let operator = Operator::new();
    let certificates = operator.open();
    operator.install(&operator.issue(2026, 2032));
    assert!(matches!(look(&certificates, NOW), Some(Reloaded::Refused(_))));
    let then = "2026-01-01T00:00:00Z".parse().unwrap();
    assert!(matches!(look(&certificates, then), Some(Reloaded::Taken(_))));
}

#[test]
fn a_ca_that_devices_do_not_know_is_not_taken_alone_but_beside_the_one_they_know() {
    let (operator, next) = (Operator::new(), Operator::new());
    let certificates = operator.open();
    let (before, known) = (certificates.ca_pem(), fs::read_to_string(operator.file("ca.pem")).unwrap());
    let new = fs::read_to_string(next.file("ca.pem")).unwrap();
    fs::write(operator.file("ca.pem"), &new).unwrap();
    operator.install(&next.issue(2025, 2032));
    let Some(Reloaded::Refused(reason)) = look(&certificates, NOW) else { panic!("every device would be cut off") };
    assert!(reason.contains("no device that is enrolled"), "{reason}");
    assert_eq!(certificates.ca_pem(), before);

    // Bundles from now on know both.
    fs::write(operator.file("ca.pem"), format!("{known}{new}")).unwrap();
    operator.install(&operator.issue(2025, 2032));
    assert!(matches!(look(&certificates, NOW), Some(Reloaded::Taken(_))));
    assert!(certificates.ca_pem().matches("BEGIN CERTIFICATE").count() == 2);
}
