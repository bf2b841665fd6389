//! The walk forward through value functions: what the store does, who trades, and the prices that prove it best.

use crate::optimize::Schedule;
use crate::optimize::answer::Answer;

use super::curve::{Curve, SAME_LENGTH, TOUCHING};
use super::market::{Flow, Market, Offer, SAME_KW, Step};
use super::storage::{Losses, Problem, Workspace};

/// Costs per kWh that differ by less are the same.
const SAME_COST: f64 = 1e-12;

/// A range of prices, perhaps without ends.
type Range = (f64, f64);

/// What was found, step by step, in memory that is used again.
#[derive(Debug, Default)]
pub(super) struct Path {
    /// Energy at the end of each step, in kWh.
    energy: Vec<f64>,
    /// The store's power on the bus, in kW, positive into it.
    power: Vec<f64>,
    /// What is taken of each offer of the market, in kW.
    pub(super) taken: Vec<f64>,
    /// The price of the bus and the worth of stored energy, per kWh.
    pub(super) prices: Vec<f64>,
    pub(super) water: Vec<f64>,
    /// The cost, with surcharges and without demand charges.
    pub(super) cost: f64,
    /// Why this is no schedule but only a bound: what happens at once in a step that cannot.
    pub(super) mixed: Option<String>,
}

impl Path {
    /// Walks from the initial energy through the value functions of `workspace`.
    ///
    /// # Errors
    /// Infeasible where the first step cannot lead to where the rest can begin.
    pub(super) fn walk(workspace: &mut Workspace, problem: &Problem<'_>) -> Result<(), Answer> {
        let mut path = std::mem::take(&mut workspace.path);
        path.clear();
        let walked = path.steps(workspace, problem);
        workspace.path = path;
        walked
    }

    fn clear(&mut self) {
        for column in [&mut self.energy, &mut self.power, &mut self.taken, &mut self.prices, &mut self.water] {
            column.clear();
        }
        (self.cost, self.mixed) = (0.0, None);
    }

    fn steps(&mut self, workspace: &Workspace, problem: &Problem<'_>) -> Result<(), Answer> {
        let losses = problem.losses();
        self.taken.resize(workspace.market.offers.len(), 0.0);
        let mut energy = problem.store.map_or(0.0, |store| store.initial_kwh());
        let mut pushed = (f64::NEG_INFINITY, f64::INFINITY);
        for step in 0..problem.steps() {
            let hours = problem.checked.hours[step];
            let before = problem.kept(step) * energy;
            let (stage, to_come) = (workspace.stage(step), workspace.to_come(step));
            let Some((after, worth)) = best(stage, to_come, before) else { return Err(Answer::Infeasible) };
            energy = after;
            let limits = problem.store_kw(step);
            let power = losses.power(after - before, hours).clamp(-limits.1, limits.0);
            let water = within(worth, pushed, (false, 0.0));
            let range = self.trade(&workspace.market.steps[step], workspace.market.offers_of(step), power, hours);
            let price = within(range, store_prices(power, limits, water, losses), (true, 0.0));
            self.cost += losses.wear_per_kwh * hours * (-power).max(0.0);
            self.energy.push(energy);
            self.power.push(power);
            self.prices.push(price);
            self.water.push(water);
            if let Some(store) = problem.store {
                self.cost += store.wishes_cost(step, energy);
                pushed = carried(store.push(step, energy), water, step, problem);
            }
            self.look_for_mixing(workspace, problem, step, after - before);
        }
        Ok(())
    }

    /// Meets a step's demand in merit order, and gives the prices between which one more kWh lies.
    #[inline]
    fn trade(&mut self, step: &Step, offers: &[Offer], power: f64, hours: f64) -> Range {
        let mut left = step.need_kw + power - step.lowest_kw;
        let mut money = step.fixed_per_h;
        let mut range = (f64::NEG_INFINITY, f64::INFINITY);
        let taken = &mut self.taken[step.first..step.past];
        for (offer, taken) in offers.iter().zip(taken) {
            if left < SAME_LENGTH {
                range.1 = offer.per_kwh;
                break;
            }
            range.0 = offer.per_kwh;
            if left < offer.kw - SAME_LENGTH {
                range.1 = offer.per_kwh;
                *taken = left;
                money += offer.per_kwh * left;
                break;
            }
            *taken = offer.kw;
            money += offer.per_kwh * offer.kw;
            left -= offer.kw;
        }
        self.cost += money * hours;
        range
    }

    /// Remembers the first step in which the path does what only its bound may do.
    fn look_for_mixing(&mut self, workspace: &Workspace, problem: &Problem<'_>, step: usize, change: f64) {
        if self.mixed.is_some() {
            return;
        }
        if workspace.market.steps[step].may_mix {
            self.look_for_passing_on(&workspace.market, problem, step);
        }
        self.look_for_burning(workspace, problem, step, change);
    }

    /// Import and export at once.
    fn look_for_passing_on(&mut self, market: &Market, problem: &Problem<'_>, step: usize) {
        for (part, grid) in problem.parts.grids.iter().filter(|(_, grid)| grid.exclusive) {
            let (mut import, mut export) = (0.0, 0.0);
            for place in market.steps[step].first..market.steps[step].past {
                let (offer, taken) = (&market.offers[place], self.taken[place]);
                match offer.flow {
                    Flow::Import if offer.part as usize == *part => import += taken,
                    Flow::Export if offer.part as usize == *part => export += offer.kw - taken,
                    _ => {}
                }
            }
            if import > SAME_KW && export > SAME_KW {
                let (buy, sell) = (problem.parts.buy_per_kwh(grid, step), grid.sell_per_kwh.at(step));
                self.mixed = Some(format!(
                    "at {} it would pay {} to import and export at once: a kWh costs {buy} and earns {sell}",
                    problem.time(step),
                    grid.name
                ));
            }
        }
    }

    /// The same for charging and discharging at once.
    fn look_for_burning(&mut self, workspace: &Workspace, problem: &Problem<'_>, step: usize, change: f64) {
        let Some(store) = problem.store else { return };
        if workspace.hulls.is_empty() && store.battery.exclusive {
            return;
        }
        let hull = workspace.hulls.binary_search_by_key(&step, |hull| hull.step).ok().map(|at| workspace.hulls[at]);
        let losses = problem.losses();
        let burns = if store.battery.exclusive {
            hull.is_some_and(|hull| change > hull.from + TOUCHING && change < hull.to - TOUCHING)
        } else {
            let (charge, discharge) = problem.store_kw(step);
            let round_trip = losses.charge * losses.discharge;
            let burnt = self.prices[step] * (1.0 - round_trip) + losses.wear_per_kwh * round_trip;
            charge > 0.0 && discharge > 0.0 && (hull.is_some() || burnt < -SAME_COST)
        };
        if burns {
            self.mixed = Some(format!(
                "at {} it would pay {} to charge and discharge at once: with a price of {} on the bus, losing energy earns",
                problem.time(step),
                store.battery.name,
                self.prices[step]
            ));
        }
    }

    /// Fills the columns of the store.
    pub(super) fn fill(&self, schedule: &mut Schedule, part: usize) {
        let [charge, discharge, energy, _reserve] = schedule.columns_mut(part);
        for ((charge, discharge), kw) in charge.iter_mut().zip(discharge).zip(&self.power) {
            (*charge, *discharge) = ((kw * 1000.0).max(0.0), (-kw * 1000.0).max(0.0));
        }
        energy.iter_mut().zip(&self.energy).for_each(|(to, kwh)| *to = kwh * 1000.0);
    }
}

/// The best energy after a step, the nearest to `before` of equally good ones, with the range of what a kWh is then worth. None where
/// none is in reach.
pub(super) fn best(stage: Curve<'_>, to_come: Curve<'_>, before: f64) -> Option<(f64, Range)> {
    let (lowest, highest) = ((before + stage.lowest).max(to_come.lowest), (before + stage.highest).min(to_come.highest));
    if lowest > highest + TOUCHING {
        return None;
    }
    let mut after = before.clamp(lowest, highest.max(lowest));
    let (mut now, mut later) = (stage.reader(after - before), to_come.reader(after));
    while let (Some(a), Some(b)) = (now.right(), later.right()) {
        if a.slope + b.slope >= -SAME_COST {
            break;
        }
        let by = a.length.min(b.length);
        now.move_right(by);
        later.move_right(by);
        after += by;
    }
    while let (Some(a), Some(b)) = (now.left(), later.left()) {
        if a.slope + b.slope <= SAME_COST {
            break;
        }
        let by = a.length.min(b.length);
        now.move_left(by);
        later.move_left(by);
        after -= by;
    }
    let after = if (after - before).abs() < SAME_LENGTH { before } else { after };
    let (now, later) = (now.subgradients(), later.subgradients());
    Some((after.clamp(lowest, highest.max(lowest)), (now.0.max(-later.1), now.1.min(-later.0))))
}

/// What may be the worth of a kWh at the end of the next step: it changes only where bounds and wishes push.
fn carried(push: Range, water: f64, step: usize, problem: &Problem<'_>) -> Range {
    if step + 1 == problem.steps() {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    match problem.kept(step + 1) {
        0.0 => (f64::NEG_INFINITY, f64::INFINITY),
        1.0 => (water + push.0, water + push.1),
        kept => ((water + push.0) / kept, (water + push.1) / kept),
    }
}

/// The prices of the bus that a store accepts for its power, where a kWh in it is worth `water`.
fn store_prices(power: f64, (charge, discharge): (f64, f64), water: f64, losses: Losses) -> Range {
    let (buys_at, sells_at) = (water * losses.charge, losses.wear_per_kwh + water / losses.discharge);
    let full = |power: f64, limit: f64| power > limit - SAME_KW;
    if power > 0.0 {
        return if full(power, charge) { (f64::NEG_INFINITY, buys_at.min(sells_at)) } else { (buys_at, buys_at) };
    }
    if power < 0.0 {
        return if full(-power, discharge) { (buys_at.max(sells_at), f64::INFINITY) } else { (sells_at, sells_at) };
    }
    let buys_at = if charge > 0.0 { buys_at } else { f64::NEG_INFINITY };
    (buys_at, if discharge > 0.0 { sells_at } else { f64::INFINITY })
}

/// A number within both ranges (where rounding parts them, between them): the upper end or the lower, or `otherwise` without ends.
pub(super) fn within(a: Range, b: Range, (upper, otherwise): (bool, f64)) -> f64 {
    let (low, high) = (a.0.max(b.0), a.1.min(b.1));
    let ends = if upper { [high, low] } else { [low, high] };
    ends.into_iter().find(|end| end.is_finite()).unwrap_or(otherwise)
}
