//! The CBOR encoding (RFC 8949): four bytes of length, then one map (P45). Data messages are read in
//! [`cbor_data`](super::cbor_data).
//!
//! The control messages are the same types that JSON has. What serde would take too kindly is refused before it sees it:
//! nothing recursive looks at a message that nests too deep, and what a JSON text could not say is no message here either.

use minicbor::Encoder;
use minicbor::decode::Decoder;
use minicbor_serde::{Serializer, from_slice};
use serde::Serialize;

use super::cbor_shape::{Allowed, check, item};
use super::encoding::Kind;
use super::message::{Down, Up};
use super::problem::Problem;
use super::wire::{VersionOnly, WireDown, WireUp};
use crate::error::{Error, Result};

/// How many bytes say how long a message is.
const LENGTH_BYTES: usize = 4;

/// A map of few fields whose first is `"type": "data"`, behind its first byte.
const DATA: &[u8] = b"\x64type\x64data";

/// What kind of message it is: decided by its first bytes, as every encoder here writes them, or else by its `type`.
pub(super) fn kind(message: &[u8]) -> Kind {
    match message {
        [0xa0..=0xb7, rest @ ..] if rest.starts_with(DATA) => Kind::Data,
        _ => word(message).map_or(Kind::Control, Kind::of),
    }
}

/// The `type` of a message, wherever it stands; none where it stands twice.
fn word(message: &[u8]) -> Option<&str> {
    let (mut cbor, mut word) = (Decoder::new(message), None);
    for _ in 0..cbor.map().ok()?? {
        if cbor.str().ok()? == "type" {
            let first = word.replace(cbor.str().ok()?).is_none();
            first.then_some(())?;
            continue;
        }
        let length = item(&message[cbor.position()..], Allowed::Data, 1).ok()?;
        cbor.set_position(cbor.position() + length);
    }
    word
}

/// A message from a device; what data holds is decoded apart.
pub(super) fn decode_up(message: &[u8]) -> std::result::Result<Up, Problem> {
    check(message, Allowed::Data)?;
    match kind(message) {
        Kind::Data => return Ok(Up::Data),
        Kind::Live => return Ok(Up::Live),
        Kind::Control => {}
    }
    let version = || from_slice::<VersionOnly>(message).ok().map(|only| only.version);
    check(message, Allowed::Control).map_err(|problem| problem.or_version(version()))?;
    match from_slice::<WireUp>(message) {
        Ok(wire) => wire.message(),
        Err(e) => Err(Problem::of_serde(e.to_string()).or_version(version())),
    }
}

/// A message from the server.
pub(super) fn decode_down(message: &[u8]) -> Result<Down> {
    let no_message = |e: &dyn std::fmt::Display| Error::invalid(format!("the server sent what is no message: {e}"));
    check(message, Allowed::Control).map_err(|problem| no_message(&problem.detail))?;
    from_slice::<WireDown>(message).map_err(|e| no_message(&e).caused_by(e))?.message()
}

/// Appends a message from a device with its length. Data is written apart.
pub(super) fn encode_up(message: &Up, out: &mut Vec<u8>) {
    if let Some(wire) = WireUp::of(message) {
        write(&wire, out);
    }
}

/// Appends a message from the server with its length.
pub(super) fn encode_down(message: &Down, out: &mut Vec<u8>) {
    write(&WireDown::of(message), out);
}

fn write(wire: &impl Serialize, out: &mut Vec<u8>) {
    frame(out, |cbor| wire.serialize(&mut Serializer::from(cbor)).is_ok());
}

/// Appends what `write` writes with its length before it; nothing where that fails.
pub(super) fn frame(out: &mut Vec<u8>, write: impl FnOnce(Encoder<&mut Vec<u8>>) -> bool) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    let written = write(Encoder::new(&mut *out));
    // No message of this side comes near 4 GiB; half a message must not go out all the same.
    match u32::try_from(out.len() - start - LENGTH_BYTES) {
        Ok(length) if written => out[start..][..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes()),
        _ => out.truncate(start),
    }
}
