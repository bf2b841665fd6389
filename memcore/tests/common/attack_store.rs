//! What must hold of a store whose files may hold anything: shared by the fuzz target and by a bounded run in the tests.

use std::sync::{Arc, OnceLock};

use memcore::model::{Batch, Channel, ChannelName, Pattern, Timestamp, Unit};
use memcore::store::{Aggregate, Disk, Query, SimulatedDisk, Store, StoreOptions, SyncPolicy};

const MANIFEST: &str = "MANIFEST";
const COPY: &str = "MANIFEST.copy";
/// Rows whose size is told before they are decoded: more than a file of this size could hold.
const ROWS: usize = 10_000_000;

fn options() -> StoreOptions {
    StoreOptions::default().sync(SyncPolicy::Os).seal_rows(64).segment_bytes(4096).log_bytes(1 << 20).skip_damaged(true)
}

fn open(disk: &SimulatedDisk) -> memcore::Result<Store> {
    Store::open_on(Arc::new(disk.clone()), "attacked", options())
}

fn batch(start: i64, rows: i64) -> Batch {
    let names: Arc<[ChannelName]> = ["a", "b"].iter().map(|name| ChannelName::new(name).expect("a name")).collect();
    let times = (start..start + rows).map(|second| Timestamp::from_seconds(second * second)).collect();
    let values = (0..rows * 2).map(|n| (n % 5 != 0).then_some(n as f64 / 7.0)).collect();
    Batch::new("home1.pv".parse().expect("a name"), names, times, values).expect("a batch")
}

fn register(store: &Store) -> memcore::Result<()> {
    let channel = |name| Channel::gauge(name, Unit::Watt)?.build();
    store.register(&"home1.pv".parse()?, &[channel("a")?, channel("b")?])
}

/// A sound store of four files: the manifest and its copy, a segment of the log, a file of chunks.
fn sound() -> &'static SimulatedDisk {
    static SOUND: OnceLock<SimulatedDisk> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = SimulatedDisk::new();
        let store = open(&disk).expect("a store");
        register(&store).expect("registered");
        store.write(&batch(0, 40)).expect("written");
        store.seal().expect("sealed");
        (0..6).for_each(|part| store.write(&batch(40 + part * 3, 3)).expect("written"));
        disk.copy()
    })
}

/// The files that can be attacked, in this order, and what is in them.
pub(crate) fn files() -> Vec<(String, Vec<u8>)> {
    let names = sound().list().expect("a list").into_iter().filter(|name| name != "LOCK");
    let mut files: Vec<_> = names.map(|name| (name.clone(), sound().content_of(&name).expect("it is there"))).collect();
    files.sort();
    files
}

/// The first byte says which file the others are, and whether its checksums are made to fit, so that what lies behind them is
/// reached too. Nothing panics; what can be opened can be asked, checked, written and opened again.
pub(crate) fn store(bytes: &[u8]) {
    let Some((first, content)) = bytes.split_first() else { return };
    let files = files();
    let (name, _) = &files[usize::from(first >> 1) % files.len()];
    let mut content = content.to_vec();
    if first & 1 == 1 {
        fit_checksums(name, &mut content);
    }
    let disk = sound().copy();
    if name == MANIFEST {
        // Nor does its copy help.
        disk.set_content(COPY, content.clone());
    }
    disk.set_content(name, content);
    if let Ok(reader) = Store::open_read_only_on(Arc::new(disk.copy()), "attacked", options()) {
        ask(&reader);
    }
    let Ok(store) = open(&disk) else { return };
    ask(&store);
    // A channel may mean something else by now, or be gone: then that is what is said.
    if register(&store).and_then(|()| store.write(&batch(5000, 3))).is_ok() {
        let _ = store.seal();
        ask(&store);
    }
    let closed = store.close();
    drop(store);
    let reopened = open(&disk);
    assert!(closed.is_err() || reopened.is_ok(), "closed in order, and then: {:?}", reopened.err());
    reopened.iter().for_each(ask);
}

fn ask(store: &Store) {
    if let Ok(result) = store.query(&Query::of(">").expect("a selection")) {
        for series in result.series() {
            assert!(series.times().len() < ROWS);
            assert!(series.times().values().is_sorted_by(|a, b| a < b), "{} does not rise", series.series());
        }
    }
    let count = Query::of(">").expect("a selection").aggregate(Aggregate::Mean).aggregate(Aggregate::Count);
    let _ = store.query(&count);
    let everything: Pattern = ">".parse().expect("a pattern");
    let _ = store.latest(&everything);
    let _ = store.series_stats(&everything);
    let _ = (store.stats(), store.verify());
}

/// Layouts as in `docs/storage.md`: the header of the file, then of frames or chunks.
fn fit_checksums(name: &str, bytes: &mut [u8]) {
    let header = if name.starts_with("log-") { 52 } else { 16 };
    if bytes.len() < header {
        return;
    }
    put(bytes, 12, crc32c::crc32c(&bytes[..12]));
    if name.starts_with("log-") {
        put(bytes, 48, crc32c::crc32c(&bytes[..48]));
    }
    let mut at = header;
    while let Some(rest) = bytes.get_mut(at..).filter(|rest| rest.len() > 40) {
        at += match name {
            MANIFEST | COPY => fit_frame(rest, 16, |frame| crc32c::crc32c(&frame[8..])),
            _ if name.starts_with("log-") => {
                fit_frame(rest, 20, |frame| crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..]))
            }
            _ => fit_chunk(rest),
        };
    }
}

fn put(bytes: &mut [u8], at: usize, checksum: u32) {
    bytes[at..at + 4].copy_from_slice(&checksum.to_le_bytes());
}

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
}

fn fit_frame(rest: &mut [u8], head: usize, checksum: impl Fn(&[u8]) -> u32) -> usize {
    let end = number(rest, 0).saturating_add(head);
    if end > rest.len() {
        return rest.len();
    }
    let fitting = checksum(&rest[..end]);
    put(rest, 4, fitting);
    end
}

fn fit_chunk(rest: &mut [u8]) -> usize {
    let directory_end = number(rest, 24).saturating_add(40);
    if directory_end <= rest.len() {
        let fitting = crc32c::crc32c_append(crc32c::crc32c(&rest[..36]), &rest[40..directory_end]);
        put(rest, 36, fitting);
    }
    directory_end.saturating_add(number(rest, 28))
}
