//! Wishes that a schedule does not meet: by how much, in which steps, at what cost, and in the site's words.

use super::machines::missing_reserve;
use super::walk::Walk;
use crate::optimize::checked::Target;
use crate::optimize::{
    Asset, Battery, Building, CostCause, Deferrable, Ev, Heat, Profile, Quantity, Tank, Violation, words,
};

/// Less than this many W is nothing.
pub(super) const NOTHING_W: f64 = 1e-3;
/// Less than this many Wh missing is nothing missing (and costs nothing): a tenth of what rules allow.
const NOTHING_WH: f64 = 1e-4;
/// Less than this many kelvin outside comfort is within.
const NOTHING_K: f64 = 1e-6;

/// A wish that was not met.
#[derive(Debug)]
pub(super) struct Missed {
    pub(super) part: usize,
    pub(super) cause: CostCause,
    pub(super) cost: f64,
    limit: &'static str,
    /// In `unit`; over time, the highest.
    amount: f64,
    unit: &'static str,
    steps: Vec<usize>,
    /// What happened, as `ends {} short of ...`: the amount goes into the braces.
    says: String,
}

/// What is missed in every step, by how much at most, and summed over the hours.
#[derive(Default)]
struct Over {
    steps: Vec<usize>,
    highest: f64,
    hours_sum: f64,
}

/// All wishes that were not met.
pub(super) fn missed(walk: &Walk<'_>) -> Vec<Missed> {
    let mut all = Vec::new();
    for (part, asset) in walk.checked.assets() {
        match asset {
            Asset::Battery(battery) => of_battery(walk, part, battery, &mut all),
            Asset::Ev(ev) => of_ev(walk, part, ev, &mut all),
            Asset::Deferrable(load) => all.extend(of_deferrable(walk, part, load)),
            Asset::HeatPump(pump) => match &pump.heat {
                Heat::Tank(tank) => of_tank(walk, part, tank, &mut all),
                Heat::Building(building) => of_building(walk, part, building, &mut all),
            },
            _ => {}
        }
    }
    all
}

/// In the site's words, with the reserve that is missing.
pub(super) fn violations(walk: &Walk<'_>, missed: Vec<Missed>) -> Vec<Violation> {
    let mut violations: Vec<Violation> = missed.into_iter().map(|miss| in_words(walk, miss)).collect();
    if let Some(missing) = missing_reserve(walk) {
        let over = over(walk, NOTHING_W, |step| missing[step]);
        if !over.steps.is_empty() {
            violations.push(Violation {
                part: String::new(),
                limit: "reserve",
                amount: over.highest / 1000.0,
                unit: "kW",
                text: format!("up to {} of the reserve are missing{}", words::power(over.highest), when(walk, &over.steps)),
                steps: over.steps,
            });
        }
    }
    violations
}

fn in_words(walk: &Walk<'_>, miss: Missed) -> Violation {
    let part = walk.checked.part_name(miss.part).to_owned();
    let text = format!("{part} {}{}", miss.says, when(walk, &miss.steps));
    Violation { part, limit: miss.limit, amount: miss.amount, unit: miss.unit, steps: miss.steps, text }
}

fn when(walk: &Walk<'_>, steps: &[usize]) -> String {
    let horizon = &walk.checked.site.horizon;
    match steps {
        [] => String::new(),
        [only] => format!(" in {}", words::step(horizon, *only)),
        [first, .., last] => format!(" in {} steps of {}", steps.len(), words::span(horizon, *first, *last)),
    }
}

fn over(walk: &Walk<'_>, nothing: f64, miss: impl Fn(usize) -> f64) -> Over {
    let mut all = Over::default();
    for (step, hours) in walk.checked.hours.iter().enumerate() {
        let by = miss(step);
        if by > nothing {
            all.steps.push(step);
            all.highest = all.highest.max(by);
            all.hours_sum += by * hours;
        }
    }
    all
}

fn of_battery(walk: &Walk<'_>, part: usize, battery: &Battery, all: &mut Vec<Missed>) {
    let energy = walk.column(part, Quantity::Energy);
    if walk.checked.starts_outside(battery) {
        let bounds = |step| walk.checked.energy_bounds(battery, step);
        let per_kwh = walk.checked.shortage_per_kwh;
        let below = over(walk, NOTHING_WH, |step| bounds(step).min_wh - energy[step]);
        all.extend(outside(part, "min_wh", "is below min_wh, which it starts below,", per_kwh, below));
        let above = over(walk, NOTHING_WH, |step| energy[step] - bounds(step).max_wh);
        all.extend(outside(part, "max_wh", "is above max_wh, which it starts above,", per_kwh, above));
    }
    let per_kwh = battery.preference_per_kwh_h.unwrap_or(walk.checked.shortage_per_kwh);
    if let Some(min) = &battery.preferred_min_wh {
        let below = over(walk, NOTHING_WH, |step| min.at(step) - energy[step]);
        all.extend(outside(part, "preferred_min_wh", "is below preferred_min_wh", per_kwh, below));
    }
    if let Some(max) = &battery.preferred_max_wh {
        let above = over(walk, NOTHING_WH, |step| energy[step] - max.at(step));
        all.extend(outside(part, "preferred_max_wh", "is above preferred_max_wh", per_kwh, above));
    }
    all.extend(of_target(walk, part, walk.checked.battery_target(battery)));
}

fn outside(part: usize, limit: &'static str, says: &str, per_kwh_h: f64, over: Over) -> Option<Missed> {
    (!over.steps.is_empty()).then(|| Missed {
        part,
        cause: CostCause::Preference,
        cost: per_kwh_h * over.hours_sum / 1000.0,
        limit,
        amount: over.highest / 1000.0,
        unit: "kWh",
        says: format!("{says} by up to {}", words::energy(over.highest)),
        steps: over.steps,
    })
}

/// What a store holds at the end, against what was asked of it.
fn of_target(walk: &Walk<'_>, part: usize, target: Target) -> Option<Missed> {
    let last = walk.steps() - 1;
    let left = walk.column(part, Quantity::Energy)[last];
    let (wh, per_kwh, both) = match target {
        Target::AtLeast { wh, per_kwh } => (wh, per_kwh, false),
        Target::Exactly { wh, per_kwh } => (wh, per_kwh, true),
        Target::Worth { .. } => return None,
    };
    let short = wh - left;
    let amount = if both { short.abs() } else { short };
    (amount > NOTHING_WH).then(|| Missed {
        part,
        cause: CostCause::Shortfall,
        cost: per_kwh * amount / 1000.0,
        limit: "terminal",
        amount: amount / 1000.0,
        unit: "kWh",
        steps: vec![last],
        says: format!(
            "ends with {}, {} {} than the {} asked for",
            words::energy(left),
            words::energy(amount),
            if short > 0.0 { "less" } else { "more" },
            words::energy(wh)
        ),
    })
}

fn of_ev(walk: &Walk<'_>, part: usize, ev: &Ev, all: &mut Vec<Missed>) {
    let energy = walk.column(part, Quantity::Energy);
    for session in &ev.sessions {
        let steps = walk.checked.session_steps(session);
        if steps.is_empty() {
            continue;
        }
        let last = steps.end - 1;
        let short = walk.checked.session_target_wh(ev, session) - energy[last];
        if short > NOTHING_WH {
            all.push(Missed {
                part,
                cause: CostCause::Shortfall,
                cost: walk.checked.ev_shortfall_per_kwh(ev) * short / 1000.0,
                limit: "target_wh",
                amount: short / 1000.0,
                unit: "kWh",
                steps: vec![last],
                says: format!(
                    "leaves at {} with {}, {} short of what was asked for",
                    session.departure,
                    words::energy(energy[last]),
                    words::energy(short)
                ),
            });
        }
    }
}

fn of_deferrable(walk: &Walk<'_>, part: usize, load: &Deferrable) -> Option<Missed> {
    let on = walk.column(part, Quantity::On);
    let ran: f64 = on.iter().zip(&walk.checked.hours).map(|(on, hours)| on * hours).sum();
    let short = walk.checked.run_hours(load) - ran;
    (short > 1e-9).then(|| Missed {
        part,
        cause: CostCause::Shortfall,
        cost: walk.checked.run_shortfall_per_h(load) * short,
        limit: "run_time",
        amount: short,
        unit: "h",
        steps: Vec::new(),
        says: format!("runs {} h of {} h", words::number(ran), words::number(walk.checked.run_hours(load))),
    })
}

fn of_tank(walk: &Walk<'_>, part: usize, tank: &Tank, all: &mut Vec<Missed>) {
    let unmet = walk.column(part, Quantity::Unmet);
    let over = over(walk, NOTHING_W, |step| unmet[step]);
    if !over.steps.is_empty() {
        all.push(Missed {
            part,
            cause: CostCause::Shortfall,
            cost: walk.checked.unmet_per_kwh(tank) * over.hours_sum / 1000.0,
            limit: "demand_w",
            amount: over.hours_sum / 1000.0,
            unit: "kWh",
            says: format!("lacks {} of heat", words::energy(over.hours_sum)),
            steps: over.steps,
        });
    }
    all.extend(of_target(walk, part, walk.checked.tank_target(tank)));
}

fn of_building(walk: &Walk<'_>, part: usize, building: &Building, all: &mut Vec<Missed>) {
    let temperature = walk.column(part, Quantity::Temperature);
    let per_k_h = walk.checked.discomfort_per_k_h(building);
    let mut add = |limit: &'static str, says: &str, over: Over| {
        if !over.steps.is_empty() {
            all.push(Missed {
                part,
                cause: CostCause::Preference,
                cost: per_k_h * over.hours_sum,
                limit,
                amount: over.highest,
                unit: "K",
                says: format!("is up to {} K {says}", words::number(over.highest)),
                steps: over.steps,
            });
        }
    };
    let cold = |min: &Profile| over(walk, NOTHING_K, |step| min.at(step) - temperature[step]);
    add("comfort_min_c", "colder than comfort_min_c", cold(&building.comfort_min_c));
    if let Some(max) = &building.comfort_max_c {
        add("comfort_max_c", "warmer than comfort_max_c", over(walk, NOTHING_K, |step| temperature[step] - max.at(step)));
    }
}
