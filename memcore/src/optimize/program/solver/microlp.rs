//! microlp: linear and integer programs in pure Rust. It tells no prices of rows.

use ::microlp::{
    ComparisonOp, Error as MicrolpError, OptimizationDirection, Problem, SolutionStatus, SolveOptions, SolveOutcome, Stats,
    Variable,
};

use super::{Found, Limits, ROUNDING, Solution, tidy};
use crate::error::{Error, ErrorKind, Result};
use crate::optimize::program::linear::Program;

pub(super) fn solve(program: &Program, limits: &Limits) -> Result<Found> {
    let Some((problem, variables)) = problem(program) else { return Ok(Found::Infeasible) };
    let mut options = SolveOptions::default();
    options.time_limit = limits.time;
    options.node_limit = limits.nodes;
    options.mip_gap = limits.gap;
    options.warm_start = limits.start.as_ref().map(|start| {
        let hints = variables.iter().zip(start).enumerate().filter(|(at, _)| program.integer[*at]);
        hints.map(|(_, (variable, value))| (*variable, *value)).collect()
    });
    match problem.solve_with(options) {
        Ok(outcome) => read(program, &variables, &outcome),
        Err(MicrolpError::Infeasible) => Ok(Found::Infeasible),
        Err(MicrolpError::Unbounded) => Ok(Found::Unbounded),
        Err(error) => Err(Error::new(ErrorKind::Internal, error.to_string())),
    }
}

/// The program in microlp's words; None where bounds cross or a row without terms misses its own.
fn problem(program: &Program) -> Option<(Problem, Vec<Variable>)> {
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let mut variables = Vec::with_capacity(program.columns());
    for at in 0..program.columns() {
        let (cost, lower, upper) = (program.cost[at], program.lower[at], program.upper[at]);
        if lower > upper {
            return None;
        }
        variables.push(if program.integer[at] {
            problem.add_integer_var(cost, (lower.ceil() as i32, upper.floor() as i32))
        } else {
            problem.add_var(cost, (lower, upper))
        });
    }
    for (row, terms) in program.all_rows() {
        let (lower, upper) = (program.row_lower[row.0], program.row_upper[row.0]);
        if lower > upper || (terms.is_empty() && (lower > ROUNDING || upper < -ROUNDING)) {
            return None;
        }
        let terms = || terms.iter().map(|(column, factor)| (variables[column.0], *factor));
        if lower == upper {
            problem.add_constraint(terms().collect::<Vec<_>>(), ComparisonOp::Eq, lower);
            continue;
        }
        if lower > f64::NEG_INFINITY {
            problem.add_constraint(terms().collect::<Vec<_>>(), ComparisonOp::Ge, lower);
        }
        if upper < f64::INFINITY {
            problem.add_constraint(terms().collect::<Vec<_>>(), ComparisonOp::Le, upper);
        }
    }
    Some((problem, variables))
}

fn read(program: &Program, variables: &[Variable], outcome: &SolveOutcome) -> Result<Found> {
    let stats = outcome.stats();
    let bound = stats.best_bound.map_or(f64::NEG_INFINITY, |bound| bound + program.constant);
    let Some(found) = outcome.solution() else { return Ok(Found::Stopped { incumbent: None, bound }) };
    let values = variables.iter().map(|variable| found.var_value(*variable)).collect();
    let mut solution = solution(program, tidy(program, values)?, &stats);
    if found.status() == SolutionStatus::Optimal {
        return Ok(Found::Solved(solution));
    }
    solution.bound = bound.min(solution.objective);
    match outcome.termination_reason() {
        ::microlp::TerminationReason::MipGap => Ok(Found::Solved(solution)),
        _ => Ok(Found::Stopped { incumbent: Some(solution), bound }),
    }
}

fn solution(program: &Program, values: Vec<f64>, stats: &Stats) -> Solution {
    let objective = program.objective(&values);
    let (iterations, nodes) = (stats.lp_iterations, stats.nodes_solved);
    Solution { values, row_duals: None, objective, bound: objective, iterations, nodes }
}
