//! From a site to its plan: check, pick an engine, solve, verify; and where the verifier refuses an answer, the next engine.

use super::answer::{Answer, Solved};
use super::check::clamped;
use super::checked::Checked;
use super::program::{Hot, Warm};
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
        self.solve_in(options, &mut Memory::default())
    }

    /// [`solve`](Self::solve) in memory that is used again from site to site.
    pub(in crate::optimize) fn solve_in(&self, options: &Options, memory: &mut Memory) -> Result<Outcome> {
        match found(self, options, memory)? {
            Found::Plan(plan) => Ok(Outcome::Plan(plan)),
            Found::Infeasible => explain::explain(self, options),
            Found::Stopped { bound } => explain::undecided(self, options, bound),
        }
    }
}

/// What is kept from one plan to the next.
#[derive(Debug, Default)]
pub(in crate::optimize) struct Memory {
    workspace: Workspace,
    /// Where programs are to begin from the ones before.
    warm: Option<Warm>,
}

impl Memory {
    /// Whether a program may begin from the one before, where HiGHS is built in. Plans then depend on those before where several are
    /// equally good.
    pub(in crate::optimize) fn warm_starts(self, warm: bool) -> Self {
        Self { warm: warm.then(Warm::default), ..self }
    }
}

/// What the engines found, before anything is explained.
pub(in crate::optimize) enum Found {
    Plan(Box<Plan>),
    Infeasible,
    Stopped { bound: f64 },
}

/// Checks a site, asks the engines, and verifies.
pub(in crate::optimize) fn found(site: &Site, options: &Options, memory: &mut Memory) -> Result<Found> {
    let begun = options.now();
    let checked = site.checked()?;
    match clamped(site) {
        None => Routed { checked: &checked, options, begun }.found(memory),
        Some(site) => {
            let mut settled = site.checked()?;
            // What the site said itself, not what it looks like after clamping.
            settled.notices.clone_from(&checked.notices);
            Routed { checked: &settled, options, begun }.found(memory)
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
    fn found(&self, memory: &mut Memory) -> Result<Found> {
        let mut reasons = Vec::new();
        for engine in [Engine::Storage, Engine::Modes] {
            if self.options.engine.is_some_and(|asked| asked != engine) {
                continue;
            }
            let prepared = self.options.now();
            match self.take(engine, structured::solve(self.checked, engine, &mut memory.workspace), &reasons, prepared)? {
                Next::Done(found) => return Ok(found),
                Next::Another(why) => reasons.push(why),
            }
        }
        if let Some(warm) = self.hot_solver(memory) {
            match self.hot(warm, &reasons)? {
                Next::Done(found) => return Ok(found),
                Next::Another(why) => reasons.push(why),
            }
        }
        self.program(reasons)
    }

    /// The solver that remembers, where it may answer.
    fn hot_solver<'m>(&self, memory: &'m mut Memory) -> Option<&'m mut Warm> {
        let may = cfg!(feature = "highs") && matches!(self.options.engine, None | Some(Engine::Highs));
        memory.warm.as_mut().filter(|_| may)
    }

    /// From the program before. What fails or is refused is solved cold, and nothing is kept of it.
    fn hot(&self, warm: &mut Warm, reasons: &[String]) -> Result<Next> {
        let prepared = self.options.now();
        let next = match warm.solve(self.checked.site, self.options) {
            Ok(hot) => self.take_hot(hot, reasons, prepared)?,
            Err(error) if error.kind() == ErrorKind::Internal => Next::Another(format!("hot -> cold: {error}")),
            Err(error) => return Err(with_reasons(error, reasons)),
        };
        if matches!(next, Next::Another(_)) {
            *warm = Warm::default();
        }
        Ok(next)
    }

    fn take_hot(&self, hot: Hot, reasons: &[String], prepared: Span) -> Result<Next> {
        let Hot { engine, answer: Answer::Solved(solved), from_before } = hot else {
            return self.take(hot.engine, hot.answer, reasons, prepared);
        };
        let mut why = self.why(engine, reasons);
        if from_before {
            why += "; hot: begun from the plan before";
        }
        match self.verified(engine, *solved, why, prepared) {
            Ok(plan) => Ok(Next::Done(Found::Plan(Box::new(plan)))),
            Err(error) if error.kind() == ErrorKind::Internal => {
                Ok(Next::Another(format!("hot -> cold: the hot plan of {} was refused: {error}", engine.name())))
            }
            Err(error) => Err(error),
        }
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
            Answer::Solved(solved) => match self.verified(engine, *solved, self.why(engine, reasons), prepared) {
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

    fn verified(&self, engine: Engine, solved: Solved, why: String, prepared: Span) -> Result<Plan> {
        let between = |from: Span, to: Span| Span::from_micros(to.as_micros() - from.as_micros());
        let timings = Timings {
            prepare: between(self.begun, prepared),
            solve: between(prepared, self.options.now()),
            verify: Span::default(),
        };
        let report = EngineReport { engine, why, iterations: solved.iterations, nodes: solved.nodes, timings };
        verify::plan(self.checked, solved, report, self.options)
    }

    /// Why it is this engine.
    fn why(&self, engine: Engine, reasons: &[String]) -> String {
        let asked = self.options.engine.map(|_| format!("{} was asked for", engine.name()));
        let why: Vec<String> = asked.into_iter().chain(reasons.iter().cloned()).collect();
        if why.is_empty() { "the fastest exact engine for a site of this shape".to_owned() } else { why.join("; ") }
    }
}

/// An error of the last engine with what was said of those before it.
fn with_reasons(error: Error, reasons: &[String]) -> Error {
    if reasons.is_empty() { error } else { error.context(reasons.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Currency;
    use crate::optimize::{Grid, Horizon, Load, Schedule};

    #[test]
    fn a_hot_answer_that_is_wrong_is_solved_cold_and_that_is_said() {
        let horizon = Horizon::even("2026-01-01T00:00:00Z".parse().unwrap(), Span::from_seconds(3600), 1).unwrap();
        let assets = [Grid::new("grid", 0.2).into(), Load::new("house", 1_000.0).into()];
        let site = Site::new(Currency::EUR, horizon, assets);
        let options = Options { engine: Some(Engine::Highs), ..Options::default() };
        let routed = Routed { checked: &site.checked().unwrap(), options: &options, begun: Span::default() };
        // The load is served by nothing.
        let schedule = Schedule::zeros(&site);
        let (bus_prices, water_values) = (None, Vec::new());
        let solved = Solved { schedule, objective: 0.0, bound: 0.0, bus_prices, water_values, iterations: 0, nodes: 0 };
        let hot = Hot { engine: Engine::Highs, answer: Answer::Solved(Box::new(solved)), from_before: true };
        let Next::Another(why) = routed.take_hot(hot, &[], Span::default()).unwrap() else { panic!("it is not refused") };
        assert!(why.starts_with("hot -> cold: the hot plan of highs was refused"), "{why}");
        assert_eq!(routed.why(Engine::Highs, std::slice::from_ref(&why)), format!("highs was asked for; {why}"));
    }
}
