//! Actors: whoever proposes. Those that are built in are ordinary ones.

mod calendar;
mod checks;
mod closure;
mod departure;
mod distress;
mod droop;
mod follow_plan;
mod genset;
mod load_shedding;
mod peak_shaving;
mod phases;
mod prices;
mod rest;
mod schedule;
mod self_consumption;
mod settings;
mod strategy;
mod surplus_charging;
#[cfg(test)]
mod tests;
mod time_of_use;

use std::sync::Arc;

pub use closure::FnActor;
pub use settings::{
    Day, Droop, DroopBy, FollowPlan, GensetControl, Hold, LoadShedding, PeakShaving, Schedule, SelfConsumption,
    SurplusCharging, TimeOfUse, Window,
};
pub use strategy::{StrategyConfig, StrategyKind, actors};

use super::{CheckedModel, Demand, Measure, Moment, PlannedPowers, Proposal, Situation};
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

impl View<'_> {
    /// What is measured of an asset; None where it is not known for the present.
    #[must_use]
    pub fn fresh(&self, place: usize, measure: Measure) -> Option<f64> {
        self.situation.fresh(self.model, place, measure, self.now)
    }

    /// The power of an asset, in W.
    #[must_use]
    pub fn power_w(&self, place: usize) -> Option<f64> {
        self.fresh(place, Measure::Power)
    }

    /// What flows in from the grid, in W; below zero what flows out.
    #[must_use]
    pub fn grid_w(&self) -> Option<f64> {
        self.situation.grid_w(self.model, self.now)
    }

    /// The running interval of the demand charge; None where nothing of it was measured.
    #[must_use]
    pub fn demand(&self) -> Option<Demand> {
        self.situation.demand(self.model, self.now)
    }

    /// Whether the grid is there; None where the site does not say or it is not known.
    #[must_use]
    pub fn grid_present(&self) -> Option<bool> {
        self.model.model.island.as_ref()?;
        self.fresh(0, Measure::GridPresent).map(|present| present >= 0.5)
    }
}

/// Whoever proposes. It cannot command.
///
/// What it proposes stands until its validity is over or it proposes anew for the same target; proposing nothing withdraws nothing
/// but renews nothing either. It shall be valid for a few of its periods, so that an actor that hangs has no wish for long, and
/// shall rest on what is fresh: where a reading is None the right wish is mostly none, and what is declared safe holds.
///
/// An actor holds no clock: times are those of [`View::now`], lengths by its `elapsed`, calendars by its `wall`. It is asked within
/// the decision, so it must not wait for anything. Whoever has to wait, or is a person, hands wishes to
/// [`Controller::propose`](super::Controller::propose) instead, each valid for up to a day.
///
/// ```
/// use memcore::control::{Actor, Priority, Proposal, Target, View};
/// use memcore::model::{Name, Span};
///
/// /// Lets the heat pump rest while energy is dear.
/// struct Thrift {
///     name: Name,
/// }
///
/// impl Actor for Thrift {
///     fn name(&self) -> &Name {
///         &self.name
///     }
///
///     fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
///         let Some(price) = view.buy_per_kwh.filter(|price| *price > 0.40) else { return Vec::new() };
///         let heat_pump = Target::Asset(Name::new("heatpump").unwrap());
///         let why = format!("a kWh costs {price:.2}");
///         let wish = Proposal::bounds(self.name.clone(), heat_pump, None, Some(0.0), Priority::new(45).unwrap(), why);
///         vec![wish.valid_for(Span::from_seconds(10))]
///     }
/// }
/// ```
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
