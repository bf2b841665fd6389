//! What a circuit carries beside what is controlled on it.
//!
//! Where a meter measures all of it, that is the meter's power less what the controlled ones draw. Those may be anywhere in their
//! range while they follow their orders, so the rest is an interval too; what was believed before stands as long as it is inside.
//! An order that shows at one meter before the other then moves nothing, and a load that really came does, as soon as no order
//! explains it.

use super::follow::{ALL, Draw};
use crate::control::{CheckedCircuit, CheckedModel, Measure, Moment, Role, Situation};

/// Which way a limit looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// At what flows in: too much is drawn.
    In,
    /// At what flows out: too much is given.
    Out,
}

/// Power of each phase and of all together, in W; None where it is not known.
pub(super) type Powers = [Option<f64>; 4];

/// What is looked at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) model: &'a CheckedModel,
    pub(super) situation: &'a Situation,
    pub(super) draws: &'a [Draw],
    /// What forms the grid of an island: nobody moves it.
    pub(super) forming: Option<usize>,
    pub(super) now: Moment,
}

impl Scene<'_> {
    /// Whether an asset can be moved to keep a limit. An array cannot give more than the sun does: what flows in reckons with what it
    /// gives, not with what it may.
    pub(super) fn moves(&self, place: usize, side: Side) -> bool {
        let asset = &self.model.assets[place];
        let steered = asset.setpoint.is_some() && !asset.role.is_meter() && self.forming != Some(place);
        steered && (side == Side::Out || asset.role != Role::Pv)
    }

    /// What a meter measures. Without currents the phases are taken to be even.
    pub(super) fn metered(&self, meter: usize, phases: u8) -> Powers {
        let fresh = |measure| self.situation.fresh(self.model, meter, measure, self.now);
        let power_w = fresh(Measure::Power);
        let currents = [Measure::CurrentL1, Measure::CurrentL2, Measure::CurrentL3].map(fresh);
        let volts = self.model.assets[meter].volts;
        if let [Some(l1), Some(l2), Some(l3)] = currents {
            let powers = signed([l1 * volts, l2 * volts, l3 * volts], power_w);
            return [Some(powers[0]), Some(powers[1]), Some(powers[2]), power_w.or(Some(powers.iter().sum()))];
        }
        let even = power_w.map(|power_w| power_w / f64::from(phases.max(1)));
        [even, even, even, power_w]
    }

    /// Whether the meters of all that can be moved tell what they draw.
    pub(super) fn known(&self, members: &[usize], side: Side) -> bool {
        members.iter().filter(|member| self.moves(**member, side)).all(|member| self.draws[*member].known)
    }

    /// What is left of what a meter measures without the controlled ones among the members.
    pub(super) fn rest(&self, measured: Powers, members: &[usize], side: Side, believed: &mut Powers) -> Powers {
        let controlled = || members.iter().filter(|member| self.moves(**member, side)).map(|member| &self.draws[*member]);
        let known = self.known(members, side);
        for at in 0..=ALL {
            let Some(measured_w) = measured[at] else {
                believed[at] = None;
                continue;
            };
            let least_w = measured_w - controlled().map(|draw| draw.high_w[at]).sum::<f64>();
            let most_w = measured_w - controlled().map(|draw| draw.low_w[at]).sum::<f64>();
            let first_w = match side {
                _ if known => measured_w - controlled().map(|draw| draw.now_w[at]).sum::<f64>(),
                Side::In => most_w,
                Side::Out => least_w,
            };
            let rest_w = believed[at].unwrap_or(first_w).max(least_w).min(most_w);
            believed[at] = rest_w.is_finite().then_some(rest_w);
        }
        *believed
    }

    /// Believes of what is `measured` beyond its limit what the meters say. Where orders could explain it, each part that is answered
    /// is an order that may explain another part, so without end it would be answered bit by bit. Nothing looks better by that.
    pub(super) fn doubt(&self, measured: Powers, members: &[usize], side: Side, believed: &mut Powers) {
        let controlled = || members.iter().filter(|member| self.moves(**member, side)).map(|member| &self.draws[*member]);
        for (at, believed) in believed.iter_mut().enumerate() {
            if let (Some(measured_w), Some(rest_w)) = (measured[at], believed.as_mut()) {
                let says_w = measured_w - controlled().map(|draw| draw.now_w[at]).sum::<f64>();
                *rest_w = if side == Side::In { rest_w.max(says_w) } else { rest_w.min(says_w) };
            }
        }
    }

    /// What the uncontrolled assets among these draw, by their own meters; those whose meter is lost, what they are taken to draw,
    /// and nothing where that would make it look better. None where one may draw anything.
    pub(super) fn parts(&self, assets: impl Iterator<Item = usize>, side: Side) -> Option<[f64; 4]> {
        let mut sum = [0.0; 4];
        for place in assets.filter(|place| !self.moves(*place, side)) {
            let asset = &self.model.assets[place];
            let draws_w = match (self.situation.power_w(self.model, place, self.now), side) {
                (Some(power_w), _) => power_w,
                (None, Side::In) => asset.assumed_w.max(0.0),
                (None, Side::Out) => asset.assumed_w.min(0.0),
            };
            if !draws_w.is_finite() {
                return None;
            }
            let shares = asset.phase_shares();
            for at in 0..=ALL {
                sum[at] += draws_w * if at == ALL { 1.0 } else { shares[at] };
            }
        }
        Some(sum)
    }

    /// What a circuit without a meter carries beside what is controlled: what its own assets draw, and what the circuits within it
    /// carry.
    pub(super) fn sum_of_parts(&self, place: usize, side: Side, rests: &[Powers]) -> Powers {
        let on_it = |asset: &usize| self.model.assets[*asset].circuit == Some(place);
        let members = self.model.circuits[place].members.iter().copied();
        let Some(own) = self.parts(members.filter(on_it), side) else { return [None; 4] };
        let mut sum = own.map(Some);
        for (inner, _) in self.model.circuits.iter().enumerate().filter(|(_, inner)| inner.within == Some(place)) {
            for at in 0..=ALL {
                sum[at] = sum[at].zip(rests[inner][at]).map(|(one, other)| one + other);
            }
        }
        sum
    }

    /// What stands for a meter that is lost: what it is declared to be taken to measure beside what is controlled, at least what the
    /// parts are known to draw. None where nothing is declared.
    pub(super) fn assumed(&self, circuit: &CheckedCircuit, meter: usize, parts: Powers, side: Side) -> Powers {
        let Some(assumed_w) = self.model.assets[meter].described.assumed_w else { return [None; 4] };
        let mut assumed = [None; 4];
        for (at, assumed) in assumed.iter_mut().enumerate() {
            let share = if at == ALL { 1.0 } else { 1.0 / f64::from(circuit.phases.max(1)) };
            let part_w = parts[at].unwrap_or(0.0);
            *assumed = Some(match side {
                Side::In => (assumed_w * share).max(part_w),
                Side::Out => part_w.min(0.0),
            });
        }
        assumed
    }
}

/// Meters that know no direction report currents above zero while power flows out. Where all of them are and only the other sign fits
/// the power, they are turned.
fn signed(powers: [f64; 3], power_w: Option<f64>) -> [f64; 3] {
    let sum = powers.iter().sum::<f64>();
    let turned = powers.iter().all(|power| *power >= 0.0) && power_w.is_some_and(|power_w| power_w < -sum / 2.0);
    if turned { powers.map(|power| -power) } else { powers }
}
