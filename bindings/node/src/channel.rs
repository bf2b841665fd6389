//! What the numbers of a series mean, from and to a JavaScript object.

use std::collections::HashMap;

use memcore::model::{
    Channel, ChannelBuilder, CommandRules, Kind, LabelPosition, SeriesName, SignConvention, Span, ValidRange, labels,
};
use memcore::{Error, Result};
use napi_derive::napi;
use serde_json::Value;

/// The description of a series, as it is registered.
#[napi(object)]
pub struct ChannelOptions {
    /// The unit in which the source reports.
    pub unit: String,
    /// What is measured, where the unit leaves it open.
    pub quantity: Option<String>,
    /// `gauge`, `counter`, `state` or `event`.
    pub kind: Option<String>,
    /// `passive` or `generator`.
    pub sign: Option<String>,
    /// `start` or `end`.
    pub label: Option<String>,
    /// How often a value is expected.
    pub cadence: Option<String>,
    /// How long a value may stand for the present.
    pub max_age: Option<String>,
    /// The values that make sense, in the unit.
    pub range: Option<Vec<f64>>,
    /// Numbers that mean that nothing was measured, in the unit.
    pub invalid: Option<Vec<f64>>,
    /// The type of the register that is passed on.
    pub register: Option<String>,
    /// How many a counter counts until it begins again, in the unit.
    pub rollover: Option<f64>,
    /// Whether it takes commands.
    pub writable: Option<bool>,
    /// What commands must heed.
    pub rules: Option<ChannelRules>,
    /// What else it is known by.
    pub labels: Option<HashMap<String, String>>,
}

/// What commands to a channel must heed, in its unit.
#[napi(object)]
pub struct ChannelRules {
    /// What is safe.
    pub fallback: Option<f64>,
    /// How long what it drives remembers a value by itself.
    pub hold: Option<String>,
    /// How long it stays on once it was switched on.
    pub min_on: Option<String>,
    /// How long it stays off once it was switched off.
    pub min_off: Option<String>,
    /// How fast its value may change.
    pub ramp_per_second: Option<f64>,
}

impl ChannelRules {
    fn rules(&self) -> Result<CommandRules> {
        let length = |field: &str, text: &Option<String>| text.as_ref().map(|text| span(field, text)).transpose();
        let mut rules = CommandRules::default();
        (rules.fallback, rules.ramp_per_s) = (self.fallback, self.ramp_per_second);
        rules.hold = length("rules.hold", &self.hold)?;
        rules.min_on = length("rules.minOn", &self.min_on)?;
        rules.min_off = length("rules.minOff", &self.min_off)?;
        Ok(rules)
    }
}

impl ChannelOptions {
    /// The channel of that name.
    pub(crate) fn channel(&self, name: &str) -> Result<Channel> {
        let unit = self.unit.parse()?;
        let mut builder = match &self.quantity {
            Some(quantity) => Channel::of(name, quantity.parse()?, unit)?,
            None => Channel::gauge(name, unit)?,
        };
        if let Some(kind) = &self.kind {
            let all = [Kind::Gauge, Kind::Counter, Kind::State, Kind::Event];
            builder = builder.kind(one_of("kind", kind, &all)?);
        }
        if let Some(sign) = &self.sign {
            builder = builder.sign(one_of("sign", sign, &[SignConvention::Passive, SignConvention::Generator])?);
        }
        if let Some(label) = &self.label {
            builder = builder.label(one_of("label", label, &[LabelPosition::Start, LabelPosition::End])?);
        }
        if let Some(cadence) = &self.cadence {
            builder = builder.cadence(span("cadence", cadence)?);
        }
        if let Some(max_age) = &self.max_age {
            builder = builder.max_age(span("maxAge", max_age)?);
        }
        match self.range.as_deref() {
            None => {}
            Some(&[low, high]) => builder = builder.range(ValidRange::new(low, high)?),
            Some(other) => return Err(Error::invalid(format!("range has {} numbers, expected two", other.len()))),
        }
        builder = builder.invalid(self.invalid.iter().flatten().copied());
        if let Some(register) = &self.register {
            builder = builder.register(register.parse()?);
        }
        builder = self.rollover.into_iter().fold(builder, ChannelBuilder::rollover);
        if self.writable == Some(true) {
            builder = builder.writable();
        }
        if let Some(rules) = &self.rules {
            builder = builder.rules(rules.rules()?);
        }
        let pairs = self.labels.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str()));
        builder.labels(labels(pairs)?).build()
    }
}

/// A registered series.
#[napi(object)]
pub struct SeriesDescription {
    /// Its name.
    pub name: String,
    /// What is measured.
    pub quantity: String,
    /// The unit in which the source reports.
    pub unit: String,
    /// The unit in which values are stored and given back.
    pub base_unit: String,
    /// `gauge`, `counter`, `state` or `event`.
    pub kind: String,
    /// `passive` or `generator`.
    pub sign: String,
    /// `start` or `end`.
    pub label: String,
    /// How often a value is expected, in milliseconds.
    pub cadence: Option<f64>,
    /// How long a value may stand for the present, in milliseconds.
    pub max_age: Option<f64>,
    /// The values that make sense, in the source's unit.
    #[napi(ts_type = "[number, number]")]
    pub range: Option<Vec<f64>>,
    /// Numbers that mean that nothing was measured, in the source's unit.
    pub invalid: Vec<f64>,
    /// The type of the register that is passed on.
    pub register: Option<String>,
    /// How many a counter counts until it begins again, in the source's unit.
    pub rollover: Option<f64>,
    /// Whether it takes commands.
    pub writable: bool,
    /// What commands must heed.
    pub rules: Option<SeriesRules>,
    /// What else it is known by.
    pub labels: HashMap<String, String>,
}

/// What commands to a registered series must heed, in the source's unit; lengths of time in milliseconds.
#[napi(object)]
pub struct SeriesRules {
    /// What is safe.
    pub fallback: Option<f64>,
    /// How long what it drives remembers a value by itself.
    pub hold: Option<f64>,
    /// How long it stays on once it was switched on.
    pub min_on: Option<f64>,
    /// How long it stays off once it was switched off.
    pub min_off: Option<f64>,
    /// How fast its value may change.
    pub ramp_per_second: Option<f64>,
}

impl SeriesRules {
    fn new(rules: &CommandRules) -> Self {
        let millis = |span: Span| span.as_micros() as f64 / 1e3;
        Self {
            fallback: rules.fallback,
            hold: rules.hold.map(millis),
            min_on: rules.min_on.map(millis),
            min_off: rules.min_off.map(millis),
            ramp_per_second: rules.ramp_per_s,
        }
    }
}

impl SeriesDescription {
    pub(crate) fn new(series: &SeriesName, channel: &Channel) -> Self {
        let millis = |span: Span| span.as_micros() as f64 / 1e3;
        Self {
            name: series.to_string(),
            quantity: channel.quantity.to_string(),
            unit: channel.unit.to_string(),
            base_unit: channel.base_unit().to_string(),
            kind: word(&channel.kind),
            sign: word(&channel.sign),
            label: word(&channel.label),
            cadence: channel.cadence.map(millis),
            max_age: channel.max_age.map(millis),
            range: channel.range.map(|range| vec![range.low(), range.high()]),
            invalid: channel.invalid.clone(),
            register: channel.register.as_ref().map(word),
            rollover: channel.rollover,
            writable: channel.writable,
            rules: (!channel.rules.is_empty()).then(|| SeriesRules::new(&channel.rules)),
            labels: channel.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        }
    }
}

/// A length of time, with the argument's name in the error.
pub(crate) fn span(field: &str, text: &str) -> Result<Span> {
    text.parse::<Span>().map_err(|e| e.context(field))
}

/// The word that JSON has for a value.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}

/// The value whose word that is.
fn one_of<T: Copy + serde::Serialize>(field: &str, text: &str, all: &[T]) -> Result<T> {
    all.iter().copied().find(|value| word(value) == text).ok_or_else(|| {
        let words: Vec<String> = all.iter().map(word).collect();
        let text: String = text.chars().take(80).collect();
        Error::invalid(format!("{field} is {text:?}, expected one of {}", words.join(" ")))
    })
}
