//! Connections that memcore makes to servers of others: web hooks, sign-in providers.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// TLS as everywhere in memcore, on ring, against the certificates that the system trusts. It reads them all: not to be called before
/// there is somebody to connect to.
pub(crate) fn tls() -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| Error::new(ErrorKind::Internal, format!("TLS to others: {e}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
