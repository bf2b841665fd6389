//! PV, wind and other sources whose output is given by nature and can be curtailed.

use super::super::Profile;
use super::asset;

asset! {
    /// A source of power that nature decides: PV, wind, a river. The plan says how much of it is used and how much curtailed.
    Source {
        /// What it could give, in W, zero or above. A forecast below zero is clamped to zero and reported.
        available_w: Profile,
        ;
        /// Whether less than what is available may be taken. True unless told.
        curtailable: bool = true,
        /// What a kWh used costs.
        cost_per_kwh: f64 = 0.0,
        /// What a kWh curtailed costs.
        curtailment_per_kwh: f64 = 0.0,
    }
}
