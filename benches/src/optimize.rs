//! Figures of plans: the golden problems of a home and of a microgrid, each engine on the same day, a fleet. CPU time of one thread,
//! the best of several runs; every plan went through memcore's verifier. Beside each time stands how far the plan's cost is from the
//! optimum that up to eleven tools agree on.
//!
//! The inputs are a year beside the workspace; where it is absent, a generated year takes its place, and no optimum is compared.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use memcore::model::{Clock, Currency, Span, Timestamp};
use memcore::optimize::{
    Asset, Battery, Charging, Deferrable, DemandCharge, Engine, Ev, Genset, Grid, Horizon, Load, Options, Planner, Session,
    Site, Source, Terminal, solve_many,
};

use crate::Figure;
use crate::store::cpu;

/// Runs take this long together, but for the first.
const ENOUGH_S: f64 = 1.0;
const MOST_RUNS: usize = 2_000;
/// The hours of the year where the golden days of the home begin, and that of the microgrid.
const HOME_DAY: usize = 111 * 24;
const WINTER_DAY: usize = 15 * 24;
const PEAK_DAY: usize = 340 * 24;
const MICROGRID_DAY: usize = 180 * 24;
/// What the squares of import and export cost in the golden quadratic problems.
const SQUARES: f64 = 0.01;

/// A year hour by hour.
struct Year {
    /// Load (kW), sun (of each kW installed), prices in and out.
    home: Vec<[f64; 4]>,
    /// Load (kW) and sun.
    microgrid: Vec<[f64; 4]>,
    real: bool,
}

/// A problem with its golden optimum and what its time should be below, in ms.
struct Problem {
    name: &'static str,
    site: Site,
    optimum: f64,
    target_ms: Option<f64>,
}

/// Measures everything; takes a minute or two.
pub(crate) fn figures() -> Vec<Figure> {
    let year = Year::read().unwrap_or_else(Year::stand_in);
    let mut figures = parts(&year);
    figures.extend(problems(&year).iter().flat_map(|problem| solved(&year, problem, None)));
    figures.push(resolved(&year, None));
    figures.push(fleet(&year));
    figures.extend(by_solvers(&year));
    figures.push(resolved(&year, Some(Engine::Highs)));
    figures
}

fn problems(year: &Year) -> Vec<Problem> {
    let problem = |name, site, optimum, target_ms| Problem { name, site, optimum, target_ms };
    let hours = |count: usize| microgrid(&year.microgrid[MICROGRID_DAY..MICROGRID_DAY + count]);
    let day = |first: usize| home(year, first, 24, 4);
    let charged = |site: Site, per_kw: f64| with_grid(site, |grid| grid.demand_charges.push(DemandCharge::new(per_kw)));
    vec![
        problem("P1, a home's day in quarters", day(HOME_DAY), -0.053_628_64, Some(0.161)),
        problem("P1w, its week", home(year, HOME_DAY, 168, 4), -6.908_925_55, None),
        problem("P2, the day with washer, pump and car", full_house(day(HOME_DAY)), 3.617_254_12, Some(126.0)),
        problem("P2b, the same in winter", full_house(day(WINTER_DAY)), 5.632_696_02, Some(126.0)),
        whole_year(year),
        problem("P1 with a demand charge, day 340", charged(day(PEAK_DAY), 1.0), 1.713_709_47, None),
        problem("January with a demand charge", charged(home(year, 0, 31 * 24, 1), 5.0), 3.192_395_33, None),
        problem("P1q, the day with squares", squared(day(HOME_DAY)), 0.034_775_72, None),
        problem("P3q, the year with squares", squared(whole_year(year).site), -67.955_867_99, None),
        problem("P4, a microgrid with gensets, 48 h", hours(48), 294.504_696_94, None),
        problem("P4w, the microgrid, 168 h", hours(168), 1_005.075_465_30, Some(50.0)),
        problem("the microgrid, a year", microgrid(&year.microgrid), f64::NAN, Some(2_000.0)),
    ]
}

fn whole_year(year: &Year) -> Problem {
    let site = home(year, 0, 8_760, 1);
    Problem { name: "P3, a year in hours", site, optimum: -199.735_420_19, target_ms: Some(5.0) }
}

/// CPU time of this process, for the timings that a plan carries.
#[derive(Debug)]
struct CpuClock;

impl Clock for CpuClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0)
    }

    fn monotonic(&self) -> Duration {
        cpu()
    }
}

/// What of P1 is the check, the engine, the verifier: means over many plans, since each is counted in whole microseconds.
fn parts(year: &Year) -> Vec<Figure> {
    const PLANS: usize = 5_000;
    let clock: Arc<dyn Clock> = Arc::new(CpuClock);
    let options = Options { clock: Some(clock), ..Options::default() };
    let mut planner = Planner::new(home(year, HOME_DAY, 24, 4), options);
    let mut sums = [0.0; 3];
    for _ in 0..PLANS {
        let outcome = planner.solve().expect("a site that is well formed");
        let timings = outcome.plan().expect("a plan").engine.timings;
        for (sum, part) in sums.iter_mut().zip([timings.prepare, timings.solve, timings.verify]) {
            *sum += part.as_micros() as f64;
        }
    }
    let figure = |(name, sum): (&str, f64)| {
        let (name, value) = (format!("P1: {name}, mean"), sum / PLANS as f64);
        Figure { name, value, unit: "us", better: "lower", target: None }
    };
    ["the check", "the dynamic program", "the verifier with its prices"].into_iter().zip(sums).map(figure).collect()
}

/// The time of a problem, and the difference of its cost: by the engine that the router picks, or by one that is asked for and may
/// refuse.
fn solved(year: &Year, problem: &Problem, engine: Option<Engine>) -> Vec<Figure> {
    let options = Options { engine, ..Options::default() };
    let mut found = None;
    let seconds = best(|| {
        let outcome = problem.site.solve(&options);
        let plan = outcome.as_ref().ok().and_then(|outcome| outcome.plan());
        found = plan.map(|plan| (plan.objective, plan.engine.engine.name()));
    });
    let Some((cost, by)) = found else {
        eprintln!("no plan of {}: left out", problem.name);
        return Vec::new();
    };
    let name = format!("{}, by {by}", problem.name);
    let mut figures = vec![Figure { target: problem.target_ms, ..milliseconds(&name, seconds) }];
    if year.real && problem.optimum.is_finite() {
        figures.push(difference(&name, cost, problem.optimum));
    }
    figures
}

/// A day planned again with new prices and a new measurement, in memory that is kept; programs begin from the one before.
fn resolved(year: &Year, engine: Option<Engine>) -> Figure {
    let mut planner = Planner::new(home(year, HOME_DAY, 24, 4), Options { engine, ..Options::default() });
    planner = planner.warm_starts(engine.is_some());
    let mut turn = 0;
    let seconds = best(|| {
        turn += 1;
        for asset in &mut planner.site_mut().assets {
            match asset {
                Asset::Grid(grid) => {
                    grid.buy_per_kwh = grid.buy_per_kwh.map(|price| price + if turn % 2 == 0 { 0.01 } else { -0.01 });
                }
                Asset::Battery(battery) => battery.initial_wh = 5_000.0 + f64::from(turn % 7),
                _ => {}
            }
        }
        black_box(planner.solve().expect("a site that is well formed"));
    });
    let by = engine.map_or(String::new(), |engine| format!(", by {}, begun from the plan before", engine.name()));
    // A thousandth of what EMHASS takes, where the router may choose.
    let target = engine.is_none().then_some(161.0);
    Figure { name: format!("P1 planned again on new data{by}"), value: seconds * 1e6, unit: "us", better: "lower", target }
}

/// Every day of the year as a site of its own, on one thread.
fn fleet(year: &Year) -> Figure {
    let sites: Vec<Site> = (0..365).map(|day| home(year, day * 24, 24, 4)).collect();
    let seconds = best(|| {
        let outcomes = solve_many(&sites, &Options::default(), Some(1), None);
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|outcome| outcome.plan().is_some())));
    });
    let value = sites.len() as f64 / seconds;
    let name = "days ahead of single homes, checked, planned, verified".to_owned();
    Figure { name, value, unit: "sites/s/core", better: "higher", target: Some(50_000.0) }
}

/// The golden day and its year by each solver of programs; the year takes microlp too long.
fn by_solvers(year: &Year) -> Vec<Figure> {
    let named = |name, problem: Problem| Problem { name, target_ms: None, ..problem };
    let [day, whole] = [problems(year).swap_remove(0), whole_year(year)];
    let (day, whole) = (named("P1 cold", day), named("P3 cold", whole));
    let cases = [
        (&day, Engine::Highs),
        (&day, Engine::Microlp),
        (&day, Engine::Clarabel),
        (&whole, Engine::Highs),
        (&whole, Engine::Clarabel),
    ];
    cases.into_iter().flat_map(|(problem, engine)| solved(year, problem, Some(engine))).collect()
}

/// The CPU time of one run, the least of several.
fn best(mut run: impl FnMut()) -> f64 {
    let (mut least, mut total) = (f64::INFINITY, 0.0);
    for turn in 0..MOST_RUNS {
        let start = cpu();
        run();
        let took = (cpu() - start).as_secs_f64();
        least = least.min(took);
        total += if turn == 0 { 0.0 } else { took };
        if total > ENOUGH_S || took > 10.0 * ENOUGH_S {
            break;
        }
    }
    least
}

fn milliseconds(name: &str, seconds: f64) -> Figure {
    Figure { name: name.to_owned(), value: seconds * 1e3, unit: "ms", better: "lower", target: None }
}

fn difference(name: &str, cost: f64, optimum: f64) -> Figure {
    let name = format!("{name}: cost apart from the optimum");
    Figure { name, value: (cost - optimum).abs(), unit: "EUR", better: "lower", target: Some(1e-6) }
}

/// The home of the golden problems from an hour on, each hour in `per_hour` steps.
fn home(year: &Year, first: usize, hours: usize, per_hour: usize) -> Site {
    let column = |at: usize, scale: f64| -> Vec<f64> {
        (0..hours * per_hour).map(|step| year.home[first + step / per_hour][at] * scale).collect()
    };
    let grid =
        Grid::new("grid", column(2, 1.0)).sell_per_kwh(column(3, 1.0)).import_limit_w(10_000.0).export_limit_w(7_000.0);
    let battery = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0)
        .wear_per_kwh(0.02)
        .terminal(Terminal::ExactlyWh(5_000.0));
    let (load, pv) = (Load::new("house", column(0, 1e3)), Source::new("roof", column(1, 8e3)));
    let horizon = even(Span::from_seconds(3_600 / per_hour as i64), hours * per_hour);
    Site::new(Currency::EUR, horizon, [grid.into(), load.into(), pv.into(), battery.into()])
}

fn with_grid(mut site: Site, change: impl Fn(&mut Grid)) -> Site {
    for asset in &mut site.assets {
        if let Asset::Grid(grid) = asset {
            change(grid);
        }
    }
    site
}

/// With a cost of the squares of import and export.
fn squared(site: Site) -> Site {
    with_grid(site, |grid| grid.quadratic_per_kw2h = SQUARES)
}

/// The home with a washer, a pool pump and a car.
fn full_house(home: Site) -> Site {
    let start = home.horizon.start().as_micros();
    let hours = |count: i64| Span::from_seconds(3_600 * count);
    let at = |hour: i64| Timestamp::from_micros(start + hours(hour).as_micros());
    let session =
        |from, to, wh| Session { arrival: at(from), departure: at(to), initial_wh: 0.0, target_wh: wh, limit_wh: Some(wh) };
    let charging = Charging::Power { min_w: 1_400.0, max_w: 11_000.0 };
    let sessions = vec![session(0, 7, 20_000.0), session(18, 24, 10_000.0)];
    home.with(Deferrable::new("washer", 2_000.0, hours(2)).earliest(at(8)).latest(at(20)))
        .with(Deferrable::new("pump", 1_100.0, hours(4)).contiguous(false).min_on(hours(1)))
        .with(Ev::new("car", 60_000.0, sessions, charging))
}

/// The islanded microgrid of the golden problems.
fn microgrid(rows: &[[f64; 4]]) -> Site {
    let column = |at: usize, scale: f64| rows.iter().map(|row| row[at] * scale).collect::<Vec<f64>>();
    let hours = |count: i64| Span::from_seconds(3_600 * count);
    let large = Genset::new("large", 18_000.0, 60_000.0, 0.28).no_load_per_h(3.0).start_cost(8.0);
    let small = Genset::new("small", 12_000.0, 40_000.0, 0.30).no_load_per_h(2.0).start_cost(5.0);
    let battery = Battery::new("battery", 100_000.0, 40_000.0, 40_000.0, 50_000.0)
        .wear_per_kwh(0.02)
        .terminal(Terminal::ExactlyWh(50_000.0));
    let assets = [
        large.min_up(hours(3)).min_down(hours(2)).into(),
        small.min_up(hours(2)).min_down(hours(1)).into(),
        battery.into(),
        Load::new("village", column(0, 1e3)).value_of_lost_load_per_kwh(3.0).into(),
        Source::new("pv", column(1, 60e3)).into(),
    ];
    Site::new(Currency::EUR, even(hours(1), rows.len()), assets)
}

fn even(step: Span, steps: usize) -> Horizon {
    Horizon::even("2019-01-01T00:00:00Z".parse().expect("a time"), step, steps).expect("a horizon")
}

impl Year {
    fn read() -> Option<Self> {
        let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
        let folder = std::env::var_os("MEMCORE_TEST_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
        let rows = |file: &str, columns: [usize; 4]| -> Option<Vec<[f64; 4]>> {
            let text = std::fs::read_to_string(folder.join("optimize").join(file)).ok()?;
            let row = |line: &str| {
                let fields: Vec<f64> = line.split(',').map_while(|field| field.parse().ok()).collect();
                columns.map(|column| fields.get(column).copied().unwrap_or(0.0))
            };
            Some(text.lines().skip(1).map(row).collect())
        };
        let home = rows("home_year_hourly.csv", [1, 2, 4, 5])?;
        let microgrid = rows("microgrid_year_hourly.csv", [1, 2, usize::MAX, usize::MAX])?;
        Some(Self { home, microgrid, real: true })
    }

    /// Something like a year where there is none: days of sun, evenings of load, prices that fall at noon and sometimes below zero.
    fn stand_in() -> Self {
        eprintln!("no year of a home and a microgrid beside the workspace: figures are of a generated stand-in");
        let noise = |hour: usize, salt: usize| ((hour * 7_919 + salt).wrapping_mul(2_654_435_761) >> 9) % 1_000;
        let random = |hour, salt| noise(hour, salt) as f64 / 1_000.0;
        let sun = |hour: usize| {
            let height = (std::f64::consts::PI * ((hour % 24) as f64 - 6.0) / 12.0).sin().max(0.0);
            height * (0.3 + 0.7 * random(hour / 24, 1)) * 0.8
        };
        let evening = |hour: usize| if (17..22).contains(&(hour % 24)) { 1.0 } else { 0.0 };
        let home = |hour: usize| {
            let spot = 0.08 + 0.06 * evening(hour) - 0.10 * sun(hour) + 0.03 * (random(hour, 2) - 0.5);
            [0.2 + 0.8 * evening(hour) + 0.4 * random(hour, 3), sun(hour), spot + 0.15, spot]
        };
        let village = |hour: usize| [12.0 + 25.0 * evening(hour) + 8.0 * random(hour, 4), sun(hour), 0.0, 0.0];
        Self { home: (0..8_760).map(home).collect(), microgrid: (0..8_760).map(village).collect(), real: false }
    }
}
