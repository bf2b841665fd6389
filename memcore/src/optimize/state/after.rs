//! The state in which a schedule leaves a site after some of its steps.

use super::super::checked::Checked;
use super::super::{
    Asset, Deferrable, Ev, Genset, Grid, Heat, HeatPump, Plan, PreviousPower, Quantity, Schedule, Session, Site,
};
use super::{DeferrableState, Running, State};
use crate::error::{Error, Result};
use crate::model::Span;

/// What has stood or run since before anybody knows has done so for longer than any least time: a year.
const LONG: Span = Span::from_seconds(365 * 86_400);
/// A charge below this is none, in W.
const NOTHING_W: f64 = 1e-3;

impl Plan {
    /// The state of the site after so many steps of this plan, to go on from: `site.from_step(steps)?.at_state(&state)`.
    ///
    /// An interval of a demand charge counts once all of its steps are past.
    ///
    /// # Errors
    /// Invalid where the plan has not so many steps, or is not of this site.
    pub fn state_after(&self, site: &Site, steps: usize) -> Result<State> {
        if self.horizon != site.horizon || self.parts.len() != site.assets.len() + site.links.len() {
            return Err(Error::invalid("the plan is not of this site, expected the site that it was made for"));
        }
        state_after(&site.checked()?, &self.schedule, steps)
    }
}

/// The state of a site after so many steps of a schedule.
pub(in crate::optimize) fn state_after(checked: &Checked<'_>, schedule: &Schedule, steps: usize) -> Result<State> {
    let horizon = &checked.site.horizon;
    if steps > horizon.len() {
        return Err(Error::invalid(format!("state after {steps} steps, expected at most the plan's {}", horizon.len())));
    }
    let mut after = After { checked, schedule, steps, state: State::default() };
    after.state.at = Some(horizon.borders()[steps]);
    for (part, asset) in checked.assets() {
        after.take(part, asset);
    }
    Ok(after.state)
}

struct After<'a> {
    checked: &'a Checked<'a>,
    schedule: &'a Schedule,
    /// How many steps are past.
    steps: usize,
    state: State,
}

impl After<'_> {
    fn take(&mut self, part: usize, asset: &Asset) {
        let name = asset.name().to_owned();
        match asset {
            Asset::Battery(battery) => {
                let energy = self.last(part, Quantity::Energy).unwrap_or(battery.initial_wh);
                self.state.energy_wh.push((name, energy));
            }
            Asset::Ev(ev) => {
                let now = self.checked.site.horizon.borders()[self.steps];
                // One that came within the step before has not begun yet: what it came with stands.
                let begun = |session: &&Session| self.checked.session_steps(session).start < self.steps;
                let mut there = ev.sessions.iter().filter(|session| session.arrival < now && now < session.departure);
                let session = there.find(begun);
                if let (Some(_), Some(energy)) = (session, self.last(part, Quantity::Energy)) {
                    self.state.energy_wh.push((name, energy));
                }
                if self.steps > 0 {
                    let on = session.is_some_and(|session| self.charging(part, ev, session));
                    let power_w = self.last(part, Quantity::Charge).unwrap_or(0.0);
                    self.state.running.push(Running { part: ev.name.clone(), on, since: Span::default(), power_w });
                }
            }
            Asset::HeatPump(pump) => self.take_heat_pump(part, pump),
            Asset::Genset(genset) => self.take_genset(part, genset),
            Asset::Grid(grid) => self.take_grid(part, grid),
            Asset::Deferrable(deferrable) => self.take_deferrable(part, deferrable),
            Asset::Pv(_) | Asset::Load(_) => {}
        }
        let power_w: Vec<_> =
            (self.steps..self.checked.steps()).map(|at| Some(self.schedule.net_power(part, at))).collect();
        if !power_w.is_empty() {
            self.state.previous.push(PreviousPower { asset: asset.name().to_owned(), power_w });
        }
    }

    /// Whether a vehicle has begun to charge in its session, and has not stopped where a pause is a stop.
    fn charging(&self, part: usize, ev: &Ev, session: &Session) -> bool {
        let first = self.checked.session_steps(session).start;
        let charges = |charge: &f64| *charge > NOTHING_W;
        let past = &self.past(part, Quantity::Charge)[first..];
        match ev.pause_is_stop() {
            true => past.last().is_some_and(charges),
            false => past.iter().any(charges) || self.checked.goes_on_charging(ev, first),
        }
    }

    fn take_heat_pump(&mut self, part: usize, pump: &HeatPump) {
        match &pump.heat {
            Heat::Tank(tank) => {
                let energy = self.last(part, Quantity::Energy).unwrap_or(tank.initial_wh);
                self.state.energy_wh.push((pump.name.clone(), energy));
            }
            Heat::Building(building) => {
                let temperature = self.last(part, Quantity::Temperature).unwrap_or(building.initial_c);
                self.state.temperature_c.push((pump.name.clone(), temperature));
            }
        }
        let running = self.running(part, &pump.name, (pump.initially_on, pump.initial_since.unwrap_or(LONG)), 0.0);
        self.state.running.push(running);
    }

    fn take_genset(&mut self, part: usize, genset: &Genset) {
        let before = (genset.initially_on, genset.initial_since.unwrap_or(LONG));
        let running = self.running(part, &genset.name, before, genset.initial_w.unwrap_or(0.0));
        // Whether the ramp binds the first step is not to change where nothing was said and nothing ran.
        if self.steps > 0 || genset.initial_w.is_some() {
            self.state.running.push(running);
        }
    }

    /// Whether a part runs, and since when, where `before` says the same of the horizon's start.
    fn running(&self, part: usize, name: &str, before: (bool, Span), power_before: f64) -> Running {
        let on: Vec<bool> = self.past(part, Quantity::On).iter().map(|on| *on > 0.5).collect();
        let now = on.last().copied().unwrap_or(before.0);
        let changed = on.iter().rposition(|other| *other != now);
        let borders = self.checked.site.horizon.borders();
        let first = changed.map_or(0, |changed| changed + 1);
        let mut since = borders[self.steps].since(borders[first]);
        if changed.is_none() && before.0 == now {
            since = Span::from_micros(since.as_micros().saturating_add(before.1.as_micros()));
        }
        let power_w = self.last(part, Quantity::Power).unwrap_or(power_before);
        Running { part: name.to_owned(), on: now, since, power_w }
    }

    fn take_grid(&mut self, part: usize, grid: &Grid) {
        let import = self.schedule.column(part, Quantity::Import);
        for (place, charge) in grid.demand_charges.iter().enumerate() {
            let intervals = self.checked.demand_intervals(charge);
            let past = intervals.iter().filter(|steps| steps.iter().all(|(step, _)| *step < self.steps));
            let means = past.map(|steps| steps.iter().map(|(step, weight)| weight * import[*step]).sum());
            let peak = means.fold(charge.peak_so_far_w, f64::max);
            self.state.peak_w.push((grid.name.clone(), place, peak));
        }
    }

    fn take_deferrable(&mut self, part: usize, deferrable: &Deferrable) {
        let on = self.past(part, Quantity::On);
        let hours = on.iter().enumerate().filter(|(_, on)| **on > 0.5).map(|(step, _)| self.checked.hours[step]);
        let run = Span::from_micros((hours.sum::<f64>() * 3.6e9).round() as i64);
        let running = on.last().map_or(deferrable.running, |on| *on > 0.5);
        self.state.done.push((deferrable.name.clone(), DeferrableState { run, running }));
    }

    fn past(&self, part: usize, quantity: Quantity) -> &[f64] {
        &self.schedule.column(part, quantity)[..self.steps]
    }

    fn last(&self, part: usize, quantity: Quantity) -> Option<f64> {
        self.past(part, quantity).last().copied()
    }
}
