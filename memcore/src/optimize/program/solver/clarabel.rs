//! Clarabel: linear and quadratic programs by an interior point method.

use ::clarabel::algebra::CscMatrix;
use ::clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, SolverStatus, SupportedConeT};

use super::{Found, Limits, ROUNDING, Solution, tidy};
use crate::error::{Error, ErrorKind, Result};
use crate::optimize::program::linear::{Program, price_bound};

/// How exact an answer is asked for, as a share of its size; the golden optima are held to 1e-6.
const EXACT: f64 = 1e-9;

pub(super) fn solve(program: &Program, limits: &Limits) -> Result<Found> {
    let Some(cones) = Cones::of(program) else { return Ok(Found::Infeasible) };
    let settings = DefaultSettings {
        verbose: false,
        max_threads: 1,
        tol_gap_abs: EXACT,
        tol_gap_rel: EXACT,
        tol_feas: EXACT,
        time_limit: limits.time.map_or(f64::INFINITY, |time| time.as_secs_f64()),
        ..DefaultSettings::default()
    };
    let (square, cost) = cones.costs(program);
    let (matrix, sides) = cones.matrix();
    let kinds =
        [SupportedConeT::ZeroConeT(cones.equalities), SupportedConeT::NonnegativeConeT(sides.len() - cones.equalities)];
    let mut solver = DefaultSolver::new(&square, &cost, &matrix, &sides, &kinds, settings)
        .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
    solver.solve();
    match solver.solution.status {
        // `AlmostSolved` still keeps 1e-4 or better; what it misses is measured below.
        SolverStatus::Solved | SolverStatus::AlmostSolved | SolverStatus::InsufficientProgress => {
            let solution = cones.solution(program, &solver.solution.x, &solver.solution.z, solver.solution.iterations)?;
            judged(program, solution)
        }
        SolverStatus::PrimalInfeasible | SolverStatus::AlmostPrimalInfeasible => Ok(Found::Infeasible),
        SolverStatus::DualInfeasible | SolverStatus::AlmostDualInfeasible => Ok(Found::Unbounded),
        SolverStatus::MaxTime | SolverStatus::MaxIterations => {
            Ok(Found::Stopped { incumbent: None, bound: f64::NEG_INFINITY })
        }
        status => Err(Error::new(ErrorKind::Internal, format!("it ended as {status:?}"))),
    }
}

/// An answer that keeps all bounds counts as solved where its prices prove it, and as an incumbent otherwise.
fn judged(program: &Program, solution: Solution) -> Result<Found> {
    let miss = program.largest_miss(&solution.values);
    if miss > ROUNDING {
        return Err(Error::new(ErrorKind::Internal, format!("its answer misses a bound by {miss}")));
    }
    if solution.objective - solution.bound <= ROUNDING * solution.objective.abs().max(1.0) {
        return Ok(Found::Solved(solution));
    }
    let bound = solution.bound;
    Ok(Found::Stopped { incumbent: Some(solution), bound })
}

/// A program as Clarabel takes it: `rows * x + slack = side`, with slacks zero (equalities, first) or at least zero. Columns that are
/// held to a value are taken out.
struct Cones {
    /// The place of each column that is free to move.
    place: Vec<Option<usize>>,
    free: usize,
    rows: Vec<ConeRow>,
    equalities: usize,
}

/// One row, with its sign turned where it is a lower bound.
struct ConeRow {
    terms: Vec<(usize, f64)>,
    side: f64,
    /// The row of the program that it is, and the sign of its price there; None for a bound of a column.
    price_of: Option<(usize, f64)>,
}

impl Cones {
    /// None where bounds cross, or where a row of held columns alone misses its own.
    fn of(program: &Program) -> Option<Self> {
        let mut free = 0;
        let mut place = Vec::with_capacity(program.columns());
        for (lower, upper) in program.lower.iter().zip(&program.upper) {
            if lower > upper {
                return None;
            }
            place.push((lower < upper).then(|| {
                free += 1;
                free - 1
            }));
        }
        let mut cones = Self { place, free, rows: Vec::new(), equalities: 0 };
        cones.add_rows(program)?;
        cones.add_bounds(program);
        Some(cones)
    }

    fn add_rows(&mut self, program: &Program) -> Option<()> {
        let mut inequalities = Vec::new();
        for (row, terms) in program.all_rows() {
            let held = terms.iter().filter(|(column, _)| self.place[column.0].is_none());
            let held: f64 = held.map(|(column, factor)| factor * program.lower[column.0]).sum();
            let moving = terms.iter().filter_map(|(column, factor)| Some((self.place[column.0]?, *factor)));
            let moving: Vec<(usize, f64)> = moving.collect();
            let (lower, upper) = (program.row_lower[row.0] - held, program.row_upper[row.0] - held);
            if lower > upper + ROUNDING || (moving.is_empty() && (lower > ROUNDING || upper < -ROUNDING)) {
                return None;
            }
            if moving.is_empty() {
                continue;
            }
            if lower == upper {
                self.rows.push(ConeRow { terms: moving, side: upper, price_of: Some((row.0, -1.0)) });
                continue;
            }
            if lower > f64::NEG_INFINITY {
                let terms = moving.iter().map(|(at, factor)| (*at, -factor)).collect();
                inequalities.push(ConeRow { terms, side: -lower, price_of: Some((row.0, 1.0)) });
            }
            if upper < f64::INFINITY {
                inequalities.push(ConeRow { terms: moving, side: upper, price_of: Some((row.0, -1.0)) });
            }
        }
        self.equalities = self.rows.len();
        self.rows.append(&mut inequalities);
        Some(())
    }

    fn add_bounds(&mut self, program: &Program) {
        for (at, place) in self.place.iter().enumerate() {
            let Some(place) = *place else { continue };
            if program.lower[at] > f64::NEG_INFINITY {
                self.rows.push(ConeRow { terms: vec![(place, -1.0)], side: -program.lower[at], price_of: None });
            }
            if program.upper[at] < f64::INFINITY {
                self.rows.push(ConeRow { terms: vec![(place, 1.0)], side: program.upper[at], price_of: None });
            }
        }
    }

    /// The squares (Clarabel halves them) and the costs of the free columns.
    fn costs(&self, program: &Program) -> (CscMatrix<f64>, Vec<f64>) {
        let mut cost = vec![0.0; self.free];
        let mut square = vec![0.0; self.free];
        for (at, place) in self.place.iter().enumerate() {
            if let Some(place) = *place {
                cost[place] = program.cost[at];
                square[place] = 2.0 * program.quadratic[at];
            }
        }
        let diagonal: Vec<usize> = (0..self.free).filter(|at| square[*at] != 0.0).collect();
        let values = diagonal.iter().map(|at| square[*at]).collect();
        (CscMatrix::new_from_triplets(self.free, self.free, diagonal.clone(), diagonal, values), cost)
    }

    fn matrix(&self) -> (CscMatrix<f64>, Vec<f64>) {
        let (mut rows, mut columns, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (row, cone) in self.rows.iter().enumerate() {
            for (column, factor) in &cone.terms {
                rows.push(row);
                columns.push(*column);
                values.push(*factor);
            }
        }
        let matrix = CscMatrix::new_from_triplets(self.rows.len(), self.free, rows, columns, values);
        (matrix, self.rows.iter().map(|row| row.side).collect())
    }

    fn solution(&self, program: &Program, moved: &[f64], prices: &[f64], iterations: u32) -> Result<Solution> {
        let of_column = |(at, place): (usize, &Option<usize>)| place.map_or(program.lower[at], |place| moved[place]);
        let values = tidy(program, self.place.iter().enumerate().map(of_column).collect())?;
        let mut duals = vec![0.0; program.rows()];
        for (cone, price) in self.rows.iter().zip(prices) {
            if let Some((row, sign)) = cone.price_of {
                duals[row] += sign * price;
            }
        }
        let objective = program.objective(&values);
        let bound = price_bound(program, &values, &duals).min(objective);
        Ok(Solution { values, row_duals: Some(duals), objective, bound, iterations: u64::from(iterations), nodes: 0 })
    }
}
