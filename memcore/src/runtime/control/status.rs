//! How control is: what is measured and decided of every asset, who acts, what is wrong.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::log::LogStatus;
use super::ticks::TickStatus;
use crate::control::{PlannedPowers, ProposalOutcome, Role, StepDeviations, Wish};
use crate::model::{CommandState, Name, Span, Timestamp};

/// How control of a site is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ControlStatus {
    /// When this was so.
    #[serde(rename = "time_us")]
    pub time: Timestamp,
    /// The site.
    pub site: Name,
    /// The time zone of its people.
    pub zone: String,
    /// Whether it orders; false while it is paused.
    pub enabled: bool,
    /// Since when and by whom it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// How often it is decided.
    #[serde(rename = "tick_us")]
    pub tick: Span,
    /// How long an order holds.
    #[serde(rename = "lease_us")]
    pub lease: Span,
    /// How well that is kept.
    pub ticks: TickStatus,
    /// The assets, in the order of the model.
    pub assets: Vec<AssetStatus>,
    /// What became of every proposal in the last decision.
    pub proposals: Vec<ProposalOutcome>,
    /// When the plan that holds was made, and until when it may be followed; none where no plan holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanHeld>,
    /// Actors of the program's own.
    pub actors: Vec<ActorStatus>,
    /// What is not as it should be.
    pub faults: Vec<String>,
    /// The decision log.
    pub log: LogStatus,
}

/// Since when and by whom control is paused. It stays so over a restart of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = ControlPaused))]
#[serde(deny_unknown_fields)]
pub struct Paused {
    /// Since when.
    pub since_us: Timestamp,
    /// By whom.
    pub by: String,
}

/// The plan that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
pub struct PlanHeld {
    /// When it was made.
    pub made_us: Timestamp,
    /// Until when it may be followed.
    pub valid_until_us: Timestamp,
}

/// The plan that is followed, and how it came about.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlanFollowed {
    /// What it asks of each asset.
    pub plan: Arc<PlannedPowers>,
    /// Why it was made.
    pub reason: String,
    /// What was assumed for it.
    pub notices: Vec<String>,
    /// What a kWh bought costs, and one sold brings, in each step; none where that is not known.
    pub prices: Option<(Vec<f64>, Vec<f64>)>,
    /// How far the site is from it in the step that now lies in.
    pub deviations: Option<StepDeviations>,
}

/// How an asset is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct AssetStatus {
    /// What the site calls it.
    pub asset: Name,
    /// What it is to the site.
    pub role: Role,
    /// Its power as it was last measured, in W.
    pub measured_w: Option<f64>,
    /// How old that is.
    #[serde(rename = "age_us")]
    pub age: Option<Span>,
    /// Whether that still stands for the present.
    pub fresh: bool,
    /// Its state of charge, 0..1, where it has one and it is fresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soc: Option<f64>,
    /// What was decided, in W; none for what is not controlled.
    pub decided_w: Option<f64>,
    /// Whose wish that follows; none for the declared default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<Wish>,
    /// What limited it, in the words of the site.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limited_by: Vec<String>,
    /// What was last heard of its orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<CommandState>,
    /// Until when a person holds it, out of control's reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until_us: Option<Timestamp>,
}

/// How an actor of the program's own is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ActorStatus {
    /// What it is called.
    pub name: Name,
    /// Whether it is thinking now.
    pub busy: bool,
    /// How often it was asked.
    pub asked: u64,
    /// How often it answered in time.
    pub answered: u64,
    /// How often it did not answer within its budget.
    pub overran: u64,
    /// Proposals of it that were refused.
    pub refused: u64,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}
