//! Golden optima, where the data stands beside the project.

use super::{assert_close, hourly, microgrid, plan, site, table};
use crate::optimize::{Battery, Grid, Load, Quantity, Site, Source, Terminal};

#[test]
fn two_days_and_a_week_of_a_microgrid_cost_what_seven_tools_say() {
    let Some(rows) = table("microgrid_year_hourly.csv") else { return };
    let from = 180 * 24;
    assert_close(plan(&microgrid(&rows[from..from + 48])).objective, 294.504_696_94);
    assert_close(plan(&microgrid(&rows[from..from + 168])).objective, 1_005.075_465_30);
}

/// The home of the golden problems, hour by hour.
fn home(rows: &[Vec<f64>]) -> Site {
    let column = |at: usize, scale: f64| rows.iter().map(|row| row[at] * scale).collect::<Vec<f64>>();
    let grid =
        Grid::new("grid", column(4, 1.0)).sell_per_kwh(column(5, 1.0)).import_limit_w(10_000.0).export_limit_w(7_000.0);
    let battery = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0)
        .wear_per_kwh(0.02)
        .terminal(Terminal::ExactlyWh(5_000.0));
    let load = Load::new("house", column(1, 1e3));
    let pv = Source::new("pv", column(2, 8e3));
    site(hourly(rows.len()), [grid.into(), battery.into(), load.into(), pv.into()])
}

#[test]
fn a_year_of_a_home_costs_what_eight_tools_say() {
    let Some(rows) = table("home_year_hourly.csv") else { return };
    let year = plan(&home(&rows));
    assert_close(year.objective, -199.735_420_19);
    assert_close(year.bound, year.objective);
    let (import, export) = (year.schedule.column(0, Quantity::Import), year.schedule.column(0, Quantity::Export));
    assert!(import.iter().zip(export).all(|(import, export)| import.min(*export) == 0.0));
}

/// Not a test of time: prints how long the larger ones take. Run it with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "prints timings"]
fn timings() {
    let (Some(island), Some(house)) = (table("microgrid_year_hourly.csv"), table("home_year_hourly.csv")) else { return };
    let mut close = house.clone();
    close.iter_mut().for_each(|row| row[4] = row[5] + 0.002);
    let mut feed_in = house.clone();
    feed_in.iter_mut().for_each(|row| row[5] = 0.25);
    let from = 180 * 24;
    let sites = [
        ("microgrid, 48 h", microgrid(&island[from..from + 48])),
        ("microgrid, 168 h", microgrid(&island[from..from + 168])),
        ("microgrid, 8736 h", microgrid(&island[..8736])),
        ("home, a year", home(&house)),
        ("home, a year, buying 0.2 ct above selling", home(&close)),
        ("home, a year, selling at 25 ct", home(&feed_in)),
    ];
    for (name, site) in sites {
        let begun = std::time::Instant::now();
        let solved = plan(&site);
        let took = begun.elapsed().as_secs_f64() * 1e3;
        eprintln!(
            "{name}: {:.8} in {took:.2} ms, {} convolutions, bound {:.8}",
            solved.objective, solved.engine.iterations, solved.bound
        );
    }
}
