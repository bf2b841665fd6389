//! The wishes that stand.

use std::time::Duration;

use crate::control::{CheckedModel, Moment, Outcome, Proposal, ProposalId, ProposalOutcome, Target};
use crate::error::{Error, Result};
use crate::model::Name;

/// Wishes that stand at a time. Full-policy: the next is refused.
const STANDING_MAX: usize = 512;

/// A wish that stands.
#[derive(Debug, Clone)]
pub(in crate::control) struct Standing {
    pub(in crate::control) id: ProposalId,
    pub(in crate::control) proposal: Proposal,
    pub(in crate::control) until: Duration,
}

/// The wishes that stand: one of each actor for each target. A new one takes the place of the old one.
#[derive(Debug, Default)]
pub struct Book {
    standing: Vec<Standing>,
    taken: u64,
}

impl Book {
    /// Takes a wish in.
    ///
    /// # Errors
    /// Invalid, naming the field, its value and what was expected: it has then no effect.
    pub fn take(&mut self, _model: &CheckedModel, proposal: Proposal, now: Moment) -> Result<ProposalId> {
        self.standing.retain(|old| old.proposal.actor != proposal.actor || old.proposal.target != proposal.target);
        if self.standing.len() >= STANDING_MAX {
            return Err(Error::invalid(format!("{STANDING_MAX} proposals stand, no more are taken")));
        }
        self.taken += 1;
        let until = now.elapsed + proposal.valid_for.to_duration();
        self.standing.push(Standing { id: ProposalId(self.taken), proposal, until });
        Ok(ProposalId(self.taken))
    }

    /// Takes back what an actor wished for a target, and says whether something stood.
    pub fn withdraw(&mut self, actor: &Name, target: &Target) -> bool {
        let before = self.standing.len();
        self.standing.retain(|standing| standing.proposal.actor != *actor || standing.proposal.target != *target);
        before > self.standing.len()
    }

    /// Takes back all that an actor wished for, and says how many stood.
    pub fn withdraw_all(&mut self, actor: &Name) -> usize {
        let before = self.standing.len();
        self.standing.retain(|standing| standing.proposal.actor != *actor);
        before - self.standing.len()
    }

    /// Takes those away that stood too long.
    pub(in crate::control) fn expire(&mut self, now: Moment) -> Vec<ProposalOutcome> {
        let expired = self.standing.extract_if(.., |standing| standing.until <= now.elapsed);
        let told = |Standing { id, proposal, .. }| ProposalOutcome {
            id: Some(id),
            actor: proposal.actor,
            target: proposal.target,
            outcome: Outcome::Expired,
        };
        expired.map(told).collect()
    }

    /// What stands, the most urgent first; among equals the one that was taken first.
    pub(in crate::control) fn by_priority(&self) -> Vec<&Standing> {
        let mut standing: Vec<_> = self.standing.iter().collect();
        standing.sort_by_key(|standing| (std::cmp::Reverse(standing.proposal.priority), standing.id));
        standing
    }
}
