//! Time of use: charge while energy is cheap, discharge while it is dear.

use serde::{Deserialize, Serialize};

use crate::model::Name;

/// Settings of the strategy that charges while energy is cheap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeOfUse {
    /// The assets; all batteries unless told.
    pub assets: Vec<Name>,
    /// When energy is cheap, by the clock of the site: `["00:00-05:00"]`.
    pub cheap: Vec<String>,
    /// When it is dear.
    pub dear: Vec<String>,
    /// It is cheap while a kWh bought costs no more than this.
    pub cheap_below: Option<f64>,
    /// It is dear while a kWh bought costs at least this.
    pub dear_above: Option<f64>,
    /// It is cheap while the price is among this share of the lowest of the last day.
    pub cheap_quantile: Option<f64>,
    /// It is dear while the price is among the highest of the last day: beyond this quantile.
    pub dear_quantile: Option<f64>,
    /// The power while it is cheap, in W; all that the asset takes unless told.
    pub charge_w: Option<f64>,
    /// The power given while it is dear, in W, as a positive number; left to others, such as self-consumption, unless told.
    pub discharge_w: Option<f64>,
    /// Batteries are charged up to this state of charge. 1 unless told.
    pub charge_soc: f64,
    /// And discharged down to this one. 0 unless told: the model has its own lowest.
    pub discharge_soc: f64,
    /// Whether batteries give nothing unless it is dear, so that there is something left then. They do unless told.
    pub keep: bool,
}

impl Default for TimeOfUse {
    fn default() -> Self {
        Self {
            assets: Vec::new(),
            cheap: Vec::new(),
            dear: Vec::new(),
            cheap_below: None,
            dear_above: None,
            cheap_quantile: None,
            dear_quantile: None,
            charge_w: None,
            discharge_w: None,
            charge_soc: 1.0,
            discharge_soc: 0.0,
            keep: false,
        }
    }
}
