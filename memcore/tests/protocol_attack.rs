//! Bytes from outside: thousands of mutated vectors through the functions that the fuzz targets run (see `fuzz/`), and the
//! memory that one message may cost.

#[path = "common/attack.rs"]
mod attack;
#[path = "common/mutation.rs"]
mod mutation;
#[path = "common/rounds.rs"]
mod rounds;

use std::path::Path;

use mutation::{Random, mutated};
use rounds::Rounds;

/// Pieces that mean something to the decoder, so that mutations reach beyond its first check.
const WORDS: &[&[u8]] = &[
    b"\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"null",
    b"-0.0",
    b"5e-324",
    b"1e308",
    b"1e999",
    b"NaN",
    b"9007199254740993",
    b"true",
    b"\"type\":\"data\"",
    b"\"seq\":",
    b"\"times_us\":[1,2]",
    b"\"columns\":{",
    b"\"values\":{",
    b"\\u0000",
    b"\\ud800",
    b"\x7f",
    b"\0\0\0\0",
    b"\0\0\0\x0b\xa1\x64type\x64ping",
    b"\xff\xff\xff\xff",
    b"\x64type\x64data",
    b"\x63seq\x05",
    b"\x69first_seq\x03",
    b"\x68times_us\xd8\x4f\x50",
    b"\xd8\x56\x48\0\0\0\0\0\0\xf8\x7f",
    b"\xd8\x55\x44\0\0\x80\x7f",
    b"\xf9\x7e\0",
    b"\xfb\x7f\xf0\0\0\0\0\0\0",
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xbf",
    b"\x9f",
    b"\x7f\x61x\xff",
    b"\xc1",
    b"\x81\x81\x81\x81\x81\x81\x81\x81",
    b"\x62\xff\xfe",
    b"\x1b\0\x20\0\0\0\0\0\x01",
];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 10, "{} has {} seeds", folder.display(), files.len());
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// How many mutated seeds: `make torture LINK` takes many times as many.
const ROUNDS: u64 = 5000;

fn attacked(target: &str, attack: fn(&[u8])) {
    let seeds = seeds(target);
    let in_cbor = seeds.iter().filter(|seed| seed.starts_with(&[0])).count();
    assert!(in_cbor >= 10 && seeds.len() - in_cbor >= 10, "{in_cbor} of {} seeds are CBOR", seeds.len());
    seeds.iter().for_each(|seed| attack(seed));
    for seed in &mut Rounds::of(ROUNDS) {
        attack(&mutated(&mut Random(seed), &seeds, WORDS, b""));
    }
}

#[test]
fn nothing_that_comes_breaks_the_framing_or_the_device() {
    attacked("decode", attack::decode);
}

#[test]
fn nothing_that_comes_breaks_the_session_of_the_server() {
    attacked("session", attack::session);
}
