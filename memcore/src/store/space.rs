//! Room on the disk. Appends leave a reserve free, so that sealing, deletes and retention always have what they need; what
//! a full disk refused all the same is tried again until it goes through (S40 to S42).

use std::error::Error as _;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::disk::Disk;
use crate::error::Error;

/// Of a small file system the reserve takes no more than one part in this many.
const SHARE: u64 = 20;
/// Once the reserve was touched, this part of it more must be free before appends are taken again: not a flicker.
const SLACK: u64 = 8;

/// Whether there is room for more.
#[derive(Debug)]
pub(super) struct Space {
    reserve: u64,
    full: AtomicBool,
    /// How often something was refused.
    refusals: AtomicU64,
    reason: Mutex<Option<String>>,
}

impl Space {
    pub(super) fn new(disk: &dyn Disk, reserve: u64) -> Self {
        let most = disk.capacity().ok().flatten().map_or(u64::MAX, |capacity| capacity / SHARE);
        Self {
            reserve: reserve.min(most),
            full: AtomicBool::new(false),
            refusals: AtomicU64::new(0),
            reason: Mutex::new(None),
        }
    }

    /// What is wrong where less is free than the reserve. A disk that cannot tell is taken to have room.
    pub(super) fn lacks(&self, disk: &dyn Disk) -> Option<String> {
        if self.reserve == 0 {
            return None;
        }
        let free = disk.free_space().ok().flatten()?;
        let expected = self.reserve + if self.is_full() { self.reserve / SLACK } else { 0 };
        (free < expected).then(|| format!("disk full: {free} bytes free, expected at least {expected}"))
    }

    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Why no more is taken, where that is so.
    pub(super) fn reason(&self) -> Option<String> {
        if self.is_full() { self.lock().clone() } else { None }
    }

    pub(super) fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::Acquire)
    }

    /// Takes no more, for that reason. True where that is news.
    pub(super) fn refuse(&self, reason: String) -> bool {
        let mut known = self.lock();
        self.refusals.fetch_add(1, Ordering::AcqRel);
        self.full.store(true, Ordering::Release);
        known.replace(reason).is_none()
    }

    /// Everything went through, and nothing was refused since there were so many refusals. True where that is news.
    pub(super) fn reopen(&self, refusals: u64) -> bool {
        let mut known = self.lock();
        if self.refusals() != refusals {
            return false;
        }
        self.full.store(false, Ordering::Release);
        known.take().is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a write was refused for want of room. Then nothing is lost and nothing is unclear: it may be tried again.
pub(super) fn is_full(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|e| matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}

/// What a sync says of a file that holds the only copy of something. Even where it says that the disk is full, what the
/// disk has is not known any more (S11), so the kind is taken off it.
pub(super) fn unclear(error: io::Error) -> io::Error {
    io::Error::other(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::simulated::SimulatedDisk;
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn the_reserve_is_capped_on_a_small_file_system_and_left_with_some_slack() {
        let disk = SimulatedDisk::new();
        disk.set_capacity(Some(20_000));
        let space = Space::new(&disk, 1 << 20);
        assert_eq!((space.reserve, space.lacks(&disk)), (1000, None));
        disk.set_content("other", vec![0; 19_001]);
        let reason = space.lacks(&disk).unwrap();
        assert_eq!(reason, "disk full: 999 bytes free, expected at least 1000");
        assert!(space.refuse(reason.clone()) && !space.refuse(reason));
        disk.set_content("other", vec![0; 18_900]);
        assert_eq!(space.lacks(&disk).unwrap(), "disk full: 1100 bytes free, expected at least 1125");
        disk.set_content("other", vec![0; 18_800]);
        assert_eq!(space.lacks(&disk), None);
        assert!(!space.reopen(1) && space.is_full(), "it was refused twice");
        assert!(space.reopen(2) && !space.is_full());
    }

    #[test]
    fn a_full_disk_is_told_apart_from_a_broken_one_and_from_any_sync() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert!(is_full(&Error::io("write", full()).context("store")));
        assert!(!is_full(&Error::io("sync", unclear(full()))));
        assert!(!is_full(&Error::io("write", io::Error::from_raw_os_error(5))));
        assert!(!is_full(&Error::new(ErrorKind::ReadOnly, "full")));
    }
}
