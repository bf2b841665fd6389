//! A model of the whole way of a command: the real commander and sessions, the real commands of a device, virtual time, and
//! everything between them that can fail. Seeded walks go through interleavings of loss, delay, repetition, restarts, power
//! cuts, clock jumps, expiry and rules that conflict; a witness checks after each step what must always hold.
//!
//! `make test` walks for seconds, `make torture LINK` for as long as one likes: `MEMCORE_TORTURE` is how many times as much,
//! `MEMCORE_TORTURE_SEED` where to begin, `MEMCORE_TORTURE_SECONDS` when to end.

mod device;
mod server;
mod witness;
mod world;

use std::time::{Duration, Instant};

use world::{Fault, World};

/// How many walks in `make test`, and how many steps each.
const WALKS: u64 = 600;
const STEPS: usize = 400;

/// How many commands had their effect on a walk. One that breaks what must hold says how; `fault` is planted in it.
fn walk(seed: u64, fault: Option<Fault>) -> Result<usize, String> {
    let mut world = World::new(seed, fault);
    go(&mut world)?;
    Ok(world.effects())
}

fn go(world: &mut World) -> Result<(), String> {
    for _ in 0..STEPS {
        world.step()?;
    }
    world.settle()
}

/// The last that happened on a walk.
fn history(seed: u64) -> String {
    let mut world = World::new(seed, None);
    world.remember();
    let _ = go(&mut world);
    let history = world.history();
    history[history.len().saturating_sub(60)..].join("\n")
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, expected a number")))
}

#[test]
fn no_interleaving_leaves_a_channel_unsafe_or_its_sender_misled() {
    let first = setting("MEMCORE_TORTURE_SEED").unwrap_or(0);
    let end = first + WALKS * setting("MEMCORE_TORTURE").unwrap_or(1);
    let ends_at = setting("MEMCORE_TORTURE_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let (mut seed, mut effects) = (first, 0);
    while seed < end && ends_at.is_none_or(|at| Instant::now() < at) {
        match walk(seed, None) {
            Ok(had) => effects += had,
            Err(broken) => panic!("{}\nMEMCORE_TORTURE_SEED={seed}: {broken}", history(seed)),
        }
        seed += 1;
    }
    let walks = (seed - first) as usize;
    assert!(effects >= 4 * walks, "{effects} effects on {walks} walks: they say little");
    if std::env::var_os("MEMCORE_TORTURE").is_some() {
        let steps = (seed - first) * STEPS as u64;
        println!("walks {first} to {seed}, {steps} steps, {effects} effects; go on with MEMCORE_TORTURE_SEED={seed}");
    }
}

#[test]
fn planted_faults_are_found() {
    for (fault, word) in [
        (Fault::NoFallbackAtStart, "outside its fallback"),
        (Fault::ForgetsLeases, "outside its fallback"),
        (Fault::ForgetsIds, "a second effect"),
        (Fault::DiskLies, "a second effect"),
        (Fault::ClockStands, "outside its fallback"),
        (Fault::LeasesRunOver, "outside its fallback"),
        (Fault::ExpiredIsBegun, "after its expiry"),
        (Fault::TimesIgnored, "had switched"),
        (Fault::Misleads, "though it had"),
    ] {
        let mut broken = (0..10 * WALKS).filter_map(|seed| walk(seed, Some(fault)).err());
        assert!(broken.any(|broken| broken.contains(word)), "{fault:?} is not found as {word:?}");
    }
}
