//! Whose wish wins: wishes that stand, nested by priority inside what safety allows, and shared out among the members of groups.
//!
//! ```text
//! Book --check--> Standing --nest--> targets, claims --fill--> powers inside all sums --rule--> Granted, Ruling
//! ```
//!
//! What it means, with worked examples: `docs/control.md`, "Proposals and arbitration".

mod book;
mod check;
mod fill;
mod nest;
mod rate;
mod rule;
mod share;
mod taker;
#[cfg(test)]
mod tests;

pub use book::Book;
pub(in crate::control) use book::Standing;
pub(in crate::control) use rule::{Verdict, verdicts};

use self::fill::Filling;
use self::nest::{Bounds, Claim, Nest};
use self::share::{Taker, share};
use self::taker::{ENOUGH_W, Takers};
use super::{Allowed, Cause, CheckedModel, Interlocks, Limited, Moment, Situation, Steps, Wish};

/// Powers that differ by less than this share are the same, and none differ by less than this many W.
const TOLERANCE: f64 = 1e-6;
/// How often filling begins again after a step was left or a limit was relieved.
const ROUNDS_MAX: usize = 4;
/// How often what a member could not take is handed to the others of its group.
const RETURNS_MAX: usize = 4;

/// What an asset gets, before it is shaped to what the device can do.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::control) struct Granted {
    pub(in crate::control) power_w: f64,
    pub(in crate::control) bounds_w: (f64, f64),
    pub(in crate::control) wish: Option<Wish>,
    pub(in crate::control) limits: Vec<Limited>,
}

/// What arbitration knows of each wish, by its place in the book.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::control) struct Rulings {
    /// What kept it from being as it was meant when wishes were nested, and whether that left any freedom.
    kept_out: Vec<Option<(Cause, bool)>>,
    /// The wish that each asset follows.
    leaders: Vec<Option<usize>>,
}

/// What wishes come to.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::control) struct Arbitrated {
    /// For each asset, by its place; None for those that are not controlled.
    pub(in crate::control) granted: Vec<Option<Granted>>,
    pub(in crate::control) rulings: Rulings,
}

/// Nests the standing wishes inside what safety allows. `decided_w` is what was decided last of each asset, NaN where nothing was.
pub(in crate::control) fn arbitrate(
    model: &CheckedModel,
    interlocks: &Interlocks,
    book: &Book,
    situation: &Situation,
    decided_w: &[f64],
    now: Moment,
) -> Arbitrated {
    let standing = book.standing();
    let takers = Takers::of(model, situation, decided_w, now);
    let mut nest = Nest::of(model, interlocks, standing, &takers);
    let mut filling = fill(model, interlocks, standing, &nest, &takers);
    let mut full = vec![false; model.assets.len()];
    for _ in 0..RETURNS_MAX {
        if !return_rest(&mut nest, standing, &filling, &takers, &mut full) {
            break;
        }
        filling = fill(model, interlocks, standing, &nest, &takers);
    }
    granted(model, standing, nest, &filling)
}

/// Fills what was nested inside the limits on sums.
fn fill<'a>(
    model: &'a CheckedModel,
    interlocks: &Interlocks,
    standing: &[Standing],
    nest: &Nest<'_>,
    takers: &'a Takers<'a>,
) -> Filling<'a> {
    let mut filling = Filling::of(model, takers, interlocks.allowed.iter().map(safe_bounds));
    let wished = nest.together.iter().map(|sum| (sum.low_w, sum.high_w, Cause::Actor(sum.id.0), sum.members));
    filling.limit(&interlocks.sums, wished);
    let priority = |rank: usize| standing.get(rank).map_or(0, |standing| standing.proposal.priority.get());
    // Defaults come last.
    let defaults = (0..nest.slots.len()).filter(|place| nest.slots[*place].controlled);
    let defaults = defaults.map(|place| Claim { rank: standing.len(), place, power_w: nest.slots[place].target_w });
    let mut claims: Vec<Claim> = nest.claims.iter().copied().chain(defaults).collect();
    claims.sort_by_key(|claim| claim.rank);
    let targets: Vec<f64> = nest.slots.iter().map(|slot| if slot.controlled { slot.target_w } else { 0.0 }).collect();
    let urgency: Vec<u8> = nest.slots.iter().map(|slot| slot.leader.map_or(0, priority)).collect();
    for _ in 0..ROUNDS_MAX {
        filling.fill(&claims, priority, &targets);
        let (stepped, relieved) = (filling.step(), filling.relieve(&urgency));
        if !stepped && !relieved {
            break;
        }
    }
    filling
}

/// Hands what members of a group could not take to the others of it, and says whether it did. Who was `full` once is not asked again.
fn return_rest(
    nest: &mut Nest<'_>,
    standing: &[Standing],
    filling: &Filling<'_>,
    takers: &Takers<'_>,
    full: &mut [bool],
) -> bool {
    let mut returned = false;
    for i in 0..nest.together.len() {
        let together = nest.together[i].clone();
        let (Some(wished_w), rank) = (together.power_w, together.by) else { continue };
        let reached: f64 = together.members.iter().map(|place| filling.assets[*place].power_w).sum();
        let rest_w = wished_w - reached;
        let follows = |place: &&usize| nest.slots[**place].leader == Some(rank);
        if close(wished_w, reached) || rest_w * wished_w < 0.0 {
            continue;
        }
        for place in together.members {
            full[*place] |= !close(filling.assets[*place].power_w, nest.slots[*place].target_w);
        }
        let members = || together.members.iter().filter(follows).copied();
        let others = members().filter(|place| !full[*place]);
        let mut open: Vec<Taker> =
            others.map(|place| takers.at(place, nest.slots[place].target_w, &nest.slots[place].bounds)).collect();
        let left_w = share(standing[rank].share_by, rest_w, &mut open);
        if close(left_w, rest_w) {
            continue;
        }
        let stopped: Vec<(usize, f64)> = members().filter(|p| full[*p]).map(|p| (p, filling.assets[p].power_w)).collect();
        for (place, to_w) in stopped {
            let cause = filling.assets[place].stopped_by.unwrap_or(Cause::Capability);
            let slot = &mut nest.slots[place];
            if close(slot.target_w, to_w) {
                continue;
            }
            slot.limits.push(Limited { cause, from_w: slot.target_w, to_w });
            slot.target_w = to_w;
            nest.claim(rank, place, to_w);
        }
        for taker in open {
            nest.moved(rank, together.id, taker.place, taker.at_w);
            nest.claim(rank, taker.place, taker.at_w);
        }
        returned = true;
    }
    returned
}

fn granted(model: &CheckedModel, standing: &[Standing], nest: Nest<'_>, filling: &Filling<'_>) -> Arbitrated {
    let leaders = nest.slots.iter().map(|slot| slot.leader).collect();
    let mut granted = Vec::with_capacity(model.assets.len());
    for (slot, filled) in nest.slots.into_iter().zip(&filling.assets) {
        if !slot.controlled {
            granted.push(None);
            continue;
        }
        let (power_w, mut limits) = (filled.power_w, slot.limits);
        if !close(power_w, slot.target_w) {
            let cause = filled.stopped_by.unwrap_or(Cause::Capability);
            limits.push(Limited { cause, from_w: slot.target_w, to_w: power_w });
        }
        let wish = slot.leader.map(|leader| {
            let proposal = &standing[leader].proposal;
            let wished = proposal.power_w.unwrap_or(slot.target_w);
            let (actor, reason) = (proposal.actor.clone(), proposal.reason.clone());
            Wish { actor, priority: proposal.priority, power_w: wished, reason }
        });
        granted.push(Some(Granted { power_w, bounds_w: (slot.bounds.low_w, slot.bounds.high_w), wish, limits }));
    }
    Arbitrated { granted, rulings: Rulings { kept_out: nest.kept_out, leaders } }
}

/// What safety allows. Where its bounds contradict each other, the one nearer to nothing holds.
fn safe_bounds(allowed: &Allowed) -> Bounds {
    let Allowed { low_w, high_w, low_by, high_by } = *allowed;
    let (mut low_w, mut high_w) = (low_w.max(-ENOUGH_W), high_w.min(ENOUGH_W));
    if low_w > high_w {
        let nearer = if low_w * high_w <= 0.0 {
            0.0
        } else if low_w > 0.0 {
            high_w
        } else {
            low_w
        };
        (low_w, high_w) = (nearer, nearer);
    }
    Bounds { low_w, high_w, low_by, high_by }
}

/// The step at or below a power, towards nothing.
fn nearest_step(steps: &Steps, power_w: f64) -> f64 {
    let size = power_w.abs() * (1.0 + TOLERANCE);
    match steps {
        Steps::Continuous => power_w,
        Steps::Every(step_w) => ((size / step_w).floor() * step_w).copysign(power_w),
        Steps::Levels(levels) => {
            let below = levels.iter().filter(|level| **level * power_w > 0.0 && level.abs() <= size);
            below.fold(0.0, |best: f64, level| if level.abs() > best.abs() { *level } else { best })
        }
    }
}

/// The least step at or beyond a power, away from nothing; None where there is none.
fn next_step(steps: &Steps, power_w: f64) -> Option<f64> {
    let size = power_w.abs() * (1.0 - TOLERANCE);
    match steps {
        Steps::Continuous => Some(power_w),
        Steps::Every(step_w) => Some(((size / step_w).ceil() * step_w).copysign(power_w)),
        Steps::Levels(levels) => {
            let beyond = levels.iter().copied().filter(|level| level * power_w > 0.0 && level.abs() >= size);
            beyond.min_by(|a, b| a.abs().total_cmp(&b.abs()))
        }
    }
}

/// Whether two powers are the same, within [`TOLERANCE`].
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0)
}
