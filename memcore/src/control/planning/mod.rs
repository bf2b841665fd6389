//! Plans in the loop: the optimizer's site out of the site model, when to plan anew, what a plan asks of each asset, and how far
//! the site is from it.

mod behind;
mod derive;
mod expected;
mod horizon;
mod in_turn;
mod reason;
mod replanner;
mod track;
mod triggers;

use std::sync::Arc;

pub use derive::Derived;
pub use expected::Expected;
pub use horizon::PlanningGrid;
pub use in_turn::{InTurn, Solved};
pub use reason::Reason;
pub use replanner::{PlanAnswer, PlanFailure, PlanLook, PlanNews, PlanRequest, Replanner};
pub use track::{Deviation, StepDeviations, Tracker};
pub use triggers::Triggers;

use super::{CheckedModel, Moment};
use crate::error::{Error, Result};
use crate::model::{Name, Span, Timestamp};

/// A plan that says it was made later than this after now was made by another clock.
const CLOCKS_DIFFER: Span = Span::from_seconds(60);
/// Powers are planned to a millionth; this much beyond a range is rounding, in W.
const ROUNDING_W: f64 = 0.5;
/// The same of a state of charge.
const ROUNDING_SOC: f64 = 0.02;

/// What a plan asks of each asset, step by step.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedPowers {
    /// The site that it is for.
    pub site: Name,
    /// When it was made.
    pub made: Timestamp,
    /// Until when it may be followed.
    pub valid_until: Timestamp,
    /// When its first step starts.
    pub start: Timestamp,
    /// The length of its steps.
    pub step: Span,
    /// The assets, by name, each with its mean power of every step, in W, passive sign.
    pub powers: Vec<(Name, Arc<[f64]>)>,
    /// Stores, by name, each with its state of charge at the end of every step.
    pub socs: Vec<(Name, Arc<[f64]>)>,
}

impl PlannedPowers {
    /// How many steps it has.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.powers.first().map_or(0, |(_, powers)| powers.len())
    }

    /// The step at that time; None before its first, after its last, or when it is no longer valid.
    #[must_use]
    pub fn step_at(&self, time: Timestamp) -> Option<usize> {
        let since = time.since(self.start).as_micros();
        let step = usize::try_from(since.checked_div_euclid(self.step.as_micros())?).ok()?;
        (step < self.steps() && time < self.valid_until && since >= 0).then_some(step)
    }

    /// When a step starts.
    #[must_use]
    pub fn step_start(&self, step: usize) -> Timestamp {
        let micros = self.step.as_micros().saturating_mul(i64::try_from(step).unwrap_or(i64::MAX));
        self.start.saturating_add(Span::from_micros(micros))
    }

    /// What it asks of an asset at that time, in W.
    #[must_use]
    pub fn power_w(&self, asset: &str, time: Timestamp) -> Option<f64> {
        let step = self.step_at(time)?;
        column(&self.powers, asset)?.get(step).copied()
    }

    /// The state of charge that it expects of a store at that time: between the ends of the steps before and around it. Within its
    /// first step it is None, since what the store began with is no part of it.
    #[must_use]
    pub fn soc(&self, asset: &str, time: Timestamp) -> Option<f64> {
        let step = self.step_at(time)?;
        let socs = column(&self.socs, asset)?;
        let (before, after) = (*socs.get(step.checked_sub(1)?)?, *socs.get(step)?);
        let share = time.since(self.step_start(step)).as_seconds() / self.step.as_seconds();
        Some(before + (after - before) * share)
    }

    /// Whether it may be followed at that site from now on.
    ///
    /// # Errors
    /// Invalid where it is for another site or another time, where its steps do not fit together, or where it asks of an asset what
    /// it has not or cannot do, naming the asset, the step, the value and what was expected.
    pub fn for_site(&self, model: &CheckedModel, now: Moment) -> Result<()> {
        let refused = |what: String| Err(Error::invalid(format!("plan of {}, made {}: {what}", self.site, self.made)));
        let site = &model.model().site;
        if self.site != *site {
            return refused(format!("site is {}, expected {site}", self.site));
        }
        if let Err(what) = self.fits_now(now.wall) {
            return refused(what);
        }
        for (field, columns) in [("powers", &self.powers), ("socs", &self.socs)] {
            if let Err(what) = self.fits_model(field, columns, model) {
                return refused(what);
            }
        }
        Ok(())
    }

    fn fits_now(&self, now: Timestamp) -> std::result::Result<(), String> {
        if self.step.as_micros() <= 0 {
            return Err(format!("step is {}, expected a length above zero", self.step));
        }
        if self.steps() == 0 {
            return Err("it has no step, expected at least one".to_owned());
        }
        if self.made.since(now) > CLOCKS_DIFFER {
            return Err(format!("made is {}, expected no later than now, {now}", self.made));
        }
        if self.valid_until <= now {
            return Err(format!("valid_until is {}, expected later than now, {now}", self.valid_until));
        }
        let end = self.step_start(self.steps());
        if now < self.start || end <= now {
            return Err(format!("its steps are from {} to {end}, expected now, {now}, among them", self.start));
        }
        Ok(())
    }

    fn fits_model(
        &self,
        field: &str,
        columns: &[(Name, Arc<[f64]>)],
        model: &CheckedModel,
    ) -> std::result::Result<(), String> {
        let steps = self.steps();
        for (place, (name, values)) in columns.iter().enumerate() {
            let named = format!("{field} of {name}");
            let Some(asset) = model.place(name.as_str()).map(|place| &model.assets()[place]) else {
                return Err(format!("{named}: {name} is no asset of the site"));
            };
            if columns[..place].iter().any(|(other, _)| other == name) {
                return Err(format!("{named} stand twice, expected once"));
            }
            if values.len() != steps {
                return Err(format!("{named} are {} values, expected one for each of the {steps} steps", values.len()));
            }
            let (low, high, unit) = match field {
                "powers" => (asset.low_w - ROUNDING_W, asset.high_w + ROUNDING_W, " W"),
                _ => (-ROUNDING_SOC, 1.0 + ROUNDING_SOC, ""),
            };
            if let Some(step) = values.iter().position(|value| !value.is_finite() || *value < low || high < *value) {
                let (value, start) = (values[step], self.step_start(step));
                let expected = match field {
                    "powers" => format!("{} to {} W", asset.low_w, asset.high_w),
                    _ => "0 to 1".to_owned(),
                };
                return Err(format!("{named} at {start} is {value}{unit}, expected {expected}"));
            }
        }
        Ok(())
    }
}

fn column<'a>(columns: &'a [(Name, Arc<[f64]>)], asset: &str) -> Option<&'a Arc<[f64]>> {
    columns.iter().find(|(name, _)| name.as_str() == asset).map(|(_, values)| values)
}

#[cfg(test)]
mod tests;
