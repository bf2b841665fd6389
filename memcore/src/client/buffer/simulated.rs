//! A disk that forgets what was not synced, tears what was being written, and fills up.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::medium::{Medium, MediumFile};

/// What a disk keeps in one piece, or not at all.
const SECTOR: usize = 64;

/// Numbers that look random and are the same in every run (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

#[derive(Debug, Default)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
}

type Names = BTreeMap<String, Arc<Mutex<Content>>>;

#[derive(Debug, Default)]
struct State {
    now: Names,
    synced: Names,
    /// How many bytes all files may have.
    capacity: Option<u64>,
    syncs_fail: bool,
    reads_fail: bool,
    locked: Arc<()>,
}

/// A folder in memory. Clones are the same folder.
#[derive(Debug, Clone, Default)]
pub(super) struct SimulatedFolder(Arc<Mutex<State>>);

impl SimulatedFolder {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The disk is full once its files have so many bytes.
    pub(super) fn hold(&self, capacity: Option<u64>) {
        self.state().capacity = capacity;
    }

    pub(super) fn fail_syncs(&self, fail: bool) {
        self.state().syncs_fail = fail;
    }

    pub(super) fn fail_reads(&self, fail: bool) {
        self.state().reads_fail = fail;
    }

    pub(super) fn used(&self) -> u64 {
        self.state().now.values().map(|file| file.lock().unwrap().now.len() as u64).sum()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.state().now.keys().cloned().collect()
    }

    /// What a file holds.
    pub(super) fn content(&self, name: &str) -> Vec<u8> {
        self.state().now[name].lock().unwrap().now.clone()
    }

    /// A copy of the folder as it is.
    pub(super) fn copy(&self) -> Self {
        let copy = Self::default();
        for (name, file) in &self.state().now {
            copy.put(name, file.lock().unwrap().now.clone());
        }
        copy
    }

    /// A file has this content, safely.
    pub(super) fn put(&self, name: &str, bytes: Vec<u8>) {
        let content = Arc::new(Mutex::new(Content { now: bytes.clone(), synced: bytes }));
        let mut state = self.state();
        state.now.insert(name.into(), content.clone());
        state.synced.insert(name.into(), content);
    }

    /// The folder as it may be found after the power was cut at this moment.
    pub(super) fn after_a_power_cut(&self, dice: &mut Dice) -> Self {
        let found = Self::default();
        let state = self.state();
        let names: Vec<&String> = state.now.keys().chain(state.synced.keys()).collect();
        for name in names {
            let file = match (state.now.get(name), state.synced.get(name)) {
                (Some(now), Some(synced)) if Arc::ptr_eq(now, synced) => Some(now),
                (now, synced) => [now, synced][dice.below(2) as usize],
            };
            if let Some(file) = file {
                found.put(name, torn(&file.lock().unwrap(), dice));
            }
        }
        found
    }
}

/// What was synced, and of the rest any part.
fn torn(Content { now, synced }: &Content, dice: &mut Dice) -> Vec<u8> {
    let longer = now.len().max(synced.len());
    let shorter = now.len().min(synced.len());
    let length = shorter + dice.below((longer - shorter) as u64 + 1) as usize;
    let mut found: Vec<u8> = (0..length).map(|at| synced.get(at).copied().unwrap_or(0)).collect();
    for start in (0..length).step_by(SECTOR) {
        let end = (start + SECTOR).min(length);
        if dice.below(2) == 0
            && let Some(piece) = now.get(start..end)
        {
            found[start..end].copy_from_slice(piece);
        }
    }
    found
}

impl Medium for SimulatedFolder {
    fn path(&self) -> &Path {
        Path::new("simulated")
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn MediumFile>> {
        let content = self.state().now.get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimulatedFile { content, folder: self.clone() }))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn MediumFile>> {
        let content = Arc::new(Mutex::new(Content::default()));
        self.state().now.insert(name.into(), content.clone());
        Ok(Arc::new(SimulatedFile { content, folder: self.clone() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let file = state.now.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.now.insert(to.into(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.state().now.remove(name).map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.state();
        state.synced = state.now.clone();
        Ok(())
    }

    fn lock(&self) -> io::Result<Option<Box<dyn Any + Send>>> {
        let state = self.state();
        Ok((Arc::strong_count(&state.locked) == 1).then(|| Box::new(state.locked.clone()) as Box<dyn Any + Send>))
    }
}

#[derive(Debug)]
struct SimulatedFile {
    content: Arc<Mutex<Content>>,
    folder: SimulatedFolder,
}

impl MediumFile for SimulatedFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        if self.folder.state().reads_fail {
            return Err(io::Error::other("a bad sector"));
        }
        let content = self.content.lock().unwrap();
        let piece = content.now.get(offset as usize..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(piece.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    /// A disk that becomes full takes the beginning.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (used, capacity) = (self.folder.used(), self.folder.state().capacity);
        let mut content = self.content.lock().unwrap();
        let end = offset as usize + bytes.len();
        let more = end.saturating_sub(content.now.len()) as u64;
        let missing = capacity.map_or(0, |capacity| (used + more).saturating_sub(capacity)) as usize;
        let end = end.saturating_sub(missing).max(offset as usize);
        let length = content.now.len().max(end);
        content.now.resize(length, 0);
        content.now[offset as usize..end].copy_from_slice(&bytes[..end - offset as usize]);
        if missing > 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        if self.folder.state().syncs_fail {
            return Err(io::Error::other("the disk is broken"));
        }
        let mut content = self.content.lock().unwrap();
        content.synced = content.now.clone();
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.content.lock().unwrap().now.len() as u64)
    }
}
