//! The least that limits must give so that a plan is possible, and that plan.

use super::Relaxation;
use super::limits::{self, Limit, Toll};
use crate::optimize::solve::{Found, Memory, found};
use crate::optimize::{Asset, Options, Plan, Quantity, Site};

/// A limit gives way at this many times the price of shortage: money is no reason to.
const DEAR: f64 = 100.0;
/// Less than this many W or Wh is nothing.
const NOTHING: f64 = 1e-3;

/// The relaxations, and the plan of the site with them; None where the engines have none.
pub(super) fn least(site: &Site, options: &Options) -> Option<(Vec<Relaxation>, Option<Box<Plan>>)> {
    let limits: Vec<Limit> = limits::of_site(site).into_iter().filter(|limit| limit.weight(site).is_some()).collect();
    let dear = DEAR * site.checked().ok()?.shortage_per_kwh;
    // The least peak where an engine can find it, else the least energy.
    let peak = Toll { per_kwh: dear / 100.0, per_kw: Some(dear) };
    let energy = Toll { per_kwh: dear, per_kw: None };
    let given = [peak, energy].into_iter().find_map(|toll| amounts(site, &limits, toll, options))?;
    let mut mended = site.clone();
    let mut relaxations = Vec::new();
    for (limit, amounts) in limits.iter().zip(given) {
        if amounts.iter().any(|amount| *amount > NOTHING) {
            relaxations.push(relaxation(*limit, site, &amounts));
            // As much more as tolerances take, so that rounding does not stand in the way.
            let amounts: Vec<f64> = amounts.iter().map(|amount| amount.max(0.0) * (1.0 + 1e-9) + NOTHING).collect();
            limit.raise(&mut mended, &amounts);
        }
    }
    let plan = match found(&mended, options, &mut Memory::default()) {
        Ok(Found::Plan(plan)) => Some(plan),
        _ => None,
    };
    Some((relaxations, plan))
}

/// How much each limit gives in each step where all of them give way for a toll.
fn amounts(site: &Site, limits: &[Limit], toll: Toll, options: &Options) -> Option<Vec<Vec<f64>>> {
    let mut soft = site.clone();
    let mut asides = Vec::with_capacity(limits.len());
    for limit in limits {
        let before = soft.assets.len();
        let weight = limit.weight(site).unwrap_or(1.0);
        let toll = Toll { per_kwh: weight * toll.per_kwh, per_kw: toll.per_kw.map(|per_kw| weight * per_kw) };
        limit.soften(&mut soft, toll);
        asides.push((soft.assets.len() > before).then_some(before));
    }
    let Ok(Found::Plan(plan)) = found(&soft, options, &mut Memory::default()) else { return None };
    Some(limits.iter().zip(asides).map(|(limit, aside)| given(*limit, aside, site, &plan)).collect())
}

/// How much a limit gave in each step of the plan of the softened site.
fn given(limit: Limit, aside: Option<usize>, site: &Site, plan: &Plan) -> Vec<f64> {
    if let Some(part) = aside {
        let (import, export) = (plan.schedule.column(part, Quantity::Import), plan.schedule.column(part, Quantity::Export));
        return import.iter().zip(export).map(|(import, export)| import + export).collect();
    }
    match (limit, limit.asset(site)) {
        (Limit::MinEnergy(part), Some(Asset::Battery(battery))) => {
            let energy = plan.schedule.column(part, Quantity::Energy);
            energy.iter().enumerate().map(|(step, energy)| battery.min_wh.at(step) - energy).collect()
        }
        (Limit::MaxEnergy(part), Some(Asset::Battery(battery))) => {
            let energy = plan.schedule.column(part, Quantity::Energy);
            let max = |step: usize| battery.max_wh.as_ref().map_or(battery.capacity_wh, |max| max.at(step));
            energy.iter().enumerate().map(|(step, energy)| energy - max(step)).collect()
        }
        _ => Vec::new(),
    }
}

fn relaxation(limit: Limit, site: &Site, amounts: &[f64]) -> Relaxation {
    Relaxation {
        part: limit.part(site),
        limit: limit.field(site),
        amount: amounts.iter().copied().fold(0.0, f64::max),
        steps: (0..amounts.len()).filter(|step| amounts[*step] > NOTHING).collect(),
    }
}
