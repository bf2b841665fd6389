//! Open files of chunks, kept so that a query does not open what the one before had open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::DiskFile;
use crate::error::Result;

/// The most files that are kept open; beyond it the one that was used longest ago is closed.
const MOST: usize = 256;

/// Files by their number, with the use they were last used for.
#[derive(Debug, Default)]
pub(super) struct Handles {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    uses: u64,
    files: HashMap<u64, (u64, Arc<dyn DiskFile>)>,
}

impl Handles {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open file of that number, opened where it is not.
    pub(super) fn get(&self, number: u64, open: impl FnOnce() -> Result<Box<dyn DiskFile>>) -> Result<Arc<dyn DiskFile>> {
        {
            let mut kept = self.kept();
            kept.uses += 1;
            let uses = kept.uses;
            if let Some((used, file)) = kept.files.get_mut(&number) {
                *used = uses;
                return Ok(Arc::clone(file));
            }
        }
        // Opened without the lock: two that open the same file at once only do it twice.
        let file: Arc<dyn DiskFile> = open()?.into();
        let mut kept = self.kept();
        if kept.files.len() >= MOST
            && let Some(oldest) = kept.files.iter().min_by_key(|(_, (used, _))| *used).map(|(number, _)| *number)
        {
            kept.files.remove(&oldest);
        }
        let uses = kept.uses;
        kept.files.insert(number, (uses, Arc::clone(&file)));
        Ok(file)
    }

    pub(super) fn forget(&self, number: u64) {
        self.kept().files.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::Disk;
    use super::super::simulated::SimulatedDisk;
    use super::*;

    #[test]
    fn what_was_used_longest_ago_is_closed() {
        let disk = SimulatedDisk::new();
        let handles = Handles::default();
        let mut opened = 0;
        let mut open = |number: u64| {
            let file = || {
                opened += 1;
                disk.create(&format!("f{number}")).map_err(|e| crate::error::Error::io("create", e))
            };
            handles.get(number, file).unwrap();
            opened
        };
        for number in 0..MOST as u64 {
            open(number);
        }
        assert_eq!(open(0), MOST, "kept");
        assert_eq!(open(9999), MOST + 1);
        assert_eq!(open(0), MOST + 1, "used since");
        assert_eq!(open(1), MOST + 2, "closed for another");
        handles.forget(0);
        assert_eq!(open(0), MOST + 3);
        assert!(handles.kept().files.len() <= MOST);
    }
}
