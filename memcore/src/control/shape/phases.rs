//! One phase or three: a charger with three cannot go as low, one with one not as high. Switching wears contactors and stops the car
//! for a while, so it waits until it is wanted for half a minute, happens every five minutes at the most, and with the power at zero.

use std::time::Duration;

use super::takes::Takes;
use crate::control::{CheckedAsset, Moment, PhaseUse};

/// How long another number of phases must be wanted.
const WANTED_FOR: Duration = Duration::from_secs(30);

/// The least time between two switches.
pub(super) const BETWEEN: Duration = Duration::from_secs(300);

/// How long the power is zero while it switches.
pub(super) const PAUSES: Duration = Duration::from_secs(5);

/// The phases of a charger.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Phases {
    in_use: Option<u8>,
    switched: Option<Duration>,
    wanted_since: Option<Duration>,
}

impl Phases {
    /// The phases in use for that power, and whether it must pause because they are being switched. One that must run on is not paused.
    pub(super) fn choose(&mut self, asset: &CheckedAsset, power_w: f64, must_run: bool, now: Moment) -> (u8, bool) {
        if asset.phases != PhaseUse::Switched {
            return (asset.phase_shares().iter().filter(|share| **share > 0.0).count() as u8, false);
        }
        let since = |time: Duration| now.elapsed.saturating_sub(time);
        let (power_w, least_w) = (power_w.abs(), asset.least_w * 3.0);
        let first = if power_w > 0.0 && power_w < least_w { 1 } else { 3 };
        let in_use = self.in_use.unwrap_or(first);
        if power_w > 0.0 {
            self.in_use = Some(in_use);
        }
        let wanted = match in_use {
            3 if power_w > 0.0 && power_w < least_w => 1,
            1 if power_w > Takes::of(asset, 1).most() && power_w >= least_w => 3,
            _ => in_use,
        };
        self.wanted_since = (wanted != in_use).then(|| self.wanted_since.unwrap_or(now.elapsed));
        let long = self.wanted_since.is_some_and(|wanted| since(wanted) >= WANTED_FOR);
        if long && !must_run && self.switched.is_none_or(|switched| since(switched) >= BETWEEN) {
            *self = Self { in_use: Some(wanted), switched: Some(now.elapsed), wanted_since: None };
        }
        (self.in_use.unwrap_or(in_use), self.switched.is_some_and(|switched| since(switched) < PAUSES))
    }
}
