//! Quantities and their units. A value is stored in the base unit of its quantity, converted once, at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::currency::Currency;
use super::name::shorten;
use crate::error::{Error, Result};

macro_rules! quantities {
    ($($variant:ident $name:literal $base:expr, $doc:literal,)*) => {
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
            /// The unit in which values of this quantity are stored; none of money and prices, whose base unit is that of
            /// their currency ([`Unit::base`], [`Channel::base_unit`](super::Channel::base_unit)).
            #[must_use]
            pub const fn base_unit(self) -> Option<Unit> {
                match self { $(Self::$variant => $base,)* }
            }
        }
    };
}

quantities! {
    Power "power" Some(Unit::Watt), "Active power.",
    ReactivePower "reactive_power" Some(Unit::Var), "Reactive power.",
    ApparentPower "apparent_power" Some(Unit::VoltAmpere), "Apparent power.",
    Energy "energy" Some(Unit::WattHour), "Energy.",
    ReactiveEnergy "reactive_energy" Some(Unit::VarHour), "Reactive energy.",
    Voltage "voltage" Some(Unit::Volt), "Voltage.",
    Current "current" Some(Unit::Ampere), "Electric current.",
    Charge "charge" Some(Unit::AmpereHour), "Electric charge.",
    Frequency "frequency" Some(Unit::Hertz), "Frequency.",
    Temperature "temperature" Some(Unit::Celsius), "Temperature.",
    Irradiance "irradiance" Some(Unit::WattPerSquareMetre), "Irradiance on a surface.",
    StateOfCharge "state_of_charge" Some(Unit::Fraction), "State of charge, 0 to 1.",
    Ratio "ratio" Some(Unit::Fraction), "A ratio, such as a power factor or a relative humidity.",
    Duration "duration" Some(Unit::Second), "A length of time.",
    Switch "switch" Some(Unit::OnOff), "A switch or relay: 0 is off, 1 is on.",
    State "state" Some(Unit::Code), "A state by its number, as the device documents it.",
    Count "count" Some(Unit::Code), "A number of things.",
    Price "price" None, "What energy costs, in a currency.",
    Money "money" None, "An amount in a currency.",
    CarbonIntensity "carbon_intensity" Some(Unit::GramPerKilowattHour), "What energy emits, as carbon dioxide that warms as much.",
    Quality "quality" Some(Unit::Code), "How a value of another channel came about: the number of a [`Quality`](super::Quality).",
}

macro_rules! units {
    ($($variant:ident $symbol:literal [$($alias:literal)*] $quantity:pat => $scale:expr, $offset:expr;)*) => {
        /// A unit by its symbol. `value_in_base = value * scale + offset`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "the symbols say it: `Unit::Kilowatt` is `kW`")]
        pub enum Unit {
            $($variant,)*
            /// An amount of money: `EUR`.
            Money(Currency),
            /// A price of energy: `EUR/kWh`, `EUR/MWh`.
            #[allow(missing_docs, reason = "said above")]
            Price { currency: Currency, per: PricePer },
        }

        impl Unit {
            /// Every unit but those of a currency.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
            /// The symbol, as written in configuration, messages and results.
            #[must_use]
            pub const fn symbol(self) -> &'static str {
                match self {
                    $(Self::$variant => $symbol,)*
                    Self::Money(currency) => currency.code(),
                    Self::Price { currency, per } => currency.price(per),
                }
            }
            const fn scale_offset(self) -> (f64, f64) {
                match self {
                    $(Self::$variant => ($scale, $offset),)*
                    Self::Money(_) | Self::Price { per: PricePer::KilowattHour, .. } => (1.0, 0.0),
                    Self::Price { per: PricePer::MegawattHour, .. } => (1e-3, 0.0),
                }
            }
            /// Whether values in this unit are of that quantity.
            #[must_use]
            pub const fn measures(self, quantity: Quantity) -> bool {
                match self {
                    $(Self::$variant => matches!(quantity, $quantity),)*
                    Self::Money(_) => matches!(quantity, Quantity::Money),
                    Self::Price { .. } => matches!(quantity, Quantity::Price),
                }
            }
        }

        impl FromStr for Unit {
            type Err = Error;
            /// By symbol (`kW`) or by a common other spelling (`°C`, `€/kWh`).
            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($symbol $(| $alias)* => Ok(Self::$variant),)*
                    _ => of_currency(text).ok_or_else(|| {
                        let known: Vec<_> = Self::ALL.iter().map(|unit| unit.symbol()).collect();
                        let (text, known) = (shorten(text), known.join(" "));
                        Error::invalid(format!("unit is {text:?}, expected one of {known}, or a currency: EUR EUR/kWh EUR/MWh"))
                    }),
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
    Gigawatt "GW" [] Quantity::Power => 1e9, 0.0;
    Var "var" ["VAr" "VAR"] Quantity::ReactivePower => 1.0, 0.0;
    Kilovar "kvar" ["kVAr" "kVAR"] Quantity::ReactivePower => 1e3, 0.0;
    Megavar "Mvar" ["MVAr" "MVAR"] Quantity::ReactivePower => 1e6, 0.0;
    VoltAmpere "VA" [] Quantity::ApparentPower => 1.0, 0.0;
    KilovoltAmpere "kVA" [] Quantity::ApparentPower => 1e3, 0.0;
    MegavoltAmpere "MVA" [] Quantity::ApparentPower => 1e6, 0.0;
    WattHour "Wh" [] Quantity::Energy => 1.0, 0.0;
    KilowattHour "kWh" [] Quantity::Energy => 1e3, 0.0;
    MegawattHour "MWh" [] Quantity::Energy => 1e6, 0.0;
    GigawattHour "GWh" [] Quantity::Energy => 1e9, 0.0;
    Joule "J" ["Ws"] Quantity::Energy => 1.0 / 3600.0, 0.0;
    Kilojoule "kJ" [] Quantity::Energy => 1e3 / 3600.0, 0.0;
    Megajoule "MJ" [] Quantity::Energy => 1e6 / 3600.0, 0.0;
    Gigajoule "GJ" [] Quantity::Energy => 1e9 / 3600.0, 0.0;
    VarHour "varh" ["VArh" "VARh"] Quantity::ReactiveEnergy => 1.0, 0.0;
    KilovarHour "kvarh" ["kVArh" "kVARh"] Quantity::ReactiveEnergy => 1e3, 0.0;
    MegavarHour "Mvarh" ["MVArh" "MVARh"] Quantity::ReactiveEnergy => 1e6, 0.0;
    Millivolt "mV" [] Quantity::Voltage => 1e-3, 0.0;
    Volt "V" [] Quantity::Voltage => 1.0, 0.0;
    Kilovolt "kV" [] Quantity::Voltage => 1e3, 0.0;
    Milliampere "mA" [] Quantity::Current => 1e-3, 0.0;
    Ampere "A" [] Quantity::Current => 1.0, 0.0;
    Kiloampere "kA" [] Quantity::Current => 1e3, 0.0;
    AmpereHour "Ah" [] Quantity::Charge => 1.0, 0.0;
    MilliampereHour "mAh" [] Quantity::Charge => 1e-3, 0.0;
    Hertz "Hz" [] Quantity::Frequency => 1.0, 0.0;
    Millihertz "mHz" [] Quantity::Frequency => 1e-3, 0.0;
    Kilohertz "kHz" [] Quantity::Frequency => 1e3, 0.0;
    Celsius "degC" ["°C"] Quantity::Temperature => 1.0, 0.0;
    Kelvin "K" [] Quantity::Temperature => 1.0, -273.15;
    Fahrenheit "degF" ["°F"] Quantity::Temperature => 5.0 / 9.0, -160.0 / 9.0;
    WattPerSquareMetre "W/m2" ["W/m²"] Quantity::Irradiance => 1.0, 0.0;
    KilowattPerSquareMetre "kW/m2" ["kW/m²"] Quantity::Irradiance => 1e3, 0.0;
    Fraction "1" ["fraction"] Quantity::StateOfCharge | Quantity::Ratio => 1.0, 0.0;
    Percent "%" ["percent"] Quantity::StateOfCharge | Quantity::Ratio => 1e-2, 0.0;
    Permille "permille" ["‰"] Quantity::StateOfCharge | Quantity::Ratio => 1e-3, 0.0;
    Millisecond "ms" [] Quantity::Duration => 1e-3, 0.0;
    Second "s" [] Quantity::Duration => 1.0, 0.0;
    Minute "min" [] Quantity::Duration => 60.0, 0.0;
    Hour "h" [] Quantity::Duration => 3600.0, 0.0;
    Day "d" [] Quantity::Duration => 86_400.0, 0.0;
    OnOff "on/off" [] Quantity::Switch => 1.0, 0.0;
    Code "code" ["count"] Quantity::State | Quantity::Count | Quantity::Quality => 1.0, 0.0;
    GramPerKilowattHour "g/kWh" ["gCO2/kWh" "gCO2eq/kWh" "gCO₂/kWh" "gCO₂eq/kWh"] Quantity::CarbonIntensity => 1.0, 0.0;
    KilogramPerMegawattHour "kg/MWh" ["kgCO2/MWh" "kgCO2eq/MWh"] Quantity::CarbonIntensity => 1.0, 0.0;
    KilogramPerKilowattHour "kg/kWh" ["kgCO2/kWh" "kgCO2eq/kWh"] Quantity::CarbonIntensity => 1e3, 0.0;
    TonnePerMegawattHour "t/MWh" ["tCO2/MWh" "tCO2eq/MWh"] Quantity::CarbonIntensity => 1e3, 0.0;
}

/// How much energy a price is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PricePer {
    /// As prices are stored.
    KilowattHour,
    /// As exchanges trade.
    MegawattHour,
}

/// `EUR`, `€/kWh`, `GBP/MWh`.
fn of_currency(text: &str) -> Option<Unit> {
    let (currency, per) = text.split_once('/').map_or((text, None), |(currency, per)| (currency, Some(per)));
    let currency: Currency = currency.parse().ok()?;
    match per {
        None => Some(Unit::Money(currency)),
        Some("kWh") => Some(Unit::Price { currency, per: PricePer::KilowattHour }),
        Some("MWh") => Some(Unit::Price { currency, per: PricePer::MegawattHour }),
        Some(_) => None,
    }
}

impl Unit {
    /// A price of that currency for a kWh, in which prices are stored.
    #[must_use]
    pub const fn price_per_kwh(currency: Currency) -> Self {
        Self::Price { currency, per: PricePer::KilowattHour }
    }

    /// A price of that currency for a MWh.
    #[must_use]
    pub const fn price_per_mwh(currency: Currency) -> Self {
        Self::Price { currency, per: PricePer::MegawattHour }
    }

    /// The unit that values in this one are stored in: `W` of `kW`, `EUR/kWh` of `EUR/MWh`.
    #[must_use]
    pub const fn base(self) -> Self {
        match self {
            Self::Money(_) => self,
            Self::Price { currency, .. } => Self::price_per_kwh(currency),
            plain => plain.plain_base(),
        }
    }

    const fn plain_base(self) -> Self {
        let mut at = 0;
        while at < Quantity::ALL.len() {
            if let (true, Some(base)) = (self.measures(Quantity::ALL[at]), Quantity::ALL[at].base_unit()) {
                return base;
            }
            at += 1;
        }
        self
    }

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
        self.conversion().apply(value)
    }

    /// The inverse of [`to_base`](Self::to_base), up to rounding.
    #[must_use]
    pub fn from_base(self, value: f64) -> f64 {
        self.conversion().invert(value)
    }

    /// Looked up once for a column of values.
    pub(crate) fn conversion(self) -> Conversion {
        let (scale, offset) = self.scale_offset();
        Conversion { scale, inverse: (1.0 / scale).round_if_whole(), offset }
    }
}

/// How values in a unit become those in its base unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conversion {
    scale: f64,
    /// Of scales below one: 1,000 for a thousandth.
    inverse: f64,
    offset: f64,
}

impl Conversion {
    #[inline]
    pub(crate) fn apply(self, value: f64) -> f64 {
        match self {
            Self { scale: 1.0, offset: 0.0, .. } => value,
            Self { scale, inverse, offset } if scale < 1.0 => value / inverse + offset,
            Self { scale, offset, .. } => nearest_decimal(value * scale) + offset,
        }
    }

    #[inline]
    pub(crate) fn invert(self, value: f64) -> f64 {
        match self {
            Self { scale: 1.0, offset: 0.0, .. } => value,
            Self { scale, inverse, offset } if scale < 1.0 => (value - offset) * inverse,
            Self { scale, offset, .. } => (value - offset) / scale,
        }
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
            (Unit::Kilojoule, 3.6, 1.0),
            (Unit::Gigajoule, 3.6, 1e6),
            (Unit::Permille, 950.0, 0.95),
            (Unit::TonnePerMegawattHour, 0.4, 400.0),
            (Unit::price_per_mwh(Currency::EUR), 87.31, 0.08731),
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
            let base = quantity.base_unit().unwrap_or("CHF".parse().unwrap());
            let base = if *quantity == Quantity::Price { Unit::price_per_kwh(Currency::CHF) } else { base };
            assert!(base.measures(*quantity), "{quantity}");
            assert_eq!(base.base(), base);
            assert_eq!(base.to_base(0.1).to_bits(), 0.1f64.to_bits());
            assert_eq!(quantity.name().parse::<Quantity>().unwrap(), *quantity);
        }
        for unit in Unit::ALL {
            let of = |quantity: &Quantity| unit.measures(*quantity);
            assert!(
                Quantity::ALL.iter().filter(|quantity| of(quantity)).all(|q| q.base_unit() == Some(unit.base())),
                "{unit}"
            );
        }
        assert_eq!(Unit::Kilowatt.only_quantity(), Some(Quantity::Power));
        assert_eq!(Unit::Fraction.only_quantity(), None);
    }

    #[test]
    fn prices_and_money_are_of_a_currency() {
        for (text, symbol, base) in [
            ("EUR", "EUR", "EUR"),
            ("€/kWh", "EUR/kWh", "EUR/kWh"),
            ("£/MWh", "GBP/MWh", "GBP/kWh"),
            ("JPY/kWh", "JPY/kWh", "JPY/kWh"),
        ] {
            let unit: Unit = text.parse().unwrap();
            assert_eq!((unit.symbol(), unit.base().symbol()), (symbol, base));
            assert_eq!(serde_json::from_value::<Unit>(serde_json::to_value(unit).unwrap()).unwrap(), unit);
        }
        assert_eq!("EUR/MWh".parse::<Unit>().unwrap().only_quantity(), Some(Quantity::Price));
        // What an exchange quotes in hundredths stays a decimal: divided, not multiplied.
        assert_eq!(Unit::price_per_mwh(Currency::EUR).to_base(87.31), 0.08731);
        for text in ["$/kWh", "EUR/Wh", "EUR/kWh/h", "/kWh", "eur/kWh"] {
            assert!(text.parse::<Unit>().unwrap_err().message().contains("EUR/MWh"), "{text}");
        }
    }

    #[test]
    fn an_unknown_unit_is_named() {
        let e = "kw".parse::<Unit>().unwrap_err();
        assert!(e.message().starts_with("unit is \"kw\", expected one of mW W kW"), "{e}");
    }
}
