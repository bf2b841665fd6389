//! A device's session on the server, from the first byte: any bytes, cut in two ways.

#![no_main]

#[path = "../../memcore/tests/common/attack.rs"]
mod attack;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| attack::session(bytes));
