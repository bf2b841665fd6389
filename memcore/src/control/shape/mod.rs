//! From a granted power to one that the device can take: phases, ramps, steps, least power, minimum times, and no going to and fro.
//! Afterwards the sums are checked once more.

mod one;
mod phases;
mod sums;
pub(in crate::control) mod swings;
mod takes;
#[cfg(test)]
mod tests;
mod times;

use one::{Memory, Now, Told};
use sums::Shaped;

use super::arbiter::{Arbitrated, Granted};
use super::interlock::unmetered;
use super::{AssetDecision, Cause, CheckedModel, Fault, Interlocks, Limited, Moment, Situation};

/// What shaping remembers of each asset from decision to decision.
#[derive(Debug, Clone, Default)]
pub(in crate::control) struct ShapeMemory {
    assets: Vec<Memory>,
}

/// What each asset is to do. None for those that are not controlled, and for what forms the grid of an island.
pub(in crate::control) fn shape(
    model: &CheckedModel,
    interlocks: &mut Interlocks,
    arbitrated: Arbitrated,
    situation: &Situation,
    memory: &mut ShapeMemory,
    now: Moment,
) -> Vec<Option<AssetDecision>> {
    memory.assets.resize(model.assets.len(), Memory::default());
    let mut granted = arbitrated.granted;
    if let Some(forming) = interlocks.forming {
        granted[forming] = None;
    }
    let told = each(model, interlocks, &mut granted, situation, memory, now);
    let held = told.iter().enumerate().filter(|(_, told)| told.is_some_and(|told| told.held));
    interlocks.faults.extend(held.map(|(place, _)| Fault::Oscillation(place)));
    let mut shaped =
        told.iter().zip(&granted).map(|(told, granted)| Some(ready((*told)?, granted.as_ref()?))).collect::<Vec<_>>();
    sums::recheck(model, interlocks, &mut shaped, |place, sum, from_w, to_w| {
        if let Some(granted) = &mut granted[place] {
            granted.limits.push(Limited { cause: interlocks.sums[sum].cause, from_w, to_w });
        }
    });
    let decided = granted.into_iter().zip(shaped).enumerate().map(|(place, (granted, shaped))| {
        let (granted, shaped) = (granted?, shaped?);
        let safety = granted.limits.iter().any(|limit| for_safety(limit.cause));
        let shaped_w = told[place].map_or(0.0, |told| told.power_w);
        let one = seen(model, interlocks, situation, place, now);
        memory.assets[place].tell(one, (shaped_w, shaped.power_w), safety);
        let Granted { bounds_w, wish, limits, .. } = granted;
        Some(AssetDecision { power_w: shaped.power_w, phases: shaped.phases, wish, bounds_w, limits })
    });
    decided.collect()
}

/// Each by itself.
fn each(
    model: &CheckedModel,
    interlocks: &Interlocks,
    granted: &mut [Option<Granted>],
    situation: &Situation,
    memory: &mut ShapeMemory,
    now: Moment,
) -> Vec<Option<Told>> {
    let one = |(place, (granted, memory)): (usize, (&mut Option<Granted>, &mut Memory))| {
        let Some(granted) = granted else {
            memory.leave();
            return None;
        };
        let one = seen(model, interlocks, situation, place, now);
        memory.times.see(one.run, unmetered(one.asset), now);
        let mut limits = std::mem::take(&mut granted.limits);
        let told = memory.shape(one, granted, &mut limits);
        granted.limits = limits;
        Some(told)
    };
    granted.iter_mut().zip(&mut memory.assets).enumerate().map(one).collect()
}

fn seen<'a>(
    model: &'a CheckedModel,
    interlocks: &'a Interlocks,
    situation: &Situation,
    place: usize,
    now: Moment,
) -> Now<'a> {
    let (asset, allowed) = (&model.assets[place], &interlocks.allowed[place]);
    Now { asset, allowed, measured_w: situation.power_w(model, place, now), run: situation.run(place), now }
}

fn ready(told: Told, granted: &Granted) -> Shaped {
    let priority = granted.wish.as_ref().map_or(0, |wish| wish.priority.get());
    Shaped { power_w: told.power_w, phases: told.phases, priority, must_run: told.must_run }
}

/// Whether it is safety that limits.
fn for_safety(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::Circuit { .. }
            | Cause::Stale(_)
            | Cause::SocLow
            | Cause::SocHigh
            | Cause::Reserve
            | Cause::External(_)
            | Cause::Island
    )
}
