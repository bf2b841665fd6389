//! Replies of a HEM board, as MEMCloud kept them: `{"NODE":"ALL","TYPE":"DCPOWER","VALUE":[0.185,5.9,...]}`.

use super::document::{Object, Value, field};
use crate::error::{Error, Result};
use crate::model::{Unit, shorten};

/// Nodes of a board.
const NODES: usize = 8;

/// What a board replies, the channel of each node, and its unit where the board's interface states one.
const TYPES: [(&str, &str, Option<Unit>); 8] = [
    ("DCPOWER", "power", Some(Unit::Watt)),
    ("DCVOLTAGE", "voltage", Some(Unit::Volt)),
    ("DCCURRENT", "current", Some(Unit::Ampere)),
    ("DCENERGY", "energy", None),
    ("DCCHARGE", "charge", None),
    ("NODESTATUS", "switch", Some(Unit::OnOff)),
    ("ACPOWERACTIVE", "ac_power", Some(Unit::Watt)),
    ("ACVOLTAGE", "ac_voltage", Some(Unit::Volt)),
];

/// One reply.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    channel: &'static str,
    unit: Option<Unit>,
    values: Vec<(usize, &'a Value)>,
}

impl<'a> Reply<'a> {
    pub(super) fn is(object: &Object) -> bool {
        ["NODE", "TYPE", "VALUE"].iter().all(|name| field(object, name).is_some())
    }

    /// A reply that was kept as its text; a board may send bytes after the last brace.
    pub(super) fn parse(text: &str) -> Option<Object> {
        let text = text.trim_start();
        if !text.starts_with('{') {
            return None;
        }
        match serde_json::Deserializer::from_str(text).into_iter::<Value>().next() {
            Some(Ok(Value::Object(object))) if Self::is(&object) => Some(object),
            _ => None,
        }
    }

    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a reply of an unknown type, or one whose values do not fit its nodes.
    pub(super) fn of(object: &'a Object) -> Result<Option<Self>> {
        let (Some(node), Some(Value::Text(kind)), Some(value)) =
            (field(object, "NODE"), field(object, "TYPE"), field(object, "VALUE"))
        else {
            return Ok(None);
        };
        let Some((_, channel, unit)) = TYPES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(kind)) else {
            let known: Vec<&str> = TYPES.iter().map(|(name, ..)| *name).collect();
            return Err(Error::invalid(format!("TYPE is {:?}, expected one of {}", shorten(kind), known.join(" "))));
        };
        let values = match (node, value) {
            (Value::Text(all), Value::List(values)) if all.eq_ignore_ascii_case("all") && values.len() <= NODES => {
                values.iter().enumerate().collect()
            }
            (node, value) if !matches!(value, Value::List(_)) => vec![(number(node)?, value)],
            _ => {
                let (node, value) = (node.describe(), value.describe());
                return Err(Error::invalid(format!(
                    "VALUE is {value}, expected one a node for NODE {node}, at most {NODES}"
                )));
            }
        };
        Ok(Some(Self { channel, unit: *unit, values }))
    }

    pub(super) fn channel(&self) -> &'static str {
        self.channel
    }

    /// Of energy and charge the interface states none: whoever imports them does.
    pub(super) fn unit(&self) -> Option<Unit> {
        self.unit
    }

    pub(super) fn values(&self) -> impl Iterator<Item = (usize, &'a Value)> + '_ {
        self.values.iter().copied()
    }
}

fn number(node: &Value) -> Result<usize> {
    let number = node.text().and_then(|text| text.parse().ok()).filter(|number| *number < NODES);
    number.ok_or_else(|| Error::invalid(format!("NODE is {}, expected \"ALL\" or 0 to {}", node.describe(), NODES - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => object,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reply_is_a_value_a_node() {
        let all = object(r#"{"NODE":"ALL","TYPE":"DCPOWER","VALUE":[0.185,5.9,85.6,10.4,0,0,0,12.5]}"#);
        let reply = Reply::of(&all).unwrap().unwrap();
        assert_eq!((reply.channel(), reply.unit(), reply.values().count()), ("power", Some(Unit::Watt), 8));
        assert_eq!(reply.values().nth(7), Some((7, &Value::Number(12.5))));
        let one = object(r#"{"NODE":"3","TYPE":"nodestatus","VALUE":1}"#);
        let reply = Reply::of(&one).unwrap().unwrap();
        assert_eq!((reply.channel(), reply.values().next()), ("switch", Some((3, &Value::Whole(1)))));
    }

    #[test]
    fn a_reply_kept_as_text_is_read_up_to_its_last_brace() {
        let text = "{\"NODE\":\"1\",\"TYPE\":\"DCVOLTAGE\",\"VALUE\":16.5}\0\0garbage";
        assert!(Reply::parse(text).is_some());
        assert!(Reply::parse("{\"NODE\":\"1\"}").is_none());
        assert!(Reply::parse("a remark").is_none());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, word) in [
            (r#"{"NODE":"ALL","TYPE":"DCSMELL","VALUE":[1]}"#, "TYPE is \"DCSMELL\", expected one of DCPOWER"),
            (r#"{"NODE":9,"TYPE":"DCPOWER","VALUE":1}"#, "NODE is 9, expected \"ALL\" or 0 to 7"),
            (r#"{"NODE":"ALL","TYPE":"DCPOWER","VALUE":[1,2,3,4,5,6,7,8,9]}"#, "VALUE is a list of 9"),
            (r#"{"NODE":1,"TYPE":"DCPOWER","VALUE":[1]}"#, "VALUE is a list of 1"),
        ] {
            let e = Reply::of(&object(text)).unwrap_err();
            assert!(e.message().contains(word), "{e}");
        }
    }
}
