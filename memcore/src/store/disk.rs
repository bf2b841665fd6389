//! What the store asks of a disk, and the real one. The simulated one is in [`super::simulated`].

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The one folder of a store. Names are plain file names; every method may be called from any thread.
pub trait Disk: Send + Sync + fmt::Debug {
    /// The files that are there.
    ///
    /// # Errors
    /// As the operating system reports them, here and below.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file that exists, to read it, and to write it where the store is a writer.
    #[allow(missing_docs, clippy::missing_errors_doc)]
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Makes an empty file, or empties the one of that name.
    #[allow(clippy::missing_errors_doc)]
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name, replacing what had it.
    #[allow(clippy::missing_errors_doc)]
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    #[allow(clippy::missing_errors_doc)]
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    #[allow(clippy::missing_errors_doc)]
    fn sync_folder(&self) -> io::Result<()>;
    /// Takes the writer's lock; false where another holds it.
    #[allow(clippy::missing_errors_doc)]
    fn lock(&self) -> io::Result<bool>;
    /// Gives the writer's lock back.
    fn unlock(&self);
    /// How many bytes may still be written, where that can be told.
    #[allow(clippy::missing_errors_doc)]
    fn free_space(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }
    /// How many bytes the file system holds in all, where that can be told.
    #[allow(clippy::missing_errors_doc)]
    fn capacity(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }
    /// The folder, where it is one of the file system.
    fn folder(&self) -> Option<&Path> {
        None
    }
}

/// An open file.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Fills `into` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` where the file is shorter; else as the operating system reports them, here and below.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    #[allow(clippy::missing_errors_doc)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the content durable.
    #[allow(clippy::missing_errors_doc)]
    fn sync(&self) -> io::Result<()>;
    /// How long the file is.
    #[allow(clippy::missing_errors_doc)]
    fn length(&self) -> io::Result<u64>;
    /// Reserves blocks up to `length`; where `zeros` is set they are written, which makes later syncs cheaper.
    #[allow(clippy::missing_errors_doc)]
    fn reserve(&self, length: u64, zeros: bool) -> io::Result<()>;
    /// Gives back what was reserved beyond `length`. A disk that cannot keeps it.
    #[allow(clippy::missing_errors_doc)]
    fn release(&self, _length: u64) -> io::Result<()> {
        Ok(())
    }
}

/// The whole content of a file.
pub(super) fn read_all(disk: &dyn Disk, name: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(name)?;
    let mut bytes = vec![0; usize::try_from(file.length()?).map_err(io::Error::other)?];
    file.read_at(&mut bytes, 0)?;
    Ok(bytes)
}

const LOCK: &str = "LOCK";

/// A folder of the file system.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    writable: bool,
    held: Mutex<Option<File>>,
}

impl Folder {
    pub(super) fn writable(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Ok(Self { path: path.to_owned(), writable: true, held: Mutex::new(None) })
    }

    pub(super) fn read_only(path: &Path) -> Self {
        Self { path: path.to_owned(), writable: false, held: Mutex::new(None) }
    }
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(self.writable).open(self.path.join(name))?;
        Ok(Box::new(RealFile(file)))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(self.path.join(name))?;
        Ok(Box::new(RealFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn lock(&self) -> io::Result<bool> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(self.path.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => {
                *self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    fn unlock(&self) {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    }

    fn free_space(&self) -> io::Result<Option<u64>> {
        let system = rustix::fs::statvfs(&self.path)?;
        Ok(Some(system.f_bavail.saturating_mul(system.f_frsize)))
    }

    fn capacity(&self) -> io::Result<Option<u64>> {
        let system = rustix::fs::statvfs(&self.path)?;
        Ok(Some(system.f_blocks.saturating_mul(system.f_frsize)))
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn reserve(&self, length: u64, zeros: bool) -> io::Result<()> {
        if zeros {
            let block = vec![0; 1 << 18];
            let mut at = self.length()?;
            while at < length {
                let count = block.len().min(usize::try_from(length - at).unwrap_or(block.len()));
                self.0.write_all_at(&block[..count], at)?;
                at += count as u64;
            }
            return Ok(());
        }
        // A file system without the call only loses the reservation.
        match rustix::fs::fallocate(&self.0, rustix::fs::FallocateFlags::empty(), 0, length) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            other => other.map_err(io::Error::from),
        }
    }

    fn release(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
}
