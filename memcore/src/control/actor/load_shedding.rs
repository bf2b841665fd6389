//! Load shedding: loads go off in their order before the site goes dark, and come back one by one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::settings::{Who, below, grid_meter, length, measures, watts, within};
use super::{Actor, Measure, View};
use crate::control::{CheckedModel, Proposal, Role, Target};
use crate::error::{Error, Result};
use crate::model::{Name, Span, written};

/// Settings of the strategy that sheds loads. Those with a `shed_order` are shed, the lowest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadShedding {
    /// More from the grid than this is an overload, in W; none unless told.
    pub import_limit_w: Option<f64>,
    /// How long it must last. Five seconds unless told.
    #[serde(with = "written::length")]
    pub overload_for: Span,
    /// A frequency below this sheds at once, in Hz; none unless told.
    pub under_hz: Option<f64>,
    /// Loads come back above this, in Hz; 0.5 Hz above `under_hz` unless told.
    pub back_hz: Option<f64>,
    /// A battery of an island below this state of charge sheds; none unless told.
    pub island_soc: Option<f64>,
    /// Loads come back above this state of charge; 0.1 above `island_soc` unless told.
    pub back_soc: Option<f64>,
    /// The asset that measures the frequency; the first that does unless told.
    pub meter: Option<Name>,
    /// How long what was shed is given to show before more is. Two seconds unless told.
    #[serde(with = "written::length")]
    pub step: Span,
    /// What must be free before a load comes back beside its own power, in W. 500 unless told.
    pub margin_w: f64,
    /// How long all must be well before the first comes back. A minute unless told.
    #[serde(with = "written::length")]
    pub back_after: Span,
    /// How long after it the next one does. Thirty seconds unless told.
    #[serde(with = "written::length")]
    pub stagger: Span,
    /// How long a load is off at the least. Five minutes unless told.
    #[serde(with = "written::length")]
    pub min_off: Span,
}

impl Default for LoadShedding {
    fn default() -> Self {
        Self {
            import_limit_w: None,
            overload_for: Span::from_seconds(5),
            under_hz: None,
            back_hz: None,
            island_soc: None,
            back_soc: None,
            meter: None,
            step: Span::from_seconds(2),
            margin_w: 500.0,
            back_after: Span::from_seconds(60),
            stagger: Span::from_seconds(30),
            min_off: Span::from_seconds(300),
        }
    }
}

impl LoadShedding {
    pub(super) fn build(&self, who: Who, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        let assets = model.assets.iter().enumerate().filter(|(_, asset)| asset.setpoint.is_some());
        let mut loads: Vec<_> = assets.filter_map(|(place, asset)| Some((asset.described.shed_order?, place))).collect();
        loads.sort_unstable();
        if loads.is_empty() {
            return Err(Error::invalid("no asset with a setpoint has a shed_order, expected one"));
        }
        if self.import_limit_w.is_none() && self.under_hz.is_none() && self.island_soc.is_none() {
            return Err(Error::invalid("nothing says when to shed, expected import_limit_w, under_hz or island_soc"));
        }
        self.import_limit_w.map_or(Ok(0.0), |limit_w| grid_meter(model).and_then(|_| watts("import_limit_w", limit_w)))?;
        watts("margin_w", self.margin_w)?;
        let hz = self.under_hz.map(|under| (under, self.back_hz.unwrap_or(under + 0.5)));
        hz.map_or(Ok(()), |(under, back)| below(("under_hz", within("under_hz", under, 10.0, 100.0)?), ("back_hz", back)))?;
        let soc = self.island_soc.map(|soc| (soc, self.back_soc.unwrap_or(soc + 0.1)));
        soc.map_or(Ok(()), |(under, back)| {
            below(("island_soc", within("island_soc", under, 0.0, 1.0)?), ("back_soc", back))
        })?;
        let meter = hz.map(|_| measures(model, self.meter.as_ref(), Measure::Frequency)).transpose()?;
        let batteries = model.assets.iter().enumerate().filter(|(_, asset)| asset.role == Role::Battery);
        Ok(Box::new(Shedder {
            loads: loads.into_iter().map(|(_, place)| place).collect(),
            batteries: batteries.map(|(place, _)| place).collect(),
            hz: hz.zip(meter),
            soc,
            overload_for: length("overload_for", self.overload_for)?,
            step: length("step", self.step)?,
            back_after: length("back_after", self.back_after)?,
            stagger: length("stagger", self.stagger)?,
            min_off: length("min_off", self.min_off)?,
            settings: self.clone(),
            who,
            shed: Vec::new(),
            overload: None,
            well: None,
            acted: None,
        }))
    }
}

/// A load that is off.
struct Shed {
    place: usize,
    since: Duration,
    /// What it drew before, in W.
    power_w: f64,
}

enum Condition {
    /// This many W are too much; not known how many where it is zero.
    Bad(f64),
    /// Neither bad nor known to be well.
    Unsure,
    Well,
}

/// Switches loads off, and on again. What it has shed stays so while it does not know better.
struct Shedder {
    who: Who,
    settings: LoadShedding,
    /// The first to be shed first.
    loads: Vec<usize>,
    batteries: Vec<usize>,
    hz: Option<((f64, f64), usize)>,
    soc: Option<(f64, f64)>,
    overload_for: Duration,
    step: Duration,
    back_after: Duration,
    stagger: Duration,
    min_off: Duration,
    shed: Vec<Shed>,
    overload: Option<Duration>,
    well: Option<Duration>,
    acted: Option<Duration>,
}

impl Shedder {
    fn condition(&mut self, view: &View<'_>) -> Condition {
        let (mut bad, mut well, mut excess_w) = (false, true, 0.0_f64);
        if let Some(limit_w) = self.settings.import_limit_w {
            let grid_w = view.grid_w();
            excess_w = grid_w.map_or(0.0, |grid_w| (grid_w - limit_w).max(0.0));
            let since = (excess_w > 0.0).then(|| *self.overload.get_or_insert(view.now.elapsed));
            self.overload = since;
            bad |= since.is_some_and(|since| view.now.elapsed.saturating_sub(since) >= self.overload_for);
            let next_w = self.shed.last().map_or(0.0, |shed| shed.power_w) + self.settings.margin_w;
            well &= grid_w.is_some_and(|grid_w| grid_w + next_w <= limit_w);
        }
        if let Some(((under, back), meter)) = self.hz {
            let hz = view.fresh(meter, Measure::Frequency);
            bad |= hz.is_some_and(|hz| hz < under);
            well &= hz.is_some_and(|hz| hz >= back);
        }
        if let Some((under, back)) = self.soc.filter(|_| view.grid_present() != Some(true)) {
            let socs = || self.batteries.iter().map(|place| view.fresh(*place, Measure::Soc));
            bad |= socs().flatten().any(|soc| soc < under);
            well &= socs().all(|soc| soc.is_some_and(|soc| soc >= back));
        }
        match (bad, well) {
            (true, _) => Condition::Bad(excess_w),
            (_, true) => Condition::Well,
            _ => Condition::Unsure,
        }
    }

    /// The next loads that draw something, until they come to the excess.
    fn shed(&mut self, excess_w: f64, view: &View<'_>) {
        let mut freed_w = 0.0;
        for place in &self.loads {
            if self.shed.iter().any(|shed| shed.place == *place) {
                continue;
            }
            let power_w = view.power_w(*place).unwrap_or(view.model.assets[*place].assumed_w).max(0.0);
            self.shed.push(Shed { place: *place, since: view.now.elapsed, power_w });
            freed_w += power_w;
            if freed_w > 0.0 && freed_w >= excess_w {
                break;
            }
        }
    }
}

impl Actor for Shedder {
    fn name(&self) -> &Name {
        &self.who.name
    }

    fn every(&self) -> Span {
        self.who.every
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        let now = view.now.elapsed;
        let passed =
            |since: Option<Duration>, length: Duration| since.is_none_or(|since| now.saturating_sub(since) >= length);
        match self.condition(view) {
            Condition::Bad(excess_w) => {
                self.well = None;
                if passed(self.acted, self.step) {
                    self.acted = Some(now);
                    self.shed(excess_w, view);
                }
            }
            Condition::Unsure => self.well = None,
            Condition::Well => {
                let well = *self.well.get_or_insert(now);
                let rested = self.shed.last().is_some_and(|shed| passed(Some(shed.since), self.min_off));
                if rested && passed(Some(well), self.back_after) && passed(self.acted, self.stagger) {
                    self.acted = Some(now);
                    self.shed.pop();
                }
            }
        }
        let off = |shed: &Shed| {
            let target = Target::Asset(view.model.assets[shed.place].name.clone());
            self.who.bounds(&target, None, Some(0.0), "shed, so that the site does not go dark")
        };
        self.shed.iter().map(off).collect()
    }
}
