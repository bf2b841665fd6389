//! What is expected of the time ahead: all that a plan needs beside the site model and what is measured.

use crate::model::{Name, Timestamp};
use crate::optimize::{Horizon, PreviousPower};

/// What is expected in each step of a horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The steps.
    pub horizon: Horizon,
    /// What the site takes by itself, in W, zero or above: all that no asset [is planned](crate::control::CheckedAsset::is_planned)
    /// to take.
    pub load_w: Vec<f64>,
    /// What each source could give, in W, zero or above, by the name of its asset.
    pub sources_w: Vec<(Name, Vec<f64>)>,
    /// What a kWh bought costs.
    pub buy_per_kwh: Vec<f64>,
    /// What a kWh sold brings.
    pub sell_per_kwh: Vec<f64>,
    /// The temperature outdoors, in degrees Celsius; empty where nobody knows.
    pub outdoor_c: Vec<f64>,
    /// When vehicles leave that leave otherwise than the model says, by the name of their charger.
    pub departures: Vec<(Name, Timestamp)>,
    /// The highest mean import that the billing period of a demand charge has seen, in W.
    pub peak_so_far_w: f64,
    /// What was planned before for these steps, where anything was.
    pub previous: Vec<PreviousPower>,
}
