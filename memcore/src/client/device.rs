//! A connected device, as the program on it sees it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::backlog::{BufferStatus, Drawn, Measured};
use super::commands::{Commands, Handlers};
use super::options::DeviceOptions;
use super::outbox::{Opened, Outbox};
use super::{link, tls};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, Span, Timestamp};
use crate::protocol::Code;

/// How many rows are kept in one go.
const PUSHED_AT_ONCE: usize = 1024;

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
    pub(crate) outbox: Arc<Outbox>,
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
    /// Starts the link without waiting for it: the server may still be away. A buffer on disk is read through first.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where the bundle is no bundle, or the buffer is too small;
    /// [`Locked`](ErrorKind::Locked) where another process has the buffer; [`Conflict`](ErrorKind::Conflict) where it is that
    /// of another device, or holds rows of a channel that means something else today;
    /// [`Unsupported`](ErrorKind::Unsupported) where a newer version wrote it; [`Io`](ErrorKind::Io) where a folder cannot be
    /// used.
    pub fn start(options: DeviceOptions) -> Result<Self> {
        let (tls, server_name) =
            (tls::client_config(&options.bundle, options.encoding)?, tls::server_name(&options.bundle)?);
        let Opened { outbox, boot, channels } = Outbox::open(&options)?;
        let handlers = Handlers { set: options.handler, read: options.reader };
        let folder = options.state_folder.as_deref().or(options.buffer.as_deref());
        let commands = Commands::open(&options.channels, handlers, folder)?;
        let shared = Arc::new(Shared {
            outbox: Arc::new(outbox),
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
            boot,
            commands,
            asked: std::collections::HashSet::new(),
            clock: options.clock.clone(),
            channels,
            drawn: Drawn::default(),
            asking: link::Asking::default(),
            told: link::Told::default(),
        };
        let task = tokio::spawn(link.run());
        let (tended, wake) = (shared.outbox.clone(), shared.durable.clone());
        tokio::spawn(tended.tend(shared.closing.subscribe(), move || wake.send_modify(|_| {})));
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

    /// Keeps a row and sends it as soon as the link allows; returns its sequence number. `time` is sent as it is given. What
    /// happens while there is no room is said by [`when_full`](DeviceOptions::when_full).
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) where there is not one value a channel or a value is not finite,
    /// [`LimitReached`](ErrorKind::LimitReached) where there is no room and the policy is to refuse,
    /// [`Closed`](ErrorKind::Closed) after [`close`](Self::close).
    pub async fn send(&self, time: Timestamp, values: &[Option<f64>]) -> Result<u64> {
        self.check(values)?;
        self.keep(Measured::At(time), values).await
    }

    /// As [`send`](Self::send), measured now, by the server's clock as well as it is known here: see
    /// [`clock_offset`](Self::clock_offset). The device's own clock may be wrong, and may jump. Before the first contact the row
    /// gets the device's own time, which is corrected when it is sent, as long as this process lives.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_now(&self, values: &[Option<f64>]) -> Result<u64> {
        self.check(values)?;
        self.keep(self.shared.outbox.now(), values).await
    }

    /// As [`send`](Self::send), for many rows: `columns` has one slice a channel, each with one value a time. Returns the
    /// number of the last one; none where there are no rows.
    ///
    /// # Errors
    /// As [`send`](Self::send); rows before the one that could not be kept are kept.
    pub async fn send_many(&self, times: &[Timestamp], columns: &[&[Option<f64>]]) -> Result<Option<u64>> {
        if let Some(wrong) = columns.iter().find(|column| column.len() != times.len()) {
            let (values, times) = (wrong.len(), times.len());
            return Err(Error::invalid(format!("a column has {values} values, expected {times}, one a time")));
        }
        let rows: Vec<Vec<Option<f64>>> =
            (0..times.len()).map(|row| columns.iter().map(|column| column[row]).collect()).collect();
        rows.iter().try_for_each(|row| self.check(row))?;
        let rows: Vec<_> = times.iter().zip(&rows).map(|(time, row)| (Measured::At(*time), row.as_slice())).collect();
        self.keep_all(&rows).await
    }

    async fn keep(&self, measured: Measured, values: &[Option<f64>]) -> Result<u64> {
        self.keep_all(&[(measured, values)]).await?.ok_or_else(closed)
    }

    async fn keep_all(&self, rows: &[(Measured, &[Option<f64>])]) -> Result<Option<u64>> {
        let mut last = None;
        // Piece by piece, so that the link may take away what is there meanwhile.
        for piece in rows.chunks(PUSHED_AT_ONCE) {
            last = self.keep_piece(piece).await?.or(last);
        }
        self.shared.outbox.sync_each().await;
        Ok(last)
    }

    async fn keep_piece(&self, rows: &[(Measured, &[Option<f64>])]) -> Result<Option<u64>> {
        let mut durable = self.shared.durable.subscribe();
        let (mut kept, mut last) = (0, None);
        loop {
            if *self.shared.closing.borrow() {
                return Err(closed());
            }
            let pushed = self.shared.outbox.push(rows[kept..].iter().copied());
            self.shared.filled.notify_one();
            let (count, sequence) = pushed?;
            (kept, last) = (kept + count, sequence.or(last));
            if kept == rows.len() {
                return Ok(last);
            }
            durable.changed().await.map_err(|_| closed())?;
        }
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
        while !self.shared.outbox.kept().backlog.is_empty() {
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
        self.shared.outbox.kept().backlog.durable()
    }

    /// Follows [`durable`](Self::durable).
    #[must_use]
    pub fn watch_durable(&self) -> watch::Receiver<u64> {
        self.shared.durable.subscribe()
    }

    /// How long each of the latest rows (4,096 at most) took from being handed over to being durable at the server.
    #[must_use]
    pub fn delays(&self) -> Vec<Duration> {
        self.shared.outbox.kept().backlog.delays()
    }

    /// How many rows are kept because they are not durable yet.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.buffer_status().rows as usize
    }

    /// How many rows were dropped since the start because there was no room for them ([`WhenFull::DropOldest`]).
    ///
    /// [`WhenFull::DropOldest`]: super::WhenFull::DropOldest
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.outbox.kept().backlog.losses().0
    }

    /// How full the backlog is, what it could not keep, and whether its disk takes what it is given.
    #[must_use]
    pub fn buffer_status(&self) -> BufferStatus {
        self.shared.outbox.kept().backlog.status()
    }

    /// How far the server's clock is ahead of this device's, and how far that may be off: half of the shortest round trip of
    /// the last eight questions, and 100 millionths of the time since. None before the first contact.
    #[must_use]
    pub fn clock_offset(&self) -> Option<(Span, Span)> {
        let (monotonic, own) = (self.clock.monotonic(), self.clock.now());
        let server = self.shared.outbox.server();
        Some((server.time_at(monotonic)?.since(own), server.uncertainty(monotonic)?.into()))
    }

    /// How many parts of messages the server refused, and the last reason.
    #[must_use]
    pub fn rejected(&self) -> (u64, Option<String>) {
        let rejected = self.shared.rejected.lock().unwrap_or_else(|e| e.into_inner());
        (rejected.count, rejected.last.clone())
    }

    /// Takes leave, takes leased channels to their fallback and ends the link; whoever waits in [`send`](Self::send) or
    /// [`flush`](Self::flush) is told. What is not durable yet stays in the buffer on disk; without one it is lost with the
    /// process: flush first. Closing again does nothing.
    pub async fn close(&self) {
        self.shared.close();
        let task = self.task.lock().unwrap_or_else(|e| e.into_inner()).take();
        if let Some(mut task) = task
            && tokio::time::timeout(Duration::from_secs(2), &mut task).await.is_err()
        {
            task.abort();
        }
        self.shared.outbox.close().await;
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

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the device was closed")
}
