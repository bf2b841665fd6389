//! Merging: chunks of one device become fewer, what is deleted or forgotten goes for good. The background thread merges what
//! is worth it (rules in [`cluster`](super::cluster)); [`Store::compact`] everything.
//!
//! A step reads some chunks, writes a file and lets one edit of the manifest replace them (S9). Writers go on meanwhile, and
//! queries that read the old chunks keep their files.

use std::sync::Arc;

use super::chunk::{ChunkPlace, Directory};
use super::chunk_file::NewFile;
use super::cluster::{Cluster, clusters, cuts, worth_merging};
use super::disk::DiskFile;
use super::erasure::{Erasure, erase};
use super::layers::{Keep, Layers};
use super::manifest::Record;
use super::shared::{Shared, Writing};
use super::state::{ChunkFile, State};
use super::store::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Selection, Timestamp};

/// What one step takes in at most, unless a single merge is larger: in bytes of chunks, and devices.
const STEP_BYTES: u64 = 4 << 20;
const STEP_DEVICES: usize = 512;
/// Beyond so many deletions of a device they are carried out, for each slows its queries.
const ERASURES: usize = 64;
/// How often a device is gone through at most.
const PASSES: usize = 3;

/// What [`Store::compact`] should leave out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactOptions {
    /// Values that others had replaced before this instant are forgotten: views as of earlier instants lack them.
    pub forget_superseded_before: Option<Timestamp>,
}

impl CompactOptions {
    /// Sets [`forget_superseded_before`](Self::forget_superseded_before).
    #[must_use]
    pub fn forget_superseded_before(mut self, instant: Timestamp) -> Self {
        self.forget_superseded_before = Some(instant);
        self
    }
}

/// What [`Store::compact`] did to the devices that were selected.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct CompactReport {
    /// Sealed chunks before and after.
    pub chunks_before: usize,
    #[allow(missing_docs)]
    pub chunks_after: usize,
    /// Their bytes before and after.
    pub bytes_before: u64,
    #[allow(missing_docs)]
    pub bytes_after: u64,
    /// Rows that were written anew.
    pub rows: u64,
    /// Values that were dropped because others had replaced them.
    pub superseded_dropped: u64,
    /// Deleted values that are gone for good.
    pub erased: u64,
    /// Chunks that fail their checksum, and were left as and where they are with those that overlap them.
    pub skipped: Vec<String>,
}

impl Store {
    /// Merges all sealed chunks of the devices that channels are selected of, and carries out what was deleted there.
    /// The store can be written and read meanwhile; one device's overlapping chunks are in memory at a time. `progress` is
    /// told how many of how many bytes are done; its error ends the work, and what is merged so far stays merged.
    ///
    /// # Errors
    /// [`ReadOnly`](ErrorKind::ReadOnly), [`Closed`](ErrorKind::Closed), and those of `progress`; damaged chunks are in the
    /// report.
    pub fn compact(
        &self,
        selection: impl Into<Selection>,
        options: &CompactOptions,
        progress: &mut dyn FnMut(u64, u64) -> Result<()>,
    ) -> Result<CompactReport> {
        let shared = self.shared();
        let writing = shared.writing()?;
        let mut devices: Vec<u32> =
            shared.read().select(&selection.into()).into_iter().map(|(_, device, _)| device).collect();
        devices.sort_unstable();
        devices.dedup();
        let mut report = CompactReport::default();
        (report.chunks_before, report.bytes_before) = size(&shared.read(), &devices);
        let keep = match options.forget_superseded_before {
            _ if !shared.options.keep_superseded => Keep::LAST,
            Some(instant) => Keep::since(instant),
            None => Keep::ALL,
        };
        let forgets = options.forget_superseded_before.is_some() || !shared.options.keep_superseded;
        let total = report.bytes_before;
        let mut done = 0;
        for device in devices.iter().copied() {
            done += compact_device(shared, writing, device, (keep, forgets), &mut report, &mut |part| {
                progress((done + part).min(total), total)
            })?;
        }
        sweep(shared, writing)?;
        // The background thread may have done a part of it.
        progress(total, total)?;
        report.skipped.dedup();
        (report.chunks_after, report.bytes_after) = size(&shared.read(), &devices);
        Ok(report)
    }
}

/// Rewrites what needs it of a device; how many bytes were behind.
fn compact_device(
    shared: &Shared,
    writing: &Writing,
    device: u32,
    (keep, forgets): (Keep, bool),
    report: &mut CompactReport,
    progress: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<u64> {
    let mut done = 0;
    // What was merged may fit together with what lies beside it.
    for pass in 0..PASSES {
        let (before, mut from) = (report.rows, Some(i64::MIN));
        while let Some(start) = from {
            let (next, bytes) = compact_from(shared, writing, (device, start), (keep, forgets), report)?;
            from = next;
            done += if pass == 0 { bytes } else { 0 };
            progress(done)?;
        }
        if report.rows == before {
            break;
        }
    }
    Ok(done)
}

fn size(state: &State, devices: &[u32]) -> (usize, u64) {
    let chunks = || devices.iter().flat_map(|device| &state.devices[*device as usize].chunks);
    (chunks().count(), chunks().map(|chunk| chunk.length).sum())
}

/// Rewrites the first stretch of a device from a time on that needs it. Where to go on, and how many bytes are behind.
fn compact_from(
    shared: &Shared,
    writing: &Writing,
    (device, start): (u32, i64),
    (keep, forgets): (Keep, bool),
    report: &mut CompactReport,
) -> Result<(Option<i64>, u64)> {
    let _files = shared.lock_files(writing)?;
    let (merge, next, bytes) = {
        let state = shared.read();
        let known = &state.devices[device as usize];
        let clusters = clusters(&known.chunks);
        let behind = clusters.partition_point(|cluster| cluster.last < start);
        let Some((stretch, bytes)) = next_stretch(&clusters[behind..], &known.erasures, forgets, shared.options.seal_rows)
        else {
            return Ok((None, clusters[behind..].iter().map(bytes_of).sum()));
        };
        let chunks = stretch.iter().flat_map(|cluster| &cluster.chunks).map(|chunk| (*chunk).clone()).collect();
        let next = stretch.last().and_then(|cluster| cluster.last.checked_add(1));
        (Merge::new(&state, device, chunks), next, bytes)
    };
    let mut file = NewFile::start(shared);
    match merge.write(&mut file, keep, shared.options.seal_rows) {
        Ok(done) => {
            report.rows += done.rows;
            report.superseded_dropped += done.superseded;
            report.erased += done.erased;
            replace(shared, writing, file, &[merge])?;
        }
        Err(e) => report.skipped.push(e.to_string()),
    }
    Ok((next, bytes))
}

/// The next clusters that are rewritten together, and the bytes up to their end: an untidy one, with as many neighbours as
/// fit into one chunk.
fn next_stretch<'a, 'c>(
    clusters: &'a [Cluster<'c>],
    erasures: &[Erasure],
    forgets: bool,
    seal_rows: usize,
) -> Option<(&'a [Cluster<'c>], u64)> {
    let mut start = 0;
    while start < clusters.len() {
        let mut rows = clusters[start].rows;
        let more = clusters[start + 1..].iter().take_while(|cluster| {
            rows += cluster.rows;
            rows <= seal_rows as u64
        });
        let end = start + 1 + more.count();
        let stretch = &clusters[start..end];
        if stretch.len() > 1 || stretch[0].is_untidy(erasures, forgets) {
            return Some((stretch, clusters[..end].iter().map(bytes_of).sum()));
        }
        start = end;
    }
    None
}

fn bytes_of(cluster: &Cluster<'_>) -> u64 {
    cluster.chunks.iter().map(|chunk| chunk.length).sum()
}

/// Merges what is worth merging of these devices, in steps of many devices: each costs a file and an edit. Not on a full
/// disk: old and new chunks need room side by side.
pub(super) fn tidy(shared: &Shared, writing: &Writing, mut devices: Vec<u32>) -> Result<()> {
    devices.sort_unstable();
    devices.dedup();
    let keep = if shared.options.keep_superseded { Keep::ALL } else { Keep::LAST };
    while !devices.is_empty() && !shared.tasks().stop && !shared.space.is_full() {
        let _files = shared.lock_files(writing)?;
        let mut file = NewFile::start(shared);
        let (mut merges, mut bytes) = (Vec::new(), 0);
        let mut again = Vec::new();
        while bytes < STEP_BYTES && merges.len() < STEP_DEVICES {
            let Some(device) = devices.pop() else { break };
            let merge = due(&shared.read(), device, shared.options.seal_rows);
            let Some(merge) = merge else { continue };
            // A damaged chunk stays what it is and where it is, and so do its neighbours.
            if merge.write(&mut file, keep, shared.options.seal_rows).is_ok() {
                bytes += merge.chunks.iter().map(|chunk| chunk.length).sum::<u64>();
                again.push(device);
                merges.push(merge);
            }
        }
        if !merges.is_empty() {
            replace(shared, writing, file, &merges)?;
        }
        devices.append(&mut again);
    }
    Ok(())
}

/// The next merge of a device that is worth it.
fn due(state: &State, device: u32, seal_rows: usize) -> Option<Merge> {
    let known = &state.devices[device as usize];
    let erased = || {
        let clusters = clusters(&known.chunks);
        let first = clusters.into_iter().find(|cluster| cluster.is_erased(&known.erasures))?;
        Some(first.chunks.into_iter().cloned().collect())
    };
    let erased = (known.erasures.len() > ERASURES).then(erased).flatten();
    let chunks = erased.or_else(|| worth_merging(&known.chunks, seal_rows))?;
    Some(Merge::new(state, device, chunks))
}

/// Whether so many deletions of a device wait that they should be carried out.
pub(super) fn has_many_erasures(state: &State, device: u32) -> bool {
    state.devices[device as usize].erasures.len() > ERASURES
}

/// Chunks of one device that become fewer; nothing that stays lies between them in time and order.
struct Merge {
    device: u32,
    chunks: Vec<ChunkPlace>,
    files: Vec<Option<Arc<ChunkFile>>>,
    erasures: Vec<Erasure>,
    /// The chunks of the device that stay.
    others: Vec<ChunkPlace>,
}

/// What a merge came to.
struct Merged {
    rows: u64,
    superseded: u64,
    erased: u64,
}

impl Merge {
    fn new(state: &State, device: u32, mut chunks: Vec<ChunkPlace>) -> Self {
        chunks.sort_by_key(|chunk| (chunk.order, chunk.first));
        let known = &state.devices[device as usize];
        let files = chunks.iter().map(|chunk| state.file(chunk.file)).collect();
        let others = known.chunks.iter().filter(|chunk| !chunks.contains(chunk)).cloned().collect();
        Self { device, chunks, files, erasures: known.erasures.clone(), others }
    }

    /// Adds the merged chunks to the file.
    fn write(&self, file: &mut NewFile, keep: Keep, seal_rows: usize) -> Result<Merged> {
        let mut tables = Vec::with_capacity(self.chunks.len());
        let mut erased = 0;
        let mut open: Option<(u64, Arc<dyn DiskFile>)> = None;
        for (place, guard) in self.chunks.iter().zip(&self.files) {
            let guard = guard.as_ref().ok_or_else(|| Error::new(ErrorKind::Damaged, "a file of chunks is missing"))?;
            let named = |e: Error| e.context(format_args!("{} at byte {}", guard.name, place.offset));
            if open.as_ref().is_none_or(|(number, _)| *number != place.file) {
                open = Some((place.file, guard.open().map_err(named)?));
            }
            let Some((_, disk_file)) = &open else { continue };
            let directory = Directory::read(&**disk_file, place).map_err(named)?;
            let mut table = directory.table(&**disk_file).map_err(named)?;
            erased += erase(&mut table, place.order, &self.erasures);
            tables.push(table);
        }
        let layers = Layers::of(&tables, keep);
        drop(tables);
        let rows = layers.tables.iter().map(|table| table.times.len() as u64).sum();
        let cuts = layers.tables.first().map_or_else(Vec::new, |lowest| cuts(lowest, &clusters(&self.others), seal_rows));
        file.add(self.device, &layers.tables, &cuts)?;
        Ok(Merged { rows, superseded: layers.superseded, erased })
    }

    /// What the manifest must be told beside the new chunks. These lie above every erasure there is (S35).
    fn records(&self) -> impl Iterator<Item = Record> {
        let device = self.device;
        let removed = self.chunks.iter().map(move |c| Record::ChunkRemoved { device, file: c.file, offset: c.offset });
        let left = |e: &&Erasure| !self.others.iter().any(|chunk| e.concerns(chunk.order, chunk.first, chunk.last));
        removed.chain(self.erasures.iter().filter(left).map(move |e| Record::ErasureDone { device, erasure: *e }))
    }
}

/// The new chunks take the place of the old ones in one step.
fn replace(shared: &Shared, writing: &Writing, file: NewFile, merges: &[Merge]) -> Result<()> {
    let places = file.finish(shared)?;
    let number = places.first().map(|place| place.file);
    let mut manifest = writing.lock_manifest();
    let records = merges.iter().flat_map(Merge::records).chain(places.into_iter().map(Record::ChunkAdded)).collect();
    shared.record(&mut manifest, records).inspect_err(|e| shared.discard(number, e))
}

/// Frees files of which less than half is in use, by moving what is.
fn sweep(shared: &Shared, writing: &Writing) -> Result<()> {
    let mut in_use: std::collections::BTreeMap<u64, u64> = Default::default();
    for chunk in shared.read().devices.iter().flat_map(|device| &device.chunks) {
        *in_use.entry(chunk.file).or_default() += chunk.length;
    }
    for (number, bytes) in in_use {
        let _files = shared.lock_files(writing)?;
        let Some(guard) = shared.read().file(number) else { continue };
        let Ok(file) = guard.open() else { continue };
        if file.length().is_ok_and(|length| bytes * 2 < length) {
            let chunks = {
                let state = shared.read();
                let chunks = state.devices.iter().flat_map(|device| &device.chunks);
                chunks.filter(|chunk| chunk.file == number).cloned().collect::<Vec<_>>()
            };
            move_chunks(shared, writing, &*file, &chunks)?;
        }
    }
    Ok(())
}

fn move_chunks(shared: &Shared, writing: &Writing, from: &dyn DiskFile, chunks: &[ChunkPlace]) -> Result<()> {
    let mut file = NewFile::start(shared);
    for place in chunks {
        let mut bytes = vec![0; place.length as usize];
        let sound = Directory::read(from, place).and_then(|directory| directory.table(from));
        // Damage is never written anew (S15).
        if sound.is_err() || from.read_at(&mut bytes, place.offset).is_err() {
            return Ok(());
        }
        file.copy(place, &bytes);
    }
    let removed = chunks.iter().map(|c| Record::ChunkRemoved { device: c.device, file: c.file, offset: c.offset });
    let removed: Vec<Record> = removed.collect();
    let places = file.finish(shared)?;
    let number = places.first().map(|place| place.file);
    let mut manifest = writing.lock_manifest();
    let records = removed.into_iter().chain(places.into_iter().map(Record::ChunkAdded)).collect();
    shared.record(&mut manifest, records).inspect_err(|e| shared.discard(number, e))
}
