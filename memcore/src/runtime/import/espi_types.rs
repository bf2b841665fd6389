//! What the codes of ESPI mean here: units, directions, registers and amounts.

use super::espi::{Reading, ReadingType};
use crate::error::{Error, Result};
use crate::model::{Channel, Kind, Quality, Quantity, SignConvention, Span, Unit};

/// Longer intervals are of a calendar, and have no cadence.
const CADENCE_MAX: i64 = 86_400;

/// Powers of ten that make sense of a meter: pico to tera.
const POWERS: std::ops::RangeInclusive<i32> = -12..=12;

/// A unit of measure by its code (`UomType`): what it is called here, its unit, and how much of that it is.
const UNITS: [(u32, &str, Quantity, Unit, f64); 14] = [
    (5, "current", Quantity::Current, Unit::Ampere, 1.0),
    (23, "temperature", Quantity::Temperature, Unit::Celsius, 1.0),
    (29, "voltage", Quantity::Voltage, Unit::Volt, 1.0),
    (31, "energy", Quantity::Energy, Unit::Joule, 1.0),
    (33, "frequency", Quantity::Frequency, Unit::Hertz, 1.0),
    (38, "power", Quantity::Power, Unit::Watt, 1.0),
    (61, "apparent_power", Quantity::ApparentPower, Unit::VoltAmpere, 1.0),
    (63, "reactive_power", Quantity::ReactivePower, Unit::Var, 1.0),
    (65, "power_factor", Quantity::Ratio, Unit::Fraction, 1.0),
    (72, "energy", Quantity::Energy, Unit::WattHour, 1.0),
    (73, "reactive_energy", Quantity::ReactiveEnergy, Unit::VarHour, 1.0),
    (106, "charge", Quantity::Charge, Unit::AmpereHour, 1.0),
    // The international British thermal unit is 1055.05585262 J; a therm is 100,000 of them.
    (132, "energy", Quantity::Energy, Unit::WattHour, 1_055.055_852_62 / 3_600.0),
    (169, "energy", Quantity::Energy, Unit::WattHour, 105_505_585.262 / 3_600.0),
];

/// Codes of `AccumulationKind` that are registers: what they show only grows.
const REGISTERS: [u32; 4] = [1, 2, 3, 9];

const FORWARD: u32 = 1;
const REVERSE: u32 = 19;

/// Currencies by their numbers in ISO 4217.
const CURRENCIES: [(u32, &str); 9] = [
    (36, "AUD"),
    (124, "CAD"),
    (156, "CNY"),
    (356, "INR"),
    (392, "JPY"),
    (756, "CHF"),
    (826, "GBP"),
    (840, "USD"),
    (978, "EUR"),
];

/// Codes of `CommodityKind` that are electricity; 0 says nothing.
const ELECTRICITY: [u32; 3] = [0, 1, 2];

/// How the values of a meter reading become those of a channel.
#[derive(Debug, Clone)]
pub(super) struct Meaning {
    /// What the channel is called: `energy_import`.
    pub(super) name: String,
    quantity: Quantity,
    pub(super) unit: Unit,
    scale: f64,
    power_of_ten: i32,
    kind: Kind,
    sign: SignConvention,
    cadence: Option<Span>,
    /// The currency of its costs, where the file says it.
    money: Option<Unit>,
    default_quality: Quality,
}

impl Meaning {
    /// What a type says; `declared` is the unit where it says none, as some utilities do.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a unit of measure that has no unit here.
    pub(super) fn of(of: &ReadingType, declared: Option<Unit>) -> Result<Self> {
        let (name, quantity, unit, scale) = measured(of.uom, declared)?;
        if !POWERS.contains(&of.power_of_ten) {
            let power = of.power_of_ten;
            return Err(Error::invalid(format!("powerOfTenMultiplier is {power}, expected {POWERS:?}")));
        }
        let is_amount = matches!(quantity, Quantity::Energy | Quantity::ReactiveEnergy | Quantity::Charge);
        let is_register = is_amount && REGISTERS.contains(&of.accumulation);
        let flow = if ELECTRICITY.contains(&of.commodity) { of.flow } else { 0 };
        let direction = match flow {
            FORWARD if is_amount => "_import",
            REVERSE => "_export",
            _ => "",
        };
        let extreme = match of.qualifier {
            8 => ".max",
            9 => ".min",
            _ => "",
        };
        let cadence =
            (1..=CADENCE_MAX).contains(&of.interval_seconds).then(|| Span::from_micros(of.interval_seconds * 1_000_000));
        Ok(Self {
            name: format!("{name}{direction}{extreme}"),
            quantity,
            unit,
            scale,
            power_of_ten: of.power_of_ten,
            kind: if is_register { Kind::Counter } else { Kind::Gauge },
            // A register only grows, whichever way it counts; an amount has the sign of its direction.
            sign: if flow == REVERSE && !is_register { SignConvention::Generator } else { SignConvention::Passive },
            cadence: cadence.filter(|_| !is_register),
            money: money(of.currency),
            default_quality: quality(of.default_quality),
        })
    }

    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a name that is none.
    pub(super) fn describe(&self, name: &str) -> Result<Channel> {
        let mut channel = Channel::of(name, self.quantity, self.unit)?.kind(self.kind).sign(self.sign).build()?;
        channel.cadence = self.cadence;
        Ok(channel)
    }

    /// The channel of what it cost: `cost_import`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a name that is none.
    pub(super) fn cost(&self, name: &str) -> Result<Option<Channel>> {
        let Some(money) = self.money else { return Ok(None) };
        let name = name.replacen("energy", "cost", 1);
        let mut channel = Channel::of(&name, Quantity::Money, money)?.build()?;
        channel.cadence = self.cadence;
        Ok(Some(channel).filter(|_| self.quantity == Quantity::Energy))
    }

    /// How a reading came about: the worst of what it says, or what its type says of all.
    pub(super) fn quality(&self, reading: &Reading) -> Quality {
        let told = reading.qualities.iter().filter_map(|code| code.trim().parse().ok()).map(quality);
        told.max().unwrap_or(self.default_quality)
    }

    /// Whether a reading is the register's at the end of its interval, and not an amount of it.
    pub(super) fn is_register(&self) -> bool {
        self.kind == Kind::Counter
    }

    /// A value in [`unit`](Self::unit): the float nearest to the decimal that is meant.
    pub(super) fn value(&self, text: &str) -> Option<f64> {
        let value = decimal(text, self.power_of_ten)?;
        let value = if self.scale == 1.0 { value } else { value * self.scale };
        Some(value).filter(|value| value.is_finite())
    }
}

/// What a unit of measure is called, its quantity and unit, and how much of that it is.
fn measured(uom: u32, declared: Option<Unit>) -> Result<(&'static str, Quantity, Unit, f64)> {
    if let (0, Some(unit)) = (uom, declared)
        && let Some(quantity) = unit.only_quantity()
    {
        return Ok((quantity.name(), quantity, unit, 1.0));
    }
    let found = UNITS.iter().find(|(known, ..)| *known == uom);
    found.map(|(_, name, quantity, unit, scale)| (*name, *quantity, *unit, *scale)).ok_or_else(|| {
        let known: Vec<String> = UNITS.iter().map(|(uom, ..)| uom.to_string()).collect();
        let hint = if uom == 0 { ", or a unit for all (--unit)" } else { "" };
        Error::invalid(format!("uom is {uom}, expected one of {}{hint}", known.join(" ")))
    })
}

/// A whole number or decimal times a power of ten, rounded once.
pub(super) fn decimal(text: &str, power_of_ten: i32) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    format!("{text}e{power_of_ten}").parse().ok().filter(|_| is_plain)
}

fn money(number: u32) -> Option<Unit> {
    CURRENCIES.iter().find(|(known, _)| *known == number)?.1.parse().ok()
}

/// `QualityOfReading`: what was edited by hand is substituted, what is questionable is not trusted, and what was made from
/// other values in any way is estimated.
fn quality(code: u32) -> Quality {
    match code {
        7 => Quality::Substituted,
        8 | 9 | 11 | 12 | 13 | 15 | 16 => Quality::Estimated,
        10 => Quality::Invalid,
        // Valid, raw, validated, verified, and codes of a later version.
        _ => Quality::Measured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(uom: u32, flow: u32, accumulation: u32) -> ReadingType {
        ReadingType { uom, flow, accumulation, interval_seconds: 900, commodity: 1, ..ReadingType::default() }
    }

    #[test]
    fn directions_are_two_channels_and_amounts_have_the_passive_sign() {
        for (of, name, kind, sign) in [
            (reading(72, 1, 4), "energy_import", Kind::Gauge, SignConvention::Passive),
            (reading(72, 19, 4), "energy_export", Kind::Gauge, SignConvention::Generator),
            (reading(72, 4, 4), "energy", Kind::Gauge, SignConvention::Passive),
            (reading(72, 1, 3), "energy_import", Kind::Counter, SignConvention::Passive),
            (reading(72, 19, 1), "energy_export", Kind::Counter, SignConvention::Passive),
            (reading(38, 1, 6), "power", Kind::Gauge, SignConvention::Passive),
            (reading(38, 19, 6), "power_export", Kind::Gauge, SignConvention::Generator),
            (reading(29, 0, 12), "voltage", Kind::Gauge, SignConvention::Passive),
        ] {
            let meaning = Meaning::of(&of, None).unwrap();
            let channel = meaning.describe(&meaning.name).unwrap();
            assert_eq!((channel.name.as_str(), channel.kind, channel.sign), (name, kind, sign), "{of:?}");
            assert_eq!(channel.cadence.is_some(), kind == Kind::Gauge);
        }
    }

    #[test]
    fn values_are_the_decimals_that_are_meant() {
        let of =
            |uom: u32, power_of_ten: i32| Meaning::of(&ReadingType { power_of_ten, ..reading(uom, 0, 4) }, None).unwrap();
        assert_eq!(of(72, -3).value("1001"), Some(1.001));
        assert_eq!(of(72, 3).value("5"), Some(5000.0));
        assert_eq!(of(72, 0).value("-7"), Some(-7.0));
        let therm = of(169, 0).value("1").unwrap();
        assert!((therm - 29_307.107_017).abs() < 1e-6, "{therm} Wh");
        for text in ["", "-", "x", "1e9", "inf", "NaN", "1 2"] {
            assert_eq!(of(72, 0).value(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_has_no_unit_here_is_named() {
        let e = Meaning::of(&reading(42, 1, 4), Some(Unit::WattHour)).unwrap_err();
        assert!(e.message().starts_with("uom is 42, expected one of 5 23 29"), "{e}");
        let e = Meaning::of(&ReadingType::default(), None).unwrap_err();
        assert!(e.message().ends_with("or a unit for all (--unit)"), "{e}");
        let declared = Meaning::of(&ReadingType::default(), Some(Unit::KilowattHour)).unwrap();
        assert_eq!((declared.name.as_str(), declared.unit), ("energy", Unit::KilowattHour));
        let e = Meaning::of(&ReadingType { power_of_ten: 99, ..reading(72, 1, 4) }, None).unwrap_err();
        assert_eq!(e.message(), "powerOfTenMultiplier is 99, expected -12..=12");
    }
}
