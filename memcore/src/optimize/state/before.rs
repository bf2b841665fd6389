//! A site as it is from some step on: its horizon cut, its assets in the state that they are in by then.

use std::ops::Range;

use super::super::check::shortage_per_kwh;
use super::super::{Asset, Heat, Horizon, PreviousPower, Profile, Site, Tank, Terminal};
use super::State;
use crate::error::{Error, Result};
use crate::model::{Span, Timestamp};

impl Site {
    /// The site over a part of its horizon: every profile is cut with it.
    ///
    /// What is asked of stores at the end is asked at the end of the part: where that was "at least what it started with", it goes on
    /// to be what the whole starts with. Sessions of vehicles that lie outside of the part are left out, one that has begun keeps the
    /// energy that it came with. A deferrable load whose window lies outside has nothing to run. The price of
    /// shortage is that of the whole. States are those of the whole's start: see [`at_state`](Self::at_state).
    ///
    /// # Errors
    /// Invalid where no step is left, or where the horizon has not so many.
    pub fn part(&self, steps: Range<usize>) -> Result<Self> {
        let mut part = self.outline();
        part.take_part(self, steps)?;
        // What is missing costs the same in every part, whatever prices are in it.
        part.shortage_per_kwh = Some(shortage_per_kwh(self));
        Ok(part)
    }

    /// The site from a step on: [`part`](Self::part) to the end of its horizon.
    ///
    /// # Errors
    /// Invalid where no step is left.
    pub fn from_step(&self, step: usize) -> Result<Self> {
        self.part(step..self.horizon.len())
    }

    /// The site with its assets in a state: energies, temperatures, what runs, peaks, and the previous plan for [`stay`](Self::stay):
    /// of the assets that it names, or of all where it names none.
    ///
    /// # Errors
    /// Invalid where the state is of another instant than the horizon's start, or names what the site does not have.
    pub fn at_state(&self, state: &State) -> Result<Self> {
        let mut site = self.clone();
        site.set_state(state)?;
        Ok(site)
    }

    /// As [`at_state`](Self::at_state), in place.
    pub(in crate::optimize) fn set_state(&mut self, state: &State) -> Result<()> {
        let start = self.horizon.start();
        if let Some(at) = state.at.filter(|at| *at != start) {
            return Err(Error::invalid(format!("state.at is {at}, expected {start}, the start of the horizon")));
        }
        for (name, wh) in &state.energy_wh {
            self.named("energy_wh", name)?.set_energy(*wh, start)?;
        }
        for (name, celsius) in &state.temperature_c {
            self.named("temperature_c", name)?.set_temperature(*celsius)?;
        }
        for running in &state.running {
            self.named("running", &running.part)?.set_running(running)?;
        }
        for (name, charge, watts) in &state.peak_w {
            self.named("peak_w", name)?.set_peak(*charge, *watts)?;
        }
        let step = self.horizon.borders()[1].since(start);
        for (name, done) in &state.done {
            self.named("done", name)?.set_done(done, step)?;
        }
        self.set_previous(&state.previous);
        Ok(())
    }

    fn named(&mut self, field: &str, name: &str) -> Result<&mut Asset> {
        let found = self.assets.iter_mut().find(|asset| asset.name() == name);
        found.ok_or_else(|| Error::invalid(format!("state.{field} names {name:?}, expected an asset of the site")))
    }

    fn set_previous(&mut self, previous: &[PreviousPower]) {
        let steps = self.horizon.len();
        let Some(stay) = &mut self.stay else { return };
        if stay.previous.is_empty() {
            stay.previous = previous.to_vec();
        }
        for stays in &mut stay.previous {
            if let Some(previous) = previous.iter().find(|previous| previous.asset == stays.asset) {
                stays.power_w.clone_from(&previous.power_w);
                stays.power_w.resize(steps, None);
            }
        }
    }

    /// The site without the numbers of its profiles, to take parts into.
    pub(in crate::optimize) fn outline(&self) -> Self {
        let mut outline = self.clone();
        outline.profiles_mut().into_iter().for_each(|profile| {
            if let Profile::Steps(values) = profile {
                *values = Vec::new();
            }
        });
        if let Some(stay) = &mut outline.stay {
            stay.previous.iter_mut().for_each(|previous| previous.power_w = Vec::new());
        }
        outline
    }

    /// Makes an outline of a site into a part of it.
    pub(in crate::optimize) fn take_part(&mut self, whole: &Self, steps: Range<usize>) -> Result<()> {
        if steps.end > whole.horizon.len() || steps.start >= steps.end {
            let (from, to, have) = (steps.start, steps.end, whole.horizon.len());
            return Err(Error::invalid(format!("part is steps {from}..{to}, expected some of the horizon's {have}")));
        }
        self.horizon = whole.horizon.part(steps.clone())?;
        for (part, whole) in self.profiles_mut().into_iter().zip(whole.profiles()) {
            *part = whole.part(steps.clone());
        }
        for (part, whole) in self.assets.iter_mut().zip(&whole.assets) {
            part.take_part(whole, &self.horizon);
        }
        if let (Some(part), Some(whole)) = (&mut self.stay, &whole.stay) {
            for (part, whole) in part.previous.iter_mut().zip(&whole.previous) {
                part.power_w = whole.power_w.get(steps.clone()).unwrap_or_default().to_vec();
            }
        }
        Ok(())
    }

    fn profiles_mut(&mut self) -> Vec<&mut Profile> {
        let assets = self.assets.iter_mut().flat_map(Asset::profiles_mut);
        let links = self.links.iter_mut().flat_map(super::super::Link::link_profiles_mut);
        let reserve = self.reserve.as_mut().map(|reserve| ("up_w", &mut reserve.up_w));
        assets.chain(links).chain(reserve).map(|(_, profile)| profile).collect()
    }

    fn profiles(&self) -> Vec<&Profile> {
        let assets = self.assets.iter().flat_map(Asset::profiles);
        let links = self.links.iter().flat_map(super::super::Link::link_profiles);
        let reserve = self.reserve.as_ref().map(|reserve| ("up_w", &reserve.up_w));
        assets.chain(links).chain(reserve).map(|(_, profile)| profile).collect()
    }
}

impl Asset {
    /// What beside profiles changes with the horizon.
    fn take_part(&mut self, whole: &Self, horizon: &Horizon) {
        match (self, whole) {
            (Self::Battery(part), Self::Battery(whole)) => {
                part.terminal = settled(whole.terminal, whole.initial_wh, whole.capacity_wh);
            }
            (Self::HeatPump(part), Self::HeatPump(whole)) => {
                if let (Heat::Tank(part), Heat::Tank(whole)) = (&mut part.heat, &whole.heat) {
                    part.terminal = settled(whole.terminal, whole.initial_wh, whole.capacity_wh);
                }
            }
            (Self::Ev(part), Self::Ev(whole)) => {
                let meets =
                    |departure: Timestamp, arrival: Timestamp| departure > horizon.start() && arrival < horizon.end();
                let sessions = whole.sessions.iter().filter(|session| meets(session.departure, session.arrival));
                part.sessions = sessions.cloned().collect();
            }
            (Self::Deferrable(part), Self::Deferrable(whole)) => {
                let is_over = whole.latest.is_some_and(|latest| latest <= horizon.start());
                let is_later = whole.earliest.is_some_and(|earliest| earliest >= horizon.end());
                part.run_time = if is_over || is_later { Span::from_micros(0) } else { whole.run_time };
            }
            _ => {}
        }
    }

    fn set_energy(&mut self, wh: f64, now: Timestamp) -> Result<()> {
        match self {
            Self::Battery(battery) => battery.initial_wh = wh,
            Self::HeatPump(super::super::HeatPump { heat: Heat::Tank(Tank { initial_wh, .. }), .. }) => *initial_wh = wh,
            Self::Ev(ev) => {
                let there = |session: &&mut super::super::Session| session.arrival <= now && now < session.departure;
                // A vehicle that is away has no energy to be known; what it comes with is said by its session.
                if let Some(session) = ev.sessions.iter_mut().find(there) {
                    session.initial_wh = wh;
                }
            }
            _ => return Err(self.has_no("energy_wh", "a battery, a vehicle or a heat pump with a tank")),
        }
        Ok(())
    }

    fn set_temperature(&mut self, celsius: f64) -> Result<()> {
        if let Self::HeatPump(pump) = self
            && let Heat::Building(building) = &mut pump.heat
        {
            building.initial_c = celsius;
            return Ok(());
        }
        Err(self.has_no("temperature_c", "a heat pump with a building"))
    }

    fn set_running(&mut self, running: &super::Running) -> Result<()> {
        match self {
            Self::Genset(genset) => {
                genset.initially_on = running.on;
                genset.initial_since = Some(running.since);
                genset.initial_w = Some(running.power_w);
            }
            Self::HeatPump(pump) => {
                pump.initially_on = running.on;
                pump.initial_since = Some(running.since);
            }
            Self::Ev(ev) => ev.initially_charging = running.on,
            _ => return Err(self.has_no("running", "a genset, a heat pump or a vehicle")),
        }
        Ok(())
    }

    fn set_peak(&mut self, charge: usize, watts: f64) -> Result<()> {
        let name = self.name().to_owned();
        let Self::Grid(grid) = self else { return Err(self.has_no("peak_w", "a grid")) };
        let have = grid.demand_charges.len();
        let charge = grid.demand_charges.get_mut(charge).ok_or_else(|| {
            Error::invalid(format!("state.peak_w is of demand charge {charge} of {name}, expected one of its {have}"))
        })?;
        charge.peak_so_far_w = charge.peak_so_far_w.max(watts);
        Ok(())
    }

    fn set_done(&mut self, done: &super::DeferrableState, step: Span) -> Result<()> {
        let Self::Deferrable(deferrable) = self else { return Err(self.has_no("done", "a deferrable load")) };
        let left = deferrable.run_time.as_micros().saturating_sub(done.run.as_micros()).max(0);
        deferrable.run_time = Span::from_micros(left);
        deferrable.running = done.running && left > 0;
        let steps_run = usize::try_from(done.run.as_micros() / step.as_micros()).unwrap_or(0);
        deferrable.shape_w.drain(..steps_run.min(deferrable.shape_w.len()));
        Ok(())
    }

    fn has_no(&self, field: &str, expected: &str) -> Error {
        Error::invalid(format!("state.{field} names {:?}, a {}, expected {expected}", self.name(), self.kind()))
    }
}

/// What is asked at the end, whatever the state that a part of the horizon starts in. What was measured a little outside of the
/// capacity counts as full or empty, as it does in a check.
fn settled(terminal: Terminal, initial_wh: f64, capacity_wh: f64) -> Terminal {
    match terminal {
        Terminal::AtLeastInitial => Terminal::AtLeastWh(initial_wh.min(capacity_wh).max(0.0)),
        told => told,
    }
}
