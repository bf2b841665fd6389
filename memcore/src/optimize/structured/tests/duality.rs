//! Random sites of any numbers: the prices of each plan prove it the best, by a bound that is computed from them alone.

use super::brute_force::{Numbers, random_site};
use crate::optimize::{Asset, DemandCharge, Engine, Options, Side, Site, Terminal};

/// A random site with losses, leaks and limits that are no round numbers, perhaps with a demand charge, and selling below buying.
fn uneven_site(numbers: &mut Numbers) -> Site {
    let mut site = random_site(numbers);
    for asset in &mut site.assets {
        match asset {
            Asset::Grid(grid) => {
                grid.sell_per_kwh = grid.buy_per_kwh.map(|buy| 0.7 * buy.abs() - 0.05);
                grid.buy_per_kwh = grid.buy_per_kwh.map(|buy| 1.07 * buy.abs());
                grid.carbon_g_per_kwh = 300.0.into();
                if numbers.chance(2) {
                    let peak_so_far_w = numbers.of(&[0.0, 0.0, 800.0]);
                    let charge = DemandCharge { peak_so_far_w, ..DemandCharge::new(numbers.of(&[0.1, 1.3])) };
                    grid.demand_charges = vec![charge];
                }
            }
            Asset::Battery(battery) => {
                battery.charge_efficiency = numbers.of(&[0.93, 0.97]);
                battery.discharge_efficiency = numbers.of(&[0.91, 1.0]);
                battery.self_discharge_per_hour = numbers.of(&[0.0, 0.013]);
                battery.limits_at = if numbers.chance(2) { Side::Dc } else { Side::Ac };
                // A leak through a hard bound would leave nothing to plan.
                battery.min_wh = 0.0.into();
                // Energy that is not wanted would be worth losing, which no price of a linear bound forbids.
                (battery.max_wh, battery.preferred_max_wh) = (None, None);
                if battery.terminal == Terminal::ExactlyWh(1_000.0) {
                    battery.terminal = Terminal::AtLeastWh(1_700.0);
                }
            }
            Asset::Pv(roof) => (roof.curtailable, roof.curtailment_per_kwh) = (true, 0.0),
            _ => {}
        }
    }
    site.carbon_price_per_kg = 0.09;
    site
}

#[test]
fn the_prices_of_a_plan_prove_it_the_best() {
    let mut numbers = Numbers(2026);
    let options = Options { engine: Some(Engine::Storage), ..Options::default() };
    let (mut proven, mut charged) = (0, 0);
    for case in 0..300 {
        let site = uneven_site(&mut numbers);
        let Ok(outcome) = site.solve(&options) else { continue };
        let Some(plan) = outcome.plan() else { continue };
        let bound = plan.certificate.price_bound.unwrap_or(f64::NEG_INFINITY);
        let apart = plan.objective - bound;
        assert!(apart.abs() < 1e-7, "case {case}: {} and {bound}, {apart} apart: {site:?}", plan.objective);
        proven += 1;
        charged += usize::from(plan.costs.iter().any(|cost| cost.cause == crate::optimize::CostCause::Demand));
    }
    assert!(proven > 200 && charged > 40, "{proven} proven, {charged} of them with demand charges");
}
