//! Charge or discharge, import or export: what must not be mixed, where prices would reward it.

use super::{assert_close, hourly, plan, site, why_not};
use crate::optimize::{Asset, Battery, Grid, Load, Quantity, Source, Terminal};

/// 10 kWh, 5 kW, half full at both ends.
fn battery() -> Battery {
    Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0).terminal(Terminal::ExactlyWh(5_000.0))
}

#[test]
fn a_battery_does_not_burn_energy_that_is_paid_for_by_charging_and_discharging_at_once() {
    let negative = |exclusive: bool| {
        let grid = Grid::new("grid", -0.30).import_limit_w(10_000.0).export_limit_w(0.0);
        let load = Load::new("load", 1_000.0);
        site(hourly(2), [grid.into(), battery().exclusive(exclusive).into(), load.into()])
    };
    let solved = plan(&negative(true));
    let (charge, discharge) = (solved.schedule.column(1, Quantity::Charge), solved.schedule.column(1, Quantity::Discharge));
    assert!(charge.iter().zip(discharge).all(|(charge, discharge)| charge.min(*discharge) == 0.0));
    assert!(why_not(&negative(false)).contains("battery may charge and discharge at once"));
    assert_close(solved.objective, -0.632_41);
}

#[test]
fn surplus_is_curtailed_where_exporting_costs() {
    let grid = Grid::new("grid", 0.20).sell_per_kwh(-0.06);
    let full = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 10_000.0);
    let assets: [Asset; 4] =
        [grid.into(), full.into(), Load::new("load", 1_000.0).into(), Source::new("pv", 8_000.0).into()];
    let solved = plan(&site(hourly(1), assets));
    assert_close(solved.objective, 0.0);
    assert_close(solved.schedule.column(3, Quantity::Curtailed)[0], 7_000.0);
}

#[test]
fn nobody_sells_what_he_buys_at_the_same_moment() {
    let grid = Grid::new("grid", 0.10).sell_per_kwh(0.40);
    let solved = plan(&site(hourly(1), [grid.import_limit_w(10_000.0).into(), Load::new("load", 1_000.0).into()]));
    assert_close(solved.objective, 0.10);
    assert_close(solved.schedule.column(0, Quantity::Export)[0], 0.0);
}
