//! Small sites with answers that can be worked out by hand.

use super::*;
use crate::model::Timestamp;
use crate::optimize::program::Warm;
use crate::optimize::{
    Battery, Charging, Deferrable, DemandCharge, Ev, Genset, Grid, Link, Load, Phases, Profile, Quantity, Reserve, Session,
    Source, Terminal,
};

/// The 10 kWh, 5 kW battery of the guide's cases, at 5 kWh at both ends.
fn battery() -> Battery {
    battery_with(5_000.0).terminal(Terminal::ExactlyWh(5_000.0))
}

/// The same with another energy in it at first.
fn battery_with(initial_wh: f64) -> Battery {
    Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, initial_wh)
}

fn house(power_w: impl Into<Profile>) -> Asset {
    Load { power_w: power_w.into(), name: "house".to_owned(), ..Load::default() }.into()
}

#[test]
fn negative_prices_burn_no_energy_in_a_converter() {
    let grid = Grid::new("grid", -0.30).export_limit_w(0.0);
    for solver in linear_solvers() {
        let cost = |exclusive: bool| {
            let assets = [grid.clone().into(), battery().exclusive(exclusive).into(), house(1_000.0)];
            solved(&site(even(60, 2), assets), &with(solver)).objective
        };
        close(cost(true), -0.3 * (2.0 + 1.0 / (0.95 * 0.95) - 1.0));
        close(cost(false), -0.8925);
    }
}

#[test]
fn a_meter_does_not_turn_both_ways_at_once() {
    let grid = Grid::new("grid", 0.10).sell_per_kwh(0.40).import_limit_w(10_000.0).export_limit_w(7_000.0);
    for solver in linear_solvers() {
        let cost = |grid: Grid| solved(&site(even(60, 1), [grid.into(), house(1_000.0)]), &with(solver)).objective;
        close(cost(grid.clone()), 0.10);
        close(cost(grid.clone().exclusive(false)), 0.8 - 0.4 * 7.0 + 0.0);
        // Without limits as well: what can flow is bounded by what there is.
        close(cost(Grid::new("grid", 0.10).sell_per_kwh(0.40)), 0.10);
    }
}

#[test]
fn money_without_end_is_refused_in_words() {
    let (cheap, dear) = (Grid::new("cheap", 0.10), Grid::new("dear", 0.50).sell_per_kwh(0.40));
    let site = site(even(60, 1), [cheap.into(), dear.into(), house(1_000.0)]);
    for solver in solvers() {
        let refused = crate::optimize::program::solve(&site.checked().unwrap(), &with(solver)).unwrap_err().to_string();
        assert!(refused.contains("without end"), "{solver:?}: {refused}");
    }
}

#[test]
fn a_battery_cycles_only_where_it_pays() {
    for solver in solvers() {
        for (evening, wear, cost) in
            [(0.22, 0.0, 0.22), (0.23, 0.0, 0.2 / 0.9025), (0.26, 0.05, 0.26), (0.28, 0.05, 0.271_607)]
        {
            let grid = Grid::new("grid", [0.20, evening]);
            let battery = battery().wear_per_kwh(wear);
            let plan = solved(&site(even(60, 2), [grid.into(), battery.into(), house([0.0, 1_000.0])]), &with(solver));
            close(plan.objective, cost);
        }
    }
}

#[test]
fn a_demand_charge_costs_what_a_new_peak_adds() {
    for solver in solvers() {
        for (peak_so_far_w, cost) in [(4_000.0, 3.064_82), (0.0, 37.343_672)] {
            let charge = DemandCharge { peak_so_far_w, ..DemandCharge::new(10.0) };
            let grid = Grid::new("grid", 0.30).demand_charges(vec![charge]);
            let assets = [grid.into(), battery().into(), house([2_000.0, 6_000.0, 2_000.0])];
            let plan = solved(&site(even(60, 3), assets), &with(solver));
            assert!((plan.objective - cost).abs() < 1e-5, "{solver:?}: {}", plan.objective);
        }
    }
}

#[test]
fn what_costs_to_export_is_curtailed() {
    for solver in solvers() {
        let grid = Grid::new("grid", 0.30).sell_per_kwh(-0.06);
        let assets = [grid.into(), Source::new("pv", 8_000.0).into(), house(1_000.0)];
        let plan = solved(&site(even(60, 1), assets), &with(solver));
        close(plan.objective, 0.0);
        assert!((plan.schedule.column(1, Quantity::Curtailed)[0] - 7_000.0).abs() < 1e-2, "{solver:?}");
    }
}

#[test]
fn energy_that_is_worth_something_is_kept() {
    // 1 kW for 4 h from 8 kWh, export at 0.10: selling now earns less than a kWh kept is worth.
    for solver in solvers() {
        let grid = Grid::new("grid", 0.40).sell_per_kwh(0.10);
        let battery = battery_with(8_000.0).terminal(Terminal::ValuePerKwh(0.25));
        let plan = solved(&site(even(60, 4), [grid.into(), battery.into(), house(1_000.0)]), &with(solver));
        let left = plan.schedule.column(1, Quantity::Energy)[3];
        assert!((left - (8_000.0 - 4_000.0 / 0.95)).abs() < 0.1, "{solver:?}: {left}");
        let (part, worth) = &plan.water_values[0];
        assert_eq!(*part, 1);
        assert!(worth.iter().all(|worth| (worth - 0.25).abs() < 1e-5), "{solver:?}: {worth:?}");
    }
}

#[test]
fn a_battery_that_starts_below_its_minimum_recovers_first() {
    for solver in solvers() {
        let battery = battery_with(1_400.0).min_wh(1_500.0).terminal(Terminal::Free);
        let grid = Grid::new("grid", [0.3, 0.1]);
        let plan = solved(&site(even(15, 2), [grid.into(), battery.into(), house(0.0)]), &with(solver));
        assert!(plan.schedule.column(1, Quantity::Energy)[0] > 1_500.0 - 1e-2, "{solver:?}");
    }
}

#[test]
fn a_run_of_66_minutes_takes_five_quarters() {
    for solver in linear_solvers() {
        for contiguous in [true, false] {
            let pump = Deferrable::new("pump", 2_000.0, Span::from_seconds(66 * 60)).contiguous(contiguous);
            let grid = Grid::new("grid", [0.3, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.3]);
            let plan = solved(&site(even(15, 8), [grid.into(), pump.into()]), &with(solver));
            assert_eq!(plan.schedule.column(1, Quantity::On), [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0], "{solver:?}");
            close(plan.objective, 0.5 * (0.2 + 4.0 * 0.1));
        }
    }
}

#[test]
fn a_programme_with_a_shape_runs_its_hot_hour_when_power_is_cheap() {
    for solver in linear_solvers() {
        let washer = Deferrable::new("washer", 0.0, hours(3)).shape_w(vec![2_000.0, 100.0, 500.0]);
        let grid = Grid::new("grid", [0.4, 0.3, 0.1, 0.2, 0.3]);
        let plan = solved(&site(even(60, 5), [grid.into(), washer.into()]), &with(solver));
        let power = plan.schedule.column(1, Quantity::Power);
        eprintln!("{:?} {} {:?}", plan.schedule, plan.objective, solver);
        let expected = [0.0, 0.0, 2_000.0, 100.0, 500.0];
        assert!(power.iter().zip(expected).all(|(power, expected)| (power - expected).abs() < 1e-3), "{power:?}");
        close(plan.objective, 0.2 + 0.02 + 0.15);
    }
}

#[test]
fn a_charger_gives_nothing_or_a_current_within_one_of_its_bands() {
    let current = Charging::Current { min_a: 6.0, max_a: 16.0, volts: 230.0, phases: Phases::Switched };
    let start = even(60, 3).start();
    let session = Session {
        arrival: start,
        departure: Timestamp::from_micros(start.as_micros() + hours(3).as_micros()),
        initial_wh: 10_000.0,
        target_wh: 15_000.0,
        limit_wh: Some(15_000.0),
    };
    for solver in linear_solvers() {
        // 5 kWh at 0.9 are 5.56 kWh: neither 3.68 (one phase) nor the cheap hour alone with three phases from 4.14 on leaves a rest below 1.38.
        let car = Ev::new("car", 60_000.0, vec![session.clone()], current.clone());
        let grid = Grid::new("grid", [0.3, 0.1, 0.2]).import_limit_w(4_500.0);
        let plan = solved(&site(even(60, 3), [grid.into(), car.into()]), &with(solver));
        let charge = plan.schedule.column(1, Quantity::Charge);
        let total = 5_000.0 / 0.9;
        let cheap = total - 1_380.0;
        assert!((charge[1] - cheap).abs() < 1e-2 && (charge[2] - 1_380.0).abs() < 1e-2, "{solver:?}: {charge:?}");
        close(plan.objective, 0.1 * cheap / 1e3 + 0.2 * 1.38);
    }
}

#[test]
fn a_genset_off_since_long_that_starts_stays_up() {
    // Worth 10 in the second hour, costs 1 in every other: up for four hours it earns less than it costs to begin early.
    for solver in linear_solvers() {
        let genset = Genset::new("genset", 1_000.0, 1_000.0, 0.5).min_up(hours(4)).min_down(hours(2));
        let load = Load::new("village", [0.0, 1_000.0, 0.0, 0.0, 0.0, 0.0]).value_of_lost_load_per_kwh(10.0);
        let dump = Grid::new("dump", 100.0).import_limit_w(0.0);
        let plan = solved(&site(even(60, 6), [genset.into(), load.into(), dump.into()]), &with(solver));
        assert_eq!(plan.schedule.column(0, Quantity::On).iter().sum::<f64>(), 4.0, "{solver:?}");
        close(plan.objective, 4.0 * 0.5);
    }
}

#[test]
fn power_over_a_link_pays_its_losses() {
    for solver in solvers() {
        let mut site = site(
            even(60, 1),
            [Grid::new("grid", 0.20).bus("street").into(), Source::new("pv", 500.0).into(), house(1_400.0)],
        );
        let mut cable = Link::new("cable", "street", "main", 2_000.0);
        cable.efficiency = 0.9;
        site.links.push(cable);
        let plan = solved(&site, &with(solver));
        close(plan.objective, 0.2);
        assert!((plan.schedule.column(3, Quantity::Forward)[0] - 1_000.0).abs() < 1e-2);
        let prices = plan.bus_prices.unwrap();
        assert!((prices[0][0] - 0.2).abs() < 1e-5 && (prices[1][0] - 0.2 / 0.9).abs() < 1e-5, "{solver:?}: {prices:?}");
    }
}

#[test]
fn reserve_is_kept_by_what_can_give_more() {
    for solver in linear_solvers() {
        let small = Genset::new("small", 0.0, 2_000.0, 0.2).no_load_per_h(0.1);
        let large = Genset::new("large", 0.0, 5_000.0, 0.3).no_load_per_h(0.5);
        let mut site = site(even(60, 1), [small.into(), large.into(), house(1_500.0)]);
        close(solved(&site, &with(solver)).objective, 0.1 + 0.3);
        site.reserve = Some(Reserve { up_w: Profile::Constant(1_000.0), ..Reserve::default() });
        let plan = solved(&site, &with(solver));
        close(plan.objective, 0.1 + 0.3 + 0.5);
        let spare: f64 = (0..2).map(|part| plan.schedule.column(part, Quantity::Reserve)[0]).sum();
        assert!(spare > 1_000.0 - 1e-3);
    }
}

#[test]
fn squares_and_choices_go_together() {
    // 2 kW for an hour of two; importing 1 kW in each would cost 0.02 of squares, 2 kW in one costs 0.04.
    for solver in linear_solvers() {
        let grid = Grid::new("grid", [0.10, 0.10]).quadratic_per_kw2h(0.01);
        let washer = Deferrable::new("washer", 2_000.0, hours(1));
        let plan = solved(&site(even(60, 2), [grid.into(), washer.into(), house([0.0, 1_000.0])]), &with(solver));
        assert_eq!(plan.schedule.column(1, Quantity::On), [1.0, 0.0], "{solver:?}");
        close(plan.objective, 0.2 + 0.1 + 0.04 + 0.01);
        close(plan.bound, plan.objective);
    }
}

#[test]
fn an_engine_that_cannot_says_why() {
    let washer = Deferrable::new("washer", 2_000.0, hours(1));
    let choosing = site(even(60, 2), [Grid::new("grid", 0.1).into(), washer.into()]);
    let squared = site(even(60, 2), [Grid::new("grid", 0.1).quadratic_per_kw2h(0.01).into(), house(1_000.0)]);
    let refused = |site: &Site, solver: Solver| {
        crate::optimize::program::solve(&site.checked().unwrap(), &with(solver)).unwrap_err().to_string()
    };
    for (site, solver, says) in [(&choosing, Solver::Clarabel, "on and off"), (&squared, Solver::Microlp, "quadratic")] {
        let says = if solver.is_built() { says } else { "feature `solvers`" };
        assert!(refused(site, solver).contains(says), "{}", refused(site, solver));
    }
}

#[test]
fn no_plan_is_an_answer() {
    for solver in solvers() {
        let grid = Grid::new("grid", 0.2).import_limit_w(3_000.0);
        let answer = answer(&site(even(60, 1), [grid.into(), house(5_000.0)]), &with(solver));
        assert!(matches!(answer, Answer::Infeasible), "{solver:?}: {answer:?}");
    }
}

#[test]
fn a_site_an_hour_later_is_solved_from_the_one_before_and_costs_the_same() {
    let mut warm = Warm::default();
    let prices = [0.3, 0.1, 0.2, 0.4, 0.2, 0.1, 0.3, 0.5];
    for from in 0..4 {
        let grid = Grid::new("grid", &prices[from..from + 4]).sell_per_kwh(0.05);
        let battery = battery_with(3_000.0 + 500.0 * from as f64).terminal(Terminal::AtLeastInitial);
        let site = site(even(60, 4), [grid.into(), battery.into(), house(1_000.0 + 100.0 * from as f64)]);
        let Some(solver) = linear_solvers().next() else { return };
        let hot = warm.solve(&site, &with(solver)).unwrap();
        let Answer::Solved(later) = hot.answer else { panic!("hour {from}") };
        close(later.objective, solved(&site, &with(solver)).objective);
        assert_eq!(hot.from_before, solver == Solver::Highs && from > 0, "hour {from}");
    }
}

#[test]
fn a_limit_of_nodes_ends_with_a_plan_and_how_good_it_is_at_least() {
    // A fleet of washers under one limit: many plans of nearly the same cost.
    let prices: Vec<f64> = (0..48).map(|step| 0.2 + 0.1 * f64::from(step * 7 % 11) / 11.0).collect();
    let mut assets: Vec<Asset> = vec![Grid::new("grid", prices).import_limit_w(5_300.0).into()];
    for (at, power_w) in [900.0, 1_100.0, 1_300.0, 1_700.0, 1_900.0, 2_300.0].into_iter().enumerate() {
        assets.push(Deferrable::new(format!("washer {at}"), power_w, hours(2)).into());
    }
    let site = site(even(15, 48), assets);
    for solver in linear_solvers() {
        let best = solved(&site, &with(solver));
        let options = Options { node_limit: Some(1), ..with(solver) };
        match answer(&site, &options) {
            Answer::Solved(some) => {
                assert!(some.bound <= best.objective + 1e-6 && best.objective <= some.objective + 1e-6, "{solver:?}");
            }
            Answer::Stopped { bound } => assert!(bound <= best.objective + 1e-6, "{solver:?}"),
            other => panic!("{solver:?}: {other:?}"),
        }
        let wide = solved(&site, &Options { gap: 0.2, ..with(solver) });
        assert!(wide.objective <= best.objective + 0.2 * wide.objective.abs().max(1.0), "{solver:?}");
    }
}

#[test]
fn a_limit_of_no_time_is_no_fault() {
    let genset = |name: &str| Genset::new(name, 500.0, 2_000.0, 0.3).start_cost(0.5).min_up(hours(2));
    let load: Vec<f64> = (0..24).map(|step| 500.0 + 150.0 * f64::from(step * 5 % 13)).collect();
    let village = Load::new("village", load).value_of_lost_load_per_kwh(3.0);
    let site = site(even(60, 24), [genset("one").into(), genset("two").into(), village.into(), battery().into()]);
    for solver in linear_solvers() {
        let best = solved(&site, &with(solver)).objective;
        let options = Options { time_limit: Some(Span::from_micros(1)), ..with(solver) };
        match answer(&site, &options) {
            Answer::Solved(some) => assert!(some.bound <= best + 1e-6 && best <= some.objective + 1e-6, "{solver:?}"),
            Answer::Stopped { bound } => assert!(bound <= best + 1e-6, "{solver:?}"),
            other => panic!("{solver:?}: {other:?}"),
        }
    }
}
