//! Peak shaving: the mean power of each interval of the demand charge stays below a limit.

use serde::{Deserialize, Serialize};

use crate::model::{Name, Span, written};

/// Settings of the strategy that keeps the mean of each interval below a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeakShaving {
    /// The most mean power from the grid in an interval, in W. It must be given.
    pub limit_w: Option<f64>,
    /// The length of intervals, which begin at whole multiples since 1970 in UTC; that of the tariff, or a quarter of an hour,
    /// unless told.
    #[serde(with = "written::span")]
    pub interval: Option<Span>,
    /// The asset that keeps it; all batteries unless told.
    pub asset: Option<Name>,
    /// Or a group.
    pub group: Option<Name>,
    /// The share of the limit that is kept free. 0.02 unless told.
    pub margin: f64,
    /// Batteries are charged up to this state of charge with what the limit leaves; not at all unless told.
    pub recharge_soc: Option<f64>,
    /// How late the grid meter tells what assets did. Two seconds unless told.
    #[serde(with = "written::length")]
    pub meter_delay: Span,
    /// How long assets may take to do what was decided. Fifteen seconds unless told.
    #[serde(with = "written::length")]
    pub settle: Span,
}

impl Default for PeakShaving {
    fn default() -> Self {
        Self {
            limit_w: None,
            interval: None,
            asset: None,
            group: None,
            margin: 0.02,
            recharge_soc: None,
            meter_delay: Span::from_seconds(2),
            settle: Span::from_seconds(15),
        }
    }
}
