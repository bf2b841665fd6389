//! The codes with which either side says why something was refused or a connection ended.

use std::fmt;

macro_rules! codes {
    ($($variant:ident $code:literal $doc:literal,)*) => {
        /// Why a message was refused or a connection closed. Each is documented in `docs/protocol.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $doc] $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
            /// The text on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }
    };
}

codes! {
    BadMessage "bad_message" "Not a JSON object of a known type with the fields it needs.",
    BadFrame "bad_frame" "A message is not one whole CBOR item of the length that stands before it.",
    TooLarge "too_large" "A message exceeds a size limit.",
    TooDeep "too_deep" "A message nests deeper than 32 levels.",
    UnknownField "unknown_field" "A message has a field that this version does not know.",
    NotHello "not_hello" "The first message is not a hello.",
    BadVersion "bad_version" "The protocol version is not spoken here.",
    BadCredential "bad_credential" "The credential is missing, wrong, or revoked.",
    WrongDevice "wrong_device" "The hello names another device than the credential proves.",
    BadChannel "bad_channel" "A channel's description does not fit itself.",
    ChannelConflict "channel_conflict" "A channel is registered with another meaning.",
    TooManyChannels "too_many_channels" "The device describes more channels than it may.",
    UnknownChannel "unknown_channel" "A channel that was never described.",
    BadValue "bad_value" "A value is not a finite number, nor null.",
    OutOfRange "out_of_range" "A value lies outside the range that the channel declares.",
    Invalid "invalid" "A value says \"not measured\", as the channel declares.",
    TimeAhead "time_ahead" "A time lies further in the future than is plausible.",
    BadTime "bad_time" "A time cannot be represented.",
    BadSequence "bad_sequence" "A sequence number is missing, zero, or beyond 2^53 - 1.",
    TooManyErrors "too_many_errors" "Too many malformed messages in one session.",
    HelloTimeout "hello_timeout" "No complete handshake and hello in time.",
    FrameTimeout "frame_timeout" "A message was begun and not finished in time.",
    Idle "idle" "Nothing was heard for too long.",
    Superseded "superseded" "The same device has logged in again; this session is fenced.",
    Revoked "revoked" "The credential was revoked while the session was open.",
    Overloaded "overloaded" "The server is at a limit; try again after the time it says.",
    Shutdown "shutdown" "The server is shutting down; reconnect.",
    Closed "closed" "The other side closed the connection.",
    Bye "bye" "The device took its leave.",
    Internal "internal" "The server failed; it is not the device's fault.",
    NotWritable "not_writable" "The channel takes no commands.",
    Expired "expired" "The command's expiry has passed.",
    Unsafe "unsafe" "The device will not do it now, by its own rules.",
}

impl Code {
    /// The code of that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
