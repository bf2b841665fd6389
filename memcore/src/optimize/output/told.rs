//! Outcomes in words: a few sentences for a person, and what is said beside columns, for other languages.

use serde::Serialize;

use super::super::{Certificate, ConflictingLimit, EngineReport, Outcome, Plan, Relaxation, Status, Violation};

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
