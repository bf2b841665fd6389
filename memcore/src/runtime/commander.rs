//! The life of a command: queued, sent, accepted, and one of four ends. Time is an argument.
//!
//! ```text
//!  issue --device away--> Queued --connects--> Sent --> Accepted --> Done | Refused
//!    \--device there------------------------->  \-- expiry --> (Queued) Expired, never delivered
//!                                                \-- device gone or silent --> Unknown: read it back, do not repeat
//! ```

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Command, CommandId, CommandState, DeviceName, Timestamp};
use crate::protocol::Answer;

/// Commands without an end. Full-policy: refuse the next.
const LIVE_MAX: usize = 65_536;

/// Commands that have ended and are still known by their id. Full-policy: forget the oldest.
const ENDED_MAX: usize = 65_536;

/// How long a device may take to answer before the outcome is unknown.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

struct Record {
    command: Command,
    state: watch::Sender<CommandState>,
    sent: Option<Duration>,
}

/// A command that changed its state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) id: CommandId,
    pub(crate) command: Command,
    pub(crate) state: CommandState,
}

/// Every command that is known, by its id.
#[derive(Default)]
pub(crate) struct Commander {
    records: HashMap<CommandId, Record>,
    /// Which commands have no end yet.
    live: Vec<CommandId>,
    ended: VecDeque<CommandId>,
}

impl std::fmt::Debug for Commander {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commander").field("live", &self.live.len()).field("ended", &self.ended.len()).finish()
    }
}

impl Commander {
    /// Takes a command in as queued. The same command again gives the same record, and `false`.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where another command had that id, [`LimitReached`](ErrorKind::LimitReached)
    /// where too many are open.
    pub(crate) fn issue(&mut self, command: Command) -> Result<(watch::Receiver<CommandState>, bool)> {
        if let Some(record) = self.records.get(&command.id) {
            let same = record.command.target == command.target && record.command.value.to_bits() == command.value.to_bits();
            if same {
                return Ok((record.state.subscribe(), false));
            }
            let message = format!("command id {} was used for {} already", command.id, record.command.target);
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        if self.live.len() >= LIVE_MAX {
            return Err(Error::new(ErrorKind::LimitReached, format!("{LIVE_MAX} commands are open, no more are taken")));
        }
        let (state, receiver) = watch::channel(CommandState::Queued);
        let id = command.id.clone();
        self.live.push(id.clone());
        self.records.insert(id, Record { command, state, sent: None });
        Ok((receiver, true))
    }

    /// The commands that wait for that device, oldest first.
    pub(crate) fn queued_for(&self, device: &DeviceName) -> Vec<Command> {
        let records = self.live.iter().filter_map(|id| self.records.get(id));
        let waiting = records.filter(|record| record.sent.is_none() && record.command.target.device == *device);
        waiting.map(|record| record.command.clone()).collect()
    }

    /// A command is on its way.
    pub(crate) fn sent(&mut self, id: &CommandId, now: Duration) -> Option<Change> {
        self.records.get_mut(id)?.sent = Some(now);
        self.change(id, CommandState::Sent)
    }

    /// A device, or the link on its behalf, has answered; an answer by another device is none.
    pub(crate) fn answered(&mut self, device: &DeviceName, id: &CommandId, answer: Answer) -> Option<Change> {
        if self.records.get(id)?.command.target.device != *device {
            return None;
        }
        let state = match answer {
            Answer::Accepted => CommandState::Accepted,
            Answer::Done { value } => CommandState::Done { read_back: value },
            Answer::Refused { code, .. } if code == crate::protocol::Code::Expired.as_str() => CommandState::Expired,
            Answer::Refused { code, reason } => CommandState::Refused { code, reason },
        };
        self.change(id, state)
    }

    /// A session ended: what it was sent and has not answered is unknown.
    pub(crate) fn device_left(&mut self, device: &DeviceName) -> Vec<Change> {
        let lost = |record: &Record| record.sent.is_some() && record.command.target.device == *device;
        self.change_all(lost, |_| CommandState::Unknown)
    }

    /// Time has passed: expired commands end, and answers that are overdue are given up.
    pub(crate) fn handle_timeout(&mut self, now: Duration, wall: Timestamp) -> Vec<Change> {
        let due = |record: &Record| match record.sent {
            None => record.command.expires <= wall,
            Some(sent) => now.saturating_sub(sent) >= ANSWER_WITHIN,
        };
        self.change_all(due, |record| if record.sent.is_none() { CommandState::Expired } else { CommandState::Unknown })
    }

    /// The state of a command.
    pub(crate) fn watch(&self, id: &CommandId) -> Option<watch::Receiver<CommandState>> {
        self.records.get(id).map(|record| record.state.subscribe())
    }

    fn change_all(&mut self, which: impl Fn(&Record) -> bool, to: impl Fn(&Record) -> CommandState) -> Vec<Change> {
        let records = self.live.iter().filter_map(|id| self.records.get(id));
        let concerned: Vec<_> =
            records.filter(|record| which(record)).map(|record| (record.command.id.clone(), to(record))).collect();
        concerned.into_iter().filter_map(|(id, state)| self.change(&id, state)).collect()
    }

    /// Moves a command on; one that has ended stays as it is.
    fn change(&mut self, id: &CommandId, state: CommandState) -> Option<Change> {
        let record = self.records.get(id)?;
        if record.state.borrow().is_final() {
            return None;
        }
        record.state.send_replace(state.clone());
        let change = Change { id: id.clone(), command: record.command.clone(), state };
        if change.state.is_final() {
            self.end(id);
        }
        Some(change)
    }

    fn end(&mut self, id: &CommandId) {
        self.live.retain(|live| live != id);
        self.ended.push_back(id.clone());
        if self.ended.len() > ENDED_MAX {
            self.ended.pop_front().map(|oldest| self.records.remove(&oldest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(id: &str, value: f64) -> Command {
        Command {
            id: CommandId::new(id).unwrap(),
            target: "home1.hem.node3.switch".parse().unwrap(),
            value,
            expires: Timestamp::from_seconds(60),
            lease: None,
            fallback: None,
        }
    }

    fn hem() -> DeviceName {
        "home1.hem".parse().unwrap()
    }

    const NOON: Timestamp = Timestamp::from_seconds(0);

    #[test]
    fn a_command_for_an_absent_device_waits_and_is_never_delivered_after_its_expiry() {
        let mut commander = Commander::default();
        let (state, _) = commander.issue(relay("c1", 1.0)).unwrap();
        assert_eq!((state.borrow().clone(), commander.queued_for(&hem()).len()), (CommandState::Queued, 1));
        assert!(commander.handle_timeout(Duration::from_secs(59), Timestamp::from_seconds(59)).is_empty());
        commander.handle_timeout(Duration::from_secs(60), Timestamp::from_seconds(60));
        assert_eq!((state.borrow().clone(), commander.queued_for(&hem()).len()), (CommandState::Expired, 0));
    }

    #[test]
    fn an_answer_ends_it_once_and_only_from_its_own_device() {
        let mut commander = Commander::default();
        let (state, _) = commander.issue(relay("c1", 1.0)).unwrap();
        let id = CommandId::new("c1").unwrap();
        commander.sent(&id, Duration::ZERO);
        let done = Answer::Done { value: Some(1.0) };
        assert_eq!(commander.answered(&"home2.hem".parse().unwrap(), &id, done.clone()), None);
        assert!(commander.answered(&hem(), &id, done.clone()).is_some());
        assert_eq!(commander.answered(&hem(), &id, done), None);
        assert_eq!(*state.borrow(), CommandState::Done { read_back: Some(1.0) });
    }

    #[test]
    fn a_lost_link_or_a_silent_device_leaves_the_outcome_unknown() {
        let mut commander = Commander::default();
        let (lost, _) = commander.issue(relay("c1", 1.0)).unwrap();
        let (silent, _) = commander.issue(relay("c2", 1.0)).unwrap();
        commander.sent(&CommandId::new("c1").unwrap(), Duration::ZERO);
        commander.device_left(&hem());
        assert_eq!((lost.borrow().clone(), silent.borrow().clone()), (CommandState::Unknown, CommandState::Queued));
        commander.sent(&CommandId::new("c2").unwrap(), Duration::ZERO);
        commander.handle_timeout(ANSWER_WITHIN, NOON);
        assert_eq!(*silent.borrow(), CommandState::Unknown);
    }

    #[test]
    fn one_id_is_one_command() {
        let mut commander = Commander::default();
        assert!(commander.issue(relay("c1", 1.0)).unwrap().1);
        assert!(!commander.issue(relay("c1", 1.0)).unwrap().1);
        assert_eq!(commander.issue(relay("c1", 0.0)).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(commander.queued_for(&hem()).len(), 1);
    }
}
