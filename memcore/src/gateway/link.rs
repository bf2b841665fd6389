//! The way back to a connected device: acknowledgements, commands and the end of its session.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Command, PointRate};
use crate::protocol::Code;

/// Commands that wait to be written to one device. Full-policy: refuse, the sender is told at once.
const COMMANDS_MAX: usize = 256;

/// A connected device, as the rest of the server holds it. All of it is safe to call from any thread and never waits. Only its
/// connection waits on it, so that one bell is enough for all that may come.
#[derive(Debug)]
pub struct Link {
    boot: u64,
    enrolment: String,
    peer: SocketAddr,
    acked: AtomicU64,
    wake: Notify,
    downward: Mutex<Downward>,
}

#[derive(Debug, Default)]
struct Downward {
    commands: VecDeque<Command>,
    closing: Option<(Code, String)>,
    rate: Option<PointRate>,
    /// The connection has gone: nobody would send a command.
    over: bool,
}

impl Link {
    /// The link of a session that numbers its data within `boot`, by the `enrolment` that proved its device, from the
    /// address `peer`.
    pub(crate) fn new(boot: u64, enrolment: String, peer: SocketAddr) -> Self {
        Self { boot, enrolment, peer, acked: AtomicU64::new(0), wake: Notify::new(), downward: Mutex::default() }
    }

    fn downward(&self) -> MutexGuard<'_, Downward> {
        self.downward.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The numbering that this session's sequence numbers belong to.
    #[must_use]
    pub fn boot(&self) -> u64 {
        self.boot
    }

    /// Which enrolment proved the device: see [`Proven`](super::Proven).
    #[must_use]
    pub fn enrolment(&self) -> &str {
        &self.enrolment
    }

    /// From where the device has connected.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// How many points the device may send from now on; as many as it likes where there is no rate.
    pub fn limit(&self, rate: Option<PointRate>) {
        self.downward().rate = rate;
    }

    pub(crate) fn rate(&self) -> Option<PointRate> {
        self.downward().rate
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
        let mut downward = self.downward();
        if downward.over {
            return Err(Error::new(ErrorKind::Closed, "the device's session has ended"));
        }
        if downward.commands.len() >= COMMANDS_MAX {
            let message = format!("{COMMANDS_MAX} commands wait for this device already");
            return Err(Error::new(ErrorKind::LimitReached, message));
        }
        downward.commands.push_back(command);
        drop(downward);
        self.wake.notify_one();
        Ok(())
    }

    /// Ends the session; the device is told why.
    pub fn close(&self, code: Code, detail: impl Into<String>) {
        self.downward().closing.get_or_insert((code, detail.into()));
        self.wake.notify_one();
    }

    /// Waits until there may be something in [`acked`](Self::acked), [`next_command`](Self::next_command) or
    /// [`closing`](Self::closing). Cancel-safe.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(crate) fn acked(&self) -> u64 {
        self.acked.load(Ordering::Acquire)
    }

    /// The next command to be sent; none once the session shall end.
    pub(crate) fn next_command(&self) -> Option<Command> {
        let mut downward = self.downward();
        let command = if downward.closing.is_some() { None } else { downward.commands.pop_front() };
        if downward.commands.is_empty() {
            downward.commands = VecDeque::new();
        }
        command
    }

    pub(crate) fn closing(&self) -> Option<(Code, String)> {
        self.downward().closing.clone()
    }

    /// The connection has gone: no more commands. Those that were never sent.
    pub(crate) fn end(&self) -> VecDeque<Command> {
        let mut downward = self.downward();
        downward.over = true;
        std::mem::take(&mut downward.commands)
    }

    /// Waits until the session shall end; why. It hears the bell in the place of [`woken`](Self::woken): look at everything
    /// afterwards.
    pub(crate) async fn closed(&self) -> Code {
        loop {
            if let Some((code, _)) = self.closing() {
                return code;
            }
            self.woken().await;
        }
    }
}
