//! Framing, and the server's messages as a device reads them.

#![no_main]

#[path = "../../memcore/tests/common/attack.rs"]
mod attack;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| attack::decode(bytes));
