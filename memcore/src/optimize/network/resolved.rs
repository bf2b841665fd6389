//! A network whose fields were checked once, with its names resolved to places. What is switched out is not in it.

use std::collections::BTreeMap;

use super::{Branch, Bus, GenerationCost, Generator, Network, case};
use crate::error::{Error, Result};

/// The places of buses by their names.
pub(super) type Places<'a> = BTreeMap<&'a str, usize>;

/// A network that was checked.
#[derive(Debug)]
pub(super) struct Resolved<'a> {
    pub(super) network: &'a Network,
    /// The place of the reference bus.
    pub(super) reference: usize,
    /// The branches in service.
    pub(super) branches: Vec<Joined<'a>>,
    /// The generators in service with the places of their buses.
    pub(super) generators: Vec<(&'a Generator, usize)>,
    /// The places of the buses of the loads.
    pub(super) load_buses: Vec<usize>,
}

/// A branch with the places of its buses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joined<'a> {
    pub(super) branch: &'a Branch,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Network {
    /// Checks every field.
    ///
    /// # Errors
    /// Invalid, naming the bus, branch, load or generator, the field, its value and what was expected; also where a bus has no
    /// connection to the reference.
    pub fn check(&self) -> Result<()> {
        self.resolved().map(|_| ())
    }

    pub(super) fn resolved(&self) -> Result<Resolved<'_>> {
        above_zero("network", "base_va", self.base_va)?;
        unique("bus", self.buses.iter().map(|bus| bus.name.as_str()))?;
        unique("branch", self.branches.iter().map(|branch| branch.name.as_str()))?;
        unique("load", self.loads.iter().map(|load| load.name.as_str()))?;
        unique("generator", self.generators.iter().map(|generator| generator.name.as_str()))?;
        let reference = self.reference()?;
        self.buses.iter().try_for_each(Bus::check)?;
        let places = self.places();
        let branches = self.branches.iter().filter(|branch| branch.in_service);
        let branches = branches.map(|branch| branch.joined(&places)).collect::<Result<_>>()?;
        let generators = self.generators.iter().filter(|generator| generator.in_service);
        let generators = generators.map(|generator| generator.placed(&places)).collect::<Result<_>>()?;
        let load_buses = self.load_buses(&places)?;
        let resolved = Resolved { network: self, reference, branches, generators, load_buses };
        resolved.check_connected()?;
        Ok(resolved)
    }

    fn reference(&self) -> Result<usize> {
        let references: Vec<usize> = (0..self.buses.len()).filter(|place| self.buses[*place].reference).collect();
        match references[..] {
            [reference] => Ok(reference),
            [] => Err(Error::invalid("network has no reference bus, expected exactly one")),
            [first, second, ..] => Err(Error::invalid(format!(
                "buses {} and {} are both references, expected exactly one",
                self.buses[first].name, self.buses[second].name
            ))),
        }
    }

    /// The buses' places by their names.
    pub(super) fn places(&self) -> Places<'_> {
        self.buses.iter().enumerate().map(|(place, bus)| (bus.name.as_str(), place)).collect()
    }

    fn load_buses(&self, places: &Places<'_>) -> Result<Vec<usize>> {
        let placed = |load: &super::Load| {
            let what = format!("load {}", load.name);
            finite(&what, "power_w", load.power_w)?;
            finite(&what, "reactive_var", load.reactive_var)?;
            if let Some(value) = load.value_of_lost_load_per_kwh {
                zero_or_above(&what, "value_of_lost_load_per_kwh", value)?;
                zero_or_above(&what, "power_w", load.power_w)?;
            }
            place(places, &what, "bus", &load.bus)
        };
        self.loads.iter().map(placed).collect()
    }
}

impl Resolved<'_> {
    pub(super) fn bus_name(&self, place: usize) -> &str {
        &self.network.buses[place].name
    }

    /// The places of the branches at each bus.
    pub(super) fn branches_at(&self) -> Vec<Vec<usize>> {
        let mut at = vec![Vec::new(); self.network.buses.len()];
        for (place, joined) in self.branches.iter().enumerate() {
            at[joined.from].push(place);
            at[joined.to].push(place);
        }
        at
    }

    fn check_connected(&self) -> Result<()> {
        let branches_at = self.branches_at();
        let mut reached = vec![false; self.network.buses.len()];
        let mut open = vec![self.reference];
        while let Some(bus) = open.pop() {
            if std::mem::replace(&mut reached[bus], true) {
                continue;
            }
            let other = |place: &usize| self.branches[*place].other_end(bus);
            open.extend(branches_at[bus].iter().map(other).filter(|other| !reached[*other]));
        }
        match reached.iter().position(|reached| !reached) {
            None => Ok(()),
            Some(bus) => Err(Error::invalid(format!(
                "bus {} is not connected to the reference {} by branches in service",
                self.bus_name(bus),
                self.bus_name(self.reference)
            ))),
        }
    }

    /// Power and reactive power drawn at each bus at nominal voltage, per unit: loads and shunts.
    pub(super) fn drawn_pu(&self) -> Vec<(f64, f64)> {
        let base = self.network.base_va;
        let shunt = |bus: &Bus| (bus.shunt_w / base, -bus.shunt_var / base);
        let mut drawn: Vec<(f64, f64)> = self.network.buses.iter().map(shunt).collect();
        for (load, bus) in self.network.loads.iter().zip(&self.load_buses) {
            drawn[*bus].0 += load.power_w / base;
            drawn[*bus].1 += load.reactive_var / base;
        }
        drawn
    }
}

impl Joined<'_> {
    pub(super) fn other_end(&self, bus: usize) -> usize {
        if self.from == bus { self.to } else { self.from }
    }
}

impl Bus {
    pub(super) fn check(&self) -> Result<()> {
        let what = format!("bus {}", self.name);
        zero_or_above(&what, "nominal_v", self.nominal_v)?;
        above_zero(&what, "voltage_pu", self.voltage_pu)?;
        above_zero(&what, "min_pu", self.min_pu)?;
        finite(&what, "max_pu", self.max_pu)?;
        finite(&what, "shunt_w", self.shunt_w)?;
        finite(&what, "shunt_var", self.shunt_var)?;
        ordered(&what, "min_pu", self.min_pu, "max_pu", self.max_pu)
    }
}

impl Branch {
    /// Checked, with the places of its buses.
    pub(super) fn joined(&self, places: &Places<'_>) -> Result<Joined<'_>> {
        let what = format!("branch {}", self.name);
        check_branch(&what, self)?;
        let (from, to) = (place(places, &what, "from", &self.from)?, place(places, &what, "to", &self.to)?);
        if from == to {
            return Err(Error::invalid(format!("{what} begins and ends at bus {}, expected two buses", self.to)));
        }
        Ok(Joined { branch: self, from, to })
    }
}

impl Generator {
    /// Checked, with the place of its bus.
    pub(super) fn placed(&self, places: &Places<'_>) -> Result<(&Self, usize)> {
        let what = format!("generator {}", self.name);
        check_generator(&what, self)?;
        self.check_cost()?;
        Ok((self, place(places, &what, "bus", &self.bus)?))
    }

    pub(super) fn check_cost(&self) -> Result<()> {
        let what = format!("generator {}", self.name);
        match &self.cost {
            GenerationCost::Polynomial { per_kw2h, per_kwh, per_h } => {
                zero_or_above(&what, "cost.polynomial.per_kw2h", *per_kw2h)?;
                finite(&what, "cost.polynomial.per_kwh", *per_kwh)?;
                finite(&what, "cost.polynomial.per_h", *per_h)
            }
            GenerationCost::Piecewise { points } => check_points(&what, points),
        }
    }
}

fn check_branch(what: &str, branch: &Branch) -> Result<()> {
    zero_or_above(what, "r_pu", branch.r_pu)?;
    finite(what, "x_pu", branch.x_pu)?;
    finite(what, "b_pu", branch.b_pu)?;
    above_zero(what, "tap", branch.tap)?;
    finite(what, "shift_deg", branch.shift_deg)?;
    if branch.r_pu == 0.0 && branch.x_pu == 0.0 {
        return Err(Error::invalid(format!("{what}.x_pu and r_pu are both 0, expected an impedance")));
    }
    if let Some(rating) = branch.rating_va {
        above_zero(what, "rating_va", rating)?;
    }
    let angle = |field: &str, limit: Option<f64>| limit.map_or(Ok(()), |limit| finite(what, field, limit));
    angle("min_angle_deg", branch.min_angle_deg)?;
    angle("max_angle_deg", branch.max_angle_deg)?;
    let (least, most) = (branch.min_angle_deg.unwrap_or(f64::NEG_INFINITY), branch.max_angle_deg.unwrap_or(f64::INFINITY));
    ordered(what, "min_angle_deg", least, "max_angle_deg", most)
}

fn check_generator(what: &str, generator: &Generator) -> Result<()> {
    for (field, value) in [
        ("min_w", generator.min_w),
        ("max_w", generator.max_w),
        ("min_var", generator.min_var),
        ("max_var", generator.max_var),
        ("power_w", generator.power_w),
        ("reactive_var", generator.reactive_var),
    ] {
        finite(what, field, value)?;
    }
    ordered(what, "min_w", generator.min_w, "max_w", generator.max_w)?;
    ordered(what, "min_var", generator.min_var, "max_var", generator.max_var)
}

fn check_points(what: &str, points: &[super::CostPoint]) -> Result<()> {
    let field = |at: usize| format!("{what}.cost.piecewise.points[{at}]");
    if points.len() < 2 {
        let count = points.len();
        return Err(Error::invalid(format!("{what}.cost.piecewise has {count} points, expected at least two")));
    }
    for (at, point) in points.iter().enumerate() {
        finite(&field(at), "power_w", point.power_w)?;
        finite(&field(at), "per_h", point.per_h)?;
    }
    if let Some(at) = points.windows(2).position(|pair| pair[1].power_w <= pair[0].power_w) {
        let (before, after) = (points[at].power_w, points[at + 1].power_w);
        return Err(Error::invalid(format!("{}.power_w is {after}, expected more than {before} before it", field(at + 1))));
    }
    let slopes: Vec<f64> = points.windows(2).map(|pair| case::line_between(&pair[0], &pair[1]).0).collect();
    // Costs written with few digits fall by a rounding now and then; what falls by more is not convex.
    match slopes.windows(2).position(|pair| pair[1] < pair[0] - 1e-9 * pair[0].abs().max(1.0)) {
        None => Ok(()),
        Some(at) => Err(Error::invalid(format!(
            "{} begins a slope of {} per kWh after one of {}, expected slopes that do not fall: a cost must be convex",
            field(at + 1),
            slopes[at + 1],
            slopes[at]
        ))),
    }
}

fn unique<'a>(kind: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for (at, name) in names.enumerate() {
        if name.is_empty() {
            return Err(Error::invalid(format!("{kind} {at} has an empty name, expected one unlike any other")));
        }
        if !seen.insert(name) {
            return Err(Error::invalid(format!("{kind} {name} is there twice, expected names unlike each other")));
        }
    }
    Ok(())
}

fn place(places: &Places<'_>, what: &str, field: &str, bus: &str) -> Result<usize> {
    let known = places.get(bus).copied();
    known.ok_or_else(|| Error::invalid(format!("{what}.{field} is {bus:?}, expected the name of a bus")))
}

fn finite(what: &str, field: &str, value: f64) -> Result<()> {
    expect(value.is_finite(), what, field, value, "a finite number")
}

fn above_zero(what: &str, field: &str, value: f64) -> Result<()> {
    expect(value.is_finite() && value > 0.0, what, field, value, "a number above zero")
}

fn zero_or_above(what: &str, field: &str, value: f64) -> Result<()> {
    expect(value.is_finite() && value >= 0.0, what, field, value, "zero or above")
}

fn expect(holds: bool, what: &str, field: &str, value: f64, expected: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::invalid(format!("{what}.{field} is {value}, expected {expected}"))) }
}

fn ordered(what: &str, low: &str, least: f64, high: &str, most: f64) -> Result<()> {
    match least <= most {
        true => Ok(()),
        false => Err(Error::invalid(format!("{what}.{low} is {least}, expected at most {high}, which is {most}"))),
    }
}
