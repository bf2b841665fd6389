//! What the title of a column says: a name, a unit, a quantity.

use crate::model::{Channel, Quantity, Unit};
use crate::sim;

/// Units as people write them in titles, in lower case, where that leaves no doubt. `mw` may be a milliwatt or a megawatt.
const SPELLINGS: [(&str, Unit); 32] = [
    ("w", Unit::Watt),
    ("watt", Unit::Watt),
    ("watts", Unit::Watt),
    ("kw", Unit::Kilowatt),
    ("var", Unit::Var),
    ("kvar", Unit::Kilovar),
    ("va", Unit::VoltAmpere),
    ("kva", Unit::KilovoltAmpere),
    ("wh", Unit::WattHour),
    ("watt-hr", Unit::WattHour),
    ("watt-hours", Unit::WattHour),
    ("kwh", Unit::KilowattHour),
    ("v", Unit::Volt),
    ("volt", Unit::Volt),
    ("volts", Unit::Volt),
    ("a", Unit::Ampere),
    ("amp", Unit::Ampere),
    ("amps", Unit::Ampere),
    ("ma", Unit::Milliampere),
    ("ah", Unit::AmpereHour),
    ("amp-hr", Unit::AmpereHour),
    ("amp-hours", Unit::AmpereHour),
    ("mah", Unit::MilliampereHour),
    ("hz", Unit::Hertz),
    ("c", Unit::Celsius),
    ("deg c", Unit::Celsius),
    ("degc", Unit::Celsius),
    ("w/m^2", Unit::WattPerSquareMetre),
    ("wm2", Unit::WattPerSquareMetre),
    ("pct", Unit::Percent),
    ("sec", Unit::Second),
    ("seconds", Unit::Second),
];

/// Words in titles, and what they measure. The unit is not told by them: power may be in W or kW.
const WORDS: [(&str, Quantity); 20] = [
    ("reactive", Quantity::ReactivePower),
    ("apparent", Quantity::ApparentPower),
    ("irradiance", Quantity::Irradiance),
    ("ghi", Quantity::Irradiance),
    ("poa", Quantity::Irradiance),
    ("energy", Quantity::Energy),
    ("consumption", Quantity::Energy),
    ("power", Quantity::Power),
    ("leistung", Quantity::Power),
    ("voltage", Quantity::Voltage),
    ("spannung", Quantity::Voltage),
    ("current", Quantity::Current),
    ("strom", Quantity::Current),
    ("frequency", Quantity::Frequency),
    ("temp", Quantity::Temperature),
    ("temperature", Quantity::Temperature),
    ("soc", Quantity::StateOfCharge),
    ("humidity", Quantity::Ratio),
    ("duration", Quantity::Duration),
    ("intensity", Quantity::Current),
];

/// What a title says.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Title {
    /// What is left for a name once the unit is taken off; empty where the title is nothing but a unit.
    pub(super) stem: String,
    pub(super) unit: Option<Unit>,
    /// What it measures where the title says so itself.
    pub(super) quantity: Option<Quantity>,
    /// A full description, from a title such as `p_kw`.
    pub(super) channel: Option<Channel>,
}

impl Title {
    /// Reads a title: `p_kw`, `Power [kW]`, `power (kW)`, `Power kWh`, `Volts`, `inv2_ac_power_w__1047`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where square brackets hold no unit.
    pub(super) fn new(title: &str) -> crate::error::Result<Self> {
        if let Some((name, inside)) = title.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
            let mut words = inside.split_whitespace();
            let unit = unit_of(words.next().unwrap_or_default());
            let unit = unit.map_or_else(|| inside.parse(), Ok)?;
            let quantity = words.next().map(str::parse).transpose()?;
            return Ok(Self { stem: name.trim().to_owned(), unit: Some(unit), quantity, channel: None });
        }
        if let Some((name, inside)) = title.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
            let stem = if unit_of(inside).is_some() { name.trim() } else { title };
            return Ok(Self { stem: stem.to_owned(), unit: unit_of(inside), ..Self::default() });
        }
        if let Some(unit) = whole_unit(title) {
            return Ok(Self { unit: Some(unit), ..Self::default() });
        }
        let short = without_number(title);
        if let Ok(channel) = sim::channel_of_column(short) {
            let unit = Some(channel.unit);
            return Ok(Self { stem: channel.name.to_string(), unit, quantity: None, channel: Some(channel) });
        }
        // A single letter behind a space is as likely a phase.
        let phase = |unit: &str| unit.len() == 1 && unit.chars().all(char::is_alphabetic);
        let spaced = short.rsplit_once(' ').filter(|(_, unit)| !phase(unit));
        match spaced.and_then(|(name, unit)| Some((name, unit_of(unit)?))) {
            Some((name, unit)) => Ok(Self { stem: name.trim().to_owned(), unit: Some(unit), ..Self::default() }),
            None => Ok(Self { stem: short.to_owned(), ..Self::default() }),
        }
    }

    /// What it seems to measure, by the words of its name.
    pub(super) fn guess(&self) -> Option<Quantity> {
        let lower = self.stem.to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
        WORDS.iter().find(|(word, _)| words.contains(word)).map(|(_, quantity)| *quantity)
    }
}

/// A number of a sensor at the end says nothing of what is measured: `ac_power__752`, `ac_power_kw_1137`.
fn without_number(title: &str) -> &str {
    let Some((name, number)) = title.rsplit_once('_') else { return title };
    let is_number = number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.trim_end_matches('_');
    if is_number && !name.is_empty() { name } else { title }
}

fn unit_of(text: &str) -> Option<Unit> {
    let text = text.trim();
    let lower = text.to_lowercase();
    text.parse().ok().or_else(|| SPELLINGS.iter().find(|(spelling, _)| *spelling == lower).map(|(_, unit)| *unit))
}

/// A title that is a unit and nothing else: of more than one letter, so that no symbol of a formula is meant.
fn whole_unit(title: &str) -> Option<Unit> {
    unit_of(title).filter(|_| title.len() > 1)
}

/// A name that a channel may have: what may not stand in it becomes `_`.
pub(super) fn slug(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '.' => name.push(c),
            _ if name.ends_with('_') || name.is_empty() => {}
            _ => name.push('_'),
        }
    }
    name.trim_matches(['_', '.']).chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_say_name_and_unit_in_every_usual_way() {
        for (title, stem, unit) in [
            ("p_kw", "power", Some(Unit::Kilowatt)),
            ("Power [kW]", "Power", Some(Unit::Kilowatt)),
            ("power (kw)", "power", Some(Unit::Kilowatt)),
            ("Energy kWh", "Energy", Some(Unit::KilowattHour)),
            ("Test (Sec)", "Test", Some(Unit::Second)),
            ("Volts", "", Some(Unit::Volt)),
            ("Amp-hr", "", Some(Unit::AmpereHour)),
            ("ac_power_kw_1137", "ac_power", Some(Unit::Kilowatt)),
            ("inv2_ac_power_w__1047", "inv2_ac_power", Some(Unit::Watt)),
            ("ac_power__752", "ac_power", None),
            ("Power A", "Power A", None),
            ("soc %", "soc", Some(Unit::Percent)),
            ("State", "State", None),
            ("p_mw", "p_mw", None),
            ("Phase (L1)", "Phase (L1)", None),
            ("T [°C]", "T", Some(Unit::Celsius)),
        ] {
            let told = Title::new(title).unwrap();
            assert_eq!((told.stem.as_str(), told.unit), (stem, unit), "{title}");
        }
        assert!(Title::new("Power [parsec]").unwrap_err().message().contains("parsec"));
        let soc = Title::new("soc [1 state_of_charge]").unwrap();
        assert_eq!((soc.unit, soc.quantity), (Some(Unit::Fraction), Some(Quantity::StateOfCharge)));
    }

    #[test]
    fn words_tell_what_is_measured_and_never_the_unit() {
        for (title, quantity) in [
            ("ambient_temp__1053", Some(Quantity::Temperature)),
            ("poa_irradiance_refcell__1054", Some(Quantity::Irradiance)),
            ("inv2_dc_current__1049", Some(Quantity::Current)),
            ("Global_reactive_power", Some(Quantity::ReactivePower)),
            ("wind_speed__1051", None),
        ] {
            let title = Title::new(title).unwrap();
            assert_eq!((title.guess(), title.unit), (quantity, None), "{title:?}");
        }
        assert_eq!(slug("Rec#"), "Rec");
        assert_eq!(slug("Amp (max) / L1"), "Amp_max_L1");
    }
}
