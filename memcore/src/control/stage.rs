//! A site on a stage, for tests that read as stories: meters report each second, assets do what they are told a second later, the
//! meter of the grid shows the sum.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{AssetDecision, Cause, Controller, Decision, Fault, Moment, Priority, Proposal, SiteModel, Target};
use crate::model::{Name, Sample, SeriesName, Span, Timestamp};

/// 2026-07-01T12:00:00Z, at the start of a quarter of an hour.
const NOON: i64 = 1_782_907_200;

pub(super) struct Stage {
    pub(super) controller: Controller,
    pub(super) now: Moment,
    pub(super) last: Decision,
    /// What is reported each second.
    reports: BTreeMap<String, f64>,
    /// What proposes each second: the asset, the power, the priority.
    wishes: Vec<(&'static str, f64, u8)>,
    /// Those that do what they are told.
    obedient: Vec<&'static str>,
    /// What the rest of the site draws, where the grid's meter shows the sum.
    rest_w: Option<f64>,
}

impl Stage {
    pub(super) fn new(model: &str) -> Self {
        let model: SiteModel = toml::from_str(&format!("site = \"home1\"\n{model}")).unwrap_or_else(|e| panic!("{e}"));
        let mut controller = Controller::new(model.check().unwrap_or_else(|e| panic!("{e}")), Vec::new());
        let now = Moment { wall: Timestamp::from_seconds(NOON), elapsed: Duration::from_secs(1_000) };
        let last = controller.tick(now);
        let (reports, wishes) = (BTreeMap::new(), Vec::new());
        Self { controller, now, last, reports, wishes, obedient: Vec::new(), rest_w: None }
    }

    /// From now on a channel reports that each second.
    pub(super) fn reports(mut self, channel: &str, value: f64) -> Self {
        self.reports.insert(channel.to_owned(), value);
        self
    }

    /// From now on the assets do what they are told, and their meters show it.
    pub(super) fn obey(mut self, assets: &[&'static str]) -> Self {
        self.obedient = assets.to_vec();
        for asset in assets {
            self.reports.entry(format!("{asset}.power")).or_insert(0.0);
        }
        self
    }

    /// From now on the meter of the grid shows the sum of that and of what obeys.
    pub(super) fn rest(mut self, rest_w: f64) -> Self {
        self.rest_w = Some(rest_w);
        self
    }

    /// From now on somebody wishes for that power of an asset.
    pub(super) fn wishes(mut self, asset: &'static str, power_w: f64) -> Self {
        self.wishes.retain(|(of, ..)| *of != asset);
        self.wishes.push((asset, power_w, 50));
        self
    }

    /// From now on a channel is silent.
    pub(super) fn silent(mut self, channel: &str) -> Self {
        assert!(self.reports.remove(channel).is_some(), "{channel} was silent before");
        self
    }

    /// Time passes, second by second.
    pub(super) fn pass(mut self, seconds: u32) -> Self {
        for _ in 0..seconds {
            self.second();
        }
        self
    }

    fn second(&mut self) {
        self.now = self.now.after(Span::from_seconds(1));
        for asset in self.obedient.clone() {
            let power_w = self.decided(asset).map_or(0.0, |decided| decided.power_w);
            self.reports.entry(format!("{asset}.power")).and_modify(|reported| *reported = power_w);
        }
        if let (Some(rest_w), true) = (self.rest_w, self.reports.contains_key("grid.power")) {
            let sum = self.obedient.iter().map(|asset| self.decided(asset).map_or(0.0, |decided| decided.power_w));
            let grid_w = rest_w + sum.sum::<f64>();
            self.reports.insert("grid.power".to_owned(), grid_w);
        }
        for (channel, value) in self.reports.clone() {
            self.row(&channel, value, self.now.wall);
        }
        for (asset, power_w, priority) in self.wishes.clone() {
            let target = Target::Asset(Name::new(asset).unwrap());
            let wish =
                Proposal::power(Name::new("app").unwrap(), target, power_w, Priority::new(priority).unwrap(), "as told");
            self.controller.propose(wish, self.now).unwrap();
        }
        self.last = self.controller.tick(self.now);
    }

    /// A row comes now, with that time.
    pub(super) fn row(&mut self, channel: &str, value: f64, time: Timestamp) {
        let series: SeriesName = format!("home1.{channel}").parse().unwrap();
        self.controller.read(&series, Sample { time, value }, self.now);
    }

    pub(super) fn decided(&self, asset: &str) -> Option<&AssetDecision> {
        let place = self.controller.model().place(asset).unwrap_or_else(|| panic!("{asset} is no asset"));
        self.last.assets[place].as_ref()
    }

    pub(super) fn power_w(&self, asset: &str) -> f64 {
        self.decided(asset).unwrap_or_else(|| panic!("{asset} is not controlled")).power_w
    }

    /// Looks at what was decided of an asset, to a watt.
    pub(super) fn expect(self, asset: &str, power_w: f64) -> Self {
        let is = self.decided(asset).map(|decided| decided.power_w);
        let near = is.is_some_and(|is| (is - power_w).abs() < 1.0);
        assert!(
            near,
            "{asset} is told {is:?}, expected {power_w}: {:?}",
            self.decided(asset).map(|decided| &decided.limits)
        );
        self
    }

    pub(super) fn expect_limited(self, asset: &str, cause: Cause) -> Self {
        let limits = &self.decided(asset).unwrap().limits;
        assert!(limits.iter().any(|limit| limit.cause == cause), "{asset} is limited by {limits:?}, expected {cause:?}");
        self
    }

    pub(super) fn expect_fault(self, fault: Fault) -> Self {
        assert!(self.last.faults.contains(&fault), "{:?}, expected {fault:?}", self.last.faults);
        self
    }

    pub(super) fn expect_no_fault(self) -> Self {
        assert!(self.last.faults.is_empty(), "{:?}", self.last.faults);
        self
    }
}
