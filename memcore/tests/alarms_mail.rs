//! Mail over TLS: to a server whose certificate is good, and not a word of it to any other.
#![cfg(feature = "rest")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use memcore::alarms::Notifier;
use memcore::model::Name;
use memcore::{Alarms, Config, Server};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Who signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// What a server of that name needs for TLS.
    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        let chain = vec![CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
    }
}

/// How a mail server protects what it is told.
#[derive(Clone, Copy, PartialEq)]
enum Protects {
    FromTheFirstByte,
    AfterStarttls,
    /// It has forgotten how.
    Never,
}

/// What a mail server has heard.
#[derive(Debug, Default)]
struct Heard {
    /// Lines that were not protected.
    plain: Vec<String>,
    /// Lines that were.
    protected: Vec<String>,
}

struct MailServer {
    port: u16,
    heard: Arc<Mutex<Heard>>,
}

impl MailServer {
    async fn start(protects: Protects, acceptor: TlsAcceptor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, heard) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Heard::default())));
        let hears = heard.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (hears, acceptor) = (hears.clone(), acceptor.clone());
                tokio::spawn(async move {
                    if protects != Protects::FromTheFirstByte {
                        let _ = stream.write_all(b"220 localhost\r\n").await;
                        let offers = protects == Protects::AfterStarttls;
                        let note = |line: &str| hears.lock().unwrap().plain.push(line.to_owned());
                        if !converse(&mut stream, offers, note).await {
                            return;
                        }
                    }
                    // One that does not like the certificate hangs up.
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    if protects == Protects::FromTheFirstByte {
                        let _ = stream.write_all(b"220 localhost\r\n").await;
                    }
                    converse(&mut stream, false, |line| hears.lock().unwrap().protected.push(line.to_owned())).await;
                });
            }
        });
        Self { port, heard }
    }

    fn plain(&self) -> Vec<String> {
        self.heard.lock().unwrap().plain.clone()
    }

    fn protected(&self) -> String {
        self.heard.lock().unwrap().protected.join("\n")
    }
}

/// Answers until the end, or until TLS is asked for where it is offered: then true.
async fn converse(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), offers: bool, note: impl Fn(&str)) -> bool {
    let mut stream = BufReader::new(stream);
    let (mut line, mut mail) = (String::new(), false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return false;
        }
        let said = line.trim_end();
        note(said);
        let answer = match said {
            "." if mail => {
                mail = false;
                "250 taken\r\n"
            }
            _ if mail => continue,
            "DATA" => {
                mail = true;
                "354 go on\r\n"
            }
            "STARTTLS" if offers => "220 go on\r\n",
            "QUIT" => "221 bye\r\n",
            _ if said.starts_with("EHLO") && offers => "250-localhost\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",
            _ if said.starts_with("EHLO") => "250-localhost\r\n250 AUTH PLAIN\r\n",
            _ if said.starts_with("AUTH") => "235 good\r\n",
            _ => "250 good\r\n",
        };
        if stream.write_all(answer.as_bytes()).await.is_err() || said == "QUIT" {
            return false;
        }
        if said == "STARTTLS" && offers {
            return true;
        }
    }
}

/// A server of ours that mails to that one.
struct Site {
    _folder: tempfile::TempDir,
    server: Server,
    notifier: Notifier,
}

fn local() -> Name {
    "local".parse().unwrap()
}

impl Site {
    async fn mailing(port: u16, tls: &str, ca: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(configured(folder.path(), port, tls, ca)).await.unwrap();
        let said = json!({"kind": "email", "name": "Ada", "to": ["ada@energy.example"]});
        let alarms = server.handle().alarms();
        let notifier = alarms.create_notifier(&local(), serde_json::from_value(said).unwrap(), "test").await.unwrap();
        Self { _folder: folder, server, notifier }
    }

    fn alarms(&self) -> Alarms {
        self.server.handle().alarms()
    }

    /// Why a test message could not be told.
    async fn problem(&self) -> Option<String> {
        let problem = self.alarms().test_notifier(&local(), &self.notifier.id).await.unwrap();
        let listed = self.alarms().notifiers(&local()).remove(0);
        assert_eq!(
            (&listed.last_problem, listed.last_sent.is_some()),
            (&problem, problem.is_none()),
            "it stands in the list"
        );
        problem
    }
}

fn configured(folder: &Path, port: u16, tls: &str, ca: Option<&Path>) -> Config {
    let mut smtp = json!({
        "server": "localhost", "port": port, "tls": tls, "from": "memcore <alarms@energy.example>",
        "user": "memcore", "password": "a secret of ours",
    });
    if let Some(ca) = ca {
        smtp["ca"] = Value::from(ca.to_str().unwrap());
    }
    let mut config = Config::at(folder.join("site"));
    config.gateway.listen = "127.0.0.1:0".parse().unwrap();
    config.alarms = serde_json::from_value(json!({"smtp": smtp})).unwrap();
    config
}

fn written(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, text).unwrap();
    file
}

/// `memcore`, and its password, as SMTP says them.
const LOGIN: &str = "AUTH PLAIN AG1lbWNvcmUAYSBzZWNyZXQgb2Ygb3Vycw==";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_goes_to_a_server_whose_certificate_the_named_authority_signed() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new("ours"));
    let ca = written(&folder, &authority.pem);
    for (tls, protects) in [("starttls", Protects::AfterStarttls), ("tls", Protects::FromTheFirstByte)] {
        let office = MailServer::start(protects, authority.acceptor("localhost")).await;
        let site = Site::mailing(office.port, tls, Some(&ca)).await;
        assert_eq!(site.problem().await, None, "{tls}");
        let protected = office.protected();
        for word in [LOGIN, "RCPT TO:<ada@energy.example>", "This is a test: nothing is wrong.", "From: memcore"] {
            assert!(protected.contains(word), "{tls}: {word} in {protected}");
        }
        let plain = office.plain();
        let said: Vec<_> = plain.iter().map(|line| line.split(' ').next().unwrap()).collect();
        let expected: &[&str] = if tls == "starttls" { &["EHLO", "STARTTLS"] } else { &[] };
        assert_eq!(said, expected, "nothing else was said before TLS");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shows_a_certificate_that_is_not_good_is_told_nothing() {
    let (folder, ours, other) = (tempfile::tempdir().unwrap(), Authority::new("ours"), Authority::new("other"));
    let ca = written(&folder, &ours.pem);
    for (why, acceptor, ca, word) in [
        ("another signed it", other.acceptor("localhost"), Some(&ca), "UnknownIssuer"),
        ("the system trusts nobody who signed it", ours.acceptor("localhost"), None, "UnknownIssuer"),
        ("it is of another name", ours.acceptor("mail.example"), Some(&ca), "localhost"),
    ] {
        for (tls, protects) in [("starttls", Protects::AfterStarttls), ("tls", Protects::FromTheFirstByte)] {
            let office = MailServer::start(protects, acceptor.clone()).await;
            let site = Site::mailing(office.port, tls, ca.map(PathBuf::as_path)).await;
            let problem = site.problem().await.unwrap_or_else(|| panic!("{why}, {tls}: it was told"));
            assert!(problem.starts_with("the mail server: ") && problem.contains("certificate"), "{why}, {tls}: {problem}");
            assert!(problem.contains(word), "{why}, {tls}: {problem}");
            assert_eq!(office.protected(), "", "{why}, {tls}");
            let plain = office.plain();
            assert!(plain.iter().all(|line| line.starts_with("EHLO") || line == "STARTTLS"), "{why}, {tls}: {plain:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tls_nothing_is_told_however_the_server_puts_it() {
    let (folder, ours) = (tempfile::tempdir().unwrap(), Authority::new("ours"));
    let ca = written(&folder, &ours.pem);
    for tls in ["starttls", "tls"] {
        let office = MailServer::start(Protects::Never, ours.acceptor("localhost")).await;
        let site = Site::mailing(office.port, tls, Some(&ca)).await;
        let problem = site.problem().await.unwrap_or_else(|| panic!("{tls}: it was told"));
        assert!(problem.starts_with("the mail server: "), "{tls}: {problem}");
        let plain = office.plain().join("\n");
        assert!(!["AUTH", "MAIL", "RCPT", "DATA"].iter().any(|word| plain.contains(word)), "{tls}: {plain}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_the_authority_that_is_not_there_or_holds_none_is_named() {
    let (folder, ours) = (tempfile::tempdir().unwrap(), Authority::new("ours"));
    let office = MailServer::start(Protects::FromTheFirstByte, ours.acceptor("localhost")).await;
    let ca = folder.path().join("ca.pem");
    let site = Site::mailing(office.port, "tls", Some(&ca)).await;
    let problem = site.problem().await.unwrap();
    assert!(problem.contains("alarms.smtp.ca") && problem.contains("ca.pem"), "{problem}");
    for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        written(&folder, text);
        let problem = site.problem().await.unwrap_or_else(|| panic!("{text}: it was told"));
        assert_eq!(office.protected(), "", "{text}: {problem}");
    }
    // It is read anew for each mail.
    written(&folder, &ours.pem);
    assert_eq!(site.problem().await, None);

    let refused = Server::start(configured(folder.path(), office.port, "none", Some(&ca))).await.unwrap_err();
    assert!(refused.message().contains("alarms.smtp.ca is set, but tls is \"none\""), "{refused}");
}
