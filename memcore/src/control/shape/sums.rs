//! The sums, once more: rounding, least powers, ramps and minimum times may have broken what was shared out. Then the least urgent give
//! way first, those that must run on last. It only ever goes towards zero.

use super::takes::Takes;
use crate::control::planted::{Planted, planted};
use crate::control::{CheckedModel, Interlocks, SumLimit};

/// What the recheck may move.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shaped {
    pub(super) power_w: f64,
    pub(super) phases: u8,
    /// Of the wish that it follows; 0 for the default.
    pub(super) priority: u8,
    pub(super) must_run: bool,
}

/// Cuts what breaks a sum, and tells of each cut: the asset, and the place of the sum.
pub(super) fn recheck(
    model: &CheckedModel,
    interlocks: &Interlocks,
    shaped: &mut [Option<Shaped>],
    mut cut: impl FnMut(usize, usize, f64, f64),
) {
    // A cut on one side may break a sum on the other. Each only goes towards zero, so this ends.
    for _ in 0..if planted(Planted::SumsUnchecked) { 0 } else { 3 } {
        let mut quiet = true;
        for (at, sum) in interlocks.sums.iter().enumerate() {
            // Who gives way gives enough, or all.
            for _ in 0..sum.members.len() {
                let Some((place, from_w, to_w)) = worst(model, sum, shaped) else { break };
                if let Some(shaped) = &mut shaped[place] {
                    shaped.power_w = to_w;
                }
                cut(place, at, from_w, to_w);
                quiet = false;
            }
        }
        if quiet {
            return;
        }
    }
}

/// Who gives way next in a sum that is broken, from what to what.
fn worst(model: &CheckedModel, sum: &SumLimit, shaped: &[Option<Shaped>]) -> Option<(usize, f64, f64)> {
    let power_w = |place: usize| shaped[place].map_or(0.0, |shaped| shaped.power_w);
    let total_w = sum.members.iter().map(|(place, weight)| weight * power_w(*place)).sum::<f64>();
    let slack_w = 0.01 + 1e-6 * total_w.abs();
    let (excess_w, side) = match (total_w - sum.high_w, sum.low_w - total_w) {
        (over_w, _) if over_w > slack_w => (over_w, 1.0),
        (_, under_w) if under_w > slack_w => (under_w, -1.0),
        _ => return None,
    };
    let movable = sum.members.iter().filter(|(place, _)| power_w(*place) * side > 0.0);
    let (place, weight) =
        movable.min_by_key(|(place, _)| shaped[*place].map(|shaped| (shaped.must_run, shaped.priority)))?;
    let from_w = power_w(*place);
    let left_w = (from_w.abs() - excess_w / weight).max(0.0);
    let takes = Takes::of(&model.assets[*place], shaped[*place].map_or(3, |shaped| shaped.phases));
    Some((*place, from_w, takes.towards_zero(left_w.copysign(from_w))))
}
