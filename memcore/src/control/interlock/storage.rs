//! The guard bands of stores: nothing is taken below the least state of charge, nothing is put in above the most. A battery that has
//! stopped there begins again only when it is a tolerance away, so it does not chatter at its bound. Below the least it may be charged,
//! above the most discharged. Where the state of charge is not known, it does neither beyond its safe power.

use super::{Allowed, Fault};
use crate::control::planted::{Planted, planted};
use crate::control::{Cause, CheckedModel, Measure, Moment, Situation};

/// The least way back from a bound, as a state of charge.
const BACK: f64 = 0.005;

/// Whether a store has stopped at a bound.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stopped {
    empty: bool,
    full: bool,
}

/// Bounds a store. Nothing is taken below `reserve_soc` either.
pub(super) fn guard(
    model: &CheckedModel,
    place: usize,
    situation: &Situation,
    (stopped, reserve_soc): (&mut Stopped, f64),
    allowed: &mut Allowed,
    faults: &mut Vec<Fault>,
    now: Moment,
) {
    let asset = &model.assets[place];
    let Some(storage) = &asset.storage else { return };
    let Some(soc) = situation.fresh(model, place, Measure::Soc, now) else {
        allowed.draws_safely(asset, Cause::Stale(place));
        allowed.gives_safely(asset, Cause::Stale(place));
        faults.push(Fault::SocLost(place));
        return;
    };
    let (floor, back) = (storage.min_soc.max(reserve_soc), storage.tolerance.max(BACK));
    stopped.empty = soc <= if stopped.empty { floor + back } else { floor };
    stopped.full = soc >= if stopped.full { storage.max_soc - back } else { storage.max_soc };
    if planted(Planted::ChargeIgnored) {
        return;
    }
    if stopped.empty {
        allowed.at_least(0.0, if reserve_soc > storage.min_soc { Cause::Reserve } else { Cause::SocLow });
    }
    if stopped.full {
        allowed.at_most(0.0, Cause::SocHigh);
    }
    if soc < storage.min_soc - storage.tolerance || soc > storage.max_soc + storage.tolerance {
        faults.push(Fault::SocOutside(place));
    }
}
