//! What each controlled asset may be drawing: what was ordered of it counts until it is measured, and what it does beyond its orders
//! counts against the others.
//!
//! Meters report one after the other, and assets take their time. Between an order and the moment in which all meters show it, the sum
//! of a circuit and the powers of its members do not fit together; whoever takes one from the other then sees loads that are not there,
//! answers them, and swings. So each asset has a *range* that it may draw in, out of everything ordered and measured lately.

use std::time::Duration;

use super::window::Window;
use crate::control::{AssetDecision, CheckedAsset, CheckedModel, Measure, Moment, PhaseUse, Role, Situation};

/// How long an asset may take to follow, where three periods of its meter are less.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(10);

/// How long an asset may draw more than it was told, or give less, before that is a fault.
const STRAY_FAULT: Duration = Duration::from_secs(60);

/// The three phases, and all together.
pub(super) const ALL: usize = 3;

/// What an asset may be drawing, in W: of each phase, and of all together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Draw {
    /// Whether its power is known.
    pub(super) known: bool,
    /// The share of a power ordered that counts on each phase, and of all together: one.
    pub(super) weights: [f64; 4],
    /// What was ordered last.
    pub(super) ordered_w: [f64; 4],
    /// What is measured; what was ordered where that is not known.
    pub(super) now_w: [f64; 4],
    pub(super) low_w: [f64; 4],
    pub(super) high_w: [f64; 4],
    /// What it is taken to draw where its meter is lost.
    pub(super) assumed_w: [f64; 4],
    /// By how much it draws more than all that was ordered lately.
    pub(super) over_w: [f64; 4],
    /// By how much it draws less.
    pub(super) under_w: [f64; 4],
}

/// What was ordered of an asset and measured lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Follow {
    ordered: Window,
    measured: Window,
    /// What was ordered last, in W.
    pub(super) ordered_w: Option<f64>,
    phases: u8,
    /// Since when it has been outside what was ordered.
    stray_since: Option<Duration>,
    /// Since when it has drawn more than was ordered.
    over_since: Option<Duration>,
}

impl Follow {
    /// Takes note of an order.
    pub(super) fn order(&mut self, asset: &CheckedAsset, decided: Option<&AssetDecision>, now: Moment) {
        self.ordered_w = decided.map(|decided| decided.power_w);
        self.phases = decided.map_or(0, |decided| decided.phases);
        if let Some(ordered_w) = self.ordered_w {
            self.ordered.put(ordered_w, now.elapsed, follows_within(asset));
        }
    }

    /// Takes note of what is measured now, and says what the asset may be drawing.
    pub(super) fn draw(&mut self, model: &CheckedModel, place: usize, situation: &Situation, now: Moment) -> Draw {
        let asset = &model.assets[place];
        let measured_w = situation.power_w(model, place, now);
        match measured_w {
            Some(measured_w) => self.measured.put(measured_w, now.elapsed, asset.silent_after * 2 / 3),
            None => self.measured = Window::default(),
        }
        if let Some(ordered_w) = self.ordered_w {
            self.ordered.put(ordered_w, now.elapsed, follows_within(asset));
        }
        let ordered = self.ordered.extent();
        self.stray(asset, measured_w, ordered, now);
        let conducting = conducting(model, place, situation, now);
        self.of(asset, measured_w, ordered, conducting, now)
    }

    fn of(
        &self,
        asset: &CheckedAsset,
        measured_w: Option<f64>,
        ordered: Option<(f64, f64)>,
        conducting: [bool; 3],
        now: Moment,
    ) -> Draw {
        let weights = weights(asset, self.phases, conducting);
        let of_all = weights[..ALL].iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let (ordered_low, ordered_high) = ordered.unwrap_or((0.0, 0.0));
        let mut draw = Draw { known: measured_w.is_some(), weights, ..Draw::default() };
        let told_w = ordered_high - ordered_low;
        let moves = told_w > tolerance_w(ordered_high) && !self.strays(asset, now);
        // What it is told to change by little is too little to say that it follows, yet it may have changed by that.
        let by_w = if moves || self.ordered_w.is_none() { 0.0 } else { told_w.min(tolerance_w(ordered_high)) };
        for (at, weight) in weights.into_iter().enumerate() {
            let (low_w, high_w) = (ordered_low * weight, ordered_high * weight);
            draw.ordered_w[at] = self.ordered_w.unwrap_or(0.0) * weight;
            draw.now_w[at] = draw.ordered_w[at];
            let (Some(measured_w), Some((least_w, most_w))) = (measured_w, self.measured.extent()) else {
                // What it draws beside its orders is to show at the meter of its circuit.
                (draw.low_w[at], draw.high_w[at]) = (low_w.min(0.0), high_w.max(0.0));
                draw.assumed_w[at] = if unmetered(asset) || weight == 0.0 { 0.0 } else { asset.assumed_w * weight };
                continue;
            };
            // Of a car that takes one phase of three, all that is measured is on that one.
            let share = if at == ALL { 1.0 } else { weight / of_all };
            let (least_w, most_w, measured_w) = (least_w * share, most_w * share, measured_w * share);
            draw.now_w[at] = measured_w;
            draw.low_w[at] = if moves { least_w.min(low_w) } else { least_w - by_w * share };
            draw.high_w[at] = if moves { most_w.max(high_w) } else { most_w + by_w * share };
            draw.over_w[at] = beyond(measured_w - high_w, high_w);
            draw.under_w[at] = beyond(low_w - measured_w, low_w);
        }
        draw
    }

    fn stray(&mut self, asset: &CheckedAsset, measured_w: Option<f64>, ordered: Option<(f64, f64)>, now: Moment) {
        let Some((measured_w, (low_w, high_w))) = measured_w.zip(ordered) else {
            (self.stray_since, self.over_since) = (None, None);
            return;
        };
        let (over, under) = (beyond(measured_w - high_w, high_w) > 0.0, beyond(low_w - measured_w, low_w) > 0.0);
        // An array gives what the sun gives, and no more than it may.
        let fault = if asset.role == Role::Pv { under } else { over };
        let since = |known: Option<Duration>, is: bool| is.then(|| known.unwrap_or(now.elapsed));
        (self.stray_since, self.over_since) = (since(self.stray_since, over || under), since(self.over_since, fault));
    }

    /// Whether it has long been elsewhere than it was told, so that its orders say nothing of what it draws.
    fn strays(&self, asset: &CheckedAsset, now: Moment) -> bool {
        self.stray_since.is_some_and(|since| now.elapsed.saturating_sub(since) > follows_within(asset))
    }

    /// Whether it has long drawn more than it was told.
    pub(super) fn does_not_follow(&self, now: Moment) -> bool {
        self.over_since.is_some_and(|since| now.elapsed.saturating_sub(since) > STRAY_FAULT)
    }
}

/// How long an asset may take until its meter shows what was ordered.
pub(super) fn follows_within(asset: &CheckedAsset) -> Duration {
    asset.silent_after.max(FOLLOWS_WITHIN)
}

/// What measures and devices may be off without meaning anything: 3 %, and 50 W.
fn tolerance_w(of_w: f64) -> f64 {
    50.0 + 0.03 * of_w.abs()
}

fn beyond(by_w: f64, of_w: f64) -> f64 {
    if by_w > tolerance_w(of_w) { by_w } else { 0.0 }
}

/// Switched and other loads need no meter of their own. Where they name no channel, what they were told counts as what they draw.
pub(in crate::control) fn unmetered(asset: &CheckedAsset) -> bool {
    matches!(asset.role, Role::Switch | Role::Load) && asset.described.power.is_none()
}

/// Which conductors are in use, where that is measured: a car with one phase at a charger with three leaves two of them idle.
fn conducting(model: &CheckedModel, place: usize, situation: &Situation, now: Moment) -> [bool; 3] {
    let measures = [Measure::CurrentL1, Measure::CurrentL2, Measure::CurrentL3];
    let currents = measures.map(|measure| situation.fresh(model, place, measure, now).map(f64::abs));
    let most_a = currents.iter().flatten().fold(0.0, |most: f64, current| most.max(*current));
    currents.map(|current| most_a < 2.0 || current.is_none_or(|current| current > most_a / 10.0))
}

/// The share of a power that is on each phase, and on all together.
fn weights(asset: &CheckedAsset, phases: u8, conducting: [bool; 3]) -> [f64; 4] {
    let switched_to_one = asset.phases == PhaseUse::Switched && phases == 1;
    let shares = if switched_to_one { [1.0, 0.0, 0.0] } else { asset.phase_shares() };
    let on = |phase: usize| if conducting[phase] { shares[phase] } else { 0.0 };
    let weights = [on(0), on(1), on(2), 1.0];
    if weights[..ALL].iter().all(|weight| *weight == 0.0) { [shares[0], shares[1], shares[2], 1.0] } else { weights }
}
