//! `memcore devices`.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Common, format};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, DeviceName, SystemClock};
use crate::runtime::{Enrolment, LocalClient, ProofKind};

#[derive(Debug, Subcommand)]
pub(super) enum Devices {
    /// Enrol a device and print what it needs, once: its secret, or certificate, and the server's CA
    Enroll {
        /// `site.device`, such as home1.hem
        name: DeviceName,
        /// Proof by a client certificate instead of a secret
        #[arg(long)]
        certificate: bool,
        /// Where the device reaches the server
        #[arg(long, value_name = "HOST:PORT")]
        server: Option<String>,
        /// Write the bundle to a file that only you can read
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// List the enrolled devices
    List {
        /// JSON lines instead of a table
        #[arg(long)]
        json: bool,
    },
    /// End a device's enrolment; a running server drops its connection
    Revoke {
        /// `site.device`
        name: DeviceName,
    },
}

impl Devices {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let enrolment = Enrolment::open(&config)?;
        let running = LocalClient::of(&config.path).status().await.ok();
        match self {
            Self::Enroll { name, certificate, server, out } => {
                let proof = if *certificate { ProofKind::Certificate } else { ProofKind::Secret };
                // A running server may listen on another port than the configuration says.
                let actual = running.map(|status| format!("localhost:{}", status.address.port()));
                let bundle = enrolment.enroll(name, proof, server.as_deref().or(actual.as_deref()))?;
                let text =
                    serde_json::to_string_pretty(&bundle).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
                match out {
                    Some(file) => write_private(file, &text)?,
                    None => drop(format::print(&text)?),
                }
                format::note(&format!("{name} is enrolled; this is shown only once"));
            }
            Self::Revoke { name } => {
                enrolment.revoke(name)?;
                format::note(&format!("{name} is no longer enrolled"));
            }
            Self::List { json } => {
                let now = SystemClock::default().now();
                let mut table = format::table(&["device", "proof", "enrolled", "connected", "last heard", "points"]);
                format::right(&mut table, &[5]);
                for enrolled in enrolment.list() {
                    let status = running
                        .as_ref()
                        .and_then(|running| running.devices.iter().find(|status| status.device == enrolled.device));
                    if *json {
                        let line = serde_json::json!({ "device": enrolled.device, "proof": enrolled.proof,
                            "simulated": enrolled.simulated,
                            "enrolled_us": enrolled.enrolled, "connected": status.map(|status| status.connected),
                            "last_seen_us": status.and_then(|status| status.last_seen),
                            "points": status.map(|status| status.points) });
                        format::print(&line.to_string())?;
                        continue;
                    }
                    let connected = status.map_or("-", |status| if status.connected { "yes" } else { "no" });
                    let heard = status.and_then(|status| status.last_seen);
                    table.add_row([
                        enrolled.device.to_string(),
                        if enrolled.simulated { format!("{}, simulated", enrolled.proof) } else { enrolled.proof.into() },
                        enrolled.enrolled.to_string(),
                        connected.into(),
                        heard.map_or("-".into(), |heard| format!("{} ago", format::ago(now, heard))),
                        status.map_or("-".into(), |status| status.points.to_string()),
                    ]);
                }
                if !json {
                    format::print(&table.to_string())?;
                }
            }
        }
        Ok(0)
    }
}

/// A file with a secret in it, readable by its owner only; an existing file is not overwritten.
fn write_private(file: &Path, text: &str) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(file);
    opened.and_then(|mut file| writeln!(file, "{text}")).map_err(|e| Error::io(format!("write {}", file.display()), e))
}
