//! Commands: a wish with an end, and what became of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::{SeriesName, shorten};
use super::time::{Span, Timestamp};
use crate::error::{Error, Result};

/// The identity of a command: the same id is never carried out twice. 1 to 64 of `[A-Za-z0-9_-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommandId(super::name::Name);

impl CommandId {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the text is no name.
    pub fn new(text: &str) -> Result<Self> {
        super::name::Name::new(text)
            .map(Self)
            .map_err(|_| Error::invalid(format!("command id is {:?}, expected 1 to 64 of A-Z a-z 0-9 _ -", shorten(text))))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl FromStr for CommandId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}
impl TryFrom<String> for CommandId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::new(&text)
    }
}
impl From<CommandId> for String {
    fn from(id: CommandId) -> Self {
        id.0.into()
    }
}

/// A value that a channel shall take, until when it may be delivered, and what holds once its lease has run out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Identity: repeated deliveries of one id have one effect.
    pub id: CommandId,
    /// The channel that shall take the value.
    pub target: SeriesName,
    /// The value, in the base unit of the channel's quantity and in passive sign.
    pub value: f64,
    /// It is never delivered after this instant.
    #[serde(rename = "expires_us")]
    pub expires: Timestamp,
    /// How long the value holds at the device unless it is refreshed; for ever without one (a relay).
    #[serde(rename = "lease_us", default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Span>,
    /// What the device falls back to when the lease has run out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<f64>,
    /// For safety: minimum times and ramps do not hold it back. Only for 0 and for the channel's declared fallback.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub safety: bool,
}

impl Command {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the field: values must be finite, a lease positive and with a fallback.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: String| Err(Error::invalid(format!("command {}: {what}", self.target)));
        if !self.value.is_finite() {
            return refuse(format!("value is {}, expected a finite number", self.value));
        }
        if self.fallback.is_some_and(|fallback| !fallback.is_finite()) {
            return refuse("fallback is not a finite number".into());
        }
        match (self.lease, self.fallback) {
            (Some(lease), _) if lease.as_micros() <= 0 => refuse(format!("lease is {lease}, expected more than zero")),
            (Some(_), None) => {
                refuse("lease without a fallback: expected the value that holds when the lease has run out".into())
            }
            (None, Some(_)) => refuse("fallback without a lease: expected how long the value holds".into()),
            _ => Ok(()),
        }
    }
}

/// What became of a command. The last four are final.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = CommandOutcome))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CommandState {
    /// Waiting for the device to connect; it is dropped at its expiry.
    Queued,
    /// On its way to the device; no answer yet.
    Sent,
    /// The device has it and is working on it.
    Accepted,
    /// Carried out; the value that the device read back afterwards.
    Done {
        /// In the base unit of the channel's quantity and in passive sign.
        read_back: Option<f64>,
    },
    /// The device, or the server on its behalf, will not do it.
    Refused {
        /// A code of `docs/protocol.md`.
        code: String,
        /// For a person.
        reason: String,
    },
    /// Its expiry passed before it could be delivered: it had no effect.
    Expired,
    /// It was delivered, but no answer came, or the device was interrupted: it may or may not have had its effect. Read the
    /// channel before repeating.
    Unknown {
        /// What the device read back, where it could still be asked; in the base unit of the channel's quantity and in passive
        /// sign.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read_back: Option<f64>,
    },
}

impl CommandState {
    /// Nobody can say what became of it, nor what the channel reads.
    pub const UNKNOWN: Self = Self::Unknown { read_back: None };

    /// Whether nothing more will follow.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Refused { .. } | Self::Expired | Self::Unknown { .. })
    }

    /// The state's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Done { .. } => "done",
            Self::Refused { .. } => "refused",
            Self::Expired => "expired",
            Self::Unknown { .. } => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_needs_its_fallback_and_a_value_must_be_finite() {
        let plain = Command {
            id: CommandId::new("c1").unwrap(),
            target: "home1.battery.power".parse().unwrap(),
            value: -2000.0,
            expires: Timestamp::from_seconds(10),
            lease: None,
            fallback: None,
            safety: false,
        };
        plain.check().unwrap();
        let lease = Some(Span::from_seconds(900));
        Command { lease, fallback: Some(0.0), ..plain.clone() }.check().unwrap();
        for (bad, word) in [
            (Command { lease, ..plain.clone() }, "without a fallback"),
            (Command { fallback: Some(0.0), ..plain.clone() }, "without a lease"),
            (Command { value: f64::NAN, ..plain.clone() }, "value is NaN"),
            (Command { lease: Some(Span::default()), fallback: Some(0.0), ..plain.clone() }, "more than zero"),
        ] {
            let e = bad.check().unwrap_err();
            assert!(e.message().contains(word), "{e}");
        }
    }
}
