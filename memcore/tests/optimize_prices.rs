//! What prices say is held against what happens: the site is solved again with a little more load, a limit moved, a fuller battery.
//!
//! At a convex site the least cost is a convex function of each of those, and a right price is a slope that lies below it on both
//! sides: `cost(with d more) >= cost + price * d`.

mod optimize_support;

use memcore::optimize::{Asset, Options, Outcome, Plan, Profile, Site, Terminal};
use optimize_support::dice::Dice;
use optimize_support::{first_seed, rounds, sites};

fn plan(site: &Site) -> Option<Plan> {
    site.solve(&Options::default()).ok().and_then(Outcome::into_plan)
}

/// A convex site, by the proof that its prices give, with its plan.
fn convex(seed: u64) -> Option<(Site, Plan)> {
    let site = sites::one_store(&mut Dice::new(seed));
    let plan = plan(&site)?;
    let bound = plan.certificate.price_bound?;
    ((plan.objective - bound).abs() < 1e-9 * plan.objective.abs().max(1.0)).then_some((site, plan))
}

/// The same profile with more in one step.
fn with(profile: &Profile, steps: usize, step: usize, more: f64) -> Profile {
    (0..steps).map(|at| profile.at(at) + if at == step { more } else { 0.0 }).collect::<Vec<_>>().into()
}

fn lies_below(seed: u64, what: &str, site: &Site, before: &Plan, change: f64) {
    if let Some(after) = plan(site) {
        let expected = before.objective + change;
        assert!(after.objective >= expected - 1e-9, "seed {seed}: {what}: {} below {expected}", after.objective);
    }
}

#[test]
fn the_price_of_a_bus_is_what_another_kwh_taken_there_costs() {
    let mut tried = 0;
    for seed in first_seed()..first_seed() + rounds(80) {
        let Some((site, before)) = convex(seed) else { continue };
        let price = &before.prices[0].per_kwh;
        for step in 0..site.horizon.len() {
            for more_w in [-10.0, 10.0] {
                let mut other = site.clone();
                let Asset::Load(load) = &mut other.assets[1] else { panic!() };
                load.power_w = with(&load.power_w, price.len(), step, more_w);
                let change = price[step] * site.horizon.hours(step) * more_w / 1000.0;
                lies_below(seed, &format!("load in step {step}"), &other, &before, change);
                tried += 1;
            }
        }
    }
    assert!(tried > 0, "no convex site came with prices");
}

#[test]
fn the_shadow_price_of_a_limit_is_what_another_kw_of_it_saves() {
    let mut tried = 0;
    for seed in first_seed()..first_seed() + rounds(150) {
        let Some((site, before)) = convex(seed) else { continue };
        for shadow in &before.shadow_prices {
            for (step, worth) in shadow.values.iter().enumerate().filter(|(_, worth)| **worth > 0.0) {
                for more in [-10.0, 10.0] {
                    let mut other = site.clone();
                    if move_limit(&mut other, shadow.limit, step, more) {
                        let what = format!("{} in step {step}", shadow.limit);
                        lies_below(seed, &what, &other, &before, -worth * more / 1000.0);
                        tried += 1;
                    }
                }
            }
        }
    }
    assert!(tried > 0, "no limit was worth anything");
}

/// Gives way by so much in a step (a least energy gives way downwards). False where a limit has no profile to move.
fn move_limit(site: &mut Site, limit: &str, step: usize, more: f64) -> bool {
    let steps = site.horizon.len();
    for asset in &mut site.assets {
        let (profile, sign) = match (limit, asset) {
            ("import_limit_w", Asset::Grid(grid)) => (grid.import_limit_w.as_mut(), 1.0),
            ("export_limit_w", Asset::Grid(grid)) => (grid.export_limit_w.as_mut(), 1.0),
            ("available_w", Asset::Pv(source)) => (Some(&mut source.available_w), 1.0),
            ("charge_limit_w", Asset::Battery(battery)) => (Some(&mut battery.charge_limit_w), 1.0),
            ("discharge_limit_w", Asset::Battery(battery)) => (Some(&mut battery.discharge_limit_w), 1.0),
            ("min_wh", Asset::Battery(battery)) => (Some(&mut battery.min_wh), -1.0),
            _ => continue,
        };
        let Some(profile) = profile else { return false };
        *profile = with(profile, steps, step, sign * more);
        return true;
    }
    false
}

#[test]
fn a_water_value_is_what_another_kwh_in_the_battery_is_worth() {
    let mut tried = 0;
    for seed in first_seed()..first_seed() + rounds(150) {
        let Some((site, before)) = convex(seed) else { continue };
        let (Some(value), Asset::Battery(battery)) = (before.water_values.first(), &site.assets[3]) else { continue };
        // A target that follows the energy at the start would move with it.
        let outside = battery.initial_wh < battery.min_wh.at(0);
        if battery.terminal == Terminal::AtLeastInitial || outside {
            continue;
        }
        let kept = (1.0 - battery.self_discharge_per_hour).powf(site.horizon.hours(0));
        for more_wh in [-5.0, 5.0] {
            let mut other = site.clone();
            let Asset::Battery(battery) = &mut other.assets[3] else { panic!() };
            battery.initial_wh += more_wh;
            if battery.initial_wh > battery.capacity_wh || battery.initial_wh < battery.min_wh.at(0) {
                continue;
            }
            lies_below(seed, "energy at the start", &other, &before, -value.per_kwh[0] * kept * more_wh / 1000.0);
            tried += 1;
        }
    }
    assert!(tried > 0, "no battery had a value");
}
