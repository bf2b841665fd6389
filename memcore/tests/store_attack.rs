//! Files of a store that hold anything: thousands of mutated ones through the function that the fuzz target runs (see
//! `fuzz/`).

#[path = "common/attack_store.rs"]
mod attack_store;
mod store_support;

use store_support::Dice;

/// Changes bytes, removes, repeats and inserts some; lengths and counts of the formats are met by the extremes.
fn mutated(dice: &mut Dice, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() as u64 + 1) as usize;
        let end = (at + 1 + dice.below(24) as usize).min(bytes.len());
        match dice.below(7) {
            0 if at < bytes.len() => bytes[at] = dice.roll() as u8,
            1 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let copy = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            4 => {
                let extreme = [u64::MAX, 0, 1 << 31, 1 << 63, 0x7fff_ffff, 0x8080_8080_8080_8080][dice.below(6) as usize];
                let end = (at + 8).min(bytes.len());
                bytes[at..end].copy_from_slice(&extreme.to_le_bytes()[..end - at]);
            }
            5 if dice.below(4) == 0 => bytes.truncate(at),
            _ => {}
        }
    }
    bytes
}

#[test]
fn nothing_that_a_file_may_hold_breaks_the_store() {
    let files = attack_store::files();
    assert_eq!(files.len(), 4, "{:?}", files.iter().map(|(name, _)| name).collect::<Vec<_>>());
    let mut dice = Dice(1);
    let rounds = 2000 * std::env::var("MEMCORE_TORTURE").map_or(1, |scale| scale.parse::<u64>().unwrap());
    for round in 0..rounds {
        let which = dice.below(4) as usize;
        let mut bytes = mutated(&mut dice, &files[which].1);
        // Checksums that fit let the mutation through to what lies behind them.
        bytes.insert(0, (which << 1) as u8 | u8::from(round % 4 != 0));
        attack_store::store(&bytes);
    }
}
