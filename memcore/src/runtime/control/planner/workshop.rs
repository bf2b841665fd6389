//! Where plans are made: on a thread of its own, or here where time is simulated. Either way questions go in and what is told comes
//! out, and the loop that decides never waits.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::maker::PlanMaker;
use super::prices::PricesNow;
use super::published;
use crate::control::{CheckedModel, PlanAnswer, PlanFailure, PlanRequest, Situation, StepDeviations};
use crate::error::{Error, Result};
use crate::model::{Sample, SeriesName, Timestamp};
use crate::optimize::Forecast;

/// Work that waits while a plan is made. Full-policy: a plan is answered with a failure, a look at prices is left, deviations are left
/// and counted in the log, a forecast is refused.
const WORK_MAX: usize = 16;
/// What is told and was not heard yet. Full-policy: the thread waits; the loop hears it at its next tick.
const TOLD_MAX: usize = 64;

/// What comes out.
#[derive(Debug)]
pub(super) enum Told {
    /// With what a kWh bought costs and one sold brings in each step, where there is a plan.
    Answer(PlanAnswer, Option<(Vec<f64>, Vec<f64>)>),
    Prices {
        have_changed: bool,
        now: PricesNow,
    },
    Failed(Error),
}

/// What goes in.
pub(super) enum Work {
    Plan(Box<(PlanRequest, Situation)>),
    Prices(Timestamp),
    Forecast(String, Box<Forecast>),
    Deviations(StepDeviations),
}

pub(super) enum Workshop {
    Here { bench: Box<Bench>, told: VecDeque<Told> },
    Thread { work: Option<SyncSender<Work>>, told: Receiver<Told>, failed: VecDeque<Told>, thread: Option<JoinHandle<()>> },
}

/// Who works.
pub(super) struct Bench {
    maker: PlanMaker,
    written: bool,
    model: std::sync::Arc<CheckedModel>,
}

impl Bench {
    fn work(&mut self, work: Work) -> Option<Told> {
        match work {
            Work::Plan(asked) => {
                let answer = self.maker.make(&asked.0, &asked.1);
                if let (true, Ok((plan, _))) = (self.written, &answer.plan)
                    && let Err(error) = published::plan(&mut *self.maker.history, &self.model, plan)
                {
                    tracing::warn!(%error, "a plan is not written down");
                }
                Some(Told::Answer(answer, self.maker.expected_prices.take()))
            }
            Work::Prices(now) => Some(match self.maker.look_at_prices(now) {
                Ok((have_changed, now)) => Told::Prices { have_changed, now },
                Err(error) => Told::Failed(error),
            }),
            Work::Forecast(of, forecast) => self.maker.give(&of, *forecast).err().map(Told::Failed),
            Work::Deviations(deviations) if self.written => {
                published::deviations(&mut *self.maker.history, &self.model, &deviations).err().map(Told::Failed)
            }
            Work::Deviations(_) => None,
        }
    }
}

impl Workshop {
    pub(super) fn here(maker: PlanMaker, written: bool) -> Self {
        let model = maker.model.clone();
        Self::Here { bench: Box::new(Bench { maker, written, model }), told: VecDeque::new() }
    }

    pub(super) fn with_thread(maker: PlanMaker, written: bool) -> Result<Self> {
        let model = maker.model.clone();
        let mut bench = Bench { maker, written, model };
        let (work, to_do) = sync_channel::<Work>(WORK_MAX);
        let (tells, told) = sync_channel(TOLD_MAX);
        let works = move || {
            loop {
                match to_do.recv() {
                    Ok(work) => {
                        if bench.work(work).is_some_and(|told| tells.send(told).is_err()) {
                            return;
                        }
                    }
                    Err(RecvError) => return,
                }
            }
        };
        let thread = std::thread::Builder::new().name("memcore-planner".to_owned()).spawn(works);
        let thread = thread.map_err(|e| Error::io("start the planner's thread", e))?;
        Ok(Self::Thread { work: Some(work), told, failed: VecDeque::new(), thread: Some(thread) })
    }

    pub(super) fn make(&mut self, request: PlanRequest, situation: Situation) {
        let number = request.number;
        if self.send(Work::Plan(Box::new((request, situation)))).is_err()
            && let Self::Thread { failed, .. } = self
        {
            let plan = Err(PlanFailure::Failed("the planner still works at what was asked before".to_owned()));
            failed.push_back(Told::Answer(PlanAnswer { number, plan }, None));
        }
    }

    pub(super) fn look_at_prices(&mut self, now: Timestamp) {
        // Another look follows in a minute.
        let _ = self.send(Work::Prices(now));
    }

    pub(super) fn give(&mut self, model: &CheckedModel, of: &str, forecast: Forecast) -> Result<()> {
        let is_source = model.place(of).is_some_and(|place| model.assets()[place].role == crate::control::Role::Pv);
        if of != "load" && !is_source {
            return Err(Error::invalid(format!("forecast of {of:?}, expected one of load or of a source of the site")));
        }
        let busy = || Error::new(crate::error::ErrorKind::LimitReached, "the planner has no room for another forecast now");
        self.send(Work::Forecast(of.to_owned(), Box::new(forecast))).map_err(|()| busy())
    }

    pub(super) fn write_deviations(&mut self, deviations: StepDeviations) {
        if self.send(Work::Deviations(deviations)).is_err() {
            tracing::warn!("how far the site was from its plan is not written down: the planner is behind");
        }
    }

    pub(super) fn measured(&mut self, series: &SeriesName, sample: Sample) {
        if let Self::Here { bench, .. } = self {
            bench.maker.history.measured(series, sample);
        }
    }

    #[cfg(test)]
    pub(super) fn history(&mut self) -> &mut dyn super::PlanningHistory {
        match self {
            Self::Here { bench, .. } => bench.maker.history.as_mut(),
            Self::Thread { .. } => panic!("the history is the thread's"),
        }
    }

    /// What was told, the oldest first.
    pub(super) fn told(&mut self) -> Option<Told> {
        match self {
            Self::Here { told, .. } => told.pop_front(),
            Self::Thread { told, failed, .. } => failed.pop_front().or_else(|| told.try_recv().ok()),
        }
    }

    fn send(&mut self, work: Work) -> std::result::Result<(), ()> {
        match self {
            Self::Here { bench, told } => {
                told.extend(bench.work(work));
                Ok(())
            }
            Self::Thread { work: to, .. } => {
                let Some(to) = to else { return Err(()) };
                to.try_send(work).map_err(|_: TrySendError<Work>| ())
            }
        }
    }
}

impl Drop for Workshop {
    /// The thread ends with what it is at; what waits is left.
    fn drop(&mut self) {
        if let Self::Thread { work, told, thread, .. } = self {
            drop(work.take());
            // A thread that waits to be heard is let go.
            let (_, nobody) = sync_channel(0);
            drop(std::mem::replace(told, nobody));
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
    }
}
