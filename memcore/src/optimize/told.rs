//! Outcomes as JSON, for files, command lines and other languages: the fields of [`Plan`], with its schedule by asset and column.

use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

use super::{Infeasible, Outcome, Plan, Status};

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
