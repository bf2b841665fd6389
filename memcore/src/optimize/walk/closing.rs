//! How the balance of each bus is closed when load and sources are other than planned.

use super::super::{Asset, Quantity, Site};
use super::plant::{Closes, Plant, Wishes};

/// What counts as closed, in W.
const CLOSED_W: f64 = 1e-9;

/// How a part closes some of a lack; what it closed comes back.
type Close<'a> = fn(&mut Plant<'a>, usize, usize, f64) -> f64;

impl<'a> Plant<'a> {
    /// Closes every bus: those without a grid first, so that what links bring from elsewhere is asked of a bus that can give it.
    pub(super) fn close_buses(&mut self, step: usize, wishes: &dyn Wishes) {
        let site = self.checked.site;
        let has_grid = |bus: usize| {
            let mut assets = site.assets.iter().zip(&self.checked.bus_of);
            assets.any(|(asset, of)| *of == bus && matches!(asset, Asset::Grid(_)))
        };
        let mut order: Vec<usize> = (0..self.checked.buses.len()).collect();
        order.sort_by_key(|bus| has_grid(*bus));
        for bus in order {
            self.close_bus(bus, step, wishes);
        }
    }

    /// What a bus lacks, in W; below zero what it has too much.
    fn lack(&self, bus: usize, step: usize) -> f64 {
        let site = self.checked.site;
        let on_bus = (0..site.assets.len()).filter(|part| self.checked.bus_of[*part] == bus);
        let mut lack: f64 = on_bus.map(|part| self.schedule.net_power(part, step)).sum();
        for (place, link) in site.links.iter().enumerate() {
            let part = site.assets.len() + place;
            let (forward, reverse) = (self.value(part, Quantity::Forward, step), self.value(part, Quantity::Reverse, step));
            if link.from == self.checked.buses[bus] {
                lack += forward - link.efficiency * reverse;
            }
            if link.to == self.checked.buses[bus] {
                lack += reverse - link.efficiency * forward;
            }
        }
        lack
    }

    fn close_bus(&mut self, bus: usize, step: usize, wishes: &dyn Wishes) {
        let mut lack = self.lack(bus, step);
        let parts: Vec<usize> =
            (0..self.checked.site.assets.len()).filter(|part| self.checked.bus_of[*part] == bus).collect();
        // Up to where the grid turns from giving to taking its price is another than beyond.
        let turn = -self.grid_net(&parts, step);
        if lack * turn > 0.0 {
            let until_turn = lack.clamp(-turn.abs(), turn.abs());
            let closed = self.by_grid_and_battery(bus, &parts, step, wishes, until_turn);
            lack -= closed;
        }
        lack -= self.by_grid_and_battery(bus, &parts, step, wishes, lack);
        let last: [Close<'a>; 3] = [Plant::by_genset, Plant::by_vehicle, Plant::by_grid];
        lack -= self.by_each(&parts, step, &last, lack);
        lack -= self.by_links(bus, step, lack);
        for part in self.by_value_of_load(&parts) {
            if lack.abs() > CLOSED_W {
                lack -= self.by_curtailing(part, step, lack);
                lack -= self.by_shedding(part, step, lack);
            }
        }
        if lack.abs() > 1e-3 {
            self.leave_open(&parts, step, lack);
        }
    }

    fn by_grid_and_battery(&mut self, bus: usize, parts: &[usize], step: usize, wishes: &dyn Wishes, lack: f64) -> f64 {
        if lack.abs() <= CLOSED_W {
            return 0.0;
        }
        let order: &[Close<'a>] = match wishes.closes(self, bus, step, lack) {
            Closes::GridFirst => &[Plant::by_grid, Plant::by_battery],
            Closes::BatteryToRest => &[Plant::by_resting, Plant::by_grid, Plant::by_battery],
            Closes::BatteryFirst => &[Plant::by_battery, Plant::by_grid],
        };
        self.by_each(parts, step, order, lack)
    }

    /// What parts close of a lack, one way of closing after the other.
    fn by_each(&mut self, parts: &[usize], step: usize, order: &[Close<'a>], lack: f64) -> f64 {
        let mut open = lack;
        for close in order {
            for part in parts {
                if open.abs() > CLOSED_W {
                    open -= close(self, *part, step, open);
                }
            }
        }
        lack - open
    }

    /// What the grid gives at a bus, in W; below zero what it takes.
    fn grid_net(&self, parts: &[usize], step: usize) -> f64 {
        parts.iter().map(|part| self.value(*part, Quantity::Import, step) - self.value(*part, Quantity::Export, step)).sum()
    }

    /// What the grid covers of a lack.
    fn by_grid(&mut self, part: usize, step: usize, lack: f64) -> f64 {
        let site: &Site = self.checked.site;
        let Asset::Grid(grid) = &site.assets[part] else { return 0.0 };
        let most = |limit: &Option<super::super::Profile>| limit.as_ref().map_or(f64::INFINITY, |limit| limit.at(step));
        let before = self.value(part, Quantity::Import, step) - self.value(part, Quantity::Export, step);
        let net = (before + lack).clamp(-most(&grid.export_limit_w), most(&grid.import_limit_w));
        self.put(part, Quantity::Import, step, net.max(0.0));
        self.put(part, Quantity::Export, step, (-net).max(0.0));
        net - before
    }

    fn by_battery(&mut self, part: usize, step: usize, lack: f64) -> f64 {
        let site: &Site = self.checked.site;
        let Asset::Battery(battery) = &site.assets[part] else { return 0.0 };
        let (more, less) = self.battery_moves(part, battery, step);
        let given = lack.clamp(-less, more);
        self.give_more(part, step, given);
        given
    }

    /// A battery that charges while there is too little, or gives while there is too much, stops.
    fn by_resting(&mut self, part: usize, step: usize, lack: f64) -> f64 {
        if !matches!(self.checked.site.assets[part], Asset::Battery(_)) {
            return 0.0;
        }
        let (charge, discharge) = (self.value(part, Quantity::Charge, step), self.value(part, Quantity::Discharge, step));
        let given = lack.clamp(-discharge, charge);
        self.give_more(part, step, given);
        given
    }

    /// Gensets that run follow within their limits and their ramp.
    fn by_genset(&mut self, part: usize, step: usize, lack: f64) -> f64 {
        let site: &Site = self.checked.site;
        let Asset::Genset(genset) = &site.assets[part] else { return 0.0 };
        if self.value(part, Quantity::On, step) < 0.5 {
            return 0.0;
        }
        let power = self.value(part, Quantity::Power, step);
        let (mut least, mut most) = (genset.min_w, genset.max_w);
        let ran_before = step > 0 && self.value(part, Quantity::On, step - 1) > 0.5;
        if let Some(ramp) = genset.ramp_w_per_min.filter(|_| ran_before) {
            let change = ramp * 60.0 * self.checked.hours[step];
            let before = self.value(part, Quantity::Power, step - 1);
            (least, most) = (least.max(before - change).min(power), most.min(before + change).max(power));
        }
        let after = (power + lack).clamp(least, most);
        self.put(part, Quantity::Power, step, after);
        after - power
    }

    /// A vehicle that charges waits.
    fn by_vehicle(&mut self, part: usize, step: usize, lack: f64) -> f64 {
        let charge = self.value(part, Quantity::Charge, step);
        if !matches!(self.checked.site.assets[part], Asset::Ev(_)) || lack <= 0.0 || charge <= 0.0 {
            return 0.0;
        }
        // A charger gives its least power or nothing.
        self.put(part, Quantity::Charge, step, 0.0);
        charge
    }

    /// What links bring from, or take to, the buses at their other ends.
    fn by_links(&mut self, bus: usize, step: usize, lack: f64) -> f64 {
        let site: &Site = self.checked.site;
        let mut open = lack;
        for (place, link) in site.links.iter().enumerate() {
            let (part, here) = (site.assets.len() + place, self.checked.buses[bus]);
            if open.abs() <= CLOSED_W || (link.from != here && link.to != here) {
                continue;
            }
            let (out, back) = match link.from == here {
                true => (Quantity::Forward, Quantity::Reverse),
                false => (Quantity::Reverse, Quantity::Forward),
            };
            let limit = |quantity| match (quantity, &link.reverse_limit_w) {
                (Quantity::Reverse, Some(limit)) => limit.at(step),
                _ => link.limit_w.at(step),
            };
            // As seen from here: what arrives less what is sent.
            let arrives = self.value(part, back, step) * link.efficiency - self.value(part, out, step);
            let wanted = (arrives + open).clamp(-limit(out), limit(back) * link.efficiency);
            self.put(part, out, step, (-wanted).max(0.0));
            self.put(part, back, step, wanted.max(0.0) / link.efficiency);
            open -= wanted - arrives;
        }
        lack - open
    }

    /// Sources in their order, then loads, the least valuable first.
    fn by_value_of_load(&self, parts: &[usize]) -> Vec<usize> {
        let value = |part: usize| match &self.checked.site.assets[part] {
            Asset::Load(load) => self.checked.shedding(load).map_or(f64::INFINITY, |(value, _)| value),
            _ => f64::NEG_INFINITY,
        };
        let mut ordered = parts.to_vec();
        ordered.sort_by(|a, b| value(*a).total_cmp(&value(*b)));
        ordered
    }

    /// Takes less of a source where there is too much, and all of it where there is too little.
    fn by_curtailing(&mut self, part: usize, step: usize, lack: f64) -> f64 {
        let site: &Site = self.checked.site;
        let Asset::Pv(source) = &site.assets[part] else { return 0.0 };
        if !source.curtailable {
            return 0.0;
        }
        let available = source.available_w.at(step).max(0.0);
        let used = self.value(part, Quantity::Used, step);
        let after = (used + lack).clamp(0.0, available);
        self.put(part, Quantity::Used, step, after);
        self.put(part, Quantity::Curtailed, step, available - after);
        after - used
    }

    fn by_shedding(&mut self, part: usize, step: usize, lack: f64) -> f64 {
        let site: &Site = self.checked.site;
        let Asset::Load(load) = &site.assets[part] else { return 0.0 };
        let Some((_, share)) = self.checked.shedding(load) else { return 0.0 };
        let power = load.power_w.at(step);
        let shed = self.value(part, Quantity::Shed, step);
        let after = (shed + lack).clamp(0.0, share * power);
        self.put(part, Quantity::Shed, step, after);
        self.put(part, Quantity::Served, step, power - after);
        after - shed
    }

    /// What nothing could close goes over the grid beyond its limit, where there is one: that is what a fuse sees. It is counted.
    fn leave_open(&mut self, parts: &[usize], step: usize, lack: f64) {
        self.unresolved_kwh += lack.abs() / 1000.0 * self.checked.hours[step];
        let grid = parts.iter().find(|part| matches!(self.checked.site.assets[**part], Asset::Grid(_)));
        if let Some(grid) = grid {
            let net = self.value(*grid, Quantity::Import, step) - self.value(*grid, Quantity::Export, step) + lack;
            self.put(*grid, Quantity::Import, step, net.max(0.0));
            self.put(*grid, Quantity::Export, step, (-net).max(0.0));
        }
    }
}
