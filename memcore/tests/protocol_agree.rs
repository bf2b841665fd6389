//! Both encodings say the same: whatever a device tells a session in JSON or in CBOR has the same effect and the same answer, and
//! what a server says is read alike.

#[path = "common/transcript.rs"]
mod transcript;

use memcore::model::{ChannelName, CommandId, Span, Timestamp};
use memcore::protocol::{Decoder, Down, Encoding, Instruction, Limits, Welcome};
use proptest::prelude::*;
use transcript::Played;
use transcript::cbor::{framed, message_of};

/// The kinds of messages, each with the fields that it may have; the last is none.
const SHAPES: &[&[&str]] = &[
    &["data", "seq", "time_us", "values"],
    &["data", "seq", "times_us", "columns"],
    &["data", "seq", "first_seq", "times_us", "columns"],
    &["live", "time_us", "values"],
    &["channels", "channels"],
    &["event", "code", "detail"],
    &["result", "id", "state", "value"],
    &["ping"],
    &["pong"],
    &["greet"],
];

/// Values of each field: those that fit, and those that nearly do.
const FIELDS: &[(&str, &[&str])] = &[
    ("seq", &["1", "2", "3", "5", "8", "0", "-1", "9007199254740991", "9007199254740992", "1.5"]),
    ("first_seq", &["1", "2", "3", "4", "0"]),
    ("time_us", &["0", "-5", "1763000000000000", "1763000400000000", "9223372036854775807", "9223372036854775808", "1e3"]),
    ("times_us", &["[1]", "[1763000000000000,2]", "[3,2,1763000400000000]", "[]", "[null]", "[1,2,3,4]"]),
    (
        "values",
        &[
            r#"{"power":1.5,"soc":50,"relay":1}"#,
            r#"{"soc":101,"power":-0.0}"#,
            r#"{"power":null,"nobody":7}"#,
            r#"{"power":"7","relay":true}"#,
            r#"{"power":9007199254740993,"soc":18446744073709551615}"#,
            r#"{"power":1,"power":2}"#,
            r#"{"power":1e308}"#,
            r#"{"power":[1]}"#,
            "{}",
            "null",
        ],
    ),
    (
        "columns",
        &[
            r#"{"power":[1.5,null],"soc":[50,100.5]}"#,
            r#"{"power":[1]}"#,
            r#"{"relay":[0,1,0],"nobody":[{"deep":[1]}]}"#,
            r#"{"power":["1",2]}"#,
            r#"{"power":7}"#,
            "{}",
        ],
    ),
    (
        "channels",
        &[
            r#"[{"name":"late","quantity":"power","unit":"kW","range":[-5,5.5],"writable":true,"rules":{"hold_us":9}}]"#,
            r#"[{"name":"soc","quantity":"state_of_charge","unit":"%","invalid":[255],"labels":{"phase":"L1"}}]"#,
            r#"[{"name":"odd","quantity":"power","unit":"kWh"}]"#,
            r#"[{"name":"odd","quantity":"power"}]"#,
            "[]",
        ],
    ),
    ("code", &[r#""door_open""#, r#""two words""#, r#""""#, "7"]),
    ("detail", &[r#""the door is open""#, r#""\u0007 \ud83d\ude00""#, "null"]),
    ("id", &[r#""c1""#, r#""""#]),
    ("state", &[r#""accepted""#, r#""done""#, r#""unknown""#, r#""refused""#, r#""lost""#]),
    ("value", &["1", "0.5", "null", "true"]),
    ("colour", &["1", "[[[]]]"]),
];

type Field = (&'static str, &'static str);

/// A field with a value that belongs to it.
fn fitting(name: &'static str) -> impl Strategy<Value = Field> {
    let (_, values) = FIELDS.iter().find(|(known, _)| *known == name).expect("a known field");
    prop::sample::select(*values).prop_map(move |value| (name, value))
}

/// Any field with any value: what spoils a message.
fn stray() -> impl Strategy<Value = Field> {
    let values: Vec<_> = FIELDS.iter().flat_map(|(_, values)| *values).copied().collect();
    (prop::sample::select(FIELDS), prop::sample::select(values)).prop_map(|((name, _), value)| (name, value))
}

/// A line of JSON that is a message, or nearly one.
fn line() -> impl Strategy<Value = String> {
    let strays = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(stray(), 1..3)];
    (prop::sample::select(SHAPES), strays).prop_flat_map(|(shape, strays)| {
        let fields: Vec<_> = shape[1..].iter().map(|name| fitting(name)).collect();
        (fields, Just(strays)).prop_map(|(fields, strays)| {
            let fields = fields.iter().chain(&strays).map(|(name, value)| format!(",\"{name}\":{value}"));
            format!("{{\"type\":\"{}\"{}}}", shape[0], fields.collect::<String>())
        })
    })
}

/// What was answered, without the words for a person: each encoding has its own for a fault of its own.
fn said(played: &Played) -> Vec<serde_json::Value> {
    let lines = played.lines().into_iter().map(|line| serde_json::from_str(&line).expect("JSON"));
    let wordless = |mut line: serde_json::Value| {
        line.as_object_mut().expect("an object").remove("detail");
        line
    };
    lines.map(wordless).collect()
}

fn down() -> impl Strategy<Value = Down> {
    let text = || "[ -~\u{e4}\u{1f600}]{0,20}";
    let number = || any::<f64>().prop_filter("finite", |value| value.is_finite());
    let time = || any::<i64>().prop_map(Timestamp::from_micros);
    let span = || prop::option::of(any::<i64>().prop_map(Span::from_micros));
    let welcome = (any::<u64>(), time(), any::<u64>(), any::<u32>()).prop_map(|(epoch, time, durable, bytes)| {
        let device = "acme/home1.hem".parse().expect("a name");
        Down::Welcome(Welcome { device, epoch, time, durable, message_bytes: bytes as usize })
    });
    let command = (number(), time(), span(), prop::option::of(number()), any::<bool>()).prop_map(
        |(value, expires, lease, fallback, safety)| {
            let (id, channel) = (CommandId::new("c1").expect("an id"), ChannelName::new("node3.relay").expect("a name"));
            Down::Command(Instruction { id, channel, value, expires, lease, fallback, safety })
        },
    );
    let reject = (prop::option::of(any::<u64>()), prop::option::of(text()), text(), text(), any::<u64>())
        .prop_map(|(sequence, channel, code, detail, omitted)| Down::Reject { sequence, channel, code, detail, omitted });
    let bye = (text(), text(), span()).prop_map(|(code, detail, retry_after)| Down::Bye { code, detail, retry_after });
    let ack = any::<u64>().prop_map(|sequence| Down::Ack { sequence });
    prop_oneof![welcome, ack, reject, command, Just(Down::Ping), time().prop_map(|time| Down::Pong { time }), bye]
}

proptest! {
    #[test]
    fn what_a_device_says_has_the_same_effect_and_answer_in_both(lines in prop::collection::vec(line(), 1..12)) {
        let (mut json, mut cbor) = (Played::open(Limits::default()), Played::opened(Encoding::Cbor, Limits::default()));
        for line in &lines {
            json.receive(format!("{line}\n").as_bytes());
            cbor.receive(&framed(&message_of(line).expect("JSON")));
            prop_assert_eq!((&cbor.events, said(&cbor)), (&json.events, said(&json)), "{}", line);
        }
    }

    #[test]
    fn what_a_server_says_is_read_alike_in_both(message in down()) {
        for encoding in Encoding::ALL {
            let (mut written, mut decoder) = (Vec::new(), Decoder::new(*encoding));
            encoding.encode_down(&message, &mut written);
            decoder.push(&written);
            let bytes = decoder.next(1 << 20).unwrap().unwrap();
            prop_assert_eq!(encoding.decode_down(bytes).unwrap(), message.clone());
            prop_assert!(!decoder.is_partial());
        }
    }
}
