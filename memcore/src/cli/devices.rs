//! `memcore devices`.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Common, format};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, DeviceName, DeviceProof, DeviceStatus, PointRate, ProofKind, Span, SystemClock, Timestamp};
use crate::runtime::{Enrolled, Enrolment, LocalClient, LocalStatus};

#[derive(Debug, Subcommand)]
pub(super) enum Devices {
    /// Enrol a device and print what it needs, once: its secret, or certificate, and the server's CA
    Enroll {
        /// `site.device`, such as home1.hem
        #[arg(required_unless_present = "list")]
        name: Option<DeviceName>,
        /// Enrol all devices that a file names, one a line, with secrets; prints one line of JSON for each
        #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "certificate"])]
        list: Option<PathBuf>,
        #[command(flatten)]
        bundle: BundleOptions,
    },
    /// Give a device a new secret or certificate; its earlier one stays good for a while, and its connection stays
    Rotate {
        /// `site.device`
        name: DeviceName,
        /// How long the earlier one still logs in; `now` for not at all
        #[arg(long, value_name = "LENGTH", default_value = "7d", value_parser = overlap)]
        overlap: Span,
        #[command(flatten)]
        bundle: BundleOptions,
    },
    /// Set how many points a device may send; without a rate, as many as gateway.device_points_per_s says
    Limit {
        /// `site.device`
        name: DeviceName,
        /// Points a second, sustained
        #[arg(long, value_name = "RATE")]
        points_per_s: Option<f64>,
        /// Points at once; ten seconds' worth unless said otherwise
        #[arg(long, value_name = "POINTS", requires = "points_per_s")]
        burst: Option<f64>,
    },
    /// List the enrolled devices, what they prove themselves by, and which of it they last used
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

/// What a device is handed.
#[derive(Debug, Args)]
pub(super) struct BundleOptions {
    /// Proof by a client certificate instead of a secret
    #[arg(long)]
    certificate: bool,
    /// Where the device reaches the server
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    /// Write the bundle to a file that only you can read
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl BundleOptions {
    fn proof(&self) -> ProofKind {
        if self.certificate { ProofKind::Certificate } else { ProofKind::Secret }
    }

    /// A running server may listen on another port than the configuration says.
    fn server(&self, running: Option<&LocalStatus>) -> Option<String> {
        let actual = running.map(|status| format!("localhost:{}", status.address.port()));
        self.server.clone().or(actual)
    }

    fn hand_out(&self, text: &str) -> Result<()> {
        match &self.out {
            Some(file) => write_private(file, text),
            None => format::print(text).map(drop),
        }
    }
}

impl Devices {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let enrolment = Enrolment::open(&config)?;
        let running = LocalClient::of(&config.path).status().await.ok();
        let running = running.as_ref();
        match self {
            Self::Enroll { list: Some(list), bundle, .. } => {
                let devices = read_names(list)?;
                let bundles = enrolment.enroll_many(&devices, bundle.server(running).as_deref())?;
                let lines: Vec<_> = bundles.iter().map(json).collect::<Result<_>>()?;
                bundle.hand_out(&lines.join("\n"))?;
                format::note(&format!("{} devices are enrolled; this is shown only once", devices.len()));
            }
            Self::Enroll { name, bundle, .. } => {
                let name = name.as_ref().ok_or_else(|| Error::invalid("name is missing, expected site.device"))?;
                let enrolled = enrolment.enroll(name, bundle.proof(), bundle.server(running).as_deref())?;
                bundle.hand_out(&pretty(&enrolled)?)?;
                format::note(&format!("{name} is enrolled; this is shown only once"));
            }
            Self::Rotate { name, overlap, bundle } => {
                let rotated = enrolment.rotate(name, bundle.proof(), *overlap, bundle.server(running).as_deref())?;
                bundle.hand_out(&pretty(&rotated)?)?;
                let until = SystemClock::default().now().saturating_add(*overlap);
                format::note(&format!("{name} has a new proof, shown only once; its earlier ones log in until {until}"));
            }
            Self::Limit { name, points_per_s, burst } => {
                let rate = points_per_s.map(|rate| PointRate::new(rate, *burst)).transpose()?;
                enrolment.limit(name, rate)?;
                let what = rate.map_or("what the configuration says".into(), |rate| rate.to_string());
                format::note(&format!("{name} may send {what}"));
            }
            Self::Revoke { name } => {
                enrolment.revoke(name)?;
                format::note(&format!("{name} is no longer enrolled"));
            }
            Self::List { json: true } => {
                for enrolled in enrolment.list() {
                    format::print(&json(&listed(&enrolled, status_of(running, &enrolled)))?)?;
                }
            }
            Self::List { json: false } => drop(format::print(&table(&enrolment.list(), running).to_string())?),
        }
        Ok(0)
    }
}

fn overlap(text: &str) -> Result<Span> {
    if text == "now" { Ok(Span::from_seconds(0)) } else { text.parse() }
}

fn read_names(file: &Path) -> Result<Vec<DeviceName>> {
    let text = std::fs::read_to_string(file).map_err(|e| Error::io(format!("read {}", file.display()), e))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let names = lines.map(|(at, line)| {
        line.trim().parse().map_err(|e: Error| e.context(format_args!("{}, line {}", file.display(), at + 1)))
    });
    names.collect()
}

/// A running server knows more of a device: whether it is connected, and what it has used since.
fn status_of<'a>(running: Option<&'a LocalStatus>, enrolled: &Enrolled) -> Option<&'a DeviceStatus> {
    running?.devices.iter().find(|status| status.device == enrolled.device)
}

fn proofs_of<'a>(enrolled: &'a Enrolled, status: Option<&'a DeviceStatus>) -> &'a [DeviceProof] {
    status.map_or(&enrolled.proofs, |status| &status.proofs)
}

fn listed(enrolled: &Enrolled, status: Option<&DeviceStatus>) -> serde_json::Value {
    let proofs = proofs_of(enrolled, status).iter().map(|proof| {
        serde_json::json!({ "id": proof.id, "proof": proof.kind, "issued_us": proof.issued, "until_us": proof.until,
            "ends_us": proof.ends, "last_used_us": proof.last_used })
    });
    serde_json::json!({ "device": enrolled.device, "proof": enrolled.proofs.first().map(|proof| proof.kind),
        "simulated": enrolled.simulated, "enrolled_us": enrolled.enrolled,
        "points_per_s": enrolled.rate.map(|rate| rate.per_second), "burst": enrolled.rate.map(|rate| rate.burst),
        "connected": status.map(|status| status.connected),
        "last_seen_us": status.and_then(|status| status.last_seen),
        "points": status.map(|status| status.points), "proofs": proofs.collect::<Vec<_>>() })
}

fn table(enrolled: &[Enrolled], running: Option<&LocalStatus>) -> comfy_table::Table {
    let now = SystemClock::default().now();
    let ago = |at: Option<Timestamp>| at.map_or("-".into(), |at| format!("{} ago", format::ago(now, at)));
    let mut table = format::table(&["device", "proof", "last login", "enrolled", "connected", "last heard", "points"]);
    format::right(&mut table, &[6]);
    for enrolled in enrolled {
        let status = status_of(running, enrolled);
        let proofs = proofs_of(enrolled, status);
        let each = |say: &dyn Fn(&DeviceProof) -> String| proofs.iter().map(say).collect::<Vec<_>>().join("\n");
        table.add_row([
            if enrolled.simulated { format!("{}, simulated", enrolled.device) } else { enrolled.device.to_string() },
            each(&proof_in_words),
            each(&|proof| ago(proof.last_used)),
            enrolled.enrolled.to_string(),
            status.map_or("-", |status| if status.connected { "yes" } else { "no" }).into(),
            ago(status.and_then(|status| status.last_seen)),
            status.map_or("-".into(), |status| status.points.to_string()),
        ]);
    }
    table
}

/// Such as `certificate ffee0011, ends 2031-07-09T00:00:00Z`.
fn proof_in_words(proof: &DeviceProof) -> String {
    let ends = proof.ends.map_or(String::new(), |ends| format!(", ends {ends}"));
    let until = proof.until.map_or(String::new(), |until| format!(", logs in until {until}"));
    format!("{} {}{ends}{until}", proof.kind, proof.id)
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
}

fn pretty(bundle: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(bundle).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
}

/// A file with a secret in it, readable by its owner only; an existing file is not overwritten.
fn write_private(file: &Path, text: &str) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(file);
    opened.and_then(|mut file| writeln!(file, "{text}")).map_err(|e| Error::io(format!("write {}", file.display()), e))
}
