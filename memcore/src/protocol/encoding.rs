//! The encodings of the protocol, and what each does with a message: everything above speaks of messages alone.

use super::data::Form;
use super::message::{Down, Rows, Up};
use super::problem::{Problem, Problems, Unreadable};
use super::table::ChannelTable;
use super::{cbor, cbor_data, json, json_data};
use crate::error::Result;
use crate::model::{Channel, Timestamp};

/// How messages look as bytes, agreed by ALPN; without ALPN it is JSON lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Encoding {
    /// One JSON object a line, UTF-8, ended by `\n`.
    #[default]
    JsonLines,
    /// Four bytes of length (big endian), then one CBOR map with the same fields.
    Cbor,
}

/// How a message is to be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows, against the channel table.
    Data,
    /// A row for those who look now, against the channel table too.
    Live,
    /// Anything else.
    Control,
}

/// Rows to be written as columns.
pub(super) struct ByRow<'a> {
    /// Those of the first and of the last.
    pub(super) numbers: (u64, u64),
    pub(super) times: &'a [Timestamp],
    /// `values[row * width + channel]`
    values: &'a [Option<f64>],
    width: usize,
}

impl ByRow<'_> {
    /// The values of the channel at that place which are numbers, one a row.
    pub(super) fn column(&self, place: usize) -> impl Iterator<Item = Option<f64>> + Clone {
        self.values.chunks_exact(self.width).map(move |row| row[place].filter(|value| value.is_finite()))
    }

    /// The places of the channels that have a value in any row.
    pub(super) fn given(&self) -> Vec<usize> {
        (0..self.width).filter(|place| self.column(*place).any(|value| value.is_some())).collect()
    }
}

impl Kind {
    /// By its `type`.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "data" => Self::Data,
            "live" => Self::Live,
            _ => Self::Control,
        }
    }
}

impl Encoding {
    /// Every encoding, the one that a device likes best first.
    pub const ALL: &[Self] = &[Self::Cbor, Self::JsonLines];

    /// The protocol's name in ALPN.
    #[must_use]
    pub const fn alpn(self) -> &'static [u8] {
        match self {
            Self::JsonLines => b"mem.json.1",
            Self::Cbor => b"mem.cbor.1",
        }
    }

    /// What was agreed on.
    #[must_use]
    pub fn of_alpn(agreed: Option<&[u8]>) -> Self {
        match agreed {
            Some(name) if name == Self::Cbor.alpn() => Self::Cbor,
            _ => Self::JsonLines,
        }
    }

    /// Appends a message from a device, ready to be sent. Data is written apart: nothing is appended for it.
    pub fn encode_up(self, message: &Up, out: &mut Vec<u8>) {
        match self {
            Self::JsonLines => json::encode_up(message, out),
            Self::Cbor => cbor::encode_up(message, out),
        }
    }

    /// Appends a message from the server, ready to be sent.
    pub fn encode_down(self, message: &Down, out: &mut Vec<u8>) {
        match self {
            Self::JsonLines => json::encode_down(message, out),
            Self::Cbor => cbor::encode_down(message, out),
        }
    }

    /// A message from the server, as [`Decoder`](super::Decoder) hands it out.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where it is no message of this version,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where it is the welcome of another.
    pub fn decode_down(self, message: &[u8]) -> Result<Down> {
        match self {
            Self::JsonLines => json::decode_down(message),
            Self::Cbor => cbor::decode_down(message),
        }
    }

    /// Appends one row, ready to be sent: a value or nothing for each channel. Without a number it is a `live` message.
    pub fn encode_row(
        self,
        sequence: Option<u64>,
        time: Timestamp,
        channels: &[Channel],
        values: &[Option<f64>],
        out: &mut Vec<u8>,
    ) {
        match self {
            Self::JsonLines => json::encode_row(sequence, time, channels, values, out),
            Self::Cbor => cbor_data::encode_row(sequence, time, channels, values, out),
        }
    }

    /// Appends rows as one message of columns, ready to be sent. They are numbered from `first` on without a gap; there is
    /// at least one, and `values[row * channels + channel]`.
    pub fn encode_rows(
        self,
        first: u64,
        times: &[Timestamp],
        values: &[Option<f64>],
        channels: &[Channel],
        out: &mut Vec<u8>,
    ) {
        let last = (first + times.len() as u64).saturating_sub(1);
        let rows = ByRow { numbers: (first, last), times, values, width: channels.len() };
        match self {
            Self::JsonLines => json::encode_rows(&rows, channels, out),
            Self::Cbor => cbor_data::encode_rows(&rows, channels, out),
        }
    }

    pub(super) fn kind(self, message: &[u8]) -> Kind {
        match self {
            Self::JsonLines => json::kind(message),
            Self::Cbor => cbor::kind(message),
        }
    }

    /// A message from a device; what data holds is decoded apart.
    pub(super) fn decode_up(self, message: &[u8]) -> std::result::Result<Up, Problem> {
        match self {
            Self::JsonLines => json::decode_up(message),
            Self::Cbor => cbor::decode_up(message),
        }
    }

    /// A data or live message with at most `places` places for values.
    pub(super) fn decode_rows(
        self,
        message: &[u8],
        live: bool,
        table: &ChannelTable,
        places: usize,
        problems: &mut Problems,
    ) -> std::result::Result<Rows, Unreadable> {
        match self {
            Self::JsonLines => json_data::decode(message, Form::new(live), table, places, problems),
            Self::Cbor => cbor_data::decode(message, Form::new(live), table, places, problems),
        }
    }
}
