//! Data messages in JSON, decoded straight against the session's channel table: the hot path of the link.
//!
//! `{"type":"data","seq":7,"time_us":1763000000000000,"values":{"power":12.5,"voltage":null}}` is one row;
//! `{"type":"data","seq":8,"times_us":[...],"columns":{"power":[12.5,null],...}}` is many; a `live` message is a row without
//! a number. A value that is wrong is set aside with its code; the rest of the message stands (P19).

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::code::Code;
use super::data::{BOOLEAN, Field, Form, Given, TEXT, UNKNOWN, negative, whole};
use super::json::{depth, problem};
use super::message::Rows;
use super::problem::{DEPTH_MAX, Problem, Problems, Unreadable};
use super::table::ChannelTable;

/// Collects decoded rows and what was set aside.
struct DataDecoder<'a> {
    table: &'a ChannelTable,
    problems: &'a mut Problems,
    /// The most places for values.
    places: usize,
    form: Form,
}

/// Decodes one data or live message.
pub(super) fn decode(
    line: &[u8],
    form: Form,
    table: &ChannelTable,
    places: usize,
    problems: &mut Problems,
) -> Result<Rows, Unreadable> {
    let mut decoder = DataDecoder { table, problems, places, form };
    let mut json = serde_json::Deserializer::from_slice(line);
    let rows = json.deserialize_map(DataVisitor(&mut decoder)).and_then(|rows| json.end().map(|()| rows));
    let Form { sequence, fault, .. } = decoder.form;
    match rows {
        // Only what was set aside can nest without having been refused.
        Ok(_) if !problems.named.is_empty() && depth(line) > DEPTH_MAX => Err((sequence, Problem::too_deep())),
        Ok(rows) => Ok(rows),
        Err(e) => {
            let named = fault.map(|code| Problem::new(code, e.to_string()));
            Err((sequence, named.unwrap_or_else(|| problem(line, &e))))
        }
    }
}

struct DataVisitor<'a, 'd>(&'a mut DataDecoder<'d>);

impl<'de> Visitor<'de> for DataVisitor<'_, '_> {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a data message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rows, A::Error> {
        let DataDecoder { table, problems, places, form } = self.0;
        let mut rows = Rows::default();
        while let Some(key) = map.next_key_seed(Text)? {
            match form.field(&key).map_err(A::Error::custom)? {
                Field::Type => drop(map.next_value_seed(Text)?),
                field @ (Field::Seq | Field::FirstSeq) => {
                    let number = map.next_value_seed(named(Code::BadSequence, &mut form.fault))?;
                    form.number(field, number, &mut rows).map_err(A::Error::custom)?;
                }
                Field::Time => rows.times = vec![map.next_value_seed(named(Code::BadTime, &mut form.fault))?],
                Field::Times => rows.times = map.next_value_seed(named(Code::BadTime, &mut form.fault))?,
                Field::Values => {
                    rows.values.resize(table.width(), None);
                    map.next_value_seed(RowSeed { table, problems, values: &mut rows.values })?;
                }
                Field::Columns => {
                    form.make_room(&mut rows, table, *places).map_err(A::Error::custom)?;
                    let Rows { times, values, .. } = &mut rows;
                    map.next_value_seed(ColumnsSeed { table, problems, values, rows: times.len() })?;
                }
            }
        }
        form.complete(&rows).map_err(A::Error::custom)?;
        Ok(rows)
    }
}

/// A value whose fault has a code of its own.
struct Named<'a, T>(Code, &'a mut Option<Code>, PhantomData<T>);

fn named<T>(code: Code, fault: &mut Option<Code>) -> Named<'_, T> {
    Named(code, fault, PhantomData)
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Named<'_, T> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        *self.1 = Some(self.0);
        let value = T::deserialize(deserializer)?;
        *self.1 = None;
        Ok(value)
    }
}

/// Text borrowed from the line where it has no escapes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct RowSeed<'a> {
    table: &'a ChannelTable,
    problems: &'a mut Problems,
    values: &'a mut [Option<f64>],
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of values by channel")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut guess = 0;
        while let Some(name) = map.next_key_seed(Text)? {
            let value = map.next_value_seed(Value)?;
            match (self.table.place(&name, guess), value) {
                (Some(place), Ok(value)) => {
                    self.values[place] = value;
                    guess = place + 1;
                }
                (Some(_), Err(what)) => self.problems.add(Some(&name), Code::BadValue, || what.into()),
                (None, _) => self.problems.add(Some(&name), Code::UnknownChannel, || UNKNOWN.into()),
            }
        }
        Ok(())
    }
}

struct ColumnsSeed<'a> {
    table: &'a ChannelTable,
    problems: &'a mut Problems,
    values: &'a mut [Option<f64>],
    rows: usize,
}

impl<'de> DeserializeSeed<'de> for ColumnsSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ColumnsSeed<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of arrays by channel")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut guess = 0;
        while let Some(name) = map.next_key_seed(Text)? {
            let Some(place) = self.table.place(&name, guess) else {
                map.next_value::<IgnoredAny>()?;
                self.problems.add(Some(&name), Code::UnknownChannel, || UNKNOWN.into());
                continue;
            };
            guess = place + 1;
            let column = ColumnSeed { values: &mut self.values[place * self.rows..][..self.rows], bad: None };
            if let Some(what) = map.next_value_seed(column)? {
                self.problems.add(Some(&name), Code::BadValue, || what.into());
            }
        }
        Ok(())
    }
}

/// One column; the result is the last fault found, if any.
struct ColumnSeed<'a> {
    values: &'a mut [Option<f64>],
    bad: Option<&'static str>,
}

impl<'de> DeserializeSeed<'de> for ColumnSeed<'_> {
    type Value = Option<&'static str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ColumnSeed<'_> {
    type Value = Option<&'static str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of values")
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut row, rows) = (0, self.values.len());
        while let Some(value) = seq.next_element_seed(Value)? {
            if row == rows {
                return Err(A::Error::custom(format!("a column is longer than `times_us`, expected {rows} values")));
            }
            match value {
                Ok(value) => self.values[row] = value,
                Err(what) => self.bad = Some(what),
            }
            row += 1;
        }
        if row < rows {
            return Err(A::Error::custom(format!("a column has {row} values, expected {rows}, one a time")));
        }
        Ok(self.bad)
    }
}

/// A number or null; anything else is set aside by its type.
struct Value;

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Given;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Given, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Given;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or null")
    }
    fn visit_f64<E>(self, value: f64) -> Result<Given, E> {
        Ok(Ok(Some(value)))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Given, E> {
        Ok(whole(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Given, E> {
        Ok(negative(value))
    }
    fn visit_unit<E>(self) -> Result<Given, E> {
        Ok(Ok(None))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Given, E> {
        Ok(Err(BOOLEAN))
    }
    fn visit_str<E>(self, _: &str) -> Result<Given, E> {
        Ok(Err(TEXT))
    }
}
