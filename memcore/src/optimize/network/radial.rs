//! Radial networks: every bus is fed by one way from the reference. Their buses in order, and what a flow in them looks like.

use serde::Serialize;

use super::resolved::{Joined, Resolved};
use crate::error::{Error, Result};

/// The buses of a radial network from the reference outwards, each after the bus that feeds it.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    /// Every bus but the reference, with the branch that feeds it.
    pub(super) fed: Vec<Fed<'a>>,
}

/// A bus with the branch that feeds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fed<'a> {
    pub(super) bus: usize,
    pub(super) parent: usize,
    /// The place of the branch among those in service.
    pub(super) place: usize,
    pub(super) joined: Joined<'a>,
}

impl Fed<'_> {
    /// Whether the branch begins at the parent: its transformer is on that side.
    pub(super) fn forward(&self) -> bool {
        self.joined.to == self.bus
    }

    /// By what the square of the voltage at the parent is multiplied to get to the other side of the ideal transformer, and then
    /// what comes behind the impedance to get to the bus.
    pub(super) fn ratios(&self) -> (f64, f64) {
        let squared = self.joined.branch.tap * self.joined.branch.tap;
        if self.forward() { (1.0 / squared, 1.0) } else { (1.0, squared) }
    }
}

impl<'a> Resolved<'a> {
    /// The network as a tree.
    ///
    /// # Errors
    /// Invalid where a branch closes a loop, which is named.
    pub(super) fn tree(&self) -> Result<Tree<'a>> {
        let branches_at = self.branches_at();
        let mut feeding: Vec<Option<usize>> = vec![None; self.network.buses.len()];
        let mut reached = vec![false; self.network.buses.len()];
        reached[self.reference] = true;
        let mut order = vec![self.reference];
        let mut fed = Vec::new();
        let mut next = 0;
        while let Some(&parent) = order.get(next) {
            next += 1;
            for &place in &branches_at[parent] {
                if feeding[parent] == Some(place) {
                    continue;
                }
                let joined = self.branches[place];
                let bus = joined.other_end(parent);
                if std::mem::replace(&mut reached[bus], true) {
                    return Err(Error::invalid(format!(
                        "branch {} closes a loop between buses {} and {}, expected a radial network",
                        joined.branch.name, joined.branch.from, joined.branch.to
                    )));
                }
                feeding[bus] = Some(place);
                order.push(bus);
                fed.push(Fed { bus, parent, place, joined });
            }
        }
        Ok(Tree { fed })
    }
}

/// Voltages and flows of a radial network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RadialFlow {
    /// The voltage at every bus, in the order of the network.
    pub buses: Vec<BusVoltage>,
    /// What every branch in service carries, in the order of the network.
    pub branches: Vec<BranchFlow>,
    /// The bus with the lowest voltage.
    pub lowest: BusVoltage,
    /// What is lost in all branches together, in W.
    pub losses_w: f64,
    /// What the reference feeds in, in W.
    pub reference_w: f64,
    /// The reactive power that the reference feeds in, in var.
    pub reference_var: f64,
}

/// The voltage at a bus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BusVoltage {
    /// The bus.
    pub bus: String,
    /// Its voltage, per unit of its nominal one.
    pub voltage_pu: f64,
}

/// What a branch carries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BranchFlow {
    /// The branch.
    pub branch: String,
    /// What enters it at the bus that is nearer to the reference, in W; below zero where power flows back.
    pub power_w: f64,
    /// The reactive power that enters it there, in var.
    pub reactive_var: f64,
    /// What is lost in it, in W.
    pub loss_w: f64,
}

/// A flow per unit, by place.
pub(super) struct FlowPu {
    pub(super) voltages: Vec<f64>,
    /// Power, reactive power and loss of the branches that feed, in the order of the tree.
    pub(super) branches: Vec<(f64, f64, f64)>,
    pub(super) reference: (f64, f64),
}

impl FlowPu {
    /// In the words of the network.
    pub(super) fn told(&self, resolved: &Resolved<'_>, tree: &Tree<'_>) -> RadialFlow {
        let base = resolved.network.base_va;
        let buses = resolved.voltages(&self.voltages);
        let lowest = (0..buses.len()).min_by(|left, right| self.voltages[*left].total_cmp(&self.voltages[*right]));
        RadialFlow {
            lowest: buses[lowest.unwrap_or(resolved.reference)].clone(),
            buses,
            branches: resolved.flows(tree, &self.branches),
            losses_w: self.branches.iter().map(|(_, _, loss)| loss).sum::<f64>() * base,
            reference_w: self.reference.0 * base,
            reference_var: self.reference.1 * base,
        }
    }
}

impl Resolved<'_> {
    /// Voltages by their buses.
    pub(super) fn voltages(&self, voltages_pu: &[f64]) -> Vec<BusVoltage> {
        let voltage =
            |(bus, voltage): (usize, &f64)| BusVoltage { bus: self.bus_name(bus).to_owned(), voltage_pu: *voltage };
        voltages_pu.iter().enumerate().map(voltage).collect()
    }

    /// Power, reactive power and loss per unit, in the order of the tree: by their branches, in the order of the network.
    pub(super) fn flows(&self, tree: &Tree<'_>, flows_pu: &[(f64, f64, f64)]) -> Vec<BranchFlow> {
        let base = self.network.base_va;
        let flow_of = |(fed, (power, reactive, loss)): (&Fed<'_>, &(f64, f64, f64))| {
            let branch = fed.joined.branch.name.clone();
            BranchFlow { branch, power_w: power * base, reactive_var: reactive * base, loss_w: loss * base }
        };
        let mut by_place: Vec<_> = tree.fed.iter().zip(flows_pu).collect();
        by_place.sort_by_key(|(fed, _)| fed.place);
        by_place.into_iter().map(flow_of).collect()
    }
}

impl Resolved<'_> {
    /// What is drawn at each bus in a power flow, per unit: loads less what generators are set to, without shunts. At the reference
    /// generators are left out: it gives whatever is missing.
    pub(super) fn net_loads_pu(&self) -> Vec<(f64, f64)> {
        let base = self.network.base_va;
        let mut net = vec![(0.0, 0.0); self.network.buses.len()];
        for (load, bus) in self.network.loads.iter().zip(&self.load_buses) {
            net[*bus].0 += load.power_w / base;
            net[*bus].1 += load.reactive_var / base;
        }
        self.subtract_generators(&mut net);
        net
    }

    /// Subtracts what generators are set to, per unit; those at the reference are left out.
    pub(super) fn subtract_generators(&self, drawn: &mut [(f64, f64)]) {
        let base = self.network.base_va;
        for (generator, bus) in self.generators.iter().filter(|(_, bus)| *bus != self.reference) {
            drawn[*bus].0 -= generator.power_w / base;
            drawn[*bus].1 -= generator.reactive_var / base;
        }
    }
}
