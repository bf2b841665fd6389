//! Programs of sites: golden optima, and small sites whose answer can be worked out by hand.

use super::solver::Solver;
use crate::model::{Currency, Span};
use crate::optimize::answer::{Answer, Solved};
use crate::optimize::{Asset, Horizon, Options, Site};

mod golden;
mod machines;
mod small;

/// The solvers that are built in and solve linear and integer programs.
fn linear_solvers() -> impl Iterator<Item = Solver> {
    [Solver::Highs, Solver::Microlp].into_iter().filter(|solver| solver.is_built())
}

/// The solvers that are built in.
fn solvers() -> impl Iterator<Item = Solver> {
    linear_solvers().chain(Some(Solver::Clarabel).filter(|solver| solver.is_built()))
}

fn with(solver: Solver) -> Options {
    Options { engine: Some(solver.engine()), ..Options::default() }
}

fn answer(site: &Site, options: &Options) -> Answer {
    super::solve(&site.checked().unwrap(), options).unwrap().1
}

/// The schedule of a site with what it costs; panics where there is none, or where the verifier refuses it.
#[track_caller]
fn solved(site: &Site, options: &Options) -> Solved {
    let solved = match answer(site, options) {
        Answer::Solved(solved) => *solved,
        other => panic!("{:?}: {other:?}", options.engine),
    };
    // A year is verified elsewhere.
    if site.horizon.len() < 200 {
        let plan = site.solve(options).unwrap().into_plan().unwrap();
        let claimed = (plan.objective - solved.objective).abs();
        assert!(claimed < 1e-6, "{:?} claims {}, it is {}", options.engine, solved.objective, plan.objective);
    }
    solved
}

#[track_caller]
pub(super) fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
}

pub(super) fn even(minutes: i64, steps: usize) -> Horizon {
    Horizon::even("2026-01-01T00:00:00Z".parse().unwrap(), Span::from_seconds(60 * minutes), steps).unwrap()
}

fn hours(count: i64) -> Span {
    Span::from_seconds(3600 * count)
}

pub(super) fn site(horizon: Horizon, assets: impl IntoIterator<Item = Asset>) -> Site {
    Site::new(Currency::EUR, horizon, assets)
}
