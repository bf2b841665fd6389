//! Files with secrets: readable by their owner only, and replaced as a whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::error::{Error, Result};

/// Makes a folder that only its owner can enter, and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| Error::io(format!("create {}", path.display()), e))
}

/// Waits until no other process or thread holds the lock, and holds it until the file is dropped.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let failed = |e| Error::io(format!("lock {}", path.display()), e);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Replaces the file by `contents`: after a crash it holds the old contents or the new ones, never a part. One at a time:
/// who may not be alone holds a [`lock`].
pub(crate) fn replace(path: &Path, contents: &[u8]) -> Result<()> {
    put(path, contents, true)
}

/// As [`replace`], without waiting for the disk: after a power cut the file may hold what it held before, or nothing.
pub(crate) fn replace_soon(path: &Path, contents: &[u8]) -> Result<()> {
    put(path, contents, false)
}

fn put(path: &Path, contents: &[u8], durable: bool) -> Result<()> {
    let failed = |e| Error::io(format!("write {}", path.display()), e);
    // The whole name with an ending, so that no two files share their new one.
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    // A leftover of an earlier crash might have other permissions.
    match fs::remove_file(new) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new).map_err(failed)?;
    file.write_all(contents).map_err(failed)?;
    if !durable {
        return fs::rename(new, path).map_err(failed);
    }
    file.sync_all().map_err(failed)?;
    fs::rename(new, path).map_err(failed)?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Reads a text file; `None` where it does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io(format!("read {}", path.display()), e)),
    }
}
