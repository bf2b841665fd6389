//! Plans beside each other: what they cost by part and cause, what flows, and what differs.

use std::collections::BTreeMap;

use super::answer::{ComparedKind, ComparedRow, Plan, PlanComparison};

/// A figure by what it is of: its kind, its part, what.
type Key = (ComparedKind, String, String);

/// The comparison. Differences are against the first plan; a cause that a plan does not have costs it nothing.
pub(super) fn beside_each_other(plans: Vec<Plan>) -> PlanComparison {
    let currency = plans.first().map(|plan| plan.summary.currency.clone());
    let currency = currency.filter(|first| plans.iter().all(|plan| plan.summary.currency == *first));
    let mut figures: BTreeMap<Key, Vec<Option<f64>>> = BTreeMap::new();
    for (place, plan) in plans.iter().enumerate() {
        for (key, value) in figures_of(plan) {
            let values = figures.entry(key).or_insert_with(|| plans.iter().map(absent).collect());
            // Several costs of one cause and part are one figure.
            let known = values[place].unwrap_or(0.0);
            values[place] = Some(known + value);
        }
    }
    let row = |((kind, part, what), values): (Key, Vec<Option<f64>>)| {
        let first = values.first().copied().flatten();
        let differences = values.iter().map(|value| Some((*value)? - first?)).collect();
        let unit = match kind {
            ComparedKind::Cost => currency.clone().unwrap_or_default(),
            ComparedKind::Energy => "Wh".to_owned(),
        };
        ComparedRow { kind, part, what, unit, values, differences }
    };
    let rows = figures.into_iter().map(row).collect();
    PlanComparison { currency, rows, plans: plans.into_iter().map(|plan| plan.summary).collect() }
}

/// What a figure is of a plan that does not have it: nothing, or unknown where there is no plan.
fn absent(plan: &Plan) -> Option<f64> {
    plan.summary.cost.map(|_| 0.0)
}

fn figures_of(plan: &Plan) -> Vec<(Key, f64)> {
    let total = plan.summary.cost.map(|cost| ((ComparedKind::Cost, String::new(), "total".to_owned()), cost));
    let costs = plan.costs.iter().map(|cost| ((ComparedKind::Cost, cost.part.clone(), cost.cause.clone()), cost.amount));
    let energies = plan.assets.iter().flat_map(|asset| {
        let key = |what: &str| (ComparedKind::Energy, asset.asset.clone(), what.to_owned());
        let (taken, given) = (asset.taken_wh, asset.given_wh);
        [(key("taken"), taken), (key("given"), given), (key("net"), taken - given)]
    });
    total.into_iter().chain(costs).chain(energies).collect()
}
