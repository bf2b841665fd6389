//! How a device connects and what it keeps.

use std::path::PathBuf;
use std::sync::Arc;

use super::backlog::WhenFull;
use super::buffer::BufferSync;
use super::commands::{CommandHandler, ReadHandler, Refused};
use crate::model::{Channel, Clock, Span, SystemClock};
use crate::protocol::{Bundle, Code, Encoding};

/// How a device connects.
#[non_exhaustive]
pub struct DeviceOptions {
    /// What it was given at its enrolment.
    pub bundle: Bundle,
    /// What it reports and what takes commands; rows are given in this order.
    pub channels: Vec<Channel>,
    /// How many rows it keeps in memory while they are not durable at the server, where it has no buffer on disk; 100,000
    /// unless said otherwise. Full-policy: [`when_full`](Self::when_full).
    pub backlog_rows: usize,
    /// A folder of its own in which it keeps what is not durable at the server, across restarts; none keeps it in memory.
    pub buffer: Option<PathBuf>,
    /// How large the buffer on disk may become, in bytes; 256 MiB unless said otherwise, at least 64 KiB.
    pub buffer_bytes: u64,
    /// When the buffer on disk is made safe from a power cut; once a second unless said otherwise.
    pub buffer_sync: BufferSync,
    /// What happens to a row for which there is no room: on disk the oldest is dropped, in memory sending waits, unless said
    /// otherwise.
    pub when_full: Option<WhenFull>,
    /// Carries out commands; without one, all are refused.
    pub handler: CommandHandler,
    /// Reads a channel back after a command was interrupted by a crash; without one, the answer has no value.
    pub reader: Option<ReadHandler>,
    /// Where it remembers across restarts which commands it has begun; where it is not said, with the buffer, and without one
    /// only until it ends.
    pub state_folder: Option<PathBuf>,
    /// The encoding to speak where the server does; CBOR unless said otherwise. A server that does not speaks JSON lines.
    pub encoding: Encoding,
    /// The clocks; the operating system's unless a test brings its own.
    pub clock: Arc<dyn Clock>,
}

impl DeviceOptions {
    /// A device that takes no commands and keeps its backlog in memory.
    #[must_use]
    pub fn new(bundle: Bundle, channels: Vec<Channel>) -> Self {
        let refuse =
            |_: &_, _| Err(Refused { code: Code::NotWritable.to_string(), reason: "this device takes no commands".into() });
        Self {
            bundle,
            channels,
            backlog_rows: 100_000,
            buffer: None,
            buffer_bytes: 256 << 20,
            buffer_sync: BufferSync::Every(Span::from_seconds(1)),
            when_full: None,
            handler: Box::new(refuse),
            reader: None,
            state_folder: None,
            encoding: Encoding::Cbor,
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// Carries out commands with that function: the channel and the value in the channel's own unit in, the value read
    /// back out. It must not block.
    #[must_use]
    pub fn on_command(
        mut self,
        handler: impl FnMut(&crate::model::ChannelName, f64) -> Result<f64, Refused> + Send + 'static,
    ) -> Self {
        self.handler = Box::new(handler);
        self
    }

    /// Reads channels back with that function: the channel in, its value in its own unit out, or none where it cannot be read. It
    /// is asked when the device starts, and when a command was interrupted so that nobody knows whether it had its effect.
    #[must_use]
    pub fn on_read(mut self, reader: impl FnMut(&crate::model::ChannelName) -> Option<f64> + Send + 'static) -> Self {
        self.reader = Some(Box::new(reader));
        self
    }

    /// Keeps what is not durable at the server in that folder, across restarts and power cuts. The folder is made where it is
    /// missing; it belongs to this device and to one process at a time.
    #[must_use]
    pub fn buffer(mut self, folder: impl Into<PathBuf>) -> Self {
        self.buffer = Some(folder.into());
        self
    }

    /// How large the buffer on disk may become.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: u64) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    /// When the buffer on disk is made safe from a power cut.
    #[must_use]
    pub fn buffer_sync(mut self, sync: BufferSync) -> Self {
        self.buffer_sync = sync;
        self
    }

    /// What happens to a row for which there is no room.
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = Some(when_full);
        self
    }

    /// The policy that holds.
    pub(crate) fn full_policy(&self) -> WhenFull {
        self.when_full.unwrap_or(if self.buffer.is_some() { WhenFull::DropOldest } else { WhenFull::Wait })
    }
}

impl std::fmt::Debug for DeviceOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceOptions").field("bundle", &self.bundle).field("buffer", &self.buffer).finish_non_exhaustive()
    }
}
