//! What may become of the values of a bucket, by name, and of buckets without a value.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::model::{Unit, shorten};

/// What becomes of the values of a bucket. NaN is no number here: it is left out, and a bucket without a number is absent.
///
/// Those over time ([`TimeWeightedMean`](Self::TimeWeightedMean), [`Integral`](Self::Integral),
/// [`Coverage`](Self::Coverage), [`Held`](Self::Held)) count how long each value held; [`GapRule`](super::GapRule) says for how long that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregate {
    /// The mean of the numbers, each weighing the same.
    Mean,
    /// The mean over the measured time, each number weighing as long as it held.
    TimeWeightedMean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The sum.
    Sum,
    /// How many numbers there are.
    Count,
    /// The earliest.
    First,
    /// The latest.
    Last,
    /// The values times how long each held, in hours: energy of power (Wh), charge of current (Ah).
    Integral,
    /// By how much a counter rose, across its resets.
    Increase,
    /// The share of the bucket over which a value held, 0 to 1.
    Coverage,
    /// The share of the bucket over which the last sample was taken to hold, although no later one says so yet.
    Held,
    /// The share of the bucket over which measured values held, 0 to 1.
    Measured,
    /// The share over which estimated values held.
    Estimated,
    /// The share over which substituted values held.
    Substituted,
    /// The share over which the source said that it has no value.
    Invalid,
    /// The number of the worst [`Quality`](crate::model::Quality) that counts in the bucket.
    Quality,
    /// The value in the middle: half of the numbers are not above it.
    Median,
    /// The value that so many percent of the numbers are not above.
    Percentile(Percentile),
}

impl Aggregate {
    /// Every aggregate without a number in its name; percentiles (`p5`, `p99.9`) come to these.
    pub const ALL: [Self; 18] = [
        Self::Mean,
        Self::TimeWeightedMean,
        Self::Min,
        Self::Max,
        Self::Sum,
        Self::Count,
        Self::First,
        Self::Last,
        Self::Integral,
        Self::Increase,
        Self::Coverage,
        Self::Held,
        Self::Measured,
        Self::Estimated,
        Self::Substituted,
        Self::Invalid,
        Self::Quality,
        Self::Median,
    ];

    /// The name of the result's column.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Mean => "mean",
            Self::TimeWeightedMean => "time_weighted_mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Sum => "sum",
            Self::Count => "count",
            Self::First => "first",
            Self::Last => "last",
            Self::Integral => "integral",
            Self::Increase => "increase",
            Self::Coverage => "coverage",
            Self::Held => "held",
            Self::Measured => "measured",
            Self::Estimated => "estimated",
            Self::Substituted => "substituted",
            Self::Invalid => "invalid",
            Self::Quality => "quality",
            Self::Median => "median",
            Self::Percentile(percentile) => return Cow::Owned(percentile.to_string()),
        })
    }

    /// What the column says, for people who read a result without its query.
    #[must_use]
    pub(crate) fn meaning(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Mean => "mean of the numbers",
            Self::TimeWeightedMean => "mean over the measured time",
            Self::Min => "smallest number",
            Self::Max => "largest number",
            Self::Sum => "sum of the numbers",
            Self::Count => "how many numbers",
            Self::First => "earliest number",
            Self::Last => "latest number",
            Self::Integral => "values times hours that they held",
            Self::Increase => "rise of the counter across its resets",
            Self::Coverage => "measured share of the time",
            Self::Held => "share of the time over which a value was held and no later sample confirms it",
            Self::Measured => "share of the time with measured values",
            Self::Estimated => "share of the time with estimated values",
            Self::Substituted => "share of the time with substituted values",
            Self::Invalid => "share of the time that the source called invalid",
            Self::Quality => "worst quality: 0 measured, 1 held, 2 estimated, 3 substituted, 4 invalid",
            Self::Median => "median of the numbers",
            Self::Percentile(percentile) => {
                return Cow::Owned(format!("{} % of the numbers are not above it", percentile.percent()));
            }
        })
    }

    /// The unit of the column for a channel whose values are stored in that base unit.
    #[must_use]
    pub fn unit(self, base: Unit) -> Cow<'static, str> {
        match self {
            Self::Count => Cow::Borrowed("1"),
            share if share.is_share() => Cow::Borrowed("1"),
            Self::Quality => Cow::Borrowed(Unit::Code.symbol()),
            Self::Integral => match base {
                Unit::Watt => Cow::Borrowed("Wh"),
                Unit::Var => Cow::Borrowed("varh"),
                Unit::VoltAmpere => Cow::Borrowed("VAh"),
                Unit::Ampere => Cow::Borrowed("Ah"),
                Unit::WattPerSquareMetre => Cow::Borrowed("Wh/m2"),
                Unit::OnOff | Unit::Fraction => Cow::Borrowed("h"),
                _ => Cow::Owned(format!("{base}·h")),
            },
            _ => Cow::Borrowed(base.symbol()),
        }
    }

    /// Whether it counts how long values held.
    pub(crate) fn is_over_time(self) -> bool {
        matches!(self, Self::TimeWeightedMean | Self::Integral) || self.is_share()
    }

    /// Whether it is a share of the time.
    pub(crate) fn is_share(self) -> bool {
        matches!(self, Self::Coverage | Self::Held | Self::Measured | Self::Estimated | Self::Substituted | Self::Invalid)
    }

    /// Whether it is told by the qualities of the values.
    pub(crate) fn is_of_quality(self) -> bool {
        self == Self::Quality || (self.is_share() && self != Self::Coverage)
    }

    /// Whether it is a level, which may stand for a bucket without a number; amounts are never made up.
    pub(crate) fn is_level(self) -> bool {
        !(self.is_share() || matches!(self, Self::Sum | Self::Count | Self::Integral | Self::Increase | Self::Quality))
    }

    /// Which share of the numbers is not above it, for those that need all of them.
    pub(crate) fn quantile(self) -> Option<f64> {
        match self {
            Self::Median => Some(0.5),
            Self::Percentile(percentile) => Some(percentile.percent() / 100.0),
            _ => None,
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl FromStr for Aggregate {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let named = Self::ALL.into_iter().find(|aggregate| aggregate.name() == text);
        named.or_else(|| Percentile::read(text).map(Self::Percentile)).ok_or_else(|| {
            let names = Self::ALL.map(|aggregate| aggregate.name().into_owned()).join(" ");
            let text = shorten(text);
            Error::invalid(format!("aggregate is {text:?}, expected one of {names}, or a percentile from p0 to p100"))
        })
    }
}

/// A percentage from 0 to 100 in steps of a thousandth, written `p5` or `p99.9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percentile {
    thousandths: u32,
}

impl Percentile {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for what is not from 0 to 100, or has more than three places.
    pub fn new(percent: f64) -> Result<Self> {
        let thousandths = (percent * 1000.0).round();
        if (0.0..=100.0).contains(&percent) && (thousandths / 1000.0 - percent).abs() < 1e-9 {
            return Ok(Self { thousandths: thousandths as u32 });
        }
        Err(Error::invalid(format!("percentile is {percent}, expected 0 to 100 with at most three places")))
    }

    /// From 0 to 100.
    #[must_use]
    pub fn percent(self) -> f64 {
        f64::from(self.thousandths) / 1000.0
    }

    /// `p99.9`; only digits and one point, so that each has one spelling of its digits.
    fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('p')?;
        let plain = digits.starts_with(|c: char| c.is_ascii_digit()) && digits.ends_with(|c: char| c.is_ascii_digit());
        let plain = plain && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        plain.then(|| digits.parse().ok()).flatten().and_then(|percent| Self::new(percent).ok())
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.percent())
    }
}

/// What becomes of buckets without a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Gaps {
    /// They have no row.
    #[default]
    Absent,
    /// Every bucket of the range has a row, null where there is no number.
    Null,
    /// As [`Null`](Self::Null), and levels take the value of the bucket before while it may hold. Amounts (sums, counts,
    /// integrals, increases) are never made up.
    Previous,
    /// As [`Null`](Self::Null), and levels lie on a line between the buckets beside, where the gap may be bridged.
    Linear,
}

impl Gaps {
    const NAMES: [(&'static str, Self); 4] =
        [("absent", Self::Absent), ("null", Self::Null), ("previous", Self::Previous), ("linear", Self::Linear)];
}

impl FromStr for Gaps {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let named = Self::NAMES.iter().find(|(name, _)| *name == text);
        named.map(|(_, gaps)| *gaps).ok_or_else(|| {
            let names = Self::NAMES.map(|(name, _)| name).join(" ");
            Error::invalid(format!("gaps is {:?}, expected one of {names}", shorten(text)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_aggregate_is_found_by_its_name() {
        let percentiles = [0.0, 5.0, 99.9, 99.999, 100.0].map(|p| Aggregate::Percentile(Percentile::new(p).unwrap()));
        for aggregate in Aggregate::ALL.into_iter().chain(percentiles) {
            assert_eq!(aggregate.name().parse::<Aggregate>().unwrap(), aggregate);
        }
        assert_eq!("p99.9".parse::<Aggregate>().unwrap().name(), "p99.9");
        assert_eq!("p50.0".parse::<Aggregate>().unwrap().name(), "p50");
    }

    #[test]
    fn what_is_none_is_refused_with_what_there_is() {
        for text in ["avg", "p", "p101", "p-1", "p1e1", "p+5", "p5.", "p.5", "p99.9999", "pNaN", "P5", ""] {
            let e = text.parse::<Aggregate>().unwrap_err();
            assert!(e.message().contains("mean time_weighted_mean min max") && e.message().contains("p0 to p100"), "{e}");
        }
    }

    #[test]
    fn integrals_have_units_of_their_own() {
        let unit = |aggregate: Aggregate, base| aggregate.unit(base).into_owned();
        assert_eq!(unit(Aggregate::Integral, Unit::Watt), "Wh");
        assert_eq!(unit(Aggregate::Integral, Unit::Ampere), "Ah");
        assert_eq!(unit(Aggregate::Integral, Unit::Celsius), "degC·h");
        assert_eq!(unit(Aggregate::Increase, Unit::WattHour), "Wh");
        assert_eq!(unit(Aggregate::Coverage, Unit::WattHour), "1");
    }
}
