//! How a value came about. The qualities of a channel's values stand in a channel beside it, `power.quality`, at the values' own
//! times; where it has nothing, the value was measured.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::name::{ChannelName, shorten};
use super::unit::{Quantity, Unit};
use crate::error::{Error, Result};

/// How a value came about, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Quality {
    /// The source measured it.
    #[default]
    Measured = 0,
    /// The value before was taken to go on.
    Held = 1,
    /// It was estimated: by the source, or from other values.
    Estimated = 2,
    /// It was put in by hand or by rule in place of what the source said.
    Substituted = 3,
    /// The source said that it has none, or it is known to be wrong.
    Invalid = 4,
}

impl Quality {
    /// Every quality, from best to worst.
    pub const ALL: [Self; 5] = [Self::Measured, Self::Held, Self::Estimated, Self::Substituted, Self::Invalid];

    /// The name in messages and mappings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Held => "held",
            Self::Estimated => "estimated",
            Self::Substituted => "substituted",
            Self::Invalid => "invalid",
        }
    }

    /// The number as it is stored in the channel of qualities.
    #[must_use]
    pub const fn number(self) -> f64 {
        self as u8 as f64
    }

    /// The quality of that number.
    #[must_use]
    pub fn of_number(number: f64) -> Option<Self> {
        Self::ALL.into_iter().find(|quality| quality.number() == number)
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Quality {
    type Err = Error;
    /// By name, or by number.
    fn from_str(text: &str) -> Result<Self> {
        let by_number = || text.parse().ok().and_then(Self::of_number);
        Self::ALL.into_iter().find(|quality| quality.name() == text).or_else(by_number).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(" ");
            Error::invalid(format!("quality is {:?}, expected one of {names}, or 0 to 4", shorten(text)))
        })
    }
}

/// The qualities of a column of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Qualities<'a> {
    /// All values are of this one.
    All(Quality),
    /// One a row.
    Each(Cow<'a, [Quality]>),
}

impl Qualities<'_> {
    /// The quality of a row; none beyond the last.
    #[must_use]
    pub fn of(&self, row: usize) -> Option<Quality> {
        match self {
            Self::All(quality) => Some(*quality),
            Self::Each(each) => each.get(row).copied(),
        }
    }
}

impl From<Quality> for Qualities<'_> {
    fn from(all: Quality) -> Self {
        Self::All(all)
    }
}

impl<'a> From<&'a [Quality]> for Qualities<'a> {
    fn from(each: &'a [Quality]) -> Self {
        Self::Each(Cow::Borrowed(each))
    }
}

impl From<Vec<Quality>> for Qualities<'_> {
    fn from(each: Vec<Quality>) -> Self {
        Self::Each(Cow::Owned(each))
    }
}

/// What the name of a channel of qualities ends with.
const SUFFIX: &str = ".quality";

impl ChannelName {
    /// The channel of the qualities of this one's values: `power.quality` of `power`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where that would exceed 128 bytes.
    pub fn quality(&self) -> Result<Self> {
        Self::new(&format!("{self}{SUFFIX}"))
    }

    /// The channel whose qualities this one's name says it has.
    #[must_use]
    pub fn qualified(&self) -> Option<Self> {
        self.as_str().strip_suffix(SUFFIX).and_then(|name| Self::new(name).ok())
    }
}

impl Channel {
    /// The description of the channel of the qualities of this one's values. Its times are labelled as this one's are.
    ///
    /// # Errors
    /// As [`ChannelName::quality`].
    pub fn quality(&self) -> Result<Self> {
        let quality = Self::of(self.name.quality()?.as_str(), Quantity::Quality, Unit::Code)?.label(self.label);
        match self.cadence {
            Some(cadence) => quality.cadence(cadence).build(),
            None => quality.build(),
        }
    }

    /// The channel whose qualities this one has.
    #[must_use]
    pub fn qualified(&self) -> Option<ChannelName> {
        self.name.qualified().filter(|_| self.quantity == Quantity::Quality)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, LabelPosition, Span};

    #[test]
    fn every_quality_is_found_by_name_and_number_and_worse_ones_are_greater() {
        for (at, quality) in Quality::ALL.into_iter().enumerate() {
            assert_eq!(quality.name().parse::<Quality>().unwrap(), quality);
            assert_eq!(at.to_string().parse::<Quality>().unwrap(), quality);
            assert_eq!(serde_json::to_value(quality).unwrap(), quality.name());
        }
        assert!(Quality::ALL.is_sorted());
        for text in ["5", "1.5", "NaN", "good"] {
            assert!(text.parse::<Quality>().unwrap_err().message().contains("measured held estimated"), "{text}");
        }
    }

    #[test]
    fn qualities_stand_beside_their_channel() {
        let power = Channel::gauge("node3.power", Unit::Watt).unwrap().cadence(Span::from_seconds(900));
        let quality = power.label(LabelPosition::End).build().unwrap().quality().unwrap();
        assert_eq!((quality.name.as_str(), quality.kind), ("node3.power.quality", Kind::State));
        assert_eq!(quality.label_shift(), Span::from_seconds(-900));
        assert_eq!(quality.qualified().unwrap().as_str(), "node3.power");
        // A measured quality, such as that of air, is none of these.
        let air = Channel::of("air.quality", Quantity::Ratio, Unit::Percent).unwrap().build().unwrap();
        assert_eq!(air.qualified(), None);
    }
}
