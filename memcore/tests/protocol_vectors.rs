//! Golden vectors of protocol version 1: every message as it stands on the wire, and whole sessions cut at every point.
//!
//! `*.cbor.jsonl` hold the same messages in CBOR, in hexadecimal, written by another program than memcore; what a session is
//! told in JSON it is told in CBOR too, and must do and answer the same.
//!
//! `sessions.jsonl` holds what goes in (`steps`) and what comes of it (`down`, `refusals`, `events`). With `MEMCORE_WRITE_VECTORS=1` the
//! latter are written anew, to be reviewed as a change of the protocol.

#[path = "common/transcript.rs"]
mod transcript;

use memcore::model::{Channel, CommandId, Timestamp, Unit};
use memcore::protocol::{Answer, Code, Encoding, Hello, Limits, Up};
use serde::Deserialize;
use transcript::cbor::{framed, hex, message_of};
use transcript::{Played, Transcript, bytes_of, vectors};

#[derive(Deserialize)]
struct Message {
    name: String,
    line: String,
}

#[test]
fn every_message_of_the_server_is_read_and_written_byte_for_byte() {
    let messages = vectors::<Message>("down.jsonl");
    for Message { name, line } in &messages {
        let message = Encoding::JsonLines.decode_down(line.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut written = Vec::new();
        Encoding::JsonLines.encode_down(&message, &mut written);
        assert_eq!(String::from_utf8(written).unwrap(), format!("{line}\n"), "{name}");
    }
    for kind in ["welcome", "ack", "reject", "command", "ping", "pong", "bye"] {
        let tag = format!(r#"{{"type":"{kind}""#);
        assert!(messages.iter().any(|message| message.line.starts_with(&tag)), "no vector of {kind}");
    }
}

/// A message in CBOR, and the JSON that says the same.
#[derive(Deserialize)]
struct Binary {
    name: String,
    line: String,
    hex: String,
}

#[test]
fn every_message_of_the_server_is_the_same_in_cbor() {
    let (messages, lines) = (vectors::<Binary>("down.cbor.jsonl"), vectors::<Message>("down.jsonl"));
    assert_eq!(messages.len(), lines.len());
    for (Binary { name, line, hex: bytes }, json) in messages.iter().zip(&lines) {
        assert_eq!((name, line), (&json.name, &json.line), "the same messages in the same order");
        let (bytes, mut written) = (hex(bytes), Vec::new());
        let message = Encoding::Cbor.decode_down(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(message, Encoding::JsonLines.decode_down(line.as_bytes()).unwrap(), "{name}");
        Encoding::Cbor.encode_down(&message, &mut written);
        assert_eq!(written, framed(&bytes), "{name}");
    }
}

#[test]
fn every_message_of_a_device_is_the_same_in_cbor() {
    let (messages, lines) = (vectors::<Binary>("up.cbor.jsonl"), vectors::<Message>("up.jsonl"));
    assert_eq!(messages.len(), lines.len());
    for (Binary { name, line, hex: bytes }, json) in messages.iter().zip(&lines) {
        assert_eq!((name, line), (&json.name, &json.line), "the same messages in the same order");
        let written = written(Encoding::Cbor, name);
        assert_eq!(written, framed(&hex(bytes)), "{name}");
    }
}

/// Whatever form its arrays and numbers have.
#[test]
fn data_in_cbor_gives_the_rows_of_the_same_data_in_json() {
    for Binary { name, line, hex: bytes } in vectors::<Binary>("data.cbor.jsonl") {
        let (mut json, mut cbor) = (Played::open(Limits::default()), Played::opened(Encoding::Cbor, Limits::default()));
        json.receive(format!("{line}\n").as_bytes());
        cbor.receive(&framed(&hex(&bytes)));
        assert_eq!(cbor.events, json.events, "{name}");
        assert_eq!(cbor.lines(), json.lines(), "{name}");
        assert!(!json.events.is_empty(), "{name} is no data");
    }
}

/// A message of a device by its name among the vectors; data is written apart from the others.
fn of_device(name: &str) -> Option<Up> {
    let described = |json: &str| serde_json::from_str::<Channel>(json).unwrap();
    let hello = |credential: Option<&str>, device: Option<&str>, boot, channels| {
        let device = device.map(|device| device.parse().unwrap());
        Up::Hello(Hello { version: 1, credential: credential.map(str::to_owned), device, boot, channels })
    };
    let answer = |answer| Up::Result { id: CommandId::new("c1").unwrap(), answer };
    let power = r#"{"name":"power","quantity":"power","unit":"kW","sign":"generator","label":"end","cadence_us":1000000,
        "max_age_us":5000000,"range":[-5,5],"writable":true}"#;
    let energy = r#"{"name":"node3.energy","quantity":"energy","unit":"kWh","kind":"counter"}"#;
    Some(match name {
        "hello with a secret" => {
            let channels = vec![described(power), described(energy)];
            hello(Some("mc_k_s"), Some("acme/home1.hem"), (1 << 53) - 1, channels)
        }
        "hello with a certificate" => hello(None, None, 0, Vec::new()),
        "channels" => Up::Channels(vec![described(r#"{"name":"soc","quantity":"state_of_charge","unit":"%"}"#)]),
        "accepted" => answer(Answer::Accepted),
        "done" => answer(Answer::Done { value: Some(-2000.5) }),
        "done without a reading" => answer(Answer::Done { value: None }),
        "unknown" => answer(Answer::Unknown { value: Some(0.5) }),
        "refused" => answer(Answer::Refused { code: "unsafe".into(), reason: "the door is open".into() }),
        "event" => Up::Event { code: "lease_ended".into(), detail: "relay fell back to 0".into() },
        "ping" => Up::Ping,
        "pong" => Up::Pong,
        "bye" => Up::Bye,
        _ => return None,
    })
}

/// The message of that name as the SDK writes it.
fn written(encoding: Encoding, name: &str) -> Vec<u8> {
    let mut written = Vec::new();
    if let Some(message) = of_device(name) {
        encoding.encode_up(&message, &mut written);
        return written;
    }
    let gauge = |name| Channel::gauge(name, Unit::Watt).unwrap().build().unwrap();
    let (channels, time) = (["a", "node3.b", "c", "d"].map(gauge), Timestamp::from_micros);
    let values = [Some(1466.5), Some(-0.0), None, Some(5e-324)];
    let after = [None, Some(80.5), None, Some(0.1)];
    match name {
        "data" => encoding.encode_row(Some(1), time(-1), &channels, &values, &mut written),
        "live" => encoding.encode_row(None, time(-1), &channels, &values, &mut written),
        "columns" => {
            let (times, values) = ([-1, 1_763_000_000_000_000].map(time), [values, after].concat());
            encoding.encode_rows(2, &times, &values, &channels, &mut written);
        }
        _ => panic!("no message {name}"),
    }
    written
}

#[test]
fn every_message_of_a_device_is_written_byte_for_byte() {
    let messages = vectors::<Message>("up.jsonl");
    assert_eq!(messages.len(), 15);
    for Message { name, line } in messages {
        let written = written(Encoding::JsonLines, &name);
        assert_eq!(String::from_utf8(written).unwrap(), format!("{line}\n"), "{name}");
    }
}

#[derive(Deserialize)]
struct Malformed {
    name: String,
    #[serde(default)]
    line: String,
    /// Bytes that no JSON text can hold.
    #[serde(default)]
    hex: Option<String>,
    /// Sent instead of a hello.
    #[serde(default)]
    first: bool,
    /// Whether the length stands in the bytes themselves.
    #[serde(default)]
    raw: bool,
    code: String,
    /// Whether it ends the session.
    #[serde(default)]
    ends: bool,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    channel: Option<String>,
}

impl Malformed {
    fn bytes(&self, encoding: Encoding) -> Vec<u8> {
        let bytes = self.hex.as_deref().map_or_else(|| self.line.clone().into_bytes(), hex);
        match encoding {
            Encoding::JsonLines => [&bytes[..], b"\n"].concat(),
            _ if self.raw => bytes,
            _ => framed(&bytes),
        }
    }

    fn is_answered(&self, encoding: Encoding, bytes: &[u8]) {
        let (malformed, name) = (self, &self.name);
        assert!(Code::parse(&malformed.code).is_some(), "{name}: {} is no code", malformed.code);
        let mut played = match malformed.first {
            true => Played::speaking(encoding, Limits::default(), 0, 0),
            false => Played::opened(encoding, Limits::default()),
        };
        played.receive(bytes);
        let answers: Vec<serde_json::Value> =
            played.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let answer = answers.first().unwrap_or_else(|| panic!("{name}: no answer"));
        assert_eq!(answer["type"], if malformed.ends { "bye" } else { "reject" }, "{name}: {answer}");
        assert_eq!(answer["code"], *malformed.code, "{name}: {answer}");
        assert_eq!(answer["seq"].as_u64(), malformed.seq, "{name}: {answer}");
        assert_eq!(answer["channel"].as_str(), malformed.channel.as_deref(), "{name}: {answer}");
        assert!(answer["detail"].as_str().unwrap().chars().count() <= 310, "{name}: {answer}");
        assert_eq!(played.session.is_closed(), malformed.ends, "{name}");
    }
}

#[test]
fn every_malformed_message_gets_its_code() {
    for (encoding, file) in [(Encoding::JsonLines, "malformed.jsonl"), (Encoding::Cbor, "malformed.cbor.jsonl")] {
        for malformed in vectors::<Malformed>(file) {
            malformed.is_answered(encoding, &malformed.bytes(encoding));
        }
    }
}

/// What is JSON and no message is no message in CBOR either, for the same reason.
#[test]
fn every_malformed_message_that_cbor_can_say_gets_the_same_code_in_it() {
    let malformed = vectors::<Malformed>("malformed.jsonl");
    let in_cbor = malformed.iter().filter(|malformed| malformed.hex.is_none() && malformed.code != "too_large");
    let said: Vec<_> = in_cbor.filter_map(|malformed| Some((malformed, message_of(&malformed.line)?))).collect();
    assert!(said.len() > 60, "only {} of them are JSON", said.len());
    for (malformed, message) in said {
        malformed.is_answered(Encoding::Cbor, &framed(&message));
    }
}

#[test]
fn messages_that_a_device_must_not_take_are_refused_in_both_encodings() {
    for Message { name, line } in vectors::<Message>("down_malformed.jsonl") {
        Encoding::JsonLines.decode_down(line.as_bytes()).err().unwrap_or_else(|| panic!("{name} was taken"));
        if let Some(message) = message_of(&line) {
            Encoding::Cbor.decode_down(&message).err().unwrap_or_else(|| panic!("{name} was taken in CBOR"));
        }
    }
}

#[test]
fn sessions_give_the_same_events_and_answers_wherever_they_are_cut() {
    let transcripts = vectors::<Transcript>("sessions.jsonl");
    if std::env::var_os("MEMCORE_WRITE_VECTORS").is_some() {
        return write_sessions(transcripts);
    }
    let mut in_cbor = 0;
    for transcript in transcripts {
        check_cuts(&transcript, Encoding::JsonLines);
        // What is no JSON has no counterpart.
        if transcript.ups().all(|text| bytes_of(Encoding::Cbor, text).is_some()) {
            check_cuts(&transcript, Encoding::Cbor);
            in_cbor += 1;
        }
    }
    assert!(in_cbor > 12, "only {in_cbor} sessions were played in CBOR");
}

fn check_cuts(transcript: &Transcript, encoding: Encoding) {
    let name = &transcript.name;
    let check = |played: Played, how: &str| {
        assert_eq!(played.lines(), transcript.down, "{name}, {encoding:?}, {how}");
        assert_eq!(played.refusals, transcript.refusals, "{name}, {encoding:?}, {how}");
        assert_eq!(played.events, transcript.events, "{name}, {encoding:?}, {how}");
    };
    check(transcript.play(encoding, |_, bytes| vec![bytes]), "whole");
    check(transcript.play(encoding, |_, bytes| bytes.chunks(1).collect()), "byte by byte");
    for (step, length) in transcript.steps.iter().enumerate().filter_map(|(at, step)| match step {
        transcript::Step::Up(text) => Some((at, bytes_of(encoding, text)?.len())),
        _ => None,
    }) {
        for split in 1..length {
            let played = transcript.play(encoding, |at, bytes| cut_at(bytes, if at == step { split } else { 0 }));
            check(played, &format!("step {step} cut at {split}"));
        }
    }
}

fn cut_at(bytes: &[u8], split: usize) -> Vec<&[u8]> {
    vec![&bytes[..split], &bytes[split..]]
}

fn write_sessions(transcripts: Vec<Transcript>) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sessions.jsonl");
    let written = transcripts.into_iter().map(|transcript| {
        let played = transcript.play(Encoding::JsonLines, |_, bytes| vec![bytes]);
        let transcript =
            Transcript { down: played.lines(), refusals: played.refusals, events: played.events, ..transcript };
        serde_json::to_string(&transcript).unwrap() + "\n"
    });
    std::fs::write(path, written.collect::<String>()).unwrap();
}
