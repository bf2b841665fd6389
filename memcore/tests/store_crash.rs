//! The store against a disk that forgets, tears, flips bits and fails: what was acknowledged stays, the rest is a prefix.

mod store_support;

use std::sync::Arc;

use memcore::ErrorKind;
use memcore::store::{Query, SimulatedDisk, Store, StoreOptions};
use store_support::*;

fn small() -> StoreOptions {
    StoreOptions::default().seal_rows(16).segment_bytes(4096).log_bytes(8192)
}

fn open(disk: &SimulatedDisk) -> memcore::Result<Store> {
    Store::open_on(Arc::new(disk.clone()), "simulated", small())
}

const DEVICES: [&str; 2] = ["home1.pv", "home2.pv"];
const BOOT: u64 = 7;

/// Batch `number`: a few rows at times that no other batch has.
fn batch(number: u64) -> memcore::model::Batch {
    let rows: Vec<(i64, f64)> =
        (0..=(number % 3) as i64).map(|row| (number as i64 * 10 + row, number as f64 + 0.5)).collect();
    let of = DEVICES[number as usize % 2];
    numbered(power(of, &rows), BOOT, number / 2 + 1)
}

/// How many batches the store holds, having made sure that they are the first ones and whole.
fn whole_prefix(store: &Store) -> u64 {
    assert_eq!(store.stats().damage, Vec::<String>::new());
    prefix(store)
}

/// As [`whole_prefix`], damaged or not.
fn prefix(store: &Store) -> u64 {
    let mut seen = rows(store, Query::new(pattern("*.pv.power")));
    seen.sort_by_key(|(time, _)| *time);
    let mut expected = Vec::new();
    let mut count = 0;
    while expected.len() < seen.len() {
        expected.extend((0..=(count % 3) as i64).map(|row| (count as i64 * 10 + row, count as f64 + 0.5)));
        count += 1;
    }
    assert_eq!(seen, expected, "not a prefix of whole batches");
    for (at, name) in DEVICES.iter().enumerate() {
        let of_device = (count + 1 - at as u64) / 2;
        let durable = store.durable_sequence(&device(name), BOOT);
        assert_eq!(durable, of_device, "{name}: what is stored is known durable after recovery");
    }
    count
}

fn register(store: &Store) {
    DEVICES.iter().for_each(|name| store.register(&device(name), &watts(&["power"])).unwrap());
}

/// Appends and commits at random from batch `from` on; at random moments a crash image with what was acknowledged by then.
fn write_at_random(store: &Store, disk: &SimulatedDisk, from: u64, dice: &mut Dice) -> Vec<(SimulatedDisk, u64)> {
    let mut images = Vec::new();
    let mut acknowledged = from;
    for number in from..from + 60 {
        let ticket = store.append(&batch(number)).unwrap();
        match dice.below(8) {
            0..3 => {
                store.commit(ticket).unwrap();
                acknowledged = number + 1;
            }
            3 if dice.below(4) == 0 => {
                store.seal().unwrap();
                acknowledged = number + 1;
            }
            _ => {}
        }
        if dice.below(5) == 0 {
            images.push((disk.crash(&mut || dice.roll()), acknowledged));
        }
    }
    images
}

#[test]
fn after_a_power_cut_everything_acknowledged_is_there_and_nothing_else_is_torn() {
    let mut checked = 0;
    for seed in 0..250 {
        let mut dice = Dice(seed);
        let disk = SimulatedDisk::forgetful();
        let store = open(&disk).unwrap();
        register(&store);
        for (image, acknowledged) in write_at_random(&store, &disk, 0, &mut dice) {
            let recovered = open(&image).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            let count = whole_prefix(&recovered);
            assert!(count >= acknowledged, "seed {seed}: {count} batches of {acknowledged} acknowledged");
            checked += 1;
        }
    }
    assert!(checked > 2000, "{checked} images");
}

#[test]
fn without_a_sync_for_each_commit_a_power_cut_still_leaves_a_prefix() {
    for seed in 0..60 {
        let mut dice = Dice(seed + 5000);
        let disk = SimulatedDisk::forgetful();
        let lazy = small().sync(memcore::store::SyncPolicy::Os);
        let store = Store::open_on(Arc::new(disk.clone()), "simulated", lazy).unwrap();
        register(&store);
        let mut synced = 0;
        for number in 0..120 {
            store.write(&batch(number)).unwrap();
            if dice.below(20) == 0 {
                store.sync().unwrap();
                synced = number + 1;
            }
            if dice.below(12) == 0 {
                let count = whole_prefix(&open(&disk.crash(&mut || dice.roll())).unwrap());
                assert!(count >= synced, "seed {seed}: {count} batches of {synced} synced");
            }
        }
    }
}

#[test]
fn what_a_killed_process_left_unsynced_is_durable_once_the_next_one_acknowledges_it() {
    for seed in 0..40 {
        let mut dice = Dice(seed + 7000);
        let disk = SimulatedDisk::forgetful();
        let lazy = small().sync(memcore::store::SyncPolicy::Os);
        let store = Store::open_on(Arc::new(disk.clone()), "simulated", lazy).unwrap();
        register(&store);
        (0..10).for_each(|number| store.write(&batch(number)).unwrap());
        let left = disk.killed();
        let next = open(&left).unwrap();
        assert_eq!(whole_prefix(&next), 10);
        let recovered = open(&left.crash(&mut || dice.roll())).unwrap();
        assert_eq!(whole_prefix(&recovered), 10, "seed {seed}");
    }
}

#[test]
fn a_channel_registered_after_reopening_survives_a_power_cut() {
    for seed in 0..40 {
        let mut dice = Dice(seed + 8000);
        let disk = SimulatedDisk::forgetful();
        let store = open(&disk).unwrap();
        register(&store);
        store.close().unwrap();
        let store = open(&disk).unwrap();
        store.register(&device("home1.pv"), &watts(&["voltage"])).unwrap();
        let recovered = open(&disk.crash(&mut || dice.roll())).unwrap();
        assert!(recovered.channel(&"home1.pv.voltage".parse().unwrap()).is_some(), "seed {seed}");
    }
}

#[test]
fn a_crash_during_recovery_three_levels_deep_changes_nothing() {
    for seed in 0..120 {
        let mut dice = Dice(seed + 10_000);
        let disk = SimulatedDisk::forgetful();
        let store = open(&disk).unwrap();
        register(&store);
        let Some((mut image, acknowledged)) = write_at_random(&store, &disk, 0, &mut dice).pop() else { continue };
        for _ in 0..3 {
            image.fail_writes_from(dice.below(12));
            let interrupted = open(&image);
            let next = image.crash(&mut || dice.roll());
            drop(interrupted);
            image = next;
        }
        let recovered = open(&image).unwrap();
        let count = whole_prefix(&recovered);
        assert!(count >= acknowledged, "seed {seed}: {count} of {acknowledged}");
        // The store goes on from there, and crashes again.
        for (image, acknowledged) in write_at_random(&recovered, &image, count, &mut dice) {
            assert!(whole_prefix(&open(&image).unwrap()) >= acknowledged, "seed {seed}");
        }
    }
}

/// A store with sealed chunks and a log, closed or not, on a disk that forgets nothing.
fn small_store(close: bool) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let store = open(&disk).unwrap();
    register(&store);
    (0..12).for_each(|number| store.write(&batch(number)).unwrap());
    store.seal().unwrap();
    (12..20).for_each(|number| store.write(&batch(number)).unwrap());
    let copy = disk.copy();
    store.close().unwrap();
    if close { disk.copy() } else { copy }
}

fn last_log(disk: &SimulatedDisk) -> String {
    use memcore::store::Disk;
    let logs = disk.list().unwrap().into_iter().filter(|name| name.starts_with("log-"));
    logs.filter(|name| disk.content_of(name).unwrap().len() > 52).max().unwrap()
}

#[test]
fn the_log_cut_at_every_byte_keeps_the_whole_batches_before_the_cut() {
    let disk = small_store(false);
    let name = last_log(&disk);
    let bytes = disk.content_of(&name).unwrap();
    let mut before = 0;
    for cut in 0..=bytes.len() {
        let image = disk.copy();
        image.set_content(&name, bytes[..cut].to_vec());
        let store = open(&image).unwrap();
        if let [lost] = &store.stats().damage[..] {
            // What is sealed was in the log before, and durable: no power cut takes it, so it is damage, which costs nothing.
            assert!(lost.contains("the log lacks frames") && lost.ends_with("to 12"), "cut at {cut}: {lost}");
            assert_eq!((prefix(&store), before), (12, 0), "cut at {cut}");
            continue;
        }
        let count = whole_prefix(&store);
        assert!(count >= before && count >= 12, "cut at {cut}");
        before = count;
    }
    assert_eq!(before, 20);
}

#[test]
fn every_flipped_bit_is_harmless_or_noticed() {
    use memcore::store::Disk;
    for close in [false, true] {
        let disk = small_store(close);
        let sound = rows(&open(&disk.copy()).unwrap(), Query::new(pattern("*.pv.power")));
        for name in disk.list().unwrap().iter().filter(|name| *name != "LOCK") {
            let bytes = disk.content_of(name).unwrap();
            // Every bit of a closed store; of one that was not, where only the end differs, one in five.
            for bit in (0..bytes.len() * 8).step_by(if close { 1 } else { 5 }) {
                let image = disk.copy();
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                image.set_content(name, flipped);
                let noticed = look(&image, &sound);
                assert!(noticed.is_ok(), "{name}, bit {bit}, closed {close}: {noticed:?}");
            }
        }
    }
}

/// Err where data differ and nothing says so.
fn look(image: &SimulatedDisk, sound: &[(i64, f64)]) -> Result<(), Vec<(i64, f64)>> {
    let Ok(store) = open(image) else { return Ok(()) };
    let Ok(result) = store.query(&Query::new(pattern("*.pv.power"))) else { return Ok(()) };
    let stats = store.stats();
    if !stats.damage.is_empty() || stats.torn.is_some() {
        return Ok(());
    }
    drop(result);
    let seen = rows(&store, Query::new(pattern("*.pv.power")));
    if seen == sound { Ok(()) } else { Err(seen) }
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_reads_go_on() {
    for nth in 0..25 {
        let disk = SimulatedDisk::forgetful();
        let store = open(&disk).unwrap();
        register(&store);
        disk.fail_syncs_from(nth);
        let mut acknowledged = 0;
        let refused = (0..80).find_map(|number| match store.write(&batch(number)) {
            Ok(()) => {
                acknowledged = number + 1;
                None
            }
            Err(e) => Some(e),
        });
        let refused = refused.expect("the disk fails sooner or later");
        assert_eq!(refused.kind(), ErrorKind::ReadOnly, "{refused}");
        assert!(store.is_read_only().is_some());
        let (_, syncs) = disk.operations();
        assert_eq!(store.write(&batch(900)).unwrap_err().kind(), ErrorKind::ReadOnly);
        assert_eq!(disk.operations().1, syncs, "the sync is not tried again");
        assert!(rows(&store, Query::new(pattern("*.pv.power"))).len() as u64 >= acknowledged);
        let mut dice = Dice(nth);
        let image = disk.crash(&mut || dice.roll());
        assert!(whole_prefix(&open(&image).unwrap()) >= acknowledged);
    }
}

#[test]
fn a_full_disk_loses_nothing_acknowledged_and_space_brings_the_store_back() {
    for nth in 0..40 {
        let disk = SimulatedDisk::forgetful();
        let store = open(&disk).unwrap();
        register(&store);
        disk.fill_up_at(nth);
        let acknowledged = (0..120).take_while(|number| store.write(&batch(*number)).is_ok()).count() as u64;
        assert!(acknowledged < 120 && rows(&store, Query::new(pattern("*.pv.power"))).len() as u64 >= acknowledged);
        disk.heal();
        drop(store);
        let mut dice = Dice(nth);
        let reopened = open(&disk.crash(&mut || dice.roll())).unwrap();
        let count = whole_prefix(&reopened);
        assert!(count >= acknowledged);
        reopened.write(&batch(count)).unwrap();
    }
}

#[test]
fn a_damaged_chunk_is_named_and_the_rest_can_be_read() {
    use memcore::store::Disk;
    let disk = small_store(true);
    let name = disk.list().unwrap().into_iter().find(|name| name.starts_with("chunks-")).unwrap();
    let mut bytes = disk.content_of(&name).unwrap();
    let middle = bytes.len() - 5;
    bytes[middle] ^= 0x10;
    disk.set_content(&name, bytes.clone());

    let store = open(&disk).unwrap();
    let e = store.query(&Query::new(pattern("*.pv.power"))).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Damaged);
    assert!(e.message().contains(&name), "{e}");
    assert_eq!(store.verify().unwrap().damage.len(), 1);
    store.close().unwrap();

    let store = Store::open_on(Arc::new(disk.clone()), "simulated", small().skip_damaged(true)).unwrap();
    let result = store.query(&Query::new(pattern("*.pv.power"))).unwrap();
    assert_eq!(result.skipped().len(), 1);
    assert!(result.rows() > 0);
    assert_eq!(disk.content_of(&name).unwrap(), bytes, "damage is left as it is");
}

#[test]
fn a_newer_format_and_a_missing_manifest_are_refused_and_left_alone() {
    let disk = small_store(true);
    let mut manifest = disk.content_of("MANIFEST").unwrap();
    manifest[8..12].copy_from_slice(&3u32.to_le_bytes());
    let checksum = crc32c::crc32c(&manifest[..12]);
    manifest[12..16].copy_from_slice(&checksum.to_le_bytes());
    let newer = disk.copy();
    newer.set_content("MANIFEST", manifest.clone());
    assert_eq!(open(&newer).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(newer.content_of("MANIFEST").unwrap(), manifest);

    use memcore::store::Disk;
    disk.remove("MANIFEST").unwrap();
    assert_eq!(open(&disk).unwrap_err().kind(), ErrorKind::Damaged);
}
