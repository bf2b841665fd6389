//! A disk in memory: the home of [`Store::in_memory`](super::Store::in_memory), and for tests a disk that forgets.
//!
//! Built with [`SimulatedDisk::forgetful`] it remembers which writes were never synced. [`SimulatedDisk::crash`] then gives
//! the disk as a power cut might leave it: any subset of the unsynced writes, each possibly torn; creations, renames and
//! removals as a prefix of their order, as journalling file systems have it. Errors can be injected at the Nth operation.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, DiskFile};

/// A disk in memory. Clones share the content.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk {
    inner: Arc<Mutex<Content>>,
    forgetful: bool,
}

#[derive(Debug, Default)]
struct Content {
    files: Vec<FileContent>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Not yet durable: name and what it stands for from now on.
    renames: Vec<Vec<(String, Option<usize>)>>,
    locked: bool,
    faults: Faults,
    capacity: Option<u64>,
}

#[derive(Debug, Default, Clone)]
struct FileContent {
    now: Vec<u8>,
    reserved: u64,
    durable: Vec<u8>,
    unsynced: Vec<(u64, Vec<u8>)>,
}

/// Which operations fail from now on, counted from zero.
#[derive(Debug, Default, Clone, Copy)]
struct Faults {
    writes: u64,
    syncs: u64,
    fail_write: Option<u64>,
    fail_sync: Option<u64>,
    full_from: Option<u64>,
}

impl SimulatedDisk {
    /// An empty disk that forgets nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty disk that remembers what was not synced, for [`crash`](Self::crash).
    #[must_use]
    pub fn forgetful() -> Self {
        Self { forgetful: true, ..Self::default() }
    }

    /// The disk as a power cut now might leave it. `random` gives the choices, any numbers will do.
    #[must_use]
    pub fn crash(&self, random: &mut dyn FnMut() -> u64) -> Self {
        let inner = self.content();
        let mut names = inner.durable_names.clone();
        let survived = random() as usize % (inner.renames.len() + 1);
        for (name, file) in inner.renames[..survived].iter().flatten() {
            match file {
                Some(file) => names.insert(name.clone(), *file),
                None => names.remove(name),
            };
        }
        let files = inner.files.iter().map(|file| file.after_crash(random)).collect();
        let content = Content { files, durable_names: names.clone(), names, ..Content::default() };
        Self { inner: Arc::new(Mutex::new(content)), forgetful: self.forgetful }
    }

    /// The disk as the next process finds it when this one is killed now: nothing is lost, and nothing more is synced.
    #[must_use]
    pub fn killed(&self) -> Self {
        let inner = self.content();
        let content = Content {
            files: inner.files.clone(),
            names: inner.names.clone(),
            durable_names: inner.durable_names.clone(),
            renames: inner.renames.clone(),
            ..Content::default()
        };
        Self { inner: Arc::new(Mutex::new(content)), forgetful: self.forgetful }
    }

    /// An independent copy of the disk as programs see it now.
    #[must_use]
    pub fn copy(&self) -> Self {
        let inner = self.content();
        let files = inner.files.iter();
        let files = files.map(|f| FileContent::durably(f.now.clone())).collect();
        let content =
            Content { files, names: inner.names.clone(), durable_names: inner.names.clone(), ..Content::default() };
        Self { inner: Arc::new(Mutex::new(content)), forgetful: self.forgetful }
    }

    /// From now on the `nth` sync (from 0), and every later one, fails with EIO.
    pub fn fail_syncs_from(&self, nth: u64) {
        let mut inner = self.content();
        inner.faults.fail_sync = Some(inner.faults.syncs + nth);
    }

    /// From now on the `nth` write (from 0), and every later one, fails with EIO.
    pub fn fail_writes_from(&self, nth: u64) {
        let mut inner = self.content();
        inner.faults.fail_write = Some(inner.faults.writes + nth);
    }

    /// From now on the `nth` write (from 0), and every later one, finds the disk full.
    pub fn fill_up_at(&self, nth: u64) {
        let mut inner = self.content();
        inner.faults.full_from = Some(inner.faults.writes + nth);
    }

    /// The disk holds that many bytes from now on, or any number.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.content().capacity = bytes;
    }

    /// The disk works again.
    pub fn heal(&self) {
        let mut inner = self.content();
        let Faults { writes, syncs, .. } = inner.faults;
        inner.faults = Faults { writes, syncs, ..Faults::default() };
    }

    /// How many writes and syncs there were.
    #[must_use]
    pub fn operations(&self) -> (u64, u64) {
        let inner = self.content();
        (inner.faults.writes, inner.faults.syncs)
    }

    /// The content of a file, to be looked at or damaged.
    #[must_use]
    pub fn content_of(&self, name: &str) -> Option<Vec<u8>> {
        let inner = self.content();
        inner.names.get(name).map(|file| inner.files[*file].now.clone())
    }

    /// Replaces the content of a file, durably.
    pub fn set_content(&self, name: &str, bytes: Vec<u8>) {
        let mut inner = self.content();
        inner.files.push(FileContent::durably(bytes));
        let index = inner.files.len() - 1;
        inner.names.insert(name.to_owned(), index);
        inner.durable_names.insert(name.to_owned(), index);
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, file: usize) -> Box<dyn DiskFile> {
        Box::new(SimulatedFile { disk: self.clone(), file })
    }

    fn change_names(&self, changes: Vec<(String, Option<usize>)>) {
        let mut inner = self.content();
        for (name, file) in &changes {
            match file {
                Some(file) => inner.names.insert(name.clone(), *file),
                None => inner.names.remove(name),
            };
        }
        if self.forgetful {
            inner.renames.push(changes);
        } else {
            inner.release_unnamed();
        }
    }
}

impl FileContent {
    fn durably(bytes: Vec<u8>) -> Self {
        Self { now: bytes.clone(), reserved: 0, durable: bytes, unsynced: Vec::new() }
    }

    /// What it takes of the disk.
    fn size(&self) -> u64 {
        self.reserved.max(self.now.len() as u64)
    }

    fn after_crash(&self, random: &mut dyn FnMut() -> u64) -> Self {
        let mut durable = self.durable.clone();
        for (offset, bytes) in &self.unsynced {
            let kept = match random() % 4 {
                0 => 0..0,
                1 => 0..random() as usize % (bytes.len() + 1),
                2 => random() as usize % (bytes.len() + 1)..bytes.len(),
                _ => 0..bytes.len(),
            };
            if !kept.is_empty() {
                put(&mut durable, offset + kept.start as u64, &bytes[kept]);
            }
        }
        Self::durably(durable)
    }
}

impl Content {
    /// A removed file gives its memory back; its number stays taken.
    fn release_unnamed(&mut self) {
        let named: std::collections::BTreeSet<usize> = self.names.values().copied().collect();
        for (number, file) in self.files.iter_mut().enumerate() {
            if !named.contains(&number) && !file.now.is_empty() {
                *file = FileContent::default();
            }
        }
    }

    fn before_write(&mut self) -> io::Result<()> {
        let number = self.faults.writes;
        self.faults.writes += 1;
        if self.faults.full_from.is_some_and(|from| number >= from) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        match self.faults.fail_write {
            Some(from) if number >= from => Err(io::Error::from_raw_os_error(5)),
            _ => Ok(()),
        }
    }

    fn free(&self) -> Option<u64> {
        let used = self.names.values().map(|file| self.files[*file].size()).sum();
        self.capacity.map(|capacity| capacity.saturating_sub(used))
    }

    /// How many of so many bytes at that place fit.
    fn room(&self, file: usize, offset: u64, length: usize) -> usize {
        let Some(free) = self.free() else { return length };
        let end = self.files[file].size().saturating_add(free);
        length.min(usize::try_from(end.saturating_sub(offset)).unwrap_or(length))
    }

    fn before_sync(&mut self) -> io::Result<()> {
        let number = self.faults.syncs;
        self.faults.syncs += 1;
        match self.faults.fail_sync {
            Some(from) if number >= from => Err(io::Error::from_raw_os_error(5)),
            _ => Ok(()),
        }
    }
}

fn put(content: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let offset = offset as usize;
    if content.len() < offset + bytes.len() {
        content.resize(offset + bytes.len(), 0);
    }
    content[offset..offset + bytes.len()].copy_from_slice(bytes);
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.content().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.content().names.get(name).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(self.handle(file))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = {
            let mut inner = self.content();
            inner.before_write()?;
            inner.files.push(FileContent::default());
            inner.files.len() - 1
        };
        self.change_names(vec![(name.to_owned(), Some(file))]);
        Ok(self.handle(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let file = self.content().names.get(from).copied().ok_or(io::ErrorKind::NotFound)?;
        self.change_names(vec![(to.to_owned(), Some(file)), (from.to_owned(), None)]);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if !self.content().names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change_names(vec![(name.to_owned(), None)]);
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut inner = self.content();
        inner.before_sync()?;
        inner.renames.clear();
        inner.durable_names = inner.names.clone();
        Ok(())
    }

    fn lock(&self) -> io::Result<bool> {
        Ok(!std::mem::replace(&mut self.content().locked, true))
    }

    fn unlock(&self) {
        self.content().locked = false;
    }

    fn free_space(&self) -> io::Result<Option<u64>> {
        Ok(self.content().free())
    }

    fn capacity(&self) -> io::Result<Option<u64>> {
        Ok(self.content().capacity)
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    file: usize,
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let inner = self.disk.content();
        let content = &inner.files[self.file].now;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = content.get(start..).and_then(|rest| rest.get(..into.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(part);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut inner = self.disk.content();
        // A disk that fills up takes the beginning.
        let fits = match inner.before_write() {
            Err(e) if e.kind() == io::ErrorKind::StorageFull => bytes.len() / 2,
            Err(e) => return Err(e),
            Ok(()) => inner.room(self.file, offset, bytes.len()),
        };
        let file = &mut inner.files[self.file];
        put(&mut file.now, offset, &bytes[..fits]);
        if self.disk.forgetful {
            file.unsynced.push((offset, bytes[..fits].to_vec()));
        }
        if fits == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.content();
        inner.before_sync()?;
        let file = &mut inner.files[self.file];
        for (offset, bytes) in std::mem::take(&mut file.unsynced) {
            put(&mut file.durable, offset, &bytes);
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.content().files[self.file].now.len() as u64)
    }

    fn reserve(&self, length: u64, _zeros: bool) -> io::Result<()> {
        let mut inner = self.disk.content();
        inner.before_write()?;
        let fits = inner.room(self.file, 0, usize::try_from(length).unwrap_or(usize::MAX)) as u64;
        let reserved = &mut inner.files[self.file].reserved;
        *reserved = fits.max(*reserved);
        if fits == length { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn release(&self, length: u64) -> io::Result<()> {
        let file = &mut self.disk.content().files[self.file];
        file.reserved = file.reserved.min(length);
        Ok(())
    }
}
