//! Whose a document is, and what its fields are called.

use super::document::{Object, Value, at_path, field};
use super::gathered::Known;
use super::mapping::{ColumnMapping, LongMapping, Mapping};
use crate::error::{Error, Result};
use crate::model::{Channel, DeviceName, OPERATOR_DEFAULT, Quantity, SeriesName, Unit, shorten};
use crate::sim;

const OPERATORS: [&str; 2] = ["operator", "mgo"];
const SITES: [&str; 3] = ["site", "site_id", "homegrid"];
const DEVICES: [&str; 5] = ["device", "device_id", "deviceid", "hem", "hem_id"];

/// What a document says of whose it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Named {
    /// The field of the time.
    pub(super) time: Option<String>,
    operator: Option<String>,
    site: Option<String>,
    device: Option<String>,
    /// The fields that said it.
    fields: Vec<String>,
}

impl Named {
    /// Whether that field is no value because it says when or whose.
    pub(super) fn is(&self, path: &str) -> bool {
        self.time.as_deref() == Some(path) || self.fields.iter().any(|field| field == path)
    }
}

/// Where documents name their devices.
#[derive(Debug)]
pub(super) struct Names {
    given: Option<DeviceName>,
    long: Option<LongMapping>,
    /// What the first document called its device, where all are to be of the one that was given.
    first: Option<String>,
}

impl Names {
    pub(super) fn new(mapping: &Mapping) -> Self {
        Self { given: mapping.device.clone(), long: mapping.long.clone(), first: None }
    }

    /// As if no document had been read.
    pub(super) fn forget(&mut self) {
        self.first = None;
    }

    /// Takes what an object says of whose it is; what it does not say holds as around it.
    pub(super) fn of(&self, object: &Object, named: &mut Named) {
        let long = self.long.as_ref();
        let told = |path: Option<&String>, names: &[&str]| {
            let known = path.map(|path| (path.clone(), at_path(object, path)));
            let (path, value) = known.or_else(|| {
                let mut fields = object.iter().filter(|(key, _)| names.contains(&key.to_ascii_lowercase().as_str()));
                fields.next().map(|(key, value)| (key.clone(), Some(value)))
            })?;
            Some((path, value?.text().filter(|text| !text.is_empty())?))
        };
        let Named { operator, site, device, fields, .. } = named;
        for (part, path, names) in [
            (operator, None, &OPERATORS[..]),
            (site, long.and_then(|long| long.site.as_ref()), &SITES[..]),
            (device, long.and_then(|long| long.device.as_ref()), &DEVICES[..]),
        ] {
            if let Some((path, text)) = told(path, names) {
                fields.push(path);
                *part = Some(text);
            }
        }
    }

    /// The device whose the values are.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where nobody says it, and where a document names another device than those
    /// before it although all are to be of one.
    pub(super) fn device(&mut self, named: &Named) -> Result<DeviceName> {
        let Named { operator, site, device, .. } = named;
        if let Some(given) = &self.given {
            if let Some(device) = device {
                let first = self.first.get_or_insert_with(|| device.clone());
                if first != device {
                    let (device, first) = (shorten(device), shorten(first));
                    return Err(Error::invalid(format!(
                        "device is {device:?}, expected {first:?} as above since all is imported as {given}"
                    )));
                }
            }
            return Ok(given.clone());
        }
        match (device, site) {
            (None, _) => Err(Error::invalid("no field of it names a device, expected one (--device SITE.DEVICE)")),
            (Some(device), _) if device.contains('.') => device.parse(),
            (Some(device), Some(site)) => DeviceName::new(operator.as_deref().unwrap_or(OPERATOR_DEFAULT), site, device),
            (Some(device), None) => Err(Error::invalid(format!(
                "device is {:?}, expected site.device, or a field of the site beside it",
                shorten(device)
            ))),
        }
    }

    /// What tells apart the documents that follow one another in time: of each device, or of each series where they name one.
    pub(super) fn whose(&self, object: &Object, named: &Named) -> String {
        let channel = self.long(object).and_then(|(channel, _)| channel);
        let parts =
            [named.operator.as_deref(), named.site.as_deref(), named.device.as_deref(), channel, self.series(object)];
        parts.map(Option::unwrap_or_default).join("\n")
    }

    /// The value of a document that says in other fields what it is of: the channel, where it says one.
    pub(super) fn long<'a>(&self, object: &'a Object) -> Option<(Option<&'a str>, &'a Value)> {
        let text = |value: Option<&'a Value>| match value {
            Some(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        if let Some(long) = &self.long {
            let channel = long.channel.as_ref().and_then(|path| text(at_path(object, path)));
            return at_path(object, &long.value).map(|value| (channel, value));
        }
        let (channel, value) = (text(field(object, "channel")), field(object, "value")?);
        (channel.is_some() || self.series(object).is_some()).then_some((channel, value))
    }

    /// The whole series that such a document names.
    pub(super) fn series<'a>(&self, object: &'a Object) -> Option<&'a str> {
        let path = self.long.as_ref().map_or(Some("series"), |long| long.series.as_deref())?;
        match at_path(object, path) {
            Some(Value::Text(series)) => Some(series),
            _ => None,
        }
    }
}

/// `{"value": 230.1, "unit": "V"}` in place of a number: the number, and its unit.
pub(super) fn reading(object: &Object) -> Option<(&Value, Option<&str>)> {
    let value = field(object, "value")?;
    match field(object, "unit").or_else(|| field(object, "unit_of_measurement")) {
        Some(Value::Text(unit)) => Some((value, Some(unit))),
        None if object.len() == 1 => Some((value, None)),
        _ => None,
    }
}

/// The series of a field, or none where the mapping passes it over.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for a name or unit that is none.
pub(super) fn known(
    mapping: &Mapping,
    device: &DeviceName,
    path: &str,
    unit: Option<&str>,
    is_switch: bool,
) -> Result<Option<Known>> {
    if mapping.columns.get(path).map_or(mapping.only, |column| column.skip) {
        return Ok(None);
    }
    let own = unit.map(|unit| unit.parse::<Unit>().map_err(|e| e.context(shorten(path)))).transpose()?;
    let (name, unit) = if is_switch { (clean(path), Some(Unit::OnOff)) } else { named(path, own)? };
    series(mapping, path, &name, device, unit).map(Some)
}

/// The series of a channel of known name and unit.
///
/// # Errors
/// As [`known`].
pub(super) fn known_in(mapping: &Mapping, device: &DeviceName, name: &str, unit: Option<Unit>) -> Result<Option<Known>> {
    if mapping.columns.get(name).map_or(mapping.only, |column| column.skip) {
        return Ok(None);
    }
    series(mapping, name, name, device, unit).map(Some)
}

/// A series that is named whole.
///
/// # Errors
/// As [`known`].
pub(super) fn known_series(mapping: &Mapping, series: SeriesName, unit: Option<&str>) -> Result<Option<Known>> {
    let name = series.to_string();
    if mapping.columns.get(&name).map_or(mapping.only, |column| column.skip) {
        return Ok(None);
    }
    let unit = unit.map(str::parse::<Unit>).transpose()?;
    match mapping.columns.get(&name) {
        Some(column) => {
            described(mapping, Some(column), renamed(column, &series.device)?.unwrap_or(series), unit).map(Some)
        }
        None => Ok(Some(Known { series, unit: unit.or(mapping.unit), description: None })),
    }
}

/// What a channel is called and measured in, by its path and what stands beside it.
fn named(path: &str, own: Option<Unit>) -> Result<(String, Option<Unit>)> {
    let bracket = path.strip_suffix(']').and_then(|text| text.split_once('['));
    let bracket = bracket.or_else(|| path.strip_suffix(')').and_then(|text| text.split_once('(')));
    if let (Some((name, unit)), None) = (bracket, own) {
        let unit = unit.trim().parse::<Unit>().map_err(|e| e.context(shorten(path)))?;
        return Ok((clean(name.trim()), Some(unit)));
    }
    let (before, last) = path.rsplit_once('.').map_or((None, path), |(before, last)| (Some(before), last));
    // Of a list, the name stands before the number.
    let (list, at) = match (before, last.bytes().all(|b| b.is_ascii_digit())) {
        (Some(before), true) => (before, Some(last)),
        _ => (path, None),
    };
    let (before, last) = list.rsplit_once('.').map_or((None, list), |(before, last)| (Some(before), last));
    let told = sim::channel_of_column(last).ok().filter(|_| own.is_none());
    let (name, unit) = match &told {
        Some(channel) => (channel.name.as_str(), Some(channel.unit)),
        None => (last, own),
    };
    let parts = [before, Some(name), at];
    Ok((clean(&parts.into_iter().flatten().collect::<Vec<_>>().join(".")), unit))
}

/// A path with nothing in it that a channel's name cannot have.
fn clean(path: &str) -> String {
    let parts = path.split('.').filter(|part| !part.is_empty());
    let plain = |part: &str| -> String {
        part.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect()
    };
    parts.map(plain).collect::<Vec<_>>().join(".")
}

fn series(mapping: &Mapping, path: &str, name: &str, device: &DeviceName, unit: Option<Unit>) -> Result<Known> {
    let column = mapping.columns.get(path);
    let renamed = column.map(|column| renamed(column, device)).transpose()?.flatten();
    let series = match renamed {
        Some(series) => series,
        None => device.channel(name.parse().map_err(|e: Error| e.context(format_args!("field {:?}", shorten(path))))?),
    };
    described(mapping, column, series, unit)
}

/// The series that a mapping makes of a field: whole, or a channel of the same device.
fn renamed(column: &ColumnMapping, device: &DeviceName) -> Result<Option<SeriesName>> {
    let Some(text) = &column.series else { return Ok(None) };
    if let Ok(series) = text.parse() {
        return Ok(Some(series));
    }
    text.parse().map(|channel| Some(device.channel(channel)))
}

fn described(mapping: &Mapping, column: Option<&ColumnMapping>, series: SeriesName, unit: Option<Unit>) -> Result<Known> {
    let told = column.and_then(|column| column.unit).or(unit);
    let guessed = told.or_else(|| {
        let by_quantity = mapping.units.iter().find(|(quantity, _)| series.channel.as_str().contains(quantity.name()));
        by_quantity.map(|(_, unit)| *unit)
    });
    let unit = guessed.or(mapping.unit);
    let from_column = column.map(|column| column.describe(&series, unit)).transpose()?.flatten();
    let description = match (from_column, unit) {
        (Some(channel), _) => Some(channel),
        (None, Some(unit)) => {
            let quantity = quantity(series.channel.as_str(), unit);
            quantity.map(|quantity| Channel::of(series.channel.as_str(), quantity, unit)?.build()).transpose()?
        }
        (None, None) => None,
    };
    Ok(Known { series, unit, description })
}

/// What a unit measures that several quantities share, as the name suggests it.
pub(super) fn quantity(name: &str, unit: Unit) -> Option<Quantity> {
    if let Some(quantity) = unit.only_quantity() {
        return Some(quantity);
    }
    let name = name.to_ascii_lowercase();
    match unit {
        Unit::Percent | Unit::Fraction if ["soc", "battery", "charge"].iter().any(|word| name.contains(word)) => {
            Some(Quantity::StateOfCharge)
        }
        Unit::Percent | Unit::Fraction => Some(Quantity::Ratio),
        _ => None,
    }
}
