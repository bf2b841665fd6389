//! Golden optima, where the data stands beside the project.

use super::{assert_close, hourly, hours, plan, site};
use crate::model::{Span, Timestamp};
use crate::optimize::golden::{microgrid, table};
use crate::optimize::{
    Asset, Battery, Charging, Deferrable, Ev, Grid, Horizon, Load, Quantity, Session, Site, Source, Terminal,
};

#[test]
fn two_days_and_a_week_of_a_microgrid_cost_what_seven_tools_say() {
    let Some(rows) = table("microgrid_year_hourly.csv") else { return };
    let from = 180 * 24;
    assert_close(plan(&microgrid(&rows[from..from + 48])).objective, 294.504_696_94);
    assert_close(plan(&microgrid(&rows[from..from + 168])).objective, 1_005.075_465_30);
}

/// Days that nobody chose, where HiGHS is built in.
#[cfg(feature = "highs")]
#[test]
fn days_of_a_microgrid_drawn_at_random_cost_what_an_integer_program_says() {
    use crate::optimize::{Options, Status};

    let Some(rows) = table("microgrid_year_hourly.csv") else { return };
    let mut dice = super::Dice(20_260_101);
    for window in 0..14 {
        let length = if window % 2 == 0 { 24 } else { 48 };
        let from = dice.roll((rows.len() - length) as u64) as usize;
        let days = microgrid(&rows[from..from + length]);
        let options = Options { engine: Some(crate::optimize::Engine::Highs), ..Options::default() };
        let program = days.solve(&options).unwrap().into_plan().expect("a plan");
        let found = plan(&days);
        assert_eq!((program.status, found.status), (Status::Optimal, Status::Optimal), "from hour {from}");
        let apart = (found.objective - program.objective).abs();
        assert!(
            apart < 1e-6 * program.objective.abs().max(1.0),
            "from hour {from}: {} {}",
            found.objective,
            program.objective
        );
    }
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

/// The golden home with a car, a washer and a pump, in quarters of an hour, but without its battery: two stores are for other engines.
fn without_battery(rows: &[Vec<f64>]) -> Site {
    let quarters: Vec<Vec<f64>> = rows.iter().flat_map(|row| std::iter::repeat_n(row.clone(), 4)).collect();
    let mut site = home(&quarters);
    let start = site.horizon.start();
    site.horizon = Horizon::even(start, Span::from_seconds(900), quarters.len()).unwrap();
    site.assets.retain(|asset| !matches!(asset, Asset::Battery(_)));
    let at = |hour: i64| Timestamp::from_micros(start.as_micros() + hours(hour).as_micros());
    let session =
        |from, to, wh| Session { arrival: at(from), departure: at(to), initial_wh: 0.0, target_wh: wh, limit_wh: None };
    let band = Charging::Power { min_w: 1_400.0, max_w: 11_000.0 };
    let car = Ev::new("car", 60_000.0, vec![session(0, 7, 20_000.0), session(18, 24, 10_000.0)], band);
    let washer = Deferrable::new("washer", 2_000.0, hours(2)).earliest(at(8)).latest(at(20));
    let pump = Deferrable::new("pump", 1_100.0, hours(4)).contiguous(false).min_on(hours(1));
    site.with(car).with(washer).with(pump)
}

fn without_pump(rows: &[Vec<f64>]) -> Site {
    let mut site = without_battery(rows);
    site.assets.retain(|asset| asset.name() != "pump");
    site
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
    let mut fixed = home(&house);
    for asset in &mut fixed.assets {
        if let Asset::Pv(pv) = asset {
            pv.curtailable = false;
        }
    }
    let sites = [
        ("microgrid, 48 h", microgrid(&island[from..from + 48])),
        ("microgrid, 168 h", microgrid(&island[from..from + 168])),
        ("microgrid, 8736 h", microgrid(&island[..8736])),
        ("home, a year", home(&house)),
        ("home, a year, buying 0.2 ct above selling", home(&close)),
        ("home, a year, selling at 25 ct", home(&feed_in)),
        ("home, a year, PV that cannot be curtailed", fixed),
        ("car, washer and pump without a battery, a day in quarters", without_battery(&house[111 * 24..112 * 24])),
        ("the same without the pump, a week", without_pump(&house[111 * 24..118 * 24])),
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
