//! Bytes from outside: thousands of mutated vectors through the functions that the fuzz targets run (see `fuzz/`), and the
//! memory that one message may cost.

#[path = "common/attack.rs"]
mod attack;

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

/// Pieces that mean something to the decoder, so that mutations reach beyond its first check.
const WORDS: &[&str] = &[
    "\n",
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "-0.0",
    "5e-324",
    "1e308",
    "1e999",
    "NaN",
    "9007199254740993",
    "true",
    "\"type\":\"data\"",
    "\"seq\":",
    "\"times_us\":[1,2]",
    "\"columns\":{",
    "\"values\":{",
    "\\u0000",
    "\\ud800",
    "\u{7f}",
];

fn mutated(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            1 => drop(bytes.drain(at..(at + random.below(20)).min(bytes.len()))),
            2 => drop(bytes.splice(at..at, WORDS[random.below(WORDS.len())].bytes())),
            3 => bytes.truncate(at),
            4 => {
                let end = (at + random.below(60)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => bytes.extend_from_slice(&seeds[random.below(seeds.len())]),
        }
    }
    bytes
}

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

#[test]
fn nothing_that_comes_breaks_the_framing_or_the_device() {
    let (seeds, mut random) = (seeds("decode"), Random(1));
    seeds.iter().for_each(|seed| attack::decode(seed));
    (0..5000).for_each(|_| attack::decode(&mutated(&mut random, &seeds)));
}

#[test]
fn nothing_that_comes_breaks_the_session_of_the_server() {
    let (seeds, mut random) = (seeds("session"), Random(2));
    seeds.iter().for_each(|seed| attack::session(seed));
    (0..5000).for_each(|_| attack::session(&mutated(&mut random, &seeds)));
}
