//! Droop: assets answer the frequency of an island, or a voltage, with their power.

use super::checks::{Who, each, length, measures, no_crumbs, within};
use super::{Actor, Droop, DroopBy, Measure, View};
use crate::control::{CheckedAsset, CheckedModel, Proposal, Role, Target};
use crate::error::Result;
use crate::model::{Name, Span};

impl Droop {
    pub(super) fn build(&self, who: Who, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        let (measure, nominal, off) = match self.by {
            DroopBy::Frequency => (Measure::Frequency, 50.0, 0.2),
            DroopBy::Voltage => (Measure::Voltage, 230.0, 11.5),
        };
        let nominal = within("nominal", self.nominal.unwrap_or(nominal), 1.0, 1e6)?;
        Ok(Box::new(Answer {
            meter: measures(model, self.meter.as_ref(), measure)?,
            assets: each(model, &self.assets, &[Role::Battery, Role::Pv])?,
            deadband: within("deadband", self.deadband.unwrap_or(off), 0.0, nominal / 2.0)?,
            whole: within("droop", self.droop, 0.001, 1.0)? * nominal,
            smooth_s: length("smooth", self.smooth)?.as_secs_f64(),
            off: None,
            who,
            measure,
            nominal,
        }))
    }
}

/// Bounds each asset by how far frequency or voltage is off.
struct Answer {
    who: Who,
    assets: Vec<usize>,
    measure: Measure,
    meter: usize,
    nominal: f64,
    deadband: f64,
    /// So far beyond the deadband everything is asked.
    whole: f64,
    smooth_s: f64,
    /// The smoothed share that is asked, -1 to 1, and when that was, by the monotonic clock in seconds.
    off: Option<(f64, f64)>,
}

impl Answer {
    /// The share that is asked: above zero where there is too much power, below where there is too little.
    fn share(&mut self, view: &View<'_>) -> Option<f64> {
        let Some(value) = view.fresh(self.meter, self.measure) else {
            self.off = None;
            return None;
        };
        let off = value - self.nominal;
        let beyond = (off.abs() - self.deadband).max(0.0) / self.whole;
        let share = beyond.min(1.0).copysign(off);
        let now = view.now.elapsed.as_secs_f64();
        let (before, at) = self.off.unwrap_or((share, now));
        let smoothed = before + (share - before) * (1.0 - (-(now - at) / self.smooth_s.max(0.001)).exp());
        self.off = Some((smoothed, now));
        (smoothed.abs() > 0.005).then_some(smoothed)
    }
}

/// The least and the most power for a share, in W. What stores answers around zero; what only gives or only takes does less of it.
fn bounds_w(asset: &CheckedAsset, share: f64) -> (Option<f64>, Option<f64>) {
    let stores = asset.low_w < 0.0 && asset.high_w > 0.0;
    match (stores, share > 0.0) {
        (true, true) => (Some(share * asset.high_w), None),
        (true, false) => (None, Some(-share * asset.low_w)),
        (false, true) if asset.low_w < 0.0 => (Some((1.0 - share) * asset.low_w), None),
        (false, false) if asset.high_w > 0.0 => (None, Some((1.0 + share) * asset.high_w)),
        _ => (None, None),
    }
}

impl Actor for Answer {
    fn name(&self) -> &Name {
        &self.who.name
    }

    fn every(&self) -> Span {
        self.who.every
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        let Some(share) = self.share(view) else { return Vec::new() };
        let reason = format!("{:?} is off: {:.0} % of the answer", self.measure, share * 100.0);
        let wish = |place: &usize| {
            let asset = &view.model.assets[*place];
            let (low_w, high_w) = bounds_w(asset, share);
            let sound = |bound: f64| no_crumbs(bound, asset.low_w, asset.high_w, asset.least_w);
            let (low_w, high_w) = (low_w.map(sound), high_w.map(sound));
            let target = Target::Asset(asset.name.clone());
            (low_w.is_some() || high_w.is_some()).then(|| self.who.bounds(&target, low_w, high_w, reason.clone()))
        };
        self.assets.iter().filter_map(wish).collect()
    }
}
