//! The bus over NATS JetStream, across processes.
//!
//! Everything under `mem.` is stored in one stream, and what was set aside in another; what is under `live.` in none. A recorder is a durable pull
//! consumer with explicit acknowledgement; a viewer is an ephemeral one whose messages wait in the same bounded queue as
//! on the embedded bus, on this side. After the connection was lost, each takes up where it stood.

mod options;
mod publish;
mod receive;
mod settle;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::{self, ErrorCode, stream};
use tokio::sync::watch;

pub use options::NatsOptions;

use self::publish::Spool;
use super::delivery::{Delivery, Subscription};
use super::message::Message;
use super::queue::lock;
use super::subject_pattern::SubjectPattern;
use super::{Attempt, BoxFuture, Bus};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Name;

/// A silent connection is given up after two of these without an answer.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// How a server says that it cannot reserve what a stream asks for.
const NO_ROOM: [ErrorCode; 3] =
    [ErrorCode::STORAGE_RESOURCES_EXCEEDED, ErrorCode::INSUFFICIENT_RESOURCES, ErrorCode::ACCOUNT_RESOURCES_EXCEEDED];

/// A bus over NATS JetStream. Clones are the same bus.
///
/// - `publish` resolves once the stream has stored the message. While NATS is away, messages in hand wait in memory, bounded
///   by [`NatsOptions::spool_messages`] and [`NatsOptions::spool_bytes`]; further publishers wait outside.
/// - One message of a device is under way at a time, so that no outage can change their order.
/// - A lost acknowledgement makes a recorder get a message again: what it stores must be recognisable by its id.
#[derive(Clone)]
pub struct NatsBus {
    shared: Arc<Shared>,
}

struct Shared {
    options: NatsOptions,
    link: Link,
    spool: Spool,
    recorders: Mutex<HashSet<Name>>,
    closed: watch::Sender<bool>,
}

/// The connection, as every task of the bus sees it.
#[derive(Clone)]
struct Link {
    jetstream: jetstream::Context,
    /// Rises with every connection made.
    connected: watch::Receiver<u64>,
    url: Arc<str>,
}

impl NatsBus {
    /// Connects and makes sure of the streams: they are created, or brought to the limits in `options`.
    ///
    /// # Errors
    /// [`Connection`](ErrorKind::Connection) with the address; [`Unauthorized`](ErrorKind::Unauthorized);
    /// [`LimitReached`](ErrorKind::LimitReached) where the server cannot reserve [`NatsOptions::max_bytes`];
    /// [`Invalid`](ErrorKind::Invalid) for settings out of range.
    pub async fn connect(options: NatsOptions) -> Result<Self> {
        options.check()?;
        let link = Link::open(&options).await?;
        link.ensure_streams(&options).await?;
        let spool = Spool::new(&options);
        let closed = watch::Sender::new(false);
        Ok(Self { shared: Arc::new(Shared { options, link, spool, recorders: Mutex::default(), closed }) })
    }

    /// Whether the connection stands at the moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.link.is_connected()
    }

    /// How many published messages the server has not acknowledged yet.
    #[must_use]
    pub fn spooled(&self) -> usize {
        self.shared.spool.len()
    }
}

impl fmt::Debug for NatsBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsBus")
            .field("url", &self.shared.link.url)
            .field("connected", &self.is_connected())
            .field("spooled", &self.spooled())
            .finish_non_exhaustive()
    }
}

impl Bus for NatsBus {
    fn publish(&self, message: Message) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.shared.publish(message))
    }

    fn try_publish(&self, message: Message) -> Result<Attempt> {
        self.shared.check_open()?;
        Ok(Attempt::Full(message))
    }

    fn subscribe(&self, pattern: SubjectPattern, delivery: Delivery) -> BoxFuture<'_, Result<Subscription>> {
        Box::pin(async move {
            delivery.check(&pattern)?;
            self.shared.check_open()?;
            match delivery {
                Delivery::Viewer { capacity } if pattern.is_live() => receive::watch(&self.shared, pattern, capacity).await,
                Delivery::Viewer { capacity } => receive::view(&self.shared, pattern, capacity).await,
                Delivery::Recorder { name, capacity } => receive::record(&self.shared, pattern, name, capacity).await,
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.shared.spool.close(self.shared.options.close_wait).await;
            self.shared.closed.send_replace(true);
            let flushed = self.shared.link.jetstream.client();
            let _ = tokio::time::timeout(self.shared.options.timeout, flushed.flush()).await;
        })
    }
}

impl Shared {
    fn check_open(&self) -> Result<()> {
        if self.spool.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the bus is closed"));
        }
        Ok(())
    }

    /// Holds the recorder's name until the claim is dropped.
    fn claim(self: &Arc<Self>, name: &Name) -> Result<Claim> {
        if !lock(&self.recorders).insert(name.clone()) {
            return Err(Error::new(ErrorKind::Conflict, format!("recorder {name} is subscribed already")));
        }
        Ok(Claim { bus: Arc::clone(self), name: name.clone() })
    }
}

struct Claim {
    bus: Arc<Shared>,
    name: Name,
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&self.bus.recorders).remove(&self.name);
    }
}

impl Link {
    async fn open(options: &NatsOptions) -> Result<Self> {
        let url: Arc<str> = options.shown_url().into();
        let (sender, connected) = watch::channel(0u64);
        let mut connect = async_nats::ConnectOptions::new()
            .name("memcore")
            .connection_timeout(options.timeout)
            .request_timeout(Some(options.timeout))
            .ping_interval(PING_INTERVAL)
            .reconnect_delay_callback(|attempts| Duration::from_millis((20 * attempts as u64).min(1000)))
            .event_callback(move |event| {
                if matches!(event, async_nats::Event::Connected) {
                    sender.send_modify(|generation| *generation += 1);
                }
                tracing::info!(%event, "nats");
                std::future::ready(())
            });
        if let Some(file) = &options.credentials {
            let doing = format!("read {}", file.display());
            connect = connect.credentials_file(file).await.map_err(|e| Error::io(doing, e))?;
        }
        let servers: Vec<&str> = options.url.split(',').collect();
        let client = connect.connect(servers.as_slice()).await.map_err(|e| refused(&url, e))?;
        let mut jetstream = jetstream::context::ContextBuilder::new()
            .ack_timeout(options.timeout)
            // Twice, since an attempt that was given up holds its place until its answer is overdue.
            .max_ack_inflight(options.spool_messages * 2)
            .build(client);
        jetstream.set_timeout(options.timeout);
        Ok(Self { jetstream, connected, url })
    }

    fn is_connected(&self) -> bool {
        self.jetstream.client().connection_state() == async_nats::connection::State::Connected
    }

    async fn ensure_streams(&self, options: &NatsOptions) -> Result<()> {
        for (name, subjects, max_bytes) in options.streams() {
            let config = stream::Config {
                name: name.into(),
                subjects: vec![subjects.into()],
                max_bytes,
                max_age: options.max_age,
                num_replicas: options.replicas,
                duplicate_window: options.dedup_window,
                discard: stream::DiscardPolicy::Old,
                ..stream::Config::default()
            };
            let ensured = self.jetstream.create_or_update_stream(config).await;
            ensured.map_err(|e| self.no_stream(name, max_bytes, e))?;
        }
        Ok(())
    }

    fn no_stream(&self, name: &str, max_bytes: i64, cause: CreateStreamError) -> Error {
        let reserves = |cause: &CreateStreamError| match cause.kind() {
            CreateStreamErrorKind::JetStream(said) => NO_ROOM.contains(&said.error_code()),
            _ => false,
        };
        if !reserves(&cause) {
            return self.failed(&format!("stream {name}"), cause);
        }
        let message = format!(
            "stream {name} at NATS {} is to reserve {max_bytes} bytes, expected less by a smaller max_bytes (`bus.max_size`), or a \
             server with more room by its `max_file_store`: {cause}",
            self.url
        );
        Error::new(ErrorKind::LimitReached, message).caused_by(cause)
    }

    /// An error of the server or of the way to it.
    fn failed(&self, what: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::new(ErrorKind::Connection, format!("{what} at NATS {}: {cause}", self.url)).caused_by(cause)
    }
}

fn refused(url: &str, cause: async_nats::ConnectError) -> Error {
    use async_nats::ConnectErrorKind as Kind;
    let kind = match cause.kind() {
        Kind::ServerParse => ErrorKind::Invalid,
        Kind::Authentication | Kind::AuthorizationViolation => ErrorKind::Unauthorized,
        _ => ErrorKind::Connection,
    };
    Error::new(kind, format!("cannot connect to NATS at {url}: {cause}")).caused_by(cause)
}
