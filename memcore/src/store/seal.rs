//! The background thread: seals full heads into chunks, merges small chunks, trims the log, syncs at an interval.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use super::chunk::{self, ChunkPlace, Directory, FILE_MAGIC};
use super::format::{self, numbered};
use super::manifest::Record;
use super::options::SyncPolicy;
use super::shared::{Shared, Writing};
use super::state::CHUNKS;
use super::table::{Head, Table};
use crate::error::{Error, ErrorKind, Result};

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
        if shared.read_only_reason().is_none()
            && let Err(e) = work(shared, writing)
        {
            shared.fail(&e);
        }
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
    let mut tasks = shared.tasks();
    while !tasks.look && !tasks.stop {
        tasks = match shared.options.sync {
            SyncPolicy::Interval(interval) => {
                let waited = shared.wake.wait_timeout(tasks, interval).unwrap_or_else(PoisonError::into_inner);
                let timed_out = waited.1.timed_out();
                tasks = waited.0;
                if timed_out {
                    break;
                }
                continue;
            }
            _ => shared.wake.wait(tasks).unwrap_or_else(PoisonError::into_inner),
        };
    }
    tasks.look = false;
    !tasks.stop
}

fn work(shared: &Shared, writing: &Writing) -> Result<()> {
    if matches!(shared.options.sync, SyncPolicy::Interval(_)) {
        shared.flush(&mut shared.lock_log(writing), true)?;
    }
    release_log(shared, writing);
    loop {
        let heads: Vec<(u32, Arc<Head>)> = shared.read().queue.iter().take(AT_ONCE).cloned().collect();
        if heads.is_empty() || shared.tasks().stop {
            return Ok(());
        }
        seal(shared, writing, &heads)?;
        merge_small(shared, writing, &heads)?;
    }
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
    let places = file.finish(shared)?;
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
    sealed(shared, &mut manifest, records, heads)?;
    drop(manifest);
    trim(shared, writing)
}

/// The chunks take the place of the heads in one step, so that a query sees each row once.
fn sealed(
    shared: &Shared,
    manifest: &mut super::manifest::ManifestWriter,
    records: Vec<Record>,
    heads: &[(u32, Arc<Head>)],
) -> Result<()> {
    manifest.append(&records)?;
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
            match Directory::read(&*file, place).and_then(|mut directory| directory.table(&*file)) {
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
    let places = file.finish(shared)?;
    let removed = old.iter().map(|c| Record::ChunkRemoved { device, file: c.file, offset: c.offset });
    let records = removed.chain(places.into_iter().map(Record::ChunkAdded)).collect();
    let mut manifest = writing.manifest.lock().unwrap_or_else(PoisonError::into_inner);
    shared.record(&mut manifest, records)
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
        let write = || -> std::io::Result<()> {
            let file = shared.disk.create(&name)?;
            file.write_at(&self.bytes, 0)?;
            file.sync()?;
            shared.disk.sync_folder()
        };
        write().map_err(|e| Error::io(format_args!("write {name}"), e))?;
        Ok(self.places)
    }
}

/// Freezes every head and waits until all are sealed.
pub(super) fn seal_all(shared: &Shared) -> Result<()> {
    {
        let mut state = shared.write();
        (0..state.devices.len() as u32).for_each(|device| state.freeze(device));
    }
    wait_for_room(shared, 0)
}

/// Waits until at most that many rows wait to be sealed.
pub(super) fn wait_for_room(shared: &Shared, rows: usize) -> Result<()> {
    loop {
        shared.writing()?;
        if shared.read().queued_rows <= rows {
            return Ok(());
        }
        shared.ask_to_look();
        let tasks = shared.tasks();
        let pause = std::time::Duration::from_millis(10);
        drop(shared.sealed.wait_timeout(tasks, pause).map_err(|_| super::wire::damaged(POISONED))?);
    }
}
