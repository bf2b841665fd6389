//! A battery that is planned anew each hour, as a controller does: what was measured goes in, the first hour of the plan comes out.
//!
//! `cargo run -p memcore-examples --example planning`

use memcore::model::{Currency, Span};
use memcore::optimize::{Asset, Battery, Grid, Horizon, Load, Options, Quantity, Site};

fn main() -> memcore::Result<()> {
    let hours = 24;
    let price: Vec<f64> = (0..hours).map(|hour| if (7..21).contains(&hour) { 0.34 } else { 0.22 }).collect();
    let horizon = Horizon::even("2026-02-01T00:00:00+01:00".parse()?, Span::from_seconds(3600), hours)?;
    let assets: [Asset; 3] = [
        Grid::new("grid", price).sell_per_kwh(0.05).into(),
        Load::new("house", 700.0).into(),
        Battery::new("battery", 10_000.0, 3_000.0, 3_000.0, 2_000.0).wear_per_kwh(0.02).into(),
    ];
    let day = Site::new(Currency::EUR, horizon, assets);
    let options = Options::default();

    let mut now = day.clone();
    let mut done = Vec::new();
    for hour in 0..hours {
        let outcome = now.solve(&options)?;
        let Some(plan) = outcome.plan() else { panic!("{}", outcome.explain()) };
        let at = |quantity| plan.column("battery", quantity).map_or(0.0, |column| column[0]);
        done.push(at(Quantity::Charge) - at(Quantity::Discharge));
        if hour + 1 < hours {
            // Here a controller would take what was measured; the plan came true.
            let state = plan.state_after(&now, 1)?;
            now = now.from_step(1)?.at_state(&state)?;
        }
    }

    let at_once = day.solve(&options)?;
    let plan = at_once.plan().expect("a home has a plan");
    println!("{}", at_once.explain());
    for (hour, power) in done.iter().enumerate() {
        println!("{hour:02}:00 {power:>7.0} W");
    }
    let charged: f64 = done.iter().filter(|power| **power > 0.0).sum();
    let planned: f64 = plan.column("battery", Quantity::Charge).map_or(0.0, |column| column.iter().sum());
    assert!((charged - planned).abs() < 1.0, "hour by hour {charged} Wh were charged, at once {planned} Wh");
    Ok(())
}
