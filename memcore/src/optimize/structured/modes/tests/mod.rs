//! Stories of sites whose problems are not convex, with values that other tools agree on or that can be counted by hand.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::solve;
use crate::model::{Currency, Span};
use crate::optimize::answer::Answer;
use crate::optimize::{Asset, Battery, Engine, Genset, Horizon, Load, Options, Plan, Site, Source, Terminal};

mod commitment;
mod exclusion;
mod exhaustive;
mod golden;
mod prices;
mod runs;

pub(super) fn hours(count: i64) -> Span {
    Span::from_seconds(3600 * count)
}

pub(super) fn hourly(steps: usize) -> Horizon {
    Horizon::even("2026-01-01T00:00:00Z".parse().unwrap(), hours(1), steps).unwrap()
}

pub(super) fn site<const N: usize>(horizon: Horizon, assets: [Asset; N]) -> Site {
    Site::new(Currency::EUR, horizon, assets)
}

/// The plan of this engine, as the verifier lets it pass; panics where there is none.
pub(super) fn plan(site: &Site) -> Plan {
    let outcome = site.solve(&Options { engine: Some(Engine::Modes), ..Options::default() }).unwrap();
    outcome.into_plan().expect("a plan")
}

pub(super) fn why_not(site: &Site) -> String {
    match solve(&site.checked().unwrap()) {
        Answer::NotMine(why) => why,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(super) fn assert_close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
}

/// Small whole numbers that look random and are the same on every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// From 0 to `sides - 1` (an xorshift after Marsaglia, 2003).
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    /// As many multiples of `unit` as there are steps, each from `least` to `most` of it.
    pub(super) fn profile(&mut self, steps: usize, (least, most): (i64, i64), unit: f64) -> Vec<f64> {
        let span = (most - least + 1).unsigned_abs();
        (0..steps).map(|_| (least + self.roll(span) as i64) as f64 * unit).collect()
    }
}

/// The rows of a table beside the project, first column first; None, and said so, where it is absent.
pub(super) fn table(name: &str) -> Option<Vec<Vec<f64>>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let file = std::env::var_os("MEMCORE_TEST_DATA").map_or_else(beside, PathBuf::from).join("optimize").join(name);
    let Ok(text) = std::fs::read_to_string(&file) else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is absent", file.display());
        return None;
    };
    Some(text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect())
}

/// The islanded microgrid of the golden problems: two gensets, a 100 kWh battery, 60 kWp of PV, shedding at 3 EUR/kWh.
pub(super) fn microgrid(rows: &[Vec<f64>]) -> Site {
    let column = |at: usize, scale: f64| rows.iter().map(|row| row[at] * scale).collect::<Vec<f64>>();
    let large = Genset::new("large", 18_000.0, 60_000.0, 0.28)
        .no_load_per_h(3.0)
        .start_cost(8.0)
        .min_up(hours(3))
        .min_down(hours(2));
    let small = Genset::new("small", 12_000.0, 40_000.0, 0.30)
        .no_load_per_h(2.0)
        .start_cost(5.0)
        .min_up(hours(2))
        .min_down(hours(1));
    let battery = Battery::new("battery", 100_000.0, 40_000.0, 40_000.0, 50_000.0)
        .wear_per_kwh(0.02)
        .terminal(Terminal::ExactlyWh(50_000.0));
    let load = Load::new("village", column(1, 1e3)).value_of_lost_load_per_kwh(3.0);
    let pv = Source::new("pv", column(2, 60e3));
    site(hourly(rows.len()), [large.into(), small.into(), battery.into(), load.into(), pv.into()])
}
