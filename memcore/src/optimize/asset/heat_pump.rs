//! A heat pump, or a plain electric heater, with what it heats: a tank or a building.

use serde::{Deserialize, Serialize};

use super::super::Profile;
use super::{Terminal, asset};
use crate::model::Span;
use crate::model::written;

asset! {
    /// A heat pump. Its power is electric, zero or within `min_w..=max_w`; the heat is `cop` times that.
    HeatPump {
        /// The most electric power, in W.
        max_w: Profile,
        /// Heat for each unit of electric energy; 1 for a plain heater.
        cop: Profile,
        /// What it heats.
        heat: Heat,
        ;
        /// The least electric power while it runs, in W; zero where it modulates down to nothing.
        min_w: f64 = 0.0,
        /// What each start costs.
        start_cost: f64 = 0.0,
        /// The least time on once started, rounded up to whole steps.
        #[serde(with = "written::span")]
        min_on: Option<Span> = None,
        /// The least time off once stopped, rounded up to whole steps.
        #[serde(with = "written::span")]
        min_off: Option<Span> = None,
        /// Whether it runs when the horizon starts.
        initially_on: bool = false,
        /// Since when it has run or stood at the horizon's start; longer than any least time unless told.
        #[serde(with = "written::span")]
        initial_since: Option<Span> = None,
    }
}

/// What a heat pump heats. In TOML and JSON `{ tank = { ... } }` or `{ building = { ... } }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heat {
    /// A store of heat that is drawn from.
    Tank(Tank),
    /// Rooms that are to be kept warm.
    Building(Building),
}

impl From<Tank> for Heat {
    fn from(tank: Tank) -> Self {
        Self::Tank(tank)
    }
}

impl From<Building> for Heat {
    fn from(building: Building) -> Self {
        Self::Building(building)
    }
}

impl super::Missing for Heat {
    fn missing() -> Self {
        Self::Tank(Tank::default())
    }
}

/// A store of heat: `energy' = energy * (1 - loss)^hours + (heat + unmet - drawn) * hours`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tank {
    /// The heat that it can hold, in Wh.
    pub capacity_wh: f64,
    /// The heat in it when the horizon starts, in Wh.
    pub initial_wh: f64,
    /// The heat drawn from it, in W.
    pub demand_w: Profile,
    /// The share of its heat that is lost in an hour.
    pub loss_per_hour: f64,
    /// The least heat at the end of each step, in Wh.
    pub min_wh: Profile,
    /// What each kWh of heat that was asked for and not there costs; the site's price of shortage unless told.
    pub unmet_per_kwh: Option<f64>,
    /// What is asked of it at the end of the horizon.
    pub terminal: Terminal,
}

impl Default for Tank {
    fn default() -> Self {
        Self {
            capacity_wh: f64::NAN,
            initial_wh: f64::NAN,
            demand_w: Profile::default(),
            loss_per_hour: 0.0,
            min_wh: Profile::Constant(0.0),
            unmet_per_kwh: None,
            terminal: Terminal::AtLeastInitial,
        }
    }
}

/// Rooms as one thermal mass, in the exact solution of `C dT/dt = heat + gains - UA (T - outdoor)` over a step of constant inputs:
/// `T' = T_inf + (T - T_inf) * exp(-UA * hours / C)` with `T_inf = outdoor + (heat + gains) / UA`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Building {
    /// Heat for each kelvin, C in Wh/K.
    pub capacity_wh_per_k: f64,
    /// Loss for each kelvin above outdoors, UA in W/K.
    pub loss_w_per_k: f64,
    /// The temperature outdoors, in degC.
    pub outdoor_c: Profile,
    /// Gains of sun and people, in W.
    pub gains_w: Profile,
    /// The temperature when the horizon starts, in degC.
    pub initial_c: f64,
    /// The least temperature that is comfortable at the end of each step, in degC: a soft bound.
    pub comfort_min_c: Profile,
    /// The highest temperature that is comfortable, in degC: a soft bound; none unless told.
    pub comfort_max_c: Option<Profile>,
    /// What each kelvin outside comfort costs an hour; the site's price of shortage unless told.
    pub discomfort_per_k_h: Option<f64>,
}

impl Default for Building {
    fn default() -> Self {
        Self {
            capacity_wh_per_k: f64::NAN,
            loss_w_per_k: f64::NAN,
            outdoor_c: Profile::default(),
            gains_w: Profile::Constant(0.0),
            initial_c: f64::NAN,
            comfort_min_c: Profile::default(),
            comfort_max_c: None,
            discomfort_per_k_h: None,
        }
    }
}
