//! The way back to a connected device: acknowledgements, commands and the end of its session.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, mpsc, watch};

use crate::error::{Error, ErrorKind, Result};
use crate::model::Command;
use crate::protocol::Code;

/// Commands that wait to be written to one device. Full-policy: refuse, the sender is told at once.
const COMMANDS_MAX: usize = 256;

/// What goes down to a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Downward(pub Command);

/// A connected device, as the rest of the server holds it. All of it is safe to call from any thread and never waits.
#[derive(Debug)]
pub struct Link {
    boot: u64,
    key: String,
    acked: AtomicU64,
    closing: watch::Sender<Option<(Code, String)>>,
    wake: Notify,
    commands: mpsc::Sender<Downward>,
}

impl Link {
    /// The link of a session that numbers its data within `boot` and was proved by the registry's `key`, and the end that
    /// its connection reads.
    pub(crate) fn new(boot: u64, key: String) -> (Self, mpsc::Receiver<Downward>) {
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let (acked, closing) = (AtomicU64::new(0), watch::channel(None).0);
        let link = Self { boot, key, acked, closing, wake: Notify::new(), commands };
        (link, receiver)
    }

    /// The numbering that this session's sequence numbers belong to.
    #[must_use]
    pub fn boot(&self) -> u64 {
        self.boot
    }

    /// What in the registry proved the device: see [`Proven`](super::Proven).
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Everything of this boot up to `sequence` is durable. Only the highest number matters, so nothing queues.
    pub fn ack(&self, sequence: u64) {
        if self.acked.fetch_max(sequence, Ordering::AcqRel) < sequence {
            self.wake.notify_one();
        }
    }

    /// Sends a command.
    ///
    /// # Errors
    /// [`LimitReached`](ErrorKind::LimitReached) where too many commands wait, [`Closed`](ErrorKind::Closed) where the
    /// session is over.
    pub fn command(&self, command: Command) -> Result<()> {
        self.commands.try_send(Downward(command)).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => {
                Error::new(ErrorKind::LimitReached, format!("{COMMANDS_MAX} commands wait for this device already"))
            }
            mpsc::error::TrySendError::Closed(_) => Error::new(ErrorKind::Closed, "the device's session has ended"),
        })
    }

    /// Ends the session; the device is told why.
    pub fn close(&self, code: Code, detail: impl Into<String>) {
        self.closing.send_modify(|closing| {
            closing.get_or_insert((code, detail.into()));
        });
        self.wake.notify_one();
    }

    /// Waits until there is something in [`acked`](Self::acked) or [`closing`](Self::closing). Cancel-safe.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(crate) fn acked(&self) -> u64 {
        self.acked.load(Ordering::Acquire)
    }

    pub(crate) fn closing(&self) -> Option<(Code, String)> {
        self.closing.borrow().clone()
    }

    /// Waits until the session shall end; why.
    pub(crate) async fn closed(&self) -> Code {
        let mut closing = self.closing.subscribe();
        match closing.wait_for(Option::is_some).await.as_deref() {
            Ok(Some((code, _))) => *code,
            // Never: the sender is this link's own.
            _ => Code::Closed,
        }
    }
}
