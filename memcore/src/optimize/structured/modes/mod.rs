//! One store, gensets and modes that must not mix: value functions as lower envelopes of convex pieces.
//!
//! Two passes, both exact. The first ([`course`]) settles what runs when, over states of an automaton and pieces of value functions. The
//! second ([`dispatch`]) settles how much, with prices and water values: those of the convex problem in which all modes are fixed. A
//! price that would make a plant start by itself need not exist in such problems, and none is claimed.

mod automaton;
mod bus;
mod commitment;
mod course;
mod dispatch;
mod envelope;
mod pieces;
mod problem;
mod runs;
mod store;
mod supply;
#[cfg(test)]
mod tests;

use automaton::Automaton;
use dispatch::Step;
use problem::Problem;
use store::Stored;
use supply::Give;

use crate::optimize::answer::{Answer, Solved};
use crate::optimize::checked::Checked;
use crate::optimize::{Asset, Quantity, Schedule};

/// The most states of the automaton.
const MAX_STATES: usize = 4096;
/// The most states times steps. A state of a step takes some two microseconds, so that this is about a quarter of a minute.
const MAX_WORK: usize = 8_000_000;

/// The best schedule, where the site has at most one store and few enough combinations of modes.
pub(in crate::optimize) fn solve(checked: &Checked<'_>) -> Answer {
    if let Some(why) = unfit(checked) {
        return Answer::NotMine(why);
    }
    let problem = match Problem::new(checked) {
        Ok(problem) => problem,
        Err(why) => return Answer::NotMine(why),
    };
    if let Some(why) = unsolvable(&problem) {
        return Answer::NotMine(why);
    }
    let Some(course) = course::best(&problem) else { return Answer::Infeasible };
    match dispatch::dispatch(&problem, &course) {
        Some(steps) => Answer::Solved(Box::new(solved(&problem, &course, &steps))),
        None => Answer::NotMine("rounding parts what is best from what is possible".to_owned()),
    }
}

/// Why a site is not of the right shape.
fn unfit(checked: &Checked<'_>) -> Option<String> {
    let site = checked.site;
    if checked.buses.len() > 1 || !site.links.is_empty() {
        return Some("it has more than one bus".to_owned());
    }
    if site.reserve.is_some() {
        return Some("it asks for reserve".to_owned());
    }
    if site.stay.is_some() || site.smoothness.iter().any(|smoothness| smoothness.per_kw != 0.0) {
        return Some("it prices changes of power".to_owned());
    }
    let count = |of: fn(&Asset) -> bool| site.assets.iter().filter(|asset| of(asset)).count();
    if count(|asset| matches!(asset, Asset::Battery(_) | Asset::Ev(_))) > 1 {
        return Some("it has more than one store".to_owned());
    }
    if count(|asset| matches!(asset, Asset::Grid(_))) > 1 {
        return Some("it has more than one grid connection".to_owned());
    }
    let uneven = checked.hours.iter().any(|hours| *hours != checked.hours[0]);
    let several = |asset: &Asset| matches!(asset, Asset::Deferrable(load) if !load.contiguous);
    if let Some(load) = site.assets.iter().find(|asset| uneven && several(asset)) {
        return Some(format!("{} may run in several goes, and steps differ in length", load.name()));
    }
    site.assets.iter().find_map(|asset| Some(format!("{} {}", asset.name(), unfit_asset(asset)?)))
}

fn unfit_asset(asset: &Asset) -> Option<&'static str> {
    match asset {
        Asset::Grid(grid) if grid.demand_charges.iter().any(|charge| charge.per_kw != 0.0) => Some("has a demand charge"),
        Asset::Grid(grid) if grid.quadratic_per_kw2h != 0.0 => Some("has a quadratic cost"),
        Asset::Genset(genset) if genset.ramp_w_per_min.is_some() => Some("has a limit of its ramp"),
        Asset::HeatPump(_) => Some("is a heat pump"),
        _ => None,
    }
}

/// Why what has a memory is too much for this engine.
fn too_much(automaton: &Automaton<'_>, steps: usize) -> Option<String> {
    let states = automaton.states();
    (states > MAX_STATES || states.saturating_mul(steps) > MAX_WORK).then(|| {
        format!("what has a memory has {states} states over {steps} steps, more than {MAX_STATES} or {MAX_WORK} in all")
    })
}

fn unsolvable(problem: &Problem<'_>) -> Option<String> {
    if problem.bus.earns_without_end() {
        return Some("it may buy and sell at once without limit, at a gain".to_owned());
    }
    match problem.store.asset {
        Stored::Battery(_, battery) if !battery.exclusive && mixes(problem) => {
            Some(format!("{} may charge and discharge at once, and that pays", battery.name))
        }
        _ => None,
    }
}

/// Whether charging and discharging at once would pay somewhere.
fn mixes(problem: &Problem<'_>) -> bool {
    let apart = |step: usize, activity: usize| {
        let whole = problem.store.steps[step].flows[0];
        problem.stages(step, activity).iter().any(|stage| stage.flow != whole)
    };
    (0..problem.steps()).any(|step| (0..problem.activities()).any(|activity| apart(step, activity)))
}

fn solved(problem: &Problem<'_>, course: &course::Course, steps: &[Step]) -> Solved {
    let mut schedule = Schedule::zeros(problem.checked.site);
    for (step, done) in steps.iter().enumerate() {
        write_supply(problem, &mut schedule, step, done);
        write_store(problem, &mut schedule, step, done);
        write_states(problem, &mut schedule, step, course.decisions[step].state);
    }
    let objective = steps.iter().map(|step| step.cost).sum::<f64>() + moves_cost(problem, course);
    let worth = steps.iter().map(|step| step.worth).collect();
    Solved {
        schedule,
        objective,
        bound: objective.min(course.value),
        bus_prices: Some(vec![steps.iter().map(|step| step.price).collect()]),
        water_values: problem.store.asset.part().map(|part| (part, worth)).into_iter().collect(),
        iterations: course.convolutions,
        nodes: 0,
    }
}

fn moves_cost(problem: &Problem<'_>, course: &course::Course) -> f64 {
    let automaton = &problem.automaton;
    let mut state = automaton.initial();
    let mut cost = automaton.standing_cost();
    for (step, decision) in course.decisions.iter().enumerate() {
        cost += automaton.cost(step, state, decision.state);
        state = decision.state;
    }
    cost
}

fn write_supply(problem: &Problem<'_>, schedule: &mut Schedule, step: usize, done: &Step) {
    let mut set = |part: usize, quantity: Quantity, kw: f64| schedule.column_mut(part, quantity)[step] = kw * 1e3;
    for (part, asset) in problem.checked.assets() {
        match asset {
            Asset::Load(load) => set(part, Quantity::Served, load.power_w.at(step) / 1e3),
            Asset::Pv(source) if !source.curtailable => {
                set(part, Quantity::Used, problem.checked.available_w(source, step) / 1e3);
            }
            _ => {}
        }
    }
    for (block, filled) in done.supply.filled(done.supply.demand + done.charge) {
        match block.give {
            Give::Import(part) => set(part, Quantity::Import, filled),
            Give::ExportLess(part) => set(part, Quantity::Export, block.power - filled),
            Give::Use(part) => {
                set(part, Quantity::Used, filled);
                set(part, Quantity::Curtailed, block.power - filled);
            }
            // The least power comes with the state, see `write_states`.
            Give::Generate(part) => set(part, Quantity::Power, filled),
            Give::Shed(part) => {
                set(part, Quantity::Shed, filled);
                let asked = problem.checked.site.assets.get(part).map_or(0.0, |asset| asked_kw(asset, step));
                set(part, Quantity::Served, asked - filled);
            }
        }
    }
}

fn asked_kw(asset: &Asset, step: usize) -> f64 {
    match asset {
        Asset::Load(load) => load.power_w.at(step) / 1e3,
        _ => 0.0,
    }
}

fn write_store(problem: &Problem<'_>, schedule: &mut Schedule, step: usize, done: &Step) {
    let Some(part) = problem.store.asset.part() else { return };
    schedule.column_mut(part, Quantity::Charge)[step] = done.charge.max(0.0) * 1e3;
    schedule.column_mut(part, Quantity::Discharge)[step] = (-done.charge).max(0.0) * 1e3;
    schedule.column_mut(part, Quantity::Energy)[step] = done.energy * 1e3;
}

fn write_states(problem: &Problem<'_>, schedule: &mut Schedule, step: usize, state: usize) {
    let running = problem.running(state);
    for ((part, _), power) in problem.bus.deferrables.iter().zip(&running.deferrables) {
        schedule.column_mut(*part, Quantity::On)[step] = if power.is_some() { 1.0 } else { 0.0 };
        schedule.column_mut(*part, Quantity::Power)[step] = power.unwrap_or(0.0) * 1e3;
    }
    for ((part, genset), _) in problem.bus.gensets.iter().zip(&running.gensets).filter(|(_, on)| **on) {
        schedule.column_mut(*part, Quantity::On)[step] = 1.0;
        schedule.column_mut(*part, Quantity::Power)[step] += genset.min_w;
    }
}
