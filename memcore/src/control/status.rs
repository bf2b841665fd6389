//! The state of control for people and programs: what stands with its outcome, and what assets were told.

use serde::{Deserialize, Serialize};

use super::{Controller, Moment, Outcome, Proposal, ProposalId};
use crate::model::{Span, Timestamp};

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

    /// What an asset was told last, by its place; None before it was told anything.
    #[must_use]
    pub fn order_status(&self, place: usize) -> Option<OrderStatus> {
        self.orders().last(place)
    }
}
