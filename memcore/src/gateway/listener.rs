//! The accept loop: takes connections, bounds them, and survives whatever the network does.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::arrival::{Caller, Complaints, greet};
use super::connection::{Shared, Stage};
use super::credentials::{Proof, Proven};
use super::entrance::{Counts, Entrance, GatewayStats};
use super::guesses::Watch;
use super::link::Link;
use crate::error::{Error, Result};
use crate::model::{Clock, CommandId, DeviceName, PointRate};
use crate::protocol::{Answer, Code, Hello, Limits, Refusal, ServerEvent};

/// What the host says of a device that it takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The number of the session.
    pub epoch: u64,
    /// The highest sequence number of the device's boot that is durable.
    pub durable: u64,
    /// The highest that an earlier session handed on, durable or on its way there.
    pub taken: u64,
}

/// A login that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLogin {
    /// From where.
    pub peer: SocketAddr,
    /// Why: a code of `docs/protocol.md`.
    pub code: Code,
    /// For a person.
    pub detail: String,
    /// The device whose proof was shown, or was guessed at.
    pub named: Option<DeviceName>,
    /// Who the peer said it was.
    pub claimed: Option<DeviceName>,
}

/// What stands above the gateway: judges devices and takes what they send.
pub trait Host: Send + Sync + 'static {
    /// Who shows that proof. The hello's own claim is only compared with it.
    ///
    /// # Errors
    /// A [`Refusal`], which the device is told.
    fn judge(&self, proof: Proof<'_>, hello: &Hello) -> Result<Proven, Refusal>;

    /// Whose proof that is, or pretends to be.
    fn named(&self, _proof: Proof<'_>) -> Option<DeviceName> {
        None
    }

    /// A login was refused: by [`judge`](Self::judge), or by TLS for a client certificate that is not good.
    fn refused(&self, _login: RefusedLogin) {}

    /// Takes a proved device in: registers its channels and fences an earlier session of the same device.
    fn admit(
        &self,
        proven: &Proven,
        hello: &Hello,
        link: Arc<Link>,
    ) -> impl Future<Output = Result<Admission, Refusal>> + Send;

    /// Takes what a device sent in the session `epoch`. Waiting here is what slows a device down that sends faster than
    /// can be stored. A [`Refusal`] ends its session.
    fn take(&self, device: &DeviceName, epoch: u64, event: ServerEvent)
    -> impl Future<Output = Result<(), Refusal>> + Send;

    /// A device sends more than it [may](Link::limit), and is read more slowly from now on. Told once a session.
    fn slowed(&self, _device: &DeviceName, _rate: PointRate) {}

    /// A command could not be sent.
    fn answered(&self, device: &DeviceName, id: &CommandId, answer: Answer);

    /// A session has ended.
    fn left(&self, device: &DeviceName, epoch: u64, code: Code);
}

/// How a gateway listens.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GatewayOptions {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The most connections at a time; one more is closed at once.
    pub connections: usize,
    /// The most connections that have not proved themselves; one more is closed at once.
    pub unproved: usize,
    /// How many devices log in at a time, from their TLS handshake to their welcome; others wait in line, those that offer an
    /// earlier TLS session in one of their own.
    pub logins: usize,
    /// The limits of each session.
    pub limits: Limits,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], crate::protocol::PORT)),
            connections: 20_000,
            unproved: 10_000,
            logins: 1_000,
            limits: Limits::default(),
        }
    }
}

/// A listening gateway.
pub struct Gateway {
    address: SocketAddr,
    stop: watch::Sender<Stage>,
    accepting: JoinHandle<()>,
    connections: Arc<Semaphore>,
    most: usize,
    entrance: Arc<Entrance>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Begins to listen.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io), naming the address, where it is in use or not allowed.
    pub async fn listen<H: Host>(
        options: GatewayOptions,
        tls: Arc<ServerConfig>,
        host: Arc<H>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let failed = |e| Error::io(format!("listen on {}", options.listen), e);
        let listener = bind(options.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopping) = watch::channel(Stage::Serving);
        let most = options.connections.min(Semaphore::MAX_PERMITS);
        let connections = Arc::new(Semaphore::new(most));
        // Whoever gets its turn after half of the time for its login can still make it.
        let entrance = Arc::new(Entrance::new(options.logins, options.limits.hello_timeout / 2, clock.clone()));
        let shared = Arc::new(Shared {
            host,
            tls,
            limits: Arc::new(options.limits),
            clock,
            stopping,
            entrance: entrance.clone(),
            shapes: Arc::default(),
            complaints: Complaints::default(),
            guesses: Watch::default(),
        });
        let accepting =
            tokio::spawn(accept(listener, shared, connections.clone(), Arc::new(Semaphore::new(options.unproved))));
        Ok(Self { address, stop, accepting, connections, most, entrance })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How devices got in so far.
    #[must_use]
    pub fn stats(&self) -> GatewayStats {
        self.entrance.counts.stats()
    }

    /// Stops accepting, tells every device to reconnect later, and waits for their connections to end.
    pub async fn shutdown(mut self, within: Duration) {
        self.accepting.abort();
        // The port is free only when the task is gone.
        let _ = (&mut self.accepting).await;
        self.stop.send_replace(Stage::Stopping);
        // All permits back: no connection left.
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(within, self.connections.acquire_many(all)).await;
        self.stop.send_replace(Stage::Stopped);
    }
}

/// Without a [`shutdown`](Gateway::shutdown) the port is free and every connection cut all the same.
impl Drop for Gateway {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// As long a line of connections that were not accepted yet as the kernel keeps: when thousands come back at once, one that finds
/// no place in it tries again only after a second.
const BACKLOG: u32 = 65_535;

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept<H: Host>(
    listener: TcpListener,
    shared: Arc<Shared<H>>,
    connections: Arc<Semaphore>,
    unproved: Arc<Semaphore>,
) {
    let mut pause = Duration::ZERO;
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(e) => {
                // Out of descriptors or memory: wait for some to come back, neither dying nor spinning.
                pause = (pause * 2).clamp(Duration::from_millis(5), Duration::from_millis(500));
                tracing::warn!(error = %e, "cannot accept a connection");
                tokio::time::sleep(pause).await;
                continue;
            }
        };
        pause = Duration::ZERO;
        let permits = (connections.clone().try_acquire_owned(), unproved.clone().try_acquire_owned());
        let (Ok(connection), Ok(unproved)) = permits else {
            Counts::one(&shared.entrance.counts.closed);
            shared.complaints.once_a_second(peer.ip(), &*shared.clock, |ip| {
                tracing::warn!(peer = %ip, "connection limit reached, closed a new connection");
            });
            continue;
        };
        tokio::spawn(greet(Caller::new(shared.clone(), stream, peer, connection, unproved)));
    }
}
