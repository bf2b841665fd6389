//! A genset: a power within a band while it runs, starts and stops, ramps, its share of the reserve.

use super::runs::{Switched, Switching};
use super::{Builder, Cell, KILO};
use crate::optimize::program::linear::Column;
use crate::optimize::{Genset, Quantity};

impl Builder<'_, '_> {
    pub(super) fn genset(&mut self, part: usize, genset: &Genset) {
        let switched = Switched {
            initially_on: genset.initially_on,
            start_cost: genset.start_cost,
            stop_cost: genset.stop_cost,
            least_up: genset.min_up,
            least_down: genset.min_down,
        };
        let carbon = genset.carbon_g_per_kwh / KILO * self.checked.site.carbon_price_per_kg;
        let mut power = Vec::with_capacity(self.steps());
        for step in 0..self.steps() {
            let cost = self.hours(step) * (genset.marginal_per_kwh + carbon);
            let column = self.program.column(cost, 0.0..=genset.max_w / KILO);
            self.flow(part, step, column, -1.0);
            power.push(column);
        }
        self.output_kilo(part, Quantity::Power, &power);
        let ramped = genset.ramp_w_per_min.is_some();
        let simple = genset.min_w <= 0.0 && genset.no_load_per_h == 0.0 && !ramped && !switched.matters();
        if simple && genset.available.is_none() && self.checked.site.reserve.is_none() {
            self.output(part, Quantity::On, power.iter().map(|column| Cell::WhereAbove(*column)).collect());
            self.output(part, Quantity::Reserve, vec![Cell::Zero; self.steps()]);
            return;
        }
        let on = self.genset_states(genset, &power);
        let switching = (switched.matters() || ramped).then(|| self.switching(&on, &switched));
        if let Some(switching) = switching {
            self.ramps(genset, &power, &on, &switching);
        }
        let reserve = self.genset_reserve(genset, &power, &on);
        self.output(part, Quantity::On, on.iter().map(|column| Cell::Plain(*column)).collect());
        self.output(part, Quantity::Reserve, reserve);
    }

    fn genset_states(&mut self, genset: &Genset, power: &[Column]) -> Vec<Column> {
        let bound = self.checked.steps_bound(genset);
        let mut on = Vec::with_capacity(power.len());
        for (step, power) in power.iter().enumerate() {
            let column = self.program.binary(self.hours(step) * genset.no_load_per_h);
            if step < bound {
                self.program.fix(column, f64::from(u8::from(genset.initially_on)));
            }
            if genset.available.as_ref().is_some_and(|available| available.at(step) <= 0.0) {
                self.program.upper[column.0] = 0.0;
            }
            let above = [(*power, 1.0), (column, -genset.max_w / KILO)];
            self.program.at_most(0.0, above);
            let below = [(*power, 1.0), (column, -genset.min_w / KILO)];
            self.program.at_least(0.0, below);
            on.push(column);
        }
        on
    }

    /// While it runs its power changes by at most the ramp; a start reaches any power, a stop leaves from any.
    fn ramps(&mut self, genset: &Genset, power: &[Column], on: &[Column], switching: &Switching) {
        let max = genset.max_w / KILO;
        for step in 0..power.len() {
            let Some(ramp) = self.checked.ramp_w(genset, step).map(|ramp| ramp / KILO) else { return };
            let (before, was_on) = match step {
                0 => match genset.initial_w.filter(|_| genset.initially_on) {
                    Some(initial_w) => (self.given(initial_w / KILO), self.given(1.0)),
                    None => continue,
                },
                _ => (power[step - 1], on[step - 1]),
            };
            let up = [(power[step], 1.0), (before, -1.0), (was_on, -ramp), (switching.starts[step], -max)];
            self.program.at_most(0.0, up);
            let most_before = if step == 0 { max.max(genset.initial_w.unwrap_or(0.0) / KILO) } else { max };
            let down = [(before, 1.0), (power[step], -1.0), (on[step], -ramp), (switching.stops[step], -most_before)];
            self.program.at_most(0.0, down);
        }
    }

    /// What it could give more while it runs.
    fn genset_reserve(&mut self, genset: &Genset, power: &[Column], on: &[Column]) -> Vec<Cell> {
        if self.checked.site.reserve.is_none() {
            return vec![Cell::Zero; power.len()];
        }
        let max = genset.max_w / KILO;
        let mut cells = Vec::with_capacity(power.len());
        for step in 0..power.len() {
            let ready = self.program.column(0.0, 0.0..=max);
            self.program.at_most(0.0, [(ready, 1.0), (power[step], 1.0), (on[step], -max)]);
            self.reserve[step].push((ready, 1.0));
            cells.push(Cell::Kilo(ready));
        }
        cells
    }
}
