//! One asset: from what was granted to what it can do now.

use std::time::Duration;

use super::phases::Phases;
use super::swings::Swings;
use super::takes::Takes;
use super::times::Times;
use crate::control::arbiter::Granted;
use crate::control::interlock::unmetered;
use crate::control::planted::{Planted, planted};
use crate::control::{Allowed, Cause, CheckedAsset, Limited, Moment, Run};

/// How long after a step down the next step up waits.
const STEPS_UP_AFTER: Duration = Duration::from_secs(10);

/// What is remembered of an asset.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Memory {
    pub(super) times: Times,
    pub(super) swings: Swings,
    phases: Phases,
    /// What it was told last, in W.
    told_w: Option<f64>,
    /// Where its ramp is, in W: between the steps that it can take.
    ramped_w: Option<f64>,
    at: Duration,
    stepped_down: Option<Duration>,
}

/// What is known of an asset at a decision.
#[derive(Clone, Copy)]
pub(super) struct Now<'a> {
    pub(super) asset: &'a CheckedAsset,
    pub(super) allowed: &'a Allowed,
    pub(super) measured_w: Option<f64>,
    pub(super) run: Option<Run>,
    pub(super) now: Moment,
}

/// What an asset is to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) power_w: f64,
    pub(super) phases: u8,
    pub(super) must_run: bool,
    /// Whether it is held because it went to and fro.
    pub(super) held: bool,
}

impl Memory {
    /// From what was granted to what it can do now. Every change is noted in `limits`.
    pub(super) fn shape(&mut self, one: Now<'_>, granted: &Granted, limits: &mut Vec<Limited>) -> Told {
        let Now { asset, allowed, now, .. } = one;
        let mut power = Power { w: granted.power_w, limits };
        let held_w = self.swings.hold(asset, now);
        if let Some(held_w) = held_w {
            power.becomes(held_w, Cause::Oscillation);
        }
        power.becomes(bounded(power.w, allowed), allowed_by(power.w, allowed));
        let must_run = self.times.must_run(asset, one.run, now);
        let (phases, pauses) = self.phases.choose(asset, power.w, must_run, now);
        let takes = Takes::of(asset, phases);
        self.ramp(one, &mut power);
        self.fit(&takes, granted, allowed, &mut power, now);
        let waits = self.wait(one, &takes, must_run, &mut power);
        if pauses {
            power.becomes(0.0, Cause::Phases);
        }
        if pauses || waits {
            // Its ramp begins when it may run.
            self.ramped_w = Some(0.0);
        }
        safe(&takes, allowed, &mut power);
        Told { power_w: power.w, phases, must_run, held: held_w.is_some() }
    }

    /// As fast as it may change, from what it was told last.
    fn ramp(&mut self, one: Now<'_>, power: &mut Power<'_>) {
        let passed_s = one.now.elapsed.saturating_sub(self.at).as_secs_f64();
        let from_w = self.ramped_w.or(one.measured_w);
        if from_w.is_none() && !unmetered(one.asset) {
            // Where it begins is to be measured.
            return;
        }
        let reach_w = if planted(Planted::RampsIgnored) { f64::INFINITY } else { one.asset.ramp_w_per_s * passed_s };
        if let Some(from_w) = from_w.filter(|_| reach_w.is_finite()) {
            let reach_w = if self.ramped_w.is_none() { 0.0 } else { reach_w };
            // Safety does not wait: what it does not allow any more is left at once.
            power.becomes(power.w.max(from_w - reach_w).min(from_w + reach_w), Cause::Ramp);
            power.becomes(bounded(power.w, one.allowed), allowed_by(power.w, one.allowed));
        }
        (self.ramped_w, self.at) = (Some(power.w), one.now.elapsed);
    }

    /// To a power that it can take, towards zero. Below its least it goes on at that, or starts, where wishes and safety leave it free.
    fn fit(&mut self, takes: &Takes<'_>, granted: &Granted, allowed: &Allowed, power: &mut Power<'_>, now: Moment) {
        let mut fits_w = takes.towards_zero(power.w);
        if let Some(least_w) = takes.least(power.w).filter(|_| fits_w == 0.0 && power.w != 0.0) {
            let (low_w, high_w) = granted.bounds_w;
            let free = (low_w..=high_w).contains(&least_w) && (allowed.low_w..=allowed.high_w).contains(&least_w);
            let from = if self.times.on() { 0.25 } else { 0.75 };
            if free && power.w.abs() >= least_w.abs() * from {
                fits_w = least_w;
            }
        }
        power.becomes(fits_w, Cause::Steps);
        // Rounding does not flutter: up only when the last step down is a while ago.
        let told_w = self.told_w.unwrap_or(fits_w);
        let waits = self.stepped_down.is_some_and(|down| now.elapsed.saturating_sub(down) < STEPS_UP_AFTER);
        if takes.in_steps() && waits && told_w * fits_w > 0.0 && fits_w.abs() > told_w.abs() {
            power.becomes(bounded(told_w, allowed), Cause::Steps);
        }
    }

    /// Minimum times, and the rest after it was switched off for safety. Whether it must rest yet.
    fn wait(&self, one: Now<'_>, takes: &Takes<'_>, must_run: bool, power: &mut Power<'_>) -> bool {
        let (asset, now) = (one.asset, one.now);
        if must_run && power.w == 0.0 {
            let side = self.told_w.filter(|told_w| *told_w != 0.0).or(one.measured_w).unwrap_or(asset.high_w + asset.low_w);
            let runs_w = takes.least(side).or(self.told_w).unwrap_or(0.0);
            power.becomes(runs_w, Cause::MinOn);
        }
        if power.w == 0.0 || self.times.on() {
            return false;
        }
        let cause = match self.times.must_rest(asset, one.run, now) {
            true => Cause::MinOff,
            false if self.times.was_cut(now) && takes.least(power.w).is_some() => Cause::Oscillation,
            false => return false,
        };
        power.becomes(0.0, cause);
        true
    }

    /// Takes note that it is not commanded now: where its ramp begins is to be measured.
    pub(super) fn leave(&mut self) {
        (self.told_w, self.ramped_w) = (None, None);
    }

    /// Takes note of what it is told after all, in place of what it was shaped to, and whether that is for safety.
    pub(super) fn tell(&mut self, one: Now<'_>, (shaped_w, power_w): (f64, f64), safety: bool) {
        let steps_down = self.told_w.is_some_and(|told_w| power_w.abs() < told_w.abs());
        if steps_down {
            self.stepped_down = Some(one.now.elapsed);
        }
        if power_w.abs() < shaped_w.abs() {
            // What was cut begins its ramp there.
            self.ramped_w = Some(power_w);
        }
        self.times.tell(power_w != 0.0, safety, one.now);
        self.swings.tell(one.asset, power_w, one.now);
        self.told_w = Some(power_w);
    }
}

/// A power that changes for reasons.
struct Power<'a> {
    w: f64,
    limits: &'a mut Vec<Limited>,
}

impl Power<'_> {
    fn becomes(&mut self, to_w: f64, cause: Cause) {
        if to_w != self.w {
            self.limits.push(Limited { cause, from_w: self.w, to_w });
            self.w = to_w;
        }
    }
}

fn bounded(power_w: f64, allowed: &Allowed) -> f64 {
    power_w.min(allowed.high_w).max(allowed.low_w)
}

fn allowed_by(power_w: f64, allowed: &Allowed) -> Cause {
    if power_w > allowed.high_w { allowed.high_by } else { allowed.low_by }
}

/// Nothing beyond what safety allows: where that is less than it can take, it rests.
fn safe(takes: &Takes<'_>, allowed: &Allowed, power: &mut Power<'_>) {
    if power.w > allowed.high_w {
        power.becomes(takes.towards_zero(allowed.high_w.max(0.0)), allowed.high_by);
    } else if power.w < allowed.low_w {
        power.becomes(takes.towards_zero(allowed.low_w.min(0.0)), allowed.low_by);
    }
}
