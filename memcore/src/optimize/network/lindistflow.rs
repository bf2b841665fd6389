//! LinDistFlow: voltages and flows of a radial network by linear equations.
//!
//! Over a branch from bus i to bus j that carries `P + jQ`, with `u` the square of a voltage (Baran and Wu 1989, without the terms of
//! losses): `u_j = u_i - 2 (r P + x Q)`, where P and Q are all that is drawn behind the branch. Shunts and charging count at nominal
//! voltage, and an ideal transformer divides `u` by the square of its ratio.

use super::Network;
use super::radial::{FlowPu, RadialFlow, Tree};
use super::resolved::Resolved;
use crate::error::{Error, Result};

impl Network {
    /// Voltages, flows and an estimate of the losses of a radial network, by LinDistFlow: linear, and a little too optimistic about
    /// voltages, because flows are without losses. The losses are those that these flows would have: `r (P^2 + Q^2) / u`.
    ///
    /// Generators give what they are set to ([`Generator::power_w`](super::Generator::power_w)), the reference gives the rest. For
    /// the exact voltages there is [`power_flow`](Self::power_flow).
    ///
    /// # Errors
    /// Invalid as [`check`](Self::check) says, where a branch closes a loop, or where the network is loaded so far beyond what it can
    /// carry that a voltage would be below zero.
    pub fn lindistflow(&self) -> Result<RadialFlow> {
        let resolved = self.resolved()?;
        let tree = resolved.tree()?;
        let flows = flows_behind(&resolved, &tree);
        let reference = self.buses[resolved.reference].voltage_pu;
        let mut squares = vec![reference * reference; self.buses.len()];
        let mut branches = Vec::new();
        for (fed, (power, reactive)) in tree.fed.iter().zip(&flows) {
            let branch = fed.joined.branch;
            let (before, behind) = fed.ratios();
            let inner = squares[fed.parent] * before;
            let square = behind * (inner - 2.0 * (branch.r_pu * power + branch.x_pu * reactive));
            if square <= 0.0 {
                return Err(Error::invalid(format!(
                    "bus {} would have no voltage left behind branch {}, expected loads that the network can carry",
                    resolved.bus_name(fed.bus),
                    branch.name
                )));
            }
            squares[fed.bus] = square;
            branches.push((*power, *reactive, branch.r_pu * (power * power + reactive * reactive) / inner));
        }
        let reference = behind_reference(&resolved, &tree, &flows);
        let flow = FlowPu { voltages: squares.iter().map(|square| square.sqrt()).collect(), branches, reference };
        Ok(flow.told(&resolved, &tree))
    }
}

/// What is drawn at each bus at nominal voltage, per unit: loads, shunts and the charging of branches, whatever generators give.
pub(super) fn fixed_at_nominal(resolved: &Resolved<'_>) -> Vec<(f64, f64)> {
    let mut drawn = resolved.drawn_pu();
    for joined in &resolved.branches {
        drawn[joined.from].1 -= joined.branch.b_pu / 2.0;
        drawn[joined.to].1 -= joined.branch.b_pu / 2.0;
    }
    drawn
}

/// The same, less what generators are set to.
fn drawn_at_nominal(resolved: &Resolved<'_>) -> Vec<(f64, f64)> {
    let mut drawn = fixed_at_nominal(resolved);
    resolved.subtract_generators(&mut drawn);
    drawn
}

/// What each branch of the tree carries: everything that is drawn behind it.
fn flows_behind(resolved: &Resolved<'_>, tree: &Tree<'_>) -> Vec<(f64, f64)> {
    let mut behind = drawn_at_nominal(resolved);
    let mut flows = vec![(0.0, 0.0); tree.fed.len()];
    for (place, fed) in tree.fed.iter().enumerate().rev() {
        flows[place] = behind[fed.bus];
        behind[fed.parent].0 += flows[place].0;
        behind[fed.parent].1 += flows[place].1;
    }
    flows
}

fn behind_reference(resolved: &Resolved<'_>, tree: &Tree<'_>, flows: &[(f64, f64)]) -> (f64, f64) {
    let mut total = drawn_at_nominal(resolved)[resolved.reference];
    for (_, (power, reactive)) in tree.fed.iter().zip(flows).filter(|(fed, _)| fed.parent == resolved.reference) {
        total.0 += power;
        total.1 += reactive;
    }
    total
}
