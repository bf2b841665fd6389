//! A grid connection: prices in and out, limits, demand charges.

use serde::{Deserialize, Serialize};

use super::super::Profile;
use super::asset;
use crate::model::Span;
use crate::model::written;

asset! {
    /// A grid connection. Import and export are powers at the connection point, both zero or above.
    Grid {
        /// What a kWh imported costs, in the site's currency; may be negative.
        buy_per_kwh: Profile,
        ;
        /// What a kWh exported earns; negative where exporting costs. Zero unless told: surplus may leave, and earns nothing.
        sell_per_kwh: Profile = Profile::Constant(0.0),
        /// The most that may be imported, in W; no limit unless told. Zero: none, an island.
        import_limit_w: Option<Profile> = None,
        /// The most that may be exported, in W; no limit unless told.
        export_limit_w: Option<Profile> = None,
        /// Charges for the highest mean power imported.
        demand_charges: Vec<DemandCharge> = Vec::new(),
        /// Whether import and export exclude each other within a step, as at any one meter. True unless told.
        exclusive: bool = true,
        /// Carbon of an imported kWh, in g.
        carbon_g_per_kwh: Profile = Profile::Constant(0.0),
        /// A cost per (kW)^2 and hour of import and of export, to flatten both: `c * hours * (import_kw^2 + export_kw^2)`.
        quadratic_per_kw2h: f64 = 0.0,
    }
}

/// A charge for the highest mean power imported over any of its intervals. A plan pays what it adds to the peak so far:
/// `per_kw * max(0, highest mean - peak_so_far)`, in kW.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DemandCharge {
    /// What each kW of the peak costs.
    pub per_kw: f64,
    /// Over how long the power is averaged; the steps themselves unless told. Intervals count from the epoch in UTC.
    #[serde(with = "written::span")]
    pub interval: Option<Span>,
    /// One number per step: the steps in which it applies are those above zero. All of them unless told.
    pub applies: Option<Profile>,
    /// The peak that the billing period has already seen, in W: below it a new one costs nothing.
    pub peak_so_far_w: f64,
}

impl Default for DemandCharge {
    fn default() -> Self {
        Self { per_kw: f64::NAN, interval: None, applies: None, peak_so_far_w: 0.0 }
    }
}

impl DemandCharge {
    /// A charge per kW of the highest step, with no peak so far.
    #[must_use]
    pub fn new(per_kw: f64) -> Self {
        Self { per_kw, ..Self::default() }
    }
}
