//! Why a network has no dispatch: the smallest set of its limits that cannot hold together, and the least that mends it.
//!
//! Both are the same whichever solver is asked, and from which corner it comes: limits are lifted in the order of the network, and of
//! relaxations that are equally small the one that is taken gives where the network comes first.

use serde::Serialize;

use super::super::Engine;
use super::super::program::linear::Program;
use super::limits::{Counts, Dispatched, Giving, LimitedProgram, dispatched};
use crate::error::{Error, ErrorKind, Result};

/// Limits that give by less than this, per unit, hold: solvers are good to less.
const HOLDS_PU: f64 = 1e-6;
/// Prices below this are those of limits that have none.
const UNPRICED: f64 = 1e-7;
/// So many limits at most are tried one by one. Where more are in a conflict, those that were not tried are told as part of it.
const MOST_TRIED: usize = 200;

/// No dispatch keeps all limits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkInfeasible {
    /// The smallest set of limits that cannot hold together: without any one of them the rest can. Of sets of hundreds of limits only
    /// the first hundreds are so.
    pub conflict: Vec<ConflictingPart>,
    /// The least relaxation, by the sum of what is relaxed per unit, that makes a dispatch possible.
    pub relaxations: Vec<NetworkRelaxation>,
    /// Both in a sentence.
    pub text: String,
}

/// A limit that takes part in a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictingPart {
    /// The branch, generator, load or bus.
    pub part: String,
    /// The field that sets the limit.
    pub limit: &'static str,
}

/// How much a limit must give.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkRelaxation {
    /// The branch, generator, load or bus.
    pub part: String,
    /// The field that sets the limit.
    pub limit: &'static str,
    /// How much.
    pub amount: f64,
    /// The unit of `amount`: `W`, `deg` or `pu`.
    pub unit: &'static str,
}

/// Why there is no dispatch, by the relaxed form of its program.
pub(super) fn explain(relaxed: &LimitedProgram, engine: Option<Engine>) -> Result<NetworkInfeasible> {
    let asked = Asked { relaxed, engine };
    let limit = |at: usize| {
        let Giving { part, field, .. } = &relaxed.givings[at];
        ConflictingPart { part: part.clone(), limit: field }
    };
    let conflict: Vec<ConflictingPart> = asked.smallest_conflict()?.into_iter().map(limit).collect();
    let relaxations = asked.least_relaxation()?;
    let text = sentence(&conflict, &relaxations);
    Ok(NetworkInfeasible { conflict, relaxations, text })
}

/// A relaxed program, and the engine that it is solved by.
struct Asked<'a> {
    relaxed: &'a LimitedProgram,
    engine: Option<Engine>,
}

impl Asked<'_> {
    /// The places of limits that cannot hold together, though without any one of them the rest can: a deletion filter (J. Chinneck,
    /// "Feasibility and infeasibility in optimization", 2008).
    ///
    /// One limit after another is lifted for good where the others conflict without it. A proof of a conflict, the limits with a price,
    /// holds as long as all of them do: what is not in it is lifted without asking, so that there are about as many programs to
    /// solve as limits in the conflict.
    fn smallest_conflict(&self) -> Result<Vec<usize>> {
        let limits = self.relaxed.givings.len();
        let mut lifted = vec![false; limits];
        let Some(mut proof) = self.proof(&lifted)? else { return Ok(Vec::new()) };
        let mut tried = 0;
        for limit in 0..limits {
            lifted[limit] = true;
            if !proof[limit] {
                continue;
            }
            tried += 1;
            match if tried > MOST_TRIED { None } else { self.proof(&lifted)? } {
                Some(other) => proof = other,
                None => lifted[limit] = false,
            }
        }
        Ok((0..limits).filter(|limit| !lifted[*limit]).collect())
    }

    /// Which limits alone prove that those conflict that are not lifted; None where they do not.
    fn proof(&self, lifted: &[bool]) -> Result<Option<Vec<bool>>> {
        let mut program = self.relaxed.program.clone();
        for (giving, _) in self.relaxed.givings.iter().zip(lifted).filter(|(_, lifted)| **lifted) {
            program.cost[giving.give.0] = 0.0;
        }
        let found = self.solved(&program)?;
        let is_priced = |giving: &Giving| giving.rows.iter().any(|row| found.prices[row.0].abs() > UNPRICED);
        let conflicts = program.objective(&found.values) > HOLDS_PU;
        Ok(conflicts.then(|| self.relaxed.givings.iter().map(is_priced).collect()))
    }

    /// How much each limit must give so that a dispatch is possible, by the least sum per unit.
    ///
    /// Which limits may give at all is told by the prices of any optimum (complementary slackness: one whose give costs more than it
    /// saves gives in none). Among these a second program finds the relaxation of the same sum with the least weight, where weights are
    /// the squares of places: giving one for one, or two for two, never weighs the same.
    fn least_relaxation(&self) -> Result<Vec<NetworkRelaxation>> {
        let givings = &self.relaxed.givings;
        let first = self.solved(&self.relaxed.program)?;
        let saved = |giving: &Giving| giving.rows.iter().map(|row| first.prices[row.0].abs()).sum::<f64>();
        let may_give: Vec<bool> = givings.iter().map(|giving| saved(giving) > 1.0 - 1e-5).collect();
        let mut program = self.relaxed.program.clone();
        let mut place = 0.0;
        for (giving, may_give) in givings.iter().zip(&may_give) {
            if *may_give {
                place += 1.0;
                program.cost[giving.give.0] = place * place;
            } else {
                program.fix(giving.give, 0.0);
            }
        }
        // Weights of about one, whichever their number.
        givings.iter().for_each(|giving| program.cost[giving.give.0] /= f64::max(place * place, 1.0));
        let sum = self.relaxed.program.objective(&first.values);
        // A little room, so that solvers need not meet it exactly.
        program.at_most(sum + HOLDS_PU / 10.0, givings.iter().map(|giving| (giving.give, 1.0)));
        // A solver that cannot make this choice has found the least all the same.
        let values = dispatched(&program, self.engine).ok().flatten().map_or(first.values, |second| second.values);
        Ok(givings.iter().filter_map(|giving| giving.relaxation(values[giving.give.0])).collect())
    }

    fn solved(&self, program: &Program) -> Result<Dispatched> {
        let internal = || Error::new(ErrorKind::Internal, "a network stays infeasible with all its limits relaxed");
        dispatched(program, self.engine)?.ok_or_else(internal)
    }
}

impl Giving {
    /// What giving by so much, per unit, is in the words of the network; None where it holds.
    fn relaxation(&self, given: f64) -> Option<NetworkRelaxation> {
        let (amount, unit) = match self.counts {
            Counts::Power(unit_w) => (given * unit_w, "W"),
            Counts::Angle => (given.to_degrees(), "deg"),
            Counts::SquaredVoltage => {
                let side = if self.field.starts_with("min") { -given } else { given };
                (((self.bound + side).max(0.0).sqrt() - self.bound.sqrt()).abs(), "pu")
            }
        };
        (given > HOLDS_PU).then(|| NetworkRelaxation { part: self.part.clone(), limit: self.field, amount, unit })
    }
}

fn sentence(conflict: &[ConflictingPart], relaxations: &[NetworkRelaxation]) -> String {
    let limits: Vec<String> = conflict.iter().map(|limit| format!("{} of {}", limit.limit, limit.part)).collect();
    let gives = |relaxation: &NetworkRelaxation| {
        let NetworkRelaxation { part, limit, amount, unit } = relaxation;
        let (amount, unit) = if *unit == "W" { (amount / 1000.0, "kW") } else { (*amount, *unit) };
        format!("{limit} of {part} by {} {unit}", (amount * 1e4).round() / 1e4)
    };
    let gives: Vec<String> = relaxations.iter().map(gives).collect();
    format!("no dispatch keeps {} together; the least that mends it: {}", listed(&limits), listed(&gives))
}

/// `a, b and c`; long lists are cut.
fn listed(words: &[String]) -> String {
    const SHOWN: usize = 8;
    match words {
        [] => "all limits".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] if words.len() <= SHOWN => format!("{} and {last}", rest.join(", ")),
        _ => format!("{} and {} more", words[..SHOWN].join(", "), words.len() - SHOWN),
    }
}
