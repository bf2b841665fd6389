//! The planner in the loop: keeps a controller with a plan, out of the loop that decides.
//!
//! ```text
//! SitePlanner::tick(controller, now)         each tick: microseconds
//!    Replanner::look --request--> Workshop   a thread of its own, or here where time is simulated
//!    history, prices --> Outlook --> derive --> InTurn --> PlannedPowers
//!    <--answer-- plan checked, Controller::set_plan, set_prices; written down as SITE.plan.<asset>.power
//! ```

mod history;
mod maker;
mod outlook;
mod prices;
mod published;
#[cfg(feature = "rest")]
pub(crate) use published::DEVICE;
mod sky;
mod workshop;

use std::sync::Arc;
use std::time::Duration;

pub use history::{Columns, PlanningHistory, Steps, Written};

use self::maker::PlanMaker;
use self::workshop::{Told, Workshop};
use crate::control::{CheckedModel, Controller, Moment, PlanNews, PlannedPowers, Reason, Replanner, StepDeviations};
use crate::error::{Error, Result};
use crate::model::{Name, Sample, SeriesName};
use crate::optimize::{ClearSky, Forecast};

/// How often it is looked whether prices have changed.
const PRICES_EVERY: Duration = Duration::from_secs(60);

/// How a site is planned.
#[derive(Debug, Clone, Default)]
pub struct PlannerOptions {
    /// Where arrays stand, by the names of their assets: what they give is then expected from the sky.
    pub skies: Vec<(Name, ClearSky)>,
    /// Whether plans and deviations are written into the history.
    pub written: bool,
}

/// What a tick of the planner has to tell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlannerTick {
    /// Plans, failures, and that no plan holds: each as a sentence by its `Display`.
    pub news: Vec<PlanNews>,
    /// How far the site was from its plan in a step that has ended.
    pub deviations: Option<StepDeviations>,
}

/// Keeps the controller of a site with a plan.
pub struct SitePlanner {
    model: Arc<CheckedModel>,
    replanner: Replanner,
    workshop: Workshop,
    prices_looked_at: Option<Duration>,
    made: Option<Made>,
}

/// How a plan that holds came about.
#[cfg_attr(not(feature = "rest"), allow(dead_code, reason = "the API shows it"))]
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) plan: Arc<PlannedPowers>,
    /// Why it was made, for people.
    pub(crate) reason: String,
    /// What was assumed for it.
    pub(crate) notices: Vec<String>,
    /// What a kWh bought costs and one sold brings, in each step.
    pub(crate) prices: Option<(Vec<f64>, Vec<f64>)>,
}

impl std::fmt::Debug for SitePlanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SitePlanner").field("replanner", &self.replanner).finish_non_exhaustive()
    }
}

impl SitePlanner {
    /// Plans are made within [`tick`](Self::tick), as where time is simulated. None where the site is not to be planned.
    ///
    /// # Errors
    /// Invalid where the model's zone, steps or skies are none.
    pub fn here(
        model: &Arc<CheckedModel>,
        history: impl PlanningHistory + 'static,
        options: PlannerOptions,
    ) -> Result<Option<Self>> {
        Self::new(model, Box::new(history), options, |maker, written| Ok(Workshop::here(maker, written)))
    }

    /// Plans are made by a thread of its own, so that a tick never waits for one. It ends with the planner.
    ///
    /// # Errors
    /// As [`here`](Self::here); I/O where there can be no thread.
    pub fn with_thread(
        model: &Arc<CheckedModel>,
        history: impl PlanningHistory + 'static,
        options: PlannerOptions,
    ) -> Result<Option<Self>> {
        Self::new(model, Box::new(history), options, Workshop::with_thread)
    }

    fn new(
        model: &Arc<CheckedModel>,
        history: Box<dyn PlanningHistory>,
        options: PlannerOptions,
        workshop: impl FnOnce(PlanMaker, bool) -> Result<Workshop>,
    ) -> Result<Option<Self>> {
        let Some(replanner) = Replanner::new(model)? else { return Ok(None) };
        let maker = PlanMaker::new(model.clone(), replanner.grid().clone(), history, options.skies)?;
        let workshop = workshop(maker, options.written)?;
        Ok(Some(Self { model: model.clone(), replanner, workshop, prices_looked_at: None, made: None }))
    }

    /// The plan that holds.
    #[must_use]
    pub fn plan(&self) -> Option<&Arc<PlannedPowers>> {
        self.replanner.plan()
    }

    /// That no plan holds, and why.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.replanner.fault()
    }

    /// How far the site is from its plan in the step that now lies in.
    #[must_use]
    pub fn deviations(&self) -> Option<StepDeviations> {
        self.replanner.deviations(&self.model)
    }

    /// Has a plan made soon, for a reason that only who calls knows.
    pub fn ask(&mut self, why: impl Into<String>) {
        self.replanner.tell(Reason::Asked { why: why.into() });
    }

    /// Takes a forecast of somebody else, of `load` or of a source by its name; it stands in for the site's own past while it is
    /// neither too old nor ends too early.
    ///
    /// # Errors
    /// Invalid for what the site does not have, or a value that is no number.
    pub fn give_forecast(&mut self, of: &str, forecast: Forecast) -> Result<()> {
        if let Some(value) = forecast.values.iter().find(|value| !value.is_finite()) {
            return Err(Error::invalid(format!("forecast of {of} has the value {value}, expected numbers")));
        }
        self.workshop.give(&self.model, of, forecast)
    }

    /// Takes a reading into a history in memory; a store has its own recorder, and leaves it.
    pub fn measured(&mut self, series: &SeriesName, sample: Sample) {
        self.workshop.measured(series, sample);
    }

    /// Looks at the site before each decision: asks for a plan where one is due, hands a plan that is made to the controller, and
    /// keeps its prices.
    pub fn tick(&mut self, controller: &mut Controller, now: Moment) -> PlannerTick {
        if self.prices_looked_at.is_none_or(|at| now.elapsed.saturating_sub(at) >= PRICES_EVERY) {
            self.prices_looked_at = Some(now.elapsed);
            self.workshop.look_at_prices(now.wall);
        }
        let mut news = self.hear(controller, now);
        let look = self.replanner.look(&self.model, controller.situation(), now);
        news.extend(look.news);
        if let Some(request) = look.request {
            self.workshop.make(request, controller.situation().clone());
            news.extend(self.hear(controller, now));
        }
        let tick = PlannerTick { news, deviations: look.deviations };
        self.hand_over(controller, now);
        if let Some(deviations) = &tick.deviations {
            self.workshop.write_deviations(deviations.clone());
        }
        tick
    }

    /// Takes what the workshop has to tell.
    fn hear(&mut self, controller: &mut Controller, now: Moment) -> Vec<PlanNews> {
        let mut news = Vec::new();
        while let Some(told) = self.workshop.told() {
            match told {
                Told::Answer(answer, prices) => {
                    let told: Vec<_> =
                        self.replanner.answer(&self.model, controller.situation(), answer, now).into_iter().collect();
                    self.note_made(&told, prices);
                    news.extend(told);
                }
                Told::Prices { have_changed, now: (buy, sell) } => {
                    controller.set_prices(buy, sell);
                    if have_changed {
                        self.replanner.tell(Reason::Prices);
                    }
                }
                Told::Failed(error) => tracing::warn!(%error, "the planner's history fails"),
            }
        }
        news
    }

    fn note_made(&mut self, told: &[PlanNews], mut prices: Option<(Vec<f64>, Vec<f64>)>) {
        for news in told {
            let PlanNews::Planned { plan, reasons, notices } = news else { continue };
            let reason = reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join(", ");
            self.made = Some(Made { plan: plan.clone(), reason, notices: notices.clone(), prices: prices.take() });
        }
    }

    /// How the plan that was made last came about.
    #[cfg_attr(not(feature = "rest"), allow(dead_code, reason = "the API shows it"))]
    pub(crate) fn made(&self) -> Option<&Made> {
        self.made.as_ref()
    }

    fn hand_over(&self, controller: &mut Controller, now: Moment) {
        let plan = self.replanner.plan();
        if plan.map(Arc::as_ptr) != controller.plan().map(Arc::as_ptr)
            && let Err(error) = controller.set_plan(plan.cloned(), now)
        {
            // It was checked when it was answered: what is refused now has run out since.
            tracing::warn!(%error, "a plan is not followed");
        }
    }
}

#[cfg(test)]
mod tests;
