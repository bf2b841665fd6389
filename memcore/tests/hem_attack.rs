//! HEM datagrams from outside: thousands of mutated seeds through what the fuzz target `hem` runs (see `fuzz/`).
#![cfg(feature = "adapters")]

#[path = "common/attack_hem.rs"]
mod attack_hem;

use std::path::Path;

/// SplitMix64: the same inputs in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) as usize % bound.max(1)
    }
}

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

fn mutated(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(5) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            1 => drop(bytes.drain(at..(at + random.below(10)).min(bytes.len()))),
            2 => drop(bytes.splice(at..at, WORDS[random.below(WORDS.len())].iter().copied())),
            3 => bytes.truncate(at),
            4 => {
                let end = (at + random.below(30)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                bytes.push(b'\n');
                bytes.extend_from_slice(&seeds[random.below(seeds.len())]);
            }
        }
    }
    bytes
}

#[test]
fn nothing_that_comes_breaks_a_board_its_poller_or_its_apps() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/hem");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(seeds.len() >= 10, "{} has {} seeds", folder.display(), seeds.len());
    seeds.iter().for_each(|seed| attack_hem::hem(seed));
    let mut random = Random(3);
    (0..20_000).for_each(|_| attack_hem::hem(&mutated(&mut random, &seeds)));
}
