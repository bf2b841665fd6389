//! `memcore network`.

use std::path::PathBuf;

use clap::Args;

use super::format::{self, number};
use crate::error::{Error, Result};
use crate::runtime::{
    BindingLimit, Branch, BranchFlow, DcDispatch, DcOptions, DcOutcome, Network, NetworkAnswer, NetworkInfeasible,
    NetworkQuestion, PowerFlow, RadialFlow, ShedLoad, VoltageDispatch, VoltageOutcome, read_network,
};

/// What there is to know.
const ABOUT: &str = "Files are MATPOWER cases (version 2), networks that pandapower wrote as JSON, and networks as JSON of \
memcore's own: docs/optimization.md. Exit code 0 where there is an answer, 3 where limits conflict (which, and what would mend it, \
is said) or where the network collapses under its load, 1 where the file or an option makes no sense.";

/// Dispatch, voltages and flows of a network with lines of its own
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(super) struct NetworkCommand {
    /// The network
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    question: Question,
    /// What conducts in --dc-opf: series (as PGLib publishes its optima) or reactance (as MATPOWER has it); series by default
    #[arg(long, value_name = "NAME", conflicts_with_all = ["lindistflow", "power_flow", "voltage_opf"])]
    susceptance: Option<String>,
    /// Solve by this engine: highs microlp clarabel; the fittest one by default
    #[arg(long, value_name = "NAME", conflicts_with_all = ["lindistflow", "power_flow"])]
    engine: Option<String>,
    /// One JSON object in place of text
    #[arg(long)]
    json: bool,
}

/// What is asked.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Question {
    /// The cheapest dispatch within the ratings of lines, with a price at every bus, by the DC approximation: the default
    #[arg(long)]
    dc_opf: bool,
    /// Voltages, flows and losses of a radial network, by linear equations
    #[arg(long)]
    lindistflow: bool,
    /// Voltages, flows and losses of a radial network, exactly
    #[arg(long)]
    power_flow: bool,
    /// The cheapest dispatch of a radial network within its voltage limits
    #[arg(long)]
    voltage_opf: bool,
}

impl NetworkCommand {
    pub(super) fn run(&self) -> Result<u8> {
        let question = self.question()?;
        let network = read_network(&self.file)?;
        let answer = network.answer(&question).map_err(|e| e.context(self.file.display()))?;
        if self.json {
            format::print(&format::json(&answer)?)?;
        } else {
            format::print(&shown(&network, &answer))?;
        }
        Ok(match answer {
            NetworkAnswer::DcOpf(DcOutcome::Infeasible(_))
            | NetworkAnswer::VoltageOpf(VoltageOutcome::Infeasible(_))
            | NetworkAnswer::PowerFlow(PowerFlow::Collapsed { .. }) => 3,
            _ => 0,
        })
    }

    fn question(&self) -> Result<NetworkQuestion> {
        let engine = named("--engine", self.engine.as_deref(), "highs, microlp or clarabel")?;
        Ok(match self.question {
            Question { lindistflow: true, .. } => NetworkQuestion::Lindistflow {},
            Question { power_flow: true, .. } => NetworkQuestion::PowerFlow {},
            Question { voltage_opf: true, .. } => NetworkQuestion::VoltageOpf { engine },
            _ => {
                let susceptance = named("--susceptance", self.susceptance.as_deref(), "series or reactance")?;
                NetworkQuestion::DcOpf(DcOptions { susceptance: susceptance.unwrap_or_default(), engine })
            }
        })
    }
}

/// A value by its name, as JSON has it.
fn named<T: serde::de::DeserializeOwned>(flag: &str, name: Option<&str>, expected: &str) -> Result<Option<T>> {
    let read = |name: &str| {
        serde_json::from_value(name.into()).map_err(|_| Error::invalid(format!("{flag} is {name:?}, expected {expected}")))
    };
    name.map(read).transpose()
}

fn shown(network: &Network, answer: &NetworkAnswer) -> String {
    match answer {
        NetworkAnswer::DcOpf(DcOutcome::Dispatch(dispatch)) => dc_dispatch(network, dispatch),
        NetworkAnswer::VoltageOpf(VoltageOutcome::Dispatch(dispatch)) => voltage_dispatch(network, dispatch),
        NetworkAnswer::DcOpf(DcOutcome::Infeasible(why)) | NetworkAnswer::VoltageOpf(VoltageOutcome::Infeasible(why)) => {
            infeasible(why)
        }
        NetworkAnswer::Lindistflow(flow) => radial_flow(network, flow),
        NetworkAnswer::PowerFlow(PowerFlow::Flow(flow)) => radial_flow(network, flow),
        NetworkAnswer::PowerFlow(PowerFlow::Collapsed { bus, sweeps }) => {
            format!(
                "the network collapses under its load: after {sweeps} sweeps no voltage fits, least of all at bus {bus}"
            )
        }
    }
}

fn dc_dispatch(network: &Network, dispatch: &DcDispatch) -> String {
    let generators = dispatch.generators.iter();
    let generators = generators.map(|given| [given.generator.clone(), kilo(given.power_w), number(given.cost_per_h)]);
    let buses = dispatch.buses.iter();
    let buses = buses.map(|at| [at.bus.clone(), number(at.price_per_kwh), number(at.angle_deg)]);
    let branches = dispatch.branches.iter().zip(in_service(network)).map(|(flow, branch)| {
        let loading = flow.loading.map_or_else(String::new, |share| format!("{:.1}", share * 100.0));
        [flow.branch.clone(), branch.from.clone(), branch.to.clone(), kilo(flow.power_w), loading]
    });
    [
        cost(dispatch.cost_per_h, dispatch.bound_per_h, dispatch.engine.name()),
        table(&["generator", "kW", "cost per h"], 1, generators),
        table(&["bus", "price per kWh", "angle, deg"], 1, buses),
        table(&["branch", "from", "to", "kW", "of rating, %"], 3, branches),
        limits(&dispatch.shed, &dispatch.binding),
    ]
    .join("\n\n")
}

fn voltage_dispatch(network: &Network, dispatch: &VoltageDispatch) -> String {
    let generators = dispatch.generators.iter().zip(&dispatch.reactive_var);
    let generators = generators
        .map(|(given, reactive)| [given.generator.clone(), kilo(given.power_w), kilo(*reactive), number(given.cost_per_h)]);
    let buses = dispatch.voltages.iter().zip(&dispatch.prices_per_kwh);
    let buses = buses.map(|(at, price)| [at.bus.clone(), format!("{:.6}", at.voltage_pu), number(*price)]);
    [
        cost(dispatch.cost_per_h, dispatch.bound_per_h, dispatch.engine.name()),
        table(&["generator", "kW", "kvar", "cost per h"], 1, generators),
        table(&["bus", "voltage, pu", "price per kWh"], 1, buses),
        flows(network, &dispatch.branches),
        limits(&dispatch.shed, &dispatch.binding),
    ]
    .join("\n\n")
}

fn radial_flow(network: &Network, flow: &RadialFlow) -> String {
    let buses = flow.buses.iter().map(|at| [at.bus.clone(), format!("{:.6}", at.voltage_pu)]);
    let summary = format!(
        "lowest voltage {:.6} at bus {}; the reference gives {} kW and {} kvar, of which {} kW are lost",
        flow.lowest.voltage_pu,
        flow.lowest.bus,
        kilo(flow.reference_w),
        kilo(flow.reference_var),
        kilo(flow.losses_w)
    );
    [summary, table(&["bus", "voltage, pu"], 1, buses), flows(network, &flow.branches)].join("\n\n")
}

fn infeasible(why: &NetworkInfeasible) -> String {
    let conflict = why.conflict.iter().map(|limit| [format!("{}.{}", limit.part, limit.limit)]);
    let gives = why.relaxations.iter().map(|relaxation| {
        let amount = if relaxation.unit == "W" { kilo(relaxation.amount) } else { number(relaxation.amount) };
        let unit = if relaxation.unit == "W" { "kW" } else { relaxation.unit };
        [format!("{}.{}", relaxation.part, relaxation.limit), amount, unit.to_owned()]
    });
    [why.text.clone(), table(&["conflict"], 1, conflict), table(&["must give", "by", ""], 1, gives)].join("\n\n")
}

fn cost(cost_per_h: f64, bound_per_h: f64, engine: &str) -> String {
    format!("optimal: {cost_per_h:.4} per hour (none can cost less than {bound_per_h:.4}), by {engine}")
}

/// What branches of a radial network carry: power from the side of the reference.
fn flows(network: &Network, flows: &[BranchFlow]) -> String {
    let rows = flows.iter().zip(in_service(network)).map(|(flow, branch)| {
        let [power, reactive, loss] = [flow.power_w, flow.reactive_var, flow.loss_w].map(kilo);
        [flow.branch.clone(), branch.from.clone(), branch.to.clone(), power, reactive, loss]
    });
    table(&["branch", "from", "to", "kW", "kvar", "loss, kW"], 3, rows)
}

/// What is shed, and which limits bind.
fn limits(shed: &[ShedLoad], binding: &[BindingLimit]) -> String {
    let shed = shed.iter().map(|load| format!("not served: {} kW of {}\n", kilo(load.shed_w), load.load));
    let shed: String = shed.collect();
    if binding.is_empty() {
        return shed + "no limit binds";
    }
    let binding = binding.iter().map(|limit| [format!("{}.{}", limit.part, limit.limit), number(limit.worth_per_h)]);
    shed + &table(&["limit that binds", "worth per h"], 1, binding)
}

/// The branches that answers tell of, in their order.
fn in_service(network: &Network) -> impl Iterator<Item = &Branch> {
    network.branches.iter().filter(|branch| branch.in_service)
}

/// A table whose columns from `numbers` on are numbers.
fn table<const COLUMNS: usize>(
    header: &[&str; COLUMNS],
    numbers: usize,
    rows: impl Iterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = format::table(header);
    format::right(&mut table, &(numbers..COLUMNS).collect::<Vec<_>>());
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// Thousands of W or var, without the noise of solvers.
fn kilo(value: f64) -> String {
    number((value * 10.0).round() / 10_000.0)
}
