//! Whose wish wins: wishes that stand, nested by priority inside what safety allows, and shared out among the members of groups.

mod book;

pub use book::Book;
pub(in crate::control) use book::Standing;

use super::{Cause, CheckedModel, Interlocks, Limited, Moment, Outcome, ProposalOutcome, Situation, Target, Wish};

/// What an asset gets, before it is shaped to what the device can do.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::control) struct Granted {
    pub(in crate::control) power_w: f64,
    pub(in crate::control) bounds_w: (f64, f64),
    pub(in crate::control) wish: Option<Wish>,
    pub(in crate::control) limits: Vec<Limited>,
}

/// What wishes come to.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::control) struct Arbitrated {
    /// For each asset, by its place; None for those that are not controlled.
    pub(in crate::control) granted: Vec<Option<Granted>>,
    pub(in crate::control) outcomes: Vec<ProposalOutcome>,
}

/// Nests the standing wishes inside what safety allows.
pub(in crate::control) fn arbitrate(
    model: &CheckedModel,
    interlocks: &Interlocks,
    book: &Book,
    _situation: &Situation,
    _now: Moment,
) -> Arbitrated {
    let mut outcomes = Vec::new();
    let mut granted: Vec<Option<Granted>> = Vec::with_capacity(model.assets.len());
    for (asset, allowed) in model.assets.iter().zip(&interlocks.allowed) {
        let power_w = asset.safe_w.clamp(allowed.low_w, allowed.high_w);
        let bounds_w = (allowed.low_w, allowed.high_w);
        granted.push(asset.setpoint.is_some().then(|| Granted { power_w, bounds_w, wish: None, limits: Vec::new() }));
    }
    for Standing { id, proposal, .. } in book.by_priority() {
        let Target::Asset(name) = &proposal.target else { continue };
        let Some(Some(granted)) = model.place(name.as_str()).map(|place| &mut granted[place]) else { continue };
        let wanted = proposal.power_w.unwrap_or(granted.power_w);
        let power_w = wanted.clamp(granted.bounds_w.0, granted.bounds_w.1);
        let (low, high) = (proposal.low_w.or(proposal.power_w), proposal.high_w.or(proposal.power_w));
        granted.bounds_w.0 = granted.bounds_w.0.max(low.unwrap_or(f64::NEG_INFINITY)).min(granted.bounds_w.1);
        granted.bounds_w.1 = granted.bounds_w.1.min(high.unwrap_or(f64::INFINITY)).max(granted.bounds_w.0);
        granted.power_w = power_w;
        let (actor, reason) = (proposal.actor.clone(), proposal.reason.clone());
        granted.wish = Some(Wish { actor, priority: proposal.priority, power_w: wanted, reason });
        let by = Cause::Capability.text(model);
        let outcome = if power_w == wanted { Outcome::Granted } else { Outcome::Limited { by, to_w: power_w } };
        let (actor, target) = (proposal.actor.clone(), proposal.target.clone());
        outcomes.push(ProposalOutcome { id: Some(*id), actor, target, outcome });
    }
    Arbitrated { granted, outcomes }
}
