//! When a plan is due: on time, and on what happens. Events within a minute of the last plan wait, so that they cannot cause a storm;
//! each is kept with its reason until a plan is made for it.

use std::time::Duration;

use super::track::Course;
use super::{PlanningGrid, Reason};
use crate::control::{CheckedModel, ExternalLimit, Measure, Moment, Planning, Role, Situation};
use crate::error::Result;
use crate::model::{Span, Timestamp};

/// Two plans are at least so far apart, whatever happens.
pub(super) const SPACING: Duration = Duration::from_secs(60);
/// A load is off for so long before it counts.
const LOAD_OFF_FOR: Duration = Duration::from_secs(300);
/// The clocks may differ by so much in what they say has passed before that is a jump.
const JUMP: Span = Span::from_seconds(60);
/// A limit that changes by less than this stays what it is, in W.
const SAME_LIMIT_W: f64 = 1.0;
/// Reasons that are kept for the next plan. Full-policy: later ones are left, as a plan is due already.
const REASONS_MAX: usize = 16;

/// Says when a plan is due, and why.
#[derive(Debug, Clone)]
pub struct Triggers {
    grid: PlanningGrid,
    planning: Planning,
    /// When the next plan is due on time, by the monotonic clock.
    due: Option<Duration>,
    /// When the last one was asked for.
    asked: Option<Duration>,
    /// What calls for the next one.
    reasons: Vec<Reason>,
    /// The last look at both clocks.
    looked: Option<Moment>,
    /// By place: whether a vehicle was connected.
    connected: Vec<Option<bool>>,
    /// By place: the limit that an external one sets, in W; None where it sets none. Nothing before the first look.
    limits_w: Option<Vec<Option<f64>>>,
    /// By place: whether the state of charge was known when the last plan was asked for.
    known: Vec<bool>,
    /// Whether the grid was there.
    grid_present: Option<bool>,
    /// Since when, and on which side, the load is off the plan.
    load_off: Option<(Duration, bool)>,
}

impl Triggers {
    /// For a site that is planned as `planning` says.
    ///
    /// # Errors
    /// Those of [`PlanningGrid::new`].
    pub fn new(model: &CheckedModel, planning: &Planning) -> Result<Self> {
        let grid = PlanningGrid::new(&model.model().zone, planning.step, planning.ahead)?;
        Ok(Self {
            grid,
            planning: planning.clone(),
            due: None,
            asked: None,
            reasons: Vec::new(),
            looked: None,
            connected: vec![None; model.assets().len()],
            limits_w: None,
            known: vec![true; model.assets().len()],
            grid_present: None,
            load_off: None,
        })
    }

    /// The steps that plans are made for.
    #[must_use]
    pub fn grid(&self) -> &PlanningGrid {
        &self.grid
    }

    /// What happened outside of what is measured: new prices, another departure.
    pub fn tell(&mut self, reason: Reason) {
        match self.reasons.iter().position(|known| known.is_same_as(&reason)) {
            Some(known) => self.reasons[known] = reason,
            None if self.reasons.len() < REASONS_MAX => self.reasons.push(reason),
            None => {}
        }
    }

    /// Looks at the site; the reasons for a plan now, or nothing.
    pub(super) fn look(
        &mut self,
        model: &CheckedModel,
        situation: &Situation,
        course: Option<&Course>,
        now: Moment,
    ) -> Option<&[Reason]> {
        self.see_clock(now);
        self.see_vehicles(model, situation, now);
        self.see_limits(model, situation, now);
        self.see_grid(model, situation, now);
        match course.and_then(|course| Some((course, course.plan.step_at(now.wall)?))) {
            None => self.tell(Reason::NoPlan),
            Some((course, step)) => self.see_plan(model, situation, (course, step), now),
        }
        if self.due.is_some_and(|due| due <= now.elapsed) {
            self.tell(Reason::Time);
        }
        let is_spaced = self.asked.is_none_or(|asked| now.elapsed.saturating_sub(asked) >= SPACING);
        (is_spaced && !self.reasons.is_empty()).then_some(&self.reasons[..])
    }

    /// A plan is made now for the reasons that there were; the next one is due when the clock of the site says so.
    pub(super) fn asked(&mut self, model: &CheckedModel, situation: &Situation, now: Moment) -> Vec<Reason> {
        self.asked = Some(now.elapsed);
        for (place, known) in self.known.iter_mut().enumerate() {
            *known = situation.fresh(model, place, Measure::Soc, now).is_some();
        }
        self.load_off = None;
        self.due = Some(now.elapsed + self.until_next(now.wall));
        std::mem::take(&mut self.reasons)
    }

    /// A plan holds: what was off the one before says nothing of it. Nor do prices of which was told before: they were looked at
    /// before it was made.
    pub(super) fn planned(&mut self) {
        let of_the_old =
            |reason: &Reason| matches!(reason, Reason::NoPlan | Reason::Prices | Reason::Soc { .. } | Reason::Load { .. });
        self.reasons.retain(|reason| !of_the_old(reason));
        self.load_off = None;
    }

    /// No plan came of it: the reasons stand again, and the next try is so much later.
    pub(super) fn failed(&mut self, reasons: Vec<Reason>, now: Moment, later: Duration) {
        reasons.into_iter().for_each(|reason| self.tell(reason));
        // The spacing is counted from here, as if it had been asked for later.
        self.asked = Some((now.elapsed + later).saturating_sub(SPACING));
    }

    /// From now until plans are made: at the start of the steps of `every` on the clock of the site.
    fn until_next(&self, now: Timestamp) -> Duration {
        let every = self.planning.every.to_duration().max(SPACING);
        let since = self.grid.local(now).rem_euclid(every.as_micros().try_into().unwrap_or(i64::MAX));
        let until = every.saturating_sub(Duration::from_micros(since.unsigned_abs()));
        // What is as good as now is not asked for twice.
        if until < SPACING { until + every } else { until }
    }

    fn see_clock(&mut self, now: Moment) {
        if let Some(before) = self.looked.replace(now) {
            let wall = now.wall.since(before.wall).as_micros();
            let elapsed = i64::try_from(now.elapsed.saturating_sub(before.elapsed).as_micros()).unwrap_or(i64::MAX);
            let by = Span::from_micros(wall.saturating_sub(elapsed));
            if by.as_micros().abs() > JUMP.as_micros() {
                self.tell(Reason::ClockJumped { by });
            }
        }
    }

    fn see_vehicles(&mut self, model: &CheckedModel, situation: &Situation, now: Moment) {
        for (place, asset) in model.assets().iter().enumerate().filter(|(_, asset)| asset.role == Role::Charger) {
            let Some(is) = situation.fresh(model, place, Measure::Connected, now).map(|value| value >= 0.5) else {
                continue;
            };
            let asset = asset.name.clone();
            match self.connected[place].replace(is) {
                Some(was) if was == is => {}
                _ if is => self.tell(Reason::Connected { asset }),
                Some(_) => self.tell(Reason::Departed { asset }),
                None => {}
            }
        }
    }

    fn see_limits(&mut self, model: &CheckedModel, situation: &Situation, now: Moment) {
        let externals = &model.model().externals;
        let limits = externals.iter().enumerate().map(|(place, external)| limit_w(external, place, situation, now));
        let limits: Vec<_> = limits.collect();
        let before = self.limits_w.replace(limits.clone());
        let Some(before) = before else { return };
        for ((external, was), is) in externals.iter().zip(before).zip(limits) {
            let external = external.name.clone();
            match (was, is) {
                (Some(_), None) => self.tell(Reason::Unlimited { external }),
                (Some(was), Some(to_w)) if (was - to_w).abs() <= SAME_LIMIT_W => {}
                (_, Some(to_w)) => self.tell(Reason::Limited { external, to_w }),
                (None, None) => {}
            }
        }
    }

    fn see_grid(&mut self, model: &CheckedModel, situation: &Situation, now: Moment) {
        if model.model().island.is_none() {
            return;
        }
        let Some(is) = situation.fresh(model, 0, Measure::GridPresent, now).map(|value| value >= 0.5) else { return };
        match self.grid_present.replace(is) {
            Some(was) if was == is => {}
            None if is => {}
            _ => self.tell(if is { Reason::Reconnected } else { Reason::Islanded }),
        }
    }

    fn see_plan(&mut self, model: &CheckedModel, situation: &Situation, (course, step): (&Course, usize), now: Moment) {
        for (place, asset) in model.assets().iter().enumerate() {
            let Some(measured) = situation.fresh(model, place, Measure::Soc, now) else { continue };
            if !self.known[place] {
                self.tell(Reason::Known { asset: asset.name.clone() });
            }
            let Some(planned) = course.soc(place, step, now.wall) else { continue };
            if (measured - planned).abs() > self.planning.soc_off {
                self.tell(Reason::Soc { asset: asset.name.clone(), planned, measured });
            }
        }
        let load = course.uncontrolled_w(model, situation, step, now);
        let off = load.filter(|(planned, measured)| (measured - planned).abs() > self.planning.load_off_w);
        let Some((planned_w, measured_w)) = off else {
            self.load_off = None;
            return;
        };
        let is_above = measured_w > planned_w;
        let since = match self.load_off {
            Some((since, above)) if above == is_above => since,
            _ => now.elapsed,
        };
        self.load_off = Some((since, is_above));
        if now.elapsed.saturating_sub(since) >= LOAD_OFF_FOR {
            self.tell(Reason::Load { planned_w, measured_w });
        }
    }
}

/// What an external limit limits to now: by its signal, or by its failsafe where that is silent.
fn limit_w(external: &ExternalLimit, place: usize, situation: &Situation, now: Moment) -> Option<f64> {
    let Some(signal) = situation.last(place, Measure::External) else { return Some(external.failsafe_w) };
    if now.elapsed.saturating_sub(signal.seen) > external.silent_after.to_duration() {
        return Some(external.failsafe_w);
    }
    match external.limit_w {
        Some(limit_w) => (signal.value >= 0.5).then_some(limit_w),
        None => Some(signal.value),
    }
}
