//! The verifier cannot be blind: a right plan of a random site, with any one number of any column moved, is refused or costs other.

mod optimize_support;

use memcore::optimize::{Options, Outcome, Quantity, Schedule, Site};
use optimize_support::dice::Dice;
use optimize_support::{first_seed, rounds, sites};

/// What is refused, and what is only dearer or cheaper than what the engine claims.
#[derive(Debug, Default)]
struct Counts {
    refused: usize,
    priced: usize,
}

#[test]
fn a_plan_with_any_one_number_moved_is_refused() {
    let mut counts = Counts::default();
    for seed in first_seed()..first_seed() + rounds(60) {
        for site in [sites::lattice(&mut Dice::new(seed)), sites::any(&mut Dice::new(seed))] {
            if let Ok(Outcome::Plan(plan)) = site.solve(&Options::default()) {
                assert!((site.verify(&plan.schedule).unwrap().objective - plan.objective).abs() < 1e-9, "seed {seed}");
                for by in [-2.0, 2.0] {
                    moved(&site, &plan.schedule, plan.objective, by, seed, &mut counts);
                }
            }
        }
    }
    assert!(counts.refused > 1_000, "{counts:?}");
    assert!(counts.priced * 100 < counts.refused, "nearly all are broken rules: {counts:?}");
}

fn moved(site: &Site, right: &Schedule, objective: f64, by: f64, seed: u64, counts: &mut Counts) {
    for part in 0..site.assets.len() + site.links.len() {
        for quantity in right.quantities(part) {
            // What an asset is counted on for may be less than it could give.
            if *quantity == Quantity::Reserve {
                continue;
            }
            for step in 0..right.steps() {
                let mut wrong = right.clone();
                wrong.column_mut(part, *quantity)[step] += by;
                match site.verify(&wrong) {
                    Err(_) => counts.refused += 1,
                    Ok(other) if (other.objective - objective).abs() > 1e-6 => counts.priced += 1,
                    Ok(_) => panic!("seed {seed}: part {part}, {} in step {step} by {by}", quantity.name()),
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_is_refused_in_every_column() {
    let site = sites::any(&mut Dice::new(first_seed()));
    let Ok(Outcome::Plan(plan)) = site.solve(&Options::default()) else { return };
    for part in 0..site.assets.len() + site.links.len() {
        for quantity in plan.schedule.quantities(part) {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut wrong = plan.schedule.clone();
                wrong.column_mut(part, *quantity)[0] = value;
                let refused = site.verify(&wrong).unwrap_err();
                assert_eq!(refused.code(), "INVALID", "{} {value}", quantity.name());
            }
        }
    }
}

#[test]
fn a_schedule_of_another_site_is_refused() {
    let site = sites::lattice(&mut Dice::new(1));
    let other = sites::one_store(&mut Dice::new(2));
    let error = site.verify(&Schedule::zeros(&other)).unwrap_err().to_string();
    assert!(error.contains("another site"), "{error}");
}
