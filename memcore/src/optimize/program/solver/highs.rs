//! HiGHS: linear and integer programs, by simplex and branch and cut. One thread and a fixed seed, so that the same program gives the
//! same answer bit for bit.

use ::highs::{Col, HighsModelStatus, HighsSolutionStatus, HighsStatus, Model, RowProblem, Sense, SolvedModel};

use super::{Found, Limits, ROUNDING, Solution, tidy};
use crate::error::{Error, ErrorKind, Result};
use crate::optimize::program::linear::{Program, price_bound};

/// The absolute gap at which a search ends: a tenth of what golden optima are held to.
const SAME_OBJECTIVE: f64 = 1e-7;

/// Solves from scratch.
pub(super) fn solve(program: &Program, limits: &Limits) -> Result<Found> {
    let (model, _) = model(program, limits)?;
    read(program, &run(model)?, limits)
}

/// A linear program that stays with the solver: a program that differs from it by costs and bounds of columns alone is solved from
/// the basis of the one before.
///
/// HiGHS has had wrong objectives on hot starts, so nothing of such an answer is believed: it counts when its values keep all
/// bounds and its row prices prove that none can cost less. Otherwise the program is solved from scratch.
#[derive(Debug, Default)]
pub(in crate::optimize) struct LinearBasis {
    kept: Option<Kept>,
    /// Whether the first program since the last `begin` was solved from a basis.
    began_hot: Option<bool>,
}

#[derive(Debug)]
struct Kept {
    program: Program,
    columns: Vec<Col>,
    model: Model,
}

impl LinearBasis {
    /// Another search begins.
    pub(in crate::optimize) fn begin(&mut self) {
        self.began_hot = None;
    }

    /// Whether the search began from the basis of the one before.
    pub(in crate::optimize) fn began_hot(&self) -> bool {
        self.began_hot == Some(true)
    }

    /// Solves a linear program, from the basis of the last one where it has the same shape.
    ///
    /// # Errors
    /// Internal where HiGHS fails.
    pub(in crate::optimize) fn solve(&mut self, program: &Program) -> Result<Found> {
        if let Some(kept) = self.kept.take().filter(|kept| kept.program.same_shape(program))
            && let Some(found) = self.solve_from(kept, program)
        {
            self.began_hot.get_or_insert(true);
            return Ok(found);
        }
        self.began_hot.get_or_insert(false);
        let limits = Limits::default();
        let (model, columns) = model(program, &limits)?;
        let solved = run(model)?;
        let found = read(program, &solved, &limits)?;
        if matches!(found, Found::Solved(_)) {
            self.kept = Some(Kept { program: program.clone(), columns, model: solved.into() });
        }
        Ok(found)
    }

    fn solve_from(&mut self, mut kept: Kept, program: &Program) -> Option<Found> {
        for (at, column) in kept.columns.iter().enumerate() {
            if kept.program.cost[at] != program.cost[at] {
                kept.model.change_column_cost(*column, program.cost[at]);
            }
            if kept.program.lower[at] != program.lower[at] || kept.program.upper[at] != program.upper[at] {
                kept.model.change_column_bounds(*column, program.lower[at]..=program.upper[at]);
            }
        }
        let solved = run(kept.model).ok()?;
        let found = read(program, &solved, &Limits::default()).ok()?;
        if !is_proven(program, &found) {
            return None;
        }
        self.kept = Some(Kept { program: program.clone(), columns: kept.columns, model: solved.into() });
        Some(found)
    }
}

/// Whether the values keep all bounds, and the prices of the rows prove their cost to be the least.
fn is_proven(program: &Program, found: &Found) -> bool {
    let Found::Solved(solution) = found else { return false };
    let Some(duals) = &solution.row_duals else { return false };
    let proven = price_bound(program, &solution.values, duals);
    program.largest_miss(&solution.values) <= ROUNDING
        && solution.objective - proven <= SAME_OBJECTIVE * solution.objective.abs().max(1.0)
}

fn model(program: &Program, limits: &Limits) -> Result<(Model, Vec<Col>)> {
    let mut rows = RowProblem::default();
    let columns: Vec<Col> = (0..program.columns())
        .map(|at| {
            let bounds = program.lower[at]..=program.upper[at];
            rows.add_column_with_integrality(program.cost[at], bounds, program.integer[at])
        })
        .collect();
    for (row, terms) in program.all_rows() {
        let bounds = program.row_lower[row.0]..=program.row_upper[row.0];
        rows.add_row(bounds, terms.iter().map(|(column, factor)| (columns[column.0], *factor)));
    }
    let mut model = rows.try_optimise(Sense::Minimise).map_err(failed)?;
    set_options(&mut model, program, limits).map_err(|error| internal(&format!("an option: {error}")))?;
    if let Some(start) = limits.start.as_ref().filter(|start| start.len() == program.columns()) {
        // A start that HiGHS does not take costs time only.
        let _ = model.try_set_solution(Some(start), None, None, None);
    }
    Ok((model, columns))
}

fn set_options(
    model: &mut Model,
    program: &Program,
    limits: &Limits,
) -> std::result::Result<(), ::highs::TrySetOptionError> {
    model.try_set_option("threads", 1)?;
    model.try_set_option("parallel", "off")?;
    model.try_set_option("random_seed", 0)?;
    if let Some(time) = limits.time {
        model.try_set_option("time_limit", time.as_secs_f64())?;
    }
    if program.has_integers() {
        model.try_set_option("mip_rel_gap", limits.gap)?;
        model.try_set_option("mip_abs_gap", SAME_OBJECTIVE)?;
        // Searches for better plans in ever smaller neighbourhoods: two thirds of the time of a unit commitment, and no better plan.
        model.try_set_option("mip_heuristic_run_rins", false)?;
        model.try_set_option("mip_heuristic_run_rens", false)?;
        if let Some(nodes) = limits.nodes {
            model.try_set_option("mip_max_nodes", i32::try_from(nodes).unwrap_or(i32::MAX))?;
        }
    }
    Ok(())
}

fn run(model: Model) -> Result<SolvedModel> {
    model.try_solve().map_err(failed)
}

/// What a solved model says, for a program that has at least one column.
fn read(program: &Program, solved: &SolvedModel, limits: &Limits) -> Result<Found> {
    use HighsModelStatus as Status;
    match solved.status() {
        Status::Optimal => Ok(Found::Solved(solution(program, solved)?)),
        Status::Infeasible => Ok(Found::Infeasible),
        Status::Unbounded | Status::UnboundedOrInfeasible => unbounded_or_infeasible(program, limits),
        Status::ReachedTimeLimit
        | Status::ReachedSolutionLimit
        | Status::ReachedIterationLimit
        | Status::ReachedInterrupt
        | Status::ReachedMemoryLimit => stopped(program, solved),
        status => Err(internal(&format!("it ended as {status:?}"))),
    }
}

/// Which of the two it is, by looking for any values at all.
fn unbounded_or_infeasible(program: &Program, limits: &Limits) -> Result<Found> {
    let mut without_cost = program.clone();
    without_cost.cost.fill(0.0);
    match solve(&without_cost, &Limits { start: None, ..limits.clone() })? {
        Found::Solved(_) => Ok(Found::Unbounded),
        Found::Stopped { .. } => Ok(Found::Stopped { incumbent: None, bound: f64::NEG_INFINITY }),
        other => Ok(other),
    }
}

fn stopped(program: &Program, solved: &SolvedModel) -> Result<Found> {
    let bound = if program.has_integers() { dual_bound(program, solved) } else { f64::NEG_INFINITY };
    let feasible = solved.primal_solution_status() == HighsSolutionStatus::Feasible;
    let incumbent = if feasible { Some(Solution { row_duals: None, bound, ..solution(program, solved)? }) } else { None };
    Ok(Found::Stopped { incumbent, bound })
}

fn solution(program: &Program, solved: &SolvedModel) -> Result<Solution> {
    let read = solved.get_solution();
    let values = tidy(program, read.columns().to_vec())?;
    let objective = program.objective(&values);
    let integer = program.has_integers();
    let bound = if integer { dual_bound(program, solved).min(objective) } else { objective };
    let row_duals = (!integer).then(|| read.dual_rows().to_vec());
    let counted = solved.simplex_iteration_count().max(0) + solved.ipm_iteration_count().max(0);
    Ok(Solution { values, row_duals, objective, bound, iterations: counted.unsigned_abs(), nodes: 0 })
}

/// The bound of a search. HiGHS does not know the constant of the program.
fn dual_bound(program: &Program, solved: &SolvedModel) -> f64 {
    let bound = solved.double_info_value(c"mip_dual_bound").unwrap_or(f64::NEG_INFINITY);
    if bound.is_finite() { bound + program.constant } else { f64::NEG_INFINITY }
}

fn failed(status: HighsStatus) -> Error {
    internal(&format!("it returned {status:?}"))
}

fn internal(why: &str) -> Error {
    Error::new(ErrorKind::Internal, why)
}
