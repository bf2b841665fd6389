//! A socket in the site's folder, through which the command line talks to the server that runs there.
//!
//! JSON lines. Who may enter the folder (its owner) may use the socket; it is no network interface.

mod client;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use client::LocalClient;
#[cfg(feature = "adapters")]
pub use client::LocalHem;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::commands::CommandRequest;
use super::control::{ControlStatus, Explanation};
use super::core::Core;
use crate::control::{Proposal, ProposalId, Target};
use crate::error::{Error, Result};
use crate::gateway::ServerCertificate;
use crate::model::{CommandId, CommandState, DeviceStatus, Name, Timestamp};

/// The longest request.
const REQUEST_BYTES: u64 = 64 << 10;
/// How long a client may take to ask.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// Clients at a time. Full-policy: the next one waits.
const CLIENTS: usize = 64;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    Status,
    Command(CommandRequest),
    Follow(CommandId),
    Control(ControlRequest),
    #[cfg(feature = "rest")]
    Alarms {
        operator: Name,
        asked: super::alarms::AlarmRequest,
    },
    #[cfg(feature = "adapters")]
    ServeHem(ServeHem),
}

/// What a local client asks of control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ControlRequest {
    /// How it is.
    Status,
    /// Why an asset was as it was.
    Why {
        /// The asset, or a series of it.
        asked: String,
        /// When.
        at_us: Timestamp,
    },
    /// A person's wish.
    Propose(Proposal),
    /// Takes back wishes.
    Withdraw {
        /// Whose.
        actor: Name,
        /// For whom; for all where nobody is named.
        target: Option<Target>,
    },
    /// Pause it, or let it go on.
    Enable(bool),
}

/// What control answers a local client.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ControlResponse {
    Status(Box<ControlStatus>),
    Why(Box<Explanation>),
    Proposed(ProposalId),
    Withdrawn(usize),
    Enabled { changed: bool },
}

/// Answer HEM apps on behalf of a device, for as long as the client stays.
#[cfg(feature = "adapters")]
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServeHem {
    device: crate::model::DeviceName,
    listen: SocketAddr,
    allow_network: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    Status(LocalStatus),
    Command {
        id: CommandId,
        state: CommandState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    Control(ControlResponse),
    #[cfg(feature = "rest")]
    Alarms(super::alarms::AlarmResponse),
    Serving {
        address: SocketAddr,
    },
    Error {
        code: String,
        message: String,
    },
}

/// What a server says of itself to a local client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocalStatus {
    /// Where its gateway listens.
    pub address: SocketAddr,
    /// Devices, by name.
    pub devices: Vec<DeviceStatus>,
    /// Points that are durable since its start.
    pub points_durable: u64,
    /// The certificate that its gateway shows.
    pub certificate: ServerCertificate,
    /// The number of its process.
    pub process: u32,
}

fn socket_path(site: &Path) -> PathBuf {
    site.join("control.sock")
}

/// The server's end: removed when it is dropped.
#[derive(Debug)]
pub(crate) struct LocalSocket {
    path: PathBuf,
    accepting: JoinHandle<()>,
}

impl LocalSocket {
    /// Opens the socket of a site whose store this process has locked, so a socket that lies there is a dead server's.
    pub(crate) fn open(site: &Path, core: &Arc<Core>, address: SocketAddr) -> Result<Option<Self>> {
        let path = socket_path(site);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(format!("remove {}", path.display()), e));
            }
            _ => {}
        }
        let listener = match UnixListener::bind(&path) {
            Ok(listener) => listener,
            Err(error) => {
                // A path beyond 107 bytes cannot be a socket: the server works, the command line cannot reach it.
                tracing::warn!(path = %path.display(), %error, "no local socket: `memcore command` will not reach this server");
                return Ok(None);
            }
        };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .map_err(|e| Error::io(format!("protect {}", path.display()), e))?;
        let accepting = tokio::spawn(accept(listener, core.clone(), address));
        Ok(Some(Self { path, accepting }))
    }

    /// Ends it: nobody is accepted any more.
    pub(crate) async fn close(mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, core: Arc<Core>, address: SocketAddr) {
    let clients = Arc::new(Semaphore::new(CLIENTS));
    while let Ok(client) = clients.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let core = core.clone();
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, &core, address).await {
                        tracing::debug!(%error, "local client");
                    }
                    drop(client);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a local client");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, core: &Arc<Core>, address: SocketAddr) -> std::io::Result<()> {
    let by = stream.peer_cred().map(|user| format!("uid {}", user.uid()))?;
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(tokio::io::AsyncReadExt::take(read, REQUEST_BYTES));
    let mut line = String::new();
    tokio::time::timeout(REQUEST_WITHIN, read.read_line(&mut line)).await??;
    let request = serde_json::from_str::<Request>(&line).map_err(|e| Error::invalid(format!("local request: {e}")));
    let followed = match request {
        Ok(Request::Status) => {
            let (devices, points_durable) = (core.devices(), core.stats().points_durable);
            let (certificate, process) = (core.certificates.server(), std::process::id());
            let status = LocalStatus { address, devices, points_durable, certificate, process };
            return send(&mut write, &Response::Status(status)).await;
        }
        // The system says who that is.
        Ok(Request::Command(request)) => core.request(request.by(by)),
        Ok(Request::Follow(id)) => core.find_command(&id),
        Ok(Request::Control(asked)) => {
            let core = core.clone();
            // Some of it waits for the disk.
            let answered = tokio::task::spawn_blocking(move || control(&core, asked, by)).await?;
            return send(&mut write, &answered.map_or_else(|e| refusal(&e), Response::Control)).await;
        }
        #[cfg(feature = "rest")]
        Ok(Request::Alarms { operator, asked }) => {
            let answered = super::alarms::answer(&core.alarms(), &operator, asked, &by).await;
            return send(&mut write, &answered.map_or_else(|e| refusal(&e), Response::Alarms)).await;
        }
        #[cfg(feature = "adapters")]
        Ok(Request::ServeHem(asked)) => {
            let options = crate::adapters::hem::EndpointOptions {
                listen: asked.listen,
                allow_network: asked.allow_network,
                ..Default::default()
            };
            let served = match super::hem::ServedHem::start(core, &asked.device, options).await {
                Ok(served) => served,
                Err(e) => return send(&mut write, &refusal(&e)).await,
            };
            send(&mut write, &Response::Serving { address: served.address() }).await?;
            line.clear();
            // Until it hangs up: a client that serves has nothing more to say.
            return read.read_line(&mut line).await.map(drop);
        }
        Err(e) => Err(e),
    };
    let mut ticket = match followed {
        Err(e) => return send(&mut write, &refusal(&e)).await,
        Ok(ticket) => ticket,
    };
    // What a client has read of a command survives the server.
    ticket.kept().await;
    line.clear();
    loop {
        tokio::select! {
            state = ticket.changed() => match state {
                Some(state) => {
                    let (id, note) = (ticket.id().clone(), ticket.note().map(ToOwned::to_owned));
                    send(&mut write, &Response::Command { id, state, note }).await?;
                }
                None => return Ok(()),
            },
            // A client has nothing more to say: it has hung up, and its place is free for another.
            _ = read.read_line(&mut line) => return Ok(()),
        }
    }
}

/// What a local client asks of control; the system says who that is.
fn control(core: &Core, asked: ControlRequest, by: String) -> Result<ControlResponse> {
    let control = core.control()?;
    match asked {
        ControlRequest::Status => Ok(ControlResponse::Status(Box::new(control.status()?))),
        ControlRequest::Why { asked, at_us } => Ok(ControlResponse::Why(Box::new(control.why(&asked, at_us)?))),
        ControlRequest::Propose(proposal) => Ok(ControlResponse::Proposed(core.propose_by(proposal, by)?)),
        ControlRequest::Withdraw { actor, target } => {
            Ok(ControlResponse::Withdrawn(core.withdraw_by(&actor, target.as_ref(), by)?))
        }
        ControlRequest::Enable(enabled) => Ok(ControlResponse::Enabled { changed: core.enable_control(enabled, by)? }),
    }
}

fn refusal(e: &Error) -> Response {
    Response::Error { code: e.code().into(), message: e.to_string() }
}

async fn send(write: &mut OwnedWriteHalf, response: &Response) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(response)?;
    line.push(b'\n');
    write.write_all(&line).await
}
