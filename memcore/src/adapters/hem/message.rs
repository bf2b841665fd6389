//! What travels between an app and a HEM board: one datagram of ASCII asks, one of JSON answers. Pure.
//!
//! ```text
//! api/getdcpower/all    ->  {"NODE":"ALL","TYPE":"DCPOWER","VALUE":[0.185,5.9,85.6,10.4,0,0,0,12.5]}
//! /api/turnon/3         ->  {"NODE":"3","TYPE":"NODESTATUS","VALUE":[1]}
//! ```
//!
//! There is no request id, no time and no proof of identity in it. Boards are taken as they are: bytes after the last brace,
//! NUL padding, a number in place of a list of one and `nan` for what could not be measured are all understood. What is cut
//! short is refused as a whole, since the last number may have lost its end.

use std::fmt;

use super::scan::{Field, Scanner};
use crate::error::{Error, Result};
use crate::model::{Quantity, Unit, shorten};

/// Nodes of a board.
pub const NODES: usize = 8;

/// The port on which boards listen.
pub const PORT: u16 = 9931;

/// A longer datagram is no request: `/api/getacpoweractive/all` has 26 bytes, and apps may pad.
pub const REQUEST_BYTES: usize = 256;

/// What a written reply never exceeds: the smallest buffer into which apps read.
pub const REPLY_BYTES: usize = 256;

/// Values beyond this are written as this: a feeder has no more, and a reply must fit.
const LARGEST: f64 = 1e12;

/// One value a node; none where the board has not measured it.
pub type NodeValues = [Option<f64>; NODES];

/// What a board can be asked for, in the order in which it is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HemQuantity {
    /// `getdcpower`, in W.
    DcPower,
    /// `getdcvoltage`, in V.
    DcVoltage,
    /// `getdccurrent`, in A.
    DcCurrent,
    /// `getdcenergy`, a counter; boards do not tell its unit.
    DcEnergy,
    /// `getdccharge`, a counter; boards do not tell its unit.
    DcCharge,
    /// `getacpoweractive`, in W.
    AcPowerActive,
    /// `getacvoltage`, in V.
    AcVoltage,
    /// `getnodestatus`: 1 is on, 0 is off.
    NodeStatus,
}

impl HemQuantity {
    /// All, in the order of polling.
    pub const ALL: [Self; 8] = [
        Self::DcPower,
        Self::DcVoltage,
        Self::DcCurrent,
        Self::DcEnergy,
        Self::DcCharge,
        Self::AcPowerActive,
        Self::AcVoltage,
        Self::NodeStatus,
    ];

    /// The verb of a request.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::DcPower => "getdcpower",
            Self::DcVoltage => "getdcvoltage",
            Self::DcCurrent => "getdccurrent",
            Self::DcEnergy => "getdcenergy",
            Self::DcCharge => "getdccharge",
            Self::AcPowerActive => "getacpoweractive",
            Self::AcVoltage => "getacvoltage",
            Self::NodeStatus => "getnodestatus",
        }
    }

    /// The `TYPE` of a reply.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::DcPower => "DCPOWER",
            Self::DcVoltage => "DCVOLTAGE",
            Self::DcCurrent => "DCCURRENT",
            Self::DcEnergy => "DCENERGY",
            Self::DcCharge => "DCCHARGE",
            Self::AcPowerActive => "ACPOWERACTIVE",
            Self::AcVoltage => "ACVOLTAGE",
            Self::NodeStatus => "NODESTATUS",
        }
    }

    /// The name of a node's channel after `node3.`: `power`, `switch`, ...
    #[must_use]
    pub const fn channel(self) -> &'static str {
        match self {
            Self::DcPower => "power",
            Self::DcVoltage => "voltage",
            Self::DcCurrent => "current",
            Self::DcEnergy => "energy",
            Self::DcCharge => "charge",
            Self::AcPowerActive => "ac_power",
            Self::AcVoltage => "ac_voltage",
            Self::NodeStatus => "switch",
        }
    }

    /// What is measured, and in which unit unless the board's owner knows better.
    #[must_use]
    pub const fn unit(self) -> (Quantity, Unit) {
        match self {
            Self::DcPower | Self::AcPowerActive => (Quantity::Power, Unit::Watt),
            Self::DcVoltage | Self::AcVoltage => (Quantity::Voltage, Unit::Volt),
            Self::DcCurrent => (Quantity::Current, Unit::Ampere),
            Self::DcEnergy => (Quantity::Energy, Unit::WattHour),
            Self::DcCharge => (Quantity::Charge, Unit::AmpereHour),
            Self::NodeStatus => (Quantity::Switch, Unit::OnOff),
        }
    }

    /// The quantity of that [channel](Self::channel).
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), with the names that there are.
    pub fn parse(channel: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|quantity| quantity.channel() == channel).ok_or_else(|| {
            let known = Self::ALL.map(Self::channel).join(", ");
            Error::invalid(format!("hem quantity is {:?}, expected one of {known}", shorten(channel)))
        })
    }
}

/// Which nodes are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nodes {
    /// All eight.
    All,
    /// One, 0 to 7.
    One(u8),
}

impl Nodes {
    /// Whether that node is among them.
    #[must_use]
    pub fn contains(self, node: usize) -> bool {
        match self {
            Self::All => node < NODES,
            Self::One(one) => usize::from(one) == node,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("all") {
            return Some(Self::All);
        }
        let node = text.parse::<u8>().ok().filter(|node| usize::from(*node) < NODES && text.len() == 1)?;
        Some(Self::One(node))
    }
}

/// A question or an order to a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    /// `api/get.../3`.
    Read(HemQuantity, Nodes),
    /// `api/turnon/3`, `api/turnoff/all`.
    Switch {
        /// Which.
        nodes: Nodes,
        /// On or off.
        on: bool,
    },
}

impl Request {
    /// Reads a request; the slash at its start, white space and NULs around it are optional. None where it is no request.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > REQUEST_BYTES {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?.trim_matches(|c: char| c == '\0' || c.is_ascii_whitespace());
        let mut parts = text.strip_prefix('/').unwrap_or(text).split('/');
        let (api, verb, nodes) = (parts.next()?, parts.next()?, Nodes::parse(parts.next()?)?);
        if !api.eq_ignore_ascii_case("api") || parts.next().is_some() {
            return None;
        }
        if let Some(on) = ["turnoff", "turnon"].iter().position(|known| known.eq_ignore_ascii_case(verb)) {
            return Some(Self::Switch { nodes, on: on == 1 });
        }
        let quantity = HemQuantity::ALL.into_iter().find(|quantity| quantity.verb().eq_ignore_ascii_case(verb))?;
        Some(Self::Read(quantity, nodes))
    }

    /// Which nodes it is about.
    #[must_use]
    pub fn nodes(self) -> Nodes {
        match self {
            Self::Read(_, nodes) | Self::Switch { nodes, .. } => nodes,
        }
    }
}

/// As boards take it: `api/getdcpower/all`.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self {
            Self::Read(quantity, _) => quantity.verb(),
            Self::Switch { on: true, .. } => "turnon",
            Self::Switch { on: false, .. } => "turnoff",
        };
        match self.nodes() {
            Nodes::All => write!(f, "api/{verb}/all"),
            Nodes::One(node) => write!(f, "api/{verb}/{node}"),
        }
    }
}

/// What a board says of its nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reply {
    /// What was measured.
    pub quantity: HemQuantity,
    /// Of which nodes; the others have no value.
    pub nodes: Nodes,
    /// One a node. Of a status only 0 and 1 are values.
    pub values: NodeValues,
}

/// Why a datagram is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoReply {
    /// It does not begin with an object, or its text is none.
    NoObject,
    /// It ends before its last brace.
    Truncated,
    /// `NODE`, `TYPE` or `VALUE` is missing.
    FieldMissing,
    /// `TYPE` is none that this version knows.
    UnknownType,
    /// `NODE` is neither `ALL` nor 0 to 7.
    UnknownNode,
    /// There are more values than nodes, or not exactly one for one node.
    WrongCount,
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoObject => "it is no JSON object",
            Self::Truncated => "it is cut short",
            Self::FieldMissing => "NODE, TYPE or VALUE is missing",
            Self::UnknownType => "TYPE is unknown",
            Self::UnknownNode => "NODE is neither ALL nor 0 to 7",
            Self::WrongCount => "VALUE has not one value a node",
        })
    }
}

impl Reply {
    /// Reads a reply, up to the brace that ends it.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoReply> {
        let (mut node, mut kind, mut value) = (None, None, None);
        Scanner::of(bytes).object(|name, field| match name {
            b"NODE" => node = Some(field),
            b"TYPE" => kind = Some(field),
            b"VALUE" => value = Some(field),
            _ => {}
        })?;
        let (Some(Field::One(node)), Some(Field::One(kind)), Some(value)) = (node, kind, value) else {
            return Err(NoReply::FieldMissing);
        };
        let quantity = HemQuantity::ALL.into_iter().find(|known| kind.eq_ignore_ascii_case(known.type_name().as_bytes()));
        let quantity = quantity.ok_or(NoReply::UnknownType)?;
        let nodes = std::str::from_utf8(node).ok().and_then(Nodes::parse).ok_or(NoReply::UnknownNode)?;
        Ok(Self { quantity, nodes, values: values_of(quantity, nodes, &value)? })
    }

    /// Whether it answers that request: of the same type and the same nodes.
    #[must_use]
    pub fn answers(&self, request: Request) -> bool {
        request == Request::Read(self.quantity, self.nodes)
    }

    /// As an app reads it, in at most [`REPLY_BYTES`]: rounded to thousandths, 0 for what is absent.
    #[must_use]
    pub fn to_text(&self) -> String {
        let node = match self.nodes {
            Nodes::All => "ALL".to_owned(),
            Nodes::One(node) => node.to_string(),
        };
        let values: Vec<String> = (0..NODES)
            .filter(|node| self.nodes.contains(*node))
            .map(|node| rounded(self.values[node].unwrap_or(0.0)).to_string())
            .collect();
        format!(r#"{{"NODE":"{node}","TYPE":"{}","VALUE":[{}]}}"#, self.quantity.type_name(), values.join(","))
    }
}

/// To thousandths; without a negative zero, which apps might print.
fn rounded(value: f64) -> f64 {
    (value.clamp(-LARGEST, LARGEST) * 1000.0).round() / 1000.0 + 0.0
}

fn values_of(quantity: HemQuantity, nodes: Nodes, field: &Field<'_>) -> Result<NodeValues, NoReply> {
    let (one, count);
    let items: &[&[u8]] = match field {
        Field::One(item) => {
            one = [*item];
            &one
        }
        Field::Many { items, length } => {
            count = *length;
            if count > NODES {
                return Err(NoReply::WrongCount);
            }
            &items[..count]
        }
    };
    let mut values = [None; NODES];
    match (nodes, items) {
        (Nodes::One(node), [item]) => values[usize::from(node)] = number(quantity, item),
        (Nodes::All, items) if matches!(field, Field::Many { .. }) => {
            for (value, item) in values.iter_mut().zip(items) {
                *value = number(quantity, item);
            }
        }
        _ => return Err(NoReply::WrongCount),
    }
    Ok(values)
}

/// A measured number; `nan`, `null`, text and what is beyond any number are absent.
fn number(quantity: HemQuantity, item: &[u8]) -> Option<f64> {
    let numeric = item.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte));
    let value: f64 = std::str::from_utf8(item).ok().filter(|_| numeric)?.parse().ok()?;
    let known = quantity != HemQuantity::NodeStatus || value == 0.0 || value == 1.0;
    Some(value).filter(|value| value.is_finite() && known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = r#"{"NODE":"ALL","TYPE":"DCPOWER","VALUE":[0.185,5.9,85.6,10.4,0,0,0,12.5]}"#;

    #[test]
    fn requests_are_read_as_apps_send_them_and_written_as_boards_take_them() {
        let all = |quantity| Some(Request::Read(quantity, Nodes::All));
        assert_eq!(Request::parse(b"api/getdcpower/all"), all(HemQuantity::DcPower));
        assert_eq!(Request::parse(b"/api/getacpoweractive/ALL\r\n"), all(HemQuantity::AcPowerActive));
        assert_eq!(Request::parse(b"api/turnon/3\0\0"), Some(Request::Switch { nodes: Nodes::One(3), on: true }));
        assert_eq!(Request::parse(b"/api/turnoff/all"), Some(Request::Switch { nodes: Nodes::All, on: false }));
        for quantity in HemQuantity::ALL {
            for nodes in [Nodes::All, Nodes::One(0), Nodes::One(7)] {
                let request = Request::Read(quantity, nodes);
                assert_eq!(Request::parse(request.to_string().as_bytes()), Some(request));
            }
        }
    }

    #[test]
    fn what_is_no_request_is_none() {
        for text in [
            "",
            "ack",
            "api",
            "api/",
            "api/getdcpower",
            "api/getdcpower/",
            "api/getdcpower/8",
            "api/getdcpower/-1",
            "api/getdcpower/+1",
            "api/getdcpower/01",
            "api/getdcpower/all/more",
            "//api/getdcpower/all",
            "ipa/getdcpower/1",
            "api/gettemperature/1",
            "api/turnon/3 please",
            "api\0/turnon/3",
        ] {
            assert_eq!(Request::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(Request::parse(&[0xff, 0xfe]), None);
        let padded = format!("api/turnon/3{}", "\0".repeat(REQUEST_BYTES));
        assert_eq!(Request::parse(padded.as_bytes()), None, "longer than any request");
    }

    #[test]
    fn a_reply_is_a_value_a_node() {
        let reply = Reply::parse(ALL.as_bytes()).unwrap();
        let values = [0.185, 5.9, 85.6, 10.4, 0.0, 0.0, 0.0, 12.5].map(Some);
        assert_eq!(reply, Reply { quantity: HemQuantity::DcPower, nodes: Nodes::All, values });
        assert!(reply.answers(Request::Read(HemQuantity::DcPower, Nodes::All)));
        assert!(!reply.answers(Request::Read(HemQuantity::DcPower, Nodes::One(1))));
        assert!(!reply.answers(Request::Read(HemQuantity::DcVoltage, Nodes::All)));
        assert_eq!(reply.to_text(), ALL);
    }

    #[test]
    fn one_node_answers_with_a_number_or_with_a_list_of_one() {
        for text in [
            r#"{"NODE":"3","TYPE":"NODESTATUS","VALUE":1}"#,
            r#"{"NODE":3,"TYPE":"nodestatus","VALUE":[1]}"#,
            r#"{ "VALUE" : [ 1.0 ] , "TYPE" : "NODESTATUS" , "NODE" : "3", "MORE": "of it" }"#,
        ] {
            let reply = Reply::parse(text.as_bytes()).unwrap();
            assert_eq!((reply.nodes, reply.values[3]), (Nodes::One(3), Some(1.0)), "{text}");
            assert_eq!(reply.values.iter().flatten().count(), 1);
            assert_eq!(reply.to_text(), r#"{"NODE":"3","TYPE":"NODESTATUS","VALUE":[1]}"#);
        }
    }

    #[test]
    fn bytes_after_the_last_brace_are_left_alone() {
        for trailing in [&b"\0\0\0\0"[..], b"\xff\xfe}", b"}\"]", b"{\"NODE\":\"1\"}"] {
            let bytes = [ALL.as_bytes(), trailing].concat();
            assert_eq!(Reply::parse(&bytes).unwrap().to_text(), ALL);
        }
    }

    #[test]
    fn what_was_not_measured_is_absent_and_the_other_nodes_stand() {
        let reply =
            Reply::parse(br#"{"NODE":"ALL","TYPE":"DCVOLTAGE","VALUE":[nan,-nan,inf,null,"",16.5,1e999]}"#).unwrap();
        assert_eq!(reply.values, [None, None, None, None, None, Some(16.5), None, None]);
        let status = Reply::parse(br#"{"NODE":"ALL","TYPE":"NODESTATUS","VALUE":[1,0,2,-1,0.5]}"#).unwrap();
        assert_eq!(status.values, [Some(1.0), Some(0.0), None, None, None, None, None, None], "a switch is on or off");
    }

    #[test]
    fn what_is_no_reply_says_why() {
        for (text, why) in [
            ("", NoReply::NoObject),
            ("ok", NoReply::NoObject),
            ("[1]", NoReply::NoObject),
            (r#"{"NODE":"ALL","TYPE":"DCPOWER"}"#, NoReply::FieldMissing),
            (r#"{"NODE":"ALL","TYPE":"DCSMELL","VALUE":[1]}"#, NoReply::UnknownType),
            (r#"{"NODE":"8","TYPE":"DCPOWER","VALUE":1}"#, NoReply::UnknownNode),
            (r#"{"NODE":["1"],"TYPE":"DCPOWER","VALUE":1}"#, NoReply::FieldMissing),
            (r#"{"NODE":"ALL","TYPE":"DCPOWER","VALUE":[1,2,3,4,5,6,7,8,9]}"#, NoReply::WrongCount),
            (r#"{"NODE":"ALL","TYPE":"DCPOWER","VALUE":1}"#, NoReply::WrongCount),
            (r#"{"NODE":"1","TYPE":"DCPOWER","VALUE":[1,2]}"#, NoReply::WrongCount),
            (r#"{"NODE":"1","TYPE":"DCPOWER","VALUE":[]}"#, NoReply::WrongCount),
            (r#"{"NODE":"1","TYPE":"DCPOWER","VALUE":{"a":1}}"#, NoReply::NoObject),
        ] {
            assert_eq!(Reply::parse(text.as_bytes()), Err(why), "{text}");
        }
    }

    #[test]
    fn a_reply_that_is_cut_short_anywhere_is_no_reply() {
        for length in 1..ALL.len() {
            assert_eq!(Reply::parse(&ALL.as_bytes()[..length]), Err(NoReply::Truncated), "{}", &ALL[..length]);
        }
    }

    #[test]
    fn a_written_reply_fits_the_smallest_buffer_of_an_app() {
        for value in [f64::MAX, -f64::MAX, -1e-300, 1.0 / 3.0, -999_999_999_999.999] {
            let reply = Reply { quantity: HemQuantity::AcPowerActive, nodes: Nodes::All, values: [Some(value); NODES] };
            assert!(reply.to_text().len() <= REPLY_BYTES, "{}", reply.to_text());
        }
        let absent = Reply { quantity: HemQuantity::DcPower, nodes: Nodes::One(2), values: [None; NODES] };
        assert_eq!(absent.to_text(), r#"{"NODE":"2","TYPE":"DCPOWER","VALUE":[0]}"#);
    }
}
