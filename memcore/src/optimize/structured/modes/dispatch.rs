//! How much, once it is settled what runs: the convex problem with all modes fixed, its schedule and its prices.
//!
//! A backward pass builds one convex value function per step, a forward pass reads the schedule from them: in every step the draw where
//! the slopes of now and later meet, and of several equally good ones the one nearest to none, so that nothing cycles for no gain.
//!
//! Prices are those of this convex problem. What another kWh is worth must agree from step to step: it stays what it was while the
//! energy moves freely, and may change only where a bound or a soft bound is met. So the forward pass carries the worth along and
//! moves it no further than the slopes at hand force it to.

use super::course::Course;
use super::pieces::{Convex, Origin, Pieces};
use super::problem::{Problem, Stage};
use super::supply::{SAME_POWER, Supply};

/// Slopes this close meet, in money per kWh.
const SAME_SLOPE: f64 = 1e-11;

/// What happens in a step, in kW and kWh.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) supply: Supply,
    /// Into the store on the bus; below zero out of it.
    pub(super) charge: f64,
    pub(super) energy: f64,
    /// What another kWh taken from the bus costs.
    pub(super) price: f64,
    /// What another kWh in the store is worth at the end.
    pub(super) worth: f64,
    /// What the step costs, without starts and stops.
    pub(super) cost: f64,
}

/// The best schedule with the modes of a course.
pub(super) fn dispatch(problem: &Problem<'_>, course: &Course) -> Option<Vec<Step>> {
    let stages: Option<Vec<Stage>> = course
        .decisions
        .iter()
        .enumerate()
        .map(|(step, decision)| problem.stages(step, problem.activity(decision.state)).into_iter().nth(decision.mode))
        .collect();
    let stages = stages?;
    let ends = ends(problem, &stages);
    let mut walk = Walk { problem, energy: 0.0, slope: None };
    let step = |step: usize| {
        let later = ends.get(stages.len() - 1 - step);
        walk.step(step, course.decisions[step].state, &stages[step], later)
    };
    Some((0..stages.len()).map(step).collect())
}

/// The value of the energy at the end of every step, the last step first.
fn ends(problem: &Problem<'_>, stages: &[Stage]) -> Pieces {
    let mut ends = Pieces::default();
    let mut value = Pieces::default();
    value.push_flat((0.0, 0.0), 0.0, Origin::default());
    for step in (0..problem.steps()).rev() {
        let store = &problem.store.steps[step];
        if !problem.store.carries(step) {
            value.spread(store.range);
        }
        for hinge in &store.hinges {
            value.bend(*hinge);
        }
        ends.append_raised(&value, 0.0, 0);
        let opening = problem.store.opening(step);
        let within = (opening.0 * store.kept, opening.1 * store.kept);
        let mut earlier = Pieces::default();
        earlier.push_convolved(value.get(0), stages[step].curve.get(), within, Origin::default());
        earlier.stretch(store.kept);
        value = earlier;
    }
    ends
}

/// The forward pass, at the start of a step.
struct Walk<'a> {
    problem: &'a Problem<'a>,
    energy: f64,
    /// The slope of the value by the energy at the end of the step before.
    slope: Option<f64>,
}

impl Walk<'_> {
    fn step(&mut self, step: usize, state: usize, stage: &Stage, later: Convex<'_>) -> Step {
        let store = &self.problem.store.steps[step];
        if let Some(energy) = store.arrives_with {
            (self.energy, self.slope) = (energy, None);
        }
        let before = self.energy;
        let cost = stage.curve.get();
        let held = before * store.kept;
        let draw = meet(cost, later, held);
        // Where the range says so, to the last digit: a sum of thousands of draws does not.
        self.energy = (held - draw).clamp(store.range.0, store.range.1);
        let (now, then) = (cost.slopes(draw), later.slopes(self.energy));
        let free = (now.0.max(then.0), now.1.min(then.1));
        let slope = self.carried(step, before).map_or_else(|| outermost(free), |wish| nearest(wish, free));
        self.slope = Some(slope);
        let supply = self.problem.supply(step, state, stage);
        let charge = self.problem.conversion().power(draw, supply.hours);
        let price = self.price(&supply, stage, charge, slope);
        let cost = cost.at(draw) + self.problem.store.holding_cost(step, self.energy);
        Step { supply, charge, energy: self.energy, price, worth: -slope, cost }
    }

    /// Where the slope may lie if it is to agree with the step before: one number, or a range at a soft bound.
    fn carried(&self, step: usize, energy: f64) -> Option<(f64, f64)> {
        let slope = self.slope?;
        let store = &self.problem.store;
        let hinges = store.steps[step - 1].hinges.iter().map(|hinge| hinge.slopes(energy));
        let (left, right) = hinges.fold((0.0, 0.0), |sum, hinge| (sum.0 + hinge.0, sum.1 + hinge.1));
        let kept = store.steps[step].kept;
        Some(((slope - right) / kept, (slope - left) / kept))
    }

    /// The price on the bus: what another kWh costs there, be it from the bus itself or from the store.
    fn price(&self, supply: &Supply, stage: &Stage, charge: f64, slope: f64) -> f64 {
        let conversion = self.problem.conversion();
        let if_charging = -slope * conversion.charge_efficiency;
        let if_discharging = -slope / conversion.discharge_efficiency + conversion.wear;
        let (least, most) = (stage.flow.charge.0, stage.flow.charge.1);
        let mut range = supply.prices(supply.demand + charge);
        // More could be charged, less could be charged, more could be discharged, less could be discharged.
        let can = |yes: bool, bound: f64, otherwise: f64| if yes { bound } else { otherwise };
        range.0 = range.0.max(can(charge >= -SAME_POWER && charge < most - SAME_POWER, if_charging, f64::NEG_INFINITY));
        range.1 = range.1.min(can(charge > least + SAME_POWER, if_charging, f64::INFINITY));
        let more_out = charge <= SAME_POWER && -charge < stage.flow.discharge - SAME_POWER;
        range.1 = range.1.min(can(more_out, if_discharging, f64::INFINITY));
        range.0 = range.0.max(can(charge < -SAME_POWER, if_discharging, f64::NEG_INFINITY));
        outermost(range)
    }
}

/// The upper end of a range, which is what *more* costs; where there is no more, the lower end.
fn outermost((low, high): (f64, f64)) -> f64 {
    match (low.is_finite(), high.is_finite()) {
        (_, true) => high,
        (true, false) => low,
        _ => 0.0,
    }
}

/// The place in `free` that is nearest to `wish`.
fn nearest(wish: (f64, f64), free: (f64, f64)) -> f64 {
    let low = wish.0.max(free.0).min(free.1);
    let high = wish.1.min(free.1).max(free.0);
    if low <= high { 0.0_f64.clamp(low, high) } else { low }
}

/// The draw at which `cost(draw) + later(held - draw)` is least; of several, the one nearest to none.
fn meet(cost: Convex<'_>, later: Convex<'_>, held: f64) -> f64 {
    let low = cost.from.max(held - later.to());
    let high = cost.to().min(held - later.from).max(low);
    let mut balance = Balance::new(cost, later, low, held - low);
    let mut least = None;
    let mut draw = low;
    while draw < high {
        let (slope, length) = balance.next();
        if slope >= -SAME_SLOPE {
            least.get_or_insert(draw);
        }
        if slope > SAME_SLOPE {
            break;
        }
        draw = (draw + length).min(high);
    }
    let (least, most) = (least.unwrap_or(draw), draw);
    0.0_f64.clamp(least, most.max(least))
}

/// Goes along `cost` upwards and along `later` downwards at once.
struct Balance<'a> {
    cost: &'a [super::pieces::Segment],
    later: &'a [super::pieces::Segment],
    cost_left: f64,
    later_left: f64,
}

impl<'a> Balance<'a> {
    fn new(cost: Convex<'a>, later: Convex<'a>, draw: f64, energy: f64) -> Self {
        let mut balance = Self { cost: cost.segments, later: later.segments, cost_left: 0.0, later_left: 0.0 };
        balance.cost_left = draw - cost.from;
        while let Some(first) = balance.cost.first().filter(|first| first.length <= balance.cost_left) {
            balance.cost_left -= first.length;
            balance.cost = &balance.cost[1..];
        }
        balance.cost_left = balance.cost.first().map_or(0.0, |first| first.length - balance.cost_left);
        balance.later_left = later.to() - energy;
        while let Some(last) = balance.later.last().filter(|last| last.length <= balance.later_left) {
            balance.later_left -= last.length;
            balance.later = &balance.later[..balance.later.len() - 1];
        }
        balance.later_left = balance.later.last().map_or(0.0, |last| last.length - balance.later_left);
        balance
    }

    /// The slope of the sum from here on, and for how long it holds. Past the end of either, for good.
    fn next(&mut self) -> (f64, f64) {
        let (Some(now), Some(then)) = (self.cost.first(), self.later.last()) else {
            return (f64::INFINITY, f64::INFINITY);
        };
        let slope = now.slope - then.slope;
        let length = self.cost_left.min(self.later_left);
        self.cost_left -= length;
        self.later_left -= length;
        if self.cost_left <= 0.0 {
            self.cost = &self.cost[1..];
            self.cost_left = self.cost.first().map_or(0.0, |first| first.length);
        }
        if self.later_left <= 0.0 {
            self.later = &self.later[..self.later.len() - 1];
            self.later_left = self.later.last().map_or(0.0, |last| last.length);
        }
        (slope, length)
    }
}
