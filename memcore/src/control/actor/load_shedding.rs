//! Load shedding: loads go off in their order before the site goes dark, and come back one by one.

use serde::{Deserialize, Serialize};

use crate::model::{Name, Span, written};

/// Settings of the strategy that sheds loads. Those with a `shed_order` are shed, the lowest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadShedding {
    /// More from the grid than this is an overload, in W; none unless told.
    pub import_limit_w: Option<f64>,
    /// How long it must last. Five seconds unless told.
    #[serde(with = "written::length")]
    pub overload_for: Span,
    /// A frequency below this sheds at once, in Hz; none unless told.
    pub under_hz: Option<f64>,
    /// Loads come back above this, in Hz; 0.5 Hz above `under_hz` unless told.
    pub back_hz: Option<f64>,
    /// A battery of an island below this state of charge sheds; none unless told.
    pub island_soc: Option<f64>,
    /// Loads come back above this state of charge; 0.1 above `island_soc` unless told.
    pub back_soc: Option<f64>,
    /// The asset that measures the frequency; the first that does unless told.
    pub meter: Option<Name>,
    /// How long what was shed is given to show before more is. Two seconds unless told.
    #[serde(with = "written::length")]
    pub step: Span,
    /// What must be free before a load comes back beside its own power, in W. 500 unless told.
    pub margin_w: f64,
    /// How long all must be well before the first comes back. A minute unless told.
    #[serde(with = "written::length")]
    pub back_after: Span,
    /// How long after it the next one does. Thirty seconds unless told.
    #[serde(with = "written::length")]
    pub stagger: Span,
    /// How long a load is off at the least. Five minutes unless told.
    #[serde(with = "written::length")]
    pub min_off: Span,
}

impl Default for LoadShedding {
    fn default() -> Self {
        Self {
            import_limit_w: None,
            overload_for: Span::from_seconds(5),
            under_hz: None,
            back_hz: None,
            island_soc: None,
            back_soc: None,
            meter: None,
            step: Span::from_seconds(2),
            margin_w: 500.0,
            back_after: Span::from_seconds(60),
            stagger: Span::from_seconds(30),
            min_off: Span::from_seconds(300),
        }
    }
}
