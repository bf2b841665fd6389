//! What is wrong with a model and what is odd about it, each with the part, the field, its value and what was expected.

use std::fmt;

use crate::error::{Error, Result};
use crate::model::Span;

/// So many faults are told by name. Full-policy: more are counted.
const FAULTS_TOLD: usize = 20;
/// So many notices are kept. Full-policy: more are counted.
const NOTICES_TOLD: usize = 50;
/// Numbers beyond this are none that a site can mean, in any unit.
const LARGEST: f64 = 1e9;

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    faults: Vec<String>,
    notices: Vec<String>,
}

impl Report {
    /// Whatever is found of a part from here on: `asset battery`.
    pub(super) fn of<'r>(&'r mut self, kind: &'static str, name: &'r str) -> Part<'r> {
        Part { report: self, kind, name }
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_good(&self) -> bool {
        self.faults.is_empty()
    }

    /// The notices where nothing is wrong.
    ///
    /// # Errors
    /// Invalid, with a line for each fault.
    pub(super) fn into_notices(mut self) -> Result<Vec<String>> {
        let more = self.notices.len().saturating_sub(NOTICES_TOLD);
        self.notices.truncate(NOTICES_TOLD);
        if more > 0 {
            self.notices.push(format!("{more} more are not listed"));
        }
        match &self.faults[..] {
            [] => Ok(self.notices),
            [fault] => Err(Error::invalid(fault.clone())),
            faults => {
                let mut told = format!("{} faults:", faults.len());
                faults.iter().take(FAULTS_TOLD).for_each(|fault| told.push_str(&format!("\n- {fault}")));
                if let Some(more) = faults.len().checked_sub(FAULTS_TOLD).filter(|more| *more > 0) {
                    told.push_str(&format!("\n- and {more} more"));
                }
                Err(Error::invalid(told))
            }
        }
    }
}

/// What a number may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Allowed {
    Any,
    ZeroOrAbove,
    AboveZero,
    /// From 0 to 1.
    Share,
    /// Above 0 and at most 1.
    Efficiency,
    /// From the first to the second.
    Within(f64, f64),
}

impl Allowed {
    fn range(self) -> (f64, f64) {
        match self {
            Self::Any => (-LARGEST, LARGEST),
            Self::ZeroOrAbove => (0.0, LARGEST),
            Self::AboveZero => (f64::MIN_POSITIVE, LARGEST),
            Self::Share => (0.0, 1.0),
            Self::Efficiency => (f64::MIN_POSITIVE, 1.0),
            Self::Within(low, high) => (low, high),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("a number"),
            Self::ZeroOrAbove => f.write_str("zero or above"),
            Self::AboveZero => f.write_str("above zero"),
            Self::Share => f.write_str("a share from 0 to 1"),
            Self::Efficiency => f.write_str("above 0 and at most 1"),
            Self::Within(low, high) => write!(f, "from {low} to {high}"),
        }
    }
}

/// A part of the model while it is looked at.
pub(super) struct Part<'r> {
    report: &'r mut Report,
    kind: &'static str,
    name: &'r str,
}

impl Part<'_> {
    /// The field is wrong. `why` goes on from its name: `is -5, expected above zero`.
    pub(super) fn fault(&mut self, field: &str, why: impl fmt::Display) {
        let told = self.told(field, why);
        self.report.faults.push(told);
    }

    /// The field is odd, and may be meant so.
    pub(super) fn notice(&mut self, field: &str, why: impl fmt::Display) {
        let told = self.told(field, why);
        self.report.notices.push(told);
    }

    fn told(&self, field: &str, why: impl fmt::Display) -> String {
        let space = if self.name.is_empty() { "" } else { " " };
        let colon = if field.is_empty() { "" } else { ":" };
        let field_space = if field.is_empty() { "" } else { " " };
        format!("{}{space}{}{colon}{field_space}{field} {why}", self.kind, self.name)
    }

    /// Says whether a number is what it may be; a fault where it is not.
    pub(super) fn number(&mut self, field: &str, value: f64, allowed: Allowed) -> bool {
        let (low, high) = allowed.range();
        if value >= low && value <= high {
            return true;
        }
        let hint = match allowed {
            Allowed::Share | Allowed::Efficiency if value > 1.0 && value <= 100.0 => {
                format!(": did you mean {}?", value / 100.0)
            }
            _ if value.is_finite() && value.abs() > LARGEST => format!(", of at most {LARGEST:e}"),
            _ => String::new(),
        };
        self.fault(field, format_args!("is {value}, expected {allowed}{hint}"));
        false
    }

    /// The same of a number that may be left out.
    pub(super) fn optional(&mut self, field: &str, value: Option<f64>, allowed: Allowed) -> bool {
        value.is_none_or(|value| self.number(field, value, allowed))
    }

    /// Says whether a length of time lies between two others; a fault where it does not.
    pub(super) fn span(&mut self, field: &str, span: Span, least: Span, most: Span) -> bool {
        let good = span >= least && span <= most;
        if !good {
            self.fault(field, format_args!("is {span}, expected from {least} to {most}"));
        }
        good
    }
}

/// A range as files write it.
pub(super) struct Written([f64; 2]);

/// A range as files write it: `[-5000, 5000]`.
pub(super) fn written(range_w: [f64; 2]) -> Written {
    Written(range_w)
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is no number below zero has no sign.
        let [low, high] = self.0.map(|bound| if bound == 0.0 { 0.0 } else { bound });
        write!(f, "[{low}, {high}]")
    }
}
