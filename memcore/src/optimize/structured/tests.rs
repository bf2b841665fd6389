//! Schedules of one store: golden optima, small inputs with known values, and random sites against a search over a grid of energies.

use std::path::{Path, PathBuf};

use super::Workspace;
use crate::model::{Currency, Span, Timestamp};
use crate::optimize::answer::{Answer, Solved};
use crate::optimize::{Asset, Battery, DemandCharge, Engine, Grid, Horizon, Load, Quantity, Site, Source, Terminal};

/// The answer of the engine.
fn answer(site: &Site) -> Answer {
    super::solve(&site.checked().unwrap(), Engine::Storage, &mut Workspace::default())
}

fn solved(site: &Site) -> Solved {
    match answer(site) {
        Answer::Solved(solved) => *solved,
        other => panic!("{other:?}"),
    }
}

fn why_not(site: &Site) -> String {
    match answer(site) {
        Answer::NotMine(why) => why,
        other => panic!("{other:?}"),
    }
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
}

fn steps(minutes: i64, count: usize) -> Horizon {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    Horizon::even(start, Span::from_seconds(60 * minutes), count).unwrap()
}

fn site(horizon: Horizon, assets: impl IntoIterator<Item = Asset>) -> Site {
    Site::new(Currency::EUR, horizon, assets)
}

/// The 10 kWh, 5 kW battery of the guide's cases, at 5 kWh at both ends.
fn battery() -> Battery {
    Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0).terminal(Terminal::ExactlyWh(5_000.0))
}

/// A year of a home, hour by hour: load, sun, prices in and out. None where the data is not there.
fn home_year() -> Option<Vec<[f64; 4]>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("MEMCORE_TEST_DATA").map_or_else(beside, PathBuf::from);
    let file = folder.join("optimize/home_year_hourly.csv");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("SKIPPED: {} is absent", file.display());
        return None;
    };
    let row = |line: &str| {
        let numbers: Vec<f64> = line.split(',').map(|field| field.parse().unwrap()).collect();
        [numbers[1] * 1000.0, numbers[2] * 8000.0, numbers[4], numbers[5]]
    };
    Some(text.lines().skip(1).map(row).collect())
}

/// The home from an hour on, each hour in `parts` steps.
fn home(year: &[[f64; 4]], first: usize, hours: usize, parts: usize) -> Site {
    let column = |at: usize| -> Vec<f64> { (0..hours * parts).map(|step| year[first + step / parts][at]).collect() };
    let grid = Grid::new("grid", column(2)).sell_per_kwh(column(3)).import_limit_w(10_000.0).export_limit_w(7_000.0);
    let assets = [
        grid.into(),
        Load::new("house", column(0)).into(),
        Source::new("roof", column(1)).into(),
        battery().wear_per_kwh(0.02).into(),
    ];
    site(steps(60 / parts as i64, hours * parts), assets)
}

fn with_charge(mut site: Site, charge: DemandCharge) -> Site {
    for asset in &mut site.assets {
        if let Asset::Grid(grid) = asset {
            grid.demand_charges.push(charge.clone());
        }
    }
    site
}

#[test]
fn a_day_a_week_and_a_year_of_a_home_cost_what_every_solver_says() {
    let Some(year) = home_year() else { return };
    close(solved(&home(&year, 111 * 24, 24, 4)).objective, -0.053_628_64);
    close(solved(&home(&year, 111 * 24, 168, 4)).objective, -6.908_925_55);
    close(solved(&home(&year, 0, 8760, 1)).objective, -199.735_420_19);
}

#[test]
fn demand_charges_cost_what_a_linear_program_says() {
    let Some(year) = home_year() else { return };
    let peak = |solved: &Solved| solved.schedule.column(0, Quantity::Import).iter().fold(0.0, |a: f64, b| a.max(*b));
    let day = solved(&with_charge(home(&year, 340 * 24, 24, 4), DemandCharge::new(1.0)));
    close(day.objective, 1.713_709_47);
    close(peak(&day) / 1000.0, 0.313_616);
    let january = solved(&with_charge(home(&year, 0, 31 * 24, 1), DemandCharge::new(5.0)));
    close(january.objective, 3.192_395_33);
    close(peak(&january) / 1000.0, 0.139_313);
    close(january.objective, january.bound);
}
