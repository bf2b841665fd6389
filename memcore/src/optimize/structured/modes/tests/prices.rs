//! What the prices say of other sites than the one that was solved.

use super::{Dice, hourly, plan, site};
use crate::optimize::{Asset, Battery, Grid, Load, Site, Source, Terminal};

const STEPS: usize = 8;

/// A home whose prices never reward mixing, with everything that bends the value of stored energy.
fn home(seed: u64, load_w: Vec<f64>) -> Site {
    let mut dice = Dice(seed.wrapping_add(1).wrapping_mul(0x2545_F491_4F6C_DD1D));
    let sell = dice.profile(STEPS, (0, 4), 0.05);
    let buy: Vec<f64> = sell.iter().zip(dice.profile(STEPS, (0, 5), 0.04)).map(|(sell, more)| sell + more).collect();
    let grid = Grid::new("grid", buy).sell_per_kwh(sell).export_limit_w(1e3 * dice.roll(4) as f64);
    let grid = if dice.roll(2) == 0 { grid.import_limit_w(4_500.0) } else { grid };
    let battery = Battery::new("battery", 6_000.0, 2_500.0, 2_000.0, 500.0 * dice.roll(13) as f64)
        .wear_per_kwh(0.01 * dice.roll(3) as f64)
        .self_discharge_per_hour(if dice.roll(2) == 0 { 0.0 } else { 0.02 })
        .terminal(if dice.roll(2) == 0 { Terminal::ValuePerKwh(0.12) } else { Terminal::AtLeastInitial });
    let battery = if dice.roll(2) == 0 { battery } else { battery.min_wh(1_000.0) };
    let preferred = battery.clone().preferred_min_wh(2_000.0).preferred_max_wh(5_000.0).preference_per_kwh_h(0.03);
    let battery = if dice.roll(2) == 0 { battery } else { preferred };
    let pv = Source::new("pv", dice.profile(STEPS, (0, 9), 500.0));
    let load = Load::new("load", load_w).value_of_lost_load_per_kwh(2.0);
    let assets: [Asset; 4] = [grid.into(), battery.into(), pv.into(), load.into()];
    Site { shortage_per_kwh: Some(5.0), ..site(hourly(STEPS), assets) }
}

#[test]
fn no_other_load_costs_less_than_its_prices_say() {
    for seed in 0..200 {
        let mut dice = Dice(seed ^ 0xA076_1D64_78BD_642F);
        let load = dice.profile(STEPS, (0, 12), 500.0);
        let before = plan(&home(seed, load.clone()));
        let prices = &before.prices[0].per_kwh;
        for scale in [1.0, 100.0, 400.0] {
            let change: Vec<f64> = dice.profile(STEPS, (-2, 2), scale);
            let changed: Vec<f64> = load.iter().zip(&change).map(|(load, change)| (load + change).max(0.0)).collect();
            let told: f64 = (0..STEPS).map(|step| prices[step] * (changed[step] - load[step]) / 1e3).sum();
            let after = plan(&home(seed, changed));
            let gained = before.objective + told - after.objective;
            assert!(gained < 1e-7, "seed {seed}, {change:?}: {gained} less than {prices:?} say");
        }
    }
}

#[test]
fn another_kwh_costs_what_the_price_says_where_that_is_one_number() {
    let buy = [0.2, 0.3, 0.25, 0.4];
    let day = |load: [f64; 4]| {
        let grid = Grid::new("grid", buy).export_limit_w(0.0);
        let battery = Battery::new("battery", 4_000.0, 1_000.0, 1_000.0, 2_000.0);
        plan(&site(hourly(4), [grid.into(), battery.into(), Load::new("load", load).into()]))
    };
    let base = [3_000.0, 3_100.0, 2_900.0, 3_000.0];
    let before = day(base);
    for step in 0..4 {
        let mut more = base;
        more[step] += 10.0;
        let cost = (day(more).objective - before.objective) / 0.01;
        let price = before.prices[0].per_kwh[step];
        assert!((cost - price).abs() < 1e-6, "step {step}: {cost} or {price}");
    }
    // Stored at 20 ct, a kWh is worth that over what is lost in charging.
    assert!((before.water_values[0].per_kwh[0] - 0.2 / 0.95).abs() < 1e-9 || before.water_values[0].per_kwh[0] > 0.2);
}
