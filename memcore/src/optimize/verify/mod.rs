//! memcore's own check of every plan: it goes through a schedule step by step, from the site alone, and believes no engine.
//!
//! Balances, limits and transitions hold within 1e-3 W or Wh plus a millionth of the numbers around them; what is logical (a least
//! time, a window, a run in one go) holds exactly. The objective of a plan is the verifier's own bill, not its engine's.

mod bound;
mod bound_grid;
mod clean;
mod costs;
mod flows;
mod machines;
mod misses;
mod shadow;
mod stores;
#[cfg(test)]
mod tests;
mod walk;

use self::walk::Walk;
use super::answer::Solved;
use super::checked::Checked;
use super::{Asset, BusPrices, Certificate, Cost, EngineReport, Options, Plan, Schedule, Status, Violation, WaterValues};
use crate::error::{Error, ErrorKind, Result};

/// An engine's claim may differ from the bill by this share of the money that flows (at least of 1).
const SAME_MONEY: f64 = 1e-6;

/// The plan of a schedule, verified, with its costs, prices, violations and certificate.
///
/// # Errors
/// Internal where the schedule breaks a balance, a limit or a transition, or costs other than its engine claims: such a plan is not
/// returned.
pub(in crate::optimize) fn plan(
    checked: &Checked<'_>,
    solved: Solved,
    report: EngineReport,
    options: &Options,
) -> Result<Plan> {
    let begun = options.now();
    let Solved { mut schedule, objective: claimed, bound, bus_prices, water_values, .. } = solved;
    clean::clean(checked, &mut schedule);
    let mut walk = Walk::new(checked, &schedule);
    rules(&mut walk);
    let missed = misses::missed(&walk);
    let (costs, carbon_g) = costs::bill(&walk, &missed);
    let violations = misses::violations(&walk, missed);
    let objective = costs::compensated(costs.iter().map(|cost| cost.amount));
    let (shadow_prices, price_bound) = match &bus_prices {
        Some(prices) => (shadow::prices(&walk, prices, &water_values), bound::price_bound(checked, prices, &water_values)),
        None => (Vec::new(), None),
    };
    let (largest_residual, at) = walk.end()?;
    let money = costs.iter().map(|cost| cost.amount.abs()).fold(1.0, f64::max);
    same_money(claimed, objective, money)?;
    let bound = bound.min(objective);
    let certificate = Certificate { largest_residual, at, objective_difference: claimed - objective, price_bound };
    let mut engine = report;
    let verify = options.now().as_micros() - begun.as_micros();
    engine.timings.verify = crate::model::Span::from_micros(verify);
    Ok(Plan {
        status: status(objective, bound, money, options.gap),
        objective,
        bound,
        currency: checked.site.currency,
        horizon: checked.site.horizon.clone(),
        parts: (0..checked.site.assets.len() + checked.site.links.len())
            .map(|part| checked.part_name(part).to_owned())
            .collect(),
        costs,
        carbon_g,
        prices: prices(checked, bus_prices),
        water_values: water_values
            .into_iter()
            .map(|(part, per_kwh)| WaterValues { part: checked.part_name(part).to_owned(), per_kwh })
            .collect(),
        shadow_prices,
        violations,
        notices: checked.notices.clone(),
        certificate,
        engine,
        schedule,
    })
}

/// What a schedule that was carried out costs by the bill of plans, whether or not it kept every rule.
pub(in crate::optimize) struct Account {
    pub(in crate::optimize) costs: Vec<Cost>,
    /// The sum of `costs`.
    pub(in crate::optimize) total: f64,
    pub(in crate::optimize) carbon_g: f64,
    pub(in crate::optimize) violations: Vec<Violation>,
    /// The first hard rule that was broken, and where.
    pub(in crate::optimize) broken: Option<String>,
}

/// The bill of a schedule that was carried out.
pub(in crate::optimize) fn account(checked: &Checked<'_>, schedule: &Schedule) -> Account {
    let mut walk = Walk::new(checked, schedule);
    rules(&mut walk);
    let missed = misses::missed(&walk);
    let (costs, carbon_g) = costs::bill(&walk, &missed);
    let violations = misses::violations(&walk, missed);
    let total = costs::compensated(costs.iter().map(|cost| cost.amount));
    let broken = walk.end().err().map(|error| error.to_string());
    Account { costs, total, carbon_g, violations, broken }
}

fn prices(checked: &Checked<'_>, bus_prices: Option<Vec<Vec<f64>>>) -> Vec<BusPrices> {
    let named = checked.buses.iter().zip(bus_prices.unwrap_or_default());
    named.map(|(bus, per_kwh)| BusPrices { bus: (*bus).to_owned(), per_kwh }).collect()
}

/// Every rule of the site.
fn rules(walk: &mut Walk<'_>) {
    flows::signs(walk);
    for (part, asset) in walk.checked.assets() {
        match asset {
            Asset::Grid(grid) => flows::grid(walk, part, grid),
            Asset::Pv(source) => flows::source(walk, part, source),
            Asset::Battery(battery) => {
                stores::battery(walk, part, battery);
                machines::battery_reserve(walk, part, battery);
            }
            Asset::Ev(ev) => stores::ev(walk, part, ev),
            Asset::Deferrable(load) => machines::deferrable(walk, part, load),
            Asset::HeatPump(pump) => machines::heat_pump(walk, part, pump),
            Asset::Genset(genset) => machines::genset(walk, part, genset),
            Asset::Load(load) => flows::load(walk, part, load),
        }
    }
    for (place, link) in walk.checked.site.links.iter().enumerate() {
        flows::link(walk, walk.checked.site.assets.len() + place, link);
    }
    flows::balances(walk);
}

fn same_money(claimed: f64, objective: f64, money: f64) -> Result<()> {
    if (claimed - objective).abs() <= SAME_MONEY * money {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Internal,
        format!("the plan costs {objective}, but its engine claims {claimed}: it is not returned"),
    ))
}

fn status(objective: f64, bound: f64, money: f64, gap: f64) -> Status {
    let allowed = gap * objective.abs().max(1.0) + SAME_MONEY * money;
    if objective - bound <= allowed { Status::Optimal } else { Status::Feasible }
}
