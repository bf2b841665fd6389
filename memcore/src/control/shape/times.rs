//! How long something has run or rested: since it was told to, or since it was measured to, whichever is later. What was told alone
//! would let a compressor start that has just stopped by itself; what is measured alone lets a relay chatter until its meter shows it.

use std::time::Duration;

use crate::control::planted::{Planted, planted};
use crate::control::{CheckedAsset, Moment, Run};

/// How long one that was switched off for safety rests, at the least.
pub(super) const RESTS_AFTER_SAFETY: Duration = Duration::from_secs(60);

/// Whether an asset was told to run, and since when.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    told: Option<Run>,
    /// When it was last switched off for safety.
    cut: Option<Duration>,
}

impl Times {
    /// What is measured when nothing was told yet is taken to have begun now.
    pub(super) fn see(&mut self, measured: Option<Run>, unmetered: bool, now: Moment) {
        if self.told.is_none() && (measured.is_some() || unmetered) {
            self.told = Some(Run { on: measured.is_some_and(|run| run.on), since: now.elapsed });
        }
    }

    /// Takes note of what it is told now.
    pub(super) fn tell(&mut self, on: bool, safety: bool, now: Moment) {
        let Some(told) = self.told.filter(|told| told.on != on) else { return };
        if told.on && safety {
            self.cut = Some(now.elapsed);
        }
        self.told = Some(Run { on, since: now.elapsed });
    }

    /// Whether it was told to run.
    pub(super) fn on(&self) -> bool {
        self.told.is_some_and(|told| told.on)
    }

    /// Whether it must run on.
    pub(super) fn must_run(&self, asset: &CheckedAsset, measured: Option<Run>, now: Moment) -> bool {
        self.been(true, measured, now).is_some_and(|ran| ran < asset.min_on)
    }

    /// Whether it must rest on.
    pub(super) fn must_rest(&self, asset: &CheckedAsset, measured: Option<Run>, now: Moment) -> bool {
        // Of one that was never seen nobody knows how long it has rested.
        let unseen = self.told.is_none() && !asset.min_off.is_zero();
        unseen || self.been(false, measured, now).is_some_and(|rested| rested < asset.min_off)
    }

    /// Whether it was switched off for safety a short while ago.
    pub(super) fn was_cut(&self, now: Moment) -> bool {
        !self.on() && self.cut.is_some_and(|cut| now.elapsed.saturating_sub(cut) < RESTS_AFTER_SAFETY)
    }

    /// For how long it has run, or rested; None where it does not.
    fn been(&self, on: bool, measured: Option<Run>, now: Moment) -> Option<Duration> {
        let told = self.told.filter(|told| told.on == on && !planted(Planted::TimesIgnored))?;
        let since = measured.filter(|run| run.on == on).map_or(told.since, |run| run.since.max(told.since));
        Some(now.elapsed.saturating_sub(since))
    }
}
