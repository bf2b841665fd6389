//! From a site to its plan: check, pick an engine, solve, verify.

use super::answer::{Answer, Solved};
use super::checked::Checked;
use super::structured::Workspace;
use super::{Engine, EngineReport, Options, Outcome, Site, Timings, explain, program, structured, verify};
use crate::error::{Error, Result};
use crate::model::Span;

impl Site {
    /// The best plan for this site.
    ///
    /// # Errors
    /// Invalid where the site says what it cannot mean, or where `options.engine` cannot solve a site of this shape. That no plan
    /// keeps all limits is no error but an [`Outcome`].
    pub fn solve(&self, options: &Options) -> Result<Outcome> {
        self.solve_in(options, &mut Workspace::default())
    }

    /// [`solve`](Self::solve) in memory that is used again from site to site.
    pub(in crate::optimize) fn solve_in(&self, options: &Options, workspace: &mut Workspace) -> Result<Outcome> {
        let begun = options.now();
        let checked = self.checked()?;
        let prepared = options.now();
        let (engine, why, answer) = answer(&checked, options, workspace)?;
        let solved_at = options.now();
        match answer {
            Answer::Solved(solved) => {
                let report = report(&solved, engine, why, [begun, prepared, solved_at]);
                verify::plan(&checked, *solved, report, options).map(|plan| Outcome::Plan(Box::new(plan)))
            }
            Answer::Infeasible => explain::explain(&checked, options),
            Answer::Stopped { bound } => explain::undecided(&checked, options, bound),
            Answer::NotMine(why) => Err(Error::invalid(format!("engine {} cannot solve this site: {why}", engine.name()))),
        }
    }
}

fn report(solved: &Solved, engine: Engine, why: String, [begun, prepared, solved_at]: [Span; 3]) -> EngineReport {
    let between = |from: Span, to: Span| Span::from_micros(to.as_micros() - from.as_micros());
    let timings =
        Timings { prepare: between(begun, prepared), solve: between(prepared, solved_at), verify: Span::default() };
    EngineReport { engine, why, iterations: solved.iterations, nodes: solved.nodes, timings }
}

/// The first engine, fastest first, that the site is of the right shape for; or the one that was asked for.
fn answer(checked: &Checked<'_>, options: &Options, workspace: &mut Workspace) -> Result<(Engine, String, Answer)> {
    let mut reasons = Vec::new();
    for engine in [Engine::Storage, Engine::Modes] {
        if options.engine.is_some_and(|asked| asked != engine) {
            continue;
        }
        match structured::solve(checked, engine, workspace) {
            Answer::NotMine(why) if options.engine.is_none() => reasons.push(format!("not {}: {why}", engine.name())),
            answer => return Ok((engine, why(reasons, engine, options), answer)),
        }
    }
    let (engine, answer) = program::solve(checked, options)?;
    Ok((engine, why(reasons, engine, options), answer))
}

fn why(reasons: Vec<String>, engine: Engine, options: &Options) -> String {
    match options.engine {
        Some(_) => format!("{} was asked for", engine.name()),
        None if reasons.is_empty() => "the fastest exact engine for a site of this shape".to_owned(),
        None => reasons.join("; "),
    }
}
