//! What was understood of a file, for a person to check before it is taken in.

use serde::Serialize;

use super::csv::is_generated;
use super::mapping::{ColumnMapping, FileMapping, LongMapping, Mapping, TimeForm};
use super::unit_hints;
use crate::error::Result;
use crate::model::{Channel, Kind, Quantity, SeriesName, Timestamp, Unit};
use crate::runtime::frame::Rows;

/// Rows that are shown.
const FIRST: usize = 3;

/// What was understood of a file.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Understood {
    /// `csv`, `parquet`, `arrow` and so on.
    pub format: String,
    /// How the text is cut into cells; only of CSV and its like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Dialect>,
    /// How times are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<UnderstoodTime>,
    /// Which columns say what, in a file with a value a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long: Option<LongMapping>,
    /// What each column is, those that are passed over included. Empty where series are told row by row.
    pub columns: Vec<UnderstoodColumn>,
    /// What a person should know or may have to declare.
    pub notes: Vec<String>,
    /// The first rows, as they were read.
    pub first: Vec<FirstRow>,
}

/// How text is cut into cells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Dialect {
    /// What stands between two cells.
    pub delimiter: char,
    /// What stands before the fraction of a number.
    pub decimal: char,
    /// Lines before the header, or before the first row where there is no header.
    pub skip: u64,
    /// Whether a line names the columns.
    pub header: bool,
}

/// How a file writes its times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnderstoodTime {
    /// The column; two where date and time of day stand apart.
    pub columns: Vec<String>,
    /// The form, as a mapping names it.
    pub form: String,
    /// The zone of local times; none where every time says its own, or is counted since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The column of seconds since the first row, where that tells the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed: Option<String>,
}

/// What a column is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UnderstoodColumn {
    /// Its name in the file.
    pub column: String,
    /// The series that it becomes; none for a column that is passed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesName>,
    /// The unit, where the file or a declaration says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// What it measures, or seems to where no unit is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// How its values are to be read, where more is known than the unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Why it is passed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

impl UnderstoodColumn {
    /// Says in a mapping what is understood; what it says beyond that stays.
    fn declare(&self, known: &mut ColumnMapping) {
        known.skip = self.skipped.is_some();
        // A column without a name is called by what it measures, which its unit will tell.
        let is_open = self.unit.is_none() && is_generated(&self.column) && known.series.is_none();
        known.series = self.series.as_ref().filter(|_| !is_open).map(SeriesName::to_string);
        known.unit = self.unit;
        if let Some(channel) = &self.channel {
            known.kind = Some(channel.kind).filter(|kind| *kind != Kind::default());
            known.quantity = Some(channel.quantity).filter(|_| channel.unit.only_quantity().is_none());
        }
    }

    pub(super) fn skipped(column: &str, why: &str) -> Self {
        let (column, skipped) = (column.to_owned(), Some(why.to_owned()));
        Self { column, series: None, unit: None, quantity: None, channel: None, skipped }
    }
}

/// The column whose table begins in that line of a mapping.
fn column_of(line: &str) -> Option<String> {
    let table: toml::Table = line.strip_prefix("[columns.").and_then(|_| line.parse().ok())?;
    table.get("columns")?.as_table()?.keys().next().cloned()
}

/// Whether a column is taken whose unit nobody says.
fn is_open(mapping: &Mapping, column: &str) -> bool {
    mapping.columns.get(column).is_some_and(|known| known.unit.is_none() && !known.skip)
}

/// A row as it was read, in the units of the file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FirstRow {
    /// Its number; the first row of data is 0.
    pub row: u64,
    /// When, in UTC.
    #[serde(rename = "time_us")]
    pub time: Timestamp,
    /// What it says of each series; none where nothing was measured.
    pub values: Vec<(SeriesName, Option<f64>)>,
}

impl Understood {
    /// The mapping that says all of it, so that the file, or others like it, are read the same way again.
    pub(crate) fn complete(&self, mut mapping: Mapping) -> Mapping {
        if let Some(Dialect { delimiter, decimal, skip, header }) = self.text {
            mapping.file =
                FileMapping { delimiter: Some(delimiter), decimal: Some(decimal), skip: Some(skip), header: Some(header) };
        }
        if let Some(time) = &self.time {
            mapping.time.columns.clone_from(&time.columns);
            mapping.time.form = TimeForm::of(&time.form).or(mapping.time.form);
            mapping.time.zone = time.zone.clone().or(mapping.time.zone);
        }
        mapping.long = self.long.clone().or(mapping.long);
        for column in &self.columns {
            column.declare(mapping.columns.entry(column.column.clone()).or_default());
        }
        mapping
    }

    /// The text of a mapping for a person to complete: columns that say no unit stand there with what is to be filled in, and what
    /// is to be checked stands above all.
    ///
    /// # Errors
    /// As [`Mapping::to_toml`].
    pub fn written(&self, mapping: &Mapping) -> Result<String> {
        let mut text = String::new();
        for note in &self.notes {
            text += &format!("# {note}\n");
        }
        for line in mapping.to_toml()?.lines() {
            text += &format!("{line}\n");
            let Some(column) = column_of(line).filter(|column| is_open(mapping, column)) else { continue };
            let quantity = self.columns.iter().find(|told| told.column == column).and_then(|told| told.quantity);
            let guess = quantity.map_or_else(String::new, |quantity| format!("; it seems to be {quantity}"));
            text +=
                &format!("# unit = \"{}\"  # not said by the file{guess}\n# skip = true\n", unit_hints::example(quantity));
        }
        Ok(text)
    }

    /// Keeps the first rows of a file, whatever series they are of.
    pub(super) fn keep_first(&mut self, rows: &[Rows]) {
        if self.first.len() >= FIRST {
            return;
        }
        let mut found: Vec<FirstRow> = Vec::new();
        for Rows { device, times, numbers, columns } in rows {
            for (place, (time, number)) in times.iter().zip(numbers).enumerate().take(FIRST) {
                let values = columns.iter().map(|cells| (device.channel(cells.channel.clone()), cells.values[place]));
                match found.iter_mut().find(|row| row.row == *number) {
                    Some(row) => row.values.extend(values),
                    None => found.push(FirstRow { row: *number, time: *time, values: values.collect() }),
                }
            }
        }
        found.sort_by_key(|row| row.row);
        self.first.extend(found);
        self.first.truncate(FIRST);
    }
}
