//! Demand charges: a search over the peak, exact because the cost of keeping it is convex and piecewise linear.
//!
//! `F(P)` is the least cost with import of at most `P` plus what `P` costs. The prices of a solution at `P` say how much a higher
//! limit would save, which is a subgradient of `F`: its line lies below `F` everywhere. Where the line from the left and the line
//! from the right meet is a bound, and the next `P` to look at; the search ends when `F` reaches the bound there. The mix of both
//! lines' prices that is level proves the optimum.
//!
//! That `F` has a value at every `P`, import above `P` is not forbidden but bears a surcharge of twice the charge. No optimum pays
//! it: a higher peak would be cheaper.
//!
//! Several charges are searched one inside the other: the inner optimum is convex in the outer peak.

use crate::optimize::answer::{Answer, Solved};
use crate::optimize::checked::Checked;
use crate::optimize::{Quantity, Schedule};

use super::market::{Parts, Threshold};
use super::storage::{Problem, Workspace};

/// The most charges that are searched one inside the other.
const MOST_CHARGES: usize = 2;
/// The most peaks that are looked at for one charge.
const MOST_PEAKS: usize = 200;
/// `F` has reached its bound when they differ by less than this share.
const REACHED: f64 = 1e-11;
/// A surcharge, in charges.
const SURCHARGE: f64 = 2.0;

/// A demand charge whose intervals are single steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Charge {
    grid: usize,
    per_kw: f64,
    so_far_kw: f64,
    /// The mean power of a step's interval per kW imported in it; zero where the charge does not apply.
    weights: Vec<f64>,
}

impl Charge {
    /// The charges of a site's grids that can cost anything.
    ///
    /// # Errors
    /// Why they are not for this engine.
    pub(super) fn of(checked: &Checked<'_>, parts: &Parts<'_>) -> Result<Vec<Self>, String> {
        let mut charges = Vec::new();
        for (part, grid) in &parts.grids {
            for charge in grid.demand_charges.iter().filter(|charge| charge.per_kw != 0.0) {
                let mut weights = vec![0.0; checked.steps()];
                for interval in checked.demand_intervals(charge) {
                    let [(step, weight)] = interval[..] else {
                        return Err(format!("{} has a demand charge over intervals longer than a step", grid.name));
                    };
                    weights[step] = weight;
                }
                let so_far_kw = charge.peak_so_far_w / 1000.0;
                charges.push(Self { grid: *part, per_kw: charge.per_kw, so_far_kw, weights });
            }
        }
        if charges.len() > MOST_CHARGES {
            return Err(format!("it has {} demand charges, more than {MOST_CHARGES}", charges.len()));
        }
        Ok(charges)
    }

    /// What a peak costs; one without end is none that is kept.
    fn cost(&self, peak: f64) -> f64 {
        if peak.is_finite() { self.per_kw * (peak - self.so_far_kw).max(0.0) } else { 0.0 }
    }
}

/// The thresholds of import that given peaks set in a step, ascending by power.
pub(super) fn thresholds(problem: &Problem<'_>, peaks: &[f64], step: usize, thresholds: &mut Vec<Threshold>) {
    thresholds.clear();
    for (place, (charge, peak)) in problem.charges.iter().zip(peaks).enumerate() {
        let weight = charge.weights[step];
        if weight > 0.0 && peak.is_finite() {
            let per_kwh = SURCHARGE * charge.per_kw * weight / problem.checked.hours[step];
            thresholds.push(Threshold { grid: charge.grid, charge: place, kw: peak / weight, per_kwh });
        }
    }
    thresholds.sort_by(|a, b| a.kw.total_cmp(&b.kw));
}

/// What the peaks of a schedule cost.
pub(super) fn cost(problem: &Problem<'_>, schedule: &Schedule) -> f64 {
    let of = |charge: &Charge| {
        let import = schedule.column(charge.grid, Quantity::Import);
        let means = import.iter().zip(&charge.weights).map(|(watts, weight)| watts / 1000.0 * weight);
        charge.cost(means.fold(0.0, f64::max))
    };
    problem.charges.iter().map(of).sum()
}

/// The best schedule under all demand charges.
///
/// # Errors
/// Infeasible, or why the site is not for this engine.
pub(super) fn solve(problem: &Problem<'_>, workspace: &mut Workspace) -> Result<Solved, Answer> {
    if problem.charges.is_empty() {
        workspace.run(problem, &[])?;
        return workspace.answer(problem, None);
    }
    let mut search = Search { problem, workspace, peaks: vec![f64::INFINITY; problem.charges.len()], best: None };
    let line = search.least(0)?;
    let (_, peaks) = search.best.take().ok_or_else(|| Answer::NotMine("no peak was found".to_owned()))?;
    workspace.run(problem, &peaks)?;
    workspace.path.prices = line.prices;
    workspace.path.water = line.water;
    let solved = workspace.answer(problem, Some(line.value))?;
    if solved.objective - solved.bound > 1e-8 * solved.objective.abs().max(1.0) {
        return Err(Answer::NotMine("its demand charges interact too closely to be searched one by one".to_owned()));
    }
    Ok(solved)
}

/// A bound of the cost that is linear in the peaks, with the prices that prove it.
#[derive(Debug, Clone)]
struct Line {
    /// The cost that was reached, and its bound, at the peaks where the line was drawn.
    reached: f64,
    value: f64,
    /// How the bound changes with each peak.
    slopes: Vec<f64>,
    prices: Vec<f64>,
    water: Vec<f64>,
}

impl Line {
    /// The mix of two lines that meet in `value`, with so much of `self`.
    fn mixed(&self, other: &Self, share: f64, value: f64) -> Self {
        let mix = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| share * a + (1.0 - share) * b).collect();
        Self {
            reached: self.reached.min(other.reached),
            value,
            slopes: mix(&self.slopes, &other.slopes),
            prices: mix(&self.prices, &other.prices),
            water: mix(&self.water, &other.water),
        }
    }
}

/// The search for the peaks.
struct Search<'p, 'a, 'w> {
    problem: &'p Problem<'a>,
    workspace: &'w mut Workspace,
    /// The peaks that are being looked at; without end where a charge is not looked at yet.
    peaks: Vec<f64>,
    /// The least cost reached with the peaks where that is.
    best: Option<(f64, Vec<f64>)>,
}

impl Search<'_, '_, '_> {
    /// The least cost over the peaks from charge `level` on, with those before it as they are.
    fn least(&mut self, level: usize) -> Result<Line, Answer> {
        let Some(charge) = self.problem.charges.get(level) else { return self.line() };
        let so_far = charge.so_far_kw;
        let mut left = (so_far, self.at(level, so_far)?);
        if left.1.slopes[level] >= 0.0 {
            return Ok(left.1);
        }
        // A line that holds everywhere, drawn where the peak so far would be free.
        let mut right = (so_far, self.at(level, f64::INFINITY)?);
        let mut reached = left.1.reached;
        let mut width = f64::INFINITY;
        for turn in 0..MOST_PEAKS {
            let (peak, bound) = meeting(&left, &right, level);
            // The lines meet ever nearer to one side: look in the middle now and then.
            let stuck = turn % 3 == 2 && right.0 - left.0 > 0.5 * width;
            width = if turn % 3 == 2 { right.0 - left.0 } else { width };
            let peak = if stuck && right.0 > left.0 { 0.5 * (left.0 + right.0) } else { peak };
            let line = self.at(level, peak)?;
            reached = reached.min(line.reached);
            let share = right.1.slopes[level] / (right.1.slopes[level] - left.1.slopes[level]);
            if reached - bound <= REACHED * reached.abs().max(1.0) {
                return Ok(Line { reached, ..left.1.mixed(&right.1, share, bound) });
            }
            if line.slopes[level] < 0.0 {
                left = (peak, line);
            } else {
                right = (peak, line);
            }
        }
        let (_, bound) = meeting(&left, &right, level);
        let share = right.1.slopes[level] / (right.1.slopes[level] - left.1.slopes[level]);
        Ok(Line { reached, ..left.1.mixed(&right.1, share, bound) })
    }

    /// The least cost with a peak of charge `level`, over those after it.
    fn at(&mut self, level: usize, peak: f64) -> Result<Line, Answer> {
        self.peaks[level] = peak;
        let line = self.least(level + 1);
        self.peaks[level] = f64::INFINITY;
        line
    }

    /// The cost with all peaks given, and how it changes with them.
    fn line(&mut self) -> Result<Line, Answer> {
        self.workspace.run(self.problem, &self.peaks)?;
        let path = &self.workspace.path;
        let charged = self.problem.charges.iter().zip(&self.peaks).map(|(charge, peak)| charge.cost(*peak));
        let value = path.cost + charged.sum::<f64>();
        let finite = self.peaks.iter().all(|peak| peak.is_finite());
        if finite && path.mixed.is_none() && self.best.as_ref().is_none_or(|(least, _)| value < *least) {
            self.best = Some((value, self.peaks.clone()));
        }
        let (prices, water) = (path.prices.clone(), path.water.clone());
        Ok(Line { reached: value, value, slopes: self.slopes(), prices, water })
    }

    /// What each kW of a peak costs, less what a higher one would save at the prices found.
    fn slopes(&self) -> Vec<f64> {
        let mut slopes: Vec<f64> = self.problem.charges.iter().map(|charge| charge.per_kw).collect();
        let mut stack = Vec::new();
        for step in 0..self.problem.steps() {
            thresholds(self.problem, &self.peaks, step, &mut stack);
            for (part, grid) in &self.problem.parts.grids {
                let mut price = self.problem.parts.buy_per_kwh(grid, step);
                let limit_kw = grid.import_limit_w.as_ref().map_or(f64::INFINITY, |limit| limit.at(step) / 1000.0);
                for threshold in stack.iter().filter(|threshold| threshold.grid == *part && threshold.kw < limit_kw) {
                    // Another kW below the threshold is without its surcharge.
                    let saved = (self.workspace.path.prices[step] - price).clamp(0.0, threshold.per_kwh);
                    let weight = self.problem.charges[threshold.charge].weights[step];
                    slopes[threshold.charge] -= saved * self.problem.checked.hours[step] / weight;
                    price += threshold.per_kwh;
                }
            }
        }
        slopes
    }
}

/// Where a falling and a rising line meet: the peak and the bound.
fn meeting(left: &(f64, Line), right: &(f64, Line), level: usize) -> (f64, f64) {
    let (falls, rises) = (left.1.slopes[level], right.1.slopes[level]);
    let peak = (right.0 * rises - left.0 * falls + left.1.value - right.1.value) / (rises - falls);
    (peak, left.1.value + falls * (peak - left.0))
}
