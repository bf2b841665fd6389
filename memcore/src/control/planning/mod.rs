//! Plans in the loop: the optimizer's site out of the site model, when to plan anew, what a plan asks of each asset, and how far
//! the site is from it.

use std::sync::Arc;

use crate::model::{Name, Span, Timestamp};

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
    /// The step at that time; None before its first, after its last, or when it is no longer valid.
    #[must_use]
    pub fn step_at(&self, time: Timestamp) -> Option<usize> {
        let since = time.since(self.start).as_micros();
        let steps = self.powers.first().map_or(0, |(_, powers)| powers.len());
        let step = usize::try_from(since.checked_div_euclid(self.step.as_micros())?).ok()?;
        (step < steps && time < self.valid_until && since >= 0).then_some(step)
    }

    /// What it asks of an asset at that time, in W.
    #[must_use]
    pub fn power_w(&self, asset: &str, time: Timestamp) -> Option<f64> {
        let step = self.step_at(time)?;
        let (_, powers) = self.powers.iter().find(|(name, _)| name.as_str() == asset)?;
        powers.get(step).copied()
    }
}
