//! A battery: charge, discharge and energy; bounds of its energy, hard or wished for; its share of the reserve.

use super::{Builder, Cell, KILO};
use crate::optimize::program::linear::Column;
use crate::optimize::{Battery, Quantity};

/// The columns of a battery in each step.
struct Columns {
    charge: Vec<Column>,
    discharge: Vec<Column>,
    energy: Vec<Column>,
}

impl Builder<'_, '_> {
    pub(super) fn battery(&mut self, part: usize, battery: &Battery) {
        let mut columns = Columns { charge: Vec::new(), discharge: Vec::new(), energy: Vec::new() };
        for step in 0..self.steps() {
            self.battery_step(part, battery, step, &mut columns);
        }
        self.battery_transitions(part, battery, &columns);
        self.battery_wishes(battery, &columns.energy);
        if let Some(last) = columns.energy.last() {
            self.target(*last, self.checked.battery_target(battery));
        }
        let reserve = self.battery_reserve(battery, &columns);
        self.output_kilo(part, Quantity::Charge, &columns.charge);
        self.output_kilo(part, Quantity::Discharge, &columns.discharge);
        self.output_kilo(part, Quantity::Energy, &columns.energy);
        self.output(part, Quantity::Reserve, reserve);
    }

    fn battery_step(&mut self, part: usize, battery: &Battery, step: usize, columns: &mut Columns) {
        let (charge_w, discharge_w) = self.checked.battery_limits_w(battery, step);
        let charge = self.program.column(0.0, 0.0..=charge_w / KILO);
        let wear = self.hours(step) * battery.wear_per_kwh;
        let discharge = self.program.column(wear, 0.0..=discharge_w / KILO);
        let bounds = self.checked.energy_bounds(battery, step);
        let soft = self.checked.starts_outside(battery);
        let (least, most) = if soft { (0.0, battery.capacity_wh) } else { (bounds.min_wh, bounds.max_wh) };
        let energy = self.program.column(0.0, least / KILO..=most / KILO);
        self.flow(part, step, charge, 1.0);
        self.flow(part, step, discharge, -1.0);
        if battery.exclusive {
            self.pair([charge, discharge], self.checked.bus_of[part], step);
        }
        if soft {
            let per_kwh = self.checked.shortage_per_kwh;
            self.floor(energy, bounds.min_wh, per_kwh, step);
            self.ceiling(energy, bounds.max_wh, per_kwh, step);
        }
        columns.charge.push(charge);
        columns.discharge.push(discharge);
        columns.energy.push(energy);
    }

    fn battery_transitions(&mut self, part: usize, battery: &Battery, columns: &Columns) {
        let mut before = self.given(battery.initial_wh / KILO);
        let mut rows = Vec::with_capacity(self.steps());
        for step in 0..self.steps() {
            let hours = self.hours(step);
            let kept = self.checked.kept(battery.self_discharge_per_hour, step);
            let row = self.program.equal(
                0.0,
                [
                    (columns.energy[step], 1.0),
                    (before, -kept),
                    (columns.charge[step], -hours * battery.charge_efficiency),
                    (columns.discharge[step], hours / battery.discharge_efficiency),
                ],
            );
            rows.push(Some(row));
            before = columns.energy[step];
        }
        self.transitions.push((part, rows));
    }

    fn battery_wishes(&mut self, battery: &Battery, energy: &[Column]) {
        let per_kwh = battery.preference_per_kwh_h.unwrap_or(self.checked.shortage_per_kwh);
        for (step, column) in energy.iter().enumerate() {
            if let Some(min) = &battery.preferred_min_wh {
                self.floor(*column, min.at(step), per_kwh, step);
            }
            if let Some(max) = &battery.preferred_max_wh {
                self.ceiling(*column, max.at(step), per_kwh, step);
            }
        }
    }

    /// Each kWh below costs so much an hour.
    fn floor(&mut self, energy: Column, wh: f64, per_kwh: f64, step: usize) {
        if wh <= self.program.lower[energy.0] * KILO {
            return;
        }
        let below = self.program.column(self.hours(step) * per_kwh, 0.0..=f64::INFINITY);
        self.program.at_least(wh / KILO, [(energy, 1.0), (below, 1.0)]);
    }

    /// Each kWh above costs so much an hour.
    fn ceiling(&mut self, energy: Column, wh: f64, per_kwh: f64, step: usize) {
        if wh >= self.program.upper[energy.0] * KILO {
            return;
        }
        let above = self.program.column(self.hours(step) * per_kwh, 0.0..=f64::INFINITY);
        self.program.at_most(wh / KILO, [(energy, 1.0), (above, -1.0)]);
    }

    /// What it could give more, for long enough with what is in it.
    fn battery_reserve(&mut self, battery: &Battery, columns: &Columns) -> Vec<Cell> {
        let Some(reserve) = &self.checked.site.reserve else { return vec![Cell::Zero; self.steps()] };
        let per_kw = self.checked.reserve_terms(reserve).0 / battery.discharge_efficiency;
        let mut cells = Vec::with_capacity(self.steps());
        for step in 0..self.steps() {
            let (charge_w, discharge_w) = self.checked.battery_limits_w(battery, step);
            let (charge, discharge) = (charge_w / KILO, discharge_w / KILO);
            let ready = self.program.column(0.0, 0.0..=charge + discharge);
            let turned = [(ready, 1.0), (columns.discharge[step], 1.0), (columns.charge[step], -1.0)];
            self.program.at_most(discharge, turned);
            let min = self.checked.energy_bounds(battery, step).min_wh / KILO;
            let mut stored = vec![(columns.energy[step], 1.0), (ready, -per_kw)];
            if self.checked.starts_outside(battery) {
                // Below its minimum it has nothing to spare, rather than less than nothing.
                let above = self.program.binary(0.0);
                self.program.at_most(0.0, [(ready, 1.0), (above, -(charge + discharge))]);
                stored.push((above, -min));
                self.program.at_least(0.0, stored);
            } else {
                self.program.at_least(min, stored);
            }
            self.reserve[step].push((ready, 1.0));
            cells.push(Cell::Kilo(ready));
        }
        cells
    }
}
