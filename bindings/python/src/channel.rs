//! The description of a channel as the Python side gives it.

use std::collections::BTreeMap;

use memcore::model::{Channel, ChannelBuilder, CommandRules, Quantity, Span, Unit, ValidRange, labels};
use pyo3::prelude::*;
use serde::de::DeserializeOwned;

use crate::errors::{invalid, raised};

/// The items of a dictionary; what is `None` is as the core has it by default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Description {
    name: String,
    unit: String,
    quantity: Option<String>,
    kind: Option<String>,
    sign: Option<String>,
    label: Option<String>,
    cadence_us: Option<i64>,
    max_age_us: Option<i64>,
    range: Option<(f64, f64)>,
    invalid: Vec<f64>,
    register: Option<String>,
    rollover: Option<f64>,
    writable: bool,
    rules: Option<Rules>,
    labels: BTreeMap<String, String>,
}

/// What commands to a channel must heed; what is `None` does not hold.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Rules {
    fallback: Option<f64>,
    hold_us: Option<i64>,
    min_on_us: Option<i64>,
    min_off_us: Option<i64>,
    ramp_per_s: Option<f64>,
}

impl Rules {
    fn rules(&self) -> CommandRules {
        let mut rules = CommandRules::default();
        (rules.fallback, rules.ramp_per_s) = (self.fallback, self.ramp_per_s);
        rules.hold = self.hold_us.map(Span::from_micros);
        rules.min_on = self.min_on_us.map(Span::from_micros);
        rules.min_off = self.min_off_us.map(Span::from_micros);
        rules
    }
}

impl Description {
    pub(crate) fn channel(&self) -> PyResult<Channel> {
        let unit: Unit = self.unit.parse().map_err(raised)?;
        let mut builder = match &self.quantity {
            Some(quantity) => Channel::of(&self.name, variant::<Quantity>("quantity", quantity)?, unit),
            None => Channel::gauge(&self.name, unit),
        }
        .map_err(raised)?;
        if let Some(kind) = &self.kind {
            builder = builder.kind(variant("kind", kind)?);
        }
        if let Some(sign) = &self.sign {
            builder = builder.sign(variant("sign", sign)?);
        }
        if let Some(label) = &self.label {
            builder = builder.label(variant("label", label)?);
        }
        if let Some(cadence) = self.cadence_us {
            builder = builder.cadence(Span::from_micros(cadence));
        }
        if let Some(max_age) = self.max_age_us {
            builder = builder.max_age(Span::from_micros(max_age));
        }
        if let Some((low, high)) = self.range {
            builder = builder.range(ValidRange::new(low, high).map_err(raised)?);
        }
        builder = builder.invalid(self.invalid.iter().copied());
        if let Some(register) = &self.register {
            builder = builder.register(register.parse().map_err(raised)?);
        }
        builder = self.rollover.into_iter().fold(builder, ChannelBuilder::rollover);
        if self.writable {
            builder = builder.writable();
        }
        if let Some(rules) = &self.rules {
            builder = builder.rules(rules.rules());
        }
        let pairs = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        builder = builder.labels(labels(pairs).map_err(raised)?);
        builder.build().map_err(raised)
    }
}

/// A choice by its name; serde's message lists the names.
pub(crate) fn variant<T: DeserializeOwned>(field: &str, name: &str) -> PyResult<T> {
    serde_json::from_value(name.into()).map_err(|e| invalid(format!("{field}: {e}")))
}
