//! Readers beside a writer: at every moment a prefix, each row once, whatever the writer does meanwhile.

mod store_support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use memcore::store::{CompactOptions, Disk, Query, SimulatedDisk, Store, StoreOptions, SyncPolicy};
use store_support::*;

fn small() -> StoreOptions {
    StoreOptions::default().seal_rows(60).segment_bytes(8192).log_bytes(1 << 15).sync(SyncPolicy::Os)
}

fn seen(store: &Store, of: &str) -> Vec<(i64, f64)> {
    rows(store, Query::new(pattern(&format!("{of}.power"))))
}

/// Devices turn up one after the other, all take part in one count; now and then everything is sealed or merged.
/// It runs ahead of the reader by so much that there is always something new, and not more than can be looked at.
fn write_for_ever(path: &Path, written: &AtomicI64, refreshes: &AtomicI64, stop: &AtomicBool) {
    let store = Store::open(path, small()).unwrap();
    for number in 0.. {
        let name = format!("home{}.pv", number % (2 + number / 400).min(12));
        store.register(&device(&name), &watts(&["power"])).unwrap();
        store.write(&power(&name, &[(number, number as f64)])).unwrap();
        written.store(number + 1, Ordering::SeqCst);
        match number % 997 {
            300 => store.seal().unwrap(),
            700 => drop(store.compact(pattern(">"), &CompactOptions::default(), &mut |_, _| Ok(())).unwrap()),
            _ => {}
        }
        if stop.load(Ordering::SeqCst) {
            break;
        }
        while number > 100 + 6 * refreshes.load(Ordering::SeqCst) && !stop.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    }
    store.close().unwrap();
}

#[test]
fn a_reader_that_follows_a_live_writer_for_thousands_of_refreshes_always_sees_a_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    Store::open(&path, small()).unwrap().close().unwrap();
    let (written, refreshes) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (path, written, refreshes, stop) = (path.clone(), written.clone(), refreshes.clone(), stop.clone());
        std::thread::spawn(move || write_for_ever(&path, &written, &refreshes, &stop))
    };
    let reader = Store::open_read_only(&path, small()).unwrap();
    let mut most = 0;
    for refresh in 0..3000 {
        let before = written.load(Ordering::SeqCst);
        reader.refresh().unwrap();
        let mut all: Vec<i64> = rows(&reader, Query::new(pattern("*.pv.power"))).iter().map(|(time, _)| *time).collect();
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..all.len() as i64), "refresh {refresh}: a prefix, each row once");
        assert!(all.len() as i64 >= before.max(most), "refresh {refresh}: {} of {before}", all.len());
        most = all.len() as i64;
        refreshes.store(refresh + 1, Ordering::SeqCst);
    }
    assert!(most > 9_000, "{most} rows");
    stop.store(true, Ordering::SeqCst);
    writer.join().unwrap();
    reader.refresh().unwrap();
    let fresh = Store::open_read_only(&path, small()).unwrap();
    for number in 0..12 {
        let name = format!("home{number}.pv");
        assert_eq!(seen(&reader, &name), seen(&fresh, &name));
    }
    assert_eq!(reader.latest(pattern(">")).unwrap(), fresh.latest(pattern(">")).unwrap());
    assert!(reader.stats().damage.is_empty() && reader.verify().unwrap().is_sound());
}

/// A disk that counts the bytes that are read.
#[derive(Debug)]
struct Counting(SimulatedDisk, Arc<AtomicI64>);

#[derive(Debug)]
struct CountingFile(Box<dyn memcore::store::DiskFile>, Arc<AtomicI64>);

impl memcore::store::DiskFile for CountingFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.1.fetch_add(into.len() as i64, Ordering::SeqCst);
        self.0.read_at(into, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.0.write_at(bytes, offset)
    }
    fn sync(&self) -> std::io::Result<()> {
        self.0.sync()
    }
    fn length(&self) -> std::io::Result<u64> {
        self.0.length()
    }
    fn reserve(&self, length: u64, zeros: bool) -> std::io::Result<()> {
        self.0.reserve(length, zeros)
    }
}

impl Disk for Counting {
    fn list(&self) -> std::io::Result<Vec<String>> {
        self.0.list()
    }
    fn open(&self, name: &str) -> std::io::Result<Box<dyn memcore::store::DiskFile>> {
        Ok(Box::new(CountingFile(self.0.open(name)?, self.1.clone())))
    }
    fn create(&self, name: &str) -> std::io::Result<Box<dyn memcore::store::DiskFile>> {
        self.0.create(name)
    }
    fn rename(&self, from: &str, to: &str) -> std::io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.0.remove(name)
    }
    fn sync_folder(&self) -> std::io::Result<()> {
        self.0.sync_folder()
    }
    fn lock(&self) -> std::io::Result<bool> {
        self.0.lock()
    }
    fn unlock(&self) {
        self.0.unlock();
    }
}

#[test]
fn a_refresh_reads_what_is_new_and_no_more() {
    let disk = SimulatedDisk::new();
    let large = || StoreOptions::default().seal_rows(4000);
    let store = Store::open_on(Arc::new(disk.clone()), "disk", large()).unwrap();
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    let batch = |from: i64| power("home1.pv", &(from..from + 1000).map(|time| (time, time as f64)).collect::<Vec<_>>());
    (0..11).for_each(|block| store.write(&batch(block * 1000)).unwrap());
    let bytes = Arc::new(AtomicI64::new(0));
    let counting = Arc::new(Counting(disk.clone(), bytes.clone()));
    let reader = Store::open_read_only_on(counting, "disk", large()).unwrap();
    let opening = bytes.swap(0, Ordering::SeqCst);
    assert!(opening > 20_000, "{opening} bytes");

    reader.refresh().unwrap();
    assert!(bytes.swap(0, Ordering::SeqCst) < 200, "nothing is new");
    store.write(&power("home1.pv", &[(11_000, 11_000.0)])).unwrap();
    reader.refresh().unwrap();
    let one_row = bytes.swap(0, Ordering::SeqCst);
    assert!(one_row < 400, "{one_row} bytes for one row");
    store.write(&batch(11_001)).unwrap();
    store.seal().unwrap();
    reader.refresh().unwrap();
    let sealed = bytes.swap(0, Ordering::SeqCst);
    assert!(sealed < 20_000, "{sealed} bytes for 1000 rows that were sealed as well");
    assert_eq!(reader.stats().unsealed_points, 0);
    assert_eq!(seen(&reader, "home1.pv"), seen(&store, "home1.pv"));
}

#[test]
fn what_is_deleted_and_given_up_is_gone_for_readers_too() {
    let disk = SimulatedDisk::new();
    let store =
        Store::open_on(Arc::new(disk.clone()), "disk", small().keep(memcore::model::Span::from_seconds(500))).unwrap();
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    (0..200).for_each(|time| store.write(&power("home1.pv", &[(time, time as f64)])).unwrap());
    let reader = Store::open_read_only_on(Arc::new(disk), "disk", small()).unwrap();
    let same = |at_least: usize| {
        reader.refresh().unwrap();
        assert_eq!(seen(&reader, "home1.pv"), seen(&store, "home1.pv"));
        assert_eq!(reader.latest(pattern(">")).unwrap(), store.latest(pattern(">")).unwrap());
        assert!(seen(&reader, "home1.pv").len() >= at_least);
    };
    same(200);
    store.delete(pattern("home1.pv.power"), at(150), at(1000)).unwrap();
    same(150);
    store.write(&power("home1.pv", &[(160, 1.0)])).unwrap();
    same(151);
    store.seal().unwrap();
    store.enforce_retention(at(600)).unwrap();
    same(1);
    store.enforce_retention(at(6000)).unwrap();
    same(0);
    assert_eq!(reader.stats().points(), 0);
}
