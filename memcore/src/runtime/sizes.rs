//! How the configuration writes numbers of bytes: `256MB`, `10GB`, `1TiB`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::model::shorten;

/// The larger ones first, the decimal before the binary one.
const UNITS: [(&str, u64); 9] = [
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// A whole number of bytes with its unit.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid), naming the value and what was expected.
pub(super) fn read(text: &str) -> Result<u64> {
    let split = UNITS.iter().find_map(|(unit, each)| Some((text.strip_suffix(unit)?, each)));
    let size = split.and_then(|(number, each)| number.trim_end().parse::<u64>().ok()?.checked_mul(*each));
    size.ok_or_else(|| Error::invalid(format!("size is {:?}, expected such as 256MB or 10GB", shorten(text))))
}

/// In the largest unit that leaves it whole.
pub(super) fn shown(size: u64) -> String {
    let (unit, each) = UNITS.into_iter().find(|(_, each)| size > 0 && size.is_multiple_of(*each)).unwrap_or(("B", 1));
    format!("{}{unit}", size / each)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    at_least(from, 0)
}

/// A size that must not be below that.
pub(super) fn at_least<'de, D: Deserializer<'de>>(from: D, least: u64) -> Result<u64, D::Error> {
    let text = String::deserialize(from)?;
    match read(&text).map_err(serde::de::Error::custom)? {
        size if size >= least => Ok(size),
        _ => Err(serde::de::Error::custom(format!("size is {:?}, expected {} at least", shorten(&text), shown(least)))),
    }
}

pub(super) fn serialize<S: Serializer>(size: &u64, to: S) -> Result<S::Ok, S::Error> {
    shown(*size).serialize(to)
}

/// A size that may be absent.
pub(super) fn serialize_maybe<S: Serializer>(size: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
    size.map(shown).serialize(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_as_the_same() {
        for (size, text) in
            [(0, "0B"), (1, "1B"), (256_000_000, "256MB"), (1 << 30, "1GiB"), (10_000_000_000, "10GB"), (1_500, "1500B")]
        {
            assert_eq!((shown(size).as_str(), read(text).unwrap()), (text, size));
        }
        for text in ["", "MB", "1", "-1MB", "1.5GB", "99999999999TB", "10 apples"] {
            assert!(read(text).unwrap_err().message().contains("10GB"), "{text}");
        }
    }
}
