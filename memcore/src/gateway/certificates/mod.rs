//! The site's own certificate authority, the server's certificate, and those of devices.
//!
//! On the first start a CA and a server certificate are made under `tls/`; later starts use them, and renew the server's
//! when its names change or its end is near, also while they run. Several processes may be the first: a lock lets one make them, and the others
//! find them. A certificate of the operator's own takes their place by configuration. Files that change are taken over for
//! those who connect from then on; what cannot be used is refused, and the earlier stays in use.

mod authority;
mod files;
mod served;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rcgen::KeyPair;
use ring::digest;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};

use self::authority::{issue, issue_server, open_ca, renewal_due};
use self::served::{Served, Shown, stamps};
use super::private_file;
use crate::error::{Error, Result};
use crate::model::{DeviceName, Span, Timestamp};
use crate::protocol::Encoding;

/// How long what was refused is not looked at again unless it changes.
const RETRY: Span = Span::from_seconds(60);

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
    folder: PathBuf,
    identity: Identity,
    /// The site's own CA: devices' certificates come from it.
    own_ca_pem: String,
    own_ca_key: KeyPair,
    /// What the gateway shows to those who connect.
    shown: Arc<Shown>,
    watched: Mutex<Watched>,
}

/// What was last seen of the files.
#[derive(Debug, Default)]
struct Watched {
    /// The files in use; those that were refused, and when; those that were seen last and may still be being written.
    taken: served::Stamps,
    refused: Option<(served::Stamps, Timestamp)>,
    seen: Option<served::Stamps>,
    /// Why the last files were refused, until some are taken.
    reason: Option<String>,
}

/// What a look at the certificate files has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// A new certificate is shown from now on; when it ends.
    Taken(Option<Timestamp>),
    /// The files have changed into what cannot be used, or cannot be renewed; why. Said once.
    Refused(String),
}

/// The server's certificate, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerCertificate {
    /// When it ends.
    pub ends: Option<Timestamp>,
    /// Its SHA-256.
    pub fingerprint: String,
    /// Why what lies in its files now is not in use, where that is so.
    pub refused: Option<String>,
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
        if let Identity::OwnAuthority { names } = identity {
            issue_server(folder, &own_ca_pem, &own_ca_key, names, now)?;
        }
        let taken = stamps(folder, identity);
        let shown = Arc::new(Shown::new(Served::load(folder, identity, &own_ca_pem, now)?));
        let watched = Mutex::new(Watched { taken, ..Watched::default() });
        Ok(Self { folder: folder.to_owned(), identity: identity.clone(), own_ca_pem, own_ca_key, shown, watched })
    }

    /// The CA that the server's certificate comes from, in PEM: what a device needs to know its server. It is the site's own
    /// unless the operator has brought a certificate.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.shown.now().ca_pem.clone()
    }

    /// The server's certificate, as it stands.
    #[must_use]
    pub fn server(&self) -> ServerCertificate {
        let (shown, refused) = (self.shown.now(), self.watched().reason.clone());
        ServerCertificate { ends: shown.ends, fingerprint: shown.fingerprint.clone(), refused }
    }

    /// Looks whether the files have changed, or the site's own certificate is to be renewed; `None` where all is as it was.
    /// Call it every second or so: files are taken when two looks in a row find them the same, so that nobody takes them
    /// while they are being written. It reads, and may write, files.
    pub fn refresh(&self, now: Timestamp) -> Option<Reloaded> {
        if let Err(e) = self.renew(now) {
            return self.refuse(None, e.to_string(), now);
        }
        let found = stamps(&self.folder, &self.identity);
        let mut watched = self.watched();
        if found == watched.taken {
            // What was refused has been put back: nothing is amiss any more.
            if watched.refused.take().is_some() {
                watched.reason = None;
            }
            return None;
        }
        // What was refused may become good by itself, when its time has come.
        let soon = |since: Timestamp| (0..RETRY.as_micros()).contains(&now.since(since).as_micros());
        if watched.refused.as_ref().is_some_and(|(refused, since)| *refused == found && soon(*since)) {
            return None;
        }
        if watched.seen.replace(found) != Some(found) {
            return None;
        }
        drop(watched);
        let fresh = Served::load(&self.folder, &self.identity, &self.own_ca_pem, now);
        match fresh.and_then(|fresh| fresh.follows(&self.shown.now(), now)) {
            Ok(fresh) => {
                let ends = fresh.ends;
                self.shown.show(fresh);
                *self.watched() = Watched { taken: found, ..Watched::default() };
                Some(Reloaded::Taken(ends))
            }
            Err(e) => self.refuse(Some(found), e.to_string(), now),
        }
    }

    /// Renews the site's own certificate in time, into its files.
    fn renew(&self, now: Timestamp) -> Result<()> {
        let Identity::OwnAuthority { names } = &self.identity else { return Ok(()) };
        if !renewal_due(self.shown.now().ends, now) {
            return Ok(());
        }
        let _lock = private_file::lock(&self.folder.join("lock"))?;
        issue_server(&self.folder, &self.own_ca_pem, &self.own_ca_key, names, now)
    }

    /// Says a reason once.
    fn refuse(&self, found: Option<served::Stamps>, reason: String, now: Timestamp) -> Option<Reloaded> {
        let mut watched = self.watched();
        watched.refused = found.map(|found| (found, now)).or_else(|| watched.refused.take());
        let new = watched.reason.as_ref() != Some(&reason);
        watched.reason = Some(reason.clone());
        new.then_some(Reloaded::Refused(reason))
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Issues a client certificate to a device.
    ///
    /// # Errors
    /// [`Internal`](crate::error::ErrorKind::Internal) where signing fails.
    pub fn issue_client(&self, device: &DeviceName, now: Timestamp) -> Result<ClientCertificate> {
        issue(device, &self.own_ca_key, now)
    }

    /// The TLS side of the gateway: TLS 1.3, and 1.2 only where asked for; a client certificate is taken but not demanded. It
    /// shows what these certificates have after every [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the site's CA cannot verify clients.
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
            .with_cert_resolver(self.shown.clone());
        config.alpn_protocols = Encoding::ALL.iter().map(|encoding| encoding.alpn().to_vec()).collect();
        // Devices on bad links reconnect often: a ticket saves them the full handshake, and the server keeps no state for it.
        config.ticketer = rustls::crypto::ring::Ticketer::new()
            .map_err(|e| Error::new(crate::error::ErrorKind::Internal, e.to_string()))?;
        config.send_tls13_tickets = 1;
        Ok(Arc::new(config))
    }
}

#[cfg(feature = "rest")]
impl Certificates {
    /// TLS for browsers and programs that speak HTTP, with the same certificate, exchanged when it is.
    ///
    /// # Errors
    /// [`Internal`](crate::error::ErrorKind::Internal) where TLS cannot be set up at all.
    pub fn https_config(&self) -> Result<ServerConfig> {
        let failed = |e: rustls::Error| Error::new(crate::error::ErrorKind::Internal, e.to_string());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(failed)?
            .with_no_client_auth()
            .with_cert_resolver(self.shown.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(failed)?;
        Ok(config)
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
