//! What a site does by plain rules, without any plan: it uses its own energy first, vehicles charge when they come, loads run as early
//! as they may, heat is kept where it is.

use super::super::{Asset, Deferrable, Ev, Heat, HeatPump, Quantity};
use super::plant::{Closes, Plant, Wishes};

/// Plain rules.
pub(super) struct Rules;

impl Wishes for Rules {
    fn wish(&self, plant: &Plant<'_>, part: usize, quantity: Quantity, step: usize) -> f64 {
        let Some(asset) = plant.checked.site.assets.get(part) else { return 0.0 };
        match (asset, quantity) {
            (Asset::Ev(ev), Quantity::Charge) => charge(plant, part, ev, step),
            (Asset::Deferrable(load), Quantity::Power | Quantity::On) => run(plant, part, load, step, quantity),
            (Asset::HeatPump(pump), Quantity::Power) => keep_warm(plant, part, pump, step),
            (Asset::Genset(_), Quantity::On) => f64::from(genset_runs(plant, part, step)),
            _ => 0.0,
        }
    }

    fn closes(&self, _: &Plant<'_>, _: usize, _: usize, _: f64) -> Closes {
        Closes::BatteryFirst
    }
}

/// As fast as the charger can until the vehicle has what it must leave with.
fn charge(plant: &Plant<'_>, part: usize, ev: &Ev, step: usize) -> f64 {
    let within = |session: &&super::super::Session| plant.checked.session_steps(session).contains(&step);
    let Some(session) = ev.sessions.iter().find(within) else { return 0.0 };
    let first = plant.checked.session_steps(session).start == step;
    let held = if first { session.initial_wh } else { plant.held[part] };
    let needed = (session.target_wh - held).max(0.0) / ev.charge_efficiency / plant.checked.hours[step];
    let bands = ev.charging.bands_w();
    // Of each band the most that is needed, or its least where that is less than it can give.
    let best = bands.iter().map(|(least, most)| needed.clamp(*least, *most)).fold(0.0, f64::max);
    if needed > 1.0 { best } else { 0.0 }
}

fn run(plant: &Plant<'_>, part: usize, load: &Deferrable, step: usize, quantity: Quantity) -> f64 {
    let start = plant.checked.site.horizon.starts()[step];
    let run_hours = load.run_time.as_micros() as f64 / 3.6e9;
    let may = load.earliest.is_none_or(|earliest| earliest <= start);
    if !may || plant.run_hours[part] >= run_hours - 1e-9 {
        return 0.0;
    }
    let steps_run = (plant.run_hours[part] / plant.checked.hours[step]).round() as usize;
    match quantity {
        Quantity::On => 1.0,
        _ => load.shape_w.get(steps_run).copied().unwrap_or(load.power_w),
    }
}

/// So much power that a tank holds what it began with, or rooms are as warm as they must be.
fn keep_warm(plant: &Plant<'_>, part: usize, pump: &HeatPump, step: usize) -> f64 {
    let hours = plant.checked.hours[step];
    let heat = match &pump.heat {
        Heat::Tank(tank) => {
            let kept = plant.checked.kept(tank.loss_per_hour, step) * plant.held[part];
            (tank.initial_wh - kept) / hours + tank.demand_w.at(step)
        }
        Heat::Building(building) => {
            let (keep, per_heat_w, drift) = plant.checked.building_step(building, step);
            (building.comfort_min_c.at(step) - keep * plant.held[part] - drift) / per_heat_w
        }
    };
    let power = heat / pump.cop.at(step);
    if power <= 0.0 { 0.0 } else { power.max(pump.min_w).min(pump.max_w.at(step)) }
}

/// Without a grid, gensets run, in their order, where sources and batteries do not suffice.
fn genset_runs(plant: &Plant<'_>, part: usize, step: usize) -> bool {
    let assets = &plant.checked.site.assets;
    if assets.iter().any(|asset| matches!(asset, Asset::Grid(_))) {
        return false;
    }
    let mut open = 0.0;
    for (place, asset) in assets.iter().enumerate() {
        match asset {
            Asset::Load(load) => open += load.power_w.at(step),
            Asset::Pv(source) => open -= source.available_w.at(step).max(0.0),
            Asset::Battery(battery) => open -= plant.battery_can_give(place, battery, step),
            _ => {}
        }
    }
    for (place, asset) in assets.iter().enumerate() {
        if let Asset::Genset(genset) = asset {
            if place == part {
                return open > 0.0;
            }
            open -= genset.max_w;
        }
    }
    false
}
