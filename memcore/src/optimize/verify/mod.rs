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
mod rules;
mod shadow;
mod stores;
#[cfg(test)]
mod tests;
mod walk;

use serde::Serialize;

use self::walk::Walk;
use super::answer::Solved;
use super::check::clamped;
use super::checked::Checked;
use super::{BusPrices, Certificate, Cost, EngineReport, Options, Plan, Schedule, Site, Status, Violation, WaterValues};
use crate::error::{Error, ErrorKind, Result};

/// An engine's claim may differ from the bill by this share of the money that flows (at least of 1).
const SAME_MONEY: f64 = 1e-6;

/// A schedule that keeps every rule of its site, with what it costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verified {
    /// The sum of [`costs`](Self::costs).
    pub objective: f64,
    /// What it costs, by asset and cause.
    pub costs: Vec<Cost>,
    /// Carbon emitted, in g.
    pub carbon_g: f64,
    /// Wishes and soft limits that are not met.
    pub violations: Vec<Violation>,
    /// The largest miss of any balance, limit or transition, in W or Wh; within tolerance.
    pub largest_residual: f64,
    /// Where that is, in the site's words; empty where there is none but rounding (below 1e-9).
    pub at: String,
}

impl Site {
    /// Goes through a schedule from anywhere, as through every plan: whether it keeps all rules, and what it costs.
    ///
    /// # Errors
    /// Invalid where the site is, where the schedule is of another site, or where it breaks a balance, a limit or a transition, naming
    /// the first one with its step and by how much.
    pub fn verify(&self, schedule: &Schedule) -> Result<Verified> {
        let settled = clamped(self.checked()?.site);
        let checked = settled.as_ref().unwrap_or(self).checked()?;
        if !schedule.is_of(self) {
            return Err(Error::invalid("the schedule is of another site: its steps or its columns differ"));
        }
        let mut schedule = schedule.clone();
        clean::clean(&checked, &mut schedule);
        let walk = Walk::new(&checked, &schedule);
        verified(walk).map_err(|error| Error::invalid(error.message()))
    }
}

/// Every rule, and the bill.
///
/// # Errors
/// Internal where a rule is broken.
fn verified(walk: Walk<'_>) -> Result<Verified> {
    let (Account { costs, total, carbon_g, violations, .. }, kept) = gone_through(walk);
    let (largest_residual, at) = kept?;
    Ok(Verified { objective: total, costs, carbon_g, violations, largest_residual, at })
}

/// The bill of a schedule, and the largest miss of any rule with its place, or the first rule that is broken.
fn gone_through(mut walk: Walk<'_>) -> (Account, Result<(f64, String)>) {
    rules::all(&mut walk);
    let missed = misses::missed(&walk);
    let (costs, carbon_g) = costs::bill(&walk, &missed);
    let violations = misses::violations(&walk, missed);
    let total = costs::compensated(costs.iter().map(|cost| cost.amount));
    (Account { costs, total, carbon_g, violations, broken: None }, walk.end())
}

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
    let Verified { objective, costs, carbon_g, violations, largest_residual, at } =
        verified(Walk::new(checked, &schedule))?;
    let money = costs.iter().map(|cost| cost.amount.abs()).fold(1.0, f64::max);
    same_money(claimed, objective, money)?;
    let (shadow_prices, price_bound) = match &bus_prices {
        Some(prices) => {
            let walk = Walk::new(checked, &schedule);
            (shadow::prices(&walk, prices, &water_values), bound::price_bound(checked, prices, &water_values))
        }
        None => (Vec::new(), None),
    };
    // A bound that is no number proves nothing.
    let bound = if bound.is_nan() { f64::NEG_INFINITY } else { bound.min(objective) };
    let mut engine = report;
    engine.timings.verify = crate::model::Span::from_micros(options.now().as_micros() - begun.as_micros());
    Ok(Plan {
        status: status(objective, bound, money, options.gap),
        objective,
        bound,
        currency: checked.site.currency,
        horizon: checked.site.horizon.clone(),
        parts: (0..checked.parts()).map(|part| checked.part_name(part).to_owned()).collect(),
        costs,
        carbon_g,
        prices: prices(checked, bus_prices),
        water_values: named(checked, water_values),
        shadow_prices,
        violations,
        notices: checked.notices.clone(),
        certificate: Certificate { largest_residual, at, objective_difference: claimed - objective, price_bound },
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
    let (account, kept) = gone_through(Walk::new(checked, schedule));
    Account { broken: kept.err().map(|error| error.to_string()), ..account }
}

fn prices(checked: &Checked<'_>, bus_prices: Option<Vec<Vec<f64>>>) -> Vec<BusPrices> {
    let named = checked.buses.iter().zip(bus_prices.unwrap_or_default());
    named.map(|(bus, per_kwh)| BusPrices { bus: (*bus).to_owned(), per_kwh }).collect()
}

fn named(checked: &Checked<'_>, water_values: Vec<(usize, Vec<f64>)>) -> Vec<WaterValues> {
    let named = |(part, per_kwh)| WaterValues { part: checked.part_name(part).to_owned(), per_kwh };
    water_values.into_iter().map(named).collect()
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
