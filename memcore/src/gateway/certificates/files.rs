//! Certificates and keys as they lie in files, and whether a device could verify them.

use std::path::Path;
use std::sync::Arc;

use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
use rustls::Error::InvalidCertificate;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::served::is_about_names;
use crate::error::{Error, Result};
use crate::gateway::private_file;
use crate::model::Timestamp;

fn read(path: &Path) -> Result<String> {
    private_file::read(path)?.ok_or_else(|| Error::not_found(format!("{} does not exist", path.display())))
}

pub(super) fn load_identity(chain: &Path, key: &Path) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
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
pub(super) fn brought_anchor(
    chain: &[CertificateDer<'static>],
    path: &Path,
    ca: Option<&Path>,
    now: Timestamp,
) -> Result<String> {
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
        Ok(()) => Ok(anchor_pem),
        Err(e) if is_about_names(&e) => Ok(anchor_pem),
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

pub(super) fn verified(
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
