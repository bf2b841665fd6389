//! What a schedule costs, by part and cause, from the schedule and the prices of the site alone.

use super::machines::missing_reserve;
use super::misses::{self, Missed};
use super::walk::Walk;
use crate::optimize::checked::Target;
use crate::optimize::{Asset, Cost, CostCause, DemandCharge, Ev, Genset, Grid, Profile, Quantity};

/// The items of the bill.
pub(super) struct Bill<'w, 'a> {
    walk: &'w Walk<'a>,
    costs: Vec<Cost>,
    carbon_g: f64,
}

/// Every cost of a schedule, and its carbon in g.
pub(super) fn bill(walk: &Walk<'_>, missed: &[Missed]) -> (Vec<Cost>, f64) {
    let checked = walk.checked;
    let mut bill = Bill { walk, costs: Vec::with_capacity(2 * checked.site.assets.len() + 2), carbon_g: 0.0 };
    for (part, asset) in checked.assets() {
        bill.asset(part, asset);
    }
    for (place, link) in checked.site.links.iter().enumerate() {
        let part = checked.site.assets.len() + place;
        let sent = bill.kwh(part, Quantity::Forward) + bill.kwh(part, Quantity::Reverse);
        bill.add(part, CostCause::Transfer, link.cost_per_kwh * sent);
    }
    for miss in missed {
        bill.add(miss.part, miss.cause, miss.cost);
    }
    bill.reserve();
    bill.changes();
    (bill.costs, bill.carbon_g)
}

/// A sum of one term per step in eight lanes: exact enough for a year of minutes, and the same on every machine.
fn sum(steps: usize, term: impl Fn(usize) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    for step in 0..steps {
        lanes[step % 8] += term(step);
    }
    lanes.iter().sum()
}

/// Like `sum`, with what rounding lost added at the end (Neumaier 1974).
pub(super) fn compensated(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
        sum = next;
    }
    sum + lost
}

impl Bill<'_, '_> {
    fn add(&mut self, part: usize, cause: CostCause, amount: f64) {
        if amount != 0.0 {
            self.costs.push(Cost { part: self.walk.checked.part_name(part).to_owned(), cause, amount });
        }
    }

    /// The energy of a column of powers, in kWh.
    fn kwh(&self, part: usize, quantity: Quantity) -> f64 {
        self.priced(part, quantity, &Profile::Constant(1.0))
    }

    /// The energy of a column at a price per kWh.
    fn priced(&self, part: usize, quantity: Quantity, per_kwh: &Profile) -> f64 {
        let (column, hours) = (self.walk.column(part, quantity), &self.walk.checked.hours[..]);
        let wh = match per_kwh {
            Profile::Constant(price) => price * sum(column.len(), |step| column[step] * hours[step]),
            Profile::Steps(prices) => sum(column.len(), |step| prices[step] * column[step] * hours[step]),
        };
        wh / 1000.0
    }

    fn asset(&mut self, part: usize, asset: &Asset) {
        match asset {
            Asset::Grid(grid) => self.grid(part, grid),
            Asset::Pv(source) => {
                self.add(part, CostCause::Energy, source.cost_per_kwh * self.kwh(part, Quantity::Used));
                self.add(part, CostCause::Curtailment, source.curtailment_per_kwh * self.kwh(part, Quantity::Curtailed));
            }
            Asset::Battery(battery) => {
                self.add(part, CostCause::Wear, battery.wear_per_kwh * self.kwh(part, Quantity::Discharge));
                self.stored(part, self.walk.checked.battery_target(battery));
            }
            Asset::Ev(ev) => {
                self.add(part, CostCause::Wear, ev.wear_per_kwh * self.kwh(part, Quantity::Discharge));
                self.add(part, CostCause::Start, ev.start_cost * charging_starts(self.walk, part, ev) as f64);
            }
            Asset::Deferrable(load) => {
                let (starts, _) = self.switches(part, load.running);
                self.add(part, CostCause::Start, load.start_cost * starts);
            }
            Asset::HeatPump(pump) => {
                let (starts, _) = self.switches(part, pump.initially_on);
                self.add(part, CostCause::Start, pump.start_cost * starts);
                if let crate::optimize::Heat::Tank(tank) = &pump.heat {
                    self.stored(part, self.walk.checked.tank_target(tank));
                }
            }
            Asset::Genset(genset) => self.genset(part, genset),
            Asset::Load(load) => {
                let per_kwh = self.walk.checked.shedding(load).map_or(0.0, |(price, _)| price);
                self.add(part, CostCause::Shed, per_kwh * self.kwh(part, Quantity::Shed));
            }
        }
    }

    fn grid(&mut self, part: usize, grid: &Grid) {
        self.add(part, CostCause::Import, self.priced(part, Quantity::Import, &grid.buy_per_kwh));
        self.add(part, CostCause::Export, -self.priced(part, Quantity::Export, &grid.sell_per_kwh));
        if grid.quadratic_per_kw2h != 0.0 {
            let (import, export) = (self.walk.column(part, Quantity::Import), self.walk.column(part, Quantity::Export));
            let hours = &self.walk.checked.hours;
            let squares = |step: usize| hours[step] * (import[step] * import[step] + export[step] * export[step]) / 1e6;
            self.add(part, CostCause::Quadratic, grid.quadratic_per_kw2h * sum(hours.len(), squares));
        }
        let demand = grid.demand_charges.iter().map(|charge| self.demand(part, charge)).sum();
        self.add(part, CostCause::Demand, demand);
        self.carbon(part, Quantity::Import, &grid.carbon_g_per_kwh);
    }

    fn carbon(&mut self, part: usize, quantity: Quantity, g_per_kwh: &Profile) {
        if *g_per_kwh == Profile::Constant(0.0) {
            return;
        }
        let carbon_g = self.priced(part, quantity, g_per_kwh);
        self.carbon_g += carbon_g;
        self.add(part, CostCause::Carbon, carbon_g / 1000.0 * self.walk.checked.site.carbon_price_per_kg);
    }

    /// What a new peak adds.
    fn demand(&self, part: usize, charge: &DemandCharge) -> f64 {
        let import = self.walk.column(part, Quantity::Import);
        let mean = |steps: &Vec<(usize, f64)>| steps.iter().map(|(step, weight)| weight * import[*step]).sum::<f64>();
        let highest = self.walk.checked.demand_intervals(charge).iter().map(mean).fold(charge.peak_so_far_w, f64::max);
        charge.per_kw * (highest - charge.peak_so_far_w) / 1000.0
    }

    fn genset(&mut self, part: usize, genset: &Genset) {
        let on = self.walk.column(part, Quantity::On);
        let hours = &self.walk.checked.hours;
        self.add(part, CostCause::Energy, genset.marginal_per_kwh * self.kwh(part, Quantity::Power));
        self.add(part, CostCause::NoLoad, genset.no_load_per_h * sum(on.len(), |step| on[step] * hours[step]));
        let (starts, stops) = self.switches(part, genset.initially_on);
        self.add(part, CostCause::Start, genset.start_cost * starts);
        self.add(part, CostCause::Stop, genset.stop_cost * stops);
        self.carbon(part, Quantity::Power, &Profile::Constant(genset.carbon_g_per_kwh));
    }

    /// How often something goes on and off.
    fn switches(&self, part: usize, initially_on: bool) -> (f64, f64) {
        let (mut starts, mut stops, mut last) = (0.0, 0.0, initially_on);
        for on in self.walk.column(part, Quantity::On).iter().map(|on| *on > 0.5) {
            starts += f64::from(u8::from(on && !last));
            stops += f64::from(u8::from(last && !on));
            last = on;
        }
        (starts, stops)
    }

    /// The worth of what is left in a store; targets that were missed are among what is missed.
    fn stored(&mut self, part: usize, target: Target) {
        if let (Target::Worth { per_kwh }, Some(left_wh)) = (target, self.walk.column(part, Quantity::Energy).last()) {
            self.add(part, CostCause::StoredValue, -per_kwh * left_wh / 1000.0);
        }
    }

    fn reserve(&mut self) {
        let checked = self.walk.checked;
        if let (Some(reserve), Some(missing)) = (&checked.site.reserve, missing_reserve(self.walk)) {
            let kwh = sum(missing.len(), |step| missing[step] * checked.hours[step]) / 1000.0;
            let amount = checked.reserve_terms(reserve).1 * kwh;
            if amount != 0.0 {
                self.costs.push(Cost { part: String::new(), cause: CostCause::Reserve, amount });
            }
        }
    }

    /// Smoothness and staying with the previous plan.
    fn changes(&mut self) {
        let checked = self.walk.checked;
        let schedule = self.walk.schedule;
        let place = |name: &str| checked.site.assets.iter().position(|asset| asset.name() == name);
        for wish in &checked.site.smoothness {
            let Some(part) = place(&wish.asset) else { continue };
            let change = |step| (schedule.net_power(part, step + 1) - schedule.net_power(part, step)).abs();
            self.add(part, CostCause::Smoothness, wish.per_kw * sum(checked.steps() - 1, change) / 1000.0);
        }
        let Some(stay) = &checked.site.stay else { return };
        for previous in &stay.previous {
            let Some(part) = place(&previous.asset) else { continue };
            let left = |step: usize| match previous.power_w.get(step).copied().flatten() {
                Some(before) => checked.hours[step] * (schedule.net_power(part, step) - before).abs(),
                None => 0.0,
            };
            self.add(part, CostCause::Stay, stay.per_kwh * sum(checked.steps(), left) / 1000.0);
        }
    }
}

/// How often a vehicle begins to charge after not charging, within its sessions. Where the charger goes down to nothing, a pause is no
/// stop: a session then has one start at most.
fn charging_starts(walk: &Walk<'_>, part: usize, ev: &Ev) -> usize {
    let charge = walk.column(part, Quantity::Charge);
    let pauses = ev.pause_is_stop();
    let starts_in = |session| {
        let steps = walk.checked.session_steps(session);
        let (mut starts, mut charging) = (0, walk.checked.goes_on_charging(ev, steps.start));
        for step in steps {
            let now = charge[step] > misses::NOTHING_W;
            starts += usize::from(now && !charging);
            charging = now || (charging && !pauses);
        }
        starts
    };
    ev.sessions.iter().map(starts_in).sum()
}
