//! A heat pump with its tank or building.

use super::runs::Switched;
use super::{Builder, Cell, KILO};
use crate::optimize::program::linear::Column;
use crate::optimize::{Building, Heat, HeatPump, Quantity, Tank};

impl Builder<'_, '_> {
    pub(super) fn heat_pump(&mut self, part: usize, pump: &HeatPump) {
        let mut power = Vec::with_capacity(self.steps());
        for step in 0..self.steps() {
            let column = self.program.column(0.0, 0.0..=pump.max_w.at(step) / KILO);
            self.flow(part, step, column, 1.0);
            power.push(column);
        }
        let on = self.pump_states(pump, &power);
        let heat = power.iter().enumerate().map(|(step, column)| Cell::KiloTimes(*column, pump.cop.at(step))).collect();
        match &pump.heat {
            Heat::Tank(tank) => self.tank(part, pump, tank, &power),
            Heat::Building(building) => self.building(part, pump, building, &power),
        }
        self.output_kilo(part, Quantity::Power, &power);
        self.output(part, Quantity::On, on);
        self.output(part, Quantity::Heat, heat);
    }

    fn pump_states(&mut self, pump: &HeatPump, power: &[Column]) -> Vec<Cell> {
        let switched = Switched {
            initially_on: pump.initially_on,
            start_cost: pump.start_cost,
            stop_cost: 0.0,
            least_up: pump.min_on,
            least_down: pump.min_off,
        };
        if pump.min_w <= 0.0 && !switched.matters() {
            return power.iter().map(|column| Cell::WhereAbove(*column)).collect();
        }
        let bound = self.checked.pump_steps_bound(pump);
        let mut on = Vec::with_capacity(power.len());
        for (step, power) in power.iter().enumerate() {
            let column = self.program.binary(0.0);
            if step < bound {
                self.program.fix(column, f64::from(u8::from(pump.initially_on)));
            }
            let most = self.program.upper[power.0];
            self.program.at_most(0.0, [(*power, 1.0), (column, -most)]);
            let band = [(*power, 1.0), (column, -pump.min_w / KILO)];
            self.program.at_least(0.0, band);
            on.push(column);
        }
        if switched.matters() {
            self.switching(&on, &switched);
        }
        on.into_iter().map(Cell::Plain).collect()
    }

    fn tank(&mut self, part: usize, pump: &HeatPump, tank: &Tank, power: &[Column]) {
        let unmet_per_kwh = self.checked.unmet_per_kwh(tank);
        let mut before = self.given(tank.initial_wh / KILO);
        let (mut rows, mut energies, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for (step, power) in power.iter().enumerate() {
            let hours = self.hours(step);
            let energy = self.program.column(0.0, tank.min_wh.at(step) / KILO..=tank.capacity_wh / KILO);
            let unmet = self.program.column(hours * unmet_per_kwh, 0.0..=f64::INFINITY);
            let drawn = self.given(tank.demand_w.at(step) / KILO);
            let kept = self.checked.kept(tank.loss_per_hour, step);
            let gained = [(*power, -hours * pump.cop.at(step)), (unmet, -hours), (drawn, hours)];
            let row = self.program.equal(0.0, [(energy, 1.0), (before, -kept)].into_iter().chain(gained));
            rows.push(Some(row));
            energies.push(energy);
            missing.push(unmet);
            before = energy;
        }
        self.target(before, self.checked.tank_target(tank));
        self.transitions.push((part, rows));
        self.output_kilo(part, Quantity::Unmet, &missing);
        self.output_kilo(part, Quantity::Energy, &energies);
    }

    fn building(&mut self, part: usize, pump: &HeatPump, building: &Building, power: &[Column]) {
        let per_k_h = self.checked.discomfort_per_k_h(building);
        let mut before = self.given(building.initial_c);
        let mut temperatures = Vec::with_capacity(self.steps());
        for (step, power) in power.iter().enumerate() {
            let (keep, per_heat_w, drift) = self.checked.building_step(building, step);
            let temperature = self.program.column(0.0, f64::NEG_INFINITY..=f64::INFINITY);
            let drifted = self.given(drift);
            let heated = (*power, -per_heat_w * KILO * pump.cop.at(step));
            self.program.equal(0.0, [(temperature, 1.0), (before, -keep), heated, (drifted, -1.0)]);
            let cost = self.hours(step) * per_k_h;
            let cold = self.program.column(cost, 0.0..=f64::INFINITY);
            let least = self.given(building.comfort_min_c.at(step));
            self.program.at_least(0.0, [(temperature, 1.0), (cold, 1.0), (least, -1.0)]);
            if let Some(max) = &building.comfort_max_c {
                let warm = self.program.column(cost, 0.0..=f64::INFINITY);
                let most = self.given(max.at(step));
                self.program.at_most(0.0, [(temperature, 1.0), (warm, -1.0), (most, -1.0)]);
            }
            temperatures.push(Cell::Plain(temperature));
            before = temperature;
        }
        self.output(part, Quantity::Temperature, temperatures);
    }
}
