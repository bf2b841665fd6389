//! What safety allows, before anybody's wish: bounds of each asset, and limits on sums of them.

mod fault;

pub use fault::Fault;

use super::{AssetDecision, Cause, CheckedModel, Moment, Situation};

/// What safety allows of an asset, in W, and why no more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowed {
    /// The least.
    pub low_w: f64,
    /// The most.
    pub high_w: f64,
    /// Why no less.
    pub low_by: Cause,
    /// Why no more.
    pub high_by: Cause,
}

/// A limit on the sum of what assets draw: `low <= sum(weight * power) <= high`. What is not controlled is taken off it already.
#[derive(Debug, Clone, PartialEq)]
pub struct SumLimit {
    /// The controlled assets, with the share of their power that counts.
    pub members: Vec<(usize, f64)>,
    /// The least sum, in W.
    pub low_w: f64,
    /// The most, in W.
    pub high_w: f64,
    /// What limits.
    pub cause: Cause,
}

/// What safety allows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Interlocks {
    /// Of each asset, by its place.
    pub allowed: Vec<Allowed>,
    /// Of sums.
    pub sums: Vec<SumLimit>,
    /// What is not as it should be.
    pub faults: Vec<Fault>,
}

/// What interlocks remember from decision to decision.
#[derive(Debug, Clone, Default)]
pub(in crate::control) struct InterlockMemory {}

/// What safety allows now.
pub(in crate::control) fn interlock(
    model: &CheckedModel,
    _situation: &Situation,
    _memory: &mut InterlockMemory,
    _now: Moment,
) -> Interlocks {
    let allowed = model.assets.iter().map(|asset| Allowed {
        low_w: asset.low_w,
        high_w: asset.high_w,
        low_by: Cause::Capability,
        high_by: Cause::Capability,
    });
    Interlocks { allowed: allowed.collect(), sums: Vec::new(), faults: Vec::new() }
}

/// Takes note of what was decided: what is ordered counts until it is measured.
pub(in crate::control) fn decided(
    _model: &CheckedModel,
    _assets: &[Option<AssetDecision>],
    _memory: &mut InterlockMemory,
    _now: Moment,
) {
}
