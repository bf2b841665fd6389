//! Gensets: least times up and down, the state at the start, starts, availability, shedding.

use super::{assert_close, hourly, hours, plan, site, why_not};
use crate::optimize::{Genset, Grid, Horizon, Load, Options, Outcome, Plan, Quantity, Site};

/// A genset of 5 to 10 kW that sells to the grid, hour by hour: oemof.solph PR #1325, where its costs per kWh stand for prices
/// that are earned. It has just been switched when the horizon starts.
fn sells(sell: [f64; 10], genset: Genset) -> Site {
    let grid = Grid::new("grid", 100.0).import_limit_w(0.0).sell_per_kwh(sell);
    site(hourly(10), [grid.into(), genset.initial_since(hours(0)).into()])
}

fn runs(plan: &Plan, part: usize) -> Vec<u8> {
    plan.schedule.column(part, Quantity::On).iter().map(|on| u8::from(*on == 1.0)).collect()
}

#[test]
fn least_times_hold_from_the_first_step_on() {
    let earns = |step: usize, price: f64| {
        let mut sell = [-1.0; 10];
        sell[step] = price;
        sell
    };
    let machine = || Genset::new("genset", 5_000.0, 10_000.0, 0.0);
    let stood = plan(&sells(earns(2, 10.0), machine().min_up(hours(4)).min_down(hours(2))));
    // Without its least time up it would run one hour, for -100.
    assert_close(stood.objective, -85.0);
    assert_eq!(runs(&stood, 1), [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]);

    let mut sell = earns(3, 10.0);
    sell[2] = -10.0;
    let ran = plan(&sells(sell, machine().initially_on(true).min_up(hours(2)).min_down(hours(4))));
    assert_close(ran.objective, -40.0);
    assert_eq!(runs(&ran, 1), [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
}

/// A load of 10 kW, or nothing, served by a genset or at 3 EUR/kWh not at all.
fn serves(load_kw: Vec<f64>, genset: Genset) -> Site {
    let load = Load::new("load", load_kw.iter().map(|kw| kw * 1e3).collect::<Vec<_>>()).value_of_lost_load_per_kwh(3.0);
    site(hourly(load_kw.len()), [genset.into(), load.into()])
}

#[test]
fn a_run_goes_on_where_another_start_would_cost_more() {
    let genset = |start: f64| Genset::new("genset", 0.0, 10_000.0, 0.3).no_load_per_h(1.0).start_cost(start);
    let load = || vec![10.0, 0.0, 0.0, 10.0];
    assert_eq!(runs(&plan(&serves(load(), genset(2.5))), 0), [1, 1, 1, 1]);
    assert_eq!(runs(&plan(&serves(load(), genset(1.5))), 0), [1, 0, 0, 1]);
    // Equally good: the one with fewer starts.
    assert_eq!(runs(&plan(&serves(load(), genset(2.0))), 0), [1, 1, 1, 1]);
}

#[test]
fn what_a_genset_cannot_serve_is_shed_and_the_price_says_so() {
    let genset = Genset::new("genset", 0.0, 8_000.0, 0.3).available([1.0, 0.0, 1.0]);
    let plan = plan(&serves(vec![10.0, 10.0, 6.0], genset));
    assert_close(plan.objective, 8.0 * 0.3 + 2.0 * 3.0 + 10.0 * 3.0 + 6.0 * 0.3);
    assert_eq!(plan.schedule.column(1, Quantity::Shed), [2_000.0, 10_000.0, 0.0]);
    assert_eq!(plan.prices[0].per_kwh, [3.0, 3.0, 0.3]);
}

#[test]
fn least_output_that_nobody_takes_is_no_plan() {
    let genset = Genset::new("genset", 8_000.0, 10_000.0, 0.3).initially_on(true).min_up(hours(2)).initial_since(hours(0));
    let site = serves(vec![10.0, 5.0], genset);
    let answer = super::solve(&site.checked().unwrap());
    assert!(matches!(answer, crate::optimize::answer::Answer::Infeasible), "{answer:?}");
}

#[test]
fn least_times_are_rounded_up_to_whole_steps_also_where_steps_differ() {
    let at = |text: &str| text.parse().unwrap();
    let borders =
        ["00:00", "00:30", "01:00", "02:00", "03:00", "04:00"].map(|clock| at(&format!("2026-01-01T{clock}:00Z")));
    let horizon = Horizon::new(borders.to_vec()).unwrap();
    let genset = Genset::new("genset", 5_000.0, 10_000.0, 1.0).no_load_per_h(10.0).min_up(hours(2));
    let needed_in = |step: usize| {
        let mut power = [0.0; 5];
        power[step] = 5_000.0;
        let urgent = Load::new("urgent", power).value_of_lost_load_per_kwh(1_000.0);
        // Takes what the genset must give at least, and may well be shed.
        let patient = Load::new("patient", 5_000.0).value_of_lost_load_per_kwh(1.0);
        runs(&plan(&site(horizon.clone(), [genset.clone().into(), urgent.into(), patient.into()])), 0)
    };
    // Two hours from midnight are two halves and a whole one; from half past midnight they would be two and a half.
    assert_eq!(needed_in(0), [1, 1, 1, 0, 0]);
    assert_eq!(needed_in(1), [1, 1, 1, 0, 0]);
    // The horizon's end may cut a run.
    assert_eq!(needed_in(4), [0, 0, 0, 0, 1]);
}

#[test]
fn sites_of_another_shape_are_left_to_other_engines_and_it_says_why() {
    let ramp = serves(vec![10.0; 2], Genset::new("diesel", 0.0, 10_000.0, 0.3).ramp_w_per_min(100.0));
    assert_eq!(why_not(&ramp), "diesel has a limit of its ramp");
    let mut peak = Grid::new("grid", 0.3);
    peak.demand_charges.push(crate::optimize::DemandCharge::new(5.0));
    let peak = site(hourly(2), [peak.into(), Load::new("load", 1e3).into()]);
    assert_eq!(why_not(&peak), "grid has a demand charge");
    let slow = |name: &str| Genset::new(name, 0.0, 10_000.0, 0.3).min_up(hours(40)).min_down(hours(40));
    let many = site(hourly(100), [slow("one").into(), slow("other").into(), Load::new("load", 1e3).into()]);
    assert!(why_not(&many).contains("6400 states"), "{}", why_not(&many));
}

#[test]
fn the_same_site_gives_the_same_plan_bit_for_bit() {
    let genset = || Genset::new("genset", 3_000.0, 8_000.0, 0.3).start_cost(1.0).min_up(hours(2));
    let load = || (0..24).map(|hour| f64::from(hour * 7 % 11)).collect::<Vec<_>>();
    let solve = || serves(load(), genset()).solve(&Options::default()).unwrap();
    let (Outcome::Plan(one), Outcome::Plan(other)) = (solve(), solve()) else { panic!("no plan") };
    assert_eq!(one.schedule, other.schedule);
    assert_eq!(one.objective.to_bits(), other.objective.to_bits());
}
