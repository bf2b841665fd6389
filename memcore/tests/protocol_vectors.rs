//! Golden vectors of protocol version 1: every message as it stands on the wire, and whole sessions cut at every point.
//!
//! `sessions.jsonl` holds what goes in (`steps`) and what comes of it (`down`, `refusals`, `events`). With `MEMCORE_WRITE_VECTORS=1` the
//! latter are written anew, to be reviewed as a change of the protocol.

#[path = "common/transcript.rs"]
mod transcript;

use memcore::model::{Channel, CommandId, Timestamp, Unit};
use memcore::protocol::{Answer, Code, Encoding, Hello, Limits, Up};
use serde::Deserialize;
use transcript::{Played, Transcript, vectors};

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
        "refused" => answer(Answer::Refused { code: "unsafe".into(), reason: "the door is open".into() }),
        "event" => Up::Event { code: "lease_ended".into(), detail: "relay fell back to 0".into() },
        "ping" => Up::Ping,
        "pong" => Up::Pong,
        "bye" => Up::Bye,
        _ => return None,
    })
}

#[test]
fn every_message_of_a_device_is_written_byte_for_byte() {
    let messages = vectors::<Message>("up.jsonl");
    assert_eq!(messages.len(), 12);
    for Message { name, line } in messages {
        let mut written = Vec::new();
        match of_device(&name) {
            Some(message) => Encoding::JsonLines.encode_up(&message, &mut written),
            None => {
                assert_eq!(name, "data");
                let gauge = |name| Channel::gauge(name, Unit::Watt).unwrap().build().unwrap();
                let values = [Some(1466.5), Some(-0.0), None, Some(5e-324)];
                let channels = ["a", "node3.b", "c", "d"].map(gauge);
                Encoding::JsonLines.encode_row(Some(1), Timestamp::from_micros(-1), &channels, &values, &mut written);
            }
        }
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
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = match &self.hex {
            None => self.line.clone().into_bytes(),
            Some(hex) => (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect(),
        };
        bytes.push(b'\n');
        bytes
    }
}

#[test]
fn every_malformed_message_gets_its_code() {
    for malformed in vectors::<Malformed>("malformed.jsonl") {
        let name = &malformed.name;
        assert!(Code::parse(&malformed.code).is_some(), "{name}: {} is no code", malformed.code);
        let mut played =
            if malformed.first { Played::new(Limits::default(), 0, 0) } else { Played::open(Limits::default()) };
        played.receive(&malformed.bytes());
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
fn messages_that_a_device_must_not_take_are_refused() {
    for Message { name, line } in vectors::<Message>("down_malformed.jsonl") {
        Encoding::JsonLines.decode_down(line.as_bytes()).err().unwrap_or_else(|| panic!("{name} was taken"));
    }
}

#[test]
fn sessions_give_the_same_events_and_answers_wherever_they_are_cut() {
    let transcripts = vectors::<Transcript>("sessions.jsonl");
    if std::env::var_os("MEMCORE_WRITE_VECTORS").is_some() {
        return write_sessions(transcripts);
    }
    for transcript in transcripts {
        let name = &transcript.name;
        let check = |played: Played, how: &str| {
            assert_eq!(played.lines(), transcript.down, "{name}, {how}");
            assert_eq!(played.refusals, transcript.refusals, "{name}, {how}");
            assert_eq!(played.events, transcript.events, "{name}, {how}");
        };
        check(transcript.play(|_, bytes| vec![bytes]), "whole");
        check(transcript.play(|_, bytes| bytes.chunks(1).collect()), "byte by byte");
        for (step, length) in transcript.steps.iter().enumerate().filter_map(|(at, step)| match step {
            transcript::Step::Up(text) => Some((at, text.len())),
            _ => None,
        }) {
            for split in 1..length {
                let played = transcript.play(|at, bytes| cut_at(bytes, if at == step { split } else { 0 }));
                check(played, &format!("step {step} cut at {split}"));
            }
        }
    }
}

fn cut_at(bytes: &[u8], split: usize) -> Vec<&[u8]> {
    vec![&bytes[..split], &bytes[split..]]
}

fn write_sessions(transcripts: Vec<Transcript>) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sessions.jsonl");
    let written = transcripts.into_iter().map(|transcript| {
        let played = transcript.play(|_, bytes| vec![bytes]);
        let transcript =
            Transcript { down: played.lines(), refusals: played.refusals, events: played.events, ..transcript };
        serde_json::to_string(&transcript).unwrap() + "\n"
    });
    std::fs::write(path, written.collect::<String>()).unwrap();
}
