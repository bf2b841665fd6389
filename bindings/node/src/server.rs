//! A running server and the commands that go through it.

use std::path::PathBuf;

use memcore::model::{CommandState, DeviceName, DeviceProof, DeviceStatus, Pattern, PointRate, SeriesName, Timestamp};
use memcore::protocol::Bundle;
use memcore::rest::{Api, Direct, HttpServer};
use memcore::{AuditQuery, CommandRequest, CommandTicket, Config, ErrorKind, OVERLAP_DEFAULT, ProofKind, ServerHandle};
use napi::bindgen_prelude::{BigInt, Either};
use napi_derive::napi;
use tokio::sync::{Mutex, OnceCell, watch};

use crate::channel::span;
use crate::control::site_model;
use crate::error::{Result, ToNode, on_disk, to_node};
use crate::history::NativeHistory;
use crate::http::Running;
use crate::live::{Feed, NativeEvents, NativeReadings};
use crate::time::instant;

/// The configuration of the site in that folder: its file, the environment, then what was given.
fn load_config(path: &str, file: Option<PathBuf>, listen: Option<String>, http: Option<String>) -> memcore::Result<Config> {
    // Quoted, so that no folder's name is read as a number or a date.
    let mut overrides = vec![("path", serde_json::Value::from(path).to_string())];
    overrides.extend(listen.map(|listen| ("gateway.listen", listen)));
    overrides.extend(http.map(|http| ("http.listen", http)));
    Config::load(file.as_deref(), std::env::vars_os(), &overrides)
}

/// Starts a server on the site in that folder; `control` is a site model's file, `model` the model itself as JSON. `http` is
/// where the page and REST are served, true where the configuration says it.
#[napi]
pub(crate) async fn serve(
    path: String,
    listen: Option<String>,
    config: Option<String>,
    control: Option<String>,
    model: Option<String>,
    http: Option<Either<bool, String>>,
) -> Result<NativeServer> {
    let (with_http, at) = match http {
        None | Some(Either::A(false)) => (false, None),
        Some(Either::A(true)) => (true, None),
        Some(Either::B(address)) => (true, Some(address)),
    };
    let load = move || {
        let mut config = load_config(&path, config.map(PathBuf::from), listen, at)?;
        config.control.model = control.map(PathBuf::from).or(config.control.model);
        config.control.given = model.as_deref().map(site_model).transpose()?;
        Ok(config)
    };
    let config = on_disk(load).await?;
    let server = Box::pin(memcore::serve(config.clone())).await.to_node()?;
    let handle = server.handle();
    let running =
        if with_http { Running::with_http(server, config.clone()).await? } else { Running { server, http: None } };
    let url = running.http.as_ref().map(HttpServer::url);
    let running = Mutex::new(Some(running));
    let (api, direct) = (OnceCell::new(), OnceCell::new());
    Ok(NativeServer { handle, config, url, running, api, direct, closed: watch::Sender::new(false) })
}

/// What a device is given at its enrolment.
#[napi(object)]
pub struct DeviceBundle {
    /// Who the device is.
    pub device: String,
    /// Where the server listens.
    pub server: String,
    /// The CA that the server's certificate must come from, in PEM.
    #[napi(js_name = "ca_pem")]
    pub ca_pem: String,
    /// The secret, where that is its proof.
    pub credential: Option<String>,
    /// The client certificate, where that is its proof, in PEM.
    #[napi(js_name = "certificate_pem")]
    pub certificate_pem: Option<String>,
    /// The certificate's key, in PEM.
    #[napi(js_name = "key_pem")]
    pub key_pem: Option<String>,
}

impl From<Bundle> for DeviceBundle {
    fn from(bundle: Bundle) -> Self {
        Self {
            device: bundle.device.to_string(),
            server: bundle.server,
            ca_pem: bundle.ca_pem,
            credential: bundle.credential,
            certificate_pem: bundle.certificate_pem,
            key_pem: bundle.key_pem,
        }
    }
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string(value);
    text.map_err(|e| memcore::Error::new(ErrorKind::Internal, e.to_string())).to_node()
}

/// What is known of a device.
#[napi(object)]
pub struct DeviceState {
    /// The device.
    pub device: String,
    /// Whether it has a session now.
    pub connected: bool,
    /// When it was last heard, in microseconds.
    pub last_seen: Option<BigInt>,
    /// How many of its channels are registered.
    pub channels: u32,
    /// How many of its points were taken since the server started.
    pub points: i64,
    /// How many points a second it may send, where that is set for it.
    pub points_per_s: Option<f64>,
    /// How many may come at once.
    pub burst: Option<f64>,
    /// What it may prove itself by, the newest first.
    pub proofs: Vec<DeviceProofState>,
}

/// One proof of a device.
#[napi(object)]
pub struct DeviceProofState {
    /// Tells the proofs of a device apart.
    pub id: String,
    /// `secret` or `certificate`.
    pub kind: String,
    /// When it was handed out, in microseconds.
    pub issued: BigInt,
    /// It logs in until then, after a rotation, in microseconds.
    pub until: Option<BigInt>,
    /// When the certificate itself ends, in microseconds.
    pub ends: Option<BigInt>,
    /// When the device last logged in with it, in microseconds.
    pub last_used: Option<BigInt>,
}

impl From<DeviceProof> for DeviceProofState {
    fn from(proof: DeviceProof) -> Self {
        Self {
            id: proof.id,
            kind: proof.kind.to_string(),
            issued: micros(proof.issued),
            until: proof.until.map(micros),
            ends: proof.ends.map(micros),
            last_used: proof.last_used.map(micros),
        }
    }
}

fn micros(time: Timestamp) -> BigInt {
    BigInt::from(time.as_micros())
}

impl From<DeviceStatus> for DeviceState {
    fn from(status: DeviceStatus) -> Self {
        Self {
            device: status.device.to_string(),
            connected: status.connected,
            last_seen: status.last_seen.map(micros),
            channels: status.channels as u32,
            points: status.points as i64,
            points_per_s: status.rate.map(|rate| rate.per_second),
            burst: status.rate.map(|rate| rate.burst),
            proofs: status.proofs.into_iter().map(DeviceProofState::from).collect(),
        }
    }
}

/// What a server has done since its start.
#[napi(object)]
pub struct ServerCounts {
    /// Devices that are connected now.
    pub connected: u32,
    /// Points taken from devices.
    pub points_taken: i64,
    /// Points that are durable.
    pub points_durable: i64,
    /// Parts of messages that were refused.
    pub rejected: i64,
    /// Group commits.
    pub commits: i64,
}

/// How a command is given.
#[napi(object)]
pub struct CommandOptions {
    /// How long the value holds.
    pub lease: Option<String>,
    /// What holds after the lease.
    pub fallback: Option<f64>,
    /// How long it may wait for its device.
    pub expires: Option<String>,
    /// Its identity.
    pub id: Option<String>,
    /// At whose wish, for the audit trail.
    pub by: Option<String>,
    /// For safety: minimum times and ramps do not hold it back.
    pub safety: Option<bool>,
}

impl CommandOptions {
    fn request(self, target: &str, value: f64) -> memcore::Result<CommandRequest> {
        let mut request = CommandRequest::new(target.parse::<SeriesName>()?, value);
        // Set apart from each other: what lacks its other half is refused by the core.
        request.lease = self.lease.map(|lease| span("lease", &lease)).transpose()?;
        request.fallback = self.fallback;
        request.expires_in = self.expires.map(|expires| span("expires", &expires)).transpose()?;
        request.id = self.id.map(|id| id.parse()).transpose()?;
        request.by = self.by;
        request.safety = self.safety.unwrap_or(false);
        Ok(request)
    }
}

/// A running server.
#[napi]
pub struct NativeServer {
    pub(crate) handle: ServerHandle,
    pub(crate) config: Config,
    pub(crate) url: Option<String>,
    pub(crate) running: Mutex<Option<Running>>,
    /// Where there is no HTTP, which has one of its own.
    pub(crate) api: OnceCell<Api>,
    pub(crate) direct: OnceCell<Direct>,
    pub(crate) closed: watch::Sender<bool>,
}

#[napi]
impl NativeServer {
    /// Where the gateway listens: `host:port`.
    #[napi(getter, catch_unwind)]
    pub fn address(&self) -> String {
        self.handle.address().to_string()
    }

    /// The port of the gateway.
    #[napi(getter, catch_unwind)]
    pub fn port(&self) -> u16 {
        self.handle.address().port()
    }

    /// The site's history.
    #[napi(catch_unwind)]
    pub fn history(&self) -> NativeHistory {
        NativeHistory(self.handle.memcore().clone())
    }

    /// Every device that is enrolled or was heard.
    #[napi(catch_unwind)]
    pub fn devices(&self) -> Vec<DeviceState> {
        self.handle.devices().into_iter().map(DeviceState::from).collect()
    }

    /// What the server has done since its start.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> ServerCounts {
        let stats = self.handle.stats();
        ServerCounts {
            connected: stats.connected as u32,
            points_taken: stats.points_taken as i64,
            points_durable: stats.points_durable as i64,
            rejected: stats.rejected as i64,
            commits: stats.commits as i64,
        }
    }

    /// Enrols a device.
    #[napi]
    pub async fn enroll(&self, device: String, proof: String) -> Result<DeviceBundle> {
        let (handle, device) = (self.handle.clone(), device.parse::<DeviceName>().to_node()?);
        let proof = proof.parse::<ProofKind>().to_node()?;
        Ok(on_disk(move || handle.enroll(&device, proof)).await?.into())
    }

    /// Enrols many devices at once with secrets.
    #[napi]
    pub async fn enroll_many(&self, devices: Vec<String>) -> Result<Vec<DeviceBundle>> {
        let handle = self.handle.clone();
        let devices: Vec<DeviceName> = devices.iter().map(|name| name.parse()).collect::<memcore::Result<_>>().to_node()?;
        let bundles = on_disk(move || handle.enroll_many(&devices)).await?;
        Ok(bundles.into_iter().map(DeviceBundle::from).collect())
    }

    /// Gives a device a new proof; its earlier ones stay good for a while.
    #[napi]
    pub async fn rotate(&self, device: String, proof: String, overlap: Option<String>) -> Result<DeviceBundle> {
        let (handle, device) = (self.handle.clone(), device.parse::<DeviceName>().to_node()?);
        let proof = proof.parse::<ProofKind>().to_node()?;
        let overlap = overlap.map(|overlap| span("overlap", &overlap)).transpose().to_node()?;
        let overlap = overlap.unwrap_or(OVERLAP_DEFAULT);
        Ok(on_disk(move || handle.rotate(&device, proof, overlap)).await?.into())
    }

    /// Sets how many points a device may send.
    #[napi]
    pub async fn limit(&self, device: String, points_per_s: Option<f64>, burst: Option<f64>) -> Result<()> {
        let (handle, device) = (self.handle.clone(), device.parse::<DeviceName>().to_node()?);
        let rate = points_per_s.map(|rate| PointRate::new(rate, burst)).transpose().to_node()?;
        on_disk(move || handle.limit(&device, rate)).await
    }

    /// The server's certificate, as JSON.
    #[napi(catch_unwind)]
    pub fn certificate(&self) -> Result<String> {
        json(&self.handle.certificate())
    }

    /// The audit trail: each entry as JSON.
    #[napi]
    pub async fn audit(
        &self,
        since: Option<BigInt>,
        device: Option<String>,
        kind: Option<String>,
        limit: Option<u32>,
    ) -> Result<Vec<String>> {
        let handle = self.handle.clone();
        let mut query = AuditQuery::default();
        query.since = since.map(|since| instant(&since)).transpose().to_node()?;
        query.device = device.map(|device| device.parse()).transpose().to_node()?;
        query.kind = kind;
        query.limit = limit.map_or(query.limit, |limit| limit as usize);
        on_disk(move || handle.audit(&query)).await?.entries.iter().map(json).collect()
    }

    /// Whether the audit trail is whole, as JSON.
    #[napi]
    pub async fn verify_audit(&self) -> Result<String> {
        let handle = self.handle.clone();
        json(&on_disk(move || handle.verify_audit()).await?)
    }

    /// Ends a device's enrolment and its session.
    #[napi]
    pub async fn revoke(&self, device: String) -> Result<()> {
        let (handle, device) = (self.handle.clone(), device.parse::<DeviceName>().to_node()?);
        on_disk(move || handle.revoke(&device)).await
    }

    /// Follows the readings of the series that match.
    #[napi(catch_unwind)]
    pub fn subscribe(&self, pattern: String) -> Result<NativeReadings> {
        self.check_open()?;
        let (handle, pattern) = (self.handle.clone(), pattern.parse::<Pattern>().to_node()?);
        Feed::start(async move { handle.subscribe(&pattern).await }).map(NativeReadings)
    }

    /// Follows the events of all devices.
    #[napi(catch_unwind)]
    pub fn events(&self) -> Result<NativeEvents> {
        self.check_open()?;
        let handle = self.handle.clone();
        Feed::start(async move { handle.events().await }).map(NativeEvents)
    }

    /// Issues a command.
    #[napi(catch_unwind)]
    pub fn command(&self, target: String, value: f64, options: CommandOptions) -> Result<NativeCommand> {
        self.check_open()?;
        let handle = &self.handle;
        let issue =
            || napi::bindgen_prelude::within_runtime_if_available(|| handle.command(options.request(&target, value)?));
        Ok(NativeCommand { ticket: issue().to_node()?, left: self.closed.subscribe(), leave: watch::Sender::new(false) })
    }

    /// Stops the server. Doing it again waits for the same end and does nothing.
    #[napi]
    pub async fn close(&self) -> Result<()> {
        let Some(running) = self.running.lock().await.take() else { return Ok(()) };
        let ended = running.end(self.api.get()).await;
        self.closed.send_replace(true);
        ended.to_node()
    }

    /// The handle, while the server is open.
    pub(crate) fn control_handle(&self) -> memcore::Result<ServerHandle> {
        match *self.closed.borrow() {
            true => Err(memcore::Error::new(ErrorKind::Closed, "the server was closed")),
            false => Ok(self.handle.clone()),
        }
    }

    fn check_open(&self) -> Result<()> {
        match *self.closed.borrow() {
            true => Err(to_node(memcore::Error::new(ErrorKind::Closed, "the server was closed"))),
            false => Ok(()),
        }
    }
}

/// How a command ended.
#[napi(object)]
pub struct CommandEnd {
    /// `done`, `refused`, `expired` or `unknown`.
    pub state: String,
    /// The value that the device read back.
    pub read_back: Option<f64>,
    /// Why it was refused, as a code.
    pub code: Option<String>,
    /// Why it was refused, for a person.
    pub reason: Option<String>,
}

impl From<CommandState> for CommandEnd {
    fn from(state: CommandState) -> Self {
        let mut end = Self { state: state.name().to_owned(), read_back: None, code: None, reason: None };
        match state {
            CommandState::Done { read_back } | CommandState::Unknown { read_back } => end.read_back = read_back,
            CommandState::Refused { code, reason } => (end.code, end.reason) = (Some(code), Some(reason)),
            _ => {}
        }
        end
    }
}

/// A command that was issued.
#[napi]
pub struct NativeCommand {
    ticket: CommandTicket,
    /// The server was closed.
    left: watch::Receiver<bool>,
    /// Nobody waits any more.
    leave: watch::Sender<bool>,
}

#[napi]
impl NativeCommand {
    /// Its identity.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> String {
        self.ticket.id().to_string()
    }

    /// Waits until it has ended. Once the server is gone nobody can learn the answer: it is unknown.
    #[napi]
    pub async fn finished(&self) -> CommandEnd {
        let (mut ticket, mut left, mut leave) = (self.ticket.clone(), self.left.clone(), self.leave.subscribe());
        tokio::select! {
            biased;
            state = ticket.finished() => state.into(),
            _ = left.wait_for(|left| *left) => CommandState::UNKNOWN.into(),
            _ = leave.wait_for(|leave| *leave) => CommandState::UNKNOWN.into(),
        }
    }

    /// What control says to it, where it steers the channel.
    #[napi(getter, catch_unwind)]
    pub fn note(&self) -> Option<String> {
        self.ticket.note().map(ToOwned::to_owned)
    }

    /// Settles who waits. The command itself goes on.
    #[napi(catch_unwind)]
    pub fn leave(&self) {
        self.leave.send_replace(true);
    }
}
