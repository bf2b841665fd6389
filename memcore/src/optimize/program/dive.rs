//! Whole numbers by diving: from the best relaxed values, one number after another is held, and what is left is solved again from the
//! basis before.
//!
//! The programs of sites are written so that their relaxations are tight. Often some whole numbers cost no more than the relaxation;
//! a dive finds them in a few milliseconds, and the relaxation proves them the best. Otherwise it ends at once, for a search.

use super::linear::{Column, Program, Row};
use super::search::same_cost;
use super::solver::{Found, ROUNDING, Solution};
use crate::error::Result;

/// After so many programs a search is better.
const MOST_SOLVES: usize = 150;

/// Whole numbers that cost no more than relaxed values; None where the dive finds none.
pub(super) fn dive(
    program: &Program,
    relaxed: &Solution,
    mut solve: impl FnMut(&Program) -> Result<Found>,
) -> Result<Option<Solution>> {
    let rows_of = rows_of(program);
    let mut held = program.relaxed();
    let mut values = relaxed.values.clone();
    for _ in 0..MOST_SOLVES {
        round_what_is_free(program, &rows_of, &mut values);
        let Some(column) = most_whole(program, &values) else {
            let objective = program.objective(&values);
            let bound = relaxed.bound.min(objective);
            return Ok(Some(Solution { values, objective, bound, row_duals: None, ..*relaxed }));
        };
        let Some(next) = as_good(&mut held, column, relaxed.objective, &mut solve)? else { return Ok(None) };
        values = next;
    }
    Ok(None)
}

/// Values with a column held to 1, or to 0, that cost no more than `objective`.
fn as_good(
    held: &mut Program,
    column: Column,
    objective: f64,
    solve: &mut impl FnMut(&Program) -> Result<Found>,
) -> Result<Option<Vec<f64>>> {
    for whole in [1.0, 0.0] {
        held.fix(column, whole);
        if let Found::Solved(solution) = solve(held)?
            && same_cost(solution.objective, objective)
        {
            return Ok(Some(solution.values));
        }
    }
    Ok(None)
}

/// The rows of each column that must be whole.
fn rows_of(program: &Program) -> Vec<Vec<(Row, f64)>> {
    let mut rows = vec![Vec::new(); program.columns()];
    for (row, terms) in program.all_rows() {
        for (column, factor) in terms.iter().filter(|(column, _)| program.integer[column.0]) {
            rows[column.0].push((row, *factor));
        }
    }
    rows
}

/// Moves what is not whole to a whole number where every row lets it and it costs no more.
fn round_what_is_free(program: &Program, rows_of: &[Vec<(Row, f64)>], values: &mut [f64]) {
    let activity =
        |row: Row, values: &[f64]| program.terms(row).iter().map(|(column, factor)| factor * values[column.0]).sum::<f64>();
    for (at, rows) in rows_of.iter().enumerate() {
        if !program.integer[at] || is_whole(values[at]) {
            continue;
        }
        for whole in [values[at].ceil(), values[at].floor()] {
            let moved = whole - values[at];
            let fits = |(row, factor): &(Row, f64)| {
                let sum = activity(*row, values) + factor * moved;
                sum >= program.row_lower[row.0] - 1e-9 && sum <= program.row_upper[row.0] + 1e-9
            };
            if program.cost[at] * moved <= 0.0 && rows.iter().all(fits) {
                values[at] = whole;
                break;
            }
        }
    }
}

/// The column nearest to 1 of those that are not whole yet.
fn most_whole(program: &Program, values: &[f64]) -> Option<Column> {
    let open = (0..program.columns()).filter(|at| program.integer[*at] && !is_whole(values[*at]));
    open.max_by(|one, other| values[*one].total_cmp(&values[*other]).then(other.cmp(one))).map(Column)
}

fn is_whole(value: f64) -> bool {
    (value - value.round()).abs() <= ROUNDING
}
