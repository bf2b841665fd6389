//! Fuses: what is drawn and given on each circuit, in all and on each phase, stays within its limits, margin taken off.
//!
//! A limit is kept by what is controlled on the circuit, or on one within it; the rest is what it carries anyhow. Where that is not known,
//! what is controlled goes to its safe power, or to the least that it can run at.

use std::time::Duration;

use super::carried::{Powers, Scene, Side};
use super::follow::{ALL, follows_within};
use super::release::Release;
use super::{Fault, Interlocks, SumLimit};
use crate::control::planted::{Planted, planted};
use crate::control::{Cause, CheckedCircuit, CheckedModel};

const SIDES: [Side; 2] = [Side::In, Side::Out];

/// What is remembered of a circuit.
#[derive(Debug, Clone, Default)]
pub(super) struct CircuitMemory {
    believed: [Powers; 2],
    releases: [[Release; 4]; 2],
    /// Since when it has carried too much.
    over_since: Option<Duration>,
}

/// Bounds what is controlled so that no circuit carries too much. `skip` is the meter of the grid while there is none.
pub(super) fn keep(scene: Scene<'_>, memory: &mut [CircuitMemory], skip: Option<usize>, out: &mut Interlocks) {
    for (side_at, side) in SIDES.into_iter().enumerate() {
        let mut rests: Vec<Powers> = vec![[None; 4]; memory.len()];
        // Those within come first: what they carry is part of what feeds them.
        for place in (0..memory.len()).rev() {
            let circuit = &scene.model.circuits[place];
            let parts = scene.sum_of_parts(place, side, &rests);
            let measured = circuit.meter.map(|meter| scene.metered(meter, circuit.phases));
            rests[place] = match (circuit.meter, measured) {
                (Some(_), Some(measured)) if measured[ALL].is_some() => {
                    if overdue(scene, place, &memory[place]) {
                        let much = too_much(circuit, measured, side);
                        scene.doubt(much, &circuit.members, side, &mut memory[place].believed[side_at]);
                    }
                    scene.rest(measured, &circuit.members, side, &mut memory[place].believed[side_at])
                }
                (Some(meter), _) => {
                    memory[place].believed[side_at] = [None; 4];
                    scene.assumed(circuit, meter, parts, side)
                }
                (None, _) => parts,
            };
        }
        for (place, rest) in rests.into_iter().enumerate() {
            let circuit = &scene.model.circuits[place];
            if circuit.meter.is_none() || circuit.meter != skip {
                limit(scene, place, (side, rest), &mut memory[place].releases[side_at], out);
            }
        }
    }
    for (place, memory) in memory.iter_mut().enumerate() {
        overload(scene, place, memory, &mut out.faults);
    }
}

fn limit(scene: Scene<'_>, place: usize, (side, rest): (Side, Powers), releases: &mut [Release; 4], out: &mut Interlocks) {
    let circuit = &scene.model.circuits[place];
    let limits = limits_w(circuit, side);
    if limits.iter().all(|limit| limit.is_infinite()) {
        return;
    }
    if rest[ALL].is_none() {
        unknown(scene, place, side, out);
    }
    for at in 0..=ALL {
        let (limit_w, phase) = (limits[at], (at < ALL).then_some(at as u8));
        if limit_w.is_infinite() || (phase.is_some() && planted(Planted::PhasesIgnored)) {
            continue;
        }
        let cause = Cause::Circuit { circuit: place, phase };
        let members = members(scene, &circuit.members, at, side);
        let Some(rest_w) = rest[at] else {
            // At least they stay within it among themselves, and begin there when it is known again.
            let safe_w = safe_sum(&members, side, out);
            releases[at].restart(safe_w.min(limit_w), scene.now);
            out.sums.extend(sum(members, side, limit_w, cause, out));
            continue;
        };
        let own_meter = circuit.meter.is_some_and(|meter| scene.situation.power_w(scene.model, meter, scene.now).is_some());
        let beyond_w = beyond(scene, &circuit.members, at, side, own_meter);
        let left_w = if side == Side::In { limit_w - rest_w } else { limit_w + rest_w } - beyond_w;
        let known = (own_meter || circuit.meter.is_none()) && scene.known(&circuit.members, side);
        let given_w = releases[at].give(left_w, limit_w, known, scene.now);
        if given_w < -least_sum(&members, side, out) - 1.0 {
            out.faults.push(Fault::Infeasible(place));
        }
        out.sums.extend(sum(members, side, given_w, cause, out));
    }
}

/// The most of each phase and of all together, in W. A circuit of one phase has its fuse in all of its power.
fn limits_w(circuit: &CheckedCircuit, side: Side) -> [f64; 4] {
    let of_phase = circuit.limit_a * circuit.volts;
    let of_all = if side == Side::In { circuit.import_w } else { circuit.export_w };
    if circuit.phases == 1 {
        [f64::INFINITY, f64::INFINITY, f64::INFINITY, of_all.min(of_phase)]
    } else {
        [of_phase, of_phase, of_phase, of_all]
    }
}

/// Those that can be moved, with the share of their power that counts.
pub(super) fn members(scene: Scene<'_>, of: &[usize], at: usize, side: Side) -> Vec<(usize, f64)> {
    let moved = of.iter().filter(|member| scene.moves(**member, side));
    moved.map(|member| (*member, scene.draws[*member].weights[at])).filter(|(_, weight)| *weight > 0.0).collect()
}

/// What members draw beyond their orders. One whose meter is lost counts as what it is taken to draw, unless the circuit's own meter
/// shows it.
pub(super) fn beyond(scene: Scene<'_>, of: &[usize], at: usize, side: Side, own_meter: bool) -> f64 {
    let moved = of.iter().filter(|member| scene.moves(**member, side));
    let of_one = |member: &usize| {
        let draw = &scene.draws[*member];
        match (side, draw.known || own_meter) {
            (Side::In, true) => draw.over_w[at],
            (Side::In, false) => (draw.high_w[at].max(draw.assumed_w[at]) - draw.ordered_w[at]).max(0.0),
            (Side::Out, true) => draw.under_w[at],
            (Side::Out, false) => (draw.ordered_w[at] - draw.low_w[at].min(draw.assumed_w[at])).max(0.0),
        }
    };
    moved.map(of_one).sum()
}

/// A limit on a sum; None where nobody could break it.
pub(super) fn sum(
    members: Vec<(usize, f64)>,
    side: Side,
    given_w: f64,
    cause: Cause,
    out: &Interlocks,
) -> Option<SumLimit> {
    let most = |(member, weight): &(usize, f64)| match side {
        Side::In => weight * out.allowed[*member].high_w,
        Side::Out => -weight * out.allowed[*member].low_w,
    };
    if members.is_empty() || members.iter().map(most).sum::<f64>() <= given_w {
        return None;
    }
    let (low_w, high_w) = if side == Side::In { (f64::NEG_INFINITY, given_w) } else { (-given_w, f64::INFINITY) };
    Some(SumLimit { members, low_w, high_w, cause })
}

/// What members may draw together by their own bounds where those are safe.
fn safe_sum(members: &[(usize, f64)], side: Side, out: &Interlocks) -> f64 {
    let of_one = |(member, weight): &(usize, f64)| match side {
        Side::In => weight * out.allowed[*member].high_w,
        Side::Out => -weight * out.allowed[*member].low_w,
    };
    members.iter().map(of_one).sum()
}

/// How much members can take off a sum at the most.
fn least_sum(members: &[(usize, f64)], side: Side, out: &Interlocks) -> f64 {
    let of_one = |(member, weight): &(usize, f64)| match side {
        Side::In => -weight * out.allowed[*member].low_w,
        Side::Out => weight * out.allowed[*member].high_w,
    };
    members.iter().map(of_one).sum()
}

fn unknown(scene: Scene<'_>, place: usize, side: Side, out: &mut Interlocks) {
    let circuit = &scene.model.circuits[place];
    let by = circuit.meter.map_or(Cause::Circuit { circuit: place, phase: None }, Cause::Stale);
    for member in circuit.members.iter().filter(|member| scene.moves(**member, side)) {
        let asset = &scene.model.assets[*member];
        match side {
            Side::In => out.allowed[*member].draws_safely(asset, by),
            Side::Out => out.allowed[*member].gives_safely(asset, by),
        }
    }
    if !out.faults.contains(&Fault::CircuitUnknown(place)) {
        out.faults.push(Fault::CircuitUnknown(place));
    }
}

/// Takes note of whether a circuit carries too much.
fn overload(scene: Scene<'_>, place: usize, memory: &mut CircuitMemory, faults: &mut Vec<Fault>) {
    let circuit = &scene.model.circuits[place];
    let measured = circuit.meter.map_or([None; 4], |meter| scene.metered(meter, circuit.phases));
    let is = SIDES.into_iter().any(|side| too_much(circuit, measured, side).iter().any(Option::is_some));
    memory.over_since = is.then(|| memory.over_since.unwrap_or(scene.now.elapsed));
    if overdue(scene, place, memory) {
        faults.push(Fault::Overload(place));
    }
}

/// What is measured beyond its limit.
fn too_much(circuit: &CheckedCircuit, measured: Powers, side: Side) -> Powers {
    let (limits, sign) = (limits_w(circuit, side), if side == Side::In { 1.0 } else { -1.0 });
    std::array::from_fn(|at| measured[at].filter(|power_w| power_w * sign > limits[at]))
}

/// Whether it has carried too much for longer than its members need to follow.
fn overdue(scene: Scene<'_>, place: usize, memory: &CircuitMemory) -> bool {
    let patience = patience(scene.model, &scene.model.circuits[place]);
    memory.over_since.is_some_and(|since| scene.now.elapsed.saturating_sub(since) > patience)
}

fn patience(model: &CheckedModel, circuit: &CheckedCircuit) -> Duration {
    circuit.members.iter().map(|member| follows_within(&model.assets[*member])).max().unwrap_or_default()
}
