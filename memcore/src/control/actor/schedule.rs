//! Schedule: powers or bounds by the calendar of the site, with weekdays and holidays.

use serde::{Deserialize, Serialize};

use crate::model::Name;

/// A day of the week, or a holiday, which is none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
    Holiday,
}

/// Settings of the strategy that goes by the calendar.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// The assets, each of which does what the window says.
    pub assets: Vec<Name>,
    /// When what is to hold. Where several hold at a time, the first one does.
    #[serde(rename = "window", alias = "windows")]
    pub windows: Vec<Window>,
    /// Days that are no weekday: `2026-12-25`.
    pub holidays: Vec<String>,
}

/// A time of the day, with what is to hold then: a power, or bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// On which days it begins; on all of them, holidays too, unless told.
    #[serde(default)]
    pub days: Vec<Day>,
    /// From when, by the clock of the site: `18:00`.
    pub from: String,
    /// Until when: `20:00`; on the next day where that is no later.
    pub to: String,
    /// The power, in W.
    #[serde(default)]
    pub power_w: Option<f64>,
    /// The least power, in W.
    #[serde(default)]
    pub low_w: Option<f64>,
    /// The most power, in W.
    #[serde(default)]
    pub high_w: Option<f64>,
}
