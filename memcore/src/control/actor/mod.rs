//! Actors: whoever proposes. Those that are built in are ordinary ones.

mod droop;
mod follow_plan;
mod genset;
mod load_shedding;
mod peak_shaving;
mod schedule;
mod self_consumption;
mod strategy;
mod surplus_charging;
mod time_of_use;

use std::sync::Arc;

pub use droop::{Droop, DroopBy};
pub use follow_plan::{FollowPlan, Hold};
pub use genset::GensetControl;
pub use load_shedding::LoadShedding;
pub use peak_shaving::PeakShaving;
pub use schedule::{Day, Schedule, Window};
pub use self_consumption::SelfConsumption;
pub use strategy::{StrategyConfig, StrategyKind};
pub use surplus_charging::SurplusCharging;
pub use time_of_use::TimeOfUse;

use super::{CheckedModel, Moment, PlannedPowers, Proposal, Situation};
use crate::model::{Name, Span};

/// What an actor sees.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The present.
    pub now: Moment,
    /// The site.
    pub model: &'a CheckedModel,
    /// What is measured.
    pub situation: &'a Situation,
    /// What was decided last for each asset, in W; NaN for those that are not controlled.
    pub decided_w: &'a [f64],
    /// The plan that holds, where there is one.
    pub plan: Option<&'a Arc<PlannedPowers>>,
    /// What a kWh bought costs now, where that is known.
    pub buy_per_kwh: Option<f64>,
    /// What a kWh sold brings now, where that is known.
    pub sell_per_kwh: Option<f64>,
}

/// Whoever proposes. It cannot command.
pub trait Actor: Send {
    /// What it is called; unlike any other actor of the site.
    fn name(&self) -> &Name;

    /// How often it is asked; at every decision where that is zero.
    fn every(&self) -> Span {
        Span::default()
    }

    /// What it wishes for now. What it wished for before stands until its time is over.
    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal>;
}
