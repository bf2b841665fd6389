//! The types of Modbus registers as SunSpec names them: which of their values says "not implemented", and how wide they are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::shorten;
use crate::error::{Error, Result};

macro_rules! registers {
    ($($variant:ident $name:literal $invalid:expr, $width:expr;)*) => {
        /// The register that a source reads a channel from, where it passes the register's number on as it is. Values and
        /// ranges are those of the SunSpec Device Information Model Specification (types and "not implemented" values).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "the names say it: `RegisterType::Uint16` is `uint16`")]
        pub enum RegisterType { $($variant,)* }

        impl RegisterType {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
            /// The name in configuration and messages.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
            /// The number that says "not implemented"; NaN for floats. All ones of 64 bits are 2^64, the float nearest to them.
            #[must_use]
            pub const fn not_implemented(self) -> f64 {
                match self { $(Self::$variant => $invalid,)* }
            }
            /// How many numbers a counter in such a register goes through until it begins again; none where it does not count.
            #[must_use]
            pub const fn width(self) -> Option<f64> {
                match self { $(Self::$variant => $width,)* }
            }
        }
    };
}

const BITS_16: f64 = 65_536.0;
const BITS_32: f64 = 4_294_967_296.0;
const BITS_63: f64 = 9_223_372_036_854_775_808.0;
/// All ones of 64 bits, as the nearest float: no meter counts that far.
pub(crate) const ALL_ONES: f64 = 18_446_744_073_709_551_616.0;

registers! {
    Int16 "int16" -32_768.0, Some(BITS_16);
    Uint16 "uint16" 65_535.0, Some(BITS_16);
    Acc16 "acc16" 0.0, Some(BITS_16);
    Enum16 "enum16" 65_535.0, None;
    Bitfield16 "bitfield16" 65_535.0, None;
    Int32 "int32" -2_147_483_648.0, Some(BITS_32);
    Uint32 "uint32" 4_294_967_295.0, Some(BITS_32);
    Acc32 "acc32" 0.0, Some(BITS_32);
    Enum32 "enum32" 4_294_967_295.0, None;
    Bitfield32 "bitfield32" 4_294_967_295.0, None;
    Int64 "int64" -BITS_63, Some(ALL_ONES);
    Uint64 "uint64" ALL_ONES, Some(ALL_ONES);
    // An accumulator of 64 bits begins again after the largest signed number.
    Acc64 "acc64" 0.0, Some(BITS_63);
    Float32 "float32" f64::NAN, None;
    Float64 "float64" f64::NAN, None;
}

impl fmt::Display for RegisterType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RegisterType {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|register| register.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|register| register.name()).collect();
            Error::invalid(format!("register is {:?}, expected one of {}", shorten(text), names.join(" ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_name_in_text_and_json() {
        for register in RegisterType::ALL {
            assert_eq!(register.name().parse::<RegisterType>().unwrap(), *register);
            assert_eq!(serde_json::to_value(register).unwrap(), register.name());
        }
        assert!("u16".parse::<RegisterType>().unwrap_err().message().contains("expected one of int16 uint16"));
    }

    #[test]
    fn what_is_not_implemented_is_the_number_that_the_registers_bits_become() {
        for (register, number) in [
            (RegisterType::Uint16, f64::from(u16::MAX)),
            (RegisterType::Int16, f64::from(i16::MIN)),
            (RegisterType::Uint32, f64::from(u32::MAX)),
            (RegisterType::Int32, f64::from(i32::MIN)),
            (RegisterType::Uint64, u64::MAX as f64),
            (RegisterType::Int64, i64::MIN as f64),
        ] {
            assert_eq!(register.not_implemented(), number, "{register}");
        }
        assert!(RegisterType::Float32.not_implemented().is_nan());
    }
}
