//! A battery: limits on either side of its converter, losses, wear, bounds of its energy, and what is asked of it at the end.

use serde::{Deserialize, Serialize};

use super::super::Profile;
use super::asset;

asset! {
    /// A battery. Charge and discharge are powers on the AC side, both zero or above; energy is what is stored.
    ///
    /// `energy' = energy * (1 - self_discharge)^hours + charge * charge_efficiency * hours - discharge * hours / discharge_efficiency`
    Battery {
        /// The energy that it can hold, in Wh.
        capacity_wh: f64,
        /// The most that it may be charged with, in W, on the side that `limits_at` says.
        charge_limit_w: Profile,
        /// The most that it may be discharged with, in W, on the side that `limits_at` says.
        discharge_limit_w: Profile,
        /// The energy in it when the horizon starts, in Wh. Outside its bounds is no fault: it recovers as fast as it can.
        initial_wh: f64,
        ;
        /// The side of the converter on which the limits of power hold. AC unless told.
        limits_at: Side = Side::Ac,
        /// The share of the AC energy that is stored, above 0 and at most 1. 0.95 unless told: a battery without losses cycles for nothing.
        charge_efficiency: f64 = 0.95,
        /// The share of the stored energy that comes out on the AC side, above 0 and at most 1. 0.95 unless told.
        discharge_efficiency: f64 = 0.95,
        /// The share of the stored energy that is lost in an hour.
        self_discharge_per_hour: f64 = 0.0,
        /// What a kWh discharged (AC side) costs in wear.
        wear_per_kwh: f64 = 0.0,
        /// The least energy at the end of each step, in Wh: a hard bound.
        min_wh: Profile = Profile::Constant(0.0),
        /// The most energy at the end of each step, in Wh: a hard bound; the capacity unless told.
        max_wh: Option<Profile> = None,
        /// The least energy that is preferred at the end of each step, in Wh: a soft bound.
        preferred_min_wh: Option<Profile> = None,
        /// The most energy that is preferred at the end of each step, in Wh: a soft bound.
        preferred_max_wh: Option<Profile> = None,
        /// What a kWh outside the preferred bounds costs an hour; the site's price of shortage unless told.
        preference_per_kwh_h: Option<f64> = None,
        /// What is asked of the energy at the end of the horizon. At least what it started with, unless told.
        terminal: Terminal = Terminal::AtLeastInitial,
        /// Whether charging and discharging exclude each other within a step, as in one converter. True unless told.
        exclusive: bool = true,
    }
}

/// The side of a battery's converter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The side of the bus.
    #[default]
    Ac,
    /// The side of the cells: charging at most `limit / charge_efficiency`, discharging at most `limit * discharge_efficiency` on the bus.
    Dc,
}

/// What is asked of a store at the end of the horizon. What cannot be reached is missed by as little as possible: each kWh short
/// costs the site's price of shortage and is reported.
///
/// In TOML and JSON: `"at_least_initial"`, `"free"`, `{ at_least_wh = 5000 }`, `{ exactly_wh = 5000 }`, `{ value_per_kwh = 0.25 }`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Terminal {
    /// At least the energy that it started with.
    #[default]
    AtLeastInitial,
    /// At least so many Wh.
    AtLeastWh(f64),
    /// Exactly so many Wh.
    ExactlyWh(f64),
    /// Nothing is asked, and each kWh left is worth so much.
    ValuePerKwh(f64),
    /// Nothing is asked, and what is left is worth nothing.
    Free,
}
