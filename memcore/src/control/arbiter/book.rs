//! The wishes that stand.

use std::cmp::Reverse;
use std::time::Duration;

use super::Verdict;
use super::check::{Aim, check};
use super::rate::Rates;
use crate::control::{CheckedModel, Moment, Outcome, Proposal, ProposalId, ProposalOutcome, ShareBy, Target};
use crate::error::{Error, Result};
use crate::model::{Name, Timestamp};

/// Wishes that stand at a time. Full-policy: the next is refused.
const STANDING_MAX: usize = 512;
/// Those of one actor. Full-policy: the next is refused.
const STANDING_EACH: usize = 64;

/// A wish that stands.
#[derive(Debug, Clone)]
pub(in crate::control) struct Standing {
    pub(in crate::control) id: ProposalId,
    pub(in crate::control) proposal: Proposal,
    pub(in crate::control) until: Duration,
    /// When it was taken, or last renewed.
    pub(in crate::control) taken: Timestamp,
    /// The controlled assets that it is for.
    pub(in crate::control) members: Box<[usize]>,
    pub(in crate::control) share_by: ShareBy,
    /// What became of it last: as a value, and as it is told.
    pub(in crate::control) verdict: Option<Verdict>,
    pub(in crate::control) outcome: Outcome,
}

impl Standing {
    /// It with what became of it last.
    pub(in crate::control) fn told(&self) -> ProposalOutcome {
        let (actor, target) = (self.proposal.actor.clone(), self.proposal.target.clone());
        ProposalOutcome { id: Some(self.id), actor, target, outcome: self.outcome.clone() }
    }
}

/// The wishes that stand: one of each actor for each target. A new one takes the place of the old one, and keeps its age while
/// its priority is the same: who renews does not lose its turn.
#[derive(Debug, Default)]
pub struct Book {
    /// The most urgent first; among equals the one that stands longest.
    standing: Vec<Standing>,
    taken: u64,
    rates: Rates,
}

impl Book {
    /// Takes a wish in.
    ///
    /// # Errors
    /// Invalid, naming the field, its value and what was expected: it has then no effect.
    pub fn take(&mut self, model: &CheckedModel, proposal: Proposal, now: Moment) -> Result<ProposalId> {
        self.rates.take(&proposal.actor, now.elapsed)?;
        let Aim { members, share_by } = check(model, &proposal)?;
        let old = self.place(&proposal.actor, &proposal.target);
        if old.is_none() {
            self.room_for(&proposal.actor)?;
        }
        let until = now.elapsed.saturating_add(proposal.valid_for.to_duration());
        if let Some(standing) = old.map(|place| &mut self.standing[place])
            && standing.proposal.priority == proposal.priority
        {
            (standing.proposal, standing.until, standing.taken) = (proposal, until, now.wall);
            return Ok(standing.id);
        }
        if let Some(place) = old {
            self.standing.remove(place);
        }
        self.taken += 1;
        let id = ProposalId(self.taken);
        let key = (Reverse(proposal.priority), id);
        let place = self.standing.partition_point(|standing| (Reverse(standing.proposal.priority), standing.id) < key);
        let (taken, verdict, outcome) = (now.wall, None, Outcome::Granted);
        self.standing.insert(place, Standing { id, proposal, until, taken, members, share_by, verdict, outcome });
        Ok(id)
    }

    fn place(&self, actor: &Name, target: &Target) -> Option<usize> {
        let same = |standing: &Standing| standing.proposal.actor == *actor && standing.proposal.target == *target;
        self.standing.iter().position(same)
    }

    fn room_for(&self, actor: &Name) -> Result<()> {
        if self.standing.len() >= STANDING_MAX {
            return Err(Error::invalid(format!("{STANDING_MAX} proposals stand, no more are taken")));
        }
        let own = self.standing.iter().filter(|standing| standing.proposal.actor == *actor).count();
        if own >= STANDING_EACH {
            return Err(Error::invalid(format!("{own} proposals of {actor} stand, no more of it are taken")));
        }
        Ok(())
    }

    /// Takes back what an actor wished for a target, and says whether something stood.
    pub fn withdraw(&mut self, actor: &Name, target: &Target) -> bool {
        self.place(actor, target).map(|place| self.standing.remove(place)).is_some()
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
        expired.map(|standing| ProposalOutcome { outcome: Outcome::Expired, ..standing.told() }).collect()
    }

    /// What stands, the most urgent first; among equals the one that stands longest.
    pub(in crate::control) fn standing(&self) -> &[Standing] {
        &self.standing
    }

    pub(in crate::control) fn standing_mut(&mut self) -> &mut [Standing] {
        &mut self.standing
    }

    /// Whose wish has that id, while it stands.
    pub(in crate::control) fn actor(&self, id: ProposalId) -> Option<&Name> {
        self.standing.iter().find(|standing| standing.id == id).map(|standing| &standing.proposal.actor)
    }
}
