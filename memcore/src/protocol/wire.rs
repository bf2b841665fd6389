//! The control messages as they stand on the wire: the fields of `docs/protocol.md`, once for all encodings, so that they
//! cannot drift apart. Instants are integer microseconds (`time_us`), lengths of time too (`lease_us`).

use serde::{Deserialize, Serialize};

use super::VERSION;
use super::code::Code;
use super::message::{Answer, Down, Hello, Instruction, Up, Welcome};
use super::problem::{Problem, plain};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, ChannelName, CommandId, DeviceName, Name, Span, Timestamp};

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum WireUp {
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
pub(super) enum WireAnswer {
    Accepted,
    Done,
    Unknown,
    Refused,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum WireDown {
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

/// The version that a message says it is of, whatever else it has.
#[derive(Deserialize)]
pub(super) struct VersionOnly {
    pub(super) version: u64,
}

impl WireUp {
    /// A message that is no data.
    pub(super) fn message(self) -> std::result::Result<Up, Problem> {
        Ok(match self {
            Self::Hello { version, credential, device, boot, channels } => {
                Up::Hello(Hello { version, credential, device, boot, channels })
            }
            Self::Channels { channels } => Up::Channels(channels),
            Self::Result { id, state, value, code, reason } => {
                let answer = match state {
                    WireAnswer::Accepted => Answer::Accepted,
                    WireAnswer::Done => Answer::Done { value },
                    WireAnswer::Unknown => Answer::Unknown { value },
                    WireAnswer::Refused => {
                        let code = own_code(code.unwrap_or_else(|| Code::Unsafe.to_string()))?;
                        Answer::Refused { code, reason: plain(&reason.unwrap_or_default()) }
                    }
                };
                Up::Result { id, answer }
            }
            Self::Event { code, detail } => Up::Event { code: own_code(code)?, detail: plain(&detail) },
            Self::Ping {} => Up::Ping,
            Self::Pong {} => Up::Pong,
            Self::Bye {} => Up::Bye,
        })
    }

    /// None for data, which is written apart.
    pub(super) fn of(message: &Up) -> Option<Self> {
        Some(match message {
            Up::Hello(Hello { version, credential, device, boot, channels }) => Self::Hello {
                version: *version,
                credential: credential.clone(),
                device: device.clone(),
                boot: *boot,
                channels: channels.clone(),
            },
            Up::Channels(channels) => Self::Channels { channels: channels.clone() },
            Up::Data | Up::Live => return None,
            Up::Result { id, answer } => Self::result(id.clone(), answer),
            Up::Event { code, detail } => Self::Event { code: code.clone(), detail: detail.clone() },
            Up::Ping => Self::Ping {},
            Up::Pong => Self::Pong {},
            Up::Bye => Self::Bye {},
        })
    }

    fn result(id: CommandId, answer: &Answer) -> Self {
        let (state, value, code, reason) = match answer {
            Answer::Accepted => (WireAnswer::Accepted, None, None, None),
            Answer::Done { value } => (WireAnswer::Done, *value, None, None),
            Answer::Unknown { value } => (WireAnswer::Unknown, *value, None, None),
            Answer::Refused { code, reason } => (WireAnswer::Refused, None, Some(code.clone()), Some(reason.clone())),
        };
        Self::Result { id, state, value, code, reason }
    }
}

/// A device's own code is a name: it becomes part of events and logs.
fn own_code(code: String) -> std::result::Result<String, Problem> {
    let named = Name::new(&code);
    named.map(|_| code).map_err(|e| Problem::new(Code::BadMessage, e.message().replacen("name", "`code`", 1)))
}

impl WireDown {
    pub(super) fn of(message: &Down) -> Self {
        match message.clone() {
            Down::Welcome(Welcome { device, epoch, time, durable, message_bytes }) => {
                Self::Welcome { version: VERSION, device, epoch, time_us: time, durable, message_bytes }
            }
            Down::Ack { sequence } => Self::Ack { seq: sequence },
            Down::Reject { sequence, channel, code, detail, omitted } => {
                Self::Reject { seq: sequence, channel, code, detail, omitted }
            }
            Down::Command(Instruction { id, channel, value, expires, lease, fallback, safety }) => {
                Self::Command { id, channel, value, expires_us: expires, lease_us: lease, fallback, safety }
            }
            Down::Ping => Self::Ping {},
            Down::Pong { time } => Self::Pong { time_us: time },
            Down::Bye { code, detail, retry_after } => Self::Bye { code, detail, retry_after_us: retry_after },
        }
    }

    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for the welcome of another version.
    pub(super) fn message(self) -> Result<Down> {
        Ok(match self {
            Self::Welcome { version, .. } if version != VERSION => {
                let message = format!("the server speaks version {version}, expected {VERSION}");
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            Self::Welcome { device, epoch, time_us, durable, message_bytes, .. } => {
                Down::Welcome(Welcome { device, epoch, time: time_us, durable, message_bytes })
            }
            Self::Ack { seq } => Down::Ack { sequence: seq },
            Self::Reject { seq, channel, code, detail, omitted } => {
                Down::Reject { sequence: seq, channel, code, detail, omitted }
            }
            Self::Command { id, channel, value, expires_us, lease_us, fallback, safety } => {
                Down::Command(Instruction { id, channel, value, expires: expires_us, lease: lease_us, fallback, safety })
            }
            Self::Ping {} => Down::Ping,
            Self::Pong { time_us } => Down::Pong { time: time_us },
            Self::Bye { code, detail, retry_after_us } => Down::Bye { code, detail, retry_after: retry_after_us },
        })
    }
}
