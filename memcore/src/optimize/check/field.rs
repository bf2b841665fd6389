//! One field at a time: a number or profile that is missing, out of its range or of the wrong length is refused with its name, its
//! value and what was expected.

use crate::error::{Error, Result};
use crate::model::Span;
use crate::optimize::{Horizon, Profile, words};

/// Numbers beyond this are none that a site can mean, in any unit.
const LARGEST: f64 = 1e12;

/// What a number may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Allowed {
    Any,
    ZeroOrAbove,
    AboveZero,
    /// From 0 to 1.
    Share,
    /// From 0 to below 1: what is lost of something that must not vanish.
    Loss,
    /// Above 0 and at most 1.
    Efficiency,
}

impl Allowed {
    const fn range(self) -> (f64, f64) {
        match self {
            Self::Any => (-LARGEST, LARGEST),
            Self::ZeroOrAbove => (0.0, LARGEST),
            Self::AboveZero => (f64::MIN_POSITIVE, LARGEST),
            Self::Share => (0.0, 1.0),
            Self::Loss => (0.0, 1.0 - f64::EPSILON),
            Self::Efficiency => (f64::MIN_POSITIVE, 1.0),
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Any => "a number",
            Self::ZeroOrAbove => "zero or above",
            Self::AboveZero => "above zero",
            Self::Share => "a share from 0 to 1",
            Self::Loss => "a share from 0 to below 1",
            Self::Efficiency => "above 0 and at most 1",
        }
    }
}

/// The fields of one part of a site.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) horizon: &'a Horizon,
    /// The part that they are of; empty for those of the site itself.
    pub(super) owner: &'a str,
}

impl Fields<'_> {
    /// `battery.capacity_wh`.
    pub(super) fn name(&self, field: &str) -> String {
        if self.owner.is_empty() { field.to_owned() } else { format!("{}.{field}", self.owner) }
    }

    /// An error that begins with the field's name.
    pub(super) fn refused(&self, field: &str, why: impl std::fmt::Display) -> Error {
        Error::invalid(format!("{} {why}", self.name(field)))
    }

    pub(super) fn number(&self, field: &str, value: f64, allowed: Allowed) -> Result<()> {
        let (low, high) = allowed.range();
        if value >= low && value <= high {
            return Ok(());
        }
        let expected = allowed.text();
        if value.is_nan() {
            return Err(self.refused(field, format_args!("is not given (NaN), expected {expected}")));
        }
        Err(self.refused(field, format_args!("is {value}, expected {expected}{}", self.too_large(value))))
    }

    pub(super) fn optional(&self, field: &str, value: Option<f64>, allowed: Allowed) -> Result<()> {
        value.map_or(Ok(()), |value| self.number(field, value, allowed))
    }

    pub(super) fn numbers(&self, fields: &[(&str, f64)], allowed: Allowed) -> Result<()> {
        fields.iter().try_for_each(|(field, value)| self.number(field, *value, allowed))
    }

    pub(super) fn profile(&self, field: &str, profile: &Profile, allowed: Allowed) -> Result<()> {
        match profile {
            Profile::Constant(value) => self.number(field, *value, allowed),
            Profile::Steps(values) => {
                self.length(field, values.len())?;
                self.values(field, values, allowed)
            }
        }
    }

    pub(super) fn optional_profile(&self, field: &str, profile: Option<&Profile>, allowed: Allowed) -> Result<()> {
        profile.map_or(Ok(()), |profile| self.profile(field, profile, allowed))
    }

    /// As many values as the horizon has steps.
    pub(super) fn length(&self, field: &str, length: usize) -> Result<()> {
        let steps = self.horizon.len();
        if length == steps {
            return Ok(());
        }
        Err(self.refused(field, format_args!("has {length} values, but the horizon has {steps} steps")))
    }

    /// Every value, in one pass without branches; only a refusal looks for the first bad one.
    pub(super) fn values(&self, field: &str, values: &[f64], allowed: Allowed) -> Result<()> {
        let (low, high) = allowed.range();
        let good = |value: f64| (value >= low) & (value <= high);
        if values.iter().fold(true, |all, value| all & good(*value)) {
            return Ok(());
        }
        let step = values.iter().position(|value| !good(*value)).unwrap_or(0);
        let (value, at, expected) = (values[step], words::step(self.horizon, step), allowed.text());
        Err(self.refused(field, format_args!("is {value} in {at}, expected {expected}{}", self.too_large(value))))
    }

    fn too_large(&self, value: f64) -> &'static str {
        match value {
            f64::INFINITY => ", or the field left out where there is no limit",
            value if value.abs() > LARGEST => ", of at most 1e12",
            _ => "",
        }
    }

    /// In every step at most as much as another profile says.
    pub(super) fn ordered(&self, [low, high]: [(&str, &Profile); 2]) -> Result<()> {
        let steps = if low.1.len().is_none() && high.1.len().is_none() { 1 } else { self.horizon.len() };
        match (0..steps).find(|step| low.1.at(*step) > high.1.at(*step)) {
            None => Ok(()),
            Some(step) => {
                let (value, limit) = (low.1.at(step), high.1.at(step));
                let at = if steps == 1 { String::new() } else { format!(" in {}", words::step(self.horizon, step)) };
                Err(self.refused(low.0, format_args!("is {value}{at}, expected at most {} of {limit}", high.0)))
            }
        }
    }

    /// A length of time above zero, where there is one.
    pub(super) fn span(&self, field: &str, span: Option<Span>) -> Result<()> {
        match span {
            Some(span) if span.as_micros() <= 0 => {
                Err(self.refused(field, format_args!("is {span}, expected a length above zero such as 15m")))
            }
            _ => Ok(()),
        }
    }

    /// A length of time of zero or above, where there is one.
    pub(super) fn span_or_zero(&self, field: &str, span: Option<Span>) -> Result<()> {
        match span {
            Some(span) if span.as_micros() < 0 => {
                Err(self.refused(field, format_args!("is {span}, expected a length of zero or above")))
            }
            _ => Ok(()),
        }
    }
}
