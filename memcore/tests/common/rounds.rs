//! How much is done of what can be done for ever, and from where on.
//!
//! `make test` does the base; `make torture` sets `MEMCORE_TORTURE` to do many times as much, `MEMCORE_TORTURE_SECONDS` to
//! end sooner and `MEMCORE_TORTURE_SEED` to go on where an earlier run ended.
#![allow(dead_code, unreachable_pub, reason = "each user has its own part")]

use std::time::{Duration, Instant};

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, expected a number")))
}

/// How many times as much is done as in `make test`.
pub fn scale() -> u64 {
    setting("MEMCORE_TORTURE").unwrap_or(1)
}

/// Seeds, one a round; says where it ended, or which one failed.
pub struct Rounds {
    first: u64,
    next: u64,
    end: u64,
    ends_at: Option<Instant>,
}

impl Rounds {
    pub fn of(base: u64) -> Self {
        let first = setting("MEMCORE_TORTURE_SEED").unwrap_or(0);
        let ends_at = setting("MEMCORE_TORTURE_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
        Self { first, next: first, end: first + base * scale(), ends_at }
    }
}

impl Iterator for &mut Rounds {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let over = self.next >= self.end || self.ends_at.is_some_and(|end| Instant::now() >= end);
        self.next += u64::from(!over);
        (!over).then(|| self.next - 1)
    }
}

impl Drop for Rounds {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with MEMCORE_TORTURE_SEED={}", self.next - 1);
        } else if std::env::var_os("MEMCORE_TORTURE").is_some() {
            println!("rounds {} to {}; go on with MEMCORE_TORTURE_SEED={}", self.first, self.next, self.next);
        }
    }
}
