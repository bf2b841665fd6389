//! How a charger runs on what is left over: off, on one phase or on three, changed only when that is right for long enough.

use std::time::Duration;

use super::checks::length;
use crate::control::{CheckedAsset, PhaseUse};
use crate::error::Result;
use crate::model::Span;

/// This much more than the least power must be there to start or to go up: between it and the least nothing changes.
const UP: f64 = 1.05;
/// Changes of what is left over up to this are not followed, in W.
const STEADY_W: f64 = 100.0;

/// The powers of a charger with a number of phases, in W.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mode {
    pub(super) least_w: f64,
    pub(super) most_w: f64,
}

/// The modes of a charger, that with the fewest phases first, and the one in which it runs.
#[derive(Debug, Clone)]
pub(super) struct Modes {
    modes: Vec<Mode>,
    start_after: Duration,
    stop_after: Duration,
    phases_after: Duration,
    on: Option<usize>,
    power_w: f64,
    /// Since when another mode, or none, would be right.
    other: Option<(Option<usize>, Duration)>,
}

impl Modes {
    /// Where phases are switched, `least_w` is that of one, and one never has as much as three need at the least: the power tells
    /// how many are meant.
    pub(super) fn new(asset: &CheckedAsset, start_after: Span, stop_after: Span, phases_after: Span) -> Result<Self> {
        let (least_w, most_w) = (asset.least_w, asset.high_w);
        let modes = if asset.phases == PhaseUse::Switched {
            let one = Mode { least_w, most_w: (most_w / 3.0).min(3.0 * least_w - 1.0) };
            vec![one, Mode { least_w: 3.0 * least_w, most_w }]
        } else {
            vec![Mode { least_w, most_w }]
        };
        Ok(Self {
            modes,
            start_after: length("start_after", start_after)?,
            stop_after: length("stop_after", stop_after)?,
            phases_after: length("phases_after", phases_after)?,
            on: None,
            power_w: 0.0,
            other: None,
        })
    }

    /// It is off, whatever was.
    pub(super) fn stop(&mut self) {
        (self.on, self.power_w, self.other) = (None, 0.0, None);
    }

    /// The power for what is left over, in W.
    pub(super) fn choose(&mut self, surplus_w: f64, now: Duration) -> f64 {
        let right = self.right(surplus_w);
        if right == self.on {
            self.other = None;
        } else {
            let since = self.other.filter(|(mode, _)| *mode == right).map_or(now, |(_, since)| since);
            let after = match (self.on, right) {
                (None, _) => self.start_after,
                (_, None) => self.stop_after,
                _ => self.phases_after,
            };
            self.other = Some((right, since));
            if now.saturating_sub(since) >= after {
                (self.on, self.other) = (right, None);
            }
        }
        let Some(mode) = self.on.map(|on| self.modes[on]) else {
            self.power_w = 0.0;
            return 0.0;
        };
        let wanted_w = surplus_w.clamp(mode.least_w, mode.most_w);
        let inside = |power_w: f64| power_w > mode.least_w && power_w < mode.most_w;
        let steady = inside(wanted_w) && inside(self.power_w) && (wanted_w - self.power_w).abs() < STEADY_W;
        if !steady {
            self.power_w = wanted_w;
        }
        self.power_w
    }

    /// The mode that would be right: the highest whose least power is there, and a little more than that where it is above the
    /// present one.
    fn right(&self, surplus_w: f64) -> Option<usize> {
        let there = |place: usize| {
            let up = self.on.is_none_or(|on| place > on);
            surplus_w >= self.modes[place].least_w * if up { UP } else { 1.0 }
        };
        (0..self.modes.len()).rev().find(|place| there(*place))
    }
}
