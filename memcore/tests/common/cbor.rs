//! JSON text as CBOR that says the same, item by item and in the same order: what one encoding is told, the other is told too.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fmt;

use memcore::protocol::{Decoder, Encoding};
use minicbor::Encoder;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value whose fields keep their order, and stand twice where they do.
pub(crate) enum Item {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(String),
    Array(Vec<Item>),
    Map(Vec<(String, Item)>),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyItem)
    }
}

struct AnyItem;

impl<'de> Visitor<'de> for AnyItem {
    type Value = Item;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Item, E> {
        Ok(Item::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Item, E> {
        Ok(Item::Bool(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Item, E> {
        Ok(Item::Unsigned(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Item, E> {
        Ok(Item::Negative(value))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Item, E> {
        Ok(Item::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Item, E> {
        Ok(Item::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Item, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Item::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Item::Map(entries))
    }
}

impl Item {
    fn write(&self, cbor: &mut Encoder<&mut Vec<u8>>) {
        let written = match self {
            Self::Null => cbor.null().map(drop),
            Self::Bool(value) => cbor.bool(*value).map(drop),
            Self::Unsigned(value) => cbor.u64(*value).map(drop),
            Self::Negative(value) => cbor.i64(*value).map(drop),
            Self::Float(value) => cbor.f64(*value).map(drop),
            Self::Text(text) => cbor.str(text).map(drop),
            Self::Array(items) => {
                let begun = cbor.array(items.len() as u64).map(drop);
                items.iter().for_each(|item| item.write(cbor));
                begun
            }
            Self::Map(entries) => {
                let begun = cbor.map(entries.len() as u64).map(drop);
                for (key, item) in entries {
                    cbor.str(key).unwrap();
                    item.write(cbor);
                }
                begun
            }
        };
        written.expect("a Vec has room");
    }
}

/// The message with its length before it.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    frame
}

/// The message of a JSON line, without its length; none where the line is no JSON.
pub(crate) fn message_of(line: &str) -> Option<Vec<u8>> {
    let item: Item = serde_json::from_str(line).ok()?;
    let mut message = Vec::new();
    item.write(&mut Encoder::new(&mut message));
    Some(message)
}

/// JSON lines as CBOR with lengths; none where one of them is no JSON, or has no end.
pub(crate) fn frames_of(lines: &str) -> Option<Vec<u8>> {
    let ended = lines.is_empty() || lines.ends_with('\n');
    let messages = lines.lines().map(|line| match line.trim() {
        "" => Some(framed(&[])),
        line => message_of(line).map(|message| framed(&message)),
    });
    messages.collect::<Option<Vec<_>>>().filter(|_| ended).map(|frames| frames.concat())
}

/// What a server sent in CBOR, as JSON lines.
pub(crate) fn lines_of(frames: &[u8]) -> Vec<String> {
    let mut decoder = Decoder::new(Encoding::Cbor);
    decoder.push(frames);
    let mut lines = Vec::new();
    while let Some(message) = decoder.next(1 << 20).expect("the server keeps to its limits") {
        let message = Encoding::Cbor.decode_down(message).expect("the server writes messages");
        Encoding::JsonLines.encode_down(&message, &mut lines);
    }
    assert!(!decoder.is_partial(), "half a message was sent");
    String::from_utf8(lines).unwrap().lines().map(str::to_owned).collect()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
