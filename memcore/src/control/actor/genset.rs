//! Genset: starts before batteries are empty or overloaded, warms up, runs long enough, and stops.

use std::time::Duration;

use super::checks::{Who, below, in_watts, length, the_one, within};
use super::{Actor, GensetControl, Measure, View};
use crate::control::{CheckedModel, Proposal, Role, Target};
use crate::error::{Error, Result};
use crate::model::{Name, Span};

impl GensetControl {
    pub(super) fn build(&self, who: Who, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        let genset = the_one(model, self.asset.as_ref(), Role::Genset)?;
        let asset = &model.assets[genset];
        let power_w = in_watts("power_w", self.power_w.unwrap_or(-asset.low_w))?;
        if power_w < asset.least_w || power_w > -asset.low_w {
            let (least, most) = (asset.least_w, -asset.low_w);
            return Err(Error::invalid(format!("power_w is {power_w}, expected {least} to {most} as {} can", asset.name)));
        }
        below(("start_soc", within("start_soc", self.start_soc, 0.0, 1.0)?), ("stop_soc", self.stop_soc))?;
        within("stop_soc", self.stop_soc, 0.0, 1.0)?;
        let load_w = self.start_w.map(|start_w| (start_w, self.stop_w.unwrap_or(start_w / 2.0)));
        load_w.map_or(Ok(()), |(start_w, stop_w)| below(("stop_w", in_watts("stop_w", stop_w)?), ("start_w", start_w)))?;
        let batteries = model.assets.iter().enumerate().filter(|(_, asset)| asset.role == Role::Battery);
        Ok(Box::new(Starter {
            target: Target::Asset(asset.name.clone()),
            batteries: batteries.map(|(place, _)| place).collect(),
            start_after: length("start_after", self.start_after)?,
            stop_after: length("stop_after", self.stop_after)?,
            min_run: length("min_run", self.min_run)?,
            warm_up: length("warm_up", self.warm_up)?,
            settings: self.clone(),
            running: None,
            turn: None,
            who,
            genset,
            power_w,
            load_w,
        }))
    }
}

/// Starts and stops a genset. It is silent while the genset need not run, so that a plan may start it.
struct Starter {
    who: Who,
    settings: GensetControl,
    genset: usize,
    target: Target,
    batteries: Vec<usize>,
    power_w: f64,
    /// It starts above the first and stops below the second, in W.
    load_w: Option<(f64, f64)>,
    start_after: Duration,
    stop_after: Duration,
    min_run: Duration,
    warm_up: Duration,
    /// Since when it runs.
    running: Option<Duration>,
    /// Since when there is a reason to start, or to stop.
    turn: Option<Duration>,
}

impl Starter {
    /// Why it is to run, or to run on. What is not known is no reason: a genset that runs blindly overcharges.
    fn reason(&self, view: &View<'_>) -> Option<String> {
        let runs = self.running.is_some();
        if view.grid_present() == Some(true) && !self.settings.beside_grid {
            return None;
        }
        let bound = if runs { self.settings.stop_soc } else { self.settings.start_soc };
        let mut socs = self.batteries.iter().map(|place| view.fresh(*place, Measure::Soc));
        let lowest = socs.try_fold(1.0, |lowest: f64, soc| Some(lowest.min(soc?)));
        if let Some(soc) = lowest.filter(|soc| *soc < bound) {
            return Some(format!("the battery has {:.0} %", soc * 100.0));
        }
        let sources = || self.batteries.iter().chain([&self.genset]);
        let given_w = -sources().map(|place| view.power_w(*place)).sum::<Option<f64>>()?;
        let (start_w, stop_w) = self.load_w?;
        (given_w > if runs { stop_w } else { start_w }).then(|| format!("the site draws {given_w:.0} W"))
    }
}

impl Actor for Starter {
    fn name(&self) -> &Name {
        &self.who.name
    }

    fn every(&self) -> Span {
        self.who.every
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        let (now, reason) = (view.now.elapsed, self.reason(view));
        let lasts = |turn: &mut Option<Duration>, after: Duration| now.saturating_sub(*turn.get_or_insert(now)) >= after;
        match self.running {
            None if reason.is_some() && lasts(&mut self.turn, self.start_after) => {
                (self.running, self.turn) = (Some(now), None);
            }
            Some(since) if reason.is_none() && lasts(&mut self.turn, self.stop_after) && now - since >= self.min_run => {
                (self.running, self.turn) = (None, None);
            }
            _ if reason.is_some() == self.running.is_some() => self.turn = None,
            _ => {}
        }
        let Some(since) = self.running else { return Vec::new() };
        let warm = now - since >= self.warm_up;
        let power_w = if warm { self.power_w } else { view.model.assets[self.genset].least_w.max(1.0).min(self.power_w) };
        let reason = reason.unwrap_or_else(|| "it runs for its least time".to_owned());
        vec![self.who.power(&self.target, -power_w, reason)]
    }
}
