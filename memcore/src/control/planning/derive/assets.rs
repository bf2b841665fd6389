//! Each asset as the optimizer has it, or why it has no part in the plan.

use super::Making;
use super::bounds::Bounds;
use crate::control::site::{Heat, HeatBuilding, HeatTank};
use crate::control::{CheckedAsset, Measure, PhaseUse, Role, Steps};
use crate::model::Name;
use crate::optimize::{Battery, Building, Charging, Ev, Genset, HeatPump, Load, Phases, Session, Source, Tank, Terminal};

/// What a kWh of a genset counts as where nothing is said of its fuel.
const FUEL_PER_KWH: f64 = 1.0;
/// The highest place in the order of shedding that plans know.
const LAST_SHED: usize = 9;

/// The share of its usable energy that a battery shall hold at the end of a plan.
///
/// It is the same in every plan. With what it began with instead, each plan would take what the one before left for granted, and
/// the battery would drift down evening by evening, or stay full for good.
const KEPT_AT_END: f64 = 0.5;
/// The same where no grid is at hand: filling a battery then costs fuel, so a plan asks for less.
const KEPT_ON_ISLAND: f64 = 0.25;
/// For how long a reserve must last, in h.
const RESERVE_H: f64 = 1.0;
/// At most so much of the plan's time is spent on reaching it.
const TIME_TO_REACH: f64 = 0.25;

impl Making<'_> {
    pub(super) fn battery(&self, place: usize, bounds: &Bounds) -> Result<Battery, String> {
        let asset = &self.model.assets[place];
        if asset.setpoint.is_none() && self.model.forming != Some(place) {
            return Err("it is not controlled".to_owned());
        }
        let storage = asset.storage.as_ref().ok_or("it has no storage")?;
        let soc = self.fresh(place, Measure::Soc).ok_or("its state of charge is not known")?;
        let island = self.islanded() || self.model.grid.is_none();
        let reserved = self.model.model.island.as_ref().map_or(0.0, |island| island.reserve_soc);
        let least = if island { storage.min_soc } else { storage.min_soc.max(reserved) };
        let capacity_wh = storage.capacity_wh;
        let held_wh = (soc * capacity_wh).clamp(0.0, capacity_wh);
        let charge = self.profile(|step| bounds.high_w(place, step).max(0.0));
        // What stays ready is kept back, for the hour that it may take until somebody comes.
        let reserve_w = self.reserve_w() * -asset.low_w / self.reserve_power_w().max(-asset.low_w).max(1.0);
        let discharge = self.profile(|step| (-bounds.low_w(place, step) - reserve_w).max(0.0));
        let kept_wh = reserve_w * RESERVE_H / storage.discharge_efficiency;
        let least = (least + kept_wh / storage.capacity_wh).min(storage.max_soc);
        let share = if island { KEPT_ON_ISLAND } else { KEPT_AT_END };
        let wanted = least + share * (storage.max_soc - least);
        let hours: f64 = self.horizon.step_hours().iter().sum();
        let reached = held_wh + TIME_TO_REACH * hours * asset.high_w.max(0.0) * storage.charge_efficiency;
        let end_wh = (wanted * capacity_wh).min(reached).max(0.0);
        Ok(Battery::new(asset.name.as_str(), capacity_wh, charge, discharge, held_wh)
            .charge_efficiency(storage.charge_efficiency)
            .discharge_efficiency(storage.discharge_efficiency)
            .wear_per_kwh(storage.wear_per_kwh)
            .min_wh(least * capacity_wh)
            .max_wh(storage.max_soc * capacity_wh)
            .terminal(Terminal::AtLeastWh(end_wh)))
    }

    /// A vehicle that is there. One that is not has no part in the plan, and nothing is to be said about it.
    pub(super) fn vehicle(&self, place: usize, bounds: &Bounds) -> Result<Ev, String> {
        let asset = &self.model.assets[place];
        let Some(vehicle) = &asset.described.vehicle else { return Err(String::new()) };
        if asset.setpoint.is_none() {
            return Err("its charger is not controlled".to_owned());
        }
        if asset.described.connected.is_some() {
            let connected = self.fresh(place, Measure::Connected).ok_or("nobody knows whether it is connected")?;
            if connected < 0.5 {
                return Err(String::new());
            }
        }
        let soc = self.fresh(place, Measure::Soc).ok_or("its state of charge is not known")?;
        let least = (0..self.horizon.len()).map(|step| bounds.high_w(place, step)).fold(asset.high_w, f64::min);
        let charging = charging(asset, least)?;
        let start = self.horizon.start();
        let told = self.expected.departures.iter().find(|(name, leaves)| *name == asset.name && *leaves > start);
        let by_clock = || asset.departure.and_then(|time| time.next_after(start, &self.model.zone));
        let departure = told.map(|(_, leaves)| *leaves).or_else(by_clock);
        let capacity_wh = vehicle.capacity_wh;
        let session = Session {
            arrival: start,
            departure: departure.unwrap_or(self.horizon.end()),
            initial_wh: (soc * capacity_wh).clamp(0.0, capacity_wh),
            target_wh: vehicle.target_soc * capacity_wh,
            limit_wh: None,
        };
        let ev = Ev::new(asset.name.as_str(), capacity_wh, vec![session], charging)
            .charge_efficiency(vehicle.charge_efficiency)
            .initially_charging(self.runs(place));
        Ok(ev.discharge_limit_w((-asset.low_w).max(0.0)))
    }

    pub(super) fn heat_pump(&self, place: usize, bounds: &Bounds) -> Result<HeatPump, String> {
        let asset = &self.model.assets[place];
        let Some(heat) = asset.described.heat else { return Err(String::new()) };
        if asset.setpoint.is_none() {
            return Err("it is not controlled".to_owned());
        }
        let temperature = self.fresh(place, Measure::Temperature).ok_or("its temperature is not known")?;
        let heat: crate::optimize::Heat = match heat {
            Heat::Building(rooms) => self.building(&rooms, temperature)?.into(),
            Heat::Tank(tank) => self::tank(&tank, temperature).into(),
        };
        let most = self.profile(|step| bounds.high_w(place, step).max(0.0));
        let cop = asset.described.cop.unwrap_or(3.0);
        let mut pump = HeatPump::new(asset.name.as_str(), most, cop, heat).min_w(least_w(asset));
        pump.min_on = asset.described.min_on;
        pump.min_off = asset.described.min_off;
        pump.initially_on = self.runs(place);
        Ok(pump)
    }

    fn building(&self, rooms: &HeatBuilding, temperature: f64) -> Result<Building, String> {
        if self.expected.outdoor_c.is_empty() {
            return Err("no temperature outdoors is expected".to_owned());
        }
        Ok(Building {
            capacity_wh_per_k: rooms.capacity_wh_per_k,
            loss_w_per_k: rooms.loss_w_per_k,
            outdoor_c: self.expected.outdoor_c.clone().into(),
            gains_w: rooms.gains_w.into(),
            initial_c: temperature,
            comfort_min_c: rooms.comfort_min_c.into(),
            comfort_max_c: rooms.comfort_max_c.map(Into::into),
            discomfort_per_k_h: rooms.discomfort_per_k_h,
        })
    }

    pub(super) fn genset(&mut self, place: usize, bounds: &Bounds) -> Result<Genset, String> {
        let asset = &self.model.assets[place];
        if asset.setpoint.is_none() {
            return Err("it is not controlled".to_owned());
        }
        let most = (0..self.horizon.len()).map(|step| -bounds.low_w(place, step)).fold(-asset.low_w, f64::min);
        let least = least_w(asset);
        if most < least {
            return Err(format!("its circuit leaves {most} W, less than its least power of {least} W"));
        }
        let name = asset.name.as_str();
        let per_kwh = asset.described.fuel.as_ref().map_or(FUEL_PER_KWH, |fuel| fuel.marginal_per_kwh);
        let mut genset = Genset::new(name, least, most, per_kwh);
        match &asset.described.fuel {
            Some(fuel) => (genset.no_load_per_h, genset.start_cost) = (fuel.no_load_per_h, fuel.start_cost),
            None => self.notices.push(format!("{name}: no fuel is given, so that a kWh of it counts as {FUEL_PER_KWH}")),
        }
        (genset.min_up, genset.min_down) = (asset.described.min_on, asset.described.min_off);
        genset.initially_on = self.runs(place);
        // A ramp that is done within a step binds no plan.
        let step_min = self.horizon.step_hours().into_iter().fold(0.0, f64::max) * 60.0;
        let ramp_w_per_min = 60.0 * asset.ramp_w_per_s;
        genset.ramp_w_per_min = (ramp_w_per_min * step_min < most).then_some(ramp_w_per_min);
        Ok(genset)
    }

    /// Whether something runs now, told by its power. Since when is not known here: control itself keeps least times.
    fn runs(&self, place: usize) -> bool {
        let least = self.model.assets[place].least_w.max(1.0);
        self.fresh(place, Measure::Power).is_some_and(|power| power.abs() > 0.5 * least)
    }

    pub(super) fn source(&mut self, asset: &CheckedAsset) -> Source {
        let available = self.expected.source_w(&asset.name).cloned();
        if available.is_none() {
            self.notices.push(format!("{}: nothing is expected of it, so that the plan counts on nothing", asset.name));
        }
        let available = available.unwrap_or_else(|| vec![0.0; self.horizon.len()]);
        let positive = available.into_iter().map(|power| power.max(0.0)).collect::<Vec<_>>();
        Source::new(asset.name.as_str(), positive).curtailable(asset.setpoint.is_some())
    }

    /// A load that may be shed, of what it takes now, as far as so much is expected at all: the rest of what is expected is everything
    /// else's. None where it is not shed.
    pub(super) fn shed(&mut self, place: usize) -> Option<Load> {
        let asset = &self.model.assets[place];
        let order = asset.described.shed_order.filter(|_| asset.setpoint.is_some())?;
        let takes = self.fresh(place, Measure::Power).filter(|power| *power > 0.0)?;
        let split = |all: &mut f64| {
            let own = takes.min(*all);
            *all -= own;
            own
        };
        let own: Vec<f64> = self.load_w.iter_mut().map(split).collect();
        Some(Load::new(asset.name.as_str(), own).priority(self.shed_rank(order, &asset.name)))
    }

    /// The place of a load among those that are shed, from 0; beyond 9 they are all the last.
    fn shed_rank(&self, order: u8, name: &Name) -> u8 {
        let orders = self.model.assets.iter().filter_map(|asset| Some((asset.described.shed_order?, &asset.name)));
        let mut before: Vec<u8> =
            orders.filter(|(other, of)| *other < order && *of != name).map(|(other, _)| other).collect();
        before.sort_unstable();
        before.dedup();
        u8::try_from(before.len().min(LAST_SHED)).unwrap_or(0)
    }
}

/// What a charger can give below `most_w`.
fn charging(asset: &CheckedAsset, most_w: f64) -> Result<Charging, String> {
    let least = least_w(asset);
    let short = || format!("its circuit leaves {} W, less than its least power of {least} W", most_w.max(0.0));
    if most_w < least {
        return Err(short());
    }
    if asset.phases == PhaseUse::Switched {
        let (min_a, max_a) = (least / asset.volts, most_w / (3.0 * asset.volts));
        if min_a <= max_a {
            return Ok(Charging::Current { min_a, max_a, volts: asset.volts, phases: Phases::Switched });
        }
        // Three phases are more than there is: one phase, up to what a phase may carry.
        return Ok(Charging::Power { min_w: least, max_w: most_w.min(asset.high_w / 3.0).max(least) });
    }
    Ok(Charging::Power { min_w: least, max_w: most_w })
}

/// The least power while it runs, in W.
fn least_w(asset: &CheckedAsset) -> f64 {
    match &asset.steps {
        Steps::Levels(levels) => {
            let sided =
                levels.iter().filter(|level| if asset.role == Role::Genset { **level < 0.0 } else { **level > 0.0 });
            sided.map(|level| level.abs()).fold(f64::INFINITY, f64::min).min(asset.high_w.max(-asset.low_w))
        }
        _ => asset.least_w,
    }
}

/// A tank that holds as much as its temperature says.
fn tank(tank: &HeatTank, temperature: f64) -> Tank {
    let full = ((temperature - tank.empty_c) / (tank.full_c - tank.empty_c)).clamp(0.0, 1.0);
    Tank {
        capacity_wh: tank.capacity_wh,
        initial_wh: full * tank.capacity_wh,
        demand_w: tank.demand_w.into(),
        loss_per_hour: tank.loss_per_hour,
        terminal: Terminal::AtLeastWh(KEPT_AT_END.min(full) * tank.capacity_wh),
        ..Tank::default()
    }
}
