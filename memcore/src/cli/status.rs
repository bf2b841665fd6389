//! `memcore status`.

use clap::Args;

use super::{Common, format};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::LocalClient;

/// How the server that runs on a site is: where it listens, who is connected, until when its certificate lasts
#[derive(Debug, Args)]
pub(super) struct Status {
    /// JSON
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let status = LocalClient::of(&common.config(None)?.path).status().await?;
        if self.json {
            let text = serde_json::to_string(&status).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
            format::print(&text)?;
            return Ok(0);
        }
        let connected = status.devices.iter().filter(|device| device.connected).count();
        format::print(&format!("listens on {}", status.address))?;
        format::print(&format!("{connected} of {} devices connected", status.devices.len()))?;
        format::print(&format!("{} points stored since its start", status.points_durable))?;
        let ends = status.certificate.ends.map_or("at an unknown time".into(), |ends| ends.to_string());
        format::print(&format!("its certificate ends {ends}"))?;
        if let Some(reason) = &status.certificate.refused {
            format::print(&format!("certificate files that are not in use: {reason}"))?;
        }
        Ok(0)
    }
}
