//! Random sites on which every engine that takes them, and exhaustive search on the smallest, find the same least cost. Every plan
//! passes the verifier on its way; each failure names its seed (`MEMCORE_SEED` repeats it, `MEMCORE_RANDOM_SITES` makes more).

mod optimize_support;

use memcore::optimize::{Engine, Options, Outcome, Plan, Site};
use optimize_support::dice::Dice;
use optimize_support::{brute, first_seed, rounds, sites};

const ENGINES: [Engine; 5] = [Engine::Storage, Engine::Modes, Engine::Highs, Engine::Microlp, Engine::Clarabel];

/// What an engine makes of a site.
#[derive(Debug)]
enum Verdict {
    Costs(Box<Plan>),
    Infeasible,
}

/// None where the engine is not built in, or not for such a site.
fn verdict(site: &Site, engine: Engine, seed: u64) -> Option<Verdict> {
    let options = Options { engine: Some(engine), ..Options::default() };
    match site.solve(&options) {
        Ok(Outcome::Plan(plan)) => Some(Verdict::Costs(plan)),
        Ok(Outcome::Infeasible(_)) => Some(Verdict::Infeasible),
        Ok(Outcome::Undecided(undecided)) => panic!("seed {seed}, {}: {undecided:?}", engine.name()),
        Err(error) if ["INVALID", "UNSUPPORTED"].contains(&error.code()) => None,
        Err(error) => panic!("seed {seed}, {}: {error}\n{}", engine.name(), serde_json::to_string(site).unwrap()),
    }
}

/// Holds every engine against a cost (None: there is no plan), or against the first that answers. How many answered.
fn agree(site: &Site, seed: u64, mut expected: Option<Option<f64>>) -> usize {
    let mut answered = 0;
    for engine in ENGINES {
        let Some(verdict) = verdict(site, engine, seed) else { continue };
        answered += 1;
        let cost = match &verdict {
            Verdict::Costs(plan) => Some(plan.objective),
            Verdict::Infeasible => None,
        };
        let expected = *expected.get_or_insert(cost);
        let same = match (cost, expected) {
            (Some(cost), Some(expected)) => (cost - expected).abs() <= 1e-6 * expected.abs().max(1.0),
            (None, None) => true,
            _ => false,
        };
        let name = engine.name();
        assert!(same, "seed {seed}: {name} {cost:?} for {expected:?}\n{}", serde_json::to_string(site).unwrap());
        if let Verdict::Costs(plan) = verdict {
            let bound = plan.certificate.price_bound.unwrap_or(f64::NEG_INFINITY);
            assert!(bound <= plan.objective + 1e-6, "seed {seed}: {name}'s prices bound {} by {bound}", plan.objective);
        }
    }
    answered
}

#[test]
fn every_engine_finds_what_exhaustive_search_finds() {
    let mut answered = 0;
    for seed in first_seed()..first_seed() + rounds(1_500) {
        let site = sites::lattice(&mut Dice::new(seed));
        answered += agree(&site, seed, Some(brute::least(&site)));
    }
    assert!(answered > 0, "no engine answered");
}

#[test]
fn engines_agree_on_one_store_against_a_grid() {
    let mut answered = 0;
    for seed in first_seed()..first_seed() + rounds(300) {
        answered += agree(&sites::one_store(&mut Dice::new(seed)), seed, None);
    }
    assert!(answered > 0, "no engine answered");
}

#[test]
fn engines_agree_on_sites_of_every_kind_of_asset() {
    for seed in first_seed()..first_seed() + rounds(90) {
        agree(&sites::any(&mut Dice::new(seed)), seed, None);
    }
}

#[test]
fn the_prices_of_a_convex_site_prove_its_cost() {
    let mut proven = 0;
    for seed in first_seed()..first_seed() + rounds(300) {
        let site = sites::one_store(&mut Dice::new(seed));
        let Some(Verdict::Costs(plan)) = verdict(&site, Engine::Storage, seed) else { continue };
        let Some(bound) = plan.certificate.price_bound else { continue };
        // Below zero, a battery that may burn energy by charging and discharging at once would, and the site is not convex.
        if plan.prices.iter().flat_map(|bus| &bus.per_kwh).any(|price| *price < 0.0) {
            continue;
        }
        let gap = plan.objective - bound;
        assert!(gap.abs() < 1e-6 * plan.objective.abs().max(1.0), "seed {seed}: {} and {bound}", plan.objective);
        proven += 1;
    }
    assert!(proven > 0, "no plan of the storage engine came with prices");
}
