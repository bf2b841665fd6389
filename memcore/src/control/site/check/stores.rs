//! What is stored, driven, burnt and heated.

use super::report::{Allowed, Part, written};
use crate::control::site::{Asset, Fuel, Heat, Role, Storage, Vehicle};
use crate::energy::TimeOfDay;

/// What is full within this many hours is given in kWh.
const FULL_WITHIN_H: f64 = 1.0 / 60.0;
/// What takes more hours than this to be filled has its power in kW.
const FULL_AFTER_H: f64 = 200.0;

pub(super) fn stores(part: &mut Part<'_>, asset: &Asset, range: Option<[f64; 2]>) {
    match (asset.role, &asset.storage) {
        (Role::Battery, None) => part.fault("storage", "is not given, expected such as { capacity_wh = 10000 }"),
        (Role::Battery, Some(storage)) => self::storage(part, storage, range),
        _ => {}
    }
    if asset.role == Role::Battery && asset.setpoint.is_some() && asset.soc.is_none() {
        part.notice("soc", "is not given: nothing guards its state of charge, and plans leave it out");
    }
    if let Some(vehicle) = asset.vehicle.as_ref().filter(|_| asset.role == Role::Charger) {
        self::vehicle(part, vehicle, range);
        if asset.soc.is_none() {
            part.notice("soc", "is not given: plans leave its vehicle out");
        }
    }
    if let Some(fuel) = asset.fuel.as_ref().filter(|_| asset.role == Role::Genset) {
        self::fuel(part, fuel);
    }
    if asset.role == Role::HeatPump {
        part.optional("cop", asset.cop, Allowed::Within(0.1, 20.0));
        if let Some(heat) = &asset.heat {
            self::heat(part, heat);
            if asset.temperature.is_none() {
                part.notice("temperature", "is not given, though heat is: plans leave it out");
            }
        }
    }
}

fn storage(part: &mut Part<'_>, storage: &Storage, range: Option<[f64; 2]>) {
    let capacity_good = part.number("storage.capacity_wh", storage.capacity_wh, Allowed::AboveZero);
    let min_good = part.number("storage.min_soc", storage.min_soc, Allowed::Share);
    let max_good = part.number("storage.max_soc", storage.max_soc, Allowed::Share);
    if min_good && max_good && storage.min_soc >= storage.max_soc {
        let (min, max) = (storage.min_soc, storage.max_soc);
        part.fault("storage.min_soc", format_args!("is {min}, expected below max_soc of {max}"));
    }
    part.number("storage.tolerance", storage.tolerance, Allowed::Within(0.0, 0.2));
    part.number("storage.charge_efficiency", storage.charge_efficiency, Allowed::Efficiency);
    part.number("storage.discharge_efficiency", storage.discharge_efficiency, Allowed::Efficiency);
    part.number("storage.wear_per_kwh", storage.wear_per_kwh, Allowed::ZeroOrAbove);
    if let Some(range) = range.filter(|_| capacity_good) {
        filled(part, "storage.capacity_wh", storage.capacity_wh, range);
    }
}

/// A capacity and a power of which one is a thousand times too small.
fn filled(part: &mut Part<'_>, field: &str, capacity_wh: f64, [low, high]: [f64; 2]) {
    let most_w = high.max(-low);
    let hours = capacity_wh / most_w;
    if hours < FULL_WITHIN_H {
        let (seconds, meant) = ((3_600.0 * hours).round(), 1_000.0 * capacity_wh);
        part.fault(field, format_args!("is {capacity_wh}: {most_w} W fill it in {seconds} s, did you mean {meant} Wh?"));
    } else if hours > FULL_AFTER_H {
        let (is, meant) = (written([low, high]), written([1_000.0 * low, 1_000.0 * high]));
        let hours = hours.round();
        let why = format_args!("is {is} W: to fill {capacity_wh} Wh takes {hours} h, did you mean {meant}?");
        part.fault("range_w", why);
    }
}

fn vehicle(part: &mut Part<'_>, vehicle: &Vehicle, range: Option<[f64; 2]>) {
    let capacity_good = part.number("vehicle.capacity_wh", vehicle.capacity_wh, Allowed::AboveZero);
    part.number("vehicle.target_soc", vehicle.target_soc, Allowed::Efficiency);
    part.number("vehicle.charge_efficiency", vehicle.charge_efficiency, Allowed::Efficiency);
    if let Some(departure) = vehicle.departure.as_deref().filter(|departure| departure.parse::<TimeOfDay>().is_err()) {
        part.fault("vehicle.departure", format_args!("is {departure:?}, expected a time of day such as 07:00"));
    }
    if let Some(range) = range.filter(|_| capacity_good) {
        filled(part, "vehicle.capacity_wh", vehicle.capacity_wh, range);
    }
}

fn fuel(part: &mut Part<'_>, fuel: &Fuel) {
    let costs = [
        ("fuel.marginal_per_kwh", fuel.marginal_per_kwh),
        ("fuel.no_load_per_h", fuel.no_load_per_h),
        ("fuel.start_cost", fuel.start_cost),
    ];
    for (field, cost) in costs {
        part.number(field, cost, Allowed::ZeroOrAbove);
    }
}

fn heat(part: &mut Part<'_>, heat: &Heat) {
    match heat {
        Heat::Building(rooms) => {
            part.number("heat.building.capacity_wh_per_k", rooms.capacity_wh_per_k, Allowed::AboveZero);
            part.number("heat.building.loss_w_per_k", rooms.loss_w_per_k, Allowed::ZeroOrAbove);
            let min_good = part.number("heat.building.comfort_min_c", rooms.comfort_min_c, Allowed::Within(-50.0, 100.0));
            let most = Allowed::Within(rooms.comfort_min_c, 100.0);
            if min_good {
                part.optional("heat.building.comfort_max_c", rooms.comfort_max_c, most);
            }
            part.number("heat.building.gains_w", rooms.gains_w, Allowed::Any);
            part.optional("heat.building.discomfort_per_k_h", rooms.discomfort_per_k_h, Allowed::ZeroOrAbove);
        }
        Heat::Tank(tank) => {
            part.number("heat.tank.capacity_wh", tank.capacity_wh, Allowed::AboveZero);
            part.number("heat.tank.demand_w", tank.demand_w, Allowed::ZeroOrAbove);
            part.number("heat.tank.loss_per_hour", tank.loss_per_hour, Allowed::Within(0.0, 0.99));
            if part.number("heat.tank.empty_c", tank.empty_c, Allowed::Within(-50.0, 200.0)) {
                part.number("heat.tank.full_c", tank.full_c, Allowed::Within(tank.empty_c + 0.1, 300.0));
            }
        }
    }
}
