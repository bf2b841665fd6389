//! Random small sites from a seed, and an exhaustive search to hold plans of the smallest ones against.
#![allow(dead_code, reason = "each test uses a part")]

pub(crate) mod brute;
pub(crate) mod dice;
pub(crate) mod sites;

/// How many random sites each test makes: `MEMCORE_RANDOM_SITES`, or as many as told; a sixth of them where solvers of programs, which
/// are slower, answer as well.
pub(crate) fn rounds(usual: u64) -> u64 {
    let usual = if cfg!(feature = "solvers") { usual / 6 } else { usual };
    std::env::var("MEMCORE_RANDOM_SITES").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(usual)
}

/// The first seed: `MEMCORE_SEED`, to repeat a failure, or zero.
pub(crate) fn first_seed() -> u64 {
    std::env::var("MEMCORE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0)
}
