//! Datagrams of HEM boards and of apps that ask for one: requests, replies, and a poller that hears them.

#![no_main]

#[path = "../../memcore/tests/common/attack_hem.rs"]
mod attack_hem;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| attack_hem::hem(bytes));
