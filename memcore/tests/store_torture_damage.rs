//! Bits that flip and files that are cut anywhere, of a small store: no value is ever wrong, what is damaged is said, only it
//! is missing, and its bytes stay on the disk whatever is written afterwards.

mod store_support;
mod torture_support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use memcore::store::{Disk, Query, SimulatedDisk, Store};
use store_support::*;
use torture_support::*;

const BATCHES: u64 = 50;
/// In one round one bit of so many is flipped, in the next the one after; as many rounds flip all.
const STEP: usize = 211;
/// As for bits, with cuts.
const CUTS: usize = 23;

fn open(disk: &SimulatedDisk) -> memcore::Result<Store> {
    Store::open_on(Arc::new(disk.clone()), "simulated", small().skip_damaged(true))
}

/// A store with chunks and a log, closed in order or not.
fn sound_store(closed: bool) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let store = open(&disk).unwrap();
    register(&store).unwrap();
    run(&store, Workload(5), BATCHES, &Progress::default()).unwrap();
    store.sync().unwrap();
    let left = disk.copy();
    store.close().unwrap();
    if closed { disk.copy() } else { left }
}

/// Of a segment of the log; see `docs/storage.md`.
const SEGMENT_HEADER: usize = 52;

type Content = BTreeMap<String, Vec<u8>>;

fn files(disk: &SimulatedDisk) -> Content {
    let names = disk.list().unwrap().into_iter().filter(|name| name != "LOCK");
    names.map(|name| (name.clone(), disk.content_of(&name).unwrap())).collect()
}

fn values(store: &Store) -> BTreeSet<(String, i64, u64)> {
    let result = store.query(&Query::new(pattern(">"))).unwrap();
    let series = result.series().iter();
    let rows = series.flat_map(|series| {
        let values = series.values().unwrap().values().iter();
        let rows = series.times().values().iter().zip(values);
        rows.map(|(time, value)| (series.series().to_string(), *time, value.to_bits())).collect::<Vec<_>>()
    });
    rows.collect()
}

/// Every value that was ever there: where a later one is lost, an earlier one of the same time comes to light.
fn ever() -> BTreeSet<(String, i64, u64)> {
    let mut ever = BTreeSet::new();
    for batch in (0..BATCHES + 10).map(|number| Workload(5).batch(number)) {
        for (at, channel) in batch.channels().iter().enumerate() {
            let rows = batch.times().iter().zip(batch.column(at));
            let name = format!("{}.{channel}", batch.device());
            ever.extend(rows.filter_map(|(time, value)| Some((name.clone(), time.as_micros(), (*value)?.to_bits()))));
        }
    }
    ever
}

struct Attack {
    sound: BTreeSet<(String, i64, u64)>,
    ever: BTreeSet<(String, i64, u64)>,
    images: std::cell::Cell<u64>,
}

impl Drop for Attack {
    fn drop(&mut self) {
        println!("{} damaged stores", self.images.get());
    }
}

impl Attack {
    fn new(disk: &SimulatedDisk) -> Self {
        Self { sound: values(&open(&disk.copy()).unwrap()), ever: ever(), images: 0.into() }
    }

    /// Opens a store of which `name` was damaged, works with it, and looks at what became of it. `unmade`: the last segment of
    /// the log looks as if a crash had come while it was made, so that nobody can tell what was in it.
    fn check(&self, image: &SimulatedDisk, name: &str, unmade: bool, what: &str) {
        let before = files(image);
        let Ok(store) = open(image) else {
            assert!(files(image) == before, "{what}: refused, and yet changed");
            return;
        };
        let found = values(&store);
        let wrong: Vec<_> = found.difference(&self.ever).collect();
        assert!(wrong.is_empty(), "{what}: {wrong:?} was never written");
        self.images.set(self.images.get() + 1);
        let stats = store.stats();
        let skipped = store.query(&Query::new(pattern(">"))).unwrap().skipped().to_vec();
        let told: Vec<String> = stats.damage.iter().chain(&skipped).cloned().collect();
        let noticed = !told.is_empty() || stats.torn.is_some() || unmade;
        assert!(found == self.sound || noticed, "{what}: changed, and nothing says so");
        if found != self.sound {
            // What the store goes on with is sealed, merged and trimmed: the damaged bytes are in nobody's way.
            // Should registrations be lost, devices may come back in any order.
            let progress = Progress::from(held(&store));
            let worked = register_in_reverse(&store)
                .and_then(|()| run(&store, Workload(5), held(&store) + 10, &progress))
                .and_then(|()| store.seal());
            worked.unwrap_or_else(|e| panic!("{what}: {e}"));
        }
        let kept = values(&store);
        store.close().unwrap();
        drop(store);
        let reopened = open(image).unwrap_or_else(|e| panic!("{what}, opened again: {e}"));
        assert!(values(&reopened) == kept, "{what}, opened again: other values");
        if told.iter().any(|told| told.contains(name)) {
            let kept = files(image).into_values().any(|bytes| bytes.starts_with(&before[name]));
            assert!(kept, "{what}: {told:?}, and the damaged bytes are gone");
        }
    }
}

#[test]
fn a_flipped_bit_costs_at_most_what_it_is_in_and_its_bytes_are_kept() {
    for round in &mut Rounds::of(1) {
        for closed in [true, false] {
            let disk = sound_store(closed);
            let attack = Attack::new(&disk);
            for (name, bytes) in files(&disk) {
                for bit in (round as usize % STEP..bytes.len() * 8).step_by(STEP) {
                    let image = disk.copy();
                    let mut flipped = bytes.clone();
                    flipped[bit / 8] ^= 1 << (bit % 8);
                    image.set_content(&name, flipped);
                    attack.check(&image, &name, false, &format!("bit {bit} of {name}, closed {closed}"));
                }
            }
        }
    }
}

#[test]
fn a_file_cut_anywhere_costs_at_most_what_was_behind_the_cut() {
    for round in &mut Rounds::of(1) {
        for closed in [true, false] {
            let disk = sound_store(closed);
            let attack = Attack::new(&disk);
            for (name, bytes) in files(&disk) {
                for cut in (round as usize % CUTS..bytes.len()).step_by(CUTS) {
                    let image = disk.copy();
                    image.set_content(&name, bytes[..cut].to_vec());
                    let unmade = !closed && name.starts_with("log-") && cut <= SEGMENT_HEADER;
                    attack.check(&image, &name, unmade, &format!("{name} cut at {cut}, closed {closed}"));
                }
            }
        }
    }
}
