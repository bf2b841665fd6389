//! To and fro: an asset may turn ten times in five minutes, each time by a fifth of its range. Then it is held at the safer end of its
//! swing until five minutes ago is quieter. Safety turns it whenever it must.

use std::time::Duration;

use crate::control::{CheckedAsset, Moment};

/// How many turns there may be in [`WITHIN`].
pub(in crate::control) const TURNS: usize = 10;

/// See [`TURNS`].
pub(in crate::control) const WITHIN: Duration = Duration::from_secs(300);

/// The turns of a power.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Swings {
    /// The furthest point of the present way, and the one before it.
    ends_w: Option<(f64, f64)>,
    /// The last turns, the oldest overwritten.
    turns: [Option<Duration>; TURNS],
    at: usize,
    held_w: Option<f64>,
}

impl Swings {
    /// Where it is held; None while it may move.
    pub(super) fn hold(&mut self, asset: &CheckedAsset, now: Moment) -> Option<f64> {
        let recent = |turn: &Option<Duration>| turn.is_some_and(|turn| now.elapsed.saturating_sub(turn) < WITHIN);
        let (end_w, before_w) = self.ends_w.unwrap_or_default();
        if !self.turns.iter().all(recent) {
            self.held_w = None;
        } else if self.held_w.is_none() {
            self.held_w = Some(asset.safe_w.max(end_w.min(before_w)).min(end_w.max(before_w)));
        }
        self.held_w
    }

    /// Takes note of what it is told now.
    pub(super) fn tell(&mut self, asset: &CheckedAsset, power_w: f64, now: Moment) {
        let Some((end_w, before_w)) = self.ends_w else {
            self.ends_w = Some((power_w, power_w));
            return;
        };
        let way = end_w - before_w;
        if (power_w - end_w) * way >= 0.0 && (way != 0.0 || (power_w - end_w).abs() >= deadband_w(asset)) {
            self.ends_w = Some((power_w, before_w));
        } else if (power_w - end_w).abs() >= deadband_w(asset) {
            self.ends_w = Some((power_w, end_w));
            self.turns[self.at] = Some(now.elapsed);
            self.at = (self.at + 1) % TURNS;
        }
    }
}

/// What a turn is at the least: a fifth of the range; 1 kW where it has none.
pub(in crate::control) fn deadband_w(asset: &CheckedAsset) -> f64 {
    let range_w = asset.high_w - asset.low_w;
    if range_w.is_finite() { (range_w / 5.0).max(50.0) } else { 1_000.0 }
}
