//! The JSON encoding of every message. Instants are integer microseconds (`time_us`), lengths of time too (`lease_us`).

use serde::{Deserialize, Serialize};
use serde_json::Error as JsonError;

use super::code::Code;
use super::data::{DEPTH_MAX, Problem, depth, json_problem, plain, too_deep};
use super::message::{Answer, Down, Hello, Instruction, Up, Welcome};
use crate::model::{Channel, ChannelName, CommandId, DeviceName, Name, Span, Timestamp};

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum WireUp {
    Hello {
        version: u32,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        credential: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        device: Option<DeviceName>,
        boot: u64,
        channels: Vec<Channel>,
    },
    Channels {
        channels: Vec<Channel>,
    },
    Result {
        id: CommandId,
        state: WireAnswer,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        value: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        code: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<String>,
    },
    Event {
        code: String,
        #[serde(default)]
        detail: String,
    },
    Ping {},
    Pong {},
    Bye {},
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireAnswer {
    Accepted,
    Done,
    Unknown,
    Refused,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum WireDown {
    Welcome {
        version: u32,
        device: DeviceName,
        epoch: u64,
        time_us: Timestamp,
        durable: u64,
        message_bytes: usize,
    },
    Ack {
        seq: u64,
    },
    Reject {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        seq: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        channel: Option<String>,
        code: String,
        detail: String,
        #[serde(skip_serializing_if = "is_zero", default)]
        omitted: u64,
    },
    Command {
        id: CommandId,
        channel: ChannelName,
        value: f64,
        expires_us: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        lease_us: Option<Span>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        fallback: Option<f64>,
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        safety: bool,
    },
    Ping {},
    Pong {
        time_us: Timestamp,
    },
    Bye {
        code: String,
        detail: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        retry_after_us: Option<Span>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Whether a line is a data message: decided by its first bytes, as every encoder here and most others write them,
/// or else by its `type`.
pub(crate) fn is_data(line: &[u8]) -> bool {
    if line.starts_with(br#"{"type":"data""#) {
        return true;
    }
    #[derive(Deserialize)]
    struct TypeOnly<'a> {
        #[serde(rename = "type", borrow)]
        kind: std::borrow::Cow<'a, str>,
    }
    // Most lines that are no data are short; a long one without the word is not looked at twice.
    memchr::memmem::find(line, b"\"data\"").is_some()
        && serde_json::from_slice::<TypeOnly<'_>>(line).is_ok_and(|only| only.kind == "data")
}

/// A message from a device that is no data message.
pub(crate) fn decode_up(line: &[u8]) -> Result<Up, Problem> {
    check_depth(line)?;
    let wire: WireUp = match serde_json::from_slice(line) {
        Ok(wire) => wire,
        Err(_) if is_data(line) => return Ok(Up::Data),
        Err(e) => return Err(type_problem(line, &e)),
    };
    Ok(match wire {
        WireUp::Hello { version, credential, device, boot, channels } => {
            Up::Hello(Hello { version, credential, device, boot, channels })
        }
        WireUp::Channels { channels } => Up::Channels(channels),
        WireUp::Result { id, state: WireAnswer::Accepted, .. } => Up::Result { id, answer: Answer::Accepted },
        WireUp::Result { id, state: WireAnswer::Done, value, .. } => Up::Result { id, answer: Answer::Done { value } },
        WireUp::Result { id, state: WireAnswer::Unknown, value, .. } => {
            Up::Result { id, answer: Answer::Unknown { value } }
        }
        WireUp::Result { id, state: WireAnswer::Refused, code, reason, .. } => {
            let code = own_code(code.unwrap_or_else(|| Code::Unsafe.to_string()))?;
            Up::Result { id, answer: Answer::Refused { code, reason: plain(&reason.unwrap_or_default()) } }
        }
        WireUp::Event { code, detail } => Up::Event { code: own_code(code)?, detail: plain(&detail) },
        WireUp::Ping {} => Up::Ping,
        WireUp::Pong {} => Up::Pong,
        WireUp::Bye {} => Up::Bye,
    })
}

fn check_depth(line: &[u8]) -> Result<(), Problem> {
    if depth(line) <= DEPTH_MAX { Ok(()) } else { Err(too_deep()) }
}

/// A device's own code is a name: it becomes part of events and logs.
fn own_code(code: String) -> Result<String, Problem> {
    let named = Name::new(&code);
    named.map(|_| code).map_err(|e| Problem {
        channel: None,
        code: Code::BadMessage,
        detail: e.message().replacen("name", "`code`", 1),
    })
}

/// An unknown `type` is a bad message, not an unknown field; and another version may well have other fields (P40).
fn type_problem(line: &[u8], error: &JsonError) -> Problem {
    #[derive(Deserialize)]
    struct VersionOnly {
        version: u64,
    }
    let mut problem = json_problem(line, error);
    if problem.detail.contains("unknown variant") {
        problem.code = Code::BadMessage;
    }
    match serde_json::from_slice::<VersionOnly>(line) {
        Ok(VersionOnly { version }) if version != u64::from(super::VERSION) => {
            let detail = format!("version {version} is not spoken here, expected {}", super::VERSION);
            Problem { channel: None, code: Code::BadVersion, detail }
        }
        _ => problem,
    }
}

/// Appends a message from a device, with its end of line. Data messages are written by [`encode_data`].
pub fn encode_up(message: &Up, out: &mut Vec<u8>) {
    let wire = match message {
        Up::Hello(Hello { version, credential, device, boot, channels }) => WireUp::Hello {
            version: *version,
            credential: credential.clone(),
            device: device.clone(),
            boot: *boot,
            channels: channels.clone(),
        },
        Up::Channels(channels) => WireUp::Channels { channels: channels.clone() },
        Up::Data | Up::Live => return,
        Up::Result { id, answer } => wire_result(id.clone(), answer),
        Up::Event { code, detail } => WireUp::Event { code: code.clone(), detail: detail.clone() },
        Up::Ping => WireUp::Ping {},
        Up::Pong => WireUp::Pong {},
        Up::Bye => WireUp::Bye {},
    };
    write_line(&wire, out);
}

fn wire_result(id: CommandId, answer: &Answer) -> WireUp {
    let (state, value, code, reason) = match answer {
        Answer::Accepted => (WireAnswer::Accepted, None, None, None),
        Answer::Done { value } => (WireAnswer::Done, *value, None, None),
        Answer::Unknown { value } => (WireAnswer::Unknown, *value, None, None),
        Answer::Refused { code, reason } => (WireAnswer::Refused, None, Some(code.clone()), Some(reason.clone())),
    };
    WireUp::Result { id, state, value, code, reason }
}

/// Appends one row of data with its end of line; channels without a value are left out.
pub fn encode_data(sequence: u64, time: Timestamp, channels: &[Channel], values: &[Option<f64>], out: &mut Vec<u8>) {
    use std::io::Write;
    let _ = write!(out, r#"{{"type":"data","seq":{sequence},"time_us":{},"values":{{"#, time.as_micros());
    let mut first = true;
    for (channel, value) in channels.iter().zip(values) {
        let Some(value) = value.filter(|value| value.is_finite()) else { continue };
        if !first {
            out.push(b',');
        }
        first = false;
        out.push(b'"');
        out.extend_from_slice(channel.name.as_str().as_bytes());
        out.extend_from_slice(b"\":");
        // A finite number always has a JSON form, and a Vec always has room.
        let _ = serde_json::to_writer(&mut *out, &value);
    }
    out.extend_from_slice(b"}}\n");
}

/// Appends a message from the server with its end of line.
pub fn encode_down(message: &Down, out: &mut Vec<u8>) {
    let wire = match message.clone() {
        Down::Welcome(Welcome { device, epoch, time, durable, message_bytes }) => {
            WireDown::Welcome { version: super::VERSION, device, epoch, time_us: time, durable, message_bytes }
        }
        Down::Ack { sequence } => WireDown::Ack { seq: sequence },
        Down::Reject { sequence, channel, code, detail, omitted } => {
            WireDown::Reject { seq: sequence, channel, code, detail, omitted }
        }
        Down::Command(Instruction { id, channel, value, expires, lease, fallback, safety }) => {
            WireDown::Command { id, channel, value, expires_us: expires, lease_us: lease, fallback, safety }
        }
        Down::Ping => WireDown::Ping {},
        Down::Pong { time } => WireDown::Pong { time_us: time },
        Down::Bye { code, detail, retry_after } => WireDown::Bye { code, detail, retry_after_us: retry_after },
    };
    write_line(&wire, out);
}

fn write_line(wire: &impl Serialize, out: &mut Vec<u8>) {
    let start = out.len();
    match serde_json::to_writer(&mut *out, wire) {
        Ok(()) => out.push(b'\n'),
        // None of these types has a state that JSON cannot say; half a line must not go out all the same.
        Err(_) => out.truncate(start),
    }
}

/// A message from the server.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the line is no message of this version.
pub fn decode_down(line: &[u8]) -> crate::error::Result<Down> {
    let wire: WireDown = serde_json::from_slice(line)
        .map_err(|e| crate::error::Error::invalid(format!("the server sent what is no message: {e}")).caused_by(e))?;
    Ok(match wire {
        WireDown::Welcome { version, .. } if version != super::VERSION => {
            let message = format!("the server speaks version {version}, expected {}", super::VERSION);
            return Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, message));
        }
        WireDown::Welcome { device, epoch, time_us, durable, message_bytes, .. } => {
            Down::Welcome(Welcome { device, epoch, time: time_us, durable, message_bytes })
        }
        WireDown::Ack { seq } => Down::Ack { sequence: seq },
        WireDown::Reject { seq, channel, code, detail, omitted } => {
            Down::Reject { sequence: seq, channel, code, detail, omitted }
        }
        WireDown::Command { id, channel, value, expires_us, lease_us, fallback, safety } => {
            Down::Command(Instruction { id, channel, value, expires: expires_us, lease: lease_us, fallback, safety })
        }
        WireDown::Ping {} => Down::Ping,
        WireDown::Pong { time_us } => Down::Pong { time: time_us },
        WireDown::Bye { code, detail, retry_after_us } => Down::Bye { code, detail, retry_after: retry_after_us },
    })
}
