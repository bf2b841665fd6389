//! Random sites in random trouble: the real controller, assets that follow their orders after a while, and a witness that looks at what
//! flows and what was decided, second by second. At the end the world comes to rest, and so must control.
//!
//! `make test` goes through some, `MEMCORE_TORTURE` is how many times as many, `MEMCORE_TORTURE_SEED` where to begin,
//! `MEMCORE_TORTURE_SECONDS` when to end.

mod random;
mod site;
mod witness;
mod world;

use std::time::{Duration, Instant};

use super::planted::{Planted, plant};
use witness::Witness;
use world::World;

/// How many trials in `make test`, and how many seconds each until the world comes to rest.
const TRIALS: u64 = 60;
const SECONDS: usize = 700;

/// How long control may take to come to rest: the longest of what it waits for, switches of phases and swings in five minutes each.
const SETTLES: usize = 700;

/// How long it must then stay there.
const STAYS: usize = 60;

/// How many situations were decided. One that breaks what must hold says how.
fn trial(seed: u64) -> Result<u64, String> {
    let mut world = World::new(seed);
    let mut witness = Witness::new(&world);
    for _ in 0..SECONDS {
        let decision = world.step();
        witness.look(&world, &decision).map_err(|broken| {
            if std::env::var("SHOW").is_ok() {
                show(&world, &decision);
            }
            format!("second {}: {broken}", world.second)
        })?;
    }
    world.rest();
    let mut rest: Option<Vec<f64>> = None;
    for second in 0..SETTLES + STAYS {
        world.constant_wish();
        let decision = world.step();
        witness.look(&world, &decision).map_err(|broken| format!("second {}: {broken}", world.second))?;
        if second < SETTLES {
            continue;
        }
        let powers: Vec<f64> = world.controller.decided_w().to_vec();
        let before = rest.get_or_insert_with(|| powers.clone());
        let moved = before.iter().zip(&powers).position(|(one, other)| (one - other).abs() > 1.0);
        if let Some(place) = moved {
            let name = &world.model.assets[place].name;
            let limits = decision.assets[place].as_ref().map(|decided| &decided.limits);
            let (from, to) = (before[place], powers[place]);
            return Err(format!("second {}: {name} does not come to rest: {from} W, {to} W, {limits:?}", world.second));
        }
    }
    Ok(world.second)
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, expected a number")))
}

#[test]
fn no_situation_breaks_what_keeps_a_site_safe() {
    let first = setting("MEMCORE_TORTURE_SEED").unwrap_or(0);
    let end = first + TRIALS * setting("MEMCORE_TORTURE").unwrap_or(1);
    let ends_at = setting("MEMCORE_TORTURE_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let (mut seed, mut situations) = (first, 0);
    while seed < end && ends_at.is_none_or(|at| Instant::now() < at) {
        match trial(seed) {
            Ok(decided) => situations += decided,
            Err(broken) => panic!("MEMCORE_TORTURE_SEED={seed}: {broken}"),
        }
        seed += 1;
    }
    if std::env::var_os("MEMCORE_TORTURE").is_some() {
        println!("trials {first} to {seed}, {situations} situations; go on with MEMCORE_TORTURE_SEED={seed}");
    }
}

#[test]
fn planted_faults_are_found() {
    for (fault, word) in [
        (Planted::CircuitsIgnored, "circuit"),
        (Planted::PhasesIgnored, "circuit"),
        (Planted::SilenceIgnored, "silent"),
        (Planted::HistoryBelieved, ""),
        (Planted::ChargeIgnored, "charge"),
        (Planted::FailsafeForgotten, "from outside"),
        (Planted::TimesIgnored, "it had"),
        (Planted::SafetyWaits, "circuit"),
        (Planted::SumsUnchecked, ""),
        (Planted::SwingsIgnored, "times in ten minutes"),
        (Planted::RampsIgnored, "jumps"),
        (Planted::StepsIgnored, "cannot take"),
        (Planted::IslandIgnored, "is commanded"),
    ] {
        plant(Some(fault));
        let mut broken = (0..4 * TRIALS).filter_map(|seed| trial(seed).err());
        let found = broken.find(|broken| broken.contains(word));
        plant(None);
        assert!(found.is_some(), "{fault:?} is not found as {word:?}");
    }
}

#[test]
fn zz_list() {
    let begun = Instant::now();
    let mut n = 0;
    for seed in setting("FROM").unwrap_or(0)..setting("N").unwrap_or(40) {
        match trial(seed) {
            Ok(s) => n += s,
            Err(broken) => println!("LIST {seed}: {broken}"),
        }
    }
    println!("LIST {n} good in {:?}", begun.elapsed());
}

fn show(world: &World, decision: &crate::control::Decision) {
    for (place, asset) in world.model.assets.iter().enumerate() {
        let d = decision.assets[place].as_ref();
        println!(
            "LIST   {} {:?} c{:?} {:?} period {:?} told {:?} true {} soc {} : decided {:?} {:?} wish {:?}",
            asset.name,
            asset.role,
            asset.circuit,
            asset.phases,
            asset.silent_after / 3,
            world.things[place].told,
            world.things[place].power_w,
            world.things[place].soc,
            d.map(|d| d.power_w),
            d.map(|d| &d.limits),
            d.and_then(|d| d.wish.as_ref()).map(|w| w.power_w)
        );
    }
    for c in &world.model.circuits {
        println!(
            "LIST   circuit {} within {:?} a {} in {} out {} meter {:?}",
            c.name, c.within, c.limit_a, c.import_w, c.export_w, c.meter
        );
    }
    println!(
        "LIST   faults {:?} hidden {:?} present {} signal {:?}",
        decision.faults, world.hidden_w, world.present, world.signal
    );
}
