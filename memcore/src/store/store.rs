//! The store itself: opened, written, asked.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::arrivals::minute_of;
use super::backup::{self, BackupReport};
use super::batch_frame;
use super::cost::Cost;
use super::disk::{Disk, Folder};
use super::follow;
use super::log::{self, PAYLOAD_MAX};
use super::manifest::Record;
use super::options::{StoreOptions, SyncPolicy};
use super::query::{Query, QueryResult};
use super::recovery;
use super::registration;
use super::requalify;
use super::retention::{self, Now, RetentionReport};
use super::scan;
use super::seal;
use super::shared::{Shared, Writing};
use super::simulated::SimulatedDisk;
use super::state::State;
use super::stats::{self, SeriesStats, StoreStats};
use super::stream::{self, QueryStream};
use super::verify::{self, VerifyReport};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::model::{Batch, Channel, Clock, DeviceName, Selection, SeriesName, Span, SystemClock, Timestamp};

/// Frames wait in memory up to this size; then `append` itself gives them to the operating system.
const BUFFER_BYTES: usize = 1 << 20;

/// Times may lie this far ahead of the clock before it is remarked on.
const AHEAD: Span = Span::from_seconds(300);

/// What a batch was given when it was appended, to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Series of values over time, in a folder or in memory. Clones are cheap and share the store; it is closed with the last
/// of them, or before by [`close`](Self::close). Every method may be called from any thread; those that write block while
/// the disk is behind.
#[derive(Debug, Clone)]
pub struct Store {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the store in the folder `path` to read and write it. The folder is made where there is none.
    ///
    /// # Errors
    /// [`Locked`](ErrorKind::Locked) where another writer has it open, [`Invalid`](ErrorKind::Invalid) where the folder
    /// holds something else, [`Unsupported`](ErrorKind::Unsupported) where a newer memcore wrote it,
    /// [`Damaged`](ErrorKind::Damaged) where its manifest cannot be read. In none of these cases anything is changed.
    pub fn open(path: impl AsRef<Path>, options: StoreOptions) -> Result<Self> {
        Self::open_by(path.as_ref(), Arc::new(SystemClock::default()), options)
    }

    /// As [`open`](Self::open), by any clock.
    pub(crate) fn open_by(path: &Path, clock: Arc<dyn Clock>, options: StoreOptions) -> Result<Self> {
        let label = path.display().to_string();
        let folder = Folder::writable(path).map_err(|e| Error::io(format_args!("create store {label}"), e))?;
        Self::open_with(Arc::new(folder), clock, &label, options)
    }

    /// Opens the store in the folder `path` to read it, while another may write it. It sees what was there when it was
    /// opened; [`refresh`](Self::refresh) looks again.
    ///
    /// # Errors
    /// As [`open`](Self::open), but never `Locked`; [`NotFound`](ErrorKind::NotFound) where there is no store.
    pub fn open_read_only(path: impl AsRef<Path>, options: StoreOptions) -> Result<Self> {
        let path = path.as_ref();
        let label = path.display().to_string();
        Self::open_read_only_on(Arc::new(Folder::read_only(path)), &label, options)
    }

    /// A store that lives in memory and is gone when it is closed; otherwise it behaves as one on disk.
    ///
    /// # Panics
    /// Never: a new disk in memory refuses nothing.
    #[must_use]
    pub fn in_memory(options: StoreOptions) -> Self {
        // The log would only be a second copy of what is in memory: it is kept short.
        let (log_bytes, segment_bytes) = (options.log_bytes.min(8 << 20), options.segment_bytes.min(1 << 20));
        let options = options.log_bytes(log_bytes).segment_bytes(segment_bytes);
        Self::open_on(Arc::new(SimulatedDisk::new()), "in memory", options).expect("memory refuses nothing")
    }

    /// Opens the store on any disk; `label` is how messages call it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(disk: Arc<dyn Disk>, label: &str, options: StoreOptions) -> Result<Self> {
        Self::open_with(disk, Arc::new(SystemClock::default()), label, options)
    }

    /// Opens the store on any disk and by any clock. The clock says when batches arrive, for as-of queries; which value holds
    /// is decided by the order of arrival alone, so the clock may be wrong and may jump.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>, label: &str, options: StoreOptions) -> Result<Self> {
        let named = |e: Error| e.context(format_args!("store {label}"));
        options.check().map_err(named)?;
        let options = options.bounded_by_size();
        let files = disk.list().map_err(|e| named(Error::io("list it", e)))?;
        let new = recovery::is_new(&files).map_err(named)?;
        if !disk.lock().map_err(|e| named(Error::io("lock it", e)))? {
            return Err(Error::new(ErrorKind::Locked, format!("store {label} is open for writing elsewhere")));
        }
        let shared = Self::recover(&disk, clock, label, options, new).map_err(|e| {
            disk.unlock();
            named(e)
        })?;
        let shared = Arc::new(shared);
        let of_thread = Arc::clone(&shared);
        let spawned = std::thread::Builder::new().name("memcore-store".into()).spawn(move || seal::run(&of_thread));
        let thread = spawned.map_err(|e| {
            disk.unlock();
            named(Error::io("start its thread", e))
        })?;
        shared.ask_to_look();
        Ok(Self { handle: Arc::new(Handle { shared, thread: Mutex::new(Some(thread)) }) })
    }

    fn recover(
        disk: &Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        label: &str,
        options: StoreOptions,
        new: bool,
    ) -> Result<Shared> {
        if new {
            recovery::create(&**disk)?;
        }
        let recovered = recovery::load(disk, &options)?;
        let (state, manifest, log) = recovered.prepare(disk, &options)?;
        for what in &state.damage {
            tracing::error!(store = label, "damage: {what}");
        }
        let number = manifest.number;
        let room = log.end().is_some();
        let writing = Writing::new(manifest, log);
        let shared = Shared::new(label.to_owned(), Arc::clone(disk), clock, options, state, Some(writing), number);
        if shared.look_for_room() && !room {
            shared.space.refuse("disk full: no room for a segment of the log".to_owned());
        }
        Ok(shared)
    }

    /// Opens the store on any disk to read it.
    ///
    /// # Errors
    /// As [`open_read_only`](Self::open_read_only).
    pub fn open_read_only_on(disk: Arc<dyn Disk>, label: &str, options: StoreOptions) -> Result<Self> {
        let (state, position) = follow::load(&disk).map_err(|e| e.context(format_args!("store {label}")))?;
        let clock = Arc::new(SystemClock::default());
        let shared = Arc::new(Shared::new(label.to_owned(), disk, clock, options, state, None, 0));
        *shared.position.lock().unwrap_or_else(PoisonError::into_inner) = position;
        Ok(Self { handle: Arc::new(Handle { shared, thread: Mutex::new(None) }) })
    }

    /// Looks at what a writer has made of the store since it was opened to be read. Only what is new is read. A writer needs no
    /// refresh.
    ///
    /// # Errors
    /// As [`open_read_only`](Self::open_read_only).
    pub fn refresh(&self) -> Result<()> {
        let shared = self.shared();
        shared.check_open()?;
        if shared.writing.is_none() {
            follow::refresh(shared).map_err(|e| e.context(format_args!("store {}", shared.label)))?;
            let reached = shared.read().next_frame - 1;
            shared.durable.store(reached, Ordering::Release);
        }
        Ok(())
    }

    /// Registers channels of a device; durable when it returns. Those that wait at the same time are made durable together.
    /// What is registered already may be given again, and then
    /// takes over the new cadence, max-age, range, writability and labels.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where stored numbers would change their meaning,
    /// [`LimitReached`](ErrorKind::LimitReached) beyond the device's quota of channels or the store's of
    /// devices; then none of the channels is registered.
    pub fn register(&self, device: &DeviceName, channels: &[Channel]) -> Result<()> {
        registration::register(self.shared(), device, channels)
    }

    /// Whether [`register`](Self::register) would change nothing: such a device need not wait for the disk.
    #[cfg(feature = "gateway")]
    pub(crate) fn is_registered(&self, device: &DeviceName, channels: &[Channel]) -> bool {
        let shared = self.shared();
        let state = shared.read();
        registration::new_facts(&state, device, channels, 0, &shared.options).is_ok_and(|records| records.is_empty())
    }

    /// The channels that are selected, in order of their names.
    #[must_use]
    pub fn channels(&self, selection: impl Into<Selection>) -> Vec<(SeriesName, Channel)> {
        let state = self.shared().read();
        let selected = state.select(&selection.into()).into_iter();
        selected.map(|(series, device, column)| (series, state.describe(device, column).clone())).collect()
    }

    /// The description of a channel.
    #[must_use]
    pub fn channel(&self, series: &SeriesName) -> Option<Channel> {
        self.channels(series).pop().map(|(_, channel)| channel)
    }

    /// Takes in a batch, in base units and passive sign. Queries see it; it is durable when [`commit`](Self::commit) of
    /// the ticket returns. A batch whose position was reached before is a repetition: it is counted and not stored again.
    /// While too many rows wait to be sealed, this waits for the disk.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) naming a channel that is not registered; nothing of the batch is taken then.
    pub fn append(&self, batch: &Batch) -> Result<Ticket> {
        let shared = self.shared();
        let writing = shared.taking()?;
        let arrived = shared.clock.now();
        let mut state = shared.write();
        let (frame, froze) = append(&mut state, batch, arrived, shared)?;
        let (buffered, queued) = (state.buffer.len(), state.queued_rows);
        drop(state);
        let taken = |waited: Result<()>| match waited {
            // The batch is taken; it is the next one that a full disk keeps out.
            Err(e) if e.retry() == Retry::Safe => Ok(()),
            waited => waited,
        };
        if buffered > BUFFER_BYTES {
            let mut log = shared.lock_log(writing);
            shared.writing()?;
            taken(shared.flush(&mut log, false))?;
        }
        if froze {
            shared.ask_to_look();
        }
        if queued > shared.options.unsealed_rows || shared.log_is_long.load(Ordering::Acquire) {
            taken(seal::hold_back(shared))?;
        }
        Ok(Ticket(frame))
    }

    /// Waits until the batch of the ticket is as safe as the [`SyncPolicy`] says. One sync serves all that wait.
    ///
    /// # Errors
    /// [`ReadOnly`](ErrorKind::ReadOnly) where the disk failed: the batch may or may not survive, and from then on the
    /// store is only read.
    pub fn commit(&self, ticket: Ticket) -> Result<()> {
        let shared = self.shared();
        if shared.durable() >= ticket.0 {
            return Ok(());
        }
        let writing = shared.writing()?;
        let mut log = shared.lock_log(writing);
        // Whoever had the lock before may have synced this batch along with others.
        let sync = shared.options.sync == SyncPolicy::Each;
        if shared.durable() >= ticket.0 || (!sync && log.written >= ticket.0) {
            return Ok(());
        }
        shared.writing()?;
        shared.flush(&mut log, sync)
    }

    /// [`append`](Self::append) and [`commit`](Self::commit).
    ///
    /// # Errors
    /// As both.
    pub fn write(&self, batch: &Batch) -> Result<()> {
        let ticket = self.append(batch)?;
        self.commit(ticket)
    }

    /// Makes everything appended so far durable, whatever the policy.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn sync(&self) -> Result<()> {
        let shared = self.shared();
        let mut log = shared.lock_log(shared.writing()?);
        shared.writing()?;
        shared.flush(&mut log, true)
    }

    /// Seals all rows into compressed chunks and waits for it: before a backup, or to measure.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn seal(&self) -> Result<()> {
        self.shared().writing()?;
        seal::seal_all(self.shared())
    }

    /// The highest sequence of that boot of the device that is known durable; 0 where there is none.
    #[must_use]
    pub fn durable_sequence(&self, device: &DeviceName, boot: u64) -> u64 {
        let state = self.shared().read();
        let durable = self.shared().durable();
        state.device_id(device).map_or(0, |id| state.devices[id as usize].marks.durable(boot, durable))
    }

    /// Answers a query.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for a reversed range, [`NotFound`](ErrorKind::NotFound) where a pattern without a
    /// wildcard names no series, [`Damaged`](ErrorKind::Damaged) where a chunk that is needed fails its checksum.
    pub fn query(&self, query: &Query) -> Result<QueryResult> {
        self.shared().check_open()?;
        self.reading(|shared| scan::run(shared, query))
    }

    /// Answers a query batch by batch, for ranges that are longer than memory.
    ///
    /// # Errors
    /// As [`query`](Self::query), here and from each batch; nothing follows an error.
    pub fn stream(&self, query: &Query) -> Result<QueryStream> {
        self.shared().check_open()?;
        stream::start(self.shared(), query)
    }

    /// What answering a query takes. It is answered for that: what summaries suffice for depends on the data.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub fn explain(&self, query: &Query) -> Result<Cost> {
        self.query(query).map(|result| *result.cost())
    }

    /// Where a reader's writer has replaced files meanwhile, the reader looks again at what there is.
    fn reading<T>(&self, read: impl Fn(&Shared) -> Result<T>) -> Result<T> {
        const ATTEMPTS: usize = 20;
        let mut answer = read(self.shared());
        for _ in 0..ATTEMPTS {
            match &answer {
                Err(e) if e.kind() == ErrorKind::Io && self.shared().writing.is_none() => self.refresh()?,
                _ => break,
            }
            answer = read(self.shared());
        }
        answer
    }

    /// Sizes and counters.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        stats::of_store(self.shared())
    }

    /// Sizes and span of each selected series. Reads the head of every chunk concerned.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub fn series_stats(&self, selection: impl Into<Selection>) -> Result<Vec<(SeriesName, SeriesStats)>> {
        self.shared().check_open()?;
        let selection = selection.into();
        self.reading(|shared| stats::of_series(shared, &selection))
    }

    /// Reads everything and checks every checksum.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed); what is damaged is in the report.
    pub fn verify(&self) -> Result<VerifyReport> {
        self.verify_with(&mut |_, _| Ok(()))
    }

    /// As [`verify`](Self::verify); `progress` is told how many bytes of chunks of how many are done; its error
    /// ends the check.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_with(&self, progress: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<VerifyReport> {
        self.shared().check_open()?;
        verify::run(self.shared(), progress)
    }

    /// Copies everything that was appended before into the folder `to`, while the store is written and read. The copy is a
    /// store itself. Again into the same folder only what is new is copied; what is there is compared. An interrupted
    /// backup leaves the former one as it was. `progress` is told how many bytes of how many are done; its error interrupts it.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where `to` holds something else or is the store itself,
    /// [`Conflict`](ErrorKind::Conflict) where it is a backup of another store, [`Locked`](ErrorKind::Locked) where it is in
    /// use, [`Unsupported`](ErrorKind::Unsupported) where a newer memcore wrote it, [`Damaged`](ErrorKind::Damaged) where
    /// its manifest is; then nothing of it is changed.
    pub fn backup(&self, to: impl AsRef<Path>, progress: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<BackupReport> {
        const ATTEMPTS: usize = 20;
        self.shared().check_open()?;
        let mut done = backup::run(self.shared(), to.as_ref(), progress);
        for _ in 0..ATTEMPTS {
            match &done {
                // The writer has replaced files meanwhile.
                Err(e) if e.kind() == ErrorKind::Io && self.shared().writing.is_none() => self.refresh()?,
                _ => break,
            }
            done = backup::run(self.shared(), to.as_ref(), progress);
        }
        done
    }

    /// Gives up what is older than it is to be kept, and the oldest of what is too much. The store does so by itself every
    /// minute; there `now` is what its clock and the device's own newest samples agree on, here it is what the caller says.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    pub fn enforce_retention(&self, now: Timestamp) -> Result<RetentionReport> {
        let shared = self.shared();
        retention::enforce(shared, shared.writing()?, Now::Given(now))
    }

    /// Why the store takes no writes, where it does not.
    #[must_use]
    pub fn is_read_only(&self) -> Option<String> {
        self.shared().read_only_reason()
    }

    /// Makes everything durable and gives the folder back. Closing again does nothing; everything else fails from then on.
    ///
    /// # Errors
    /// As [`commit`](Self::commit). The store is closed in any case.
    pub fn close(&self) -> Result<()> {
        self.handle.close()
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.handle.shared
    }
}

impl Handle {
    fn close(&self) -> Result<()> {
        let shared = &self.shared;
        if let Some(writing) = &shared.writing
            && !shared.has_failed()
            && !shared.space.is_full()
        {
            seal::seal_waiting(shared, writing);
        }
        if shared.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        shared.tasks().stop = true;
        shared.wake.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the thread was reported by it; what is in the log is safe.
            let _ = thread.join();
        }
        let Some(writing) = &shared.writing else { return Ok(()) };
        // A step of a compaction or a deletion that goes on elsewhere is waited for.
        let _files = writing.files.lock().unwrap_or_else(PoisonError::into_inner);
        let done = if !shared.has_failed() { say_goodbye(shared, writing) } else { Ok(()) };
        shared.disk.unlock();
        done
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Err(e) = self.close() {
            tracing::error!(store = self.shared.label, error = %e, "the store could not be closed in order");
        }
    }
}

/// Syncs the log and records where it ends, so that later damage to its last frames is not taken for a torn write.
fn say_goodbye(shared: &Shared, writing: &Writing) -> Result<()> {
    let mut manifest = writing.lock_manifest();
    let mut log = shared.lock_log(writing);
    shared.flush(&mut log, true)?;
    let (Some((segment, end)), next_frame) = (log.end(), log.written + 1) else { return Ok(()) };
    manifest.append(&[Record::Closed { segment, end, next_frame }]).map_err(|e| shared.refuse(&e))?;
    log.release().or_else(|error| {
        // Nothing is lost by it but room on the disk.
        tracing::warn!(store = shared.label, %error, "the log keeps what was reserved for it");
        Ok(())
    })
}

/// Takes a batch into the state; its frame, and whether a head became full.
fn append(state: &mut State, batch: &Batch, arrived: Timestamp, shared: &Shared) -> Result<(u64, bool)> {
    let device_name = batch.device();
    let id = state
        .device_id(device_name)
        .ok_or_else(|| Error::not_found(format!("device {device_name} is not registered: data for it is refused")))?;
    let device = &mut state.devices[id as usize];
    let mut ids = device.layout(batch.channels())?;
    let requalified = requalify::requalified(device, batch, &ids)?;
    if let Some(more) = &requalified {
        ids = device.layout(more.channels())?;
    }
    let batch = requalified.as_ref().unwrap_or(batch);
    if let Some(frame) = batch.position().and_then(|position| device.marks.repeated(position)) {
        state.repeated_batches += 1;
        return Ok((frame, false));
    }
    let frame = state.next_frame;
    let start = log::begin_frame(&mut state.buffer);
    let minute = minute_of(arrived);
    batch_frame::encode(batch, id, &ids, minute, &mut state.buffer);
    if state.buffer.len() - start > PAYLOAD_MAX {
        state.buffer.truncate(start);
        let (rows, width) = (batch.rows(), ids.len());
        let message = format!("batch of {device_name} has {rows} rows x {width} channels, expected at most 64 MiB");
        return Err(Error::new(ErrorKind::LimitReached, message));
    }
    log::end_frame(&mut state.buffer, start, frame, shared.durable().min(frame));
    state.next_frame += 1;
    if let Some(position) = batch.position() {
        device.marks.append(position, frame, shared.durable());
    }
    device.push(batch, &ids, frame, minute);
    state.ahead_points += device.count_ahead(batch, &ids, arrived.saturating_add(AHEAD));
    let full = device.head.rows() >= shared.options.seal_rows;
    if full {
        state.freeze(id);
    }
    Ok((frame, full))
}
