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
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields, try_from = "WatchFields")]
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

/// All fields that a watch of any kind has. An enum with a tag is read in one go, and what is wrong in it would be named without its
/// field.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WatchFields {
    kind: WatchKind,
    series: Option<String>,
    above: Option<f64>,
    below: Option<f64>,
    unit: Option<Unit>,
    clear_margin: Option<f64>,
    #[serde(rename = "for")]
    lasting: Option<String>,
    rises_per_minute: Option<f64>,
    falls_per_minute: Option<f64>,
    after: Option<String>,
    devices: Option<String>,
    site: Option<String>,
    above_w: Option<f64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WatchKind {
    Threshold,
    Rate,
    Stale,
    Offline,
    Balance,
    StoreReadOnly,
    ControlStalled,
}

impl TryFrom<WatchFields> for WatchSettings {
    type Error = String;

    fn try_from(mut said: WatchFields) -> Result<Self, String> {
        let watch = said.take()?;
        match said.left() {
            Some(field) => Err(format!("unknown field `{field}`, a rule of kind {} has none", watch.kind())),
            None => Ok(watch),
        }
    }
}

impl WatchFields {
    /// Takes out what belongs to the kind.
    fn take(&mut self) -> Result<WatchSettings, String> {
        Ok(match self.kind {
            WatchKind::Threshold => WatchSettings::Threshold {
                series: there("series", &mut self.series)?,
                above: self.above.take(),
                below: self.below.take(),
                unit: self.unit.take(),
                clear_margin: self.clear_margin.take(),
                lasting: self.lasting.take(),
            },
            WatchKind::Rate => WatchSettings::Rate {
                series: there("series", &mut self.series)?,
                rises_per_minute: self.rises_per_minute.take(),
                falls_per_minute: self.falls_per_minute.take(),
                unit: self.unit.take(),
                lasting: self.lasting.take(),
            },
            WatchKind::Stale => {
                let (series, after) = (there("series", &mut self.series)?, there("after", &mut self.after)?);
                WatchSettings::Stale { series, after }
            }
            WatchKind::Offline => {
                let (devices, after) = (there("devices", &mut self.devices)?, there("after", &mut self.after)?);
                WatchSettings::Offline { devices, after }
            }
            WatchKind::Balance => WatchSettings::Balance {
                site: there("site", &mut self.site)?,
                above_w: there("above_w", &mut self.above_w)?,
                lasting: there("for", &mut self.lasting)?,
            },
            WatchKind::StoreReadOnly => WatchSettings::StoreReadOnly {},
            WatchKind::ControlStalled => WatchSettings::ControlStalled {},
        })
    }

    /// The first field that nothing was made of.
    fn left(&self) -> Option<&'static str> {
        let fields = [
            ("series", self.series.is_some()),
            ("above", self.above.is_some()),
            ("below", self.below.is_some()),
            ("unit", self.unit.is_some()),
            ("clear_margin", self.clear_margin.is_some()),
            ("for", self.lasting.is_some()),
            ("rises_per_minute", self.rises_per_minute.is_some()),
            ("falls_per_minute", self.falls_per_minute.is_some()),
            ("after", self.after.is_some()),
            ("devices", self.devices.is_some()),
            ("site", self.site.is_some()),
            ("above_w", self.above_w.is_some()),
        ];
        fields.iter().find(|(_, left)| *left).map(|(field, _)| *field)
    }
}

/// A field that the kind needs.
pub(super) fn there<T>(field: &str, said: &mut Option<T>) -> Result<T, String> {
    said.take().ok_or_else(|| format!("missing field `{field}`"))
}
