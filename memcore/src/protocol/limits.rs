//! What a session allows: sizes, counts and times, before and after authentication.

use std::time::Duration;

use crate::model::Span;

/// The limits of one session, as the server sets them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest message before the device has proved itself, in bytes (P7).
    pub hello_bytes: usize,
    /// The largest message afterwards, in bytes (P7).
    pub message_bytes: usize,
    /// How many places for values (rows times described channels) one data message may take up. A short message of many
    /// times could otherwise ask for gigabytes (P16).
    pub message_values: usize,
    /// How many channels one device may describe (P12).
    pub channels: usize,
    /// How many malformed messages one session may send before it is closed (P10).
    pub errors: u32,
    /// How many refusals are told at once; those beyond are counted, and the next one that is told says how many (P31).
    pub refusals: u32,
    /// How long it takes until one more refusal may be told.
    pub refusal_every: Duration,
    /// How many `live` messages are shown at once; those beyond are dropped and counted (P47).
    pub live: u32,
    /// How long it takes until one more `live` message is shown.
    pub live_every: Duration,
    /// From the accepted connection to the complete hello, TLS handshake included (P33).
    pub hello_timeout: Duration,
    /// From the first byte of a message to its last (P33).
    pub frame_timeout: Duration,
    /// After this silence the server asks with a ping (P32).
    pub ping_after: Duration,
    /// After this silence the session is closed (P32).
    pub idle_timeout: Duration,
    /// A peer that takes nothing for so long is gone, or means harm (P37).
    pub write_timeout: Duration,
    /// How far in the future a measurement's time may lie (P26).
    pub time_ahead: Span,
    /// How many rows of consecutive data messages are handed on as one batch.
    pub batch_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hello_bytes: 64 << 10,
            message_bytes: 1 << 20,
            message_values: 1 << 18,
            channels: 4096,
            errors: 100,
            refusals: 32,
            refusal_every: Duration::from_millis(100),
            live: 20,
            live_every: Duration::from_millis(100),
            hello_timeout: Duration::from_secs(10),
            frame_timeout: Duration::from_secs(30),
            ping_after: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(90),
            write_timeout: Duration::from_secs(20),
            time_ahead: Span::from_seconds(300),
            batch_rows: 4096,
        }
    }
}
