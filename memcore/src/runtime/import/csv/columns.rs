//! The columns of a wide file as series.

use std::collections::HashMap;

use super::titles::{Title, slug};
use crate::error::{Error, Result};
use crate::model::{Channel, ChannelName, DeviceName, Quantity, SeriesName, Unit, shorten};
use crate::runtime::import::mapping::{ColumnMapping, Mapping};
use crate::runtime::import::understood::UnderstoodColumn;

/// A column that becomes a series.
pub(super) struct WideColumn {
    /// Its place in a row.
    pub(super) cell: usize,
    pub(super) title: String,
    pub(super) series: SeriesName,
    pub(super) unit: Option<Unit>,
    pub(super) description: Option<Channel>,
    /// What it seems to measure where no unit is said.
    guess: Option<Quantity>,
}

/// `home1.pv.power [W]`, or `home1.battery.soc [1 state_of_charge]`, in what an export wrote.
pub(super) fn whole_series(title: &str) -> Option<SeriesName> {
    title.split(" [").next()?.parse().ok()
}

/// The columns of a wide file, and all of them as they were understood; `told` says why the content of one makes it none.
pub(super) fn wide(
    names: &[String],
    times: &[usize],
    told: impl Fn(usize) -> Option<&'static str>,
    mapping: &Mapping,
) -> Result<(Vec<WideColumn>, Vec<UnderstoodColumn>)> {
    let (mut columns, mut understood): (Vec<WideColumn>, _) = (Vec::new(), Vec::new());
    let empty = ColumnMapping::default();
    for (cell, title) in names.iter().enumerate().filter(|(cell, _)| !times.contains(cell)) {
        let known = mapping.columns.get(title);
        let skipped = match known {
            Some(column) if column.skip => Some("declared so"),
            Some(_) => None,
            None if mapping.only => Some("not chosen"),
            // What says its unit is meant to be measured, whatever stands in its first cells.
            None => told(cell).filter(|_| Title::new(title).is_ok_and(|title| title.unit.is_none())),
        };
        if let Some(why) = skipped {
            understood.push(UnderstoodColumn::skipped(title, why));
            continue;
        }
        let column = WideColumn::new(cell, title, known.unwrap_or(&empty), mapping)
            .map_err(|e| e.context(format_args!("column {:?}", shorten(title))))?;
        columns.push(column);
    }
    tell_apart(&mut columns)?;
    understood.extend(columns.iter().map(WideColumn::understood));
    let mut places: HashMap<&str, usize> = HashMap::new();
    names.iter().enumerate().for_each(|(place, name)| {
        places.entry(name).or_insert(place);
    });
    understood.sort_by_key(|column: &UnderstoodColumn| places.get(column.column.as_str()).copied());
    Ok((columns, understood))
}

/// Columns whose short names are one get their whole titles as names; what is still one is an error.
fn tell_apart(columns: &mut [WideColumn]) -> Result<()> {
    let mut count: HashMap<SeriesName, usize> = HashMap::new();
    columns.iter().for_each(|column| *count.entry(column.series.clone()).or_default() += 1);
    let same: Vec<usize> = (0..columns.len()).filter(|at| count[&columns[*at].series] > 1).collect();
    for at in same {
        let column = &mut columns[at];
        if whole_series(&column.title).is_none()
            && let Ok(name) = ChannelName::new(&slug(&column.title))
        {
            column.series.channel = name;
        }
    }
    let mut known: HashMap<&SeriesName, &str> = HashMap::new();
    for WideColumn { title, series, .. } in columns.iter() {
        if let Some(first) = known.insert(series, title) {
            return Err(Error::invalid(format!("columns {first:?} and {title:?} are both {series}, expected one")));
        }
    }
    Ok(())
}

impl WideColumn {
    fn new(cell: usize, title: &str, known: &ColumnMapping, mapping: &Mapping) -> Result<Self> {
        let told = Title::new(title)?;
        let mut guess = known.quantity.or(told.quantity).or_else(|| told.guess());
        let by_quantity = guess.and_then(|quantity| mapping.units.get(&quantity).copied());
        let own = known.unit.or(told.unit);
        let series = series(title, &told, own.or(by_quantity).or(mapping.unit), known, mapping)?;
        let mut unit = own.or(by_quantity).or(mapping.unit);
        if own.is_none() && series.channel.qualified().is_some() {
            (unit, guess) = (mapping.default_unit(&series), Some(Quantity::Quality));
        }
        let mut known = known.clone();
        known.quantity = known.quantity.or(told.quantity).or_else(|| open_quantity(unit, guess));
        let own = told.channel.filter(|channel| Some(channel.unit) == unit && whole_series(title).is_none());
        let description = match (known.describe(&series, unit)?, own) {
            (Some(described), _) => Some(described),
            (None, own) => own.map(|channel| Channel { name: series.channel.clone(), ..channel }),
        };
        Ok(Self { cell, title: title.to_owned(), series, unit, description, guess })
    }

    fn understood(&self) -> UnderstoodColumn {
        UnderstoodColumn {
            column: self.title.clone(),
            series: Some(self.series.clone()),
            unit: self.unit,
            quantity: self.description.as_ref().map(|channel| channel.quantity).or(self.guess),
            channel: self.description.clone(),
            skipped: None,
        }
    }
}

/// The quantity that words tell where a unit, such as %, is of several.
fn open_quantity(unit: Option<Unit>, guess: Option<Quantity>) -> Option<Quantity> {
    unit.filter(|unit| unit.only_quantity().is_none())
        .and(guess)
        .filter(|guess| unit.is_some_and(|unit| unit.measures(*guess)))
}

fn series(title: &str, told: &Title, unit: Option<Unit>, known: &ColumnMapping, mapping: &Mapping) -> Result<SeriesName> {
    if let Some(text) = &known.series {
        return named(text, mapping.device.as_ref());
    }
    match (&mapping.device, whole_series(title)) {
        (None, Some(series)) => Ok(series),
        (None, None) => Err(Error::invalid("without a device, expected --device")),
        (Some(device), _) => {
            let stem = slug(&told.stem);
            let quantity = unit.and_then(Unit::only_quantity);
            // A title that is a unit, or none at all, leaves the quantity as the name.
            let nameless = stem.is_empty() || is_generated(title);
            let name = quantity.filter(|_| nameless).map_or(stem, |quantity| quantity.name().to_owned());
            Ok(device.channel(ChannelName::new(&name)?))
        }
    }
}

/// `column2`, the name of a column in a file that names none.
pub(in crate::runtime::import) fn is_generated(title: &str) -> bool {
    title.strip_prefix("column").is_some_and(|number| number.parse::<usize>().is_ok())
}

/// A whole series, or a channel of the device.
pub(in crate::runtime::import) fn named(text: &str, device: Option<&DeviceName>) -> Result<SeriesName> {
    match device {
        Some(device) if text.split('.').count() < 3 => Ok(device.channel(ChannelName::new(text)?)),
        _ => text.parse(),
    }
}
