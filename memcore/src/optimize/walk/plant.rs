//! A small model of the site that keeps physics: it is told what to do in a step, and does as much of it as is possible.

use super::super::checked::Checked;
use super::super::meaning::hours_of;
use super::super::{Asset, Battery, Ev, Genset, Heat, HeatPump, Load, Quantity, Running, Schedule, Site, Source, State};
use crate::model::Span;

/// What counts as nothing, in W.
const NOTHING_W: f64 = 1e-6;

/// Who makes up first for what was not planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Closes {
    /// The grid, so that stores follow their plan.
    GridFirst,
    /// Batteries as far as they then rest, then the grid.
    BatteryToRest,
    /// Batteries, so that the site uses its own energy.
    BatteryFirst,
}

/// What parts are asked to do in a step.
pub(super) trait Wishes {
    /// The wished value of a column of a part; zero where nothing is wished.
    fn wish(&self, plant: &Plant<'_>, part: usize, quantity: Quantity, step: usize) -> f64;

    /// Who makes up first for what a bus lacks (W; below zero: has too much) against what was wished.
    fn closes(&self, plant: &Plant<'_>, bus: usize, step: usize, lack: f64) -> Closes;
}

/// A site that is being walked, and what it has done.
pub(super) struct Plant<'a> {
    pub(super) checked: &'a Checked<'a>,
    pub(super) schedule: Schedule,
    /// The energy or temperature of each part before the step that comes.
    pub(super) held: Vec<f64>,
    /// Whether each part runs, and for how many hours it has.
    running: Vec<(bool, f64)>,
    /// How many hours each deferrable load has run.
    pub(super) run_hours: Vec<f64>,
    peaks: Vec<Peak>,
    /// Balances that nothing could close, in kWh.
    pub(super) unresolved_kwh: f64,
}

/// A demand charge on its way.
struct Peak {
    part: usize,
    charge: usize,
    intervals: Vec<Vec<(usize, f64)>>,
    next: usize,
    highest_w: f64,
}

impl<'a> Plant<'a> {
    pub(super) fn new(checked: &'a Checked<'a>) -> Self {
        let site = checked.site;
        let running = site.assets.iter().map(|asset| match asset {
            Asset::Genset(genset) => (genset.initially_on, genset.initial_since.map_or(f64::INFINITY, hours_of)),
            Asset::HeatPump(pump) => (pump.initially_on, pump.initial_since.map_or(f64::INFINITY, hours_of)),
            Asset::Deferrable(load) => (load.running, 0.0),
            _ => (false, 0.0),
        });
        Self {
            checked,
            schedule: Schedule::zeros(site),
            held: site.assets.iter().map(initially_held).collect(),
            running: running.collect(),
            run_hours: vec![0.0; site.assets.len()],
            peaks: peaks(checked),
            unresolved_kwh: 0.0,
        }
    }

    pub(super) fn value(&self, part: usize, quantity: Quantity, step: usize) -> f64 {
        self.schedule.get(part, quantity).map_or(0.0, |column| column[step])
    }

    fn set(&mut self, part: usize, quantity: Quantity, step: usize, value: f64) {
        self.schedule.column_mut(part, quantity)[step] = value;
    }

    /// Carries a step out.
    pub(super) fn step(&mut self, step: usize, wishes: &dyn Wishes) {
        let site: &'a Site = self.checked.site;
        for (part, asset) in site.assets.iter().enumerate() {
            let wish = |quantity| wishes.wish(self, part, quantity, step);
            match asset {
                Asset::Grid(_) => {
                    for quantity in [Quantity::Import, Quantity::Export] {
                        let planned = wishes.wish(self, part, quantity, step);
                        self.set(part, quantity, step, planned);
                    }
                }
                Asset::Pv(source) => {
                    let (used, curtailed) = (wish(Quantity::Used), wish(Quantity::Curtailed));
                    self.use_source(part, source, step, used, curtailed);
                }
                Asset::Load(load) => {
                    let shed = wish(Quantity::Shed);
                    self.serve(part, load, step, shed);
                }
                Asset::Battery(battery) => {
                    let net = wish(Quantity::Charge) - wish(Quantity::Discharge);
                    self.move_battery(part, battery, step, net);
                }
                Asset::Ev(ev) => {
                    let net = wish(Quantity::Charge) - wish(Quantity::Discharge);
                    self.arrive(part, ev, step);
                    self.move_vehicle(part, ev, step, net);
                }
                Asset::Deferrable(_) => {
                    let (power, on) = (wish(Quantity::Power), wish(Quantity::On));
                    self.set(part, Quantity::Power, step, power);
                    self.set(part, Quantity::On, step, on);
                }
                Asset::HeatPump(pump) => {
                    let power = wish(Quantity::Power);
                    self.heat(part, pump, step, power);
                }
                Asset::Genset(genset) => {
                    let (power, on) = (wish(Quantity::Power), wish(Quantity::On) > 0.5);
                    self.run_genset(part, genset, step, on, power);
                }
            }
        }
        for (place, _) in site.links.iter().enumerate() {
            let part = site.assets.len() + place;
            for quantity in [Quantity::Forward, Quantity::Reverse] {
                let sent = wishes.wish(self, part, quantity, step);
                self.set(part, quantity, step, sent);
            }
        }
        self.close_buses(step, wishes);
        self.end_step(step, wishes);
    }

    fn use_source(&mut self, part: usize, source: &Source, step: usize, used: f64, curtailed: f64) {
        let available = source.available_w.at(step).max(0.0);
        // A plan that curtails is a limit; one that does not takes what comes.
        let taken = if source.curtailable && curtailed > 1.0 { used.min(available) } else { available };
        self.set(part, Quantity::Used, step, taken);
        self.set(part, Quantity::Curtailed, step, available - taken);
    }

    fn serve(&mut self, part: usize, load: &Load, step: usize, shed: f64) {
        let power = load.power_w.at(step);
        let most = self.checked.shedding(load).map_or(0.0, |(_, share)| share * power);
        let shed = shed.min(most);
        self.set(part, Quantity::Shed, step, shed);
        self.set(part, Quantity::Served, step, power - shed);
    }

    /// How much a battery can be charged and discharged with in a step, in W.
    fn battery_room(&self, part: usize, battery: &Battery, step: usize) -> (f64, f64) {
        let hours = self.checked.hours[step];
        let kept = self.checked.kept(battery.self_discharge_per_hour, step) * self.held[part];
        let bounds = self.checked.energy_bounds(battery, step);
        let (charge, discharge) = self.checked.battery_limits_w(battery, step);
        let room = (bounds.max_wh - kept).max(0.0) / battery.charge_efficiency / hours;
        let there = (kept - bounds.min_wh).max(0.0) * battery.discharge_efficiency / hours;
        (charge.min(room), discharge.min(there))
    }

    fn move_battery(&mut self, part: usize, battery: &Battery, step: usize, net: f64) {
        let (room, there) = self.battery_room(part, battery, step);
        self.set(part, Quantity::Charge, step, net.clamp(0.0, room));
        self.set(part, Quantity::Discharge, step, (-net).clamp(0.0, there));
    }

    /// A vehicle comes with what its session says, and one that is away has nothing.
    fn arrive(&mut self, part: usize, ev: &Ev, step: usize) {
        let Some(session) = self.session(ev, step) else {
            self.held[part] = 0.0;
            return;
        };
        if self.checked.session_steps(session).start == step {
            self.held[part] = session.initial_wh;
        }
    }

    fn session(&self, ev: &'a Ev, step: usize) -> Option<&'a super::super::Session> {
        let start = self.checked.site.horizon.starts()[step];
        let place = ev.sessions.partition_point(|session| session.departure <= start);
        ev.sessions.get(place).filter(|session| self.checked.session_steps(session).contains(&step))
    }

    fn move_vehicle(&mut self, part: usize, ev: &Ev, step: usize, net: f64) {
        let hours = self.checked.hours[step];
        let limit = self.checked.site.assets.get(part).and_then(|asset| match asset {
            Asset::Ev(ev) => self.session(ev, step).map(|session| self.checked.session_limit_wh(ev, session)),
            _ => None,
        });
        let Some(limit) = limit else { return };
        let room = (limit - self.held[part]).max(0.0) / ev.charge_efficiency / hours;
        let there = (self.held[part] * ev.discharge_efficiency / hours).min(ev.discharge_limit_w);
        self.set(part, Quantity::Charge, step, net.clamp(0.0, room));
        self.set(part, Quantity::Discharge, step, (-net).clamp(0.0, there));
    }

    fn heat(&mut self, part: usize, pump: &HeatPump, step: usize, power: f64) {
        let cop = pump.cop.at(step);
        let mut power = power.clamp(0.0, pump.max_w.at(step));
        if let Heat::Tank(tank) = &pump.heat {
            let hours = self.checked.hours[step];
            let kept = self.checked.kept(tank.loss_per_hour, step) * self.held[part];
            let room = (tank.capacity_wh - kept) / hours + tank.demand_w.at(step);
            power = power.min((room / cop).max(0.0));
            let after = kept + (power * cop - tank.demand_w.at(step)) * hours;
            let unmet = (tank.min_wh.at(step).max(0.0) - after).max(0.0) / hours;
            self.set(part, Quantity::Unmet, step, unmet);
        }
        self.set(part, Quantity::Power, step, power);
        self.set(part, Quantity::On, step, f64::from(power > NOTHING_W));
        self.set(part, Quantity::Heat, step, power * cop);
    }

    fn run_genset(&mut self, part: usize, genset: &Genset, step: usize, on: bool, power: f64) {
        self.set(part, Quantity::On, step, f64::from(on));
        let power = if on { power.clamp(genset.min_w, genset.max_w) } else { 0.0 };
        self.set(part, Quantity::Power, step, power);
    }

    /// What each part holds at the end of a step, what runs, and the peaks that are complete.
    fn end_step(&mut self, step: usize, wishes: &dyn Wishes) {
        let site: &'a Site = self.checked.site;
        let hours = self.checked.hours[step];
        for (part, asset) in site.assets.iter().enumerate() {
            self.hold(part, asset, step, hours);
            if let (Asset::Battery(_) | Asset::Genset(_), Some(_)) = (asset, &site.reserve) {
                let wished = wishes.wish(self, part, Quantity::Reserve, step);
                let counted = self.spare_w(part, asset, step).min(wished).max(0.0);
                self.set(part, Quantity::Reserve, step, counted);
            }
            if matches!(asset, Asset::Genset(_) | Asset::HeatPump(_) | Asset::Deferrable(_)) {
                let on = self.value(part, Quantity::On, step) > 0.5;
                let (was, since) = self.running[part];
                self.running[part] = (on, if on == was { since + hours } else { hours });
                self.run_hours[part] += if on { hours } else { 0.0 };
            }
        }
        for place in 0..self.peaks.len() {
            self.end_interval(place, step);
        }
    }

    fn hold(&mut self, part: usize, asset: &Asset, step: usize, hours: f64) {
        let at = |quantity| self.value(part, quantity, step);
        let (charge, discharge) = (at(Quantity::Charge), at(Quantity::Discharge));
        let before = self.held[part];
        let (quantity, after) = match asset {
            Asset::Battery(battery) => {
                let kept = self.checked.kept(battery.self_discharge_per_hour, step) * before;
                let gained = charge * battery.charge_efficiency - discharge / battery.discharge_efficiency;
                (Quantity::Energy, kept + gained * hours)
            }
            Asset::Ev(ev) => {
                let gained = charge * ev.charge_efficiency - discharge / ev.discharge_efficiency;
                (Quantity::Energy, before + gained * hours)
            }
            Asset::HeatPump(pump) => match &pump.heat {
                Heat::Tank(tank) => {
                    let net = at(Quantity::Heat) + at(Quantity::Unmet) - tank.demand_w.at(step);
                    (Quantity::Energy, self.checked.kept(tank.loss_per_hour, step) * before + net * hours)
                }
                Heat::Building(building) => {
                    let (keep, per_heat_w, drift) = self.checked.building_step(building, step);
                    (Quantity::Temperature, keep * before + per_heat_w * at(Quantity::Heat) + drift)
                }
            },
            _ => return,
        };
        self.held[part] = after;
        self.set(part, quantity, step, after);
    }

    /// How much more a part could give, for the reserve.
    fn spare_w(&self, part: usize, asset: &Asset, step: usize) -> f64 {
        match asset {
            Asset::Genset(genset) => {
                genset.max_w * self.value(part, Quantity::On, step) - self.value(part, Quantity::Power, step)
            }
            Asset::Battery(battery) => {
                let lasts = self.checked.site.reserve.as_ref().map_or(1.0, |reserve| self.checked.reserve_terms(reserve).0);
                let spare = self.held[part] - self.checked.energy_bounds(battery, step).min_wh;
                let net = self.value(part, Quantity::Charge, step) - self.value(part, Quantity::Discharge, step);
                let limit = self.checked.battery_limits_w(battery, step).1;
                (limit + net).min(spare * battery.discharge_efficiency / lasts)
            }
            _ => 0.0,
        }
    }

    fn end_interval(&mut self, place: usize, step: usize) {
        let peak = &self.peaks[place];
        let Some(interval) = peak.intervals.get(peak.next) else { return };
        if interval.last().is_none_or(|(last, _)| *last > step) {
            return;
        }
        let import = self.schedule.column(peak.part, Quantity::Import);
        let mean: f64 = interval.iter().map(|(step, weight)| weight * import[*step]).sum();
        let peak = &mut self.peaks[place];
        peak.highest_w = peak.highest_w.max(mean);
        peak.next += 1;
    }

    /// The state before the step that comes.
    pub(super) fn state(&self, step: usize) -> State {
        let site = self.checked.site;
        let mut state = State { at: Some(site.horizon.borders()[step]), ..State::default() };
        for (part, asset) in site.assets.iter().enumerate() {
            let name = || asset.name().to_owned();
            match asset {
                Asset::Battery(_) => state.energy_wh.push((name(), self.held[part])),
                // What a vehicle comes with is said by its session, until it has begun.
                Asset::Ev(ev) => {
                    let begun = self.session(ev, step).filter(|session| self.checked.session_steps(session).start < step);
                    state.energy_wh.extend(begun.map(|_| (name(), self.held[part])));
                    if let Some(before) = step.checked_sub(1) {
                        let on = begun.is_some_and(|session| self.charging(part, ev, session, step));
                        let power_w = self.value(part, Quantity::Charge, before);
                        state.running.push(Running { part: name(), on, since: Span::default(), power_w });
                    }
                }
                Asset::HeatPump(pump) if matches!(pump.heat, Heat::Tank(_)) => {
                    state.energy_wh.push((name(), self.held[part]));
                }
                Asset::HeatPump(_) => state.temperature_c.push((name(), self.held[part])),
                Asset::Deferrable(_) => {
                    let run = Span::from_micros((self.run_hours[part] * 3.6e9).round() as i64);
                    state.done.push((name(), super::super::DeferrableState { run, running: self.running[part].0 }));
                }
                _ => {}
            }
            if step > 0 && matches!(asset, Asset::Genset(_) | Asset::HeatPump(_)) {
                let (on, hours) = self.running[part];
                let since = Span::from_micros((hours.min(1e6) * 3.6e9).round() as i64);
                state.running.push(Running {
                    part: name(),
                    on,
                    since,
                    power_w: self.value(part, Quantity::Power, step - 1),
                });
            }
        }
        let peak = |peak: &Peak| (site.assets[peak.part].name().to_owned(), peak.charge, peak.highest_w);
        state.peak_w = self.peaks.iter().map(peak).collect();
        state
    }

    /// Whether a vehicle that is there charges; where a pause is no stop, whether it has begun to.
    fn charging(&self, part: usize, ev: &Ev, session: &super::super::Session, step: usize) -> bool {
        let first = self.checked.session_steps(session).start;
        let charges = |step: usize| self.value(part, Quantity::Charge, step) > 1e-3;
        match ev.pause_is_stop() {
            true => charges(step - 1),
            false => (first..step).any(charges) || self.checked.goes_on_charging(ev, first),
        }
    }

    /// How a battery or vehicle could still be moved in a step: how much less it could take, or more give, and the other way round.
    pub(super) fn battery_moves(&self, part: usize, battery: &Battery, step: usize) -> (f64, f64) {
        let (room, there) = self.battery_room(part, battery, step);
        let net = self.value(part, Quantity::Charge, step) - self.value(part, Quantity::Discharge, step);
        ((there + net).max(0.0), (room - net).max(0.0))
    }

    /// The most that a battery could give in a step, in W.
    pub(super) fn battery_can_give(&self, part: usize, battery: &Battery, step: usize) -> f64 {
        self.battery_room(part, battery, step).1
    }

    /// Moves a battery by so much power towards giving.
    pub(super) fn give_more(&mut self, part: usize, step: usize, watts: f64) {
        let net = self.value(part, Quantity::Charge, step) - self.value(part, Quantity::Discharge, step) - watts;
        self.set(part, Quantity::Charge, step, net.max(0.0));
        self.set(part, Quantity::Discharge, step, (-net).max(0.0));
    }

    pub(super) fn put(&mut self, part: usize, quantity: Quantity, step: usize, value: f64) {
        self.set(part, quantity, step, value);
    }
}

fn initially_held(asset: &Asset) -> f64 {
    match asset {
        Asset::Battery(battery) => battery.initial_wh,
        Asset::HeatPump(HeatPump { heat: Heat::Tank(tank), .. }) => tank.initial_wh,
        Asset::HeatPump(HeatPump { heat: Heat::Building(building), .. }) => building.initial_c,
        _ => 0.0,
    }
}

fn peaks(checked: &Checked<'_>) -> Vec<Peak> {
    let mut peaks = Vec::new();
    for (part, asset) in checked.assets() {
        let Asset::Grid(grid) = asset else { continue };
        for (place, charge) in grid.demand_charges.iter().enumerate() {
            let intervals = checked.demand_intervals(charge);
            peaks.push(Peak { part, charge: place, intervals, next: 0, highest_w: charge.peak_so_far_w });
        }
    }
    peaks
}
