//! Outcomes as JSON, for files, command lines and other languages: the fields of [`Plan`], with its schedule by asset and column.

use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

use super::{Certificate, ConflictingLimit, EngineReport, Infeasible, Outcome, Plan, Relaxation, Status, Violation};

impl Status {
    /// Its name, as JSON writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Optimal => "optimal",
            Self::Feasible => "feasible",
            Self::Infeasible => "infeasible",
            Self::Undecided => "undecided",
        }
    }
}

impl Outcome {
    /// What became of the question, in a few sentences: of a plan its cost and by what it is made up, what was missed or assumed, and
    /// which engine made it; else why there is none.
    #[must_use]
    pub fn explain(&self) -> String {
        match self {
            Self::Plan(plan) => explained(plan).join("\n"),
            Self::Infeasible(infeasible) => infeasible.text.clone(),
            Self::Undecided(undecided) => undecided.why.clone(),
        }
    }
}

fn explained(plan: &Plan) -> Vec<String> {
    let money = plan.currency.code();
    let proven = match plan.status {
        Status::Optimal => "no plan costs less".to_owned(),
        _ => format!("no plan costs less than {:.4} {money}", plan.bound),
    };
    let mut lines =
        vec![format!("{}: {:.4} {money} over {} steps; {proven}.", plan.status.name(), plan.objective, plan.horizon.len())];
    for cost in &plan.costs {
        let of = if cost.part.is_empty() { String::new() } else { format!("{}, ", cost.part) };
        lines.push(format!("  {of}{}: {:.4} {money}", cost.cause.name().replace('_', " "), cost.amount));
    }
    lines.extend(plan.violations.iter().map(|violation| format!("Not met: {}", violation.text)));
    lines.extend(plan.notices.iter().map(|notice| format!("Note: {notice}")));
    let (engine, certificate) = (&plan.engine, &plan.certificate);
    lines.push(format!("Engine {}: {}.", engine.engine.name(), engine.why));
    lines.push(format!(
        "Verified: no balance, limit or transition is missed by more than {:.1e} W or Wh.",
        certificate.largest_residual
    ));
    lines
}

/// What is said of an outcome in words and few numbers: all of it but columns.
#[derive(Serialize)]
#[serde(untagged)]
enum Remarks<'a> {
    Plan {
        carbon_g: f64,
        violations: &'a [Violation],
        notices: &'a [String],
        certificate: &'a Certificate,
        engine: &'a EngineReport,
    },
    Infeasible {
        conflict: &'a [ConflictingLimit],
        relaxations: &'a [Relaxation],
    },
    Undecided {
        bound: f64,
    },
}

impl Outcome {
    /// What is said of it in words and few numbers, for JSON: of a plan everything but columns and costs.
    #[must_use]
    pub fn remarks(&self) -> impl Serialize {
        match self {
            Self::Plan(plan) => Remarks::Plan {
                carbon_g: plan.carbon_g,
                violations: &plan.violations,
                notices: &plan.notices,
                certificate: &plan.certificate,
                engine: &plan.engine,
            },
            Self::Infeasible(infeasible) => {
                Remarks::Infeasible { conflict: &infeasible.conflict, relaxations: &infeasible.relaxations }
            }
            Self::Undecided(undecided) => Remarks::Undecided { bound: undecided.bound },
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plan(plan) => plan.serialize(to),
            Self::Infeasible(infeasible) => infeasible.serialize(to),
            Self::Undecided(undecided) => {
                let mut told = to.serialize_struct("Undecided", 3)?;
                told.serialize_field("status", &Status::Undecided)?;
                told.serialize_field("why", &undecided.why)?;
                told.serialize_field("bound", &undecided.bound)?;
                told.end()
            }
        }
    }
}

impl Serialize for Infeasible {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut told = to.serialize_struct("Infeasible", 5)?;
        told.serialize_field("status", &Status::Infeasible)?;
        told.serialize_field("text", &self.text)?;
        told.serialize_field("conflict", &self.conflict)?;
        told.serialize_field("relaxations", &self.relaxations)?;
        told.serialize_field("relaxed_plan", &self.relaxed_plan)?;
        told.end()
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut told = to.serialize_struct("Plan", 16)?;
        told.serialize_field("status", &self.status)?;
        told.serialize_field("objective", &self.objective)?;
        told.serialize_field("bound", &self.bound)?;
        told.serialize_field("gap", &self.gap())?;
        told.serialize_field("currency", self.currency.code())?;
        told.serialize_field("horizon", &self.horizon)?;
        told.serialize_field("schedule", &ByPart(self))?;
        told.serialize_field("costs", &self.costs)?;
        told.serialize_field("carbon_g", &self.carbon_g)?;
        told.serialize_field("prices", &self.prices)?;
        told.serialize_field("water_values", &self.water_values)?;
        told.serialize_field("shadow_prices", &self.shadow_prices)?;
        told.serialize_field("violations", &self.violations)?;
        told.serialize_field("notices", &self.notices)?;
        told.serialize_field("certificate", &self.certificate)?;
        told.serialize_field("engine", &self.engine)?;
        told.end()
    }
}

/// `{ battery: { charge_w: [...] } }`
struct ByPart<'a>(&'a Plan);

impl Serialize for ByPart<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut parts = to.serialize_map(Some(self.0.parts.len()))?;
        for (part, name) in self.0.parts.iter().enumerate() {
            parts.serialize_entry(name, &Columns(self.0, part))?;
        }
        parts.end()
    }
}

struct Columns<'a>(&'a Plan, usize);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let quantities = self.0.schedule.quantities(self.1);
        let mut columns = to.serialize_map(Some(quantities.len()))?;
        for quantity in quantities {
            columns.serialize_entry(quantity.name(), self.0.schedule.column(self.1, *quantity))?;
        }
        columns.end()
    }
}
