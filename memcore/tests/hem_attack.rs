//! HEM datagrams from outside: thousands of mutated seeds through what the fuzz target `hem` runs (see `fuzz/`).
#![cfg(feature = "adapters")]

#[path = "common/attack_hem.rs"]
mod attack_hem;
#[path = "common/mutation.rs"]
mod mutation;

use std::path::Path;

use mutation::{Random, mutated};

/// Pieces that mean something, so that mutations reach beyond the first check.
const WORDS: &[&[u8]] = &[
    b"api/",
    b"/",
    b"turnon",
    b"getnodestatus/",
    b"all",
    b"7",
    b"\0",
    b"\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"\"NODE\":\"ALL\"",
    b"\"TYPE\":\"DCPOWER\"",
    b"\"VALUE\":[",
    b"nan",
    b"1e308",
    b"-0",
    b"1e-999",
    b"\xff\xfe",
];

#[test]
fn nothing_that_comes_breaks_a_board_its_poller_or_its_apps() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/hem");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(seeds.len() >= 10, "{} has {} seeds", folder.display(), seeds.len());
    seeds.iter().for_each(|seed| attack_hem::hem(seed));
    let mut random = Random(3);
    (0..20_000).for_each(|_| attack_hem::hem(&mutated(&mut random, &seeds, WORDS, b"\n")));
}
