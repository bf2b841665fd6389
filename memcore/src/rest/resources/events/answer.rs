//! What is asked of events, and what is answered.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::model::{ChannelName, CommandId, CommandState, EventKind, Name, Timestamp};
use crate::runtime::StoredEvent;

/// Something that happened. Which of the fields are there depends on what it was.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct Event {
    /// Its number: a later one has a higher one.
    pub(super) id: i64,
    /// When, by the server's clock.
    pub(super) time_us: Timestamp,
    /// What: `connected`, `disconnected`, `rejected`, `command`, `refreshed`, `reported`, `quota`; of the server itself
    /// `certificate_reloaded`, `certificate_refused`, `read_only`, `writable`, `control_stalled`, `control_recovered`.
    pub(super) event: String,
    /// The site; absent for what is about the server itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) site: Option<Name>,
    /// The device; absent for what is about the server itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<Name>,
    /// The channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<ChannelName>,
    /// The command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<CommandId>,
    /// The command that it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repeats: Option<CommandId>,
    /// The command's new state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    /// What the device read back, in the base unit of the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) read_back: Option<f64>,
    /// The number of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) epoch: Option<u64>,
    /// A code of the protocol, or of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    /// More of it, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
    /// How many points a second the device may send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) points_per_s: Option<f64>,
    /// When the new certificate ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ends_us: Option<Timestamp>,
}

/// Which events.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsAsked {
    /// Of that site.
    pub(super) site: Option<String>,
    /// Of that device, within its site: `battery`. Needs `site`.
    pub(super) device: Option<String>,
    /// Of that kind; may be given several times.
    #[serde(default)]
    pub(super) kind: Vec<String>,
    /// From then on.
    pub(super) from: Option<String>,
    /// Before then.
    pub(super) to: Option<String>,
    /// After the event of that number.
    pub(super) since: Option<i64>,
    /// How many at most: 1 to 1000, 100 unless told.
    pub(super) limit: Option<u32>,
    /// Where the page before said that this one begins.
    pub(super) cursor: Option<String>,
}

impl Event {
    fn bare(stored: &StoredEvent) -> Self {
        Self {
            id: stored.id,
            time_us: stored.time,
            event: stored.kind.name().to_owned(),
            site: stored.site.clone(),
            device: stored.kind.device().map(|device| device.device.clone()),
            channel: None,
            command: None,
            repeats: None,
            state: None,
            read_back: None,
            epoch: None,
            code: None,
            detail: None,
            points_per_s: None,
            ends_us: None,
        }
    }

    fn with_state(mut self, state: CommandState) -> Self {
        self.state = Some(state.name().to_owned());
        match state {
            CommandState::Done { read_back } | CommandState::Unknown { read_back } => self.read_back = read_back,
            CommandState::Refused { code, reason } => (self.code, self.detail) = (Some(code), Some(reason)),
            _ => {}
        }
        self
    }
}

impl From<StoredEvent> for Event {
    fn from(stored: StoredEvent) -> Self {
        let event = Self::bare(&stored);
        match stored.kind {
            EventKind::Connected { epoch, .. } => Self { epoch: Some(epoch), ..event },
            EventKind::Disconnected { epoch, code, .. } => Self { epoch: Some(epoch), code: Some(code), ..event },
            EventKind::Rejected { code, detail, .. } | EventKind::Reported { code, detail, .. } => {
                Self { code: Some(code), detail: Some(detail), ..event }
            }
            EventKind::Command { id, channel, state, .. } => {
                Self { command: Some(id), channel: Some(channel), ..event }.with_state(state)
            }
            EventKind::Refreshed { id, of, channel, .. } => {
                Self { command: Some(id), repeats: Some(of), channel: Some(channel), ..event }
            }
            EventKind::Quota { rate, .. } => Self { points_per_s: Some(rate.per_second), ..event },
            EventKind::CertificateReloaded { ends } => Self { ends_us: ends, ..event },
            EventKind::CertificateRefused { reason }
            | EventKind::ReadOnly { reason }
            | EventKind::ControlStalled { reason } => Self { detail: Some(reason), ..event },
            EventKind::Writable | EventKind::ControlRecovered => event,
        }
    }
}
