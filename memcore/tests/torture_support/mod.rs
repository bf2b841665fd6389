//! What the torture of the store shares: a workload that is the same for the same seed, the model of what must be there,
//! a disk that is photographed in the middle of everything, and how much is done.
//!
//! `make test` does the base; `make torture` sets `MEMCORE_TORTURE` to do many times as much, `MEMCORE_TORTURE_SECONDS` to
//! end sooner and `MEMCORE_TORTURE_SEED` to go on where an earlier run ended.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test file uses some of it")]

#[path = "../common/rounds.rs"]
mod rounds;
mod watched;
mod workload;

pub use rounds::{Rounds, scale};
pub use watched::Watched;
pub use workload::{Progress, Workload, announce, held, reads_match, recovered, register, register_in_reverse, run, step};

use memcore::store::StoreOptions;

/// Small enough that every workload seals, trims, merges and begins segments.
pub fn small() -> StoreOptions {
    StoreOptions::default().seal_rows(24).segment_bytes(4096).log_bytes(8192)
}
