//! The description of a channel: what its numbers mean. Registered once; data for a channel without one is refused.

use serde::{Deserialize, Serialize};

use super::label::{LABELS_MAX, Labels};
use super::name::ChannelName;
use super::register::RegisterType;
use super::rules::CommandRules;
use super::time::Span;
use super::unit::{Quantity, Unit};
use crate::error::{Error, ErrorKind, Result};

/// How the values of a channel behave over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A level that may go either way: power, voltage, temperature.
    #[default]
    Gauge,
    /// A total that only grows until it is reset: an energy meter's register.
    Counter,
    /// A state by its number: a switch, a mode.
    State,
    /// Something that happened at an instant.
    Event,
}

/// Which direction a source counts as positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignConvention {
    /// Positive flows into the device (consumption, charging, import): as stored.
    #[default]
    Passive,
    /// Positive flows out of the device (a PV inverter that reports +1466 W): negated once, at the edge.
    Generator,
}

/// Where in its interval a source puts the label of an averaged or summed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelPosition {
    /// The label is the start of the interval: as stored.
    #[default]
    Start,
    /// The label is the end of the interval: moved back by one cadence, once, at the edge.
    End,
}

/// The values that make sense, in the unit of the channel; both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 2]", into = "[f64; 2]")]
pub struct ValidRange {
    low: f64,
    high: f64,
}

impl ValidRange {
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where an end is not a number or `low` exceeds `high`.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        if low <= high {
            return Ok(Self { low, high });
        }
        Err(Error::invalid(format!("range is [{low}, {high}], expected two numbers, the lower first")))
    }

    /// The lowest value that makes sense.
    #[must_use]
    pub fn low(self) -> f64 {
        self.low
    }

    /// The highest value that makes sense.
    #[must_use]
    pub fn high(self) -> f64 {
        self.high
    }

    /// Whether the value lies inside.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The range that both ends become; none where they are no range then.
    pub(super) fn map(self, convert: impl Fn(f64) -> f64) -> Option<Self> {
        let (one, other) = (convert(self.low), convert(self.high));
        Self::new(one.min(other), one.max(other)).ok()
    }
}

impl TryFrom<[f64; 2]> for ValidRange {
    type Error = Error;
    fn try_from([low, high]: [f64; 2]) -> Result<Self> {
        Self::new(low, high)
    }
}

impl From<ValidRange> for [f64; 2] {
    fn from(range: ValidRange) -> Self {
        [range.low, range.high]
    }
}

/// The most numbers that a channel declares invalid.
const INVALID_MAX: usize = 16;

/// What the numbers of a channel mean. Made with [`Channel::gauge`] and the setters of [`ChannelBuilder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Channel {
    /// The name within the device.
    pub name: ChannelName,
    /// What is measured.
    pub quantity: Quantity,
    /// The unit in which the source reports; values are stored in its [base unit](Self::base_unit).
    pub unit: Unit,
    /// How values behave over time.
    #[serde(default)]
    pub kind: Kind,
    /// Which direction the source counts as positive.
    #[serde(default)]
    pub sign: SignConvention,
    /// Where the source puts the label of an interval.
    #[serde(default)]
    pub label: LabelPosition,
    /// How often a value is expected.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "cadence_us")]
    pub cadence: Option<Span>,
    /// How long a value may stand for the present before it is stale.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "max_age_us")]
    pub max_age: Option<Span>,
    /// The values that make sense, in [`unit`](Self::unit).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<ValidRange>,
    /// Numbers that mean "not measured", in [`unit`](Self::unit) and own sign, as the source reports them. At most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invalid: Vec<f64>,
    /// The register that the source passes on as it is: its "not implemented" is invalid, its width a counter's rollover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<RegisterType>,
    /// How many a counter counts until it begins again at zero, in [`unit`](Self::unit).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollover: Option<f64>,
    /// Whether the channel takes commands.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writable: bool,
    /// What commands must heed; only where it takes commands.
    #[serde(default, skip_serializing_if = "CommandRules::is_empty")]
    pub rules: CommandRules,
    /// What else the channel is known by, to select it.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl Channel {
    /// A gauge in that unit, with the quantity that the unit implies.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for a name that is none, or a unit (`1`, `%`, `code`) that several quantities share:
    /// say which with [`Channel::of`].
    pub fn gauge(name: &str, unit: Unit) -> Result<ChannelBuilder> {
        let quantity = unit.only_quantity().ok_or_else(|| {
            Error::invalid(format!("channel {name}: unit {unit} is used for several quantities, expected the quantity too"))
        })?;
        Self::of(name, quantity, unit)
    }

    /// A gauge of that quantity in that unit.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where the unit does not measure the quantity, or the name is none.
    pub fn of(name: &str, quantity: Quantity, unit: Unit) -> Result<ChannelBuilder> {
        let channel = Self {
            name: ChannelName::new(name)?,
            quantity,
            unit,
            kind: if matches!(quantity, Quantity::Switch | Quantity::State | Quantity::Quality) {
                Kind::State
            } else {
                Kind::Gauge
            },
            sign: SignConvention::Passive,
            label: LabelPosition::Start,
            cadence: None,
            max_age: None,
            range: None,
            invalid: Vec::new(),
            register: None,
            rollover: None,
            writable: false,
            rules: CommandRules::default(),
            labels: Labels::new(),
        };
        channel.check()?;
        Ok(ChannelBuilder(channel))
    }

    /// What serde cannot see: that the fields fit each other.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid), naming the channel and the field.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: String| Err(Error::invalid(format!("channel {}: {what}", self.name)));
        if !self.unit.measures(self.quantity) {
            return refuse(format!("unit {} does not measure {}", self.unit, self.quantity));
        }
        if self.label == LabelPosition::End && self.cadence.is_none() {
            return refuse("label `end` needs a cadence, to know where the interval starts".into());
        }
        for (field, span) in [("cadence", self.cadence), ("max_age", self.max_age)] {
            if span.is_some_and(|span| span.as_micros() <= 0) {
                return refuse(format!("{field} is not positive"));
            }
        }
        self.check_numbers()?;
        self.check_rules()?;
        if self.labels.len() > LABELS_MAX {
            return refuse(format!("{} labels, expected at most {LABELS_MAX}", self.labels.len()));
        }
        Ok(())
    }

    fn check_rules(&self) -> Result<()> {
        let refuse = |what: &str| Err(Error::invalid(format!("channel {}: {what}", self.name)));
        if let Err(e) = self.rules.check() {
            return refuse(e.message());
        }
        if !self.rules.is_empty() && !self.writable {
            return refuse("rules are for channels that take commands, expected writable");
        }
        match (self.rules.fallback, self.range) {
            (Some(fallback), Some(range)) if !range.contains(fallback) => {
                refuse(&format!("rules.fallback is {fallback}, expected {} to {}", range.low(), range.high()))
            }
            _ => Ok(()),
        }
    }

    fn check_numbers(&self) -> Result<()> {
        let refuse = |what: String| Err(Error::invalid(format!("channel {}: {what}", self.name)));
        if self.invalid.len() > INVALID_MAX {
            return refuse(format!("{} invalid numbers, expected at most {INVALID_MAX}", self.invalid.len()));
        }
        if let Some(number) = self.invalid.iter().find(|number| !number.is_finite()) {
            return refuse(format!("invalid has {number}, expected finite numbers"));
        }
        match self.rollover {
            Some(_) if self.kind != Kind::Counter => refuse("rollover is for counters only".into()),
            Some(width) if !(width.is_finite() && width > 0.0) => {
                refuse(format!("rollover is {width}, expected a finite number above 0"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the stored numbers of both mean the same. How often values are expected, how long they may stand, which of
    /// them are none (range, invalid, register), where a counter rolls over, writability and labels may be changed later.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict), naming the field that differs.
    pub fn check_compatible(&self, other: &Self) -> Result<()> {
        let conflict = |field: &str, old: String, new: String| {
            let message = format!("channel {}: {field} is registered as {old}, not {new}", self.name);
            Err(Error::new(ErrorKind::Conflict, message))
        };
        if self.quantity != other.quantity {
            return conflict("quantity", self.quantity.to_string(), other.quantity.to_string());
        }
        // Of another currency, as nothing else of one quantity is.
        if self.base_unit() != other.base_unit() {
            return conflict("unit", self.unit.to_string(), other.unit.to_string());
        }
        if self.kind != other.kind {
            return conflict("kind", format!("{:?}", self.kind), format!("{:?}", other.kind));
        }
        Ok(())
    }

    /// The unit in which its values are stored and given back.
    #[must_use]
    pub fn base_unit(&self) -> Unit {
        self.unit.base()
    }

    /// How far the source's times are moved to be stored: to the start of the interval that they label (P14).
    pub(crate) fn label_shift(&self) -> Span {
        match (self.label, self.cadence) {
            (LabelPosition::End, Some(cadence)) => Span::from_micros(-cadence.as_micros()),
            _ => Span::default(),
        }
    }

    /// The source's value as it is stored: in base unit and passive sign.
    #[must_use]
    pub fn to_stored(&self, value: f64) -> f64 {
        let base = self.unit.to_base(value);
        // Subtracting keeps a plain zero where negating would leave -0.0.
        if self.sign == SignConvention::Generator { 0.0 - base } else { base }
    }

    /// A stored value as the source would say it: the inverse of [`to_stored`](Self::to_stored).
    #[must_use]
    pub fn from_stored(&self, value: f64) -> f64 {
        self.unit.from_base(if self.sign == SignConvention::Generator { 0.0 - value } else { value })
    }
}

/// Sets what differs from a plain gauge: `Channel::gauge("power", Unit::Watt)?.cadence(Span::from_seconds(1)).build()?`.
#[derive(Debug, Clone)]
pub struct ChannelBuilder(Channel);

impl ChannelBuilder {
    /// How values behave over time; a gauge by default, a state for switches.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }
    /// The sign convention of the source; passive by default.
    #[must_use]
    pub fn sign(mut self, sign: SignConvention) -> Self {
        self.0.sign = sign;
        self
    }
    /// Where the source labels its intervals; at the start by default.
    #[must_use]
    pub fn label(mut self, label: LabelPosition) -> Self {
        self.0.label = label;
        self
    }
    /// How often a value is expected.
    #[must_use]
    pub fn cadence(mut self, cadence: Span) -> Self {
        self.0.cadence = Some(cadence);
        self
    }
    /// How long a value may stand for the present.
    #[must_use]
    pub fn max_age(mut self, max_age: Span) -> Self {
        self.0.max_age = Some(max_age);
        self
    }
    /// The values that make sense, in the channel's unit.
    #[must_use]
    pub fn range(mut self, range: ValidRange) -> Self {
        self.0.range = Some(range);
        self
    }
    /// Numbers that mean "not measured", in the channel's unit and the source's sign, in place of what was set before.
    #[must_use]
    pub fn invalid(mut self, numbers: impl IntoIterator<Item = f64>) -> Self {
        self.0.invalid = numbers.into_iter().collect();
        self
    }
    /// The register that the source passes on as it is.
    #[must_use]
    pub fn register(mut self, register: RegisterType) -> Self {
        self.0.register = Some(register);
        self
    }
    /// How many a counter counts until it begins again at zero, in the channel's unit.
    #[must_use]
    pub fn rollover(mut self, width: f64) -> Self {
        self.0.rollover = Some(width);
        self
    }
    /// The channel takes commands.
    #[must_use]
    pub fn writable(mut self) -> Self {
        self.0.writable = true;
        self
    }
    /// The channel takes commands, and these rules hold for them.
    #[must_use]
    pub fn rules(mut self, rules: CommandRules) -> Self {
        (self.0.writable, self.0.rules) = (true, rules);
        self
    }
    /// What else the channel is known by, in place of what was set before.
    #[must_use]
    pub fn labels(mut self, labels: Labels) -> Self {
        self.0.labels = labels;
        self
    }
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where the fields do not fit each other.
    pub fn build(self) -> Result<Channel> {
        self.0.check()?;
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_is_stored_in_passive_sign_and_base_unit() {
        let pv = Channel::gauge("power", Unit::Kilowatt).unwrap().sign(SignConvention::Generator).build().unwrap();
        assert_eq!(pv.to_stored(1.466), -1466.0);
        assert_eq!(pv.from_stored(-1466.0), 1.466);
    }

    #[test]
    fn fields_that_do_not_fit_are_named() {
        let e = Channel::of("power", Quantity::Power, Unit::KilowattHour).unwrap_err();
        assert_eq!(e.message(), "channel power: unit kWh does not measure power");
        let e = Channel::gauge("power", Unit::Watt).unwrap().label(LabelPosition::End).build().unwrap_err();
        assert!(e.message().contains("needs a cadence"), "{e}");
        assert!(Channel::gauge("soc", Unit::Percent).is_err());
        assert!(ValidRange::new(f64::NAN, 1.0).is_err());
        let power = || Channel::gauge("power", Unit::Watt).unwrap();
        let energy = || Channel::gauge("energy", Unit::KilowattHour).unwrap().kind(Kind::Counter);
        for (channel, word) in [
            (power().rollover(65_536.0), "channel power: rollover is for counters only"),
            (energy().rollover(0.0), "rollover is 0, expected a finite number above 0"),
            (energy().rollover(f64::INFINITY), "rollover is inf"),
            (power().invalid([f64::NAN]), "invalid has NaN, expected finite numbers"),
            (power().invalid((0..17).map(f64::from)), "17 invalid numbers, expected at most 16"),
        ] {
            let e = channel.build().unwrap_err();
            assert!(e.message().contains(word), "{e}");
        }
    }

    #[test]
    fn two_currencies_are_two_meanings() {
        let price = |unit: &str| Channel::gauge("price", unit.parse().unwrap()).unwrap().build().unwrap();
        price("EUR/kWh").check_compatible(&price("EUR/MWh")).unwrap();
        let e = price("EUR/kWh").check_compatible(&price("USD/MWh")).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Conflict);
        assert_eq!(e.message(), "channel price: unit is registered as EUR/kWh, not USD/MWh");
    }

    #[test]
    fn json_round_trip_and_unknown_fields() {
        let json = r#"{"name":"node3.power","quantity":"power","unit":"kW","cadence_us":1000000,"range":[-5,5],"invalid":[-1],"register":"int16","labels":{"phase":"L1"}}"#;
        let channel: Channel = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::from_str::<Channel>(&serde_json::to_string(&channel).unwrap()).unwrap(), channel);
        let e = serde_json::from_str::<Channel>(r#"{"name":"p","quantity":"power","unit":"W","colour":1}"#).unwrap_err();
        assert!(e.to_string().contains("colour"), "{e}");
        let many: Vec<String> = (0..33).map(|n| format!("\"l{n}\":\"x\"")).collect();
        let json = format!(r#"{{"name":"p","quantity":"power","unit":"W","labels":{{{}}}}}"#, many.join(","));
        let e = serde_json::from_str::<Channel>(&json).unwrap().check().unwrap_err();
        assert_eq!(e.message(), "channel p: 33 labels, expected at most 32");
    }
}
