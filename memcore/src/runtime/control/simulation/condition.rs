//! Conditions on a simulated site: `battery.soc >= 0.05 and circuit main <= limit`.

use crate::control::CheckedModel;
use crate::error::{Error, Result};

/// What can be asked of a site that is being simulated.
pub(super) trait Facts {
    /// The value of a quantity now; NaN where it has none.
    fn value(&self, quantity: &Quantity) -> f64;
    /// Whose wish an asset follows; `default` where it follows nobody's.
    fn by(&self, place: usize) -> &str;
    /// Why an asset does what it does.
    fn why(&self, asset: &str) -> String;
}

/// Something that has a value at every step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Quantity {
    Number(f64),
    /// Power of an asset, in W.
    Power(usize),
    /// What was decided of it, in W; NaN before anything was.
    Decided(usize),
    /// What its device was last set to, in the unit of its setpoint.
    Set(usize),
    Soc(usize),
    Temperature(usize),
    /// Current of a phase, in A.
    Current(usize, usize),
    /// How many phases it uses.
    Phases(usize),
    /// How often it was switched on or off, and how often its direction changed.
    Switchings(usize),
    Turns(usize),
    /// What a circuit carries, in W.
    Circuit(usize),
    /// What a circuit carries, as a share of what it may.
    Use(usize),
    /// What flows in from the grid, in W.
    Grid,
    /// The highest mean of an interval of the demand charge so far, in W.
    Peak,
    Frequency,
    /// Whether an island is dark.
    Dark,
    Violations,
    Plans,
    Decisions,
    Orders,
    Refusals,
    LeasesEnded,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    AtMost,
    AtLeast,
    Below,
    Above,
    Equal,
    Unequal,
}

#[derive(Debug, Clone, PartialEq)]
enum Clause {
    Compared { text: String, left: Quantity, by: Comparison, right: Quantity, tolerance: f64 },
    By { text: String, place: usize, actor: String, is: bool },
}

/// Clauses that must all hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition(Vec<Clause>);

impl Condition {
    pub(super) fn parse(text: &str, model: &CheckedModel) -> Result<Self> {
        text.split(" and ").map(|clause| Clause::parse(clause.trim(), model)).collect::<Result<_>>().map(Self)
    }

    pub(super) fn holds(&self, facts: &dyn Facts) -> bool {
        self.0.iter().all(|clause| clause.holds(facts))
    }

    /// What was found in place of what was expected.
    pub(super) fn found(&self, facts: &dyn Facts) -> String {
        let wrong = self.0.iter().filter(|clause| !clause.holds(facts)).map(|clause| match clause {
            Clause::Compared { text, left, right, .. } => {
                let shown = |quantity: &Quantity| {
                    let value = facts.value(quantity);
                    if matches!(quantity, Quantity::Number(_)) { String::new() } else { format!("{value:.3}") }
                };
                let right = shown(right);
                let right = if right.is_empty() { right } else { format!(" against {right}") };
                format!("{} was {}{right}", text.split(' ').take(2).collect::<Vec<_>>().join(" "), shown(left))
            }
            Clause::By { text, place, .. } => {
                format!("{} was {}", text.split(' ').next().unwrap_or_default(), facts.by(*place))
            }
        });
        wrong.collect::<Vec<_>>().join(", ")
    }
}

impl Clause {
    fn parse(text: &str, model: &CheckedModel) -> Result<Self> {
        let operators = [
            (" <= ", Comparison::AtMost),
            (" >= ", Comparison::AtLeast),
            (" == ", Comparison::Equal),
            (" != ", Comparison::Unequal),
            (" < ", Comparison::Below),
            (" > ", Comparison::Above),
        ];
        let found = operators.iter().find_map(|(operator, by)| Some((text.split_once(operator)?, *by)));
        let Some(((left, right), by)) = found else {
            return Err(Error::invalid(format!("condition is {text:?}, expected one with <=, >=, ==, !=, < or >")));
        };
        if let Some(asset) = left.trim().strip_suffix(".by") {
            let (place, actor) = (place(asset, model)?, right.trim().to_owned());
            return Ok(Self::By { text: text.to_owned(), place, actor, is: by == Comparison::Equal });
        }
        let (right, tolerance) = match right.split_once("+-") {
            Some((right, tolerance)) => (right.trim(), number(tolerance.trim())?),
            None => (right.trim(), 0.0),
        };
        let left = quantity(left.trim(), model)?;
        let (left, right) = match (&left, right) {
            (Quantity::Circuit(circuit), "limit") => (Quantity::Use(*circuit), Quantity::Number(1.0)),
            _ => (left, number(right).map(Quantity::Number).or_else(|_| quantity(right, model))?),
        };
        Ok(Self::Compared { text: text.to_owned(), left, by, right, tolerance })
    }

    fn holds(&self, facts: &dyn Facts) -> bool {
        match self {
            Self::By { place, actor, is, .. } => (facts.by(*place) == actor) == *is,
            Self::Compared { left, by, right, tolerance, .. } => {
                let (left, right) = (facts.value(left), facts.value(right));
                // The last digits of a sum are nobody's concern.
                let slack = tolerance + 1e-9 * left.abs().max(right.abs()).max(1.0);
                match by {
                    Comparison::AtMost => left <= right + slack,
                    Comparison::AtLeast => left >= right - slack,
                    Comparison::Below => left < right - tolerance,
                    Comparison::Above => left > right + tolerance,
                    Comparison::Equal => (left - right).abs() <= slack,
                    Comparison::Unequal => (left - right).abs() > slack,
                }
            }
        }
    }
}

/// `4140`, `4.14 kW`, `80 %`, `6 A`.
fn number(text: &str) -> Result<f64> {
    let (digits, scale) = match text.rsplit_once(' ') {
        Some((digits, "kW")) => (digits, 1e3),
        Some((digits, "%")) => (digits, 1e-2),
        Some((digits, "W" | "A" | "Hz" | "C")) => (digits, 1.0),
        _ => (text, 1.0),
    };
    let value = digits.parse::<f64>().map(|value| value * scale);
    value.map_err(|_| Error::invalid(format!("{text:?} is no number, expected one such as 4140, 4.14 kW, 80 % or 6 A")))
}

fn place(asset: &str, model: &CheckedModel) -> Result<usize> {
    model.place(asset).ok_or_else(|| Error::invalid(format!("{asset:?} is no asset of the site {}", model.model().site)))
}

fn quantity(text: &str, model: &CheckedModel) -> Result<Quantity> {
    if let Some(circuit) = text.strip_prefix("circuit ") {
        let found = model.circuits().iter().position(|known| known.name.as_str() == circuit);
        let found = found.ok_or_else(|| Error::invalid(format!("{circuit:?} is no circuit of the site")));
        return found.map(Quantity::Circuit);
    }
    let of_site = match text {
        "grid" => Quantity::Grid,
        "peak" => Quantity::Peak,
        "frequency" => Quantity::Frequency,
        "dark" => Quantity::Dark,
        "violations" => Quantity::Violations,
        "plans" => Quantity::Plans,
        "decisions" => Quantity::Decisions,
        "orders" => Quantity::Orders,
        "refusals" => Quantity::Refusals,
        "leases_ended" => Quantity::LeasesEnded,
        _ => return of_asset(text, model),
    };
    Ok(of_site)
}

fn of_asset(text: &str, model: &CheckedModel) -> Result<Quantity> {
    let wrong = || {
        Error::invalid(format!(
            "{text:?} is no quantity, expected ASSET.power, .decided, .set, .soc, .temperature, .current_l1, .phases, .switchings, \
             .turns or .by, `circuit NAME`, grid, peak, frequency, dark, violations, plans, decisions, orders, refusals or leases_ended"
        ))
    };
    let (asset, field) = text.split_once('.').ok_or_else(wrong)?;
    let place = place(asset, model)?;
    Ok(match field {
        "power" => Quantity::Power(place),
        "decided" => Quantity::Decided(place),
        "set" => Quantity::Set(place),
        "soc" => Quantity::Soc(place),
        "temperature" => Quantity::Temperature(place),
        "current_l1" => Quantity::Current(place, 0),
        "current_l2" => Quantity::Current(place, 1),
        "current_l3" => Quantity::Current(place, 2),
        "phases" => Quantity::Phases(place),
        "switchings" => Quantity::Switchings(place),
        "turns" => Quantity::Turns(place),
        _ => return Err(wrong()),
    })
}
