//! What was changed or assumed in a site that is well formed: said, and no error.

use super::assets::MEASURED;
use super::{even_step, whole_steps};
use crate::model::{Currency, Span};
use crate::optimize::checked::Checked;
use crate::optimize::{Asset, Heat, Profile, Session, Site, words};

/// What is clamped in a site: forecasts below zero, energies measured a little outside of what a store can hold. The site as it is
/// meant, where it differs.
pub(in crate::optimize) fn clamped(site: &Site) -> Option<Site> {
    let outside = |energy: f64, capacity: f64| energy < 0.0 || energy > capacity;
    let differs = site.assets.iter().any(|asset| match asset {
        Asset::Pv(source) => least(&source.available_w) < 0.0,
        Asset::Battery(battery) => outside(battery.initial_wh, battery.capacity_wh),
        Asset::HeatPump(pump) => matches!(&pump.heat, Heat::Tank(tank) if outside(tank.initial_wh, tank.capacity_wh)),
        Asset::Ev(ev) => ev.sessions.iter().any(|session| outside(session.initial_wh, ev.capacity_wh)),
        _ => false,
    });
    differs.then(|| {
        let mut site = site.clone();
        site.assets.iter_mut().for_each(clamp);
        site
    })
}

fn clamp(asset: &mut Asset) {
    match asset {
        Asset::Pv(source) => source.available_w = source.available_w.map(|power| power.max(0.0)),
        Asset::Battery(battery) => battery.initial_wh = battery.initial_wh.clamp(0.0, battery.capacity_wh),
        Asset::Ev(ev) => {
            let capacity_wh = ev.capacity_wh;
            let clamp = |session: &mut Session| session.initial_wh = session.initial_wh.clamp(0.0, capacity_wh);
            ev.sessions.iter_mut().for_each(clamp);
        }
        Asset::HeatPump(pump) => {
            if let Heat::Tank(tank) = &mut pump.heat {
                tank.initial_wh = tank.initial_wh.clamp(0.0, tank.capacity_wh);
            }
        }
        _ => {}
    }
}

fn least(profile: &Profile) -> f64 {
    profile.extremes().0
}

fn most(profile: &Profile) -> f64 {
    profile.extremes().1
}

/// All notices of a site that passed its checks.
pub(super) fn notices(checked: &Checked<'_>) -> Vec<String> {
    let mut notices = Vec::new();
    let largest_w = largest_power(checked.site);
    for (_, asset) in checked.assets() {
        changed(checked, asset, &mut notices);
        rounded(checked, asset, &mut notices);
        implausible(checked.site, asset, largest_w, &mut notices);
    }
    notices
}

/// What is clamped, and where a battery starts outside its bounds.
fn changed(checked: &Checked<'_>, asset: &Asset, notices: &mut Vec<String>) {
    let name = asset.name();
    match asset {
        Asset::Pv(source) if least(&source.available_w) < 0.0 => {
            let values = source.available_w.values();
            let below = values.iter().filter(|power| **power < 0.0).count();
            let least = words::power(least(&source.available_w));
            let steps = if source.available_w.len().is_none() { checked.steps() } else { below };
            notices.push(format!("{name}.available_w is below zero in {steps} steps (least {least}): taken as 0 W"));
        }
        Asset::Battery(battery) => {
            measured(name, "initial_wh", battery.initial_wh, battery.capacity_wh, notices);
            let bounds = checked.energy_bounds(battery, 0);
            if checked.starts_outside(battery) {
                notices.push(format!(
                    "{name} starts with {}, outside its bounds from {} to {}: it recovers as fast as it can, and the bounds are wishes",
                    words::energy(battery.initial_wh),
                    words::energy(bounds.min_wh),
                    words::energy(bounds.max_wh)
                ));
            }
        }
        Asset::HeatPump(pump) => {
            if let Heat::Tank(tank) = &pump.heat {
                measured(name, "heat.tank.initial_wh", tank.initial_wh, tank.capacity_wh, notices);
            }
        }
        Asset::Ev(ev) => {
            for session in &ev.sessions {
                measured(name, "sessions.initial_wh", session.initial_wh, ev.capacity_wh, notices);
                without_step(checked, name, session, notices);
            }
        }
        _ => {}
    }
}

fn measured(name: &str, field: &str, energy_wh: f64, capacity_wh: f64, notices: &mut Vec<String>) {
    let taken = energy_wh.clamp(0.0, capacity_wh);
    if taken != energy_wh {
        let (energy, taken, share) = (words::energy(energy_wh), words::energy(taken), 100.0 * MEASURED);
        notices.push(format!("{name}.{field} is {energy}, outside the capacity by less than {share} %: taken as {taken}"));
    }
}

/// A session within the horizon in which no whole step lies.
fn without_step(checked: &Checked<'_>, name: &str, session: &Session, notices: &mut Vec<String>) {
    let horizon = &checked.site.horizon;
    let touches = session.arrival < horizon.end() && session.departure > horizon.start();
    if touches && checked.session_steps(session).is_empty() {
        let (arrival, departure) = (session.arrival, session.departure);
        notices
            .push(format!("{name}: no whole step lies within the session from {arrival} to {departure}: it is left out"));
    }
}

/// Lengths of time that are no whole number of steps.
fn rounded(checked: &Checked<'_>, asset: &Asset, notices: &mut Vec<String>) {
    let lengths = match asset {
        Asset::Deferrable(load) => [("run_time", Some(load.run_time)), ("min_on", load.min_on)],
        Asset::Genset(genset) => [("min_up", genset.min_up), ("min_down", genset.min_down)],
        Asset::HeatPump(pump) => [("min_on", pump.min_on), ("min_off", pump.min_off)],
        _ => return,
    };
    if lengths.iter().all(|(_, length)| length.is_none()) {
        return;
    }
    let Some(step) = even_step(&checked.site.horizon) else { return };
    for (field, length) in lengths {
        let Some(length) = length.filter(|length| length.as_micros() % step.as_micros() != 0) else { continue };
        let steps = whole_steps(length, step);
        let whole = Span::from_micros(steps.saturating_mul(step.as_micros()));
        let name = asset.name();
        notices.push(format!(
            "{name}.{field} of {length} is no whole number of steps of {step}: rounded up to {steps} steps ({whole})"
        ));
    }
}

/// The largest power that the site speaks of: what others are held against.
fn largest_power(site: &Site) -> f64 {
    let power = |asset: &Asset| match asset {
        Asset::Grid(grid) => grid.import_limit_w.as_ref().map_or(0.0, most),
        Asset::Pv(source) => most(&source.available_w),
        Asset::Battery(battery) => most(&battery.charge_limit_w),
        Asset::Ev(ev) => ev.charging.bands_w().last().map_or(0.0, |band| band.1),
        Asset::Deferrable(load) => load.power_w,
        Asset::HeatPump(pump) => most(&pump.max_w),
        Asset::Genset(genset) => genset.max_w,
        Asset::Load(load) => most(&load.power_w),
    };
    site.assets.iter().map(power).fold(0.0, f64::max)
}

/// Below this many W a power of a whole site is none, where something else has a hundred times as much.
const SMALL_W: f64 = 25.0;
/// A battery that takes longer than this to be filled, in h, is none; nor one that is full within a minute.
const SLOW_H: f64 = 200.0;

fn implausible(site: &Site, asset: &Asset, largest_w: f64, notices: &mut Vec<String>) {
    let mut small = |field: &str, watts: f64| {
        if watts > 0.0 && watts < SMALL_W && largest_w > 100.0 * watts && largest_w >= 1_000.0 {
            let name = asset.name();
            let (largest, meant) = (words::power(largest_w), words::power(1_000.0 * watts));
            notices.push(format!(
                "{name}.{field} is at most {watts} W, while the site has {largest} elsewhere: if it is in kW, give {meant} as {}",
                1_000.0 * watts
            ));
        }
    };
    match asset {
        Asset::Grid(grid) => {
            small("import_limit_w", grid.import_limit_w.as_ref().map_or(0.0, most));
            price(site.currency, asset.name(), "buy_per_kwh", most(&grid.buy_per_kwh), notices);
        }
        Asset::Pv(source) => small("available_w", most(&source.available_w)),
        Asset::Load(load) => small("power_w", most(&load.power_w)),
        Asset::Deferrable(load) => small("power_w", load.power_w),
        Asset::HeatPump(pump) => small("max_w", most(&pump.max_w)),
        Asset::Genset(genset) => {
            small("max_w", genset.max_w);
            price(site.currency, asset.name(), "marginal_per_kwh", genset.marginal_per_kwh, notices);
        }
        Asset::Battery(battery) => {
            store(asset.name(), battery.capacity_wh, "charge_limit_w", most(&battery.charge_limit_w), notices);
            fraction(asset.name(), "initial_wh", battery.initial_wh, battery.capacity_wh, notices);
            fraction(asset.name(), "min_wh", most(&battery.min_wh), battery.capacity_wh, notices);
        }
        Asset::Ev(ev) => {
            let most_w = ev.charging.bands_w().last().map_or(0.0, |band| band.1);
            store(asset.name(), ev.capacity_wh, "charging", most_w, notices);
            for session in &ev.sessions {
                fraction(asset.name(), "sessions.target_wh", session.target_wh, ev.capacity_wh, notices);
            }
        }
    }
}

fn store(name: &str, capacity_wh: f64, field: &str, power_w: f64, notices: &mut Vec<String>) {
    let hours = capacity_wh / power_w;
    if power_w > 0.0 && hours > SLOW_H {
        notices.push(format!(
            "{name}.{field} is {power_w} W: to fill {capacity_wh} Wh takes {} h; if it is in kW, give it as {}",
            words::number(hours),
            1_000.0 * power_w
        ));
    }
    if hours < 1.0 / 60.0 {
        notices.push(format!(
            "{name}.capacity_wh is {capacity_wh} Wh: {power_w} W fill it in {} s; if it is in kWh, give it as {}",
            words::number(3_600.0 * hours),
            1_000.0 * capacity_wh
        ));
    }
}

fn fraction(name: &str, field: &str, energy_wh: f64, capacity_wh: f64, notices: &mut Vec<String>) {
    if energy_wh > 0.0 && energy_wh <= 1.0 && capacity_wh > 100.0 {
        notices.push(format!(
            "{name}.{field} is {energy_wh} Wh of {capacity_wh} Wh: if it is a share of the capacity, give it as {}",
            words::number(energy_wh * capacity_wh)
        ));
    }
}

/// Currencies of which a kWh costs tenths, not tens.
const LARGE_CURRENCIES: &[Currency] = &[
    Currency::EUR,
    Currency::USD,
    Currency::GBP,
    Currency::CHF,
    Currency::AUD,
    Currency::CAD,
    Currency::NZD,
    Currency::SGD,
];

fn price(currency: Currency, name: &str, field: &str, per_kwh: f64, notices: &mut Vec<String>) {
    if per_kwh > 10.0 && LARGE_CURRENCIES.contains(&currency) {
        notices.push(format!(
            "{name}.{field} goes up to {per_kwh} {currency}/kWh: if it is in hundredths give {}, if it is per MWh give {}",
            words::number(per_kwh / 100.0),
            words::number(per_kwh / 1_000.0)
        ));
    }
}
