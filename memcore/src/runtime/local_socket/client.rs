//! The command line's end of the local socket.

#[cfg(feature = "adapters")]
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;

#[cfg(feature = "adapters")]
use super::ServeHem;
use super::{ControlRequest, ControlResponse, LocalStatus, Request, Response, socket_path};
use crate::control::{Proposal, ProposalId, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{CommandId, CommandState, Name, Timestamp};
use crate::runtime::commands::CommandRequest;
use crate::runtime::control::{ControlStatus, Explanation};

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
    /// As [`ServerHandle::command`](crate::ServerHandle::command), and [`Connection`](ErrorKind::Connection) where no
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
    /// As [`ServerHandle::why`](crate::ServerHandle::why), and [`Connection`](ErrorKind::Connection) where no server runs there.
    pub async fn why(&self, asked: &str, at: Timestamp) -> Result<Explanation> {
        match self.ask_control(ControlRequest::Why { asked: asked.to_owned(), at_us: at }).await? {
            ControlResponse::Why(explanation) => Ok(*explanation),
            _ => Err(no_answer()),
        }
    }

    /// Wishes for something.
    ///
    /// # Errors
    /// As [`ServerHandle::propose`](crate::ServerHandle::propose), and [`Connection`](ErrorKind::Connection) where no server runs there.
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
    /// As [`ServerHandle::set_control_enabled`](crate::ServerHandle::set_control_enabled), and
    /// [`Connection`](ErrorKind::Connection) where no server runs there.
    pub async fn set_control_enabled(&self, enabled: bool) -> Result<bool> {
        match self.ask_control(ControlRequest::Enable(enabled)).await? {
            ControlResponse::Enabled { changed } => Ok(changed),
            _ => Err(no_answer()),
        }
    }

    /// What is asked of alarms.
    #[cfg(feature = "rest")]
    pub(crate) async fn alarms(
        &self,
        operator: Name,
        asked: crate::runtime::alarms::AlarmRequest,
    ) -> Result<crate::runtime::alarms::AlarmResponse> {
        match self.ask(&Request::Alarms { operator, asked }).await?.next().await? {
            Some(Response::Alarms(answer)) => Ok(answer),
            Some(Response::Error { code, message }) => {
                Err(Error::new(ErrorKind::from_code(&code).unwrap_or(ErrorKind::Internal), message))
            }
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
    /// As [`ServerHandle::serve_hem`](crate::ServerHandle::serve_hem), and [`Connection`](ErrorKind::Connection) where no
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
                #[cfg(feature = "rest")]
                Response::Alarms(_) => {}
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
