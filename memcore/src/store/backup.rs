//! Copies of a store, taken while it is open and written. A backup is a store itself: the files of chunks, which never
//! change, and one more with the rows that were not sealed, so that it has no log. The manifest comes last and replaces the
//! former one whole: whatever interrupts a backup, the former one stays what it was (S43).

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use super::chunk::{ChunkPlace, Directory};
use super::chunk_file::NewFile;
use super::disk::{Disk, DiskFile, Folder, read_all};
use super::format::{number_in, numbered};
use super::layers::Keep;
use super::log;
use super::manifest::{self, ManifestWriter, Record};
use super::options::StoreOptions;
use super::recovery;
use super::shared::Shared;
use super::state::{CHUNKS, ChunkFile, State};
use super::store::Store;
use super::table::Head;
use crate::error::{Error, ErrorKind, Result};

/// A file that is being copied, until it has its name.
const COPYING: &str = "copy.new";
/// Numbers of the files that only backups have: far from those that a store counts up.
const TAIL: u64 = 1 << 62;
const BLOCK: usize = 1 << 20;

/// What a backup holds, and what of it had to be copied.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct BackupReport {
    /// Values in the backup.
    pub points: u64,
    /// Files of sealed chunks in the backup.
    pub files: usize,
    /// Their bytes, and those of the rows that were not sealed.
    pub bytes: u64,
    /// Files that were not there yet.
    pub copied_files: usize,
    /// Their bytes, and those of the rows that were not sealed.
    pub copied_bytes: u64,
    /// Chunks that are damaged in the store. A sound copy that an earlier backup made is kept.
    pub damage: Vec<String>,
}

/// A store at one moment. What it refers to stays readable as long as this lives.
struct Snapshot {
    records: Vec<Record>,
    files: BTreeMap<u64, (Arc<ChunkFile>, Vec<ChunkPlace>)>,
    heads: Vec<(u32, Arc<Head>)>,
    next_frame: u64,
    next_order: u64,
    number: u64,
}

impl Snapshot {
    /// Everything that was appended before, which includes all that is acknowledged (S12).
    fn take(shared: &Shared) -> Self {
        let number = shared.manifest_number.load(std::sync::atomic::Ordering::Acquire);
        let state = shared.read();
        let mut files: BTreeMap<u64, (Arc<ChunkFile>, Vec<ChunkPlace>)> = BTreeMap::new();
        for chunk in state.devices.iter().flat_map(|device| &device.chunks) {
            let Some(file) = state.file(chunk.file) else { continue };
            files.entry(chunk.file).or_insert((file, Vec::new())).1.push(chunk.clone());
        }
        let mut heads = Vec::new();
        for (id, device) in (0..).zip(&state.devices) {
            heads.extend(device.frozen.iter().map(|head| (id, Arc::clone(head))));
            if device.head.rows() > 0 {
                heads.push((id, Arc::new(device.head.clone())));
            }
        }
        let (next_frame, next_order) = (state.next_frame, state.next_order);
        let mut records = state.records(next_frame - 1);
        records.push(Record::Trimmed { frame: next_frame - 1 });
        records.extend((0..state.devices.len() as u32).map(|device| Record::Sealed { device, frame: next_frame - 1 }));
        Self { records, files, heads, next_frame, next_order, number }
    }

    fn places(&self) -> impl Iterator<Item = &ChunkPlace> {
        self.files.values().flat_map(|(_, places)| places)
    }
}

/// Copies what `shared` holds into the folder `to`.
pub(super) fn run(shared: &Shared, to: &Path, progress: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<BackupReport> {
    let named = |e: Error| e.context(format_args!("backup {}", to.display()));
    let destination = Destination::open(shared, to).map_err(named)?;
    let copied = destination.fill(&Snapshot::take(shared), shared, progress);
    destination.disk.unlock();
    copied.map_err(named)
}

/// The folder of a backup, locked.
struct Destination {
    disk: Folder,
    /// The former backup.
    former: State,
    number: u64,
}

impl Destination {
    fn open(shared: &Shared, to: &Path) -> Result<Self> {
        let own = shared.disk.folder().and_then(|folder| folder.canonicalize().ok());
        if own.is_some() && own == to.canonicalize().ok() {
            return Err(Error::invalid("it is the store itself, expected another folder"));
        }
        let disk = Folder::writable(to).map_err(|e| Error::io("create it", e))?;
        let files = disk.list().map_err(|e| Error::io("list it", e))?;
        let new = recovery::is_new(&files)?;
        if files.iter().any(|name| number_in(name, log::PREFIX).is_some()) {
            return Err(Error::invalid(
                "it holds a store that was opened to be written, expected a backup or an empty folder",
            ));
        }
        if !disk.lock().map_err(|e| Error::io("lock it", e))? {
            return Err(Error::new(ErrorKind::Locked, "it is in use by another process"));
        }
        match Self::read(&disk, new) {
            Ok((former, number)) => Ok(Self { disk, former, number }),
            Err(e) => {
                disk.unlock();
                Err(e)
            }
        }
    }

    fn read(disk: &Folder, new: bool) -> Result<(State, u64)> {
        if new {
            recovery::create(disk)?;
        }
        let bytes = read_all(disk, manifest::NAME).map_err(|e| Error::io("read its manifest", e))?;
        let read = manifest::read(&bytes)?;
        let mut former = State::new(Arc::new(Folder::read_only(disk.folder().unwrap_or(Path::new("")))));
        read.records.into_iter().try_for_each(|record| former.apply(record))?;
        Ok((former, read.number))
    }

    fn fill(
        &self,
        snapshot: &Snapshot,
        shared: &Shared,
        progress: &mut dyn FnMut(u64, u64) -> Result<()>,
    ) -> Result<BackupReport> {
        self.check_lineage(snapshot, shared)?;
        let mut report = BackupReport { files: snapshot.files.len(), ..BackupReport::default() };
        let mut lengths = BTreeMap::new();
        for (number, (file, _)) in &snapshot.files {
            let length = file.open()?.length().map_err(|e| Error::io(format_args!("measure {}", file.name), e))?;
            lengths.insert(*number, length);
        }
        let total = lengths.values().sum();
        for (number, (file, places)) in &snapshot.files {
            let before = report.bytes;
            self.take_file(file, places, lengths[number], &mut report, &mut |part| progress(before + part, total))?;
            report.bytes += lengths[number];
            progress(report.bytes, total)?;
        }
        let tail = self.write_tail(snapshot)?;
        let tail_bytes: u64 = tail.iter().map(|place| place.length).sum();
        report.bytes += tail_bytes;
        report.copied_bytes += tail_bytes;
        report.points = snapshot.places().chain(&tail).map(|place| place.points).sum();
        self.disk.sync_folder().map_err(|e| Error::io("sync it", e))?;
        let records: Vec<Record> =
            snapshot.records.iter().cloned().chain(tail.iter().cloned().map(Record::ChunkAdded)).collect();
        ManifestWriter::create(&self.disk, self.number.max(snapshot.number) + 1, &records)?;
        self.clear(snapshot, &tail);
        Ok(report)
    }

    /// A backup of another store must not be mixed with this one: its devices, and its chunks of the same name, are others.
    fn check_lineage(&self, snapshot: &Snapshot, shared: &Shared) -> Result<()> {
        let other = |what: String| Err(Error::new(ErrorKind::Conflict, format!("it is a backup of another store: {what}")));
        let state = shared.read();
        for (at, device) in self.former.devices.iter().enumerate() {
            if state.devices.get(at).is_none_or(|own| own.name != device.name) {
                return other(format!("it knows device {}", device.name));
            }
        }
        drop(state);
        let known = self.former.devices.iter().flat_map(|device| &device.chunks);
        let known: BTreeMap<(u64, u64), &ChunkPlace> = known.map(|place| ((place.file, place.offset), place)).collect();
        for place in snapshot.places() {
            if known.get(&(place.file, place.offset)).is_some_and(|known| *known != place) {
                return other(format!("{} differs", numbered(CHUNKS, place.file)));
            }
        }
        Ok(())
    }

    /// Makes sure that a file of chunks is there and is the same.
    fn take_file(
        &self,
        file: &ChunkFile,
        places: &[ChunkPlace],
        length: u64,
        report: &mut BackupReport,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let own = file.open()?;
        let there = self.disk.open(&file.name).ok().filter(|there| there.length().is_ok_and(|found| found == length));
        let Some(there) = there else { return self.copy(&*own, file, places, length, report, progress) };
        if checksum(&*own, length)? == checksum(&*there, length)? {
            return Ok(());
        }
        // One of the two is damaged.
        let damage = damage(&*own, &file.name, places);
        if damage.is_empty() || !self::damage(&*there, &file.name, places).is_empty() {
            return self.copy(&*own, file, places, length, report, progress);
        }
        report.damage.extend(damage);
        Ok(())
    }

    /// A copy has its name when it is on the disk and was compared; a file of that name gives way to it whole.
    fn copy(
        &self,
        own: &dyn DiskFile,
        file: &ChunkFile,
        places: &[ChunkPlace],
        length: u64,
        report: &mut BackupReport,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let doing = |e| Error::io(format_args!("copy {}", file.name), e);
        let copy = self.disk.create(COPYING).map_err(doing)?;
        let mut block = vec![0; BLOCK];
        let mut checked = 0;
        let mut at = 0;
        while at < length {
            let part = &mut block[..BLOCK.min(usize::try_from(length - at).unwrap_or(BLOCK))];
            own.read_at(part, at).and_then(|()| copy.write_at(part, at)).map_err(doing)?;
            checked = crc32c::crc32c_append(checked, part);
            at += part.len() as u64;
            if at < length {
                progress(at)?;
            }
        }
        copy.sync().map_err(doing)?;
        if checksum(&*copy, length)? != checked {
            return Err(Error::new(ErrorKind::Damaged, format!("the copy of {} differs from what was written", file.name)));
        }
        report.damage.extend(damage(&*copy, &file.name, places));
        self.disk.rename(COPYING, &file.name).map_err(doing)?;
        report.copied_files += 1;
        report.copied_bytes += length;
        Ok(())
    }

    /// The rows that are not sealed, as chunks that only this backup has.
    fn write_tail(&self, snapshot: &Snapshot) -> Result<Vec<ChunkPlace>> {
        let number = TAIL | (RandomState::new().hash_one(snapshot.next_frame) >> 2);
        let mut file = NewFile::numbered(number, snapshot.next_order);
        for (device, head) in &snapshot.heads {
            file.add(*device, &head.layers(Keep::ALL).tables, &[])?;
        }
        file.finish_on(&self.disk).map_err(|e| Error::io("write the rows that are not sealed", e))
    }

    /// What only the former backup needed. Should it stay, it only takes space until the next backup.
    fn clear(&self, snapshot: &Snapshot, tail: &[ChunkPlace]) {
        for name in self.disk.list().unwrap_or_default() {
            let number = number_in(&name, CHUNKS);
            let needed = |number| snapshot.files.contains_key(&number) || tail.iter().any(|place| place.file == number);
            if (name == COPYING || number.is_some_and(|number| !needed(number)))
                && let Err(error) = self.disk.remove(&name)
            {
                tracing::warn!(file = name, %error, "cannot remove what a backup does not need any more");
            }
        }
    }
}

fn checksum(file: &dyn DiskFile, length: u64) -> Result<u32> {
    let mut block = vec![0; BLOCK];
    let (mut checksum, mut at) = (0, 0);
    while at < length {
        let part = &mut block[..BLOCK.min(usize::try_from(length - at).unwrap_or(BLOCK))];
        file.read_at(part, at).map_err(|e| Error::io("read a file of chunks", e))?;
        checksum = crc32c::crc32c_append(checksum, part);
        at += part.len() as u64;
    }
    Ok(checksum)
}

/// The chunks of the file that are damaged.
fn damage(file: &dyn DiskFile, name: &str, places: &[ChunkPlace]) -> Vec<String> {
    let check = |place: &ChunkPlace| Directory::read(file, place)?.table(file);
    let damaged = |place| check(place).err().map(|e| format!("{name} at byte {}: {e}", place.offset));
    places.iter().filter_map(damaged).collect()
}

/// Makes the store that the backup in `from` holds anew in the folder `to`. The backup is checked before anything is
/// written. `progress` is told how many bytes of how many are done: all are read twice, to check and to copy. Its error ends
/// the work.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) where `from` holds no store, [`Unsupported`](ErrorKind::Unsupported) for a newer
/// format, [`Damaged`](ErrorKind::Damaged) naming what is damaged, [`Invalid`](ErrorKind::Invalid) where `to` holds
/// anything, and those of `progress` and of the disk. In all these cases `to` is left as it was.
pub fn restore(from: &Path, to: &Path, progress: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<BackupReport> {
    if std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) || to.is_file() {
        return Err(Error::invalid(format!(
            "restore to {}: it holds something, expected an empty folder or none",
            to.display()
        )));
    }
    let backup = Store::open_read_only(from, StoreOptions::default())?;
    let mut twice = 0;
    let checked = backup.verify_with(&mut |done, total| {
        twice = total * 2;
        progress(done, twice)
    })?;
    if let Some(first) = checked.damage.first() {
        let count = checked.damage.len();
        let message = format!("backup {} is damaged in {count} places, the first: {first}", from.display());
        return Err(Error::new(ErrorKind::Damaged, message));
    }
    let there = to.is_dir();
    let restored = copy_whole(&backup, to, &mut |done, total| {
        progress(twice / 2 + (twice as f64 / 2.0 * done as f64 / total.max(1) as f64) as u64, twice)
    });
    if restored.is_err() {
        empty(to, there);
    }
    restored
}

fn copy_whole(backup: &Store, to: &Path, progress: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<BackupReport> {
    let report = run(backup.shared(), to, progress)?;
    let restored = Store::open_read_only(to, StoreOptions::default())?;
    if restored.stats().points() != report.points {
        return Err(Error::new(ErrorKind::Damaged, format!("{} does not hold what was restored to it", to.display())));
    }
    Ok(report)
}

/// Removes the part of a store that was written into a folder which was empty, or was not there.
fn empty(folder: &Path, was_there: bool) {
    let mut files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let removed = files.try_for_each(|file| std::fs::remove_file(file.path()));
    let removed = removed.and_then(|()| if was_there { Ok(()) } else { std::fs::remove_dir(folder) });
    if let Err(error) = removed {
        tracing::warn!(folder = %folder.display(), %error, "cannot remove what an interrupted restore left");
    }
}
