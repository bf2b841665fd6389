//! The device protocol, version 1: bytes to messages and back, and the session of each side.
//!
//! Nothing here does I/O or reads a clock: bytes and time are arguments, bytes and events are results, so a test replays
//! any exchange in any timing. The contract, with every field, limit and code, is `docs/protocol.md`; the numbers in
//! brackets (`P3`) cite its rules.

mod bucket;
mod bundle;
mod cbor;
mod cbor_data;
mod cbor_shape;
mod code;
mod data;
mod decoder;
mod device;
mod encoding;
mod json;
mod json_data;
mod limits;
mod message;
mod problem;
mod refusals;
mod rows;
mod server;
mod shapes;
mod table;
mod wire;

pub use bundle::Bundle;
pub use code::Code;
pub use decoder::Decoder;
pub use device::{DeviceEvent, DeviceSession, DeviceState};
pub use encoding::Encoding;
pub use limits::Limits;
pub use message::{Answer, Down, Hello, Instruction, Rows, Up, Welcome};
pub use server::{Refusal, ServerEvent, ServerSession};
pub use shapes::Shapes;

use std::time::Duration;

use crate::model::Timestamp;

/// The version of the protocol that this crate speaks.
pub const VERSION: u32 = 1;

/// The port that memcore's gateways listen on.
pub const PORT: u16 = 23123;

/// Both clocks at one moment: deadlines use the monotonic one, plausibility of times the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Since some fixed moment; never jumps.
    pub monotonic: Duration,
    /// UTC; may jump.
    pub wall: Timestamp,
}
