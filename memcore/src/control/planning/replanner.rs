//! The loop around plans, without making any: what is to be planned now and why, what became of it, and what holds meanwhile.
//!
//! ```text
//! look --> PlanRequest --> (whoever solves, elsewhere) --> PlanAnswer --> answer
//!      --> PlanNews: planned, failed, without a plan
//! ```
//!
//! One plan is asked for at a time. While it is made, and where it fails, the old plan holds until it is no longer valid; then none
//! does, which is said once, and the strategies carry on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::track::Course;
use super::triggers::SPACING;
use super::{PlannedPowers, PlanningGrid, Reason, StepDeviations, Tracker, Triggers};
use crate::control::{CheckedModel, Moment, Planning, Situation};
use crate::error::Result;
use crate::model::Timestamp;
use crate::optimize::Horizon;

/// How long a plan may take to be made; later, it is too late.
const BUDGET: Duration = Duration::from_secs(60);

/// A plan that is to be made now.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanRequest {
    /// Which; answers say it again.
    pub number: u64,
    /// As of when.
    pub now: Moment,
    /// The steps to plan. The first is what is left of the one that now lies in.
    pub horizon: Horizon,
    /// Why; at least one reason.
    pub reasons: Vec<Reason>,
    /// How long it may take.
    pub budget: Duration,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanAnswer {
    /// Of which.
    pub number: u64,
    /// The plan with what is to be said about it, or why there is none.
    pub plan: std::result::Result<(Arc<PlannedPowers>, Vec<String>), PlanFailure>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PlanFailure {
    /// No plan keeps all limits: which ones conflict.
    Infeasible(String),
    /// None was found within the time that there was.
    Undecided(String),
    /// Something failed: a forecast that is not to be believed, a solver, the plan's own check.
    Failed(String),
    /// It was not there in time.
    TooLate,
}

impl fmt::Display for PlanFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Infeasible(why) => write!(f, "no plan keeps all limits: {why}"),
            Self::Undecided(why) => write!(f, "no plan was found in time: {why}"),
            Self::Failed(why) => f.write_str(why),
            Self::TooLate => write!(f, "the plan was not there within {} s", BUDGET.as_secs()),
        }
    }
}

/// What is to be told of plans.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PlanNews {
    /// A plan holds from now on.
    Planned {
        /// The plan.
        plan: Arc<PlannedPowers>,
        /// Why it was made.
        reasons: Vec<Reason>,
        /// What was assumed for it.
        notices: Vec<String>,
    },
    /// A plan was to be made, and there is none.
    Failed {
        /// Why there is none.
        failure: PlanFailure,
        /// Why it was to be made.
        reasons: Vec<Reason>,
        /// Until when the old one holds; None where none does.
        holds_until: Option<Timestamp>,
    },
    /// From now on no plan holds; strategies carry on. Told once, until one holds again.
    Without {
        /// Why.
        why: String,
    },
}

impl fmt::Display for PlanNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |reasons: &[Reason]| reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Planned { plan, reasons, notices } => {
                write!(f, "planned anew until {} since {}", plan.step_start(plan.steps()), listed(reasons))?;
                notices.iter().try_for_each(|notice| write!(f, "; {notice}"))
            }
            Self::Failed { failure, reasons, holds_until } => {
                write!(f, "no new plan, asked for since {}: {failure}", listed(reasons))?;
                holds_until.map_or(Ok(()), |until| write!(f, "; the old one holds until {until}"))
            }
            Self::Without { why } => f.write_str(why),
        }
    }
}

/// What a look at a site calls for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlanLook {
    /// A plan is to be made now.
    pub request: Option<PlanRequest>,
    /// What is to be told.
    pub news: Vec<PlanNews>,
    /// How far the site was from its plan in a step that has just ended.
    pub deviations: Option<StepDeviations>,
}

/// Keeps a site with a plan. It makes none itself: whoever drives it does, out of the control loop.
#[derive(Debug)]
pub struct Replanner {
    triggers: Triggers,
    tracker: Tracker,
    /// The plan that holds, and until when by the monotonic clock.
    course: Option<(Course, Duration)>,
    /// What is being planned, with the situation that it begins with.
    asked: Option<(PlanRequest, Situation)>,
    asked_so_far: u64,
    /// How often in a row there was no plan, and why the last time.
    failures: (u32, Option<PlanFailure>),
    /// That no plan holds, once it was said.
    fault: Option<String>,
    planning: Planning,
}

impl Replanner {
    /// For a site; None where it is not to be planned.
    ///
    /// # Errors
    /// Invalid for a zone that is not known or steps that are none.
    pub fn new(model: &CheckedModel) -> Result<Option<Self>> {
        let Some(planning) = &model.model().planning else { return Ok(None) };
        Ok(Some(Self {
            triggers: Triggers::new(model, planning)?,
            tracker: Tracker::default(),
            course: None,
            asked: None,
            asked_so_far: 0,
            failures: (0, None),
            fault: None,
            planning: planning.clone(),
        }))
    }

    /// The steps that plans are made for.
    #[must_use]
    pub fn grid(&self) -> &PlanningGrid {
        self.triggers.grid()
    }

    /// The plan that holds.
    #[must_use]
    pub fn plan(&self) -> Option<&Arc<PlannedPowers>> {
        self.course.as_ref().map(|(course, _)| &course.plan)
    }

    /// That no plan holds, and why; None while one does, or before it is known.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// How far the site is from its plan in the step that now lies in.
    #[must_use]
    pub fn deviations(&self, model: &CheckedModel) -> Option<StepDeviations> {
        self.tracker.deviations(model)
    }

    /// What happened outside of what is measured: new prices, another departure.
    pub fn tell(&mut self, reason: Reason) {
        self.triggers.tell(reason);
    }

    /// Looks at the site, once a tick.
    pub fn look(&mut self, model: &CheckedModel, situation: &Situation, now: Moment) -> PlanLook {
        let mut news = Vec::new();
        if let Some((course, until)) = &self.course
            && (*until <= now.elapsed || course.plan.step_at(now.wall).is_none())
        {
            self.course = None;
        }
        let course = self.course.as_ref().map(|(course, _)| course);
        let deviations = self.tracker.look(model, situation, course, now);
        let is_due = self.triggers.look(model, situation, course, now).is_some();
        if let Some((request, _)) = &self.asked
            && now.elapsed.saturating_sub(request.now.elapsed) > request.budget
        {
            news.push(self.fail(PlanFailure::TooLate, now));
        }
        let mut request = None;
        if is_due && self.asked.is_none() && news.is_empty() {
            match self.ask(model, situation, now) {
                Ok(asked) => request = Some(asked),
                Err(error) => news.push(self.fail(PlanFailure::Failed(error.message().to_owned()), now)),
            }
        }
        news.extend(self.see_fault());
        PlanLook { request, news, deviations }
    }

    /// Takes the answer to what was asked for. One to anything else, such as what was given up, is left.
    pub fn answer(
        &mut self,
        model: &CheckedModel,
        situation: &Situation,
        answer: PlanAnswer,
        now: Moment,
    ) -> Option<PlanNews> {
        self.asked.as_ref().filter(|(request, _)| request.number == answer.number)?;
        let taken = answer.plan.and_then(|(plan, notices)| match plan.for_site(model, now) {
            Ok(()) => Ok((plan, notices)),
            Err(refused) => Err(PlanFailure::Failed(refused.message().to_owned())),
        });
        let (plan, notices) = match taken {
            Ok(taken) => taken,
            Err(failure) => return Some(self.fail(failure, now)),
        };
        let (request, began) = self.asked.take()?;
        // What was measured when the plan was asked for is where it begins; what has come since is in its deviation.
        let course = Course::new(model, plan.clone(), &began, request.now);
        let until = now.elapsed + self.planning.valid_for.to_duration();
        self.course = Some((course, until));
        (self.failures, self.fault) = ((0, None), None);
        self.triggers.planned();
        let course = self.course.as_ref().map(|(course, _)| course);
        self.tracker.look(model, situation, course, now);
        Some(PlanNews::Planned { plan, reasons: request.reasons, notices })
    }

    fn ask(&mut self, model: &CheckedModel, situation: &Situation, now: Moment) -> Result<PlanRequest> {
        let horizon = self.triggers.grid().horizon(now.wall)?;
        self.asked_so_far += 1;
        let reasons = self.triggers.asked(model, situation, now);
        let budget = BUDGET.min(self.planning.every.to_duration());
        let request = PlanRequest { number: self.asked_so_far, now, horizon, reasons, budget };
        self.asked = Some((request.clone(), situation.clone()));
        Ok(request)
    }

    fn fail(&mut self, failure: PlanFailure, now: Moment) -> PlanNews {
        let reasons = self.asked.take().map(|(request, _)| request.reasons).unwrap_or_default();
        let failed = self.failures.0.saturating_add(1);
        self.failures = (failed, Some(failure.clone()));
        // Twice as long each time, up to the usual distance of plans.
        let later = SPACING.saturating_mul(1 << (failed - 1).min(16)).min(self.planning.every.to_duration().max(SPACING));
        self.triggers.failed(reasons.clone(), now, later);
        let holds_until = self.plan().map(|plan| plan.valid_until);
        PlanNews::Failed { failure, reasons, holds_until }
    }

    /// Says once that no plan holds: where there was none in time, not before the first was tried.
    fn see_fault(&mut self) -> Option<PlanNews> {
        let (failed, failure) = &self.failures;
        if self.course.is_some() || self.fault.is_some() || *failed == 0 {
            return None;
        }
        let why = failure.as_ref().map(PlanFailure::to_string).unwrap_or_default();
        let why = format!("no plan holds, strategies carry on: {why}");
        self.fault = Some(why.clone());
        Some(PlanNews::Without { why })
    }
}
