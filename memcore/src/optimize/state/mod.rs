//! What a site is in at an instant: what one plan hands to the next.

pub(in crate::optimize) mod after;
mod before;

use serde::{Deserialize, Serialize};

use super::PreviousPower;
use crate::model::written;
use crate::model::{Span, Timestamp};

/// The state of a site at an instant, measured or as a plan leaves it. Assets that it does not name keep what they say themselves.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// When.
    #[serde(with = "written::instant")]
    pub at: Option<Timestamp>,
    /// Energy in batteries, tanks and vehicles, in Wh.
    pub energy_wh: Vec<(String, f64)>,
    /// Temperatures of buildings, in degC.
    pub temperature_c: Vec<(String, f64)>,
    /// Gensets and heat pumps: whether they run, since when, and at what power (W); vehicles: whether they charge.
    pub running: Vec<Running>,
    /// Peaks of each demand charge so far, in W: grid, place of the charge, peak.
    pub peak_w: Vec<(String, usize, f64)>,
    /// What deferrable loads have run already.
    pub done: Vec<(String, DeferrableState)>,
    /// The net powers of the previous plan from `at` on, for [`Stay`](super::Stay) and for warm starts.
    pub previous: Vec<PreviousPower>,
}

/// Whether something runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// The asset.
    pub part: String,
    /// Whether it runs.
    pub on: bool,
    /// For how long it has.
    #[serde(with = "written::length")]
    pub since: Span,
    /// At what power, in W.
    pub power_w: f64,
}

/// What a deferrable load has done of its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeferrableState {
    /// How long it has run.
    #[serde(with = "written::length")]
    pub run: Span,
    /// Whether it runs now.
    pub running: bool,
}
