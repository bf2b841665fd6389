//! Life without the grid. What forms the grid is then not commanded: it gives what is missing and takes what is left over, and what is
//! controlled keeps that within its power, less the reserve. Energy that is kept for this is used only now.
//!
//! The island begins in the tick in which `grid_present` is 0, and ends a minute after it is 1 again. Where that signal is silent,
//! neither is trusted: what was last known of the grid stands, and the reserve is kept.

use std::time::Duration;

use super::carried::{Powers, Scene, Side};
use super::circuit::{beyond, members, sum};
use super::follow::ALL;
use super::release::Release;
use super::{Fault, Interlocks};
use crate::control::{Cause, CheckedModel, Island, Measure, Moment, Situation};

/// How long the grid must be back before the site relies on it.
const BACK_FOR: Duration = Duration::from_secs(60);

/// What is remembered of the grid.
#[derive(Debug, Clone, Default)]
pub(super) struct IslandMemory {
    /// Whether the site is an island.
    pub(super) alone: bool,
    back_since: Option<Duration>,
    /// The state of charge below which batteries give nothing now.
    pub(super) reserve_soc: f64,
    believed: [Powers; 2],
    releases: [Release; 2],
}

impl IslandMemory {
    /// What forms the grid now; None while there is one.
    pub(super) fn forms(&self, model: &CheckedModel) -> Option<usize> {
        model.forming.filter(|_| self.alone)
    }

    /// Whether the grid is there.
    pub(super) fn see(&mut self, model: &CheckedModel, situation: &Situation, faults: &mut Vec<Fault>, now: Moment) {
        let Some(island) = &model.model.island else { return };
        let present = situation.fresh(model, 0, Measure::GridPresent, now);
        match present {
            Some(present) if present < 0.5 => (self.alone, self.back_since) = (true, None),
            Some(_) => {
                let back_since = *self.back_since.get_or_insert(now.elapsed);
                self.alone &= now.elapsed.saturating_sub(back_since) < BACK_FOR;
            }
            None => {
                self.back_since = None;
                faults.push(Fault::GridUnknown);
            }
        }
        self.reserve_soc = if self.alone && present.is_some() { 0.0 } else { island.reserve_soc };
    }
}

/// Bounds what is controlled on an island.
pub(super) fn keep(scene: Scene<'_>, memory: &mut IslandMemory, out: &mut Interlocks) {
    let Some(island) = scene.model.model.island.as_ref().filter(|_| memory.alone) else {
        (memory.believed, memory.releases) = Default::default();
        return;
    };
    let all = (0..scene.model.assets.len()).filter(|place| Some(*place) != scene.model.forming).collect::<Vec<_>>();
    let known = scene.model.forming.and_then(|forming| scene.situation.power_w(scene.model, forming, scene.now));
    let (Some(forming), Some(gives_w)) = (scene.model.forming, known) else {
        for place in &all {
            if scene.moves(*place, Side::In) {
                out.allowed[*place].draws_safely(&scene.model.assets[*place], Cause::Island);
            }
        }
        return;
    };
    within(scene, island, (forming, gives_w), &all, memory, out);
    // It follows what the others leave it.
    (out.allowed[forming].low_w, out.allowed[forming].high_w) = (gives_w, gives_w);
    (out.allowed[forming].low_by, out.allowed[forming].high_by) = (Cause::Island, Cause::Island);
}

/// Keeps the sum of the others within what the forming asset can give and take.
fn within(
    scene: Scene<'_>,
    island: &Island,
    (forming, gives_w): (usize, f64),
    all: &[usize],
    memory: &mut IslandMemory,
    out: &mut Interlocks,
) {
    let can = out.allowed[forming];
    let give_w = (-can.low_w - island.reserve_w).max(0.0);
    for (at, side, can_w) in [(0, Side::In, give_w), (1, Side::Out, can.high_w.max(0.0))] {
        if can_w.is_infinite() {
            continue;
        }
        // All that the others draw comes out of it.
        let measured = [None, None, None, Some(-gives_w)];
        let Some(rest_w) = scene.rest(measured, all, side, &mut memory.believed[at])[ALL] else { continue };
        let left_w = if side == Side::In { can_w - rest_w } else { can_w + rest_w } - beyond(scene, all, ALL, side, true);
        let given_w = memory.releases[at].give(left_w, can_w, scene.known(all, side), scene.now);
        out.sums.extend(sum(members(scene, all, ALL, side), side, given_w, Cause::Island, out));
    }
}
