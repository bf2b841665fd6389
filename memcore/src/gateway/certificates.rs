//! The site's own certificate authority, the server's certificate, and those of devices.
//!
//! On the first start a CA and a server certificate are made under `tls/`; later starts use them, and renew the server's
//! when its names change or its end is near. Several processes may be the first: a lock lets one make them, and the others
//! find them. A certificate of the operator's own takes their place by configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData,
};
use ring::digest;
use rustls::CertificateError::{
    Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
};
use rustls::Error::InvalidCertificate;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};

use super::private_file;
use crate::error::{Error, Result};
use crate::model::{DeviceName, Span, Timestamp};
use crate::protocol::Encoding;

const CA_DAYS: i64 = 20 * 365;
const SERVER_DAYS: i64 = 2 * 365;
const DEVICE_DAYS: i64 = 5 * 365;
const RENEW_DAYS: i64 = 30;
const DAY: Span = Span::from_seconds(86_400);

/// Where the server's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Made and renewed by the site's own CA, for these names and addresses beside `localhost`.
    OwnAuthority {
        /// Host names and IP addresses under which devices reach the server.
        names: Vec<String>,
    },
    /// Brought by the operator.
    Brought {
        /// A PEM file: the server's certificate first, then its chain.
        certificate: PathBuf,
        /// A PEM file with its private key.
        key: PathBuf,
        /// A PEM file with the CA that devices are to know the server by; without one, the last certificate of the chain.
        ca: Option<PathBuf>,
    },
}

/// A device's certificate and key, as handed out once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// PEM.
    pub certificate_pem: String,
    /// PEM.
    pub key_pem: String,
}

/// The certificates of one site.
#[derive(Debug)]
pub struct Certificates {
    /// What the server's certificate comes from.
    ca_pem: String,
    /// The site's own CA: devices' certificates come from it.
    own_ca_pem: String,
    own_ca_key: KeyPair,
    server_chain: Vec<CertificateDer<'static>>,
    server_key: PrivateKeyDer<'static>,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Issued {
    /// The fingerprint of the CA: a new CA needs a new server certificate too.
    ca: String,
    names: Vec<String>,
    ends: String,
}

impl Certificates {
    /// Opens the certificates under `folder`, making what is missing.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where a file cannot be read or written, [`Invalid`](crate::ErrorKind::Invalid), naming
    /// the file, where one does not hold what it must, or where no device could verify a certificate that was brought.
    pub fn open(folder: &Path, identity: &Identity, now: Timestamp) -> Result<Self> {
        private_file::create_folder(folder)?;
        let _lock = private_file::lock(&folder.join("lock"))?;
        let (own_ca_pem, own_ca_key) = open_ca(folder, now)?;
        let ((server_chain, server_key), ca_pem) = match identity {
            Identity::Brought { certificate, key, ca } => {
                let (chain, key) = load_identity(certificate, key)?;
                let ca_pem = brought_anchor(&chain, certificate, ca.as_deref(), now)?;
                ((chain, key), ca_pem)
            }
            Identity::OwnAuthority { names } => {
                issue_server(folder, &own_ca_pem, &own_ca_key, names, now)?;
                (load_identity(&folder.join("server.pem"), &folder.join("server.key"))?, own_ca_pem.clone())
            }
        };
        Ok(Self { ca_pem, own_ca_pem, own_ca_key, server_chain, server_key })
    }

    /// The CA that the server's certificate comes from, in PEM: what a device needs to know its server. It is the site's own
    /// unless the operator has brought a certificate.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Issues a client certificate to a device.
    ///
    /// # Errors
    /// [`Internal`](crate::error::ErrorKind::Internal) where signing fails.
    pub fn issue_client(&self, device: &DeviceName, now: Timestamp) -> Result<ClientCertificate> {
        let key = KeyPair::generate().map_err(signing)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, device.to_string());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        validity(&mut params, now, DEVICE_DAYS);
        let certificate = params.signed_by(&key, &authority(&self.own_ca_key)).map_err(signing)?;
        Ok(ClientCertificate { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// The TLS side of the gateway: TLS 1.3, and 1.2 only where asked for; a client certificate is taken but not demanded.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the server's certificate and key do not belong together.
    pub fn server_config(&self, allow_tls12: bool) -> Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.own_ca_pem.as_bytes()) {
            let certificate = certificate.map_err(|e| Error::invalid(format!("tls/ca.pem is no certificate: {e}")))?;
            roots.add(certificate).map_err(|e| Error::invalid(format!("tls/ca.pem cannot be trusted: {e}")))?;
        }
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .allow_unauthenticated()
            .build()
            .map_err(|e| Error::invalid(format!("tls/ca.pem cannot verify clients: {e}")))?;
        let versions: &[_] =
            if allow_tls12 { &[&rustls::version::TLS13, &rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|e| Error::new(crate::error::ErrorKind::Internal, e.to_string()))?
            .with_client_cert_verifier(clients)
            .with_single_cert(self.server_chain.clone(), self.server_key.clone_key())
            .map_err(|e| Error::invalid(format!("the server's certificate and key do not fit: {e}")))?;
        config.alpn_protocols = Encoding::ALL.iter().map(|encoding| encoding.alpn().to_vec()).collect();
        // Devices on bad links reconnect often: a ticket saves them the full handshake, and the server keeps no state for it.
        config.ticketer = rustls::crypto::ring::Ticketer::new()
            .map_err(|e| Error::new(crate::error::ErrorKind::Internal, e.to_string()))?;
        config.send_tls13_tickets = 1;
        Ok(Arc::new(config))
    }
}

/// The SHA-256 of a certificate: how the registry knows it again.
pub(crate) fn fingerprint(certificate: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, certificate).as_ref())
}

/// The fingerprint of the first certificate of a PEM text.
pub(crate) fn pem_fingerprint(pem: &str) -> Result<String> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .map(|certificate| fingerprint(&certificate))
        .map_err(|e| Error::invalid(format!("no certificate in PEM: {e}")))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn signing(e: rcgen::Error) -> Error {
    Error::new(crate::error::ErrorKind::Internal, format!("cannot make a certificate: {e}")).caused_by(e)
}

fn open_ca(folder: &Path, now: Timestamp) -> Result<(String, KeyPair)> {
    let (pem_path, key_path) = (folder.join("ca.pem"), folder.join("ca.key"));
    match (private_file::read(&pem_path)?, private_file::read(&key_path)?) {
        (Some(pem), Some(key)) => {
            let key = KeyPair::from_pem(&key)
                .map_err(|e| Error::invalid(format!("{} holds no private key: {e}", key_path.display())))?;
            check_pair(&pem_path, &pem, &key_path, &key)?;
            Ok((pem, key))
        }
        // The key is written first: without the certificate beside it, nobody can have trusted it yet.
        (None, _) => {
            let key = KeyPair::generate().map_err(signing)?;
            let mut params = ca_params();
            validity(&mut params, now, CA_DAYS);
            let pem = params.self_signed(&key).map_err(signing)?.pem();
            private_file::replace(&key_path, key.serialize_pem().as_bytes())?;
            private_file::replace(&pem_path, pem.as_bytes())?;
            Ok((pem, key))
        }
        (Some(_), None) => Err(Error::invalid(format!(
            "{} is missing beside ca.pem: restore it, or remove ca.pem to start with a new CA (devices must be enrolled again)",
            key_path.display()
        ))),
    }
}

/// Certificates signed by another CA's key would be refused by everyone, with messages that lead nowhere near the cause.
fn check_pair(pem_path: &Path, pem: &str, key_path: &Path, key: &KeyPair) -> Result<()> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|e| Error::invalid(format!("{} is no PEM certificate: {e}", pem_path.display())))?;
    // A certificate holds its public key in the very bytes in which the key gives it.
    if memchr::memmem::find(&certificate, &key.subject_public_key_info()).is_some() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{} is not the key of {}: restore the two that belong together, or remove both to start with a new CA (devices must \
         be enrolled again)",
        key_path.display(),
        pem_path.display()
    )))
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "memcore site CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn authority(key: &KeyPair) -> Issuer<'static, &KeyPair> {
    Issuer::new(ca_params(), key)
}

fn validity(params: &mut CertificateParams, now: Timestamp, days: i64) {
    // A day of grace for devices whose clock is behind.
    let seconds = now.as_micros() / 1_000_000;
    let at = |offset_days: i64| {
        let civil = jiff::Timestamp::from_second(seconds + offset_days * 86_400).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = civil.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = at(-1);
    params.not_after = at(days);
}

fn issue_server(folder: &Path, ca_pem: &str, ca_key: &KeyPair, names: &[String], now: Timestamp) -> Result<()> {
    let ca = pem_fingerprint(ca_pem)?;
    let all: Vec<String> =
        ["localhost", "127.0.0.1", "::1"].into_iter().map(str::to_owned).chain(names.iter().cloned()).collect();
    let record_path = folder.join("server.json");
    let record = private_file::read(&record_path)?.and_then(|text| serde_json::from_str::<Issued>(&text).ok());
    let fresh = |issued: &Issued| {
        let ends = issued.ends.parse::<Timestamp>().unwrap_or(Timestamp::MIN);
        issued.ca == ca && issued.names == all && ends.since(now).as_micros() > RENEW_DAYS * DAY.as_micros()
    };
    if record.as_ref().is_some_and(fresh) && folder.join("server.pem").exists() && folder.join("server.key").exists() {
        return Ok(());
    }
    let key = KeyPair::generate().map_err(signing)?;
    let mut params = CertificateParams::new(all.clone())
        .map_err(|e| Error::invalid(format!("gateway.names: {names:?} has what is no host name or address: {e}")))?;
    params.distinguished_name.push(DnType::CommonName, "memcore gateway");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    validity(&mut params, now, SERVER_DAYS);
    let certificate = params.signed_by(&key, &authority(ca_key)).map_err(signing)?;
    let ends = now.saturating_add(Span::from_micros(SERVER_DAYS * DAY.as_micros())).to_string();
    private_file::replace(&folder.join("server.key"), key.serialize_pem().as_bytes())?;
    private_file::replace(&folder.join("server.pem"), certificate.pem().as_bytes())?;
    let record = serde_json::to_vec_pretty(&Issued { ca, names: all, ends }).unwrap_or_default();
    private_file::replace(&record_path, &record)
}

fn read(path: &Path) -> Result<String> {
    private_file::read(path)?.ok_or_else(|| Error::not_found(format!("{} does not exist", path.display())))
}

fn load_identity(chain: &Path, key: &Path) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(read(chain)?.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|e| Error::invalid(format!("{} is no PEM certificate: {e}", chain.display())))?;
    if certificates.is_empty() {
        return Err(Error::invalid(format!("{} holds no certificate", chain.display())));
    }
    let key_der = PrivateKeyDer::from_pem_slice(read(key)?.as_bytes())
        .map_err(|e| Error::invalid(format!("{} holds no private key: {e}", key.display())))?;
    Ok((certificates, key_der))
}

/// What devices are to trust where the operator brought the certificate, in PEM.
fn brought_anchor(chain: &[CertificateDer<'static>], path: &Path, ca: Option<&Path>, now: Timestamp) -> Result<String> {
    let source = ca.unwrap_or(path);
    let mut anchors = certificate_sections(&read(source)?);
    if ca.is_none() {
        anchors.drain(..anchors.len().saturating_sub(1));
    }
    let anchor_pem = anchors.concat();
    let mut roots = RootCertStore::empty();
    for anchor in CertificateDer::pem_slice_iter(anchor_pem.as_bytes()) {
        let wrong = |e: String| Error::invalid(format!("{} holds no CA that can be trusted: {e}", source.display()));
        roots.add(anchor.map_err(|e| wrong(e.to_string()))?).map_err(|e| wrong(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(Error::invalid(format!("{} holds no certificate", source.display())));
    }
    match verified(roots, chain, now) {
        // What devices call the server is for them to see.
        Ok(()) | Err(InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => Ok(anchor_pem),
        Err(InvalidCertificate(Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })) => {
            tracing::warn!(certificate = %path.display(), "the server's certificate is not valid now: devices will refuse it");
            Ok(anchor_pem)
        }
        Err(e) => {
            let hint = if ca.is_some() { "" } else { "; gateway.ca can name a file with the CA's certificate" };
            let (path, source) = (path.display(), source.display());
            Err(Error::invalid(format!("no device could verify {path} by the CA in {source}: {e}{hint}")))
        }
    }
}

/// The certificates of a PEM file, each as it stands there: what else is in the file is not for others.
fn certificate_sections(text: &str) -> Vec<String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let bodies = text.split(BEGIN).skip(1).filter_map(|rest| rest.split_once(END));
    bodies.map(|(body, _)| format!("{BEGIN}{body}{END}\n")).collect()
}

fn verified(
    roots: RootCertStore,
    chain: &[CertificateDer<'static>],
    now: Timestamp,
) -> std::result::Result<(), rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
        .build()
        .map_err(|e| rustls::Error::General(e.to_string()))?;
    let now = std::time::Duration::from_micros(now.as_micros().try_into().unwrap_or_default());
    let name = ServerName::from(std::net::IpAddr::from(std::net::Ipv4Addr::LOCALHOST));
    verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], UnixTime::since_unix_epoch(now)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!((first.ca_pem(), &first.server_chain), (second.ca_pem(), &second.server_chain));
        second.server_config(false).unwrap();
    }

    #[test]
    fn the_server_certificate_is_renewed_before_its_end_and_when_names_change() {
        let folder = tempfile::tempdir().unwrap();
        let first = Certificates::open(folder.path(), &own(), NOW).unwrap();
        let later = NOW.saturating_add(Span::from_seconds(86_400 * (SERVER_DAYS - 10)));
        let renewed = Certificates::open(folder.path(), &own(), later).unwrap();
        assert_ne!(first.server_chain, renewed.server_chain);
        let named = Certificates::open(folder.path(), &Identity::OwnAuthority { names: vec![] }, later).unwrap();
        assert_ne!(named.server_chain, renewed.server_chain);
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
            assert_eq!((certificates.ca_pem(), &certificates.server_chain), (later.ca_pem(), &later.server_chain));
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
        assert_ne!(first.server_chain, renewed.server_chain);
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
}
