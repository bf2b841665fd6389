//! Genset: starts before batteries are empty or overloaded, warms up, runs long enough, and stops.

use serde::{Deserialize, Serialize};

use crate::model::{Name, Span, written};

/// Settings of the strategy that starts and stops a genset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GensetControl {
    /// The genset; the only one of the site unless told.
    pub asset: Option<Name>,
    /// It starts when the batteries' state of charge falls below this. 0.25 unless told.
    pub start_soc: f64,
    /// It stops above this. 0.8 unless told.
    pub stop_soc: f64,
    /// It starts when batteries and genset together give more than this, in W; never for that unless told.
    pub start_w: Option<f64>,
    /// It does not stop before they give less than this, in W; half of `start_w` unless told.
    pub stop_w: Option<f64>,
    /// How long a reason to start must last. Ten seconds unless told.
    #[serde(with = "written::length")]
    pub start_after: Span,
    /// How long a reason to stop must last. A minute unless told.
    #[serde(with = "written::length")]
    pub stop_after: Span,
    /// How long it runs at the least. A quarter of an hour unless told.
    #[serde(with = "written::length")]
    pub min_run: Span,
    /// How long it runs with its least power first. Two minutes unless told.
    #[serde(with = "written::length")]
    pub warm_up: Span,
    /// What it gives then, in W, as a positive number; all it can unless told.
    pub power_w: Option<f64>,
    /// Whether it may run while the grid is there. It may not unless told; a site without `island` has no grid for this.
    pub beside_grid: bool,
}

impl Default for GensetControl {
    fn default() -> Self {
        Self {
            asset: None,
            start_soc: 0.25,
            stop_soc: 0.8,
            start_w: None,
            stop_w: None,
            start_after: Span::from_seconds(10),
            stop_after: Span::from_seconds(60),
            min_run: Span::from_seconds(900),
            warm_up: Span::from_seconds(120),
            power_w: None,
            beside_grid: false,
        }
    }
}
