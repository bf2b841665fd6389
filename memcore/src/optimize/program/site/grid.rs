//! A grid connection: import and export at their prices, limits, demand charges, squares.

use super::{Builder, KILO};
use crate::optimize::program::linear::Column;
use crate::optimize::{DemandCharge, Grid, Profile, Quantity};

impl Builder<'_, '_> {
    pub(super) fn grid(&mut self, part: usize, grid: &Grid) {
        let carbon_price = self.checked.site.carbon_price_per_kg;
        let import = self.connection(part, &grid.import_limit_w, -1.0, |step| {
            grid.buy_per_kwh.at(step) + grid.carbon_g_per_kwh.at(step) / KILO * carbon_price
        });
        let export = self.connection(part, &grid.export_limit_w, 1.0, |step| -grid.sell_per_kwh.at(step));
        for step in 0..self.steps() {
            let square = grid.quadratic_per_kw2h * self.hours(step);
            self.program.quadratic[import[step].0] = square;
            self.program.quadratic[export[step].0] = square;
            if grid.exclusive {
                self.pair([import[step], export[step]], self.checked.bus_of[part], step);
            }
        }
        for charge in &grid.demand_charges {
            self.demand(charge, &import);
        }
        self.output_kilo(part, Quantity::Import, &import);
        self.output_kilo(part, Quantity::Export, &export);
    }

    /// The columns of one direction.
    fn connection(
        &mut self,
        part: usize,
        limit: &Option<Profile>,
        sign: f64,
        per_kwh: impl Fn(usize) -> f64,
    ) -> Vec<Column> {
        let mut columns = Vec::with_capacity(self.steps());
        for step in 0..self.steps() {
            let most = limit.as_ref().map_or(f64::INFINITY, |limit| limit.at(step) / KILO);
            let column = self.program.column(self.hours(step) * per_kwh(step), 0.0..=most);
            self.flow(part, step, column, sign);
            columns.push(column);
        }
        columns
    }

    /// A peak that is at least what it was, and at least the mean of every interval; only what is new of it costs.
    fn demand(&mut self, charge: &DemandCharge, import: &[Column]) {
        let before = charge.peak_so_far_w / KILO;
        let peak = self.program.column(charge.per_kw, before..=f64::INFINITY);
        self.program.constant -= charge.per_kw * before;
        for steps in self.checked.demand_intervals(charge) {
            let mean = steps.iter().map(|(step, weight)| (import[*step], *weight));
            self.program.at_most(0.0, mean.chain([(peak, -1.0)]));
        }
    }
}
