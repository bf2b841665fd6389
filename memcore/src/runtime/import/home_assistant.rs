//! Home Assistant: what its statistics and states are called here, and which time a value is of.
//!
//! A statistic is kept by the hour and labelled by its start. Its mean, minimum and maximum are of the hour, so that they keep
//! the label; the reading of a counter (`state`, `sum`) is the one at the hour's end, so that it moves there; what a counter
//! counted (`delta`, `change`) is an amount of the hour.

use std::collections::HashMap;

use super::document::Value;
use super::document_names;
use super::document_time::Times;
use super::gathered::{self, Gathered, Known, Series, SeriesId};
use super::mapping::{ColumnMapping, Mapping};
use super::understood::{Understood, UnderstoodColumn, UnderstoodTime};
use crate::error::{Error, Result};
use crate::model::{Channel, DeviceName, Kind, SeriesName, SignConvention, Span, Timestamp, Unit, shorten};

/// The length of a statistic's interval where a file does not say it.
pub(super) const HOUR: Span = Span::from_micros(3_600_000_000);

/// Intervals longer than this are of a calendar, and have no cadence.
const CADENCE_MAX: i64 = 86_400_000_000;

/// What is known of an interval; in the order of [`Row::values`].
pub(super) const FIELDS: [&str; 6] = ["mean", "min", "max", "state", "sum", "delta"];

/// Domains whose states are on and off.
const SWITCHES: [&str; 6] = ["switch", "binary_sensor", "light", "input_boolean", "fan", "siren"];

/// States that say that there is none.
const ABSENT: [&str; 4] = ["unavailable", "unknown", "none", ""];

/// An interval of a statistic.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    pub(super) unit: Option<&'a str>,
    pub(super) start: Value,
    /// Where the interval ends; an hour later where nothing says it.
    pub(super) end: Option<Value>,
    /// Mean, minimum, maximum, state, sum, delta.
    pub(super) values: [Option<f64>; 6],
}

/// Reads statistics and states of any file of Home Assistant.
pub(super) struct HomeAssistant {
    mapping: Mapping,
    device: Option<DeviceName>,
    series: Series,
    fields: HashMap<String, Option<SeriesId>>,
    /// Each entity's own times: an hour that comes twice is told by the order of its rows.
    times: HashMap<String, Times>,
}

impl HomeAssistant {
    pub(super) fn new(mapping: &Mapping) -> Self {
        let device = mapping.device.clone();
        let (series, fields, times) = (Series::default(), HashMap::new(), HashMap::new());
        Self { mapping: mapping.clone(), device, series, fields, times }
    }

    pub(super) fn series(&self) -> &Series {
        &self.series
    }

    /// Takes an interval of a statistic.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming what of it cannot be read; then nothing of it is taken.
    pub(super) fn statistic(&mut self, number: u64, row: &Row<'_>, into: &mut Gathered) -> Result<()> {
        let start = self.time(row.id, "start", &row.start)?;
        let end = row.end.as_ref().map(|end| self.time(row.id, "end", end)).transpose()?;
        let length = end.map_or(HOUR, |end| end.since(start));
        if length.as_micros() <= 0 {
            return Err(Error::invalid(format!("end of {} is not after its start", shorten(row.id))));
        }
        let end = end.unwrap_or_else(|| start.saturating_add(length));
        let (mut of_interval, mut at_end) = (Vec::new(), Vec::new());
        let is_counter = row.values[3].is_some() || row.values[4].is_some();
        for (field, value) in FIELDS.iter().zip(row.values) {
            let Some(value) = value else { continue };
            let Some(id) = self.field(row, field, is_counter, length)? else { continue };
            let cells = if matches!(*field, "state" | "sum") { &mut at_end } else { &mut of_interval };
            cells.push((id, Some(value)));
        }
        if of_interval.is_empty() && at_end.is_empty() {
            return Ok(());
        }
        gathered::check(&of_interval, &self.series)?;
        into.push(number, start, of_interval);
        into.push(number, end, at_end);
        Ok(())
    }

    /// Takes a state of an entity: a number, on or off, or that there is none.
    ///
    /// # Errors
    /// As [`statistic`](Self::statistic).
    pub(super) fn state(&mut self, number: u64, id: &str, state: &str, at: &Value, into: &mut Gathered) -> Result<()> {
        self.state_in(number, id, None, state, at, into)
    }

    /// As [`state`](Self::state), with its unit where a file says one.
    ///
    /// # Errors
    /// As there.
    pub(super) fn state_in(
        &mut self,
        number: u64,
        id: &str,
        unit: Option<&str>,
        state: &str,
        at: &Value,
        into: &mut Gathered,
    ) -> Result<()> {
        let domain = id.split(['.', ':']).next().unwrap_or_default();
        let is_switch = SWITCHES.contains(&domain);
        let value = match state {
            "on" if is_switch => Some(1.0),
            "off" if is_switch => Some(0.0),
            text => text.parse::<f64>().ok().filter(|value| value.is_finite()),
        };
        let is_absent = ABSENT.contains(&state.to_ascii_lowercase().as_str());
        // What never was a number has no gaps either; any other text is a remark.
        if value.is_none() && (!is_absent || !self.fields.contains_key(id)) {
            return Ok(());
        }
        let time = self.time(id, "last_changed", at)?;
        let declared = self.mapping.columns.get(id).and_then(|column| column.unit);
        let told = unit.filter(|_| declared.is_none()).map(str::parse::<Unit>).transpose()?;
        let unit = declared.or(told).or(is_switch.then_some(Unit::OnOff)).or(self.mapping.unit);
        let describe = |name: &str| unit.map_or_else(|| Err(Error::invalid("no unit")), |unit| described(name, unit));
        let describe: Option<Describe<'_>> = if unit.is_some() { Some(&describe) } else { None };
        if let Some(field) = self.known(id, None, unit, describe)? {
            into.push(number, time, vec![(field, value)]);
        }
        Ok(())
    }

    /// Takes what an entity counted in intervals of one length.
    ///
    /// # Errors
    /// As [`statistic`](Self::statistic).
    pub(super) fn amounts(
        &mut self,
        number: u64,
        (id, unit, sign): (&str, &str, SignConvention),
        cadence: Option<Span>,
        amounts: &[(Timestamp, Option<f64>)],
        into: &mut Gathered,
    ) -> Result<()> {
        let unit: Unit = unit.parse()?;
        let describe = move |name: &str| {
            let mut channel = described(name, unit)?;
            (channel.sign, channel.cadence) = (sign, cadence);
            Ok(channel)
        };
        let Some(field) = self.known(id, None, Some(unit), Some(&describe))? else { return Ok(()) };
        amounts.iter().for_each(|(time, value)| into.push(number, *time, vec![(field, *value)]));
        Ok(())
    }

    fn time(&mut self, id: &str, name: &str, value: &Value) -> Result<Timestamp> {
        if !self.times.contains_key(id) {
            self.times.insert(id.to_owned(), Times::new(&self.mapping)?);
        }
        self.times.get_mut(id).map_or_else(|| Err(Error::invalid("no time")), |times| times.read(name, value, id))
    }

    fn field(&mut self, row: &Row<'_>, field: &str, is_counter: bool, length: Span) -> Result<Option<SeriesId>> {
        let has_mean = row.values[0].is_some();
        let suffix = match field {
            "mean" => None,
            // The meter's own reading is what the statistic is called by.
            "state" if !has_mean => None,
            other => Some(other),
        };
        let unit = row.unit.filter(|unit| !unit.is_empty());
        let unit = self.mapping.columns.get(row.id).and_then(|column| column.unit).map_or_else(
            || unit.map(|unit| unit.parse::<Unit>().map_err(|e| e.context(shorten(row.id)))).transpose(),
            |unit| Ok(Some(unit)),
        )?;
        let unit = unit.or(self.mapping.unit);
        let describe = |name: &str| {
            let Some(unit) = unit else { return Err(Error::invalid("no unit")) };
            let mut channel = described(name, unit)?;
            match field {
                "state" | "sum" if is_counter => channel.kind = Kind::Counter,
                _ => channel.cadence = Some(length).filter(|length| length.as_micros() <= CADENCE_MAX),
            }
            Ok(channel)
        };
        let describe: Option<Describe<'_>> = if unit.is_some() { Some(&describe) } else { None };
        self.known(row.id, suffix, unit, describe)
    }

    fn known(
        &mut self,
        id: &str,
        suffix: Option<&str>,
        unit: Option<Unit>,
        describe: Option<Describe<'_>>,
    ) -> Result<Option<SeriesId>> {
        let key = suffix.map_or_else(|| id.to_owned(), |suffix| format!("{id}.{suffix}"));
        if let Some(known) = self.fields.get(&key) {
            if let (Some(known), Some(describe)) = (known, describe) {
                self.check_as_above(*known, describe)?;
            }
            return Ok(*known);
        }
        let columns = &self.mapping.columns;
        let column = columns.get(&key).cloned();
        let skip = |column: Option<&ColumnMapping>| column.map_or(self.mapping.only, |column| column.skip);
        let found = if skip(columns.get(id)) || column.as_ref().is_some_and(|column| column.skip) {
            None
        } else {
            let series = self.name(id, suffix, column.as_ref())?;
            let unit = column.as_ref().and_then(|column| column.unit).or(unit);
            let mut description = describe.map(|describe| describe(series.channel.as_str())).transpose()?;
            if let Some(column) = &column {
                description = description.map_or_else(|| column.describe(&series, unit), |channel| Ok(Some(channel)))?;
                description.iter_mut().for_each(|channel| column.apply(channel));
                description.iter().try_for_each(Channel::check)?;
            }
            Some(self.series.id(Known { series, unit, description })?)
        };
        self.fields.insert(key, found);
        Ok(found)
    }

    /// An entity that a file has twice must mean the same twice.
    fn check_as_above(&self, id: SeriesId, describe: Describe<'_>) -> Result<()> {
        let known = self.series.get(id);
        let Some(before) = &known.description else { return Ok(()) };
        let now = describe(before.name.as_str())?;
        if now.unit == before.unit && now.sign == before.sign {
            return Ok(());
        }
        let (unit, sign, expected) = (now.unit, now.sign, before.unit);
        Err(Error::invalid(format!(
            "{} is in {unit} with sign {sign:?}, expected {expected} with {:?} as above",
            known.series, before.sign
        )))
    }

    fn name(&self, id: &str, suffix: Option<&str>, column: Option<&ColumnMapping>) -> Result<SeriesName> {
        if let Some(series) = column.and_then(|column| column.series.as_deref()) {
            return self.whole(series, None);
        }
        let entity = self.mapping.columns.get(id).and_then(|column| column.series.as_deref());
        match entity {
            Some(series) => self.whole(series, suffix),
            None => self.whole(&channel(id), suffix),
        }
    }

    fn whole(&self, text: &str, suffix: Option<&str>) -> Result<SeriesName> {
        let text = suffix.map_or_else(|| text.to_owned(), |suffix| format!("{text}.{suffix}"));
        let channel = || text.parse().map_err(|e: Error| e.context(format_args!("entity {:?}", shorten(&text))));
        match (text.matches('.').count() >= 2, &self.device) {
            (true, None) => text.parse(),
            (true, Some(device)) => text.parse().or_else(|_| Ok(device.channel(channel()?))),
            (false, Some(device)) => Ok(device.channel(channel()?)),
            (false, None) => {
                Err(Error::invalid(format!("entity {:?} without a device, expected --device", shorten(&text))))
            }
        }
    }

    pub(super) fn understood(&self, format: &str) -> Understood {
        let mut fields: Vec<(&String, Option<SeriesId>)> = self.fields.iter().map(|(path, id)| (path, *id)).collect();
        fields.sort();
        let column = |(path, id): (&String, Option<SeriesId>)| match id {
            Some(id) => self.series.get(id).understood(path),
            None => UnderstoodColumn::skipped(path, "declared so"),
        };
        let time = UnderstoodTime {
            columns: Vec::new(),
            form: self.mapping.time.form.map_or_else(|| "as each says it".to_owned(), |form| form.name().to_owned()),
            zone: self.mapping.time.zone.clone(),
            elapsed: None,
        };
        Understood {
            format: format.to_owned(),
            time: Some(time),
            columns: fields.into_iter().map(column).collect(),
            ..Understood::default()
        }
    }
}

/// How an entity is described under the name that it gets.
type Describe<'a> = &'a dyn Fn(&str) -> Result<Channel>;

fn described(name: &str, unit: Unit) -> Result<Channel> {
    match document_names::quantity(name, unit) {
        Some(quantity) => Channel::of(name, quantity, unit)?.build(),
        None => Channel::gauge(name, unit)?.build(),
    }
}

/// `sensor.grid_power` is the channel `grid_power`; other domains stay part of the name.
fn channel(id: &str) -> String {
    let name = id.strip_prefix("sensor").and_then(|rest| rest.strip_prefix(['.', ':'])).unwrap_or(id);
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' }).collect()
}

/// Which direction the dashboard's kinds of energy count as positive: what leaves a device is its output.
pub(super) fn sign(kind: &str) -> SignConvention {
    match kind {
        "grid_return" | "battery_out" | "solar_production" => SignConvention::Generator,
        _ => SignConvention::Passive,
    }
}
