//! What safety allows, before anybody's wish: bounds of each asset, and limits on sums of them.
//!
//! Each interlock is a file: what a device can do ([`capability`]), states of charge ([`storage`]), fuses ([`circuit`]), limits from
//! outside ([`external`]), and life without the grid ([`island`]). What they share is what each asset may be drawing ([`follow`]),
//! what a circuit carries beside that ([`carried`]), and that limits are given back slowly ([`release`]).

mod allowed;
mod capability;
mod carried;
mod circuit;
mod external;
mod fault;
mod follow;
mod island;
mod release;
mod storage;
#[cfg(test)]
mod tests;
mod window;

pub use allowed::Allowed;
use carried::Scene;
use circuit::CircuitMemory;
use external::ExternalMemory;
pub use fault::Fault;
use follow::Follow;
pub(in crate::control) use follow::unmetered;
use island::IslandMemory;
use storage::Stopped;

use super::planted::{Planted, planted};
use super::{AssetDecision, Cause, CheckedModel, Moment, Situation};

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
    /// What forms the grid of an island now: it is not commanded.
    pub forming: Option<usize>,
}

/// What interlocks remember from decision to decision.
#[derive(Debug, Clone, Default)]
pub(in crate::control) struct InterlockMemory {
    follows: Vec<Follow>,
    stopped: Vec<Stopped>,
    circuits: Vec<CircuitMemory>,
    externals: Vec<ExternalMemory>,
    island: IslandMemory,
}

impl InterlockMemory {
    fn fit(&mut self, model: &CheckedModel) {
        if self.follows.len() == model.assets.len() {
            return;
        }
        self.follows = vec![Follow::default(); model.assets.len()];
        self.stopped = vec![Stopped::default(); model.assets.len()];
        self.circuits = vec![CircuitMemory::default(); model.circuits.len()];
        self.externals = vec![ExternalMemory::default(); model.externals.len()];
    }
}

/// What safety allows now.
pub(in crate::control) fn interlock(
    model: &CheckedModel,
    situation: &Situation,
    memory: &mut InterlockMemory,
    now: Moment,
) -> Interlocks {
    memory.fit(model);
    let mut out = Interlocks::default();
    memory.island.see(model, situation, &mut out.faults, now);
    for place in 0..model.assets.len() {
        let mut allowed = capability::capability(model, place, situation, &mut out.faults, now);
        let stopped = (&mut memory.stopped[place], memory.island.reserve_soc);
        storage::guard(model, place, situation, stopped, &mut allowed, &mut out.faults, now);
        out.allowed.push(allowed);
    }
    let follows = memory.follows.iter_mut().enumerate();
    let draws = follows.map(|(place, follow)| follow.draw(model, place, situation, now)).collect::<Vec<_>>();
    let strays = memory.follows.iter().enumerate().filter(|(_, follow)| follow.does_not_follow(now));
    out.faults.extend(strays.map(|(place, _)| Fault::NotFollowing(place)));
    let forming = memory.island.forms(model);
    let scene = Scene { model, situation, draws: &draws, forming, now };
    island::keep(scene, &mut memory.island, &mut out);
    let dead = model.grid.filter(|_| memory.island.alone);
    if !planted(Planted::CircuitsIgnored) {
        circuit::keep(scene, &mut memory.circuits, dead, &mut out);
    }
    external::keep(scene, &mut memory.externals, memory.island.alone, &mut out);
    out.forming = forming.filter(|_| !planted(Planted::IslandIgnored));
    out
}

/// Takes note of what was decided: what is ordered counts until it is measured.
pub(in crate::control) fn decided(
    model: &CheckedModel,
    assets: &[Option<AssetDecision>],
    memory: &mut InterlockMemory,
    now: Moment,
) {
    for ((follow, asset), decided) in memory.follows.iter_mut().zip(&model.assets).zip(assets) {
        follow.order(asset, decided.as_ref(), now);
    }
}
