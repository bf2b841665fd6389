//! What the handles of one open store and its background thread share, and the order in which it is locked:
//! files, then manifest, then log, then state. No disk operation happens under the state's lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::disk::Disk;
use super::follow::Position;
use super::log::LogWriter;
use super::manifest::{ManifestWriter, Record};
use super::options::StoreOptions;
use super::registration::Registrations;
use super::space::{Space, is_full};
use super::state::State;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::model::Clock;

/// The parts that write. A reader has none.
#[derive(Debug)]
pub(super) struct Writing {
    /// Held by who makes files of chunks, deletes or hands out orders, from what it reads of the state to the edit that
    /// makes it hold.
    pub(super) files: Mutex<()>,
    pub(super) manifest: Mutex<ManifestWriter>,
    pub(super) log: Mutex<LogWriter>,
    pub(super) registrations: Mutex<Registrations>,
}

impl Writing {
    pub(super) fn new(manifest: ManifestWriter, log: LogWriter) -> Self {
        let (manifest, log) = (Mutex::new(manifest), Mutex::new(log));
        Self { files: Mutex::default(), manifest, log, registrations: Mutex::default() }
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
    /// Says when batches arrive, and to retention what time it is.
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: StoreOptions,
    state: RwLock<State>,
    pub(super) writing: Option<Writing>,
    /// The last frame that is known durable.
    pub(super) durable: AtomicU64,
    /// The number of the last edit of the manifest, for the heads of log segments.
    pub(super) manifest_number: AtomicU64,
    /// How far a reader has come.
    pub(super) position: Mutex<Option<Position>>,
    read_only: OnceLock<String>,
    pub(super) space: Space,
    pub(super) closed: AtomicBool,
    /// The log is so much longer than it may be that appending waits.
    pub(super) log_is_long: AtomicBool,
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
    /// What a full disk refused is to be tried now, not when the time for it has come.
    pub(super) retry: bool,
    /// How often it was tried to do everything that there is to do.
    pub(super) attempts: u64,
    /// When, by the monotonic clock, it was last looked what is to be given up.
    pub(super) retained: Option<Duration>,
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
        let space = Space::new(&*disk, options.reserve_bytes);
        Self {
            label,
            disk,
            clock,
            options,
            durable: AtomicU64::new(state.next_frame - 1),
            state: RwLock::new(state),
            writing,
            manifest_number: AtomicU64::new(manifest_number),
            position: Mutex::default(),
            read_only: OnceLock::new(),
            space,
            closed: AtomicBool::new(false),
            log_is_long: AtomicBool::new(false),
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
        self.check_sound()?;
        self.writing.as_ref().ok_or_else(|| self.read_only_error("it was opened to be read"))
    }

    /// The parts that write, where there is also room for more data.
    pub(super) fn taking(&self) -> Result<&Writing> {
        let writing = self.writing()?;
        self.space.reason().map_or(Ok(writing), |reason| Err(self.full_error(&reason)))
    }

    fn check_sound(&self) -> Result<()> {
        self.read_only.get().map_or(Ok(()), |reason| Err(self.read_only_error(reason)))
    }

    /// Whether a write has failed for good.
    pub(super) fn has_failed(&self) -> bool {
        self.read_only.get().is_some()
    }

    pub(super) fn full_error(&self, reason: &str) -> Error {
        let message = format!("store {} takes no writes for now: {reason}", self.label);
        Error::new(ErrorKind::ReadOnly, message).with_retry(Retry::Safe)
    }

    fn read_only_error(&self, reason: &str) -> Error {
        Error::new(ErrorKind::ReadOnly, format!("store {} takes no writes: {reason}", self.label))
    }

    pub(super) fn read_only_reason(&self) -> Option<String> {
        let opened = self.writing.is_none().then(|| "it was opened to be read".to_owned());
        self.read_only.get().cloned().or_else(|| self.space.reason()).or(opened)
    }

    /// What a failed write leads to. For want of room: no more data until there is room again; what was to be written is
    /// kept, and tried again (S41). Anything else ends writing for good (S11).
    pub(super) fn refuse(&self, error: &Error) -> Error {
        match error.kind() {
            // It was refused further down already, or the store is being closed: what is taken is still to be written then.
            ErrorKind::ReadOnly | ErrorKind::Closed => Error::new(error.kind(), error.message()).with_retry(error.retry()),
            _ if is_full(error) => self.fill_up(format!("disk full: {error}")),
            _ => self.fail(error),
        }
    }

    fn fill_up(&self, reason: String) -> Error {
        let error = self.full_error(&reason);
        if self.space.refuse(reason) {
            tracing::error!(store = self.label, %error, "the disk is full");
        }
        self.sealed.notify_all();
        error
    }

    /// Looks how much is free. True where there is room.
    pub(super) fn look_for_room(&self) -> bool {
        match self.space.lacks(&*self.disk) {
            Some(reason) => {
                self.fill_up(reason);
                false
            }
            None => true,
        }
    }

    /// Everything that there was to do went through, of which so many refusals were known.
    pub(super) fn has_room(&self, refusals: u64) {
        if self.space.reopen(refusals) {
            tracing::info!(store = self.label, "there is room on the disk again");
        }
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
        self.check_sound()?;
        let (mut frames, last) = {
            let mut state = self.write();
            let spare = std::mem::take(&mut log.spare);
            (std::mem::replace(&mut state.buffer, spare), state.next_frame - 1)
        };
        if !frames.is_empty() {
            let number = self.manifest_number.load(Ordering::Acquire);
            let before = log.written;
            if log.needs_segment(frames.len()) {
                // Too little room is the end of appends; what was taken already may use the reserve.
                self.look_for_room();
            }
            let full = match log.write(&*self.disk, &frames, last, number) {
                Ok(full) => full,
                Err(e) => {
                    // They keep their numbers and their place before all that came meanwhile.
                    let later = &mut self.write().buffer;
                    frames.append(later);
                    *later = frames;
                    return Err(self.refuse(&e));
                }
            };
            if full {
                self.durable.fetch_max(before, Ordering::AcqRel);
                self.look_for_room();
            }
            self.measure(log);
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

    /// Notes whether the log has so much outgrown its bound that appending waits for sealing. What is being written, and
    /// what is being made, can never be removed: it does not count.
    pub(super) fn measure(&self, log: &LogWriter) {
        let most = self.options.log_bytes.saturating_mul(2);
        self.log_is_long.store(log.full.iter().map(|segment| segment.bytes).sum::<u64>() > most, Ordering::Release);
    }

    /// Wakes the background thread.
    pub(super) fn ask_to_look(&self) {
        self.tasks().look = true;
        self.wake.notify_one();
    }

    /// Has what a full disk refused tried again at once.
    pub(super) fn ask_to_retry(&self) {
        let mut tasks = self.tasks();
        (tasks.look, tasks.retry) = (true, true);
        drop(tasks);
        self.wake.notify_one();
    }

    /// Makes facts durable, then lets them hold.
    pub(super) fn record(&self, manifest: &mut ManifestWriter, records: Vec<Record>) -> Result<()> {
        self.check_sound()?;
        manifest.append(&records).map_err(|e| self.refuse(&e))?;
        self.manifest_number.store(manifest.number, Ordering::Release);
        let mut state = self.write();
        for record in records {
            state.apply(record)?;
        }
        let released = std::mem::take(&mut state.released);
        let anew = manifest.is_overgrown().then(|| state.records(self.durable()));
        drop(state);
        drop(released);
        anew.map_or(Ok(()), |all| self.write_anew(manifest, &all))
    }

    /// On a full disk the manifest that there is grows on.
    fn write_anew(&self, manifest: &mut ManifestWriter, all: &[Record]) -> Result<()> {
        match ManifestWriter::create(&*self.disk, manifest.number + 1, all) {
            Ok(anew) => {
                *manifest = anew;
                self.manifest_number.store(manifest.number, Ordering::Release);
                Ok(())
            }
            Err(e) if is_full(&e) => Ok(()),
            Err(e) => Err(self.fail(&e)),
        }
    }
}
