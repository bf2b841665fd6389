//! What the doctor is given: columns as they stand in a file, and what is known of them.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::report::FindingKind;
use crate::error::{Error, Result};
use crate::model::{Channel, Kind, LabelPosition, Quality, Quantity, SignConvention, Span, Unit, ValidRange};

/// The part that a series has in the energy balance of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The connection to the grid.
    Grid,
    /// A PV array or its inverter.
    Pv,
    /// A battery.
    Battery,
    /// What consumes: the whole house, or one device of it.
    Load,
}

impl Role {
    /// Its name, as options and JSON have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Pv => "pv",
            Self::Battery => "battery",
            Self::Load => "load",
        }
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Grid, Self::Pv, Self::Battery, Self::Load]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| Error::invalid(format!("role is {text:?}, expected one of grid pv battery load")))
    }
}

/// One column, and what is known of it. Times and values stand in the order of the file, NaN where a value is absent.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// Its name: a series, a channel or the title of a column.
    pub name: &'a str,
    /// Microseconds since the epoch, one a value; local times as if they were UTC where [`Examination::naive`] says so.
    pub times: &'a [i64],
    /// In [`unit`](Self::unit), in the sign of the source.
    pub values: &'a [f64],
    /// The number of each row in its file; counted from 0 where none are given.
    pub rows: Option<&'a [u64]>,
    /// How each value came about, one a value; all were measured where none are given. What the source itself calls estimated,
    /// held or substituted is no fault that it does not know of.
    pub quality: Option<&'a [Quality]>,
    /// What is measured.
    pub quantity: Option<Quantity>,
    /// The unit of the values.
    pub unit: Option<Unit>,
    /// How values behave over time.
    pub kind: Option<Kind>,
    /// Which direction is said to count as positive.
    pub sign: Option<SignConvention>,
    /// Where the label of an interval is said to stand.
    pub label: Option<LabelPosition>,
    /// How often a value is said to come.
    pub cadence: Option<Span>,
    /// The values that are said to make sense.
    pub range: Option<ValidRange>,
    /// Its part in the site; guessed from the name and the values where it is not given.
    pub role: Option<Role>,
}

impl<'a> Series<'a> {
    /// A column of which only the name is known.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where there are not as many values as times.
    pub fn new(name: &'a str, times: &'a [i64], values: &'a [f64]) -> Result<Self> {
        if times.len() != values.len() {
            let (times, values) = (times.len(), values.len());
            return Err(Error::invalid(format!("series {name} has {values} values, expected {times}, one a time")));
        }
        if u32::try_from(times.len()).is_err() {
            let rows = times.len();
            return Err(Error::invalid(format!("series {name} has {rows} rows, expected at most {}", u32::MAX)));
        }
        Ok(Self {
            name,
            times,
            values,
            rows: None,
            quality: None,
            quantity: None,
            unit: None,
            kind: None,
            sign: None,
            label: None,
            cadence: None,
            range: None,
            role: None,
        })
    }

    /// With the numbers of its rows.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where there are not as many as times.
    pub fn with_rows(mut self, rows: &'a [u64]) -> Result<Self> {
        if rows.len() != self.times.len() {
            let (name, rows, times) = (self.name, rows.len(), self.times.len());
            return Err(Error::invalid(format!("series {name} has {rows} row numbers, expected {times}")));
        }
        self.rows = Some(rows);
        Ok(self)
    }

    /// With how its values came about.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where there are not as many as values.
    pub fn with_quality(mut self, quality: &'a [Quality]) -> Result<Self> {
        if quality.len() != self.times.len() {
            let (name, told, times) = (self.name, quality.len(), self.times.len());
            return Err(Error::invalid(format!("series {name} has {told} qualities, expected {times}, one a value")));
        }
        self.quality = Some(quality);
        Ok(self)
    }

    /// With that unit.
    #[must_use]
    pub fn in_unit(mut self, unit: Unit) -> Self {
        self.unit = Some(unit);
        self.quantity = self.quantity.or(unit.only_quantity());
        self
    }

    /// With everything that a channel's description says.
    #[must_use]
    pub fn described_by(mut self, channel: &Channel) -> Self {
        self.quantity = Some(channel.quantity);
        self.unit = Some(channel.unit);
        self.kind = Some(channel.kind);
        self.sign = Some(channel.sign);
        self.label = Some(channel.label);
        self.cadence = channel.cadence;
        self.range = channel.range;
        self
    }

    /// The number of the row at that index.
    pub(super) fn row(&self, index: usize) -> u64 {
        self.rows.map_or(index as u64, |rows| rows[index])
    }

    /// What a value is in the base unit, as a factor; 1 where no unit is known.
    pub(super) fn scale(&self) -> f64 {
        self.unit.map_or(1.0, |unit| unit.to_base(1.0) - unit.to_base(0.0))
    }

    /// The symbol of the unit, for people.
    pub(super) fn symbol(&self) -> &'static str {
        self.unit.map_or("", Unit::symbol)
    }
}

/// How to look.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Examination {
    /// Times are local ones without a zone, given as if they were UTC.
    pub naive: bool,
    /// The zone that the times are in, or that the site lies in, such as `Europe/Paris`.
    pub zone: Option<String>,
    /// Degrees north and east.
    pub position: Option<(f64, f64)>,
    /// The part that series have in the site, by name; these go before what a series says of itself.
    pub roles: Vec<(String, Role)>,
    /// Looks only for these kinds; for all where it is empty.
    pub only: Vec<FindingKind>,
}

impl Examination {
    pub(super) fn wants(&self, kind: FindingKind) -> bool {
        self.only.is_empty() || self.only.contains(&kind)
    }
}

/// Words of a name and what they say of its part in the site. The first that occurs decides.
const ROLES: [(&str, Role); 20] = [
    ("battery", Role::Battery),
    ("batt", Role::Battery),
    ("bess", Role::Battery),
    ("pv", Role::Pv),
    ("solar", Role::Pv),
    ("inverter", Role::Pv),
    ("ac_power", Role::Pv),
    ("dc_power", Role::Pv),
    ("photovoltaic", Role::Pv),
    ("grid", Role::Grid),
    ("mains", Role::Grid),
    ("import", Role::Grid),
    ("load", Role::Load),
    ("consumption", Role::Load),
    ("house", Role::Load),
    ("household", Role::Load),
    ("ev", Role::Load),
    ("charger", Role::Load),
    ("heatpump", Role::Load),
    ("hem", Role::Load),
];

/// What a name says of the part that its series has. It is a guess until the values agree.
pub(super) fn role_of(name: &str) -> Option<Role> {
    let lower = name.to_ascii_lowercase();
    let bounded = |at: usize, word: &str| {
        let before = lower[..at].chars().next_back();
        let after = lower[at + word.len()..].chars().next();
        before.is_none_or(|c| !c.is_ascii_alphabetic()) && after.is_none_or(|c| !c.is_ascii_alphabetic())
    };
    let says = |word: &str| lower.match_indices(word).any(|(at, _)| bounded(at, word));
    ROLES.iter().find(|(word, _)| says(word)).map(|(_, role)| *role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_name_tell_the_part_and_parts_of_words_do_not() {
        for (name, role) in [
            ("home1.pv.power", Some(Role::Pv)),
            ("grid_power_w", Some(Role::Grid)),
            ("home1.battery.soc", Some(Role::Battery)),
            ("ac_power__752", Some(Role::Pv)),
            ("home1.hem.node3.power", Some(Role::Load)),
            ("p_kw", None),
            ("everything.level", None),
        ] {
            assert_eq!(role_of(name), role, "{name}");
        }
    }

    #[test]
    fn columns_of_different_lengths_are_refused() {
        assert!(Series::new("x", &[1, 2], &[1.0]).is_err());
        assert!(Series::new("x", &[1], &[1.0]).unwrap().with_rows(&[1, 2]).is_err());
        assert!(Series::new("x", &[1], &[1.0]).unwrap().with_quality(&[]).is_err());
    }
}
