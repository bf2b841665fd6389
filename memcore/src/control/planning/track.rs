//! How far a site is from its plan: the mean power of each asset over the step so far, and the state of charge of each store.

use std::sync::Arc;
use std::time::Duration;

use super::PlannedPowers;
use crate::control::{CheckedModel, Measure, Moment, Situation};
use crate::model::{Name, Timestamp};

/// A plan that is followed, by the places of the model, with what the stores held when it began.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) plan: Arc<PlannedPowers>,
    /// When it began: the wall clock of the moment for which it was asked.
    began: Timestamp,
    /// By place: the planned powers, in W.
    powers: Vec<Option<Arc<[f64]>>>,
    /// By place: what is planned of stores.
    socs: Vec<Option<Stored>>,
}

/// The planned states of charge of a store at the ends of the steps, and what was measured at the beginning.
type Stored = (Arc<[f64]>, Option<f64>);

impl Course {
    /// A plan for which `situation` was the beginning.
    pub(super) fn new(model: &CheckedModel, plan: Arc<PlannedPowers>, situation: &Situation, began: Moment) -> Self {
        let of = |columns: &[(Name, Arc<[f64]>)], name: &Name| {
            columns.iter().find(|(of, _)| of == name).map(|(_, values)| values.clone())
        };
        let powers = model.assets().iter().map(|asset| of(&plan.powers, &asset.name)).collect();
        let soc = |(place, asset): (usize, &crate::control::CheckedAsset)| {
            Some((of(&plan.socs, &asset.name)?, situation.fresh(model, place, Measure::Soc, began)))
        };
        let socs = model.assets().iter().enumerate().map(soc).collect();
        Self { plan, began: began.wall, powers, socs }
    }

    /// What is planned of an asset in a step, in W.
    pub(super) fn power_w(&self, place: usize, step: usize) -> Option<f64> {
        self.powers.get(place)?.as_ref()?.get(step).copied()
    }

    /// The state of charge that is planned for a time, between those at the borders around it.
    pub(super) fn soc(&self, place: usize, step: usize, time: Timestamp) -> Option<f64> {
        let (socs, at_first) = self.socs.get(place)?.as_ref()?;
        let after = *socs.get(step)?;
        let start = self.plan.step_start(step);
        let (before, from) = match socs[..step].last() {
            Some(before) if self.began <= start => (*before, start),
            _ => ((*at_first)?, self.began.max(start)),
        };
        let length = self.plan.step_start(step + 1).since(from).as_seconds();
        let share = if length > 0.0 { (time.since(from).as_seconds() / length).clamp(0.0, 1.0) } else { 1.0 };
        Some(before + (after - before) * share)
    }

    /// What nobody controls, in W, as planned and as it is: what comes from the grid, less what every asset takes that the plan
    /// moves or the sun gives. None without a grid in the plan, or while a meter is silent.
    pub(super) fn uncontrolled_w(
        &self,
        model: &CheckedModel,
        situation: &Situation,
        step: usize,
        now: Moment,
    ) -> Option<(f64, f64)> {
        let grid = model.grid()?;
        let (mut planned, mut measured) = (self.power_w(grid, step)?, situation.power_w(model, grid, now)?);
        for (place, asset) in model.assets().iter().enumerate() {
            if let (true, Some(power_w)) = (asset.is_planned(), self.power_w(place, step)) {
                planned -= power_w;
                measured -= situation.power_w(model, place, now)?;
            }
        }
        Some((planned, measured))
    }
}

/// How far an asset is from the plan: what is, less what was planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// The asset.
    pub asset: Name,
    /// Of its mean power over the step so far, in W; None where it was not measured.
    pub power_w: Option<f64>,
    /// Of its state of charge, a fraction; None where it stores nothing or was not measured.
    pub soc: Option<f64>,
}

/// How far a site was from its plan in a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepDeviations {
    /// When the step started.
    pub start: Timestamp,
    /// Of each asset that the plan says something of.
    pub assets: Vec<Deviation>,
}

/// Follows how far a site is from its plan. Time is weighed by the monotonic clock.
#[derive(Debug, Clone, Default)]
pub struct Tracker {
    /// The step that is followed, of which start, and until when it was.
    at: Option<(usize, Timestamp, Duration)>,
    /// By place: watt-seconds off the plan and the seconds in which it was measured, and the state of charge off the plan.
    sums: Vec<(f64, f64, Option<f64>)>,
}

impl Tracker {
    /// Looks at the site now; returns how far it was from the plan in a step that has ended.
    pub(super) fn look(
        &mut self,
        model: &CheckedModel,
        situation: &Situation,
        course: Option<&Course>,
        now: Moment,
    ) -> Option<StepDeviations> {
        let step = course.and_then(|course| Some((course, course.plan.step_at(now.wall)?)));
        let begins = step.map(|(course, step)| course.plan.step_start(step));
        let mut ended = None;
        if self.at.map(|(_, start, _)| start) != begins {
            ended = self.end(model);
        }
        let (course, step) = step?;
        let passed = self.at.map_or(Duration::ZERO, |(_, _, until)| now.elapsed.saturating_sub(until));
        self.sums.resize(model.assets().len(), (0.0, 0.0, None));
        for (place, sum) in self.sums.iter_mut().enumerate() {
            let Some(planned) = course.power_w(place, step) else { continue };
            if let Some(measured) = situation.power_w(model, place, now) {
                // What holds now is taken for what held since the last look; the first look of a step counts a moment.
                let seconds = passed.as_secs_f64().max(1e-6);
                sum.0 += (measured - planned) * seconds;
                sum.1 += seconds;
            }
            let measured = situation.fresh(model, place, Measure::Soc, now);
            sum.2 = measured.zip(course.soc(place, step, now.wall)).map(|(measured, planned)| measured - planned).or(sum.2);
        }
        self.at = begins.map(|begins| (step, begins, now.elapsed));
        ended
    }

    /// How far the site is from the plan in the step that now lies in; None where no plan holds.
    #[must_use]
    pub fn deviations(&self, model: &CheckedModel) -> Option<StepDeviations> {
        let (_, start, _) = self.at?;
        let of = |(asset, (watt_seconds, seconds, soc)): (&crate::control::CheckedAsset, &(f64, f64, Option<f64>))| {
            let power_w = (*seconds > 0.0).then(|| watt_seconds / seconds);
            let said = power_w.is_some() || soc.is_some();
            said.then(|| Deviation { asset: asset.name.clone(), power_w, soc: *soc })
        };
        let assets = model.assets().iter().zip(&self.sums).filter_map(of).collect();
        Some(StepDeviations { start, assets })
    }

    fn end(&mut self, model: &CheckedModel) -> Option<StepDeviations> {
        let ended = self.deviations(model);
        self.at = None;
        self.sums.clear();
        ended
    }
}
