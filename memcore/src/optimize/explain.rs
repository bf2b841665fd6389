//! Why there is no plan: the limits that conflict, when, and the least relaxation that mends it.

use serde::Serialize;

use super::checked::Checked;
use super::{Options, Outcome, Plan};
use crate::error::{Error, Result};

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
pub(in crate::optimize) fn explain(_checked: &Checked<'_>, _options: &Options) -> Result<Outcome> {
    Err(Error::invalid("explaining is not built yet"))
}

/// The answer when a solver reached its limit without any plan.
pub(in crate::optimize) fn undecided(_checked: &Checked<'_>, _options: &Options, bound: f64) -> Result<Outcome> {
    let why = "the solver reached its limit before it had any plan; allow it more time or nodes".to_owned();
    Ok(Outcome::Undecided(super::Undecided { why, bound }))
}
