//! A bus in one step with its modes fixed: what can be had by ascending price, and from it the convex cost of what the store gives.
//!
//! Power in kW, money for the whole step. What must be taken or given in any case is the *demand*; blocks above the *base* are filled
//! in order of their price (merit order), which is optimal as long as nothing in the step excludes anything else: the modes see to that.

use super::super::curve::Segment;
use super::pieces::Convex;
use super::store::Flow;

/// Powers this close are the same, in kW.
pub(super) const SAME_POWER: f64 = 1e-9;
/// A cost is convex where no slope falls by more than this, in money per kWh.
const FALL: f64 = 1e-12;

/// What a block stands for, with its part of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Give {
    /// More of a source is used.
    Use(usize),
    /// Less is exported.
    ExportLess(usize),
    /// A genset gives more.
    Generate(usize),
    /// More is imported.
    Import(usize),
    /// More load is shed.
    Shed(usize),
}

/// Power that can be had at one price.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) give: Give,
    pub(super) price: f64,
    pub(super) power: f64,
}

/// All that can be had.
#[derive(Debug, Clone, Default)]
pub(super) struct Supply {
    /// What is given when no block is filled; below zero for an export at its limit.
    pub(super) base: f64,
    /// What the base costs in this step.
    pub(super) base_cost: f64,
    /// What must be met.
    pub(super) demand: f64,
    pub(super) hours: f64,
    pub(super) blocks: Vec<Block>,
}

/// How a store turns power into energy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conversion {
    pub(super) charge_efficiency: f64,
    pub(super) discharge_efficiency: f64,
    pub(super) wear: f64,
}

/// The cost of a step by what is drawn from the store, in kWh: charging draws less than nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Curve {
    from: f64,
    value: f64,
    segments: Vec<Segment>,
    /// Whether its slopes ascend, also where charging ends and discharging begins.
    pub(super) convex: bool,
}

impl Curve {
    pub(super) fn get(&self) -> Convex<'_> {
        Convex { from: self.from, value: self.value, segments: &self.segments }
    }
}

impl Supply {
    /// Puts the blocks in order of their price; equal ones stay as they were given.
    pub(super) fn in_merit_order(mut self) -> Self {
        self.blocks.sort_by(|one, other| one.price.total_cmp(&other.price));
        self
    }

    fn most(&self) -> f64 {
        self.blocks.iter().fold(self.base, |sum, block| sum + block.power)
    }

    /// What it costs to give so much.
    pub(super) fn cost(&self, power: f64) -> f64 {
        let mut left = power - self.base;
        let mut cost = 0.0;
        for block in &self.blocks {
            let filled = block.power.min(left).max(0.0);
            cost += filled * block.price;
            left -= filled;
        }
        self.base_cost + cost * self.hours
    }

    /// What each block gives when so much is given in all.
    pub(super) fn filled(&self, power: f64) -> impl Iterator<Item = (Block, f64)> {
        let mut left = (power - self.base).max(0.0);
        self.blocks.iter().map(move |block| {
            let filled = block.power.min(left);
            left -= filled;
            (*block, filled)
        })
    }

    /// What a kWh less or more costs where so much is given; infinite where there is no more.
    pub(super) fn prices(&self, power: f64) -> (f64, f64) {
        let (mut end, mut below) = (self.base, f64::NEG_INFINITY);
        for block in self.blocks.iter().filter(|block| block.power > SAME_POWER) {
            if power < end + SAME_POWER {
                return (below, block.price);
            }
            end += block.power;
            below = block.price;
            if power < end - SAME_POWER {
                return (below, below);
            }
        }
        (below, f64::INFINITY)
    }

    /// The cost by what is drawn from the store; None where the demand cannot be met.
    pub(super) fn curve(&self, flow: Flow, store: Conversion) -> Option<Curve> {
        let least_flow = if flow.charge.0 > 0.0 { flow.charge.0 } else { -flow.discharge };
        let top = (self.demand + flow.charge.1).min(self.most());
        let bottom = (self.demand + least_flow).max(self.base);
        if top < bottom - SAME_POWER {
            return None;
        }
        let top = top.max(bottom);
        let charge = top - self.demand;
        let wear = store.wear * self.hours * (-charge).max(0.0);
        let mut curve = Curve {
            from: store.draw(charge, self.hours),
            value: self.cost(top) + wear,
            segments: Vec::with_capacity(self.blocks.len() + 1),
            convex: true,
        };
        self.descend(bottom, top, store, &mut curve);
        Some(curve)
    }

    /// From the most that is given down to the least: the dearest block is left first.
    fn descend(&self, bottom: f64, top: f64, store: Conversion, curve: &mut Curve) {
        let mut end = self.most();
        for block in self.blocks.iter().rev() {
            let (from, to) = ((end - block.power).max(bottom), end.min(top));
            end -= block.power;
            let charging = to - from.max(self.demand);
            if charging > 0.0 && from < to {
                curve.go_on(-block.price / store.charge_efficiency, charging * store.charge_efficiency * self.hours);
            }
            let discharging = to.min(self.demand) - from;
            if discharging > 0.0 && from < to {
                let slope = -(block.price - store.wear) * store.discharge_efficiency;
                curve.go_on(slope, discharging / store.discharge_efficiency * self.hours);
            }
        }
    }
}

impl Curve {
    fn go_on(&mut self, slope: f64, length: f64) {
        self.convex &= self.segments.last().is_none_or(|last| slope >= last.slope - FALL);
        self.segments.push(Segment { slope, length });
    }
}

impl Conversion {
    /// What is drawn from the store over a step, in kWh, where it charges (above zero) or discharges with so many kW.
    fn draw(self, charge: f64, hours: f64) -> f64 {
        if charge > 0.0 { -charge * self.charge_efficiency * hours } else { -charge * hours / self.discharge_efficiency }
    }

    /// The power on the bus, charging above zero, that draws so much from the store.
    pub(super) fn power(self, draw: f64, hours: f64) -> f64 {
        if draw < 0.0 { -draw / self.charge_efficiency / hours } else { -draw * self.discharge_efficiency / hours }
    }
}
