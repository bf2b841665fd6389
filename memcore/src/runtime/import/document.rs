//! Documents: nested objects, as JSON lines and MongoDB dumps have them, in one form for both.

use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::model::Timestamp;

/// How deep a document may be nested; what lies deeper is refused.
pub(super) const DEPTH_MAX: usize = 32;

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// A number that was written as a whole one.
    Whole(i64),
    Number(f64),
    /// An instant that the format itself calls one.
    Time(Timestamp),
    Text(String),
    List(Vec<Value>),
    Object(Object),
}

/// Fields in the order of the document.
pub(super) type Object = Vec<(String, Value)>;

impl Value {
    /// The number that it is; of a 64-bit number only where a float holds it exactly.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            #[expect(clippy::cast_possible_truncation, reason = "compared right here")]
            Self::Whole(value) if (*value as f64) as i128 == i128::from(*value) => Some(*value as f64),
            _ => None,
        }
    }

    /// What it says as text, where it is a text or a number.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Whole(value) => Some(value.to_string()),
            Self::Number(value) => Some(value.to_string()),
            _ => None,
        }
    }

    /// All of it, as JSON.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| self.describe())
    }

    /// For a person who shall see what was refused.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Whole(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Time(time) => time.to_string(),
            Self::Text(text) => format!("{:?}", crate::model::shorten(text)),
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Object(fields) => format!("an object of {}", fields.len()),
        }
    }
}

/// The field of that name, whatever its case.
pub(super) fn field<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The field at a path of names joined by dots; a name may have dots itself.
pub(super) fn at_path<'a>(object: &'a Object, path: &str) -> Option<&'a Value> {
    object.iter().find_map(|(key, value)| {
        let rest = path.strip_prefix(key.as_str())?;
        match (rest.strip_prefix('.'), value) {
            (None, value) if rest.is_empty() => Some(value),
            (Some(rest), Value::Object(inner)) => at_path(inner, rest),
            _ => None,
        }
    })
}

/// What MongoDB's tools write where JSON has no word for it: `{"$date": ...}`, `{"$numberDecimal": "1.5"}` and their like
/// (Extended JSON, version 2).
fn simplified(object: Object) -> Value {
    let [(key, value)] = &object[..] else { return Value::Object(object) };
    let told = match (key.as_str(), value) {
        ("$date", Value::Text(text)) => text.parse().ok().map(Value::Time),
        ("$date", Value::Whole(millis)) => millis.checked_mul(1000).map(|us| Value::Time(Timestamp::from_micros(us))),
        ("$numberInt" | "$numberLong", Value::Text(text)) => text.parse().ok().map(Value::Whole),
        ("$numberDouble" | "$numberDecimal", Value::Text(text)) => text.parse().ok().map(Value::Number),
        ("$oid", Value::Text(text)) => Some(Value::Text(text.clone())),
        _ => None,
    };
    told.unwrap_or(Value::Object(object))
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Whole(value) => serializer.serialize_i64(*value),
            Self::Number(value) => serializer.serialize_f64(*value),
            Self::Time(time) => serializer.collect_str(time),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(fields) => serializer.collect_map(fields.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Json)
    }
}

struct Json;

impl<'de> Visitor<'de> for Json {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Whole(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Number(value as f64), Value::Whole))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        while let Some(field) = fields.next_entry()? {
            object.push(field);
        }
        Ok(simplified(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn extended_json_says_what_mongodb_stored() {
        let time = Value::Time(Timestamp::from_seconds(1_700_000_000));
        for (text, value) in [
            (r#"{"$date":"2023-11-14T22:13:20Z"}"#, time.clone()),
            (r#"{"$date":{"$numberLong":"1700000000000"}}"#, time.clone()),
            (r#"{"$date":1700000000000}"#, time),
            (r#"{"$numberDecimal":"0.1"}"#, Value::Number(0.1)),
            (r#"{"$numberInt":"-7"}"#, Value::Whole(-7)),
            (r#"{"$oid":"65f0"}"#, Value::Text("65f0".into())),
            (r#"{"$date":"yesterday"}"#, Value::Object(vec![("$date".into(), Value::Text("yesterday".into()))])),
        ] {
            assert_eq!(json(text), value, "{text}");
        }
    }

    #[test]
    fn fields_are_found_by_path() {
        let Value::Object(document) = json(r#"{"a":{"b":{"c":1}},"x.y":{"z":3}}"#) else { panic!() };
        for (path, value) in [("a.b.c", Some(1)), ("x.y.z", Some(3)), ("a.c", None), ("a.b.c.d", None), ("", None)] {
            assert_eq!(at_path(&document, path), value.map(Value::Whole).as_ref(), "{path}");
        }
        assert!(field(&document, "X.Y").is_some());
    }

    #[test]
    fn whole_numbers_that_a_float_cannot_hold_are_no_numbers() {
        assert_eq!(json("9007199254740992").number(), Some(9_007_199_254_740_992.0));
        assert_eq!(json("9007199254740993").number(), None);
        assert_eq!(json("0.1").number(), Some(0.1));
    }
}
