//! Demand that is there whatever the plan, and that may be shed at a price.

use super::super::Profile;
use super::asset;

asset! {
    /// Demand. What is not served is shed, where that is allowed, at its value of lost load.
    Load {
        /// What it takes, in W, zero or above.
        power_w: Profile,
        ;
        /// What each kWh not served costs. Without it and without a priority it may not be shed.
        value_of_lost_load_per_kwh: Option<f64> = None,
        /// In place of a value of lost load: 0 is shed first, 9 last. Its value is then `(1 + priority)` times the site's price of shortage.
        priority: Option<u8> = None,
        /// The share of it that may be shed, 0 to 1. All of it unless told.
        sheddable_share: f64 = 1.0,
    }
}
