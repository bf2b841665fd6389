//! What a device is given at its enrolment: the file that carries its identity from the server to the device.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::DeviceName;

/// What is handed to a device once, at its enrolment: who it is, where its server is, and how each proves itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Who the device is.
    pub device: DeviceName,
    /// Where the server listens: `host:port`.
    pub server: String,
    /// The CA that the server's certificate must come from, in PEM.
    pub ca_pem: String,
    /// The secret, where that is its proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// The client certificate, where that is its proof, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_pem: Option<String>,
    /// The certificate's key, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_pem: Option<String>,
}

/// Secrets stay out of logs.
impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle").field("device", &self.device).field("server", &self.server).finish_non_exhaustive()
    }
}

impl Bundle {
    /// A device that has not been enrolled yet, for what is to be checked before it is.
    #[cfg(feature = "adapters")]
    pub(crate) fn nowhere(device: &DeviceName) -> Self {
        let (device, server, ca_pem) = (device.clone(), String::new(), String::new());
        Self { device, server, ca_pem, credential: None, certificate_pem: None, key_pem: None }
    }

    /// Reads a bundle as `memcore devices enroll` prints it.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the file is no bundle, [`Io`](crate::ErrorKind::Io) where it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(format!("read {}", path.display()), e))?;
        serde_json::from_str(&text).map_err(|e| Error::invalid(format!("{} is no device bundle: {e}", path.display())))
    }
}
