//! Commands as a user gives and follows them.

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::command_journal::Progress;
use crate::error::{Error, Result};
use crate::model::{Command, CommandId, CommandState, SeriesName, Span, Timestamp, shorten};

/// Who asks where nobody is named: the program that the server runs in.
pub(crate) const PROGRAM: &str = "program";

/// How long a command may wait for its device unless it says otherwise.
const EXPIRES_IN: Span = Span::from_seconds(60);

/// A wish: which channel shall take which value, for how long, and what then.
///
/// Values are in the base unit of the channel's quantity and in passive sign: -2000 discharges a battery with 2 kW.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CommandRequest {
    /// The channel.
    pub target: SeriesName,
    /// The value.
    pub value: f64,
    /// Identity, for one who may have to ask again; a new one by default.
    #[serde(default)]
    pub id: Option<CommandId>,
    /// How long it may wait for its device.
    #[serde(default, rename = "expires_in_us")]
    pub expires_in: Option<Span>,
    /// How long the value holds at the device.
    #[serde(default, rename = "lease_us")]
    pub lease: Option<Span>,
    /// What holds after the lease; that of the channel's rules by default.
    #[serde(default)]
    pub fallback: Option<f64>,
    /// For safety: minimum times and ramps of the channel do not hold it back. Only for 0 and for its declared fallback.
    #[serde(default)]
    pub safety: bool,
    /// At whose wish, for the audit trail: up to 128 characters; `program` where nobody is named. Nobody can name himself over the
    /// local socket.
    #[serde(skip)]
    pub by: Option<String>,
}

impl CommandRequest {
    /// A value without a lease, such as a relay's state.
    #[must_use]
    pub fn new(target: SeriesName, value: f64) -> Self {
        Self { target, value, id: None, expires_in: None, lease: None, fallback: None, safety: false, by: None }
    }

    /// The value holds for so long unless it is refreshed; then the device goes to `fallback` by itself.
    #[must_use]
    pub fn lease(mut self, lease: Span, fallback: f64) -> Self {
        (self.lease, self.fallback) = (Some(lease), Some(fallback));
        self
    }

    /// The value holds for so long unless it is refreshed; then the device goes to the fallback that the channel's rules declare.
    #[must_use]
    pub fn leased(mut self, lease: Span) -> Self {
        (self.lease, self.fallback) = (Some(lease), None);
        self
    }

    /// How long it may wait for its device; 60 s by default.
    #[must_use]
    pub fn expires_in(mut self, expires_in: Span) -> Self {
        self.expires_in = Some(expires_in);
        self
    }

    /// For safety: minimum times and ramps of the channel do not hold it back. Only for 0 and for its declared fallback.
    #[must_use]
    pub fn safety(mut self) -> Self {
        self.safety = true;
        self
    }

    /// The identity: asking again with the same one has no second effect.
    #[must_use]
    pub fn id(mut self, id: CommandId) -> Self {
        self.id = Some(id);
        self
    }

    /// At whose wish, for the audit trail.
    #[must_use]
    pub fn by(mut self, by: impl Into<String>) -> Self {
        self.by = Some(by.into());
        self
    }

    /// Who is to stand in the audit trail.
    pub(crate) fn author(&self) -> Result<String> {
        let by = self.by.as_deref().unwrap_or(PROGRAM);
        if by.is_empty() || by.chars().count() > 128 || by.chars().any(char::is_control) {
            return Err(Error::invalid(format!("by is {:?}, expected 1 to 128 characters that can be seen", shorten(by))));
        }
        Ok(by.to_owned())
    }

    pub(crate) fn into_command(self, now: Timestamp) -> Result<Command> {
        let id = match self.id {
            Some(id) => id,
            None => new_id()?,
        };
        let expires = now.saturating_add(self.expires_in.unwrap_or(EXPIRES_IN));
        let Self { target, value, lease, fallback, safety, .. } = self;
        Ok(Command { id, target, value, expires, lease, fallback, safety })
    }
}

/// 96 random bits: unique without asking anyone.
pub(crate) fn new_id() -> Result<CommandId> {
    CommandId::new(&crate::gateway::random_hex::<12>()?)
}

/// How far the journal must have come.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) position: u64,
    pub(crate) progress: watch::Receiver<Progress>,
}

/// A command that was issued, to be followed to its end.
#[derive(Debug, Clone)]
pub struct CommandTicket {
    id: CommandId,
    state: watch::Receiver<CommandState>,
    kept: Kept,
    /// What control has to say to it.
    note: Option<String>,
    /// The end was seen by [`changed`](Self::changed).
    over: bool,
}

/// The state that stands when the ticket is given out counts as one that was not seen.
fn unseen(mut state: watch::Receiver<CommandState>) -> watch::Receiver<CommandState> {
    state.mark_changed();
    state
}

impl CommandTicket {
    pub(crate) fn new(id: CommandId, state: watch::Receiver<CommandState>, kept: Kept) -> Self {
        Self { id, state: unseen(state), kept, note: None, over: false }
    }

    /// Waits until the command is on disk and survives a crash of the server; a few milliseconds. False where the disk takes
    /// nothing: then it goes out all the same if it is for safety, and is forgotten with the server.
    pub async fn kept(&mut self) -> bool {
        let Kept { position, progress } = &mut self.kept;
        let far_enough = |progress: &Progress| progress.failing || progress.on_disk >= *position;
        progress.wait_for(far_enough).await.is_ok_and(|progress| progress.on_disk >= *position)
    }

    pub(crate) fn with_note(self, note: String) -> Self {
        Self { note: Some(note), ..self }
    }

    /// What control has to say to it, where it steers the channel: for how long the wish stands, and what it comes to now.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The command's id.
    #[must_use]
    pub fn id(&self) -> &CommandId {
        &self.id
    }

    /// Where it stands now.
    #[must_use]
    pub fn state(&self) -> CommandState {
        self.state.borrow().clone()
    }

    /// Waits until it has ended: done, refused, expired or unknown.
    pub async fn finished(&mut self) -> CommandState {
        match self.state.wait_for(CommandState::is_final).await {
            Ok(state) => state.clone(),
            // The server is gone, and with it the one who could have learned the answer.
            Err(_) => CommandState::UNKNOWN,
        }
    }

    /// Each state once, from the present one on; `None` when its end was given out. Dropping the future loses nothing.
    pub async fn changed(&mut self) -> Option<CommandState> {
        if self.over {
            return None;
        }
        if self.state.changed().await.is_err() {
            self.over = true;
            return Some(CommandState::UNKNOWN);
        }
        let state = self.state.borrow_and_update().clone();
        self.over = state.is_final();
        Some(state)
    }
}
