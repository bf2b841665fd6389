//! What the doctor says: findings that a program can act on and a person can read.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::{Kind, Quantity, Span, Timestamp, shorten};

use super::finding::instant;
use super::series::Role;

/// What is wrong, or worth knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// Values do not come at one cadence.
    Sampling,
    /// Nothing was measured for longer than the cadence allows.
    Gap,
    /// Several rows of one time.
    Duplicate,
    /// Rows that lie before the row above them.
    OutOfOrder,
    /// A value that should move stands still.
    Frozen,
    /// Single values far from both of their neighbours.
    Spike,
    /// A counter that started anew.
    Reset,
    /// A counter that passed the end of its register and went on from zero.
    Rollover,
    /// A counter that left its place for a reading or two and came back.
    Glitch,
    /// A counter that runs backwards without starting anew.
    CounterBackwards,
    /// Numbers that stand for "not measured", such as 65535.
    Sentinel,
    /// A part of the values, or all, in a unit a thousand times off.
    UnitSlip,
    /// Another sign convention than the one declared, or two that do not fit each other.
    Sign,
    /// The clock of the source was set wrong for a while.
    ClockShift,
    /// Local times that were taken for UTC, or an hour that is missing or doubled where the clocks changed.
    DaylightSaving,
    /// Intervals labelled by their other end.
    Label,
    /// Power of a PV array in the night, with the sign of production, or below zero.
    NightPower,
}

impl FindingKind {
    /// Every kind, in the order of the list above.
    pub const ALL: [Self; 17] = [
        Self::Sampling,
        Self::Gap,
        Self::Duplicate,
        Self::OutOfOrder,
        Self::Frozen,
        Self::Spike,
        Self::Reset,
        Self::Rollover,
        Self::Glitch,
        Self::CounterBackwards,
        Self::Sentinel,
        Self::UnitSlip,
        Self::Sign,
        Self::ClockShift,
        Self::DaylightSaving,
        Self::Label,
        Self::NightPower,
    ];

    /// Its name, as JSON has it: `unit_slip`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sampling => "sampling",
            Self::Gap => "gap",
            Self::Duplicate => "duplicate",
            Self::OutOfOrder => "out_of_order",
            Self::Frozen => "frozen",
            Self::Spike => "spike",
            Self::Reset => "reset",
            Self::Rollover => "rollover",
            Self::Glitch => "glitch",
            Self::CounterBackwards => "counter_backwards",
            Self::Sentinel => "sentinel",
            Self::UnitSlip => "unit_slip",
            Self::Sign => "sign",
            Self::ClockShift => "clock_shift",
            Self::DaylightSaving => "daylight_saving",
            Self::Label => "label",
            Self::NightPower => "night_power",
        }
    }
}

impl FromStr for FindingKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(" ");
            Error::invalid(format!("kind of finding is {:?}, expected one of {names}", shorten(text)))
        })
    }
}

/// How much harm it does where nothing is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Some answers will be incomplete or off.
    Warning,
    /// Energy, money or control will be wrong.
    Fault,
}

/// Rows from one number to another, both included; the first row of data is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RowRange {
    /// The first row.
    pub first: u64,
    /// The last row.
    pub last: u64,
}

/// A field of a channel's description, or of a file's mapping, that should be declared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Declaration {
    /// The series that it concerns; none for the whole file, such as its `zone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// The field: `unit`, `sign`, `label`, `zone`, `invalid`, `rollover`, `kind`, `cadence`, `max_age`, `range`.
    pub field: &'static str,
    /// Its value, as a registration or a mapping file takes it.
    pub value: Value,
}

impl fmt::Display for Declaration {
    /// As a line of people's notes: `home1.pv.power sign = "generator"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(series) = &self.series {
            write!(f, "{series} ")?;
        }
        write!(f, "{} = {}", self.field, self.value)
    }
}

/// One thing that the doctor found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: Severity,
    /// The series that show it, by name.
    pub series: Vec<String>,
    /// How often it occurs.
    pub count: u64,
    /// Where, at most a thousand ranges.
    pub rows: Vec<RowRange>,
    /// The earliest instant that it concerns.
    #[serde(skip_serializing_if = "Option::is_none", rename = "from_us")]
    pub from: Option<Timestamp>,
    /// The latest.
    #[serde(skip_serializing_if = "Option::is_none", rename = "to_us")]
    pub to: Option<Timestamp>,
    /// How sure the doctor is, 0 to 1.
    pub confidence: f64,
    /// What was seen, for people.
    pub message: String,
    /// What to declare, so that memcore reads it right.
    pub declare: Vec<Declaration>,
    /// What to do about what no declaration mends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<String>,
    /// A picture of it.
    pub plot: Plot,
}

/// A picture: few enough points to draw, in order of time.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// The unit of the values.
    pub unit: String,
    /// Times of the points, microseconds since the epoch.
    #[serde(rename = "times_us")]
    pub times: Vec<i64>,
    /// Lines over those times.
    pub lines: Vec<Line>,
    /// What is pointed at.
    pub marks: Vec<Mark>,
}

/// A line of a plot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// One value a time; none where there is a hole.
    pub values: Vec<Option<f64>>,
}

/// A stretch of time that a plot points at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// From when, microseconds since the epoch.
    #[serde(rename = "from_us")]
    pub from: i64,
    /// Until when.
    #[serde(rename = "to_us")]
    pub to: i64,
    /// What is there.
    pub text: String,
}

/// What one series looks like.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Checkup {
    /// Its name.
    pub series: String,
    /// Rows, those without a value included.
    pub rows: u64,
    /// Values.
    pub points: u64,
    /// The earliest.
    #[serde(skip_serializing_if = "Option::is_none", rename = "first_us")]
    pub first: Option<Timestamp>,
    /// The latest.
    #[serde(skip_serializing_if = "Option::is_none", rename = "last_us")]
    pub last: Option<Timestamp>,
    /// What is measured, as declared or as the name and the values say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// How the values behave: as declared, or `counter` where they only rise.
    pub kind: Kind,
    /// The part that the series has in a site, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// How often a value comes, where there is such a length.
    #[serde(skip_serializing_if = "Option::is_none", rename = "cadence_us")]
    pub cadence: Option<Span>,
    /// The share of the time that values cover, 0 to 1, where there is a cadence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// The smallest value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// All that the doctor found, the worst first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The series that were examined.
    pub series: Vec<Checkup>,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Finding {
    /// Where it is, for people: rows and times.
    #[must_use]
    pub fn place(&self) -> String {
        let rows = match &self.rows[..] {
            [] => String::new(),
            [one] if one.first == one.last => format!("row {}, ", one.first),
            [one] => format!("rows {} to {}, ", one.first, one.last),
            [first, .., last] => format!("{} places in rows {} to {}, ", self.rows.len(), first.first, last.last),
        };
        match (self.from, self.to) {
            (Some(from), Some(to)) if from == to => format!("{rows}{}", instant(from.as_micros())),
            (Some(from), Some(to)) => format!("{rows}{} to {}", instant(from.as_micros()), instant(to.as_micros())),
            _ => rows.trim_end_matches(", ").to_owned(),
        }
    }
}

impl Checkup {
    /// Quantity, kind and role in a few words.
    #[must_use]
    pub fn what(&self) -> String {
        let role = self.role.map(|role| role.name());
        let kind = (self.kind != Kind::Gauge).then_some(match self.kind {
            Kind::Counter => "counter",
            Kind::State => "state",
            _ => "event",
        });
        let words: Vec<&str> = [role, self.quantity.map(Quantity::name), kind].into_iter().flatten().collect();
        if words.is_empty() { "-".into() } else { words.join(" ") }
    }
}

/// A text as a sentence of its own.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}{}", letters.as_str(), if text.ends_with('.') { "" } else { "." })
}

impl Report {
    /// The worst severity of all findings; none where nothing was found.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// All declarations of the findings, the surest first where two concern the same field of the same series.
    #[must_use]
    pub fn declarations(&self) -> Vec<&Declaration> {
        let mut findings: Vec<&Finding> = self.findings.iter().collect();
        findings.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        let mut found: Vec<&Declaration> = Vec::new();
        for declaration in findings.into_iter().flat_map(|finding| &finding.declare) {
            if !found.iter().any(|known| (&known.series, known.field) == (&declaration.series, declaration.field)) {
                found.push(declaration);
            }
        }
        found
    }
}
