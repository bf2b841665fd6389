//! From a granted power to one that the device can take: steps, least power, ramps, minimum times.

use super::arbiter::Arbitrated;
use super::{AssetDecision, CheckedModel, Interlocks, Moment, Situation};

/// What shaping remembers of each asset from decision to decision.
#[derive(Debug, Clone, Default)]
pub(in crate::control) struct ShapeMemory {}

/// What each asset is to do.
pub(in crate::control) fn shape(
    model: &CheckedModel,
    _interlocks: &mut Interlocks,
    arbitrated: Arbitrated,
    _situation: &Situation,
    _memory: &mut ShapeMemory,
    _now: Moment,
) -> Vec<Option<AssetDecision>> {
    let shaped = arbitrated.granted.into_iter().zip(&model.assets).map(|(granted, asset)| {
        let granted = granted?;
        let phases = asset.phase_shares().iter().filter(|share| **share > 0.0).count() as u8;
        let (power_w, wish, bounds_w, limits) = (granted.power_w, granted.wish, granted.bounds_w, granted.limits);
        Some(AssetDecision { power_w, phases, wish, bounds_w, limits })
    });
    shaped.collect()
}
