//! Why there is no plan: the limits that conflict, when, and the least relaxation that mends it.
//!
//! All of it is asked of the engines themselves, with sites that differ from the one in question: limits lifted to find the smallest
//! set that conflicts (a deletion filter: Chinneck, "Feasibility and infeasibility in optimization", 2008), and limits that give way
//! at a price to find the least that they must.

mod conflict;
mod limits;
mod relaxed;
mod undecided;

use serde::Serialize;

use super::{Options, Outcome, Plan, Site, words};
use crate::error::Result;

pub(in crate::optimize) use undecided::undecided;

/// No plan keeps all hard limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Infeasible {
    /// The smallest set of limits that cannot hold together: without any one of them the rest can.
    pub conflict: Vec<ConflictingLimit>,
    /// The least relaxation that makes a plan possible.
    pub relaxations: Vec<Relaxation>,
    /// The plan that keeps everything but those relaxations, for a person to look at; it is not for devices.
    pub relaxed_plan: Option<Box<Plan>>,
    /// All of it in a few sentences, in the site's words.
    pub text: String,
}

/// A limit that takes part in a conflict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConflictingLimit {
    /// The asset, link or bus.
    pub part: String,
    /// The field that sets it (`import_limit_w`), or `balance` of a bus.
    pub limit: &'static str,
    /// The steps in which it conflicts, first and last.
    pub steps: (usize, usize),
    /// What it says: `at most 3 kW`.
    pub says: String,
}

/// How much a limit must give.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Relaxation {
    /// The asset, link or bus.
    pub part: String,
    /// The field that sets the limit.
    pub limit: &'static str,
    /// The most that it must give, in W or Wh as the field says.
    pub amount: f64,
    /// The steps in which.
    pub steps: Vec<usize>,
}

/// Why a site that has no plan has none.
pub(in crate::optimize) fn explain(site: &Site, options: &Options) -> Result<Outcome> {
    let conflict = conflict::smallest(site, options);
    let (relaxations, relaxed_plan) = relaxed::least(site, options).unwrap_or_default();
    let text = text(site, &conflict, &relaxations);
    Ok(Outcome::Infeasible(Box::new(Infeasible { conflict, relaxations, relaxed_plan, text })))
}

/// `In 14:00Z-15:00Z these limits cannot hold together: grid gives at most 3 kW (import_limit_w), ... Raising ... mends it.`
fn text(site: &Site, conflict: &[ConflictingLimit], relaxations: &[Relaxation]) -> String {
    let mut text = match conflict {
        [] => "No plan keeps all hard limits.".to_owned(),
        [first, ..] => {
            let says: Vec<String> =
                conflict.iter().map(|limit| format!("{}.{} ({})", limit.part, limit.limit, limit.says)).collect();
            let span = words::span(&site.horizon, first.steps.0, first.steps.1);
            format!("In {span} these cannot hold together: {}.", says.join(", "))
        }
    };
    if !relaxations.is_empty() {
        let ways: Vec<String> = relaxations.iter().map(|relaxation| way(site, relaxation)).collect();
        text += &format!(" The least that mends it: {}.", ways.join(", "));
    }
    text
}

fn way(site: &Site, relaxation: &Relaxation) -> String {
    let Relaxation { part, limit, amount, steps } = relaxation;
    let (first, last) = (steps.first().copied().unwrap_or(0), steps.last().copied().unwrap_or(0));
    let span = words::span(&site.horizon, first, last);
    match *limit {
        "balance" => format!("{} less of load or of surplus at {part} in {span}", words::power(*amount)),
        "min_wh" => format!("{part}.min_wh lower by {} in {span}", words::energy(*amount)),
        "max_wh" => format!("{part}.max_wh higher by {} in {span}", words::energy(*amount)),
        _ => format!("{part}.{limit} higher by {} in {span}", words::power(*amount)),
    }
}
