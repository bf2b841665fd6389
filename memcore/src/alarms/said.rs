//! Rules as people say them: in requests, in records, in answers.

use serde::{Deserialize, Serialize};
#[cfg(feature = "rest")]
use utoipa::ToSchema;

use crate::model::{Name, Unit};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look at it today.
    Warning,
    /// Somebody should look at it now.
    Critical,
}

impl Severity {
    /// Its name in requests, lists and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A rule as it is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    /// What the rule is called, in lists and mails: 1 to 120 characters.
    pub name: String,
    /// How bad it is when it holds.
    pub severity: Severity,
    /// Whether it watches.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What is watched.
    pub watch: WatchSettings,
    /// The notifiers that are told, by their ids.
    #[serde(default)]
    #[cfg_attr(feature = "rest", schema(value_type = Vec<String>))]
    pub notify: Vec<Name>,
    /// When nobody is told.
    #[serde(default)]
    pub quiet: Option<QuietSettings>,
    /// How often they are told again while nobody has acknowledged: `1h`.
    #[serde(default)]
    pub remind: Option<String>,
}

fn yes() -> bool {
    true
}

/// What a rule watches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum WatchSettings {
    /// A value beyond a limit.
    Threshold {
        /// Which series: `home1.*.power`.
        series: String,
        /// Raised above that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        above: Option<f64>,
        /// Raised below that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        below: Option<f64>,
        /// The unit of the limits, `kW`; without one, the base unit of the series.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "rest", schema(value_type = Option<String>))]
        unit: Option<Unit>,
        /// How far back within the limit a value must come for the alarm to clear; at the limit itself without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clear_margin: Option<f64>,
        /// How long it must be so, by the times of the readings: `5m`; at once without one.
        #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
        lasting: Option<String>,
    },
    /// A value that rises or falls too fast.
    Rate {
        /// Which series.
        series: String,
        /// Raised where it rises by more than that in a minute.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rises_per_minute: Option<f64>,
        /// Raised where it falls by more than that in a minute.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        falls_per_minute: Option<f64>,
        /// The unit of the limits, `kW` for kW a minute.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "rest", schema(value_type = Option<String>))]
        unit: Option<Unit>,
        /// How long it must be so: `5m`; at once without one.
        #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
        lasting: Option<String>,
    },
    /// A series that says nothing.
    Stale {
        /// Which series.
        series: String,
        /// For how long: `15m`.
        after: String,
    },
    /// A device that is not connected.
    Offline {
        /// Which devices: `home1.*`, or `*.*` for all of the operator.
        devices: String,
        /// For how long: `5m`.
        after: String,
    },
    /// Power of a site that no device explains.
    Balance {
        /// Which site.
        site: String,
        /// How much of it, in W: the mean over `for`, whichever its sign.
        above_w: f64,
        /// Over how long: `15m`.
        #[serde(rename = "for")]
        lasting: String,
    },
    /// The store of the server takes no data.
    StoreReadOnly {},
    /// Control of the operator's site decides nothing any more.
    ControlStalled {},
}

impl WatchSettings {
    /// The name of its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Threshold { .. } => "threshold",
            Self::Rate { .. } => "rate",
            Self::Stale { .. } => "stale",
            Self::Offline { .. } => "offline",
            Self::Balance { .. } => "balance",
            Self::StoreReadOnly {} => "store_read_only",
            Self::ControlStalled {} => "control_stalled",
        }
    }
}

/// When nobody is told, day for day: the alarm stands all the same, and who is to know is told at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
#[serde(deny_unknown_fields)]
pub struct QuietSettings {
    /// From that time of day on: `22:00`.
    pub from: String,
    /// Until that time of day, of the next day where it is not later: `07:00`.
    pub to: String,
    /// By the clocks of that zone: `Europe/Berlin`.
    pub zone: String,
    /// From which severity on they are told all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lets_through: Option<Severity>,
}
