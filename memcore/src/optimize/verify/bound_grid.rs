//! A grid's best answer to given prices, for the bound: with limits, squares, and one demand charge.

use crate::optimize::checked::Checked;
use crate::optimize::{DemandCharge, Grid, Profile};

/// The least cost; None where it has no end, or with several demand charges.
pub(super) fn least(checked: &Checked<'_>, grid: &Grid, price: &[f64]) -> Option<f64> {
    let carbon = checked.site.carbon_price_per_kg / 1000.0;
    let buy = |step: usize| grid.buy_per_kwh.at(step) + carbon * grid.carbon_g_per_kwh.at(step) - price[step];
    let square = grid.quadratic_per_kw2h;
    let export = |step: usize| {
        let earned = price[step] - grid.sell_per_kwh.at(step);
        best(earned, square, limit_kw(grid.export_limit_w.as_ref(), step))
    };
    let charged = match &grid.demand_charges[..] {
        [] => None,
        [charge] => Some(charge),
        _ => return None,
    };
    let mut bound = 0.0;
    for (step, hours) in checked.hours.iter().enumerate() {
        let import = match charged {
            Some(_) => 0.0,
            None => best(buy(step), square, limit_kw(grid.import_limit_w.as_ref(), step)),
        };
        // One of both where they exclude each other, and never more than both: below either way.
        let export = export(step);
        bound += hours * if grid.exclusive && charged.is_none() { import.min(export) } else { import + export };
    }
    match charged {
        None => Some(bound),
        Some(charge) => Some(bound + with_peak(checked, grid, charge, buy)?),
    }
}

fn limit_kw(limit: Option<&Profile>, step: usize) -> f64 {
    limit.map_or(f64::INFINITY, |limit| limit.at(step) / 1000.0)
}

/// The least of `cost * x + square * x^2` for `0 <= x <= limit`.
fn best(cost: f64, square: f64, limit: f64) -> f64 {
    if cost >= 0.0 || limit == 0.0 {
        return 0.0;
    }
    if square == 0.0 {
        return cost * limit;
    }
    let x = (-cost / (2.0 * square)).min(limit);
    cost * x + square * x * x
}

/// Imports under a demand charge. For a given peak every interval is a knapsack of its steps, so that the least cost is a convex,
/// piecewise linear function of the peak: its slope is followed from the peak so far to where it is no longer below zero. The square
/// of imports, which costs zero or more, is left out.
fn with_peak(checked: &Checked<'_>, grid: &Grid, charge: &DemandCharge, buy: impl Fn(usize) -> f64) -> Option<f64> {
    let peak = charge.peak_so_far_w / 1000.0;
    let mut covered = vec![false; checked.steps()];
    let (mut cost, mut slope) = (0.0, charge.per_kw);
    // Where the slope changes on the way up: the peak, and by how much.
    let mut bends: Vec<(f64, f64)> = Vec::new();
    for interval in checked.demand_intervals(charge) {
        let mut steps: Vec<(f64, f64)> = Vec::with_capacity(interval.len());
        for (step, weight) in interval {
            covered[step] = true;
            let per_peak = checked.hours[step] * buy(step) / weight;
            if per_peak < 0.0 {
                steps.push((per_peak, weight * limit_kw(grid.import_limit_w.as_ref(), step)));
            }
        }
        steps.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut filled = 0.0_f64;
        for (per_peak, width) in steps {
            let end = filled + width;
            cost += per_peak * (end.min(peak) - filled.min(peak));
            if end > peak {
                bends.push((filled.max(peak), per_peak));
                bends.push((end, -per_peak));
            }
            filled = end;
        }
    }
    for step in (0..covered.len()).filter(|step| !covered[*step]) {
        cost += checked.hours[step] * best(buy(step), 0.0, limit_kw(grid.import_limit_w.as_ref(), step));
    }
    bends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut at, mut lowest, mut current) = (peak, cost, cost);
    // An import without a limit ends nowhere: what counts is that the slope before is no longer below zero, but for rounding.
    for (bend, change) in bends.into_iter().filter(|(bend, _)| bend.is_finite()) {
        if bend > at {
            current += slope * (bend - at);
            at = bend;
            lowest = lowest.min(current);
        }
        slope += change;
    }
    (lowest.is_finite() && slope >= -1e-9).then_some(lowest)
}
