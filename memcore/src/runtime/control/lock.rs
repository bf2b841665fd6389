//! One controller a site: whoever controls it holds a lock on its decisions.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// Held as long as a site is controlled; it goes with the process.
#[derive(Debug)]
pub(crate) struct SiteLock(#[allow(dead_code, reason = "held, and never read")] File);

impl SiteLock {
    /// # Errors
    /// [`Locked`](ErrorKind::Locked) where another controls the site.
    pub(crate) fn take(site: &Path) -> Result<Self> {
        let path = site.join("control.lock");
        let failed = |e| Error::io(format!("lock {}", path.display()), e);
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                let message = format!("{} is controlled by another process: one controls a site", site.display());
                Err(Error::new(ErrorKind::Locked, message))
            }
            Err(TryLockError::Error(e)) => Err(failed(e)),
        }
    }
}
