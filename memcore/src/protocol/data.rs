//! Data messages, decoded straight against the session's channel table: the hot path of the link.
//!
//! `{"type":"data","seq":7,"time_us":1763000000000000,"values":{"power":12.5,"voltage":null}}` is one row;
//! `{"type":"data","seq":8,"times_us":[...],"columns":{"power":[12.5,null],...}}` is many.
//! A value that is wrong is set aside with its code; the rest of the message stands (P19).

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::code::Code;
use super::message::Rows;
use crate::model::{ALL_ONES, Channel, ChannelName, Timestamp};

/// What a peer said, made fit for logs and messages: not long, and without control characters.
pub(crate) fn plain(text: &str) -> String {
    text.chars().take(DETAIL_CHARS).fold(String::new(), |mut plain, c| {
        match c {
            '"' | '\'' | '\\' => plain.push(c),
            c => plain.extend(c.escape_debug()),
        }
        plain
    })
}

const DETAIL_CHARS: usize = 300;

/// What of a name is quoted back to its sender.
fn shorten(text: &str) -> &str {
    text.char_indices().nth(64).map_or(text, |(end, _)| &text[..end])
}

/// The largest integer that every JSON implementation keeps exactly: 2^53 - 1.
pub(crate) const SEQUENCE_MAX: u64 = (1 << 53) - 1;

/// How many refused values are told apart in one message; the rest is only counted (P31).
const PROBLEMS_MAX: usize = 16;

/// The channels of a session in the order in which they were described.
#[derive(Debug, Default)]
pub(crate) struct ChannelTable {
    channels: Vec<Channel>,
    places: HashMap<ChannelName, usize>,
    /// The places of channels and of those with the qualities of their values.
    qualities: Vec<(usize, usize)>,
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
        let beside = |(place, channel): (usize, &Channel)| Some((*self.places.get(&channel.qualified()?)?, place));
        self.qualities = self.channels.iter().enumerate().filter_map(beside).collect();
    }

    /// The places of channels, each with that of the channel of the qualities of its values.
    pub(crate) fn qualities(&self) -> &[(usize, usize)] {
        &self.qualities
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

/// What was set aside of one message: the first few by name, the rest as a count.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) named: Vec<Problem>,
    pub(crate) more: u64,
}

impl Problems {
    pub(crate) fn add(&mut self, channel: Option<&str>, code: Code, detail: impl FnOnce() -> String) {
        if self.named.len() < PROBLEMS_MAX {
            let channel = channel.map(|name| shorten(name).to_owned());
            self.named.push(Problem { channel, code, detail: detail() });
        } else {
            self.more += 1;
        }
    }
}

/// Why a whole message was refused, with its number where that was read before the fault.
pub(crate) type Unreadable = (Option<u64>, Problem);

/// Collects decoded rows and what was set aside.
pub(crate) struct DataDecoder<'a> {
    table: &'a ChannelTable,
    problems: &'a mut Problems,
    /// The most places for values.
    places: usize,
    sequence: Option<u64>,
    /// What a fault is called where JSON's own words do not tell.
    fault: Option<Code>,
}

impl<'a> DataDecoder<'a> {
    pub(crate) fn new(table: &'a ChannelTable, places: usize, problems: &'a mut Problems) -> Self {
        Self { table, problems, places, sequence: None, fault: None }
    }

    /// Decodes one data message.
    pub(crate) fn decode(mut self, line: &[u8]) -> Result<Rows, Unreadable> {
        let mut json = serde_json::Deserializer::from_slice(line);
        let rows = json.deserialize_map(DataVisitor(&mut self)).and_then(|rows| json.end().map(|()| rows));
        match rows {
            // Only what was set aside can nest without having been refused.
            Ok(_) if !self.problems.named.is_empty() && depth(line) > DEPTH_MAX => Err((self.sequence, too_deep())),
            Ok(rows) => Ok(rows),
            Err(e) => {
                let mut problem = json_problem(line, &e);
                if let Some(code) = self.fault {
                    (problem.code, problem.detail) = (code, e.to_string());
                }
                Err((self.sequence, problem))
            }
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
        return too_deep();
    } else if text.contains("number out of range") {
        (Code::BadValue, format!("{text}: expected a number that fits 64-bit floating point"))
    } else if error.is_syntax() && (has("NaN") || has("Infinity") || has("nan")) {
        (Code::BadValue, "NaN and infinities are no JSON: send null, or leave the channel out".into())
    } else {
        (Code::BadMessage, text)
    };
    Problem { channel: None, code, detail }
}

pub(crate) fn too_deep() -> Problem {
    Problem { channel: None, code: Code::TooDeep, detail: format!("nested deeper than {DEPTH_MAX} levels") }
}

/// How deep a message may nest (P9).
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
        let mut seen = 0u8;
        while let Some(key) = map.next_key_seed(Text)? {
            let Some(place) = FIELDS.iter().position(|field| *field == key) else {
                return Err(A::Error::unknown_field(shorten(&key), FIELDS));
            };
            if seen & 1 << place != 0 {
                return Err(A::Error::custom(format!("`{key}` stands twice")));
            }
            seen |= 1 << place;
            match FIELDS[place] {
                "seq" => {
                    rows.sequence = map.next_value_seed(Sequence(&mut decoder.fault))?;
                    decoder.sequence = Some(rows.sequence);
                }
                "time_us" => rows.times = vec![map.next_value_seed(Time(&mut decoder.fault))?],
                "times_us" => rows.times = map.next_value_seed(Times(&mut decoder.fault))?,
                "values" => {
                    rows.values.resize(width, None);
                    map.next_value_seed(RowSeed { decoder, values: &mut rows.values })?;
                }
                "columns" => {
                    let row_count = decoder.rows(rows.times.len()).map_err(A::Error::custom)?;
                    rows.values.resize(width * row_count, None);
                    map.next_value_seed(ColumnsSeed { decoder, values: &mut rows.values, row_count, width })?;
                }
                _ => drop(map.next_value_seed(Text)?),
            }
        }
        decoder.complete(seen).map_err(A::Error::custom)?;
        Ok(rows)
    }
}

const FIELDS: &[&str] = &["type", "seq", "time_us", "values", "times_us", "columns"];

impl DataDecoder<'_> {
    /// How many rows the columns have, where that is a number to make room for.
    fn rows(&mut self, times: usize) -> Result<usize, String> {
        let width = self.table.channels.len();
        if times == 0 {
            return Err("`times_us` must stand before `columns` and not be empty".into());
        }
        if times * width.max(1) > self.places {
            self.fault = Some(Code::TooLarge);
            let most = self.places;
            return Err(format!("{times} rows of {width} channels, expected rows times channels to be at most {most}"));
        }
        Ok(times)
    }

    /// Whether all fields of one of the two forms were there, and none of the other (P16); bits by place in [`FIELDS`].
    fn complete(&mut self, seen: u8) -> Result<(), &'static str> {
        if seen & 0b10 == 0 {
            self.fault = Some(Code::BadSequence);
            return Err("`seq` is missing, expected 1 to 2^53 - 1");
        }
        match seen >> 2 {
            0b0011 | 0b1100 => Ok(()),
            _ => Err("a data message needs `time_us` and `values`, or `times_us` and `columns`"),
        }
    }
}

/// The number of a message: 1 to 2^53 - 1 (P20).
struct Sequence<'a>(&'a mut Option<Code>);

impl<'de> DeserializeSeed<'de> for Sequence<'_> {
    type Value = u64;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        *self.0 = Some(Code::BadSequence);
        let sequence = u64::deserialize(deserializer)?;
        if sequence == 0 || sequence > SEQUENCE_MAX {
            return Err(D::Error::custom(format!("`seq` is {sequence}, expected 1 to 2^53 - 1")));
        }
        *self.0 = None;
        Ok(sequence)
    }
}

/// A time: integer microseconds since 1970 that fit 64 bits (P11).
struct Time<'a>(&'a mut Option<Code>);

impl<'de> DeserializeSeed<'de> for Time<'_> {
    type Value = Timestamp;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Timestamp, D::Error> {
        *self.0 = Some(Code::BadTime);
        let time = Timestamp::deserialize(deserializer)?;
        *self.0 = None;
        Ok(time)
    }
}

struct Times<'a>(&'a mut Option<Code>);

impl<'de> DeserializeSeed<'de> for Times<'_> {
    type Value = Vec<Timestamp>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        *self.0 = Some(Code::BadTime);
        let times = Vec::deserialize(deserializer)?;
        *self.0 = None;
        Ok(times)
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
                (Some(_), Err(what)) => self.decoder.problems.add(Some(&name), Code::BadValue, || what.into()),
                (None, _) => self.decoder.problems.add(Some(&name), Code::UnknownChannel, || UNKNOWN.into()),
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
                self.decoder.problems.add(Some(&name), Code::UnknownChannel, || UNKNOWN.into());
                continue;
            };
            guess = place + 1;
            let column =
                ColumnSeed { values: &mut self.values[place..], width: self.width, rows: self.row_count, bad: None };
            if let Some(what) = map.next_value_seed(column)? {
                self.decoder.problems.add(Some(&name), Code::BadValue, || what.into());
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

/// Such as 2^53 + 1 (P17).
const INEXACT: &str = "an integer that 64-bit floating point does not hold exactly";

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
        // All ones are no number but a register's "not implemented" (P42), and become the float that says so.
        if value == u64::MAX {
            return Ok(Ok(Some(ALL_ONES)));
        }
        // As wide integers, because the largest ones saturate.
        Ok(if value as f64 as u128 == u128::from(value) { Ok(Some(value as f64)) } else { Err(INEXACT) })
    }
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(if value as f64 as i128 == i128::from(value) { Ok(Some(value as f64)) } else { Err(INEXACT) })
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
