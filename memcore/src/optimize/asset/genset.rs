//! A generator that is started and stopped: diesel, gas, biogas, CHP.

use super::super::Profile;
use super::asset;
use crate::model::Span;
use crate::model::written;

asset! {
    /// A generator. It gives nothing, or a power within `min_w..=max_w`, and pays for starts, for running and for energy.
    Genset {
        /// The least power while it runs, in W.
        min_w: f64,
        /// The most power, in W.
        max_w: f64,
        /// What each kWh costs.
        marginal_per_kwh: f64,
        ;
        /// What each hour of running costs, whatever the power.
        no_load_per_h: f64 = 0.0,
        /// What each start costs.
        start_cost: f64 = 0.0,
        /// What each stop costs.
        stop_cost: f64 = 0.0,
        /// The least time that it runs once started, rounded up to whole steps. A run may be cut by the horizon's end.
        #[serde(with = "written::span")]
        min_up: Option<Span> = None,
        /// The least time that it stands once stopped, rounded up to whole steps.
        #[serde(with = "written::span")]
        min_down: Option<Span> = None,
        /// Whether it runs when the horizon starts.
        initially_on: bool = false,
        /// Since when it has run or stood at the horizon's start; longer than any least time unless told.
        #[serde(with = "written::span")]
        initial_since: Option<Span> = None,
        /// The most that its power may change from step to step while it runs, in W per minute; no limit unless told.
        ramp_w_per_min: Option<f64> = None,
        /// Its power just before the horizon, in W, for the ramp; unless told its first step is not bound by the ramp.
        initial_w: Option<f64> = None,
        /// One number per step: it may run in those above zero. All of them unless told.
        available: Option<Profile> = None,
        /// Carbon of a kWh, in g.
        carbon_g_per_kwh: f64 = 0.0,
    }
}
