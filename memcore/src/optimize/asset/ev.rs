//! An electric vehicle at a charger: sessions, targets at departure, currents that a charger can give.

use serde::{Deserialize, Serialize};

use super::asset;
use crate::model::Timestamp;
use crate::model::written;

asset! {
    /// An electric vehicle. Charge and discharge are powers on the AC side; it is there during its sessions only.
    Ev {
        /// The energy that its battery can hold, in Wh.
        capacity_wh: f64,
        /// When it is there, and what it must leave with. In order of time, apart from each other.
        sessions: Vec<Session>,
        /// What the charger can give.
        charging: Charging,
        ;
        /// The share of the AC energy that is stored, above 0 and at most 1. 0.9 unless told.
        charge_efficiency: f64 = 0.9,
        /// The most that it may give back, in W on the AC side. None unless told.
        discharge_limit_w: f64 = 0.0,
        /// The share of the stored energy that comes out on the AC side. 0.9 unless told.
        discharge_efficiency: f64 = 0.9,
        /// What a kWh discharged costs in wear.
        wear_per_kwh: f64 = 0.0,
        /// What it costs to begin charging after not charging.
        start_cost: f64 = 0.0,
        /// Whether it charges when the horizon starts (where the charger goes down to nothing: whether it has begun to in its session),
        /// so that to go on is no start.
        initially_charging: bool = false,
        /// What each kWh missing at a departure costs; the site's price of shortage unless told.
        shortfall_per_kwh: Option<f64> = None,
    }
}

impl Ev {
    /// Whether a pause is a stop: where the charger goes down to nothing it is none.
    pub(in crate::optimize) fn pause_is_stop(&self) -> bool {
        self.charging.bands_w().iter().all(|band| band.0 > 0.0)
    }
}

/// A time at the charger.
///
/// A step belongs to it when it lies wholly within. A session that goes on past the horizon must leave its target reachable: at the
/// horizon's end at most so much may be missing as the rest of the session can charge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// When it comes, or came.
    #[serde(with = "written::time")]
    pub arrival: Timestamp,
    /// When it leaves.
    #[serde(with = "written::time")]
    pub departure: Timestamp,
    /// The energy it comes with, or has now where it is there already, in Wh.
    #[serde(default)]
    pub initial_wh: f64,
    /// The energy it must leave with, in Wh. What cannot be reached is missed by as little as possible and reported.
    pub target_wh: f64,
    /// The most energy it may hold in this session, in Wh; the capacity unless told.
    #[serde(default)]
    pub limit_wh: Option<f64>,
}

/// What a charger can give: nothing, or a power within a band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Charging {
    /// Between two powers, in W.
    Power {
        /// The least while charging; zero where any power will do.
        min_w: f64,
        /// The most.
        max_w: f64,
    },
    /// Between two currents per phase, in A.
    Current {
        /// The least while charging: 6 A by IEC 61851.
        min_a: f64,
        /// The most.
        max_a: f64,
        /// The voltage between phase and neutral.
        volts: f64,
        /// How many phases charge.
        phases: Phases,
    },
}

impl super::Missing for Charging {
    fn missing() -> Self {
        Self::Power { min_w: f64::NAN, max_w: f64::NAN }
    }
}

/// How many phases a charger uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phases {
    /// One.
    One,
    /// Three.
    Three,
    /// One or three, as the plan decides step by step.
    Switched,
}

impl Charging {
    /// The bands of power within which it charges, in W, ascending: one, or two where phases are switched.
    #[must_use]
    pub fn bands_w(&self) -> Vec<(f64, f64)> {
        match *self {
            Self::Power { min_w, max_w } => vec![(min_w, max_w)],
            Self::Current { min_a, max_a, volts, phases } => {
                let band = |count: f64| (count * volts * min_a, count * volts * max_a);
                match phases {
                    Phases::One => vec![band(1.0)],
                    Phases::Three => vec![band(3.0)],
                    Phases::Switched => vec![band(1.0), band(3.0)],
                }
            }
        }
    }
}
