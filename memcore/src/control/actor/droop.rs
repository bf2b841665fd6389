//! Droop: assets answer the frequency of an island, or a voltage, with their power.

use serde::{Deserialize, Serialize};

use crate::model::Name;

/// What a droop answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DroopBy {
    /// The frequency: P(f).
    #[default]
    Frequency,
    /// The voltage: P(U).
    Voltage,
}

/// Settings of the strategy that answers frequency or voltage with power.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Droop {
    /// The assets; all controlled batteries and arrays unless told.
    pub assets: Vec<Name>,
    /// What is answered.
    pub by: DroopBy,
    /// The asset that measures it; the first that does unless told.
    pub meter: Option<Name>,
    /// The frequency in Hz or voltage in V at which nothing is asked; 50 Hz or 230 V unless told.
    pub nominal: Option<f64>,
    /// How far off it may be before anything is asked, in Hz or V; 0.2 Hz or 11.5 V unless told.
    pub deadband: Option<f64>,
    /// How far beyond that, as a share of the nominal value, everything is asked. 0.05 unless told.
    pub droop: f64,
}

impl Default for Droop {
    fn default() -> Self {
        Self { assets: Vec::new(), by: DroopBy::Frequency, meter: None, nominal: None, deadband: None, droop: 0.05 }
    }
}
