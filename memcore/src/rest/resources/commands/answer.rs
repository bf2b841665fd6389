//! What is asked of commands, and what is answered.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::model::{CommandId, CommandState, Name, SeriesName, Span, Timestamp, Unit};
use crate::runtime::CommandRecord;

/// What a channel shall do.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandAsked {
    /// The channel in full: `home1.battery.power`. Either this or `channel`.
    #[serde(default)]
    pub(super) series: Option<String>,
    /// The channel within the site: `battery.power`. Either this or `series`.
    #[serde(default)]
    pub(super) channel: Option<String>,
    /// The value, in passive sign: -2 with the unit kW discharges a battery with 2 kW.
    pub(super) value: f64,
    /// The unit of value and fallback; the base unit of the channel's quantity unless told.
    #[serde(default)]
    pub(super) unit: Option<String>,
    /// How long the value holds at the device unless it is commanded again: `15m`. Then the device goes to its fallback by itself.
    /// Without one it holds as long as the channel's rules let it.
    #[serde(default)]
    pub(super) lease: Option<String>,
    /// What holds after the lease; that of the channel's rules unless told.
    #[serde(default)]
    pub(super) fallback: Option<f64>,
    /// How long it may wait for its device: `30s`; a minute unless told, a day at the most.
    #[serde(default)]
    pub(super) within: Option<String>,
    /// For safety: minimum times and ramps do not hold it back. Only for 0 and the channel's declared fallback.
    #[serde(default)]
    pub(super) safety: bool,
}

/// How far a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CommandState)]
pub(super) enum State {
    /// Waiting for the device; dropped at its expiry.
    Queued,
    /// On its way; no answer yet.
    Sent,
    /// The device works on it.
    Accepted,
    /// Carried out.
    Done,
    /// Not done, and why stands in `code` and `reason`.
    Refused,
    /// It could not be delivered in time: it had no effect.
    Expired,
    /// Delivered, but no answer came: it may or may not have had its effect. Read the channel before repeating it.
    Unknown,
}

impl State {
    pub(super) fn of(state: &CommandState) -> Self {
        match state {
            CommandState::Queued => Self::Queued,
            CommandState::Sent => Self::Sent,
            CommandState::Accepted => Self::Accepted,
            CommandState::Done { .. } => Self::Done,
            CommandState::Refused { .. } => Self::Refused,
            CommandState::Expired => Self::Expired,
            CommandState::Unknown { .. } => Self::Unknown,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }
}

/// A command, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct Command {
    /// Its identity.
    pub(super) id: CommandId,
    /// The channel.
    pub(super) series: SeriesName,
    /// The device of the channel.
    pub(super) device: Name,
    /// What was asked for, in `unit` and passive sign.
    pub(super) value: f64,
    /// The unit of all values here; null where the channel is not known any more.
    pub(super) unit: Option<String>,
    /// How long the value holds at the device.
    pub(super) lease_us: Option<Span>,
    /// What holds after the lease.
    pub(super) fallback: Option<f64>,
    /// Minimum times and ramps do not hold it back.
    pub(super) safety: bool,
    /// At whose wish.
    pub(super) by: String,
    /// When it was taken in; null of what an early version wrote down.
    pub(super) issued_us: Option<Timestamp>,
    /// It is never delivered after this.
    pub(super) expires_us: Timestamp,
    /// How far it is.
    pub(super) state: State,
    /// Whether nothing more will follow.
    pub(super) ended: bool,
    /// When it ended.
    pub(super) ended_us: Option<Timestamp>,
    /// What the device read back afterwards.
    pub(super) read_back: Option<f64>,
    /// Why it was refused, as a code.
    pub(super) code: Option<String>,
    /// Why it was refused, for a person.
    pub(super) reason: Option<String>,
    /// Whether it is the last that was done on its channel: what it says holds there, as far as the server knows.
    pub(super) stands: bool,
    /// When its lease ends at the latest; null unless it stands and has one.
    pub(super) lease_ends_us: Option<Timestamp>,
    /// Control steers the channel and made a wish of it.
    pub(super) steered: Option<Steered>,
}

/// What control made of a command to a channel that it steers.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = CommandSteered)]
pub(super) struct Steered {
    /// What was ordered in its place, in the unit of the command.
    pub(super) ordered: f64,
    /// How long that order holds; control renews it while the wish stands.
    pub(super) lease_us: Option<Span>,
    /// Until when the wish stands, unless it is withdrawn.
    pub(super) until_us: Timestamp,
    /// The same in words, and what limits it.
    pub(super) note: Option<String>,
}

impl Command {
    pub(super) fn new(record: CommandRecord, unit: Option<Unit>) -> Self {
        let (read_back, code, reason) = match record.state.clone() {
            CommandState::Done { read_back } | CommandState::Unknown { read_back } => (read_back, None, None),
            CommandState::Refused { code, reason } => (None, Some(code), Some(reason)),
            CommandState::Expired => (
                None,
                Some("expired".to_owned()),
                Some("its device was away until it had expired: it had no effect".to_owned()),
            ),
            _ => (None, None, None),
        };
        let steered = record.wish.map(|wish| Steered {
            ordered: wish.ordered,
            lease_us: wish.lease,
            until_us: wish.until,
            note: wish.note,
        });
        Self {
            id: record.id,
            device: record.target.device.device.clone(),
            series: record.target,
            value: record.value,
            unit: unit.map(|unit| unit.symbol().to_owned()),
            lease_us: record.lease,
            fallback: record.fallback,
            safety: record.safety,
            by: record.by,
            issued_us: record.issued,
            expires_us: record.expires,
            state: State::of(&record.state),
            ended: record.state.is_final(),
            ended_us: record.ended,
            read_back,
            code,
            reason,
            stands: record.stands,
            lease_ends_us: record.lease_ends,
            steered,
        }
    }
}

/// Which commands.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CommandsAsked {
    /// Channels by pattern, within the site or in full: `battery.power`, `home1.*.power`.
    pub(super) series: Option<String>,
    /// In that state; may be given several times.
    #[serde(default)]
    pub(super) state: Vec<State>,
    /// Issued then or later.
    pub(super) since: Option<String>,
    /// How many at most: 1 to 1000, 100 unless told.
    pub(super) limit: Option<u32>,
    /// Where the page before said that this one begins.
    pub(super) cursor: Option<String>,
}

/// How long to wait for what comes next.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CommandWait {
    /// Answer only once its state is another one than `seen`, or after so long: `10s`, a minute at the most. At once unless told.
    pub(super) wait: Option<String>,
    /// The state that is known already; the present one unless told.
    pub(super) seen: Option<State>,
}

/// A command of a site.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct AtCommand {
    /// The operator.
    pub(super) operator: Name,
    /// The site.
    pub(super) site: Name,
    /// The command's id.
    pub(super) command: CommandId,
}
