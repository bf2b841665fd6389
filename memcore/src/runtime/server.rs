//! A running server: the only place where gateway, bus, store and commands are wired together.
//!
//! Shutting down drains in the order in which data flows: no new connections, devices told to come back, the bus emptied
//! into the store, the store closed. What was acknowledged is on disk; what was not is still with its device.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::audit::{Act, Audit};
use super::command_journal::CommandJournal;
use super::commander::Commander;
use super::commands::{CommandRequest, CommandTicket};
use super::config::Config;
use super::control::Control;
use super::core::{Core, Counters, ServerStats};
use super::embedded::Memcore;
#[cfg(feature = "rest")]
use super::events::EventKeeper;
use super::identity::by_clock;
use super::ingest::Ingest;
use super::links::Links;
use super::live::{Events, Readings};
use super::{descriptors, local_socket, recorder};
use crate::control::SiteModel;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{Certificates, Gateway, Registry};
use crate::model::{Clock, DeviceName, DeviceStatus, Name, Pattern, SystemClock};
use crate::router::{Bus, Delivery, EmbeddedBus, SubjectPattern};

/// Batches between the gateway and the recorder. Full-policy: devices wait.
const RECORDER_QUEUE: usize = 4096;

/// Batches that wait for one viewer. Full-policy: the oldest is dropped and counted.
const VIEWER_QUEUE: usize = 4096;

const TICK: Duration = Duration::from_millis(100);
const IDENTITY_EVERY: Duration = Duration::from_secs(1);
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// A running server. Dropping it without [`shutdown`](Self::shutdown) is like pulling the plug: nothing acknowledged is
/// lost, but devices are not told.
#[derive(Debug)]
pub struct Server {
    core: Arc<Core>,
    gateway: Option<Gateway>,
    recorder: Option<std::thread::JoinHandle<()>>,
    ticking: [JoinHandle<()>; 2],
    /// Removed when it is dropped.
    local: Option<local_socket::LocalSocket>,
    /// The history of events; it ends once the bus is closed.
    #[cfg(feature = "rest")]
    events: Option<EventKeeper>,
    /// Watches for alarms.
    #[cfg(feature = "rest")]
    watching: Option<super::alarms::Watching>,
    #[cfg(feature = "adapters")]
    hem: Hem,
}

/// The HEM boards that the server polls, and the endpoint that it serves.
#[cfg(feature = "adapters")]
#[derive(Debug, Default)]
struct Hem {
    boards: super::hem::Boards,
    served: Option<super::hem::ServedHem>,
}

/// Starts a server.
///
/// # Errors
/// As [`Server::start`].
pub async fn serve(config: Config) -> Result<Server> {
    Server::start(config).await
}

impl Server {
    /// Opens the site and begins to listen. The first start makes the folder, a CA, and a server certificate.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where the address is in use or the folder cannot be written, [`Locked`](ErrorKind::Locked)
    /// where another process has the site, [`Invalid`](ErrorKind::Invalid) for certificates or a registry that are none,
    /// [`Connection`](ErrorKind::Connection) where the bus cannot be reached.
    pub async fn start(config: Config) -> Result<Self> {
        Self::start_with(config, Arc::new(SystemClock::default())).await
    }

    /// As [`start`](Self::start), with a clock of the caller's.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        // Boxed, because what it waits for in turn is large.
        Box::pin(Self::open(config, clock)).await
    }

    async fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        let path = config.path.clone();
        crate::gateway::create_private_folder(&path)?;
        let model = config.control.model_of(&path)?;
        let certificates = Certificates::open(&path.join("tls"), &config.gateway.identity()?, clock.now())?;
        let registry = Registry::open(&path.join("devices.json"))?;
        let tls = by_clock(&*certificates.server_config(config.gateway.tls12)?, clock.clone());
        let options = config.store.options();
        let (opening, store_clock) = (path.clone(), Arc::clone(&clock));
        // Opening replays the log: not on a thread that serves the network.
        let opened = tokio::task::spawn_blocking(move || {
            // The store's lock comes first: it keeps other processes from the journal, too.
            let memcore = Memcore::open_with(&opening, store_clock, options)?;
            Ok((memcore, CommandJournal::open(&opening.join("commands.journal"))?))
        });
        let opened = opened.await.map_err(|e| Error::new(ErrorKind::Internal, format!("opening the store failed: {e}")))?;
        let (memcore, (writer, told)) = opened?;
        let (commander, ends) = Commander::restore(told, clock.now());
        let (bus, bus_ids) = open_bus(&config).await?;
        #[cfg(feature = "rest")]
        let records = crate::records::Records::open(&path, config.records.url.as_deref()).await?;
        let core = Arc::new(Core {
            memcore,
            bus,
            bus_ids,
            links: Links::new(clock.now()),
            registry,
            enrolments_seen: AtomicU64::new(0),
            certificates,
            rate: config.gateway.device_rate()?,
            audit: Audit::start(&path, config.audit.max_size, clock.clone())?,
            complaints: std::sync::Mutex::default(),
            site: path,
            clock: clock.clone(),
            myself: DeviceName::new(crate::model::OPERATOR_DEFAULT, "memcore", "server")?,
            runtime: Handle::current(),
            recording: AtomicBool::new(true),
            closing: AtomicBool::new(false),
            alarmed: AtomicBool::new(false),
            commander: std::sync::Mutex::new(commander),
            journal: CommandJournal::new(),
            counters: Counters::default(),
            control: std::sync::OnceLock::new(),
            #[cfg(feature = "rest")]
            records,
            #[cfg(feature = "rest")]
            alarms: std::sync::OnceLock::new(),
        });
        #[cfg(feature = "rest")]
        let events = Some(EventKeeper::start(&core).await?);
        #[cfg(feature = "rest")]
        let watching = super::alarms::start(&core, &config.alarms).await?;
        core.start_commands(writer, ends)?;
        let recorder = Some(start_recorder(&core).await?);
        let ticking = [tokio::spawn(tick(core.clone())), tokio::spawn(look_after_identity(core.clone()))];
        let mut server = Self {
            core,
            gateway: None,
            recorder,
            ticking,
            local: None,
            #[cfg(feature = "rest")]
            events,
            #[cfg(feature = "rest")]
            watching: Some(watching),
            #[cfg(feature = "adapters")]
            hem: Hem::default(),
        };
        let opened = match server.open_doors(&config, tls, clock).await {
            Ok(()) => server.take_control(&config, model).await,
            Err(e) => Err(e),
        };
        match opened {
            Ok(()) => Ok(server),
            Err(e) => {
                // The store is let go before the caller hears of it: it may want to try again.
                server.shutdown().await?;
                Err(e)
            }
        }
    }

    async fn open_doors(&mut self, config: &Config, tls: Arc<rustls::ServerConfig>, clock: Arc<dyn Clock>) -> Result<()> {
        let host = Arc::new(Ingest(self.core.clone()));
        let mut options = config.gateway.options();
        if let Some(room) = descriptors::room().filter(|room| *room < options.connections) {
            tracing::info!(connections = room, asked = options.connections, "fewer connections: the limit of open files");
            options.connections = room;
        }
        let gateway = Gateway::listen(options, tls, host, clock).await?;
        let address = gateway.address();
        self.gateway = Some(gateway);
        self.local = local_socket::LocalSocket::open(&config.path, &self.core, address)?;
        self.core.audit.say(None, Act::Started { address });
        #[cfg(feature = "adapters")]
        self.open_hem(config, address).await?;
        tracing::info!(%address, path = %config.path.display(), "listening");
        Ok(())
    }

    /// Controls the site, where there is a model of it. Devices may come from now on; the first decisions are what is safe.
    async fn take_control(&mut self, config: &Config, model: Option<(PathBuf, SiteModel)>) -> Result<()> {
        let Some((file, model)) = model else { return Ok(()) };
        let control = Control::start(&self.core, &config.control, &file, &model).await?;
        tracing::info!(site = %model.site, model = %file.display(), "controlling");
        let _ = self.core.control.set(control);
        Ok(())
    }

    #[cfg(feature = "adapters")]
    async fn open_hem(&mut self, config: &Config, address: SocketAddr) -> Result<()> {
        use super::hem::{Boards, Home};
        let server = Home::server(address, &config.gateway.names, config.gateway.certificate.is_some());
        let (registry, certificates, now) = (&self.core.registry, &self.core.certificates, self.core.clock.now());
        let home = Home { site: &config.path, registry, certificates, audit: &self.core.audit, server, now };
        self.hem.boards = Boards::start(&config.hem.boards, &home)?;
        if let Some(serve) = &config.hem.serve {
            let served = self.handle().serve_hem(&serve.device, serve.options()).await;
            let served = served.map_err(|e| e.context("hem.serve"))?;
            tracing::info!(address = %served.address(), device = %serve.device, "answering hem apps");
            self.hem.served = Some(served);
        }
        Ok(())
    }

    /// Where the gateway listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        self.gateway.as_ref().map_or(nowhere, Gateway::address)
    }

    /// Where the HEM endpoint of the configuration (`hem.serve`) listens, where there is one.
    #[cfg(feature = "adapters")]
    #[must_use]
    pub fn hem_address(&self) -> Option<SocketAddr> {
        self.hem.served.as_ref().map(super::hem::ServedHem::address)
    }

    /// The site's history, to be read and written beside the devices.
    #[must_use]
    pub fn memcore(&self) -> &Memcore {
        &self.core.memcore
    }

    /// The server as it is shared by those that only use it.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { core: self.core.clone(), address: self.address(), author: None }
    }

    /// Stops: no new connections, devices told to come back, what was taken stored, the store closed.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where the last writes did not reach the disk.
    pub async fn shutdown(mut self) -> Result<()> {
        if let Some(local) = self.local.take() {
            local.close().await;
        }
        if let Some(control) = self.core.control.get().cloned() {
            // First of all, while devices can still be told what is safe. One that panicked has said so.
            let _ = tokio::task::spawn_blocking(move || control.stop()).await;
        }
        let served = self.gateway.is_some();
        #[cfg(feature = "adapters")]
        {
            let Hem { boards, served } = std::mem::take(&mut self.hem);
            if let Some(served) = served {
                served.close().await;
            }
            boards.close().await;
        }
        if let Some(gateway) = self.gateway.take() {
            gateway.shutdown(DRAIN_WITHIN).await;
        }
        #[cfg(feature = "rest")]
        if let Some(watching) = self.watching.take() {
            watching.close().await;
        }
        self.ticking.iter().for_each(JoinHandle::abort);
        self.core.closing.store(true, Ordering::Release);
        self.core.end_commands();
        self.core.bus.close().await;
        let (recorder, core) = (self.recorder.take(), self.core.clone());
        let closed = tokio::task::spawn_blocking(move || {
            // A recorder that panicked has logged it; what it had not acknowledged is still with the devices.
            let _ = recorder.map(std::thread::JoinHandle::join);
            core.end_identity(served);
            core.journal.close();
            core.memcore.close()
        });
        #[cfg(feature = "rest")]
        {
            if let Some(events) = self.events.take() {
                events.end().await;
            }
            self.core.records.close().await;
        }
        closed.await.map_err(|e| Error::new(ErrorKind::Internal, format!("closing the store failed: {e}")))?
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ticking.iter().for_each(JoinHandle::abort);
        self.core.closing.store(true, Ordering::Release);
        if let Some(control) = self.core.control.get() {
            control.end();
        }
        // With the bus closed the recorder stores what it still holds and ends, and the store goes with the last handle.
        if let Ok(runtime) = Handle::try_current() {
            let bus = self.core.bus.clone();
            runtime.spawn(async move { bus.close().await });
        }
    }
}

async fn open_bus(config: &Config) -> Result<(Arc<dyn Bus>, bool)> {
    match &config.bus.nats {
        None => Ok((Arc::new(EmbeddedBus::new()), false)),
        #[cfg(feature = "nats")]
        Some(url) => {
            let mut options = crate::router::NatsOptions::new(url);
            options.max_bytes = config.bus.max_size;
            Ok((Arc::new(crate::router::NatsBus::connect(options).await?), true))
        }
        #[cfg(not(feature = "nats"))]
        Some(_) => {
            Err(Error::new(ErrorKind::Unsupported, "bus.nats is set, but this build has no NATS: expected feature `nats`"))
        }
    }
}

async fn start_recorder(core: &Arc<Core>) -> Result<std::thread::JoinHandle<()>> {
    let data: SubjectPattern = "mem.*.*.*.data".parse()?;
    let delivery = Delivery::Recorder { name: Name::new("recorder")?, capacity: RECORDER_QUEUE };
    let subscription = core.bus.subscribe(data, delivery).await?;
    let (core, runtime) = (core.clone(), Handle::current());
    let thread = std::thread::Builder::new().name("memcore-recorder".into());
    thread.spawn(move || recorder::run(&core, subscription, &runtime)).map_err(|e| Error::io("start the recorder", e))
}

/// What happens by the clock: commands expire, and a disk is full or has room again.
async fn tick(core: Arc<Core>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        core.handle_timeout();
        core.watch_store();
        if let Some(control) = core.control.get() {
            control.watch();
        }
    }
}

/// Enrolments that another process changed, proofs whose time is over, certificates: files are read, so it waits for nobody.
async fn look_after_identity(core: Arc<Core>) {
    let mut interval = tokio::time::interval(IDENTITY_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let core = core.clone();
        // One that panicked has said so, and the next look is a new one.
        let _ = tokio::task::spawn_blocking(move || core.look_after_identity()).await;
    }
}

/// A running server, as those use it that do not stop it. Clones are cheap.
#[derive(Debug, Clone)]
pub struct ServerHandle {
    pub(super) core: Arc<Core>,
    address: SocketAddr,
    /// At whose wish it enrols and revokes; the program's unless told.
    pub(super) author: Option<Arc<str>>,
}

impl ServerHandle {
    /// Where the gateway listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The site's history, to be read and written beside the devices.
    #[must_use]
    pub fn memcore(&self) -> &Memcore {
        &self.core.memcore
    }

    /// The alarms of the server: rules, what they found, who is told.
    #[cfg(feature = "rest")]
    #[must_use]
    pub fn alarms(&self) -> super::alarms::Alarms {
        self.core.alarms()
    }

    /// Users, alarms and plans of the server.
    #[cfg(feature = "rest")]
    pub(crate) fn records(&self) -> &crate::records::Records {
        &self.core.records
    }

    /// As this handle, with what it enrols, rotates, limits and revokes done at somebody's wish: so it stands in the audit trail.
    #[cfg(feature = "rest")]
    pub(crate) fn at_wish_of(&self, author: &str) -> Self {
        Self { author: Some(author.into()), ..self.clone() }
    }

    /// Whether what devices send no longer gets into the store: recording has ended.
    #[cfg(feature = "rest")]
    pub(crate) fn is_stalled(&self) -> bool {
        !self.core.recording.load(Ordering::Acquire)
    }

    /// How many commands have not ended, and how many were issued.
    #[cfg(feature = "rest")]
    pub(crate) fn command_counts(&self) -> (u64, u64) {
        self.core.command_counts()
    }

    /// TLS for HTTP, with the certificate of the gateway.
    #[cfg(feature = "rest")]
    pub(crate) fn https_config(&self) -> Result<rustls::ServerConfig> {
        self.core.certificates.https_config()
    }

    /// The server's clock.
    #[cfg(feature = "rest")]
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.core.clock.clone()
    }

    /// Follows the readings of the series that match, from now on.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed) where the server has shut down.
    pub async fn subscribe(&self, pattern: &Pattern) -> Result<Readings> {
        Readings::follow(&*self.core.bus, pattern, VIEWER_QUEUE).await
    }

    /// Follows all that devices send, batch by batch, from now on.
    #[cfg(feature = "rest")]
    pub(crate) async fn batches(&self) -> Result<super::live::Batches> {
        super::live::Batches::follow(&*self.core.bus, VIEWER_QUEUE).await
    }

    /// The site that is controlled, where one is.
    #[cfg(feature = "rest")]
    pub(crate) fn checked_model(&self) -> Option<Arc<crate::control::CheckedModel>> {
        self.core.control.get().map(|control| control.checked_model())
    }

    /// Under which name events stand that are about the server itself.
    #[cfg(feature = "rest")]
    pub(crate) fn myself(&self) -> DeviceName {
        self.core.myself.clone()
    }

    /// Follows the events of all devices, from now on.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed) where the server has shut down.
    pub async fn events(&self) -> Result<Events> {
        let delivery = Delivery::Viewer { capacity: VIEWER_QUEUE };
        Ok(Events::new(self.core.bus.subscribe("mem.*.*.*.event".parse()?, delivery).await?))
    }

    /// Issues a command: sent at once where the device is connected, else kept until it is or until its expiry.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) for an unknown channel, [`Invalid`](ErrorKind::Invalid) for a channel that takes
    /// no commands, a value out of its range, a lease without a fallback on a channel that declares none, a value that is not for
    /// safety, or an expiry in the past; [`Conflict`](ErrorKind::Conflict) where the id was used for another command;
    /// [`ReadOnly`](ErrorKind::ReadOnly) where it cannot be written down and is not for safety.
    pub fn command(&self, request: CommandRequest) -> Result<CommandTicket> {
        self.core.request(request)
    }

    /// Answers apps that were written for a HEM board, on behalf of a device: they read its `node0.power` and so on, and
    /// switch its `node0.switch`. It ends when it is dropped.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) for a device that is not known, [`Invalid`](ErrorKind::Invalid) for an address that
    /// others can reach and no word that they may, [`Io`](ErrorKind::Io) where it is in use.
    #[cfg(feature = "adapters")]
    pub async fn serve_hem(
        &self,
        device: &DeviceName,
        options: crate::adapters::hem::EndpointOptions,
    ) -> Result<super::hem::ServedHem> {
        super::hem::ServedHem::start(&self.core, device, options).await
    }

    /// Finds a command again by its id.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where no such command is known.
    pub fn find_command(&self, id: &crate::model::CommandId) -> Result<CommandTicket> {
        self.core.find_command(id)
    }

    /// Every device that is enrolled or was heard, by name.
    #[must_use]
    pub fn devices(&self) -> Vec<DeviceStatus> {
        self.core.devices()
    }

    /// What the server has done since its start.
    #[must_use]
    pub fn stats(&self) -> ServerStats {
        self.core.stats()
    }
}
