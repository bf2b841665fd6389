//! What a file means, written down: made by a dry run, corrected by a person, and used again.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Channel, DeviceName, Kind, LabelPosition, Quantity, RegisterType, SeriesName, SignConvention, Span, Unit, ValidRange,
    shorten,
};

/// How a file is to be read. What is left out is told by the file's content. A file of TOML.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Mapping {
    /// Whose channels columns are that name no whole series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceName>,
    /// The unit of every column that has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Whether columns that are not named below are passed over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only: bool,
    /// How the text is cut into cells.
    #[serde(skip_serializing_if = "FileMapping::is_default")]
    pub file: FileMapping,
    /// Which column is the time, and how it is written.
    #[serde(skip_serializing_if = "TimeMapping::is_default")]
    pub time: TimeMapping,
    /// For a file that has a value a row and says in other columns of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long: Option<LongMapping>,
    /// The unit of columns that say none, by what they seem to measure: `power = "kW"`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<Quantity, Unit>,
    /// What columns are, by their names in the file; in a long file, what series are, by theirs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, ColumnMapping>,
}

/// How text is cut into cells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct FileMapping {
    /// What stands between two cells: `,` `;` `|`, a tab or a space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// What stands before the fraction of a number: `.` or `,`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// Lines before the header, or before the first row where there is no header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip: Option<u64>,
    /// Whether a line names the columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
}

/// Which column is the time, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TimeMapping {
    /// The column; two where date and time of day stand apart, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// How times are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<TimeForm>,
    /// The zone of times without one, such as `Europe/Berlin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What becomes of local times that no clock showed: refused, unless this says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<SkippedTimes>,
    /// A column of seconds since the first row: finer than the times themselves, which only say when it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed: Option<String>,
}

/// What becomes of a local time that no clock showed, because it was set forward over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkippedTimes {
    /// The row is refused.
    #[default]
    Refuse,
    /// It is read with the offset before the change, as a clock says it that was not set.
    Before,
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TimeForm {
    /// Seconds since 1970.
    EpochS,
    /// Milliseconds since 1970.
    EpochMs,
    /// Microseconds since 1970.
    EpochUs,
    /// Nanoseconds since 1970.
    EpochNs,
    /// Year first, with an offset or Z: `2007-04-01T00:00:00+02:00`.
    Zoned,
    /// Year first, without: `2007-04-01 00:00`, `200704010000`.
    Local,
    /// Day first: `01.04.2007 00:00`, `1/4/2007 12:00 AM`.
    DayFirst,
    /// Month first: `4/1/2007 0:00`.
    MonthFirst,
    /// Days as spreadsheets count them, local: 39173.5 is noon of 2007-04-01.
    Excel,
}

impl TimeForm {
    const ALL: [Self; 9] = [
        Self::EpochS,
        Self::EpochMs,
        Self::EpochUs,
        Self::EpochNs,
        Self::Zoned,
        Self::Local,
        Self::DayFirst,
        Self::MonthFirst,
        Self::Excel,
    ];

    /// The form of that name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// The name in a mapping.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EpochS => "epoch-s",
            Self::EpochMs => "epoch-ms",
            Self::EpochUs => "epoch-us",
            Self::EpochNs => "epoch-ns",
            Self::Zoned => "zoned",
            Self::Local => "local",
            Self::DayFirst => "day-first",
            Self::MonthFirst => "month-first",
            Self::Excel => "excel",
        }
    }

    /// Whether it is what a wall clock showed, so that a zone tells the instant.
    pub(crate) const fn is_local(self) -> bool {
        matches!(self, Self::Local | Self::DayFirst | Self::MonthFirst | Self::Excel)
    }
}

/// Which columns of a long file say what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LongMapping {
    /// The column of values.
    pub value: String,
    /// The column of whole series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// The column of sites.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The column of devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The column of channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The column of units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The column of quantities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// The column of qualities: measured, held, estimated, substituted, invalid, or 0 to 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
}

/// What a column is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ColumnMapping {
    /// The series that it becomes: whole, or a channel of the mapping's device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// The unit of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// What it measures, where the unit leaves that open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// How values behave over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Which direction the file counts as positive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign: Option<SignConvention>,
    /// Which end of an interval its times are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelPosition>,
    /// How often a value comes, such as `15m`.
    #[serde(skip_serializing_if = "Option::is_none", with = "span_text")]
    pub cadence: Option<Span>,
    /// How long a value may stand for the present, such as `1h`.
    #[serde(skip_serializing_if = "Option::is_none", with = "span_text")]
    pub max_age: Option<Span>,
    /// The values that make sense, in the unit of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<ValidRange>,
    /// Numbers that mean "not measured", as the file has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invalid: Vec<f64>,
    /// The type of the register that the file passes on as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<RegisterType>,
    /// How many a counter counts until it begins again at zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollover: Option<f64>,
    /// Whether it is passed over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip: bool,
}

/// Lengths of time as people write them.
mod span_text {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::model::Span;

    const UNITS: [(i64, &str); 6] =
        [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms"), (1, "us")];

    #[allow(clippy::ref_option, reason = "what serde calls")]
    pub(super) fn serialize<S: Serializer>(span: &Option<Span>, serializer: S) -> Result<S::Ok, S::Error> {
        let micros = span.map_or(0, Span::as_micros);
        let (length, unit) = UNITS.iter().find(|(length, _)| micros % length == 0).unwrap_or(&(1, "us"));
        serializer.serialize_str(&format!("{}{unit}", micros / length))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Some).map_err(serde::de::Error::custom)
    }
}

impl FromStr for TimeForm {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::of(text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(" ");
            Error::invalid(format!("form is {:?}, expected one of {names}", shorten(text)))
        })
    }
}

impl FileMapping {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl TimeMapping {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Mapping {
    /// Reads a mapping.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid), naming line and field.
    pub fn from_toml(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|e| Error::invalid(format!("mapping: {}", e.to_string().trim_end())))
    }

    /// Reads a mapping that is JSON: the same fields.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid), naming the field.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(|e| {
            let (path, what) = (e.path().to_string(), e.inner().to_string());
            // Where it stands in a text that nobody has seen says nothing.
            let what = what.split(" at line ").next().unwrap_or_default();
            Error::invalid(if path == "." { format!("mapping: {what}") } else { format!("mapping: {path}: {what}") })
        })
    }

    /// The unit of a series of which neither its column nor its values say one.
    pub(super) fn default_unit(&self, series: &SeriesName) -> Option<Unit> {
        // What its name says needs no unit, and is not of that of the others.
        if series.channel.qualified().is_some() { Some(Unit::Code) } else { self.unit }
    }

    /// Reads a mapping from its file.
    ///
    /// # Errors
    /// As [`from_toml`](Self::from_toml), naming the file; [`Io`](ErrorKind::Io) where it cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(format!("read {}", path.display()), e))?;
        Self::from_toml(&text).map_err(|e| e.context(path.display()))
    }

    /// The text of its file.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) where TOML cannot say it.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::new(ErrorKind::Internal, format!("mapping: {e}")))
    }
}

impl ColumnMapping {
    /// What this says, and what the general one says beyond it.
    pub(super) fn over(&self, general: &Self) -> Self {
        let (own, general) = (self.clone(), general.clone());
        Self {
            series: own.series.or(general.series),
            unit: own.unit.or(general.unit),
            quantity: own.quantity.or(general.quantity),
            kind: own.kind.or(general.kind),
            sign: own.sign.or(general.sign),
            label: own.label.or(general.label),
            cadence: own.cadence.or(general.cadence),
            max_age: own.max_age.or(general.max_age),
            range: own.range.or(general.range),
            invalid: if own.invalid.is_empty() { general.invalid } else { own.invalid },
            register: own.register.or(general.register),
            rollover: own.rollover.or(general.rollover),
            skip: own.skip || general.skip,
        }
    }

    /// The description of the series, where it says more than a unit does.
    pub(super) fn describe(&self, series: &SeriesName, unit: Option<Unit>) -> Result<Option<Channel>> {
        let plain = Self { series: None, unit: None, skip: false, ..self.clone() } == Self::default();
        let (Some(unit), false) = (unit, plain) else { return Ok(None) };
        let name = series.channel.as_str();
        let builder = match self.quantity {
            Some(quantity) => Channel::of(name, quantity, unit)?,
            None => Channel::gauge(name, unit)?,
        };
        let mut channel = builder.build()?;
        self.apply(&mut channel);
        channel.check()?;
        Ok(Some(channel))
    }

    /// Puts what it declares in place of what the file says.
    pub(super) fn apply(&self, channel: &mut Channel) {
        channel.kind = self.kind.unwrap_or(channel.kind);
        channel.rollover = self.rollover.or(channel.rollover);
        channel.max_age = self.max_age.or(channel.max_age);
        self.read_by(channel);
    }

    /// What decides how a value of the file is taken, whatever its series is registered with.
    pub(super) fn read_by(&self, channel: &mut Channel) {
        channel.sign = self.sign.unwrap_or(channel.sign);
        channel.label = self.label.unwrap_or(channel.label);
        channel.cadence = self.cadence.or(channel.cadence);
        channel.range = self.range.or(channel.range);
        channel.register = self.register.or(channel.register);
        channel
            .invalid
            .extend(self.invalid.iter().filter(|value| !channel.invalid.contains(value)).copied().collect::<Vec<_>>());
    }
}
