//! What a device can do now: its range, whether a vehicle is there, whether its meter tells what it does.

use super::follow::unmetered;
use super::{Allowed, Fault};
use crate::control::{Cause, CheckedModel, Measure, Moment, Situation};

/// Bounds an asset by what it can do. One whose meter is lost goes to its safe power, or to the least that it can run at.
pub(super) fn capability(
    model: &CheckedModel,
    place: usize,
    situation: &Situation,
    faults: &mut Vec<Fault>,
    now: Moment,
) -> Allowed {
    let asset = &model.assets[place];
    let mut allowed = Allowed::capability(asset);
    if situation.fresh(model, place, Measure::Connected, now).is_some_and(|connected| connected < 0.5) {
        allowed.at_most(asset.safe_w.max(0.0), Cause::Capability);
        allowed.at_least(asset.safe_w.min(0.0), Cause::Capability);
    }
    let known = situation.power_w(model, place, now).is_some();
    if asset.setpoint.is_some() && !known && !unmetered(asset) {
        allowed.draws_safely(asset, Cause::Stale(place));
        allowed.gives_safely(asset, Cause::Stale(place));
    }
    if !known && !unmetered(asset) {
        faults.push(Fault::MeterLost(place));
    }
    allowed
}
