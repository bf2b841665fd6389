use memcore::model::{Currency, Span};
use memcore::optimize::*;
use std::time::Instant;
fn main() {
    let text = std::fs::read_to_string("/work/shared/data/optimize/home_year_hourly.csv").unwrap();
    let year: Vec<[f64; 4]> = text
        .lines()
        .skip(1)
        .map(|l| {
            let n: Vec<f64> = l.split(',').map(|f| f.parse().unwrap()).collect();
            [n[1] * 1000.0, n[2] * 8000.0, n[4], n[5]]
        })
        .collect();
    let home = |first: usize, hours: usize, parts: usize| {
        let column = |at: usize| -> Vec<f64> { (0..hours * parts).map(|s| year[(first + s / parts) % 8760][at]).collect() };
        let grid = Grid::new("grid", column(2)).sell_per_kwh(column(3)).import_limit_w(10_000.0).export_limit_w(7_000.0);
        let b = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0)
            .terminal(Terminal::ExactlyWh(5_000.0))
            .wear_per_kwh(0.02);
        let h =
            Horizon::even("2019-01-01T00:00:00Z".parse().unwrap(), Span::from_seconds(3600 / parts as i64), hours * parts)
                .unwrap();
        Site::new(
            Currency::EUR,
            h,
            [grid.into(), Load::new("house", column(0)).into(), Source::new("roof", column(1)).into(), b.into()],
        )
    };
    let options = Options::default();
    if std::env::args().nth(1).as_deref() == Some("p1") {
        let mut planner = Planner::new(home(111 * 24, 24, 4), options.clone());
        let t = Instant::now();
        for _ in 0..100_000 {
            planner.solve().unwrap();
        }
        println!("{:.2} us wall", t.elapsed().as_secs_f64() * 10.0);
        return;
    }
    for (name, site, n) in
        [("P1", home(111 * 24, 24, 4), 3000), ("P1w", home(111 * 24, 168, 4), 500), ("P3", home(0, 8760, 1), 50)]
    {
        let mut planner = Planner::new(site.clone(), options.clone());
        let mut best = [f64::MAX; 2];
        let mut objective = 0.0;
        for _ in 0..n {
            let t = Instant::now();
            let o = planner.solve().unwrap();
            best[0] = best[0].min(t.elapsed().as_secs_f64());
            objective = o.plan().unwrap().objective;
            let t = Instant::now();
            let _o = site.solve(&options).unwrap();
            best[1] = best[1].min(t.elapsed().as_secs_f64());
        }
        println!("{name} {objective:.8} planner {:.1} us, cold {:.1} us", best[0] * 1e6, best[1] * 1e6);
    }
    let sites: Vec<Site> = (0..365).map(|d| home(d * 24, 24, 4)).collect();
    let mut best = f64::MAX;
    for _ in 0..40 {
        let t = Instant::now();
        let r = solve_many(&sites, &options, Some(1), None);
        assert!(r.iter().all(|o| o.as_ref().unwrap().plan().is_some()));
        best = best.min(t.elapsed().as_secs_f64());
    }
    let by = |o: &Result<Outcome, memcore::Error>| o.as_ref().unwrap().plan().unwrap().engine.engine.name();
    let r = solve_many(&sites, &options, Some(1), None);
    println!("fleet {:.0} sites/s, by storage {}", 365.0 / best, r.iter().filter(|o| by(o) == "storage").count());
    if std::env::args().len() > 1 {
        for _ in 0..300 {
            solve_many(&sites, &options, Some(1), None);
        }
    }
}
