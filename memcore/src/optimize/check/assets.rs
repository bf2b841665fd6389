//! What each asset and link must say.

use super::field::{Allowed, Fields};
use crate::error::Result;
use crate::optimize::{
    Asset, Battery, Building, Charging, Deferrable, DemandCharge, Ev, Genset, Grid, Heat, HeatPump, Link, Load, Profile,
    Session, Source, Tank, Terminal,
};

/// A measured energy may be this share of the capacity above it (or below zero) and counts as full (or empty): meters and batteries
/// disagree by a little.
pub(super) const MEASURED: f64 = 0.05;

pub(super) fn asset(fields: Fields<'_>, asset: &Asset) -> Result<()> {
    match asset {
        Asset::Grid(asset) => grid(fields, asset),
        Asset::Pv(asset) => source(fields, asset),
        Asset::Battery(asset) => battery(fields, asset),
        Asset::Ev(asset) => ev(fields, asset),
        Asset::Deferrable(asset) => deferrable(fields, asset),
        Asset::HeatPump(asset) => heat_pump(fields, asset),
        Asset::Genset(asset) => genset(fields, asset),
        Asset::Load(asset) => load(fields, asset),
    }
}

fn grid(fields: Fields<'_>, grid: &Grid) -> Result<()> {
    fields.profile("buy_per_kwh", &grid.buy_per_kwh, Allowed::Any)?;
    fields.profile("sell_per_kwh", &grid.sell_per_kwh, Allowed::Any)?;
    fields.optional_profile("import_limit_w", grid.import_limit_w.as_ref(), Allowed::ZeroOrAbove)?;
    fields.optional_profile("export_limit_w", grid.export_limit_w.as_ref(), Allowed::ZeroOrAbove)?;
    fields.profile("carbon_g_per_kwh", &grid.carbon_g_per_kwh, Allowed::ZeroOrAbove)?;
    fields.number("quadratic_per_kw2h", grid.quadratic_per_kw2h, Allowed::ZeroOrAbove)?;
    for charge in &grid.demand_charges {
        demand_charge(fields, charge)?;
    }
    let endless = !grid.exclusive && grid.import_limit_w.is_none() && grid.export_limit_w.is_none();
    if endless && grid.quadratic_per_kw2h == 0.0 {
        fields.ordered([("sell_per_kwh", &grid.sell_per_kwh), ("buy_per_kwh", &grid.buy_per_kwh)]).map_err(|error| {
            error.context("a grid that is not exclusive and has no limits would buy and sell without end")
        })?;
    }
    Ok(())
}

fn demand_charge(fields: Fields<'_>, charge: &DemandCharge) -> Result<()> {
    fields.number("demand_charges.per_kw", charge.per_kw, Allowed::ZeroOrAbove)?;
    fields.number("demand_charges.peak_so_far_w", charge.peak_so_far_w, Allowed::ZeroOrAbove)?;
    fields.optional_profile("demand_charges.applies", charge.applies.as_ref(), Allowed::Any)?;
    fields.span("demand_charges.interval", charge.interval)
}

fn source(fields: Fields<'_>, source: &Source) -> Result<()> {
    fields.profile("available_w", &source.available_w, Allowed::Any)?;
    let prices = [("cost_per_kwh", source.cost_per_kwh), ("curtailment_per_kwh", source.curtailment_per_kwh)];
    fields.numbers(&prices, Allowed::Any)
}

fn battery(fields: Fields<'_>, battery: &Battery) -> Result<()> {
    fields.number("capacity_wh", battery.capacity_wh, Allowed::AboveZero)?;
    fields.profile("charge_limit_w", &battery.charge_limit_w, Allowed::ZeroOrAbove)?;
    fields.profile("discharge_limit_w", &battery.discharge_limit_w, Allowed::ZeroOrAbove)?;
    held(fields, "initial_wh", battery.initial_wh, battery.capacity_wh)?;
    fields.number("charge_efficiency", battery.charge_efficiency, Allowed::Efficiency)?;
    fields.number("discharge_efficiency", battery.discharge_efficiency, Allowed::Efficiency)?;
    fields.number("self_discharge_per_hour", battery.self_discharge_per_hour, Allowed::Loss)?;
    fields.number("wear_per_kwh", battery.wear_per_kwh, Allowed::ZeroOrAbove)?;
    fields.optional("preference_per_kwh_h", battery.preference_per_kwh_h, Allowed::ZeroOrAbove)?;
    let capacity = Profile::Constant(battery.capacity_wh);
    let max_wh = battery.max_wh.as_ref();
    bounds(fields, &capacity, ["min_wh", "max_wh"], [Some(&battery.min_wh), max_wh])?;
    let preferred = [battery.preferred_min_wh.as_ref(), battery.preferred_max_wh.as_ref()];
    bounds(fields, &capacity, ["preferred_min_wh", "preferred_max_wh"], preferred)?;
    terminal(fields, battery.terminal, battery.capacity_wh)
}

/// A lower and an upper bound of energy, each within the capacity, in order.
fn bounds(
    fields: Fields<'_>,
    capacity: &Profile,
    [min_name, max_name]: [&str; 2],
    [min, max]: [Option<&Profile>; 2],
) -> Result<()> {
    fields.optional_profile(min_name, min, Allowed::ZeroOrAbove)?;
    fields.optional_profile(max_name, max, Allowed::ZeroOrAbove)?;
    let Some(min) = min else { return Ok(()) };
    fields.ordered([(min_name, min), ("capacity_wh", capacity)])?;
    max.map_or(Ok(()), |max| fields.ordered([(min_name, min), (max_name, max)]))
}

/// The energy that a store holds now.
fn held(fields: Fields<'_>, field: &str, energy_wh: f64, capacity_wh: f64) -> Result<()> {
    fields.number(field, energy_wh, Allowed::Any)?;
    if energy_wh < -MEASURED * capacity_wh || energy_wh > (1.0 + MEASURED) * capacity_wh {
        let expected = format_args!("is {energy_wh}, expected from 0 to capacity_wh of {capacity_wh}");
        return Err(fields.refused(field, expected));
    }
    Ok(())
}

fn terminal(fields: Fields<'_>, terminal: Terminal, capacity_wh: f64) -> Result<()> {
    match terminal {
        Terminal::AtLeastWh(wh) | Terminal::ExactlyWh(wh) => {
            fields.number("terminal", wh, Allowed::ZeroOrAbove)?;
            let [asked, capacity] = [wh, capacity_wh].map(Profile::Constant);
            fields.ordered([("terminal", &asked), ("capacity_wh", &capacity)])
        }
        Terminal::ValuePerKwh(value) => fields.number("terminal.value_per_kwh", value, Allowed::Any),
        Terminal::AtLeastInitial | Terminal::Free => Ok(()),
    }
}

fn ev(fields: Fields<'_>, ev: &Ev) -> Result<()> {
    fields.number("capacity_wh", ev.capacity_wh, Allowed::AboveZero)?;
    charging(fields, &ev.charging)?;
    fields.number("charge_efficiency", ev.charge_efficiency, Allowed::Efficiency)?;
    fields.number("discharge_efficiency", ev.discharge_efficiency, Allowed::Efficiency)?;
    let costs =
        [("discharge_limit_w", ev.discharge_limit_w), ("wear_per_kwh", ev.wear_per_kwh), ("start_cost", ev.start_cost)];
    fields.numbers(&costs, Allowed::ZeroOrAbove)?;
    fields.optional("shortfall_per_kwh", ev.shortfall_per_kwh, Allowed::ZeroOrAbove)?;
    ev.sessions.iter().try_for_each(|session| self::session(fields, ev, session))?;
    for pair in ev.sessions.windows(2) {
        if pair[1].arrival < pair[0].departure {
            let (arrival, departure) = (pair[1].arrival, pair[0].departure);
            let expected =
                format_args!("holds an arrival at {arrival}, expected at or after {departure}, the departure before it");
            return Err(fields.refused("sessions", expected));
        }
    }
    Ok(())
}

fn session(fields: Fields<'_>, ev: &Ev, session: &Session) -> Result<()> {
    if session.departure <= session.arrival {
        let (arrival, departure) = (session.arrival, session.departure);
        let expected = format_args!("is {departure}, expected after the arrival at {arrival}");
        return Err(fields.refused("sessions.departure", expected));
    }
    held(fields, "sessions.initial_wh", session.initial_wh, ev.capacity_wh)?;
    fields.number("sessions.target_wh", session.target_wh, Allowed::ZeroOrAbove)?;
    fields.optional("sessions.limit_wh", session.limit_wh, Allowed::ZeroOrAbove)?;
    let [target, capacity] = [session.target_wh, ev.capacity_wh].map(Profile::Constant);
    fields.ordered([("sessions.target_wh", &target), ("capacity_wh", &capacity)])?;
    match session.limit_wh.map(Profile::Constant) {
        Some(limit) => fields.ordered([("sessions.target_wh", &target), ("sessions.limit_wh", &limit)]),
        None => Ok(()),
    }
}

fn charging(fields: Fields<'_>, charging: &Charging) -> Result<()> {
    let (names, [min, max]) = match *charging {
        Charging::Power { min_w, max_w } => (["charging.min_w", "charging.max_w"], [min_w, max_w]),
        Charging::Current { min_a, max_a, volts, .. } => {
            fields.number("charging.volts", volts, Allowed::AboveZero)?;
            (["charging.min_a", "charging.max_a"], [min_a, max_a])
        }
    };
    fields.number(names[1], max, Allowed::ZeroOrAbove)?;
    fields.number(names[0], min, Allowed::ZeroOrAbove)?;
    fields.ordered([(names[0], &Profile::Constant(min)), (names[1], &Profile::Constant(max))])
}

fn deferrable(fields: Fields<'_>, load: &Deferrable) -> Result<()> {
    if load.shape_w.is_empty() || !load.power_w.is_nan() {
        fields.number("power_w", load.power_w, Allowed::ZeroOrAbove)?;
    }
    fields.number("start_cost", load.start_cost, Allowed::ZeroOrAbove)?;
    fields.optional("shortfall_per_h", load.shortfall_per_h, Allowed::ZeroOrAbove)?;
    fields.values("shape_w", &load.shape_w, Allowed::ZeroOrAbove)?;
    if load.run_time.as_micros() == 0 {
        // Its run is over: nothing else matters.
        return Ok(());
    }
    if load.run_time.as_micros() < 0 {
        return Err(fields.refused("run_time", "is not given, expected a length such as 2h"));
    }
    fields.span_or_zero("min_on", load.min_on)?;
    let (earliest, latest) = (load.earliest.unwrap_or(fields.horizon.start()), load.latest);
    if let Some(latest) = latest.filter(|latest| *latest <= earliest) {
        return Err(fields.refused("latest", format_args!("is {latest}, expected after the earliest start at {earliest}")));
    }
    if load.shape_w.is_empty() { Ok(()) } else { shape(fields, load) }
}

fn shape(fields: Fields<'_>, load: &Deferrable) -> Result<()> {
    if !load.contiguous {
        return Err(fields.refused("shape_w", "is for contiguous runs, expected none or `contiguous` true"));
    }
    let Some(step) = super::even_step(fields.horizon) else {
        return Err(fields.refused("shape_w", "needs steps of equal length, but those of the horizon differ"));
    };
    let steps = super::whole_steps(load.run_time, step);
    if load.shape_w.len() as i64 != steps {
        let (run_time, length) = (load.run_time, load.shape_w.len());
        let expected =
            format_args!("has {length} values, expected {steps}: as many as a run_time of {run_time} has steps of {step}");
        return Err(fields.refused("shape_w", expected));
    }
    Ok(())
}

fn heat_pump(fields: Fields<'_>, pump: &HeatPump) -> Result<()> {
    fields.profile("max_w", &pump.max_w, Allowed::ZeroOrAbove)?;
    fields.profile("cop", &pump.cop, Allowed::AboveZero)?;
    fields.numbers(&[("min_w", pump.min_w), ("start_cost", pump.start_cost)], Allowed::ZeroOrAbove)?;
    // A profile may block it: below `min_w` it cannot run in those steps.
    if pump.max_w.len().is_none() {
        fields.ordered([("min_w", &Profile::Constant(pump.min_w)), ("max_w", &pump.max_w)])?;
    }
    fields.span_or_zero("min_on", pump.min_on)?;
    fields.span_or_zero("min_off", pump.min_off)?;
    fields.span_or_zero("initial_since", pump.initial_since)?;
    match &pump.heat {
        Heat::Tank(tank) => self::tank(fields, tank),
        Heat::Building(building) => self::building(fields, building),
    }
}

fn tank(fields: Fields<'_>, tank: &Tank) -> Result<()> {
    fields.number("heat.tank.capacity_wh", tank.capacity_wh, Allowed::AboveZero)?;
    held(fields, "heat.tank.initial_wh", tank.initial_wh, tank.capacity_wh)?;
    fields.profile("heat.tank.demand_w", &tank.demand_w, Allowed::ZeroOrAbove)?;
    fields.number("heat.tank.loss_per_hour", tank.loss_per_hour, Allowed::Loss)?;
    fields.profile("heat.tank.min_wh", &tank.min_wh, Allowed::ZeroOrAbove)?;
    let capacity = Profile::Constant(tank.capacity_wh);
    fields.ordered([("heat.tank.min_wh", &tank.min_wh), ("heat.tank.capacity_wh", &capacity)])?;
    fields.optional("heat.tank.unmet_per_kwh", tank.unmet_per_kwh, Allowed::ZeroOrAbove)?;
    terminal(fields, tank.terminal, tank.capacity_wh)
}

fn building(fields: Fields<'_>, building: &Building) -> Result<()> {
    fields.number("heat.building.capacity_wh_per_k", building.capacity_wh_per_k, Allowed::AboveZero)?;
    fields.number("heat.building.loss_w_per_k", building.loss_w_per_k, Allowed::ZeroOrAbove)?;
    fields.profile("heat.building.outdoor_c", &building.outdoor_c, Allowed::Any)?;
    fields.profile("heat.building.gains_w", &building.gains_w, Allowed::Any)?;
    fields.number("heat.building.initial_c", building.initial_c, Allowed::Any)?;
    fields.profile("heat.building.comfort_min_c", &building.comfort_min_c, Allowed::Any)?;
    fields.optional("heat.building.discomfort_per_k_h", building.discomfort_per_k_h, Allowed::ZeroOrAbove)?;
    let Some(max) = &building.comfort_max_c else { return Ok(()) };
    fields.profile("heat.building.comfort_max_c", max, Allowed::Any)?;
    fields.ordered([("heat.building.comfort_min_c", &building.comfort_min_c), ("heat.building.comfort_max_c", max)])
}

fn genset(fields: Fields<'_>, genset: &Genset) -> Result<()> {
    fields.numbers(&[("min_w", genset.min_w), ("max_w", genset.max_w)], Allowed::ZeroOrAbove)?;
    let [min, max] = [genset.min_w, genset.max_w].map(Profile::Constant);
    fields.ordered([("min_w", &min), ("max_w", &max)])?;
    fields.number("marginal_per_kwh", genset.marginal_per_kwh, Allowed::Any)?;
    let costs = [
        ("no_load_per_h", genset.no_load_per_h),
        ("start_cost", genset.start_cost),
        ("stop_cost", genset.stop_cost),
        ("carbon_g_per_kwh", genset.carbon_g_per_kwh),
    ];
    fields.numbers(&costs, Allowed::ZeroOrAbove)?;
    fields.optional("ramp_w_per_min", genset.ramp_w_per_min, Allowed::ZeroOrAbove)?;
    fields.optional("initial_w", genset.initial_w, Allowed::ZeroOrAbove)?;
    fields.optional_profile("available", genset.available.as_ref(), Allowed::Any)?;
    fields.span_or_zero("min_up", genset.min_up)?;
    fields.span_or_zero("min_down", genset.min_down)?;
    fields.span_or_zero("initial_since", genset.initial_since)
}

fn load(fields: Fields<'_>, load: &Load) -> Result<()> {
    fields.profile("power_w", &load.power_w, Allowed::ZeroOrAbove).map_err(|error| match &load.power_w {
        Profile::Steps(values) if values.iter().any(|power| *power < 0.0) => {
            crate::error::Error::invalid(format!("{error}; what feeds in is an asset of type `pv`"))
        }
        _ => error,
    })?;
    fields.optional("value_of_lost_load_per_kwh", load.value_of_lost_load_per_kwh, Allowed::ZeroOrAbove)?;
    fields.number("sheddable_share", load.sheddable_share, Allowed::Share)?;
    match load.priority {
        Some(priority) if priority > 9 => {
            Err(fields.refused("priority", format_args!("is {priority}, expected from 0 (shed first) to 9 (shed last)")))
        }
        _ => Ok(()),
    }
}

pub(super) fn link(fields: Fields<'_>, link: &Link) -> Result<()> {
    fields.profile("limit_w", &link.limit_w, Allowed::ZeroOrAbove)?;
    fields.optional_profile("reverse_limit_w", link.reverse_limit_w.as_ref(), Allowed::ZeroOrAbove)?;
    fields.number("efficiency", link.efficiency, Allowed::Efficiency)?;
    fields.number("cost_per_kwh", link.cost_per_kwh, Allowed::ZeroOrAbove)
}
