//! The TLS that follows from a device's bundle: whom it trusts, and how it proves itself.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{Bundle, Encoding};

/// The name under which the server proves itself.
pub(crate) fn server_name(bundle: &Bundle) -> Result<ServerName<'static>> {
    let host = bundle.server.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']));
    let wrong = || Error::invalid(format!("bundle: server is {:?}, expected host:port", bundle.server));
    ServerName::try_from(host.ok_or_else(wrong)?.to_owned()).map_err(|_| wrong())
}

/// Offers the encoding that is wished for, and JSON lines to a server that knows no other.
pub(crate) fn client_config(bundle: &Bundle, encoding: Encoding) -> Result<Arc<ClientConfig>> {
    let wrong = |what: String| Error::invalid(format!("bundle of {}: {what}", bundle.device));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.ca_pem.as_bytes()) {
        let certificate = certificate.map_err(|e| wrong(format!("ca_pem is no certificate: {e}")))?;
        roots.add(certificate).map_err(|e| wrong(format!("ca_pem cannot be trusted: {e}")))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?
        .with_root_certificates(roots);
    let mut config = match (&bundle.certificate_pem, &bundle.key_pem) {
        (Some(certificate), Some(key)) => {
            let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<Vec<_>, _>>();
            let chain = chain.map_err(|e| wrong(format!("certificate_pem: {e}")))?;
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|e| wrong(format!("key_pem: {e}")))?;
            builder.with_client_auth_cert(chain, key).map_err(|e| wrong(format!("certificate_pem and key_pem: {e}")))?
        }
        _ => builder.with_no_client_auth(),
    };
    let mut offered = vec![encoding, Encoding::JsonLines];
    offered.dedup();
    config.alpn_protocols = offered.into_iter().map(|encoding| encoding.alpn().to_vec()).collect();
    Ok(Arc::new(config))
}
