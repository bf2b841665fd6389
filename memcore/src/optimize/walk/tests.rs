//! Homes and islands that are walked: what planning costs when it knows, when it guesses, and when there is none.

use super::super::{
    Battery, Charging, CostCause, Deferrable, Ev, Foresight, Genset, Grid, Horizon, Load, Method, Naive, Quantity, Session,
    Site, Source, State, Terminal,
};
use super::{Backtest, Walk, backtest};
use crate::error::{Error, Result};
use crate::model::{Currency, Span, Timestamp};

const DAY: usize = 24;

fn hours(days: usize) -> Horizon {
    let start: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    Horizon::even(start, Span::from_seconds(3_600), days * DAY).unwrap()
}

/// A home whose days are alike but for weather: cheap nights, dear evenings, some sun at noon.
fn home(days: usize) -> Site {
    let each = |of: &dyn Fn(usize) -> f64| (0..days * DAY).map(of).collect::<Vec<f64>>();
    let price = each(&|hour| [0.20, 0.30, 0.45][(hour % DAY) / 8]);
    let load = each(&|hour| 400.0 + 20.0 * ((hour * 7919) % 13) as f64 + if hour % DAY >= 18 { 1_500.0 } else { 0.0 });
    let cloudy = |day: usize| [1.0, 0.3, 0.7][day % 3];
    let pv = each(&|hour| cloudy(hour / DAY) * (1_500.0 - 250.0 * (hour % DAY).abs_diff(12) as f64).max(0.0));
    let grid = Grid::new("grid", price).sell_per_kwh(0.08).import_limit_w(10_000.0);
    let battery = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0).wear_per_kwh(0.02);
    let assets = [grid.into(), Load::new("load", load).into(), Source::new("pv", pv).into(), battery.into()];
    Site::new(Currency::EUR, hours(days), assets)
}

fn walked(site: &Site, method: Option<Method>, walk: &Walk) -> Backtest {
    let told = &mut |_, _| Ok(());
    match method {
        None => backtest(site, &mut Foresight, walk, told).unwrap(),
        Some(method) => backtest(site, &mut Naive::new(method, "UTC").unwrap(), walk, told).unwrap(),
    }
}

#[test]
fn with_foresight_of_all_that_comes_the_walk_costs_what_the_best_plan_does() {
    let site = home(3);
    for every in [1, 5, 24] {
        let found = walked(&site, None, &Walk { ahead: 3 * DAY, every, ..Walk::default() });
        let regret = found.regret().unwrap();
        assert!(regret.abs() < 1e-6, "every {every}: {regret}");
        assert_eq!(found.plans, (3 * DAY).div_ceil(every));
        assert_eq!((found.without_plan, found.broken.as_deref()), (0, None));
    }
}

#[test]
fn guesses_cost_more_than_foresight_and_less_than_rules() {
    let site = home(14);
    let found = walked(&site, Some(Method::Yesterday), &Walk { ahead: DAY, ..Walk::default() });
    assert!(found.regret().unwrap() > 0.0, "{found:?}");
    assert!(found.saved().unwrap() > 0.0, "{:?} against {}", found.rules, found.cost);
    assert_eq!((found.broken.as_deref(), found.unresolved_kwh), (None, 0.0));
    let total: f64 = found.costs.iter().map(|cost| cost.amount).sum();
    assert!((total - found.cost).abs() < 1e-9);
    assert_eq!(found.engines.iter().map(|(_, plans)| plans).sum::<usize>(), found.plans);
}

#[test]
fn the_grid_makes_up_for_what_was_not_foreseen() {
    let site = home(4);
    let found = walked(&site, Some(Method::Persistence), &Walk { from: DAY, ahead: DAY, ..Walk::default() });
    let column = |part, quantity| found.column(part, quantity).unwrap();
    let (import, export) = (column("grid", Quantity::Import), column("grid", Quantity::Export));
    let (charge, discharge) = (column("battery", Quantity::Charge), column("battery", Quantity::Discharge));
    let (served, used) = (column("load", Quantity::Served), column("pv", Quantity::Used));
    for step in 0..found.horizon.len() {
        let open = served[step] + charge[step] + export[step] - import[step] - discharge[step] - used[step];
        assert!(open.abs() < 1e-6, "step {step}: {open} W");
        assert!(import[step] == 0.0 || export[step] == 0.0);
    }
    let energy = column("battery", Quantity::Energy);
    assert!(energy.iter().all(|wh| (-1e-6..=10_000.0 + 1e-6).contains(wh)), "{energy:?}");
}

#[test]
fn beyond_the_limit_of_the_grid_the_battery_helps_then_load_is_shed() {
    let load = vec![500.0, 500.0, 500.0, 9_000.0];
    let grid = Grid::new("grid", 0.3).import_limit_w(2_000.0);
    let battery =
        Battery::new("battery", 4_000.0, 3_000.0, 3_000.0, 4_000.0).terminal(Terminal::Free).discharge_efficiency(1.0);
    let load = Load::new("load", load).value_of_lost_load_per_kwh(5.0);
    let horizon = hours(1).part(0..4).unwrap();
    let site = Site::new(Currency::EUR, horizon, [grid.into(), battery.wear_per_kwh(1.0).into(), load.into()]);
    let found = walked(&site, Some(Method::Persistence), &Walk { ahead: 4, every: 4, perfect: false, ..Walk::default() });
    let last = |part, quantity| found.column(part, quantity).unwrap()[3];
    assert_eq!((last("grid", Quantity::Import), last("battery", Quantity::Discharge)), (2_000.0, 3_000.0));
    assert_eq!((last("load", Quantity::Shed), found.unresolved_kwh), (4_000.0, 0.0));
    assert!(found.costs.iter().any(|cost| cost.cause == CostCause::Shed && (cost.amount - 20.0).abs() < 1e-9));
}

#[test]
fn what_cannot_be_closed_is_counted_and_goes_over_the_grid() {
    let grid = Grid::new("grid", 0.3).import_limit_w(2_000.0);
    let load = Load::new("load", vec![500.0, 500.0, 500.0, 9_000.0]);
    let site = Site::new(Currency::EUR, hours(1).part(0..4).unwrap(), [grid.into(), load.into()]);
    let walk = Walk { ahead: 4, every: 4, perfect: false, ..Walk::default() };
    let found = walked(&site, Some(Method::Persistence), &walk);
    assert_eq!(found.unresolved_kwh, 7.0);
    assert!(found.broken.as_deref().is_some_and(|broken| broken.contains("import_limit_w")), "{:?}", found.broken);
}

#[test]
fn plans_go_on_from_the_state_that_the_one_before_left() {
    let site = home(2);
    let plan = site.solve(&Default::default()).unwrap().into_plan().unwrap();
    for steps in [1, 7, 24, 47] {
        let state = plan.state_after(&site, steps).unwrap();
        let rest = site.from_step(steps).unwrap().at_state(&state).unwrap();
        let rest = rest.solve(&Default::default()).unwrap().into_plan().unwrap();
        // What the rest of the first plan costs: all of it less what its first steps cost by themselves.
        let first = site.part(0..steps).unwrap();
        let mut carried = super::super::Schedule::zeros(&first);
        for (part, _) in site.assets.iter().enumerate() {
            for quantity in plan.schedule.quantities(part) {
                let column = &plan.schedule.column(part, *quantity)[..steps];
                carried.column_mut(part, *quantity).copy_from_slice(column);
            }
        }
        let mut unasked = first.clone();
        if let super::super::Asset::Battery(battery) = &mut unasked.assets[3] {
            battery.terminal = Terminal::Free;
        }
        let spent = super::super::verify::account(&unasked.checked().unwrap(), &carried).total;
        assert!((spent + rest.objective - plan.objective).abs() < 1e-6, "after {steps}: {spent} + {}", rest.objective);
        assert_eq!(state.at, Some(site.horizon.borders()[steps]));
    }
}

#[test]
fn a_state_says_what_it_is_of() {
    let site = home(1);
    let refused = |state: State| site.at_state(&state).unwrap_err().to_string();
    let energy = |name: &str| State { energy_wh: vec![(name.to_owned(), 1.0)], ..State::default() };
    assert_eq!(refused(energy("car")), "state.energy_wh names \"car\", expected an asset of the site");
    assert!(refused(energy("grid")).contains("expected a battery"));
    let late = State { at: Some("2027-01-01T00:00:00Z".parse().unwrap()), ..State::default() };
    assert!(refused(late).contains("expected 2026-06-01T00:00:00Z"));
}

#[test]
fn a_walk_can_be_given_up_and_must_make_sense() {
    let site = home(1);
    let stop: &mut dyn FnMut(usize, usize) -> Result<()> = &mut |done, _| match done {
        3 => Err(Error::invalid("enough")),
        _ => Ok(()),
    };
    assert_eq!(backtest(&site, &mut Foresight, &Walk::default(), stop).unwrap_err().to_string(), "enough");
    let refused = |walk: Walk| backtest(&site, &mut Foresight, &walk, &mut |_, _| Ok(())).unwrap_err().to_string();
    assert!(refused(Walk { from: 24, ..Walk::default() }).contains("steps 24..24"));
    assert!(refused(Walk { to: Some(25), ..Walk::default() }).contains("horizon's 24"));
    assert!(refused(Walk { every: 0, ..Walk::default() }).contains("walk.every"));
    assert!(refused(Walk { every: 97, ..Walk::default() }).contains("at most walk.ahead of 96"));
}

#[test]
fn an_island_is_walked_with_its_gensets_kept_running_as_long_as_they_must() {
    let load: Vec<f64> = [3.0, 3.0, 9.0, 14.0, 9.0, 3.0, 2.0, 2.0].map(|kw| kw * 1_000.0).to_vec();
    let small = Genset::new("small", 2_000.0, 6_000.0, 0.35).start_cost(1.0).min_up(Span::from_seconds(3 * 3_600));
    let big = Genset::new("big", 4_000.0, 12_000.0, 0.30).start_cost(3.0).min_down(Span::from_seconds(2 * 3_600));
    let battery = Battery::new("battery", 6_000.0, 3_000.0, 3_000.0, 3_000.0);
    let load = Load::new("load", load).value_of_lost_load_per_kwh(3.0);
    let assets = [small.into(), big.initially_on(true).into(), battery.into(), load.into()];
    let site = Site::new(Currency::EUR, hours(1).part(0..8).unwrap(), assets);
    let found = walked(&site, None, &Walk { ahead: 8, ..Walk::default() });
    assert_eq!((found.broken.as_deref(), found.without_plan), (None, 0));
    assert!(found.regret().unwrap().abs() < 1e-5, "{:?} against {}", found.perfect, found.cost);
}

#[test]
fn a_vehicle_and_a_washer_are_walked_to_their_ends() {
    let at = |hour: usize| hours(1).borders()[hour];
    let price = [0.3, 0.1, 0.2, 0.1, 0.4, 0.4, 0.05, 0.3];
    let session = Session { arrival: at(1), departure: at(7), initial_wh: 10_000.0, target_wh: 21_000.0, limit_wh: None };
    let car = Ev::new("car", 50_000.0, vec![session], Charging::Power { min_w: 1_400.0, max_w: 4_000.0 });
    let washer = Deferrable::new("washer", 1_000.0, Span::from_seconds(2 * 3_600)).latest(at(6));
    let grid = Grid::new("grid", price).import_limit_w(6_000.0);
    let assets = [grid.into(), Load::new("load", vec![300.0; 8]).into(), car.into(), washer.into()];
    let site = Site::new(Currency::EUR, hours(1).part(0..8).unwrap(), assets);
    let found = walked(&site, None, &Walk { ahead: 8, ..Walk::default() });
    assert_eq!((found.broken.as_deref(), found.without_plan), (None, 0), "{:?}", found.notices);
    assert!(found.regret().unwrap().abs() < 1e-5, "{:?} against {}", found.perfect, found.cost);
    assert_eq!(found.column("washer", Quantity::On).unwrap().iter().sum::<f64>(), 2.0);
    assert!((found.column("car", Quantity::Energy).unwrap()[6] - 21_000.0).abs() < 1.0);
}

#[cfg(feature = "highs")]
#[test]
fn a_walk_that_begins_each_program_from_the_one_before_costs_the_same() {
    let mut site = home(2);
    if let super::super::Asset::Grid(grid) = &mut site.assets[0] {
        // No two hours cost the same: each plan is the only best one.
        grid.buy_per_kwh = (0..2 * DAY).map(|hour| 0.2 + 0.003 * ((hour * 37) % 101) as f64).collect::<Vec<_>>().into();
    }
    let options = super::super::Options { engine: Some(super::super::Engine::Highs), ..Default::default() };
    let walk = |warm_starts| {
        let walk =
            Walk { ahead: 8, warm_starts, perfect: false, rules: false, options: options.clone(), ..Walk::default() };
        walked(&site, Some(Method::Persistence), &walk)
    };
    let (cold, warm) = (walk(false), walk(true));
    assert!((warm.cost - cold.cost).abs() < 1e-6, "{} {}", warm.cost, cold.cost);
    assert_eq!((warm.plans, warm.broken), (cold.plans, None));
}
