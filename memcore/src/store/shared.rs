//! What the handles of one open store and its background thread share, and the order in which it is locked:
//! files, then manifest, then log, then state. No disk operation happens under the state's lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::disk::Disk;
use super::log::LogWriter;
use super::manifest::{ManifestWriter, Record};
use super::options::StoreOptions;
use super::state::State;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Clock;

/// The parts that write. A reader has none.
#[derive(Debug)]
pub(super) struct Writing {
    /// Held by who makes files of chunks, deletes or hands out orders, from what it reads of the state to the edit that
    /// makes it hold.
    pub(super) files: Mutex<()>,
    pub(super) manifest: Mutex<ManifestWriter>,
    pub(super) log: Mutex<LogWriter>,
}

impl Writing {
    pub(super) fn new(manifest: ManifestWriter, log: LogWriter) -> Self {
        Self { files: Mutex::default(), manifest: Mutex::new(manifest), log: Mutex::new(log) }
    }

    pub(super) fn lock_manifest(&self) -> MutexGuard<'_, ManifestWriter> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    /// How messages call the store: its path.
    pub(super) label: String,
    pub(super) disk: Arc<dyn Disk>,
    /// Says when batches arrive; nothing else.
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: StoreOptions,
    state: RwLock<State>,
    pub(super) writing: Option<Writing>,
    /// The last frame that is known durable.
    pub(super) durable: AtomicU64,
    /// The number of the last edit of the manifest, for the heads of log segments.
    pub(super) manifest_number: AtomicU64,
    read_only: OnceLock<String>,
    pub(super) closed: AtomicBool,
    /// What the background thread is asked to do.
    pub(super) tasks: Mutex<Tasks>,
    pub(super) wake: Condvar,
    /// Signalled when something was sealed, or never will be.
    pub(super) sealed: Condvar,
}

/// What the background thread is asked to do.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    pub(super) stop: bool,
    /// There may be something to seal.
    pub(super) look: bool,
}

impl Shared {
    pub(super) fn new(
        label: String,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        options: StoreOptions,
        state: State,
        writing: Option<Writing>,
        manifest_number: u64,
    ) -> Self {
        Self {
            label,
            disk,
            clock,
            options,
            durable: AtomicU64::new(state.next_frame - 1),
            state: RwLock::new(state),
            writing,
            manifest_number: AtomicU64::new(manifest_number),
            read_only: OnceLock::new(),
            closed: AtomicBool::new(false),
            tasks: Mutex::default(),
            wake: Condvar::new(),
            sealed: Condvar::new(),
        }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_log<'a>(&self, writing: &'a Writing) -> MutexGuard<'a, LogWriter> {
        writing.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to make files of chunks, while the store takes writes. Who waits for it finds the store closed once closing
    /// has it.
    pub(super) fn lock_files<'a>(&self, writing: &'a Writing) -> Result<MutexGuard<'a, ()>> {
        let files = writing.files.lock().unwrap_or_else(PoisonError::into_inner);
        self.writing().map(|_| files)
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    pub(super) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, format!("store {} is closed", self.label)));
        }
        Ok(())
    }

    /// The parts that write, where the store is open and takes writes.
    pub(super) fn writing(&self) -> Result<&Writing> {
        self.check_open()?;
        if let Some(reason) = self.read_only.get() {
            return Err(self.read_only_error(reason));
        }
        self.writing.as_ref().ok_or_else(|| self.read_only_error("it was opened to be read"))
    }

    fn read_only_error(&self, reason: &str) -> Error {
        Error::new(ErrorKind::ReadOnly, format!("store {} takes no writes: {reason}", self.label))
    }

    pub(super) fn read_only_reason(&self) -> Option<String> {
        let opened = self.writing.is_none().then(|| "it was opened to be read".to_owned());
        self.read_only.get().cloned().or(opened)
    }

    /// No write may follow a failed one: what the disk has is not known any more (S11). Reads go on.
    pub(super) fn fail(&self, error: &Error) -> Error {
        if self.read_only.set(error.message().to_owned()).is_ok() {
            tracing::error!(store = self.label, %error, "the store takes no more writes");
        }
        self.sealed.notify_all();
        self.read_only_error(error.message())
    }

    /// Gives the buffered frames to the operating system, and makes all that was given durable where `sync` is set.
    pub(super) fn flush(&self, log: &mut LogWriter, sync: bool) -> Result<()> {
        let (frames, last) = {
            let mut state = self.write();
            let spare = std::mem::take(&mut log.spare);
            (std::mem::replace(&mut state.buffer, spare), state.next_frame - 1)
        };
        if !frames.is_empty() {
            let number = self.manifest_number.load(Ordering::Acquire);
            let before = log.written;
            let full = log.write(&*self.disk, &frames, last, number).map_err(|e| self.fail(&e))?;
            if full {
                self.durable.fetch_max(before, Ordering::AcqRel);
            }
            if log.bytes() > self.options.log_bytes || log.full.len() > 64 {
                self.ask_to_look();
            }
        }
        log.spare = frames;
        log.spare.clear();
        log.spare.shrink_to(4 << 20);
        if sync && self.durable() < log.written {
            log.sync().map_err(|e| self.fail(&e))?;
            self.durable.fetch_max(log.written, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Wakes the background thread.
    pub(super) fn ask_to_look(&self) {
        self.tasks().look = true;
        self.wake.notify_one();
    }

    /// Makes facts durable, then lets them hold.
    pub(super) fn record(&self, manifest: &mut ManifestWriter, records: Vec<Record>) -> Result<()> {
        manifest.append(&records).map_err(|e| self.fail(&e))?;
        self.manifest_number.store(manifest.number, Ordering::Release);
        let mut state = self.write();
        for record in records {
            state.apply(record)?;
        }
        if manifest.is_overgrown() {
            let all = state.records(self.durable());
            drop(state);
            *manifest = ManifestWriter::create(&*self.disk, manifest.number + 1, &all).map_err(|e| self.fail(&e))?;
            self.manifest_number.store(manifest.number, Ordering::Release);
        }
        Ok(())
    }
}
