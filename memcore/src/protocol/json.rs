//! The JSON encoding: one object a line. Data messages are read in [`json_data`](super::json_data).

use serde::{Deserialize, Serialize};
use serde_json::Error as JsonError;

use super::code::Code;
use super::encoding::{ByRow, Kind};
use super::message::{Down, Up};
use super::problem::{DEPTH_MAX, Problem};
use super::wire::{VersionOnly, WireDown, WireUp};
use crate::error::{Error, Result};
use crate::model::{Channel, Timestamp};

/// What kind of message a line is: decided by its first bytes, as every encoder here and most others write them, or else
/// by its `type`.
pub(super) fn kind(line: &[u8]) -> Kind {
    #[derive(Deserialize)]
    struct TypeOnly<'a> {
        #[serde(rename = "type", borrow)]
        kind: std::borrow::Cow<'a, str>,
    }
    if line.starts_with(br#"{"type":"data""#) {
        return Kind::Data;
    }
    // Most lines that are no data are short; a long one without the word is not looked at twice.
    let has = |word: &str| memchr::memmem::find(line, word.as_bytes()).is_some();
    if !has("\"data\"") && !has("\"live\"") {
        return Kind::Control;
    }
    serde_json::from_slice::<TypeOnly<'_>>(line).map_or(Kind::Control, |only| Kind::of(&only.kind))
}

/// A message from a device; what data holds is decoded apart.
pub(super) fn decode_up(line: &[u8]) -> std::result::Result<Up, Problem> {
    if depth(line) > DEPTH_MAX {
        return Err(Problem::too_deep());
    }
    let error = match serde_json::from_slice::<WireUp>(line) {
        Ok(wire) => return wire.message(),
        Err(error) => error,
    };
    match kind(line) {
        Kind::Data => Ok(Up::Data),
        Kind::Live => Ok(Up::Live),
        Kind::Control => {
            let version = serde_json::from_slice::<VersionOnly>(line).ok();
            Err(problem(line, &error).or_version(version.map(|only| only.version)))
        }
    }
}

/// Names the fault of a line that serde could not read, as precisely as its text allows.
pub(super) fn problem(line: &[u8], error: &JsonError) -> Problem {
    let text = error.to_string();
    let has = |word: &str| memchr::memmem::find(line, word.as_bytes()).is_some();
    if text.contains("unknown field") {
        Problem::of_serde(text)
    } else if text.contains("recursion limit") || depth(line) > DEPTH_MAX {
        Problem::too_deep()
    } else if text.contains("number out of range") {
        Problem::new(Code::BadValue, format!("{text}: expected a number that fits 64-bit floating point"))
    } else if error.is_syntax() && (has("NaN") || has("Infinity") || has("nan")) {
        Problem::new(Code::BadValue, "NaN and infinities are no JSON: send null, or leave the channel out")
    } else {
        Problem::of_serde(text)
    }
}

/// How deep a line nests, strings apart; whether it is JSON at all does not matter.
pub(super) fn depth(line: &[u8]) -> usize {
    let (mut now, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Appends a message from a device, with its end of line. Data is written apart.
pub(super) fn encode_up(message: &Up, out: &mut Vec<u8>) {
    if let Some(wire) = WireUp::of(message) {
        write_line(&wire, out);
    }
}

/// Appends a message from the server with its end of line.
pub(super) fn encode_down(message: &Down, out: &mut Vec<u8>) {
    write_line(&WireDown::of(message), out);
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
pub(super) fn decode_down(line: &[u8]) -> Result<Down> {
    let wire: WireDown = serde_json::from_slice(line)
        .map_err(|e| Error::invalid(format!("the server sent what is no message: {e}")).caused_by(e))?;
    wire.message()
}

/// Appends one row with its end of line, numbered or, without a number, for those who look now; channels without a value
/// are left out.
pub(super) fn encode_row(
    sequence: Option<u64>,
    time: Timestamp,
    channels: &[Channel],
    values: &[Option<f64>],
    out: &mut Vec<u8>,
) {
    match sequence {
        Some(sequence) => write(out, format_args!(r#"{{"type":"data","seq":{sequence},"#)),
        None => out.extend_from_slice(br#"{"type":"live","#),
    }
    write(out, format_args!(r#""time_us":{},"values":{{"#, time.as_micros()));
    let mut first = true;
    for (channel, value) in channels.iter().zip(values) {
        let Some(value) = value.filter(|value| value.is_finite()) else { continue };
        write_key(channel, &mut first, out);
        write_number(value, out);
    }
    out.extend_from_slice(b"}}\n");
}

/// Appends rows column by column, with their end of line. Channels without a value in any row are left out.
pub(super) fn encode_rows(rows: &ByRow<'_>, channels: &[Channel], out: &mut Vec<u8>) {
    let (first, last) = rows.numbers;
    write(out, format_args!(r#"{{"type":"data","seq":{last},"first_seq":{first},"times_us":["#));
    for (at, time) in rows.times.iter().enumerate() {
        write(out, format_args!("{}{}", if at == 0 { "" } else { "," }, time.as_micros()));
    }
    out.extend_from_slice(b"],\"columns\":{");
    let mut first = true;
    for place in rows.given() {
        write_key(&channels[place], &mut first, out);
        for (at, value) in rows.column(place).enumerate() {
            out.push(if at == 0 { b'[' } else { b',' });
            match value {
                Some(value) => write_number(value, out),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b']');
    }
    out.extend_from_slice(b"}}\n");
}

fn write_key(channel: &Channel, first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(channel.name.as_str().as_bytes());
    out.extend_from_slice(b"\":");
}

/// A finite number always has a JSON form, and a `Vec` always has room.
fn write_number(value: f64, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(&mut *out, &value);
}

fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let _ = out.write_fmt(text);
}
