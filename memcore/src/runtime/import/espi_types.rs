//! What the codes of ESPI mean here: units, directions, registers and amounts.

use super::espi::ReadingType;
use crate::error::{Error, Result};
use crate::model::{Channel, Kind, Quantity, SignConvention, Span, Unit};

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
}

impl Meaning {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a unit of measure that has no unit here.
    pub(super) fn of(of: &ReadingType) -> Result<Self> {
        let found = UNITS.iter().find(|(uom, ..)| *uom == of.uom);
        let Some((_, name, quantity, unit, scale)) = found else {
            let known: Vec<String> = UNITS.iter().map(|(uom, ..)| uom.to_string()).collect();
            return Err(Error::invalid(format!("uom is {}, expected one of {}", of.uom, known.join(" "))));
        };
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
            quantity: *quantity,
            unit: *unit,
            scale: *scale,
            power_of_ten: of.power_of_ten,
            kind: if is_register { Kind::Counter } else { Kind::Gauge },
            // A register only grows, whichever way it counts; an amount has the sign of its direction.
            sign: if flow == REVERSE && !is_register { SignConvention::Generator } else { SignConvention::Passive },
            cadence: cadence.filter(|_| !is_register),
        })
    }

    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a name that is none.
    pub(super) fn describe(&self, name: &str) -> Result<Channel> {
        let mut channel = Channel::of(name, self.quantity, self.unit)?.kind(self.kind).sign(self.sign).build()?;
        channel.cadence = self.cadence;
        Ok(channel)
    }

    /// Whether a reading is the register's at the end of its interval, and not an amount of it.
    pub(super) fn is_register(&self) -> bool {
        self.kind == Kind::Counter
    }

    /// A value in [`unit`](Self::unit): the float nearest to the decimal that is meant.
    pub(super) fn value(&self, text: &str) -> Option<f64> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let value: f64 = format!("{text}e{}", self.power_of_ten).parse().ok().filter(|_| is_plain)?;
        let value = if self.scale == 1.0 { value } else { value * self.scale };
        Some(value).filter(|value| value.is_finite())
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
            let meaning = Meaning::of(&of).unwrap();
            let channel = meaning.describe(&meaning.name).unwrap();
            assert_eq!((channel.name.as_str(), channel.kind, channel.sign), (name, kind, sign), "{of:?}");
            assert_eq!(channel.cadence.is_some(), kind == Kind::Gauge);
        }
    }

    #[test]
    fn values_are_the_decimals_that_are_meant() {
        let of = |uom: u32, power_of_ten: i32| Meaning::of(&ReadingType { power_of_ten, ..reading(uom, 0, 4) }).unwrap();
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
        let e = Meaning::of(&reading(42, 1, 4)).unwrap_err();
        assert!(e.message().starts_with("uom is 42, expected one of 5 23 29"), "{e}");
        let e = Meaning::of(&ReadingType { power_of_ten: 99, ..reading(72, 1, 4) }).unwrap_err();
        assert_eq!(e.message(), "powerOfTenMultiplier is 99, expected -12..=12");
    }
}
