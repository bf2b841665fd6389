//! The background thread: seals full heads into chunks, has them merged, trims the log, syncs at an interval.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::chunk::ChunkPlace;
use super::chunk_file::NewFile;
use super::cluster::{clusters, cuts};
use super::compact;
use super::layers::Keep;
use super::manifest::Record;
use super::options::SyncPolicy;
use super::retention::{self, Now};
use super::shared::{Shared, Tasks, Writing};
use super::table::Head;
use crate::error::{Error, ErrorKind, Result};

/// How often it is looked whether there is room, and what retention has to do.
const LOOK: Duration = Duration::from_secs(10);
/// How often it is looked what is too old.
const RETAIN: Duration = Duration::from_secs(60);
/// How often what a full disk refused is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// What is sealed into one file with one sync: so many heads, and so many bytes of rows unless a single head has more.
const FILE_HEADS: usize = 512;
const FILE_BYTES: usize = 4 << 20;
const POISONED: &str = "a lock of the store was poisoned";

/// Runs until it is told to stop.
pub(super) fn run(shared: &Shared) {
    let Some(writing) = &shared.writing else { return };
    let _watch = Watch(shared);
    loop {
        if !wait(shared) {
            return;
        }
        if !shared.has_failed() {
            let refusals = shared.space.refusals();
            match work(shared, writing) {
                Ok(()) if shared.look_for_room() => shared.has_room(refusals),
                Ok(()) => {}
                Err(e) => drop(shared.refuse(&e)),
            }
        }
        shared.tasks().attempts += 1;
        shared.sealed.notify_all();
    }
}

/// Should the thread die of a defect, nobody waits for it for ever.
struct Watch<'a>(&'a Shared);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(&Error::new(ErrorKind::Internal, "the thread that seals has died"));
        }
    }
}

/// Waits for something to do; false where the store closes.
fn wait(shared: &Shared) -> bool {
    // On a full disk a request to look is no reason to try again: whoever is refused makes one.
    let full = shared.space.is_full();
    let asked = |tasks: &Tasks| tasks.stop || tasks.retry || (tasks.look && !full);
    let most = match shared.options.sync {
        _ if full => RETRY,
        SyncPolicy::Interval(interval) => interval.min(LOOK),
        _ => LOOK,
    };
    let waited = shared.wake.wait_timeout_while(shared.tasks(), most, |tasks| !asked(tasks));
    let (mut tasks, _) = waited.unwrap_or_else(PoisonError::into_inner);
    (tasks.look, tasks.retry) = (false, false);
    !tasks.stop
}

fn work(shared: &Shared, writing: &Writing) -> Result<()> {
    if matches!(shared.options.sync, SyncPolicy::Interval(_)) {
        shared.flush(&mut shared.lock_log(writing), true)?;
    }
    retain(shared, writing)?;
    if shared.space.is_full() {
        space_again(shared, writing)?;
    }
    loop {
        release_log(shared, writing)?;
        if shared.tasks().stop {
            return Ok(());
        }
        let devices = {
            let _files = shared.lock_files(writing)?;
            seal_some(shared, writing)?
        };
        if devices.is_empty() {
            return Ok(());
        }
        // Merging takes room before it gives some back.
        if !shared.space.is_full() {
            compact::tidy(shared, writing, devices)?;
        }
        if shared.options.max_bytes.is_some() {
            retention::enforce(shared, writing, Now::Clock(shared.clock.now()))?;
        }
    }
}

/// Gives up what is too old or too much, when the time for it has come; on a full disk, whenever there is a try.
fn retain(shared: &Shared, writing: &Writing) -> Result<()> {
    let now = shared.clock.monotonic();
    let due = shared.tasks().retained.is_none_or(|before| now.saturating_sub(before) >= RETAIN);
    if due || shared.space.is_full() {
        shared.tasks().retained = Some(now);
        retention::enforce(shared, writing, Now::Clock(shared.clock.now()))?;
    }
    Ok(())
}

/// Tries what may have been refused: frames that wait for the log, and an edit of the manifest that changes nothing.
fn space_again(shared: &Shared, writing: &Writing) -> Result<()> {
    let mut manifest = writing.lock_manifest();
    shared.flush(&mut shared.lock_log(writing), false)?;
    let frame = shared.read().trimmed;
    shared.record(&mut manifest, vec![Record::Trimmed { frame }])
}

/// Seals the heads that wait longest, as many as go into one file; their devices. The caller holds the lock of the files.
pub(super) fn seal_some(shared: &Shared, writing: &Writing) -> Result<Vec<u32>> {
    let mut bytes = 0;
    let heads: Vec<(u32, Arc<Head>)> = {
        let state = shared.read();
        // On a full disk there may be room for one at least.
        let most = if shared.space.is_full() { 1 } else { FILE_HEADS };
        let fits = |(_, head): &&(u32, Arc<Head>)| {
            let first = bytes == 0;
            bytes += head.rows() * 8 * (1 + head.columns.len());
            first || bytes <= FILE_BYTES
        };
        state.queue.iter().take(most).take_while(fits).cloned().collect()
    };
    if !heads.is_empty() {
        seal(shared, writing, &heads)?;
    }
    Ok(heads.into_iter().map(|(device, _)| device).collect())
}

/// Seals the heads that wait for it, so that nobody who opens the store has to replay them. What does not go through stays in the
/// log.
pub(super) fn seal_waiting(shared: &Shared, writing: &Writing) {
    // In a statement of its own: the lock of the state must not be held on.
    let waiting = shared.read().queue.len();
    for _ in 0..waiting {
        let sealed = shared.lock_files(writing).and_then(|_files| seal_some(shared, writing));
        match sealed {
            Ok(devices) if devices.is_empty() => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(store = shared.label, %error, "what waits to be sealed stays in the log");
                return;
            }
        }
    }
}

/// Where the log has outgrown its bound, what nothing needs goes, and the devices with the oldest rows in it are sealed,
/// however few rows they have; only so many at a time, because writers have to wait while too many rows wait to be sealed.
fn release_log(shared: &Shared, writing: &Writing) -> Result<()> {
    let is_long = || {
        let log = shared.lock_log(writing);
        log.bytes() > shared.options.log_bytes || log.full.len() > 64
    };
    if !is_long() {
        return Ok(());
    }
    {
        // All that is in a segment may be sealed without a seal since that could have removed it: then none would follow.
        let _files = shared.lock_files(writing)?;
        trim(shared, writing)?;
    }
    let oldest_segment = shared.lock_log(writing).full.front().map_or(0, |segment| segment.last_frame);
    let mut state = shared.write();
    if !state.queue.is_empty() {
        return Ok(());
    }
    // At least those that keep the oldest segment: else writers might wait for what never comes.
    let middle = (state.trimmed + (state.next_frame - state.trimmed) / 2).max(oldest_segment);
    let old = |device: &super::device::Device| device.head.rows() > 0 && device.head.first_frame <= middle;
    let old = (0..).zip(&state.devices).filter(|(_, device)| old(device));
    let mut devices: Vec<(u64, u32)> = old.map(|(id, device)| (device.head.first_frame, id)).collect();
    devices.sort_unstable();
    devices.into_iter().take(FILE_HEADS).for_each(|(_, device)| state.freeze(device));
    Ok(())
}

/// Writes heads as chunks into one file, then lets the manifest say so (S9).
fn seal(shared: &Shared, writing: &Writing, heads: &[(u32, Arc<Head>)]) -> Result<()> {
    let places = write_chunks(shared, heads)?;
    let number = places.first().map(|place| place.file);
    publish(shared, writing, heads, places).inspect_err(|e| shared.discard(number, e))?;
    trim(shared, writing)
}

fn publish(shared: &Shared, writing: &Writing, heads: &[(u32, Arc<Head>)], places: Vec<ChunkPlace>) -> Result<()> {
    // What the marks in this edit call durable must be so: the log goes first.
    shared.flush(&mut shared.lock_log(writing), true)?;
    // Another thread's write may have failed with these frames in its hands: then they are nowhere in the log, were never
    // acknowledged, and their numbers will be given to other batches. No chunk may claim them (S9).
    let last = heads.iter().map(|(_, head)| head.last_frame).max().unwrap_or(0);
    if shared.durable() < last {
        return shared.writing().and(Err(Error::new(ErrorKind::ReadOnly, "the log lacks what was to be sealed")));
    }
    let mut records: Vec<Record> = places.into_iter().map(Record::ChunkAdded).collect();
    let mut manifest = writing.lock_manifest();
    {
        let state = shared.read();
        let durable = shared.durable();
        let last: HashMap<u32, u64> = heads.iter().map(|(device, head)| (*device, head.last_frame)).collect();
        for (device, frame) in last {
            records.push(Record::Sealed { device, frame });
            let marks = state.devices[device as usize].marks.all_durable(durable);
            if !marks.is_empty() {
                records.push(Record::Marks { device, marks });
            }
        }
    }
    sealed(shared, &mut manifest, records, heads)
}

/// A file with the rows of the heads, cut where they pass from one cluster of chunks to another (S33).
fn write_chunks(shared: &Shared, heads: &[(u32, Arc<Head>)]) -> Result<Vec<ChunkPlace>> {
    let keep = if shared.options.keep_superseded { Keep::ALL } else { Keep::LAST };
    let mut file = NewFile::start(shared);
    for (device, head) in heads {
        let chunks = shared.read().devices[*device as usize].chunks.clone();
        let layers = head.layers(keep).tables;
        let cuts =
            layers.first().map_or_else(Vec::new, |lowest| cuts(lowest, &clusters(&chunks), shared.options.seal_rows));
        file.add(*device, &layers, &cuts)?;
    }
    file.finish(shared)
}

/// The chunks take the place of the heads in one step, so that a query sees each row once.
fn sealed(
    shared: &Shared,
    manifest: &mut super::manifest::ManifestWriter,
    records: Vec<Record>,
    heads: &[(u32, Arc<Head>)],
) -> Result<()> {
    manifest.append(&records).map_err(|e| shared.refuse(&e))?;
    shared.manifest_number.store(manifest.number, std::sync::atomic::Ordering::Release);
    let mut state = shared.write();
    for record in records {
        state.apply(record)?;
    }
    for (device, head) in heads {
        state.devices[*device as usize].frozen.pop_front();
        state.queue.pop_front();
        state.queued_rows -= head.rows();
    }
    drop(state);
    shared.sealed.notify_all();
    Ok(())
}

/// Removes the segments of the log that nothing needs; the manifest says so first (S9).
fn trim(shared: &Shared, writing: &Writing) -> Result<()> {
    let frame = shared.read().trimmable();
    {
        let log = shared.lock_log(writing);
        if log.full.front().is_none_or(|segment| segment.last_frame > frame) {
            return Ok(());
        }
    }
    let mut manifest = writing.lock_manifest();
    let mut records = vec![Record::Trimmed { frame }];
    {
        // Frames that go may hold the only mark of a device that was sealed before.
        let state = shared.read();
        let durable = shared.durable();
        for (device, known) in (0..).zip(&state.devices) {
            let marks = known.marks.all_durable(durable);
            if !marks.is_empty() {
                records.push(Record::Marks { device, marks });
            }
        }
    }
    shared.record(&mut manifest, records)?;
    drop(manifest);
    let mut log = shared.lock_log(writing);
    log.trim(&*shared.disk, frame)?;
    shared.measure(&log);
    Ok(())
}

/// Freezes every head and waits until all are sealed.
pub(super) fn seal_all(shared: &Shared) -> Result<()> {
    shared.look_for_room();
    {
        let mut state = shared.write();
        (0..state.devices.len() as u32).for_each(|device| state.freeze(device));
    }
    wait_for_room(shared, 0)
}

/// Waits until at most that many rows wait to be sealed. On a full disk, until it was tried once more.
fn wait_for_room(shared: &Shared, rows: usize) -> Result<()> {
    wait_until(shared, || shared.read().queued_rows <= rows)
}

/// Waits while more rows wait to be sealed than may, or the log is far longer than it may be.
pub(super) fn hold_back(shared: &Shared) -> Result<()> {
    wait_until(shared, || {
        shared.read().queued_rows <= shared.options.unsealed_rows && !shared.log_is_long.load(Ordering::Acquire)
    })
}

fn wait_until(shared: &Shared, is_done: impl Fn() -> bool) -> Result<()> {
    let before = shared.tasks().attempts;
    loop {
        shared.writing()?;
        let done = is_done();
        match shared.space.reason() {
            None if done => return Ok(()),
            None => shared.ask_to_look(),
            // The attempt that was being made at the beginning does not count.
            Some(_) if shared.tasks().attempts < before + 2 => shared.ask_to_retry(),
            Some(_) if done => return Ok(()),
            Some(reason) => return Err(shared.full_error(&reason)),
        }
        let tasks = shared.tasks();
        let pause = std::time::Duration::from_millis(10);
        drop(shared.sealed.wait_timeout(tasks, pause).map_err(|_| super::wire::damaged(POISONED))?);
    }
}
