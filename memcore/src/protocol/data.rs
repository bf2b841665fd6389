//! Data messages, decoded straight against the session's channel table: the hot path of the link.
//!
//! `{"type":"data","seq":7,"time_us":1763000000000000,"values":{"power":12.5,"voltage":null}}` is one row;
//! `{"type":"data","seq":8,"times_us":[...],"columns":{"power":[12.5,null],...}}` is many.
//! A value that is wrong is set aside with its code; the rest of the message stands.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::code::Code;
use super::message::Rows;
use crate::model::{Channel, ChannelName, Timestamp};

/// The largest integer that every JSON implementation keeps exactly: 2^53 - 1.
pub(crate) const SEQUENCE_MAX: u64 = (1 << 53) - 1;

/// How many refused values are told apart in one message; the rest is only counted.
const PROBLEMS_MAX: usize = 16;

/// The channels of a session in the order in which they were described.
#[derive(Debug, Default)]
pub(crate) struct ChannelTable {
    channels: Vec<Channel>,
    places: HashMap<ChannelName, usize>,
}

impl ChannelTable {
    /// Adds channels; one that stands already is described anew.
    pub(crate) fn describe(&mut self, channels: Vec<Channel>) {
        for channel in channels {
            if let Some(place) = self.places.get(&channel.name) {
                self.channels[*place] = channel;
            } else {
                self.places.insert(channel.name.clone(), self.channels.len());
                self.channels.push(channel);
            }
        }
    }

    pub(crate) fn channels(&self) -> &[Channel] {
        &self.channels
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Channel> {
        self.places.get(name).map(|place| &self.channels[*place])
    }

    /// The place of a channel. Devices name their channels in the order in which they described them, so the one
    /// after the last is tried before the name is looked up.
    fn place(&self, name: &str, guess: usize) -> Option<usize> {
        match self.channels.get(guess) {
            Some(channel) if channel.name.as_str() == name => Some(guess),
            _ => self.places.get(name).copied(),
        }
    }
}

/// Why part of a message was set aside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) channel: Option<String>,
    pub(crate) code: Code,
    pub(crate) detail: String,
}

/// Collects decoded rows and what was set aside.
pub(crate) struct DataDecoder<'a> {
    pub(crate) table: &'a ChannelTable,
    pub(crate) problems: &'a mut Vec<Problem>,
}

impl DataDecoder<'_> {
    /// Decodes one data message.
    pub(crate) fn decode(mut self, line: &[u8]) -> Result<Rows, Problem> {
        let mut json = serde_json::Deserializer::from_slice(line);
        let rows = json.deserialize_map(DataVisitor(&mut self)).and_then(|rows| json.end().map(|()| rows));
        let rows = rows.map_err(|e| json_problem(line, &e))?;
        if rows.sequence == 0 || rows.sequence > SEQUENCE_MAX {
            let detail = format!("`seq` is {}, expected 1 to 2^53 - 1", rows.sequence);
            return Err(Problem { channel: None, code: Code::BadSequence, detail });
        }
        Ok(rows)
    }

    fn set_aside(&mut self, channel: &str, code: Code, detail: String) {
        if self.problems.len() < PROBLEMS_MAX {
            let channel = Some(channel.chars().take(64).collect());
            self.problems.push(Problem { channel, code, detail });
        }
    }
}

/// Names the fault of a line that serde could not read, as precisely as its text allows.
pub(crate) fn json_problem(line: &[u8], error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let has = |word: &str| memchr::memmem::find(line, word.as_bytes()).is_some();
    let (code, detail) = if text.contains("unknown field") || text.contains("unknown variant") {
        (Code::UnknownField, text)
    } else if text.contains("recursion limit") || depth(line) > DEPTH_MAX {
        (Code::TooDeep, format!("nested deeper than {DEPTH_MAX} levels"))
    } else if text.contains("number out of range") {
        (Code::BadValue, format!("{text}: expected a number that fits 64-bit floating point"))
    } else if error.is_syntax() && (has("NaN") || has("Infinity") || has("nan")) {
        (Code::BadValue, "NaN and infinities are no JSON: send null, or leave the channel out".into())
    } else {
        (Code::BadMessage, text)
    };
    Problem { channel: None, code, detail }
}

/// How deep a message may nest.
pub(crate) const DEPTH_MAX: usize = 32;

/// How deep a line nests, strings apart; whether it is JSON at all does not matter.
pub(crate) fn depth(line: &[u8]) -> usize {
    let (mut now, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

struct DataVisitor<'a, 'd>(&'a mut DataDecoder<'d>);

impl<'de> Visitor<'de> for DataVisitor<'_, '_> {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a data message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rows, A::Error> {
        let decoder = self.0;
        let width = decoder.table.channels.len();
        let mut rows = Rows::default();
        let mut values_seen = false;
        while let Some(key) = map.next_key_seed(Text)? {
            match &*key {
                "type" => drop(map.next_value::<IgnoredAny>()?),
                "seq" => rows.sequence = map.next_value()?,
                "time_us" => rows.times = vec![Timestamp::from_micros(map.next_value()?)],
                "times_us" => rows.times = map.next_value()?,
                "values" if !values_seen => {
                    values_seen = true;
                    rows.values.resize(width, None);
                    map.next_value_seed(RowSeed { decoder, values: &mut rows.values })?;
                }
                "columns" if !values_seen => {
                    values_seen = true;
                    if rows.times.is_empty() {
                        return Err(A::Error::custom("`times_us` must stand before `columns` and not be empty"));
                    }
                    rows.values.resize(width * rows.times.len(), None);
                    let (values, row_count) = (&mut rows.values, rows.times.len());
                    map.next_value_seed(ColumnsSeed { decoder, values, row_count, width })?;
                }
                key => return Err(A::Error::unknown_field(key, &["seq", "time_us", "values", "times_us", "columns"])),
            }
        }
        if rows.times.is_empty() || !values_seen || rows.values.len() != width * rows.times.len() {
            return Err(A::Error::custom("a data message needs `time_us` and `values`, or `times_us` and `columns`"));
        }
        Ok(rows)
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

struct RowSeed<'a, 'd> {
    decoder: &'a mut DataDecoder<'d>,
    values: &'a mut [Option<f64>],
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of values by channel")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut guess = 0;
        while let Some(name) = map.next_key_seed(Text)? {
            let value = map.next_value_seed(Value)?;
            match (self.decoder.table.place(&name, guess), value) {
                (Some(place), Ok(value)) => {
                    self.values[place] = value;
                    guess = place + 1;
                }
                (Some(_), Err(what)) => self.decoder.set_aside(&name, Code::BadValue, what.into()),
                (None, _) => self.decoder.set_aside(&name, Code::UnknownChannel, UNKNOWN.into()),
            }
        }
        Ok(())
    }
}

const UNKNOWN: &str = "not described in hello or channels";

struct ColumnsSeed<'a, 'd> {
    decoder: &'a mut DataDecoder<'d>,
    values: &'a mut [Option<f64>],
    row_count: usize,
    width: usize,
}

impl<'de> DeserializeSeed<'de> for ColumnsSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ColumnsSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of arrays by channel")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut guess = 0;
        while let Some(name) = map.next_key_seed(Text)? {
            let Some(place) = self.decoder.table.place(&name, guess) else {
                map.next_value::<IgnoredAny>()?;
                self.decoder.set_aside(&name, Code::UnknownChannel, UNKNOWN.into());
                continue;
            };
            guess = place + 1;
            let column =
                ColumnSeed { values: &mut self.values[place..], width: self.width, rows: self.row_count, bad: None };
            if let Some(what) = map.next_value_seed(column)? {
                self.decoder.set_aside(&name, Code::BadValue, what.into());
            }
        }
        Ok(())
    }
}

/// One column, written with the stride of a row; the result is the first fault found, if any.
struct ColumnSeed<'a> {
    values: &'a mut [Option<f64>],
    width: usize,
    rows: usize,
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
        let mut row = 0;
        while let Some(value) = seq.next_element_seed(Value)? {
            if row == self.rows {
                return Err(A::Error::custom(format!("a column is longer than `times_us`, expected {} values", self.rows)));
            }
            match value {
                Ok(value) => self.values[row * self.width] = value,
                Err(what) => self.bad = Some(what),
            }
            row += 1;
        }
        if row < self.rows {
            return Err(A::Error::custom(format!("a column has {row} values, expected {}, one a time", self.rows)));
        }
        Ok(self.bad)
    }
}

/// A number or null; anything else is set aside by its type.
struct Value;

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Result<Option<f64>, &'static str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Result<Option<f64>, &'static str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or null")
    }
    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Ok(Some(value)))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(if value <= SEQUENCE_MAX + 1 { Ok(Some(value as f64)) } else { Err("an integer beyond 2^53 is not exact") })
    }
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        let exact = value.unsigned_abs() <= SEQUENCE_MAX + 1;
        Ok(if exact { Ok(Some(value as f64)) } else { Err("an integer beyond 2^53 is not exact") })
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Ok(None))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Err("true and false are no numbers, expected 1 or 0"))
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Err("text is no number"))
    }
}
