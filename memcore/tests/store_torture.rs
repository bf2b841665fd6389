//! A power cut in the middle of everything: at any operation on the disk, in recovery, in the recovery from that. And a disk
//! that fails or is full at any operation. How much of it is told in `torture_support`.

mod store_support;
mod torture_support;

use std::sync::Arc;

use memcore::store::{Disk, SimulatedDisk, Store, SyncPolicy};
use memcore::{ErrorKind, Result};
use store_support::*;
use torture_support::*;

fn open(disk: impl Disk + 'static) -> Result<Store> {
    Store::open_on(Arc::new(disk), "simulated", small())
}

#[test]
fn a_power_cut_at_any_operation_leaves_a_prefix_with_everything_acknowledged() {
    let mut images = 0;
    for seed in &mut Rounds::of(230) {
        let (workload, progress) = (Workload(seed), Arc::new(Progress::default()));
        let disk = Watched::new(SimulatedDisk::forgetful(), seed, 4, Arc::clone(&progress));
        let store = open(disk.clone()).unwrap();
        register(&store).unwrap();
        disk.take_images();
        run(&store, workload, 75, &progress).unwrap();
        store.close().unwrap();
        for (image, progress) in disk.take_images() {
            recovered(&open(image).unwrap_or_else(|e| panic!("{e}")), workload, &progress);
            images += 1;
        }
    }
    println!("{images} images");
}

#[test]
fn a_power_cut_while_the_store_is_made_leaves_one_that_can_be_made() {
    for seed in &mut Rounds::of(40) {
        let disk = Watched::new(SimulatedDisk::forgetful(), seed, 1, Arc::default());
        register(&open(disk.clone()).unwrap()).unwrap();
        for (image, _) in disk.take_images() {
            let store = open(image).unwrap();
            register(&store).unwrap();
            recovered(&store, Workload(seed), &Progress::default());
        }
    }
}

#[test]
fn a_power_cut_in_recovery_three_levels_deep_loses_nothing() {
    for seed in &mut Rounds::of(80) {
        let (mut dice, workload) = (Dice(seed), Workload(seed));
        let mut progress = Arc::new(Progress::default());
        let disk = Watched::new(SimulatedDisk::forgetful(), seed, 20, Arc::clone(&progress));
        let store = open(disk.clone()).unwrap();
        register(&store).unwrap();
        disk.take_images();
        run(&store, workload, 90, &progress).unwrap();
        let Some((mut image, at)) = disk.take_images().pop() else { continue };
        progress = Arc::new(at);
        for level in 1..=3 {
            let watched = Watched::new(image.clone(), dice.roll(), 1, Arc::clone(&progress));
            recovered(&open(watched.clone()).unwrap(), workload, &progress);
            let mut images = watched.take_images();
            image = images.swap_remove(dice.below(images.len() as u64) as usize).0;
            assert!(!images.is_empty(), "level {level}: recovery does something");
        }
        // The store goes on from there, and is cut off again.
        let count = recovered(&open(image.clone()).unwrap(), workload, &progress);
        let progress = Arc::new(Progress::from(count));
        let watched = Watched::new(image, dice.roll(), 10, Arc::clone(&progress));
        run(&open(watched.clone()).unwrap(), workload, count + 40, &progress).unwrap();
        for (image, at) in watched.take_images() {
            recovered(&open(image).unwrap(), workload, &at);
        }
    }
}

#[test]
fn with_lazy_syncs_a_power_cut_leaves_a_prefix_and_a_killed_process_loses_nothing() {
    for seed in &mut Rounds::of(60) {
        let (workload, mut dice) = (Workload(seed), Dice(seed));
        let disk = SimulatedDisk::forgetful();
        let store = Store::open_on(Arc::new(disk.clone()), "simulated", small().sync(SyncPolicy::Os)).unwrap();
        register(&store).unwrap();
        let progress = Progress::default();
        run(&store, workload, 100, &progress).unwrap();
        let left = disk.killed();
        recovered(&open(left.clone()).unwrap(), workload, &progress);
        // The next process took what it found for durable: from now on it is.
        let image = left.crash(&mut || dice.roll());
        recovered(&open(image).unwrap(), workload, &progress);
    }
}

/// Runs on a disk that fails as `arm` says; None where the workload came to its end before that.
fn on_a_failing_disk(seed: u64, arm: impl Fn(&SimulatedDisk)) -> Option<(Store, SimulatedDisk, Arc<Progress>)> {
    let disk = SimulatedDisk::forgetful();
    let store = open(disk.clone()).unwrap();
    register(&store).unwrap();
    arm(&disk);
    let progress = Arc::new(Progress::default());
    let refused = run(&store, Workload(seed), 100, &progress).and_then(|()| store.sync());
    refused.err().map(|_| (store, disk, progress))
}

#[test]
fn whichever_sync_fails_its_batch_is_not_acknowledged_and_the_sync_is_not_repeated() {
    for seed in &mut Rounds::of(2) {
        let mut nth = 0;
        while let Some((store, disk, progress)) = on_a_failing_disk(seed, |disk| disk.fail_syncs_from(nth)) {
            assert!(store.is_read_only().is_some(), "sync {nth}");
            let (_, syncs) = disk.operations();
            disk.heal();
            let refused = store.write(&Workload(seed).batch(1000)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ReadOnly, "sync {nth}: {refused}");
            assert_eq!(store.seal().unwrap_err().kind(), ErrorKind::ReadOnly);
            assert_eq!(store.sync().unwrap_err().kind(), ErrorKind::ReadOnly);
            assert_eq!(disk.operations().1, syncs, "sync {nth} was tried again");
            assert!(store.query(&memcore::store::Query::new(pattern("home1.meter.a"))).is_ok());
            let mut dice = Dice(nth);
            drop(store);
            let image = disk.crash(&mut || dice.roll());
            recovered(&open(image).unwrap(), Workload(seed), &progress);
            nth += 1;
        }
        assert!(nth > 20, "{nth} syncs");
    }
}

#[test]
fn whichever_write_fails_nothing_acknowledged_is_lost() {
    for seed in &mut Rounds::of(2) {
        let mut nth = 0;
        while let Some((store, disk, progress)) = on_a_failing_disk(seed, |disk| disk.fail_writes_from(nth)) {
            assert!(store.is_read_only().is_some(), "write {nth}");
            assert!(store.query(&memcore::store::Query::new(pattern("home1.meter.a"))).is_ok());
            let mut dice = Dice(nth);
            recovered(&open(disk.killed()).unwrap(), Workload(seed), &progress);
            recovered(&open(disk.crash(&mut || dice.roll())).unwrap(), Workload(seed), &progress);
            nth += 1;
        }
        assert!(nth > 20, "{nth} writes");
    }
}

#[test]
fn whichever_write_finds_the_disk_full_reads_go_on_and_space_brings_the_store_back() {
    for seed in &mut Rounds::of(2) {
        let mut nth = 0;
        while let Some((store, disk, progress)) = on_a_failing_disk(seed, |disk| disk.fill_up_at(nth)) {
            let rows = store.query(&memcore::store::Query::new(pattern("home1.*.a"))).unwrap().rows() as u64;
            assert!(rows >= progress.acknowledged() / 6, "write {nth}: {rows} rows can be read");
            disk.heal();
            drop(store);
            let mut dice = Dice(nth);
            let image = disk.crash(&mut || dice.roll());
            let store = open(image).unwrap();
            let count = recovered(&store, Workload(seed), &progress);
            let progress = Progress::from(count);
            run(&store, Workload(seed), count + 20, &progress).unwrap();
            reads_match(&store, Workload(seed), count + 20);
            nth += 1;
        }
        assert!(nth > 20, "{nth} writes");
    }
}
