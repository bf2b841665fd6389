//! What the columns of a telemetry file mean, told by their names.

use csv::StringRecord;

use crate::error::{Error, Result};
use crate::model::{Channel, Kind, Quantity, Unit, shorten};

/// Names that a column of times may have or begin with.
const TIME_NAMES: [&str; 7] = ["ts", "time", "timestamp", "datetime", "date", "utc_timestamp", "epoch"];

/// Suffixes and their units. `mw` is left out: it may be a milliwatt or a megawatt.
const SUFFIXES: [(&str, Unit); 24] = [
    ("w", Unit::Watt),
    ("kw", Unit::Kilowatt),
    ("var", Unit::Var),
    ("kvar", Unit::Kilovar),
    ("va", Unit::VoltAmpere),
    ("kva", Unit::KilovoltAmpere),
    ("wh", Unit::WattHour),
    ("kwh", Unit::KilowattHour),
    ("varh", Unit::VarHour),
    ("kvarh", Unit::KilovarHour),
    ("j", Unit::Joule),
    ("mv", Unit::Millivolt),
    ("v", Unit::Volt),
    ("kv", Unit::Kilovolt),
    ("ma", Unit::Milliampere),
    ("a", Unit::Ampere),
    ("mah", Unit::MilliampereHour),
    ("ah", Unit::AmpereHour),
    ("hz", Unit::Hertz),
    ("c", Unit::Celsius),
    ("degc", Unit::Celsius),
    ("wm2", Unit::WattPerSquareMetre),
    ("pct", Unit::Percent),
    ("s", Unit::Second),
];

/// Symbols of formulas and the words that people use.
const WORDS: [(&str, &str); 10] = [
    ("p", "power"),
    ("q", "reactive_power"),
    ("s", "apparent_power"),
    ("e", "energy"),
    ("u", "voltage"),
    ("v", "voltage"),
    ("i", "current"),
    ("f", "frequency"),
    ("t", "temperature"),
    ("g", "irradiance"),
];

/// Which cell is the time, and which cell is which channel.
#[derive(Debug)]
pub(super) struct Columns {
    time: usize,
    names: Vec<String>,
    /// The channels, and beside them where their cells are.
    channels: Vec<Channel>,
    cells: Vec<usize>,
}

impl Columns {
    pub(super) fn new(header: &StringRecord) -> Result<Self> {
        let names: Vec<String> = header.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
        let time = names.iter().position(|name| is_time(name)).ok_or_else(|| {
            let have = names.join(",");
            Error::invalid(format!("header is {have:?}, expected a column of times named ts, time, timestamp or epoch"))
        })?;
        let cells: Vec<usize> = (0..names.len()).filter(|cell| *cell != time).collect();
        let channels = cells.iter().map(|cell| channel(&names[*cell])).collect::<Result<Vec<_>>>()?;
        for (index, channel) in channels.iter().enumerate() {
            if let Some(before) = channels[..index].iter().position(|known| known.name == channel.name) {
                let (first, second) = (&names[cells[before]], &names[cells[index]]);
                return Err(Error::invalid(format!(
                    "columns {first:?} and {second:?} are both channel {}, expected distinct names",
                    channel.name
                )));
            }
        }
        Ok(Self { time, names, channels, cells })
    }

    pub(super) fn channels(&self) -> &[Channel] {
        &self.channels
    }

    pub(super) fn time_name(&self) -> &str {
        &self.names[self.time]
    }

    pub(super) fn time_text<'r>(&self, record: &'r StringRecord) -> &'r str {
        &record[self.time]
    }

    pub(super) fn values(&self, record: &StringRecord) -> Result<Vec<Option<f64>>> {
        self.cells
            .iter()
            .map(|cell| match &record[*cell] {
                "" => Ok(None),
                text => match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => Ok(Some(value)),
                    _ => Err(Error::invalid(format!(
                        "{} is {:?}, expected a finite number or an empty cell",
                        self.names[*cell],
                        shorten(text)
                    ))),
                },
            })
            .collect()
    }
}

pub(crate) fn is_time(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TIME_NAMES.iter().any(|known| name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
}

/// `p_kw` is the channel `power` in kW; `sub1_wh` is `sub1` in Wh.
pub(crate) fn channel(column: &str) -> Result<Channel> {
    let lower = column.to_ascii_lowercase();
    let (stem, unit) = lower
        .rsplit_once('_')
        .and_then(|(stem, suffix)| Some((stem, SUFFIXES.iter().find(|(known, _)| *known == suffix)?.1)))
        .ok_or_else(|| {
            let known: Vec<_> = SUFFIXES.iter().map(|(suffix, _)| *suffix).collect();
            let column = shorten(column);
            Error::invalid(format!(
                "column is {column:?}, expected a name, `_` and a unit such as p_kw; units are {}",
                known.join(" ")
            ))
        })?;
    let name = WORDS.iter().find(|(symbol, _)| *symbol == stem).map_or(stem, |(_, word)| *word);
    let described = match unit.only_quantity() {
        Some(quantity) => Channel::of(name, quantity, unit),
        None if stem.contains("soc") => Channel::of(name, Quantity::StateOfCharge, unit),
        None => Channel::of(name, Quantity::Ratio, unit),
    };
    let described = described.map_err(|e| e.context(format_args!("column {:?}", shorten(column))))?;
    // Energy in an interval is a gauge; a register says so.
    if stem.ends_with("_total") { described.kind(Kind::Counter).build() } else { described.build() }
}
