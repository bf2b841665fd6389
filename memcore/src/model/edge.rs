//! The edge: what a value becomes that a source reports. One rule for links, writes, bulk loads and imports alike.

use super::channel::{Channel, Kind, SignConvention};
use super::quality::Quality;
use super::register::{ALL_ONES, RegisterType};
use super::unit::{Quantity, Unit};

/// What a reported value became. Whatever is not a value is absent in history, and counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Taken {
    /// As it is stored: in base unit and passive sign.
    Value(f64),
    /// It says "not measured": one of the channel's `invalid` numbers, its register's "not implemented", or all ones of 64 bits.
    Invalid,
    /// It lies outside the channel's `range`, or is no [`Quality`] where the channel has qualities.
    OutOfRange,
    /// It is more than a number of the base unit can say.
    TooLarge,
}

impl Taken {
    /// The stored value, where it is one.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Invalid | Self::OutOfRange | Self::TooLarge => None,
        }
    }
}

/// How many reported values did not become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetAside {
    /// Those that say "not measured".
    pub invalid: u64,
    /// Those outside the channel's range, or beyond what its base unit can say.
    pub out_of_range: u64,
}

impl SetAside {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.invalid + self.out_of_range
    }

    /// Counts a value, where it is none.
    pub fn count(&mut self, taken: Taken) {
        match taken {
            Taken::Value(_) => {}
            Taken::Invalid => self.invalid += 1,
            Taken::OutOfRange | Taken::TooLarge => self.out_of_range += 1,
        }
    }
}

impl std::ops::AddAssign for SetAside {
    fn add_assign(&mut self, more: Self) {
        self.invalid += more.invalid;
        self.out_of_range += more.out_of_range;
    }
}

impl Channel {
    /// What a value that the source reports becomes. A NaN is a value (nothing is known from then on), unless the channel's
    /// register is a float's.
    #[inline]
    #[must_use]
    pub fn take(&self, value: f64) -> Taken {
        if self.is_invalid(value) {
            return Taken::Invalid;
        }
        if self.range.is_some_and(|range| !range.contains(value) && !value.is_nan()) {
            return Taken::OutOfRange;
        }
        if self.quantity == Quantity::Quality && Quality::of_number(value).is_none() {
            return Taken::OutOfRange;
        }
        let stored = self.to_stored(value);
        if stored.is_infinite() && value.is_finite() { Taken::TooLarge } else { Taken::Value(stored) }
    }

    /// Whether every reported value but all ones is stored as it is.
    pub(crate) fn stores_as_reported(&self) -> bool {
        let plain = self.sign == SignConvention::Passive && self.unit == self.base_unit();
        let any = self.quantity != Quantity::Quality && self.range.is_none();
        plain && any && self.invalid.is_empty() && self.register.is_none()
    }

    /// Whether the reported value says "not measured".
    #[inline]
    pub(crate) fn is_invalid(&self, value: f64) -> bool {
        let of_register = |value: f64| {
            let none = self.register.map(RegisterType::not_implemented);
            none.is_some_and(|none| none == value || (none.is_nan() && value.is_nan()))
        };
        value == ALL_ONES || of_register(value) || self.invalid.contains(&value)
    }

    /// The same channel as a source sees it that reports in `unit`: its numbers mean what they did before.
    pub(crate) fn in_unit(&self, unit: Unit) -> Self {
        if unit == self.unit {
            return self.clone();
        }
        let convert = |value: f64| unit.from_base(self.unit.to_base(value));
        let mut same = self.clone();
        same.range = self.range.and_then(|range| range.map(convert));
        same.invalid = self.invalid.iter().map(|value| convert(*value)).collect();
        // A register holds numbers of one unit: in another one they are declared by value.
        same.invalid
            .extend(self.register.map(|register| convert(register.not_implemented())).filter(|none| !none.is_nan()));
        same.register = self.register.filter(|register| register.not_implemented().is_nan());
        same.rollover = self.width_declared().filter(|_| self.kind == Kind::Counter).map(convert);
        same.unit = unit;
        same
    }

    /// The rollover, or the width of the register, in [`unit`](Self::unit).
    fn width_declared(&self) -> Option<f64> {
        self.rollover.or_else(|| self.register?.width())
    }

    /// How many a counter counts until it begins again at zero, in its base unit; none where nothing says so.
    #[must_use]
    pub fn rollover_width(&self) -> Option<f64> {
        self.width_declared().filter(|_| self.kind == Kind::Counter).map(|width| self.unit.to_base(width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RegisterType, SignConvention, ValidRange};

    #[test]
    fn a_register_that_is_not_implemented_is_no_number() {
        // B5, in the unit and sign of the source.
        for (register, raw) in [
            (RegisterType::Uint16, 65_535.0),
            (RegisterType::Int16, -32_768.0),
            (RegisterType::Uint32, 4_294_967_295.0),
            (RegisterType::Int32, -2_147_483_648.0),
            (RegisterType::Uint64, u64::MAX as f64),
            (RegisterType::Int64, i64::MIN as f64),
            (RegisterType::Acc32, 0.0),
            (RegisterType::Acc32, -0.0),
            (RegisterType::Float32, f64::from(f32::NAN)),
        ] {
            let pv = Channel::gauge("power", Unit::Kilowatt).unwrap().sign(SignConvention::Generator);
            let pv = pv.register(register).build().unwrap();
            assert_eq!(pv.take(raw), Taken::Invalid, "{register}");
            assert_eq!(pv.take(1.5), Taken::Value(-1500.0), "{register}");
        }
        let plain = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
        assert_eq!((plain.take(65_535.0), plain.take(0.0)), (Taken::Value(65_535.0), Taken::Value(0.0)));
        assert!(plain.take(f64::NAN).value().is_some_and(f64::is_nan));
        assert_eq!(plain.take(u64::MAX as f64), Taken::Invalid);
    }

    #[test]
    fn a_register_in_another_unit_describes_a_channel_that_may_be() {
        let power = Channel::gauge("power", Unit::Watt).unwrap().register(RegisterType::Int16).build().unwrap();
        let power = power.in_unit(Unit::Kilowatt);
        power.check().unwrap();
        assert_eq!((power.take(-32.768), power.take(1.5)), (Taken::Invalid, Taken::Value(1500.0)));
    }

    #[test]
    fn declared_numbers_and_ranges_mean_the_same_in_every_unit() {
        let soc = Channel::of("soc", Quantity::StateOfCharge, Unit::Percent).unwrap();
        let soc = soc.range(ValidRange::new(0.0, 100.0).unwrap()).invalid([255.0, -1.0]).build().unwrap();
        let share = soc.in_unit(Unit::Fraction);
        for (percent, taken) in [
            (50.0, Taken::Value(0.5)),
            (100.0, Taken::Value(1.0)),
            (255.0, Taken::Invalid),
            (-1.0, Taken::Invalid),
            (101.0, Taken::OutOfRange),
        ] {
            assert_eq!((soc.take(percent), share.take(percent / 100.0)), (taken, taken), "{percent} %");
        }
        assert!(soc.take(f64::NAN).value().is_some_and(f64::is_nan));
        let raw = Channel::gauge("power", Unit::Watt).unwrap().register(RegisterType::Uint16).build().unwrap();
        assert_eq!(raw.in_unit(Unit::Kilowatt).take(65.535), Taken::Invalid);
        assert_eq!(raw.in_unit(Unit::Kilowatt).take(65.534), Taken::Value(65_534.0));
    }

    #[test]
    fn what_no_base_unit_can_say_is_set_aside_and_counted() {
        let power = Channel::gauge("power", Unit::Megawatt).unwrap().build().unwrap();
        let mut aside = SetAside::default();
        for value in [1e304, f64::INFINITY, u64::MAX as f64, 1.0] {
            aside.count(power.take(value));
        }
        assert_eq!((aside.invalid, aside.out_of_range, aside.total()), (1, 1, 2));
        assert_eq!(power.take(f64::INFINITY), Taken::Value(f64::INFINITY));
    }

    #[test]
    fn a_counters_width_is_its_registers_unless_it_is_declared() {
        let counter = |name| Channel::gauge(name, Unit::KilowattHour).unwrap().kind(Kind::Counter);
        let plain = counter("energy").build().unwrap();
        let register = counter("energy").register(RegisterType::Acc32).build().unwrap();
        let declared = counter("energy").register(RegisterType::Uint32).rollover(100_000.0).build().unwrap();
        assert_eq!(plain.rollover_width(), None);
        assert_eq!(register.rollover_width(), Some(4_294_967_296_000.0));
        assert_eq!(declared.rollover_width(), Some(100_000_000.0));
        assert_eq!(register.in_unit(Unit::WattHour).rollover_width(), Some(4_294_967_296_000.0));
    }
}
