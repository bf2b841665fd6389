//! Inputs that are nearly right: seeds, changed at random and the same in every run.
#![allow(dead_code, reason = "each test file uses its own part")]

/// SplitMix64: the same inputs in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) as usize % bound.max(1)
    }
}

/// One of the seeds after some changes: a byte, a piece less, one of the `words`, an early end, a piece twice, another seed behind
/// `between`.
pub(crate) fn mutated(random: &mut Random, seeds: &[Vec<u8>], words: &[&[u8]], between: &[u8]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            1 => drop(bytes.drain(at..(at + random.below(20)).min(bytes.len()))),
            2 => drop(bytes.splice(at..at, words[random.below(words.len())].iter().copied())),
            3 => bytes.truncate(at),
            4 => {
                let end = (at + random.below(60)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                bytes.extend_from_slice(between);
                bytes.extend_from_slice(&seeds[random.below(seeds.len())]);
            }
        }
    }
    bytes
}
