//! What comes out: a plan with its proof, prices and costs, or why there is none.

use serde::Serialize;

use super::{Horizon, Infeasible, Schedule};
use crate::model::{Currency, Span};

/// What became of a question. Bad news is a value: match on it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A plan, verified.
    Plan(Box<Plan>),
    /// No plan keeps all hard limits: which ones conflict, and what least relaxation mends it.
    Infeasible(Box<Infeasible>),
    /// A limit of time or work was reached before there was any plan.
    Undecided(Undecided),
}

impl Outcome {
    /// `optimal`, `feasible`, `infeasible` or `undecided`.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Plan(plan) => plan.status,
            Self::Infeasible(_) => Status::Infeasible,
            Self::Undecided(_) => Status::Undecided,
        }
    }

    /// The plan, where there is one.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Plan(plan) => Some(plan),
            _ => None,
        }
    }

    /// The plan, where there is one.
    #[must_use]
    pub fn into_plan(self) -> Option<Plan> {
        match self {
            Self::Plan(plan) => Some(*plan),
            _ => None,
        }
    }
}

/// What is known of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Proven to be the best, within the gap that was asked for.
    Optimal,
    /// Verified, but a better one may exist, within the gap that the plan states.
    Feasible,
    /// No plan keeps all hard limits.
    Infeasible,
    /// A limit of time or work was reached first.
    Undecided,
}

/// No plan within the limit of time or work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Undecided {
    /// What was reached, and what would help.
    pub why: String,
    /// No plan can cost less than this.
    pub bound: f64,
}

/// A verified plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Optimal or feasible.
    pub status: Status,
    /// What it costs: the sum of [`costs`](Self::costs).
    pub objective: f64,
    /// No plan can cost less than this, as far as it is proven.
    pub bound: f64,
    /// The money of all prices and costs.
    pub currency: Currency,
    /// The steps.
    pub horizon: Horizon,
    /// The names of the assets and then of the links, in the order of the schedule's parts.
    pub parts: Vec<String>,
    /// What every asset does in every step.
    pub schedule: Schedule,
    /// What it costs, by asset and cause. Causes that cost nothing are not listed.
    pub costs: Vec<Cost>,
    /// Carbon emitted, in g.
    pub carbon_g: f64,
    /// What another kWh taken from a bus in a step would cost. Empty where the engine could not tell.
    pub prices: Vec<BusPrices>,
    /// What another kWh in a store at the end of a step is worth.
    pub water_values: Vec<WaterValues>,
    /// What another W (as kW) or Wh (as kWh) of a limit is worth in a step; only limits that bind somewhere.
    pub shadow_prices: Vec<ShadowPrice>,
    /// Wishes and soft limits that were not met, in the site's words.
    pub violations: Vec<Violation>,
    /// What was changed or assumed in the input: run times rounded up, forecasts clamped.
    pub notices: Vec<String>,
    /// What memcore's own verifier found.
    pub certificate: Certificate,
    /// Which engine made it, and why that one.
    pub engine: EngineReport,
}

impl Plan {
    /// How much better a plan could be at most: `(objective - bound) / max(1, |objective|)`.
    #[must_use]
    pub fn gap(&self) -> f64 {
        ((self.objective - self.bound) / self.objective.abs().max(1.0)).max(0.0)
    }

    /// The place of an asset or link in the schedule.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<usize> {
        self.parts.iter().position(|part| part == name)
    }

    /// A column by the name of its asset or link.
    #[must_use]
    pub fn column(&self, name: &str, quantity: super::Quantity) -> Option<&[f64]> {
        self.schedule.get(self.part(name)?, quantity)
    }
}

/// Money spent (above zero) or earned (below zero).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// The asset or link; empty for what belongs to none.
    pub part: String,
    /// What for.
    pub cause: CostCause,
    /// How much.
    pub amount: f64,
}

/// What money is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CostCause {
    /// Energy bought.
    Import,
    /// Energy sold, below zero where it earns.
    Export,
    /// The highest mean power.
    Demand,
    /// The square of import and export.
    Quadratic,
    /// Energy of a source or genset.
    Energy,
    /// Energy curtailed.
    Curtailment,
    /// Wear of batteries.
    Wear,
    /// Running of gensets.
    NoLoad,
    /// Starts.
    Start,
    /// Stops.
    Stop,
    /// Load shed.
    Shed,
    /// Energy sent over a link.
    Transfer,
    /// Carbon at the site's price.
    Carbon,
    /// The value of what is left in stores, below zero.
    StoredValue,
    /// Targets of energy that were missed: at the end, at departures, of a tank.
    Shortfall,
    /// Energy or temperature outside soft bounds.
    Preference,
    /// Reserve that is missing.
    Reserve,
    /// Change from step to step.
    Smoothness,
    /// Leaving the previous plan.
    Stay,
}

impl CostCause {
    /// Its name, as JSON writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Export => "export",
            Self::Demand => "demand",
            Self::Quadratic => "quadratic",
            Self::Energy => "energy",
            Self::Curtailment => "curtailment",
            Self::Wear => "wear",
            Self::NoLoad => "no_load",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Shed => "shed",
            Self::Transfer => "transfer",
            Self::Carbon => "carbon",
            Self::StoredValue => "stored_value",
            Self::Shortfall => "shortfall",
            Self::Preference => "preference",
            Self::Reserve => "reserve",
            Self::Smoothness => "smoothness",
            Self::Stay => "stay",
        }
    }
}

/// The price of each step at a bus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BusPrices {
    /// The bus.
    pub bus: String,
    /// Currency per kWh.
    pub per_kwh: Vec<f64>,
}

/// The value of stored energy after each step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaterValues {
    /// The store.
    pub part: String,
    /// Currency per kWh.
    pub per_kwh: Vec<f64>,
}

/// The worth of one more kW or kWh of a limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShadowPrice {
    /// The asset or link.
    pub part: String,
    /// The field that sets the limit: `import_limit_w`.
    pub limit: &'static str,
    /// Currency per kW of the step for powers, per kWh for energies; zero or above.
    pub values: Vec<f64>,
}

/// A wish or soft limit that was not met.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Violation {
    /// The asset.
    pub part: String,
    /// The field that was relaxed: `target_wh`.
    pub limit: &'static str,
    /// By how much: kWh for energies (for bounds over time, the highest), kelvin for temperatures, kW for power, h for run times.
    pub amount: f64,
    /// The unit of `amount`.
    pub unit: &'static str,
    /// The steps in which.
    pub steps: Vec<usize>,
    /// The same in a sentence.
    pub text: String,
}

/// What memcore's verifier found when it went through the schedule by itself, from the site alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Certificate {
    /// The largest miss of any balance, limit or transition, in W or Wh.
    pub largest_residual: f64,
    /// Where that is, in the site's words; empty where there is none but rounding (below 1e-9).
    pub at: String,
    /// The difference between the engine's objective and the verifier's own.
    pub objective_difference: f64,
    /// The bound that the verifier derives from the prices alone, where the engine gave prices (weak duality).
    pub price_bound: Option<f64>,
}

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Engine {
    /// Convex value functions of one store, by merging slopes. Exact.
    Storage,
    /// One store, gensets and modes that must not mix: lower envelopes of value functions. Exact.
    Modes,
    /// HiGHS: linear and integer programs.
    Highs,
    /// microlp: linear and integer programs.
    Microlp,
    /// Clarabel: quadratic programs.
    Clarabel,
}

impl Engine {
    /// Its name, as options and results write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Modes => "modes",
            Self::Highs => "highs",
            Self::Microlp => "microlp",
            Self::Clarabel => "clarabel",
        }
    }
}

/// Which engine ran, why, and how hard it worked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EngineReport {
    /// The engine.
    pub engine: Engine,
    /// Why this one.
    pub why: String,
    /// Iterations, of whatever the engine counts: slopes merged, pivots, interior points.
    pub iterations: u64,
    /// Branch-and-bound nodes.
    pub nodes: u64,
    /// How long checking and preparing, solving, and verifying took; zero where no clock was given.
    pub timings: Timings,
}

/// How long each part of the work took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Timings {
    /// Checking the site and preparing the problem.
    #[serde(rename = "prepare_us")]
    pub prepare: Span,
    /// The engine.
    #[serde(rename = "solve_us")]
    pub solve: Span,
    /// Verifying, prices and costs.
    #[serde(rename = "verify_us")]
    pub verify: Span,
}
