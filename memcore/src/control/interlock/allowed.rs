//! Bounds of an asset, and who drew them.

use crate::control::{Cause, CheckedAsset};

/// What safety allows of an asset, in W, and why no more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowed {
    /// The least.
    pub low_w: f64,
    /// The most.
    pub high_w: f64,
    /// Why no less.
    pub low_by: Cause,
    /// Why no more.
    pub high_by: Cause,
}

impl Allowed {
    /// What the device can do.
    pub(super) fn capability(asset: &CheckedAsset) -> Self {
        let by = Cause::Capability;
        Self { low_w: asset.low_w, high_w: asset.high_w, low_by: by, high_by: by }
    }

    /// No more than that. What came before gives way where both cannot be.
    pub(super) fn at_most(&mut self, high_w: f64, by: Cause) {
        if high_w < self.high_w {
            (self.high_w, self.high_by) = (high_w, by);
        }
        if self.low_w > self.high_w {
            (self.low_w, self.low_by) = (self.high_w, by);
        }
    }

    /// No less than that. What came before gives way where both cannot be.
    pub(super) fn at_least(&mut self, low_w: f64, by: Cause) {
        if low_w > self.low_w {
            (self.low_w, self.low_by) = (low_w, by);
        }
        if self.high_w < self.low_w {
            (self.high_w, self.high_by) = (self.low_w, by);
        }
    }

    /// The safe power, or what it cannot go below while it runs: a car goes on at its least current, a battery rests.
    pub(super) fn draws_safely(&mut self, asset: &CheckedAsset, by: Cause) {
        let least_w = if asset.high_w > 0.0 { asset.least_w } else { 0.0 };
        self.at_most(asset.safe_w.max(least_w).max(0.0), by);
    }

    /// The same for what flows out.
    pub(super) fn gives_safely(&mut self, asset: &CheckedAsset, by: Cause) {
        let least_w = if asset.low_w < 0.0 { asset.least_w } else { 0.0 };
        self.at_least(asset.safe_w.min(-least_w).min(0.0), by);
    }
}
