//! Appends, commits, sealing, deletion, merging, failure and closing in thousands of orders. Every operation on the disk waits
//! until a schedule lets it go on, so threads meet in places where they never would by chance. Whatever the order: what was
//! acknowledged is recovered, nothing is there twice or only in part, and no frame number is given out again (S5, S9, S35).

mod store_support;

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use memcore::store::{CompactOptions, Disk, DiskFile, Query, SimulatedDisk, Store, StoreOptions, Ticket};
use store_support::*;

/// Lets one waiting operation after another go on.
#[derive(Debug, Default)]
struct Turns {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Nobody has to wait.
    open: bool,
    arrived: u64,
    numbers: Vec<u64>,
}

impl Turns {
    /// Waits for its turn.
    fn take(&self) {
        let mut waiting = self.waiting.lock().unwrap();
        if waiting.open {
            return;
        }
        let number = waiting.arrived;
        waiting.arrived += 1;
        waiting.numbers.push(number);
        self.changed.notify_all();
        let turn = |waiting: &mut Waiting| !waiting.open && waiting.numbers.contains(&number);
        drop(self.changed.wait_while(waiting, turn).unwrap());
    }

    /// Lets one of those that wait go on, once some do; gives the others a moment to come to where they wait.
    fn give(&self, dice: &mut Dice) {
        let waiting = self.waiting.lock().unwrap();
        let pause = Duration::from_micros(500);
        let (mut waiting, _) = self.changed.wait_timeout_while(waiting, pause, |w| w.numbers.is_empty()).unwrap();
        if dice.below(2) == 0 {
            let known = waiting.arrived;
            let pause = Duration::from_micros(60);
            waiting = self.changed.wait_timeout_while(waiting, pause, |w| w.arrived == known).unwrap().0;
        }
        if !waiting.numbers.is_empty() {
            let chosen = dice.below(waiting.numbers.len() as u64) as usize;
            waiting.numbers.swap_remove(chosen);
            self.changed.notify_all();
        }
    }

    fn set_open(&self, open: bool) {
        self.waiting.lock().unwrap().open = open;
        self.changed.notify_all();
    }
}

/// A disk whose changes wait for their turn.
#[derive(Debug, Clone)]
struct Gated {
    disk: SimulatedDisk,
    turns: Arc<Turns>,
}

impl Gated {
    fn file(&self, file: io::Result<Box<dyn DiskFile>>) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(GatedFile { file: file?, turns: Arc::clone(&self.turns) }))
    }
}

impl Disk for Gated {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.file(self.disk.open(name))
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.turns.take();
        self.file(self.disk.create(name))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.turns.take();
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.turns.take();
        self.disk.remove(name)
    }
    fn sync_folder(&self) -> io::Result<()> {
        self.turns.take();
        self.disk.sync_folder()
    }
    fn lock(&self) -> io::Result<bool> {
        self.disk.lock()
    }
    fn unlock(&self) {
        self.disk.unlock();
    }
}

#[derive(Debug)]
struct GatedFile {
    file: Box<dyn DiskFile>,
    turns: Arc<Turns>,
}

impl DiskFile for GatedFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(into, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.turns.take();
        self.file.write_at(bytes, offset)
    }
    fn sync(&self) -> io::Result<()> {
        self.turns.take();
        self.file.sync()
    }
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
    fn reserve(&self, length: u64, zeros: bool) -> io::Result<()> {
        self.file.reserve(length, zeros)
    }
}

const DEVICES: [&str; 2] = ["home1.pv", "home2.pv"];
const BATCHES: u64 = 14;

/// Batch `number` of a device: two rows at times that no other batch of it has.
fn batch(of: usize, number: u64) -> memcore::model::Batch {
    let time = number as i64 * 10;
    let rows = [(time, number as f64), (time + 1, number as f64 + 0.5)];
    numbered(power(DEVICES[of], &rows), 7, number + 1)
}

/// What the threads of one schedule have come to.
#[derive(Default)]
struct Progress {
    /// By device: batches below this are acknowledged.
    acknowledged: [AtomicU64; 2],
    /// Of the first device: below which batches deletions were begun, in their order, and below which they are known deleted.
    deletions: Mutex<Vec<u64>>,
    deleted: AtomicU64,
    /// In order of tickets once sorted: ticket, device, batch.
    appended: Mutex<Vec<(Ticket, usize, u64)>>,
    running: AtomicUsize,
}

/// The disk after a power cut, and what had been promised before it.
struct Image {
    disk: SimulatedDisk,
    acknowledged: [u64; 2],
    deletions: Vec<u64>,
    deleted: u64,
}

impl Progress {
    fn image(&self, disk: &SimulatedDisk, dice: &mut Dice) -> Image {
        let load = |number: &AtomicU64| number.load(Ordering::SeqCst);
        // What is promised is read first; what may have begun is read last.
        let (acknowledged, deleted) = ([load(&self.acknowledged[0]), load(&self.acknowledged[1])], load(&self.deleted));
        let disk = disk.crash(&mut || dice.roll());
        Image { disk, acknowledged, deleted, deletions: self.deletions.lock().unwrap().clone() }
    }
}

/// Appends and commits until it is done or refused.
fn record(store: &Store, of: usize, progress: &Progress, mut dice: Dice) {
    for number in 0..BATCHES {
        let Ok(ticket) = store.append(&batch(of, number)) else { return };
        progress.appended.lock().unwrap().push((ticket, of, number));
        if dice.below(3) > 0 {
            if store.commit(ticket).is_err() {
                return;
            }
            progress.acknowledged[of].store(number + 1, Ordering::SeqCst);
        }
    }
}

/// Seals, deletes and merges while the others write, and may close the store under them.
fn keep_house(store: &Store, progress: &Progress, mut dice: Dice) {
    for _ in 0..3 {
        let done = match dice.below(4) {
            0 => store.seal(),
            1 => store.compact(pattern("*.pv.power"), &CompactOptions::default(), &mut |_, _| Ok(())).map(|_| ()),
            2 => store.sync(),
            _ => {
                let before = progress.acknowledged[0].load(Ordering::SeqCst);
                progress.deletions.lock().unwrap().push(before);
                let done = store.delete(pattern("home1.pv.power"), at(0), at(before as i64 * 10)).map(|_| ());
                if done.is_ok() {
                    progress.deleted.store(before, Ordering::SeqCst);
                }
                done
            }
        };
        if done.is_err() {
            return;
        }
    }
    if dice.below(3) == 0 {
        let _ = store.close();
    }
}

/// One schedule: everything at once, in the order that the dice say.
fn run(seed: u64) -> usize {
    let mut dice = Dice(seed);
    let disk = SimulatedDisk::forgetful();
    let turns = Arc::new(Turns::default());
    turns.set_open(true);
    let gated = Gated { disk: disk.clone(), turns: Arc::clone(&turns) };
    let options = StoreOptions::default().seal_rows(6).segment_bytes(4096).log_bytes(8192);
    let store = Store::open_on(Arc::new(gated), "gated", options.clone()).unwrap();
    // The second channel has no data: with it, whole chunks do not simply go when the first one is deleted.
    DEVICES.iter().for_each(|name| store.register(&device(name), &watts(&["power", "other"])).unwrap());
    turns.set_open(false);

    let progress = Progress { running: AtomicUsize::new(3), ..Progress::default() };
    let seeds = [dice.roll(), dice.roll(), dice.roll()];
    let fails_at = if dice.below(3) == 0 { dice.below(80) } else { u64::MAX };
    // A disk may fail once and then seem to work.
    let heals_at = fails_at.saturating_add(1 + dice.below(3));
    let mut images = Vec::new();
    std::thread::scope(|scope| {
        for (of, seed) in seeds.into_iter().enumerate() {
            let (store, progress) = (&store, &progress);
            scope.spawn(move || {
                match of {
                    2 => keep_house(store, progress, Dice(seed)),
                    _ => record(store, of, progress, Dice(seed)),
                }
                progress.running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        for step in 0.. {
            if progress.running.load(Ordering::SeqCst) == 0 {
                break;
            }
            turns.give(&mut dice);
            if step == heals_at {
                disk.heal();
            }
            if step == fails_at {
                if dice.below(2) == 0 { disk.fail_syncs_from(0) } else { disk.fail_writes_from(0) }
            }
            if dice.below(12) == 0 {
                images.push(progress.image(&disk, &mut dice));
            }
        }
    });
    turns.set_open(true);
    let _ = store.close();
    images.push(progress.image(&disk, &mut dice));
    let mut appended = progress.appended.into_inner().unwrap();
    appended.sort_unstable();
    assert!(appended.windows(2).all(|pair| pair[0].0 < pair[1].0), "seed {seed}: a ticket was given twice");
    let count = images.len();
    images.iter().for_each(|image| check(image, &appended, seed, &options));
    count
}

fn check(image: &Image, appended: &[(Ticket, usize, u64)], seed: u64, options: &StoreOptions) {
    frames_are_numbered_once(&image.disk, seed);
    let store = Store::open_on(Arc::new(image.disk.clone()), "image", options.clone())
        .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    let stats = store.stats();
    assert_eq!(stats.damage, Vec::<String>::new(), "seed {seed}");
    let found = [0, 1].map(|of| batches(&store, of, seed));
    let values: usize = found.iter().map(|batches| 2 * batches.len()).sum();
    if image.deletions.is_empty() {
        assert_eq!(stats.points(), values as u64, "seed {seed}: a row is there twice");
    }
    // A deletion took everything below where it was asked to, or nothing: the first batch left says which ones had come to pass.
    let begins = found[0].first().or(image.deletions.last()).copied().unwrap_or_default();
    assert!(begins == 0 || image.deletions.contains(&begins), "seed {seed}: begins at {begins}, deleted in part");
    assert!(begins >= image.deleted, "seed {seed}: deleted, and there again");
    for (of, begins) in [begins, 0].into_iter().enumerate() {
        let lacks = (begins..image.acknowledged[of]).find(|number| !found[of].contains(number));
        assert_eq!(lacks, None, "seed {seed}: acknowledged, and not recovered");
    }
    // The first batch that is not there ends what is there (S12), apart from what was deleted.
    let counts = |(_, of, number): &&(Ticket, usize, u64)| *of == 1 || *number >= begins;
    let mut rest = appended.iter().filter(counts).skip_while(|(_, of, number)| found[*of].contains(number));
    assert_eq!(rest.find(|(_, of, number)| found[*of].contains(number)), None, "seed {seed}: not a prefix");
    // The store goes on from there.
    let next = found[1].last().map_or(0, |last| last + 1);
    store.write(&batch(1, next)).unwrap();
    assert!(batches(&store, 1, seed).contains(&next), "seed {seed}: taken for a repetition");
    store.close().unwrap();
    frames_are_numbered_once(&image.disk, seed);
}

/// The batches of a device that the store has, each whole.
fn batches(store: &Store, of: usize, seed: u64) -> BTreeSet<u64> {
    let rows = rows(store, Query::new(pattern(&format!("{}.power", DEVICES[of]))));
    let found: BTreeSet<u64> = rows.iter().map(|(time, _)| (time / 10) as u64).collect();
    let whole = found.iter().flat_map(|n| [(*n as i64 * 10, *n as f64), (*n as i64 * 10 + 1, *n as f64 + 0.5)]);
    assert_eq!(rows, whole.collect::<Vec<_>>(), "seed {seed}: a batch in part");
    found
}

/// No two whole frames of the log have the same number.
fn frames_are_numbered_once(disk: &SimulatedDisk, seed: u64) {
    const HEADER: usize = 52;
    let mut numbers = BTreeSet::new();
    for name in disk.list().unwrap().iter().filter(|name| name.starts_with("log-")) {
        let bytes = disk.content_of(name).unwrap();
        let mut rest = bytes.get(HEADER..).unwrap_or_default();
        while let Some((header, after)) = rest.split_first_chunk::<20>() {
            let length = u32::from_le_bytes(header[..4].try_into().unwrap()) as usize;
            let Some(payload) = after.get(..length).filter(|_| length > 0) else { break };
            let checksum = [&header[..4], &header[8..], payload].concat();
            if crc32c::crc32c(&checksum).to_le_bytes() != header[4..8] {
                break;
            }
            let number = u64::from_le_bytes(header[8..16].try_into().unwrap());
            assert!(numbers.insert(number), "seed {seed}: frame {number} stands in the log twice");
            rest = &after[length..];
        }
    }
}

fn schedules(from: u64) {
    let images: usize = (from..from + 500).map(run).sum();
    assert!(images > 1500, "{images} images");
}

#[test]
fn five_hundred_schedules() {
    schedules(0);
}

#[test]
fn five_hundred_others() {
    schedules(10_000);
}

#[test]
fn five_hundred_more() {
    schedules(20_000);
}

#[test]
fn five_hundred_at_last() {
    schedules(30_000);
}
