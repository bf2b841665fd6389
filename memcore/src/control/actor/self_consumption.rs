//! Self-consumption: batteries take what is left over and give what is missing, so that the grid's power stays near zero.

use serde::{Deserialize, Serialize};

use crate::model::{Name, Span, written};

/// Settings of the strategy that keeps the grid's power near zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SelfConsumption {
    /// The battery; all of them unless told.
    pub asset: Option<Name>,
    /// Or a group.
    pub group: Option<Name>,
    /// The power at the grid connection that is aimed at, in W. 0 unless told.
    pub target_w: f64,
    /// How far the grid may be off it before anything changes, in W. 50 unless told.
    pub deadband_w: f64,
    /// How late the grid meter tells what batteries did. Two seconds unless told.
    #[serde(with = "written::length")]
    pub meter_delay: Span,
    /// How long batteries may take to do what was decided. Fifteen seconds unless told.
    #[serde(with = "written::length")]
    pub settle: Span,
}

impl Default for SelfConsumption {
    fn default() -> Self {
        Self {
            asset: None,
            group: None,
            target_w: 0.0,
            deadband_w: 50.0,
            meter_delay: Span::from_seconds(2),
            settle: Span::from_seconds(15),
        }
    }
}
