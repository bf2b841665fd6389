//! Stories of sites whose problems are not convex, with values that other tools agree on or that can be counted by hand.

use super::solve;
use crate::model::{Currency, Span};
use crate::optimize::answer::Answer;
use crate::optimize::{Asset, Engine, Horizon, Options, Plan, Site};

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
