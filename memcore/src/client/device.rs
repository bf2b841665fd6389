//! A connected device, as the program on it sees it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::backlog::Backlog;
use super::commands::{CommandHandler, Commands, Handlers, ReadHandler, Refused, told};
use super::{link, tls};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, Clock, SystemClock, Timestamp};
use crate::protocol::{Bundle, Code, Encoding};

/// How a device connects.
#[non_exhaustive]
pub struct DeviceOptions {
    /// What it was given at its enrolment.
    pub bundle: Bundle,
    /// What it reports and what takes commands; rows are given in this order.
    pub channels: Vec<Channel>,
    /// How many rows it keeps while they are not durable at the server. Full-policy: sending waits.
    pub backlog_rows: usize,
    /// Carries out commands; without one, all are refused.
    pub handler: CommandHandler,
    /// The encoding to speak where the server does; CBOR unless changed. A server that does not speaks JSON lines.
    pub encoding: Encoding,
    /// Reads a channel back after a command was interrupted by a crash; without one, the answer has no value.
    pub reader: Option<ReadHandler>,
    /// Where it remembers across restarts which commands it has begun; without one, only until it ends.
    pub state_folder: Option<std::path::PathBuf>,
    /// The clocks; the operating system's unless a test brings its own.
    pub clock: Arc<dyn Clock>,
}

impl DeviceOptions {
    /// A device that takes no commands.
    #[must_use]
    pub fn new(bundle: Bundle, channels: Vec<Channel>) -> Self {
        let refuse =
            |_: &_, _| Err(Refused { code: Code::NotWritable.to_string(), reason: "this device takes no commands".into() });
        let clock = Arc::new(SystemClock::default());
        let (handler, reader, state_folder) = (Box::new(refuse), None, None);
        let encoding = Encoding::Cbor;
        Self { bundle, channels, backlog_rows: 100_000, handler, encoding, reader, state_folder, clock }
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
}

impl std::fmt::Debug for DeviceOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceOptions").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}

/// Where the link of a device stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LinkState {
    /// Not connected; trying.
    Connecting,
    /// Taken in by the server.
    Open {
        /// The number of the session.
        epoch: u64,
    },
    /// The server will not take the device in; it is tried again, rarely.
    Refused {
        /// A code of `docs/protocol.md`.
        code: String,
        /// For a person.
        detail: String,
    },
    /// The device was closed.
    Closed,
}

/// What the program and the link task share.
pub(crate) struct Shared {
    pub(crate) backlog: Mutex<Backlog>,
    /// There is something to send.
    pub(crate) filled: Notify,
    /// Something became durable.
    pub(crate) durable: watch::Sender<u64>,
    pub(crate) state: watch::Sender<LinkState>,
    pub(crate) closing: watch::Sender<bool>,
    pub(crate) rejected: Mutex<Rejections>,
}

/// What the server refused, for good.
#[derive(Debug, Default)]
pub(crate) struct Rejections {
    pub(crate) count: u64,
    pub(crate) last: Option<String>,
}

/// A device on the link. It reconnects by itself; what was sent and is not durable is kept and sent again.
pub struct Device {
    shared: Arc<Shared>,
    channels: usize,
    clock: Arc<dyn Clock>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Device {
    /// Starts the link without waiting for it: the server may still be away.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where the bundle is no bundle, [`Io`](ErrorKind::Io) where the state folder cannot be
    /// written.
    pub fn start(options: DeviceOptions) -> Result<Self> {
        let (tls, server_name) =
            (tls::client_config(&options.bundle, options.encoding)?, tls::server_name(&options.bundle)?);
        let handlers = Handlers { set: options.handler, read: options.reader };
        let commands = Commands::open(&options.channels, handlers, options.state_folder.as_deref())?;
        let shared = Arc::new(Shared {
            backlog: Mutex::new(Backlog::new(options.backlog_rows)),
            filled: Notify::new(),
            durable: watch::channel(0).0,
            state: watch::channel(LinkState::Connecting).0,
            closing: watch::channel(false).0,
            rejected: Mutex::default(),
        });
        let link = link::Link {
            shared: shared.clone(),
            tls,
            server_name,
            address: options.bundle.server,
            credential: options.bundle.credential,
            device: options.bundle.device,
            boot: new_boot()?,
            commands,
            asked: std::collections::HashSet::new(),
            clock: options.clock.clone(),
            server_time: None,
            channels: told(&options.channels),
        };
        let task = tokio::spawn(link.run());
        Ok(Self { shared, channels: options.channels.len(), clock: options.clock, task: Mutex::new(Some(task)) })
    }

    /// Starts the link and waits until the server has taken the device in.
    ///
    /// # Errors
    /// [`Unauthorized`](ErrorKind::Unauthorized) or [`Invalid`](ErrorKind::Invalid) where the server refuses the device;
    /// an unreachable server is waited for.
    pub async fn connect(options: DeviceOptions) -> Result<Self> {
        let device = Self::start(options)?;
        device.opened().await?;
        Ok(device)
    }

    /// Waits until the server has taken the device in.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn opened(&self) -> Result<()> {
        let mut state = self.shared.state.subscribe();
        let state = state.wait_for(|state| *state != LinkState::Connecting).await;
        match state.as_deref() {
            Ok(LinkState::Open { .. }) => Ok(()),
            Ok(LinkState::Refused { code, detail }) => {
                let credential = [Code::BadCredential.as_str(), Code::WrongDevice.as_str(), Code::Revoked.as_str()];
                let kind = if credential.contains(&code.as_str()) { ErrorKind::Unauthorized } else { ErrorKind::Invalid };
                Err(Error::new(kind, format!("the server refused the device: {code}: {detail}")))
            }
            _ => Err(closed()),
        }
    }

    /// Where the link stands.
    #[must_use]
    pub fn state(&self) -> LinkState {
        self.shared.state.borrow().clone()
    }

    /// Keeps a row and sends it as soon as the link allows; returns its sequence number. Waits while the backlog is full.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where there is not one value a channel or a value is not finite,
    /// [`Closed`](ErrorKind::Closed) after [`close`](Self::close).
    pub async fn send(&self, time: Timestamp, values: &[Option<f64>]) -> Result<u64> {
        self.check(values)?;
        let mut durable = self.shared.durable.subscribe();
        let mut row = values.to_vec();
        loop {
            if *self.shared.closing.borrow() {
                return Err(closed());
            }
            let pushed =
                self.shared.backlog.lock().unwrap_or_else(|e| e.into_inner()).push(time, row, self.clock.monotonic());
            match pushed {
                Ok(sequence) => {
                    self.shared.filled.notify_one();
                    return Ok(sequence);
                }
                Err(back) => row = back,
            }
            durable.changed().await.map_err(|_| closed())?;
        }
    }

    /// As [`send`](Self::send), measured now.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_now(&self, values: &[Option<f64>]) -> Result<u64> {
        self.send(self.clock.now(), values).await
    }

    fn check(&self, values: &[Option<f64>]) -> Result<()> {
        if values.len() != self.channels {
            return Err(Error::invalid(format!("{} values, expected {}, one a channel", values.len(), self.channels)));
        }
        match values.iter().flatten().find(|value| !value.is_finite()) {
            Some(value) => Err(Error::invalid(format!("value is {value}, expected a finite number, or none"))),
            None => Ok(()),
        }
    }

    /// Waits until everything sent so far is durable at the server, or was rejected.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed) where the device was closed meanwhile.
    pub async fn flush(&self) -> Result<()> {
        let mut durable = self.shared.durable.subscribe();
        while !self.shared.backlog.lock().unwrap_or_else(|e| e.into_inner()).is_empty() {
            if *self.shared.closing.borrow() {
                return Err(closed());
            }
            durable.changed().await.map_err(|_| closed())?;
        }
        Ok(())
    }

    /// The highest sequence number that is durable at the server.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.shared.backlog.lock().unwrap_or_else(|e| e.into_inner()).durable()
    }

    /// Follows [`durable`](Self::durable).
    #[must_use]
    pub fn watch_durable(&self) -> watch::Receiver<u64> {
        self.shared.durable.subscribe()
    }

    /// How long each of the latest rows (4,096 at most) took from being handed over to being durable at the server.
    #[must_use]
    pub fn delays(&self) -> Vec<Duration> {
        self.shared.backlog.lock().unwrap_or_else(|e| e.into_inner()).delays()
    }

    /// How many rows are kept because they are not durable yet.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.shared.backlog.lock().unwrap_or_else(|e| e.into_inner()).len()
    }

    /// How many parts of messages the server refused, and the last reason.
    #[must_use]
    pub fn rejected(&self) -> (u64, Option<String>) {
        let rejected = self.shared.rejected.lock().unwrap_or_else(|e| e.into_inner());
        (rejected.count, rejected.last.clone())
    }

    /// Takes leave, takes leased channels to their fallback and ends the link; whoever waits in [`send`](Self::send) or
    /// [`flush`](Self::flush) is told. What is not durable yet is lost with the process: flush first. Closing again does
    /// nothing.
    pub async fn close(&self) {
        self.shared.close();
        let task = self.task.lock().unwrap_or_else(|e| e.into_inner()).take();
        if let Some(mut task) = task
            && tokio::time::timeout(Duration::from_secs(2), &mut task).await.is_err()
        {
            task.abort();
        }
        self.shared.state.send_replace(LinkState::Closed);
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    /// Whether anybody watches at this moment or not: the flag stays.
    fn close(&self) {
        self.closing.send_replace(true);
        self.durable.send_modify(|_| {});
    }
}

/// A numbering that no other start of the device has used (P21), whatever its clock says: a device without a battery behind its
/// clock begins in 1970 each time. Below 2^53, as every sequence number.
pub(crate) fn new_boot() -> Result<u64> {
    use ring::rand::SecureRandom;
    let mut bytes = [0; 8];
    let random = ring::rand::SystemRandom::new();
    random.fill(&mut bytes).map_err(|_| Error::new(ErrorKind::Internal, "the operating system gives no random bytes"))?;
    Ok(u64::from_le_bytes(bytes) >> 11)
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the device was closed")
}
