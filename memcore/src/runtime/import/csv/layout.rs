//! What stands where in a row: the time, and either a column a channel or a value with words that say of what it is.

use super::columns::{self, WideColumn};
use super::dialect::Start;
use super::forms::{self, Told};
use super::{number, times};
use crate::error::{Error, Result};
use crate::model::{Quantity, Unit, shorten};
use crate::runtime::import::mapping::{LongMapping, Mapping};
use crate::runtime::import::understood::UnderstoodColumn;
use crate::sim;

/// Where the time of a row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TimeCells {
    pub(super) cell: usize,
    /// The time of day, where it stands apart from the date.
    pub(super) of_day: Option<usize>,
    /// Seconds since the first row.
    pub(super) elapsed: Option<usize>,
}

/// Where the words of a long file stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LongCells {
    pub(super) value: usize,
    pub(super) series: Option<usize>,
    pub(super) site: Option<usize>,
    pub(super) device: Option<usize>,
    pub(super) channel: Option<usize>,
    pub(super) unit: Option<usize>,
    pub(super) quantity: Option<usize>,
    /// How the value came about, which does not tell the series.
    pub(super) quality: Option<usize>,
}

/// What stands where.
pub(super) enum Layout {
    Long(LongCells),
    Wide(Vec<WideColumn>),
}

/// Names that columns of a long file have, and what they say.
const SERIES: [&str; 5] = ["series", "entity_id", "statistic_id", "topic", "point"];
const SITES: [&str; 8] = ["site", "site_id", "home", "house", "building", "plant", "household", "location"];
const DEVICES: [&str; 10] =
    ["device", "device_id", "sensor", "sensor_id", "meter", "meter_id", "inverter", "asset", "equipment", "appliance"];
const CHANNELS: [&str; 10] = [
    "channel",
    "meas_name",
    "measurement",
    "metric",
    "variable",
    "parameter",
    "attribute",
    "quantity_name",
    "signal",
    "tag",
];
const UNITS: [&str; 4] = ["unit", "units", "uom", "unit_of_measurement"];

/// Finds the columns of times.
pub(super) fn time_cells(start: &Start, mapping: &Mapping, wanted: &str) -> Result<TimeCells> {
    let at = |name: &str| {
        let place = start.names.iter().position(|known| known == name);
        place.ok_or_else(|| Error::invalid(format!("columns are {}, expected {name:?} among them", listed(&start.names))))
    };
    let elapsed = mapping.time.elapsed.as_deref().map(at).transpose()?;
    let pair = |cell, of_day| Ok(TimeCells { cell, of_day, elapsed });
    match &mapping.time.columns[..] {
        [] => {}
        [one] => return pair(at(one)?, None),
        [date, of_day] => return pair(at(date)?, Some(at(of_day)?)),
        more => return Err(Error::invalid(format!("time.columns has {} names, expected one or two", more.len()))),
    }
    let has = |place: usize, is: &dyn Fn(&str) -> bool| mostly(start, place, is);
    if let Some(date) = (0..start.names.len()).find(|place| has(*place, &times::is_date))
        && let Some(of_day) = (0..start.names.len()).find(|place| has(*place, &times::is_time_of_day))
    {
        return pair(date, Some(of_day));
    }
    let by_name = start.names.iter().position(|name| name == wanted);
    let by_name = by_name.or_else(|| start.names.iter().position(|name| sim::is_time(name)));
    match by_name.or_else(|| (0..start.names.len()).find(|place| is_time_by_content(start, *place))) {
        Some(cell) => pair(cell, None),
        None => Err(Error::invalid(format!(
            "columns are {}, expected a column of times named ts, time, timestamp or epoch",
            listed(&start.names)
        ))),
    }
}

fn listed(names: &[String]) -> String {
    format!("{:?}", shorten(&names.join(",")))
}

fn cells(start: &Start, place: usize) -> impl Iterator<Item = &str> {
    start.rows.iter().filter_map(move |row| row.get(place)).map(String::as_str).filter(|cell| !cell.is_empty())
}

fn mostly(start: &Start, place: usize, is: &dyn Fn(&str) -> bool) -> bool {
    let (mut all, mut fit) = (0, 0);
    for cell in cells(start, place) {
        all += 1;
        fit += usize::from(is(cell));
    }
    all > 0 && 2 * fit > all
}

/// A calendar's times look like nothing else; numbers are only taken for times where no line names the columns.
fn is_time_by_content(start: &Start, place: usize) -> bool {
    let texts: Vec<&str> = cells(start, place).take(50).collect();
    let numbers = mostly(start, place, &|cell| cell.parse::<f64>().is_ok());
    match forms::tell("", &texts) {
        Told::Nothing | Told::Numbers => false,
        _ if numbers => !start.dialect.header && place == 0,
        _ => true,
    }
}

/// Whether a column holds words.
fn is_text(start: &Start, place: usize) -> bool {
    let gap = |cell: &str| number::is_gap(cell.as_bytes());
    let numeric =
        |cell: &str| cell.replace(',', ".").trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit());
    let (mut words, mut others) = (0, 0);
    for cell in cells(start, place).filter(|cell| !gap(cell)) {
        if numeric(cell) || cell.starts_with('.') { others += 1 } else { words += 1 }
    }
    words > others
}

/// Whether a column says whose a row is, in words or by a number. A wide file of several devices would throw them together.
fn is_name(start: &Start, place: usize) -> bool {
    let name = start.names[place].to_lowercase();
    let is_known = [&SERIES[..], &SITES, &DEVICES].iter().any(|names| names.contains(&name.as_str()));
    // A column of numbers called `house` or `inverter` is more likely what that one uses.
    is_known && (name.ends_with("_id") || is_text(start, place))
}

/// The places of such columns in a wide file, but for those of which the mapping says what they are.
pub(super) fn names(start: &Start, mapping: &Mapping) -> Vec<usize> {
    let declared = |place: &usize| mapping.columns.contains_key(&start.names[*place]);
    (0..start.names.len()).filter(|place| is_name(start, *place) && !declared(place)).collect()
}

/// Why a column is none of values, as far as its first cells tell.
fn no_values(start: &Start, place: usize) -> Option<&'static str> {
    if is_name(start, place) {
        return Some("says whose the rows are");
    }
    let unnamed = start.names[place].starts_with("column") && cells(start, place).next().is_none();
    match is_text(start, place) {
        true => Some("text"),
        false if unnamed && !start.rows.is_empty() => Some("empty"),
        false => None,
    }
}

/// A unit may be given for all columns that seem to measure something: `power = "kW"`, where no column is called so.
pub(super) fn resolve(names: &[String], mapping: &mut Mapping) {
    let is_quantity = |name: &str| !names.iter().any(|known| known == name) && name.parse::<Quantity>().is_ok();
    let found: Vec<String> = mapping.columns.keys().filter(|name| is_quantity(name)).cloned().collect();
    for name in found {
        if let (Some(column), Ok(quantity)) = (mapping.columns.remove(&name), name.parse())
            && let Some(unit) = column.unit
        {
            mapping.units.insert(quantity, unit);
        }
    }
}

/// Tells a long file from a wide one, and what its columns are.
pub(super) fn layout(start: &Start, time: &TimeCells, mapping: &Mapping) -> Result<(Layout, Vec<UnderstoodColumn>)> {
    if let Some(long) = &mapping.long {
        return Ok((Layout::Long(declared(start, long)?), Vec::new()));
    }
    if !mapping.columns.keys().any(|name| start.names.contains(name))
        && let Some(long) = told(start, time)
    {
        return Ok((Layout::Long(long), Vec::new()));
    }
    if let Some(long) = own(&start.names) {
        return Ok((Layout::Long(long), Vec::new()));
    }
    if let Some(unknown) = mapping.columns.keys().find(|name| !start.names.contains(name)) {
        let have = start.names.iter().take(20).cloned().collect::<Vec<_>>().join(", ");
        return Err(Error::invalid(format!("columns name {:?}, expected one of {have}", shorten(unknown))));
    }
    let times: Vec<usize> = [Some(time.cell), time.of_day, time.elapsed].into_iter().flatten().collect();
    let (columns, understood) = columns::wide(&start.names, &times, |place| no_values(start, place), mapping)?;
    if columns.is_empty() {
        return Err(Error::invalid(format!(
            "columns are {}, expected one of values beside the time",
            listed(&start.names)
        )));
    }
    Ok((Layout::Wide(columns), understood))
}

/// The long layout that memcore writes.
fn own(names: &[String]) -> Option<LongCells> {
    let at = |name: &str| names.iter().position(|known| known == name);
    let (value, series) = (at("value")?, at("series")?);
    let (unit, quantity, quality) = (at("unit"), at("quantity"), at("quality"));
    Some(LongCells { value, series: Some(series), site: None, device: None, channel: None, unit, quantity, quality })
}

fn declared(start: &Start, long: &LongMapping) -> Result<LongCells> {
    let at = |field: &str, name: &str| {
        let place = start.names.iter().position(|known| known == name);
        let have = || listed(&start.names);
        place.ok_or_else(|| Error::invalid(format!("long.{field} is {name:?}, expected one of {}", have())))
    };
    let maybe = |field, name: &Option<String>| name.as_deref().map(|name| at(field, name)).transpose();
    Ok(LongCells {
        value: at("value", &long.value)?,
        series: maybe("series", &long.series)?,
        site: maybe("site", &long.site)?,
        device: maybe("device", &long.device)?,
        channel: maybe("channel", &long.channel)?,
        unit: maybe("unit", &long.unit)?,
        quantity: maybe("quantity", &long.quantity)?,
        quality: maybe("quality", &long.quality)?,
    })
}

/// A file with one column of numbers beside words that say of what they are.
fn told(start: &Start, time: &TimeCells) -> Option<LongCells> {
    if let Some(own) = own(&start.names) {
        return Some(own);
    }
    let named = |names: &[&str]| start.names.iter().position(|name| names.contains(&name.to_lowercase().as_str()));
    let (series, site, device, channel) = (named(&SERIES), named(&SITES), named(&DEVICES), named(&CHANNELS));
    let is_unit = |cell: &str| cell.parse::<Unit>().is_ok() && cell.parse::<f64>().is_err();
    let unit = named(&UNITS).or_else(|| (0..start.names.len()).find(|place| mostly(start, *place, &is_unit)));
    let words = [series, site, device, channel, unit, named(&["quantity"])];
    let taken = |place: usize| {
        words.contains(&Some(place)) || place == time.cell || time.of_day == Some(place) || time.elapsed == Some(place)
    };
    let mut numbers = (0..start.names.len()).filter(|place| !taken(*place) && !is_text(start, *place));
    let value = numbers.next().filter(|_| numbers.next().is_none() && series.or(device).or(channel).is_some())?;
    let quantity = named(&["quantity"]);
    Some(LongCells { value, series, site, device, channel, unit, quantity, quality: None })
}

impl LongCells {
    /// As a mapping says it.
    pub(super) fn mapping(&self, names: &[String]) -> LongMapping {
        let name = |place: Option<usize>| place.map(|place| names[place].clone());
        LongMapping {
            value: names[self.value].clone(),
            series: name(self.series),
            site: name(self.site),
            device: name(self.device),
            channel: name(self.channel),
            unit: name(self.unit),
            quantity: name(self.quantity),
            quality: name(self.quality),
        }
    }

    /// The words that tell the series of a row.
    pub(super) fn words(&self) -> impl Iterator<Item = usize> {
        [self.series, self.site, self.device, self.channel, self.unit, self.quantity].into_iter().flatten()
    }
}
