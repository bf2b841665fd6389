//! Dispatch of a radial network within its voltage limits: generators, curtailable PV and loads that may be shed at the least cost,
//! with voltages and flows by LinDistFlow, which makes every limit linear.

use std::f64::consts::{PI, TAU};

use serde::Serialize;

use super::super::Engine;
use super::super::program::linear::{Column, Row};
use super::conflict::{NetworkInfeasible, explain};
use super::limits::{BindingLimit, Counts, Dispatched, LimitedProgram};
use super::lindistflow::fixed_at_nominal;
use super::radial::{BranchFlow, BusVoltage, Fed, Tree};
use super::resolved::Resolved;
use super::sources::{Feeding, GeneratorPower, ShedLoad};
use super::{Generator, Network};
use crate::error::{Error, ErrorKind, Result};

/// Sides of the polygon within the circle of a branch's rating: 1 - cos(pi / 32) keeps it at most 0.5 % inside.
const RATING_SIDES: u32 = 32;

/// What a kvarh costs, so that reactive power is given for a reason only; far below any price of energy.
const REACTIVE_PER_KVARH: f64 = 1e-6;

/// What became of a dispatch within voltage limits.
///
/// In JSON, `status` is `optimal` or `infeasible`, beside the fields of either.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status")]
pub enum VoltageOutcome {
    /// A dispatch, checked against the network.
    #[serde(rename = "optimal")]
    Dispatch(Box<VoltageDispatch>),
    /// No dispatch keeps all limits.
    #[serde(rename = "infeasible")]
    Infeasible(Box<NetworkInfeasible>),
}

impl VoltageOutcome {
    /// The dispatch, where there is one.
    #[must_use]
    pub fn dispatch(&self) -> Option<&VoltageDispatch> {
        match self {
            Self::Dispatch(dispatch) => Some(dispatch),
            Self::Infeasible(_) => None,
        }
    }
}

/// The cheapest dispatch of a radial network within its voltage limits and ratings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VoltageDispatch {
    /// What an hour of it costs.
    pub cost_per_h: f64,
    /// No dispatch can cost less, as the prices alone prove (weak duality).
    pub bound_per_h: f64,
    /// What every generator in service gives.
    pub generators: Vec<GeneratorPower>,
    /// The reactive power that it gives, in var, in the order of `generators`.
    pub reactive_var: Vec<f64>,
    /// Loads that are shed.
    pub shed: Vec<ShedLoad>,
    /// The voltage at every bus, by LinDistFlow.
    pub voltages: Vec<BusVoltage>,
    /// What another kWh drawn at every bus would cost, in the order of `voltages`.
    pub prices_per_kwh: Vec<f64>,
    /// What every branch in service carries, by LinDistFlow, with an estimate of what is lost in it.
    pub branches: Vec<BranchFlow>,
    /// The limits that bind.
    pub binding: Vec<BindingLimit>,
    /// What solved it.
    pub engine: Engine,
}

impl Network {
    /// The cheapest dispatch of a radial network that keeps every voltage within the limits of its bus and every branch within its
    /// rating, by LinDistFlow. Generators choose their power and reactive power within their limits; a load that may be shed is shed
    /// at its power factor. The reference holds its voltage, and gives only what generators on it give.
    ///
    /// # Errors
    /// Invalid as [`check`](Self::check) says, or where a branch closes a loop; unsupported where no solver is built in.
    pub fn voltage_opf(&self, engine: Option<Engine>) -> Result<VoltageOutcome> {
        let resolved = self.resolved()?;
        let tree = resolved.tree()?;
        let program = VoltageProgram::new(&resolved, &tree, LimitedProgram::default());
        match program.limited.solve(engine)? {
            Some(dispatched) => program.told(&dispatched).map(|dispatch| VoltageOutcome::Dispatch(Box::new(dispatch))),
            None => {
                let relaxed = VoltageProgram::new(&resolved, &tree, LimitedProgram::relaxed());
                explain(&relaxed.limited, engine).map(|why| VoltageOutcome::Infeasible(Box::new(why)))
            }
        }
    }
}

/// The network as a program, per unit; voltages as their squares.
struct VoltageProgram<'a> {
    resolved: &'a Resolved<'a>,
    tree: &'a Tree<'a>,
    limited: LimitedProgram,
    feeding: Feeding,
    /// Reactive power of the generators that have any: given and taken.
    reactive: Vec<Option<(Column, Column)>>,
    squares: Vec<Column>,
    /// Power and reactive power into each branch of the tree.
    flows: Vec<(Column, Column)>,
    balances: Vec<Row>,
}

impl<'a> VoltageProgram<'a> {
    fn new(resolved: &'a Resolved<'a>, tree: &'a Tree<'a>, mut limited: LimitedProgram) -> Self {
        let feeding = Feeding::new(resolved, &mut limited);
        let reactive = reactive(resolved, &mut limited);
        let any = f64::NEG_INFINITY..=f64::INFINITY;
        let flow = |_: &Fed<'_>| (limited.column(0.0, any.clone()), limited.column(0.0, any.clone()));
        let flows = tree.fed.iter().map(flow).collect();
        let squares = squares(resolved, &mut limited);
        let mut program = Self { resolved, tree, limited, feeding, reactive, squares, flows, balances: Vec::new() };
        program.balance();
        program.drop_voltages();
        program.limit_branches();
        program
    }

    /// At every bus, what comes in is what is drawn and what goes on: power and reactive power.
    fn balance(&mut self) {
        let drawn = fixed_at_nominal(self.resolved);
        let mut power: Vec<Vec<(Column, f64)>> = vec![Vec::new(); drawn.len()];
        let mut reactive = power.clone();
        for (fed, (real, imaginary)) in self.tree.fed.iter().zip(&self.flows) {
            power[fed.bus].push((*real, 1.0));
            power[fed.parent].push((*real, -1.0));
            reactive[fed.bus].push((*imaginary, 1.0));
            reactive[fed.parent].push((*imaginary, -1.0));
        }
        for (column, bus) in self.feeding.powers() {
            power[bus].push((column, 1.0));
        }
        for ((_, bus), columns) in self.resolved.generators.iter().zip(&self.reactive) {
            reactive[*bus].extend(columns.iter().flat_map(|(given, taken)| [(*given, 1.0), (*taken, -1.0)]));
        }
        for (load, column) in self.resolved.network.loads.iter().zip(self.feeding.shed_columns()) {
            if let Some((column, bus)) = column.filter(|_| load.power_w > 0.0) {
                reactive[bus].push((column, load.reactive_var / load.power_w));
            }
        }
        for (bus, (power, reactive)) in power.into_iter().zip(reactive).enumerate() {
            self.balances.push(self.limited.program.equal(drawn[bus].0, power));
            self.limited.program.equal(drawn[bus].1, reactive);
        }
    }

    /// Over every branch the square of the voltage falls by `2 (r P + x Q)`.
    fn drop_voltages(&mut self) {
        for (fed, (real, imaginary)) in self.tree.fed.iter().zip(&self.flows) {
            let branch = fed.joined.branch;
            let (before, behind) = fed.ratios();
            let terms = [
                (self.squares[fed.bus], 1.0 / behind),
                (self.squares[fed.parent], -before),
                (*real, 2.0 * branch.r_pu),
                (*imaginary, 2.0 * branch.x_pu),
            ];
            self.limited.program.equal(0.0, terms);
        }
    }

    /// Every rating as a polygon within its circle.
    fn limit_branches(&mut self) {
        let base = self.resolved.network.base_va;
        for (fed, (real, imaginary)) in self.tree.fed.iter().zip(&self.flows) {
            let branch = fed.joined.branch;
            let Some(rating) = branch.rating_va else { continue };
            let inside = (PI / f64::from(RATING_SIDES)).cos();
            let within = rating / base * inside;
            // A side and the one across are one row.
            for side in 0..RATING_SIDES / 2 {
                let (sine, cosine) = (TAU * f64::from(side) / f64::from(RATING_SIDES)).sin_cos();
                let terms = vec![(*real, cosine), (*imaginary, sine)];
                let fields = ("rating_va", "rating_va");
                self.limited.limit(&branch.name, fields, Counts::Power(base / inside), -within..=within, terms);
            }
        }
    }

    fn told(&self, dispatched: &Dispatched) -> Result<VoltageDispatch> {
        let base = self.resolved.network.base_va;
        let values = &dispatched.values;
        let miss = self.limited.program.largest_miss(values);
        if miss > 1e-6 {
            let message = format!("a dispatch by {} misses a limit by {miss} per unit", dispatched.engine.name());
            return Err(Error::new(ErrorKind::Internal, message));
        }
        let voltages: Vec<f64> = self.squares.iter().map(|square| values[square.0].max(0.0).sqrt()).collect();
        let reactive = |columns: &Option<(Column, Column)>| {
            columns.map_or(0.0, |(given, taken)| (values[given.0] - values[taken.0]) * base)
        };
        Ok(VoltageDispatch {
            cost_per_h: self.feeding.cost_per_h(self.resolved, values),
            bound_per_h: dispatched.bound,
            generators: self.feeding.generators(self.resolved, values),
            reactive_var: self.reactive.iter().map(reactive).collect(),
            shed: self.feeding.shed(self.resolved, values).into_iter().filter(|load| load.shed_w > 1e-6 * base).collect(),
            voltages: self.resolved.voltages(&voltages),
            prices_per_kwh: self.balances.iter().map(|row| dispatched.prices[row.0] * 1000.0 / base).collect(),
            branches: self.resolved.flows(self.tree, &self.flows_pu(values)),
            binding: self.limited.binding(&dispatched.prices),
            engine: dispatched.engine,
        })
    }

    /// What the branches of the tree carry: power, reactive power, and the loss that these would have.
    fn flows_pu(&self, values: &[f64]) -> Vec<(f64, f64, f64)> {
        let flow = |(fed, (real, imaginary)): (&Fed<'_>, &(Column, Column))| {
            let (power, reactive) = (values[real.0], values[imaginary.0]);
            let inner = values[self.squares[fed.parent].0] * fed.ratios().0;
            (power, reactive, fed.joined.branch.r_pu * (power * power + reactive * reactive) / inner)
        };
        self.tree.fed.iter().zip(&self.flows).map(flow).collect()
    }
}

/// The columns of reactive power of every generator: what it gives and what it takes, so that either costs a little.
fn reactive(resolved: &Resolved<'_>, limited: &mut LimitedProgram) -> Vec<Option<(Column, Column)>> {
    let base = resolved.network.base_va;
    let columns = |(generator, _): &(&Generator, usize)| {
        if generator.min_var == 0.0 && generator.max_var == 0.0 {
            return None;
        }
        let cost = REACTIVE_PER_KVARH * base / 1000.0;
        let far = limited.far(generator.min_var, generator.max_var, base);
        let (given, taken) = (limited.column(cost, 0.0..=far), limited.column(cost, 0.0..=far));
        let range = generator.min_var / base..=generator.max_var / base;
        let terms = vec![(given, 1.0), (taken, -1.0)];
        limited.limit(&generator.name, ("min_var", "max_var"), Counts::Power(base), range, terms);
        Some((given, taken))
    };
    resolved.generators.iter().map(columns).collect()
}

/// The squares of the voltages with their limits; the reference holds its own.
fn squares(resolved: &Resolved<'_>, limited: &mut LimitedProgram) -> Vec<Column> {
    let square = |(place, bus): (usize, &super::Bus)| {
        let held = bus.voltage_pu * bus.voltage_pu;
        if place == resolved.reference {
            return limited.column(0.0, held..=held);
        }
        let column = limited.column(0.0, f64::NEG_INFINITY..=f64::INFINITY);
        let range = bus.min_pu * bus.min_pu..=bus.max_pu * bus.max_pu;
        limited.limit(&bus.name, ("min_pu", "max_pu"), Counts::SquaredVoltage, range, vec![(column, 1.0)]);
        column
    };
    resolved.network.buses.iter().enumerate().map(square).collect()
}
