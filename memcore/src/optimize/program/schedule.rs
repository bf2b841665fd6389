//! From the columns of a program back to the columns of a schedule.

use super::site::{Cell, KILO, SiteProgram};
use crate::optimize::Schedule;
use crate::optimize::checked::Checked;

/// A power below this (kW) is none: a thousandth of a W.
const NO_POWER: f64 = 1e-6;

/// The schedule that values of the columns mean.
pub(in crate::optimize) fn schedule(checked: &Checked<'_>, built: &SiteProgram, values: &[f64]) -> Schedule {
    let mut schedule = Schedule::zeros(checked.site);
    for output in &built.outputs {
        let column = schedule.column_mut(output.part, output.quantity);
        for (number, cell) in column.iter_mut().zip(&output.cells) {
            *number = match *cell {
                Cell::Zero => 0.0,
                Cell::Kilo(column) => KILO * values[column.0],
                Cell::Plain(column) => values[column.0],
                Cell::WhereAbove(column) => f64::from(u8::from(values[column.0] > NO_POWER)),
                Cell::KiloLess(constant, column) => (KILO * (constant - values[column.0])).max(0.0),
                Cell::KiloTimes(column, factor) => KILO * factor * values[column.0],
            };
        }
    }
    schedule
}

/// What another kWh taken at each bus costs in each step, from the prices of the rows.
///
/// A balance is `taken - given = 0`; another kW taken for the step means `taken - given = -1`, so that its cost is the price of the row
/// with its sign turned, over the hours of the step for a kWh.
pub(in crate::optimize) fn bus_prices(checked: &Checked<'_>, built: &SiteProgram, row_duals: &[f64]) -> Vec<Vec<f64>> {
    let price = |(step, row): (usize, &super::linear::Row)| -row_duals[row.0] / checked.hours[step] + 0.0;
    built.balances.iter().map(|rows| rows.iter().enumerate().map(price).collect()).collect()
}

/// The worth of another kWh in each store after each step. A transition is `after - before - gained = 0`; another kWh is 1 there, and its
/// worth is what it saves.
pub(in crate::optimize) fn water_values(built: &SiteProgram, row_duals: &[f64]) -> Vec<(usize, Vec<f64>)> {
    let worth = |row: &Option<super::linear::Row>| row.map_or(0.0, |row| -row_duals[row.0] + 0.0);
    built.transitions.iter().map(|(part, rows)| (*part, rows.iter().map(worth).collect())).collect()
}
