//! What is asked of plans, and what is answered.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::model::{Name, Span, Timestamp};
use crate::rest::within::Place;

/// A site that is to be planned.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanAsked {
    /// What the plan is called, for people: 1 to 128 characters.
    #[schema(min_length = 1, max_length = 128)]
    pub(super) name: String,
    /// The site as in a site's file, in JSON. Either this or `text`. A profile may be a series of this site's history or a forecast of
    /// it, `{ "series": "home1.load.power", "forecast": "weekday:4" }`; files and other stores are refused.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub(super) site: Option<Map<String, Value>>,
    /// The site's file as text, TOML or JSON. Either this or `site`.
    #[serde(default)]
    pub(super) text: Option<String>,
    /// When the horizon starts, in place of what the site says: an instant, `now` or `-24h`.
    #[serde(default)]
    pub(super) from: Option<String>,
    /// When it ends.
    #[serde(default)]
    pub(super) to: Option<String>,
    /// How long its steps are: `15m`.
    #[serde(default)]
    pub(super) step: Option<String>,
    /// How many steps it has.
    #[serde(default)]
    pub(super) steps: Option<u32>,
    /// Take what came in place of forecasts.
    #[serde(default)]
    pub(super) truth: bool,
    /// The engine, one of `storage`, `modes`, `microlp`, `clarabel`, `highs`; the fastest exact one unless told.
    #[serde(default)]
    pub(super) engine: Option<String>,
    /// How long a solver of programs may take: `10s`, unless told; a minute at the most.
    #[serde(default)]
    pub(super) time_limit: Option<String>,
    /// Whether it is kept; true unless told.
    #[serde(default = "yes")]
    pub(super) keep: bool,
}

fn yes() -> bool {
    true
}

/// What became of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PlanStatus)]
pub(super) enum Status {
    /// Proven to be the best.
    Optimal,
    /// Verified; a better one may exist within `gap`.
    Feasible,
    /// No plan keeps all hard limits: `explanation` says which conflict, and what mends it.
    Infeasible,
    /// A limit of time was reached first.
    Undecided,
}

/// A plan without its steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct PlanSummary {
    /// Its identity; null where it was not kept.
    pub(super) id: Option<String>,
    /// What it is called.
    pub(super) name: String,
    /// When it was made.
    pub(super) created_us: Timestamp,
    /// By whom.
    pub(super) by: String,
    /// What became of the question.
    pub(super) status: Status,
    /// What it costs, in `currency`; null without a plan.
    pub(super) cost: Option<f64>,
    /// No plan can cost less than this.
    pub(super) bound: Option<f64>,
    /// How much better a plan could be at most, as a share.
    pub(super) gap: Option<f64>,
    /// The money of prices and costs.
    pub(super) currency: String,
    /// When its horizon begins.
    pub(super) from_us: Timestamp,
    /// When its horizon ends.
    pub(super) to_us: Timestamp,
    /// How many steps it has.
    pub(super) steps: usize,
    /// Which engine made it.
    pub(super) engine: Option<String>,
    /// How long it took to make.
    pub(super) solve_us: Span,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct Plan {
    /// What it is.
    #[serde(flatten)]
    pub(super) summary: PlanSummary,
    /// The borders of its steps, one more than there are steps.
    pub(super) borders_us: Vec<Timestamp>,
    /// What each asset does.
    pub(super) assets: Vec<AssetPlan>,
    /// What it costs, by asset and cause; causes that cost nothing are not listed.
    pub(super) costs: Vec<PlanCost>,
    /// What another kWh drawn at a bus costs in each step.
    pub(super) prices: Vec<PlanPrice>,
    /// Carbon emitted, in g.
    pub(super) carbon_g: Option<f64>,
    /// Wishes and soft limits that were not met.
    pub(super) violations: Vec<String>,
    /// What was changed or assumed in the input.
    pub(super) notices: Vec<String>,
    /// Why there is no plan, or how it came about.
    pub(super) explanation: Option<String>,
}

/// What an asset of a plan does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AssetPlan {
    /// The asset, as the site calls it.
    pub(super) asset: String,
    /// Its kind: `grid`, `pv`, `battery`, `ev`, `deferrable`, `heat_pump`, `genset`, `load`, `link`.
    pub(super) kind: String,
    /// Its mean power of each step, in W, positive into the asset; import for the grid.
    pub(super) power_w: Vec<f64>,
    /// What it stores at the end of each step, 0..1 of its capacity; null for what stores nothing.
    pub(super) soc: Option<Vec<f64>>,
    /// Energy that flows into it over the horizon, in Wh; import for the grid.
    pub(super) taken_wh: f64,
    /// Energy that flows out of it, in Wh; export for the grid.
    pub(super) given_wh: f64,
}

/// Money spent, or below zero earned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct PlanCost {
    /// The asset or link; empty for what belongs to none.
    pub(super) part: String,
    /// What for: `import`, `export`, `demand`, `wear`, ...
    pub(super) cause: String,
    /// How much.
    pub(super) amount: f64,
}

/// What another kWh drawn at a bus costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct PlanPrice {
    /// The bus.
    pub(super) bus: String,
    /// In each step.
    pub(super) per_kwh: Vec<f64>,
}

/// A plan of a site.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct AtPlan {
    /// The operator.
    pub(super) operator: Name,
    /// The site.
    pub(super) site: Name,
    /// The plan's id.
    pub(super) plan: Name,
}

impl AtPlan {
    pub(super) fn place(&self) -> Place {
        Place { operator: self.operator.clone(), site: self.site.clone() }
    }
}

/// Which plans are compared.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CompareAsked {
    /// Ids of kept plans, 2 to 8, joined by commas. Differences are against the first.
    pub(super) plans: String,
}

/// Plans beside each other.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct PlanComparison {
    /// The plans, in the order in which they were asked for.
    pub(super) plans: Vec<PlanSummary>,
    /// The money of costs; null where it is not the same in all.
    pub(super) currency: Option<String>,
    /// What differs or not, a row each.
    pub(super) rows: Vec<ComparedRow>,
}

/// A figure of all the plans.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct ComparedRow {
    /// What kind of figure.
    pub(super) kind: ComparedKind,
    /// The asset or link; empty for the whole site.
    pub(super) part: String,
    /// Which figure: a cause of cost, or `total`; `taken`, `given`, `net`.
    pub(super) what: String,
    /// Its unit: the currency, or `Wh`.
    pub(super) unit: String,
    /// Of each plan; null where it has none.
    pub(super) values: Vec<Option<f64>>,
    /// Less that of the first plan.
    pub(super) differences: Vec<Option<f64>>,
}

/// What kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ComparedKind {
    /// Money.
    Cost,
    /// Energy.
    Energy,
}
