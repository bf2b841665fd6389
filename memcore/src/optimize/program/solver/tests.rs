//! Every solver on the same small programs.

use super::*;
use crate::optimize::program::linear::price_bound;

const ALL: [Solver; 3] = [Solver::Highs, Solver::Microlp, Solver::Clarabel];

fn built() -> impl Iterator<Item = Solver> {
    ALL.into_iter().filter(|solver| solver.is_built())
}

fn solved(program: &Program, solver: Solver) -> Solution {
    match solve(program, &Limits::default(), solver).unwrap() {
        Found::Solved(solution) => solution,
        other => panic!("{solver:?}: {other:?}"),
    }
}

/// Two hours of a load of 4 and 6 kW, a cheap source of 3 kW, a dear one without a limit, and at most 7 kWh of the cheap one.
fn sources() -> Program {
    let mut program = Program::default();
    program.constant = 10.0;
    let mut cheap_used = Vec::new();
    for load in [4.0, 6.0] {
        let given = program.column(0.0, load..=load);
        let cheap = program.column(0.2, 0.0..=3.0);
        let dear = program.column(0.4, 0.0..=f64::INFINITY);
        program.equal(0.0, [(cheap, 1.0), (dear, 1.0), (given, -1.0)]);
        cheap_used.push((cheap, 1.0));
    }
    program.at_most(5.0, cheap_used);
    program
}

#[test]
fn every_solver_finds_the_same_least_cost_and_its_prices_prove_it() {
    let program = sources();
    for solver in built() {
        let solution = solved(&program, solver);
        assert!((solution.objective - 13.0).abs() < 1e-6, "{solver:?}: {}", solution.objective);
        assert!(program.largest_miss(&solution.values) < 1e-6, "{solver:?}");
        if let Some(duals) = &solution.row_duals {
            assert!((price_bound(&program, &solution.values, duals) - 13.0).abs() < 1e-6, "{solver:?}");
            let expected = [0.4, 0.4, -0.2];
            assert!(duals.iter().zip(expected).all(|(dual, price)| (dual - price).abs() < 1e-5), "{solver:?}: {duals:?}");
        }
    }
}

#[test]
fn infeasible_and_unbounded_are_told_apart() {
    let mut crossing = sources();
    crossing.at_least(20.0, [(crate::optimize::program::linear::Column(1), 1.0)]);
    let mut unbounded = Program::default();
    let earned = unbounded.column(-1.0, 0.0..=f64::INFINITY);
    let held = unbounded.column(0.0, 0.0..=1.0);
    unbounded.at_least(0.0, [(earned, 1.0), (held, -1.0)]);
    for solver in built() {
        assert_eq!(solve(&crossing, &Limits::default(), solver).unwrap(), Found::Infeasible, "{solver:?}");
        assert_eq!(solve(&unbounded, &Limits::default(), solver).unwrap(), Found::Unbounded, "{solver:?}");
    }
}

#[test]
fn whole_numbers_come_out_whole() {
    let mut knapsack = Program::default();
    let items: Vec<_> =
        [(8.0, 5.0), (11.0, 7.0), (6.0, 4.0), (4.0, 3.0)].map(|(worth, weight)| (knapsack.binary(-worth), weight)).to_vec();
    knapsack.at_most(14.0, items);
    for solver in built().filter(|solver| *solver != Solver::Clarabel) {
        let solution = solved(&knapsack, solver);
        assert_eq!(solution.values, [0.0, 1.0, 1.0, 1.0], "{solver:?}");
        assert_eq!((solution.objective, solution.row_duals), (-21.0, None), "{solver:?}");
        assert!((solution.bound - solution.objective).abs() < 1e-6, "{solver:?}");
        let mut too_heavy = knapsack.clone();
        too_heavy.at_least(4.0, (0..4).map(|at| (crate::optimize::program::linear::Column(at), 1.0)));
        assert_eq!(solve(&too_heavy, &Limits::default(), solver).unwrap(), Found::Infeasible, "{solver:?}");
    }
}

#[test]
fn squares_are_clarabels() {
    // 3 kW from two sources whose cost is their square, one twice as dear: 2 and 1 kW.
    let mut program = Program::default();
    let pair = [1.0, 2.0].map(|square| {
        let column = program.column(0.0, 0.0..=f64::INFINITY);
        program.quadratic[column.0] = square;
        (column, 1.0)
    });
    program.equal(3.0, pair);
    if Solver::Clarabel.is_built() {
        let solution = solved(&program, Solver::Clarabel);
        assert!((solution.objective - 6.0).abs() < 1e-7 && (solution.bound - 6.0).abs() < 1e-7, "{solution:?}");
        assert!((solution.row_duals.unwrap()[0] - 4.0).abs() < 1e-6);
    }
    let refused = solve(&program, &Limits::default(), Solver::Microlp).unwrap_err().to_string();
    assert!(refused.contains("microlp"), "{refused}");
}

#[test]
fn a_solver_that_is_not_built_in_is_refused_by_its_feature() {
    for solver in ALL.into_iter().filter(|solver| !solver.is_built()) {
        let refused = solve(&sources(), &Limits::default(), solver).unwrap_err().to_string();
        assert!(refused.contains("feature"), "{refused}");
    }
    assert_eq!(Solver::best(false).is_ok(), cfg!(feature = "solvers"));
}

#[cfg(feature = "highs")]
#[test]
fn a_hot_solve_equals_the_cold_one() {
    let mut basis = LinearBasis::default();
    let mut solve_hot = |program: &Program| {
        basis.begin();
        let Found::Solved(warm) = basis.solve(program).unwrap() else { panic!("{program:?}") };
        assert!((warm.objective - solved(program, Solver::Highs).objective).abs() < 1e-9);
        basis.began_hot()
    };
    let mut program = sources();
    for hour in 0..6 {
        program.cost[1] = 0.2 + 0.1 * f64::from(hour);
        program.fix(crate::optimize::program::linear::Column(3), 6.0 - f64::from(hour));
        assert_eq!(solve_hot(&program), hour > 0);
    }
    program.at_most(1.0, [(crate::optimize::program::linear::Column(1), 1.0)]);
    assert!(!solve_hot(&program), "another shape begins anew");
}

#[cfg(feature = "highs")]
#[test]
fn after_a_program_without_an_answer_the_next_equals_the_cold_one() {
    let mut basis = LinearBasis::default();
    let program = sources();
    let mut impossible = program.clone();
    impossible.fix(crate::optimize::program::linear::Column(2), -1.0);
    for (program, feasible) in [(&program, true), (&impossible, false), (&program, true), (&program, true)] {
        let found = basis.solve(program).unwrap();
        assert_eq!(matches!(found, Found::Solved(_)), feasible);
        assert_eq!(found == Found::Infeasible, !feasible);
        if let Found::Solved(warm) = found {
            assert!((warm.objective - solved(program, Solver::Highs).objective).abs() < 1e-9);
        }
    }
}
