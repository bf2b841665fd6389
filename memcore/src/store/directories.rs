//! Heads of chunks with what is known of their pages, kept so that a query does not read and parse what the one before had.
//!
//! Chunks never change and numbers of files are never used again (S46), so that what is kept holds until its file goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chunk::{ChunkPlace, Directory};
use crate::error::Result;

/// The most bytes that are kept; beyond it those that were used longest ago go, until a quarter is free.
const MOST_BYTES: usize = 32 << 20;

/// Directories by the number of their file and the byte they begin at.
#[derive(Debug, Default)]
pub(super) struct Directories {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    uses: u64,
    bytes: usize,
    entries: BTreeMap<(u64, u64), Entry>,
}

#[derive(Debug)]
struct Entry {
    used: u64,
    /// As if the pages of all columns were known: they are added when they are first needed.
    bytes: usize,
    directory: Arc<Directory>,
}

impl Directories {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory of the chunk at `place`, read where it is not kept.
    pub(super) fn get(&self, place: &ChunkPlace, read: impl FnOnce() -> Result<Directory>) -> Result<Arc<Directory>> {
        let key = (place.file, place.offset);
        if let Some(known) = self.kept().get(key) {
            return Ok(known);
        }
        // Read without the lock: two that read the same one at once only do it twice.
        let directory = Arc::new(read()?);
        self.kept().insert(key, &directory, MOST_BYTES);
        Ok(directory)
    }

    /// Lets go of what is kept of a file.
    pub(super) fn forget(&self, file: u64) {
        let mut kept = self.kept();
        let gone: Vec<_> = kept.entries.range((file, 0)..=(file, u64::MAX)).map(|(key, _)| *key).collect();
        gone.into_iter().for_each(|key| kept.remove(key));
    }
}

impl Kept {
    fn get(&mut self, key: (u64, u64)) -> Option<Arc<Directory>> {
        self.uses += 1;
        let entry = self.entries.get_mut(&key)?;
        entry.used = self.uses;
        Some(Arc::clone(&entry.directory))
    }

    fn insert(&mut self, key: (u64, u64), directory: &Arc<Directory>, most: usize) {
        let bytes = directory.bytes_in_memory();
        if bytes > most / 4 {
            return;
        }
        self.remove(key);
        if self.bytes + bytes > most {
            self.shrink(most / 4 * 3);
        }
        self.bytes += bytes;
        self.entries.insert(key, Entry { used: self.uses, bytes, directory: Arc::clone(directory) });
    }

    fn shrink(&mut self, most: usize) {
        let mut oldest_first: Vec<_> = self.entries.iter().map(|(key, entry)| (entry.used, *key)).collect();
        oldest_first.sort_unstable();
        for (_, key) in oldest_first {
            if self.bytes <= most {
                return;
            }
            self.remove(key);
        }
    }

    fn remove(&mut self, key: (u64, u64)) {
        if let Some(gone) = self.entries.remove(&key) {
            self.bytes -= gone.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::arrivals::Arrivals;
    use super::super::chunk;
    use super::super::column::Column;
    use super::super::disk::Disk;
    use super::super::simulated::SimulatedDisk;
    use super::super::table::Table;
    use super::*;

    fn directory() -> Arc<Directory> {
        let column = Column { id: 0, values: (0..5000).map(f64::from).collect(), rows: None };
        let mut arrived = Arrivals::default();
        arrived.push(5000, 0);
        let times: Vec<i64> = (0..5000).map(|minute| minute * 60_000_000).collect();
        let table = Table { times, columns: vec![column], arrived };
        let mut bytes = Vec::new();
        chunk::encode(&table, 0, 1, &mut bytes).unwrap();
        let file = SimulatedDisk::new().create("chunk").unwrap();
        file.write_at(&bytes, 0).unwrap();
        let (file, length) = (&*file, bytes.len() as u64);
        let (first, last) = (table.times[0], table.times[4999]);
        let (device, order, layer, rows, points) = (0, 1, 0, 5000, 5000);
        let place = ChunkPlace { device, file: 1, offset: 0, length, order, layer, rows, points, first, last };
        Arc::new(Directory::read(file, &place).unwrap())
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let (directory, mut kept) = (directory(), Kept::default());
        let most = directory.bytes_in_memory() * 8;
        for file in 0..8 {
            kept.insert((file, 0), &directory, most);
        }
        assert_eq!(kept.bytes, most);
        assert!(kept.get((0, 0)).is_some());
        kept.insert((8, 0), &directory, most);
        let left: Vec<u64> = kept.entries.keys().map(|(file, _)| *file).collect();
        assert_eq!(left, [0, 3, 4, 5, 6, 7, 8], "the first was used since");
        assert_eq!(kept.bytes, most / 8 * 7);
        kept.insert((9, 0), &directory, directory.bytes_in_memory());
        assert!(kept.get((9, 0)).is_none(), "nothing takes all the room");
    }

    #[test]
    fn a_file_that_goes_takes_its_chunks_along() {
        let (directory, kept) = (directory(), Directories::default());
        for (file, offset) in [(1, 16), (2, 16), (2, 900), (3, 16)] {
            kept.kept().insert((file, offset), &directory, MOST_BYTES);
        }
        kept.forget(2);
        let left: Vec<u64> = kept.kept().entries.keys().map(|(file, _)| *file).collect();
        assert_eq!(left, [1, 3]);
        assert_eq!(kept.kept().bytes, 2 * directory.bytes_in_memory());
    }
}
