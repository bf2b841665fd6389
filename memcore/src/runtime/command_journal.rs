//! Where commands are written down: a file of the site, and a thread that writes and syncs it.
//!
//! Whoever issues or answers a command only puts entries into a queue in memory. The thread takes what waits, appends it, syncs
//! once for all of it (a group commit), and then says how far the disk has come; commands leave for their links after that. Ends
//! are appended at once, so that they survive the end of the process, and synced within [`LAZILY`].

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use super::commander::{Entry, Told, entries_of, fold};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::{JournalFile, Medium, decode, encode};

/// What the journal is, and its version.
const KIND: &str = "memcore server commands 1";

/// How long an end may wait for its sync.
const LAZILY: Duration = Duration::from_millis(100);

/// How often a disk that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The journal is written anew when it has so many more lines than it had when it was last written anew.
const GROWTH: usize = 16_384;

/// What may wait while the disk takes nothing. Full-policy: entries are no longer kept; what they say is forgotten at the next
/// start. Few come by then: without a journal no commands are taken except for safety.
const UNWRITTEN_BYTES: usize = 16 << 20;

/// How far the disk has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// So many entries of this process are synced.
    pub(crate) on_disk: u64,
    /// The disk takes nothing now.
    pub(crate) failing: bool,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    count: u64,
    /// Something in it holds up a command.
    urgent: bool,
    closing: bool,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    progress: watch::Sender<Progress>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// What waits, once something does or `within` has passed.
    fn take(&self, within: Option<Duration>) -> Queue {
        let (queue, idle) = (self.queue(), |queue: &mut Queue| queue.count == 0 && !queue.closing);
        let mut queue = match within {
            None => self.filled.wait_while(queue, idle).unwrap_or_else(|e| e.into_inner()),
            Some(within) => self.filled.wait_timeout_while(queue, within, idle).unwrap_or_else(|e| e.into_inner()).0,
        };
        let closing = queue.closing;
        std::mem::replace(&mut queue, Queue { closing, ..Queue::default() })
    }
}

/// The journal of a server's commands.
#[derive(Debug)]
pub(crate) struct CommandJournal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl CommandJournal {
    /// Opens the journal of a site, with what it says.
    ///
    /// # Errors
    /// As [`JournalFile::open`], and [`Io`](ErrorKind::Io) where it cannot be written.
    pub(crate) fn open(path: &Path) -> Result<(Writer, Vec<Told>)> {
        let (file, entries) = JournalFile::open::<Entry>(path, KIND)?;
        let told = fold(entries);
        let mut writer = Writer { file, lines: 0, anew_at: 0, unwritten: Vec::new(), unsynced: false, failed: None };
        writer.replace(entries_of(told.clone())).map_err(|e| Error::io(format!("write {}", path.display()), e))?;
        Ok((writer, told))
    }

    /// A journal before its thread was started: entries wait.
    pub(crate) fn new() -> Self {
        let progress = watch::Sender::default();
        Self {
            shared: Arc::new(Shared { queue: Mutex::default(), filled: Condvar::new(), progress }),
            thread: Mutex::default(),
        }
    }

    /// Starts the thread; it calls `on_progress` after each step of the disk.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where there is no thread to be had.
    pub(crate) fn start(&self, writer: Writer, on_progress: impl Fn() + Send + 'static) -> Result<()> {
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new().name("memcore-commands".into());
        let started = thread.spawn(move || writer.run(&shared, on_progress));
        let started = started.map_err(|e| Error::io("start the journal of commands", e))?;
        self.thread.lock().unwrap_or_else(|e| e.into_inner()).replace(started);
        Ok(())
    }

    /// Puts entries into the queue; never waits.
    pub(crate) fn push(&self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let mut queue = self.shared.queue();
        for entry in entries {
            encode(entry, &mut queue.lines);
            queue.urgent |= matches!(entry, Entry::Issued(_) | Entry::Sent(_));
        }
        queue.count += entries.len() as u64;
        drop(queue);
        self.shared.filled.notify_one();
    }

    /// How far the disk has come.
    pub(crate) fn progress(&self) -> Progress {
        *self.shared.progress.borrow()
    }

    /// Follows [`progress`](Self::progress).
    pub(crate) fn follow(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    /// Writes what waits, and ends the thread.
    pub(crate) fn close(&self) {
        self.leave();
        let thread = self.thread.lock().unwrap_or_else(|e| e.into_inner()).take();
        // A thread that panicked has said so.
        let _ = thread.map(JoinHandle::join);
    }

    fn leave(&self) {
        self.shared.queue().closing = true;
        self.shared.filled.notify_one();
    }
}

impl Drop for CommandJournal {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The thread's end of the journal.
#[derive(Debug)]
pub(crate) struct Writer {
    file: JournalFile,
    /// How many lines the file has, and at how many it is written anew.
    lines: usize,
    anew_at: usize,
    /// Lines that the file does not have yet.
    unwritten: Vec<u8>,
    unsynced: bool,
    failed: Option<io::Error>,
}

impl Writer {
    fn run(mut self, shared: &Shared, on_progress: impl Fn()) {
        let mut taken = 0;
        loop {
            let within = if self.failed.is_some() { Some(RETRY) } else { self.unsynced.then_some(LAZILY) };
            let queue = shared.take(within);
            let idle = queue.count == 0;
            taken += queue.count;
            if self.unwritten.len() + queue.lines.len() <= UNWRITTEN_BYTES {
                self.unwritten.extend_from_slice(&queue.lines);
            }
            self.lines += queue.count as usize;
            // What was appended the last time has waited long enough.
            self.write(queue.urgent || idle || queue.closing || self.unsynced);
            let failing = self.failed.is_some();
            let before = *shared.progress.borrow();
            let on_disk = if failing || self.unsynced { before.on_disk } else { taken };
            let progress = Progress { on_disk, failing };
            if progress != before || failing && queue.urgent {
                shared.progress.send_replace(progress);
                on_progress();
            }
            if queue.closing {
                return;
            }
        }
    }

    /// Appends what is not written yet and, where it is `urgent`, syncs. A disk that failed gets the whole journal anew: what
    /// it made of the failed part nobody knows.
    fn write(&mut self, urgent: bool) {
        let anew = self.failed.is_some() || self.lines > self.anew_at;
        let written = if anew { self.write_anew() } else { self.append(urgent) };
        match (&written, &self.failed) {
            (Err(error), None) => {
                tracing::error!(%error, "the journal of commands cannot be written: only commands for safety are taken");
            }
            (Ok(()), Some(_)) => tracing::info!("the journal of commands is written again"),
            _ => {}
        }
        self.failed = written.err();
    }

    fn append(&mut self, urgent: bool) -> io::Result<()> {
        if !self.unwritten.is_empty() {
            self.file.append(&self.unwritten)?;
            self.unwritten.clear();
            self.unsynced = true;
        }
        if urgent && self.unsynced {
            self.file.sync()?;
            self.unsynced = false;
        }
        Ok(())
    }

    fn write_anew(&mut self) -> io::Result<()> {
        let broken = |e: Error| io::Error::other(e.to_string());
        let (mut entries, _) = decode::<Entry>(&self.file.read()?, KIND).map_err(broken)?;
        let mut head = Vec::new();
        encode(&KIND, &mut head);
        head.extend_from_slice(&self.unwritten);
        entries.extend(decode::<Entry>(&head, KIND).map_err(broken)?.0);
        self.replace(entries_of(fold(entries)))?;
        self.unwritten.clear();
        self.unsynced = false;
        Ok(())
    }

    fn replace(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        let mut lines = Vec::new();
        encode(&KIND, &mut lines);
        entries.iter().for_each(|entry| encode(entry, &mut lines));
        self.file.replace(&lines)?;
        self.lines = entries.len();
        self.anew_at = 2 * self.lines + GROWTH;
        Ok(())
    }
}

/// How an unwritable journal is told to whoever issues a command.
pub(crate) fn unwritable() -> Error {
    let message = "the command cannot be written down, the disk takes nothing now: only commands for safety are taken";
    Error::new(ErrorKind::ReadOnly, message)
}
