//! A disk that fills up at any write, and one whose syncs fail: nothing acknowledged is lost, reads go on, and where it
//! was only room that was missing, writing goes on by itself once there is some.

mod store_support;

use std::sync::Arc;

use memcore::model::Batch;
use memcore::store::{Disk, Query, SimulatedDisk, Store, StoreOptions};
use memcore::{ErrorKind, Retry};
use store_support::*;

const DEVICES: [&str; 2] = ["home1.pv", "home2.pv"];
const BOOT: u64 = 7;
const BATCHES: u64 = 100;

fn small() -> StoreOptions {
    StoreOptions::default().seal_rows(16).segment_bytes(4096).log_bytes(8192)
}

fn open(disk: &SimulatedDisk) -> Store {
    Store::open_on(Arc::new(disk.clone()), "simulated", small()).unwrap()
}

/// Batch `number`: a few rows at times that no other batch has.
fn batch(number: u64) -> Batch {
    let rows: Vec<(i64, f64)> =
        (0..=(number % 3) as i64).map(|row| (number as i64 * 10 + row, number as f64 + 0.5)).collect();
    numbered(power(DEVICES[number as usize % 2], &rows), BOOT, number / 2 + 1)
}

/// How many batches there are: the first ones, whole, each once.
fn whole_prefix(store: &Store) -> u64 {
    let mut seen = rows(store, Query::new(pattern("*.pv.power")));
    seen.sort_by_key(|(time, _)| *time);
    let mut expected = Vec::new();
    let mut count = 0;
    while expected.len() < seen.len() {
        expected.extend((0..=(count % 3) as i64).map(|row| (count as i64 * 10 + row, count as f64 + 0.5)));
        count += 1;
    }
    assert_eq!(seen, expected, "not a prefix of whole batches");
    count
}

/// What a site does all day: devices turn up, send, are acknowledged; rows are sealed, some deleted. The step that was refused.
fn work(store: &Store, from: u64) -> Result<(), (u64, memcore::Error)> {
    for number in from..BATCHES {
        let step = || {
            let of = device(DEVICES[number as usize % 2]);
            if number < 2 {
                store.register(&of, &watts(&["power"]))?;
            }
            if number % 20 == 19 {
                store.register(&of, &watts(&[&format!("extra{number}")]))?;
            }
            store.write(&batch(number))?;
            if number % 25 == 24 {
                store.register(&device("home3.hem"), &watts(&["power"]))?;
                store.write(&power("home3.hem", &[(number as i64, 1.0)]))?;
                store.delete(pattern("home3.hem.power"), at(0), at(10_000))?;
            }
            if number % 10 == 9 { store.seal() } else { Ok(()) }
        };
        step().map_err(|e| (number, e))?;
    }
    Ok(())
}

fn is_full(e: &memcore::Error) {
    assert_eq!((e.kind(), e.retry()), (ErrorKind::ReadOnly, Retry::Safe), "{e}");
    assert!(e.message().contains("disk full"), "{e}");
}

/// Files that no one needs, which a full disk has no room for.
fn leftovers(disk: &SimulatedDisk) -> Vec<String> {
    let mut files = disk.list().unwrap();
    files.retain(|name| {
        (name.starts_with("MANIFEST.") && name != "MANIFEST.copy")
            || name.starts_with("unnamed")
            || name.starts_with("damaged")
    });
    files
}

#[test]
fn whichever_write_fills_the_disk_writing_goes_on_when_there_is_room() {
    let disk = SimulatedDisk::new();
    let store = open(&disk);
    let (before, _) = disk.operations();
    work(&store, 0).unwrap();
    store.close().unwrap();
    let writes = disk.operations().0 - before;
    assert!(writes > 100, "{writes} writes");

    let mut refused = 0;
    for nth in 0..writes {
        let disk = SimulatedDisk::forgetful();
        let store = open(&disk);
        disk.fill_up_at(nth);
        let mut from = 0;
        if let Err((number, e)) = work(&store, 0) {
            is_full(&e);
            refused += 1;
            let reason = store.is_read_only().expect("it says so");
            assert!(reason.contains("disk full"), "{reason}");
            // Devices try again, in vain, and what they wrote before can be read.
            store.append(&batch(number)).map_or_else(|e| is_full(&e), |_| ());
            assert!(whole_prefix(&store) >= number, "write {nth}");
            assert!(store.verify().unwrap().is_sound(), "write {nth}: {:?}", store.verify());
            let mut dice = Dice(nth);
            let cut = open(&disk.crash(&mut || dice.roll()));
            assert!(whole_prefix(&cut) >= number, "write {nth}");
            assert_eq!(cut.stats().damage, Vec::<String>::new(), "write {nth}");
            from = number;
        }
        disk.heal();
        store.seal().unwrap_or_else(|e| panic!("write {nth}: {e}"));
        assert_eq!(store.is_read_only(), None, "write {nth}");
        work(&store, from).unwrap_or_else(|e| panic!("write {nth}: {e:?}"));
        assert_eq!(whole_prefix(&store), BATCHES, "write {nth}");
        assert_eq!(rows(&store, Query::new(pattern("home3.*.power"))), [], "write {nth}: what was deleted stays away");
        store.close().unwrap();
        assert_eq!(leftovers(&disk), Vec::<String>::new(), "write {nth}");

        let reopened = open(&disk);
        assert_eq!(whole_prefix(&reopened), BATCHES, "write {nth}");
        assert_eq!(reopened.stats().damage, Vec::<String>::new(), "write {nth}");
        assert!(reopened.verify().unwrap().is_sound());
        for name in DEVICES {
            assert_eq!(reopened.durable_sequence(&device(name), BOOT), BATCHES / 2);
        }
    }
    assert!(refused > writes / 2, "{refused} of {writes}");
}

#[test]
fn whichever_sync_fails_nothing_is_acknowledged_after_it_and_it_is_not_tried_again() {
    let disk = SimulatedDisk::new();
    let store = open(&disk);
    let (_, before) = disk.operations();
    work(&store, 0).unwrap();
    let syncs = disk.operations().1 - before;
    for nth in 0..syncs {
        let disk = SimulatedDisk::forgetful();
        let store = open(&disk);
        disk.fail_syncs_from(nth);
        let (number, e) = work(&store, 0).expect_err("the sync fails sooner or later");
        assert_eq!((e.kind(), e.retry()), (ErrorKind::ReadOnly, Retry::Never), "sync {nth}: {e}");
        let (writes, syncs) = disk.operations();
        disk.heal();
        for attempt in [store.write(&batch(number)), store.sync(), store.seal()] {
            assert_eq!(attempt.unwrap_err().kind(), ErrorKind::ReadOnly, "sync {nth}");
        }
        assert_eq!(disk.operations(), (writes, syncs), "sync {nth}: nothing is written any more");
        assert!(number < 2 || whole_prefix(&store) >= number, "sync {nth}");
        let mut dice = Dice(nth);
        let recovered = open(&disk.crash(&mut || dice.roll()));
        assert!(whole_prefix(&recovered) >= number, "sync {nth}: {number} were acknowledged");
        assert_eq!(recovered.stats().damage, Vec::<String>::new(), "sync {nth}");
    }
}

#[test]
fn appends_leave_the_reserve_free_and_are_taken_again_when_it_is() {
    let disk = SimulatedDisk::new();
    disk.set_capacity(Some(1 << 20));
    let options = || small().seal_rows(400).segment_bytes(16 << 10).reserve_bytes(20_000);
    let store = Store::open_on(Arc::new(disk.clone()), "simulated", options()).unwrap();
    DEVICES.iter().for_each(|name| store.register(&device(name), &watts(&["power"])).unwrap());
    let mut film = 0;
    let mut leave = |free: u64| {
        film = film + disk.free_space().unwrap().unwrap() - free;
        disk.set_content("film", vec![0; film as usize]);
    };
    leave(60_000);

    let (number, e) = (0..).find_map(|number| Some((number, store.write(&batch(number)).err()?))).unwrap();
    is_full(&e);
    assert!(e.message().contains("bytes free, expected at least 20000"), "{e}");
    assert!(store.is_read_only().unwrap().contains("disk full"));
    // Registering, sealing and reading use the reserve. Sealing gives room back, which the film takes.
    store.register(&device("home3.pv"), &watts(&["power"])).unwrap();
    store.seal().unwrap();
    assert_eq!(whole_prefix(&store), number);
    leave(19_000);
    store.seal().unwrap();
    is_full(&store.write(&batch(number)).unwrap_err());
    store.close().unwrap();

    // It opens on the full disk, too, and goes on by itself when the film is gone.
    let store = Store::open_on(Arc::new(disk.clone()), "simulated", options()).unwrap();
    store.seal().unwrap();
    is_full(&store.write(&batch(number)).unwrap_err());
    disk.remove("film").unwrap();
    store.seal().unwrap();
    store.write(&batch(number)).unwrap();
    assert_eq!((whole_prefix(&store), store.is_read_only()), (number + 1, None));
}

#[test]
fn a_store_opens_to_be_read_on_a_disk_without_a_byte() {
    let disk = SimulatedDisk::new();
    let store = open(&disk);
    work(&store, 0).unwrap();
    store.close().unwrap();
    disk.set_capacity(Some(0));
    let store = open(&disk);
    assert_eq!(whole_prefix(&store), BATCHES);
    is_full(&store.write(&batch(BATCHES)).unwrap_err());
    disk.set_capacity(None);
    store.seal().unwrap();
    store.write(&batch(BATCHES)).unwrap();
    store.close().unwrap();
    assert_eq!(whole_prefix(&open(&disk)), BATCHES + 1);
}
