//! From a site to its plan: check, pick an engine, solve, verify; and where the verifier refuses an answer, the next engine.

use super::answer::{Answer, Solved};
use super::check::clamped;
use super::checked::Checked;
use super::structured::Workspace;
use super::{Engine, EngineReport, Options, Outcome, Plan, Site, Timings, explain, program, structured, verify};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Span;

impl Site {
    /// The best plan for this site.
    ///
    /// The exact engines for sites of one store come first, then linear, quadratic or integer programs. Every answer goes through
    /// memcore's own verifier; one that it refuses is not returned, and the next engine is asked.
    ///
    /// # Errors
    /// Invalid where the site says what it cannot mean, or where `options.engine` cannot solve a site of this shape. That no plan
    /// keeps all limits is no error but an [`Outcome`]. Internal where no engine's plan passes the verifier.
    pub fn solve(&self, options: &Options) -> Result<Outcome> {
        self.solve_in(options, &mut Workspace::default())
    }

    /// [`solve`](Self::solve) in memory that is used again from site to site.
    pub(in crate::optimize) fn solve_in(&self, options: &Options, workspace: &mut Workspace) -> Result<Outcome> {
        match found(self, options, workspace)? {
            Found::Plan(plan) => Ok(Outcome::Plan(plan)),
            Found::Infeasible => explain::explain(self, options),
            Found::Stopped { bound } => explain::undecided(self, options, bound),
        }
    }
}

/// What the engines found, before anything is explained.
pub(in crate::optimize) enum Found {
    Plan(Box<Plan>),
    Infeasible,
    Stopped { bound: f64 },
}

/// Checks a site, asks the engines, and verifies.
pub(in crate::optimize) fn found(site: &Site, options: &Options, workspace: &mut Workspace) -> Result<Found> {
    let begun = options.now();
    let checked = site.checked()?;
    match clamped(site) {
        None => Routed { checked: &checked, options, begun }.found(workspace),
        Some(site) => {
            let mut settled = site.checked()?;
            // What the site said itself, not what it looks like after clamping.
            settled.notices.clone_from(&checked.notices);
            Routed { checked: &settled, options, begun }.found(workspace)
        }
    }
}

/// A checked site on its way through the engines.
struct Routed<'a> {
    checked: &'a Checked<'a>,
    options: &'a Options,
    /// When the check began.
    begun: Span,
}

/// What an engine's answer leads to.
enum Next {
    Done(Found),
    /// The next engine is to be asked; why this one was not the one.
    Another(String),
}

impl Routed<'_> {
    fn found(&self, workspace: &mut Workspace) -> Result<Found> {
        let mut reasons = Vec::new();
        for engine in [Engine::Storage, Engine::Modes] {
            if self.options.engine.is_some_and(|asked| asked != engine) {
                continue;
            }
            let prepared = self.options.now();
            match self.take(engine, structured::solve(self.checked, engine, workspace), &reasons, prepared)? {
                Next::Done(found) => return Ok(found),
                Next::Another(why) => reasons.push(why),
            }
        }
        self.program(reasons)
    }

    /// With a solver of programs; where its answer is refused, with another one.
    fn program(&self, mut reasons: Vec<String>) -> Result<Found> {
        let mut options = self.options.clone();
        let mut tried: Vec<Engine> = Vec::new();
        let mut failed = false;
        for retry in [self.options.engine, Some(Engine::Highs), Some(Engine::Microlp)] {
            options.engine = retry;
            let prepared = self.options.now();
            let (engine, answer) = match program::solve(self.checked, &options) {
                Ok(answered) => answered,
                // A solver that fails is no reason to have no plan: the next one is asked.
                Err(error) if error.kind() == ErrorKind::Internal && self.options.engine.is_none() => {
                    reasons.push(error.to_string());
                    failed = true;
                    continue;
                }
                // A solver that is not built in, or not for this shape, is no second chance.
                Err(_) if failed || !tried.is_empty() => continue,
                Err(error) => return Err(with_reasons(error, &reasons)),
            };
            if tried.contains(&engine) {
                continue;
            }
            match self.take(engine, answer, &reasons, prepared)? {
                Next::Done(found) => return Ok(found),
                Next::Another(why) => reasons.push(why),
            }
            tried.push(engine);
        }
        let refused = reasons.join("; ");
        Err(Error::new(ErrorKind::Internal, format!("no engine has a plan that passes the verifier: {refused}")))
    }

    /// Verifies an answer; says why it is another engine's turn.
    fn take(&self, engine: Engine, answer: Answer, reasons: &[String], prepared: Span) -> Result<Next> {
        let asked = self.options.engine.is_some();
        match answer {
            Answer::Solved(solved) => match self.verified(engine, *solved, reasons, prepared) {
                Ok(plan) => Ok(Next::Done(Found::Plan(Box::new(plan)))),
                Err(error) if error.kind() == ErrorKind::Internal && !asked => {
                    Ok(Next::Another(format!("the plan of {} was refused: {error}", engine.name())))
                }
                Err(error) => Err(error.context(format_args!("engine {}", engine.name()))),
            },
            Answer::Infeasible => Ok(Next::Done(Found::Infeasible)),
            Answer::Stopped { bound } => Ok(Next::Done(Found::Stopped { bound })),
            Answer::NotMine(why) if asked => {
                Err(Error::invalid(format!("engine {} cannot solve this site: {why}", engine.name())))
            }
            Answer::NotMine(why) => Ok(Next::Another(format!("not {}: {why}", engine.name()))),
        }
    }

    fn verified(&self, engine: Engine, solved: Solved, reasons: &[String], prepared: Span) -> Result<Plan> {
        let between = |from: Span, to: Span| Span::from_micros(to.as_micros() - from.as_micros());
        let timings = Timings {
            prepare: between(self.begun, prepared),
            solve: between(prepared, self.options.now()),
            verify: Span::default(),
        };
        let why = match self.options.engine {
            Some(_) => format!("{} was asked for", engine.name()),
            None if reasons.is_empty() => "the fastest exact engine for a site of this shape".to_owned(),
            None => reasons.join("; "),
        };
        let report = EngineReport { engine, why, iterations: solved.iterations, nodes: solved.nodes, timings };
        verify::plan(self.checked, solved, report, self.options)
    }
}

/// An error of the last engine with what was said of those before it.
fn with_reasons(error: Error, reasons: &[String]) -> Error {
    if reasons.is_empty() { error } else { error.context(reasons.join("; ")) }
}
