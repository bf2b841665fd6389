//! What a heat pump heats, as far as its owner can say it; what is measured and forecast comes to it when a plan is made.

use serde::{Deserialize, Serialize};

/// What a heat pump heats. In TOML and JSON `heat = { building = { ... } }` or `heat = { tank = { ... } }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heat {
    /// Rooms that are to be kept warm: `temperature` is theirs.
    Building(HeatBuilding),
    /// A store of heat that is drawn from: `temperature` is that of its water.
    Tank(HeatTank),
}

/// Rooms as one thermal mass.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatBuilding {
    /// Heat for each kelvin, in Wh/K.
    pub capacity_wh_per_k: f64,
    /// Loss for each kelvin above outdoors, in W/K.
    pub loss_w_per_k: f64,
    /// The least temperature that is comfortable, in degrees Celsius. 20 unless told.
    #[serde(default = "comfortable")]
    pub comfort_min_c: f64,
    /// The highest temperature that is comfortable, in degrees Celsius; none unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comfort_max_c: Option<f64>,
    /// Gains of sun and people, in W.
    #[serde(default)]
    pub gains_w: f64,
    /// What each kelvin outside comfort costs an hour; the price of shortage of plans unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discomfort_per_k_h: Option<f64>,
}

/// A store of heat.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatTank {
    /// The heat that it holds between `empty_c` and `full_c`, in Wh.
    pub capacity_wh: f64,
    /// The heat that is drawn from it on average, in W.
    pub demand_w: f64,
    /// The share of its heat that is lost in an hour. 0.01 unless told.
    #[serde(default = "loss")]
    pub loss_per_hour: f64,
    /// The temperature at which it holds nothing of use, in degrees Celsius. 35 unless told.
    #[serde(default = "empty")]
    pub empty_c: f64,
    /// The temperature at which it is full, in degrees Celsius. 55 unless told.
    #[serde(default = "full")]
    pub full_c: f64,
}

fn comfortable() -> f64 {
    20.0
}

fn loss() -> f64 {
    0.01
}

fn empty() -> f64 {
    35.0
}

fn full() -> f64 {
    55.0
}

impl HeatBuilding {
    /// Rooms with their heat capacity (Wh/K) and loss (W/K); everything else is as its field says.
    #[must_use]
    pub fn new(capacity_wh_per_k: f64, loss_w_per_k: f64) -> Self {
        let comfort_min_c = comfortable();
        let (comfort_max_c, gains_w, discomfort_per_k_h) = (None, 0.0, None);
        Self { capacity_wh_per_k, loss_w_per_k, comfort_min_c, comfort_max_c, gains_w, discomfort_per_k_h }
    }
}

impl HeatTank {
    /// A tank of so much heat (Wh), from which so much is drawn (W); everything else is as its field says.
    #[must_use]
    pub fn new(capacity_wh: f64, demand_w: f64) -> Self {
        Self { capacity_wh, demand_w, loss_per_hour: loss(), empty_c: empty(), full_c: full() }
    }
}

impl From<HeatBuilding> for Heat {
    fn from(building: HeatBuilding) -> Self {
        Self::Building(building)
    }
}

impl From<HeatTank> for Heat {
    fn from(tank: HeatTank) -> Self {
        Self::Tank(tank)
    }
}
