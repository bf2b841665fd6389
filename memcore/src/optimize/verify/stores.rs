//! Rules of what stores energy: batteries, vehicles, tanks and buildings.

use super::flows::exclude;
use super::walk::{Owner, Walk};
use crate::optimize::{Battery, Building, Ev, Quantity, Tank};

pub(super) fn battery(walk: &mut Walk<'_>, part: usize, battery: &Battery) {
    let owner = Owner::Part(part);
    let checked = walk.checked;
    let (charge, discharge) = (walk.column(part, Quantity::Charge), walk.column(part, Quantity::Discharge));
    let energy = walk.column(part, Quantity::Energy);
    walk.hold(owner, "charge_w is above charge_limit_w", |step| {
        let limit = checked.battery_limits_w(battery, step).0;
        (charge[step] - limit, limit)
    });
    walk.hold(owner, "discharge_w is above discharge_limit_w", |step| {
        let limit = checked.battery_limits_w(battery, step).1;
        (discharge[step] - limit, limit)
    });
    if battery.exclusive {
        exclude(walk, part, "charge_w and discharge_w in one step", [Quantity::Charge, Quantity::Discharge]);
    }
    let (into, out) = (battery.charge_efficiency, 1.0 / battery.discharge_efficiency);
    walk.hold(owner, "energy_wh does not follow from what is charged and discharged", |step| {
        let before = if step == 0 { battery.initial_wh } else { energy[step - 1] };
        let kept = checked.kept(battery.self_discharge_per_hour, step) * before;
        let after = kept + (charge[step] * into - discharge[step] * out) * checked.hours[step];
        ((energy[step] - after).abs(), battery.capacity_wh)
    });
    let soft = checked.starts_outside(battery);
    walk.hold(owner, "energy_wh leaves its bounds", |step| {
        let bounds = checked.energy_bounds(battery, step);
        let (min, max) = if soft { (0.0, battery.capacity_wh) } else { (bounds.min_wh, bounds.max_wh) };
        ((min - energy[step]).max(energy[step] - max), battery.capacity_wh)
    });
}

pub(super) fn ev(walk: &mut Walk<'_>, part: usize, ev: &Ev) {
    let owner = Owner::Part(part);
    let (charge, discharge) = (walk.column(part, Quantity::Charge), walk.column(part, Quantity::Discharge));
    let energy = walk.column(part, Quantity::Energy);
    let bands = ev.charging.bands_w();
    walk.hold(owner, "charge_w is no power that the charger can give", |step| {
        let miss = |band: &(f64, f64)| (band.0 - charge[step]).max(charge[step] - band.1).max(0.0);
        (bands.iter().map(miss).fold(charge[step].abs(), f64::min), charge[step])
    });
    walk.hold(owner, "discharge_w is above discharge_limit_w", |step| {
        (discharge[step] - ev.discharge_limit_w, ev.discharge_limit_w)
    });
    exclude(walk, part, "charge_w and discharge_w in one step", [Quantity::Charge, Quantity::Discharge]);
    let mut away = 0;
    for session in &ev.sessions {
        let there = walk.checked.session_steps(session);
        if there.is_empty() {
            continue;
        }
        gone(walk, part, away..there.start);
        away = there.end;
        let limit = walk.checked.session_limit_wh(ev, session);
        walk.hold_in(there.clone(), owner, "energy_wh is above what the session allows", |step| {
            (energy[step] - limit, limit)
        });
        let hours = &walk.checked.hours;
        walk.hold_in(there.clone(), owner, "energy_wh does not follow from what is charged and discharged", |step| {
            let before = if step == there.start { session.initial_wh } else { energy[step - 1] };
            let gained = charge[step] * ev.charge_efficiency - discharge[step] / ev.discharge_efficiency;
            ((energy[step] - before - gained * hours[step]).abs(), ev.capacity_wh)
        });
    }
    gone(walk, part, away..walk.steps());
}

/// A vehicle that is not there has no power and no energy.
fn gone(walk: &mut Walk<'_>, part: usize, steps: std::ops::Range<usize>) {
    let (charge, discharge) = (walk.column(part, Quantity::Charge), walk.column(part, Quantity::Discharge));
    let energy = walk.column(part, Quantity::Energy);
    walk.hold_in(steps, Owner::Part(part), "a vehicle that is not there has power or energy", |step| {
        (charge[step].max(discharge[step]).max(energy[step]), 0.0)
    });
}

pub(super) fn tank(walk: &mut Walk<'_>, part: usize, tank: &Tank) {
    let owner = Owner::Part(part);
    let checked = walk.checked;
    let (heat, unmet) = (walk.column(part, Quantity::Heat), walk.column(part, Quantity::Unmet));
    let energy = walk.column(part, Quantity::Energy);
    walk.hold(owner, "energy_wh does not follow from heat and demand", |step| {
        let before = if step == 0 { tank.initial_wh } else { energy[step - 1] };
        let net = heat[step] + unmet[step] - tank.demand_w.at(step);
        let after = checked.kept(tank.loss_per_hour, step) * before + net * checked.hours[step];
        ((energy[step] - after).abs(), tank.capacity_wh)
    });
    walk.hold(owner, "energy_wh leaves the bounds of the tank", |step| {
        let miss = (tank.min_wh.at(step) - energy[step]).max(energy[step] - tank.capacity_wh);
        (miss, tank.capacity_wh)
    });
}

/// Temperatures are held to a thousandth of a kelvin, as energies to a thousandth of a Wh.
pub(super) fn building(walk: &mut Walk<'_>, part: usize, building: &Building) {
    let (heat, temperature) = (walk.column(part, Quantity::Heat), walk.column(part, Quantity::Temperature));
    let checked = walk.checked;
    walk.hold(Owner::Part(part), "temperature_c does not follow from heat and weather", |step| {
        let before = if step == 0 { building.initial_c } else { temperature[step - 1] };
        let (keep, per_heat_w, drift) = checked.building_step(building, step);
        ((temperature[step] - keep * before - per_heat_w * heat[step] - drift).abs(), 0.0)
    });
}
