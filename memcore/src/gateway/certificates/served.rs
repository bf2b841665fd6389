//! What the gateway shows to those who connect: a certificate that may be exchanged while it runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::files::{brought_anchor, load_identity, verified};
use super::{Identity, fingerprint};
use crate::error::{Error, Result};
use crate::gateway::validity;
use crate::model::Timestamp;

/// A server's certificate with its key, and the CA that devices know it by.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) ca_pem: String,
    pub(super) ends: Option<Timestamp>,
    pub(super) fingerprint: String,
    pub(super) certified: Arc<CertifiedKey>,
}

impl Served {
    /// Reads what the files hold.
    pub(super) fn load(folder: &Path, identity: &Identity, own_ca_pem: &str, now: Timestamp) -> Result<Self> {
        let [certificate, key, ca] = paths(folder, identity);
        let (chain, key_der) = load_identity(&certificate, &key)?;
        let ca_pem = match identity {
            Identity::Brought { .. } => {
                brought_anchor(&chain, &certificate, Some(ca.as_path()).filter(|ca| *ca != certificate), now)?
            }
            Identity::OwnAuthority { .. } => own_ca_pem.to_owned(),
        };
        let (ends, fingerprint) = (validity::end(&chain[0]), fingerprint(&chain[0]));
        let provider = rustls::crypto::ring::default_provider();
        let certified = CertifiedKey::from_der(chain, key_der, &provider).map_err(|e| {
            Error::invalid(format!("{} and {} do not belong together: {e}", certificate.display(), key.display()))
        })?;
        Ok(Self { ca_pem, ends, fingerprint, certified: Arc::new(certified) })
    }

    /// Whether it may take the place of `earlier`: it is valid now, and devices that know the server by the CA of the
    /// earlier one would take it.
    pub(super) fn follows(self, earlier: &Self, now: Timestamp) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(earlier.ca_pem.as_bytes()).flatten());
        match verified(roots, &self.certified.cert, now) {
            Err(e) if !is_about_names(&e) => Err(Error::invalid(format!(
                "no device that is enrolled would take the new certificate: by the CA that they know, {e}"
            ))),
            _ => Ok(self),
        }
    }
}

/// What devices call the server is for them to see.
pub(super) fn is_about_names(e: &rustls::Error) -> bool {
    use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
    matches!(e, rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
}

/// Certificate, key, and the file of the CA; the same as the first where there is none.
fn paths(folder: &Path, identity: &Identity) -> [PathBuf; 3] {
    match identity {
        Identity::Brought { certificate, key, ca } => {
            [certificate.clone(), key.clone(), ca.as_ref().unwrap_or(certificate).clone()]
        }
        Identity::OwnAuthority { .. } => {
            let certificate = folder.join("server.pem");
            [certificate.clone(), folder.join("server.key"), certificate]
        }
    }
}

/// Tells states of the files apart: of each its time of change, number and length; nothing of one that is not there.
pub(super) type Stamps = [Option<(SystemTime, i64, u64, u64)>; 3];

pub(super) fn stamps(folder: &Path, identity: &Identity) -> Stamps {
    use std::os::unix::fs::MetadataExt;
    paths(folder, identity).map(|path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.ctime_nsec(), metadata.ino(), metadata.len()))
    })
}

/// The certificate that is shown at the moment.
#[derive(Debug)]
pub(super) struct Shown(RwLock<Arc<Served>>);

impl Shown {
    pub(super) fn new(served: Served) -> Self {
        Self(RwLock::new(Arc::new(served)))
    }

    pub(super) fn now(&self) -> Arc<Served> {
        self.0.read().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// From now on, for new handshakes; sessions go on under what they were shown.
    pub(super) fn show(&self, served: Served) {
        *self.0.write().unwrap_or_else(|e| e.into_inner()) = Arc::new(served);
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now().certified.clone())
    }
}
