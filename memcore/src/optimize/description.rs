//! Sites as other languages hand them over: the values of JSON, beside columns of numbers that are read where they lie.
//!
//! Python and Node describe a site by the same fields as TOML does; a year of prices then is one column and no text.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::{Asset, Battery, Deferrable, Ev, Genset, Grid, HeatPump, Load, Site, Source};
use crate::error::{Error, Result};

/// A value, as a language without Rust's types has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Description<'a> {
    /// Nothing: `None`, `null`.
    Nothing,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Any number.
    Number(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A column of numbers. NaN is an absent one, where absent ones are allowed.
    Numbers(Cow<'a, [f64]>),
    /// A list of anything.
    List(Vec<Self>),
    /// Values by their names.
    Fields(Vec<(Cow<'a, str>, Self)>),
}

impl Description<'_> {
    /// What it describes.
    ///
    /// # Errors
    /// Invalid, with the path to the field, where one is unknown, missing, or not what it must be.
    pub fn read<T: DeserializeOwned>(self) -> Result<T> {
        T::deserialize(Reading(self)).map_err(|refused| Error::invalid(refused.to_string()))
    }

    /// An asset of a type such as `battery`, from its other fields.
    ///
    /// # Errors
    /// As [`read`](Self::read), and for a type that is not known.
    pub fn asset(self, kind: &str) -> Result<Asset> {
        Ok(match kind {
            "grid" => Asset::Grid(self.read::<Grid>()?),
            "pv" | "source" | "wind" => Asset::Pv(self.read::<Source>()?),
            "battery" => Asset::Battery(self.read::<Battery>()?),
            "ev" => Asset::Ev(self.read::<Ev>()?),
            "deferrable" => Asset::Deferrable(self.read::<Deferrable>()?),
            "heat_pump" => Asset::HeatPump(self.read::<HeatPump>()?),
            "genset" => Asset::Genset(self.read::<Genset>()?),
            "load" => Asset::Load(self.read::<Load>()?),
            _ => {
                let known = "grid, pv, battery, ev, deferrable, heat_pump, genset or load";
                return Err(Error::invalid(format!("asset.type is {kind:?}, expected {known}")));
            }
        })
    }

    /// A whole site. Columns of its assets are copied once and never seen as text.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn site(self) -> Result<Site> {
        let Self::Fields(fields) = self else { return self.read() };
        let (assets, rest): (Vec<_>, Vec<_>) =
            fields.into_iter().partition(|(name, _)| matches!(name.as_ref(), "asset" | "assets"));
        let mut site: Site = Description::Fields(rest).read()?;
        for (name, list) in assets {
            let Self::List(list) = list else { return Err(Error::invalid(format!("{name}: expected a list of assets"))) };
            for (at, asset) in list.into_iter().enumerate() {
                site.assets.push(asset.tagged_asset().map_err(|e| e.context(format_args!("{name}[{at}]")))?);
            }
        }
        Ok(site)
    }

    /// An asset whose type is among its fields.
    fn tagged_asset(self) -> Result<Asset> {
        let Self::Fields(mut fields) = self else { return Err(Error::invalid("expected the fields of an asset")) };
        let tag = fields.iter().position(|(name, _)| name == "type").map(|at| fields.remove(at).1);
        let Some(Self::Text(kind)) = tag else { return Err(Error::invalid("type is missing, expected such as battery")) };
        let name = fields.iter().find_map(|(field, value)| match value {
            Self::Text(text) if field == "name" => Some(text.to_string()),
            _ => None,
        });
        let named = |e: Error| e.context(name.as_deref().unwrap_or(&kind));
        Description::Fields(fields).asset(&kind).map_err(named)
    }
}

impl From<i64> for Description<'_> {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

/// Why a description is not what it should be, and where in it.
#[derive(Debug)]
struct Refused {
    path: String,
    message: String,
}

impl Refused {
    fn within(mut self, field: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{field}{dot}{}", self.path);
        self
    }
}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: String::new(), message: format!(": {message}") }
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let expected = match expected.to_string().as_str() {
            "f64" => "a number".to_owned(),
            other => other.to_owned(),
        };
        Self { path: String::new(), message: format!(" is {found}, expected {expected}") }
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() {
            true => f.write_str(self.message.trim_start_matches(": ")),
            false => write!(f, "{}{}", self.path, self.message),
        }
    }
}

impl std::error::Error for Refused {}

/// A description that is being read.
struct Reading<'a>(Description<'a>);

impl<'de> Deserializer<'de> for Reading<'_> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0 {
            Description::Nothing => visitor.visit_unit(),
            Description::Flag(flag) => visitor.visit_bool(flag),
            Description::Whole(number) => visitor.visit_i64(number),
            Description::Number(number) => visitor.visit_f64(number),
            Description::Text(text) => visitor.visit_str(&text),
            Description::Numbers(numbers) => visitor.visit_seq(Column(numbers.iter())),
            Description::List(list) => visitor.visit_seq(Items { left: list.into_iter(), at: 0 }),
            Description::Fields(fields) => visitor.visit_map(Entries { left: fields.into_iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0 {
            Description::Nothing => visitor.visit_none(),
            given => visitor.visit_some(Self(given)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match self.0 {
            Description::Text(text) => visitor.visit_enum(StringDeserializer::new(text.into_owned())),
            Description::Fields(fields) => {
                let entries = Entries { left: fields.into_iter(), value: None };
                visitor.visit_enum(MapAccessDeserializer::new(entries))
            }
            other => Self(other).deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

/// A number of a column: absent where it is NaN and may be absent.
struct Cell(f64);

impl<'de> Deserializer<'de> for Cell {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_f64(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if self.0.is_nan() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Column<'c>(std::slice::Iter<'c, f64>);

impl<'de> SeqAccess<'de> for Column<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        self.0.next().map(|number| seed.deserialize(Cell(*number))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Items<'a> {
    left: std::vec::IntoIter<Description<'a>>,
    at: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        let Some(item) = self.left.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Reading(item)).map(Some).map_err(|e| e.within(&format!("[{at}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

struct Entries<'a> {
    left: std::vec::IntoIter<(Cow<'a, str>, Description<'a>)>,
    value: Option<(Cow<'a, str>, Description<'a>)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        self.value = self.left.next();
        let Some((name, _)) = &self.value else { return Ok(None) };
        seed.deserialize(IntoDeserializer::<Refused>::into_deserializer(name.as_ref())).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        let (name, value) = self.value.take().unwrap_or((Cow::Borrowed(""), Description::Nothing));
        seed.deserialize(Reading(value)).map_err(|e| e.within(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&'static str, Description<'static>)]) -> Description<'static> {
        Description::Fields(fields.iter().map(|(name, value)| (Cow::Borrowed(*name), value.clone())).collect())
    }

    fn text(text: &'static str) -> Description<'static> {
        Description::Text(Cow::Borrowed(text))
    }

    fn numbers(numbers: &'static [f64]) -> Description<'static> {
        Description::Numbers(Cow::Borrowed(numbers))
    }

    fn home(battery: Description<'static>) -> Description<'static> {
        let horizon =
            fields(&[("start", text("2026-01-01T00:00:00Z")), ("step", text("15m")), ("steps", Description::Whole(2))]);
        let grid = fields(&[("type", text("grid")), ("name", text("grid")), ("buy_per_kwh", numbers(&[0.3, 0.2]))]);
        let assets = Description::List(vec![grid, battery]);
        fields(&[("currency", text("EUR")), ("horizon", horizon), ("asset", assets)])
    }

    #[test]
    fn a_site_out_of_columns_is_the_site_of_the_file() {
        let battery = fields(&[
            ("type", text("battery")),
            ("name", text("battery")),
            ("capacity_wh", Description::Whole(10_000)),
            ("charge_limit_w", numbers(&[5000.0, 4000.0])),
            ("discharge_limit_w", Description::Number(5000.0)),
            ("initial_wh", Description::Number(5000.0)),
            ("terminal", fields(&[("value_per_kwh", Description::Number(0.25))])),
            ("limits_at", text("dc")),
        ]);
        let file = r#"{
            "currency": "EUR", "horizon": { "start": "2026-01-01T00:00:00Z", "step": "15m", "steps": 2 },
            "asset": [
                { "type": "grid", "name": "grid", "buy_per_kwh": [0.3, 0.2] },
                { "type": "battery", "name": "battery", "capacity_wh": 10000, "charge_limit_w": [5000, 4000],
                  "discharge_limit_w": 5000, "initial_wh": 5000, "terminal": { "value_per_kwh": 0.25 }, "limits_at": "dc" }
            ]
        }"#;
        assert_eq!(home(battery).site().unwrap(), serde_json::from_str::<Site>(file).unwrap());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let refused = |extra: (&'static str, Description<'static>)| {
            let battery = fields(&[("type", text("battery")), ("name", text("cellar")), extra]);
            home(battery).site().unwrap_err().message().to_owned()
        };
        let wrong = refused(("capacity_wh", text("ten")));
        assert!(wrong.starts_with("asset[1]: cellar: capacity_wh is string \"ten\", expected"), "{wrong}");
        let wrong = refused(("capacity_kwh", Description::Whole(10)));
        assert!(wrong.contains("unknown field `capacity_kwh`"), "{wrong}");
        let wrong = refused(("charge_limit_w", Description::Flag(true)));
        assert!(wrong.contains("charge_limit_w is boolean `true`, expected a number, or one number per step"), "{wrong}");
        assert!(Description::Fields(Vec::new()).asset("accumulator").unwrap_err().message().contains("accumulator"));
    }

    #[test]
    fn nan_in_a_column_is_absent_only_where_that_may_be() {
        let previous = fields(&[("asset", text("battery")), ("power_w", numbers(&[1.0, f64::NAN]))]);
        let read: super::super::PreviousPower = previous.read().unwrap();
        assert_eq!(read.power_w, [Some(1.0), None]);
    }
}
