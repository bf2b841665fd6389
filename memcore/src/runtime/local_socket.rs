//! A socket in the site's folder, through which the command line talks to the server that runs there.
//!
//! JSON lines. Who may enter the folder (its owner) may use the socket; it is no network interface.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::audit::Act;
use super::commands::CommandRequest;
use super::control::{ControlStatus, Explanation};
use super::core::Core;
use crate::control::{Proposal, ProposalId, Target};
use crate::error::{Error, ErrorKind, Result};
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
        ControlRequest::Status => Ok(ControlResponse::Status(Box::new(control.status()))),
        ControlRequest::Why { asked, at_us } => Ok(ControlResponse::Why(Box::new(control.why(&asked, at_us)?))),
        ControlRequest::Propose(proposal) => {
            core.audit.check_room()?;
            let act = Act::proposed(&proposal);
            let id = control.propose(proposal)?;
            core.audit.say(Some(by), act);
            Ok(ControlResponse::Proposed(id))
        }
        ControlRequest::Withdraw { actor, target } => {
            let withdrawn = control.withdraw(&actor, target.as_ref());
            let wished_for = target.map(|target| target.to_string());
            core.audit.say(Some(by), Act::Withdrawn { actor, wished_for });
            Ok(ControlResponse::Withdrawn(withdrawn))
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

/// The command line's end: talks to the server that runs on a site, on the same machine.
#[derive(Debug)]
pub struct LocalClient {
    path: PathBuf,
}

impl LocalClient {
    /// The server of the site in that folder; whether one runs is seen at the first request.
    #[must_use]
    pub fn of(site: &Path) -> Self {
        Self { path: socket_path(site) }
    }

    /// Who is connected.
    ///
    /// # Errors
    /// [`Connection`](ErrorKind::Connection) where no server runs there.
    pub async fn status(&self) -> Result<LocalStatus> {
        let mut answers = self.ask(&Request::Status).await?;
        match answers.next().await? {
            Some(Response::Status(status)) => Ok(status),
            _ => Err(Error::new(ErrorKind::Connection, "the server gave no status")),
        }
    }

    /// Issues a command and calls `on_state` with each of its states until it has ended; returns the last.
    ///
    /// # Errors
    /// As [`ServerHandle::command`](super::ServerHandle::command), and [`Connection`](ErrorKind::Connection) where no
    /// server runs there.
    pub async fn command(
        &self,
        request: CommandRequest,
        mut on_state: impl FnMut(&CommandId, &CommandState),
    ) -> Result<CommandState> {
        self.command_noted(request, |id, state, _| on_state(id, state)).await
    }

    /// As [`command`](Self::command), with what control has to say to it where it steers the channel.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    pub async fn command_noted(
        &self,
        request: CommandRequest,
        on_state: impl FnMut(&CommandId, &CommandState, Option<&str>),
    ) -> Result<CommandState> {
        self.follow_answers(&Request::Command(request), on_state).await
    }

    /// Follows a command that was issued before.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where no such command is known; else as [`command`](Self::command).
    pub async fn follow(&self, id: CommandId, mut on_state: impl FnMut(&CommandId, &CommandState)) -> Result<CommandState> {
        self.follow_answers(&Request::Follow(id), |id, state, _| on_state(id, state)).await
    }

    /// How control of the site is.
    ///
    /// # Errors
    /// [`Connection`](ErrorKind::Connection) where no server runs there, [`NotFound`](ErrorKind::NotFound) where it controls nothing.
    pub async fn control_status(&self) -> Result<ControlStatus> {
        match self.ask_control(ControlRequest::Status).await? {
            ControlResponse::Status(status) => Ok(*status),
            _ => Err(no_answer()),
        }
    }

    /// What was decided of an asset at a time, and why.
    ///
    /// # Errors
    /// As [`ServerHandle::why`](super::ServerHandle::why), and [`Connection`](ErrorKind::Connection) where no server runs there.
    pub async fn why(&self, asked: &str, at: Timestamp) -> Result<Explanation> {
        match self.ask_control(ControlRequest::Why { asked: asked.to_owned(), at_us: at }).await? {
            ControlResponse::Why(explanation) => Ok(*explanation),
            _ => Err(no_answer()),
        }
    }

    /// Wishes for something.
    ///
    /// # Errors
    /// As [`ServerHandle::propose`](super::ServerHandle::propose), and [`Connection`](ErrorKind::Connection) where no server runs there.
    pub async fn propose(&self, proposal: Proposal) -> Result<ProposalId> {
        match self.ask_control(ControlRequest::Propose(proposal)).await? {
            ControlResponse::Proposed(id) => Ok(id),
            _ => Err(no_answer()),
        }
    }

    /// Takes back what an actor wished for, and says how many wishes stood.
    ///
    /// # Errors
    /// [`Connection`](ErrorKind::Connection) where no server runs there, [`NotFound`](ErrorKind::NotFound) where it controls nothing.
    pub async fn withdraw(&self, actor: Name, target: Option<Target>) -> Result<usize> {
        match self.ask_control(ControlRequest::Withdraw { actor, target }).await? {
            ControlResponse::Withdrawn(count) => Ok(count),
            _ => Err(no_answer()),
        }
    }

    /// Pauses control, or lets it go on, and says whether that changed anything.
    ///
    /// # Errors
    /// As [`ServerHandle::set_control_enabled`](super::ServerHandle::set_control_enabled), and
    /// [`Connection`](ErrorKind::Connection) where no server runs there.
    pub async fn set_control_enabled(&self, enabled: bool) -> Result<bool> {
        match self.ask_control(ControlRequest::Enable(enabled)).await? {
            ControlResponse::Enabled { changed } => Ok(changed),
            _ => Err(no_answer()),
        }
    }

    async fn ask_control(&self, asked: ControlRequest) -> Result<ControlResponse> {
        match self.ask(&Request::Control(asked)).await?.next().await? {
            Some(Response::Control(answer)) => Ok(answer),
            Some(Response::Error { code, message }) => {
                Err(Error::new(ErrorKind::from_code(&code).unwrap_or(ErrorKind::Internal), message))
            }
            _ => Err(no_answer()),
        }
    }

    /// Lets the server answer apps that were written for a HEM board, on behalf of a device, until what is returned is
    /// dropped.
    ///
    /// # Errors
    /// As [`ServerHandle::serve_hem`](super::ServerHandle::serve_hem), and [`Connection`](ErrorKind::Connection) where no
    /// server runs there.
    #[cfg(feature = "adapters")]
    pub async fn serve_hem(
        &self,
        device: crate::model::DeviceName,
        listen: SocketAddr,
        allow_network: bool,
    ) -> Result<LocalHem> {
        let mut answers = self.ask(&Request::ServeHem(ServeHem { device, listen, allow_network })).await?;
        match answers.next().await? {
            Some(Response::Serving { address }) => Ok(LocalHem { address, answers }),
            Some(Response::Error { code, message }) => {
                Err(Error::new(ErrorKind::from_code(&code).unwrap_or(ErrorKind::Internal), message))
            }
            _ => Err(Error::new(ErrorKind::Connection, "the server does not serve the endpoint")),
        }
    }

    async fn follow_answers(
        &self,
        request: &Request,
        mut on_state: impl FnMut(&CommandId, &CommandState, Option<&str>),
    ) -> Result<CommandState> {
        let mut answers = self.ask(request).await?;
        while let Some(response) = answers.next().await? {
            match response {
                Response::Command { id, state, note } => {
                    on_state(&id, &state, note.as_deref());
                    if state.is_final() {
                        return Ok(state);
                    }
                }
                Response::Error { code, message } => {
                    return Err(Error::new(ErrorKind::from_code(&code).unwrap_or(ErrorKind::Internal), message));
                }
                Response::Status(_) | Response::Control(_) | Response::Serving { .. } => {}
            }
        }
        Err(Error::new(ErrorKind::Connection, "the server went away before the command had ended: its outcome is unknown"))
    }

    async fn ask(&self, request: &Request) -> Result<Answers> {
        let stream = UnixStream::connect(&self.path).await.map_err(|e| {
            let site = self.path.parent().unwrap_or(Path::new(".")).display();
            Error::new(ErrorKind::Connection, format!("no server runs on {site}: start one with `memcore serve`"))
                .caused_by(e)
        })?;
        let (read, mut write) = stream.into_split();
        let lost = |e: std::io::Error| Error::new(ErrorKind::Connection, format!("the server went away: {e}")).caused_by(e);
        let mut line = serde_json::to_vec(request).map_err(|e| lost(e.into()))?;
        line.push(b'\n');
        write.write_all(&line).await.map_err(lost)?;
        Ok(Answers { lines: BufReader::new(read).lines(), _write: write })
    }
}

fn no_answer() -> Error {
    Error::new(ErrorKind::Connection, "the server of another version gave no answer to that")
}

/// A HEM endpoint that a site's server answers; it ends when this is dropped.
#[cfg(feature = "adapters")]
pub struct LocalHem {
    address: SocketAddr,
    answers: Answers,
}

#[cfg(feature = "adapters")]
impl LocalHem {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the server is gone.
    pub async fn ended(&mut self) {
        while let Ok(Some(_)) = self.answers.next().await {}
    }
}

#[cfg(feature = "adapters")]
impl std::fmt::Debug for LocalHem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalHem").field("address", &self.address).finish_non_exhaustive()
    }
}

struct Answers {
    lines: tokio::io::Lines<BufReader<tokio::net::unix::OwnedReadHalf>>,
    /// Half a connection would tell the server that nobody listens.
    _write: OwnedWriteHalf,
}

impl Answers {
    async fn next(&mut self) -> Result<Option<Response>> {
        let lost = |e: std::io::Error| Error::new(ErrorKind::Connection, format!("the server went away: {e}")).caused_by(e);
        let Some(line) = self.lines.next_line().await.map_err(lost)? else { return Ok(None) };
        serde_json::from_str(&line).map(Some).map_err(|e| Error::invalid(format!("the server's answer: {e}")))
    }
}
