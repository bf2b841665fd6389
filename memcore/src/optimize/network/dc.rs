//! DC optimal power flow: generators at the least cost, where the flow of a branch is its susceptance times the difference of the
//! angles at its ends, lines have ratings, and nothing is lost.

use serde::{Deserialize, Serialize};

use super::super::Engine;
use super::super::program::linear::{Column, Row};
use super::Network;
use super::conflict::{NetworkInfeasible, explain};
use super::limits::{BindingLimit, Counts, Dispatched, LimitedProgram};
use super::resolved::{Joined, Resolved};
use super::sources::{Feeding, GeneratorPower, ShedLoad};
use crate::error::{Error, ErrorKind, Result};

/// The susceptance of a branch in the DC approximation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Susceptance {
    /// `x / (r^2 + x^2)`, and taps are left out: the model of PowerModels' `DCPPowerModel` and of PGLib's published optima. Phase
    /// shifts count here too.
    #[default]
    Series,
    /// `1 / (x * tap)`: the model of MATPOWER's `makeBdc`. Resistance is left out.
    Reactance,
}

/// How a DC optimal power flow is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DcOptions {
    /// What the susceptance of a branch is.
    pub susceptance: Susceptance,
    /// The solver; unless told, HiGHS or microlp for linear costs and Clarabel for quadratic ones.
    pub engine: Option<Engine>,
}

/// What became of a DC optimal power flow.
///
/// In JSON, `status` is `optimal` or `infeasible`, beside the fields of either.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status")]
pub enum DcOutcome {
    /// A dispatch, checked against the network.
    #[serde(rename = "optimal")]
    Dispatch(Box<DcDispatch>),
    /// No dispatch keeps all limits.
    #[serde(rename = "infeasible")]
    Infeasible(Box<NetworkInfeasible>),
}

impl DcOutcome {
    /// The dispatch, where there is one.
    #[must_use]
    pub fn dispatch(&self) -> Option<&DcDispatch> {
        match self {
            Self::Dispatch(dispatch) => Some(dispatch),
            Self::Infeasible(_) => None,
        }
    }
}

/// The cheapest dispatch within the ratings of the branches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DcDispatch {
    /// What an hour of it costs.
    pub cost_per_h: f64,
    /// No dispatch can cost less, as the prices alone prove (weak duality).
    pub bound_per_h: f64,
    /// What every generator in service gives.
    pub generators: Vec<GeneratorPower>,
    /// Loads that are shed.
    pub shed: Vec<ShedLoad>,
    /// The angle and the price at every bus.
    pub buses: Vec<NodalPrice>,
    /// What every branch in service carries.
    pub branches: Vec<DcFlow>,
    /// The limits that bind.
    pub binding: Vec<BindingLimit>,
    /// The largest miss of any balance or limit, in W, recomputed from the network alone.
    pub largest_residual_w: f64,
    /// What solved it.
    pub engine: Engine,
}

/// A bus in a DC optimal power flow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodalPrice {
    /// The bus.
    pub bus: String,
    /// Its angle, in degrees; zero at the reference.
    pub angle_deg: f64,
    /// What another kWh drawn there would cost: the locational marginal price.
    pub price_per_kwh: f64,
}

/// A branch in a DC optimal power flow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DcFlow {
    /// The branch.
    pub branch: String,
    /// What it carries from `from` to `to`, in W; below zero the other way.
    pub power_w: f64,
    /// The share of its rating; None where it has none.
    pub loading: Option<f64>,
}

impl Network {
    /// The cheapest dispatch of the generators within the ratings and angle limits of the branches, by the DC approximation, with the
    /// price at every bus.
    ///
    /// # Errors
    /// Invalid as [`check`](Self::check) says, or where a branch has no reactance; unsupported where no solver is built in.
    pub fn dc_opf(&self, options: &DcOptions) -> Result<DcOutcome> {
        let resolved = self.resolved()?;
        let flow = DcProgram::new(&resolved, options, LimitedProgram::default())?;
        match flow.limited.solve(options.engine)? {
            Some(dispatched) => flow.told(&dispatched).map(|dispatch| DcOutcome::Dispatch(Box::new(dispatch))),
            None => {
                let relaxed = DcProgram::new(&resolved, options, LimitedProgram::relaxed())?;
                explain(&relaxed.limited, options.engine).map(|why| DcOutcome::Infeasible(Box::new(why)))
            }
        }
    }
}

/// The network as a program, in per unit of power and radians.
struct DcProgram<'a> {
    resolved: &'a Resolved<'a>,
    limited: LimitedProgram,
    angles: Vec<Column>,
    feeding: Feeding,
    balances: Vec<Row>,
    susceptances: Vec<f64>,
}

impl<'a> DcProgram<'a> {
    fn new(resolved: &'a Resolved<'a>, options: &DcOptions, mut limited: LimitedProgram) -> Result<Self> {
        let susceptance = |joined: &Joined<'_>| susceptance(joined, options.susceptance);
        let susceptances: Vec<f64> = resolved.branches.iter().map(susceptance).collect::<Result<_>>()?;
        // Behind limits that give there must be no other ones.
        let spread = if limited.is_relaxed() { f64::INFINITY } else { spread(resolved, &susceptances) };
        let angles: Vec<Column> = (0..resolved.network.buses.len())
            .map(|bus| limited.column(0.0, if bus == resolved.reference { 0.0..=0.0 } else { -spread..=spread }))
            .collect();
        let feeding = Feeding::new(resolved, &mut limited);
        let mut flow = Self { resolved, limited, angles, feeding, balances: Vec::new(), susceptances };
        flow.balance();
        flow.limit_branches();
        Ok(flow)
    }

    /// At every bus: what is fed in, less what leaves over branches, is what is drawn.
    fn balance(&mut self) {
        let drawn = self.resolved.drawn_pu();
        let mut terms: Vec<Vec<(Column, f64)>> = vec![Vec::new(); drawn.len()];
        let mut shifted = vec![0.0; drawn.len()];
        for (joined, susceptance) in self.resolved.branches.iter().zip(&self.susceptances) {
            let (from, to) = (self.angles[joined.from], self.angles[joined.to]);
            let shift = susceptance * joined.branch.shift_deg.to_radians();
            terms[joined.from].extend([(from, -susceptance), (to, *susceptance)]);
            terms[joined.to].extend([(from, *susceptance), (to, -susceptance)]);
            shifted[joined.from] -= shift;
            shifted[joined.to] += shift;
        }
        for (column, bus) in self.feeding.powers() {
            terms[bus].push((column, 1.0));
        }
        for (bus, terms) in terms.into_iter().enumerate() {
            self.balances.push(self.limited.program.equal(drawn[bus].0 + shifted[bus], terms));
        }
    }

    fn limit_branches(&mut self) {
        let base = self.resolved.network.base_va;
        for (joined, susceptance) in self.resolved.branches.iter().zip(&self.susceptances) {
            let branch = joined.branch;
            let (from, to) = (self.angles[joined.from], self.angles[joined.to]);
            if let Some(rating) = branch.rating_va {
                let (rating, shift) = (rating / base, susceptance * branch.shift_deg.to_radians());
                let range = shift - rating..=shift + rating;
                let terms = vec![(from, *susceptance), (to, -susceptance)];
                self.limited.limit(&branch.name, ("rating_va", "rating_va"), Counts::Power(base), range, terms);
            }
            if branch.min_angle_deg.is_some() || branch.max_angle_deg.is_some() {
                let range = angle_range(joined);
                let fields = ("min_angle_deg", "max_angle_deg");
                self.limited.limit(&branch.name, fields, Counts::Angle, range, vec![(from, 1.0), (to, -1.0)]);
            }
        }
    }

    /// The dispatch in the words of the network, checked against it.
    fn told(&self, dispatched: &Dispatched) -> Result<DcDispatch> {
        let network = self.resolved.network;
        let base = network.base_va;
        let angle = |bus: usize| dispatched.values[self.angles[bus].0];
        let flow_w = |(joined, susceptance): (&Joined<'_>, &f64)| {
            susceptance * (angle(joined.from) - angle(joined.to) - joined.branch.shift_deg.to_radians()) * base
        };
        let flows: Vec<f64> = self.resolved.branches.iter().zip(&self.susceptances).map(flow_w).collect();
        let generators = self.feeding.generators(self.resolved, &dispatched.values);
        let shed = self.feeding.shed(self.resolved, &dispatched.values);
        let largest_residual_w = residual_w(self.resolved, &generators, &shed, &flows);
        if largest_residual_w > 1e-6 * base {
            let message = format!("a dispatch by {} misses a limit by {largest_residual_w} W", dispatched.engine.name());
            return Err(Error::new(ErrorKind::Internal, message));
        }
        let price = |bus: usize| NodalPrice {
            bus: self.resolved.bus_name(bus).to_owned(),
            angle_deg: angle(bus).to_degrees(),
            price_per_kwh: dispatched.prices[self.balances[bus].0] * 1000.0 / base,
        };
        let told = |(joined, power_w): (&Joined<'_>, &f64)| DcFlow {
            branch: joined.branch.name.clone(),
            power_w: *power_w,
            loading: joined.branch.rating_va.map(|rating| power_w.abs() / rating),
        };
        Ok(DcDispatch {
            cost_per_h: self.feeding.cost_per_h(self.resolved, &dispatched.values),
            bound_per_h: dispatched.bound,
            generators,
            shed: shed.into_iter().filter(|load| load.shed_w > 1e-6 * base).collect(),
            buses: (0..network.buses.len()).map(price).collect(),
            branches: self.resolved.branches.iter().zip(&flows).map(told).collect(),
            binding: self.limited.binding(&dispatched.prices),
            largest_residual_w,
            engine: dispatched.engine,
        })
    }
}

fn susceptance(joined: &Joined<'_>, model: Susceptance) -> Result<f64> {
    let branch = joined.branch;
    let (r, x) = (branch.r_pu, branch.x_pu);
    if x == 0.0 {
        let message = format!("branch {}.x_pu is 0, expected a reactance: a DC flow follows it", branch.name);
        return Err(Error::invalid(message));
    }
    Ok(match model {
        Susceptance::Series => x / (r * r + x * x),
        Susceptance::Reactance => 1.0 / (x * branch.tap),
    })
}

fn angle_range(joined: &Joined<'_>) -> std::ops::RangeInclusive<f64> {
    let radians = |limit: Option<f64>, otherwise: f64| limit.map_or(otherwise, f64::to_radians);
    radians(joined.branch.min_angle_deg, f64::NEG_INFINITY)..=radians(joined.branch.max_angle_deg, f64::INFINITY)
}

/// Farther than any angle can be from the reference, where every branch limits the angle over it: so far that it never binds in place
/// of a branch, but it lets prices that are only nearly right still prove a bound.
fn spread(resolved: &Resolved<'_>, susceptances: &[f64]) -> f64 {
    let over = |(joined, susceptance): (&Joined<'_>, &f64)| {
        let by_rating = joined.branch.rating_va.map_or(f64::INFINITY, |rating| {
            rating / resolved.network.base_va / susceptance.abs() + joined.branch.shift_deg.to_radians().abs()
        });
        let range = angle_range(joined);
        by_rating.min(range.start().abs().max(range.end().abs()))
    };
    1.0 + 10.0 * resolved.branches.iter().zip(susceptances).map(over).sum::<f64>()
}

/// The largest miss of a balance, a rating or a generator's limits.
fn residual_w(resolved: &Resolved<'_>, generators: &[GeneratorPower], shed: &[ShedLoad], flows: &[f64]) -> f64 {
    let base = resolved.network.base_va;
    let mut left: Vec<f64> = resolved.drawn_pu().iter().map(|(power, _)| -power * base).collect();
    let mut worst = 0.0_f64;
    for ((generator, bus), given) in resolved.generators.iter().zip(generators) {
        left[*bus] += given.power_w;
        worst = worst.max(generator.min_w - given.power_w).max(given.power_w - generator.max_w);
    }
    for ((load, bus), shed) in resolved.network.loads.iter().zip(&resolved.load_buses).zip(shed) {
        left[*bus] += shed.shed_w;
        worst = worst.max(-shed.shed_w).max(shed.shed_w - load.power_w.max(0.0));
    }
    for (joined, flow) in resolved.branches.iter().zip(flows) {
        left[joined.from] -= flow;
        left[joined.to] += flow;
        worst = worst.max(flow.abs() - joined.branch.rating_va.unwrap_or(f64::INFINITY));
    }
    left.iter().fold(worst, |worst, left| worst.max(left.abs()))
}
