//! From what a request says to a proposal: whose, for whom, in which unit, for how long.

use super::answer::{ProposalAsked, WithdrawAsked};
use crate::control::{Priority, Proposal, Role, Target};
use crate::error::Error;
use crate::model::{Name, Quantity, Unit, shorten};
use crate::rest::problem::Problem;
use crate::rest::times;

/// In whose name people wish.
const PERSON: &str = "person";
/// How urgent it is unless told: as on the command line.
const PRIORITY: u8 = 60;
/// What a proposal has room for.
const REASON_BYTES: usize = 200;

impl ProposalAsked {
    /// The proposal. Who asked stands in its reason, where decisions are explained.
    ///
    /// # Errors
    /// 400, naming the field.
    pub(super) fn into_proposal(self, author: &str) -> Result<Proposal, Problem> {
        let at = |field: &'static str| move |e: Error| Problem::from(e).at(field);
        let unit: Unit = self.unit.as_deref().unwrap_or("W").parse().map_err(at("unit"))?;
        if !unit.measures(Quantity::Power) {
            return Err(Problem::invalid("unit", format!("unit is {unit}, expected one of power, such as kW")));
        }
        let watts = |power: Option<f64>| power.map(|power| unit.to_base(power));
        let valid_for = times::length("valid_for", &self.valid_for)?;
        let reason = match self.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()) {
            Some(reason) => format!("{author}: {reason}"),
            None => author.to_owned(),
        };
        if reason.len() > REASON_BYTES {
            let room = REASON_BYTES.saturating_sub(author.len() + 2);
            return Err(Problem::invalid("reason", format!("reason is too long, expected at most {room} bytes")));
        }
        let actor = self.actor.map_or_else(|| Name::new(PERSON), Ok).map_err(at("actor"))?;
        let priority = Priority::new(self.priority.unwrap_or(PRIORITY)).map_err(at("priority"))?;
        let (low, high) = (watts(self.low), watts(self.high));
        let bounds = Proposal::bounds(actor, target(&self.target)?, low, high, priority, reason);
        Ok(Proposal { power_w: watts(self.power), ..bounds.valid_for(valid_for) })
    }
}

impl WithdrawAsked {
    /// Whose, and for whom.
    ///
    /// # Errors
    /// 400, naming the parameter.
    pub(super) fn read(&self) -> Result<(Name, Option<Target>), Problem> {
        let actor = Name::new(self.actor.as_deref().unwrap_or(PERSON)).map_err(|e| Problem::from(e).at("actor"))?;
        Ok((actor, self.target.as_deref().map(target).transpose()?))
    }
}

fn target(text: &str) -> Result<Target, Problem> {
    let name = |name: &str| Name::new(name).map_err(|e| Problem::from(e).at("target"));
    match text.split_once(':') {
        None => Ok(Target::Asset(name(text)?)),
        Some(("group", group)) => Ok(Target::Group(name(group)?)),
        Some(("role", role)) => serde_json::from_value::<Role>(role.into())
            .map(Target::Role)
            .map_err(|e| Problem::invalid("target", format!("target is {:?}: {e}", shorten(text)))),
        Some(_) => {
            let text = shorten(text);
            Err(Problem::invalid("target", format!("target is {text:?}, expected an asset, role:NAME or group:NAME")))
        }
    }
}

/// A wish that was refused, with the field that is to blame.
pub(super) fn of_refused(e: Error) -> Problem {
    const FIELDS: [(&str, &str); 7] = [
        ("power_w is", "power"),
        ("low_w is", "low"),
        ("high_w is", "high"),
        ("valid_for is", "valid_for"),
        ("reason", "reason"),
        ("actor is", "actor"),
        ("target", "target"),
    ];
    let field = FIELDS.iter().find(|(said, _)| e.message().contains(said)).map(|(_, field)| *field);
    match field {
        Some(field) => Problem::from(e).at(field),
        None => Problem::from(e),
    }
}
