//! The background thread: seals full heads into chunks, merges small chunks, trims the log, syncs at an interval.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::chunk::{self, ChunkPlace, Directory, FILE_MAGIC};
use super::format::{self, numbered};
use super::manifest::Record;
use super::options::SyncPolicy;
use super::retention::{self, Now};
use super::shared::{Shared, Tasks, Writing};
use super::space::unclear;
use super::state::CHUNKS;
use super::table::{Head, Table};
use crate::error::{Error, ErrorKind, Result, Retry};

/// How often it is looked whether there is room, and what retention has to do.
const LOOK: Duration = Duration::from_secs(10);
/// How often it is looked what is too old.
const RETAIN: Duration = Duration::from_secs(60);
/// How often what a full disk refused is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Heads that are sealed into one file with one sync.
const AT_ONCE: usize = 8;
/// Small chunks at the end of a device's list that are merged into one.
const SMALL_CHUNKS: usize = 8;
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
            match work(shared, writing) {
                Ok(()) if shared.look_for_room() => shared.has_room(),
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
    release_log(shared, writing);
    loop {
        let heads: Vec<(u32, Arc<Head>)> = shared.read().queue.iter().take(AT_ONCE).cloned().collect();
        if heads.is_empty() || shared.tasks().stop {
            return Ok(());
        }
        seal(shared, writing, &heads)?;
        merge_small(shared, writing, &heads)?;
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
    let mut manifest = writing.manifest.lock().unwrap_or_else(PoisonError::into_inner);
    shared.flush(&mut shared.lock_log(writing), false)?;
    let frame = shared.read().trimmed;
    shared.record(&mut manifest, vec![Record::Trimmed { frame }])
}

/// Where the log has outgrown its bound, the devices with the oldest rows in it are sealed, however few rows they have.
fn release_log(shared: &Shared, writing: &Writing) {
    let long = {
        let log = shared.lock_log(writing);
        log.bytes() > shared.options.log_bytes || log.full.len() > 64
    };
    if !long {
        return;
    }
    let mut state = shared.write();
    let middle = state.trimmed + (state.next_frame - state.trimmed) / 2;
    let old = |device: &super::device::Device| device.head.rows() > 0 && device.head.first_frame <= middle;
    let devices: Vec<u32> = (0..).zip(&state.devices).filter(|(_, device)| old(device)).map(|(id, _)| id).collect();
    devices.into_iter().for_each(|device| state.freeze(device));
}

/// Writes heads as chunks into one file, then lets the manifest say so (S9).
fn seal(shared: &Shared, writing: &Writing, heads: &[(u32, Arc<Head>)]) -> Result<()> {
    let tables = heads.iter().map(|(device, head)| (*device, head.to_table())).collect::<Vec<_>>();
    let mut file = NewFile::start(shared);
    for (device, table) in &tables {
        file.add(*device, table)?;
    }
    let number = file.number;
    let places = file.finish(shared)?;
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
    let mut manifest = writing.manifest.lock().unwrap_or_else(PoisonError::into_inner);
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
    let mut manifest = writing.manifest.lock().unwrap_or_else(PoisonError::into_inner);
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
    shared.lock_log(writing).trim(&*shared.disk, frame)
}

/// Merges the last chunks of a device while they are many and small, larger ones only with as many rows after them.
fn merge_small(shared: &Shared, writing: &Writing, heads: &[(u32, Arc<Head>)]) -> Result<()> {
    let mut devices: Vec<u32> = heads.iter().map(|(device, _)| *device).collect();
    devices.sort_unstable();
    devices.dedup();
    for device in devices {
        let (small, files) = {
            let state = shared.read();
            let chunks = &state.devices[device as usize].chunks;
            let small = chunks[chunks.len() - small_tail(chunks, shared.options.seal_rows)..].to_vec();
            let files: Vec<_> = small.iter().map(|chunk| state.file(chunk.file)).collect();
            (small, files)
        };
        if small.len() < SMALL_CHUNKS {
            continue;
        }
        let mut tables = Vec::new();
        for (place, file) in small.iter().zip(files) {
            let file = file.ok_or_else(|| super::wire::damaged("a file of chunks"))?.open()?;
            match Directory::read(&*file, place).and_then(|directory| directory.table(&*file)) {
                Ok(table) => tables.push(table),
                // A damaged chunk stays what it is and where it is, and so do its neighbours.
                Err(_) => return Ok(()),
            }
        }
        replace(shared, writing, device, &small, &Table::merge(&tables))?;
    }
    Ok(())
}

/// How many chunks at the end are small and worth merging.
fn small_tail(chunks: &[ChunkPlace], seal_rows: usize) -> usize {
    let (mut rows, mut largest, mut worth) = (0u64, 0u64, 0);
    for (count, chunk) in (1..).zip(chunks.iter().rev()) {
        let own = u64::from(chunk.rows);
        if own * 2 > seal_rows as u64 {
            break;
        }
        rows += own;
        largest = largest.max(own);
        // Rewriting a large chunk for a few new rows, again and again, would cost more than it gains.
        if largest <= 2 * (rows - largest) {
            worth = count;
        }
    }
    worth
}

fn replace(shared: &Shared, writing: &Writing, device: u32, old: &[ChunkPlace], table: &Table) -> Result<()> {
    let order = old.last().map_or(0, |chunk| chunk.order);
    let mut file = NewFile::start(shared);
    for start in (0..table.times.len()).step_by(shared.options.seal_rows) {
        let end = (start + shared.options.seal_rows).min(table.times.len());
        file.add_with_order(device, &table.slice(start, end), order)?;
    }
    let number = file.number;
    let places = file.finish(shared)?;
    let removed = old.iter().map(|c| Record::ChunkRemoved { device, file: c.file, offset: c.offset });
    let records = removed.chain(places.into_iter().map(Record::ChunkAdded)).collect();
    let mut manifest = writing.manifest.lock().unwrap_or_else(PoisonError::into_inner);
    shared.record(&mut manifest, records).inspect_err(|e| shared.discard(number, e))
}

/// A file of chunks that is being made.
struct NewFile {
    number: u64,
    next_order: u64,
    bytes: Vec<u8>,
    places: Vec<ChunkPlace>,
}

impl NewFile {
    /// Only the background thread makes files and hands out orders.
    fn start(shared: &Shared) -> Self {
        let mut state = shared.write();
        let number = state.next_file;
        state.next_file += 1;
        Self { number, next_order: state.next_order, bytes: format::header(FILE_MAGIC).to_vec(), places: Vec::new() }
    }

    fn add(&mut self, device: u32, table: &Table) -> Result<()> {
        self.next_order += 1;
        self.add_with_order(device, table, self.next_order - 1)
    }

    fn add_with_order(&mut self, device: u32, table: &Table, order: u64) -> Result<()> {
        let (Some(first), Some(last)) = (table.times.first(), table.times.last()) else { return Ok(()) };
        let offset = self.bytes.len() as u64;
        chunk::encode(table, device, order, &mut self.bytes)?;
        self.places.push(ChunkPlace {
            device,
            file: self.number,
            offset,
            length: self.bytes.len() as u64 - offset,
            order,
            rows: table.times.len() as u32,
            points: table.columns.iter().map(|column| column.values.len() as u64).sum(),
            first: *first,
            last: *last,
        });
        Ok(())
    }

    /// The file is durable under its name when this returns.
    fn finish(self, shared: &Shared) -> Result<Vec<ChunkPlace>> {
        let name = numbered(CHUNKS, self.number);
        shared.look_for_room();
        let write = || -> std::io::Result<()> {
            let file = shared.disk.create(&name)?;
            file.write_at(&self.bytes, 0)?;
            // Where this says that the disk is full, the file is made anew: its rows are still there (S41).
            file.sync()?;
            shared.disk.sync_folder().map_err(unclear)
        };
        write().map_err(|e| {
            let error = shared.refuse(&Error::io(format_args!("write {name}"), e));
            shared.discard(self.number, &error);
            error
        })?;
        Ok(self.places)
    }
}

impl Shared {
    /// A file of chunks that a full disk kept from being used is taken away, or its space would be missing, too.
    fn discard(&self, number: u64, error: &Error) {
        let name = numbered(CHUNKS, number);
        if error.retry() == Retry::Safe
            && let Err(e) = self.disk.remove(&name)
        {
            tracing::debug!(file = name, error = %e, "an unused file of chunks stays until the store is opened again");
        }
    }
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
pub(super) fn wait_for_room(shared: &Shared, rows: usize) -> Result<()> {
    let before = shared.tasks().attempts;
    loop {
        shared.writing()?;
        let done = shared.read().queued_rows <= rows;
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
