//! Figures of the doctor: how long it takes, and how often it is right. The sites and faults are those of its tests.

#[path = "../../memcore/tests/doctor_support/mod.rs"]
mod doctor_support;

use std::io::Write;
use std::time::Instant;

use memcore::doctor::{Examination, examine};

use self::doctor_support::score::score;
use self::doctor_support::sites::Site;
use super::{Figure, process, scale};

/// Two million minutes.
const DAYS: f64 = 1389.0;
/// As many as give each kind some dozens of faults; none of those by which the doctor was made.
const SEEDS: std::ops::Range<u64> = 9000..9020;

pub(crate) fn figures() -> Vec<Figure> {
    let mut figures = speed();
    figures.extend(skill());
    figures
}

fn speed() -> Vec<Figure> {
    let site = Site::household(1, (DAYS * scale()).ceil() as usize);
    let rows = site.columns[0].times.len();
    let name = format!("doctor, {rows} rows x {} channels", site.columns.len());
    let (mut wall, mut cpu) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..3 {
        let (started, used) = (Instant::now(), process::cpu_time(std::process::id()));
        let report = examine(&site.series(), &Examination::default()).expect("a report");
        wall = wall.min(started.elapsed().as_secs_f64());
        cpu = cpu.min((process::cpu_time(std::process::id()) - used).as_secs_f64());
        assert_eq!(report.series.len(), site.columns.len());
    }
    let figure = |name: String, value, target| Figure { name, value, unit: "s", better: "lower", target };
    vec![figure(name.clone(), wall, Some(2.0)), figure(format!("{name}, CPU of two threads"), cpu, None)]
}

/// The table itself goes to the standard error, for the documentation.
fn skill() -> Vec<Figure> {
    let table = score(SEEDS);
    let mut text = table.markdown() + "\n| confidence from | findings | right |\n|---|---|---|\n";
    for (from, findings, right) in table.calibration() {
        text += &format!("| {from:.2} | {findings} | {right:.3} |\n");
    }
    let _ = writeln!(std::io::stderr(), "{text}");
    let share = |name: String, value| Figure { name, value, unit: "share", better: "higher", target: None };
    let mut figures = Vec::new();
    for (kind, score) in &table.kinds {
        figures.push(share(format!("doctor, {}: precision", kind.name()), score.precision()));
        figures.push(share(format!("doctor, {}: recall", kind.name()), score.recall()));
    }
    let calm = 1.0 - table.alarms as f64 / table.clean.max(1) as f64;
    figures.push(share("doctor, clean sites without an alarm".into(), calm));
    figures
}
