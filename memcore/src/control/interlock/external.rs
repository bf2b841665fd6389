//! Limits that come from outside, such as a grid operator's dimming.
//!
//! A signal is a power that limits (0 W or above; anything else is no signal), or a state: 1 means `limit_w` holds, 0 that nothing does.
//! Until the first valid signal the failsafe holds. A signal that falls silent for `silent_after` begins a failsafe, which ends when the
//! signal is back and `min_duration` has passed; meanwhile a signal that is stricter holds.

use std::time::Duration;

use super::carried::{Powers, Scene, Side};
use super::circuit::{beyond, members, sum};
use super::follow::ALL;
use super::release::Release;
use super::{Fault, Interlocks};
use crate::control::planted::{Planted, planted};
use crate::control::{Cause, CheckedExternal, Measure};

/// What is remembered of a limit from outside.
#[derive(Debug, Clone, Default)]
pub(super) struct ExternalMemory {
    heard: bool,
    failsafe_since: Option<Duration>,
    believed: Powers,
    release: Release,
}

/// Bounds what is controlled by the limits from outside. Those of the grid connection mean nothing on an island.
pub(super) fn keep(scene: Scene<'_>, memory: &mut [ExternalMemory], island: bool, out: &mut Interlocks) {
    for (place, (memory, limit)) in memory.iter_mut().zip(&scene.model.externals).enumerate() {
        let (limit_w, failsafe) = limit_w(scene, place, limit, memory);
        if failsafe {
            out.faults.push(Fault::Failsafe(place));
        }
        if limit.members.is_empty() {
            if !island {
                of_connection(scene, place, limit_w, memory, out);
            }
        } else {
            of_members(scene, (place, &limit.members), limit_w, memory, out);
        }
    }
}

/// What holds now, in W, and whether that is a failsafe after a silence.
fn limit_w(scene: Scene<'_>, place: usize, limit: &CheckedExternal, memory: &mut ExternalMemory) -> (f64, bool) {
    let now = scene.now.elapsed;
    let signal =
        scene.situation.fresh(scene.model, place, Measure::External, scene.now).and_then(|signal| told_w(limit, signal));
    let Some(told_w) = signal else {
        if memory.heard {
            memory.failsafe_since.get_or_insert(now);
        }
        let failsafe_w = if planted(Planted::FailsafeForgotten) { f64::INFINITY } else { limit.failsafe_w };
        return (failsafe_w, memory.heard);
    };
    memory.heard = true;
    let min_duration = limit.min_duration;
    memory.failsafe_since = memory.failsafe_since.filter(|since| now.saturating_sub(*since) < min_duration);
    if memory.failsafe_since.is_some() { (told_w.min(limit.failsafe_w), true) } else { (told_w, false) }
}

/// What a signal says, in W; None where it says nothing.
fn told_w(limit: &CheckedExternal, signal: f64) -> Option<f64> {
    match limit.limit_w {
        Some(limit_w) if (signal - 1.0).abs() < 1e-6 => Some(limit_w),
        Some(_) if signal.abs() < 1e-6 => Some(f64::INFINITY),
        Some(_) => None,
        None => (signal >= 0.0).then_some(signal),
    }
}

/// The sum of those that are named.
fn of_members(
    scene: Scene<'_>,
    (place, named): (usize, &[usize]),
    limit_w: f64,
    memory: &mut ExternalMemory,
    out: &mut Interlocks,
) {
    if limit_w.is_infinite() {
        memory.release = Release::default();
        return;
    }
    let rest_w = scene.parts(named.iter().copied(), Side::In).map(|rest| rest[ALL]);
    let members = members(scene, named, ALL, Side::In);
    let Some(rest_w) = rest_w else { return draw_safely(scene, named, Cause::External(place), out) };
    let left_w = limit_w - rest_w - beyond(scene, named, ALL, Side::In, false);
    let given_w = memory.release.give(left_w, limit_w, scene.known(named, Side::In), scene.now);
    out.sums.extend(sum(members, Side::In, given_w, Cause::External(place), out));
}

/// All that flows in from the grid.
fn of_connection(scene: Scene<'_>, place: usize, limit_w: f64, memory: &mut ExternalMemory, out: &mut Interlocks) {
    let all = (0..scene.model.assets.len()).filter(|place| !scene.model.assets[*place].role.is_meter());
    let all = all.collect::<Vec<_>>();
    let measured = scene.model.grid.map_or([None; 4], |meter| scene.metered(meter, 3));
    let rest = scene.rest(measured, &all, Side::In, &mut memory.believed);
    if limit_w.is_infinite() {
        memory.release = Release::default();
        return;
    }
    let cause = Cause::External(place);
    let Some(rest_w) = rest[ALL] else { return draw_safely(scene, &all, cause, out) };
    let left_w = limit_w - rest_w - beyond(scene, &all, ALL, Side::In, true);
    let given_w = memory.release.give(left_w, limit_w, scene.known(&all, Side::In), scene.now);
    out.sums.extend(sum(members(scene, &all, ALL, Side::In), Side::In, given_w, cause, out));
}

/// Where it is not known what they draw anyhow.
fn draw_safely(scene: Scene<'_>, of: &[usize], by: Cause, out: &mut Interlocks) {
    for member in of.iter().filter(|member| scene.moves(**member, Side::In)) {
        out.allowed[*member].draws_safely(&scene.model.assets[*member], by);
    }
}
