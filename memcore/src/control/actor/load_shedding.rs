//! Load shedding: loads go off in their order before the site goes dark, and come back one by one.

use std::time::Duration;

use super::checks::{Who, length, watts};
use super::distress::{Condition, Distress};
use super::{Actor, LoadShedding, View};
use crate::control::{CheckedModel, Proposal, Target};
use crate::error::{Error, Result};
use crate::model::{Name, Span};

impl LoadShedding {
    pub(super) fn build(&self, who: Who, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        let assets = model.assets.iter().enumerate().filter(|(_, asset)| asset.setpoint.is_some());
        let mut loads: Vec<_> = assets.filter_map(|(place, asset)| Some((asset.described.shed_order?, place))).collect();
        loads.sort_unstable();
        if loads.is_empty() {
            return Err(Error::invalid("no asset with a setpoint has a shed_order, expected one"));
        }
        Ok(Box::new(Shedder {
            loads: loads.into_iter().map(|(_, place)| place).collect(),
            distress: Distress::new(self, model)?,
            margin_w: watts("margin_w", self.margin_w)?,
            step: length("step", self.step)?,
            back_after: length("back_after", self.back_after)?,
            stagger: length("stagger", self.stagger)?,
            min_off: length("min_off", self.min_off)?,
            who,
            shed: Vec::new(),
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

/// Switches loads off, and on again. What it has shed stays so while it does not know better.
struct Shedder {
    who: Who,
    /// The first to be shed first.
    loads: Vec<usize>,
    distress: Distress,
    margin_w: f64,
    step: Duration,
    back_after: Duration,
    stagger: Duration,
    min_off: Duration,
    /// Those that are off, the last one last.
    shed: Vec<Shed>,
    /// Since when all is well.
    well: Option<Duration>,
    /// When a load went off or came back last.
    acted: Option<Duration>,
}

impl Shedder {
    /// The next loads, until what they draw comes to the excess, or to anything.
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
        let back_w = self.margin_w + self.shed.last().map_or(0.0, |shed| shed.power_w);
        match self.distress.look(back_w, view) {
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
