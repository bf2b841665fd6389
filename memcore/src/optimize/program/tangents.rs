//! Integer programs with squares in their cost, by outer approximation (Duran and Grossmann 1986).
//!
//! Each square is at least each of its tangents. An integer program with tangents in place of squares is therefore a lower bound, its
//! whole numbers make a quadratic program whose value is an upper bound, and a tangent at that one's values is what the next round
//! has more. As there are finitely many choices of whole numbers, the bounds meet.

use super::linear::{Column, Program};
use super::search::SAME_COST;
use super::solver::{Found, Solution};
use super::solvers::Solvers;
use crate::error::Result;

/// After so many rounds the answer is the best so far, with its bound.
const MOST_ROUNDS: usize = 50;

pub(super) fn solve(program: &Program, solvers: &mut Solvers<'_>, start: Option<Vec<f64>>) -> Result<Found> {
    let mut outer = Outer::new(program);
    if let Found::Solved(relaxed) = solvers.held(&program.relaxed())? {
        outer.touch(program, &relaxed.values);
    }
    let mut best: Option<Solution> = None;
    let mut bound = f64::NEG_INFINITY;
    let (mut iterations, mut nodes) = (0, 0);
    for _ in 0..MOST_ROUNDS {
        let begun_from =
            best.as_ref().map(|best| &best.values).or(start.as_ref()).map(|values| outer.lifted(program, values));
        let (lower, stopped) = match solvers.linear(&outer.program, begun_from)? {
            Found::Solved(lower) => (lower, false),
            Found::Stopped { incumbent: Some(lower), .. } => (lower, true),
            Found::Stopped { incumbent: None, bound: proven } => {
                return Ok(Found::Stopped { incumbent: best, bound: bound.max(proven) });
            }
            other => return Ok(other),
        };
        bound = bound.max(lower.bound);
        iterations += lower.iterations;
        nodes += lower.nodes;
        let values = &lower.values[..program.columns()];
        outer.touch(program, values);
        if let Found::Solved(upper) = solvers.held(&program.with_integers_fixed(values))? {
            outer.touch(program, &upper.values);
            if best.as_ref().is_none_or(|best| upper.objective < best.objective) {
                best = Some(upper);
            }
        }
        let met = best.as_ref().is_some_and(|best| best.objective - bound <= SAME_COST * best.objective.abs().max(1.0));
        if met || stopped {
            let best =
                best.map(|best| Solution { row_duals: None, bound: bound.min(best.objective), iterations, nodes, ..best });
            return Ok(match best {
                Some(best) if met => Found::Solved(best),
                incumbent => Found::Stopped { incumbent, bound },
            });
        }
    }
    Ok(Found::Stopped { incumbent: best, bound })
}

/// The program with a column above all tangents in place of each square.
struct Outer {
    program: Program,
    /// The columns with a square, and what stands for it.
    squares: Vec<(Column, Column)>,
}

impl Outer {
    fn new(program: &Program) -> Self {
        let mut outer = program.clone();
        let squared: Vec<usize> = (0..program.columns()).filter(|at| program.quadratic[*at] != 0.0).collect();
        let squares = squared.into_iter().map(|at| {
            let factor = std::mem::take(&mut outer.quadratic[at]);
            (Column(at), outer.column(factor, 0.0..=f64::INFINITY))
        });
        let squares = squares.collect();
        Self { program: outer, squares }
    }

    /// A tangent of each square at given values: `y >= 2 a x - a^2`.
    fn touch(&mut self, program: &Program, values: &[f64]) {
        for (column, square) in &self.squares {
            let at = values[column.0].clamp(program.lower[column.0], program.upper[column.0]);
            self.program.at_least(-at * at, [(*square, 1.0), (*column, -2.0 * at)]);
        }
    }

    /// Values of the program's columns with their squares.
    fn lifted(&self, program: &Program, values: &[f64]) -> Vec<f64> {
        let mut lifted = values.to_vec();
        lifted.resize(program.columns(), 0.0);
        lifted.extend(self.squares.iter().map(|(column, _)| values[column.0] * values[column.0]));
        lifted
    }
}
