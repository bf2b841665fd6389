//! Surplus charging: a vehicle takes what is left over, on one phase or three, and all it can when its departure comes near.

use serde::{Deserialize, Serialize};

use crate::model::{Name, Span, written};

/// Settings of the strategy that charges a vehicle with what is left over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SurplusCharging {
    /// The charger; the only one of the site unless told.
    pub asset: Option<Name>,
    /// Batteries charge first while their state of charge is below this: 0, the vehicle always comes first; 1, it takes what
    /// batteries leave. 0.5 unless told.
    pub battery_first_below_soc: f64,
    /// What may come from the grid beside the surplus, in W. 0 unless told.
    pub import_w: f64,
    /// How long there must be enough before it starts. A minute unless told.
    #[serde(with = "written::length")]
    pub start_after: Span,
    /// How long there must be too little before it stops; it charges with the least power meanwhile. Three minutes unless told.
    #[serde(with = "written::length")]
    pub stop_after: Span,
    /// How long it must be better on the other number of phases before they are switched. Five minutes unless told.
    #[serde(with = "written::length")]
    pub phases_after: Span,
    /// Over how long the surplus is smoothed. Twenty seconds unless told.
    #[serde(with = "written::length")]
    pub smooth: Span,
    /// No more is charged beyond this state of charge; the vehicle's `target_soc` unless told.
    pub limit_soc: Option<f64>,
    /// How much earlier than it must it charges with all power to be ready. A quarter of an hour unless told.
    #[serde(with = "written::length")]
    pub ready_before: Span,
}

impl Default for SurplusCharging {
    fn default() -> Self {
        Self {
            asset: None,
            battery_first_below_soc: 0.5,
            import_w: 0.0,
            start_after: Span::from_seconds(60),
            stop_after: Span::from_seconds(180),
            phases_after: Span::from_seconds(300),
            smooth: Span::from_seconds(20),
            limit_soc: None,
            ready_before: Span::from_seconds(900),
        }
    }
}
