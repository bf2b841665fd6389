//! An alarm: what was seen, since when, and who has taken note.

use serde::{Deserialize, Serialize};
#[cfg(feature = "rest")]
use utoipa::ToSchema;

use super::said::Severity;
use crate::model::{Name, Timestamp};

/// How far an alarm has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// It holds, and nobody has taken note.
    Raised,
    /// It holds, and somebody has taken note.
    Acknowledged,
    /// It holds no longer.
    Cleared,
}

impl AlarmState {
    /// Its name in requests, lists and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Acknowledged => "acknowledged",
            Self::Cleared => "cleared",
        }
    }
}

/// Who has taken note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When, in microseconds since the epoch.
    #[serde(rename = "at_us")]
    #[cfg_attr(feature = "rest", schema(value_type = i64))]
    pub at: Timestamp,
    /// What they had to say.
    pub note: Option<String>,
}

/// What a rule has found at one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
pub struct Alarm {
    /// Its id; later alarms have higher ones.
    #[cfg_attr(feature = "rest", schema(value_type = String))]
    pub id: Name,
    /// Whose it is.
    #[cfg_attr(feature = "rest", schema(value_type = String))]
    pub operator: Name,
    /// The rule that found it.
    #[cfg_attr(feature = "rest", schema(value_type = String))]
    pub rule: Name,
    /// What the rule was called then.
    pub rule_name: String,
    /// What it watches: `threshold`, `rate`, `stale`, `offline`, `balance`, `store_read_only` or `control_stalled`.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// The site, where it is about one.
    #[cfg_attr(feature = "rest", schema(value_type = Option<String>))]
    pub site: Option<Name>,
    /// What it is about: a series, a device, a site, or `server`.
    pub subject: String,
    /// How far it has come.
    pub state: AlarmState,
    /// What was seen, in `unit`.
    pub value: Option<f64>,
    /// What it was compared to, in `unit`.
    pub limit: Option<f64>,
    /// The unit of value and limit.
    pub unit: Option<String>,
    /// What was seen, for a person.
    pub message: String,
    /// When it was raised first, in microseconds since the epoch.
    #[serde(rename = "raised_us")]
    #[cfg_attr(feature = "rest", schema(value_type = i64))]
    pub raised: Timestamp,
    /// When it was raised last: it came and went.
    #[serde(rename = "last_raised_us")]
    #[cfg_attr(feature = "rest", schema(value_type = i64))]
    pub last_raised: Timestamp,
    /// How often it was raised, without a calm between that makes the next one another alarm.
    pub count: u64,
    /// Since when it holds no longer.
    #[serde(rename = "cleared_us")]
    #[cfg_attr(feature = "rest", schema(value_type = Option<i64>))]
    pub cleared: Option<Timestamp>,
    /// Who has taken note.
    pub acknowledged: Option<Acknowledgement>,
}

impl Alarm {
    /// Somebody takes note; says whether nobody had before: the first acknowledgement stands.
    pub fn take_note(&mut self, by: Acknowledgement) -> bool {
        let new = self.acknowledged.is_none();
        if new {
            self.acknowledged = Some(by);
            if self.state == AlarmState::Raised {
                self.state = AlarmState::Acknowledged;
            }
        }
        new
    }
}
