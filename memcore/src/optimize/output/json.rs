//! The JSON form of plans and of other outcomes. Fields are as in Rust; where the schedule is, `columns` hold it by part and quantity.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::super::{
    BusPrices, Certificate, Cost, EngineReport, Horizon, Infeasible, Outcome, Plan, Quantity, ShadowPrice, Status,
    Violation, WaterValues,
};

/// A column of a schedule, as JSON has it.
#[derive(Serialize)]
struct WrittenColumn<'a> {
    part: &'a str,
    quantity: Quantity,
    /// As the columns of a table are called: `battery.charge_w`.
    name: String,
    values: &'a [f64],
}

#[derive(Serialize)]
struct WrittenPlan<'a> {
    status: Status,
    objective: f64,
    bound: f64,
    gap: f64,
    currency: &'a str,
    horizon: &'a Horizon,
    /// When each step starts, RFC 3339.
    times: Vec<String>,
    /// How long each step is.
    hours: Vec<f64>,
    parts: &'a [String],
    columns: Vec<WrittenColumn<'a>>,
    costs: &'a [Cost],
    carbon_g: f64,
    prices: &'a [BusPrices],
    water_values: &'a [WaterValues],
    shadow_prices: &'a [ShadowPrice],
    violations: &'a [Violation],
    notices: &'a [String],
    certificate: &'a Certificate,
    engine: &'a EngineReport,
}

impl Plan {
    /// Every column of the schedule: the part, what it holds, its name with part and unit (`battery.charge_w`), its values.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Quantity, String, &[f64])> {
        self.parts.iter().enumerate().flat_map(move |(part, name)| {
            self.schedule.quantities(part).iter().map(move |quantity| {
                let values = self.schedule.column(part, *quantity);
                (name.as_str(), *quantity, format!("{name}.{}", quantity.name()), values)
            })
        })
    }
}

/// Plan `{status, objective, bound, gap, currency, horizon, times, hours, parts, columns: [{part, quantity, name, values}], costs,
/// carbon_g, prices, water_values, shadow_prices, violations, notices, certificate, engine}`. What is not finite is null; lengths of
/// time are in microseconds.
impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let column = |(part, quantity, name, values)| WrittenColumn { part, quantity, name, values };
        WrittenPlan {
            status: self.status,
            objective: self.objective,
            bound: self.bound,
            gap: self.gap(),
            currency: self.currency.code(),
            horizon: &self.horizon,
            times: self.horizon.starts().iter().map(ToString::to_string).collect(),
            hours: self.horizon.step_hours(),
            parts: &self.parts,
            columns: self.columns().map(column).collect(),
            costs: &self.costs,
            carbon_g: self.carbon_g,
            prices: &self.prices,
            water_values: &self.water_values,
            shadow_prices: &self.shadow_prices,
            violations: &self.violations,
            notices: &self.notices,
            certificate: &self.certificate,
            engine: &self.engine,
        }
        .serialize(to)
    }
}

/// `{status: "infeasible", text, conflict, relaxations, relaxed_plan}`; the last is null or a plan.
impl Serialize for Infeasible {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("status", &Status::Infeasible)?;
        map.serialize_entry("text", &self.text)?;
        map.serialize_entry("conflict", &self.conflict)?;
        map.serialize_entry("relaxations", &self.relaxations)?;
        map.serialize_entry("relaxed_plan", &self.relaxed_plan)?;
        map.end()
    }
}

/// The form of what it holds, each with its `status`; an undecided one is `{status: "undecided", why, bound}`.
impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plan(plan) => plan.serialize(to),
            Self::Infeasible(infeasible) => infeasible.serialize(to),
            Self::Undecided(undecided) => {
                let mut map = to.serialize_map(None)?;
                map.serialize_entry("status", &Status::Undecided)?;
                map.serialize_entry("why", &undecided.why)?;
                map.serialize_entry("bound", &undecided.bound)?;
                map.end()
            }
        }
    }
}
