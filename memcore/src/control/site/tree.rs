//! A site as a tree for people: circuits with what is on them, what is controlled, and what a plan makes of it.

use super::{Asset, Circuit, Heat, Role, SetpointUnit, SiteModel};
use crate::control::StrategyConfig;

impl SiteModel {
    /// The site as a tree, a line for each circuit and asset. It need not have been checked: what is on no circuit that is there stands
    /// at the top.
    #[must_use]
    pub fn tree(&self) -> String {
        let mut lines = vec![self.head()];
        self.branches(None, &mut Vec::new(), &mut lines);
        let externals = self.externals.iter().map(|external| {
            let members =
                if external.members.is_empty() { "the grid connection".to_owned() } else { listed(&external.members) };
            let limit = external.limit_w.map_or("what its signal says".to_owned(), power);
            let (name, failsafe) = (&external.name, power(external.failsafe_w));
            format!("limit {name}: {limit} for {members}, {failsafe} while {} is silent", external.signal)
        });
        lines.extend(externals);
        lines.extend(self.groups.iter().map(|group| format!("group {}: {}", group.name, listed(&group.members))));
        if let Some(planning) = &self.planning {
            let (every, ahead, step) = (planning.every, planning.ahead, planning.step);
            lines.push(format!("planned every {every}, {ahead} ahead in steps of {step}"));
        }
        let mut strategies: Vec<&StrategyConfig> = self.strategies.iter().collect();
        strategies.sort_by_key(|strategy| std::cmp::Reverse(strategy.priority()));
        let named = |strategy: &&StrategyConfig| format!("{} ({})", strategy.name(), strategy.priority().get());
        if !strategies.is_empty() {
            lines.push(format!("strategies: {}", strategies.iter().map(named).collect::<Vec<_>>().join(", ")));
        }
        lines.join("\n")
    }

    fn head(&self) -> String {
        let (site, zone, currency, tick, lease) = (&self.site, &self.zone, self.currency, self.tick, self.lease);
        format!("{site}: {zone}, {currency}, decided every {tick}, commands hold for {lease}")
    }

    /// Whatever is on a circuit, or at the top. `open` says of each level above whether more follows there.
    fn branches(&self, circuit: Option<usize>, open: &mut Vec<bool>, lines: &mut Vec<String>) {
        let known = |name: &crate::model::Name| self.circuits.iter().position(|circuit| circuit.name == *name);
        let mut tops =
            self.circuits.iter().enumerate().filter(|(_, circuit)| circuit.within.as_ref().and_then(known).is_none());
        let only_top = tops.next().filter(|_| tops.next().is_none()).map(|(place, _)| place);
        let on = |asset: &&Asset| asset.circuit.as_ref().map_or(only_top, known) == circuit;
        let assets: Vec<_> = self.assets.iter().filter(on).collect();
        let within = |(place, inner): &(usize, &Circuit)| {
            // What goes in a circle is drawn nowhere.
            inner.within.as_ref().and_then(known) == circuit && Some(*place) != circuit && open.len() < self.circuits.len()
        };
        let inner: Vec<_> = self.circuits.iter().enumerate().filter(within).collect();
        let count = assets.len() + inner.len();
        for (at, asset) in assets.iter().enumerate() {
            lines.push(format!("{}{}", indent(open, at + 1 == count), self.asset_line(asset)));
        }
        for (at, (place, circuit)) in inner.into_iter().enumerate() {
            let last = assets.len() + at + 1 == count;
            lines.push(format!("{}{}", indent(open, last), circuit_line(circuit)));
            open.push(!last);
            self.branches(Some(place), open, lines);
            open.pop();
        }
    }

    fn asset_line(&self, asset: &Asset) -> String {
        let mut said = vec![asset.role.name().replace('_', " ")];
        if let Some(storage) = &asset.storage {
            said.push(energy(storage.capacity_wh));
        }
        if let Some([low, high]) = asset.range_w {
            said.push(format!("{} to {}", power(low), power(high)));
        }
        if asset.least_w > 0.0 {
            said.push(format!("at least {}", power(asset.least_w)));
        }
        said.extend(asset.vehicle.as_ref().map(|vehicle| {
            let by = vehicle.departure.as_ref().map_or(String::new(), |departure| format!(" by {departure}"));
            format!("vehicle of {} to {} %{by}", energy(vehicle.capacity_wh), (100.0 * vehicle.target_soc).round())
        }));
        said.push(self.controlled(asset));
        let planned = self.planned_as(asset);
        if !planned.is_empty() {
            said.push(format!("planned as {planned}"));
        }
        format!("{}: {}", asset.name, said.join(", "))
    }

    fn controlled(&self, asset: &Asset) -> String {
        let Some(setpoint) = &asset.setpoint else { return "measured only".to_owned() };
        let unit = match asset.setpoint_unit {
            _ if asset.role == Role::Switch => "on/off",
            SetpointUnit::W => "W",
            SetpointUnit::A => "A",
            SetpointUnit::OnOff => "on/off",
        };
        format!("controlled through {setpoint} ({unit}), {} is safe", power(asset.safe()))
    }

    /// What a plan makes of an asset, as far as the model alone can say.
    fn planned_as(&self, asset: &Asset) -> &'static str {
        let controlled = asset.setpoint.is_some();
        let forming = self.island.as_ref().is_some_and(|island| island.forming.as_ref() == Some(&asset.name));
        match asset.role {
            Role::GridMeter => "the grid",
            Role::Pv if controlled => "a source that can be curtailed",
            Role::Pv => "a source",
            Role::Battery if (controlled || forming) && asset.soc.is_some() => "a battery",
            Role::Charger if controlled && asset.vehicle.is_some() && asset.soc.is_some() => {
                "a vehicle while it is connected"
            }
            Role::HeatPump if controlled && asset.temperature.is_some() => match asset.heat {
                Some(Heat::Building(_)) => "a heat pump with its building",
                Some(Heat::Tank(_)) => "a heat pump with its tank",
                None => "",
            },
            Role::Genset if controlled => "a genset",
            Role::Load | Role::Switch if controlled && asset.shed_order.is_some() => "a load that may be shed",
            Role::Load | Role::Switch => "load",
            _ => "",
        }
    }
}

fn circuit_line(circuit: &Circuit) -> String {
    let mut said = Vec::new();
    said.extend(circuit.limit_a.map(|limit| format!("{limit} A")));
    said.extend(circuit.import_limit_w.map(|limit| format!("{} in", power(limit))));
    said.extend(circuit.export_limit_w.map(|limit| format!("{} out", power(limit))));
    if circuit.phases == 1 {
        said.push("one phase".to_owned());
    }
    if !said.is_empty() && circuit.margin > 0.0 {
        said.push(format!("{} % kept free", (1_000.0 * circuit.margin).round() / 10.0));
    }
    said.extend(circuit.meter.as_ref().map(|meter| format!("measured by {meter}")));
    let said = if said.is_empty() { "no limit".to_owned() } else { said.join(", ") };
    format!("[{}] {said}", circuit.name)
}

fn indent(open: &[bool], last: bool) -> String {
    let above: String = open.iter().map(|open| if *open { "│  " } else { "   " }).collect();
    format!("{above}{}", if last { "└─ " } else { "├─ " })
}

fn listed(names: &[crate::model::Name]) -> String {
    names.iter().map(crate::model::Name::as_str).collect::<Vec<_>>().join(", ")
}

fn power(watts: f64) -> String {
    let watts = if watts == 0.0 { 0.0 } else { watts };
    if watts.abs() >= 1_000.0 { format!("{} kW", watts / 1_000.0) } else { format!("{watts} W") }
}

fn energy(watt_hours: f64) -> String {
    if watt_hours.abs() >= 1_000.0 { format!("{} kWh", watt_hours / 1_000.0) } else { format!("{watt_hours} Wh") }
}
