//! Quantities and their units. A value is stored in the base unit of its quantity, converted once, at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::shorten;
use crate::error::{Error, Result};

macro_rules! quantities {
    ($($variant:ident $name:literal $base:ident $doc:literal,)*) => {
        /// What is measured. Each has one base unit, in which values are stored.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Quantity { $(#[doc = $doc] $variant,)* }

        impl Quantity {
            /// Every quantity.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
            /// The name in configuration and messages.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
            /// The unit in which values of this quantity are stored.
            #[must_use]
            pub const fn base_unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$base,)* }
            }
        }
    };
}

quantities! {
    Power "power" Watt "Active power.",
    ReactivePower "reactive_power" Var "Reactive power.",
    ApparentPower "apparent_power" VoltAmpere "Apparent power.",
    Energy "energy" WattHour "Energy.",
    ReactiveEnergy "reactive_energy" VarHour "Reactive energy.",
    Voltage "voltage" Volt "Voltage.",
    Current "current" Ampere "Electric current.",
    Charge "charge" AmpereHour "Electric charge.",
    Frequency "frequency" Hertz "Frequency.",
    Temperature "temperature" Celsius "Temperature.",
    Irradiance "irradiance" WattPerSquareMetre "Irradiance on a surface.",
    StateOfCharge "state_of_charge" Fraction "State of charge, 0 to 1.",
    Ratio "ratio" Fraction "A ratio, such as a power factor or a relative humidity.",
    Duration "duration" Second "A length of time.",
    Switch "switch" OnOff "A switch or relay: 0 is off, 1 is on.",
    State "state" Code "A state by its number, as the device documents it.",
    Count "count" Code "A number of things.",
}

macro_rules! units {
    ($($variant:ident $symbol:literal [$($alias:literal)*] $quantity:pat => $scale:expr, $offset:expr;)*) => {
        /// A unit by its symbol. `value_in_base = value * scale + offset`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "the symbols say it: `Unit::Kilowatt` is `kW`")]
        pub enum Unit { $($variant,)* }

        impl Unit {
            /// Every unit.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
            /// The symbol, as written in configuration, messages and results.
            #[must_use]
            pub const fn symbol(self) -> &'static str {
                match self { $(Self::$variant => $symbol,)* }
            }
            const fn scale_offset(self) -> (f64, f64) {
                match self { $(Self::$variant => ($scale, $offset),)* }
            }
            /// Whether values in this unit are of that quantity.
            #[must_use]
            pub const fn measures(self, quantity: Quantity) -> bool {
                match self { $(Self::$variant => matches!(quantity, $quantity),)* }
            }
        }

        impl FromStr for Unit {
            type Err = Error;
            /// By symbol (`kW`) or by a common other spelling (`degC`, `%`).
            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($symbol $(| $alias)* => Ok(Self::$variant),)*
                    _ => Err(Error::invalid(format!(
                        "unit is {:?}, expected one of {}", shorten(text),
                        Self::ALL.iter().map(|unit| unit.symbol()).collect::<Vec<_>>().join(" ")
                    ))),
                }
            }
        }
    };
}

units! {
    Milliwatt "mW" [] Quantity::Power => 1e-3, 0.0;
    Watt "W" [] Quantity::Power => 1.0, 0.0;
    Kilowatt "kW" [] Quantity::Power => 1e3, 0.0;
    Megawatt "MW" [] Quantity::Power => 1e6, 0.0;
    Var "var" ["VAr" "VAR"] Quantity::ReactivePower => 1.0, 0.0;
    Kilovar "kvar" ["kVAr" "kVAR"] Quantity::ReactivePower => 1e3, 0.0;
    VoltAmpere "VA" [] Quantity::ApparentPower => 1.0, 0.0;
    KilovoltAmpere "kVA" [] Quantity::ApparentPower => 1e3, 0.0;
    WattHour "Wh" [] Quantity::Energy => 1.0, 0.0;
    KilowattHour "kWh" [] Quantity::Energy => 1e3, 0.0;
    MegawattHour "MWh" [] Quantity::Energy => 1e6, 0.0;
    Joule "J" [] Quantity::Energy => 1.0 / 3600.0, 0.0;
    Megajoule "MJ" [] Quantity::Energy => 1e6 / 3600.0, 0.0;
    VarHour "varh" [] Quantity::ReactiveEnergy => 1.0, 0.0;
    KilovarHour "kvarh" [] Quantity::ReactiveEnergy => 1e3, 0.0;
    Millivolt "mV" [] Quantity::Voltage => 1e-3, 0.0;
    Volt "V" [] Quantity::Voltage => 1.0, 0.0;
    Kilovolt "kV" [] Quantity::Voltage => 1e3, 0.0;
    Milliampere "mA" [] Quantity::Current => 1e-3, 0.0;
    Ampere "A" [] Quantity::Current => 1.0, 0.0;
    AmpereHour "Ah" [] Quantity::Charge => 1.0, 0.0;
    MilliampereHour "mAh" [] Quantity::Charge => 1e-3, 0.0;
    Hertz "Hz" [] Quantity::Frequency => 1.0, 0.0;
    Celsius "degC" ["°C"] Quantity::Temperature => 1.0, 0.0;
    Kelvin "K" [] Quantity::Temperature => 1.0, -273.15;
    Fahrenheit "degF" ["°F"] Quantity::Temperature => 5.0 / 9.0, -160.0 / 9.0;
    WattPerSquareMetre "W/m2" ["W/m²"] Quantity::Irradiance => 1.0, 0.0;
    Fraction "1" ["fraction"] Quantity::StateOfCharge | Quantity::Ratio => 1.0, 0.0;
    Percent "%" ["percent"] Quantity::StateOfCharge | Quantity::Ratio => 1e-2, 0.0;
    Second "s" [] Quantity::Duration => 1.0, 0.0;
    Minute "min" [] Quantity::Duration => 60.0, 0.0;
    Hour "h" [] Quantity::Duration => 3600.0, 0.0;
    OnOff "on/off" [] Quantity::Switch => 1.0, 0.0;
    Code "code" ["count"] Quantity::State | Quantity::Count => 1.0, 0.0;
}

impl Unit {
    /// The quantity that a value in this unit is of, where there is only one.
    #[must_use]
    pub fn only_quantity(self) -> Option<Quantity> {
        let mut having = Quantity::ALL.iter().copied().filter(|quantity| self.measures(*quantity));
        having.next().filter(|_| having.next().is_none())
    }

    /// The value in the base unit of its quantity. Base units convert without any arithmetic, so bit for bit;
    /// scales below one are applied as divisions, so that 250 mA is exactly 0.25 A.
    #[must_use]
    pub fn to_base(self, value: f64) -> f64 {
        let (scale, offset) = self.scale_offset();
        if scale == 1.0 && offset == 0.0 {
            return value;
        }
        if scale < 1.0 { value / (1.0 / scale).round_if_whole() + offset } else { nearest_decimal(value * scale) + offset }
    }

    /// The inverse of [`to_base`](Self::to_base), up to rounding.
    #[must_use]
    pub fn from_base(self, value: f64) -> f64 {
        let (scale, offset) = self.scale_offset();
        if scale == 1.0 && offset == 0.0 {
            return value;
        }
        if scale < 1.0 { (value - offset) * (1.0 / scale).round_if_whole() } else { (value - offset) / scale }
    }
}

/// Sources report decimals: 1.001 kW is 1001 W, although the product of the two doubles is 1000.9999999999999. The
/// decimal of six places that lies within the rounding error of the product is what was meant.
fn nearest_decimal(product: f64) -> f64 {
    const PLACES: f64 = 1e6;
    let decimal = (product * PLACES).round() / PLACES;
    let exact = (product * PLACES).abs() < (1u64 << 52) as f64;
    if exact && (decimal - product).abs() <= product.abs() * 2.0 * f64::EPSILON { decimal } else { product }
}

trait RoundIfWhole {
    fn round_if_whole(self) -> f64;
}
impl RoundIfWhole for f64 {
    /// 1/0.001 is 1000 up to rounding; 9/5 stays what it is.
    fn round_if_whole(self) -> f64 {
        let whole = self.round();
        if (self - whole).abs() < 1e-9 * whole { whole } else { self }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl Serialize for Unit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.symbol())
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Quantity {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|quantity| quantity.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|quantity| quantity.name()).collect();
            Error::invalid(format!("quantity is {:?}, expected one of {}", shorten(text), names.join(" ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_stored_in_base_units() {
        for (unit, value, base) in [
            (Unit::Kilowatt, 2.5, 2500.0),
            (Unit::KilowattHour, 0.83, 830.0),
            (Unit::Milliampere, 250.0, 0.25),
            (Unit::Percent, 95.0, 0.95),
            (Unit::Joule, 3600.0, 1.0),
            (Unit::Megajoule, 3.6, 1000.0),
            (Unit::Kelvin, 273.15, 0.0),
            (Unit::Fahrenheit, 212.0, 100.0),
            (Unit::Watt, -0.0, -0.0),
        ] {
            assert!((unit.to_base(value) - base).abs() < 1e-9, "{value} {unit}");
            assert!((unit.from_base(base) - value).abs() < 1e-9, "{value} {unit}");
        }
    }

    #[test]
    fn decimals_stay_what_they_were() {
        for watts in 0..200_000 {
            let kilowatts = f64::from(watts) / 1000.0;
            assert_eq!(Unit::Kilowatt.to_base(kilowatts), f64::from(watts), "{kilowatts} kW");
            assert_eq!(Unit::Milliampere.to_base(f64::from(watts)), kilowatts);
        }
        // What is no decimal of six places keeps its product.
        let third = 1.0 / 3.0;
        assert_eq!(Unit::Kilowatt.to_base(third), third * 1000.0);
        assert_eq!(Unit::Kilowatt.to_base(1e300), 1e303);
        assert!(Unit::Kilowatt.to_base(f64::NAN).is_nan());
    }

    #[test]
    fn every_unit_is_found_by_its_symbol_and_every_base_unit_changes_nothing() {
        for unit in Unit::ALL {
            assert_eq!(unit.symbol().parse::<Unit>().unwrap(), *unit);
        }
        for quantity in Quantity::ALL {
            let base = quantity.base_unit();
            assert!(base.measures(*quantity));
            assert_eq!(base.to_base(0.1).to_bits(), 0.1f64.to_bits());
            assert_eq!(quantity.name().parse::<Quantity>().unwrap(), *quantity);
        }
        assert_eq!(Unit::Kilowatt.only_quantity(), Some(Quantity::Power));
        assert_eq!(Unit::Fraction.only_quantity(), None);
    }

    #[test]
    fn an_unknown_unit_is_named() {
        let e = "kw".parse::<Unit>().unwrap_err();
        assert!(e.message().starts_with("unit is \"kw\", expected one of mW W kW"), "{e}");
    }
}
