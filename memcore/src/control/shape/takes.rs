//! Which powers an asset can take: steps, levels, on and off, and the least at which it runs. Rounding goes towards zero.

use std::borrow::Cow;

use crate::control::planted::{Planted, planted};
use crate::control::{CheckedAsset, PhaseUse, SetpointUnit, Steps};

/// What rounding may be off without meaning anything, as a share.
const EXACT: f64 = 1e-9;

/// Which powers an asset can take, with so many phases in use.
#[derive(Debug, Clone)]
pub(super) struct Takes<'a> {
    steps: Cow<'a, Steps>,
    least_w: f64,
    most_w: f64,
}

impl<'a> Takes<'a> {
    /// A charger that switches phases runs with one from `least_w` to a third of its highest power, with three from three times `least_w`.
    pub(super) fn of(asset: &'a CheckedAsset, phases: u8) -> Self {
        let most_w = asset.high_w.abs().max(asset.low_w.abs());
        let steps = match asset.setpoint.as_ref().map(|setpoint| setpoint.unit) {
            Some(SetpointUnit::OnOff) if most_w.is_finite() => {
                Cow::Owned(Steps::Levels(vec![asset.low_w.min(0.0), 0.0, asset.high_w.max(0.0)]))
            }
            _ => Cow::Borrowed(&asset.steps),
        };
        match (asset.phases, phases) {
            (PhaseUse::Switched, 1) => Self { steps, least_w: asset.least_w, most_w: most_w / 3.0 },
            (PhaseUse::Switched, _) => Self { steps, least_w: asset.least_w * 3.0, most_w },
            _ => Self { steps, least_w: asset.least_w, most_w },
        }
    }

    /// The most that it can take without going further from zero than that.
    pub(super) fn towards_zero(&self, power_w: f64) -> f64 {
        let size_w = power_w.abs().min(self.most_w);
        if planted(Planted::StepsIgnored) {
            return power_w;
        }
        let slack_w = size_w * EXACT;
        let fits = match &*self.steps {
            Steps::Continuous => size_w,
            Steps::Every(step_w) => ((size_w + slack_w) / step_w).floor() * step_w,
            Steps::Levels(levels) => {
                let same_side = levels.iter().filter(|level| **level * power_w > 0.0).map(|level| level.abs());
                same_side.filter(|level| *level <= size_w + slack_w).fold(0.0, f64::max)
            }
        };
        if fits + slack_w < self.least_w { 0.0 } else { fits.copysign(power_w) }
    }

    /// The least that it can take on that side without resting; None where it can go down to nothing.
    pub(super) fn least(&self, side: f64) -> Option<f64> {
        let least = match &*self.steps {
            Steps::Continuous => (self.least_w > 0.0).then_some(self.least_w),
            Steps::Every(step_w) => Some((self.least_w / step_w - EXACT).ceil().max(1.0) * step_w),
            Steps::Levels(levels) => {
                let same_side = levels.iter().filter(|level| **level * side > 0.0).map(|level| level.abs());
                same_side.filter(|level| *level >= self.least_w).reduce(f64::min)
            }
        };
        least.map(|least| least.copysign(side))
    }

    /// Whether it goes in steps.
    pub(super) fn in_steps(&self) -> bool {
        !matches!(&*self.steps, Steps::Continuous)
    }

    /// The most that it can take on either side.
    pub(super) fn most(&self) -> f64 {
        self.most_w
    }
}
