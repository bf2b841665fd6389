//! Limits that give, for sites that have no plan.

use super::*;
use crate::optimize::program::elastic::Elastic;
use crate::optimize::program::site::build;
use crate::optimize::program::tags::{Place, Tag};
use crate::optimize::{Battery, Grid, Load, Terminal};

/// Import of at most 3 kW, a load of 5 kW, and a battery that is empty.
fn overloaded() -> Site {
    let grid = Grid::new("grid", 0.2).import_limit_w(3_000.0);
    let battery = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 0.0).terminal(Terminal::Free);
    site(even(60, 2), [grid.into(), battery.into(), Load::new("house", [1_000.0, 6_500.0]).into()])
}

/// The smallest set of limits that cannot hold together: each in turn is dropped for good if the rest still conflicts.
fn conflict(elastic: &Elastic) -> Vec<Tag> {
    let mut held: Vec<Tag> = elastic.limits().collect();
    held.dedup();
    for tag in held.clone() {
        let rest: Vec<Tag> = held.iter().copied().filter(|other| *other != tag).collect();
        if !elastic.can_hold(|tag| rest.contains(&tag)).unwrap() {
            held = rest;
        }
    }
    held
}

#[test]
fn an_overload_names_the_import_limit_the_balances_and_the_floor_of_the_battery() {
    if linear_solvers().next().is_none() {
        return;
    }
    let site = overloaded();
    let elastic = Elastic::new(&build(&site.checked().unwrap()));
    assert!(!elastic.can_hold(|_| true).unwrap());
    let names: Vec<&str> = conflict(&elastic).iter().map(|tag| tag.limit).collect();
    for name in ["import_limit_w", "balance", "min_wh"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(!names.contains(&"charge_limit_w") && !names.contains(&"capacity_wh"), "{names:?}");
}

#[test]
fn the_least_relaxation_lets_a_limit_give_no_more_than_it_must() {
    if linear_solvers().next().is_none() {
        return;
    }
    let site = overloaded();
    let elastic = Elastic::new(&build(&site.checked().unwrap()));
    // The battery takes 2 kWh in the first hour and gives 2 * 0.9025 in the second: of 6.5 kW 1.695 are missing.
    let missing = 6.5 - 3.0 - 2.0 * 0.9025;
    let given = elastic.least_relaxation(|tag| tag.limit == "import_limit_w" && tag.step == 1).unwrap().unwrap();
    let [(tag, amount)] = given.amounts[..] else { panic!("{:?}", given.amounts) };
    assert_eq!((tag.place, tag.limit, tag.step), (Place::Part(0), "import_limit_w", 1));
    assert!((amount - missing).abs() < 1e-6, "{amount}");
    // The least plan within it buys all that it may.
    let plan = elastic.cheapest_within(&given.amounts).unwrap().unwrap();
    assert!((plan.objective - 0.2 * (3.0 + 3.0 + missing)).abs() < 1e-6, "{}", plan.objective);
    assert!(elastic.least_relaxation(|_| false).unwrap().is_none());
}

#[test]
fn power_is_not_wasted_between_charging_and_discharging_to_make_room() {
    if linear_solvers().next().is_none() {
        return;
    }
    // 4 kW of sun that cannot be curtailed, 3.9 kW of load, a full battery: mixing would burn the rest.
    let sun = crate::optimize::Source::new("pv", 4_000.0).curtailable(false);
    let battery = |exclusive| {
        Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 10_000.0).terminal(Terminal::Free).exclusive(exclusive)
    };
    for exclusive in [true, false] {
        let site = site(even(60, 1), [sun.clone().into(), battery(exclusive).into(), Load::new("house", 3_900.0).into()]);
        let elastic = Elastic::new(&build(&site.checked().unwrap()));
        assert_eq!(elastic.can_hold(|_| true).unwrap(), !exclusive);
    }
}
