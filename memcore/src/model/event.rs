//! Events: what happened, apart from readings.

use serde::{Deserialize, Serialize};

use super::command::{CommandId, CommandState};
use super::identity::{DeviceProof, PointRate};
use super::name::{ChannelName, DeviceName};
use super::time::Timestamp;

/// Something that happened at an instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the server's clock.
    pub time: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A device proved itself and said hello.
    Connected {
        /// The device.
        device: DeviceName,
        /// Its session's number: a later session of the same device has a higher one.
        epoch: u64,
    },
    /// A device's session ended.
    Disconnected {
        /// The device.
        device: DeviceName,
        /// The session that ended.
        epoch: u64,
        /// Why: a code of `docs/protocol.md`.
        code: String,
    },
    /// Part of a device's message was refused.
    Rejected {
        /// The device.
        device: DeviceName,
        /// A code of `docs/protocol.md`.
        code: String,
        /// For a person.
        detail: String,
    },
    /// A command changed its state.
    Command {
        /// Which command.
        id: CommandId,
        /// The device it is for.
        device: DeviceName,
        /// The channel it is for.
        channel: ChannelName,
        /// The new state.
        #[serde(flatten)]
        state: CommandState,
    },
    /// A value was sent again under an id of its own, before the device forgets it.
    Refreshed {
        /// The new command.
        id: CommandId,
        /// The command that it repeats.
        of: CommandId,
        /// The device it is for.
        device: DeviceName,
        /// The channel it is for.
        channel: ChannelName,
    },
    /// A device reported something of its own.
    Reported {
        /// The device.
        device: DeviceName,
        /// The device's own code.
        code: String,
        /// For a person.
        detail: String,
    },
    /// A device sends more points than it may, and is read more slowly from now on: nothing is lost. Told once a session.
    Quota {
        /// The device.
        device: DeviceName,
        /// What it may send.
        #[serde(flatten)]
        rate: PointRate,
    },
    /// The gateway shows a new certificate to those who connect from now on; who is connected stays.
    CertificateReloaded {
        /// When the new one ends.
        ends: Option<Timestamp>,
    },
    /// Certificate files have changed into what cannot be used: the earlier certificate stays in use.
    CertificateRefused {
        /// Why.
        reason: String,
    },
    /// The store takes no more writes. On the bus it stands under the device `memcore.server`, as all that is about the
    /// server itself.
    ReadOnly {
        /// Why.
        reason: String,
    },
    /// The store takes writes again, after a full disk.
    Writable,
    /// Control of the site decides nothing any more: leases end, and devices go to their fallbacks.
    ControlStalled {
        /// Why, for a person.
        reason: String,
    },
    /// Control of the site decides again.
    ControlRecovered,
}

impl EventKind {
    /// The names of all kinds.
    pub const KINDS: [&str; 13] = [
        "connected",
        "disconnected",
        "rejected",
        "command",
        "refreshed",
        "reported",
        "quota",
        "certificate_reloaded",
        "certificate_refused",
        "read_only",
        "writable",
        "control_stalled",
        "control_recovered",
    ];

    /// The name of its kind, as `event` says it in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::Disconnected { .. } => "disconnected",
            Self::Rejected { .. } => "rejected",
            Self::Command { .. } => "command",
            Self::Refreshed { .. } => "refreshed",
            Self::Reported { .. } => "reported",
            Self::Quota { .. } => "quota",
            Self::CertificateReloaded { .. } => "certificate_reloaded",
            Self::CertificateRefused { .. } => "certificate_refused",
            Self::ReadOnly { .. } => "read_only",
            Self::Writable => "writable",
            Self::ControlStalled { .. } => "control_stalled",
            Self::ControlRecovered => "control_recovered",
        }
    }

    /// The device that the event is about, where it is about one.
    #[must_use]
    pub fn device(&self) -> Option<&DeviceName> {
        match self {
            Self::Connected { device, .. }
            | Self::Disconnected { device, .. }
            | Self::Rejected { device, .. }
            | Self::Command { device, .. }
            | Self::Refreshed { device, .. }
            | Self::Reported { device, .. }
            | Self::Quota { device, .. } => Some(device),
            Self::CertificateReloaded { .. }
            | Self::CertificateRefused { .. }
            | Self::ReadOnly { .. }
            | Self::Writable
            | Self::ControlStalled { .. }
            | Self::ControlRecovered => None,
        }
    }
}

/// What is known of a device, for lists and live views.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// The device.
    pub device: DeviceName,
    /// Whether it has a session now.
    pub connected: bool,
    /// When it was last heard.
    pub last_seen: Option<Timestamp>,
    /// How many of its channels are registered.
    pub channels: usize,
    /// How many of its points were taken since the server started.
    pub points: u64,
    /// How many points it may send, where that is limited for it.
    #[serde(default)]
    pub rate: Option<PointRate>,
    /// What it may prove itself by, the newest first.
    #[serde(default)]
    pub proofs: Vec<DeviceProof>,
}
