//! The boards that a server polls itself: each is a device of its own gateway, like any other, with an identity that stays.
//!
//! At its first start a board is enrolled, and what it proves itself with is kept in the site's folder (`boards/`, for its owner
//! alone). So it can be listed and revoked as any device, and a board that was revoked stays so.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::config::HemBoardConfig;
use crate::adapters::hem::HemBoard;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{Certificates, Registry, create_private_folder, replace_private_file};
use crate::model::{DeviceName, ProofKind, Timestamp};
use crate::protocol::Bundle;
use crate::runtime::audit::{Act, Audit};

/// The boards of a server. Dropping them stops polling.
#[derive(Debug, Default)]
pub(crate) struct Boards(Vec<HemBoard>);

/// Where boards get their identity, and where they find the gateway.
pub(crate) struct Home<'a> {
    pub(crate) site: &'a Path,
    pub(crate) registry: &'a Registry,
    pub(crate) certificates: &'a Certificates,
    pub(crate) audit: &'a Audit,
    /// `host:port`, as the server's certificate has it.
    pub(crate) server: String,
    pub(crate) now: Timestamp,
}

impl<'a> Home<'a> {
    /// A gateway on all interfaces or on the loopback one is found as `localhost`, another by its address. A certificate of
    /// the operator's own may have neither: then by the first of its names.
    pub(crate) fn server(address: SocketAddr, names: &[String], brought: bool) -> String {
        let near = address.ip().is_loopback() || address.ip().is_unspecified();
        match (brought.then(|| names.first()).flatten(), near) {
            (Some(name), _) => format!("{name}:{}", address.port()),
            (None, true) => format!("localhost:{}", address.port()),
            (None, false) => address.to_string(),
        }
    }

    fn bundle(&self, device: &DeviceName) -> Result<Bundle> {
        let path = self.path(device, "json");
        if path.exists() {
            let kept = Bundle::read(&path)?;
            let (server, ca_pem) = (self.server.clone(), self.certificates.ca_pem().to_owned());
            return Ok(Bundle { server, ca_pem, ..kept });
        }
        if self.registry.list().iter().any(|enrolled| enrolled.device == *device) {
            let message = format!(
                "hem.boards: device {device} is enrolled already, and another may have its identity: expected a name of its own, \
                 or that one revoked before (memcore devices revoke {device})"
            );
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let bundle = self.registry.enroll_secret(device, &self.server, self.certificates, self.now)?;
        let enrolled = Act::Enrolled { device: device.clone(), proof: ProofKind::Secret, simulated: false };
        self.audit.say(Some("hem.boards".into()), enrolled);
        create_private_folder(&self.site.join("boards"))?;
        let text = serde_json::to_vec_pretty(&bundle).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
        replace_private_file(&path, &text)?;
        Ok(bundle)
    }

    fn path(&self, device: &DeviceName, ending: &str) -> PathBuf {
        // Names have no dots of their own, so that no two devices share a file.
        let DeviceName { operator, site, device } = device;
        self.site.join("boards").join(format!("{operator}.{site}.{device}.{ending}"))
    }
}

impl Boards {
    /// Begins to poll; whether a board is there is seen later.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where its device is enrolled otherwise, [`Io`](ErrorKind::Io) where its identity
    /// cannot be kept; else as [`HemBoard::start`].
    pub(crate) fn start(configured: &[HemBoardConfig], home: &Home<'_>) -> Result<Self> {
        let boards = configured.iter().map(|board| {
            let bundle = home.bundle(&board.device)?;
            tracing::info!(board = %board.address, device = %board.device, "polling a hem board");
            let mut options = board.options(bundle);
            options.state_folder = Some(home.path(&board.device, "state"));
            HemBoard::start(options)
        });
        boards.collect::<Result<_>>().map(Self)
    }

    /// Leased nodes go to their fallback while the gateway is still there.
    pub(crate) async fn close(self) {
        let closing: Vec<_> = self.0.into_iter().map(|board| tokio::spawn(async move { board.close().await })).collect();
        for board in closing {
            let _ = board.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_finds_the_gateway_by_a_name_that_its_certificate_has() {
        let server = |address: &str, brought| Home::server(address.parse().unwrap(), &["energy.example".into()], brought);
        assert_eq!(server("0.0.0.0:23123", false), "localhost:23123");
        assert_eq!(server("127.0.0.1:7", false), "localhost:7");
        assert_eq!(server("192.168.1.5:23123", false), "192.168.1.5:23123");
        assert_eq!(server("0.0.0.0:23123", true), "energy.example:23123");
        assert_eq!(Home::server("[::]:9".parse().unwrap(), &[], true), "localhost:9");
    }
}
