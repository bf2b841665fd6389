//! Backups of a store that is at work, and stores made from them.

mod store_support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use memcore::store::{BackupReport, CompactOptions, Query, Store, StoreOptions, SyncPolicy, restore};
use memcore::{Error, ErrorKind};
use store_support::*;

fn small() -> StoreOptions {
    StoreOptions::default().seal_rows(50).segment_bytes(1 << 14).log_bytes(1 << 16).sync(SyncPolicy::Os)
}

fn open(path: &Path) -> Store {
    let store = Store::open(path, small()).unwrap();
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    store
}

fn seconds(store: &Store) -> Vec<i64> {
    rows(store, Query::new(pattern("home1.pv.power"))).into_iter().map(|(time, _)| time).collect()
}

fn write(store: &Store, range: std::ops::Range<i64>) {
    range.for_each(|second| store.write(&power("home1.pv", &[(second, second as f64)])).unwrap());
}

fn quietly(store: &Store, to: &Path) -> memcore::Result<BackupReport> {
    store.backup(to, &mut |_, _| Ok(()))
}

fn restored(from: &Path, to: &Path) -> Store {
    restore(from, to, &mut |_, _| Ok(())).unwrap();
    let store = Store::open(to, small()).unwrap();
    assert!(store.verify().unwrap().is_sound());
    store
}

#[test]
fn a_backup_under_load_is_a_prefix_with_everything_acknowledged_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"));
    let acknowledged = Arc::new(AtomicI64::new(0));
    let stop = Arc::new(AtomicI64::new(0));
    let writer = {
        let (store, acknowledged, stop) = (store.clone(), acknowledged.clone(), stop.clone());
        std::thread::spawn(move || {
            for second in 0.. {
                store.write(&power("home1.pv", &[(second, second as f64)])).unwrap();
                acknowledged.store(second + 1, Ordering::SeqCst);
                if second % 300 == 299 {
                    store.seal().unwrap();
                }
                if second % 1500 == 1499 {
                    store.compact(pattern(">"), &CompactOptions::default(), &mut |_, _| Ok(())).unwrap();
                }
                if stop.load(Ordering::SeqCst) == 1 {
                    return;
                }
            }
        })
    };
    let backup = folder.path().join("backup");
    for round in 0..6 {
        let before = acknowledged.load(Ordering::SeqCst);
        while acknowledged.load(Ordering::SeqCst) < before + 200 {
            std::thread::yield_now();
        }
        let before = acknowledged.load(Ordering::SeqCst);
        let report = quietly(&store, &backup).unwrap();
        let copy = restored(&backup, &folder.path().join(format!("restored{round}")));
        let seen = seconds(&copy);
        assert_eq!(seen, (0..seen.len() as i64).collect::<Vec<_>>(), "round {round}: a prefix, each row once");
        assert!(seen.len() as i64 >= before, "round {round}: {} of {before}", seen.len());
        assert_eq!((report.points, report.damage), (seen.len() as u64, vec![]));
        // The restored store goes on by itself.
        write(&copy, seen.len() as i64..seen.len() as i64 + 120);
        copy.seal().unwrap();
        assert_eq!(seconds(&copy).len(), seen.len() + 120);
    }
    stop.store(1, Ordering::SeqCst);
    writer.join().unwrap();
}

#[test]
fn again_only_what_is_new_is_copied_and_the_former_backup_survives_an_interruption() {
    let folder = tempfile::tempdir().unwrap();
    let (source, backup) = (folder.path().join("store"), folder.path().join("backup"));
    let store = open(&source);
    for _ in 0..4 {
        let from = seconds(&store).len() as i64;
        write(&store, from..from + 500);
        store.seal().unwrap();
    }
    write(&store, 2000..2010);
    let mut steps = Vec::new();
    let first = store
        .backup(&backup, &mut |done, total| {
            steps.push((done, total));
            Ok(())
        })
        .unwrap();
    assert!(first.copied_files == first.files && first.files >= 4 && first.points == 2010, "{first:?}");
    assert!(
        steps.len() == first.files && steps.last().is_some_and(|(done, total)| done == total && *done < first.bytes),
        "{steps:?}"
    );
    let second = quietly(&store, &backup).unwrap();
    assert_eq!((second.copied_files, second.files, second.points), (0, first.files, 2010));

    write(&store, 2010..3000);
    store.seal().unwrap();
    let interrupted = catch_unwind(AssertUnwindSafe(|| store.backup(&backup, &mut |_, _| panic!("the plug is pulled"))));
    assert!(interrupted.is_err());
    assert_eq!(seconds(&Store::open_read_only(&backup, small()).unwrap()).len(), 2010, "the former backup");
    let third = quietly(&store, &backup).unwrap();
    assert!(third.copied_files < third.files && third.points == 3000, "{third:?}");

    // A store that was opened anew gives no file a name that an earlier one had.
    store.compact(pattern(">"), &CompactOptions::default(), &mut |_, _| Ok(())).unwrap();
    store.close().unwrap();
    let store = open(&source);
    write(&store, 3000..3500);
    store.seal().unwrap();
    let copied = quietly(&store, &backup).unwrap();
    assert_eq!(copied.points, 3500);
    // What a reader backs up beside the writer is the same.
    let reader = Store::open_read_only(&source, small()).unwrap();
    assert_eq!(quietly(&reader, &folder.path().join("by reader")).unwrap().points, 3500);
    assert_eq!(seconds(&restored(&backup, &folder.path().join("restored"))), (0..3500).collect::<Vec<_>>());
}

fn flip(folder: &Path, prefix: &str) {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = names.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix)).min().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last - 4] ^= 1;
    std::fs::write(&file, bytes).unwrap();
}

#[test]
fn damage_does_not_spread_from_the_store_to_its_backup_and_a_damaged_backup_heals() {
    let folder = tempfile::tempdir().unwrap();
    let (source, backup) = (folder.path().join("store"), folder.path().join("backup"));
    let store = open(&source);
    write(&store, 0..300);
    store.seal().unwrap();
    quietly(&store, &backup).unwrap();

    flip(&source, "chunks-");
    let report = quietly(&store, &backup).unwrap();
    assert!(report.damage.len() == 1 && report.damage[0].contains("chunks-"), "{report:?}");
    assert_eq!(seconds(&restored(&backup, &folder.path().join("restored"))).len(), 300);
    flip(&source, "chunks-");

    flip(&backup, "chunks-");
    let e = restore(&backup, &folder.path().join("nowhere"), &mut |_, _| Ok(())).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Damaged);
    assert!(e.message().contains("chunks-") && e.message().contains("home1.pv"), "{e}");
    assert!(!folder.path().join("nowhere").exists());
    assert_eq!(quietly(&store, &backup).unwrap().copied_files, 1);
    assert_eq!(seconds(&restored(&backup, &folder.path().join("healed"))).len(), 300);
}

#[test]
fn what_is_no_place_for_a_backup_is_refused_by_name_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = open(&path("store"));
    write(&store, 0..200);
    store.seal().unwrap();
    quietly(&store, &path("backup")).unwrap();

    std::fs::create_dir(path("photos")).unwrap();
    std::fs::write(path("photos/cat.jpg"), "meow").unwrap();
    let other = open(&path("other"));
    other.register(&device("home9.pv"), &watts(&["power"])).unwrap();
    write(&other, 5000..5200);
    other.seal().unwrap();
    quietly(&other, &path("other backup")).unwrap();
    for (to, kind, words) in [
        ("photos", ErrorKind::Invalid, "cat.jpg"),
        ("store", ErrorKind::Invalid, "the store itself"),
        ("other", ErrorKind::Invalid, "opened to be written"),
        ("other backup", ErrorKind::Conflict, "another store"),
    ] {
        let files = |name: &str| std::fs::read_dir(path(name)).unwrap().count();
        let before = files(to);
        let e = quietly(&store, &path(to)).unwrap_err();
        assert_eq!((e.kind(), files(to)), (kind, before), "{to}: {e}");
        assert!(e.message().contains(words) && e.message().contains(to), "{to}: {e}");
    }
    assert_eq!(seconds(&restored(&path("other backup"), &path("other restored"))).len(), 200);

    let refused = |from: &str, to: &str| restore(&path(from), &path(to), &mut |_, _| Ok(())).unwrap_err();
    assert_eq!(refused("nothing", "new").kind(), ErrorKind::NotFound);
    assert_eq!(refused("photos", "new").kind(), ErrorKind::Invalid);
    let e = refused("backup", "photos");
    assert!(e.kind() == ErrorKind::Invalid && e.message().contains("holds something"), "{e}");

    let mut manifest = std::fs::read(path("backup/MANIFEST")).unwrap();
    manifest[8..12].copy_from_slice(&9u32.to_le_bytes());
    let checksum = crc32c::crc32c(&manifest[..12]);
    manifest[12..16].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(path("backup/MANIFEST"), manifest).unwrap();
    assert_eq!(refused("backup", "new").kind(), ErrorKind::Unsupported);
    assert_eq!(quietly(&store, &path("backup")).unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(!path("new").exists());
}

#[test]
fn what_hears_of_a_backup_may_end_it_and_nothing_half_made_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = open(&path("store"));
    write(&store, 0..1000);
    store.seal().unwrap();
    quietly(&store, &path("backup")).unwrap();
    write(&store, 1000..2000);
    store.seal().unwrap();
    let enough = || Err(Error::new(ErrorKind::Closed, "enough"));
    let e = store.backup(path("backup"), &mut |_, _| enough()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Closed);
    assert_eq!(seconds(&Store::open_read_only(path("backup"), small()).unwrap()).len(), 1000, "the former backup");
    assert_eq!(store.verify_with(&mut |_, _| enough()).unwrap_err().kind(), ErrorKind::Closed);

    std::fs::create_dir(path("empty")).unwrap();
    let mut steps = Vec::new();
    restore(&path("backup"), &path("whole"), &mut |done, total| {
        steps.push((done, total));
        Ok(())
    })
    .unwrap();
    assert!(steps.is_sorted() && steps.last().is_some_and(|(done, total)| done == total), "{steps:?}");
    for part in [0.2, 0.6, 1.0] {
        let mut until = |done: u64, total: u64| if done as f64 >= total as f64 * part { enough() } else { Ok(()) };
        for to in ["new", "empty"] {
            assert_eq!(restore(&path("backup"), &path(to), &mut until).unwrap_err().kind(), ErrorKind::Closed);
        }
        assert!(!path("new").exists() && std::fs::read_dir(path("empty")).unwrap().next().is_none());
    }
    assert_eq!(seconds(&restored(&path("backup"), &path("empty"))).len(), 1000);
}
