//! Follow the plan: each asset does what the plan asks of it, while the plan holds.

use serde::{Deserialize, Serialize};

use crate::model::{Name, Span, written};

/// What batteries hold to when the site is not as the plan thought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// The grid's power of the plan: the batteries take what PV and loads differ. Their own power where the plan has none of the
    /// grid, or its meter is lost.
    #[default]
    Grid,
    /// Their own power of the plan: the grid takes what PV and loads differ.
    Power,
}

/// Settings of the strategy that follows the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FollowPlan {
    /// The assets that follow; all controlled batteries, chargers, heat pumps and gensets of the plan unless told. Arrays and
    /// loads are in the plan as they were forecast, which is no wish: they follow only when they are named.
    pub assets: Vec<Name>,
    /// What batteries hold to when the site is not as the plan thought. The grid's power unless told.
    pub hold: Hold,
    /// How late the grid meter tells what batteries did. Two seconds unless told.
    #[serde(with = "written::length")]
    pub meter_delay: Span,
}

impl Default for FollowPlan {
    fn default() -> Self {
        Self { assets: Vec::new(), hold: Hold::Grid, meter_delay: Span::from_seconds(2) }
    }
}
