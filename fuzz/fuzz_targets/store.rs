//! A store one of whose files holds anything: opened, asked, written, opened again.

#![no_main]

#[path = "../../memcore/tests/common/attack_store.rs"]
mod attack_store;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| attack_store::store(bytes));
