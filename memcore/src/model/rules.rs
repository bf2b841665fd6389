//! What a channel demands of those who command it: kept by the device itself, whoever asks.

use serde::{Deserialize, Serialize};

use super::time::Span;
use crate::error::{Error, Result};

/// How a channel may be commanded, in its own unit. A rule that is left out does not hold.
///
/// The device's SDK keeps them by its monotonic clock, whether or not the link is up. The end of a lease is never held back
/// by any of them, nor is a command for safety.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CommandRules {
    /// What its owner declared safe: taken at the start of the device, until the first command, and where a lease names no
    /// fallback of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<f64>,
    /// How long what it drives remembers a setpoint by itself. It is set again before that while its lease lasts.
    #[serde(skip_serializing_if = "Option::is_none", rename = "hold_us")]
    pub hold: Option<Span>,
    /// How long it stays on (anything but 0) once it was switched on.
    #[serde(skip_serializing_if = "Option::is_none", rename = "min_on_us")]
    pub min_on: Option<Span>,
    /// How long it stays off (0) once it was switched off.
    #[serde(skip_serializing_if = "Option::is_none", rename = "min_off_us")]
    pub min_off: Option<Span>,
    /// How fast its value may change, in its unit a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp_per_s: Option<f64>,
}

impl CommandRules {
    /// With that safe value, in the channel's own unit.
    #[must_use]
    pub fn fallback(mut self, fallback: f64) -> Self {
        self.fallback = Some(fallback);
        self
    }

    /// What it drives forgets a setpoint after that time.
    #[must_use]
    pub fn hold(mut self, hold: Span) -> Self {
        self.hold = Some(hold);
        self
    }

    /// Once switched on, it stays on for so long.
    #[must_use]
    pub fn min_on(mut self, min_on: Span) -> Self {
        self.min_on = Some(min_on);
        self
    }

    /// Once switched off, it stays off for so long.
    #[must_use]
    pub fn min_off(mut self, min_off: Span) -> Self {
        self.min_off = Some(min_off);
        self
    }

    /// Its value changes by no more than that a second, in the channel's own unit.
    #[must_use]
    pub fn ramp_per_s(mut self, ramp_per_s: f64) -> Self {
        self.ramp_per_s = Some(ramp_per_s);
        self
    }

    /// Whether nothing is demanded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a value, in the channel's own unit, is one for safety: 0 or the declared fallback. Units are converted in between,
    /// so that the last digits do not count.
    #[cfg(any(feature = "client", feature = "gateway"))]
    pub(crate) fn is_safe(&self, value: f64) -> bool {
        value == 0.0 || self.fallback.is_some_and(|fallback| (value - fallback).abs() <= 1e-9 * fallback.abs())
    }

    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the field: a fallback is finite, all else above zero.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(fallback) = self.fallback.filter(|fallback| !fallback.is_finite()) {
            return Err(Error::invalid(format!("rules.fallback is {fallback}, expected a finite number")));
        }
        if let Some(ramp) = self.ramp_per_s.filter(|ramp| !(ramp.is_finite() && *ramp > 0.0)) {
            return Err(Error::invalid(format!("rules.ramp_per_s is {ramp}, expected a finite number above 0")));
        }
        let spans = [("hold_us", self.hold), ("min_on_us", self.min_on), ("min_off_us", self.min_off)];
        match spans.into_iter().find_map(|(field, span)| Some((field, span.filter(|span| span.as_micros() <= 0)?))) {
            Some((field, span)) => Err(Error::invalid(format!("rules.{field} is {span}, expected more than zero"))),
            None => Ok(()),
        }
    }
}
