//! The exact power flow of a radial network by backward and forward sweeps (Shirmohammadi et al. 1988): currents are summed from the
//! ends towards the reference, voltages follow from the reference outwards, until they stay.

use serde::Serialize;

use super::Network;
use super::complex::Complex;
use super::radial::{Fed, FlowPu, RadialFlow, Tree};
use super::resolved::Resolved;
use crate::error::Result;

/// Voltages stay when no one moves by more than this, per unit.
const SETTLED_PU: f64 = 1e-12;
/// A network that it can carry settles within tens of sweeps.
const MOST_SWEEPS: usize = 500;

/// What became of an exact power flow. In JSON, `status` is `solved` or `collapsed`, beside the fields of either.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum PowerFlow {
    /// Voltages and flows that fit.
    #[serde(rename = "solved")]
    Flow(Box<RadialFlow>),
    /// No voltages were found: the network is loaded beyond what it can carry, or near to it.
    Collapsed {
        /// The bus whose voltage moved the farthest in the last sweep.
        bus: String,
        /// After how many sweeps.
        sweeps: usize,
    },
}

impl PowerFlow {
    /// The flow, where there is one.
    #[must_use]
    pub fn flow(&self) -> Option<&RadialFlow> {
        match self {
            Self::Flow(flow) => Some(flow),
            Self::Collapsed { .. } => None,
        }
    }
}

impl Network {
    /// The exact power flow of a radial network, with losses, charging, shunts, taps and phase shifts. Generators give what they are
    /// set to, the reference gives the rest and holds its voltage.
    ///
    /// # Errors
    /// Invalid as [`check`](Self::check) says, or where a branch closes a loop.
    pub fn power_flow(&self) -> Result<PowerFlow> {
        let resolved = self.resolved()?;
        let tree = resolved.tree()?;
        let mut sweep = Sweep::new(&resolved, &tree);
        let mut farthest = resolved.reference;
        for sweeps in 1..=MOST_SWEEPS {
            let (moved, bus) = sweep.once();
            if moved <= SETTLED_PU {
                return Ok(PowerFlow::Flow(Box::new(sweep.flow().told(&resolved, &tree))));
            }
            if !moved.is_finite() {
                return Ok(sweep.collapsed(bus, sweeps));
            }
            farthest = bus;
        }
        Ok(sweep.collapsed(farthest, MOST_SWEEPS))
    }
}

struct Sweep<'a> {
    resolved: &'a Resolved<'a>,
    tree: &'a Tree<'a>,
    loads: Vec<(f64, f64)>,
    voltages: Vec<Complex>,
    /// For each branch of the tree, the current in its impedance and the one that it draws from its parent.
    currents: Vec<(Complex, Complex)>,
    reference_current: Complex,
}

impl<'a> Sweep<'a> {
    fn new(resolved: &'a Resolved<'a>, tree: &'a Tree<'a>) -> Self {
        let held = Complex::new(resolved.network.buses[resolved.reference].voltage_pu, 0.0);
        let mut voltages = vec![held; resolved.network.buses.len()];
        for fed in &tree.fed {
            // Without load, a bus has the voltage of its parent behind the transformer.
            let ratio = ratio(fed);
            voltages[fed.bus] = if fed.forward() { voltages[fed.parent] / ratio } else { voltages[fed.parent] * ratio };
        }
        let currents = vec![Default::default(); tree.fed.len()];
        Self { resolved, tree, loads: resolved.net_loads_pu(), voltages, currents, reference_current: Complex::default() }
    }

    /// One sweep backward and forward; how far the voltage moved that moved the farthest, and at which bus.
    fn once(&mut self) -> (f64, usize) {
        self.backward();
        let mut farthest = (0.0, self.resolved.reference);
        for (fed, (inner, _)) in self.tree.fed.iter().zip(&self.currents) {
            let drop = impedance(fed) * *inner;
            let voltage = match fed.forward() {
                true => self.voltages[fed.parent] / ratio(fed) - drop,
                false => (self.voltages[fed.parent] - drop) * ratio(fed),
            };
            let moved = (voltage - self.voltages[fed.bus]).length();
            // A step that is no number is the farthest, and stays it: no later one compares as farther.
            if moved > farthest.0 || moved.is_nan() {
                farthest = (moved, fed.bus);
            }
            self.voltages[fed.bus] = voltage;
        }
        farthest
    }

    /// The currents that the voltages of now would draw, summed from the ends of the tree towards the reference.
    fn backward(&mut self) {
        let mut drawn: Vec<Complex> = (0..self.voltages.len()).map(|bus| self.drawn(bus)).collect();
        for (place, fed) in self.tree.fed.iter().enumerate().rev() {
            let half = Complex::new(0.0, fed.joined.branch.b_pu / 2.0);
            let ratio = ratio(fed);
            let (parent, bus) = (self.voltages[fed.parent], self.voltages[fed.bus]);
            let (inner, from_parent) = if fed.forward() {
                let inner = drawn[fed.bus] + half * bus;
                (inner, (inner + half * (parent / ratio)) / ratio.conjugate())
            } else {
                let inner = drawn[fed.bus] * ratio.conjugate() + half * (bus / ratio);
                (inner, inner + half * parent)
            };
            self.currents[place] = (inner, from_parent);
            drawn[fed.parent] = drawn[fed.parent] + from_parent;
        }
        self.reference_current = drawn[self.resolved.reference];
    }

    /// The current of a bus's load and shunt at its voltage of now.
    fn drawn(&self, bus: usize) -> Complex {
        let base = self.resolved.network.base_va;
        let (power, reactive) = self.loads[bus];
        let voltage = self.voltages[bus];
        let shunt = &self.resolved.network.buses[bus];
        (Complex::new(power, reactive) / voltage).conjugate()
            + Complex::new(shunt.shunt_w / base, shunt.shunt_var / base) * voltage
    }

    fn flow(&mut self) -> FlowPu {
        // The currents of the voltages that were found.
        self.backward();
        let branch = |(fed, (inner, from_parent)): (&Fed<'_>, &(Complex, Complex))| {
            let entering = self.voltages[fed.parent] * from_parent.conjugate();
            (entering.re, entering.im, fed.joined.branch.r_pu * inner.squared())
        };
        let reference = self.voltages[self.resolved.reference] * self.reference_current.conjugate();
        FlowPu {
            voltages: self.voltages.iter().map(|voltage| voltage.length()).collect(),
            branches: self.tree.fed.iter().zip(&self.currents).map(branch).collect(),
            reference: (reference.re, reference.im),
        }
    }

    fn collapsed(&self, bus: usize, sweeps: usize) -> PowerFlow {
        PowerFlow::Collapsed { bus: self.resolved.bus_name(bus).to_owned(), sweeps }
    }
}

/// The ratio of the ideal transformer, with its shift.
fn ratio(fed: &Fed<'_>) -> Complex {
    Complex::polar(fed.joined.branch.tap, fed.joined.branch.shift_deg.to_radians())
}

fn impedance(fed: &Fed<'_>) -> Complex {
    Complex::new(fed.joined.branch.r_pu, fed.joined.branch.x_pu)
}

#[cfg(test)]
mod tests {
    use super::super::{Branch, Bus, Load};
    use super::*;

    /// The power that leaves each bus, by the admittance matrix of MATPOWER's manual (equations 3.2 to 3.5): another way to the same
    /// physics, with the ideal transformer at `from`.
    fn injections(resolved: &Resolved<'_>, voltages: &[Complex]) -> Vec<Complex> {
        let base = resolved.network.base_va;
        let mut currents: Vec<Complex> = resolved
            .network
            .buses
            .iter()
            .zip(voltages)
            .map(|(bus, voltage)| Complex::new(bus.shunt_w / base, bus.shunt_var / base) * *voltage)
            .collect();
        for joined in &resolved.branches {
            let branch = joined.branch;
            let series = Complex::new(1.0, 0.0) / Complex::new(branch.r_pu, branch.x_pu);
            let own = series + Complex::new(0.0, branch.b_pu / 2.0);
            let ratio = Complex::polar(branch.tap, branch.shift_deg.to_radians());
            let (from, to) = (voltages[joined.from], voltages[joined.to]);
            let squared = Complex::new(ratio.squared(), 0.0);
            currents[joined.from] = currents[joined.from] + own / squared * from - series / ratio.conjugate() * to;
            currents[joined.to] = currents[joined.to] + own * to - series / ratio * from;
        }
        voltages.iter().zip(currents).map(|(voltage, current)| *voltage * current.conjugate()).collect()
    }

    #[test]
    fn taps_shifts_charging_and_shunts_fit_the_admittance_matrix_from_either_side() {
        let mut shunted = Bus::new("c", 400.0);
        (shunted.shunt_w, shunted.shunt_var) = (1_000.0, 3_000.0);
        let charged = |mut branch: Branch| {
            branch.b_pu = 0.03;
            branch
        };
        let buses = [Bus::new("a", 20_000.0).reference(1.02), Bus::new("b", 400.0), shunted, Bus::new("d", 400.0)];
        let network = Network::new(100_000.0, buses)
            .branch(charged(Branch::new("down", "a", "b", 0.01, 0.04).tap(0.97, 30.0)))
            // Begins at the bus that it feeds: its transformer is on the far side.
            .branch(charged(Branch::new("back", "c", "b", 0.02, 0.03).tap(1.04, -10.0)))
            .branch(charged(Branch::new("line", "c", "d", 0.03, 0.02)))
            .load(Load::new("shop", "c", 20_000.0, 5_000.0))
            .load(Load::new("home", "d", 10_000.0, -2_000.0));
        let resolved = network.resolved().unwrap();
        let tree = resolved.tree().unwrap();
        let mut sweep = Sweep::new(&resolved, &tree);
        while sweep.once().0 > SETTLED_PU {}
        let injected = injections(&resolved, &sweep.voltages);
        for (bus, (power, reactive)) in resolved.net_loads_pu().iter().enumerate().skip(1) {
            let miss = injected[bus] + Complex::new(*power, *reactive);
            assert!(miss.length() < 1e-10, "{}: {miss:?}", resolved.bus_name(bus));
        }
        let outcome = network.power_flow().unwrap();
        let flow = outcome.flow().unwrap();
        assert!((flow.reference_w / 100_000.0 - injected[0].re).abs() < 1e-10, "{}", flow.reference_w);
        assert!((flow.reference_var / 100_000.0 - injected[0].im).abs() < 1e-10, "{}", flow.reference_var);
        // What the reference gives is drawn, burnt in the shunt or lost.
        let shunt = 1_000.0 * flow.buses[2].voltage_pu.powi(2);
        assert!((flow.reference_w - 30_000.0 - shunt - flow.losses_w).abs() < 1e-5, "{}", flow.losses_w);
    }
}
