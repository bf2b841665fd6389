//! The state of control for people and programs: what is measured, decided, wished for, limited, and wrong.

use serde::{Deserialize, Serialize};

use super::{Controller, LimitText, Measure, Moment, Outcome, Proposal, ProposalId, Role, Wish};
use crate::model::{Name, Span, Timestamp};

/// The state of a site's control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ControlStatus {
    /// The site.
    pub site: Name,
    /// When.
    pub at: Timestamp,
    /// Its assets, in the order of the model.
    pub assets: Vec<AssetStatus>,
    /// What stands, the most urgent first.
    pub proposals: Vec<StandingProposal>,
    /// What is not as it should be.
    pub faults: Vec<String>,
    /// The plan that holds, where there is one.
    pub plan: Option<PlanStatus>,
    /// How many proposals were refused since control began.
    pub refused: u64,
}

/// The state of an asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AssetStatus {
    /// What the site calls it.
    pub name: Name,
    /// What it is to the site.
    pub role: Role,
    /// Whether it takes orders.
    pub controlled: bool,
    /// The power that was measured last, in W.
    pub power_w: Option<f64>,
    /// Whether that stands for the present.
    pub fresh: bool,
    /// Its state of charge, 0..1, where it stands for the present.
    pub soc: Option<f64>,
    /// Whether a vehicle is connected, where that is known.
    pub connected: Option<bool>,
    /// What was decided last, in W.
    pub decided_w: Option<f64>,
    /// The lowest and highest power that safety allows, in W; None where nothing limits it.
    pub low_w: Option<f64>,
    /// The highest power that safety allows, in W; None where nothing limits it.
    pub high_w: Option<f64>,
    /// The wish that it follows; None for the default.
    pub wish: Option<Wish>,
    /// What limited it, in the order in which it did.
    pub limits: Vec<LimitText>,
    /// What it was told last.
    pub order: Option<OrderStatus>,
}

/// What an asset was told last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrderStatus {
    /// In the base unit of the channel.
    pub value: f64,
    /// Whether the device said that it took it.
    pub confirmed: bool,
    /// How many orders failed since one was confirmed.
    pub failures: u32,
    /// What is wrong with it.
    pub fault: Option<String>,
}

/// The plan that holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlanStatus {
    /// When it was made.
    pub made: Timestamp,
    /// Until when it may be followed.
    pub valid_until: Timestamp,
}

/// A proposal that stands, and what became of it in the last decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StandingProposal {
    /// Which.
    pub id: ProposalId,
    /// What is wished for.
    pub proposal: Proposal,
    /// When it was taken or last renewed.
    pub taken: Timestamp,
    /// For how long it stands yet, unless it is renewed.
    #[serde(with = "crate::model::written::length")]
    pub stands_for: Span,
    /// What became of it; None before a decision was made.
    pub outcome: Option<Outcome>,
}

impl Controller {
    /// What stands, the most urgent first, with what became of it in the last decision.
    #[must_use]
    pub fn proposals(&self, now: Moment) -> Vec<StandingProposal> {
        let standing = self.book().standing().iter().map(|standing| {
            let left = standing.until.saturating_sub(now.elapsed).as_micros();
            StandingProposal {
                id: standing.id,
                proposal: standing.proposal.clone(),
                taken: standing.taken,
                stands_for: Span::from_micros(i64::try_from(left).unwrap_or(i64::MAX)),
                outcome: standing.verdict.is_some().then(|| standing.outcome.clone()),
            }
        });
        standing.collect()
    }

    /// The state of control.
    #[must_use]
    pub fn status(&self, now: Moment) -> ControlStatus {
        let model = self.model();
        ControlStatus {
            site: model.model.site.clone(),
            at: now.wall,
            assets: (0..model.assets.len()).map(|place| self.asset_status(place, now)).collect(),
            proposals: self.proposals(now),
            faults: self.faults().iter().map(|fault| fault.text(model)).collect(),
            plan: self.plan().map(|plan| PlanStatus { made: plan.made, valid_until: plan.valid_until }),
            refused: self.refused(),
        }
    }

    fn asset_status(&self, place: usize, now: Moment) -> AssetStatus {
        let (model, situation) = (self.model(), self.situation());
        let asset = &model.assets[place];
        let decided = self.last_decision(place).map(|(_, decided)| decided);
        let fresh = |measure| situation.fresh(model, place, measure, now);
        let (low_w, high_w) = self.allowed_w(place);
        AssetStatus {
            name: asset.name.clone(),
            role: asset.role,
            controlled: asset.setpoint.is_some(),
            power_w: situation.last(place, Measure::Power).map(|live| live.value),
            fresh: fresh(Measure::Power).is_some(),
            soc: fresh(Measure::Soc),
            connected: fresh(Measure::Connected).map(|connected| connected != 0.0),
            decided_w: decided.map(|decided| decided.power_w),
            low_w,
            high_w,
            wish: decided.and_then(|decided| decided.wish.clone()),
            limits: decided
                .map_or(Vec::new(), |decided| decided.limits.iter().map(|limit| self.limit_text(limit)).collect()),
            order: self.orders().last(place).map(|last| OrderStatus {
                value: last.value,
                confirmed: last.confirmed,
                failures: last.failures,
                fault: last.fault,
            }),
        }
    }
}
