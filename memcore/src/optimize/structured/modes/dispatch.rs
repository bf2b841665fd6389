//! How much, once it is settled what runs: the convex problem with all modes fixed, its schedule and its prices.
//!
//! A backward pass builds one convex value function per step, a forward pass reads the schedule from them, as the engine of one store
//! does: of several equally good energies the one nearest to where the store is, so that nothing cycles for no gain.
//!
//! Prices are those of this convex problem. What another kWh is worth must agree from step to step: it stays what it was while the
//! energy moves freely, and changes only where a bound or a soft bound pushes.

use super::super::curve::{Curve, Curves, Segment};
use super::super::path::{best, within};
use super::course::Course;
use super::pieces::SAME_ENERGY;
use super::problem::{Problem, Stage};
use super::supply::{SAME_POWER, Supply};

/// Any number.
const ANY: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

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

/// The mode of a step with its cost by what the store gains, in kWh: the mirror image of what is drawn from it.
struct Mode {
    stage: Stage,
    lowest: f64,
    highest: f64,
    gains: Vec<Segment>,
}

impl Mode {
    fn new(stage: Stage) -> Self {
        let cost = stage.curve.get();
        let mirrored = |segment: &Segment| Segment { slope: -segment.slope, length: segment.length };
        let gains = cost.segments.iter().rev().map(mirrored).collect();
        Self { lowest: -cost.to(), highest: -cost.from, gains, stage }
    }

    fn curve(&self) -> Curve<'_> {
        Curve { lowest: self.lowest, highest: self.highest, segments: &self.gains }
    }
}

/// The best schedule with the modes of a course.
pub(super) fn dispatch(problem: &Problem<'_>, course: &Course) -> Option<Vec<Step>> {
    let mode = |(step, decision): (usize, &super::course::Decision)| {
        let stages = problem.stages(step, problem.activity(decision.state));
        stages.into_iter().nth(decision.mode).map(Mode::new)
    };
    let modes: Vec<Mode> = course.decisions.iter().enumerate().map(mode).collect::<Option<_>>()?;
    let ends = Ends::new(problem, &modes)?;
    let mut walk = Walk { problem, energy: 0.0, pushed: ANY };
    let step = |step: usize| walk.step(step, course.decisions[step].state, &modes[step], ends.at(step));
    (0..modes.len()).map(step).collect()
}

/// The value of the energy at the end of every step.
struct Ends {
    curves: Curves,
    /// By step, the last one first: the place among the curves.
    places: Vec<usize>,
}

impl Ends {
    fn new(problem: &Problem<'_>, modes: &[Mode]) -> Option<Self> {
        let mut ends = Self { curves: Curves::default(), places: Vec::with_capacity(modes.len()) };
        let mut count = 0;
        for (step, mode) in modes.iter().enumerate().rev() {
            let store = &problem.store.steps[step];
            if !problem.store.carries(step) {
                ends.curves.push_flat(store.range.0, store.range.1);
                count += 1;
            }
            for hinge in &store.hinges {
                ends.curves.add_slope(hinge.left);
                ends.curves.add_kink(hinge.place, 0.0, hinge.right - hinge.left);
            }
            ends.places.push(count - 1);
            if !ends.curves.push_before(mode.curve(), store.kept, problem.store.opening(step)) {
                return None;
            }
            count += 1;
        }
        Some(ends)
    }

    fn at(&self, step: usize) -> Curve<'_> {
        self.curves.get(self.places[self.places.len() - 1 - step])
    }
}

/// The forward pass, at the start of a step.
struct Walk<'a> {
    problem: &'a Problem<'a>,
    energy: f64,
    /// What a kWh may be worth from here on, so as to agree with the step before.
    pushed: (f64, f64),
}

impl Walk<'_> {
    fn step(&mut self, step: usize, state: usize, mode: &Mode, to_come: Curve<'_>) -> Option<Step> {
        let store = &self.problem.store;
        if let Some(energy) = store.steps[step].arrives_with {
            (self.energy, self.pushed) = (energy, ANY);
        }
        let before = self.energy * store.steps[step].kept;
        let (after, worth) = best(mode.curve(), to_come, before)?;
        let worth = within(worth, self.pushed, (false, 0.0));
        (self.energy, self.pushed) = (after, self.carried(step, after, worth));
        let supply = self.problem.supply(step, state, &mode.stage);
        let charge = self.problem.conversion().power(before - after, supply.hours);
        let price = self.price(&supply, &mode.stage, charge, worth);
        let wear = store.wear * supply.hours * (-charge).max(0.0);
        let cost = supply.cost(supply.demand + charge) + wear + store.holding_cost(step, after);
        Some(Step { supply, charge, energy: after, price, worth, cost })
    }

    /// What a kWh may be worth at the end of the next step, where it is worth `worth` at the end of this one.
    fn carried(&self, step: usize, energy: f64, worth: f64) -> (f64, f64) {
        let steps = &self.problem.store.steps;
        let (Some(next), range) = (steps.get(step + 1), steps[step].range) else { return ANY };
        if next.kept == 0.0 {
            return ANY;
        }
        let slopes = steps[step].hinges.iter().map(|hinge| hinge.slopes(energy));
        let (left, right) = slopes.fold((0.0, 0.0), |sum, slopes| (sum.0 + slopes.0, sum.1 + slopes.1));
        let least = if energy <= range.0 + SAME_ENERGY { f64::NEG_INFINITY } else { worth + left };
        let most = if energy >= range.1 - SAME_ENERGY { f64::INFINITY } else { worth + right };
        (least / next.kept, most / next.kept)
    }

    /// The price on the bus: what another kWh costs there, be it from the bus itself or from the store.
    fn price(&self, supply: &Supply, stage: &Stage, charge: f64, worth: f64) -> f64 {
        let conversion = self.problem.conversion();
        let if_charging = worth * conversion.charge_efficiency;
        let if_discharging = worth / conversion.discharge_efficiency + conversion.wear;
        let (least, most) = stage.flow.charge;
        let (mut low, mut high) = ANY;
        if charge >= -SAME_POWER && charge < most - SAME_POWER {
            // It could charge more, and does not.
            low = low.max(if_charging);
        }
        if charge > least + SAME_POWER {
            high = high.min(if_charging);
        }
        if charge <= SAME_POWER && -charge < stage.flow.discharge - SAME_POWER {
            // It could discharge more, and does not.
            high = high.min(if_discharging);
        }
        if charge < -SAME_POWER {
            low = low.max(if_discharging);
        }
        within(supply.prices(supply.demand + charge), (low, high), (true, 0.0))
    }
}
