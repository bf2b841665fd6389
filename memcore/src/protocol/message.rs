//! The messages of both directions. How they look as bytes is the business of the encodings.

use crate::model::{Channel, ChannelName, CommandId, DeviceName, Span, Timestamp};

/// A device introduces itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Hello {
    /// The protocol version that the device speaks.
    pub version: u32,
    /// The secret of its enrolment; absent where a client certificate is the proof.
    pub credential: Option<String>,
    /// Who it believes to be; compared with what the proof says, never believed.
    pub device: Option<DeviceName>,
    /// The numbering that its sequence numbers belong to.
    pub boot: u64,
    /// What it will report and what takes commands.
    pub channels: Vec<Channel>,
}

/// The server takes the device in.
#[derive(Debug, Clone, PartialEq)]
pub struct Welcome {
    /// Who the device is.
    pub device: DeviceName,
    /// The number of this session; a later one of the same device has a higher one.
    pub epoch: u64,
    /// The server's clock.
    pub time: Timestamp,
    /// The highest sequence number of this boot that is durable.
    pub durable: u64,
    /// The largest message that the server takes, in bytes.
    pub message_bytes: usize,
}

/// What a device shall do, in the channel's own unit and sign.
#[derive(Debug, Clone, PartialEq)]
pub struct Instruction {
    /// Identity: the same id is carried out once.
    pub id: CommandId,
    /// The channel.
    pub channel: ChannelName,
    /// The value.
    pub value: f64,
    /// Not to be begun after this instant.
    pub expires: Timestamp,
    /// How long the value holds unless refreshed.
    pub lease: Option<Span>,
    /// What holds after the lease.
    pub fallback: Option<f64>,
    /// For safety: the device's minimum times and ramps do not hold it back.
    pub safety: bool,
}

/// What a device says to an instruction.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It has it and is working on it.
    Accepted,
    /// Carried out; the value read back, in the channel's own unit and sign.
    Done {
        /// What the device reads back.
        value: Option<f64>,
    },
    /// It was interrupted while it carried it out and cannot say whether that had its effect.
    Unknown {
        /// What the device reads back now.
        value: Option<f64>,
    },
    /// It will not.
    Refused {
        /// A [`Code`](super::Code) or one of the device's own.
        code: String,
        /// For a person.
        reason: String,
    },
}

/// Rows of data, with channels by their place in the session's channel table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    /// The device's number for them, or, with `first`, for the last of them; 0 for a row without a number.
    pub sequence: u64,
    /// Where each row has a number of its own: that of the first. They follow each other without a gap.
    pub first: Option<u64>,
    /// One a row.
    pub times: Vec<Timestamp>,
    /// Column by column: `values[channel * rows + row]`, in the channel's own unit and sign.
    pub values: Vec<Option<f64>>,
}

/// From the device to the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Up {
    /// The first message.
    Hello(Hello),
    /// More channels, once welcome.
    Channels(Vec<Channel>),
    /// Measurements: decoded apart, against the channel table of the session.
    Data,
    /// A row for those who look now: shown and not stored, not numbered, not acknowledged. Decoded apart, as data.
    Live,
    /// The answer to a command.
    Result {
        /// Which command.
        id: CommandId,
        /// What became of it.
        answer: Answer,
    },
    /// Something the device wants known.
    Event {
        /// The device's own code.
        code: String,
        /// For a person.
        detail: String,
    },
    /// Are you there?
    Ping,
    /// I am.
    Pong,
    /// The device takes its leave.
    Bye,
}

/// From the server to the device.
#[derive(Debug, Clone, PartialEq)]
pub enum Down {
    /// Taken in.
    Welcome(Welcome),
    /// Everything up to this sequence number is durable, or was rejected.
    Ack {
        /// The number.
        sequence: u64,
    },
    /// Part of a message, or all of it, was refused; the session goes on.
    Reject {
        /// The data message concerned, where it has a number.
        sequence: Option<u64>,
        /// The channel concerned, where it is one.
        channel: Option<String>,
        /// Why.
        code: String,
        /// For a person.
        detail: String,
        /// How many refusals before this one were not told.
        omitted: u64,
    },
    /// Do this.
    Command(Instruction),
    /// Are you there?
    Ping,
    /// I am.
    Pong {
        /// The server's clock.
        time: Timestamp,
    },
    /// The connection ends.
    Bye {
        /// Why.
        code: String,
        /// For a person.
        detail: String,
        /// When to come back, where the server says so.
        retry_after: Option<Span>,
    },
}
